//! A provider that fails in silence: it says yes, and returns zeros or too few bytes. The connection
//! ends before anything depends on that, with an error that names the provider.

use std::sync::Arc;

use handclasp::alert::AlertDescription;
use handclasp::config::ConfigError;
use handclasp::cookie::{CookieProtector, HmacCookies};
use handclasp::credential::{CertificateList, KeySource};
use handclasp::crypto::{
    ActiveKeyExchange, Aead, CipherSuite, CryptoError, CryptoProvider, CustomHashContext,
    CustomHmacKey, Digest, Hash, HashAlgorithm, HashContext, HmacKey, KeyExchangeError,
    KeyExchangeGroup, ProviderFault, Secret, SecureRandom, SharedSecret, SigningKey, StaticOrArc,
    TAG_LENGTH,
};
use handclasp::psk::PskList;
use handclasp::registry::{NamedGroup, SignatureScheme};
use handclasp::session::{MemorySessions, SessionStore, TicketKeys};
use handclasp::verify::{SpkiPin, SpkiPins};
use handclasp::{
    AnswerLater, CertifiedKey, ClientConfig, ClientConnection, Connection, ErrorKind, Reply,
    ServerConfig, ServerConnection,
};
use handclasp_testing::faulty_aead::{Faults, FaultyAead, INNER};
use handclasp_testing::sessions::{self, LIFETIME, shared_key, talk, time};
use handclasp_testing::{Identity, server_name};

/// What a provider does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wrong {
    RandomZeros,
    /// The second half is not filled.
    RandomHalf,
    ShareEmpty,
    ShareZeros,
    SecretEmpty,
    SecretZeros,
    /// A leading zero was cut.
    SecretShort,
    DigestShort,
    TranscriptShort,
    OutputLength,
    HmacShort,
    HmacEmpty,
    HmacZeros,
    SealNothing,
    OpenShort,
    OpenLong,
}

impl Wrong {
    /// What a handshake notices. Hashes of wrong lengths come to no handshake.
    const IN_HANDSHAKES: [Self; 13] = [
        Self::RandomZeros,
        Self::RandomHalf,
        Self::ShareEmpty,
        Self::ShareZeros,
        Self::SecretEmpty,
        Self::SecretZeros,
        Self::SecretShort,
        Self::HmacShort,
        Self::HmacEmpty,
        Self::HmacZeros,
        Self::SealNothing,
        Self::OpenShort,
        Self::OpenLong,
    ];

    fn fault(self) -> ProviderFault {
        let length = |what, length| ProviderFault::Length { what, length };
        match self {
            Self::RandomZeros | Self::RandomHalf => ProviderFault::Random,
            Self::ShareEmpty => length("key share", 0),
            Self::ShareZeros => ProviderFault::ShareOfZeros(NamedGroup::X25519),
            Self::SecretEmpty => length("shared secret", 0),
            Self::SecretZeros => ProviderFault::SharedSecretOfZeros(NamedGroup::X25519),
            Self::SecretShort => length("shared secret", 31),
            Self::DigestShort | Self::TranscriptShort => length("hash", 31),
            Self::OutputLength => length("hash", 33),
            Self::HmacShort => length("HMAC", 31),
            Self::HmacEmpty => length("HMAC", 0),
            Self::HmacZeros => ProviderFault::HmacOfZeros,
            Self::SealNothing => ProviderFault::Unencrypted,
            // EncryptedExtensions of six bytes and Finished of 36 are what is opened first.
            Self::OpenShort | Self::OpenLong => length("opened record", 0),
        }
    }
}

/// All parts of a provider that does one thing wrong.
#[derive(Clone, Copy, Debug)]
struct Broken(Wrong);

impl Broken {
    fn provider(self) -> CryptoProvider {
        let mut provider = CryptoProvider::default();
        provider.cipher_suites = vec![
            CipherSuite {
                id: INNER.id,
                hash: StaticOrArc::Arc(Arc::new(self)),
                aead: StaticOrArc::Arc(Arc::new(FaultyAead(self))),
            }
            .into(),
        ];
        provider.groups = vec![Arc::new(self)];
        provider.random = Arc::new(self);
        provider
    }
}

impl SecureRandom for Broken {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), CryptoError> {
        let end = match self.0 {
            Wrong::RandomZeros => 0,
            Wrong::RandomHalf => bytes.len() / 2,
            _ => bytes.len(),
        };
        CryptoProvider::default().random.fill(&mut bytes[..end])
    }
}

impl KeyExchangeGroup for Broken {
    fn name(&self) -> NamedGroup {
        NamedGroup::X25519
    }

    fn start(&self) -> Result<Box<dyn ActiveKeyExchange>, CryptoError> {
        let inner = CryptoProvider::default().group(NamedGroup::X25519).unwrap().start()?;
        let share = match self.0 {
            Wrong::ShareEmpty => vec![],
            Wrong::ShareZeros => vec![0; 32],
            _ => inner.share().to_vec(),
        };
        Ok(Box::new(BrokenExchange { wrong: self.0, share, inner }))
    }
}

struct BrokenExchange {
    wrong: Wrong,
    share: Vec<u8>,
    inner: Box<dyn ActiveKeyExchange>,
}

impl ActiveKeyExchange for BrokenExchange {
    fn group(&self) -> NamedGroup {
        self.inner.group()
    }

    fn share(&self) -> &[u8] {
        &self.share
    }

    fn complete(self: Box<Self>, peer_share: &[u8]) -> Result<SharedSecret, KeyExchangeError> {
        let secret = self.inner.complete(peer_share)?;
        Ok(match self.wrong {
            Wrong::SecretEmpty => SharedSecret::new(vec![]),
            Wrong::SecretZeros => SharedSecret::new(vec![0; 32]),
            Wrong::SecretShort => SharedSecret::new(secret.as_bytes()[1..].to_vec()),
            _ => secret,
        })
    }
}

impl Hash for Broken {
    fn algorithm(&self) -> HashAlgorithm {
        INNER.hash.algorithm()
    }

    fn output_length(&self) -> usize {
        INNER.hash.output_length() + usize::from(self.0 == Wrong::OutputLength)
    }

    fn start(&self) -> HashContext {
        HashContext::custom(Box::new(BrokenContext(self.0, INNER.hash.start())))
    }

    fn digest(&self, data: &[u8]) -> Digest {
        let digest = INNER.hash.digest(data);
        Digest::new(&digest[usize::from(self.0 == Wrong::DigestShort)..])
    }

    fn hmac_key(&self, key: &[u8]) -> HmacKey {
        HmacKey::custom(Box::new(BrokenHmacKey(self.0, INNER.hash.hmac_key(key))))
    }
}

struct BrokenHmacKey(Wrong, HmacKey);

impl CustomHmacKey for BrokenHmacKey {
    fn sign(&self, data: &[&[u8]]) -> Result<Secret, CryptoError> {
        let mac = self.1.sign(data)?;
        Ok(match self.0 {
            Wrong::HmacShort => Secret::new(&mac.as_bytes()[1..]).unwrap(),
            Wrong::HmacEmpty => Secret::zeros(0),
            Wrong::HmacZeros => Secret::zeros(mac.as_bytes().len()),
            _ => mac,
        })
    }
}

struct BrokenContext(Wrong, HashContext);

impl CustomHashContext for BrokenContext {
    fn update(&mut self, data: &[u8]) {
        self.1.update(data);
    }

    fn fork(&self) -> Box<dyn CustomHashContext> {
        Box::new(Self(self.0, self.1.fork()))
    }

    fn current(&self) -> Digest {
        let digest = self.1.current();
        Digest::new(&digest[usize::from(self.0 == Wrong::TranscriptShort)..])
    }
}

impl Faults for Broken {
    fn seals_nothing(self) -> bool {
        self.0 == Wrong::SealNothing
    }

    fn opened_length(self, length: usize) -> usize {
        match self.0 {
            Wrong::OpenShort => length - 1,
            Wrong::OpenLong => length + 1,
            _ => length,
        }
    }
}

pub fn client(identity: &Identity, provider: CryptoProvider) -> ClientConnection {
    client_with(identity, provider, false)
}

fn client_with(identity: &Identity, provider: CryptoProvider, psk: bool) -> ClientConnection {
    let mut config = ClientConfig::builder(provider).trust(identity.anchors()).unwrap();
    if psk {
        config = config.pre_shared_keys(vec![shared_key()]);
    }
    ClientConnection::new(Arc::new(config.build().unwrap()), server_name())
}

pub fn server(key: CertifiedKey, provider: CryptoProvider) -> ServerConnection {
    let list = Arc::new(CertificateList::new(vec![Arc::new(key)]));
    let config = ServerConfig::builder(provider).sessions(sessions::ticket_keys());
    let config = config.pre_shared_keys(Arc::new(PskList::new(vec![shared_key()])));
    ServerConnection::new(Arc::new(config.build(list).unwrap()))
}

/// Ends with this fault, and the alert that says that it is no fault of the peer's.
pub fn expect_fault(end: &Connection, expected: ProviderFault, case: &str) {
    let error = end.check().expect_err(case);
    let ErrorKind::Provider(fault) = error.kind() else { panic!("{case}: {error}") };
    match (fault, expected) {
        // How many bytes there were depends on the record.
        (ProviderFault::Length { what, .. }, ProviderFault::Length { what: it, length: 0 })
            if it == "opened record" =>
        {
            assert_eq!(*what, it, "{case}");
        }
        _ => assert_eq!(*fault, expected, "{case}"),
    }
    assert_eq!(error.alert_sent(), Some(AlertDescription::INTERNAL_ERROR), "{case}");
    assert!(error.to_string().contains("the crypto provider is at fault"), "{case}: {error}");
}

#[test]
fn what_a_provider_returns_is_checked_in_both_roles() {
    let identity = Identity::p256();
    let cases = Wrong::IN_HANDSHAKES.into_iter().flat_map(|wrong| [(wrong, false), (wrong, true)]);
    for (wrong, psk) in cases {
        let case = format!("{wrong:?}, with a pre-shared key: {psk}");
        let mut ours = client_with(&identity, Broken(wrong).provider(), psk);
        let mut theirs = server(identity.certified_key(), CryptoProvider::default());
        talk(&mut ours, &mut theirs);
        expect_fault(&ours, wrong.fault(), &format!("{case} on a client"));
        assert!(theirs.is_handshaking(), "{case}");

        let mut theirs = client_with(&identity, CryptoProvider::default(), psk);
        let mut ours = server(identity.certified_key(), Broken(wrong).provider());
        talk(&mut theirs, &mut ours);
        expect_fault(&ours, wrong.fault(), &format!("{case} on a server"));
        assert!(ours.is_handshaking(), "{case}");
    }
}

#[test]
fn no_configuration_is_built_with_a_hash_of_another_length_than_its_algorithm() {
    let identity = Identity::p256();
    for wrong in [Wrong::DigestShort, Wrong::TranscriptShort, Wrong::OutputLength] {
        let expected = Some(ConfigError::Provider(wrong.fault()));
        let client = ClientConfig::builder(Broken(wrong).provider());
        let client = client.trust(identity.anchors()).unwrap().build();
        assert_eq!(client.err(), expected, "{wrong:?}");
        let list = Arc::new(CertificateList::new(vec![Arc::new(identity.certified_key())]));
        let server = ServerConfig::builder(Broken(wrong).provider()).build(list);
        assert_eq!(server.err(), expected, "{wrong:?}");
    }
}

#[test]
fn nothing_but_an_alert_is_sent_where_the_randomness_is_zeros() {
    let identity = Identity::p256();
    let client = client(&identity, Broken(Wrong::RandomZeros).provider());
    // A record with the alert internal_error.
    assert_eq!(client.outgoing(), [21, 3, 1, 0, 2, 2, 80]);
}

/// Signs with too many bytes or too few.
#[derive(Debug)]
struct BadSigner(Arc<dyn SigningKey>, usize);

impl SigningKey for BadSigner {
    fn schemes(&self) -> &[SignatureScheme] {
        self.0.schemes()
    }

    fn sign(&self, scheme: SignatureScheme, message: &[u8]) -> Result<Vec<u8>, CryptoError> {
        let mut signature = self.0.sign(scheme, message)?;
        signature.resize(self.1, 0);
        Ok(signature)
    }
}

#[test]
fn signatures_have_a_length_that_their_scheme_allows() {
    let lengths = [
        (&rcgen::PKCS_ED25519, vec![0, 1, 63, 65, 0x1_0000]),
        (&rcgen::PKCS_ECDSA_P256_SHA256, vec![0, 7, 73, 200]),
        (&rcgen::PKCS_ECDSA_P384_SHA384, vec![0, 7, 105]),
    ];
    for (algorithm, lengths) in lengths {
        let identity = Identity::new(algorithm);
        for length in lengths {
            let signer = handclasp::crypto::signing_key(&identity.key).unwrap();
            let scheme = signer.schemes()[0];
            let signer = KeySource::Local(Arc::new(BadSigner(signer, length)));
            let key = CertifiedKey::new(identity.chain.clone(), signer).unwrap();
            let mut theirs = client(&identity, CryptoProvider::default());
            let mut ours = server(key, CryptoProvider::default());
            talk(&mut theirs, &mut ours);
            let expected = ProviderFault::Signature { scheme, length };
            expect_fault(&ours, expected, &format!("{length} bytes with {scheme}"));
        }
    }
}

#[test]
fn no_key_ticket_or_cookie_is_made_of_zeros() {
    for wrong in [Wrong::RandomZeros, Wrong::RandomHalf] {
        let random: Arc<dyn SecureRandom> = Arc::new(Broken(wrong));
        assert!(TicketKeys::random(random.clone()).is_err(), "{wrong:?}");
        assert!(HmacCookies::random(&*random).is_err(), "{wrong:?}");
        assert!(
            MemorySessions::new(1, random.clone()).put(b"a session", time(0), LIFETIME).is_err()
        );
        let keys: Vec<u8> = (0..32).collect();
        let keys = TicketKeys::from_bytes(&keys, random).unwrap();
        assert!(keys.put(b"a session", time(0), LIFETIME).is_err(), "{wrong:?}");
    }
}

/// The AEAD of tickets, with the same fault.
#[derive(Clone, Copy)]
struct OfTickets(Broken);

impl Faults for OfTickets {
    fn inner(self) -> StaticOrArc<dyn Aead> {
        CryptoProvider::default().ticket_aead
    }

    fn seals_nothing(self) -> bool {
        self.0.seals_nothing()
    }

    fn opened_length(self, length: usize) -> usize {
        self.0.opened_length(length)
    }
}

/// A provider whose suites are right, and whose parts for everything beside them are wrong.
fn wrong_beside_the_suites(wrong: Wrong) -> CryptoProvider {
    let broken = Broken(wrong);
    CryptoProvider {
        sha256: StaticOrArc::Arc(Arc::new(broken)),
        ticket_aead: StaticOrArc::Arc(Arc::new(FaultyAead(OfTickets(broken)))),
        ..CryptoProvider::default()
    }
}

#[test]
fn what_a_provider_returns_for_tickets_is_checked() {
    const SESSION: &[u8] = b"a session, with the secret of a connection in it";
    let bytes: Vec<u8> = (0..32).collect();
    let keys = |provider| TicketKeys::from_bytes_with_provider(&bytes, &provider);
    let nothing = wrong_beside_the_suites(Wrong::HmacZeros);
    assert!(TicketKeys::random_with_provider(&nothing).is_err());
    assert!(keys(nothing).is_err());
    let ticket =
        keys(wrong_beside_the_suites(Wrong::SealNothing)).unwrap().put(SESSION, time(0), LIFETIME);
    assert_eq!(ticket, Err(CryptoError), "it would have the session in the clear");
    let ticket = keys(CryptoProvider::default()).unwrap().put(SESSION, time(0), LIFETIME).unwrap();
    for wrong in [Wrong::OpenShort, Wrong::OpenLong] {
        let reply = keys(wrong_beside_the_suites(wrong)).unwrap().take(&ticket, time(0));
        assert!(matches!(reply, Reply::Now(None)), "{wrong:?}");
    }
}

#[test]
fn what_a_provider_returns_for_cookies_is_checked() {
    for wrong in [Wrong::HmacShort, Wrong::HmacEmpty] {
        let provider = wrong_beside_the_suites(wrong);
        let cookies = HmacCookies::shared_with_provider(&[5; 32], 10, &provider);
        assert_eq!(cookies.protect(b"state", time(0)), Err(CryptoError), "{wrong:?}");
    }
}

#[test]
fn no_pin_is_checked_with_a_digest_that_is_not_sha_256() {
    let provider = wrong_beside_the_suites(Wrong::DigestShort);
    let of_another = SpkiPin::of_public_key_with_provider(b"another key", &provider);
    for pins in [
        SpkiPins::only_with_provider([of_another], &provider),
        SpkiPins::raw_public_keys_with_provider([of_another], &provider),
        SpkiPins::with_verifier_and_provider(Arc::new(AnswerLater), [of_another], &provider),
    ] {
        assert_eq!(pins.unwrap_err(), ConfigError::Provider(ProviderFault::Sha256));
    }
}

/// A session keeps a MAC of the pre-shared key, to know the same key again.
#[test]
fn what_a_provider_returns_for_the_record_of_a_key_is_checked_in_both_roles() {
    let identity = Identity::p256();
    for wrong in [Wrong::HmacShort, Wrong::HmacEmpty] {
        let mut ours = client_with(&identity, wrong_beside_the_suites(wrong), true);
        let mut theirs = server(identity.certified_key(), CryptoProvider::default());
        talk(&mut ours, &mut theirs);
        expect_fault(&ours, wrong.fault(), &format!("{wrong:?} on a client"));

        let mut theirs = client_with(&identity, CryptoProvider::default(), true);
        let mut ours = server(identity.certified_key(), wrong_beside_the_suites(wrong));
        talk(&mut theirs, &mut ours);
        expect_fault(&ours, wrong.fault(), &format!("{wrong:?} on a server"));
    }
}

/// An AEAD without a fault. It takes the tag without a look at the length of the data.
#[derive(Clone, Copy)]
struct NoFault {
    inner: fn() -> StaticOrArc<dyn Aead>,
}

impl Faults for NoFault {
    fn inner(self) -> StaticOrArc<dyn Aead> {
        (self.inner)()
    }
}

#[test]
fn no_aead_gets_a_record_or_ticket_that_is_shorter_than_a_tag() {
    let identity = Identity::p256();
    let provider = || {
        let aead: Arc<dyn Aead> = Arc::new(FaultyAead(NoFault { inner: || INNER.aead.clone() }));
        let aead = StaticOrArc::Arc(aead);
        let suite = CipherSuite { id: INNER.id, hash: INNER.hash.clone(), aead };
        CryptoProvider { cipher_suites: vec![suite.into()], ..CryptoProvider::default() }
    };
    for length in 0..TAG_LENGTH {
        let mut ours = client(&identity, provider());
        let mut theirs = server(identity.certified_key(), CryptoProvider::default());
        talk(&mut ours, &mut theirs);
        assert!(!ours.is_handshaking());
        let mut record = vec![23, 3, 3, 0, u8::try_from(length).unwrap()];
        record.resize(5 + length, 0);
        let error = ours.receive(&mut record).unwrap_err();
        assert_eq!(error.alert_sent(), Some(AlertDescription::BAD_RECORD_MAC), "{length}: {error}");
    }

    let mut provider = CryptoProvider::default();
    let inner = || CryptoProvider::default().ticket_aead;
    provider.ticket_aead = StaticOrArc::Arc(Arc::new(FaultyAead(NoFault { inner })));
    let keys =
        TicketKeys::from_bytes_with_provider(&(0..32).collect::<Vec<u8>>(), &provider).unwrap();
    let ticket = keys.put(b"a session", time(0), LIFETIME).unwrap();
    for length in 0..ticket.len() {
        let cut = keys.take(&ticket[..length], time(0));
        assert!(matches!(cut, Reply::Now(None)), "{length}");
    }
}
