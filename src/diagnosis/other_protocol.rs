//! Bytes of another protocol came.

use super::data::Diagnosis;
use crate::record::OtherProtocol;
use crate::side::Side;

/// What to change where the peer speaks this protocol. `begins` is the first line of what came.
pub(super) fn explain(
    protocol: OtherProtocol,
    begins: &str,
    side: Option<Side>,
    diagnosis: &mut Diagnosis,
) {
    match side {
        Some(Side::Server) => explain_client(protocol, begins, diagnosis),
        _ => explain_server(protocol, begins, diagnosis),
    }
}

fn explain_server(protocol: OtherProtocol, begins: &str, diagnosis: &mut Diagnosis) {
    use OtherProtocol as P;
    let starts_tls = |command: &str, port: &str| {
        format!(
            "the server begins TLS after {command}, which the application sends before it begins TLS; \
             or use the port for TLS from the first byte, {port}"
        )
    };
    match protocol {
        P::Http => {
            if begins.contains(" 407 ") || begins.contains("roxy") {
                diagnosis.cause("this may be an HTTP proxy");
            }
            diagnosis.remedy("this port is for HTTP without TLS: use the one for https://, usually 443");
            diagnosis.remedy("through an HTTP proxy, send CONNECT first, and begin TLS after its answer");
        }
        P::Smtp | P::SmtpOrFtp => diagnosis
            .remedy(starts_tls("STARTTLS (FTP: AUTH TLS)", "usually port 465 (FTP: 990)")),
        P::Imap => diagnosis.remedy(starts_tls("STARTTLS", "usually port 993")),
        P::Pop3 | P::Pop3OrRedis => diagnosis.remedy(starts_tls("STLS", "usually port 995")),
        P::Ftp => diagnosis.remedy(starts_tls("AUTH TLS", "usually port 990")),
        P::PostgreSql => diagnosis.remedy(
            "a server of PostgreSQL begins TLS after an SSLRequest, which the application sends, or at \
             once since version 17 (sslnegotiation=direct)",
        ),
        P::MySql => diagnosis.remedy(
            "a server of MySQL speaks first, and begins TLS after an SSLRequest: the application must \
             send that before it begins TLS",
        ),
        P::ProxyHeader => {
            diagnosis.remedy("turn the PROXY header off at the proxy, or remove it before TLS begins");
        }
        P::Dtls | P::Quic => diagnosis.remedy("this is TLS over TCP, and not over datagrams"),
        protocol if protocol.can_start_tls() => diagnosis.remedy(
            "the server may begin TLS after a command of its own protocol, which the application sends, \
             or at another port",
        ),
        _ => diagnosis.remedy("the server must speak TLS from its first byte: is it the right port?"),
    }
}

fn explain_client(protocol: OtherProtocol, begins: &str, diagnosis: &mut Diagnosis) {
    use OtherProtocol as P;
    match protocol {
        P::Http if begins.starts_with("CONNECT ") => diagnosis.remedy(
            "the client takes this server for an HTTP proxy: take it out of the client's proxy settings",
        ),
        P::Http => diagnosis.remedy(
            "the client must speak TLS from its first byte: https:// in the place of http://",
        ),
        P::ProxyHeader => {
            diagnosis.remedy("turn the PROXY header off at the proxy, or remove it before TLS begins");
        }
        P::Ssl2 => diagnosis.remedy(
            "the client is too old, or is set up to be compatible with SSL 2.0: this server speaks TLS \
             1.3 only",
        ),
        P::Dtls | P::Quic => diagnosis.remedy("this is TLS over TCP, and not over datagrams"),
        protocol if protocol.can_start_tls() => diagnosis.remedy(
            "the client must speak TLS from its first byte: set it up for TLS at once, and not after a \
             command such as STARTTLS",
        ),
        _ => diagnosis.remedy("the client must speak TLS from its first byte: is it the right port?"),
    }
}
