//! The Retry Integrity Tag (RFC 9001, section 5.8).

use subtle::ConstantTimeEq;

use super::Version;
use super::initial::initial_suite;
use crate::crypto::{CryptoError, CryptoProvider, TAG_LENGTH};

/// The Retry Integrity Tag: the last 16 bytes of a Retry packet (RFC 9001, section 5.8).
/// `original_destination_connection_id` is that of the Initial packet that the Retry answers, and
/// `retry` is the Retry packet without the tag.
///
/// # Errors
/// When the connection ID is longer than 255 bytes. When the provider lacks `TLS_AES_128_GCM_SHA256`, or
/// fails.
pub fn retry_integrity_tag(
    provider: &CryptoProvider,
    version: Version,
    original_destination_connection_id: &[u8],
    retry: &[u8],
) -> Result<[u8; TAG_LENGTH], CryptoError> {
    let id = original_destination_connection_id;
    let id_length = u8::try_from(id.len()).map_err(|_| CryptoError)?;
    let mut pseudo_packet = Vec::with_capacity(1 + id.len() + retry.len());
    pseudo_packet.push(id_length);
    pseudo_packet.extend_from_slice(id);
    pseudo_packet.extend_from_slice(retry);
    let key = initial_suite(provider)?.aead.key(&version.retry_key())?;
    key.seal(version.retry_nonce(), &pseudo_packet, &mut [])
}

/// Has this Retry packet, with its tag, the right Retry Integrity Tag? A client drops a Retry without
/// it. The tags are compared in constant time.
pub fn is_authentic_retry(
    provider: &CryptoProvider,
    version: Version,
    original_destination_connection_id: &[u8],
    retry_with_tag: &[u8],
) -> bool {
    let Some((retry, tag)) = retry_with_tag.split_last_chunk::<TAG_LENGTH>() else {
        return false;
    };
    let expected =
        retry_integrity_tag(provider, version, original_destination_connection_id, retry);
    expected.is_ok_and(|expected| expected.ct_eq(tag).into())
}
