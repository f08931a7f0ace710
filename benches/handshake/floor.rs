//! The floor: the primitives that no handshake can avoid, with `ring` alone. See `main.rs`.

use handclasp::pki_types::PrivateKeyDer;
use handclasp_testing::Identity;
use handclasp_testing::handshakes::{BATCH, timed};
use ring::agreement::{self, EphemeralPrivateKey, UnparsedPublicKey};
use ring::rand::{SecureRandom, SystemRandom};
use ring::{aead, digest, hmac, signature};

use crate::ours::{Identities, Lengths};
use crate::{Kind, Spent, Subject};

const HASH_LENGTH: usize = 32;
/// Finished, with its header.
const FINISHED_LENGTH: usize = 4 + HASH_LENGTH;
/// What CertificateVerify signs (section 4.5.2).
const SIGNED_LENGTH: usize = 64 + 33 + 1 + HASH_LENGTH;

/// What a NewSessionTicket has beside the session (section 4.7.1): its header, lifetime, ticket_age_add,
/// nonce, the lengths of the ticket and of no extensions; and in the ticket the name of its key, random
/// bytes and the tag.
const BESIDE_SESSION: usize = (4 + 4 + 4 + 9 + 2 + 2) + (8 + 16 + 16);

type Secret = [u8; HASH_LENGTH];

pub struct Floor {
    kind: Kind,
    lengths: Lengths,
    random: SystemRandom,
    server: Key,
    client: Key,
    /// Of the authority, which signs chains with P-256.
    authority: Key,
    /// The salt of the handshake secret without a pre-shared key is a constant: its key is prepared.
    salt: hmac::Key,
    psk: Secret,
    /// Seals the sessions in tickets, each with a random nonce.
    ticket_key: aead::LessSafeKey,
}

impl Floor {
    pub fn new(kind: Kind, identities: &Identities, lengths: Lengths) -> Self {
        Self {
            kind,
            lengths,
            random: SystemRandom::new(),
            server: Key::of(&identities.server),
            client: Key::of(&identities.client),
            authority: Key::of(&Identity::p256()),
            salt: hmac::Key::new(hmac::HMAC_SHA256, &[7; HASH_LENGTH]),
            psk: [9; HASH_LENGTH],
            ticket_key: aead::LessSafeKey::new(
                aead::UnboundKey::new(&aead::AES_256_GCM, &[5; HASH_LENGTH]).unwrap(),
            ),
        }
    }
}

impl Subject for Floor {
    fn run(&mut self) -> Spent {
        let mut spent = Spent::default();
        let mut client_keys = Vec::with_capacity(BATCH);
        let mut server_keys = Vec::with_capacity(BATCH);
        let mut connected = Vec::with_capacity(BATCH);
        let mut wire: Vec<Wire> =
            (0..BATCH).map(|_| Wire::new(&self.lengths, &self.ticket_key)).collect();
        timed(&mut spent.client, || {
            for wire in &mut wire {
                client_keys.push(self.client_hello(wire));
            }
        });
        timed(&mut spent.server, || {
            for wire in &mut wire {
                server_keys.push(self.server_flight(wire));
            }
        });
        timed(&mut spent.client, || {
            for (wire, started) in wire.iter_mut().zip(client_keys) {
                connected.push(self.client_flight(wire, started));
            }
        });
        timed(&mut spent.server, || {
            for (wire, keys) in wire.iter_mut().zip(server_keys) {
                self.finish(wire, keys);
            }
        });
        if self.kind == Kind::Resumed {
            timed(&mut spent.client, || {
                for (wire, connected) in wire.iter_mut().zip(&connected) {
                    connected.open_ticket(wire);
                }
            });
        }
        spent
    }
}

/// What is on the wire.
struct Wire {
    /// As many bytes as the longest message has.
    message: Vec<u8>,
    client_share: Option<agreement::PublicKey>,
    server_share: Option<agreement::PublicKey>,
    server_signature: Vec<u8>,
    client_signature: Vec<u8>,
    server_record: Vec<u8>,
    client_record: Vec<u8>,
    ticket_record: Vec<u8>,
    /// The session in the ticket of the ClientHello, and that in the new ticket.
    sealed_session: Vec<u8>,
    session: Vec<u8>,
}

impl Wire {
    fn new(lengths: &Lengths, ticket_key: &aead::LessSafeKey) -> Self {
        let mut session = Vec::with_capacity(lengths.ticket + aead::MAX_TAG_LEN);
        session.resize(lengths.ticket.saturating_sub(BESIDE_SESSION), 7);
        let mut sealed_session = session.clone();
        seal(ticket_key, &mut sealed_session);
        let longest = lengths.retry
            + lengths.client_hello
            + lengths.server_hello
            + lengths.server_flight
            + lengths.server_verify
            + lengths.client_certificate
            + lengths.client_verify
            + lengths.ticket
            + FINISHED_LENGTH;
        Self {
            message: vec![7; longest],
            client_share: None,
            server_share: None,
            server_signature: Vec::new(),
            client_signature: Vec::new(),
            server_record: Vec::with_capacity(longest + 64),
            client_record: Vec::with_capacity(longest + 64),
            ticket_record: Vec::with_capacity(longest + 64),
            sealed_session,
            session,
        }
    }
}

/// What a client keeps between its ClientHello and the server's flight.
struct Started {
    key: EphemeralPrivateKey,
    /// With a pre-shared key: the salt of the handshake secret.
    salt: Option<hmac::Key>,
}

/// The secrets between two flights.
struct Secrets {
    transcript: digest::Context,
    client: Traffic,
    main: hmac::Key,
}

impl Floor {
    fn client_hello(&self, wire: &mut Wire) -> Started {
        if self.kind == Kind::Retried {
            // The share that the server does not take, and the hash of the first ClientHello.
            let key = EphemeralPrivateKey::generate(&agreement::ECDH_P256, &self.random).unwrap();
            key.compute_public_key().unwrap();
            digest::digest(&digest::SHA256, &wire.message[..self.lengths.retry]);
        }
        let (key, share) = self.key_pair();
        self.random();
        wire.client_share = Some(share);
        let salt = (self.kind == Kind::Resumed).then(|| self.binder(wire));
        Started { key, salt }
    }

    /// The random of a hello.
    fn random(&self) {
        self.random.fill(&mut [0; 32]).unwrap();
    }

    fn key_pair(&self) -> (EphemeralPrivateKey, agreement::PublicKey) {
        let key = EphemeralPrivateKey::generate(&agreement::X25519, &self.random).unwrap();
        let share = key.compute_public_key().unwrap();
        (key, share)
    }

    /// The early secret, and the MAC of a binder. Returns the salt of the handshake secret.
    fn binder(&self, wire: &Wire) -> hmac::Key {
        let early = prepare(sign(&hmac::Key::new(hmac::HMAC_SHA256, &[]), &self.psk));
        let binder = prepare(expand(&early));
        let finished = prepare(expand(&binder));
        let hash = digest::digest(&digest::SHA256, &wire.message[..self.lengths.client_hello]);
        sign(&finished, hash.as_ref());
        prepare(expand(&early))
    }

    fn server_flight(&self, wire: &mut Wire) -> Secrets {
        if self.kind == Kind::Retried {
            digest::digest(&digest::SHA256, &wire.message[..self.lengths.retry]);
        }
        if self.kind == Kind::Resumed {
            open(&self.ticket_key, &mut wire.sealed_session);
        }
        let salt = (self.kind == Kind::Resumed).then(|| self.binder(wire));
        let (key, share) = self.key_pair();
        let peer = wire.client_share.as_ref().unwrap();
        let handshake = self.handshake_secret(key, peer, salt.as_ref());
        self.random();
        wire.server_share = Some(share);
        let mut transcript = self.hellos(wire);
        let Flights { client, server, main } = Flights::new(&handshake, &transcript);

        transcript.update(&wire.message[..self.lengths.server_flight]);
        if self.kind != Kind::Resumed {
            wire.server_signature = self.server.sign(&self.random, &transcript);
            transcript.update(&wire.message[..self.lengths.server_verify]);
        }
        server.finished(&transcript);
        transcript.update(&wire.message[..FINISHED_LENGTH]);
        let flight = self.lengths.server_flight + self.lengths.server_verify + FINISHED_LENGTH;
        wire.server_record.clear();
        wire.server_record.extend_from_slice(&wire.message[..flight]);
        server.seal(&mut wire.server_record);
        Secrets { transcript, client, main }
    }

    /// The transcript up to ServerHello.
    fn hellos(&self, wire: &Wire) -> digest::Context {
        let mut transcript = digest::Context::new(&digest::SHA256);
        if self.kind == Kind::Retried {
            // message_hash and HelloRetryRequest.
            transcript.update(&wire.message[..4 + HASH_LENGTH + self.lengths.server_hello]);
        }
        transcript.update(&wire.message[..self.lengths.client_hello]);
        transcript.update(&wire.message[..self.lengths.server_hello]);
        transcript
    }

    fn handshake_secret(
        &self,
        key: EphemeralPrivateKey,
        share: &agreement::PublicKey,
        salt: Option<&hmac::Key>,
    ) -> hmac::Key {
        let peer = UnparsedPublicKey::new(&agreement::X25519, share.as_ref());
        let salt = salt.unwrap_or(&self.salt);
        agreement::agree_ephemeral(key, &peer, |secret| prepare(sign(salt, secret))).unwrap()
    }

    fn client_flight(&self, wire: &mut Wire, started: Started) -> Connected {
        let Started { key, salt } = started;
        let share = wire.server_share.as_ref().unwrap();
        let handshake = self.handshake_secret(key, share, salt.as_ref());
        let mut transcript = self.hellos(wire);
        let Flights { client, server, main } = Flights::new(&handshake, &transcript);

        server.open(&mut wire.server_record);
        transcript.update(&wire.message[..self.lengths.server_flight]);
        if self.kind != Kind::Resumed {
            self.authority.verify_chain();
            self.server.verify(&transcript, &wire.server_signature);
            transcript.update(&wire.message[..self.lengths.server_verify]);
        }
        server.finished(&transcript);
        transcript.update(&wire.message[..FINISHED_LENGTH]);
        let keys = application_keys(&main, &transcript);
        if self.kind == Kind::Mutual {
            transcript.update(&wire.message[..self.lengths.client_certificate]);
            wire.client_signature = self.client.sign(&self.random, &transcript);
            transcript.update(&wire.message[..self.lengths.client_verify]);
        }
        client.finished(&transcript);
        let flight = self.lengths.client_certificate + self.lengths.client_verify + FINISHED_LENGTH;
        wire.client_record.clear();
        wire.client_record.extend_from_slice(&wire.message[..flight]);
        client.seal(&mut wire.client_record);
        Connected { keys, resumption: self.resumption(&main, transcript, wire) }
    }

    /// The secret of tickets, with the key that it is for. It needs the client's Finished.
    fn resumption(
        &self,
        main: &hmac::Key,
        mut transcript: digest::Context,
        wire: &Wire,
    ) -> Option<hmac::Key> {
        if self.kind != Kind::Resumed {
            return None;
        }
        transcript.update(&wire.message[..FINISHED_LENGTH]);
        hash_of(&transcript);
        Some(prepare(expand(main)))
    }

    fn finish(&self, wire: &mut Wire, secrets: Secrets) {
        let Secrets { mut transcript, client, main } = secrets;
        let [_, own] = application_keys(&main, &transcript);
        client.open(&mut wire.client_record);
        if self.kind == Kind::Mutual {
            transcript.update(&wire.message[..self.lengths.client_certificate]);
            self.authority.verify_chain();
            self.client.verify(&transcript, &wire.client_signature);
            transcript.update(&wire.message[..self.lengths.client_verify]);
        }
        client.finished(&transcript);
        if let Some(resumption) = self.resumption(&main, transcript, wire) {
            // ticket_age_add and the nonce that the session is sealed with; the key of the ticket.
            self.random.fill(&mut [0; 4 + aead::NONCE_LEN]).unwrap();
            expand(&resumption);
            seal(&self.ticket_key, &mut wire.session);
            wire.ticket_record.clear();
            wire.ticket_record.extend_from_slice(&wire.message[..self.lengths.ticket]);
            seal(&own, &mut wire.ticket_record);
        }
    }
}

/// A client after the handshake.
struct Connected {
    /// Of its data, and of the server's.
    keys: [aead::LessSafeKey; 2],
    resumption: Option<hmac::Key>,
}

impl Connected {
    fn open_ticket(&self, wire: &mut Wire) {
        let [_, server] = &self.keys;
        open(server, &mut wire.ticket_record);
        if let Some(resumption) = &self.resumption {
            expand(resumption);
        }
    }
}

/// The two directions of the handshake's messages, and the main secret.
struct Flights {
    client: Traffic,
    server: Traffic,
    main: hmac::Key,
}

impl Flights {
    fn new(handshake: &hmac::Key, transcript: &digest::Context) -> Self {
        hash_of(transcript);
        let [client, server] = [(); 2].map(|()| Traffic::new(expand(handshake)));
        let salt = prepare(expand(handshake));
        Self { client, server, main: prepare(sign(&salt, &[0; HASH_LENGTH])) }
    }
}

/// What protects one direction.
struct Traffic {
    key: aead::LessSafeKey,
    finished: hmac::Key,
}

impl Traffic {
    fn new(secret: Secret) -> Self {
        let secret = prepare(secret);
        Self { key: record_key(&secret), finished: prepare(expand(&secret)) }
    }

    fn finished(&self, transcript: &digest::Context) {
        sign(&self.finished, &hash_of(transcript));
    }

    fn seal(&self, record: &mut Vec<u8>) {
        seal(&self.key, record);
    }

    fn open(&self, record: &mut [u8]) {
        open(&self.key, record);
    }
}

fn seal(key: &aead::LessSafeKey, record: &mut Vec<u8>) {
    let nonce = aead::Nonce::assume_unique_for_key([7; aead::NONCE_LEN]);
    key.seal_in_place_append_tag(nonce, aead::Aad::from([0; 5]), record).unwrap();
}

fn open(key: &aead::LessSafeKey, record: &mut [u8]) {
    let nonce = aead::Nonce::assume_unique_for_key([7; aead::NONCE_LEN]);
    key.open_in_place(nonce, aead::Aad::from([0; 5]), record).unwrap();
}

/// The key and the IV of a direction's records.
fn record_key(secret: &hmac::Key) -> aead::LessSafeKey {
    let (key, _iv) = (expand(secret), expand(secret));
    aead::LessSafeKey::new(aead::UnboundKey::new(&aead::AES_128_GCM, &key[..16]).unwrap())
}

/// The keys of both directions' data.
fn application_keys(main: &hmac::Key, transcript: &digest::Context) -> [aead::LessSafeKey; 2] {
    hash_of(transcript);
    [(); 2].map(|()| record_key(&prepare(expand(main))))
}

fn prepare(secret: Secret) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, &secret)
}

fn sign(key: &hmac::Key, data: &[u8]) -> Secret {
    hmac::sign(key, data).as_ref().try_into().unwrap()
}

/// HKDF-Expand-Label with a hash as its context, of one block.
fn expand(key: &hmac::Key) -> Secret {
    sign(key, &[7; 2 + 1 + 12 + 1 + HASH_LENGTH + 1])
}

fn hash_of(transcript: &digest::Context) -> Secret {
    transcript.clone().finish().as_ref().try_into().unwrap()
}

/// What CertificateVerify signs.
fn signed(transcript: &digest::Context) -> [u8; SIGNED_LENGTH] {
    let mut content = [0x20; SIGNED_LENGTH];
    content[SIGNED_LENGTH - HASH_LENGTH..].copy_from_slice(&hash_of(transcript));
    content
}

/// The key of a certificate.
enum Key {
    Ecdsa { key: signature::EcdsaKeyPair, of_chain: Vec<u8> },
    Rsa(signature::RsaKeyPair),
}

/// As long as the signed part of a certificate.
const CERTIFICATE: [u8; 300] = [7; 300];

impl Key {
    fn of(identity: &Identity) -> Self {
        let PrivateKeyDer::Pkcs8(key) = &identity.key else { panic!("the key is PKCS#8") };
        if let Ok(key) = signature::RsaKeyPair::from_pkcs8(key.secret_pkcs8_der()) {
            return Self::Rsa(key);
        }
        let random = SystemRandom::new();
        let algorithm = &signature::ECDSA_P256_SHA256_ASN1_SIGNING;
        let key = signature::EcdsaKeyPair::from_pkcs8(algorithm, key.secret_pkcs8_der(), &random)
            .unwrap();
        let of_chain = key.sign(&random, &CERTIFICATE).unwrap().as_ref().to_vec();
        Self::Ecdsa { key, of_chain }
    }

    fn sign(&self, random: &SystemRandom, transcript: &digest::Context) -> Vec<u8> {
        let content = signed(transcript);
        match self {
            Self::Ecdsa { key, .. } => key.sign(random, &content).unwrap().as_ref().to_vec(),
            Self::Rsa(key) => {
                let mut signature = vec![0; key.public().modulus_len()];
                key.sign(&signature::RSA_PSS_SHA256, random, &content, &mut signature).unwrap();
                signature
            }
        }
    }

    fn verify(&self, transcript: &digest::Context, signature: &[u8]) {
        let content = signed(transcript);
        match self {
            Self::Ecdsa { key, .. } => verify_p256(key, &content, signature),
            Self::Rsa(key) => {
                let algorithm = &signature::RSA_PSS_2048_8192_SHA256;
                signature::UnparsedPublicKey::new(algorithm, key.public().as_ref())
                    .verify(&content, signature)
                    .unwrap();
            }
        }
    }

    /// Verifies the one signature of a chain.
    fn verify_chain(&self) {
        let Self::Ecdsa { key, of_chain } = self else { panic!("authorities have P-256 keys") };
        verify_p256(key, &CERTIFICATE, of_chain);
    }
}

fn verify_p256(key: &signature::EcdsaKeyPair, content: &[u8], signature: &[u8]) {
    let public = signature::KeyPair::public_key(key).as_ref();
    signature::UnparsedPublicKey::new(&signature::ECDSA_P256_SHA256_ASN1, public)
        .verify(content, signature)
        .unwrap();
}
