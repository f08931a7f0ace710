//! The answers to what handshakes ask the store.

use core::fmt;
use std::sync::Arc;

use handclasp::handshake::{Answer, Question};
use handclasp::transport::tokio::{AnswerFuture, QuestionHandler};

use crate::{RedisSessions, RedisStrikeRegister};

/// Answers the questions that the store answers, and gives the others to the application's own handler.
///
/// ```
/// use handclasp_redis::handclasp::transport::tokio::Acceptor;
/// use handclasp_redis::{FleetAnswers, RedisSessions, RedisStrikeRegister};
///
/// fn ask_the_store(
///     acceptor: Acceptor,
///     sessions: &RedisSessions,
///     register: &RedisStrikeRegister,
/// ) -> Acceptor {
///     acceptor.answers(FleetAnswers::new().sessions(sessions).register(register))
/// }
/// ```
///
/// No failure of the store ends a connection: where it does not answer, there is a full handshake, or one without
/// 0-RTT data. A question that none of the three answers has the answer [`Answer::Unavailable`]: without the sessions or
/// the register there is no resumption or no 0-RTT, and the other questions end the connection.
#[derive(Clone, Default)]
pub struct FleetAnswers {
    sessions: Option<RedisSessions>,
    register: Option<RedisStrikeRegister>,
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

    /// Sets which register answers [`Question::CheckReplay`].
    pub fn register(mut self, register: &RedisStrikeRegister) -> Self {
        self.register = Some(register.clone());
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
        match (question, &self.sessions, &self.register) {
            (Question::TakeSession(asked), Some(sessions), _) => {
                let sessions = sessions.clone();
                Box::pin(async move { Answer::Session(sessions.take_session(&asked.ticket).await) })
            }
            (Question::CheckReplay(asked), _, Some(register)) => {
                let register = register.clone();
                Box::pin(async move { Answer::ReplayCheck(register.check(&asked.record).await) })
            }
            (question, _, _) => self.answer_other(question),
        }
    }
}

impl FleetAnswers {
    fn answer_other(&self, question: Question) -> AnswerFuture {
        if let Some(others) = &self.others {
            return others.answer(question);
        }
        let reason = format!("there is no handler for the question: {}", question.name());
        Box::pin(async move { Answer::Unavailable(reason) })
    }
}

impl fmt::Debug for FleetAnswers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FleetAnswers")
            .field("sessions", &self.sessions)
            .field("register", &self.register)
            .field("others", &self.others.is_some())
            .finish()
    }
}
