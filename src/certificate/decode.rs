//! A certificate taken apart: every field that validation looks at, borrowed where it is raw.
//!
//! Decoding refuses what has no clear meaning. What means something that is not acceptable (an old
//! version, an expired date, an unknown critical extension) is kept for `checks` to judge.

use x509_parser::nom::Parser;
use x509_parser::oid_registry::{
    OID_X509_EXT_BASIC_CONSTRAINTS, OID_X509_EXT_EXTENDED_KEY_USAGE, OID_X509_EXT_KEY_USAGE,
    OID_X509_EXT_NAME_CONSTRAINTS, OID_X509_EXT_SUBJECT_ALT_NAME,
};
use x509_parser::prelude::{
    BasicConstraints, ExtendedKeyUsage, FromDer, KeyUsage, SubjectAlternativeName, X509Certificate,
    X509CertificateParser, X509Error, X509Extension,
};

use super::der;
use super::error::{CertificateError, Problem, Timestamp, printable};
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
    /// Whether the certificate says that it is a CA's.
    pub(super) is_ca: bool,
    pub(super) key_usage: Option<KeyUsage>,
    pub(super) names: Vec<SubjectName>,
    pub(super) scope: Scope,
    /// The first critical extension that nothing here understands.
    pub(super) unknown_critical: Option<String>,
}

/// What a certificate says about those that it may issue; an anchor has one too.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Scope {
    pub(super) path_length: Option<u32>,
    pub(super) extended_key_usage: Option<Usages>,
    /// Contents of the NameConstraints.
    pub(super) name_constraints: Option<Vec<u8>>,
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
            Purpose::Any => true,
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
        let key =
            PublicKey::from_spki(x509.subject_pki.raw).ok_or("its public key does not parse")?;
        let mut certificate =
            Self::with_fields(input, &x509, key).ok_or("its structure is not strict DER")?;
        // RFC 5280, section 4.2: no extension twice.
        x509.extensions_map().map_err(|_| "it has the same extension twice")?;
        for extension in x509.extensions() {
            certificate.read_extension(extension)?;
        }
        Ok(certificate)
    }

    /// Everything but what the extensions say. Reads the structure (RFC 5280, section 4.1) once more: for
    /// the raw parts, and because the parser forgives bytes that it does not understand.
    fn with_fields(
        input: &'a [u8],
        x509: &X509Certificate<'a>,
        key: PublicKey<'a>,
    ) -> Option<Self> {
        let [tbs, algorithm, signature] = der::fields(
            der::only(input, der::SEQUENCE)?,
            [der::SEQUENCE, der::SEQUENCE, der::BIT_STRING],
        )?;
        let mut fields = der::elements(tbs.contents)?;
        if let Some(version) = fields.first().filter(|it| it.tag == der::constructed(0)) {
            der::only(version.contents, der::INTEGER)?;
            fields.remove(0);
        }
        if let Some(extensions) = fields.last().filter(|it| it.tag == der::constructed(3)) {
            let extensions = der::elements(der::only(extensions.contents, der::SEQUENCE)?)?;
            (extensions.len() == x509.extensions().len()).then_some(())?;
        }
        let &[serial, inner_algorithm, issuer, _validity, subject, spki, ..] = fields.as_slice()
        else {
            return None;
        };
        // Two parsers must never see two certificates in the same bytes.
        let same = serial.contents == x509.raw_serial()
            && issuer.whole == x509.issuer.as_raw()
            && subject.whole == x509.subject.as_raw()
            && spki.whole == x509.subject_pki.raw
            && tbs.whole == x509.tbs_certificate.as_ref();
        same.then_some(Self {
            label: printable(&x509.subject.to_string()),
            issuer_label: printable(&x509.issuer.to_string()),
            version: x509.version.0,
            serial: serial.contents,
            tbs: tbs.whole,
            inner_algorithm: inner_algorithm.contents,
            algorithm: algorithm.contents,
            signature: der::whole_bytes(signature.contents)?,
            issuer: issuer.contents,
            subject: subject.contents,
            not_before: Timestamp(x509.validity.not_before.timestamp()),
            not_after: Timestamp(x509.validity.not_after.timestamp()),
            spki: spki.whole,
            key,
            is_ca: false,
            key_usage: None,
            names: Vec::new(),
            scope: Scope::default(),
            unknown_critical: None,
        })
    }

    fn read_extension(&mut self, extension: &X509Extension<'a>) -> Result<(), &'static str> {
        let (oid, value) = (&extension.oid, extension.value);
        if *oid == OID_X509_EXT_BASIC_CONSTRAINTS {
            let constraints: BasicConstraints = whole(value, "its basicConstraints do not parse")?;
            self.is_ca = constraints.ca;
            self.scope.path_length = constraints.path_len_constraint;
        } else if *oid == OID_X509_EXT_KEY_USAGE {
            self.key_usage = Some(whole(value, "its keyUsage does not parse")?);
        } else if *oid == OID_X509_EXT_EXTENDED_KEY_USAGE {
            let ExtendedKeyUsage { any, server_auth: server, client_auth: client, .. } =
                whole(value, "its extended key usage does not parse")?;
            self.scope.extended_key_usage = Some(Usages { any, server, client });
        } else if *oid == OID_X509_EXT_SUBJECT_ALT_NAME {
            let names: SubjectAlternativeName<'_> =
                whole(value, "its subject alternative names do not parse")?;
            self.names = names.general_names.iter().map(SubjectName::from_general).collect();
        } else if *oid == OID_X509_EXT_NAME_CONSTRAINTS {
            let constraints =
                der::only(value, der::SEQUENCE).ok_or("its name constraints do not parse")?;
            self.scope.name_constraints = Some(constraints.to_vec());
        } else if extension.critical && self.unknown_critical.is_none() {
            self.unknown_critical = Some(printable(&oid.to_id_string()));
        }
        Ok(())
    }

    /// Issuer and subject are the same name (RFC 5280, section 6.1); the keys may differ.
    pub(super) fn is_self_issued(&self) -> bool {
        self.issuer == self.subject
    }

    /// This is wrong with the certificate.
    pub(super) fn error(&self, problem: Problem) -> CertificateError {
        CertificateError { certificate: self.label.clone(), problem }
    }
}

/// An extension's value, with nothing after it.
fn whole<'a, T: FromDer<'a, X509Error>>(
    value: &'a [u8],
    error: &'static str,
) -> Result<T, &'static str> {
    match T::from_der(value) {
        Ok(([], parsed)) => Ok(parsed),
        _ => Err(error),
    }
}
