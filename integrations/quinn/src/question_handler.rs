//! Answers to the questions of a handshake.

use handclasp::handshake::{Answer, Question};
use handclasp::quic::Connection;

/// Answers the questions of a handshake: of what a resolver, verifier, store or signing key of the
/// configuration answers later ([`handclasp::Reply::Later`]).
///
/// quinn calls the handshake when a packet came, and cannot be called back. So an answer is waited for
/// in the thread that drives the connection. With tokio's runtime of several threads,
/// `tokio::task::block_in_place` keeps the other tasks going. Without a handler, a question ends the
/// handshake with [`ErrorKind::Unanswered`](handclasp::ErrorKind::Unanswered).
///
/// # Limits
///
/// quinn holds a lock meanwhile: that of the connection, or that of the whole endpoint while a server takes
/// the first packet of a client ([`Incoming::accept`](quinn::Incoming::accept)) and while a client starts a
/// connection ([`Endpoint::connect`](quinn::Endpoint::connect)). Then **all connections of the endpoint wait**.
/// So give the wait a short limit of time, of a second for example. And do not wait for a future, nor for
/// anything else that needs the same runtime: its threads may all wait for the lock. A socket that blocks, with
/// timeouts, is right: see the example `http3_keyless`.
///
/// ```
/// use handclasp::crypto::SigningKey;
/// use handclasp::handshake::{Answer, Question};
/// use handclasp_quinn::QuestionHandler;
///
/// /// Asks a device for signatures.
/// struct Device(Box<dyn SigningKey>);
///
/// impl QuestionHandler for Device {
///     fn answer(&self, question: &Question) -> Answer {
///         match question {
///             Question::Sign(sign) => Answer::Signature(self.0.sign(sign.scheme, &sign.message)),
///             other => Answer::Unavailable(format!("the device cannot {}", other.name())),
///         }
///     }
/// }
/// ```
pub trait QuestionHandler: Send + Sync {
    /// The answer to this question.
    fn answer(&self, question: &Question) -> Answer;
}

/// Answers the open question, and those that follow. Without a handler there is no answer, and the
/// handshake fails: nothing would end a connection that waits.
pub(crate) fn answer_all(
    connection: &mut Connection,
    handler: Option<&dyn QuestionHandler>,
) -> Result<(), handclasp::Error> {
    while let (Some(number), Some(question)) = (connection.question_number(), connection.question())
    {
        let answer = match handler {
            Some(handler) => handler.answer(question),
            None => {
                Answer::Unavailable("the configuration for quinn has no QuestionHandler".into())
            }
        };
        connection.answer(number, answer)?;
    }
    Ok(())
}
