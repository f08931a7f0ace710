//! A provider that fails, once, at any of its calls: a device that is gone, say. The handshake ends
//! with an error and the alert internal_error or, where only the peer can know what was wrong with
//! its bytes, one that blames them; no plaintext is left in what is to be sent; nothing panics.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use handclasp::alert::AlertDescription as A;
use handclasp::crypto::{
    ActiveKeyExchange, CipherSuite, CompletedKeyExchange, CryptoError, CryptoProvider,
    CustomHmacKey, Digest, Hash, HashAlgorithm, HashContext, HmacKey, KeyExchangeError,
    KeyExchangeGroup, Secret, SecureRandom, StaticOrArc,
};
use handclasp::psk::PskList;
use handclasp::registry::NamedGroup;
use handclasp::session::{MemoryClientSessions, TicketKeys};
use handclasp::{ClientConfig, ServerConfig};
use handclasp_testing::Identity;
use handclasp_testing::faulty_aead::{Call, Faults, FaultyAead, INNER};
use handclasp_testing::sessions::{self, client, server_at, shared_key, talk};

/// Calls until the one that fails. One test at a time counts with each of these.
struct Calls(AtomicUsize);

impl Calls {
    fn count(&self) -> Result<(), CryptoError> {
        match self.0.fetch_sub(1, Ordering::Relaxed) {
            0 => Err(CryptoError),
            _ => Ok(()),
        }
    }

    fn left(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

const MANY: usize = 1 << 20;

static CALLS: Calls = Calls(AtomicUsize::new(MANY));

#[derive(Clone, Copy)]
struct Counted;

impl Hash for Counted {
    fn algorithm(&self) -> HashAlgorithm {
        INNER.hash.algorithm()
    }

    fn output_length(&self) -> usize {
        INNER.hash.output_length()
    }

    fn start(&self) -> HashContext {
        INNER.hash.start()
    }

    fn digest(&self, data: &[u8]) -> Digest {
        INNER.hash.digest(data)
    }

    fn hmac_key(&self, key: &[u8]) -> HmacKey {
        HmacKey::custom(Box::new(CountedHmacKey(INNER.hash.hmac_key(key))))
    }
}

struct CountedHmacKey(HmacKey);

impl CustomHmacKey for CountedHmacKey {
    fn sign(&self, data: &[&[u8]]) -> Result<Secret, CryptoError> {
        CALLS.count()?;
        self.0.sign(data)
    }
}

impl Faults for Counted {
    fn check(self, _: Call) -> Result<(), CryptoError> {
        CALLS.count()
    }
}

#[derive(Debug)]
struct CountedRandom(Arc<dyn SecureRandom>);

impl SecureRandom for CountedRandom {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), CryptoError> {
        CALLS.count()?;
        self.0.fill(bytes)
    }
}

#[derive(Debug)]
struct CountedGroup(Arc<dyn KeyExchangeGroup>);

impl KeyExchangeGroup for CountedGroup {
    fn name(&self) -> NamedGroup {
        self.0.name()
    }

    fn start(&self) -> Result<Box<dyn ActiveKeyExchange>, CryptoError> {
        CALLS.count()?;
        self.0.start()
    }

    fn respond(&self, peer_share: &[u8]) -> Result<CompletedKeyExchange, KeyExchangeError> {
        CALLS.count()?;
        self.0.respond(peer_share)
    }
}

fn provider() -> CryptoProvider {
    let mut provider = CryptoProvider::default();
    provider.cipher_suites = vec![
        CipherSuite {
            id: INNER.id,
            hash: StaticOrArc::Static(&Counted),
            aead: StaticOrArc::Static(&FaultyAead(Counted)),
        }
        .into(),
    ];
    for group in &mut provider.groups {
        *group = Arc::new(CountedGroup(group.clone()));
    }
    provider.random = Arc::new(CountedRandom(provider.random));
    provider
}

/// Data that must never be sent in the clear.
const DATA: &[u8] = b"what no other end may read";

/// A whole conversation in which call number `failing` fails. True where that call was made.
fn converse(identity: &Identity, keys: &Arc<TicketKeys>, psk: bool, failing: usize) -> bool {
    CALLS.0.store(MANY, Ordering::Relaxed);
    let mut theirs = ClientConfig::builder(provider())
        .sessions(Arc::new(MemoryClientSessions::new(4)))
        .trust(identity.anchors())
        .unwrap();
    let mut ours = ServerConfig::builder(provider()).sessions(keys.clone());
    if psk {
        theirs = theirs.pre_shared_keys(vec![shared_key()]);
        ours = ours.pre_shared_keys(Arc::new(PskList::new(vec![shared_key()])));
    }
    let list =
        handclasp::credential::CertificateList::new(vec![Arc::new(identity.certified_key())]);
    let server_config = Arc::new(ours.build(Arc::new(list)).unwrap());
    let (mut client, mut server) = (client(theirs, 0), server_at(&server_config, 0));
    CALLS.0.store(failing, Ordering::Relaxed);
    let mut error = talk(&mut client, &mut server).error;
    if error.is_none() {
        assert!(!client.is_handshaking() && !server.is_handshaking());
        error = client.write(DATA).err().or_else(|| client.update_keys(true).err());
        let clear = client.outgoing().windows(DATA.len()).any(|piece| piece == DATA);
        assert!(!clear, "the data stand in the buffer, and the call failed");
        error = error.or_else(|| talk(&mut client, &mut server).error);
    }
    let made = CALLS.left() > MANY;
    assert_eq!(error.is_some(), made, "call {failing}: {error:?}");
    if let Some(error) = error {
        let alert = error.alert_sent().or(match error.kind() {
            handclasp::ErrorKind::AlertReceived(alert) => Some(*alert),
            _ => None,
        });
        let blamed = [A::INTERNAL_ERROR, A::BAD_RECORD_MAC, A::ILLEGAL_PARAMETER];
        assert!(alert.is_some_and(|alert| blamed.contains(&alert)), "call {failing}: {error:?}");
        let ends = [client.check(), server.check()];
        let dead: Vec<_> = ends.iter().filter_map(|end| end.as_ref().err()).collect();
        assert!(dead.contains(&&error), "what fails stays failed: {error:?}, {dead:?}");
    }
    made
}

#[test]
fn whichever_call_fails_the_connection_ends_and_says_so() {
    let identity = Identity::p256();
    let keys = sessions::ticket_keys();
    for psk in [false, true] {
        let calls = (0..1000).find(|failing| !converse(&identity, &keys, psk, *failing));
        assert!(calls.is_some_and(|calls| calls > 40), "{calls:?}");
    }
}
