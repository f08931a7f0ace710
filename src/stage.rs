//! How far a handshake has come: what a side waits for.

use core::fmt;

/// What a side waits for: the states of RFC 9846, appendix A.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Stage {
    /// A client has not sent its ClientHello yet.
    Start,
    /// A client waits for ServerHello or HelloRetryRequest.
    ServerHello,
    /// A client has answered a HelloRetryRequest, and waits for ServerHello.
    ServerHelloAfterRetry,
    /// A client waits for EncryptedExtensions.
    EncryptedExtensions,
    /// A client waits for the server's CertificateRequest or Certificate.
    ServerCertificate,
    /// A client waits for the server's CertificateVerify.
    ServerCertificateVerify,
    /// A client waits for the server's Finished.
    ServerFinished,
    /// A server waits for a ClientHello.
    ClientHello,
    /// A server has sent a HelloRetryRequest, and waits for the second ClientHello.
    ClientHelloAfterRetry,
    /// A server reads 0-RTT data, and waits for EndOfEarlyData.
    EndOfEarlyData,
    /// A server waits for the client's Certificate.
    ClientCertificate,
    /// A server waits for the client's CertificateVerify.
    ClientCertificateVerify,
    /// A server waits for the client's Finished.
    ClientFinished,
    /// The handshake waits for the answer to a [`Question`](crate::handshake::Question).
    Answer,
    /// The handshake is complete.
    Connected,
}

impl Stage {
    /// A stable name for programs, in lower case with hyphens.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::ServerHello => "server-hello",
            Self::ServerHelloAfterRetry => "server-hello-after-retry",
            Self::EncryptedExtensions => "encrypted-extensions",
            Self::ServerCertificate => "server-certificate",
            Self::ServerCertificateVerify => "server-certificate-verify",
            Self::ServerFinished => "server-finished",
            Self::ClientHello => "client-hello",
            Self::ClientHelloAfterRetry => "client-hello-after-retry",
            Self::EndOfEarlyData => "end-of-early-data",
            Self::ClientCertificate => "client-certificate",
            Self::ClientCertificateVerify => "client-certificate-verify",
            Self::ClientFinished => "client-finished",
            Self::Answer => "answer",
            Self::Connected => "connected",
        }
    }
}

impl fmt::Display for Stage {
    /// What this side waits for.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Start => "the beginning of the handshake",
            Self::ServerHello => "the server's first message (ServerHello)",
            Self::ServerHelloAfterRetry => "the ServerHello after the HelloRetryRequest",
            Self::EncryptedExtensions => "the server's EncryptedExtensions",
            Self::ServerCertificate => "the server's Certificate",
            Self::ServerCertificateVerify => "the server's CertificateVerify",
            Self::ServerFinished => "the server's Finished",
            Self::ClientHello => "the ClientHello",
            Self::ClientHelloAfterRetry => "the second ClientHello",
            Self::EndOfEarlyData => "the client's EndOfEarlyData",
            Self::ClientCertificate => "the client's Certificate",
            Self::ClientCertificateVerify => "the client's CertificateVerify",
            Self::ClientFinished => "the client's Finished",
            Self::Answer => "the answer to a question",
            Self::Connected => "data",
        })
    }
}
