//! 421 (Misdirected Request): RFC 9110, section 7.4.

use axum::extract::{ConnectInfo, Request};
use axum::http::StatusCode;
use axum::http::header::HOST;
use axum::http::uri::Authority;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use handclasp::pki_types::ServerName;

use crate::ConnectionInfo;

/// A middleware that answers 421 (Misdirected Request) to a request for another host than the server name (SNI) of
/// its connection. The client then sends it again over a new connection, to the right name.
///
/// **A server that chooses its configuration by the server name needs this.** A client connects to
/// `public.example.org`, which asks for no certificate, and sends a request with `Host: admin.example.org`. Without
/// this middleware, a router that looks at the host answers it, and the certificate that `admin.example.org`
/// requires was never asked for.
///
/// It compares `:authority` of HTTP/2, the host of an absolute URI and each header field `Host`. A request for an IP
/// address must come over a connection without a server name, and one for a DNS name over a connection with that
/// name. It does not look at `Forwarded` and `X-Forwarded-Host`: any client can send them. A router that is served
/// without [`ConnectionInfo`] answers 500 (Internal Server Error).
///
/// ```
/// use axum::Router;
/// use axum::middleware::from_fn;
/// use axum::routing::get;
///
/// let app: Router = Router::new()
///     .route("/", get(async || "hello\n"))
///     .layer(from_fn(handclasp_hyper::misdirected));
/// ```
pub async fn misdirected(
    ConnectInfo(info): ConnectInfo<ConnectionInfo>,
    request: Request,
    next: Next,
) -> Response {
    let server_name = info.parameters().server_name.as_deref();
    if let Some(authority) = request.uri().authority() {
        if !is_for(authority, server_name) {
            return StatusCode::MISDIRECTED_REQUEST.into_response();
        }
    }
    for host in request.headers().get_all(HOST) {
        match Authority::try_from(host.as_bytes()) {
            Ok(authority) if is_for(&authority, server_name) => {}
            _ => return StatusCode::MISDIRECTED_REQUEST.into_response(),
        }
    }
    next.run(request).await
}

/// Whether the host in `authority` is the server name of the connection, which is in lower case and has no dot at
/// its end.
fn is_for(authority: &Authority, server_name: Option<&str>) -> bool {
    let host = authority.host().trim_matches(['[', ']']);
    match ServerName::try_from(host) {
        Ok(ServerName::DnsName(name)) => {
            let name = name.as_ref();
            let name = name.strip_suffix('.').unwrap_or(name);
            server_name.is_some_and(|server_name| server_name.eq_ignore_ascii_case(name))
        }
        Ok(ServerName::IpAddress(_)) => server_name.is_none(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_compared_as_a_name_and_not_as_bytes() {
        let name = Some("a.example.org");
        for (host, server_name, expected) in [
            ("a.example.org", name, true),
            ("A.Example.ORG", name, true),
            ("a.example.org.", name, true),
            ("a.example.org:8443", name, true),
            ("b.example.org", name, false),
            ("a.example.org.b.example.org", name, false),
            ("a.example.org@b.example.org", name, false),
            ("example.org", name, false),
            ("192.0.2.1", name, false),
            ("[2001:db8::1]:443", name, false),
            ("a.example.org", None, false),
            ("192.0.2.1:443", None, true),
            ("[2001:db8::1]:443", None, true),
            ("not_a-name-.", None, false),
        ] {
            let authority = Authority::try_from(host).unwrap();
            assert_eq!(is_for(&authority, server_name), expected, "{host}, {server_name:?}");
        }
    }
}
