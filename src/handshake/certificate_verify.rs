//! What a CertificateVerify signs (RFC 9846, section 4.5.2).

use super::Side;

/// 64 spaces, a sentence that says who signs and what, a zero, and the transcript's hash.
pub(super) fn signed_content(signer: Side, transcript: &[u8]) -> Vec<u8> {
    let context: &[u8] = match signer {
        Side::Client => b"TLS 1.3, client CertificateVerify",
        Side::Server => b"TLS 1.3, server CertificateVerify",
    };
    [&[0x20; 64], context, &[0], transcript].concat()
}
