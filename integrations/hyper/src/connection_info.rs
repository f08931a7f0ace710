//! What a handler can know of its connection.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use handclasp::handshake::PeerParameters;
use handclasp::key_schedule::PskKind;

use crate::TlsListener;

/// The connection of a request. Handlers get it as `ConnectInfo<ConnectionInfo>`, where the router is served with
/// `into_make_service_with_connect_info::<ConnectionInfo>()`.
///
/// ```
/// use axum::extract::ConnectInfo;
/// use handclasp_hyper::ConnectionInfo;
///
/// async fn who(ConnectInfo(info): ConnectInfo<ConnectionInfo>) -> String {
///     let parameters = info.parameters();
///     let certificates = parameters.certificates.as_deref().unwrap_or_default();
///     format!(
///         "{}, for {:?}, with {} certificates, resumed: {}\n",
///         info.remote_address(),
///         parameters.server_name,
///         certificates.len(),
///         info.is_resumed(),
///     )
/// }
/// ```
#[derive(Clone, Debug)]
pub struct ConnectionInfo {
    remote_address: SocketAddr,
    parameters: Arc<PeerParameters>,
    early: Arc<AtomicBool>,
}

impl ConnectionInfo {
    /// The address of the client, or of the last proxy.
    pub fn remote_address(&self) -> SocketAddr {
        self.remote_address
    }

    /// What was negotiated: the server name (SNI), the application protocol (ALPN), the client's certificates
    /// and the rest. A certificate that a client sends after the handshake is not here.
    pub fn parameters(&self) -> &PeerParameters {
        &self.parameters
    }

    /// Whether the connection resumes a session.
    pub fn is_resumed(&self) -> bool {
        self.parameters.pre_shared_key == Some(PskKind::Resumption)
    }

    /// Whether the handshake is not complete yet. Then a request came in 0-RTT data, and an attacker may have
    /// replayed it.
    pub fn is_early(&self) -> bool {
        self.early.load(Ordering::Acquire)
    }
}

impl<L> Connected<IncomingStream<'_, TlsListener<L>>> for ConnectionInfo
where
    L: Listener<Addr = SocketAddr>,
{
    fn connect_info(stream: IncomingStream<'_, TlsListener<L>>) -> Self {
        let https = stream.io();
        Self {
            remote_address: *stream.remote_addr(),
            parameters: Arc::new(https.connection().parameters().clone()),
            early: Arc::clone(https.early()),
        }
    }
}
