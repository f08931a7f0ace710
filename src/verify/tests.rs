//! What the verifiers accept and refuse.

use std::sync::Arc;

use pki_types::{CertificateDer, ServerName};

use super::*;
use crate::certificate::TrustAnchors;
use crate::crypto::CryptoProvider;
use crate::reply::Reply;

#[test]
fn verifiers_say_no_where_they_have_nothing_to_look_at() {
    let now = pki_types::UnixTime::since_unix_epoch(core::time::Duration::ZERO);
    let peer = PeerIdentity::new(Arc::new([]), None, now);
    let said = |verifier: &dyn PeerVerifier| match verifier.verify(&peer) {
        Reply::Now(result) => result.unwrap_err().to_string(),
        Reply::Later => panic!("it decides at once"),
    };
    let own = rcgen::generate_simple_self_signed(["a.example".to_owned()]).unwrap();
    let anchors = TrustAnchors::from_der(own.cert.der()).unwrap();
    let verifier = TrustAnchorVerifier::for_clients(anchors, CryptoProvider::default().signatures);
    assert!(said(&verifier).contains("the chain is empty"));
    assert_eq!(format!("{verifier:?}"), "TrustAnchorVerifier(1 anchors)");
    let pinned = SpkiPins::raw_public_keys([SpkiPin::new([1; 32])]).unwrap();
    assert!(said(&pinned).contains("the chain is empty"));
}

/// The code of what a verifier says of this chain; `server_name` where the peer is a server.
fn code_of(
    verifier: &dyn PeerVerifier,
    chain: &[CertificateDer<'static>],
    server_name: Option<&str>,
) -> &'static str {
    let server_name = server_name.map(|name| ServerName::try_from(name.to_owned()).unwrap());
    let peer = PeerIdentity::new(chain.into(), server_name, pki_types::UnixTime::now());
    match verifier.verify(&peer) {
        Reply::Now(result) => result.map_or_else(|error| error.kind.code(), |()| "accepted"),
        Reply::Later => panic!("it decides at once"),
    }
}

#[test]
fn a_verifier_of_either_side_may_be_strict_check_anchors_dates_and_want_a_policy() {
    use crate::certificate::{AnchorDates, InitialPolicies, PolicyIdentifier, Profile};
    let mut root = rcgen::CertificateParams::default();
    root.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    root.not_after = rcgen::date_time_ymd(2020, 1, 1);
    let root =
        rcgen::CertifiedIssuer::self_signed(root, rcgen::KeyPair::generate().unwrap()).unwrap();
    let mut leaf = rcgen::CertificateParams::new(vec!["a.example".to_owned()]).unwrap();
    let policy = [0x30, 6, 0x30, 4, 6, 2, 0x2a, 3];
    leaf.custom_extensions =
        vec![rcgen::CustomExtension::from_oid_content(&[2, 5, 29, 32], policy.to_vec())];
    let leaf = leaf.signed_by(&rcgen::KeyPair::generate().unwrap(), &root).unwrap();
    let chain = [leaf.der().clone()];
    let wanted: [PolicyIdentifier; 1] = ["1.2.3".parse().unwrap()];
    let other: [PolicyIdentifier; 1] = ["1.2.4".parse().unwrap()];
    let policies = |set| InitialPolicies {
        user_policy_set: Some(set),
        explicit_policy: true,
        ..InitialPolicies::default()
    };
    for server_name in [Some("a.example"), None] {
        let verifier = || {
            let anchors = TrustAnchors::from_der(root.der()).unwrap();
            let algorithms = CryptoProvider::default().signatures;
            match server_name {
                Some(_) => TrustAnchorVerifier::new(anchors, algorithms),
                None => TrustAnchorVerifier::for_clients(anchors, algorithms),
            }
        };
        let code = |verifier: TrustAnchorVerifier| code_of(&verifier, &chain, server_name);
        assert_eq!(code(verifier()), "accepted");
        assert_eq!(code(verifier().with_anchor_dates(AnchorDates::Checked)), "expired");
        assert_eq!(code(verifier().with_policies(policies(&wanted[..]))), "accepted");
        assert_eq!(code(verifier().with_policies(policies(&other[..]))), "policy-required");
        let strict = code(verifier().with_profile(Profile::Strict));
        assert_eq!(strict, "expired", "the strict profile looks at the anchor, too");
    }
}

#[test]
fn a_configuration_of_either_side_is_strict_in_one_line() {
    use crate::certificate::Profile;
    use crate::config::{ClientConfig, ServerConfig};
    // It is accepted by default. In the strict profile a certificate has its purposes.
    let leaf = rcgen::generate_simple_self_signed(["a.example".to_owned()]).unwrap();
    let chain = [leaf.cert.der().clone()];
    let anchors = || TrustAnchors::from_der(leaf.cert.der()).unwrap();
    for (profile, code) in
        [(Profile::Default, "accepted"), (Profile::Strict, "end-entity-purposes")]
    {
        let client = ClientConfig::builder(CryptoProvider::default());
        let client = client.trust_with_profile(anchors(), profile).unwrap().build().unwrap();
        assert_eq!(code_of(&*client.verifier, &chain, Some("a.example")), code);
        let server = ServerConfig::builder(CryptoProvider::default());
        let server = server.require_client_certificates(anchors(), profile).unwrap();
        let server = server.build(Arc::new(crate::reply::AnswerLater)).unwrap();
        let policy = server.client_authentication.unwrap();
        assert!(policy.required);
        assert_eq!(code_of(&*policy.verifier, &chain, None), code);
    }
    let none = ServerConfig::builder(CryptoProvider::default())
        .require_client_certificates(TrustAnchors::new(), Profile::Strict);
    assert!(matches!(none.map(drop), Err(crate::config::ConfigError::NoTrustAnchors)));
}
