//! Ends that have more to do than those of [`handclasp_testing::deterministic`]: pre-shared keys,
//! 0-RTT data, tickets, compressed certificates and raw public keys. The peer is hostile in the same
//! ways.

use std::sync::{Arc, LazyLock};

use handclasp::certificate::EndEntity;
use handclasp::credential::{CertificateList, CertifiedKey, KeySource};
use handclasp::crypto::{CryptoProvider, signing_key};
use handclasp::handshake::{Handshake, Side, Step};
use handclasp::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use handclasp::psk::{PreSharedKey, PskList};
use handclasp::registry::{CertificateCompressionAlgorithm, HandshakeType, NamedGroup};
use handclasp::session::{EarlyDataTerms, TicketKeys};
use handclasp::verify::{ClientAuthentication, SpkiPin, SpkiPins};
use handclasp::wire::HandshakeMessage;
use handclasp::{ClientConfig, ServerConfig};

use crate::{End, Input, Questions, Script, after, check_completion, dead};
use handclasp_testing::compression::Toy;
use handclasp_testing::deterministic::{self, Message, PROTOCOLS, PinnedChain};
use handclasp_testing::forge::external_binder;
use handclasp_testing::sessions::{Forgetful, KeepsNoSession};

/// What the ends have to do.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Feature {
    PreSharedKey,
    WithoutKeyExchange,
    EarlyData,
    /// And stapled evidence, and tickets.
    Compression,
    RawPublicKeys,
}

/// All of them.
pub const FEATURES: [Feature; 5] = [
    Feature::PreSharedKey,
    Feature::WithoutKeyExchange,
    Feature::EarlyData,
    Feature::Compression,
    Feature::RawPublicKeys,
];

static SECRET: LazyLock<[u8; 32]> = LazyLock::new(|| {
    let digest = CryptoProvider::default().cipher_suites[0].hash.digest(b"the key of these tests");
    (*digest).try_into().expect("it is SHA-256")
});

fn shared_key(feature: Feature) -> PreSharedKey {
    let key = PreSharedKey::external(b"ours", &*SECRET).expect("it is long enough");
    if feature != Feature::EarlyData {
        return key;
    }
    let cipher_suite = CryptoProvider::default().cipher_suites[0].id;
    key.early_data(EarlyDataTerms::new(1000, cipher_suite).application_protocol(PROTOCOLS[0]))
}

fn uses_key(feature: Feature) -> bool {
    matches!(feature, Feature::PreSharedKey | Feature::WithoutKeyExchange | Feature::EarlyData)
}

fn own_key(feature: Feature) -> Arc<CertifiedKey> {
    let key = deterministic::certified_key();
    match feature {
        Feature::RawPublicKeys => {
            let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(deterministic::KEY));
            let key = KeySource::Local(signing_key(&key).expect("the key is good"));
            Arc::new(CertifiedKey::raw_public_key(public_key(), key).expect("it is its own"))
        }
        Feature::Compression => {
            let key = CertifiedKey::clone(&key).with_ocsp(vec![1; 9]).expect("it fits");
            Arc::new(key.with_scts(vec![vec![2; 9]]).expect("it fits"))
        }
        _ => key,
    }
}

fn public_key() -> Vec<u8> {
    let certificate = deterministic::CERTIFICATE.into();
    let parsed = EndEntity::parse(&certificate).expect("it is a certificate");
    parsed.subject_public_key_info().to_vec()
}

fn pinned() -> Arc<SpkiPins> {
    let pins = SpkiPins::raw_public_keys([SpkiPin::of_public_key(&public_key())]);
    Arc::new(pins.expect("there is one"))
}

fn client(feature: Feature) -> ClientConfig {
    let provider =
        deterministic::provider(Side::Client, &[NamedGroup::X25519, NamedGroup::SECP256R1]);
    let mut builder = ClientConfig::builder(provider)
        .application_protocols(PROTOCOLS)
        .client_certificates(Arc::new(CertificateList::new(vec![own_key(feature)])))
        .early_data(feature == Feature::EarlyData)
        .psk_without_key_exchange(feature == Feature::WithoutKeyExchange)
        .sessions(Arc::new(KeepsNoSession));
    builder = match feature {
        Feature::RawPublicKeys => builder.verifier(pinned()),
        _ => builder.verifier(Arc::new(PinnedChain)),
    };
    if uses_key(feature) {
        builder = builder.pre_shared_keys(vec![shared_key(feature)]);
    }
    if feature == Feature::Compression {
        builder = builder.certificate_compression(vec![Arc::new(Toy::new(
            CertificateCompressionAlgorithm::ZLIB,
        ))]);
        builder = builder.request_ocsp(true).request_certificate_timestamps(true);
    }
    builder.build().expect("the configuration is good")
}

fn server(feature: Feature) -> ServerConfig {
    let provider = deterministic::provider(Side::Server, &[NamedGroup::X25519]);
    let mut builder = ServerConfig::builder(provider).application_protocols(PROTOCOLS);
    if uses_key(feature) {
        let keys = PskList::new(vec![shared_key(feature)]);
        builder = builder.pre_shared_keys(Arc::new(keys));
        builder = builder.psk_without_key_exchange(feature == Feature::WithoutKeyExchange);
    }
    builder = match feature {
        Feature::EarlyData => builder.early_data(1000, Arc::new(Forgetful)),
        Feature::Compression => {
            let (random, key) = (builder_random(), [&[1; 16][..], &[2; 16]].concat());
            let keys = TicketKeys::from_bytes(&key, random).expect("the key is one");
            builder
                .certificate_compression(vec![Arc::new(Toy::new(
                    CertificateCompressionAlgorithm::ZLIB,
                ))])
                .sessions(Arc::new(keys))
        }
        Feature::RawPublicKeys => {
            builder.client_authentication(ClientAuthentication::required(pinned()))
        }
        _ => builder,
    };
    let list = CertificateList::new(vec![own_key(feature)]);
    builder.build(Arc::new(list)).expect("the configuration is good")
}

/// That of the server, which is the same each time.
fn builder_random() -> Arc<dyn handclasp::crypto::SecureRandom> {
    deterministic::provider(Side::Server, &[NamedGroup::X25519]).random
}

static CONFIGS: LazyLock<[(Arc<ClientConfig>, Arc<ServerConfig>); FEATURES.len()]> =
    LazyLock::new(|| FEATURES.map(|it| (Arc::new(client(it)), Arc::new(server(it)))));

static RECORDED: LazyLock<[Vec<Message>; FEATURES.len()]> = LazyLock::new(|| FEATURES.map(record));

fn start(side: Side, feature: Feature) -> Handshake {
    let (client, server) = &CONFIGS[feature as usize];
    let handshake = match side {
        Side::Client => {
            let name = "server.example".try_into().expect("it is a name");
            Handshake::client(Arc::clone(client), name, deterministic::now())
        }
        Side::Server => Handshake::server(Arc::clone(server), deterministic::now()),
    };
    handshake.without_records().expect("fixed randomness does not fail")
}

/// All messages of an honest handshake, in order, with the tickets after it.
fn record(feature: Feature) -> Vec<Message> {
    let mut ends = [Side::Client, Side::Server].map(|side| (side, start(side, feature)));
    let mut messages = Vec::new();
    for round in 0..6 {
        let [left, right] = &mut ends;
        let (from, to) = if round % 2 == 0 { (left, right) } else { (right, left) };
        while let Some(step) = from.1.next_step() {
            let Step::Send { level, bytes } = step else { continue };
            to.1.receive(level, &bytes).expect("both are honest");
            let mut rest = &bytes[..];
            while let Some((message, after)) = HandshakeMessage::split(rest) {
                messages.push(Message { from: from.0, level, bytes: message.bytes.to_vec() });
                rest = after;
            }
        }
    }
    assert!(ends.iter().all(|(_, end)| end.is_complete()));
    messages
}

/// A ClientHello whose one binder is made anew with the key that both have, so that what is behind
/// the binder is reached.
fn rebound(hello: &[u8]) -> Option<Vec<u8>> {
    let start = hello.len().checked_sub(35)?;
    let (truncated, binders) = hello.split_at(start);
    if binders[..3] != [0, 33, 32] {
        return None;
    }
    let hash = CryptoProvider::default().sha256;
    let binder = external_binder(&*hash, &*SECRET, truncated);
    Some([truncated, &binders[..3], &binder].concat())
}

/// The first byte chooses the feature and the side, the rest edits what the honest peer sends.
pub fn play(data: &[u8]) {
    let mut input = Input(data);
    let choice = usize::from(input.byte());
    let side = if choice & 1 == 0 { Side::Client } else { Side::Server };
    let feature = FEATURES[choice / 2 % FEATURES.len()];
    let mut script = Script::read(side, &RECORDED[feature as usize], &mut input);
    script.questions = Questions::None;
    let mut end = End::new(start(side, feature), script.questions);
    let (delivered, result) = script.deliver(&mut end, |end, message| {
        match message.first().copied().map(HandshakeType) {
            Some(HandshakeType::CLIENT_HELLO) if script.resign => rebound(message),
            // What a client signs has another context.
            Some(HandshakeType::CERTIFICATE_VERIFY) if side == Side::Server => None,
            _ => script.remade(end, message),
        }
    });
    check_completion(&script, &end, false, 0, &delivered, &result);
    match result {
        Ok(()) => after(&mut end, &mut input),
        Err(error) => dead(&mut end, &error),
    }
}
