//! The server's flight, from ServerHello to Finished, and Signing, where it may have to wait
//! (RFC 9846, sections 4.2.3, 4.4 and 4.5).

use std::sync::Arc;

use super::client_certificate::{Asked, ClientCertificate};
use super::client_hello::KeyExchange;
use super::finished::{ClientFlight, ExpectClientCertificate, ExpectFinished, PostHandshake};
use super::pre_shared_key::ProvenPsk;
use super::{Context, Question, State, early_data};
use crate::config::{CertificateCompression, CertifiedKey, LayoutItem, ServerConfig};
use crate::crypto::{CipherSuite, CryptoError, Digest, SharedSecret};
use crate::error::Error;
use crate::handshake::authentication::{
    ask_to_sign, send_certificate_verify, send_finished, write_certificate,
};
use crate::handshake::proof::{AnonymousAllowed, Peer};
use crate::handshake::{EarlyData, Level, Side};
use crate::key_schedule::{EarlySecret, MainSecret, PskKind, TrafficSecret, Transcript};
use crate::registry::{CertificateType, ExtensionType, ProtocolVersion, SignatureScheme};
use crate::wire::codec::Prefix;
use crate::wire::{
    CompressedCertificate, EncryptedExtensions, Extensions, KeyShareEntry, MESSAGE_HEADER_LENGTH,
    ServerHello, write_extension, write_names,
};

/// What was negotiated, on the way to being told.
pub(super) struct Offer {
    pub(super) cipher_suite: CipherSuite,
    /// `None` where a pre-shared key has to do without.
    pub(super) exchange: Option<KeyExchange>,
    pub(super) transcript: Transcript,
    /// What the binders of pre-shared keys are made over, where keys are offered.
    pub(super) binder_hash: Option<Digest>,
    pub(super) session_id: Vec<u8>,
    /// The client asked for a name.
    pub(super) server_name: bool,
    pub(super) application_protocol: Option<Vec<u8>>,
    /// What protects 0-RTT data that were accepted.
    pub(super) early_secret: Option<TrafficSecret>,
    /// How the certificate is compressed, where both sides do it.
    pub(super) compression: Option<Arc<dyn CertificateCompression>>,
    /// The client's record_size_limit and the own, where both are there.
    pub(super) record_size_limits: Option<(u16, u16)>,
    /// The types of the ClientHello's extensions: only these may be answered.
    pub(super) offered: Vec<ExtensionType>,
    /// The type of the own certificate, where one is shown.
    pub(super) server_certificate_type: Option<CertificateType>,
    /// The type of the client's certificate, where the server asks for one now or later.
    pub(super) client_certificate_type: Option<CertificateType>,
    /// The client can be asked later.
    pub(super) post_handshake_auth: bool,
}

impl Offer {
    /// What is asked of the client in the handshake.
    fn asked(&self, config: &ServerConfig) -> Option<Asked> {
        let policy = config.client_authentication.clone().filter(|policy| policy.in_handshake)?;
        let certificate_type = self.client_certificate_type?;
        Some(Asked { policy, certificate_type, request_context: Vec::new() })
    }

    /// What can be asked of it later.
    fn post_handshake(&self, config: &Arc<ServerConfig>) -> Option<PostHandshake> {
        let certificate_type = self.client_certificate_type.filter(|_| self.post_handshake_auth)?;
        Some(PostHandshake { config: Arc::clone(config), certificate_type })
    }
}

/// The secrets that the rest of the flight needs.
struct Secrets {
    main_secret: MainSecret,
    client_secret: TrafficSecret,
    server_secret: TrafficSecret,
}

/// Sends ServerHello, EncryptedExtensions and Certificate, and has the handshake signed.
pub(super) fn send(
    config: &Arc<ServerConfig>,
    mut offer: Offer,
    key: Arc<CertifiedKey>,
    scheme: SignatureScheme,
    context: &mut Context<'_>,
) -> Result<State, Error> {
    let early = EarlySecret::new(offer.cipher_suite, None, context.observers);
    let secrets = send_hello_and_extensions(config, &mut offer, early, None, context)?;
    let (asked, post_handshake) = (offer.asked(config), offer.post_handshake(config));
    let mut transcript = offer.transcript;
    if let Some(asked) = &asked {
        asked.send(&mut transcript, context);
    }
    let policy = config.client_authentication.as_deref();
    let due = match asked {
        Some(asked) => Due::Certificate(asked),
        None => Due::Finished(Peer::AnonymousClient(AnonymousAllowed::by(policy, false)?)),
    };
    let takes = |kind| offer.offered.contains(&kind);
    let mut certificate = Vec::with_capacity(2048);
    write_certificate(&mut certificate, &[], Some(&key), takes);
    let certificate = compressed(config, offer.compression, certificate);
    context.send(Some(&mut transcript), |out| out.extend_from_slice(&certificate));
    context.parameters.signature_scheme = Some(scheme);
    let (question, signature) = ask_to_sign(key, scheme, Side::Server, &transcript);
    let after = After { due, post_handshake };
    let signing = Box::new(Signing { transcript, secrets, after, question });
    match signature {
        Some(signature) => signing.on_signature(signature, context),
        None => Ok(State::Signing(signing)),
    }
}

/// The Certificate in its compressed form, where there is one (RFC 8879, section 4).
fn compressed(
    config: &ServerConfig,
    compression: Option<Arc<dyn CertificateCompression>>,
    message: Vec<u8>,
) -> Vec<u8> {
    let (Some(with), Some(body)) = (compression, message.get(MESSAGE_HEADER_LENGTH..)) else {
        return message;
    };
    let Some(compressed) = config.compressors.compress(&*with, body) else { return message };
    let (algorithm, uncompressed_length) = (with.algorithm(), body.len());
    let mut out = Vec::with_capacity(compressed.len() + 16);
    CompressedCertificate { algorithm, uncompressed_length, compressed: &compressed }
        .encode(&mut out);
    out
}

/// Sends the whole flight of a handshake with a pre-shared key: there is no certificate in it.
pub(super) fn send_with_psk(
    config: &Arc<ServerConfig>,
    mut offer: Offer,
    psk: ProvenPsk,
    context: &mut Context<'_>,
) -> Result<State, Error> {
    let ProvenPsk { early, index, kind, proof } = psk;
    if kind != PskKind::Resumption || !offer.post_handshake_auth {
        // Section 4.4.2: no certificates in the handshake beside a key, and beside an external one
        // not later either.
        offer.client_certificate_type = None;
    }
    let secrets = send_hello_and_extensions(config, &mut offer, early, Some(index), context)?;
    let post_handshake = offer.post_handshake(config);
    let after = After { due: Due::Finished(Peer::PreSharedKey(proof)), post_handshake };
    finish(offer.transcript, secrets, after, context)
}

fn send_hello_and_extensions(
    config: &ServerConfig,
    offer: &mut Offer,
    early: EarlySecret,
    psk_index: Option<u16>,
    context: &mut Context<'_>,
) -> Result<Secrets, Error> {
    send_server_hello(config, offer, psk_index, context)?;
    let none = SharedSecret::none(&offer.cipher_suite);
    let shared = offer.exchange.as_ref().map_or(&none, |exchange| &exchange.secret);
    let handshake_secret = early.into_handshake(shared, context.observers)?;
    let hash = offer.transcript.current();
    let client_secret = handshake_secret.client_traffic(&hash, context.observers)?;
    let server_secret = handshake_secret.server_traffic(&hash, context.observers)?;
    let main_secret = handshake_secret.into_main(context.observers)?;
    if !offer.session_id.is_empty() {
        context.steps.change_cipher_spec();
    }
    if let Some((client, own)) = offer.record_size_limits {
        context.limit_records(client, own);
    }
    context.steps.write_keys(Level::Handshake, server_secret.clone());
    match offer.early_secret.take() {
        Some(secret) => early_data::read(secret, &client_secret, context),
        None => {
            context.steps.read_keys(Level::Handshake, client_secret.clone());
            early_data::reject(context);
        }
    }
    let extensions = encrypted_extensions(config, offer, context);
    context.send(Some(&mut offer.transcript), |out| {
        EncryptedExtensions::new(Extensions::written(&extensions)).encode(out);
    });
    Ok(Secrets { main_secret, client_secret, server_secret })
}

fn send_server_hello(
    config: &ServerConfig,
    offer: &mut Offer,
    psk_index: Option<u16>,
    context: &mut Context<'_>,
) -> Result<(), Error> {
    let mut random = [0; 32];
    config.provider.random.fill(&mut random)?;
    let mut extensions = Vec::with_capacity(160);
    if let Some(index) = psk_index {
        write_extension(&mut extensions, ExtensionType::PRE_SHARED_KEY, |out| {
            out.extend_from_slice(&index.to_be_bytes());
        });
    }
    if let Some(KeyExchange { group, share, .. }) = &offer.exchange {
        write_extension(&mut extensions, ExtensionType::KEY_SHARE, |out| {
            KeyShareEntry { group: *group, key_exchange: share }.encode(out);
        });
    }
    write_extension(&mut extensions, ExtensionType::SUPPORTED_VERSIONS, |out| {
        out.extend_from_slice(&ProtocolVersion::TLS_1_3.0.to_be_bytes());
    });
    let extensions = Extensions::written(&extensions);
    let suite = offer.cipher_suite.id;
    let hello = ServerHello::new(&random, &offer.session_id, suite, extensions);
    context.send(Some(&mut offer.transcript), |out| hello.encode(out));
    Ok(())
}

/// The extensions of EncryptedExtensions: the layout's first, then what else there is to say.
fn encrypted_extensions(config: &ServerConfig, offer: &Offer, context: &Context<'_>) -> Vec<u8> {
    const ORDER: [ExtensionType; 7] = [
        ExtensionType::SERVER_NAME,
        ExtensionType::CLIENT_CERTIFICATE_TYPE,
        ExtensionType::SERVER_CERTIFICATE_TYPE,
        ExtensionType::APPLICATION_LAYER_PROTOCOL_NEGOTIATION,
        ExtensionType::TICKET_REQUEST,
        ExtensionType::EARLY_DATA,
        ExtensionType::RECORD_SIZE_LIMIT,
    ];
    let mut out = Vec::with_capacity(64);
    let layout = config.layout.as_ref().map_or(&[][..], |layout| &layout.items);
    for item in layout {
        match item {
            LayoutItem::Raw(kind, body) if offer.offered.contains(kind) => {
                write_extension(&mut out, *kind, |out| out.extend_from_slice(body));
            }
            LayoutItem::Standard(kind) => write_answer(*kind, offer, context, &mut out),
            LayoutItem::Raw(..) | LayoutItem::Padding => {}
        }
    }
    for kind in ORDER {
        if !layout.iter().any(|item| item.kind() == kind) {
            write_answer(kind, offer, context, &mut out);
        }
    }
    out
}

fn write_answer(kind: ExtensionType, offer: &Offer, context: &Context<'_>, out: &mut Vec<u8>) {
    let certificate_type = match kind {
        ExtensionType::CLIENT_CERTIFICATE_TYPE => offer.client_certificate_type,
        ExtensionType::SERVER_CERTIFICATE_TYPE => offer.server_certificate_type,
        _ => None,
    };
    if let Some(chosen) = certificate_type.filter(|_| offer.offered.contains(&kind)) {
        write_extension(out, kind, |out| out.push(chosen.0));
    }
    match (kind, &offer.application_protocol) {
        // The name was used to choose the certificate (RFC 6066, section 3).
        (ExtensionType::SERVER_NAME, _) if offer.server_name => {
            write_extension(out, kind, |_| {});
        }
        (ExtensionType::APPLICATION_LAYER_PROTOCOL_NEGOTIATION, Some(protocol)) => {
            write_extension(out, kind, |out| write_names(out, Prefix::U8, [protocol]));
        }
        (ExtensionType::EARLY_DATA, _) if context.parameters.early_data == EarlyData::Accepted => {
            write_extension(out, kind, |_| {});
        }
        (ExtensionType::TICKET_REQUEST, _) if offer.offered.contains(&kind) => {
            if let Some((_, count)) = &context.resumption.tickets {
                write_extension(out, kind, |out| out.push(*count));
            }
        }
        (ExtensionType::RECORD_SIZE_LIMIT, _) => {
            if let Some((_, own)) = offer.record_size_limits {
                write_extension(out, kind, |out| out.extend_from_slice(&own.to_be_bytes()));
            }
        }
        _ => {}
    }
}

/// The signature is due.
pub(in crate::handshake) struct Signing {
    transcript: Transcript,
    secrets: Secrets,
    after: After,
    question: Question,
}

/// What comes after the server's flight.
struct After {
    due: Due,
    post_handshake: Option<PostHandshake>,
}

/// What is due from the client next.
enum Due {
    Certificate(Asked),
    /// It is known who the client is, as far as it can be known without a certificate.
    Finished(Peer),
}

impl Signing {
    pub(super) fn question(&self) -> &Question {
        &self.question
    }

    pub(super) fn on_signature(
        self: Box<Self>,
        signature: Result<Vec<u8>, CryptoError>,
        context: &mut Context<'_>,
    ) -> Result<State, Error> {
        let Self { mut transcript, secrets, after, question } = *self;
        send_certificate_verify(&question, signature, &mut transcript, context)?;
        finish(transcript, secrets, after, context)
    }
}

/// Sends Finished, and derives what comes after it.
fn finish(
    mut transcript: Transcript,
    secrets: Secrets,
    after: After,
    context: &mut Context<'_>,
) -> Result<State, Error> {
    let Secrets { main_secret, client_secret, server_secret } = secrets;
    send_finished(&server_secret, &mut transcript, context)?;
    let hash = transcript.current();
    let read = main_secret.client_traffic(&hash, context.observers)?;
    let write = main_secret.server_traffic(&hash, context.observers)?;
    let exporter = main_secret.exporter(&hash, context.observers)?;
    context.steps.write_keys(Level::Application, write.clone());
    let flight = ClientFlight {
        transcript,
        main_secret,
        client_secret,
        read,
        write,
        exporter,
        post_handshake: after.post_handshake,
    };
    Ok(match after.due {
        Due::Certificate(asked) => {
            let client = ClientCertificate::Expected(asked);
            State::ExpectClientCertificate(Box::new(ExpectClientCertificate { flight, client }))
        }
        Due::Finished(peer) => {
            let next = Box::new(ExpectFinished { flight, peer });
            match context.steps.read_level() {
                Level::EarlyData => State::ExpectEndOfEarlyData(next),
                _ => State::ExpectFinished(next),
            }
        }
    })
}
