//! What a server decides about a ClientHello, in the order of the RFC (RFC 9846, sections 4.2.1,
//! 4.3 and 4.5.1). Read this file from top to bottom; each decision has a file of its own.
//!
//! | Decision | Made by | It may wait for |
//! |---|---|---|
//! | server name | [`client_hello`], with [`selection`] | |
//! | version | [`selection`] | |
//! | whether an external key is used together with certificates | [`cert_with_extern_psk`] | |
//! | cipher suite that the server prefers | [`selection`] | |
//! | application protocol (ALPN), record sizes, compression, types of certificates, number of tickets | [`Negotiating::new`], with [`selection`] and [`ticket_request`] | |
//! | group of the key exchange, or HelloRetryRequest | [`Negotiating::select_share`], with [`selection`] and [`hello_retry_request`] | the [`PskResolver`](crate::psk::PskResolver) |
//! | session of a ticket | [`resumption`] | the session store; the `PskResolver` or the verifier |
//! | external pre-shared key | [`pre_shared_key`] | the `PskResolver` |
//! | cipher suite that is used | [`Negotiating::use_suite_for`]: another one, if the key is for another hash | |
//! | 0-RTT data | [`early_data`] | the policy; the register of ClientHellos |
//! | the server's share and the secret | [`Negotiating::exchange_keys`] | |
//! | certificate | [`certificate_selection`] | the [`CertificateResolver`](crate::credential::CertificateResolver) |
//!
//! The server name is read first, because a configuration can be chosen by it. [`negotiate`] makes the
//! next four decisions: they depend only on the ClientHello and the configuration.
//! [`Negotiating::decide`] makes the others. If an answer is missing, it stops, and it runs again from
//! its beginning when the answer is there. [`Negotiating`] keeps the decisions that were made, so that
//! none is made twice. [`flight`] then sends the result.

use std::sync::Arc;

use smallvec::SmallVec;
use zeroize::Zeroizing;

use super::certificate_selection::SelectedCertificate;
use super::early_data::EarlyDataAnswer;
use super::hello_retry_request::FirstClientHello;
use super::key_exchange::{ClientShare, KeyExchange};
use super::pre_shared_key::ProvenPsk;
use super::selection::KeyShareSelection;
use super::{
    Context, Question, State, cert_with_extern_psk, certificate_selection, client_hello,
    early_data, flight, hello_retry_request, pre_shared_key, resumption, selection, ticket_request,
};
use crate::certificate::CertificateError;
use crate::config::ServerConfig;
use crate::credential::{CertificateCompression, CertifiedKey, NoCertificate};
use crate::crypto::{CipherSuite, Digest, HashAlgorithm, StaticOrArc};
use crate::error::Error;
use crate::handshake::question::{Answered, KeptHello, not_asked};
use crate::key_schedule::{TrafficSecret, Transcript};
use crate::psk::ChosenPsk;
use crate::registry::{CertificateType, NamedGroup};
use crate::reply::Reply;
use crate::session::{RULES_DIGEST_LENGTH, ReplayCheck, Zone};
use crate::wire::{ClientHello, ExtensionType};

/// Decides what the ClientHello alone settles: how the two sides speak. Then goes on with
/// [`Negotiating::decide`] (section 4.2.1).
///
/// `message` is the whole message of `hello`, and `first` is what this connection knows of a first ClientHello.
pub(super) fn negotiate(
    config: Arc<ServerConfig>,
    first: Option<Box<FirstClientHello>>,
    message: &[u8],
    hello: &ClientHello<'_>,
    context: &mut Context,
) -> Result<State, Error> {
    // What a ClientHello of TLS 1.3 must have (section 9.2). The version was checked when it came.
    selection::check_form(&config, hello)?;
    let cert_with_extern_psk = cert_with_extern_psk::is_agreed(&config, hello)?;
    let first = match first {
        Some(first) => Some(first),
        None => client_hello::begin(&config, hello, context)?,
    };
    if let Some(first) = &first {
        context.parameters.retried = true;
        first.check_second(hello)?;
    }

    // The cipher suite. The HelloRetryRequest has settled it, if there was one (section 4.2.4).
    let cipher_suite = match &first {
        Some(first) => first.cipher_suite.clone(),
        None => selection::cipher_suite(&config, hello)?,
    };

    // How keys are exchanged, and how the two sides authenticate (sections 4.3.8, 4.3.11 and 4.5.1).
    let agreed = Agreed { config, first, cipher_suite, cert_with_extern_psk };
    Negotiating::new(agreed, message, hello, context)?.run(hello, context)
}

/// How the two sides speak. `first` is the ClientHello before a HelloRetryRequest.
struct Agreed {
    config: Arc<ServerConfig>,
    first: Option<Box<FirstClientHello>>,
    cipher_suite: StaticOrArc<CipherSuite>,
    cert_with_extern_psk: bool,
}

/// The server decides how keys are exchanged and how the two sides authenticate. It is in this state
/// while a question about the ClientHello has no answer yet.
pub(in crate::handshake) struct Negotiating {
    pub(super) negotiated: Negotiated,
    /// The ClientHello before a HelloRetryRequest.
    first: Option<Box<FirstClientHello>>,
    /// What the binders of pre-shared keys are made over. `None` where the client offers no key that
    /// may be used.
    pub(super) binder_hash: Option<Digest>,
    pub(super) answers: Answers,
    /// How many of the client's identities were looked up as tickets.
    pub(super) tickets_looked_up: u16,
    /// The session that was found for one of them, until it is checked. A store that
    /// gives each session once no longer has it.
    pub(super) session: Option<ChosenPsk>,
    /// The zone in the ticket of the session.
    pub(super) zone_of_session: Option<Zone>,
    /// Is it decided whether a pre-shared key is used?
    psk_is_decided: bool,
    /// The pre-shared key that is used. The client has proved that it has the key.
    pub(super) psk: Option<ProvenPsk>,
}

/// What the server answers.
#[allow(clippy::large_enum_variant, reason = "it is passed on at once, and not stored")]
enum Decision {
    /// A HelloRetryRequest: for a share of this group, or, without a group, for the cookie.
    Retry(Option<NamedGroup>),
    /// Its flight, with this proof.
    Flight(Authentication),
}

/// How the server proves who it is.
#[allow(clippy::large_enum_variant, reason = "it is passed on at once, and not stored")]
pub(super) enum Authentication {
    /// By a pre-shared key: the client has the same.
    PreSharedKey(ProvenPsk),
    /// By a certificate, or a raw public key. An external pre-shared key may go into the key schedule
    /// beside it (RFC 9973).
    Certificate(SelectedCertificate, Option<ProvenPsk>),
}

impl Negotiating {
    /// Makes the decisions in their order. Stops where an answer is missing.
    fn decide(
        &mut self,
        hello: &ClientHello<'_>,
        context: &mut Context,
    ) -> Result<Decision, Undecided> {
        // A HelloRetryRequest for another share (section 4.3.8), before a session is taken: the second ClientHello
        // needs it. Not yet where the client's pre-shared keys are used without a key exchange (section 4.3.9).
        let mut share = None;
        if !selection::is_psk_without_key_exchange(&self.negotiated.config, hello) {
            match self.select_share(hello, context)? {
                KeyShareSelection::Share(selected) => share = Some(selected),
                KeyShareSelection::Retry(group) => return Ok(Decision::Retry(group)),
            }
        }

        // A pre-shared key: of a session, or one that was agreed on outside of TLS (section 4.3.11). Its
        // hash settles the cipher suite.
        if !self.psk_is_decided {
            let mut key = resumption::find(self, hello, context)?;
            if key.is_none() {
                key = pre_shared_key::resolve(self, hello, context)?;
            }
            if let Some(key) = &key {
                self.use_suite_for(key.key.hash(), hello)?;
            }
            context.choose_suite(self.negotiated.cipher_suite.id);
            if let Some(key) = key {
                self.psk = Some(pre_shared_key::prove(self, key, hello, context)?);
            }
            self.psk_is_decided = true;
        }

        // With a key alone, there may be 0-RTT data, and there is no certificate (section 4.3.10).
        if self.psk.is_some() && !self.negotiated.cert_with_extern_psk {
            early_data::decide(self, hello, context)?;
            // It takes longer than all before together. A server that made it first would ask the stores later for
            // all clients that have come at once.
            if let Some(share) = &share {
                self.exchange_keys(share, context)?;
            }
            if let Some(psk) = self.psk.take() {
                return Ok(Decision::Flight(Authentication::PreSharedKey(psk)));
            }
        }

        // Without a key, or together with an external one, there is a key exchange and a certificate
        // (section 4.5.1; RFC 9973, section 5.2).
        let share = match share {
            Some(share) => share,
            None => match self.select_share(hello, context)? {
                KeyShareSelection::Share(selected) => selected,
                KeyShareSelection::Retry(group) => return Ok(Decision::Retry(group)),
            },
        };
        self.exchange_keys(&share, context)?;
        let certificate = certificate_selection::choose(self, hello, context)?;
        cert_with_extern_psk::check_used(&self.negotiated.config, self.psk.is_some(), hello)?;
        Ok(Decision::Flight(Authentication::Certificate(certificate, self.psk.take())))
    }

    /// Which of the client's shares is used: after a HelloRetryRequest, the one that it asked for. If there is no
    /// share for a group of the server, or the server wants its cookie back, a HelloRetryRequest comes first
    /// (sections 4.2.1 and 4.3.8).
    fn select_share<'a>(
        &mut self,
        hello: &ClientHello<'a>,
        context: &mut Context,
    ) -> Result<KeyShareSelection<'a>, Undecided> {
        let config = &self.negotiated.config;
        let selection = match &self.first {
            Some(first) => KeyShareSelection::Share(first.requested_share(config, hello)?),
            None => selection::key_share(config, hello)?,
        };
        if let KeyShareSelection::Share(share) = &selection {
            context.parameters.group = Some(share.group.name());
            return Ok(selection);
        }
        // A HelloRetryRequest fixes the suite (section 4.2.4), and a key needs a suite with its
        // hash. So the external key is looked up first, where the common suites have two hashes.
        if !self.psk_is_decided && selection::hashes(config, hello).len() > 1 {
            if let Some(key) = pre_shared_key::look_up(self, hello, context)? {
                self.use_suite_for(key.key.hash(), hello)?;
            }
        }
        Ok(selection)
    }

    /// Exchanges keys with this share, if that is not done yet.
    fn exchange_keys(
        &mut self,
        share: &ClientShare<'_>,
        context: &mut Context,
    ) -> Result<(), Error> {
        if self.negotiated.key_exchange.is_none() {
            self.negotiated.key_exchange = Some(KeyExchange::with(share, context)?);
        }
        Ok(())
    }

    /// Uses a suite with this hash, which is that of a pre-shared key: the server's first one that the
    /// client offers (sections 4.3.11 and 4.7.1). The transcript is then of that hash. After a
    /// HelloRetryRequest only keys for the hash of its suite are looked for, so nothing changes here.
    fn use_suite_for(&mut self, hash: HashAlgorithm, hello: &ClientHello<'_>) -> Result<(), Error> {
        let negotiated = &mut self.negotiated;
        if negotiated.cipher_suite.hash.algorithm() == hash {
            return Ok(());
        }
        let suite = selection::cipher_suite_with(&negotiated.config, hello, hash)?;
        let message = hello.message_bytes();
        let mut transcript = Transcript::new(&suite);
        self.binder_hash =
            pre_shared_key::add_client_hello(&negotiated.config, &mut transcript, &message, hello);
        negotiated.transcript = transcript;
        negotiated.cipher_suite = suite;
        Ok(())
    }

    /// Decides, and answers. Waits where a question is open.
    fn run(mut self, hello: &ClientHello<'_>, context: &mut Context) -> Result<State, Error> {
        match self.decide(hello, context) {
            Ok(Decision::Retry(group)) => {
                hello_retry_request::send(self.negotiated, group, hello, context)
            }
            Ok(Decision::Flight(authentication)) => {
                flight::send(self.negotiated, authentication, context)
            }
            Err(Undecided::Waiting) => {
                self.answers.keep(hello);
                Ok(State::Negotiating(Box::new(self)))
            }
            Err(Undecided::Failed(error)) => Err(error),
        }
    }

    /// An answer came: decides again, with it.
    pub(super) fn on_answer(
        mut self: Box<Self>,
        answered: Answered,
        context: &mut Context,
    ) -> Result<State, Error> {
        self.answers.add(answered)?;
        let kept = self.answers.hello.clone().ok_or_else(not_asked)?;
        let hello = kept.parse()?;
        (*self).run(&hello, context)
    }

    /// Makes the other decisions that depend only on the ClientHello and the configuration:
    /// application protocol, record sizes, compression, types of certificates, number of tickets.
    fn new(
        agreed: Agreed,
        message: &[u8],
        hello: &ClientHello<'_>,
        context: &mut Context,
    ) -> Result<Self, Error> {
        let Agreed { config, first, cipher_suite, cert_with_extern_psk } = agreed;
        let is_quic = context.quic.is_some();
        context.parameters.application_protocol =
            selection::application_protocol(&config, hello, is_quic)?;
        let mut transcript = match &first {
            Some(first) => first.transcript(hello.session_id),
            None => Transcript::new(&cipher_suite),
        };
        let binder_hash =
            pre_shared_key::add_client_hello(&config, &mut transcript, message, hello);
        context.tickets = ticket_request::for_new_session(&config, hello);
        let offered = hello.extensions.iter().map(|extension| extension.kind).collect();
        let negotiated = Negotiated {
            cipher_suite,
            key_exchange: None,
            transcript,
            session_id: SmallVec::from_slice(hello.session_id),
            early_secret: None,
            rules_digest: None,
            has_common_psk_mode: selection::has_common_psk_mode(&config, hello),
            cert_with_extern_psk,
            compression: config.common.compressors.choose(hello.compress_certificate),
            record_size_limits: RecordSizeLimits::negotiated(&config, hello, context),
            offered,
            server_certificate_type: None,
            client_certificate_type: selection::client_certificate_type(&config, hello),
            config,
        };
        Ok(Self {
            negotiated,
            first,
            binder_hash,
            answers: Answers::none(),
            tickets_looked_up: 0,
            session: None,
            zone_of_session: None,
            psk_is_decided: false,
            psk: None,
        })
    }
}

/// Why a decision is not made.
pub(super) enum Undecided {
    /// A question is open. The decision is made when its answer is there.
    Waiting,
    /// The handshake has failed.
    Failed(Error),
}

impl Undecided {
    /// Asks this question.
    pub(super) fn ask(question: Question, context: &mut Context) -> Self {
        context.ask(question);
        Self::Waiting
    }
}

impl<E: Into<Error>> From<E> for Undecided {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

/// The ClientHello, kept for the questions about it, and the answers: each is there from the time when
/// it is given until a decision takes it. A decision asks if its answer is not there.
///
/// One question is open at a time, and the decision that asked it is the next one that takes an answer.
/// So the answer about the key that a session is based on is never taken as the choice of an external key.
pub(super) struct Answers {
    hello: Option<KeptHello>,
    pub(super) session: Reply<Option<Zeroizing<Vec<u8>>>>,
    pub(super) psk: Reply<Option<ChosenPsk>>,
    pub(super) peer: Reply<Result<(), CertificateError>>,
    pub(super) early_data: Reply<EarlyDataAnswer>,
    pub(super) replay_check: Reply<ReplayCheck>,
    pub(super) certificate: Reply<Result<Arc<CertifiedKey>, NoCertificate>>,
}

impl Answers {
    fn none() -> Self {
        Self {
            hello: None,
            session: Reply::Later,
            psk: Reply::Later,
            peer: Reply::Later,
            early_data: Reply::Later,
            replay_check: Reply::Later,
            certificate: Reply::Later,
        }
    }

    /// The ClientHello for a question. It is copied once.
    pub(super) fn keep(&mut self, hello: &ClientHello<'_>) -> KeptHello {
        self.hello.get_or_insert_with(|| KeptHello::new(hello)).clone()
    }

    fn add(&mut self, answered: Answered) -> Result<(), Error> {
        match answered {
            Answered::Session(session) => self.session = Reply::Now(session),
            Answered::Psk(choice) => self.psk = Reply::Now(choice),
            Answered::Peer(_, result) => self.peer = Reply::Now(result),
            Answered::EarlyData(question, accepted) => {
                self.early_data = Reply::Now(EarlyDataAnswer { offer: question.offer, accepted });
            }
            Answered::ReplayCheck(replay_check) => self.replay_check = Reply::Now(replay_check),
            Answered::Certificate(choice) => self.certificate = Reply::Now(choice),
            Answered::Config(..) | Answered::Signature(..) | Answered::ClientCertificate(..) => {
                return Err(not_asked());
            }
        }
        Ok(())
    }
}

/// What was negotiated: the flight sends it.
pub(super) struct Negotiated {
    pub(super) config: Arc<ServerConfig>,
    /// The server's first one that the client offers, or that of the HelloRetryRequest, until a pre-shared
    /// key that is used requires another hash.
    pub(super) cipher_suite: StaticOrArc<CipherSuite>,
    /// `None` until keys are exchanged, and where a pre-shared key is used without a key exchange.
    pub(super) key_exchange: Option<KeyExchange>,
    pub(super) transcript: Transcript,
    pub(super) session_id: SmallVec<[u8; 32]>,
    /// What protects 0-RTT data that were accepted.
    pub(super) early_secret: Option<TrafficSecret>,
    /// The digest of the rules that a session was found under: see `ServerConfig::session_rules_digest`.
    pub(super) rules_digest: Option<[u8; RULES_DIGEST_LENGTH]>,
    /// The client names a mode for pre-shared keys that this server allows (section 4.3.9).
    pub(super) has_common_psk_mode: bool,
    /// If an external key is used, it is used together with a certificate (RFC 9973).
    pub(super) cert_with_extern_psk: bool,
    /// How the certificate is compressed, where both sides do it.
    pub(super) compression: Option<Arc<dyn CertificateCompression>>,
    pub(super) record_size_limits: Option<RecordSizeLimits>,
    /// The types of the ClientHello's extensions: only these may be answered. Most have fewer.
    pub(super) offered: SmallVec<[ExtensionType; 24]>,
    /// The type of the server's certificate, where it shows one.
    pub(super) server_certificate_type: Option<CertificateType>,
    /// The type of the client's certificate, where the server asks for one now or later.
    pub(super) client_certificate_type: Option<CertificateType>,
}

/// What a protected record may have in it, where both sides have said so: in bytes of content, type
/// and padding (RFC 8449, section 4).
#[derive(Clone, Copy)]
pub(super) struct RecordSizeLimits {
    pub(super) client: u16,
    pub(super) server: u16,
}

impl RecordSizeLimits {
    fn negotiated(
        config: &ServerConfig,
        hello: &ClientHello<'_>,
        context: &Context,
    ) -> Option<Self> {
        if !context.records {
            return None;
        }
        let client = hello.record_size_limit?;
        let server = config.common.record_size_limit?;
        Some(Self { client, server })
    }
}
