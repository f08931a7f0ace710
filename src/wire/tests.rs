//! Properties that hold for every message, and the borders of the RFC's ranges.

mod extension_table;
mod hostile;
mod limits;
mod round_trips;

use core::ops::RangeInclusive;

use arbtest::arbitrary::{self, Unstructured};

use super::extension_list::write_extension;
use super::*;

/// Random bytes, as many as a length of this range.
fn bytes(u: &mut Unstructured<'_>, lengths: RangeInclusive<usize>) -> arbitrary::Result<Vec<u8>> {
    let length = u.int_in_range(lengths)?;
    Ok(u.bytes(length)?.to_vec())
}

/// The body of a ClientHello with these extensions, each a type and a body.
fn client_hello(extensions: &[(u16, Vec<u8>)]) -> Vec<u8> {
    let mut body = vec![3, 3];
    body.extend([7; 32]);
    body.extend([1, 9]);
    body.extend([0, 2, 0x13, 0x01, 1, 0]);
    body.extend(extension_list(extensions));
    body
}

/// The body of a ServerHello, or of a HelloRetryRequest.
fn server_hello(retry: bool, extensions: &[(u16, Vec<u8>)]) -> Vec<u8> {
    let mut body = vec![3, 3];
    body.extend(if retry { HELLO_RETRY_REQUEST_RANDOM } else { [7; 32] });
    body.extend([1, 9, 0x13, 0x01, 0]);
    body.extend(extension_list(extensions));
    body
}

/// A list of extensions with its length.
fn extension_list(extensions: &[(u16, Vec<u8>)]) -> Vec<u8> {
    let mut list = Vec::new();
    for (kind, body) in extensions {
        write_extension(&mut list, ExtensionType(*kind), |out| out.extend(body));
    }
    vector16(&list)
}

/// A vector with a length of two bytes.
fn vector16(content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).unwrap().to_be_bytes();
    [&length, content].concat()
}

/// Parses a body as every message there is; what comes of it does not matter.
fn parse_all(body: &[u8]) {
    let _ = ClientHello::parse(body).map(|hello| {
        hello.key_shares.map(|shares| shares.iter().count());
        hello.pre_shared_keys.map(|psks| psks.iter().count());
        hello.application_protocols.map(|names| names.iter().count());
    });
    let _ = ServerHello::parse(body);
    let _ = EncryptedExtensions::parse(body);
    let _ = CertificateRequest::parse(body);
    let _ = Certificate::parse(body).map(|message| message.entries().count());
    let _ = CertificateVerify::parse(body);
    let _ = Finished::parse(body);
    let _ = NewSessionTicket::parse(body);
    let _ = KeyUpdate::parse(body);
    let _ = EndOfEarlyData::parse(body);
    let _ = HandshakeMessage::split(body);
}
