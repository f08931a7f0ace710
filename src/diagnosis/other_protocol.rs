//! Bytes of another protocol came.

use super::data::{Diagnosis, Setting};
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
    let begins_after = |command: &str| {
        format!("the server begins TLS after {command}: the application must send that first")
    };
    let use_port = |port: &str| format!("or use the port for TLS from the first byte, {port}");
    match protocol {
        P::Http => {
            let is_of_proxy = |word: &str| word == "407" || word.eq_ignore_ascii_case("proxy");
            if begins.split(' ').any(is_of_proxy) {
                diagnosis.cause("this may be an HTTP proxy");
            }
            diagnosis.remedy("this port is for HTTP without TLS: use the one for https://, usually 443");
            diagnosis.remedy("through an HTTP proxy, send CONNECT first, and begin TLS after its answer");
        }
        P::Smtp => {
            diagnosis.set(Setting::StartTls, "smtp", &begins_after("STARTTLS"));
            diagnosis.remedy(&use_port("usually port 465"));
        }
        P::SmtpOrFtp => {
            diagnosis.set(Setting::StartTls, "smtp", &begins_after("STARTTLS, if it is SMTP"));
            diagnosis.remedy(&begins_after("AUTH TLS, if it is FTP"));
            diagnosis.remedy(&use_port("usually port 465 for SMTP, and 990 for FTP"));
        }
        P::Imap => {
            diagnosis.set(Setting::StartTls, "imap", &begins_after("STARTTLS"));
            diagnosis.remedy(&use_port("usually port 993"));
        }
        P::Pop3 | P::Pop3OrRedis => {
            diagnosis.remedy(&begins_after("STLS"));
            diagnosis.remedy(&use_port("usually port 995"));
        }
        P::Ftp => {
            diagnosis.remedy(&begins_after("AUTH TLS"));
            diagnosis.remedy(&use_port("usually port 990"));
        }
        P::PostgreSql => {
            diagnosis.set(Setting::StartTls, "postgres", &begins_after("an SSLRequest"));
            diagnosis.remedy("since version 17 the server may also take TLS at once (sslnegotiation=direct)");
        }
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
