//! What QUIC changes in TLS.

use handclasp::handshake::Side::{Client, Server};

use super::{HEADER_FIRST, Row, WAITS, either, row};

const POST_HANDSHAKE: &str = "RFC 9001, section 4.4: PROTOCOL_VIOLATION for a CertificateRequest after the \
    handshake; rustls says what it says without QUIC";

pub const ROWS: &[Row] = &[
    row(Client, "which QUIC forbids", "InappropriateHandshakeMessage", POST_HANDSHAKE),
    row(Client, "which QUIC forbids", "InvalidMessage(", POST_HANDSHAKE),
    row(Client, "which QUIC forbids", WAITS, HEADER_FIRST),
    row(
        Server,
        "legacy_session_id, which QUIC has no use for",
        "",
        "RFC 9001, section 8.4: PROTOCOL_VIOLATION for a legacy_session_id, which rustls takes",
    ),
    row(
        Server,
        "which supported_groups lacks",
        "InappropriateHandshakeMessage",
        "section 4.3.8: a server may check that each share is for an offered group; ours does. rustls \
         asks for another share, and something else comes",
    ),
    row(
        Server,
        "lacks the extension quic_transport_parameters",
        "",
        "RFC 9001, section 8.2: missing_extension for a ClientHello without them; rustls looks at the \
         second only, after a HelloRetryRequest",
    ),
    either(
        "the peer's Finished, ",
        "Inappropriate",
        "there are two faults: ours reports the length, and rustls the type",
    ),
];
