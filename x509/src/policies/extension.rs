//! The extensions about certificate policies (RFC 5280, sections 4.2.1.4, 4.2.1.5, 4.2.1.11 and
//! 4.2.1.14).

use std::collections::BTreeSet;

use super::super::der::{self, Reader};
use super::super::extension::{Extension, ExtensionSupport};
use super::super::oid;

/// The policy that stands for every policy: 2.5.29.32.0.
pub(super) const ANY_POLICY: &[u8] = &[0x55, 0x1d, 0x20, 0x00];

/// How many policies, and how many mappings, a certificate may have. Those in use have a few dozens
/// at most; and they are looked up for every path that leads over the certificate.
const MOST: usize = 256;

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
    /// After how many certificates a policy is required.
    pub(super) require_explicit: Option<u32>,
    /// After how many certificates policies are no longer mapped.
    pub(super) inhibit_mapping: Option<u32>,
    /// After how many certificates [`ANY_POLICY`] counts for nothing.
    pub(super) inhibit_any: Option<u32>,
}

impl<'a> Policies<'a> {
    /// Takes what this extension says. The answer is whether it is about policies. `None` if it
    /// does not parse, or lists too many.
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

    /// Whether a policy is asserted twice (RFC 5280, section 4.2.1.4, forbids it).
    pub(in super::super) fn repeat_one(&self) -> bool {
        let asserted = self.asserted.as_deref().unwrap_or_default();
        asserted.iter().collect::<BTreeSet<_>>().len() != asserted.len()
    }

    /// Whether a policy is mapped to or from the one that stands for all (section 4.2.1.5).
    pub(super) fn map_any(&self) -> bool {
        self.mappings.iter().any(|it| it.issuer == ANY_POLICY || it.subject == ANY_POLICY)
    }
}

/// How much of an extension about policies is understood that [`Policies::read`] has read. A
/// certificatePolicies extension that is critical must be understood with its qualifiers (section
/// 4.2.1.4). To understand a CPS pointer or a user notice, nothing has to be done.
pub(in super::super) fn support(extension: Extension<'_>) -> ExtensionSupport {
    if extension.oid != oid::CERTIFICATE_POLICIES {
        return ExtensionSupport::Full;
    }
    for policy in der::list(extension.value).unwrap_or_default() {
        let mut fields = Reader(policy.contents);
        let _identifier = fields.next();
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

/// What is not understood of a PolicyQualifierInfo, in words.
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

fn asserted<'a>(value: &'a [u8]) -> Option<Vec<&'a [u8]>> {
    let policies = der::list(value)?;
    if policies.is_empty() || policies.len() > MOST {
        return None;
    }
    let id = |policy: der::Element<'a>| match *der::list(policy.whole)? {
        [id, ..] if id.tag == der::OBJECT_IDENTIFIER => Some(id.contents),
        _ => None,
    };
    policies.into_iter().map(id).collect()
}

fn mappings<'a>(value: &'a [u8]) -> Option<Vec<Mapping<'a>>> {
    let mappings = der::list(value)?;
    if mappings.len() > MOST {
        return None;
    }
    let ids = |mapping: der::Element<'a>| match *der::list(mapping.whole)? {
        [issuer, subject] if [issuer.tag, subject.tag] == [der::OBJECT_IDENTIFIER; 2] => {
            Some(Mapping { issuer: issuer.contents, subject: subject.contents })
        }
        _ => None,
    };
    mappings.into_iter().map(ids).collect()
}
