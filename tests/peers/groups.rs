//! The groups of RFC 10024, and ML-KEM alone, with Go and OpenSSL.

use std::io::BufReader;
use std::sync::Arc;

use handclasp::credential::CertificateList;
use handclasp::crypto::CryptoProvider;
#[cfg(not(feature = "ml-kem"))]
use handclasp::crypto::aws_lc_rs::{MLKEM768, MLKEM1024};
#[cfg(feature = "ml-kem")]
use handclasp::crypto::ml_kem::{MLKEM768, MLKEM1024};
use handclasp::registry::NamedGroup as G;
use handclasp::{ClientConfig, ClientConnection, ServerConfig, ServerConnection, Stream};
use handclasp_testing::process::{Listener, connect};
use handclasp_testing::{Identity, server_name};

use crate::programs::{programs, talk};

fn provider_of(groups: &[G]) -> CryptoProvider {
    let mut provider = CryptoProvider::default();
    provider.groups.push(Arc::new(MLKEM768));
    provider.groups.push(Arc::new(MLKEM1024));
    provider.groups.retain(|group| groups.contains(&group.name()));
    provider
}

#[test]
fn our_client_and_their_server_agree_in_every_group_with_a_share_and_after_a_retry() {
    let identity = Identity::p256();
    for program in programs() {
        let all = &program.groups;
        for (group, retried) in all.iter().flat_map(|group| [(*group, false), (*group, true)]) {
            let (process, address) = program.server(&identity, &[group], None);
            let shares = if retried { Vec::new() } else { vec![group] };
            let config = ClientConfig::builder(provider_of(all)).key_shares(shares);
            let config = Arc::new(config.trust(identity.anchors()).unwrap().build().unwrap());
            let client = ClientConnection::new(config, server_name());
            let mut client = BufReader::new(Stream::new(client, connect(address)));
            talk(&mut client, &process);
            program.check_group(&process, false, group, retried);
            let parameters = client.get_ref().connection().parameters();
            assert_eq!((parameters.group, parameters.retried), (Some(group), retried));
        }
    }
}

#[test]
fn their_client_and_our_server_agree_in_every_group_and_after_a_retry() {
    let identity = Identity::p256();
    for program in programs() {
        let all = &program.groups[..];
        let mut cases: Vec<_> =
            all.iter().map(|group| (vec![*group], all, *group, false)).collect();
        cases.push((all.to_vec(), all, G::X25519_MLKEM768, false));
        for group in [G::SECP256R1_MLKEM768, G::SECP384R1_MLKEM1024] {
            cases.push((all.to_vec(), all, group, true));
        }
        for (theirs, ours, group, retried) in cases {
            let ours = if retried { &[group][..] } else { ours };
            let list = CertificateList::new(vec![Arc::new(identity.certified_key())]);
            let config = ServerConfig::builder(provider_of(ours)).build(Arc::new(list)).unwrap();
            let listener = Listener::new();
            let process = program.client(&identity, listener.port(), &theirs, None);
            let server = ServerConnection::new(Arc::new(config));
            let mut server = BufReader::new(Stream::new(server, listener.accept()));
            talk(&mut server, &process);
            program.check_group(&process, true, group, retried);
            let parameters = server.get_ref().connection().parameters();
            assert_eq!((parameters.group, parameters.retried), (Some(group), retried));
        }
    }
}
