//! CheckingSession: before the ClientHello (RFC 9846, sections 4.3.11.1 and 4.7.1). Is there a session
//! with this server, and may this configuration resume it? What the session is based on is verified
//! again (see [`crate::session`]). No ClientHello, and so no 0-RTT data, is sent before the answers.

use std::sync::Arc;

use super::cert_with_extern_psk;
use super::certificate_request::{choose_certificate, usable_certificate};
use super::{Context, Question, Start, State};
use crate::certificate::CertificateError;
use crate::credential::CertifiedKey;
use crate::error::Error;
use crate::handshake::peer_identity::Reverification;
use crate::handshake::question::ChooseClientCertificate;
use crate::name_key::is_same_name;
use crate::reply::Reply;
use crate::session::{ClientSession, PeerCredential};
use crate::wire::ExtensionType;

impl Start {
    /// Looks for a session, and sends the ClientHello: at once, unless a question comes first.
    pub(in crate::handshake) fn begin(self, context: &mut Context) -> Result<State, Error> {
        cert_with_extern_psk::check_key(&self.config, &self.server_name)?;
        if cert_with_extern_psk::is_offered(&self.config, &self.server_name) {
            return self.send_client_hello(None, context);
        }
        let store = self.config.sessions.as_ref();
        let Some(session) =
            store.and_then(|store| store.take(&self.server_name, context.now.unix()))
        else {
            return self.send_client_hello(None, context);
        };
        CheckingSession { start: self, session }.check_own_certificate(context)
    }
}

/// A session was found, and what it is based on is verified again. It is put into a box where it waits.
pub(in crate::handshake) struct CheckingSession {
    start: Start,
    session: ClientSession,
}

impl CheckingSession {
    /// Would this configuration send the certificate that the client sent then?
    fn check_own_certificate(self, context: &mut Context) -> Result<State, Error> {
        let Some(answer) = &self.session.session.answer else { return self.check_peer(context) };
        let question = ChooseClientCertificate {
            certificate_type: answer.certificate_type,
            body: answer.request.to_vec(),
        };
        if question.request().is_err() {
            // What was stored is no request.
            return self.give_up(context);
        }
        match choose_certificate(&self.start.config, &question)? {
            Reply::Now(choice) => self.on_choice(&question, choice, context),
            Reply::Later => {
                context.ask(Question::ChooseClientCertificate(question));
                Ok(State::CheckingSession(Box::new(self)))
            }
        }
    }

    pub(super) fn on_choice(
        self,
        question: &ChooseClientCertificate,
        choice: Option<Arc<CertifiedKey>>,
        context: &mut Context,
    ) -> Result<State, Error> {
        let chosen = usable_certificate(question, choice)?;
        let now = chosen.and_then(|chosen| chosen.key.digest(context.sha256()));
        let then = self.session.session.answer.as_ref().and_then(|answer| answer.shown);
        if now == then { self.check_peer(context) } else { self.give_up(context) }
    }

    /// Is what the server has proved its identity with still accepted (section 4.7.1)?
    fn check_peer(self, context: &mut Context) -> Result<State, Error> {
        let Start { config, server_name } = &self.start;
        let credential = &self.session.session.credential;
        if let PeerCredential::PreSharedKey(record) = credential {
            let has_key = config
                .pre_shared_keys
                .iter()
                .any(|key| key.is_for(server_name) && key.is_key_of(record, context.sha256()));
            return if has_key { self.resume(context) } else { self.give_up(context) };
        }
        let reverification = Reverification {
            verifier: &*config.verifier,
            server_name: Some(server_name.clone()),
            ocsp_request: config.ocsp_request(),
            now: context.now.unix(),
        };
        let Some(identity) = reverification.identity(credential) else {
            return self.give_up(context);
        };
        // The verifier comes first, because it may decode the certificate.
        let reply = identity.verify(&*config.verifier);
        let offered = |scheme| config.layout_offers(ExtensionType::SIGNATURE_ALGORITHMS, scheme);
        if !identity.has_key_for_offered_scheme(&config.common.provider.signatures, offered) {
            return self.give_up(context);
        }
        match reply {
            Reply::Now(result) => self.on_verified(&result, context),
            Reply::Later => {
                context.ask(Question::verify(identity));
                Ok(State::CheckingSession(Box::new(self)))
            }
        }
    }

    pub(super) fn on_verified(
        self,
        result: &Result<(), CertificateError>,
        context: &mut Context,
    ) -> Result<State, Error> {
        match result {
            Ok(()) => self.resume(context),
            Err(_) => self.give_up(context),
        }
    }

    /// Offers the session, if it is still alive: an answer may have taken long. It must also be a
    /// session with this server, in case the store is at fault. A ticket is not used after its
    /// lifetime (section 4.3.11.1), and only for the name that it was issued for (section 4.7.1). A session of
    /// QUIC is for its version of QUIC (RFC 9369, section 5).
    fn resume(self, context: &mut Context) -> Result<State, Error> {
        let Self { start, session } = self;
        let usable = session.is_alive(context.now)
            && is_same_name(&session.server_name, &start.server_name)
            && context.has_protocol_of(&session.session);
        start.send_client_hello(usable.then_some(session), context)
    }

    /// The session is not for this configuration.
    fn give_up(self, context: &mut Context) -> Result<State, Error> {
        self.start.send_client_hello(None, context)
    }
}
