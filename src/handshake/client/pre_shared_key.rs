//! The pre_shared_key extension of a ClientHello, and the 0-RTT data that may follow it (RFC 9846,
//! sections 4.3.10 and 4.3.11). `server_hello.rs` reads which key the server selects,
//! `encrypted_extensions.rs` whether it accepts the data.

use pki_types::ServerName;
use smallvec::SmallVec;

use super::{Context, Level, Shared};
use crate::config::ClientConfig;
use crate::crypto::{CipherSuite, HashAlgorithm, StaticOrArc};
use crate::error::Error;
use crate::handshake::EarlyData;
use crate::key_schedule::{EarlySecret, Transcript};
use crate::observer::{Event, Offered};
use crate::psk::PreSharedKey;
use crate::session::{ClientSession, EarlyDataTerms};
use crate::time::Time;
use crate::wire::{ExtensionWriter, PskIdentity, UnboundPsk};

/// The keys for this server: that of the session first, then those that were agreed on outside of
/// TLS.
pub(super) fn collect(
    config: &ClientConfig,
    server: &ServerName<'static>,
    session: Option<ClientSession>,
) -> Vec<PreSharedKey> {
    let of_ticket = session.and_then(|ClientSession { ticket, session, .. }| {
        PreSharedKey::of_ticket(ticket, session, &config.common.provider.cipher_suites)
    });
    let external = config.pre_shared_keys.iter().filter(|key| key.is_for(server)).cloned();
    of_ticket.into_iter().chain(external).collect()
}

/// The 0-RTT data that a ClientHello offers: the terms of the first key, and their suite.
pub(super) struct OfferedEarlyData {
    pub(super) terms: EarlyDataTerms,
    suite: StaticOrArc<CipherSuite>,
}

/// The terms of the first key, where 0-RTT data may be offered under it (section 4.3.10). In QUIC the
/// client must remember the server's transport parameters (RFC 9000, section 7.4.1).
pub(super) fn early_data_terms(
    config: &ClientConfig,
    keys: &[PreSharedKey],
    context: &Context,
) -> Option<OfferedEarlyData> {
    if !config.early_data {
        return None;
    }
    let key = keys.first()?;
    if context.quic.is_some() && remembered_parameters(key).is_none() {
        return None;
    }
    let terms = key.early_data.as_ref()?;
    let ours = &config.common.application_protocols;
    let speaks = match &terms.application_protocol {
        Some(protocol) => ours.contains(protocol),
        None => ours.is_empty(),
    };
    let suite = config.common.provider.cipher_suite(terms.cipher_suite)?.clone();
    if !speaks || key.hash() != suite.hash.algorithm() {
        return None;
    }
    Some(OfferedEarlyData { terms: terms.clone(), suite })
}

fn remembered_parameters(key: &PreSharedKey) -> Option<&[u8]> {
    key.session()?.quic.as_ref()?.early_data_limits.as_deref()
}

/// The ClientHello was sent: 0-RTT data may follow it, if it says so (section 4.3.10).
pub(super) fn start_early_data(
    shared: &Shared,
    hello: &[u8],
    context: &mut Context,
) -> Result<(), Error> {
    let (Some(OfferedEarlyData { terms, suite }), Some(key), Some(early)) =
        (&shared.early_data, shared.keys.first(), shared.early_secrets.first())
    else {
        return Ok(());
    };
    let early = early.for_suite(suite);
    let hash = suite.hash.digest(hello);
    let secret = context.begin_early_data(&early, &hash, terms.max_size)?;
    context.parameters.early_data = EarlyData::Offered;
    if let Some(session) = key.session() {
        let data = session.resumption_data.clone();
        context.parameters.change_rare(|rare| rare.resumption_data = data);
    }
    if let Some(quic) = &mut context.quic {
        quic.remembered_parameters = remembered_parameters(key).map(<[u8]>::to_vec);
    }
    context.change_cipher_spec(shared.config.middlebox_compatibility);
    context.steps.write_keys(Level::EarlyData, secret);
    Ok(())
}

/// A key that is offered, with a suite of its hash.
pub(super) struct OfferedPsk<'a> {
    pub(super) key: &'a PreSharedKey,
    suite: &'a StaticOrArc<CipherSuite>,
}

/// The keys to offer. After a HelloRetryRequest only those of the chosen suite's hash are left
/// (section 4.2.4). A key is offered only with a suite of its hash (sections 4.2.2 and 4.7.1).
pub(super) fn offered<'a>(
    shared: &'a Shared,
    retried: Option<&'a StaticOrArc<CipherSuite>>,
) -> SmallVec<[OfferedPsk<'a>; 2]> {
    let suite_of = |hash: HashAlgorithm| match retried {
        Some(suite) if suite.hash.algorithm() == hash => Some(suite),
        Some(_) => None,
        None => {
            let mut suites = shared.config.common.provider.cipher_suites.iter();
            suites.find(|suite| suite.hash.algorithm() == hash)
        }
    };
    let keys = shared.keys.iter();
    keys.filter_map(|key| suite_of(key.hash()).map(|suite| OfferedPsk { key, suite })).collect()
}

/// The server has selected none of the keys: an observer learns what may be the reason.
pub(super) fn report_declined(shared: &Shared, context: &mut Context) {
    let (what, reason) = match shared.keys.first() {
        None => return,
        Some(key) if key.session().is_some() => (
            Offered::Session,
            "the server does not say why: it may be another one or have new ticket keys, find the \
             ticket too old, or have another configuration",
        ),
        Some(_) => (
            Offered::PreSharedKeys,
            "the server does not say why: it may not know the identity, or have the key for another \
             hash",
        ),
    };
    context.observers.emit(|| Event::Declined(what, reason));
}

/// The server has rejected the 0-RTT data: nothing more is protected with their key. An observer learns why.
pub(super) fn reject_early_data(reason: &'static str, context: &mut Context) {
    context.parameters.early_data = EarlyData::Rejected;
    context.zero_rtt = None;
    context.observers.emit(|| Event::Declined(Offered::EarlyData, reason));
}

/// Writes the extension with zeros where the binders will be. It must be the last one (sections
/// 4.2.2 and 4.3.11).
pub(super) fn write(keys: &[OfferedPsk<'_>], now: Time, out: &mut ExtensionWriter<'_>) {
    out.pre_shared_keys(keys.iter().map(|OfferedPsk { key, suite }| {
        // The age of a key that is no ticket is zero.
        let age = key.session().map_or(0, |session| session.obfuscated_age(now));
        let identity = PskIdentity { identity: key.identity(), obfuscated_ticket_age: age };
        UnboundPsk { identity, binder_length: suite.hash.output_length() }
    }));
}

/// What making the binders leaves for the handshake.
#[derive(Default)]
pub(super) struct Bound {
    /// Of the keys, in their order.
    pub(super) early_secrets: Vec<EarlySecret>,
    /// The transcript up to the ClientHello, with the hash of the first key. `None` without keys.
    pub(super) transcript: Option<Transcript>,
}

/// Computes the binders over the message up to them, and puts them in (section 4.3.11.2).
/// `before` is the transcript of what came before: the first ClientHello's hash and the
/// HelloRetryRequest (section 4.2.2).
pub(super) fn bind(
    keys: &[OfferedPsk<'_>],
    before: Option<&Transcript>,
    message: &mut [u8],
    context: &mut Context,
) -> Result<Bound, Error> {
    let mut bound = Bound::default();
    let lengths = keys.iter().map(|psk| 1 + psk.suite.hash.output_length());
    let start = message.len().saturating_sub(2 + lengths.sum::<usize>());
    let (truncated, binders) = message.split_at_mut(start);
    let mut at = 2;
    for OfferedPsk { key, suite } in keys {
        let transcript = match before {
            Some(before) => before.fork_with(truncated),
            None => Transcript::of(suite, truncated),
        };
        let mut early = context.early_secret(suite, Some(key.secret()))?;
        let binder = early.binder_key(key.kind(), &mut context.observers)?;
        let binder = binder.finished(&transcript.current(), &mut context.observers)?;
        let length = binder.as_bytes().len();
        if let Some(place) = binders.get_mut(at + 1..at + 1 + length) {
            place.copy_from_slice(binder.as_bytes());
        }
        at += 1 + length;
        bound.early_secrets.push(early);
        bound.transcript.get_or_insert(transcript);
    }
    if let Some(transcript) = &mut bound.transcript {
        transcript.add_bytes(binders);
    }
    Ok(bound)
}
