//! One chain to judge, with all that it is judged by.

use handclasp::TrustAnchors;
use handclasp::certificate::{
    CertificateError, ChainRequest, Explanation, PathLimits, Problem, Profile, Purpose,
    ReferenceIdentifier, VerifiedPath, explain_chain, verify_chain,
};
use handclasp::crypto::CryptoProvider;
use handclasp::pki_types::{CertificateDer, ServerName, UnixTime};

/// A name that the certificate must be valid for.
#[derive(Clone, Debug)]
pub enum Name {
    Server(ServerName<'static>),
    Email(String),
    /// What nothing is valid for: a DNS name that is none, for instance.
    Impossible(String),
}

/// Whom to believe, and what could not be taken for it.
#[derive(Default)]
pub struct Anchors {
    trusted: TrustAnchors,
    /// How many were given.
    given: usize,
    /// What is wrong with the first that is malformed. It is no anchor; the others are.
    malformed: Option<CertificateError>,
}

impl From<TrustAnchors> for Anchors {
    fn from(trusted: TrustAnchors) -> Self {
        Self { given: trusted.len(), trusted, malformed: None }
    }
}

impl Anchors {
    pub fn add(&mut self, root: CertificateDer<'static>) {
        self.given += 1;
        if let Err(mut error) = self.trusted.add(root) {
            error.certificate = format!("{} {}", error.certificate, self.given);
            self.malformed.get_or_insert(error);
        }
    }
}

pub struct Case {
    pub end_entity: CertificateDer<'static>,
    pub intermediates: Vec<CertificateDer<'static>>,
    pub anchors: Anchors,
    pub names: Vec<Name>,
    pub time: UnixTime,
    pub purpose: Purpose,
    pub profile: Profile,
    pub max_depth: Option<usize>,
}

impl Case {
    pub fn verify(&self) -> Result<VerifiedPath, CertificateError> {
        self.judge(self.ask(verify_chain))
    }

    /// As [`Self::verify`], with what was tried.
    pub fn explain(&self) -> Explanation {
        let mut explanation = self.ask(explain_chain);
        explanation.verdict = self.judge(explanation.verdict);
        explanation
    }

    fn ask<T>(&self, ask: impl FnOnce(&ChainRequest<'_>) -> T) -> T {
        let names = self.names.iter().filter_map(|name| match name {
            Name::Server(name) => Some(ReferenceIdentifier::Server(name.clone())),
            Name::Email(address) => Some(ReferenceIdentifier::Email(address)),
            Name::Impossible(_) => None,
        });
        let names: Vec<_> = names.collect();
        let mut limits = PathLimits::DEFAULT;
        limits.depth = self.max_depth.unwrap_or(limits.depth);
        ask(&ChainRequest {
            end_entity: &self.end_entity,
            intermediates: &self.intermediates,
            anchors: &self.anchors.trusted,
            purpose: self.purpose,
            names: &names,
            profile: self.profile,
            now: self.time,
            algorithms: &CryptoProvider::ring().signatures.all,
            limits,
        })
    }

    /// The verdict, with what the library could not be asked.
    fn judge(
        &self,
        verdict: Result<VerifiedPath, CertificateError>,
    ) -> Result<VerifiedPath, CertificateError> {
        let impossible = self.names.iter().find_map(|name| match name {
            Name::Impossible(name) => Some(name),
            _ => None,
        });
        match (verdict, impossible, &self.anchors.malformed) {
            // The path may be missing for want of that anchor.
            (Err(error), _, Some(malformed))
                if matches!(error.problem, Problem::UnknownIssuer(_) | Problem::SelfIssued) =>
            {
                Err(malformed.clone())
            }
            (Ok(path), Some(name), _) => Err(CertificateError {
                certificate: path.end_entity.subject().to_owned(),
                problem: Problem::NameMismatch {
                    expected: name.escape_default().to_string(),
                    presented: Vec::new(),
                    omitted: 0,
                },
            }),
            (verdict, _, _) => verdict,
        }
    }
}
