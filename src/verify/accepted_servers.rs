//! The servers that a verifier has accepted.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use pki_types::{CertificateDer, ServerName};

use super::PeerIdentity;
use crate::certificate::{EndEntity, Validity};
use crate::name_key::{is_same_name, name_key};

/// For each name of a server, the chain that a verifier accepted last. The verdict about the same chain
/// for the same name is the same as long as all certificates of its path are valid: the anchors and the
/// rules of the verifier do not change. It is not so where revocation is checked.
///
/// Only what was accepted comes in: a server has one entry for each of its names.
pub(super) struct AcceptedServers {
    /// When there are so many, all are forgotten. None is remembered where it is zero.
    capacity: usize,
    servers: RwLock<Servers>,
}

#[derive(Default)]
struct Servers {
    /// By [`name_key`].
    by_name: HashMap<Box<str>, AcceptedServer>,
    /// What their certificates take. A server chooses how long its chain is, and may add certificates that
    /// lead nowhere.
    bytes: usize,
}

impl Servers {
    fn clear(&mut self) {
        *self = Self::default();
    }
}

struct AcceptedServer {
    /// Compared when a server is looked up: the verdict is for this name, and not for the text that is its key.
    name: ServerName<'static>,
    certificates: AcceptedCertificates,
    /// When the certificates of the path are valid.
    validity: Validity,
}

/// The chain of a server, which its connections share, and its own certificate.
#[derive(Clone)]
pub(super) struct AcceptedCertificates {
    pub(super) chain: Arc<[CertificateDer<'static>]>,
    pub(super) end_entity: EndEntity,
}

impl AcceptedServer {
    fn bytes(&self) -> usize {
        bytes_of(&self.certificates.chain)
    }
}

/// What the certificates of a server take: the chain, and the parts of the first one that are kept beside it.
fn bytes_of(chain: &[CertificateDer<'_>]) -> usize {
    let mut bytes = chain.first().map_or(0, |own| own.len());
    for certificate in chain {
        bytes += size_of::<CertificateDer<'_>>() + certificate.len();
    }
    bytes
}

impl AcceptedServers {
    /// The certificates of all servers together take at most as many bytes as the capacity times this.
    /// When they take more, all are forgotten.
    const BYTES_PER_SERVER: usize = 4096;

    pub(super) fn new(capacity: usize) -> Self {
        Self { capacity, servers: RwLock::default() }
    }

    /// The certificates of this server, if the same chain was accepted for the name, and they are valid now.
    pub(super) fn find(&self, server: &PeerIdentity) -> Option<AcceptedCertificates> {
        let name = server.server_name.as_ref()?;
        let servers = self.servers.read().unwrap_or_else(PoisonError::into_inner);
        let accepted = servers.by_name.get(&*name_key(name))?;
        let is_same =
            is_same_name(&accepted.name, name) && accepted.certificates.chain == server.chain;
        if !is_same || !accepted.validity.contains(server.now) {
            return None;
        }
        Some(accepted.certificates.clone())
    }

    /// Remembers a server that was accepted, with its own certificate and the time in which all
    /// certificates of the path are valid.
    pub(super) fn insert(&self, server: &PeerIdentity, end_entity: &EndEntity, validity: Validity) {
        let Some(name) = &server.server_name else { return };
        let bytes = bytes_of(&server.chain);
        let most_bytes = self.capacity.saturating_mul(Self::BYTES_PER_SERVER);
        if bytes > most_bytes {
            return;
        }
        let (chain, end_entity) = (Arc::clone(&server.chain), end_entity.clone());
        let certificates = AcceptedCertificates { chain, end_entity };
        let accepted = AcceptedServer { name: name.clone(), certificates, validity };
        let key = name_key(name);
        let mut servers = self.servers.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(before) = servers.by_name.remove(&*key) {
            servers.bytes -= before.bytes();
        }
        if servers.by_name.len() >= self.capacity || servers.bytes + bytes > most_bytes {
            servers.clear();
        }
        servers.bytes += bytes;
        servers.by_name.insert(key.into(), accepted);
    }

    pub(super) fn clear(&mut self) {
        self.servers.get_mut().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

#[cfg(all(test, any(feature = "ring", feature = "aws-lc-rs")))]
mod tests {
    use core::time::Duration;
    use std::borrow::Cow;

    use pki_types::UnixTime;
    use rcgen::{
        BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer,
        CustomExtension, IsCa, KeyIdMethod, KeyPair, RevokedCertParams, SerialNumber,
        date_time_ymd,
    };

    use super::*;
    use crate::certificate::{
        AnchorDates, CertificateRevocationList, InitialPolicies, PathLimits, Profile,
        RevocationPolicy, TrustAnchors,
    };
    use crate::crypto::CryptoProvider;
    use crate::reply::Reply;
    use crate::verify::{PeerVerifier, TrustAnchorVerifier};

    const DAY: u64 = 86_400;
    /// The first of January 2026. The root is valid in that year, the intermediate in its first ten days,
    /// and the server's certificate from the fifth on.
    const START: u64 = 1_767_225_600;

    struct Authority {
        root: CertifiedIssuer<'static, KeyPair>,
        intermediate: CertifiedIssuer<'static, KeyPair>,
    }

    fn params(names: &[&str], first: u8, last: (i32, u8)) -> CertificateParams {
        let names = names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let mut params = CertificateParams::new(names).unwrap();
        params.not_before = date_time_ymd(2026, 1, first);
        params.not_after = date_time_ymd(last.0, 1, last.1);
        params
    }

    fn ca(name: &str, last: (i32, u8)) -> CertificateParams {
        let mut params = params(&[], 1, last);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        params
    }

    impl Authority {
        fn new() -> Self {
            let key = || KeyPair::generate().unwrap();
            let root = CertifiedIssuer::self_signed(ca("root", (2027, 1)), key()).unwrap();
            let intermediate =
                CertifiedIssuer::signed_by(ca("intermediate", (2026, 11)), key(), &root).unwrap();
            Self { root, intermediate }
        }

        fn chain(&self, names: &[&str]) -> Arc<[CertificateDer<'static>]> {
            let mut leaf = params(names, 5, (2027, 1));
            leaf.serial_number = Some(SerialNumber::from(77));
            let leaf = leaf.signed_by(&KeyPair::generate().unwrap(), &self.intermediate).unwrap();
            [leaf.der().clone(), self.intermediate.der().clone()].into()
        }

        fn verifier(&self) -> TrustAnchorVerifier {
            let anchors = TrustAnchors::from_der(self.root.der()).unwrap();
            TrustAnchorVerifier::new(anchors, CryptoProvider::default().signatures)
        }

        /// A CRL of the intermediate that revokes the server's certificate.
        fn crls(&self) -> Vec<CertificateRevocationList> {
            let revoked = RevokedCertParams {
                serial_number: SerialNumber::from(77),
                revocation_time: date_time_ymd(2026, 1, 5),
                reason_code: None,
                invalidity_date: None,
            };
            let crl = CertificateRevocationListParams {
                this_update: date_time_ymd(2026, 1, 5),
                next_update: date_time_ymd(2027, 1, 1),
                crl_number: SerialNumber::from(1),
                issuing_distribution_point: None,
                revoked_certs: vec![revoked],
                key_identifier_method: KeyIdMethod::Sha256,
            };
            let crl = crl.signed_by(&self.intermediate).unwrap();
            vec![CertificateRevocationList::from_der(crl.der()).unwrap()]
        }
    }

    fn server(chain: &Arc<[CertificateDer<'static>]>, name: &str, day: u64) -> PeerIdentity {
        let name = ServerName::try_from(name.to_owned()).unwrap();
        let now = UnixTime::since_unix_epoch(Duration::from_secs(START + day * DAY));
        PeerIdentity::new(Arc::clone(chain), Some(name), now)
    }

    fn code(verifier: &TrustAnchorVerifier, peer: &PeerIdentity) -> &'static str {
        match verifier.verify(peer) {
            Reply::Now(result) => result.map_or_else(|error| error.kind.code(), |()| "accepted"),
            Reply::Later => panic!("it decides at once"),
        }
    }

    #[test]
    fn a_verdict_is_about_a_name_a_chain_and_a_time_in_which_the_whole_path_is_valid() {
        let authority = Authority::new();
        let chain = authority.chain(&["a.example", "b.example"]);
        let other = authority.chain(&["c.example"]);
        let remembering = authority.verifier();
        assert_eq!(code(&remembering, &server(&chain, "a.example", 6)), "accepted");
        assert!(remembering.accepted.find(&server(&chain, "a.example", 6)).is_some());
        for (chain, name, day) in [
            (&chain, "a.example", 4),
            (&chain, "a.example", 9),
            (&chain, "A.EXAMPLE", 9),
            (&chain, "a.example", 10),
            (&chain, "a.example", 3),
            (&chain, "a.example", 11),
            (&chain, "b.example", 6),
            (&chain, "c.example", 6),
            (&other, "a.example", 6),
            (&Arc::from(&chain[..1]), "a.example", 6),
            (&chain, "a.example", 6),
        ] {
            let peer = server(chain, name, day);
            let forgetting = authority.verifier().with_signature_cache(0);
            assert_eq!(code(&remembering, &peer), code(&forgetting, &peer), "{name} {day}");
            assert!(forgetting.accepted.find(&peer).is_none());
        }
    }

    #[test]
    fn connections_to_a_server_have_its_certificates_once() {
        let authority = Authority::new();
        let chain = authority.chain(&["a.example"]);
        let verifier = authority.verifier();
        let connect = |chain: &Arc<[CertificateDer<'static>]>| {
            let peer = server(chain, "a.example", 6);
            assert_eq!(code(&verifier, &peer), "accepted");
            peer
        };
        assert!(Arc::ptr_eq(&connect(&chain).chain_to_keep(), &chain));
        let received_again = Arc::from(chain.to_vec());
        let mut second = connect(&received_again);
        assert!(Arc::ptr_eq(&second.chain_to_keep(), &chain));
        assert!(matches!(second.end_entity(), Ok(Cow::Borrowed(_))), "it is not decoded again");
        let other = authority.chain(&["a.example"]);
        second.chain = Arc::clone(&other);
        assert!(Arc::ptr_eq(&second.chain_to_keep(), &other), "it was replaced");
    }

    #[test]
    fn a_verifier_with_other_rules_has_accepted_no_one() {
        let authority = Authority::new();
        let chain = authority.chain(&["a.example"]);
        let peer = server(&chain, "a.example", 6);
        let changes: [fn(TrustAnchorVerifier) -> TrustAnchorVerifier; 7] = [
            |it| it.with_revocation(RevocationPolicy::default()),
            |it| it.with_profile(Profile::Strict),
            |it| it.with_anchor_dates(AnchorDates::Checked),
            |it| it.with_policies(InitialPolicies::default()),
            |it| it.with_limits(PathLimits::DEFAULT),
            |it| it.with_signature_cache(1),
            |it| it.with_crls([]),
        ];
        for change in changes {
            let verifier = authority.verifier();
            assert_eq!(code(&verifier, &peer), "accepted");
            assert!(change(verifier).accepted.find(&peer).is_none());
        }
    }

    #[test]
    fn nothing_is_remembered_where_revocation_is_checked() {
        let authority = Authority::new();
        let chain = authority.chain(&["a.example"]);
        let mut peer = server(&chain, "a.example", 6);
        let verifier = authority.verifier();
        peer.set_ocsp_requested(true);
        assert_eq!(code(&verifier, &peer), "accepted");
        assert!(verifier.accepted.find(&peer).is_none());
        peer.set_ocsp_requested(false);
        assert_eq!(code(&verifier, &peer), "accepted");
        let verifier = verifier.with_crls(authority.crls());
        assert_eq!(code(&verifier, &peer), "revoked");
        let verifier = authority.verifier().with_crls(authority.crls());
        assert_eq!(code(&verifier, &peer), "revoked");
    }

    #[test]
    fn an_anchors_dates_count_where_they_are_checked() {
        let authority = Authority::new();
        // Trusted itself, and the anchor of what it issues.
        let anchors = TrustAnchors::from_der(authority.intermediate.der()).unwrap();
        let chain = authority.chain(&["a.example"]);
        for (dates, later) in
            [(AnchorDates::Ignored, "accepted"), (AnchorDates::Checked, "expired")]
        {
            let algorithms = CryptoProvider::default().signatures;
            let verifier =
                TrustAnchorVerifier::new(anchors.clone(), algorithms).with_anchor_dates(dates);
            assert_eq!(code(&verifier, &server(&chain, "a.example", 6)), "accepted");
            assert_eq!(code(&verifier, &server(&chain, "a.example", 20)), later);
        }
    }

    #[test]
    fn no_more_servers_are_remembered_than_the_capacity() {
        let authority = Authority::new();
        let chain = authority.chain(&["*.a.example"]);
        let verifier = authority.verifier().with_signature_cache(3);
        for number in 0..8 {
            let peer = server(&chain, &format!("{number}.a.example"), 6);
            assert_eq!(code(&verifier, &peer), "accepted");
            assert!(verifier.accepted.find(&peer).is_some());
            assert!(verifier.accepted.servers.read().unwrap().by_name.len() <= 3);
        }
    }
    /// A chain that was accepted, with a certificate behind it that leads nowhere and has so many bytes.
    fn padded(chain: &[CertificateDer<'static>], length: usize) -> Arc<[CertificateDer<'static>]> {
        let mut chain = chain.to_vec();
        let key = KeyPair::generate().unwrap();
        let mut nowhere = params(&[], 1, (2027, 1));
        let content = vec![7; length];
        nowhere.custom_extensions.push(CustomExtension::from_oid_content(&[1, 3, 9, 9], content));
        chain.push(nowhere.self_signed(&key).unwrap().der().clone());
        chain.into()
    }

    #[test]
    fn chains_that_their_servers_make_long_take_no_more_bytes_than_are_allowed() {
        const CAPACITY: usize = 16;
        const MOST: usize = CAPACITY * AcceptedServers::BYTES_PER_SERVER;
        let authority = Authority::new();
        let chain = authority.chain(&["*.a.example"]);
        let verifier = authority.verifier().with_signature_cache(CAPACITY);
        for (number, length) in
            [9_000, 20_000, 100, 63_000, 30_000, 30_000, 0, 5_000].iter().enumerate()
        {
            let chain = padded(&chain, *length);
            // Each server has two names, and comes back to one of them.
            for name in [number, number + 100, 0] {
                let peer = server(&chain, &format!("{name}.a.example"), 6);
                assert_eq!(code(&verifier, &peer), "accepted");
                assert!(verifier.accepted.find(&peer).is_some(), "{length}");
                let servers = verifier.accepted.servers.read().unwrap();
                let sum = servers.by_name.values().map(AcceptedServer::bytes).sum::<usize>();
                assert_eq!(servers.bytes, sum);
                assert!(sum <= MOST, "{sum}");
            }
        }
        let too_long = server(&padded(&chain, MOST), "long.a.example", 6);
        assert_eq!(code(&verifier, &too_long), "accepted");
        assert!(verifier.accepted.find(&too_long).is_none());
    }
}
