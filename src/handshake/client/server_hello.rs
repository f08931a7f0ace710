//! ExpectServerHello: the server selects a suite, a group and a pre-shared key (RFC 9846, section
//! 4.2.3). If it asks for another ClientHello instead: see `hello_retry_request.rs`.

use super::client_hello::{ClientHelloParams, SentMessage};
use super::encrypted_extensions::ExpectEncryptedExtensions;
use super::{
    Context, Level, ServerFlight, Shared, Stage, State, cert_with_extern_psk, pre_shared_key,
};
use crate::crypto::{CipherSuite, SharedSecret, StaticOrArc, provider_fault};
use crate::error::{Error, ErrorKind};
use crate::handshake::proof::PskMixedIn;
use crate::key_schedule::Transcript;
use crate::observer::Event;
use crate::psk::PreSharedKey;
use crate::registry::{CertificateType, HandshakeType, ProtocolVersion};
use crate::wire::{ExtensionType, HandshakeMessage, KeyShareEntry, ServerHello};

/// A ClientHello was sent.
pub(in crate::handshake) struct ExpectServerHello {
    pub(super) shared: Shared,
    pub(super) params: ClientHelloParams,
    pub(super) sent: SentClientHello,
}

/// The ClientHello that was sent last.
#[allow(clippy::large_enum_variant, reason = "the transcript is most of its state")]
pub(super) enum SentClientHello {
    /// The first one: the suite's hash is not known yet.
    First(SentMessage),
    /// The second one, after a HelloRetryRequest that selected the suite.
    Second(StaticOrArc<CipherSuite>, Transcript),
}

impl SentClientHello {
    /// The transcript up to this ServerHello.
    fn into_transcript(
        self,
        suite: &CipherSuite,
        server_hello: &HandshakeMessage<'_>,
    ) -> Transcript {
        let mut transcript = match self {
            Self::First(SentMessage { transcript: Some(transcript), .. })
                if transcript.is_for(suite) =>
            {
                transcript
            }
            Self::First(SentMessage { message, .. }) => Transcript::of(suite, &message),
            Self::Second(_, transcript) => transcript,
        };
        transcript.add(server_hello);
        transcript
    }
}

pub(super) const MESSAGE: HandshakeType = HandshakeType::SERVER_HELLO;

impl ExpectServerHello {
    /// A ServerHello or HelloRetryRequest came. Both have one type: the random of a
    /// HelloRetryRequest is a constant (section 4.2.3).
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

    pub(super) fn stage(&self) -> Stage {
        match self.sent {
            SentClientHello::First(_) => Stage::ServerHello,
            SentClientHello::Second(..) => Stage::ServerHelloAfterRetry,
        }
    }

    /// What holds for a ServerHello and a HelloRetryRequest alike. Another session ID, another
    /// compression method and a suite that was not offered, or that the HelloRetryRequest did not
    /// have, are each an `illegal_parameter` (sections 4.2.3 and 4.2.4).
    fn check_choices(&self, hello: &ServerHello<'_>) -> Result<StaticOrArc<CipherSuite>, Error> {
        if hello.session_id != self.params.session_id() {
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
        let cipher_suite = chosen.ok_or_else(|| {
            let reason = format!("{} was not offered", hello.cipher_suite);
            Error::illegal(MESSAGE, "cipher_suite", reason)
        })?;
        match &self.sent {
            SentClientHello::Second(before, _) if before.id != cipher_suite.id => {
                let (before, now) = (before.id, cipher_suite.id);
                let reason = format!("the HelloRetryRequest chose {before}, now it is {now}");
                Err(Error::illegal(MESSAGE, "cipher_suite", reason))
            }
            _ => Ok(cipher_suite.clone()),
        }
    }

    /// A ServerHello came. With a pre-shared key there may be no key share if psk_ke was offered
    /// (section 4.3.9).
    fn on_server_hello(
        self,
        message: HandshakeMessage<'_>,
        hello: &ServerHello<'_>,
        cipher_suite: StaticOrArc<CipherSuite>,
        context: &mut Context,
    ) -> Result<State, Error> {
        let Self { mut shared, params, sent } = self;
        let early_secrets = core::mem::take(&mut shared.early_secrets);
        let retried = matches!(sent, SentClientHello::Second(..));
        let psk = selected_psk(&shared, hello, &cipher_suite, retried)?;
        cert_with_extern_psk::check_answer(&shared.config, hello)?;
        if psk.is_none() {
            pre_shared_key::report_declined(&shared, context);
        }
        let transcript = sent.into_transcript(&cipher_suite, &message);
        context.choose_suite(cipher_suite.id);
        let may_lack_share = psk.is_some() && shared.config.common.psk_without_key_exchange;
        let shared_secret = match hello.key_share {
            Some(share) => Some(key_exchange(params, &share, context)?),
            None if may_lack_share => None,
            None => return Err(missing_key_share(psk.is_some())),
        };

        // The key schedule (section 7.1): the pre-shared key goes in first, then the shared secret.
        let selected = hello.selected_identity.map(usize::from);
        let of_key = selected.and_then(|index| early_secrets.get(index));
        let (early, psk_mixed_in) = PskMixedIn::early_secret(&cipher_suite, of_key, context)?;
        let handshake = early.into_handshake(shared_secret.as_ref(), &mut context.observers)?;
        let secrets = handshake.into_traffic(&transcript.current(), &mut context.observers)?;
        if !context.parameters.resumption_data.is_empty() {
            context.parameters.change_rare(|rare| rare.resumption_data = Vec::new());
        }
        let is_beside_certificate = hello.cert_with_extern_psk;
        if let Some(key) = psk {
            report_key(key, is_beside_certificate, context)?;
        }
        let psk_alone = if is_beside_certificate { None } else { psk_mixed_in };

        context.change_cipher_spec(shared.config.middlebox_compatibility);
        context.steps.read_keys(Level::Handshake, secrets.server.clone());
        // 0-RTT data may go on until the server has said whether it accepts them.
        if shared.early_data.is_none() || !context.records {
            context.steps.write_keys(Level::Handshake, secrets.client.clone());
        }
        Ok(State::ExpectEncryptedExtensions(ExpectEncryptedExtensions {
            psk_alone,
            first_key: hello.selected_identity == Some(0),
            flight: ServerFlight {
                shared,
                transcript,
                secrets,
                certificate_request: None,
                client_certificate_type: CertificateType::X509,
                server_certificate_type: CertificateType::X509,
            },
        }))
    }
}

/// The pre-shared key that the server selected: one that was offered, for the suite's hash
/// (section 4.3.11). Any other is an `illegal_parameter`. `None` where it selected none.
fn selected_psk<'a>(
    shared: &'a Shared,
    hello: &ServerHello<'_>,
    cipher_suite: &'a StaticOrArc<CipherSuite>,
    retried: bool,
) -> Result<Option<&'a PreSharedKey>, Error> {
    let Some(index) = hello.selected_identity else { return Ok(None) };
    let offered = pre_shared_key::offered(shared, retried.then_some(cipher_suite));
    let reason = match offered.get(usize::from(index)) {
        Some(psk) if psk.key.hash() == cipher_suite.hash.algorithm() => return Ok(Some(psk.key)),
        Some(_) => "the key is for suites with another hash".into(),
        None => format!("{index} was chosen of {} identities", offered.len()),
    };
    Err(Error::illegal(MESSAGE, "pre_shared_key", reason))
}

/// Notes the pre-shared key among what the two sides have agreed on. Without a certificate beside it, what is
/// known of the server is what the key's session has of it.
fn report_key(
    key: &PreSharedKey,
    is_beside_certificate: bool,
    context: &mut Context,
) -> Result<(), Error> {
    if !is_beside_certificate {
        return Ok(context.inherit_from_session(key)?);
    }
    context.parameters.pre_shared_key = Some(key.kind());
    context.parameters.cert_with_extern_psk = true;
    Ok(())
}

/// The key exchange with the server's share. A share for another group, and one that is no valid share
/// or leads to a secret of zeros, is an `illegal_parameter` (sections 4.3.8 and 7.4.2). A failure of
/// this side is an `internal_error`.
fn key_exchange(
    params: ClientHelloParams,
    share: &KeyShareEntry<'_>,
    context: &mut Context,
) -> Result<SharedSecret, Error> {
    let group = share.group;
    let exchange = params.key_shares.take(group)?;
    let secret = exchange
        .complete(share.key_exchange)
        .map_err(|error| Error::key_exchange(MESSAGE, group, error))?;
    provider_fault::check_secret(group, &secret)?;
    context.parameters.group = Some(group);
    context.observers.emit(|| Event::KeysExchanged(group));
    Ok(secret)
}

/// The error for a ServerHello without the share that must be there. It is a `missing_extension`
/// without a pre-shared key (section 9.2), and else an `illegal_parameter`, because psk_ke was not
/// offered (section 4.3.9).
fn missing_key_share(with_psk: bool) -> Error {
    if with_psk {
        let reason = "it must be there: no key was offered without a key exchange";
        return Error::illegal(MESSAGE, "key_share", reason);
    }
    Error::missing(MESSAGE, ExtensionType::KEY_SHARE)
}

/// The server may answer what was offered, and nothing else. Another extension is an
/// `unsupported_extension` (section 4.3).
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

fn unsupported_version(reason: String, version: ProtocolVersion) -> Error {
    ErrorKind::UnsupportedVersion { reason, theirs: vec![version.to_string()] }.into()
}

/// Sections 4.2.3 and 4.3.1: the real version is in supported_versions. A server without it chose an
/// older version. If its random says that it speaks TLS 1.3 as well, an attacker has tampered with
/// the hellos: it is an `illegal_parameter`. An older version alone is a `protocol_version`. Another
/// version than TLS 1.3 in supported_versions was not offered, and is an `illegal_parameter`.
fn check_version(hello: &ServerHello<'_>) -> Result<(), Error> {
    const DOWNGRADE: &[u8] = b"DOWNGRD";
    match hello.supported_version {
        Some(ProtocolVersion::TLS_1_3) if hello.legacy_version == ProtocolVersion::TLS_1_2 => {
            Ok(())
        }
        Some(ProtocolVersion::TLS_1_3) => {
            let version = hello.legacy_version;
            Err(unsupported_version(format!("the server's legacy_version is {version}"), version))
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
                Err(unsupported_version(format!("the server chose {version}"), version))
            }
        },
    }
}
