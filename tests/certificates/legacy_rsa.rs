//! RSA PKCS#1 v1.5 for the keys of clients: where both sides have added it, and nowhere else.

use std::sync::Arc;

use handclasp::alert::AlertDescription as A;
use handclasp::credential::{CertificateList, KeySource};
#[cfg(not(feature = "ring"))]
use handclasp::crypto::aws_lc_rs::RSA_PKCS1_SHA256;
#[cfg(feature = "ring")]
use handclasp::crypto::ring::RSA_PKCS1_SHA256;
use handclasp::crypto::{
    CryptoError, CryptoProvider, SchemeAlgorithms, SigningKey, StaticOrArc, signing_key,
};
use handclasp::registry::SignatureScheme;
use handclasp::transport::memory::exchange;
use handclasp::verify::{ClientAuthentication, TrustAnchorVerifier};
use handclasp::wire::{ClientHello, HandshakeMessage};
use handclasp::{
    CertifiedKey, ClientConfig, ClientConnection, Error, ServerConfig, ServerConnection,
};
use handclasp_testing::{Identity, server_name};

const LEGACY: SignatureScheme = SignatureScheme::RSA_PKCS1_SHA256_LEGACY;

/// A key of an old device, which signs with this scheme alone.
#[derive(Debug)]
struct OldKey(Arc<dyn SigningKey>);

impl SigningKey for OldKey {
    fn schemes(&self) -> &[SignatureScheme] {
        &[LEGACY]
    }

    fn sign(&self, scheme: SignatureScheme, message: &[u8]) -> Result<Vec<u8>, CryptoError> {
        self.0.sign(scheme, message)
    }

    fn public_key(&self) -> Option<Vec<u8>> {
        self.0.public_key()
    }
}

fn identity() -> Identity {
    let pem = include_str!("../data/rsa2048.pem");
    let key = rcgen::KeyPair::from_pem_and_sign_algo(pem, &rcgen::PKCS_RSA_SHA256).unwrap();
    Identity::with_key(key)
}

fn old(identity: &Identity) -> Arc<CertificateList> {
    let key = Arc::new(OldKey(signing_key(&identity.key).unwrap()));
    let key = CertifiedKey::new(identity.chain.clone(), KeySource::Local(key)).unwrap();
    Arc::new(CertificateList::new(vec![Arc::new(key)]))
}

/// A provider that verifies it, where `legacy` is set.
fn provider(legacy: bool) -> CryptoProvider {
    let mut provider = CryptoProvider::default();
    if legacy {
        let algorithms = vec![StaticOrArc::Static(RSA_PKCS1_SHA256)];
        let legacy = SchemeAlgorithms { scheme: LEGACY, algorithms };
        provider.signatures.by_scheme.push(legacy);
    }
    provider
}

fn connect(legacy: bool) -> Result<(ClientConnection, ServerConnection), Error> {
    let (server, client) = (Identity::p256(), identity());
    let provider = provider(legacy);
    let verifier = TrustAnchorVerifier::for_clients(client.anchors(), provider.signatures.clone());
    let policy = ClientAuthentication::required(Arc::new(verifier));
    let list = CertificateList::new(vec![Arc::new(server.certified_key())]);
    let config = ServerConfig::builder(provider).client_authentication(policy);
    let config = Arc::new(config.build(Arc::new(list)).unwrap());
    let builder =
        ClientConfig::builder(CryptoProvider::default()).client_certificates(old(&client));
    let builder = builder.trust(server.anchors()).unwrap();
    let mut client = ClientConnection::new(Arc::new(builder.build().unwrap()), server_name());
    let mut server = ServerConnection::new(config);
    exchange(&mut client, &mut server)?;
    Ok((client, server))
}

#[test]
fn a_client_signs_with_it_where_the_server_has_added_it() {
    let (client, server) = connect(true).unwrap();
    assert_eq!(server.parameters().client_signature_scheme, Some(LEGACY));
    assert_eq!(client.parameters().client_signature_scheme, Some(LEGACY));
}

#[test]
fn a_server_that_has_not_added_it_is_shown_no_certificate() {
    let error = connect(false).map(drop).unwrap_err();
    assert_eq!(error.alert_sent().or(error.alert_received()), Some(A::CERTIFICATE_REQUIRED));
}

#[test]
fn a_client_offers_it_to_no_server_and_no_server_signs_with_it() {
    let identity = identity();
    let builder = ClientConfig::builder(provider(true)).trust(identity.anchors()).unwrap();
    let client = Arc::new(builder.build().unwrap());
    let mut client = ClientConnection::new(client, server_name());
    let (message, _) = HandshakeMessage::split(&client.outgoing()[5..]).unwrap();
    let hello = ClientHello::parse(message.body).unwrap();
    assert!(!hello.signature_algorithms.unwrap().contains(LEGACY));

    let server = ServerConfig::builder(provider(true)).build(old(&identity)).unwrap();
    let mut server = ServerConnection::new(Arc::new(server));
    let error = exchange(&mut client, &mut server).unwrap_err();
    let refused = [client.check(), server.check()].into_iter().filter_map(Result::err);
    assert!(refused.chain([error]).any(|error| error.alert_sent() == Some(A::HANDSHAKE_FAILURE)));
}
