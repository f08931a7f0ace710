//! Channel bindings: values that a protocol above TLS mixes into its proof of identity (RFC 5056), which is then
//! worth nothing on another connection.

use super::{Handshake, Side};
use crate::certificate::certificate_hash;
use crate::error::{Error, ErrorKind};

impl Handshake {
    /// The channel binding of the type `tls-exporter` (RFC 9266): SCRAM and GSS-API mix it into
    /// their proof, which is then worth nothing on another connection. Both ends get the same.
    ///
    /// # Errors
    /// As [`export_keying_material`](Self::export_keying_material).
    pub fn tls_exporter(&self) -> Result<[u8; 32], Error> {
        let mut binding = [0; 32];
        self.export_keying_material("EXPORTER-Channel-Binding", b"", &mut binding)?;
        Ok(binding)
    }

    /// The channel binding of the type `tls-server-end-point`, on a client: the hash of the server's certificate
    /// (RFC 5929, section 4). It binds to the server's key, and not to one connection. Use it where the protocol
    /// above knows no other, as PostgreSQL, and [`tls_exporter`](Self::tls_exporter) elsewhere.
    ///
    /// `None` where the server has no certificate, or one whose signature has no hash function of its own (Ed25519,
    /// ML-DSA). A server computes it of its own certificate:
    /// [`certificate_hash`](crate::certificate::certificate_hash).
    ///
    /// # Errors
    /// [`ErrorKind::Misuse`] on a server, and before the handshake is complete.
    pub fn tls_server_end_point(&self) -> Result<Option<Vec<u8>>, Error> {
        self.connected()?;
        if self.side() == Side::Server {
            return Err(ErrorKind::Misuse("a server knows its own certificate").into());
        }
        let Some([certificate, ..]) = self.context.parameters.certificates.as_deref() else {
            return Ok(None);
        };
        let digests = self.context.config.provider.signatures.digests;
        Ok(certificate_hash(certificate, digests)?)
    }
}
