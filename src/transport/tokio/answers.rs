use core::pin::Pin;

use crate::handshake::{Answer, Question};

/// An answer on its way.
pub type Answering = Pin<Box<dyn Future<Output = Answer> + Send>>;

/// Answers a handshake's questions, in its own time: a signature from a device or a service, a
/// certificate that has yet to be fetched, a pre-shared key or a session from a database, a verdict
/// on a server's certificates.
///
/// Only what the configuration leaves open is asked: give it a
/// [`KeySource::Elsewhere`](crate::config::KeySource::Elsewhere) for the signature, and
/// [`AnswerLater`](crate::config::AnswerLater) or a [`SessionStore`](crate::session::SessionStore)
/// of its own for the rest. While the future runs, this
/// connection rests and the others go on. The future is dropped with its connection, and when its
/// question is not open any more: when the application has answered it with
/// [`Connection::answer`](crate::Connection::answer), say. The handshake's timeout counts.
///
/// An async function or closure is all that is needed; one that has something of its own clones it
/// for each question, as the [guide](crate::guide::tokio) shows:
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
///         other => Answer::Unavailable(format!("nobody knows how to {}", other.name())),
///     }
/// });
/// # }
/// ```
pub trait Answers: Send + Sync {
    /// The answer, which must be to this question. [`Answer::Unavailable`] says that there is none.
    fn answer(&self, question: Question) -> Answering;
}

impl<F, A> Answers for F
where
    F: Fn(Question) -> A + Send + Sync,
    A: Future<Output = Answer> + Send + 'static,
{
    fn answer(&self, question: Question) -> Answering {
        Box::pin(self(question))
    }
}

/// What is used until somebody is named.
pub(super) async fn nobody(_: Question) -> Answer {
    Answer::Unavailable(
        "the configuration leaves it to be asked, and nobody is named to ask".into(),
    )
}
