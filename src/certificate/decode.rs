//! A certificate taken apart: every field that validation looks at, borrowed where it is raw.
//!
//! Decoding refuses what has no clear meaning. What means something that is not acceptable (an old
//! version, an expired date, an unknown critical extension) is kept for `checks` to judge.

use std::collections::HashSet;

use x509_parser::certificate::{X509Certificate, X509CertificateParser};
use x509_parser::error::X509Error;
use x509_parser::extensions::{
    BasicConstraints, ExtendedKeyUsage, KeyUsage, SubjectAlternativeName, X509Extension,
};
use x509_parser::nom::{IResult, Parser};
use x509_parser::oid_registry::{
    OID_X509_EXT_BASIC_CONSTRAINTS, OID_X509_EXT_EXTENDED_KEY_USAGE, OID_X509_EXT_KEY_USAGE,
    OID_X509_EXT_NAME_CONSTRAINTS, OID_X509_EXT_SUBJECT_ALT_NAME,
};
use x509_parser::prelude::FromDer;

use super::der::{self, Reader};
use super::error::{Timestamp, printable};
use super::name::SubjectName;
use super::request::Purpose;
use super::signature::PublicKey;

/// The `version` field's value for a certificate of version 3.
pub(super) const V3: u32 = 2;

pub(super) struct Certificate<'a> {
    /// The subject in words, safe to print.
    pub(super) label: String,
    /// The issuer in words, safe to print.
    pub(super) issuer_label: String,
    pub(super) version: u32,
    pub(super) serial: &'a [u8],
    /// What is signed.
    pub(super) tbs: &'a [u8],
    /// The algorithm that the signed part names: contents of the AlgorithmIdentifier.
    pub(super) inner_algorithm: &'a [u8],
    /// The algorithm beside the signature: contents of the AlgorithmIdentifier.
    pub(super) algorithm: &'a [u8],
    pub(super) signature: &'a [u8],
    /// Contents of the Name.
    pub(super) issuer: &'a [u8],
    /// Contents of the Name.
    pub(super) subject: &'a [u8],
    pub(super) not_before: Timestamp,
    pub(super) not_after: Timestamp,
    /// The SubjectPublicKeyInfo as it stands, header and all.
    pub(super) spki: &'a [u8],
    pub(super) key: PublicKey<'a>,
    pub(super) basic_constraints: Option<BasicConstraints>,
    pub(super) key_usage: Option<KeyUsage>,
    pub(super) extended_key_usage: Option<Usages>,
    pub(super) names: Vec<SubjectName>,
    /// Contents of the NameConstraints.
    pub(super) name_constraints: Option<&'a [u8]>,
    /// The first critical extension that nothing here understands.
    pub(super) unknown_critical: Option<String>,
}

/// What an extended key usage extension allows (RFC 5280, section 4.2.1.12).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Usages {
    any: bool,
    server: bool,
    client: bool,
}

impl Usages {
    /// Whether they allow the purpose by name, or by `anyExtendedKeyUsage` where that counts.
    pub(super) fn allow(self, purpose: Purpose, any_counts: bool) -> bool {
        let named = match purpose {
            Purpose::Server => self.server,
            Purpose::Client => self.client,
        };
        named || (self.any && any_counts)
    }
}

impl<'a> Certificate<'a> {
    /// Decodes, or says what it stumbled over.
    pub(super) fn decode(input: &'a [u8]) -> Result<Self, &'static str> {
        // Extensions are decoded below: only those that matter, and with nothing after them.
        let (rest, x509) = X509CertificateParser::new()
            .with_deep_parse_extensions(false)
            .parse(input)
            .map_err(|_| "it is not the DER of an X.509 certificate")?;
        if !rest.is_empty() {
            return Err("there are bytes after its end");
        }
        let raw = Raw::read(input).ok_or("its structure is not strict DER")?;
        // Two parsers must never see two certificates in the same bytes.
        if raw.subject.whole != x509.subject.as_raw()
            || raw.issuer.whole != x509.issuer.as_raw()
            || raw.spki.whole != x509.subject_pki.raw
        {
            return Err("its structure is ambiguous");
        }
        let key = PublicKey::read(raw.spki.contents).ok_or("its public key does not parse")?;

        let mut certificate = Self {
            label: printable(&x509.subject.to_string()),
            issuer_label: printable(&x509.issuer.to_string()),
            version: x509.version.0,
            serial: raw.serial,
            tbs: raw.tbs,
            inner_algorithm: raw.inner_algorithm,
            algorithm: raw.algorithm,
            signature: raw.signature,
            issuer: raw.issuer.contents,
            subject: raw.subject.contents,
            not_before: Timestamp::from_secs(x509.validity.not_before.timestamp()),
            not_after: Timestamp::from_secs(x509.validity.not_after.timestamp()),
            spki: raw.spki.whole,
            key,
            basic_constraints: None,
            key_usage: None,
            extended_key_usage: None,
            names: Vec::new(),
            name_constraints: None,
            unknown_critical: None,
        };
        certificate.read_extensions(&x509)?;
        Ok(certificate)
    }

    fn read_extensions(&mut self, x509: &X509Certificate<'a>) -> Result<(), &'static str> {
        let mut seen = HashSet::new();
        for extension in x509.extensions() {
            // RFC 5280, section 4.2: no extension twice.
            if !seen.insert(extension.oid.as_bytes()) {
                return Err("it has the same extension twice");
            }
            self.read_extension(extension)?;
        }
        Ok(())
    }

    fn read_extension(&mut self, extension: &X509Extension<'a>) -> Result<(), &'static str> {
        let (oid, value) = (&extension.oid, extension.value);
        if *oid == OID_X509_EXT_BASIC_CONSTRAINTS {
            let constraints = whole(BasicConstraints::from_der(value));
            self.basic_constraints = Some(constraints.ok_or("its basicConstraints do not parse")?);
        } else if *oid == OID_X509_EXT_KEY_USAGE {
            let usage = whole(KeyUsage::from_der(value));
            self.key_usage = Some(usage.ok_or("its keyUsage does not parse")?);
        } else if *oid == OID_X509_EXT_EXTENDED_KEY_USAGE {
            let usage = whole(ExtendedKeyUsage::from_der(value))
                .ok_or("its extended key usage does not parse")?;
            self.extended_key_usage = Some(Usages {
                any: usage.any,
                server: usage.server_auth,
                client: usage.client_auth,
            });
        } else if *oid == OID_X509_EXT_SUBJECT_ALT_NAME {
            let names = whole(SubjectAlternativeName::from_der(value))
                .ok_or("its subject alternative names do not parse")?;
            self.names = names.general_names.iter().map(SubjectName::from_general).collect();
        } else if *oid == OID_X509_EXT_NAME_CONSTRAINTS {
            let constraints = der::only(value, der::SEQUENCE);
            self.name_constraints = Some(constraints.ok_or("its name constraints do not parse")?);
        } else if extension.critical && self.unknown_critical.is_none() {
            self.unknown_critical = Some(printable(&oid.to_id_string()));
        }
        Ok(())
    }

    /// Whether the certificate says that it is a CA's.
    pub(super) fn is_ca(&self) -> bool {
        self.basic_constraints.as_ref().is_some_and(|constraints| constraints.ca)
    }

    /// Issuer and subject are the same name (RFC 5280, section 6.1); the keys may differ.
    pub(super) fn is_self_issued(&self) -> bool {
        self.issuer == self.subject
    }
}

/// What was parsed, if nothing came after it.
fn whole<T>(parsed: IResult<&[u8], T, X509Error>) -> Option<T> {
    match parsed {
        Ok(([], value)) => Some(value),
        _ => None,
    }
}

/// The raw parts (RFC 5280, section 4.1).
struct Raw<'a> {
    tbs: &'a [u8],
    serial: &'a [u8],
    inner_algorithm: &'a [u8],
    issuer: der::Element<'a>,
    subject: der::Element<'a>,
    spki: der::Element<'a>,
    algorithm: &'a [u8],
    signature: &'a [u8],
}

impl<'a> Raw<'a> {
    fn read(input: &'a [u8]) -> Option<Self> {
        let mut outer = Reader::new(der::only(input, der::SEQUENCE)?);
        let tbs = outer.expect(der::SEQUENCE)?;
        let algorithm = outer.expect(der::SEQUENCE)?.contents;
        let signature = der::whole_bytes(outer.expect(der::BIT_STRING)?.contents)?;
        outer.end()?;

        let mut fields = Reader::new(tbs.contents);
        if let Some(version) = fields.optional(der::constructed(0))? {
            der::only(version.contents, der::INTEGER)?;
        }
        let serial = fields.expect(der::INTEGER)?.contents;
        let inner_algorithm = fields.expect(der::SEQUENCE)?.contents;
        let issuer = fields.expect(der::SEQUENCE)?;
        let _validity = fields.expect(der::SEQUENCE)?;
        let subject = fields.expect(der::SEQUENCE)?;
        let spki = fields.expect(der::SEQUENCE)?;
        for unique_id in [der::primitive(1), der::primitive(2)] {
            fields.optional(unique_id)?;
        }
        if let Some(extensions) = fields.optional(der::constructed(3))? {
            der::only(extensions.contents, der::SEQUENCE)?;
        }
        fields.end()?;
        Some(Self {
            tbs: tbs.whole,
            serial,
            inner_algorithm,
            issuer,
            subject,
            spki,
            algorithm,
            signature,
        })
    }
}
