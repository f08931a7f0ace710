//! A client loads sessions from hostile bytes. What is a session is written again as the same
//! bytes, and a client makes a ClientHello of it, or none of it is offered.

#![no_main]

use std::sync::{Arc, LazyLock};

use handclasp::Reply;
use handclasp::certificate::CertificateError;
use handclasp::config::ClientConfig;
use handclasp::crypto::CryptoProvider;
use handclasp::handshake::Step;
use handclasp::pki_types::UnixTime;
use handclasp::registry::CertificateType;
use handclasp::session::{ClientSession, ClientSessionStore, MemoryClientSessions};
use handclasp::verify::{PeerIdentity, PeerVerifier, RawPublicKey};
use handclasp::wire::{ClientHello, HandshakeMessage};
use libfuzzer_sys::fuzz_target;

#[derive(Debug)]
struct Anyone;

impl PeerVerifier for Anyone {
    fn verify(&self, _: &PeerIdentity) -> Reply<Result<(), CertificateError>> {
        Reply::Now(Ok(()))
    }

    fn certificate_types(&self) -> &[CertificateType] {
        &[CertificateType::X509, CertificateType::RAW_PUBLIC_KEY]
    }

    fn verify_raw_public_key(&self, _: &RawPublicKey) -> Reply<Result<(), CertificateError>> {
        Reply::Now(Ok(()))
    }
}

static STORE: LazyLock<Arc<MemoryClientSessions>> =
    LazyLock::new(|| Arc::new(MemoryClientSessions::new(1)));

static CONFIG: LazyLock<Arc<ClientConfig>> = LazyLock::new(|| {
    let builder = ClientConfig::builder(CryptoProvider::default()).verifier(Arc::new(Anyone));
    let builder = builder.sessions(STORE.clone()).early_data(true);
    Arc::new(builder.build().expect("the configuration is complete"))
});

fuzz_target!(|data: &[u8]| {
    let Ok(session) = ClientSession::from_bytes(data) else { return };
    // A name has several spellings, so it is the second writing that must be the same.
    let bytes = session.to_bytes();
    let again = ClientSession::from_bytes(&bytes).expect("it was written here");
    assert_eq!(again.to_bytes(), bytes);
    let (name, ticket) = (session.server_name().clone(), session.ticket().to_vec());
    STORE.put(session);
    let now = UnixTime::since_unix_epoch(core::time::Duration::from_secs(1_800_000_000));
    let handshake = handclasp::handshake::Handshake::client(CONFIG.clone(), name, now);
    let mut client = handshake.without_records().expect("a client starts");
    let Some(Step::Send { bytes: hello, .. }) = client.next_step() else { panic!("it says hello") };
    let (message, _) = HandshakeMessage::split(&hello).expect("it is whole");
    let hello = ClientHello::parse(message.body).expect("it is well formed");
    if let Some(keys) = hello.pre_shared_keys {
        assert!(keys.iter().all(|(key, _)| key.identity == ticket));
    }
});
