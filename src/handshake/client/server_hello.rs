//! ExpectServerHello: the server chooses, or asks for another ClientHello (RFC 9846, sections
//! 4.2.3 and 4.2.4).

use std::sync::Arc;

use super::client_hello::{Offer, RetryAnswer};
use super::encrypted_extensions::ExpectEncryptedExtensions;
use super::{Context, Level, ServerFlight, Shared, State, pre_shared_key};
use crate::crypto::{CipherSuite, KeyExchangeGroup, SharedSecret, provider_fault};
use crate::error::{Error, ErrorKind};
use crate::handshake::EarlyData;
use crate::handshake::proof::PskMixedIn;
use crate::handshake::secrets::HandshakeSecrets;
use crate::key_schedule::Transcript;
use crate::observer::Event;
use crate::psk::PreSharedKey;
use crate::registry::{CertificateType, HandshakeType, NamedGroup, ProtocolVersion};
use crate::wire::{ExtensionType, HandshakeMessage, KeyShareEntry, ServerHello};

/// A ClientHello was sent.
pub(in crate::handshake) struct ExpectServerHello {
    pub(super) shared: Shared,
    pub(super) offer: Offer,
    pub(super) sent: Sent,
}

/// What was said so far.
pub(super) enum Sent {
    /// A first ClientHello: which hash its transcript has is not known yet.
    First(Vec<u8>),
    /// A second, after a HelloRetryRequest that chose the suite.
    Second(CipherSuite, Transcript),
}

const MESSAGE: HandshakeType = HandshakeType::SERVER_HELLO;

/// A cookie has to fit into a ClientHello beside everything else, whose room is what a layout
/// and the application protocols leave.
const MAX_COOKIE_LENGTH: usize = 0x2000;

impl ExpectServerHello {
    pub(super) fn on_message(
        self,
        message: HandshakeMessage<'_>,
        context: &mut Context,
    ) -> Result<State, Error> {
        if message.kind != MESSAGE {
            return Err(Error::unexpected("ServerHello or HelloRetryRequest", message.kind));
        }
        let hello = ServerHello::parse(message.body)?;
        check_version(&hello)?;
        let cipher_suite = self.check_choices(&hello)?;
        if hello.is_hello_retry_request() {
            self.on_hello_retry_request(message, &hello, cipher_suite, context)
        } else {
            self.on_server_hello(message, &hello, cipher_suite, context)
        }
    }

    /// What holds for a ServerHello and a HelloRetryRequest alike.
    fn check_choices(&self, hello: &ServerHello<'_>) -> Result<CipherSuite, Error> {
        if hello.session_id != self.offer.session_id {
            let reason = "it is not what the client sent";
            return Err(Error::illegal(MESSAGE, "legacy_session_id_echo", reason));
        }
        if hello.compression_method != 0 {
            return Err(Error::illegal(MESSAGE, "legacy_compression_method", "it is not zero"));
        }
        for extension in hello.extensions.iter() {
            // A HelloRetryRequest's cookie is the one extension that is no answer.
            if extension.kind != ExtensionType::COOKIE {
                check_offered(&self.shared, MESSAGE, extension.kind)?;
            }
        }
        let chosen = self.shared.config.common.provider.cipher_suite(hello.cipher_suite);
        let cipher_suite = *chosen.ok_or_else(|| {
            let reason = format!("{} was not offered", hello.cipher_suite);
            Error::illegal(MESSAGE, "cipher_suite", reason)
        })?;
        provider_fault::check_hash(&cipher_suite)?;
        match &self.sent {
            Sent::Second(before, _) if before.id != cipher_suite.id => {
                let (before, now) = (before.id, cipher_suite.id);
                let reason = format!("the HelloRetryRequest chose {before}, now it is {now}");
                Err(Error::illegal(MESSAGE, "cipher_suite", reason))
            }
            _ => Ok(cipher_suite),
        }
    }

    fn on_hello_retry_request(
        self,
        message: HandshakeMessage<'_>,
        retry_request: &ServerHello<'_>,
        cipher_suite: CipherSuite,
        context: &mut Context,
    ) -> Result<State, Error> {
        let Self { mut shared, mut offer, sent: Sent::First(first) } = self else {
            return Err(Error::unexpected("ServerHello: there was a retry already", message.kind));
        };
        let first_hash = cipher_suite.hash.digest(&first);
        let mut transcript = Transcript::after_retry(&cipher_suite, &first_hash);
        transcript.add(&message);
        context.parameters.retried = true;
        if shared.early_data.take().is_some() {
            // What was sent is lost, and the second ClientHello is not protected.
            context.parameters.early_data = EarlyData::Rejected;
            context.zero_rtt.end();
            context.steps.write_plaintext();
        }
        let group = match retry_request.selected_group {
            Some(group) => Some(retried_group(&shared, &offer, group)?),
            None if retry_request.cookie.is_none() => {
                let reason = "it asks for nothing that would change the ClientHello";
                return Err(Error::illegal(MESSAGE, "extensions", reason));
            }
            None => None,
        };
        if retry_request.cookie.is_some_and(|cookie| cookie.len() > MAX_COOKIE_LENGTH) {
            let reason = format!("it is longer than {MAX_COOKIE_LENGTH} bytes");
            return Err(Error::illegal(MESSAGE, "cookie", reason));
        }
        context.change_cipher_spec(shared.config.middlebox_compatibility);
        let wants_share = group.is_some();
        if let Some(group) = group {
            (offer.group, offer.exchange) = (group.name(), provider_fault::start(&*group)?);
        }
        let answer = RetryAnswer {
            cipher_suite: &cipher_suite,
            cookie: retry_request.cookie,
            wants_share,
            transcript: &transcript,
        };
        let second = offer.send(&mut shared, Some(&answer), context)?;
        transcript.add_bytes(&second);
        let sent = Sent::Second(cipher_suite, transcript);
        Ok(State::ExpectServerHello(Box::new(Self { shared, offer, sent })))
    }

    fn on_server_hello(
        self,
        message: HandshakeMessage<'_>,
        hello: &ServerHello<'_>,
        cipher_suite: CipherSuite,
        context: &mut Context,
    ) -> Result<State, Error> {
        let Self { shared, offer, sent } = self;
        let psk = chosen_psk(&shared, hello, &cipher_suite, matches!(sent, Sent::Second(..)))?;
        let mut transcript = match sent {
            Sent::Second(_, transcript) => transcript,
            Sent::First(hello) => {
                let mut transcript = Transcript::new(&cipher_suite);
                transcript.add_bytes(&hello);
                transcript
            }
        };
        transcript.add(&message);
        context.parameters.cipher_suite = Some(cipher_suite.id);
        context.observers.emit(|| Event::CipherSuiteChosen(cipher_suite.id));
        let without = psk.is_some() && shared.config.common.psk_without_key_exchange;
        let secret = match hello.key_share {
            None if without => SharedSecret::none(&cipher_suite),
            None if psk.is_some() => {
                let reason = "it must be there: no key was offered without a key exchange";
                return Err(Error::illegal(MESSAGE, "key_share", reason));
            }
            None => return Err(Error::missing(MESSAGE, ExtensionType::KEY_SHARE)),
            Some(share) => exchange_keys(offer, &share, context)?,
        };
        let (early, psk_mixed_in) =
            PskMixedIn::early_secret(cipher_suite, psk, &mut context.observers)?;
        if let Some(key) = psk {
            context.inherit_from_session(key);
        }
        let first_key = hello.selected_identity == Some(0);
        let secrets = HandshakeSecrets::new(early, &secret, &transcript, &mut context.observers)?;
        context.change_cipher_spec(shared.config.middlebox_compatibility);
        context.steps.read_keys(Level::Handshake, secrets.server.clone());
        // 0-RTT data may go on until the server has said whether it takes them.
        if shared.early_data.is_none() || !context.records {
            context.steps.write_keys(Level::Handshake, secrets.client.clone());
        }
        Ok(State::ExpectEncryptedExtensions(Box::new(ExpectEncryptedExtensions {
            psk: psk_mixed_in,
            first_key,
            flight: ServerFlight {
                shared,
                transcript,
                secrets,
                certificate_request: None,
                client_certificate_type: CertificateType::X509,
                server_certificate_type: CertificateType::X509,
            },
        })))
    }
}

/// The key exchange with the server's share.
fn exchange_keys(
    offer: Offer,
    share: &KeyShareEntry<'_>,
    context: &mut Context,
) -> Result<SharedSecret, Error> {
    let (ours, theirs) = (offer.group, share.group);
    if ours != theirs {
        let reason = format!("{theirs} was chosen, the share was for {ours}");
        return Err(Error::illegal(MESSAGE, "key_share", reason));
    }
    let secret = offer.exchange.complete(share.key_exchange).map_err(|_| {
        let reason = format!("it is no valid public key of {ours}");
        Error::illegal(MESSAGE, "key_share", reason)
    })?;
    provider_fault::check_secret(ours, &secret)?;
    context.parameters.group = Some(ours);
    context.observers.emit(|| Event::KeysExchanged(ours));
    Ok(secret)
}

/// The pre-shared key that the server chose: one that was offered, for the suite's hash
/// (section 4.3.11).
fn chosen_psk<'a>(
    shared: &'a Shared,
    hello: &ServerHello<'_>,
    cipher_suite: &CipherSuite,
    retried: bool,
) -> Result<Option<&'a PreSharedKey>, Error> {
    let Some(index) = hello.selected_identity else { return Ok(None) };
    let offered = pre_shared_key::offered(shared, retried.then_some(cipher_suite));
    let reason = match offered.get(usize::from(index)) {
        Some((key, _)) if key.hash() == cipher_suite.hash.algorithm() => return Ok(Some(key)),
        Some(_) => "the key is for suites with another hash".into(),
        None => format!("{index} was chosen of {} identities", offered.len()),
    };
    Err(Error::illegal(MESSAGE, "pre_shared_key", reason))
}

/// The server may answer what was offered, and nothing else (section 4.3).
pub(super) fn check_offered(
    shared: &Shared,
    message: HandshakeType,
    extension: ExtensionType,
) -> Result<(), Error> {
    if shared.offered.contains(&extension) {
        return Ok(());
    }
    Err(ErrorKind::UnsolicitedExtension { message, extension }.into())
}

/// The group of a HelloRetryRequest must be one that was offered without a share
/// (section 4.3.8).
fn retried_group(
    shared: &Shared,
    offer: &Offer,
    group: NamedGroup,
) -> Result<Arc<dyn KeyExchangeGroup>, Error> {
    if group == offer.group {
        let reason = format!("it asks for {group}, for which there was a share");
        return Err(Error::illegal(MESSAGE, "key_share", reason));
    }
    let known = shared.config.common.provider.group(group).cloned();
    let offered = shared.config.layout_offers(ExtensionType::SUPPORTED_GROUPS, group);
    known.filter(|_| offered).ok_or_else(|| {
        let reason = format!("it asks for {group}, which this client does not take");
        Error::illegal(MESSAGE, "key_share", reason)
    })
}

/// Sections 4.2.3 and 4.3.1: the real version is in supported_versions. A server that chose an
/// older one is told so, unless its random says that it speaks TLS 1.3 as well: then somebody
/// tampered.
fn check_version(hello: &ServerHello<'_>) -> Result<(), Error> {
    const DOWNGRADE: &[u8] = b"DOWNGRD";
    match hello.supported_version {
        Some(ProtocolVersion::TLS_1_3) if hello.legacy_version == ProtocolVersion::TLS_1_2 => {
            Ok(())
        }
        Some(ProtocolVersion::TLS_1_3) => {
            let version = hello.legacy_version;
            Err(ErrorKind::UnsupportedVersion(format!("the server's legacy_version is {version}"))
                .into())
        }
        Some(version) => {
            let reason = format!("{version} was chosen, which was not offered");
            Err(Error::illegal(MESSAGE, "supported_versions", reason))
        }
        None if hello.is_hello_retry_request() => {
            Err(Error::missing(MESSAGE, ExtensionType::SUPPORTED_VERSIONS))
        }
        None => match hello.random.get(24..) {
            Some([sentinel @ .., 0 | 1]) if sentinel == DOWNGRADE => {
                Err(ErrorKind::Downgrade.into())
            }
            _ => {
                let version = hello.legacy_version;
                Err(ErrorKind::UnsupportedVersion(format!("the server chose {version}")).into())
            }
        },
    }
}
