//! The page, and the way from HTTP to a WebSocket.

use std::sync::Arc;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{
    CACHE_CONTROL, CONNECTION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST, HeaderName, ORIGIN,
    SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use hyper::http::Error;
use hyper::{Method, Request, Response, StatusCode};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use crate::Site;
use crate::rooms::Rooms;
use crate::socket;
use crate::watch::Watch;

const HTML: &str = include_str!("page.html");
const CSS: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

pub async fn answer(
    request: Request<Incoming>,
    site: Site,
    watch: Watch,
) -> Result<Response<Full<Bytes>>, Error> {
    if request.method() != Method::GET {
        return plain(StatusCode::METHOD_NOT_ALLOWED, "This is for reading.\n");
    }
    let path = request.uri().path();
    if let Some(number) = path.strip_prefix("/handshakes/") {
        let page = number.parse().ok().and_then(|number| site.accounts.page(number));
        return match page {
            Some(page) => explained(page),
            None => plain(StatusCode::NOT_FOUND, "This handshake is not remembered.\n"),
        };
    }
    match path {
        "/" => {
            // JSON may have a "<" in its strings only, where it can be written like this.
            let facts = watch.facts().to_string().replace('<', "\\u003c");
            file("text/html; charset=utf-8", HTML.replace("CONNECTION", &facts).into())
        }
        "/page.css" => file("text/css; charset=utf-8", CSS.into()),
        "/page.js" => file("text/javascript; charset=utf-8", SCRIPT.into()),
        "/chat" => upgrade(request, site.rooms, watch),
        _ => plain(StatusCode::NOT_FOUND, "There is nothing here.\n"),
    }
}

fn plain(status: StatusCode, words: &'static str) -> Result<Response<Full<Bytes>>, Error> {
    Response::builder().status(status).header(CONTENT_TYPE, "text/plain").body(words.into())
}

fn file(kind: &str, content: Bytes) -> Result<Response<Full<Bytes>>, Error> {
    Response::builder()
        .header(CONTENT_TYPE, kind)
        .header(
            CONTENT_SECURITY_POLICY,
            "default-src 'self'; img-src data:; frame-ancestors 'none'",
        )
        .header(CACHE_CONTROL, "no-store")
        .body(content.into())
}

/// The page of a handshake. It has a policy of its own in it; this page may show it in a frame.
fn explained(page: String) -> Result<Response<Full<Bytes>>, Error> {
    Response::builder()
        .header(CONTENT_TYPE, "text/html; charset=utf-8")
        .header(CONTENT_SECURITY_POLICY, "frame-ancestors 'self'")
        .header(CACHE_CONTROL, "no-store")
        .body(page.into())
}

/// Section 4.2 of RFC 6455.
fn upgrade(
    mut request: Request<Incoming>,
    rooms: Arc<Rooms>,
    watch: Watch,
) -> Result<Response<Full<Bytes>>, Error> {
    let header = |name: HeaderName| request.headers().get(name).and_then(|v| v.to_str().ok());
    let wanted = header(UPGRADE).is_some_and(|value| value.eq_ignore_ascii_case("websocket"));
    let key = header(SEC_WEBSOCKET_KEY).filter(|_| wanted);
    let (Some(key), Some("13")) = (key, header(SEC_WEBSOCKET_VERSION)) else {
        return plain(StatusCode::BAD_REQUEST, "Here is a WebSocket of version 13.\n");
    };
    // A browser sends the origin of its page: only this page may connect.
    let own = header(HOST).map(|host| format!("https://{host}"));
    if header(ORIGIN).is_some_and(|origin| Some(origin) != own.as_deref()) {
        return plain(StatusCode::FORBIDDEN, "The chat is for its own page.\n");
    }
    let accept = derive_accept_key(key.as_bytes());
    let upgrade = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        println!("{}", watch.summary("wss"));
        if let Ok(upgraded) = upgrade.await {
            socket::chat(upgraded, rooms, watch).await;
        }
    });
    Response::builder()
        .status(StatusCode::SWITCHING_PROTOCOLS)
        .header(CONNECTION, "Upgrade")
        .header(UPGRADE, "websocket")
        .header(SEC_WEBSOCKET_ACCEPT, accept)
        .body(Full::default())
}
