//! A certificate taken apart: every field that validation looks at, borrowed where it is raw.
//!
//! Decoding refuses what has no clear meaning. What means something that is not acceptable (an old
//! version, an expired date, an unknown critical extension) is kept for `checks`.

use super::der::{self, Reader};
use super::distinguished_name;
use super::error::{CertificateError, CertificateErrorKind};
use super::fault::{self, Fault};
use super::key_usage::KeyUsage;
use super::name::{self, SubjectName};
use super::policies::{self, Policies};
use super::request::Purpose;
use super::signature::{PublicKey, Signed};
use super::time::Timestamp;
use super::{oid, revocation, text, time};

/// The `version` field's value for a certificate of version 3.
pub(super) const V3: u32 = 2;

/// How much of a critical extension is supported.
pub(super) enum ExtensionSupport {
    Full,
    /// All of it, except for this part.
    AllBut(String),
    None,
    Malformed,
}

/// An extension of a certificate.
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
    pub(super) normalized_issuer: Vec<u8>,
    /// The subject in the form that is compared.
    pub(super) normalized_subject: Vec<u8>,
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
    pub(super) constraints: IssuingConstraints,
    pub(super) policies: Policies<'a>,
    /// Whether it has an issuerUniqueID or a subjectUniqueID.
    pub(super) has_unique_ids: bool,
    pub(super) extensions: Vec<Extension<'a>>,
}

/// What a certificate or an anchor may issue.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct IssuingConstraints {
    pub(super) path_length: Option<u32>,
    pub(super) extended_key_usage: Option<ExtendedKeyUsage>,
    /// Contents of the NameConstraints.
    pub(super) name_constraints: Option<Vec<u8>>,
    /// The first critical extension that is not supported. It may be a constraint too.
    pub(super) unknown_critical: Option<String>,
}

/// What an extended key usage extension allows (RFC 5280, section 4.2.1.12).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct ExtendedKeyUsage {
    /// `anyExtendedKeyUsage` is among them.
    any: bool,
    /// Bit n is the n-th of [`PURPOSES`].
    named: u8,
    /// How many others there are.
    others: usize,
}

/// The last number of the purposes of the RFC, and what they are for.
const PURPOSES: [(u8, &str); 6] = [
    (1, "server authentication"),
    (2, "client authentication"),
    (3, "code signing"),
    (4, "email protection"),
    (8, "time stamping"),
    (9, "OCSP signing"),
];
const SERVER: u8 = 1;
const CLIENT: u8 = 2;

impl ExtendedKeyUsage {
    fn read(value: &[u8]) -> Option<Self> {
        let mut usages = Self::default();
        let mut list = Reader(der::only(value, der::SEQUENCE)?);
        while !list.is_empty() {
            usages.add(list.take(der::OBJECT_IDENTIFIER)?.contents);
        }
        Some(usages)
    }

    fn add(&mut self, oid: &[u8]) {
        const PURPOSE: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3];
        if oid == [0x55, 0x1d, 37, 0] {
            self.any = true;
            return;
        }
        let known =
            PURPOSES.iter().position(|(last, _)| oid.strip_prefix(PURPOSE) == Some(&[*last]));
        match known {
            Some(bit) => self.named |= 1 << bit,
            None => self.others += 1,
        }
    }

    /// Whether `anyExtendedKeyUsage` is among them.
    pub(super) fn allow_any(self) -> bool {
        self.any
    }

    /// Whether they allow the purpose by name, or by `anyExtendedKeyUsage` where that counts.
    pub(super) fn allow(self, purpose: Purpose, any_counts: bool) -> bool {
        let named = match purpose {
            Purpose::Server => self.named & SERVER != 0,
            Purpose::Client => self.named & CLIENT != 0,
            Purpose::Any => true,
        };
        named || (self.any && any_counts)
    }

    /// What they allow, in words.
    pub(super) fn describe(self) -> String {
        let mut words = Vec::new();
        for (bit, (_, purpose)) in PURPOSES.iter().enumerate() {
            if self.named & (1 << bit) != 0 {
                words.push((*purpose).to_owned());
            }
        }
        match self.others {
            0 => {}
            1 => words.push("one purpose that is not known here".to_owned()),
            others => words.push(format!("{others} purposes that are not known here")),
        }
        if self.any {
            words.push("any purpose, which counts for CAs only".to_owned());
        }
        if words.is_empty() { "no purpose".to_owned() } else { words.join(", ") }
    }
}

impl<'a> Certificate<'a> {
    /// Decodes, or says which field it stumbled over, and at which byte.
    pub(super) fn decode(input: &'a [u8]) -> Result<Self, String> {
        Self::read(input).map_err(|fault| fault.describe(input))
    }

    fn read(input: &'a [u8]) -> Result<Self, Fault<'a>> {
        let mut whole = Reader(input);
        let outer = fault::take(&mut whole, der::SEQUENCE, "Certificate")?;
        if !whole.is_empty() {
            let count = whole.0.len();
            return Err(Fault::new(format!("there are {count} bytes after its end"), whole.0));
        }
        let mut certificate = Self::with_fields(input, outer.contents)?;
        let extensions = core::mem::take(&mut certificate.extensions);
        // RFC 5280, section 4.2: no extension twice. Sorted, because there may be thousands.
        let mut kinds: Vec<_> = extensions.iter().map(|extension| extension.oid).collect();
        kinds.sort_unstable();
        for pair in kinds.windows(2) {
            let [one, other] = pair else { continue };
            if one == other {
                let words = format!("it has the same extension twice: {}", extension_name(one));
                return Err(Fault::new(words, other));
            }
        }
        for extension in &extensions {
            certificate.read_extension(*extension)?;
        }
        certificate.extensions = extensions;
        Ok(certificate)
    }

    /// Everything but what the extensions say: the structure of RFC 5280, section 4.1.
    fn with_fields(input: &'a [u8], contents: &'a [u8]) -> Result<Self, Fault<'a>> {
        let (signed, mut fields) = signed(contents)?;
        let version = version(&mut fields)?;
        let serial = fault::take(&mut fields, der::INTEGER, "serialNumber")?.contents;
        let inner_algorithm = algorithm(&mut fields, "signature")?;
        let (issuer, normalized_issuer) = name(&mut fields, "issuer")?;
        let validity = fault::take(&mut fields, der::SEQUENCE, "validity")?.contents;
        let (subject, normalized_subject) = name(&mut fields, "subject")?;
        let spki = fault::take(&mut fields, der::SEQUENCE, "subjectPublicKeyInfo")?;
        let unique_ids = [1, 2].map(|number| fields.take(der::primitive(number)));
        let mut extensions = Vec::new();
        if let Some(list) = fields.take(der::constructed(3)) {
            extensions = extension_list(list.contents)?;
        }
        fault::at_end(fields, "tbsCertificate")?;
        let mut times = Reader(validity);
        let not_before = time_of(&mut times, "notBefore")?;
        let not_after = time_of(&mut times, "notAfter")?;
        fault::at_end(times, "validity")?;
        Ok(Self {
            der: input,
            version,
            serial,
            signed,
            inner_algorithm,
            issuer,
            subject,
            validity,
            normalized_issuer,
            normalized_subject,
            authority_key_id: None,
            subject_key_id: None,
            not_before,
            not_after,
            spki: spki.whole,
            key: public_key(spki.contents)?,
            is_ca: false,
            key_usage: None,
            names: Vec::new(),
            constraints: IssuingConstraints::default(),
            policies: Policies::default(),
            has_unique_ids: unique_ids.iter().any(Option::is_some),
            extensions,
        })
    }

    fn read_extension(&mut self, extension: Extension<'a>) -> Result<(), Fault<'a>> {
        let value = extension.value;
        let malformed = |words: &str| Fault::new(words, value);
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
                (self.is_ca, self.constraints.path_length) =
                    basic_constraints(value).ok_or_else(|| {
                        malformed("its basicConstraints are not a flag and a number in a SEQUENCE")
                    })?;
            }
            oid::KEY_USAGE => {
                let usage = KeyUsage::read(value)
                    .ok_or_else(|| malformed("its keyUsage is not a BIT STRING of named bits"))?;
                self.key_usage = Some(usage);
            }
            oid::EXTENDED_KEY_USAGE => {
                let usages = ExtendedKeyUsage::read(value).ok_or_else(|| {
                    malformed("its extended key usage is not a list of object identifiers")
                })?;
                self.constraints.extended_key_usage = Some(usages);
            }
            oid::SUBJECT_ALT_NAME => self.names = name::subject_alternative_names(value)?,
            oid::NAME_CONSTRAINTS => {
                let constraints = fault::only(value, der::SEQUENCE, "name constraints")?;
                self.constraints.name_constraints = Some(constraints.to_vec());
            }
            _ => self.read_other(extension)?,
        }
        Ok(())
    }

    /// Reads an extension about policies or revocation, or one that is not supported.
    fn read_other(&mut self, extension: Extension<'a>) -> Result<(), Fault<'a>> {
        let name = || extension_name(extension.oid);
        let is_about_policies = self.policies.read(extension).ok_or_else(|| {
            let words = format!("its extension {} does not parse, or lists too many", name());
            Fault::new(words, extension.value)
        })?;
        if !extension.critical {
            return Ok(());
        }
        let support = if is_about_policies {
            policies::support(extension)
        } else {
            revocation::support(extension)
        };
        let words = match support {
            ExtensionSupport::Full => return Ok(()),
            ExtensionSupport::Malformed => {
                let words = format!("its extension {} does not parse", name());
                return Err(Fault::new(words, extension.value));
            }
            ExtensionSupport::AllBut(part) => format!("{} with {part}", name()),
            ExtensionSupport::None => name(),
        };
        if self.constraints.unknown_critical.is_none() {
            self.constraints.unknown_critical = Some(words);
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
            names.push(SubjectName::with_form(self.subject, self.normalized_subject.clone()));
        }
        if !has_alternatives {
            let addresses = distinguished_name::values(self.subject, oid::EMAIL_ADDRESS);
            names.extend(addresses.into_iter().map(SubjectName::Email));
        }
        names
    }

    /// Issuer and subject are the same name (RFC 5280, section 6.1); the keys may differ.
    pub(super) fn is_self_issued(&self) -> bool {
        self.issuer == self.subject || self.normalized_issuer == self.normalized_subject
    }

    /// This is wrong with the certificate.
    pub(super) fn error(&self, kind: CertificateErrorKind) -> CertificateError {
        CertificateError { certificate: self.label(), kind }
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

/// The name and number of an extension, safe to print.
fn extension_name(oid: &[u8]) -> String {
    oid::describe(oid)
}

/// What a Certificate consists of, and the fields of what is signed.
fn signed(contents: &[u8]) -> Result<(Signed<'_>, Reader<'_>), Fault<'_>> {
    let mut fields = Reader(contents);
    let message = fault::take(&mut fields, der::SEQUENCE, "tbsCertificate")?;
    let algorithm = algorithm(&mut fields, "signatureAlgorithm")?;
    let value = fault::take(&mut fields, der::BIT_STRING, "signatureValue")?;
    let signature = whole_bytes(value, "signatureValue")?;
    fault::at_end(fields, "Certificate")?;
    let signed = Signed { message: message.whole, algorithm, signature };
    Ok((signed, Reader(message.contents)))
}

fn version<'a>(fields: &mut Reader<'a>) -> Result<u32, Fault<'a>> {
    let Some(version) = fields.take(der::constructed(0)) else { return Ok(0) };
    let number = fault::only(version.contents, der::INTEGER, "version")?;
    der::count(number).ok_or_else(|| Fault::new("its version is not a positive number", number))
}

/// The contents of an AlgorithmIdentifier.
fn algorithm<'a>(fields: &mut Reader<'a>, field: &str) -> Result<&'a [u8], Fault<'a>> {
    let contents = fault::take(fields, der::SEQUENCE, field)?.contents;
    fault::take(&mut Reader(contents), der::OBJECT_IDENTIFIER, &format!("{field}'s algorithm"))?;
    Ok(contents)
}

/// The contents of a Name, and the form of them that is compared.
fn name<'a>(fields: &mut Reader<'a>, field: &str) -> Result<(&'a [u8], Vec<u8>), Fault<'a>> {
    let contents = fault::take(fields, der::SEQUENCE, field)?.contents;
    let normalized = distinguished_name::normalize(contents);
    let malformed = || {
        let words = format!("its {field} is not a Name: SETs of types with their values");
        Fault::new(words, distinguished_name::first_malformed_part(contents))
    };
    Ok((contents, normalized.ok_or_else(malformed)?))
}

/// From the contents of a SubjectPublicKeyInfo.
fn public_key(contents: &[u8]) -> Result<PublicKey<'_>, Fault<'_>> {
    let mut fields = Reader(contents);
    let algorithm = algorithm(&mut fields, "subjectPublicKeyInfo")?;
    let key = fault::take(&mut fields, der::BIT_STRING, "subjectPublicKey")?;
    fault::at_end(fields, "subjectPublicKeyInfo")?;
    Ok(PublicKey { algorithm, bytes: whole_bytes(key, "subjectPublicKey")? })
}

fn whole_bytes<'a>(element: der::Element<'a>, field: &str) -> Result<&'a [u8], Fault<'a>> {
    let words = || format!("its {field} does not end with a whole byte");
    der::whole_bytes(element.contents).ok_or_else(|| Fault::new(words(), element.whole))
}

fn extension_list(contents: &[u8]) -> Result<Vec<Extension<'_>>, Fault<'_>> {
    let mut list = Reader(fault::only(contents, der::SEQUENCE, "list of extensions")?);
    let mut extensions = Vec::new();
    while !list.is_empty() {
        let number = extensions.len() + 1;
        let element = fault::take(&mut list, der::SEQUENCE, &format!("extension {number}"))?;
        extensions.push(Extension::read(element).ok_or_else(|| {
            let words = "is not an object identifier, perhaps a flag, and an octet string";
            Fault::new(format!("its extension {number} {words}"), element.whole)
        })?);
    }
    Ok(extensions)
}

/// The next time of a Validity; `checks` checks its form.
fn time_of<'a>(times: &mut Reader<'a>, field: &str) -> Result<Timestamp, Fault<'a>> {
    let at = times.0;
    let element = times.next().ok_or_else(|| Fault::new(format!("its {field} is missing"), at))?;
    let words =
        || format!("its {field} is no time that there is: {}", text::quoted(element.contents));
    time::read(&element).ok_or_else(|| Fault::new(words(), at))
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
