//! What a configuration refuses when it is built, and which certificate a list chooses.

use std::io::Write;
use std::sync::{Arc, Mutex};

use pki_types::{CertificateDer, PrivateKeyDer, ServerName};

use super::*;
use crate::certificate::{EndEntity, TrustAnchors};
use crate::crypto::{CryptoProvider, HashAlgorithm, signing_key};
use crate::key_log::{KeyLog, KeyLogFile};
use crate::key_schedule::PskKind;
use crate::registry::{ExtensionType, SignatureScheme};
use crate::wire::{ClientHello, Extensions, List};

fn certificate(
    names: &[&str],
    algorithm: &'static rcgen::SignatureAlgorithm,
) -> (CertificateDer<'static>, PrivateKeyDer<'static>) {
    let key = rcgen::KeyPair::generate_for(algorithm).unwrap();
    let names: Vec<String> = names.iter().map(|name| (*name).into()).collect();
    let certificate = rcgen::CertificateParams::new(names).unwrap().self_signed(&key).unwrap();
    (certificate.der().clone(), PrivateKeyDer::try_from(key.serialize_der()).unwrap())
}

fn certified(names: &[&str], algorithm: &'static rcgen::SignatureAlgorithm) -> Arc<CertifiedKey> {
    let (certificate, key) = certificate(names, algorithm);
    Arc::new(CertifiedKey::from_der(vec![certificate], &key).unwrap())
}

/// What `list` chooses for a client that asks for this name and takes these schemes.
fn choose(
    list: &CertificateList,
    name: Option<&str>,
    schemes: &[SignatureScheme],
) -> Result<Arc<CertifiedKey>, NoCertificate> {
    let schemes: Vec<u8> = schemes.iter().flat_map(|scheme| scheme.0.to_be_bytes()).collect();
    let mut body = vec![3, 3];
    body.extend([0; 33]);
    body.extend([0, 2, 0x13, 1, 1, 0]);
    let mut hello = ClientHello::parse(&body).unwrap();
    hello.extensions = Extensions::default();
    hello.server_name = name.map(str::as_bytes);
    hello.signature_algorithms = Some(List::new(&schemes));
    match list.resolve(&hello) {
        Reply::Now(choice) => choice,
        Reply::Later => panic!("a list answers at once"),
    }
}

const P256: SignatureScheme = SignatureScheme::ECDSA_SECP256R1_SHA256;
const ED25519: SignatureScheme = SignatureScheme::ED25519;

#[test]
fn a_list_chooses_by_name_then_by_scheme() {
    let a = certified(&["a.example"], &rcgen::PKCS_ECDSA_P256_SHA256);
    let b = certified(&["b.example", "*.wild.example"], &rcgen::PKCS_ED25519);
    let list = CertificateList::new(vec![Arc::clone(&a), Arc::clone(&b)]);
    let both = [P256, ED25519];
    for (name, schemes, expected) in [
        (Some("a.example"), &both[..], Ok(&a)),
        (Some("b.example"), &both, Ok(&b)),
        (Some("B.EXAMPLE"), &both, Ok(&b)),
        (Some("x.wild.example"), &both, Ok(&b)),
        (Some("other.example"), &both, Ok(&a)),
        (None, &both, Ok(&a)),
        (None, &[ED25519], Ok(&b)),
        (Some("a.example"), &[ED25519], Ok(&b)),
        (Some("a.example"), &[SignatureScheme(0x0a0a)], Err(NoCertificate::NoCommonScheme)),
    ] {
        let choice = choose(&list, name, schemes);
        let choice = choice.as_ref().map(Arc::as_ptr).map_err(|error| *error);
        assert_eq!(choice, expected.map(Arc::as_ptr), "{name:?}");
    }
    let strict = list.only_known_names();
    assert_eq!(
        choose(&strict, Some("other.example"), &both).unwrap_err(),
        NoCertificate::UnknownName
    );
    assert_eq!(
        choose(&strict, Some("a.example"), &[ED25519]).unwrap_err(),
        NoCertificate::NoCommonScheme
    );
    assert!(Arc::ptr_eq(&choose(&strict, None, &both).unwrap(), &a));
}

#[test]
fn a_certified_key_needs_a_chain_and_its_own_key() {
    let (one, key) = certificate(&["a.example"], &rcgen::PKCS_ECDSA_P256_SHA256);
    let (other, _) = certificate(&["a.example"], &rcgen::PKCS_ECDSA_P256_SHA256);
    let new = |chain, key| CertifiedKey::new(chain, key).map(drop).unwrap_err();
    let here = || KeySource::Here(signing_key(&key).unwrap());
    assert_eq!(new(vec![], here()), ConfigError::Empty("certificates"));
    assert_eq!(new(vec![other], here()), ConfigError::KeyMismatch);
    let empty = vec![one.clone(), Vec::new().into()];
    assert_eq!(new(empty, here()), ConfigError::Empty("bytes in one of its certificates"));
    assert!(matches!(new(vec![vec![1, 2].into()], here()), ConfigError::Certificate(_)));
    assert_eq!(
        new(vec![one], KeySource::Elsewhere { schemes: vec![] }),
        ConfigError::UnsupportedKey
    );
}

#[test]
fn a_client_needs_somebody_to_trust_and_something_to_offer() {
    assert_eq!(ClientConfig::new(TrustAnchors::new()).unwrap_err(), ConfigError::NoTrustAnchors);
    let build = |provider| {
        ClientConfig::builder(provider).verifier(Arc::new(AnswerLater)).build().map(drop)
    };
    build(CryptoProvider::ring()).unwrap();
    let mut provider = CryptoProvider::ring();
    provider.cipher_suites.clear();
    assert_eq!(build(provider), Err(ConfigError::Empty("cipher suites")));
    let mut provider = CryptoProvider::ring();
    provider.groups.clear();
    assert_eq!(build(provider), Err(ConfigError::Empty("key exchange groups")));
    let mut provider = CryptoProvider::ring();
    provider.signatures.by_scheme.retain(|(scheme, _)| !scheme.signs_handshakes());
    let policy = ClientAuthentication::required(Arc::new(AnswerLater));
    let server = ServerConfig::builder(provider.clone()).client_authentication(policy);
    let server = server.build(Arc::new(AnswerLater)).map(drop);
    for result in [build(provider), server] {
        assert_eq!(result, Err(ConfigError::Empty("signature schemes")));
    }
    let nobody = ClientConfig::builder(CryptoProvider::ring()).build().map(drop);
    assert_eq!(nobody, Err(ConfigError::NoTrustAnchors));
    let secret = CryptoProvider::ring().cipher_suites[0].hash.digest(b"a key");
    let keys = vec![PreSharedKey::external(b"key", &secret).unwrap(); 17];
    let many = ClientConfig::builder(CryptoProvider::ring()).verifier(Arc::new(AnswerLater));
    let many = many.pre_shared_keys(keys).build().map(drop);
    assert_eq!(many, Err(ConfigError::PreSharedKey));
}

#[test]
fn application_protocols_must_fit_a_client_hello() {
    let long = |count: usize, length: usize| vec![vec![b'x'; length]; count];
    for good in [vec![], long(1, 255), long(64, 255)] {
        assert_eq!(check_protocols(&good), Ok(()));
    }
    for bad in [long(1, 0), long(1, 256), long(65, 255)] {
        assert_eq!(check_protocols(&bad), Err(ConfigError::ApplicationProtocol));
    }
}

#[test]
fn a_layout_sets_nothing_twice_and_nothing_that_the_handshake_stands_on() {
    let raw = |kind, length| LayoutItem::Raw(kind, vec![0; length]);
    let check = |items: Vec<LayoutItem>| ExtensionLayout { items }.check();
    let (groups, own) = (ExtensionType::SUPPORTED_GROUPS, ExtensionType(0xff77));
    check(vec![LayoutItem::Standard(groups), raw(own, 9), LayoutItem::Padding]).unwrap();
    for kind in [ExtensionType::KEY_SHARE, ExtensionType::COOKIE, ExtensionType::SERVER_NAME] {
        assert_eq!(check(vec![raw(kind, 1)]), Err(ConfigError::Layout(kind)));
        check(vec![LayoutItem::Standard(kind)]).unwrap();
    }
    let twice = vec![LayoutItem::Standard(groups), raw(groups, 1)];
    assert_eq!(check(twice), Err(ConfigError::LayoutTooLarge(groups)));
    check(vec![raw(own, 0x6000 - 4)]).unwrap();
    assert_eq!(check(vec![raw(own, 0x6000 - 3)]), Err(ConfigError::LayoutTooLarge(own)));
}

#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_key_log_has_a_line_for_each_secret() {
    let written = Shared::default();
    let log = KeyLogFile::new(written.clone());
    log.log("EXPORTER_SECRET", &[0xab; 32], &[1, 2]);
    log.log("CLIENT_TRAFFIC_SECRET_0", &[0; 32], &[3]);
    let expected = format!(
        "EXPORTER_SECRET {} 0102\nCLIENT_TRAFFIC_SECRET_0 {} 03\n",
        "ab".repeat(32),
        "00".repeat(32)
    );
    assert_eq!(written.0.lock().unwrap().as_slice(), expected.as_bytes());
}

#[test]
fn keys_are_imported_as_rfc_9258_says() {
    // Computed apart from this crate, by the formulas of section 5.1.
    let secret: Vec<u8> = (0x80..0xa0).collect();
    let identity = "000873656e736f722037000e06636c69656e7406736572766572030400";
    for (hash, expected) in [
        (
            HashAlgorithm::Sha256,
            [
                "daa8c6f88a87bfd77ef4a858c06edb38812b5eefc2af55c7e272baa7af510504",
                "a876890ab86a4ee35f78baf9cb53f940ef308878f6a099597b16a126bb1d7096\
                 ad73e723033405d272b58431a54f7547",
            ],
        ),
        (
            HashAlgorithm::Sha384,
            [
                "2cdb3b52fe6df9797a4c9db1178e05ff485988d7e2649ffd70bc2062502e13f8",
                "7b8e5f830bf514658433afef42c59210a143a28f2496fd1ebf20ede08070e4ed\
                 d87794328b69db5113e9615dc0cfc27e",
            ],
        ),
    ] {
        let importer = PskImporter::new(b"sensor 7", &secret).unwrap().hash(hash);
        let keys = importer.between(b"client", b"server").import(&CryptoProvider::ring()).unwrap();
        let targets = [(HashAlgorithm::Sha256, "01"), (HashAlgorithm::Sha384, "02")];
        assert_eq!(keys.len(), 2);
        for ((key, secret), (target, code)) in keys.iter().zip(expected).zip(targets) {
            assert_eq!((key.hash(), key.kind()), (target, PskKind::Imported));
            assert_eq!(hex::encode(key.identity()), format!("{identity}{code}"));
            assert_eq!(hex::encode(&*key.secret), secret);
        }
    }
}

#[test]
fn keys_that_are_too_short_or_look_typed_or_filled_in_are_refused() {
    let random: [u8; 16] = core::array::from_fn(|at| (at as u8).wrapping_mul(37) ^ 0x91);
    PreSharedKey::external(b"identity", &random).unwrap();
    PskImporter::new(b"identity", &random).unwrap();
    for (secret, error) in [
        (&random[1..], ConfigError::PreSharedKey),
        (&[0; 32], ConfigError::WeakPreSharedKey),
        (&[1, 2, 3, 4, 5, 6, 7].repeat(5), ConfigError::WeakPreSharedKey),
        (b"correct horse battery staple", ConfigError::WeakPreSharedKey),
        (b"00112233445566778899aabbccddeeff\n", ConfigError::WeakPreSharedKey),
    ] {
        assert_eq!(PreSharedKey::external(b"identity", secret).unwrap_err(), error);
        assert_eq!(PskImporter::new(b"identity", secret).unwrap_err(), error);
    }
    let long = PskImporter::new(&[b'i'; 1000], &random).unwrap().context(&[b'c'; 17]);
    assert_eq!(long.import(&CryptoProvider::ring()).unwrap_err(), ConfigError::PreSharedKey);
    let shown = format!("{:?}", PskImporter::new(b"identity", &random).unwrap());
    assert!(shown.contains("identity") && !shown.contains("145"), "{shown}");
    let mut provider = CryptoProvider::ring();
    provider.cipher_suites.remove(1);
    let importer = PskImporter::new(b"identity", &random).unwrap();
    assert_eq!(importer.import(&provider).unwrap().len(), 1, "one hash, one key");
    let other = PskImporter::new(b"identity", &random).unwrap().hash(HashAlgorithm::Sha384);
    assert!(matches!(other.import(&provider), Err(ConfigError::Empty(_))));
}

#[test]
fn a_group_stands_in_a_list_once() {
    // RFC 9846, section 4.3.7.
    let mut provider = CryptoProvider::ring();
    let first = provider.groups[0].clone();
    let name = first.name();
    provider.groups.push(first);
    let client = ClientConfig::builder(provider.clone()).verifier(Arc::new(AnswerLater)).build();
    assert_eq!(client.unwrap_err(), ConfigError::GroupTwice(name));
    let server = ServerConfig::builder(provider).build(Arc::new(AnswerLater));
    assert_eq!(server.unwrap_err(), ConfigError::GroupTwice(name));
}

#[test]
fn filters_that_the_rfc_forbids_cannot_be_configured() {
    // RFC 9846, section 4.3.5.
    let build = |filters: Vec<(Vec<u8>, Vec<u8>)>| {
        let policy = ClientAuthentication::required(Arc::new(AnswerLater)).oid_filters(filters);
        let builder = ServerConfig::builder(CryptoProvider::ring()).client_authentication(policy);
        builder.build(Arc::new(AnswerLater)).err()
    };
    let key_usage = || (vec![6, 3, 0x55, 0x1d, 15], vec![3, 2, 7, 0x80]);
    let usages = |last: u8| (vec![6, 3, 0x55, 0x1d, 37], vec![0x30, 6, 6, 4, 0x55, 0x1d, 37, last]);
    assert_eq!(build(vec![key_usage(), usages(1)]), None);
    assert_eq!(build(vec![key_usage(), key_usage()]), Some(ConfigError::CertificateRequest));
    let any = build(vec![key_usage(), usages(0)]);
    assert_eq!(any, Some(ConfigError::CertificateRequest), "anyExtendedKeyUsage");
}

/// An authority with a key of this kind, and a P-256 key with a certificate of its.
fn issued(
    algorithm: &'static rcgen::SignatureAlgorithm,
) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
    let mut params = rcgen::CertificateParams::default();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    params.distinguished_name.push(rcgen::DnType::CommonName, "an authority");
    let key = rcgen::KeyPair::generate_for(algorithm).unwrap();
    let authority = rcgen::CertifiedIssuer::self_signed(params, key).unwrap();
    let key = rcgen::KeyPair::generate().unwrap();
    let params = rcgen::CertificateParams::new(["a.example".to_owned()]).unwrap();
    let certificate = params.signed_by(&key, &authority).unwrap();
    let chain = vec![certificate.der().clone(), authority.der().clone()];
    (chain, PrivateKeyDer::try_from(key.serialize_der()).unwrap())
}

#[test]
fn a_chain_that_the_peer_can_verify_goes_before_one_that_it_cannot() {
    // RFC 9846, section 4.5.1.2; and section 4.3.3 for signature_algorithms_cert.
    let [by_ed25519, by_p256] = [&rcgen::PKCS_ED25519, &rcgen::PKCS_ECDSA_P256_SHA256].map(|it| {
        let (chain, key) = issued(it);
        Arc::new(CertifiedKey::from_der(chain, &key).unwrap())
    });
    let list = CertificateList::new(vec![by_ed25519.clone(), by_p256.clone()]);
    let choose = |schemes: &[SignatureScheme]| choose(&list, Some("a.example"), schemes).unwrap();
    assert!(Arc::ptr_eq(&choose(&[P256]), &by_p256));
    assert!(Arc::ptr_eq(&choose(&[P256, ED25519]), &by_ed25519));
    let [p256, ed25519] = [P256, ED25519].map(|scheme| scheme.0.to_be_bytes());
    let (p256, ed25519) = (Some(List::new(&p256)), Some(List::new(&ed25519)));
    for (certificates, handshakes, expected) in
        [(None, p256, &by_p256), (ed25519, p256, &by_ed25519), (p256, ed25519, &by_p256)]
    {
        for key in [&by_ed25519, &by_p256] {
            let fits = key.is_issued_with(certificates, handshakes);
            assert_eq!(fits, Arc::ptr_eq(key, expected));
        }
    }
    // A client's list looks at it as well.
    let mut request =
        crate::wire::CertificateRequest { signature_algorithms: p256, ..Default::default() };
    let choose = |request: &_| match ClientCertificateResolver::choose(
        &list,
        request,
        crate::registry::CertificateType::X509,
    ) {
        Reply::Now(choice) => choice.unwrap(),
        Reply::Later => panic!("a list answers at once"),
    };
    assert!(Arc::ptr_eq(&choose(&request), &by_p256));
    request.signature_algorithms_cert = ed25519;
    assert!(Arc::ptr_eq(&choose(&request), &by_ed25519));
}

/// Makes the length of the DER element at this place one less.
fn shorten(der: &mut [u8], at: usize) {
    match der[at + 1] {
        0x82 => {
            let length = u16::from_be_bytes([der[at + 2], der[at + 3]]) - 1;
            der[at + 2..at + 4].copy_from_slice(&length.to_be_bytes());
        }
        0x81 => der[at + 2] -= 1,
        _ => der[at + 1] -= 1,
    }
}

#[test]
fn a_chain_with_a_signature_of_sha_1_cannot_be_configured() {
    // The identifiers of ECDSA with SHA-256 become those of ECDSA with SHA-1, one byte shorter.
    let (mut chain, key) = issued(&rcgen::PKCS_ECDSA_P256_SHA256);
    let mut other = chain[0].to_vec();
    CertifiedKey::from_der(vec![chain[0].clone(), other.clone().into()], &key).unwrap();
    let honest = [0x30, 10, 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2];
    for both in [true, false] {
        let at = other.windows(honest.len()).rposition(|window| window == honest).unwrap();
        other.splice(at..at + 12, [0x30, 9, 6, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 1]);
        if !both {
            shorten(&mut other, 4);
        }
        shorten(&mut other, 0);
    }
    chain.push(other.into());
    let refused = CertifiedKey::from_der(chain.clone(), &key).map(drop);
    let subject = EndEntity::parse(&chain[2]).unwrap().subject();
    let broken = ConfigError::BrokenSignature { number: 3, subject, algorithm: "ECDSA with SHA-1" };
    assert_eq!(refused, Err(broken));
}

#[test]
fn verifiers_say_no_where_they_have_nothing_to_look_at() {
    let peer = PeerIdentity {
        chain: Arc::new([]),
        server_name: None,
        ocsp_requested: false,
        ocsp_response: None,
        signed_certificate_timestamps: Vec::new(),
        now: pki_types::UnixTime::since_unix_epoch(core::time::Duration::ZERO),
    };
    let said = |verifier: &dyn PeerVerifier| match verifier.verify(&peer) {
        Reply::Now(verdict) => verdict.unwrap_err().to_string(),
        Reply::Later => panic!("it decides at once"),
    };
    let (own, _) = certificate(&["a.example"], &rcgen::PKCS_ECDSA_P256_SHA256);
    let mut anchors = TrustAnchors::new();
    anchors.add(own).unwrap();
    let verifier = TrustAnchorVerifier::for_clients(anchors, CryptoProvider::ring().signatures);
    assert!(said(&verifier).contains("the chain is empty"));
    assert_eq!(format!("{verifier:?}"), "TrustAnchorVerifier(1 anchors)");
    let pinned = SpkiPins::raw_public_keys([SpkiPin::new([1; 32])]).unwrap();
    assert!(said(&pinned).contains("there is no certificate"));
}

/// The code of what a verifier says of this chain; `server_name` where the peer is a server.
fn code_of(
    verifier: &TrustAnchorVerifier,
    chain: &[CertificateDer<'static>],
    server_name: Option<&str>,
) -> &'static str {
    let server_name = server_name.map(|name| ServerName::try_from(name.to_owned()).unwrap());
    let peer = PeerIdentity {
        chain: chain.into(),
        server_name,
        ocsp_requested: false,
        ocsp_response: None,
        signed_certificate_timestamps: Vec::new(),
        now: pki_types::UnixTime::now(),
    };
    match verifier.verify(&peer) {
        Reply::Now(verdict) => verdict.map_or_else(|error| error.problem.code(), |()| "accepted"),
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
            let algorithms = CryptoProvider::ring().signatures;
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
