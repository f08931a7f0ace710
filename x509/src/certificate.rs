//! A decoded certificate: every field that the validation needs. Raw fields are borrowed.
//!
//! Decoding refuses ambiguous encodings. Values that are clear but not acceptable (an old version, an
//! expired date, an unknown critical extension) are for `checks`.

use super::certificate_name::CertificateName;
use super::der::{self, Reader};
use super::distinguished_name;
use super::error::{CertificateError, CertificateErrorKind};
use super::extended_key_usage::ExtendedKeyUsage;
use super::extension::{self, Extension, ExtensionSupport};
use super::fault::{self, Fault};
use super::general_name::{self, DirectoryName, GeneralName};
use super::key_usage::KeyUsage;
use super::policies::extension::{self as policies, Policies};
use super::revocation::extension as revocation;
use super::signature::{PublicKey, Signed};
use super::time::{Timestamp, Validity};
use super::{oid, text, time};

/// The `version` field's value for a certificate of version 3.
pub(super) const V3: u32 = 2;

pub(super) struct Certificate<'a> {
    /// The complete DER.
    pub(super) der: &'a [u8],
    pub(super) version: u32,
    pub(super) serial: &'a [u8],
    pub(super) signed: Signed<'a>,
    /// The algorithm that the signed part names: contents of the AlgorithmIdentifier.
    pub(super) inner_algorithm: &'a [u8],
    pub(super) issuer: CertificateName<'a>,
    pub(super) subject: CertificateName<'a>,
    /// Issuer and subject are the same name (RFC 5280, section 6.1); the keys may differ.
    pub(super) is_self_issued: bool,
    /// Contents of the Validity.
    pub(super) validity: &'a [u8],
    /// The keyIdentifier of the authorityKeyIdentifier.
    pub(super) authority_key_id: Option<&'a [u8]>,
    pub(super) subject_key_id: Option<&'a [u8]>,
    pub(super) dates: Validity,
    /// The SubjectPublicKeyInfo with its header.
    pub(super) spki: &'a [u8],
    pub(super) key: PublicKey<'a>,
    /// Whether its basicConstraints say CA:TRUE.
    pub(super) is_ca: bool,
    pub(super) key_usage: Option<KeyUsage>,
    pub(super) names: Vec<GeneralName<'a>>,
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

impl<'a> Certificate<'a> {
    /// Decodes a certificate. The error says which field is malformed, and at which byte.
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
        for extension in &extensions {
            certificate.read_extension(*extension)?;
        }
        // RFC 5280, section 4.2: no extension twice.
        if let Some(twice) = extension::duplicate(&extensions) {
            let words = format!("it has the same extension twice: {}", oid::describe(twice));
            return Err(Fault::new(words, twice));
        }
        certificate.extensions = extensions;
        Ok(certificate)
    }

    /// Everything but the extensions: the structure of RFC 5280, section 4.1.
    fn with_fields(input: &'a [u8], contents: &'a [u8]) -> Result<Self, Fault<'a>> {
        let (signed, mut fields) = signed(contents)?;
        let version = version(&mut fields)?;
        let serial = fault::take(&mut fields, der::INTEGER, "serialNumber")?.contents;
        let inner_algorithm = algorithm(&mut fields, "signature")?;
        let issuer = name(&mut fields, "issuer")?;
        let validity = fault::take(&mut fields, der::SEQUENCE, "validity")?.contents;
        let subject = name(&mut fields, "subject")?;
        let spki = fault::take(&mut fields, der::SEQUENCE, "subjectPublicKeyInfo")?;
        let unique_ids = [1, 2].map(|number| fields.take(der::primitive(number)));
        let mut extensions = Vec::new();
        if let Some(list) = fields.take(der::constructed(3)) {
            extensions = extension::list(list.contents)?;
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
            is_self_issued: issuer.is_same(&subject),
            issuer,
            subject,
            validity,
            authority_key_id: None,
            subject_key_id: None,
            dates: Validity { not_before, not_after },
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
        // Key identifiers only order the candidates. A malformed one is ignored.
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
                let basic = BasicConstraints::read(value).ok_or_else(|| {
                    malformed("its basicConstraints are not a flag and a number in a SEQUENCE")
                })?;
                self.is_ca = basic.is_ca;
                self.constraints.path_length = basic.path_length;
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
            oid::SUBJECT_ALT_NAME => self.names = general_name::subject_alternative_names(value)?,
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
        let name = || oid::describe(extension.oid);
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

    /// The error of a keyUsage without this bit.
    pub(super) fn wrong_key_usage(&self, missing: &'static str) -> CertificateErrorKind {
        let has = self.key_usage.map(KeyUsage::names).unwrap_or_default();
        CertificateErrorKind::WrongKeyUsage { missing, has }
    }

    /// Whether the keyUsage, if it is there, allows the key to sign anything but certificates and CRLs.
    pub(super) fn may_sign(&self) -> bool {
        self.key_usage.is_none_or(|usage| usage.digital_signature())
    }

    /// Whether the keyUsage, if it is there, allows the key to sign certificates (RFC 5280, section
    /// 6.1.4 (n)).
    pub(super) fn may_sign_certificates(&self) -> bool {
        self.key_usage.is_none_or(|usage| usage.key_cert_sign())
    }

    /// Whether the keyUsage, if it is there, allows the key to sign CRLs (RFC 5280, section 6.3.3 (f)).
    pub(super) fn may_sign_crls(&self) -> bool {
        self.key_usage.is_none_or(|usage| usage.crl_sign())
    }

    /// The subject as text, escaped. If it is empty, the first subject alternative name.
    pub(super) fn label(&self) -> String {
        general_name::label(&self.subject, &self.names)
    }

    /// The issuer as text, escaped.
    pub(super) fn issuer_label(&self) -> String {
        distinguished_name::describe(&self.issuer)
    }

    /// The extension of this name.
    pub(super) fn extension(&self, oid: &[u8]) -> Option<Extension<'a>> {
        self.extensions.iter().find(|it| it.oid == oid).copied()
    }

    /// The names that name constraints hold for beside the subject alternative names (RFC 5280,
    /// section 4.2.1.10): the subject, and its email addresses if there are no alternative names.
    pub(super) fn names_of_subject(&self) -> Vec<GeneralName<'_>> {
        let has_alternatives = self.extension(oid::SUBJECT_ALT_NAME).is_some();
        let mut names = Vec::new();
        if !self.subject.is_empty() {
            names.push(GeneralName::Directory(DirectoryName::new(&self.subject)));
        }
        if !has_alternatives {
            let addresses = distinguished_name::values(&self.subject, oid::EMAIL_ADDRESS);
            names.extend(addresses.into_iter().map(|it| GeneralName::Email(it.into())));
        }
        names
    }

    /// The error of this kind about this certificate.
    #[cold]
    #[inline(never)]
    pub(super) fn error(&self, kind: CertificateErrorKind) -> CertificateError {
        CertificateError { certificate: self.label(), kind }
    }
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
    let mut inner = Reader(contents);
    fault::take(&mut inner, der::OBJECT_IDENTIFIER, format_args!("{field}'s algorithm"))?;
    Ok(contents)
}

fn name<'a>(fields: &mut Reader<'a>, field: &str) -> Result<CertificateName<'a>, Fault<'a>> {
    let contents = fault::take(fields, der::SEQUENCE, field)?.contents;
    CertificateName::read(contents).ok_or_else(|| {
        let words = format!("its {field} is not a Name: SETs of types with their values");
        Fault::new(words, distinguished_name::first_malformed_part(contents))
    })
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

/// The next time of a Validity; `checks` checks its form.
fn time_of<'a>(times: &mut Reader<'a>, field: &str) -> Result<Timestamp, Fault<'a>> {
    let at = times.0;
    let element =
        times.next_element().ok_or_else(|| Fault::new(format!("its {field} is missing"), at))?;
    let words =
        || format!("its {field} is no time that there is: {}", text::quoted(element.contents));
    time::read(&element).ok_or_else(|| Fault::new(words(), at))
}

/// BasicConstraints (RFC 5280, section 4.2.1.9).
struct BasicConstraints {
    is_ca: bool,
    path_length: Option<u32>,
}

impl BasicConstraints {
    fn read(value: &[u8]) -> Option<Self> {
        let mut fields = Reader(der::only(value, der::SEQUENCE)?);
        let is_ca = fields.flag(der::BOOLEAN)?;
        let path_length = match fields.take(der::INTEGER) {
            Some(length) => Some(der::count(length.contents)?),
            None => None,
        };
        fields.is_empty().then_some(Self { is_ca, path_length })
    }
}
