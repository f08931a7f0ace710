//! The certificates of a list by the names that they are valid for (RFC 9525, section 6.3).

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use pki_types::DnsName;

use super::CertifiedKey;
use crate::certificate::DnsId;

/// Finds the certificates for a name, in the order of their list. A look-up costs two look-ups in hash
/// tables, and no certificate is compared with the name.
#[derive(Clone, Debug, Default)]
pub(super) struct NameIndex {
    /// By the name, in lower case.
    names: HashMap<Box<str>, Candidates>,
    /// By the parent of a wildcard, in lower case.
    wildcards: HashMap<Box<str>, Candidates>,
    /// For a client that requests no name, or an unknown one.
    all: Candidates,
}

/// The certificates that a choice is made from: of each kind the first, because no client would get
/// a later one. So their number does not grow with the list.
#[derive(Clone, Debug, Default)]
struct Candidates(Vec<Candidate>);

#[derive(Clone, Debug)]
struct Candidate {
    /// Its place in the list.
    place: usize,
    key: Arc<CertifiedKey>,
}

impl Candidates {
    /// The keys are added in the order of the list.
    fn add(&mut self, place: usize, key: &Arc<CertifiedKey>) {
        if !self.0.iter().any(|earlier| earlier.key.suits_the_clients_of(key)) {
            self.0.push(Candidate { place, key: Arc::clone(key) });
        }
    }
}

impl NameIndex {
    pub(super) fn new(keys: &[Arc<CertifiedKey>]) -> Self {
        let mut index = Self::default();
        for (place, key) in keys.iter().enumerate() {
            index.all.add(place, key);
            for id in key.end_entity.dns_ids() {
                let (names, name) = match id {
                    DnsId::Name(name) => (&mut index.names, name),
                    DnsId::Wildcard(parent) => (&mut index.wildcards, parent),
                };
                let name = name.to_ascii_lowercase().into_boxed_str();
                names.entry(name).or_default().add(place, key);
            }
        }
        index
    }

    /// The certificates for this name that a choice is made from, in the order of the list.
    pub(super) fn find(&self, name: &DnsName<'_>) -> impl Iterator<Item = &Arc<CertifiedKey>> {
        let (exact, wildcard) = self.look_up(name);
        in_order(exact, wildcard)
    }

    /// Whether there is a certificate for this name.
    pub(super) fn contains(&self, name: &DnsName<'_>) -> bool {
        self.find(name).next().is_some()
    }

    /// The certificates that a choice is made from if the name does not matter, in the order of the
    /// list: of each kind the first.
    pub(super) fn of_each_kind(&self) -> impl Iterator<Item = &Arc<CertifiedKey>> {
        self.all.0.iter().map(|candidate| &candidate.key)
    }

    /// The candidates with this name, and those with a wildcard for it.
    fn look_up(&self, name: &DnsName<'_>) -> (&[Candidate], &[Candidate]) {
        let name = lower_case(name.as_ref());
        let name = name.strip_suffix('.').unwrap_or(&name);
        let exact = self.names.get(name);
        let wildcard = name.split_once('.').and_then(|(_, parent)| self.wildcards.get(parent));
        (exact.map_or(&[], |it| &it.0), wildcard.map_or(&[], |it| &it.0))
    }
}

/// Most clients send the name in lower case: it is not copied.
fn lower_case(name: &str) -> Cow<'_, str> {
    if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Cow::Owned(name.to_ascii_lowercase());
    }
    Cow::Borrowed(name)
}

/// The keys of both slices, each of which is in the order of the list, in that order.
fn in_order<'a>(
    mut left: &'a [Candidate],
    mut right: &'a [Candidate],
) -> impl Iterator<Item = &'a Arc<CertifiedKey>> {
    core::iter::from_fn(move || {
        let is_left_first = match (left.first(), right.first()) {
            (Some(one), Some(other)) => one.place <= other.place,
            (one, _) => one.is_some(),
        };
        let next_side = if is_left_first { &mut left } else { &mut right };
        let (first, rest) = next_side.split_first()?;
        *next_side = rest;
        Some(&first.key)
    })
}

#[cfg(test)]
mod tests {
    use arbtest::{arbitrary, arbtest};
    use rcgen::{PKCS_ECDSA_P256_SHA256, PKCS_ED25519, SignatureAlgorithm};

    use super::super::tests::{ED25519, P256, answer_of, bytes_of, empty_hello};
    use super::super::{CertificateList, NoCertificate};
    use super::*;
    use crate::certificate::ReferenceIdentifier;
    use crate::registry::{CertificateType, SignatureScheme};
    use crate::wire::{ClientHello, List};

    /// Names of certificates. Some match several names below, and some match none.
    const PRESENTED: [&[&str]; 10] = [
        &["a.example"],
        &["A.Example", "b.example"],
        &["*.example"],
        &["*.wild.example"],
        &["a.wild.example", "*.Wild.Example"],
        &["b.wild.example"],
        &["a.example", "*.wild.example"],
        &["*.a.example"],
        &["a.example."],
        &[],
    ];

    /// Names that clients request.
    const REQUESTED: [Option<&str>; 12] = [
        None,
        Some("a.example"),
        Some("A.EXAMPLE"),
        Some("b.example."),
        Some("c.example"),
        Some("example"),
        Some("a.wild.example"),
        Some("B.Wild.Example"),
        Some("a.b.wild.example"),
        Some("wild.example"),
        Some("x.a.example"),
        Some("not a name"),
    ];

    /// What a client sends as signature_algorithms or signature_algorithms_cert.
    const SCHEMES: [&[SignatureScheme]; 4] =
        [&[P256], &[ED25519], &[P256, ED25519], &[SignatureScheme::RSA_PKCS1_SHA256]];

    /// Certificates with each of these names, two kinds of keys and two kinds of authorities; and raw
    /// public keys.
    fn all_kinds() -> Vec<Arc<CertifiedKey>> {
        let algorithms: [&SignatureAlgorithm; 2] = [&PKCS_ECDSA_P256_SHA256, &PKCS_ED25519];
        let mut kinds = Vec::new();
        for of_authority in algorithms {
            let mut params = rcgen::CertificateParams::default();
            params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
            let authority_key = rcgen::KeyPair::generate_for(of_authority).unwrap();
            let authority = rcgen::CertifiedIssuer::self_signed(params, authority_key).unwrap();
            for of_server in algorithms {
                let key = rcgen::KeyPair::generate_for(of_server).unwrap();
                let der = pki_types::PrivateKeyDer::try_from(key.serialize_der()).unwrap();
                for names in PRESENTED {
                    let mut params = rcgen::CertificateParams::default();
                    params.subject_alt_names = names.iter().map(|name| dns(name)).collect();
                    params.distinguished_name.push(rcgen::DnType::CommonName, "a server");
                    let certificate = params.signed_by(&key, &authority).unwrap();
                    let chain = vec![certificate.der().clone()];
                    kinds.push(Arc::new(CertifiedKey::from_der(chain, &der).unwrap()));
                }
                kinds.push(Arc::new(kinds[kinds.len() - 1].to_raw_public_key().unwrap()));
            }
        }
        kinds
    }

    fn dns(name: &str) -> rcgen::SanType {
        rcgen::SanType::DnsName(name.to_owned().try_into().unwrap())
    }

    /// The choice by the words of the documentation of [`CertificateList`], from all certificates.
    fn choose_by_scan(
        keys: &[Arc<CertifiedKey>],
        only_known_names: bool,
        hello: &ClientHello<'_>,
    ) -> Result<Arc<CertifiedKey>, NoCertificate> {
        let name = hello.server_name.and_then(|name| pki_types::DnsName::try_from(name).ok());
        let name = name.map(|name| {
            ReferenceIdentifier::Server(pki_types::ServerName::DnsName(name.to_owned()))
        });
        let is_named =
            |key: &CertifiedKey| name.as_ref().is_some_and(|name| key.end_entity.valid_for(name));
        let must_be_named = name.is_some() && only_known_names;
        if must_be_named && !keys.iter().any(|key| is_named(key)) {
            return Err(NoCertificate::UnknownName);
        }
        let usable = keys
            .iter()
            .filter(|key| key.scheme_for(hello).is_some() && (!must_be_named || is_named(key)));
        let chosen = usable.min_by_key(|key| {
            let is_verifiable =
                key.is_issued_with(hello.signature_algorithms_cert, hello.signature_algorithms);
            (!is_named(key), !is_verifiable)
        });
        match chosen {
            Some(key) => Ok(key.clone()),
            None if keys.iter().any(|key| key.has_type_for(hello)) => {
                Err(NoCertificate::NoCommonScheme)
            }
            None if keys.is_empty() => Err(NoCertificate::NoCertificates),
            None => Err(NoCertificate::NoCommonType),
        }
    }

    #[test]
    fn a_list_chooses_the_certificate_that_a_scan_of_all_would_choose() {
        const TYPES: [&[u8]; 3] = [&[0], &[2], &[2, 0]];
        let kinds = all_kinds();
        let schemes = SCHEMES.map(bytes_of);
        arbtest(|u| {
            let mut keys = Vec::new();
            for _ in 0..u.int_in_range(0..=11)? {
                keys.push(u.choose(&kinds)?.clone());
            }
            let name = *u.choose(&REQUESTED)?;
            let mut some_schemes = || -> arbitrary::Result<Option<List<'_, SignatureScheme>>> {
                let at = u.choose_index(SCHEMES.len())?;
                Ok(u.arbitrary::<bool>()?.then(|| List::new(&schemes[at])))
            };
            let (for_handshakes, for_certificates) = (some_schemes()?, some_schemes()?);
            let types = if u.arbitrary()? { Some(*u.choose(&TYPES)?) } else { None };
            let only_known: bool = u.arbitrary()?;
            let mut body = Vec::new();
            let mut hello = empty_hello(&mut body);
            hello.known.server_name = name.map(str::as_bytes);
            hello.known.signature_algorithms = for_handshakes;
            hello.known.signature_algorithms_cert = for_certificates;
            hello.known.server_certificate_types = types;
            let mut list = CertificateList::new(keys.clone());
            if only_known {
                list = list.only_known_names();
            }
            let expected = choose_by_scan(&keys, only_known, &hello);
            let answer = answer_of(&list, &hello);
            let same = answer.as_ref().map(Arc::as_ptr).map_err(|error| *error)
                == expected.as_ref().map(Arc::as_ptr).map_err(|error| *error);
            assert!(same, "{answer:?} in place of {expected:?}");
            Ok(())
        })
        .size_max(4096);
        assert!(kinds.iter().any(|key| key.certificate_type() == CertificateType::RAW_PUBLIC_KEY));
    }

    #[test]
    fn a_list_considers_one_certificate_of_each_kind_however_many_have_the_name() {
        let kinds = all_kinds();
        let many: Vec<_> = kinds.iter().cycle().take(20 * kinds.len()).cloned().collect();
        let index = NameIndex::new(&many);
        let name = DnsName::try_from("a.wild.example").unwrap();
        let different = 4;
        assert!(index.find(&name).count() <= 2 * different, "by name and by wildcard");
        assert_eq!(index.of_each_kind().count(), different + 2, "and two kinds of raw public keys");
    }
}
