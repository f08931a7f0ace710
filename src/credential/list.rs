use std::sync::Arc;

use pki_types::{DnsName, ServerName};

use super::{CertificateResolver, CertifiedKey, ClientCertificateResolver, NoCertificate};
use crate::certificate::{issued_by_any, matches_oid_filter};
use crate::registry::{CertificateType, SignatureScheme};
use crate::reply::Reply;
use crate::wire::{CertificateRequest, ClientHello};

/// A list of certificates: the first whose names match the client's and whose key the client can
/// verify; else the first whose key it can verify, unless only known names are served. Of several
/// it takes the first whose whole chain is signed with what the client takes, if there is one.
#[derive(Clone, Debug)]
pub struct CertificateList {
    keys: Vec<Arc<CertifiedKey>>,
    only_known_names: bool,
}

impl CertificateList {
    /// The certificates, the preferred one first.
    pub fn new(keys: Vec<Arc<CertifiedKey>>) -> Self {
        Self { keys, only_known_names: false }
    }

    /// A client that asks for a name of no certificate is refused with `unrecognized_name`. Its
    /// session with that name is not resumed either.
    pub fn only_known_names(mut self) -> Self {
        self.only_known_names = true;
        self
    }
}

impl CertificateResolver for CertificateList {
    fn resolve(&self, hello: &ClientHello<'_>) -> Reply<Result<Arc<CertifiedKey>, NoCertificate>> {
        let name = hello.server_name.and_then(|name| DnsName::try_from(name).ok());
        let name = name.map(|name| ServerName::DnsName(name.to_owned()).into());
        let named = |key: &&Arc<CertifiedKey>| {
            name.as_ref().is_some_and(|name| key.end_entity.valid_for(name))
        };
        let signs = |key: &&Arc<CertifiedKey>| key.scheme_for(hello).is_some();
        let strict = name.is_some() && self.only_known_names;
        if strict && !self.keys.iter().any(|key| named(&key)) {
            return Reply::Now(Err(NoCertificate::UnknownName));
        }
        let fitting = self.keys.iter().filter(|key| signs(key) && (!strict || named(key)));
        let (for_chains, others) = (hello.signature_algorithms_cert, hello.signature_algorithms);
        // The first of the best: true comes after false.
        let chosen =
            fitting.min_by_key(|key| (!named(key), !key.is_issued_with(for_chains, others)));
        let reason = match self.keys.iter().any(|key| key.has_type_for(hello)) {
            true => NoCertificate::NoCommonScheme,
            false => NoCertificate::NoCommonType,
        };
        Reply::Now(chosen.cloned().ok_or(reason))
    }

    fn serves(&self, server_name: Option<&str>) -> bool {
        let Some(Ok(name)) = server_name.map(DnsName::try_from) else { return true };
        let name = ServerName::DnsName(name.to_owned()).into();
        !self.only_known_names || self.keys.iter().any(|key| key.end_entity.valid_for(&name))
    }

    fn schemes(&self) -> Vec<SignatureScheme> {
        let mut schemes = Vec::new();
        for scheme in self.keys.iter().flat_map(|key| key.schemes()) {
            if !schemes.contains(scheme) {
                schemes.push(*scheme);
            }
        }
        schemes
    }
}

/// The first that the server can verify, that has what the server's filters want, and that is of
/// one of its authorities; else the first of another authority, which the server may know through
/// certificates of its own.
impl ClientCertificateResolver for CertificateList {
    fn choose(
        &self,
        request: &CertificateRequest<'_>,
        certificate_type: CertificateType,
    ) -> Reply<Option<Arc<CertifiedKey>>> {
        let schemes = request.signature_algorithms;
        let fits = |key: &&Arc<CertifiedKey>| {
            let raw = key.certificate_type() == CertificateType::RAW_PUBLIC_KEY;
            let mut filters = request.oid_filters.iter().flat_map(|filters| filters.iter());
            key.certificate_type() == certificate_type
                && schemes.is_some_and(|schemes| key.scheme_for_request(schemes).is_some())
                && (raw
                    || filters.all(|(oid, values)| {
                        key.chain().first().is_some_and(|own| matches_oid_filter(own, oid, values))
                    }))
        };
        let of_authority = |key: &&Arc<CertifiedKey>| match request.certificate_authorities {
            Some(names) => issued_by_any(key.chain(), names.iter()),
            None => true,
        };
        let fitting = self.keys.iter().filter(fits);
        let for_chains = request.signature_algorithms_cert;
        // The first of the best: true comes after false.
        let first = fitting
            .min_by_key(|key| (!of_authority(key), !key.is_issued_with(for_chains, schemes)));
        Reply::Now(first.cloned())
    }

    fn certificate_types(&self) -> &[CertificateType] {
        const BOTH: [CertificateType; 2] = [CertificateType::X509, CertificateType::RAW_PUBLIC_KEY];
        let has = |kind| self.keys.iter().any(|key| key.certificate_type() == kind);
        match (has(CertificateType::X509), has(CertificateType::RAW_PUBLIC_KEY)) {
            (true, true) => &BOTH,
            (false, true) => &BOTH[1..],
            _ => &BOTH[..1],
        }
    }
}
