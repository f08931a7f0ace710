//! 425 (Too Early): RFC 8470, section 5.2.

use axum::extract::{ConnectInfo, Request};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::ConnectionInfo;

/// A middleware that answers 425 (Too Early) to a request that must not be replayed, if it came in 0-RTT data: a
/// request with a method that is not safe, such as POST. The client then sends it again, after the handshake.
///
/// It also looks at the header field `Early-Data: 1` of a proxy (RFC 8470, section 5.1). A router that is served
/// without [`ConnectionInfo`] cannot know what came early: each request gets 500 (Internal Server Error), as with
/// every extractor that is missing in axum.
///
/// ```
/// use axum::Router;
/// use axum::middleware::from_fn;
/// use axum::routing::post;
///
/// let app: Router = Router::new()
///     .route("/transfer", post(async || "done\n"))
///     .layer(from_fn(handclasp_hyper::too_early));
/// ```
pub async fn too_early(
    ConnectInfo(info): ConnectInfo<ConnectionInfo>,
    request: Request,
    next: Next,
) -> Response {
    let is_early = info.is_early() || request.headers().contains_key("early-data");
    if is_early && !request.method().is_safe() {
        return StatusCode::TOO_EARLY.into_response();
    }
    next.run(request).await
}
