//! Answers to the questions of a handshake.

use std::sync::Arc;

use handclasp::handshake::{Answer, Question};
use handclasp::quic::Connection;

/// Answers the questions of a handshake: of what a resolver, verifier, store or signing key of the
/// configuration answers later ([`handclasp::Reply::Later`]).
///
/// quinn calls the handshake when a packet came, and cannot be called back. So an answer is waited for
/// in the thread that drives the connection. With tokio's runtime of several threads,
/// `tokio::task::block_in_place` keeps the other tasks going.
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

/// Answers the open question, and those that follow. Without a handler they stay open, until the
/// connection ends by its timeout.
pub(crate) fn answer_all(
    connection: &mut Connection,
    handler: Option<&Arc<dyn QuestionHandler>>,
) -> Result<(), handclasp::Error> {
    while let (Some(handler), Some(number), Some(question)) =
        (handler, connection.question_number(), connection.question())
    {
        let answer = handler.answer(question);
        connection.answer(number, answer)?;
    }
    Ok(())
}
