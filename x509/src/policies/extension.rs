//! The extensions about certificate policies (RFC 5280, sections 4.2.1.4, 4.2.1.5, 4.2.1.11 and
//! 4.2.1.14).

use super::super::der::{self, Reader};
use super::super::extension::{Extension, ExtensionSupport};
use super::super::oid;

/// anyPolicy, which matches every policy: 2.5.29.32.0.
pub(super) const ANY_POLICY: &[u8] = &[0x55, 0x1d, 0x20, 0x00];

/// The largest number of policies, and of mappings, of a certificate. Certificates in use have a few
/// dozen at most. The number is limited because every path over the certificate looks them up.
const MAX_POLICIES: usize = 256;

/// A policy of the issuer's and the one of the subject's that it is mapped to: contents of their
/// object identifiers.
#[derive(Clone, Copy)]
pub(super) struct Mapping<'a> {
    pub(super) issuer: &'a [u8],
    pub(super) subject: &'a [u8],
}

/// What a certificate says about policies. A policy is the contents of its object identifier.
#[derive(Clone, Default)]
pub(in super::super) struct Policies<'a> {
    pub(super) asserted: Option<Vec<&'a [u8]>>,
    pub(super) mappings: Vec<Mapping<'a>>,
    /// The number of further certificates before a policy is required.
    pub(super) require_explicit: Option<u32>,
    /// The number of further certificates before policies are no longer mapped.
    pub(super) inhibit_mapping: Option<u32>,
    /// The number of further certificates before [`ANY_POLICY`] matches no policy.
    pub(super) inhibit_any: Option<u32>,
}

impl<'a> Policies<'a> {
    /// Reads an extension, and returns whether it is about policies. `None` if it does not parse or
    /// has too many policies.
    pub(in super::super) fn read(&mut self, extension: Extension<'a>) -> Option<bool> {
        match extension.oid {
            oid::CERTIFICATE_POLICIES => self.asserted = Some(asserted(extension.value)?),
            oid::POLICY_MAPPINGS => self.mappings = mappings(extension.value)?,
            oid::POLICY_CONSTRAINTS => {
                for field in der::list(extension.value)? {
                    const EXPLICIT: u8 = der::primitive(0);
                    const MAPPING: u8 = der::primitive(1);
                    match field.tag {
                        EXPLICIT => self.require_explicit = Some(der::count(field.contents)?),
                        MAPPING => self.inhibit_mapping = Some(der::count(field.contents)?),
                        _ => return None,
                    }
                }
            }
            oid::INHIBIT_ANY_POLICY => {
                self.inhibit_any = Some(der::count(der::only(extension.value, der::INTEGER)?)?);
            }
            _ => return Some(false),
        }
        Some(true)
    }

    /// Whether a policy is asserted twice, which RFC 5280, section 4.2.1.4, forbids.
    pub(in super::super) fn assert_one_twice(&self) -> bool {
        let mut asserted = self.asserted.clone().unwrap_or_default();
        oid::duplicate(&mut asserted).is_some()
    }

    /// Whether a policy is mapped to or from anyPolicy (section 4.2.1.5).
    pub(super) fn map_any_policy(&self) -> bool {
        self.mappings.iter().any(|it| it.issuer == ANY_POLICY || it.subject == ANY_POLICY)
    }
}

/// How much of an extension about policies is supported, after [`Policies::read`]. If a
/// certificatePolicies extension is critical, its qualifiers must be supported too (section 4.2.1.4).
/// CPS pointers and user notices are supported: they require no action.
pub(in super::super) fn support(extension: Extension<'_>) -> ExtensionSupport {
    if extension.oid != oid::CERTIFICATE_POLICIES {
        return ExtensionSupport::Full;
    }
    for policy in der::list(extension.value).unwrap_or_default() {
        let mut fields = Reader(policy.contents);
        let _identifier = fields.next_element();
        if fields.is_empty() {
            continue;
        }
        let qualifiers = der::list(fields.0).unwrap_or_default();
        if qualifiers.is_empty() {
            return ExtensionSupport::AllBut("qualifiers that do not parse".to_owned());
        }
        if let Some(words) = qualifiers.iter().find_map(unknown_qualifier) {
            return ExtensionSupport::AllBut(words);
        }
    }
    ExtensionSupport::Full
}

/// Says what is not supported in a PolicyQualifierInfo.
fn unknown_qualifier(qualifier: &der::Element<'_>) -> Option<String> {
    const CPS: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 2, 1];
    const USER_NOTICE: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 2, 2];
    let parts = der::list(qualifier.whole);
    match parts.as_deref() {
        Some([kind, value]) if kind.tag == der::OBJECT_IDENTIFIER => match kind.contents {
            CPS if value.tag == der::IA5_STRING => None,
            USER_NOTICE if value.tag == der::SEQUENCE => None,
            number => Some(format!("the qualifier {}", oid::describe(number))),
        },
        _ => Some("a qualifier that does not parse".to_owned()),
    }
}

fn asserted(value: &[u8]) -> Option<Vec<&[u8]>> {
    let mut policies = Vec::new();
    for policy in der::each(der::only(value, der::SEQUENCE)?) {
        let fields = der::only(policy?.whole, der::SEQUENCE)?;
        if !der::each(fields).all(|field| field.is_some()) || policies.len() >= MAX_POLICIES {
            return None;
        }
        policies.push(Reader(fields).take(der::OBJECT_IDENTIFIER)?.contents);
    }
    if policies.is_empty() { None } else { Some(policies) }
}

fn mappings(value: &[u8]) -> Option<Vec<Mapping<'_>>> {
    let elements = der::list(value)?;
    if elements.len() > MAX_POLICIES {
        return None;
    }
    let mut mappings = Vec::new();
    for element in elements {
        let parts = der::only(element.whole, der::SEQUENCE)?;
        let [issuer, subject] = der::fields(parts, [der::OBJECT_IDENTIFIER; 2])?;
        mappings.push(Mapping { issuer: issuer.contents, subject: subject.contents });
    }
    Some(mappings)
}
