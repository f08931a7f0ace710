//! A certificate taken apart: every field that validation looks at, borrowed where it is raw.
//!
//! Decoding refuses what has no clear meaning. What means something that is not acceptable (an old
//! version, an expired date, an unknown critical extension) is kept for `checks` to judge.

use x509_parser::prelude::{FromDer, KeyUsage};
use x509_parser::time::ASN1Time;

use super::der::{self, Reader};
use super::distinguished_name::{self, EMAIL_ADDRESS};
use super::error::{CertificateError, Problem, Timestamp, printable};
use super::name::{self, SubjectName};
use super::policies::Policies;
use super::request::Purpose;
use super::signature::{self, PublicKey, Signed};

/// The `version` field's value for a certificate of version 3.
pub(super) const V3: u32 = 2;

/// The extensions that validation looks at: contents of their object identifiers.
pub(super) mod oid {
    pub(crate) const SUBJECT_KEY_IDENTIFIER: &[u8] = &[0x55, 0x1d, 14];
    pub(crate) const KEY_USAGE: &[u8] = &[0x55, 0x1d, 15];
    pub(crate) const SUBJECT_ALT_NAME: &[u8] = &[0x55, 0x1d, 17];
    pub(crate) const BASIC_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 19];
    pub(crate) const NAME_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 30];
    pub(crate) const CERTIFICATE_POLICIES: &[u8] = &[0x55, 0x1d, 32];
    pub(crate) const POLICY_MAPPINGS: &[u8] = &[0x55, 0x1d, 33];
    pub(crate) const AUTHORITY_KEY_IDENTIFIER: &[u8] = &[0x55, 0x1d, 35];
    pub(crate) const POLICY_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 36];
    pub(crate) const EXTENDED_KEY_USAGE: &[u8] = &[0x55, 0x1d, 37];
    pub(crate) const INHIBIT_ANY_POLICY: &[u8] = &[0x55, 0x1d, 54];
    pub(crate) const AUTHORITY_INFORMATION_ACCESS: &[u8] =
        &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x01, 0x01];
}

/// An extension as it stands in the certificate.
#[derive(Clone, Copy)]
pub(super) struct Extension<'a> {
    /// Contents of the object identifier.
    pub(super) oid: &'a [u8],
    pub(super) critical: bool,
    pub(super) value: &'a [u8],
}

pub(super) struct Certificate<'a> {
    /// The whole of it, as it came.
    pub(super) der: &'a [u8],
    pub(super) version: u32,
    pub(super) serial: &'a [u8],
    pub(super) signed: Signed<'a>,
    /// The algorithm that the signed part names: contents of the AlgorithmIdentifier.
    pub(super) inner_algorithm: &'a [u8],
    /// Contents of the Name.
    pub(super) issuer: &'a [u8],
    /// Contents of the Name.
    pub(super) subject: &'a [u8],
    /// Contents of the Validity.
    pub(super) validity: &'a [u8],
    /// The issuer's name in the form that is compared (see `distinguished_name`).
    pub(super) folded_issuer: Vec<u8>,
    /// The subject in the form that is compared.
    pub(super) folded_subject: Vec<u8>,
    /// The keyIdentifier of the authorityKeyIdentifier.
    pub(super) authority_key_id: Option<&'a [u8]>,
    pub(super) subject_key_id: Option<&'a [u8]>,
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
    pub(super) policies: Policies<'a>,
    /// Whether it has an issuerUniqueID or a subjectUniqueID.
    pub(super) has_unique_ids: bool,
    pub(super) extensions: Vec<Extension<'a>>,
}

/// What a certificate says about those that it may issue; an anchor has one too.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Scope {
    pub(super) path_length: Option<u32>,
    pub(super) extended_key_usage: Option<Usages>,
    /// Contents of the NameConstraints.
    pub(super) name_constraints: Option<Vec<u8>>,
    /// The first critical extension that nothing here understands: it may be a limit too.
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
    fn read(value: &[u8]) -> Option<Self> {
        const PURPOSE: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3];
        let mut usages = Self { any: false, server: false, client: false };
        let mut list = Reader(der::only(value, der::SEQUENCE)?);
        while !list.is_empty() {
            let oid = list.take(der::OBJECT_IDENTIFIER)?.contents;
            usages.any |= oid == [0x55, 0x1d, 37, 0];
            usages.server |= oid.strip_prefix(PURPOSE) == Some(&[1]);
            usages.client |= oid.strip_prefix(PURPOSE) == Some(&[2]);
        }
        Some(usages)
    }

    /// Whether `anyExtendedKeyUsage` is among them.
    pub(super) fn allow_any(self) -> bool {
        self.any
    }

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
        let mut whole = Reader(input);
        let outer = whole.take(der::SEQUENCE);
        if outer.is_some() && !whole.is_empty() {
            return Err("there are bytes after its end");
        }
        let mut certificate = outer
            .and_then(|outer| Self::with_fields(input, outer.contents))
            .ok_or("it is not the strict DER of an X.509 certificate")?;
        let extensions = core::mem::take(&mut certificate.extensions);
        // RFC 5280, section 4.2: no extension twice. Sorted, because there may be thousands.
        let mut kinds: Vec<_> = extensions.iter().map(|extension| extension.oid).collect();
        kinds.sort_unstable();
        if kinds.windows(2).any(|pair| matches!(pair, [one, other] if one == other)) {
            return Err("it has the same extension twice");
        }
        for extension in &extensions {
            certificate.read_extension(*extension)?;
        }
        certificate.extensions = extensions;
        Ok(certificate)
    }

    /// Everything but what the extensions say: the structure of RFC 5280, section 4.1.
    fn with_fields(input: &'a [u8], contents: &'a [u8]) -> Option<Self> {
        let (signed, mut fields) = Signed::read(contents)?;
        let version = match fields.take(der::constructed(0)) {
            Some(version) => der::count(der::only(version.contents, der::INTEGER)?)?,
            None => 0,
        };
        let serial = fields.take(der::INTEGER)?.contents;
        let inner_algorithm = fields.take(der::SEQUENCE)?.contents;
        let issuer = fields.take(der::SEQUENCE)?.contents;
        let validity = fields.take(der::SEQUENCE)?.contents;
        let subject = fields.take(der::SEQUENCE)?.contents;
        let spki = fields.take(der::SEQUENCE)?;
        let unique_ids = [1, 2].map(|number| fields.take(der::primitive(number)));
        let mut extensions = Vec::new();
        if let Some(list) = fields.take(der::constructed(3)) {
            let list = der::only(list.contents, der::SEQUENCE)?;
            extensions = Extension::each(list).collect::<Option<_>>()?;
        }
        let mut times = Reader(validity);
        let (not_before, not_after) = (time(times.next()?)?, time(times.next()?)?);
        let key = PublicKey::from_spki(spki.whole)?;
        let algorithms = [inner_algorithm, signed.algorithm, key.algorithm];
        let named = algorithms.iter().all(|it| Reader(it).take(der::OBJECT_IDENTIFIER).is_some());
        (named && times.is_empty() && fields.is_empty()).then_some(Self {
            der: input,
            version,
            serial,
            signed,
            inner_algorithm,
            issuer,
            subject,
            validity,
            folded_issuer: distinguished_name::folded(issuer)?,
            folded_subject: distinguished_name::folded(subject)?,
            authority_key_id: None,
            subject_key_id: None,
            not_before,
            not_after,
            spki: spki.whole,
            key,
            is_ca: false,
            key_usage: None,
            names: Vec::new(),
            scope: Scope::default(),
            policies: Policies::default(),
            has_unique_ids: unique_ids.iter().any(Option::is_some),
            extensions,
        })
    }

    fn read_extension(&mut self, extension: Extension<'a>) -> Result<(), &'static str> {
        let value = extension.value;
        // Key identifiers only say where to look first; one that does not parse says nothing.
        match extension.oid {
            oid::AUTHORITY_KEY_IDENTIFIER => {
                let fields = der::only(value, der::SEQUENCE).map(der::Reader);
                let key_id = fields.and_then(|mut fields| fields.take(der::primitive(0)));
                self.authority_key_id = key_id.map(|key_id| key_id.contents);
            }
            oid::SUBJECT_KEY_IDENTIFIER => {
                self.subject_key_id = der::only(value, der::OCTET_STRING);
            }
            _ => {}
        }
        match extension.oid {
            oid::BASIC_CONSTRAINTS => {
                (self.is_ca, self.scope.path_length) =
                    basic_constraints(value).ok_or("its basicConstraints do not parse")?;
            }
            oid::KEY_USAGE => {
                let bits = der::only(value, der::BIT_STRING).and_then(der::named_bits);
                let flags = bits.ok_or("its keyUsage does not parse")?;
                self.key_usage = Some(KeyUsage { flags });
            }
            oid::EXTENDED_KEY_USAGE => {
                let usages = Usages::read(value).ok_or("its extended key usage does not parse")?;
                self.scope.extended_key_usage = Some(usages);
            }
            oid::SUBJECT_ALT_NAME => {
                self.names = name::subject_alternative_names(value)
                    .ok_or("its subject alternative names do not parse")?;
            }
            oid::NAME_CONSTRAINTS => {
                let constraints =
                    der::only(value, der::SEQUENCE).ok_or("its name constraints do not parse")?;
                self.scope.name_constraints = Some(constraints.to_vec());
            }
            _ => {
                let understood = self.policies.read(extension).ok_or(
                    "one of its extensions about policies does not parse, or lists too many",
                )?;
                if !understood && extension.critical && self.scope.unknown_critical.is_none() {
                    self.scope.unknown_critical =
                        Some(printable(&signature::oid_name(extension.oid)));
                }
            }
        }
        Ok(())
    }

    /// The subject in words, safe to print. It may be empty: its names say whose it is.
    pub(super) fn label(&self) -> String {
        name::label(self.subject, &self.names)
    }

    /// The issuer in words, safe to print.
    pub(super) fn issuer_label(&self) -> String {
        distinguished_name::describe(self.issuer)
    }

    /// The extension of this name.
    pub(super) fn extension(&self, oid: &[u8]) -> Option<Extension<'a>> {
        self.extensions.iter().find(|it| it.oid == oid).copied()
    }

    /// The names that name constraints hold for beside the subject alternative names (RFC 5280,
    /// section 4.2.1.10): the subject, and its email addresses if there are no alternative names.
    pub(super) fn names_of_subject(&self) -> Vec<SubjectName> {
        let has_alternatives = self.extension(oid::SUBJECT_ALT_NAME).is_some();
        let mut names = Vec::new();
        if !self.subject.is_empty() {
            names.push(SubjectName::directory(self.subject));
        }
        if !has_alternatives {
            let addresses = distinguished_name::values(self.subject, EMAIL_ADDRESS);
            names.extend(addresses.into_iter().map(SubjectName::Email));
        }
        names
    }

    /// Issuer and subject are the same name (RFC 5280, section 6.1); the keys may differ.
    pub(super) fn is_self_issued(&self) -> bool {
        self.issuer == self.subject || self.folded_issuer == self.folded_subject
    }

    /// This is wrong with the certificate.
    pub(super) fn error(&self, problem: Problem) -> CertificateError {
        CertificateError { certificate: self.label(), problem }
    }
}

impl<'a> Extension<'a> {
    /// Those of a list, from its contents. What is no extension is `None`.
    pub(super) fn each(list: &'a [u8]) -> impl Iterator<Item = Option<Self>> {
        der::each(list).map(|element| Self::read(element?))
    }

    fn read(element: der::Element<'a>) -> Option<Self> {
        let mut fields = Reader(element.contents);
        let oid = fields.take(der::OBJECT_IDENTIFIER)?.contents;
        let critical = fields.flag(der::BOOLEAN)?;
        let value = fields.take(der::OCTET_STRING)?.contents;
        let whole = element.tag == der::SEQUENCE && fields.is_empty();
        whole.then_some(Self { oid, critical, value })
    }
}

/// As [`time`], in one of the forms that certificates have.
pub(super) fn strict_time(element: der::Element<'_>) -> Option<Timestamp> {
    time(element).filter(|_| der::is_time(&element))
}

/// A time in any form that can be read; `checks` judges the form.
fn time(element: der::Element<'_>) -> Option<Timestamp> {
    match ASN1Time::from_der(element.whole) {
        Ok(([], time)) => Some(Timestamp(time.timestamp())),
        _ => None,
    }
}

/// Whether it is a CA, and its path length.
fn basic_constraints(value: &[u8]) -> Option<(bool, Option<u32>)> {
    let mut fields = Reader(der::only(value, der::SEQUENCE)?);
    let is_ca = fields.flag(der::BOOLEAN)?;
    let length = match fields.take(der::INTEGER) {
        Some(length) => Some(der::count(length.contents)?),
        None => None,
    };
    fields.is_empty().then_some((is_ca, length))
}
