//! A ClientHello can hold all that a configuration may put into it, and for what a server asks
//! to have back.

use std::sync::Arc;

use handclasp::config::{ConfigError, ExtensionLayout, LayoutItem};
use handclasp::cookie::CookieProtector;
use handclasp::credential::CertificateList;
use handclasp::crypto::{CryptoError, CryptoProvider};
use handclasp::pki_types::UnixTime;
use handclasp::psk::PreSharedKey;
use handclasp::transport::memory::exchange;
use handclasp::wire::ExtensionType;
use handclasp::{ClientConfig, ClientConnection, ServerConfig, ServerConnection};
use handclasp_testing::{Identity, narrow_provider, server_name};

/// As long as cookies may be.
#[derive(Debug)]
struct LongCookies;

impl CookieProtector for LongCookies {
    fn protect(&self, state: &[u8], _: UnixTime) -> Result<Vec<u8>, CryptoError> {
        Ok([state, &vec![0; 0x2000 - state.len()]].concat())
    }

    fn open(&self, _: &[u8], _: UnixTime) -> Option<Vec<u8>> {
        None
    }
}

/// A client with a layout of so many bytes, and as much else as there can be.
fn config(identity: &Identity, layout: usize) -> Result<ClientConfig, ConfigError> {
    let secret = CryptoProvider::default().cipher_suites[0].hash.digest(b"a secret");
    let keys = (0..16).map(|number| PreSharedKey::external(&[number; 1024], &secret));
    let protocols = (0..64_u8).map(|number| vec![number; 255]);
    let raw = LayoutItem::Raw(ExtensionType(0xfe00), vec![0; layout]);
    ClientConfig::builder(CryptoProvider::default())
        .pre_shared_keys(keys.collect::<Result<_, _>>()?)
        .application_protocols(protocols)
        .client_hello_layout(ExtensionLayout::new(vec![raw]))
        .trust(identity.anchors())?
        .build()
}

#[test]
fn what_does_not_fit_beside_a_cookie_and_a_ticket_is_refused_when_it_is_configured() {
    let identity = Identity::p256();
    let longest =
        (0..0x6000 - 3).rev().step_by(16).find(|layout| config(&identity, *layout).is_ok());
    let client = Arc::new(config(&identity, longest.unwrap()).unwrap());
    let mut client = ClientConnection::new(client, server_name());
    let list = CertificateList::new(vec![Arc::new(identity.certified_key())]);
    let server = ServerConfig::builder(narrow_provider(0, 1)).cookies(Arc::new(LongCookies));
    let server = Arc::new(server.build(Arc::new(list)).unwrap());
    let mut server = ServerConnection::new(server);
    exchange(&mut client, &mut server).unwrap();
    assert!(client.parameters().retried && !client.is_handshaking());
    assert_eq!(config(&identity, 0x6000 - 4).unwrap_err(), ConfigError::ClientHelloTooLong);
}
