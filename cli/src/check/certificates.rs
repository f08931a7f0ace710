//! Are the server's certificates good: accepted, in order, with enough days left, and with a staple?

use handclasp::ClientConnection;
use handclasp::certificate::CertificateError;
use handclasp::crypto::CryptoProvider;
use handclasp::pki_types::UnixTime;
use handclasp_explain::Certificate;
use handclasp_explain::words::{counted, expired};
use serde::Serialize;

use super::advice::Advice;
use super::section::{Row, Section};
use crate::advice;
use crate::certificates;

/// With fewer days left, the renewal is late.
const FEW_DAYS: i64 = 14;
/// The shortest RSA key that is still good, in bits.
const MIN_RSA_BITS: usize = 2048;
/// The name of the reason of a refusal because of a date.
const EXPIRED: &str = "expired";

#[derive(Clone, Debug, Serialize)]
pub struct Certificates {
    pub is_accepted: bool,
    /// Why it is refused: a stable name, the reason, and what to change.
    pub code: Option<&'static str>,
    pub reason: Option<String>,
    pub remedy: Option<String>,
    /// Those that the server has sent, its own first.
    pub certificates: Vec<Certificate>,
    /// Each certificate is issued by the one behind it.
    pub is_in_order: bool,
    /// The root is there, too. Clients have it already.
    pub has_root: bool,
    /// The days left of the certificate that expires first.
    pub days_left: Option<i64>,
    /// The length of the stapled OCSP response, in bytes. It was verified with the chain.
    pub ocsp_response_length: Option<usize>,
}

impl Certificates {
    /// Of the certificates of this connection, which the trust anchors verify with this result.
    pub fn of(
        connection: &ClientConnection,
        verification: Option<Result<(), CertificateError>>,
    ) -> Self {
        let (provider, now) = (CryptoProvider::default(), UnixTime::now());
        let parameters = connection.parameters();
        let mut certificates = Vec::new();
        for der in parameters.certificates.iter().flat_map(|chain| chain.iter()) {
            certificates.push(Certificate::from_der(der, &provider, now));
        }
        let error = verification.and_then(Result::err);
        let has_root =
            certificates.len() > 1 && certificates.last().is_some_and(has_own_name_as_issuer);
        Self {
            is_accepted: error.is_none(),
            code: error.as_ref().map(|error| error.kind.code()),
            reason: error.as_ref().map(ToString::to_string),
            remedy: error.as_ref().and_then(|error| advice::for_certificate(&error.kind)),
            is_in_order: certificates.windows(2).all(|pair| match pair {
                [one, next] => one.issuer == next.subject,
                _ => true,
            }),
            has_root,
            days_left: certificates.iter().filter_map(|it| it.days_left).min(),
            ocsp_response_length: parameters.ocsp_response.as_ref().map(|it| it.len()),
            certificates,
        }
    }

    /// Keys and signatures that are too weak.
    fn weaknesses(&self) -> Vec<String> {
        let mut weak = Vec::new();
        for certificate in &self.certificates {
            let subject = certificate.subject.as_deref().unwrap_or("a certificate");
            let algorithm = certificate.key.algorithm.as_deref().unwrap_or_default();
            match certificate.key.bits {
                Some(bits) if algorithm.contains("rsa") && bits < MIN_RSA_BITS => {
                    weak.push(format!("{subject} has an RSA key of {bits} bits"));
                }
                _ => {}
            }
            let signature = certificate.signature_algorithm.as_deref().unwrap_or_default();
            let signature = signature.to_ascii_lowercase();
            if signature.contains("sha1") && certificate.subject != certificate.issuer {
                weak.push(format!("{subject} is signed with SHA-1"));
            }
        }
        weak
    }

    fn lifetime_advice(&self) -> Vec<Advice> {
        let mut advice = Vec::new();
        for (index, certificate) in self.certificates.iter().enumerate() {
            let Some(days) = certificate.days_left else { continue };
            let name = name(certificate);
            match days {
                ..0 => advice.extend(self.expired_advice(index, name, days)),
                0..FEW_DAYS => {
                    let days = counted_days(days);
                    let text = format!("renew the certificate {name}: it expires in {days}");
                    advice.push(Advice::improvement("few-days-left", text));
                }
                _ => {}
            }
        }
        advice
    }

    /// About the expired certificate with this index and name.
    fn expired_advice(&self, index: usize, name: &str, days: i64) -> Option<Advice> {
        let expired = expired(days);
        if self.is_accepted {
            let text = format!(
                "leave out the certificate {name}: it {expired}, and the chain is accepted without it"
            );
            return Some(Advice::improvement("expired-certificate-sent", text));
        }
        let certificates = self.certificates.iter();
        let number = certificates.filter(|it| it.days_left.is_some_and(|days| days < 0)).count();
        if self.code == Some(EXPIRED) && number == 1 {
            // The reason of the refusal says it.
            return None;
        }
        let text = match index {
            0 => format!("renew the server's certificate: it {expired}"),
            _ => format!("replace the certificate {name}, or leave it out: it {expired}"),
        };
        Some(Advice::fault("expired-certificate", text))
    }
}

/// The subject, for a sentence.
fn name(certificate: &Certificate) -> &str {
    certificate.subject.as_deref().unwrap_or("without a name")
}

/// What there is to say in one line about a certificate behind the server's own.
fn summary(certificate: &Certificate) -> String {
    if let Some(reason) = &certificate.malformed {
        return format!("malformed: {reason}");
    }
    let name = name(certificate);
    match certificate.days_left {
        Some(days) if days < 0 => format!("{name}, {}", expired(days)),
        Some(days) => format!("{name}, {} left", counted_days(days)),
        None => name.to_owned(),
    }
}

fn counted_days(days: i64) -> String {
    counted(usize::try_from(days).unwrap_or_default(), "day")
}

/// A root has issued itself.
fn has_own_name_as_issuer(certificate: &Certificate) -> bool {
    certificate.subject.is_some() && certificate.subject == certificate.issuer
}

impl Section for Certificates {
    fn title(&self) -> &'static str {
        "Certificates"
    }

    fn rows(&self) -> Vec<Row> {
        let result = match &self.reason {
            Some(reason) => format!("refused: {reason}"),
            None => "accepted".to_owned(),
        };
        let mut rows = vec![Row::new("verification", result)];
        if let Some(own) = self.certificates.first() {
            let own = certificates::rows(own);
            rows.extend(own.into_iter().map(|(name, value)| Row { name, value }));
        }
        let others = self.certificates.iter().skip(1);
        rows.extend(others.map(|certificate| Row::new("also sent", summary(certificate))));
        rows.push(Row::yes_or_no("in order", self.is_in_order));
        let staple = match self.ocsp_response_length {
            Some(length) => format!("{length} bytes"),
            None => "none".to_owned(),
        };
        rows.push(Row::new("OCSP staple", staple));
        rows
    }

    fn advice(&self) -> Vec<Advice> {
        let mut advice = Vec::new();
        if let (Some(code), Some(reason)) = (self.code, &self.reason) {
            let text = match &self.remedy {
                Some(remedy) => format!("{reason}: {remedy}"),
                None => reason.clone(),
            };
            advice.push(Advice::fault(code, text));
        }
        advice.extend(self.lifetime_advice());
        if !self.is_in_order {
            let text = "send the certificates in order, each before its issuer: some clients do not search";
            advice.push(Advice::improvement("chain-not-in-order", text));
        }
        if self.has_root {
            let text =
                "leave the root out of the chain: clients have it, and it costs bytes each time";
            advice.push(Advice::improvement("root-sent", text));
        }
        for weakness in self.weaknesses() {
            advice.push(Advice::improvement("weak-certificate", format!("replace it: {weakness}")));
        }
        advice
    }
}
