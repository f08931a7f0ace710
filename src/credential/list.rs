use std::sync::Arc;

use pki_types::DnsName;

use super::name_index::NameIndex;
use super::{CertificateResolver, CertifiedKey, ClientCertificateResolver, NoCertificate};
use crate::certificate::{issued_by_any, matches_oid_filter};
use crate::registry::{CertificateType, SignatureScheme};
use crate::reply::Reply;
use crate::wire::{CertificateRequest, ClientHello};

/// A list of certificates, the preferred one first. It chooses for servers and for clients.
///
/// A server considers the keys that can sign with a scheme of the client. Among them it prefers a
/// certificate for the name that the client requests. Among these it prefers a chain whose signatures
/// the client can verify, and then the first in the list. So a client that requests an unknown name
/// gets a certificate for another name, unless [`only_known_names`](Self::only_known_names) forbids
/// that. The time of a choice does not depend on the number of certificates.
///
/// A client considers the certificates that have the requested type, can sign with a scheme of the
/// server, and match the server's OID filters. Among them it prefers a certificate that one of the
/// server's authorities has issued, then a chain whose signatures the server can verify, and then the
/// first in the list. A certificate of another authority is chosen if there is no better one: the
/// server may know that authority through certificates of its own. A client looks at all of them.
#[derive(Clone, Debug)]
pub struct CertificateList {
    keys: Vec<Arc<CertifiedKey>>,
    by_name: NameIndex,
    only_known_names: bool,
}

impl CertificateList {
    /// The certificates, the preferred one first.
    pub fn new(keys: Vec<Arc<CertifiedKey>>) -> Self {
        let by_name = NameIndex::new(&keys);
        Self { keys, by_name, only_known_names: false }
    }

    /// Refuses a client that requests a name for which there is no certificate, with the alert
    /// `unrecognized_name`. A session with that name is not resumed either, and no external key is used.
    pub fn only_known_names(mut self) -> Self {
        self.only_known_names = true;
        self
    }

    fn has_type(&self, certificate_type: CertificateType) -> bool {
        self.by_name.of_each_kind().any(|key| key.certificate_type() == certificate_type)
    }
}

impl CertificateResolver for CertificateList {
    /// The server's certificate for a ClientHello (sections 4.5.1.2 and 9.2).
    fn resolve(&self, hello: &ClientHello<'_>) -> Reply<Result<Arc<CertifiedKey>, NoCertificate>> {
        let mut name = None;
        // A single certificate is for every name, unless unknown names are refused.
        if self.only_known_names || self.keys.len() > 1 {
            name = hello.server_name.and_then(dns_name);
        }
        let mut chosen = None;
        if let Some(name) = &name {
            let mut named = self.by_name.find(name).peekable();
            if self.only_known_names && named.peek().is_none() {
                return Reply::Now(Err(NoCertificate::UnknownName));
            }
            chosen = best_for(hello, named);
        }
        let must_be_named = name.is_some() && self.only_known_names;
        if chosen.is_none() && !must_be_named {
            chosen = best_for(hello, self.by_name.of_each_kind());
        }
        Reply::Now(match chosen {
            Some(key) => Ok(key.clone()),
            None if self.by_name.of_each_kind().any(|key| key.has_type_for(hello)) => {
                Err(NoCertificate::NoCommonScheme)
            }
            None if self.keys.is_empty() => Err(NoCertificate::NoCertificates),
            None => Err(NoCertificate::NoCommonType),
        })
    }

    fn serves(&self, server_name: Option<&str>) -> bool {
        if !self.only_known_names {
            return true;
        }
        match server_name.and_then(|name| dns_name(name.as_bytes())) {
            Some(name) => self.by_name.contains(&name),
            None => true,
        }
    }

    fn schemes(&self) -> Vec<SignatureScheme> {
        let mut schemes = Vec::new();
        for scheme in self.by_name.of_each_kind().flat_map(|key| key.schemes()) {
            if !schemes.contains(scheme) {
                schemes.push(*scheme);
            }
        }
        schemes
    }
}

/// The name that a client requests. `None` if it is no DNS name.
fn dns_name(name: &[u8]) -> Option<DnsName<'_>> {
    DnsName::try_from(name).ok()
}

/// The best of the keys that can sign for this client: the first whose chain the client can verify,
/// or else the first.
fn best_for<'a>(
    hello: &ClientHello<'_>,
    keys: impl Iterator<Item = &'a Arc<CertifiedKey>>,
) -> Option<&'a Arc<CertifiedKey>> {
    // The first of the best: false is less than true.
    keys.filter(|key| key.scheme_for(hello).is_some()).min_by_key(|key| {
        !key.is_issued_with(hello.signature_algorithms_cert, hello.signature_algorithms)
    })
}

impl ClientCertificateResolver for CertificateList {
    /// The client's certificate for a CertificateRequest: for its certificate_authorities (section
    /// 4.3.4), oid_filters (section 4.3.5) and signature schemes (section 4.5.1.2).
    fn choose(
        &self,
        request: &CertificateRequest<'_>,
        certificate_type: CertificateType,
    ) -> Reply<Option<Arc<CertifiedKey>>> {
        let candidates = self.keys.iter().filter(|key| {
            key.certificate_type() == certificate_type
                && signs_for(key, request)
                && matches_filters(key, request)
        });
        // The first of the best: false is less than true.
        let chosen = candidates.min_by_key(|key| {
            let is_verifiable =
                key.is_issued_with(request.signature_algorithms_cert, request.signature_algorithms);
            (!is_of_authority(key, request), !is_verifiable)
        });
        Reply::Now(chosen.cloned())
    }

    fn certificate_types(&self) -> &[CertificateType] {
        const BOTH: [CertificateType; 2] = [CertificateType::X509, CertificateType::RAW_PUBLIC_KEY];
        let [x509_only, raw_only] = [&BOTH[..1], &BOTH[1..]];
        match (self.has_type(BOTH[0]), self.has_type(BOTH[1])) {
            (true, true) => &BOTH,
            (false, true) => raw_only,
            _ => x509_only,
        }
    }
}

fn signs_for(key: &CertifiedKey, request: &CertificateRequest<'_>) -> bool {
    match request.signature_algorithms {
        Some(schemes) => key.scheme_for_request(schemes).is_some(),
        None => false,
    }
}

/// Whether the certificate matches the server's OID filters (RFC 9846, section 4.3.5). They do not
/// apply to a raw public key.
fn matches_filters(key: &CertifiedKey, request: &CertificateRequest<'_>) -> bool {
    if key.certificate_type() == CertificateType::RAW_PUBLIC_KEY {
        return true;
    }
    let (Some(filters), Some(certificate)) = (&request.oid_filters, key.chain().first()) else {
        return true;
    };
    filters.iter().all(|it| matches_oid_filter(certificate, it.identifier, it.values))
}

/// Whether one of the server's authorities has issued a certificate of the chain. A server that names
/// no authorities accepts all.
fn is_of_authority(key: &CertifiedKey, request: &CertificateRequest<'_>) -> bool {
    match request.certificate_authorities {
        Some(names) => issued_by_any(key.chain(), names.iter()),
        None => true,
    }
}
