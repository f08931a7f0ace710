//! The answers to what handshakes ask the store.

use core::fmt;
use std::sync::Arc;

use handclasp::handshake::{Answer, Question};
use handclasp::transport::tokio::{AnswerFuture, QuestionHandler};

use crate::RedisSessions;

/// Answers the questions that the store answers, and gives the others to the application's own handler.
///
/// ```
/// use handclasp_redis::handclasp::transport::tokio::Acceptor;
/// use handclasp_redis::{FleetAnswers, RedisSessions};
///
/// fn ask_the_store(acceptor: Acceptor, sessions: &RedisSessions) -> Acceptor {
///     acceptor.answers(FleetAnswers::new().sessions(sessions))
/// }
/// ```
///
/// It never answers with [`Answer::Unavailable`], which would end the connection: where the store does not answer,
/// there is a full handshake.
#[derive(Clone, Default)]
pub struct FleetAnswers {
    sessions: Option<RedisSessions>,
    others: Option<Arc<dyn QuestionHandler>>,
}

impl FleetAnswers {
    /// Answers no question yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets which sessions answer [`Question::TakeSession`].
    pub fn sessions(mut self, sessions: &RedisSessions) -> Self {
        self.sessions = Some(sessions.clone());
        self
    }

    /// Sets the handler of all other questions. Without it they have the answer [`Answer::Unavailable`].
    pub fn others(mut self, handler: impl QuestionHandler + 'static) -> Self {
        self.others = Some(Arc::new(handler));
        self
    }
}

impl QuestionHandler for FleetAnswers {
    fn answer(&self, question: Question) -> AnswerFuture {
        match (question, &self.sessions, &self.others) {
            (Question::TakeSession(asked), Some(sessions), _) => {
                let sessions = sessions.clone();
                Box::pin(async move { Answer::Session(sessions.fetch(&asked.ticket).await) })
            }
            (question, _, Some(others)) => others.answer(question),
            (question, _, None) => Box::pin(async move {
                let name = question.name();
                Answer::Unavailable(format!("there is no handler for the question: {name}"))
            }),
        }
    }
}

impl fmt::Debug for FleetAnswers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FleetAnswers")
            .field("sessions", &self.sessions)
            .field("others", &self.others.is_some())
            .finish()
    }
}
