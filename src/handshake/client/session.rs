//! CheckingSession: before the ClientHello. Is there a session with this server, and may this
//! configuration resume it? What it rests on is asked about again (see [`crate::session`]). No
//! ClientHello, and so no 0-RTT data, leaves before the answers.

use std::sync::Arc;

use super::authentication::{choose, usable};
use super::{Answer, Context, Question, Start, State};
use crate::credential::CertifiedKey;
use crate::error::{Error, ErrorKind};
use crate::handshake::credential::{self, Again};
use crate::handshake::question::ChooseClientCertificate;
use crate::reply::Reply;
use crate::session::{ClientSession, PeerCredential};
use crate::wire::ExtensionType;

impl Start {
    /// Looks for a session, and sends the ClientHello: at once, unless a question comes first.
    pub(in crate::handshake) fn begin(self, context: &mut Context) -> Result<State, Error> {
        let store = self.config.sessions.as_ref();
        let Some(session) =
            store.and_then(|store| store.take(&self.server_name, context.now.unix()))
        else {
            return self.send_client_hello(None, context);
        };
        Box::new(CheckingSession { start: self, session }).check_own_certificate(context)
    }
}

/// A session was found, and what it rests on is being asked about.
pub(in crate::handshake) struct CheckingSession {
    start: Start,
    session: ClientSession,
}

impl CheckingSession {
    /// Would this configuration show what was shown then?
    fn check_own_certificate(self: Box<Self>, context: &mut Context) -> Result<State, Error> {
        let Some(answer) = &self.session.session.answer else { return self.check_peer(context) };
        let question = ChooseClientCertificate {
            certificate_type: answer.certificate_type,
            body: answer.request.to_vec(),
        };
        if question.request().is_err() {
            // What was stored is no request.
            return self.give_up(context);
        }
        match choose(&self.start.config, &question)? {
            Reply::Now(choice) => self.on_choice(&question, choice, context),
            Reply::Later => {
                context.ask(Question::ChooseClientCertificate(question));
                Ok(State::CheckingSession(self))
            }
        }
    }

    fn on_choice(
        self: Box<Self>,
        question: &ChooseClientCertificate,
        choice: Option<Arc<CertifiedKey>>,
        context: &mut Context,
    ) -> Result<State, Error> {
        let chosen = usable(question, choice)?;
        let now = chosen.as_ref().and_then(|(key, _)| key.digest());
        let then = self.session.session.answer.as_ref().and_then(|answer| answer.shown);
        match now == then {
            true => self.check_peer(context),
            false => self.give_up(context),
        }
    }

    /// Is what the server has proved itself with still good?
    fn check_peer(self: Box<Self>, context: &mut Context) -> Result<State, Error> {
        let Start { config, server_name } = &self.start;
        let credential = &self.session.session.credential;
        if let PeerCredential::PreSharedKey(record) = credential {
            let mut keys = config.pre_shared_keys.iter().filter(|key| key.is_for(server_name));
            return match keys.any(|key| key.is_key_of(record)) {
                true => self.resume(context),
                false => self.give_up(context),
            };
        }
        let again = Again {
            verifier: &*config.verifier,
            server_name: Some(server_name.clone()),
            ocsp_requested: config.request_ocsp,
            now: context.now.unix(),
        };
        let Some(question) = again.question(credential) else { return self.give_up(context) };
        let offered = |scheme| config.layout_offers(ExtensionType::SIGNATURE_ALGORITHMS, scheme);
        if !credential::is_for_offered_scheme(&question, &config.provider.signatures, offered) {
            return self.give_up(context);
        }
        match credential::ask(&*config.verifier, &question) {
            Reply::Now(Ok(())) => self.resume(context),
            Reply::Now(Err(_)) => self.give_up(context),
            Reply::Later => {
                context.ask(question);
                Ok(State::CheckingSession(self))
            }
        }
    }

    pub(super) fn on_answer(
        self: Box<Self>,
        question: Question,
        answer: Answer,
        context: &mut Context,
    ) -> Result<State, Error> {
        match (question, answer) {
            (Question::ChooseClientCertificate(question), Answer::ClientCertificate(choice)) => {
                self.on_choice(&question, choice, context)
            }
            (_, Answer::Peer(Ok(()))) => self.resume(context),
            (_, Answer::Peer(Err(_))) => self.give_up(context),
            _ => Err(ErrorKind::Internal("an answer came without its question").into()),
        }
    }

    /// Offers the session, if it is still alive: an answer may have taken long. Whatever a store
    /// says, it must be one with this server.
    fn resume(self: Box<Self>, context: &mut Context) -> Result<State, Error> {
        let Self { start, session } = *self;
        let usable = session.is_alive(context.now) && session.server_name == start.server_name;
        start.send_client_hello(usable.then_some(session), context)
    }

    /// The session is not for this configuration.
    fn give_up(self: Box<Self>, context: &mut Context) -> Result<State, Error> {
        self.start.send_client_hello(None, context)
    }
}
