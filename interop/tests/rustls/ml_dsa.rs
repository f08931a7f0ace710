//! Certificates with keys for ML-DSA (RFC 9881), on both sides at once.

use std::sync::Arc;

use handclasp::crypto::CryptoProvider;
use handclasp::registry::SignatureScheme as S;
use handclasp::verify::{ClientAuthentication, TrustAnchorVerifier};
use handclasp::{ClientConfig, ClientConnection, ServerConfig, ServerConnection};
use handclasp_testing::rustls_peer::{self, exchange};
use handclasp_testing::{Identity, server_name};
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::server::WebPkiClientVerifier;

/// Of the client, which has another scheme than the server.
const CLIENT: S = S::MLDSA44;

const SCHEMES: [S; 3] = [S::MLDSA44, S::MLDSA65, S::MLDSA87];

fn identity(scheme: S) -> Identity {
    Identity::of_one_algorithm(match scheme {
        S::MLDSA44 => &rcgen::PKCS_ML_DSA_44,
        S::MLDSA65 => &rcgen::PKCS_ML_DSA_65,
        _ => &rcgen::PKCS_ML_DSA_87,
    })
}

#[test]
fn our_client_and_their_server_sign_with_ml_dsa() {
    let own = identity(CLIENT);
    for scheme in SCHEMES {
        let theirs = identity(scheme);
        let roots = rustls_peer::roots(&own).into();
        let verifier =
            WebPkiClientVerifier::builder_with_provider(roots, default_provider().into());
        let verifier = verifier.build().unwrap();
        let config = rustls_peer::server_config(&theirs, default_provider(), Some(verifier));
        let mut server = rustls_peer::server(config);
        let config = ClientConfig::builder(CryptoProvider::aws_lc_rs())
            .application_protocols(["test/1"])
            .trust(theirs.anchors())
            .unwrap()
            .client_certificate(own.chain.clone(), &own.key)
            .unwrap();
        let config = Arc::new(config.build().unwrap());
        let mut client = ClientConnection::new(config, server_name());
        exchange(&mut client, &mut server).checked();
        assert!(!client.is_handshaking() && !server.is_handshaking());
        assert_eq!(client.parameters().signature_scheme, Some(scheme));
        assert_eq!(client.parameters().client_signature_scheme, Some(CLIENT));
        assert_eq!(server.peer_certificates().unwrap(), &own.chain[..]);
    }
}

#[test]
fn their_client_and_our_server_sign_with_ml_dsa() {
    let theirs = identity(CLIENT);
    for scheme in SCHEMES {
        let own = identity(scheme);
        let signatures = CryptoProvider::aws_lc_rs().signatures;
        let verifier = TrustAnchorVerifier::for_clients(theirs.anchors(), signatures);
        let config = ServerConfig::builder(CryptoProvider::aws_lc_rs())
            .application_protocols(["test/1"])
            .client_authentication(ClientAuthentication::required(Arc::new(verifier)))
            .build_with_certificate(own.chain.clone(), &own.key)
            .unwrap();
        let mut server = ServerConnection::new(Arc::new(config));
        let builder = rustls::ClientConfig::builder_with_provider(default_provider().into());
        let builder = builder.with_protocol_versions(&[&rustls::version::TLS13]).unwrap();
        let mut config = builder
            .with_root_certificates(rustls_peer::roots(&own))
            .with_client_auth_cert(theirs.chain.clone(), theirs.key.clone_key())
            .unwrap();
        config.alpn_protocols = vec![b"test/1".to_vec()];
        let mut client = rustls_peer::client(config);
        exchange(&mut server, &mut client).checked();
        assert!(!client.is_handshaking() && !server.is_handshaking());
        assert_eq!(server.parameters().signature_scheme, Some(scheme));
        assert_eq!(server.parameters().client_signature_scheme, Some(CLIENT));
    }
}
