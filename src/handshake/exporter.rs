//! Exporters (RFC 9846, section 7.5): keys for other protocols, from the secrets of a connection. These
//! are the functions of the API; `key_schedule/exporter_secret.rs` computes, and `crypto/hkdf.rs` checks
//! the length. An error here ends no connection.

use super::Handshake;
use crate::error::{Error, ErrorKind};

impl Handshake {
    /// Makes a key of `output`'s length for another protocol (section 7.5; the interface of
    /// RFC 5705). Both ends get the same key for the same label and context. In TLS 1.3 no context
    /// and an empty one are the same. In older versions they differ, so a protocol that also runs
    /// over these should use a context. Labels of public protocols are registered, and begin with
    /// "EXPORTER"; private labels begin with "EXPERIMENTAL" (RFC 5705, section 4).
    ///
    /// # Errors
    /// [`ErrorKind::Misuse`] before the handshake is complete; [`ErrorKind::Crypto`] when the
    /// output is longer than 255 hashes or the label longer than 249 bytes.
    pub fn export_keying_material(
        &self,
        label: &str,
        context: &[u8],
        output: &mut [u8],
    ) -> Result<(), Error> {
        Ok(self.connected()?.secrets.exporter().export(label, context, output)?)
    }

    /// As [`export_keying_material`](Self::export_keying_material), for use with 0-RTT data: from
    /// secrets that exist before the handshake is complete. Keys from this exporter are not bound
    /// to the server's part of the handshake (section 7.5).
    ///
    /// # Errors
    /// [`ErrorKind::Misuse`] when no 0-RTT data were offered, or they were rejected.
    pub fn export_early_keying_material(
        &self,
        label: &str,
        context: &[u8],
        output: &mut [u8],
    ) -> Result<(), Error> {
        self.check()?;
        let zero_rtt = self.context.zero_rtt.as_ref();
        match zero_rtt.and_then(|zero_rtt| zero_rtt.exporter.as_ref()) {
            Some(exporter) => Ok(exporter.export(label, context, output)?),
            None => Err(ErrorKind::Misuse("there are no 0-RTT data").into()),
        }
    }
}
