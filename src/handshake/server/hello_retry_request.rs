//! HelloRetryRequest and ExpectSecondClientHello: the server asks for another share, or for proof
//! that the client is there (RFC 9846, sections 4.2.2, 4.2.4 and 4.3.2).

use std::sync::Arc;

use super::client_hello::{exchange_keys, negotiated};
use super::{Context, State, early_data, negotiation};
use crate::config::ServerConfig;
use crate::crypto::{CipherSuite, Digest, Hash, provider_fault};
use crate::error::{Error, ErrorKind};
use crate::key_schedule::Transcript;
use crate::registry::{CipherSuiteId, HandshakeType, NamedGroup, ProtocolVersion};
use crate::wire::codec::{Prefix, join, write_bytes, write_u16};
use crate::wire::{
    ClientHello, EXTENSION_TABLE, ExtensionType, Extensions, HELLO_RETRY_REQUEST_RANDOM,
    HandshakeMessage, ServerHello, write_extension,
};

/// What a client can be expected to send back.
const MAX_COOKIE_LENGTH: usize = 0x2000;

const MESSAGE: HandshakeType = HandshakeType::CLIENT_HELLO;

/// Sends a HelloRetryRequest: for a share of the group `wanted`, where there is none.
pub(super) fn send(
    config: Arc<ServerConfig>,
    cipher_suite: CipherSuite,
    wanted: Option<NamedGroup>,
    message: HandshakeMessage<'_>,
    hello: &ClientHello<'_>,
    context: &mut Context,
) -> Result<State, Error> {
    let first_hash = cipher_suite.hash.digest(message.bytes);
    let lasting = lasting(hello, cipher_suite.hash);
    let cookie = match &config.cookies {
        Some(cookies) => {
            let state = encode_state(cipher_suite.id, wanted, &lasting, &first_hash);
            let cookie = cookies.protect(&state, context.now.unix())?;
            if !(1..=MAX_COOKIE_LENGTH).contains(&cookie.len()) {
                return Err(ErrorKind::Internal(
                    "the cookie protector's cookie is empty or too long",
                )
                .into());
            }
            Some(cookie)
        }
        None => None,
    };
    let first = FirstHello { cipher_suite, wanted, lasting, first_hash, cookie };
    let retry = first.retry_request(hello.session_id);
    context.send(None, |out| out.extend_from_slice(&retry));
    context.change_cipher_spec(!hello.session_id.is_empty());
    early_data::say_refused("another ClientHello is asked for", context);
    early_data::reject(context);
    Ok(State::ExpectSecondClientHello(Box::new(ExpectSecondClientHello { config, first })))
}

/// A HelloRetryRequest was sent.
pub(in crate::handshake) struct ExpectSecondClientHello {
    config: Arc<ServerConfig>,
    first: FirstHello,
}

impl ExpectSecondClientHello {
    pub(super) fn on_message(
        self: Box<Self>,
        message: HandshakeMessage<'_>,
        context: &mut Context,
    ) -> Result<State, Error> {
        if message.kind != MESSAGE {
            return Err(Error::unexpected("the second ClientHello", message.kind));
        }
        let hello = ClientHello::parse(message.body)?;
        negotiation::check_form(&self.config, &hello)?;
        self.first.on_second(self.config, message, &hello, context)
    }
}

/// What a server must know of a first ClientHello when the second comes. All of it can travel in
/// the cookie.
pub(super) struct FirstHello {
    cipher_suite: CipherSuite,
    /// The group that a share was asked for, if one was.
    wanted: Option<NamedGroup>,
    /// Of what the second must repeat.
    lasting: Digest,
    first_hash: Digest,
    cookie: Option<Vec<u8>>,
}

impl FirstHello {
    /// Finds it in the cookie of a second ClientHello.
    pub(super) fn from_cookie(
        config: &ServerConfig,
        cookie: &[u8],
        context: &Context,
    ) -> Result<Self, Error> {
        let illegal = |reason: &str| Error::illegal(MESSAGE, "cookie", reason);
        let Some(cookies) = &config.cookies else {
            return Err(illegal("this server has given no cookies"));
        };
        let state = cookies.open(cookie, context.now.unix());
        let state = state.ok_or_else(|| illegal("it is not of this server, or too old"))?;
        let (suite, wanted, lasting, first_hash) =
            decode_state(&state).ok_or_else(|| illegal("its content is of another kind"))?;
        let cipher_suite = config.provider.cipher_suite(suite);
        let cipher_suite = *cipher_suite.ok_or_else(|| illegal("its suite is not served"))?;
        provider_fault::check_hash(&cipher_suite)?;
        if first_hash.len() != cipher_suite.hash.output_length() {
            return Err(illegal("its hash is not of its suite"));
        }
        let cookie = Some(cookie.to_vec());
        Ok(Self { cipher_suite, wanted, lasting, first_hash, cookie })
    }

    /// The HelloRetryRequest that was, or is, the answer to the first ClientHello.
    fn retry_request(&self, session_id: &[u8]) -> Vec<u8> {
        use ExtensionType as E;
        let mut extensions = Vec::with_capacity(64);
        if let Some(group) = self.wanted {
            write_extension(&mut extensions, E::KEY_SHARE, |out| write_u16(out, group));
        }
        if let Some(cookie) = &self.cookie {
            let write = |out: &mut Vec<u8>| write_bytes(out, Prefix::U16, cookie);
            write_extension(&mut extensions, E::COOKIE, write);
        }
        let version = ProtocolVersion::TLS_1_3;
        write_extension(&mut extensions, E::SUPPORTED_VERSIONS, |out| write_u16(out, version));
        let mut message = Vec::with_capacity(128);
        let hello = ServerHello {
            legacy_version: ProtocolVersion::TLS_1_2,
            random: HELLO_RETRY_REQUEST_RANDOM,
            session_id,
            cipher_suite: self.cipher_suite.id,
            extensions: Extensions::written(&extensions),
            ..ServerHello::default()
        };
        hello.encode(&mut message);
        message
    }

    /// The second ClientHello came, and is well formed.
    pub(super) fn on_second(
        self,
        config: Arc<ServerConfig>,
        message: HandshakeMessage<'_>,
        hello: &ClientHello<'_>,
        context: &mut Context,
    ) -> Result<State, Error> {
        context.parameters.retried = true;
        if hello.cookie != self.cookie.as_deref() {
            return Err(Error::illegal(MESSAGE, "cookie", "it is not the HelloRetryRequest's"));
        }
        if lasting(hello, self.cipher_suite.hash) != self.lasting {
            let changing = EXTENSION_TABLE.iter().filter(|row| row.may_change_after_retry);
            let changing = join(changing.map(|row| row.extension));
            let reason = format!("in the second, all but {changing} must be as before");
            return Err(Error::illegal(MESSAGE, "fields and extensions", reason));
        }
        if hello.early_data {
            let reason = "it must not be in a second ClientHello";
            return Err(Error::illegal(MESSAGE, "early_data", reason));
        }
        let (group, share) = negotiation::group(&config, hello)?;
        let right_group = self.wanted.is_none_or(|wanted| wanted == group.name());
        let only_share = hello.key_shares.is_some_and(|shares| shares.iter().count() == 1);
        let Some(share) = share.filter(|_| right_group && (only_share || self.wanted.is_none()))
        else {
            let wanted = self.wanted.map(|group| group.to_string());
            let wanted = wanted.unwrap_or_else(|| "the same groups as before".into());
            let reason = format!("it must have one share, for {wanted}");
            return Err(Error::illegal(MESSAGE, "key_share", reason));
        };
        let mut transcript = Transcript::after_retry(&self.cipher_suite, &self.first_hash);
        transcript.add_bytes(&self.retry_request(hello.session_id));
        let exchange = Some(exchange_keys(&*group, share.key_exchange, context)?);
        negotiated(config, self.cipher_suite, exchange, transcript, message, hello, context)
    }
}

/// The digest of what the second ClientHello must repeat: all of the first, but some extensions,
/// and not their order, which some clients shuffle anew (GnuTLS 3.8.1 to 3.8.9): the transcript has
/// both as they came.
fn lasting(hello: &ClientHello<'_>, hash: &dyn Hash) -> Digest {
    let lasting = hello.extensions.iter().filter(|it| !it.kind.may_change_after_retry());
    let mut lasting: Vec<_> = lasting.collect();
    lasting.sort_unstable_by_key(|extension| extension.kind.0);
    let mut extensions = Vec::new();
    for extension in lasting {
        write_extension(&mut extensions, extension.kind, |out| {
            out.extend_from_slice(extension.body);
        });
    }
    let mut message = Vec::new();
    ClientHello { extensions: Extensions::written(&extensions), ..hello.clone() }
        .encode(&mut message);
    hash.digest(&message)
}

/// The content of a cookie: suite, group or zero, what must be repeated, the first ClientHello.
fn encode_state(
    suite: CipherSuiteId,
    wanted: Option<NamedGroup>,
    lasting: &Digest,
    first: &Digest,
) -> Vec<u8> {
    let wanted = wanted.map_or(0, |group| group.0);
    [&suite.0.to_be_bytes()[..], &wanted.to_be_bytes(), lasting, first].concat()
}

type CookieState = (CipherSuiteId, Option<NamedGroup>, Digest, Digest);

fn decode_state(state: &[u8]) -> Option<CookieState> {
    let (suite, rest) = state.split_first_chunk::<2>()?;
    let (wanted, rest) = rest.split_first_chunk::<2>()?;
    let (lasting, first) = rest.split_at_checked(rest.len() / 2)?;
    let wanted = u16::from_be_bytes(*wanted);
    let wanted = (wanted != 0).then_some(NamedGroup(wanted));
    let suite = CipherSuiteId(u16::from_be_bytes(*suite));
    Some((suite, wanted, Digest::new(lasting), Digest::new(first)))
}
