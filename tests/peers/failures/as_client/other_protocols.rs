//! The server speaks another protocol, without TLS.

use handclasp::ClientConnection;
use handclasp::diagnosis::Fault;
use handclasp::handshake::Side;
use handclasp_testing::{Identity, server_name};

use super::super::Row;
use super::super::ends::{End, client, client_hears};
use super::hears;

fn bytes() -> Row {
    let row = Row::of(Side::Client, "bytes");
    Row { code: "not-tls", fault: Fault::Peer, ..row }
}

pub fn rows() -> Vec<Row> {
    vec![
        Row {
            kind: "http",
            what: "the server speaks HTTP without TLS",
            make: || hears("HTTP/1.1 400 Bad Request\r\n\r\n"),
            says: &[
                "this is not TLS",
                "HTTP without TLS",
                "it begins \"HTTP/1.1 400 Bad Request\"",
            ],
            change: "use the one for https://",
            ..bytes()
        },
        Row {
            kind: "http-proxy",
            what: "the server is an HTTP proxy, and CONNECT was not sent",
            make: || hears("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n"),
            says: &["HTTP without TLS", "407 Proxy", "this may be an HTTP proxy"],
            change: "send CONNECT first",
            ..bytes()
        },
        Row {
            kind: "ssh",
            what: "the server speaks SSH",
            make: || hears("SSH-2.0-OpenSSH_9.6\r\n"),
            says: &["seems to speak SSH", "it begins \"SSH-2.0-OpenSSH_9.6\""],
            change: "is it the right port?",
            ..bytes()
        },
        Row {
            kind: "smtp",
            what: "the server speaks SMTP, and STARTTLS was not sent",
            make: || hears("220 mail.example ESMTP ready\r\n"),
            says: &["SMTP without TLS", "220 mail.example ESMTP ready"],
            change: "begins TLS after STARTTLS",
            ..bytes()
        },
        Row {
            kind: "imap",
            what: "the server speaks IMAP, and STARTTLS was not sent",
            make: || hears("* OK IMAP4rev1 ready\r\n"),
            says: &["IMAP without TLS"],
            change: "usually port 993",
            ..bytes()
        },
        Row {
            kind: "pop3",
            what: "the server speaks POP3, and STLS was not sent",
            make: || hears("+OK ready\r\n"),
            says: &["POP3 without TLS"],
            change: "begins TLS after STLS",
            ..bytes()
        },
        Row {
            kind: "ftp",
            what: "the server speaks FTP, and AUTH TLS was not sent",
            make: || hears("220 (vsFTPd 3.0.5)\r\n"),
            says: &["FTP without TLS"],
            change: "begins TLS after AUTH TLS",
            ..bytes()
        },
        Row {
            kind: "postgresql",
            what: "the server speaks PostgreSQL, and SSLRequest was not sent",
            make: || hears("E\0\0\0\x50SFATAL\0VFATAL\0"),
            says: &["PostgreSQL without TLS"],
            change: "after an SSLRequest",
            ..bytes()
        },
        Row {
            kind: "mysql",
            what: "the server speaks MySQL, which greets its clients",
            make: || hears("\x4a\0\0\0\x0a8.0.36\0"),
            says: &["MySQL without TLS"],
            change: "speaks first, and begins TLS after an SSLRequest",
            ..bytes()
        },
        Row {
            kind: "text",
            what: "the server speaks an unknown protocol of text",
            make: || hears("what do you want?\n"),
            says: &["a protocol of plain text", "it begins \"what do you want?\""],
            change: "is it the right port?",
            ..bytes()
        },
        Row {
            kind: "echo",
            what: "the server returns what it gets",
            make: || {
                let hello = ClientConnection::new(Identity::p256().client_config(), server_name());
                let hello = hello.outgoing().to_vec();
                Some(client_hears(client(&Identity::p256()), &hello, End::Closes))
            },
            code: "unexpected-message",
            says: &[
                "ClientHello came while waiting for ServerHello",
                "may return what it receives",
            ],
            change: "is it the right port?",
            ..bytes()
        },
    ]
}
