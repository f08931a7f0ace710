//! Parses hosts with ports, and names. An IPv6 address may be in brackets, and may have a zone
//! (RFC 4007, section 11), which selects the network of a link-local address.

use std::net::{SocketAddr, ToSocketAddrs};

use handclasp::pki_types::ServerName;

/// A host and its port.
#[derive(Debug, PartialEq, Eq)]
pub struct HostAndPort {
    /// A name, or an address without brackets, with its zone.
    pub host: String,
    pub port: u16,
}

/// Why a text is not a host with a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressError {
    /// It does not have the form HOST:PORT.
    Form,
    /// The port is not a number from 0 to 65535.
    Port,
}

impl HostAndPort {
    /// From `example.org:443`, `192.0.2.1:443`, `[2001:db8::1]:443` or `[fe80::1%eth0]:443`.
    /// Without brackets, the end of an IPv6 address would be ambiguous, so that is an error.
    pub fn read(text: &str) -> Result<Self, AddressError> {
        let (host, port) = text.rsplit_once(':').ok_or(AddressError::Form)?;
        let host = match inside_brackets(host) {
            Some(address) if address.contains(':') => address,
            None if !host.contains(':') => host,
            _ => return Err(AddressError::Form),
        };
        if host.is_empty() || host.contains(['[', ']']) {
            return Err(AddressError::Form);
        }
        if port.is_empty() || !port.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(AddressError::Form);
        }
        let port = port.parse().map_err(|_| AddressError::Port)?;
        Ok(Self { host: host.to_owned(), port })
    }
}

fn inside_brackets(text: &str) -> Option<&str> {
    text.strip_prefix('[')?.strip_suffix(']')
}

/// The name or address that a certificate can contain: without brackets, and without a zone, which
/// has a meaning on this machine only.
pub fn without_brackets_and_zone(text: &str) -> &str {
    let address = inside_brackets(text).unwrap_or(text);
    if !address.contains(':') {
        return text;
    }
    address.split('%').next().unwrap_or(address)
}

/// The server's name or address, as it must be in the certificate.
pub fn server_name(text: &str) -> Option<ServerName<'static>> {
    ServerName::try_from(without_brackets_and_zone(text).to_owned()).ok()
}

/// An address to listen on. The system resolves a zone.
pub fn listen(text: &str) -> Result<SocketAddr, String> {
    const FORM: &str = "it must be an IP address and a port, such as 127.0.0.1:4433 or [::1]:4433";
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    let HostAndPort { host, port } = HostAndPort::read(text).map_err(|error| match error {
        AddressError::Form => FORM.to_owned(),
        AddressError::Port => "the port must be a number from 0 to 65535".to_owned(),
    })?;
    if !host.contains('%') {
        return Err(format!("\"{host}\" is a name, and no address: {FORM}"));
    }
    let mut found = (host.as_str(), port).to_socket_addrs().map_err(|error| error.to_string())?;
    found.next().ok_or_else(|| FORM.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_with_ports() {
        for (text, host) in [
            ("example.org:443", "example.org"),
            ("192.0.2.1:443", "192.0.2.1"),
            ("[::1]:443", "::1"),
            ("[fe80::1%eth0]:443", "fe80::1%eth0"),
            ("[fe80::1%2]:443", "fe80::1%2"),
        ] {
            let expected = HostAndPort { host: host.to_owned(), port: 443 };
            assert_eq!(HostAndPort::read(text), Ok(expected), "{text}");
        }
        for text in [
            "",
            ":443",
            "a",
            "a:",
            "a:x",
            "::1:443",
            "fe80::1%eth0:443",
            "[::1]",
            "[]:1",
            "[a]:1",
            "[::1:1",
            "::1]:1",
            "[[::1]]:1",
        ] {
            assert_eq!(HostAndPort::read(text), Err(AddressError::Form), "{text}");
        }
        for text in ["a:65536", "[::1]:99999", "192.0.2.1:99999999999999999999"] {
            assert_eq!(HostAndPort::read(text), Err(AddressError::Port), "{text}");
        }
    }

    #[test]
    fn names_have_no_brackets_and_no_zone() {
        for (text, name) in [
            ("example.org", "example.org"),
            ("192.0.2.1", "192.0.2.1"),
            ("::1", "::1"),
            ("[::1]", "::1"),
            ("fe80::1%eth0", "fe80::1"),
            ("[fe80::1%25eth0]", "fe80::1"),
        ] {
            assert_eq!(server_name(text).unwrap().to_str(), name, "{text}");
        }
        for text in ["[example.org]", "a%eth0", "[::1", "", "%eth0"] {
            assert!(server_name(text).is_none(), "{text}");
        }
    }

    #[test]
    fn addresses_to_listen_at() {
        assert_eq!(listen("127.0.0.1:0"), Ok("127.0.0.1:0".parse().unwrap()));
        assert_eq!(listen("[::1]:1"), Ok("[::1]:1".parse().unwrap()));
        for text in ["localhost:1", "::1:1", "127.0.0.1"] {
            assert!(listen(text).unwrap_err().contains("such as 127.0.0.1:4433"), "{text}");
        }
        assert!(listen("localhost:1").unwrap_err().contains("\"localhost\" is a name"));
        assert!(listen("127.0.0.1:65536").unwrap_err().contains("from 0 to 65535"));
        assert!(listen("[fe80::1%no-such-zone]:1").is_err());
    }
}
