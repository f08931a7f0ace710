//! status_request (RFC 6066, section 8), in the form that TLS 1.3 gives it (RFC 9846, section
//! 4.5.1.1).

use super::codec::{DecodeError, DecodeReason, Prefix, Reader, write_bytes};
use super::extension_list::write_extension;
use super::extensions::ExtensionType;

const FIELD: &str = "status_request";

/// The `status_type` of OCSP: the only one there is.
const OCSP: u8 = 1;

/// Reads the request of a ClientHello: does the client ask for an OCSP response? A request of
/// another type has a form of its own. It means nothing here, and is not looked into.
pub(super) fn read_request(body: &mut Reader<'_>) -> Result<bool, DecodeError> {
    if body.u8(FIELD)? != OCSP {
        body.skip();
        return Ok(false);
    }
    let _responder_ids = body.vector(FIELD, Prefix::U16, 0..=0xffff)?;
    let _request_extensions = body.vector(FIELD, Prefix::U16, 0..=0xffff)?;
    Ok(true)
}

/// Writes the request of a ClientHello: for a response of any responder, without extensions.
pub(super) fn write_request(out: &mut Vec<u8>) {
    out.extend_from_slice(&[OCSP, 0, 0, 0, 0]);
}

/// Reads the OCSP response of a CertificateEntry: 1 byte to 2^24-1 of DER.
pub(super) fn read_response<'a>(mut body: Reader<'a>) -> Result<&'a [u8], DecodeError> {
    if body.u8(FIELD)? != OCSP {
        return Err(body.error(FIELD, DecodeReason::Value("its status_type is not ocsp")));
    }
    let response = body.vector(FIELD, Prefix::U24, 1..=0xff_ffff)?;
    body.finish(FIELD)?;
    Ok(response)
}

/// Writes the extension of a CertificateEntry that carries an OCSP response (section 4.5.1.1).
pub(crate) fn write_ocsp_response(out: &mut Vec<u8>, response: &[u8]) {
    write_extension(out, ExtensionType::STATUS_REQUEST, |out| {
        out.push(OCSP);
        write_bytes(out, Prefix::U24, response);
    });
}
