//! Candidates for the issuer of a certificate, and the order in which they are tried (RFC 4158).

use super::anchors::Anchor;
use super::certificate::{Certificate, IssuingConstraints};
use super::error::NotACaReason;
use super::explain::Place;
use super::intermediate::Intermediate;
use super::issuer::Issuer;
use super::request::ChainRequest;

/// A certificate or an anchor that has the name of an issuer.
#[derive(Clone, Copy)]
pub(super) enum Candidate<'s> {
    Anchor(&'s Anchor, &'s IssuingConstraints),
    Intermediate(&'s Intermediate<'s>),
    /// An anchor that may issue no certificates, and why. It is tried so that the error can name it.
    NoIssuer(&'s Anchor, NotACaReason),
}

/// The place of a candidate in the order in which candidates are tried. The candidate that is most
/// likely to lead to an anchor at the cost of one signature comes first. The first field that
/// differs decides, and `false` comes before `true`.
///
/// No candidate is left out. Key identifiers are hints (RFC 4158, section 3.5.12), and a candidate
/// that cannot be valid may still be the one that the error must name.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Preference {
    /// It is not valid now, or it is not a CA's certificate.
    is_unusable: bool,
    /// Both key identifiers are there, and they differ.
    has_other_key_id: bool,
    /// It is not an anchor.
    is_intermediate: bool,
    /// The key identifiers do not say that it has the right key.
    lacks_same_key_id: bool,
    /// No anchor has the name of its issuer.
    is_far_from_anchor: bool,
}

/// A candidate with its place in that order.
pub(super) struct Ranked<'s> {
    pub(super) preference: Preference,
    pub(super) candidate: Candidate<'s>,
}

impl<'s> Candidate<'s> {
    pub(super) fn issuer(self) -> Issuer<'s> {
        match self {
            Self::Anchor(anchor, _) | Self::NoIssuer(anchor, _) => anchor.issuer(),
            Self::Intermediate(it) => Issuer::new(&it.certificate),
        }
    }

    pub(super) fn label(self) -> String {
        match self {
            Self::Anchor(anchor, _) | Self::NoIssuer(anchor, _) => anchor.label.clone(),
            Self::Intermediate(it) => it.certificate.label(),
        }
    }

    pub(super) fn place(self) -> Place {
        match self {
            Self::Anchor(..) | Self::NoIssuer(..) => Place::Anchor,
            Self::Intermediate(it) => Place::Intermediate(it.number),
        }
    }

    pub(super) fn preference(
        self,
        issued: &Certificate<'_>,
        request: &ChainRequest<'_>,
    ) -> Preference {
        let (has_same_key_id, has_other_key_id) =
            match (issued.authority_key_id, self.issuer().key_id) {
                (Some(wanted), Some(own)) => (own == wanted, own != wanted),
                _ => (false, false),
            };
        match self {
            Self::Anchor(..) => Preference {
                is_unusable: false,
                has_other_key_id,
                is_intermediate: false,
                lacks_same_key_id: !has_same_key_id,
                is_far_from_anchor: false,
            },
            Self::Intermediate(Intermediate { certificate, .. }) => {
                let is_current = certificate.dates.contains(request.now);
                let mut anchors = request.anchors.issuers(&certificate.issuer);
                Preference {
                    is_unusable: !is_current || !certificate.is_ca,
                    has_other_key_id,
                    is_intermediate: true,
                    lacks_same_key_id: !has_same_key_id,
                    is_far_from_anchor: anchors.next().is_none(),
                }
            }
            // The last of all.
            Self::NoIssuer(..) => Preference {
                is_unusable: true,
                has_other_key_id: true,
                is_intermediate: true,
                lacks_same_key_id: true,
                is_far_from_anchor: true,
            },
        }
    }
}
