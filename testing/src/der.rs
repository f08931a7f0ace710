//! DER and PEM, written by hand.

/// One element.
pub fn der(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let body = parts.concat();
    let mut element = vec![tag];
    match body.len() {
        short @ 0..=127 => element.push(u8::try_from(short).unwrap()),
        long @ 128..=255 => element.extend([0x81, u8::try_from(long).unwrap()]),
        long => {
            element.push(0x82);
            element.extend(u16::try_from(long).unwrap().to_be_bytes());
        }
    }
    element.extend(body);
    element
}

/// An INTEGER of these bytes.
pub fn integer(bytes: &[u8]) -> Vec<u8> {
    der(0x02, &[bytes])
}

/// An OBJECT IDENTIFIER of these bytes.
pub fn oid(bytes: &[u8]) -> Vec<u8> {
    der(0x06, &[bytes])
}

/// DER as PEM (RFC 7468).
pub fn pem_text(label: &str, der: &[u8]) -> String {
    let text = data_encoding::BASE64.encode(der);
    let lines: Vec<_> =
        text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}
