//! HelloRetryRequest and ExpectSecondClientHello: the server asks for another share, or for proof
//! that the client is there (RFC 9846, sections 4.2.2, 4.2.4 and 4.3.2).

use std::sync::Arc;

use super::key_exchange::ClientShare;
use super::negotiate::{Negotiated, negotiate};
use super::selection::{self, SelectedGroup};
use super::{Context, State, early_data};
use crate::config::ServerConfig;
use crate::cookie::MAX_COOKIE_LENGTH;
use crate::crypto::{CipherSuite, Digest, Hash, StaticOrArc};
use crate::error::{Error, ErrorKind};
use crate::key_schedule::Transcript;
use crate::registry::{CipherSuiteId, HandshakeType, NamedGroup, ProtocolVersion};
use crate::wire::codec::join;
use crate::wire::{
    ClientHello, EXTENSION_TABLE, Extensions, HELLO_RETRY_REQUEST_RANDOM, HandshakeMessage,
    ServerHello, write_extension,
};

const MESSAGE: HandshakeType = HandshakeType::CLIENT_HELLO;

/// Sends a HelloRetryRequest: for a share of `requested_group`, if the client has sent none that
/// fits (section 4.2.4). With a cookie, if the configuration has a protector for them (section
/// 4.3.2).
pub(super) fn send(
    negotiated: Negotiated,
    requested_group: Option<NamedGroup>,
    hello: &ClientHello<'_>,
    context: &mut Context,
) -> Result<State, Error> {
    let Negotiated { config, cipher_suite, transcript, .. } = negotiated;
    let content = CookieContent {
        cipher_suite: cipher_suite.id,
        requested_group,
        unchanging: unchanging(hello, &*cipher_suite.hash),
        first_hash: transcript.current(),
    };
    let cookie = match &config.cookies {
        Some(cookies) => {
            let cookie = cookies.protect(&content.encode(), context.now.unix())?;
            if !(1..=MAX_COOKIE_LENGTH).contains(&cookie.len()) {
                let reason = "the cookie protector's cookie is empty or too long";
                return Err(ErrorKind::Internal(reason).into());
            }
            Some(cookie)
        }
        None => None,
    };
    let first = Box::new(FirstClientHello { cipher_suite, content, cookie });
    let retry = first.retry_request(hello.session_id);
    context.send(None, |out| out.extend_from_slice(&retry));
    context.change_cipher_spec(!hello.session_id.is_empty());
    early_data::report_refused("another ClientHello is asked for", context);
    early_data::reject(context);
    Ok(State::ExpectSecondClientHello(ExpectSecondClientHello { config, first }))
}

/// A HelloRetryRequest was sent.
pub(in crate::handshake) struct ExpectSecondClientHello {
    pub(super) config: Arc<ServerConfig>,
    first: Box<FirstClientHello>,
}

impl ExpectSecondClientHello {
    pub(super) fn on_message(
        self,
        message: &HandshakeMessage<'_>,
        context: &mut Context,
    ) -> Result<State, Error> {
        if message.kind != MESSAGE {
            return Err(Error::unexpected("the second ClientHello", message.kind));
        }
        let hello = ClientHello::parse(message.body)?;
        selection::check_version(&hello)?;
        negotiate(self.config, Some(self.first), message.bytes, &hello, context)
    }
}

/// What a server must know of a first ClientHello when the second comes. All of it can travel in
/// the cookie.
pub(super) struct FirstClientHello {
    pub(super) cipher_suite: StaticOrArc<CipherSuite>,
    content: CookieContent,
    /// The cookie of the HelloRetryRequest, if it has one.
    cookie: Option<Vec<u8>>,
}

impl FirstClientHello {
    /// Finds it in the cookie of a second ClientHello. A cookie that this server did not make, or
    /// made too long ago, is an `illegal_parameter` (sections 4.2.4 and 4.3.2).
    pub(super) fn from_cookie(
        config: &ServerConfig,
        cookie: &[u8],
        context: &Context,
    ) -> Result<Self, Error> {
        let illegal = |reason: &str| Error::illegal(MESSAGE, "cookie", reason);
        let Some(cookies) = &config.cookies else {
            return Err(illegal("this server has given no cookies"));
        };
        let Some(opened) = cookies.open(cookie, context.now.unix()) else {
            return Err(illegal("it is not of this server, or too old"));
        };
        let Some(content) = CookieContent::decode(&opened) else {
            return Err(illegal("its content is of another kind"));
        };
        let Some(cipher_suite) = config.common.provider.cipher_suite(content.cipher_suite) else {
            return Err(illegal("its suite is not served"));
        };
        if content.first_hash.len() != cipher_suite.hash.output_length() {
            return Err(illegal("its hash is not of its suite"));
        }
        Ok(Self { cipher_suite: cipher_suite.clone(), content, cookie: Some(cookie.to_vec()) })
    }

    /// Checks that the second ClientHello repeats the first, and has the cookie. If it has another
    /// cookie (section 4.3.2), another field than before (section 4.2.2), or early_data (section
    /// 4.3.10), that is an `illegal_parameter`.
    pub(super) fn check_second(&self, hello: &ClientHello<'_>) -> Result<(), Error> {
        if hello.cookie != self.cookie.as_deref() {
            return Err(Error::illegal(MESSAGE, "cookie", "it is not the HelloRetryRequest's"));
        }
        if unchanging(hello, &*self.cipher_suite.hash) != self.content.unchanging {
            let changing = EXTENSION_TABLE.iter().filter(|row| row.may_change_after_retry);
            let changing = join(changing.map(|row| row.extension));
            let reason = format!("in the second, all but {changing} must be as before");
            return Err(Error::illegal(MESSAGE, "fields and extensions", reason));
        }
        if hello.early_data {
            let reason = "it must not be in a second ClientHello";
            return Err(Error::illegal(MESSAGE, "early_data", reason));
        }
        Ok(())
    }

    /// The share of the second ClientHello: the only one, for the group that was asked for, if one
    /// was. If not, that is an `illegal_parameter` (section 4.3.8).
    pub(super) fn requested_share<'a>(
        &self,
        config: &ServerConfig,
        hello: &ClientHello<'a>,
    ) -> Result<ClientShare<'a>, Error> {
        let SelectedGroup { group, share } = selection::group(config, hello)?;
        let is_as_requested = match self.content.requested_group {
            Some(requested) => {
                let only_share = hello.key_shares.is_some_and(|all| all.iter().count() == 1);
                requested == group.name() && only_share
            }
            None => true,
        };
        match share {
            Some(share) if is_as_requested => {
                Ok(ClientShare { group, key_exchange: share.key_exchange })
            }
            _ => {
                let requested = match self.content.requested_group {
                    Some(group) => group.to_string(),
                    None => "the same groups as before".into(),
                };
                let reason = format!("it must have one share, for {requested}");
                Err(Error::illegal(MESSAGE, "key_share", reason))
            }
        }
    }

    /// The transcript up to the HelloRetryRequest.
    pub(super) fn transcript(&self, session_id: &[u8]) -> Transcript {
        let mut transcript = Transcript::after_retry(&self.cipher_suite, &self.content.first_hash);
        transcript.add_bytes(&self.retry_request(session_id));
        transcript
    }

    /// The HelloRetryRequest that was, or is, the answer to the first ClientHello (section 4.2.4).
    fn retry_request(&self, session_id: &[u8]) -> Vec<u8> {
        let mut message = Vec::with_capacity(128);
        let hello = ServerHello {
            legacy_version: ProtocolVersion::TLS_1_2,
            random: HELLO_RETRY_REQUEST_RANDOM,
            session_id,
            cipher_suite: self.cipher_suite.id,
            supported_version: Some(ProtocolVersion::TLS_1_3),
            selected_group: self.content.requested_group,
            cookie: self.cookie.as_deref(),
            ..ServerHello::default()
        };
        hello.write(&mut message);
        message
    }
}

/// The digest of what the second ClientHello must repeat: all of the first, but some extensions,
/// and not their order, which some clients shuffle anew (GnuTLS 3.8.1 to 3.8.9): the transcript has
/// both as they came.
fn unchanging(hello: &ClientHello<'_>, hash: &dyn Hash) -> Digest {
    let unchanging = hello.extensions.iter().filter(|it| !it.kind.may_change_after_retry());
    let mut unchanging: Vec<_> = unchanging.collect();
    unchanging.sort_unstable_by_key(|extension| extension.kind.0);
    let mut extensions = Vec::new();
    for extension in unchanging {
        write_extension(&mut extensions, extension.kind, |out| {
            out.extend_from_slice(extension.body);
        });
    }
    let mut message = Vec::new();
    ClientHello { extensions: Extensions::written(&extensions), ..hello.clone() }
        .encode(&mut message);
    hash.digest(&message)
}

/// What a cookie says of the first ClientHello and of the HelloRetryRequest.
struct CookieContent {
    cipher_suite: CipherSuiteId,
    /// The group that the HelloRetryRequest asks a share for, if it asks for one. In the cookie, none
    /// is a zero.
    requested_group: Option<NamedGroup>,
    /// The digest of what the second ClientHello must repeat.
    unchanging: Digest,
    /// The hash of the whole message.
    first_hash: Digest,
}

impl CookieContent {
    fn encode(&self) -> Vec<u8> {
        let suite = self.cipher_suite.0.to_be_bytes();
        let group = self.requested_group.map_or(0, |group| group.0).to_be_bytes();
        [&suite[..], &group, &self.unchanging, &self.first_hash].concat()
    }

    fn decode(content: &[u8]) -> Option<Self> {
        let (suite, rest) = content.split_first_chunk::<2>()?;
        let (group, rest) = rest.split_first_chunk::<2>()?;
        let (unchanging, first_hash) = rest.split_at_checked(rest.len() / 2)?;
        let group = NamedGroup(u16::from_be_bytes(*group));
        Some(Self {
            cipher_suite: CipherSuiteId(u16::from_be_bytes(*suite)),
            requested_group: if group.0 == 0 { None } else { Some(group) },
            unchanging: Digest::new(unchanging),
            first_hash: Digest::new(first_hash),
        })
    }
}
