//! Certificates with keys for ML-DSA (RFC 9881), with Go and OpenSSL, on both sides at once.

use std::io::BufReader;
use std::sync::Arc;

use handclasp::crypto::CryptoProvider;
use handclasp::registry::{NamedGroup as G, SignatureScheme as S};
use handclasp::verify::{ClientAuthentication, TrustAnchorVerifier};
use handclasp::{ClientConfig, ClientConnection, ServerConfig, ServerConnection, Stream};
use handclasp_testing::process::{Listener, connect};
use handclasp_testing::{Identity, server_name};

use crate::programs::{programs, talk};

const GROUPS: [G; 1] = [G::X25519_MLKEM768];

/// Of the client, which has another scheme than the server.
const CLIENT: S = S::MLDSA44;

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
    for program in programs() {
        for scheme in [S::MLDSA44, S::MLDSA65, S::MLDSA87] {
            let theirs = identity(scheme);
            let (process, address) = program.server(&theirs, &GROUPS, Some(&own));
            let config = ClientConfig::builder(CryptoProvider::aws_lc_rs())
                .trust(theirs.anchors())
                .unwrap()
                .client_certificate(own.chain.clone(), &own.key)
                .unwrap();
            let config = Arc::new(config.build().unwrap());
            let client = ClientConnection::new(config, server_name());
            let mut client = BufReader::new(Stream::new(client, connect(address)));
            talk(&mut client, &process);
            let parameters = client.get_ref().connection().parameters();
            assert_eq!(parameters.signature_scheme, Some(scheme));
            assert_eq!(parameters.client_signature_scheme, Some(CLIENT));
        }
    }
}

#[test]
fn their_client_and_our_server_sign_with_ml_dsa() {
    let theirs = identity(CLIENT);
    for program in programs() {
        for scheme in [S::MLDSA44, S::MLDSA65, S::MLDSA87] {
            let own = identity(scheme);
            let signatures = CryptoProvider::aws_lc_rs().signatures;
            let verifier = TrustAnchorVerifier::for_clients(theirs.anchors(), signatures);
            let config = ServerConfig::builder(CryptoProvider::aws_lc_rs())
                .client_authentication(ClientAuthentication::required(Arc::new(verifier)))
                .build_with_certificate(own.chain.clone(), &own.key)
                .unwrap();
            let listener = Listener::new();
            let process = program.client(&own, listener.port(), &GROUPS, Some(&theirs));
            let server = ServerConnection::new(Arc::new(config));
            let mut server = BufReader::new(Stream::new(server, listener.accept()));
            talk(&mut server, &process);
            let parameters = server.get_ref().connection().parameters();
            assert_eq!(parameters.signature_scheme, Some(scheme));
            assert_eq!(parameters.client_signature_scheme, Some(CLIENT));
        }
    }
}
