//! One side has certificates of several algorithms, and sends the one that the other side takes.

use std::sync::Arc;

use handclasp::credential::CertificateList;
use handclasp::crypto::CryptoProvider;
use handclasp::registry::SignatureScheme as S;
use handclasp::transport::memory::exchange;
use handclasp::verify::{ClientAuthentication, TrustAnchorVerifier};
use handclasp::{ClientConfig, ClientConnection, ServerConfig, ServerConnection, TrustAnchors};
use handclasp_testing::{Identity, server_name};

const P256: &rcgen::SignatureAlgorithm = &rcgen::PKCS_ECDSA_P256_SHA256;
const ML_DSA_44: &rcgen::SignatureAlgorithm = &rcgen::PKCS_ML_DSA_44;
const ML_DSA_65: &rcgen::SignatureAlgorithm = &rcgen::PKCS_ML_DSA_65;

/// A provider that takes these schemes only, in signatures of handshakes and of certificates.
fn provider_that_takes(schemes: &[S]) -> CryptoProvider {
    let mut provider = CryptoProvider::aws_lc_rs();
    provider.signatures.by_scheme.retain(|row| schemes.contains(&row.scheme));
    let rows = provider.signatures.by_scheme.iter();
    provider.signatures.all = rows.flat_map(|row| row.algorithms.iter().cloned()).collect();
    provider
}

/// What has certificates of these identities, the preferred one first.
fn list(identities: &[&Identity]) -> Arc<CertificateList> {
    let keys = identities.iter().map(|it| {
        let provider = CryptoProvider::aws_lc_rs();
        let key =
            handclasp::CertifiedKey::from_der_with_provider(it.chain.clone(), &it.key, &provider);
        Arc::new(key.unwrap())
    });
    Arc::new(CertificateList::new(keys.collect()))
}

fn anchors(identities: &[&Identity]) -> TrustAnchors {
    let mut anchors = TrustAnchors::new();
    for identity in identities {
        anchors.add(identity.anchor.clone()).unwrap();
    }
    anchors
}

/// The scheme of the side that has these certificates, as the server and as the client, and its chain, if
/// the other side takes these schemes. `None` if the handshake fails.
fn chosen(own: &[&Identity], taken: &[S]) -> [Option<(S, usize)>; 2] {
    [false, true].map(|is_client| {
        let other = Identity::new(P256);
        let peer = provider_that_takes(taken);
        let verifier = |provider: &CryptoProvider| {
            TrustAnchorVerifier::for_clients(anchors(own), provider.signatures.clone())
        };
        let (server, client) = if is_client {
            let policy = ClientAuthentication::required(Arc::new(verifier(&peer)));
            let server = ServerConfig::builder(peer).client_authentication(policy);
            let client = ClientConfig::builder(CryptoProvider::aws_lc_rs());
            let client = client.trust(other.anchors()).unwrap().client_certificates(list(own));
            (server.build(list(&[&other])).unwrap(), client)
        } else {
            let server = ServerConfig::builder(CryptoProvider::aws_lc_rs());
            let client = ClientConfig::builder(peer).trust(anchors(own)).unwrap();
            (server.build(list(own)).unwrap(), client)
        };
        let client = Arc::new(client.build().unwrap());
        let mut client = ClientConnection::new(client, server_name());
        let mut server = ServerConnection::new(Arc::new(server));
        exchange(&mut client, &mut server).ok()?;
        let (scheme, parameters) = match is_client {
            true => (server.parameters().client_signature_scheme, server.parameters()),
            false => (client.parameters().signature_scheme, client.parameters()),
        };
        let shown = parameters.certificates.clone().unwrap();
        let number = own.iter().position(|identity| identity.chain[..] == shown[..]);
        Some((scheme.unwrap(), number.unwrap()))
    })
}

#[test]
fn a_peer_gets_the_first_certificate_whose_algorithms_it_takes() {
    let ml_dsa = Identity::of_one_algorithm(ML_DSA_65);
    let p256 = Identity::of_one_algorithm(P256);
    let own = [&ml_dsa, &p256];
    let everything = [S::MLDSA44, S::MLDSA65, S::ECDSA_SECP256R1_SHA256];
    assert_eq!(chosen(&own, &everything), [Some((S::MLDSA65, 0)); 2]);
    let classical = [S::ECDSA_SECP256R1_SHA256, S::ED25519];
    assert_eq!(chosen(&own, &classical), [Some((S::ECDSA_SECP256R1_SHA256, 1)); 2]);
    // The order of the list decides, not that of the peer.
    assert_eq!(chosen(&[&p256, &ml_dsa], &everything), [Some((S::ECDSA_SECP256R1_SHA256, 0)); 2]);
    // Another parameter set is another algorithm.
    let ml_dsa_44_alone = [S::MLDSA44, S::ECDSA_SECP256R1_SHA256];
    assert_eq!(chosen(&own, &ml_dsa_44_alone), [Some((S::ECDSA_SECP256R1_SHA256, 1)); 2]);
    assert_eq!(chosen(&own, &[S::ED25519]), [None, None]);
}

#[test]
fn the_algorithm_of_the_authority_counts_as_well() {
    let mixed = Identity::new(ML_DSA_44);
    let pure = Identity::of_one_algorithm(ML_DSA_44);
    let own = [&mixed, &pure];
    // The authority of the first signs with ECDSA.
    assert_eq!(chosen(&own, &[S::MLDSA44, S::ECDSA_SECP256R1_SHA256])[0], Some((S::MLDSA44, 0)));
    assert_eq!(chosen(&own, &[S::MLDSA44])[0], Some((S::MLDSA44, 1)));
}
