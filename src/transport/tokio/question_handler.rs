//! Futures that answer the questions of a handshake.

use core::pin::Pin;

use crate::handshake::{Answer, Question};

/// The future of an answer.
pub type AnswerFuture = Pin<Box<dyn Future<Output = Answer> + Send>>;

/// Answers the questions of handshakes by futures: with a signature from a device or a service, a
/// certificate that must be fetched, a pre-shared key or a session from a database, or a decision about
/// a peer's certificates.
///
/// A handshake asks only what its configuration leaves open: give it a
/// [`KeySource::Remote`](crate::credential::KeySource::Remote) for the signature, and
/// [`AnswerLater`](crate::AnswerLater) or a [`SessionStore`](crate::session::SessionStore)
/// that answers later for the rest. While the future runs, this connection waits, and the others
/// continue. The future is dropped with its connection, and when its question is not open any more,
/// for example because the application has answered it with
/// [`Connection::answer`](crate::Connection::answer). The time counts towards the handshake's timeout.
///
/// An async function or closure implements this. If it captures something, it clones that for each
/// question, as the [guide](crate::guide::tokio) shows:
///
/// ```
/// use handclasp::handshake::{Answer, Question};
/// use handclasp::transport::tokio::Acceptor;
/// # use handclasp::crypto::CryptoError;
/// # async fn ask_the_device(_: handclasp::handshake::Sign) -> Result<Vec<u8>, CryptoError> {
/// #     Err(CryptoError)
/// # }
/// # fn example(acceptor: Acceptor) {
///
/// let acceptor = acceptor.answers(|question| async {
///     match question {
///         Question::Sign(sign) => Answer::Signature(ask_the_device(sign).await),
///         other => Answer::Unavailable(format!("there is no way to {}", other.name())),
///     }
/// });
/// # }
/// ```
pub trait QuestionHandler: Send + Sync {
    /// Answers this question. [`Answer::Unavailable`] says that there is no answer.
    fn answer(&self, question: Question) -> AnswerFuture;
}

impl<F, A> QuestionHandler for F
where
    F: Fn(Question) -> A + Send + Sync,
    A: Future<Output = Answer> + Send + 'static,
{
    fn answer(&self, question: Question) -> AnswerFuture {
        Box::pin(self(question))
    }
}

/// The handler of a connector or acceptor that was not given one.
pub(super) async fn no_handler(_: Question) -> Answer {
    Answer::Unavailable(
        "the configuration leaves this question open, and there is no handler for questions".into(),
    )
}
