//! What goes wrong with the store, and with what an operator gives.

use fred::error::ErrorKind;

/// Why there is no store, or why a call to it has no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The prefix of keys is not 1 to 64 letters, digits and the characters `-`, `_`, `.`, `:` and `/`.
    #[error(
        "the prefix of keys must be 1 to 64 letters, digits and characters of \"-_.:/\", without braces"
    )]
    Prefix,
    /// Sealing keys must be one or several times 32 bytes, and random.
    #[error("sealing keys must be one or several times 32 random bytes")]
    SealingKeys,
    /// A period of ticket keys must be six refresh intervals or longer, and an interval a millisecond or longer. A period
    /// is a year at most. Tickets live for seven days at most, and for 200 periods at most.
    #[error(
        "a period of ticket keys must be at least six refresh intervals and at most a year, an interval at least a \
         millisecond, and tickets must live for at most seven days and 200 periods"
    )]
    TicketKeyTimes,
    /// The store has so many ticket keys, or so many revocations of them, that it takes no more. Nothing was changed.
    #[error(
        "there are too many ticket keys or revocations of them: nothing was changed; they end by themselves"
    )]
    TicketKeysFull,
    /// The store has ticket keys that this server cannot open. Only the others were revoked.
    #[error(
        "{0} ticket keys in the store were not revoked: this server does not have the sealing key that they are \
         sealed with, or they were changed; revoke all on a server that has it"
    )]
    TicketKeysNotOpened(usize),
    /// Other servers changed the ticket keys again and again while this one tried to.
    #[error("other servers have changed the ticket keys again and again meanwhile: try again")]
    TicketKeysChanged,
    /// There is no tokio runtime to run the calls in.
    #[error("this has to be made inside a tokio runtime")]
    NoRuntime,
    /// The store has not answered in time.
    #[error("the store has not answered within {0:?}")]
    Timeout(core::time::Duration),
    /// The store was not asked, because the calls before had no answer.
    #[error("the store was not asked: it has not answered the calls before")]
    NotAsked,
    /// The call failed. The code is `unreachable` where there is no answer: there is no connection, or it was lost, or no
    /// node of the cluster takes the call now. It is `refused` where the store has answered with an error: a right is
    /// missing, for example.
    #[error("the store failed: {0}")]
    Store(#[source] fred::error::Error),
    /// The store has answered with something that is no answer to the call.
    #[error("the store has answered with something else than the call asks for")]
    Answer,
    /// A value in the store is not one that was sealed with one of the keys, for this place.
    #[error(
        "a value in the store was changed, or was sealed with another key or for another place"
    )]
    Value,
    /// A cryptographic operation failed, or there is no randomness.
    #[error("the value could not be sealed: {0}")]
    Crypto(#[from] handclasp::crypto::CryptoError),
}

impl Error {
    /// Is there no answer, because the store is down, slow or not reachable? An error that the store sends is an answer,
    /// unless a node of a cluster sends it because another one has the key, or none.
    pub(crate) fn is_unanswered(&self) -> bool {
        match self {
            Self::Timeout(_) => true,
            Self::Store(error) => matches!(
                error.kind(),
                ErrorKind::Canceled
                    | ErrorKind::Cluster
                    | ErrorKind::IO
                    | ErrorKind::Routing
                    | ErrorKind::Sentinel
                    | ErrorKind::Timeout
            ),
            _ => false,
        }
    }

    /// A name for metrics.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Prefix => "prefix",
            Self::SealingKeys => "sealing_keys",
            Self::TicketKeyTimes => "ticket_key_times",
            Self::TicketKeysFull => "ticket_keys_full",
            Self::TicketKeysNotOpened(_) => "ticket_keys_not_opened",
            Self::TicketKeysChanged => "ticket_keys_changed",
            Self::NoRuntime => "no_runtime",
            Self::Timeout(_) => "timeout",
            Self::NotAsked => "not_asked",
            Self::Store(_) if self.is_unanswered() => "unreachable",
            Self::Store(_) => "refused",
            Self::Answer => "answer",
            Self::Value => "value",
            Self::Crypto(_) => "crypto",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_that_refuses_and_one_that_is_away_have_different_codes() {
        for (kind, code) in [
            (ErrorKind::Auth, "refused"),
            (ErrorKind::InvalidCommand, "refused"),
            (ErrorKind::Unknown, "refused"),
            (ErrorKind::IO, "unreachable"),
            (ErrorKind::Canceled, "unreachable"),
            (ErrorKind::Cluster, "unreachable"),
        ] {
            let error = fred::error::Error::new(kind.clone(), "a text");
            assert_eq!(Error::Store(error).code(), code, "{kind:?}");
        }
    }
}
