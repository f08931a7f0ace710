//! A connection gives its keys away: the application protects the records from here on, or a kernel or a
//! network card does. [`PostHandshake`] goes on with the messages after the handshake.

use core::fmt;
use std::error::Error as StdError;

use super::{ClientConnection, Connection, PostHandshake, RecordKeys, ServerConnection};
use crate::crypto::{CryptoError, wipe_stack};
use crate::error::Error;
use crate::handshake::STACK_DEPTH;
use crate::key_schedule::TrafficSecret;

/// What [`ClientConnection::into_secrets`] and [`ServerConnection::into_secrets`] return: everything that
/// continues the connection.
#[derive(Debug)]
#[non_exhaustive]
pub struct ExtractedSecrets {
    /// Opens the records of the peer.
    pub read: RecordKeys,
    /// Seals the records of this side.
    pub write: RecordKeys,
    /// Takes the messages and alerts of the peer, and says what to send and which keys come next.
    pub post_handshake: PostHandshake,
}

/// Why a connection keeps its keys. Nothing has changed, and nothing is lost.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeysKept {
    /// The handshake is not complete. A server that has accepted 0-RTT data has not received their end.
    #[error("the handshake is not complete yet")]
    Handshaking,
    /// [`outgoing`](Connection::outgoing) has bytes: send them first. They are under the present keys.
    #[error("{0} bytes wait to be sent")]
    Outgoing(usize),
    /// A stream has data that the application has not read.
    #[error("{0} bytes of the peer's data were not read yet")]
    UnreadData(usize),
    /// A stream has 0-RTT data that the application has not taken.
    #[error("{0} bytes of 0-RTT data were not taken yet")]
    UnreadEarlyData(usize),
    /// This side has sent close_notify.
    #[error("this side has closed the connection")]
    Closed,
    /// The connection has failed before.
    #[error("the connection has failed: {0}")]
    Failed(Error),
    /// The crypto provider failed to derive a key.
    #[error("the crypto provider cannot derive the keys: {0}")]
    Provider(#[from] CryptoError),
}

/// A connection, or a stream, that keeps its keys.
pub struct IntoSecretsError<C> {
    /// Why.
    pub reason: KeysKept,
    /// The connection or stream. It goes on as before.
    pub kept: C,
}

impl<C> fmt::Debug for IntoSecretsError<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IntoSecretsError").field("reason", &self.reason).finish_non_exhaustive()
    }
}

impl<C> fmt::Display for IntoSecretsError<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the connection keeps its keys: {}", self.reason)
    }
}

impl<C> StdError for IntoSecretsError<C> {}

/// The keys of both directions.
pub(crate) struct BothRecordKeys {
    read: RecordKeys,
    write: RecordKeys,
}

impl Connection {
    /// The keys of the next records, if the connection may give them away.
    pub(crate) fn record_keys(&self) -> Result<BothRecordKeys, KeysKept> {
        self.check().map_err(KeysKept::Failed)?;
        if self.closed {
            return Err(KeysKept::Closed);
        }
        if !self.outgoing().is_empty() {
            return Err(KeysKept::Outgoing(self.outgoing().len()));
        }
        let Some(traffic) = self.handshake.record_traffic() else {
            return Err(KeysKept::Handshaking);
        };
        let (opener, sealer) = (&self.opener, &self.sealer);
        let read = keys_of(&traffic.read, opener.sequence(), opener.max_content_length());
        let write = keys_of(&traffic.write, sealer.sequence(), sealer.max_content_length());
        // Both have passed through the stack.
        wipe_stack::<STACK_DEPTH>();
        Ok(BothRecordKeys { read: read?, write: write? })
    }

    /// Gives these keys away, which are of [`record_keys`](Self::record_keys).
    pub(crate) fn into_secrets_with(self, keys: BothRecordKeys) -> ExtractedSecrets {
        let BothRecordKeys { read, write } = keys;
        ExtractedSecrets { read, write, post_handshake: PostHandshake::new(self) }
    }
}

#[inline(never)]
fn keys_of(
    secret: &TrafficSecret,
    sequence: u64,
    max_content_length: usize,
) -> Result<RecordKeys, CryptoError> {
    Ok(RecordKeys::new(secret.suite(), secret.key_and_iv()?, sequence, max_content_length))
}

macro_rules! into_secrets {
    ($($type:ident),*) => {
        $(
            impl $type {
                /// Gives the keys of the records to the caller, who protects all records from here on: in
                /// the kernel (Linux: kTLS), in a network card, or elsewhere. Every cipher suite of every
                /// crypto provider can be given away, because this library derives the keys itself; that
                /// private keys of certificates are in a device makes no difference.
                ///
                /// Call it when the handshake is complete, and [`outgoing`](Connection::outgoing) is sent.
                /// Bytes of the peer that were not given to [`receive`](Connection::receive) are the first
                /// ones that the new owner opens; [`RecordKeys::opener`] does that for what is not in the
                /// kernel any more. [`Stream::into_secrets`](crate::Stream::into_secrets) returns them.
                ///
                /// # What the caller takes over
                ///
                /// This is dangerous where it is done wrong:
                ///
                /// - **Nonces.** Each record has its own number. Two records with one number under one key
                ///   give the key of the authentication away. Drop the keys when the new owner has them,
                ///   and do not let two owners seal.
                /// - **Limits.** The new owner counts its records. At [`RecordKeys::update_from`], call
                ///   [`PostHandshake::update_keys`]. Records have at most
                ///   [`RecordKeys::max_content_length`] bytes.
                /// - **Content types.** Each record that was opened goes to
                ///   [`PostHandshake::receive`], with its type: application data, too, because the limits
                ///   against floods start again with them. An owner that passes over handshake messages
                ///   loses the peer's next KeyUpdate, and cannot open a record after it.
                /// - **Steps.** First of all, and after each call of [`PostHandshake`], do the
                ///   [steps](PostHandshake::next_step) in their order.
                /// - **Data.** Call [`PostHandshake::before_data`] before data are sent, and do its steps.
                /// - **Failures.** A record that does not open ends the connection: see
                ///   [`PostHandshake::abort`]. It is not skipped.
                /// - **The end.** [`PostHandshake::close`] gives the close_notify to send. Call
                ///   [`PostHandshake::end_of_input`] where the transport ends.
                /// - **Padding.** That of the configuration is not applied any more.
                ///
                /// Observers see messages and alerts, and no records. The guide has a
                /// [program](crate::guide::transport#records-that-are-protected-elsewhere).
                ///
                /// # Errors
                /// [`KeysKept`], with the connection: nothing is lost.
                #[allow(clippy::result_large_err, reason = "the error gives the connection back")]
                pub fn into_secrets(self) -> Result<ExtractedSecrets, IntoSecretsError<Self>> {
                    match self.record_keys() {
                        Ok(keys) => Ok(self.0.into_secrets_with(keys)),
                        Err(reason) => Err(IntoSecretsError { reason, kept: self }),
                    }
                }
            }

            /// The connection, without regard to its side.
            impl From<$type> for Connection {
                fn from(connection: $type) -> Self {
                    connection.0
                }
            }
        )*
    };
}

into_secrets!(ClientConnection, ServerConnection);
