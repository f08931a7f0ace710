//! Hybrids, and ML-KEM alone, with rustls over aws-lc-rs.

use std::sync::Arc;

use handclasp::credential::CertificateList;
use handclasp::crypto::CryptoProvider;
#[cfg(not(feature = "ring"))]
use handclasp::crypto::aws_lc_rs::{MLKEM768, MLKEM1024};
#[cfg(feature = "ring")]
use handclasp::crypto::ml_kem::{MLKEM768, MLKEM1024};
use handclasp::registry::NamedGroup as G;
use handclasp::{ClientConfig, ClientConnection, Connection, ServerConfig, ServerConnection};
use handclasp_testing::rustls_peer::{self, exchange};
use handclasp_testing::{Identity, server_name};
use rustls::crypto::aws_lc_rs::{self, kx_group};

/// The groups of rustls, the one that it prefers first.
const THEIRS: [&dyn rustls::crypto::SupportedKxGroup; 7] = [
    kx_group::X25519MLKEM768,
    kx_group::SECP256R1MLKEM768,
    kx_group::MLKEM768,
    kx_group::MLKEM1024,
    kx_group::X25519,
    kx_group::SECP256R1,
    kx_group::SECP384R1,
];

fn all() -> Vec<G> {
    THEIRS.iter().map(|group| G(group.name().into())).collect()
}

fn ours(groups: &[G]) -> CryptoProvider {
    let mut provider = CryptoProvider::default();
    provider.groups.push(Arc::new(MLKEM768));
    provider.groups.push(Arc::new(MLKEM1024));
    provider.groups.retain(|group| groups.contains(&group.name()));
    provider
}

fn theirs(groups: &[G]) -> rustls::crypto::CryptoProvider {
    let mut provider = aws_lc_rs::default_provider();
    provider.kx_groups = THEIRS.into();
    provider.kx_groups.retain(|group| groups.contains(&G(group.name().into())));
    provider
}

/// Both sides have taken this group, and have the same secrets.
fn check(ours: &mut Connection, theirs: &mut rustls::Connection, group: G, retried: bool) {
    exchange(ours, theirs).checked();
    assert!(!ours.is_handshaking() && !theirs.is_handshaking());
    let parameters = ours.parameters();
    assert_eq!((parameters.group, parameters.retried), (Some(group), retried));
    assert_eq!(theirs.negotiated_key_exchange_group().unwrap().name(), group.0.into());
    let full = rustls::HandshakeKind::FullWithHelloRetryRequest;
    assert_eq!(theirs.handshake_kind() == Some(full), retried);
    let mut exported = [0; 48];
    ours.export_keying_material("EXPORTER-test", b"context", &mut exported).unwrap();
    let same = theirs.export_keying_material([0; 48], b"EXPORTER-test", Some(b"context")).unwrap();
    assert_eq!(exported, same);
}

#[test]
fn our_client_and_their_server_agree_in_every_group_with_a_share_and_after_a_retry() {
    let identity = Identity::p256();
    for group in all() {
        for retried in [false, true] {
            let shares = if retried { Vec::new() } else { vec![group] };
            let config = ClientConfig::builder(ours(&all())).key_shares(shares);
            let config = config.application_protocols(["test/1"]).trust(identity.anchors());
            let config = Arc::new(config.unwrap().build().unwrap());
            let mut client = ClientConnection::new(config, server_name());
            let config = rustls_peer::server_config(&identity, theirs(&[group]), None);
            let mut server = rustls_peer::server(config);
            check(&mut client, &mut server, group, retried);
        }
    }
}

#[test]
fn their_client_and_our_server_agree_in_every_group_and_after_a_retry() {
    let identity = Identity::p256();
    let mut cases: Vec<_> = all().iter().map(|group| (vec![*group], *group, false)).collect();
    // rustls sends the shares of X25519MLKEM768 and x25519, as we do.
    cases.push((all(), G::X25519, false));
    cases.push((all(), G::X25519_MLKEM768, false));
    for group in [G::SECP256R1_MLKEM768, G::MLKEM768, G::MLKEM1024, G::SECP384R1] {
        cases.push((all(), group, true));
    }
    for (offered, group, retried) in cases {
        let list = CertificateList::new(vec![Arc::new(identity.certified_key())]);
        let config = ServerConfig::builder(ours(&[group])).application_protocols(["test/1"]);
        let config = Arc::new(config.build(Arc::new(list)).unwrap());
        let mut server = ServerConnection::new(config);
        let config = rustls_peer::client_config(&identity, theirs(&offered));
        let mut client = rustls_peer::client(config);
        check(&mut server, &mut client, group, retried);
    }
}
