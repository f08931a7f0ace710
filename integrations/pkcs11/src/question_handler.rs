//! Keys of tokens that answer the questions of tokio's acceptor and connector.

use std::sync::Arc;

use handclasp::handshake::{Answer, Question, Sign};
use handclasp::transport::tokio::{AnswerFuture, QuestionHandler};

use crate::key::{TokenKey, answer_of};

/// Answers questions for signatures of this key. It has no answer to others.
impl QuestionHandler for TokenKey {
    fn answer(&self, question: Question) -> AnswerFuture {
        TokenKeys::new(vec![self.clone()]).answer(question)
    }
}

/// Several keys of tokens: each answers questions for signatures with its certificate. They have no answer to other
/// questions. A program that answers others, too, gives those for signatures to
/// [`answer_sign`](Self::answer_sign).
#[derive(Clone, Debug)]
pub struct TokenKeys {
    keys: Arc<[TokenKey]>,
}

impl TokenKeys {
    /// These keys.
    pub fn new(keys: Vec<TokenKey>) -> Self {
        Self { keys: keys.into() }
    }

    /// The answer to a question for a signature.
    pub async fn answer_sign(&self, sign: Sign) -> Answer {
        match self.keys.iter().find(|key| key.is_key_of(&sign.certificate)) {
            Some(key) => answer_of(key.sign_later(sign.scheme, sign.message).await),
            None => Answer::Unavailable("no key of a token belongs to this certificate".to_owned()),
        }
    }
}

impl QuestionHandler for TokenKeys {
    fn answer(&self, question: Question) -> AnswerFuture {
        let sign = match question {
            Question::Sign(sign) => sign,
            other => {
                let reason =
                    format!("a key of a token has no answer to the question {}", other.name());
                return Box::pin(core::future::ready(Answer::Unavailable(reason)));
            }
        };
        let keys = self.clone();
        Box::pin(async move { keys.answer_sign(sign).await })
    }
}
