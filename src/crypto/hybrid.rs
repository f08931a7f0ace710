//! Hybrid groups: a classical group and ML-KEM side by side (RFC 10024).
//!
//! The secret of a hybrid contains those of both components. An attacker has to break both: a quantum
//! computer that breaks the classical group, or a weakness of ML-KEM, is not enough. Each share and each
//! secret is the two of the components, one after the other. Nothing between them says where one ends:
//! the lengths are fixed (RFC 9954, section 6).
//!
//! A hybrid is composed of groups of any provider:
//!
//! ```
//! # #[cfg(all(feature = "ring", feature = "ml-kem"))] {
//! use std::sync::Arc;
//!
//! use handclasp::crypto::KeyExchangeGroup as _;
//! use handclasp::crypto::hybrid::HybridGroup;
//! use handclasp::crypto::{ml_kem, ring};
//! use handclasp::registry::NamedGroup;
//!
//! let hybrid = HybridGroup::new(Arc::new(ring::X25519), Arc::new(ml_kem::MLKEM768)).unwrap();
//! assert_eq!(hybrid.name(), NamedGroup::X25519_MLKEM768);
//! # }
//! ```

use core::fmt;
use std::sync::Arc;

use super::{
    ActiveKeyExchange, CompletedKeyExchange, CryptoError, KeyExchangeError, KeyExchangeGroup,
    ProviderFault, SharedSecret, key_exchange_checks,
};
use crate::registry::NamedGroup;

/// A hybrid group of RFC 10024, for key_share (RFC 9846, section 4.3.8).
pub struct HybridGroup {
    form: &'static Form,
    classical: Arc<dyn KeyExchangeGroup>,
    kem: Arc<dyn KeyExchangeGroup>,
}

/// What RFC 10024 fixes for a hybrid. Lengths are in bytes.
#[derive(Debug)]
struct Form {
    name: NamedGroup,
    classical: NamedGroup,
    kem: NamedGroup,
    /// Does the part of ML-KEM come first, in shares and in the secret?
    kem_is_first: bool,
    /// The length of the classical share of either side.
    classical_share_length: usize,
    /// The length of ML-KEM's part of the client's share.
    encapsulation_key_length: usize,
    /// The length of ML-KEM's part of the server's share.
    ciphertext_length: usize,
}

/// RFC 10024, sections 4.1 and 4.2. ML-KEM is first in one of them for historical reasons.
const FORMS: [Form; 3] = [
    Form {
        name: NamedGroup::X25519_MLKEM768,
        classical: NamedGroup::X25519,
        kem: NamedGroup::MLKEM768,
        kem_is_first: true,
        classical_share_length: 32,
        encapsulation_key_length: 1184,
        ciphertext_length: 1088,
    },
    Form {
        name: NamedGroup::SECP256R1_MLKEM768,
        classical: NamedGroup::SECP256R1,
        kem: NamedGroup::MLKEM768,
        kem_is_first: false,
        classical_share_length: 65,
        encapsulation_key_length: 1184,
        ciphertext_length: 1088,
    },
    Form {
        name: NamedGroup::SECP384R1_MLKEM1024,
        classical: NamedGroup::SECP384R1,
        kem: NamedGroup::MLKEM1024,
        kem_is_first: false,
        classical_share_length: 97,
        encapsulation_key_length: 1568,
        ciphertext_length: 1568,
    },
];

impl HybridGroup {
    /// The hybrid of these two groups: x25519 and MLKEM768, secp256r1 and MLKEM768, or secp384r1 and
    /// MLKEM1024. `None` for others: RFC 10024 has no hybrid of them.
    pub fn new(
        classical: Arc<dyn KeyExchangeGroup>,
        kem: Arc<dyn KeyExchangeGroup>,
    ) -> Option<Self> {
        let names = (classical.name(), kem.name());
        let form = FORMS.iter().find(|form| (form.classical, form.kem) == names)?;
        Some(Self { form, classical, kem })
    }
}

/// The list of a provider with these groups: the hybrids of them first, because a quantum computer does
/// not break them, then the classical groups. ML-KEM alone is not in it.
#[cfg(any(
    feature = "aws-lc-rs",
    all(feature = "ring", any(feature = "libcrux", feature = "ml-kem"))
))]
pub(super) fn groups(
    classical: Vec<Arc<dyn KeyExchangeGroup>>,
    kems: &[Arc<dyn KeyExchangeGroup>],
) -> Vec<Arc<dyn KeyExchangeGroup>> {
    let mut groups: Vec<Arc<dyn KeyExchangeGroup>> = Vec::new();
    for form in &FORMS {
        let classical_group = classical.iter().find(|group| group.name() == form.classical);
        let kem_group = kems.iter().find(|group| group.name() == form.kem);
        if let (Some(classical), Some(kem)) = (classical_group, kem_group) {
            let hybrid =
                HybridGroup { form, classical: Arc::clone(classical), kem: Arc::clone(kem) };
            groups.push(Arc::new(hybrid));
        }
    }
    groups.extend(classical);
    groups
}

impl KeyExchangeGroup for HybridGroup {
    fn name(&self) -> NamedGroup {
        self.form.name
    }

    fn start(&self) -> Result<Box<dyn ActiveKeyExchange>, CryptoError> {
        let form = self.form;
        let classical = self.classical.start()?;
        let kem = self.kem.start()?;
        let share = form
            .join_shares(classical.share(), kem.share(), form.encapsulation_key_length)
            .map_err(|_| CryptoError)?;
        Ok(Box::new(HybridExchange { form, classical, kem, share }))
    }

    fn respond(&self, peer_share: &[u8]) -> Result<CompletedKeyExchange, KeyExchangeError> {
        let form = self.form;
        let theirs = form.split(peer_share, form.encapsulation_key_length)?;
        let classical = self.classical.respond(theirs.classical)?;
        let kem = self.kem.respond(theirs.kem)?;
        Ok(CompletedKeyExchange {
            share: form.join_shares(&classical.share, &kem.share, form.ciphertext_length)?,
            secret: form.join_secrets(&classical.secret, &kem.secret)?,
        })
    }
}

impl fmt::Debug for HybridGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HybridGroup({:?}, {:?})", self.classical, self.kem)
    }
}

/// One of the two parts of a hybrid's share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SharePart<'a> {
    /// The group of the component.
    pub group: NamedGroup,
    /// The share of it; in a server's share of ML-KEM, the ciphertext.
    pub share: &'a [u8],
}

/// The two parts of a client's or a server's share, in their order. `None` if the group is no hybrid of
/// RFC 10024, or neither side's share has this length.
pub fn share_parts(group: NamedGroup, share: &[u8]) -> Option<[SharePart<'_>; 2]> {
    let form = FORMS.iter().find(|form| form.name == group)?;
    let of_client = form.split(share, form.encapsulation_key_length);
    let parts = of_client.or_else(|_| form.split(share, form.ciphertext_length)).ok()?;
    let classical = SharePart { group: form.classical, share: parts.classical };
    let kem = SharePart { group: form.kem, share: parts.kem };
    Some(if form.kem_is_first { [kem, classical] } else { [classical, kem] })
}

/// The two components of a client's key exchange.
struct HybridExchange {
    form: &'static Form,
    classical: Box<dyn ActiveKeyExchange>,
    kem: Box<dyn ActiveKeyExchange>,
    share: Vec<u8>,
}

impl ActiveKeyExchange for HybridExchange {
    fn group(&self) -> NamedGroup {
        self.form.name
    }

    fn share(&self) -> &[u8] {
        &self.share
    }

    fn complete(self: Box<Self>, peer_share: &[u8]) -> Result<SharedSecret, KeyExchangeError> {
        let theirs = self.form.split(peer_share, self.form.ciphertext_length)?;
        let classical = self.classical.complete(theirs.classical)?;
        let kem = self.kem.complete(theirs.kem)?;
        Ok(self.form.join_secrets(&classical, &kem)?)
    }

    fn classical(&self) -> Option<&dyn ActiveKeyExchange> {
        Some(&*self.classical)
    }

    fn into_classical(self: Box<Self>) -> Option<Box<dyn ActiveKeyExchange>> {
        Some(self.classical)
    }
}

/// The parts of a share.
struct Parts<'a> {
    classical: &'a [u8],
    kem: &'a [u8],
}

impl Form {
    /// Splits a peer's share whose part of ML-KEM has this length. Any other length is refused (RFC 10024,
    /// section 4.2).
    fn split<'a>(&self, share: &'a [u8], kem_length: usize) -> Result<Parts<'a>, KeyExchangeError> {
        const INVALID: KeyExchangeError = KeyExchangeError::InvalidShare;
        if share.len() != self.classical_share_length + kem_length {
            return Err(INVALID);
        }
        let first_length = if self.kem_is_first { kem_length } else { self.classical_share_length };
        let (first, second) = share.split_at_checked(first_length).ok_or(INVALID)?;
        if self.kem_is_first {
            Ok(Parts { classical: second, kem: first })
        } else {
            Ok(Parts { classical: first, kem: second })
        }
    }

    /// Shares and secrets have one order (RFC 10024, sections 4.1 to 4.3; RFC 9954, section 3.2).
    fn join(&self, classical: &[u8], kem: &[u8]) -> Vec<u8> {
        if self.kem_is_first { [kem, classical].concat() } else { [classical, kem].concat() }
    }

    /// Joins the shares that the components made. Each must be as it would have to be alone: in the
    /// share of the hybrid, zeros and a wrong length of one component would not show.
    fn join_shares(
        &self,
        classical: &[u8],
        kem: &[u8],
        kem_length: usize,
    ) -> Result<Vec<u8>, ProviderFault> {
        key_exchange_checks::check_share(self.classical, classical)?;
        key_exchange_checks::check_share(self.kem, kem)?;
        for (share, right) in [(classical, self.classical_share_length), (kem, kem_length)] {
            let length = share.len();
            if length != right {
                return Err(ProviderFault::Length { what: "key share", length });
            }
        }
        Ok(self.join(classical, kem))
    }

    /// Joins the secrets of the components. Each is checked, as the shares are: a secret of zeros of
    /// x25519 must end the handshake (RFC 9846, section 7.4.2; RFC 10024, section 4.3).
    fn join_secrets(
        &self,
        classical: &SharedSecret,
        kem: &SharedSecret,
    ) -> Result<SharedSecret, ProviderFault> {
        key_exchange_checks::check_secret(self.classical, classical)?;
        key_exchange_checks::check_secret(self.kem, kem)?;
        Ok(SharedSecret::new(self.join(classical.as_bytes(), kem.as_bytes())))
    }
}

#[cfg(any(feature = "aws-lc-rs", all(feature = "ring", feature = "ml-kem")))]
#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(not(all(feature = "ring", feature = "ml-kem")))]
    use crate::crypto::aws_lc_rs::{MLKEM768, MLKEM1024, SECP256R1, SECP384R1, X25519};
    #[cfg(all(feature = "ring", feature = "ml-kem"))]
    use crate::crypto::ml_kem::{MLKEM768, MLKEM1024};
    #[cfg(all(feature = "ring", feature = "ml-kem"))]
    use crate::crypto::ring::{SECP256R1, SECP384R1, X25519};

    fn hybrids() -> [HybridGroup; 3] {
        [
            HybridGroup::new(Arc::new(X25519), Arc::new(MLKEM768)).unwrap(),
            HybridGroup::new(Arc::new(SECP256R1), Arc::new(MLKEM768)).unwrap(),
            HybridGroup::new(Arc::new(SECP384R1), Arc::new(MLKEM1024)).unwrap(),
        ]
    }

    /// The lengths of RFC 10024: the client's share, the server's share and the secret.
    const LENGTHS: [[usize; 3]; 3] = [[1216, 1120, 64], [1249, 1153, 64], [1665, 1665, 80]];

    #[test]
    fn both_sides_agree_with_shares_of_the_lengths_of_the_rfc() {
        for (group, lengths) in hybrids().iter().zip(LENGTHS) {
            let client = group.start().unwrap();
            let server = group.respond(client.share()).unwrap();
            let [client_share, server_share, secret] = lengths;
            assert_eq!(client.share().len(), client_share, "{group:?}");
            assert_eq!(server.share.len(), server_share, "{group:?}");
            let client_secret = client.complete(&server.share).unwrap();
            assert_eq!(client_secret.as_bytes(), server.secret.as_bytes());
            assert_eq!(client_secret.as_bytes().len(), secret, "{group:?}");
        }
    }

    /// Composed by hand, of the components.
    #[test]
    fn the_parts_are_in_the_order_of_the_rfc() {
        // X25519MLKEM768: ML-KEM first. The others: the classical group first.
        let [x25519, p256, p384] = hybrids();
        let kem = MLKEM768.start().unwrap();
        let classical = X25519.start().unwrap();
        let server = x25519.respond(&[kem.share(), classical.share()].concat()).unwrap();
        let (ciphertext, share) = server.share.split_at(1088);
        let secrets = [kem.complete(ciphertext).unwrap(), classical.complete(share).unwrap()];
        let secrets = secrets.each_ref().map(SharedSecret::as_bytes);
        assert_eq!(server.secret.as_bytes(), secrets.concat());

        let cases: [(HybridGroup, &dyn KeyExchangeGroup, &dyn KeyExchangeGroup, usize); 2] =
            [(p256, &SECP256R1, &MLKEM768, 65), (p384, &SECP384R1, &MLKEM1024, 97)];
        for (hybrid, classical, kem, length) in cases {
            let (classical, kem) = (classical.start().unwrap(), kem.start().unwrap());
            let server = hybrid.respond(&[classical.share(), kem.share()].concat()).unwrap();
            let (share, ciphertext) = server.share.split_at(length);
            let secrets = [classical.complete(share).unwrap(), kem.complete(ciphertext).unwrap()];
            let secrets = secrets.each_ref().map(SharedSecret::as_bytes);
            assert_eq!(server.secret.as_bytes(), secrets.concat());
        }
    }

    #[test]
    fn shares_of_other_lengths_are_refused() {
        for group in hybrids() {
            let share = group.start().unwrap().share().to_vec();
            let answer = group.respond(&share).unwrap().share;
            for length in [0, 1, 32, 1088, 1184, share.len() - 1, share.len() + 1, 2 * share.len()]
            {
                let mut wrong = share.clone();
                wrong.resize(length, 0);
                assert!(group.respond(&wrong).is_err(), "{group:?} {length}");
            }
            for length in [0, 1, 32, 1088, answer.len() - 1, answer.len() + 1, 2 * answer.len()] {
                let mut wrong = answer.clone();
                wrong.resize(length, 0);
                assert!(group.start().unwrap().complete(&wrong).is_err(), "{group:?} {length}");
            }
        }
    }

    /// Zeros are not a valid share of any classical group. Numbers that are not reduced modulo q are not
    /// a valid encapsulation key of ML-KEM.
    #[test]
    fn a_bad_share_of_either_component_is_refused() {
        for group in hybrids() {
            let form = group.form;
            let share = group.start().unwrap().share().to_vec();
            let answer = group.respond(&share).unwrap().share;
            let place = |kem_length| if form.kem_is_first { kem_length } else { 0 };
            let zeros = vec![0; form.classical_share_length];
            let mut bad_classical = share.clone();
            let start = place(form.encapsulation_key_length);
            bad_classical[start..][..form.classical_share_length].copy_from_slice(&zeros);
            assert!(group.respond(&bad_classical).is_err(), "{group:?}");
            let mut bad_kem = share;
            let start = if form.kem_is_first { 0 } else { form.classical_share_length };
            bad_kem[start..][..2].fill(0xff);
            assert!(group.respond(&bad_kem).is_err(), "{group:?}");
            let mut bad_answer = answer;
            let start = place(form.ciphertext_length);
            bad_answer[start..][..form.classical_share_length].copy_from_slice(&zeros);
            assert!(group.start().unwrap().complete(&bad_answer).is_err(), "{group:?}");
        }
    }

    #[test]
    fn the_classical_component_can_go_on_alone() {
        let [x25519, ..] = hybrids();
        let client = x25519.start().unwrap();
        let classical = client.classical().unwrap();
        assert_eq!(classical.group(), NamedGroup::X25519);
        assert_eq!(client.share()[1184..], *classical.share());
        let server = X25519.respond(classical.share()).unwrap();
        let secret = client.into_classical().unwrap().complete(&server.share).unwrap();
        assert_eq!(secret.as_bytes(), server.secret.as_bytes());
    }

    #[test]
    fn the_parts_of_a_share_can_be_shown() {
        for group in hybrids() {
            let share = group.start().unwrap().share().to_vec();
            let answer = group.respond(&share).unwrap().share;
            for share in [share, answer] {
                let parts = share_parts(group.name(), &share).unwrap();
                assert_eq!(parts.map(|part| part.share).concat(), share);
                assert_eq!(parts[0].group == group.kem.name(), group.form.kem_is_first);
                assert!(share_parts(group.name(), &share[1..]).is_none());
            }
        }
        assert!(share_parts(NamedGroup::X25519, &[0; 32]).is_none());
    }

    #[test]
    fn only_the_hybrids_of_the_rfc_can_be_composed() {
        assert!(HybridGroup::new(Arc::new(X25519), Arc::new(MLKEM1024)).is_none());
        assert!(HybridGroup::new(Arc::new(SECP384R1), Arc::new(MLKEM768)).is_none());
        assert!(HybridGroup::new(Arc::new(MLKEM768), Arc::new(X25519)).is_none());
    }
}
