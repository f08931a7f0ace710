//! The form of pre_shared_key (RFC 9846, section 4.3.11) and of psk_key_exchange_modes (section
//! 4.3.9). `handshake/client/pre_shared_key.rs` offers keys, `handshake/server/resumption.rs` and
//! `handshake/server/pre_shared_key.rs` choose one.

use super::codec::{
    DecodeError, DecodeReason, Prefix, Reader, checked_elements, write_bytes, write_vector,
};

/// A mode of psk_key_exchange_modes: a key without a key exchange (section 4.3.9).
pub(crate) const PSK_KE: u8 = 0;
/// A mode of psk_key_exchange_modes: a key with a fresh key exchange.
pub(crate) const PSK_DHE_KE: u8 = 1;

const FIELD: &str = "pre_shared_key";

/// One identity of a pre-shared key (section 4.3.11).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PskIdentity<'a> {
    /// A ticket, or a name that was agreed on.
    pub identity: &'a [u8],
    /// The age of the ticket in milliseconds plus `ticket_age_add`, modulo 2^32.
    pub obfuscated_ticket_age: u32,
}

/// The PSKs of a ClientHello, with a binder for each identity (section 4.3.11).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct OfferedPsks<'a> {
    identities: &'a [u8],
    binders: &'a [u8],
}

impl<'a> OfferedPsks<'a> {
    pub(super) fn read(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let identities = reader.vector(FIELD, Prefix::U16, 7..=0xffff)?;
        let binders = reader.vector(FIELD, Prefix::U16, 33..=0xffff)?;
        let mut identity_count = 0;
        for identity in reader.elements(identities, read_identity) {
            identity?;
            identity_count += 1;
        }
        let mut binder_count = 0;
        for binder in reader.elements(binders, read_binder) {
            binder?;
            binder_count += 1;
        }
        if identity_count != binder_count {
            let reason = DecodeReason::Value("there must be one binder for each identity");
            return Err(reader.error(FIELD, reason));
        }
        Ok(Self { identities, binders })
    }

    /// Checks that pre_shared_key is the last extension of its ClientHello. If it is not, that is an
    /// `illegal_parameter` (section 4.3.11). `extensions.rs` calls this when it reads the extension.
    pub(super) fn check_is_last(
        &self,
        is_last: bool,
        message: &Reader<'_>,
    ) -> Result<(), DecodeError> {
        if is_last {
            return Ok(());
        }
        Err(message.error(FIELD, DecodeReason::Value("it must be the last extension")))
    }

    /// Each identity with its binder, in the order of the message.
    pub fn iter(&self) -> impl Iterator<Item = (PskIdentity<'a>, &'a [u8])> + use<'a> {
        let identities = checked_elements(self.identities, read_identity);
        identities.zip(checked_elements(self.binders, read_binder))
    }

    /// The length in bytes of the binders with their length field: what the transcript of a
    /// binder leaves out of the ClientHello (section 4.3.11.2).
    pub fn binders_length(&self) -> usize {
        2 + self.binders.len()
    }
}

/// A list of one identity, with a binder of zeros: what a resolver is shown that is asked for this
/// key.
#[derive(Clone)]
pub(crate) struct OneIdentity {
    identities: Vec<u8>,
    binders: Vec<u8>,
}

impl OneIdentity {
    /// `hash_length` is the length of the key's hash in bytes, and of the binder.
    pub(crate) fn new(identity: &[u8], hash_length: usize) -> Self {
        let (mut identities, mut binders) = (Vec::new(), Vec::new());
        write_bytes(&mut identities, Prefix::U16, identity);
        identities.extend_from_slice(&[0; 4]);
        write_bytes(&mut binders, Prefix::U8, &vec![0; hash_length]);
        Self { identities, binders }
    }

    pub(crate) fn offered(&self) -> OfferedPsks<'_> {
        OfferedPsks { identities: &self.identities, binders: &self.binders }
    }
}

fn read_identity<'a>(reader: &mut Reader<'a>) -> Result<PskIdentity<'a>, DecodeError> {
    let identity = reader.vector(FIELD, Prefix::U16, 1..=0xffff)?;
    Ok(PskIdentity { identity, obfuscated_ticket_age: reader.u32(FIELD)? })
}

fn read_binder<'a>(reader: &mut Reader<'a>) -> Result<&'a [u8], DecodeError> {
    reader.vector(FIELD, Prefix::U8, 32..=255)
}

/// An identity whose binder is not made yet.
pub(crate) struct UnboundPsk<'a> {
    pub(crate) identity: PskIdentity<'a>,
    /// The length of the binder in bytes.
    pub(crate) binder_length: usize,
}

/// Writes the identities, and for each a binder of zeros.
pub(super) fn write_offered_psks<'p>(
    out: &mut Vec<u8>,
    psks: impl Iterator<Item = UnboundPsk<'p>> + Clone,
) {
    write_vector(out, Prefix::U16, |out| {
        for UnboundPsk { identity, .. } in psks.clone() {
            write_bytes(out, Prefix::U16, identity.identity);
            out.extend_from_slice(&identity.obfuscated_ticket_age.to_be_bytes());
        }
    });
    write_vector(out, Prefix::U16, |out| {
        for UnboundPsk { binder_length, .. } in psks {
            write_vector(out, Prefix::U8, |out| out.resize(out.len() + binder_length, 0));
        }
    });
}
