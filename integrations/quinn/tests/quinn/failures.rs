//! A crypto provider that fails on a connection.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::BytesMut;
use handclasp::ClientConfig;
use handclasp::crypto::{
    Aead, AeadKey, CipherSuite, CryptoError, CryptoProvider, CustomAeadKey,
    CustomHeaderProtectionKey, HEADER_MASK_LENGTH, HEADER_SAMPLE_LENGTH, HeaderProtectionKey,
    KeyLimits, NONCE_LENGTH, StaticOrArc, TAG_LENGTH,
};
use handclasp_quinn::QuicClientConfig;
use quinn::ConnectionError;
use quinn_proto::{ConnectionId, Side, TransportErrorCode};
use tokio::time::timeout;

use crate::direct::start_client;
use crate::peers::{NAME, People, Server, Tls, Wanted, client_endpoint, echo, server};

const INTERNAL_ERROR_ALERT: u64 = 0x0150;

/// What fails.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Call {
    Key,
    Seal,
    Mask,
}

/// Makes the calls of one kind fail from now on.
struct Switch {
    call: Call,
    fails: AtomicBool,
}

impl Switch {
    fn check(&self, call: Call) -> Result<(), CryptoError> {
        match call == self.call && self.fails.load(Ordering::Relaxed) {
            true => Err(CryptoError),
            false => Ok(()),
        }
    }

    fn turn_on(&self) {
        self.fails.store(true, Ordering::Relaxed);
    }
}

/// An AEAD, or a key of one, that fails as the switch says.
struct Failing<T> {
    switch: Arc<Switch>,
    inner: T,
}

impl Aead for Failing<StaticOrArc<dyn Aead>> {
    fn key_length(&self) -> usize {
        self.inner.key_length()
    }

    fn key(&self, bytes: &[u8]) -> Result<AeadKey, CryptoError> {
        self.switch.check(Call::Key)?;
        let inner = self.inner.key(bytes)?;
        Ok(AeadKey::custom(Box::new(Failing { switch: self.switch.clone(), inner })))
    }

    fn confidentiality_limit(&self) -> u64 {
        self.inner.confidentiality_limit()
    }

    fn quic_limits(&self) -> Option<KeyLimits> {
        self.inner.quic_limits()
    }

    fn header_protection_key(&self, bytes: &[u8]) -> Option<HeaderProtectionKey> {
        let inner = self.inner.header_protection_key(bytes)?;
        let key = Failing { switch: self.switch.clone(), inner };
        Some(HeaderProtectionKey::custom(Box::new(key)))
    }
}

impl CustomAeadKey for Failing<AeadKey> {
    fn seal(
        &self,
        nonce: [u8; NONCE_LENGTH],
        additional_data: &[u8],
        data: &mut [u8],
    ) -> Result<[u8; TAG_LENGTH], CryptoError> {
        self.switch.check(Call::Seal)?;
        self.inner.seal(nonce, additional_data, data)
    }

    fn open<'a>(
        &self,
        nonce: [u8; NONCE_LENGTH],
        additional_data: &[u8],
        data: &'a mut [u8],
    ) -> Result<&'a mut [u8], CryptoError> {
        self.inner.open(nonce, additional_data, data)
    }
}

impl CustomHeaderProtectionKey for Failing<HeaderProtectionKey> {
    fn mask(
        &self,
        sample: &[u8; HEADER_SAMPLE_LENGTH],
    ) -> Result<[u8; HEADER_MASK_LENGTH], CryptoError> {
        self.switch.check(Call::Mask)?;
        self.inner.mask(sample)
    }
}

/// A client whose provider fails in these calls, once the switch is on.
fn failing_client(people: &People, call: Call) -> (Arc<QuicClientConfig>, Arc<Switch>) {
    let switch = Arc::new(Switch { call, fails: AtomicBool::new(false) });
    let mut provider = CryptoProvider::default();
    for suite in &mut provider.cipher_suites {
        let aead = Failing { switch: switch.clone(), inner: suite.aead.clone() };
        let aead = StaticOrArc::Arc(Arc::new(aead) as Arc<dyn Aead>);
        *suite = CipherSuite { aead, ..(**suite).clone() }.into();
    }
    let builder = ClientConfig::builder(provider).application_protocols(["test/1"]);
    let config = builder.trust(people.server.anchors()).unwrap().build().unwrap();
    (Arc::new(QuicClientConfig::new(Arc::new(config)).unwrap()), switch)
}

#[test]
fn a_packet_that_cannot_be_protected_is_zeros_and_no_other_is_opened() {
    const HEADER_LENGTH: usize = 10;
    let packet = [7_u8; HEADER_LENGTH + 40 + TAG_LENGTH];
    let people = People::new();
    for call in [Call::Seal, Call::Mask] {
        let (config, switch) = failing_client(&people, call);
        let mut session = start_client(&config);
        let keys = session.initial_keys(&ConnectionId::new(&[1; 8]), Side::Client);
        let protect = || {
            let mut packet = packet;
            keys.packet.local.encrypt(0, &mut packet, HEADER_LENGTH);
            keys.header.local.encrypt(HEADER_LENGTH - 4, &mut packet);
            packet
        };
        assert_ne!(protect()[..HEADER_LENGTH], packet[..HEADER_LENGTH]);
        assert!(keys.packet.local.integrity_limit() > 0);

        switch.turn_on();
        let failed = protect();
        assert!(failed[HEADER_LENGTH..].iter().all(|byte| *byte == 0), "{call:?}");
        assert_ne!(failed[..HEADER_LENGTH], packet[..HEADER_LENGTH], "{call:?}");
        assert_eq!(keys.packet.local.integrity_limit(), 0);
        let mut payload = BytesMut::from(&packet[..]);
        assert!(keys.packet.remote.decrypt(0, &[], &mut payload).is_err());
        let error = session.read_handshake(&[2]).unwrap_err();
        assert_eq!(u64::from(error.code), INTERNAL_ERROR_ALERT);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_whose_provider_fails_ends_without_a_panic() {
    let people = People::new();
    for call in [Call::Key, Call::Seal, Call::Mask] {
        let mut peer = Server::start(server(Tls::Handclasp, &people, &Wanted::default()), false);
        let (config, switch) = failing_client(&people, call);
        let mut config = quinn::ClientConfig::new(config);
        let mut transport = quinn::TransportConfig::default();
        transport.max_idle_timeout(None);
        config.transport_config(Arc::new(transport));
        let endpoint = client_endpoint(config);
        let connection = endpoint.connect(peer.address, NAME).unwrap().await.unwrap();
        assert_eq!(echo(&connection, b"hello").await, b"hello");
        let at_server = peer.connection().await;

        switch.turn_on();
        connection.force_key_update();
        connection.send_datagram(b"from the client"[..].into()).unwrap();
        at_server.send_datagram(b"from the server"[..].into()).unwrap();
        let ended = timeout(Duration::from_secs(20), connection.closed()).await;
        let Ok(ConnectionError::TransportError(error)) = ended else {
            panic!("{call:?}: {ended:?}")
        };
        assert_eq!(u64::from(error.code), u64::from(TransportErrorCode::AEAD_LIMIT_REACHED));
    }
}
