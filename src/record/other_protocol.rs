//! Recognises other protocols by their first bytes, so that an error can say "the peer seems to speak
//! HTTP without TLS".

use core::fmt;

use super::{HEADER_LENGTH, RecordError};

/// A protocol other than TLS, recognised by its first bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OtherProtocol {
    /// HTTP (RFC 9112, RFC 9113).
    Http,
    /// SSH (RFC 4253).
    Ssh,
    /// SMTP or LMTP (RFC 5321, RFC 2033).
    Smtp,
    /// POP3 (RFC 1939).
    Pop3,
    /// IMAP (RFC 9051).
    Imap,
    /// FTP (RFC 959).
    Ftp,
    /// SMTP or FTP: a greeting with 220 that does not say which.
    SmtpOrFtp,
    /// POP3 or the protocol of Redis: a refusal with -ERR.
    Pop3OrRedis,
    /// PostgreSQL, a client's or a server's first message.
    PostgreSql,
    /// MySQL or MariaDB: a server's greeting.
    MySql,
    /// The protocol of Redis.
    Redis,
    /// XMPP (RFC 6120).
    Xmpp,
    /// LDAP (RFC 4511).
    Ldap,
    /// MQTT.
    Mqtt,
    /// AMQP.
    Amqp,
    /// The remote desktop protocol of Microsoft.
    Rdp,
    /// The protocol of VNC (RFC 6143).
    Rfb,
    /// SIP (RFC 3261).
    Sip,
    /// SMB.
    Smb,
    /// The header that a proxy puts in front of a connection to say whose it is.
    ProxyHeader,
    /// A ClientHello in the form of SSL 2.0 (RFC 6101, appendix E).
    Ssl2,
    /// DTLS (RFC 9147), which is for datagrams.
    Dtls,
    /// QUIC (RFC 9000), which is for datagrams.
    Quic,
    /// Printable text of a protocol that is not known here.
    Text,
}

impl fmt::Display for OtherProtocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Http => "HTTP without TLS",
            Self::Ssh => "SSH",
            Self::Smtp => "SMTP without TLS",
            Self::Pop3 => "POP3 without TLS",
            Self::Imap => "IMAP without TLS",
            Self::Ftp => "FTP without TLS",
            Self::SmtpOrFtp => "SMTP or FTP without TLS",
            Self::Pop3OrRedis => "POP3 or Redis without TLS",
            Self::PostgreSql => "PostgreSQL without TLS",
            Self::MySql => "MySQL without TLS",
            Self::Redis => "Redis without TLS",
            Self::Xmpp => "XMPP without TLS",
            Self::Ldap => "LDAP without TLS",
            Self::Mqtt => "MQTT without TLS",
            Self::Amqp => "AMQP without TLS",
            Self::Rdp => "RDP (Remote Desktop)",
            Self::Rfb => "VNC",
            Self::Sip => "SIP without TLS",
            Self::Smb => "SMB",
            Self::ProxyHeader => "the PROXY protocol in front of another",
            Self::Ssl2 => "SSL 2.0",
            Self::Dtls => "DTLS",
            Self::Quic => "QUIC",
            Self::Text => "a protocol of plain text",
        })
    }
}

impl OtherProtocol {
    /// Whether the protocol has a command that starts TLS within its connection: STARTTLS in SMTP,
    /// IMAP, XMPP and LDAP, STLS in POP3, AUTH TLS in FTP, and requests of their own in PostgreSQL,
    /// MySQL and RDP.
    pub fn can_start_tls(self) -> bool {
        matches!(
            self,
            Self::Smtp
                | Self::Pop3
                | Self::Imap
                | Self::Ftp
                | Self::SmtpOrFtp
                | Self::Xmpp
                | Self::Ldap
                | Self::PostgreSql
                | Self::MySql
                | Self::Rdp
        )
    }
}

/// Whether this is the header of a first handshake record of DTLS. It has a version of DTLS, and its
/// epoch, two zeros, is where a TLS record has its length. The length of a handshake record of
/// TLS is never zero.
pub(super) fn is_dtls(header: &[u8; HEADER_LENGTH]) -> bool {
    matches!(header, [22, 0xfe, 0xfd | 0xff, 0, 0])
}

/// The error for `input`, which should begin with a record and does not.
pub(super) fn error(input: &[u8]) -> RecordError {
    match recognise(input) {
        Some(protocol) => RecordError::NotTls { protocol, begins: sample(input) },
        None => RecordError::UnknownContentType(input.first().copied().unwrap_or_default()),
    }
}

/// The first line of `input`, escaped and cut after 40 bytes.
fn sample(input: &[u8]) -> Box<str> {
    /// Enough for a request line or a greeting, and not for what comes after it.
    const SHOWN: usize = 40;
    let line = input.split(|byte| matches!(byte, b'\r' | b'\n')).find(|line| !line.is_empty());
    let line = line.unwrap_or_default();
    match line.get(..SHOWN) {
        Some(start) if line.len() > SHOWN => format!("{}...", start.escape_ascii()).into(),
        _ => line.escape_ascii().to_string().into(),
    }
}

fn recognise(input: &[u8]) -> Option<OtherProtocol> {
    use OtherProtocol as P;
    if input.first_chunk().is_some_and(is_dtls) {
        return Some(P::Dtls);
    }
    match input {
        [0x80..=0xff, _, 1, 0 | 2 | 3, ..] => return Some(P::Ssl2),
        [0xc0..=0xff, 0, 0, 0, 1, ..] => return Some(P::Quic),
        // The lengths of messages before the numbers of SSLRequest, GSSENCRequest, CancelRequest
        // and of version 3.
        [0, 0, 0, 8 | 16, 0x04, 0xd2, 0x16, 0x2e..=0x30, ..] | [0, 0, _, _, 0, 3, 0, 0, ..] => {
            return Some(P::PostgreSql);
        }
        // An ErrorResponse, whose first field is its severity.
        [b'E', 0, 0, _, _, b'S', ..] => return Some(P::PostgreSql),
        // A length of three bytes, the sequence number 0, and version 10 of the protocol.
        [_, _, 0, 0, 10, b'0'..=b'9', ..] => return Some(P::MySql),
        [3, 0, _, _, _, 0xe0 | 0xd0, ..] => return Some(P::Rdp),
        [0x30, _, 2, 1, _, 0x60, ..] | [0x30, 0x84, _, _, _, _, 2, 1, ..] => return Some(P::Ldap),
        [0, 0, _, _, 0xfe | 0xff, b'S', b'M', b'B', ..] => return Some(P::Smb),
        [0x10, _, 0, 4 | 6, b'M', b'Q', ..] => return Some(P::Mqtt),
        _ => {}
    }
    for (beginning, protocol) in BEGINNINGS {
        if input.starts_with(beginning) {
            return Some(*protocol);
        }
    }
    of_text(input)
}

/// What requests and answers of protocols begin with.
const BEGINNINGS: &[(&[u8], OtherProtocol)] = {
    use OtherProtocol as P;
    &[
        (b"OPTIONS sip:", P::Sip),
        (b"REGISTER sip:", P::Sip),
        (b"INVITE sip:", P::Sip),
        (b"SIP/2.0", P::Sip),
        (b"GET ", P::Http),
        (b"POST", P::Http),
        (b"HEAD", P::Http),
        (b"PUT ", P::Http),
        (b"PATCH ", P::Http),
        (b"DELE", P::Http),
        (b"OPTI", P::Http),
        (b"CONN", P::Http),
        (b"TRACE ", P::Http),
        (b"PRI ", P::Http),
        (b"HTTP", P::Http),
        (b"SSH-", P::Ssh),
        (b"EHLO", P::Smtp),
        (b"HELO", P::Smtp),
        (b"LHLO", P::Smtp),
        (b"MAIL FROM:", P::Smtp),
        (b"+OK", P::Pop3),
        (b"CAPA\r", P::Pop3),
        (b"STLS\r", P::Pop3),
        (b"APOP ", P::Pop3),
        (b"* OK", P::Imap),
        (b"* PREAUTH", P::Imap),
        (b"* BYE", P::Imap),
        (b"AUTH TLS", P::Ftp),
        (b"FEAT\r", P::Ftp),
        (b"-ERR", P::Pop3OrRedis),
        (b"-NOAUTH", P::Redis),
        (b"-DENIED", P::Redis),
        (b"PING\r\n", P::Redis),
        (b"<?xml", P::Xmpp),
        (b"<stream:", P::Xmpp),
        (b"AMQP\0", P::Amqp),
        (b"AMQP\x03", P::Amqp),
        (b"RFB 0", P::Rfb),
        (b"PROXY ", P::ProxyHeader),
        (b"\r\n\r\n\0\r\nQUIT\n", P::ProxyHeader),
    ]
};

/// Protocols of text that are recognised by more than their first letters, and text in general.
fn of_text(input: &[u8]) -> Option<OtherProtocol> {
    use OtherProtocol as P;
    /// Fewer printable bytes are as likely to be anything else.
    const LEAST: usize = 4;
    let is_text = |byte: &u8| matches!(byte, b' '..=b'~' | b'\r' | b'\n' | b'\t');
    let start = input.get(..input.len().min(64)).unwrap_or_default();
    if start.len() < LEAST || !start.iter().all(is_text) {
        return None;
    }
    let has = |word: &[u8]| start.windows(word.len()).any(|it| it.eq_ignore_ascii_case(word));
    // Servers of HTTP answer a request that they cannot read with a page alone, as in HTTP/0.9.
    if begins_with(start, b"<!DOCTYPE HTML") || begins_with(start, b"<html") {
        return Some(P::Http);
    }
    Some(match start {
        [b'2', b'2', b'0', b' ' | b'-', ..] if has(b"SMTP") || has(b"LMTP") => P::Smtp,
        [b'2', b'2', b'0', b' ' | b'-', ..] if has(b"FTP") => P::Ftp,
        [b'2', b'2', b'0', b' ' | b'-', ..] => P::SmtpOrFtp,
        [b'*', b'1'..=b'9', ..] if has(b"\r\n$") => P::Redis,
        _ if has(b" CAPABILITY\r\n") || has(b" STARTTLS\r\n") => P::Imap,
        _ => P::Text,
    })
}

/// Whether the text begins with this word, in letters of either case.
fn begins_with(text: &[u8], word: &[u8]) -> bool {
    text.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::super::next_record;
    use super::*;

    fn said(input: &[u8]) -> String {
        next_record(input).unwrap_err().to_string()
    }

    #[test]
    fn other_protocols_are_named_by_their_first_bytes() {
        use OtherProtocol as P;
        for (bytes, protocol) in [
            (&b"GET / HTTP/1.1\r\nHost: a\r\n"[..], P::Http),
            (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", P::Http),
            (b"HTTP/1.1 400 Bad Request\r\n", P::Http),
            (b"OPTIONS / HTTP/1.1\r\n", P::Http),
            (b"<!DOCTYPE HTML>\n<html lang=\"en\">\n", P::Http),
            (b"<!doctype html><title>400</title>", P::Http),
            (b"<html>\r\n<head><title>400 Bad Request</title>", P::Http),
            (b"<HTML><HEAD>", P::Http),
            (b"<!DOCTYPE note>\n<note>", P::Text),
            (b"OPTIONS sip:a.example SIP/2.0\r\n", P::Sip),
            (b"SSH-2.0-OpenSSH_9.6\r\n", P::Ssh),
            (b"EHLO client.example\r\n", P::Smtp),
            (b"HELO client.example\r\n", P::Smtp),
            (b"220 mail.example ESMTP ready\r\n", P::Smtp),
            (b"220-mail.example LMTP\r\n", P::Smtp),
            (b"220 ProFTPD Server ready.\r\n", P::Ftp),
            (b"220 (vsFTPd 3.0.5)\r\n", P::Ftp),
            (b"220 welcome\r\n", P::SmtpOrFtp),
            (b"+OK POP3 ready\r\n", P::Pop3),
            (b"* OK [CAPABILITY IMAP4rev1] ready\r\n", P::Imap),
            (b"a001 CAPABILITY\r\n", P::Imap),
            (b"a STARTTLS\r\n", P::Imap),
            (&[0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f], P::PostgreSql),
            (b"\0\0\0\x20\0\x03\0\0user\0a\0", P::PostgreSql),
            (b"E\0\0\0\x50SFATAL\0", P::PostgreSql),
            (b"\x4a\0\0\0\x0a8.0.36\0", P::MySql),
            (b"*1\r\n$4\r\nPING\r\n", P::Redis),
            (b"-NOAUTH Authentication required.\r\n", P::Redis),
            (b"-ERR unknown command\r\n", P::Pop3OrRedis),
            (b"<?xml version='1.0'?><stream:stream ", P::Xmpp),
            (&[0x30, 0x0c, 2, 1, 1, 0x60, 7, 2, 1, 3], P::Ldap),
            (b"\x10\x10\0\x04MQTT\x05", P::Mqtt),
            (b"AMQP\0\0\x09\x01", P::Amqp),
            (&[3, 0, 0, 0x13, 0x0e, 0xe0, 0, 0], P::Rdp),
            (b"RFB 003.008\n", P::Rfb),
            (b"\0\0\0\x90\xfeSMB\x40\0", P::Smb),
            (b"PROXY TCP4 192.0.2.1 192.0.2.2 5 443\r\n", P::ProxyHeader),
            (b"\r\n\r\n\0\r\nQUIT\n\x21\x11", P::ProxyHeader),
            (&[0x80, 0x2e, 1, 3, 1, 0], P::Ssl2),
            (&[0xc3, 0, 0, 0, 1, 8], P::Quic),
            (&[22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 1], P::Dtls),
            (b"hello there\n", P::Text),
        ] {
            match next_record(bytes) {
                Err(RecordError::NotTls { protocol: found, .. }) => assert_eq!(found, protocol),
                other => panic!("{protocol:?}: {other:?}"),
            }
        }
    }

    #[test]
    fn what_is_none_of_them_is_a_number() {
        for bytes in
            [&[24][..], &[42, 3, 3, 0, 1, 0], b"abc", &[0xe7; 100], &[0, 0, 0, 0], b"ab\0c"]
        {
            let number = bytes[0];
            assert_eq!(next_record(bytes), Err(RecordError::UnknownContentType(number)));
        }
    }

    #[test]
    fn the_first_line_is_shown_escaped_and_of_bounded_length() {
        assert_eq!(
            said(b"HTTP/1.1 400 Bad Request\r\nServer: a\r\n"),
            "this is not TLS: the peer seems to speak HTTP without TLS; it begins \"HTTP/1.1 400 \
             Bad Request\""
        );
        let long = said(&[b"GET /".as_slice(), &[b'a'; 1000]].concat());
        assert!(long.len() < 160 && long.ends_with("aaa...\""), "{long}");
        let escaped = said(b"EHLO \x1b[31m\xff");
        assert!(escaped.ends_with("it begins \"EHLO \\x1b[31m\\xff\""), "{escaped}");
    }
}
