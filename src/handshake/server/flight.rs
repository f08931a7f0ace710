//! The server's flight, from ServerHello to Finished, and Signing, where it may have to wait
//! (RFC 9846, sections 4.2.3, 4.4 and 4.5).

use std::sync::Arc;

use super::client_certificate::{ClientCertificate, SentCertificateRequest};
use super::client_hello::KeyExchange;
use super::finished::{ClientFlight, ExpectClientCertificate, ExpectFinished, PostHandshake};
use super::pre_shared_key::ProvenPsk;
use super::{Context, Question, State, early_data};
use crate::config::{LayoutItem, ServerConfig};
use crate::credential::{CertificateCompression, CertifiedKey, StaplesShown};
use crate::crypto::{CipherSuite, CryptoError, Digest, SharedSecret, provider_fault};
use crate::error::Error;
use crate::handshake::authentication::{
    ask_to_sign, send_certificate_verify, send_finished, write_certificate,
};
use crate::handshake::proof::{AnonymousAllowed, Peer};
use crate::handshake::secrets::{ConnectionSecrets, HandshakeSecrets};
use crate::handshake::{EarlyData, Level, Side};
use crate::key_schedule::{EarlySecret, PskKind, TrafficSecret, Transcript};
use crate::registry::{CertificateType, ProtocolVersion, SignatureScheme};
use crate::reply::Reply;
use crate::wire::codec::{Prefix, write_u16};
use crate::wire::{
    EncryptedExtensions, ExtensionType, Extensions, KeyShareEntry, MESSAGE_HEADER_LENGTH,
    ServerHello, write_extension, write_extension_if, write_names,
};

/// What was negotiated, on the way to being told.
pub(super) struct Offer {
    pub(super) config: Arc<ServerConfig>,
    pub(super) cipher_suite: CipherSuite,
    /// `None` where a pre-shared key has to do without.
    pub(super) exchange: Option<KeyExchange>,
    pub(super) transcript: Transcript,
    /// What the binders of pre-shared keys are made over, where keys are offered.
    pub(super) binder_hash: Option<Digest>,
    pub(super) session_id: Vec<u8>,
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
}

impl Offer {
    /// What is asked of the client in the handshake.
    fn asked(&self) -> Option<SentCertificateRequest> {
        let policy = self.config.client_authentication.clone();
        let policy = policy.filter(|policy| policy.in_handshake)?;
        let certificate_type = self.client_certificate_type?;
        Some(SentCertificateRequest { policy, certificate_type, request_context: Vec::new() })
    }

    /// Can the client be asked later?
    fn post_handshake_auth(&self) -> bool {
        self.offered.contains(&ExtensionType::POST_HANDSHAKE_AUTH)
    }

    /// What can be asked of it later.
    fn post_handshake(&self, context: &Context) -> Option<PostHandshake> {
        // In QUIC nobody may (RFC 9001, section 4.4).
        let can_be_asked = self.post_handshake_auth() && context.records;
        let certificate_type = self.client_certificate_type.filter(|_| can_be_asked)?;
        Some(PostHandshake { config: Arc::clone(&self.config), certificate_type })
    }
}

/// Sends ServerHello, EncryptedExtensions and Certificate, and has the handshake signed.
pub(super) fn send(
    mut offer: Offer,
    key: Arc<CertifiedKey>,
    scheme: SignatureScheme,
    context: &mut Context,
) -> Result<State, Error> {
    let early = EarlySecret::new(offer.cipher_suite, None, &mut context.observers)?;
    let secrets = send_hello_and_extensions(&mut offer, early, None, context)?;
    let (asked, post_handshake) = (offer.asked(), offer.post_handshake(context));
    let Offer { config, mut transcript, .. } = offer;
    if let Some(asked) = &asked {
        asked.send(&mut transcript, context);
    }
    let policy = config.client_authentication.as_deref();
    let due = match asked {
        Some(asked) => Due::Certificate(asked),
        None => Due::Finished(Peer::AnonymousClient(AnonymousAllowed::by(policy, false)?)),
    };
    let shown = key.staples_for(|kind| offer.offered.contains(&kind));
    let compressed = offer.compression.and_then(|with| compressed(&key, shown, &*with));
    context.send(Some(&mut transcript), |out| match &compressed {
        Some(message) => out.extend_from_slice(message),
        None => write_certificate(out, &[], &key, shown),
    });
    context.parameters.signature_scheme = Some(scheme);
    let (sign, signature) = ask_to_sign(key, scheme, Side::Server, &transcript);
    let signing = Signing { transcript, secrets, due, post_handshake };
    match signature {
        Reply::Now(signature) => signing.on_signature(scheme, signature, context),
        Reply::Later => {
            context.ask(Question::Sign(sign));
            Ok(State::Signing(Box::new(signing)))
        }
    }
}

/// The CompressedCertificate that stands for the Certificate, where there is one (RFC 8879,
/// section 4).
fn compressed(
    key: &CertifiedKey,
    shown: StaplesShown,
    with: &dyn CertificateCompression,
) -> Option<Arc<[u8]>> {
    key.compressed.message(with, shown, || {
        let mut message = Vec::with_capacity(4096);
        write_certificate(&mut message, &[], key, shown);
        message.split_off(MESSAGE_HEADER_LENGTH)
    })
}

/// Sends the whole flight of a handshake with a pre-shared key: there is no certificate in it.
pub(super) fn send_with_psk(
    mut offer: Offer,
    psk: ProvenPsk,
    context: &mut Context,
) -> Result<State, Error> {
    let ProvenPsk { early, index, proof } = psk;
    if context.session_basis.is_external_key() || !offer.post_handshake_auth() {
        // Section 4.4.2: no certificates in the handshake beside a key, and beside an external one
        // not later either, however often the connection was resumed since.
        offer.client_certificate_type = None;
    }
    let secrets = send_hello_and_extensions(&mut offer, early, Some(index), context)?;
    let post_handshake = offer.post_handshake(context);
    let due = Due::Finished(Peer::PreSharedKey(proof));
    Signing { transcript: offer.transcript, secrets, due, post_handshake }.send_finished(context)
}

fn send_hello_and_extensions(
    offer: &mut Offer,
    early: EarlySecret,
    psk_index: Option<u16>,
    context: &mut Context,
) -> Result<HandshakeSecrets, Error> {
    send_server_hello(offer, psk_index, context)?;
    let none = SharedSecret::none(&offer.cipher_suite);
    let shared = offer.exchange.as_ref().map_or(&none, |exchange| &exchange.secret);
    let secrets = HandshakeSecrets::new(early, shared, &offer.transcript, &mut context.observers)?;
    context.change_cipher_spec(!offer.session_id.is_empty());
    if let Some((client, own)) = offer.record_size_limits {
        context.limit_records(client, own);
    }
    context.steps.write_keys(Level::Handshake, secrets.server.clone());
    match offer.early_secret.take() {
        Some(secret) => early_data::read(secret, &secrets.client, context),
        None => {
            context.steps.read_keys(Level::Handshake, secrets.client.clone());
            early_data::reject(context);
        }
    }
    let extensions = encrypted_extensions(offer, context);
    let extensions = Extensions::written(&extensions);
    let message = EncryptedExtensions { extensions, ..EncryptedExtensions::default() };
    context.send(Some(&mut offer.transcript), |out| message.encode(out));
    Ok(secrets)
}

fn send_server_hello(
    offer: &mut Offer,
    psk_index: Option<u16>,
    context: &mut Context,
) -> Result<(), Error> {
    use ExtensionType as E;
    let mut random = [0; 32];
    provider_fault::fill(&*offer.config.provider.random, &mut random)?;
    let mut extensions = Vec::with_capacity(160);
    if let Some(index) = psk_index {
        write_extension(&mut extensions, E::PRE_SHARED_KEY, |out| write_u16(out, index));
    }
    if let Some(KeyExchange { group, share, .. }) = &offer.exchange {
        write_extension(&mut extensions, E::KEY_SHARE, |out| {
            KeyShareEntry { group: *group, key_exchange: share }.encode(out);
        });
    }
    let version = ProtocolVersion::TLS_1_3;
    write_extension(&mut extensions, E::SUPPORTED_VERSIONS, |out| write_u16(out, version));
    let hello = ServerHello {
        legacy_version: ProtocolVersion::TLS_1_2,
        random,
        session_id: &offer.session_id,
        cipher_suite: offer.cipher_suite.id,
        extensions: Extensions::written(&extensions),
        ..ServerHello::default()
    };
    context.send(Some(&mut offer.transcript), |out| hello.encode(out));
    Ok(())
}

/// The extensions of EncryptedExtensions: the layout's first, then what else there is to say.
fn encrypted_extensions(offer: &Offer, context: &Context) -> Vec<u8> {
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
    let layout = offer.config.layout.as_ref().map_or(&[][..], |layout| &layout.items);
    for item in layout {
        let kind = item.kind();
        write_extension_if(&mut out, kind, |out| match item {
            LayoutItem::Raw(_, body) if offer.offered.contains(&kind) => {
                out.extend_from_slice(body);
                Some(())
            }
            LayoutItem::Standard(_) => write_answer(kind, offer, context, out),
            LayoutItem::Raw(..) | LayoutItem::Padding => None,
        });
    }
    for kind in ORDER {
        if !layout.iter().any(|item| item.kind() == kind) {
            write_extension_if(&mut out, kind, |out| write_answer(kind, offer, context, out));
        }
    }
    out
}

/// Writes the body of this extension, if there is something to say in it.
fn write_answer(
    kind: ExtensionType,
    offer: &Offer,
    context: &Context,
    out: &mut Vec<u8>,
) -> Option<()> {
    use ExtensionType as E;
    let offered = offer.offered.contains(&kind);
    let resumed = context.parameters.pre_shared_key == Some(PskKind::Resumption);
    match kind {
        // The name was used to choose the certificate; in a resumption there is none (RFC 6066,
        // section 3).
        E::SERVER_NAME if context.parameters.server_name.is_some() && !resumed => {}
        E::CLIENT_CERTIFICATE_TYPE if offered => out.push(offer.client_certificate_type?.0),
        E::SERVER_CERTIFICATE_TYPE if offered => out.push(offer.server_certificate_type?.0),
        E::APPLICATION_LAYER_PROTOCOL_NEGOTIATION => {
            write_names(out, Prefix::U8, [context.parameters.application_protocol.as_ref()?]);
        }
        E::EARLY_DATA if context.parameters.early_data == EarlyData::Accepted => {}
        E::TICKET_REQUEST if offered => out.push(context.tickets.as_ref()?.count),
        E::RECORD_SIZE_LIMIT => write_u16(out, offer.record_size_limits?.1),
        _ => return None,
    }
    Some(())
}

/// What is left of the flight, and what comes after it. Where there is a certificate, its signature
/// is due first.
pub(in crate::handshake) struct Signing {
    transcript: Transcript,
    secrets: HandshakeSecrets,
    due: Due,
    post_handshake: Option<PostHandshake>,
}

/// What is due from the client next.
enum Due {
    Certificate(SentCertificateRequest),
    /// It is known who the client is, as far as it can be known without a certificate.
    Finished(Peer),
}

impl Signing {
    pub(super) fn on_signature(
        mut self,
        scheme: SignatureScheme,
        signature: Result<Vec<u8>, CryptoError>,
        context: &mut Context,
    ) -> Result<State, Error> {
        send_certificate_verify(scheme, signature, &mut self.transcript, context)?;
        self.send_finished(context)
    }

    /// Sends Finished, and derives what comes after it.
    fn send_finished(self, context: &mut Context) -> Result<State, Error> {
        let Self { mut transcript, secrets, due, post_handshake } = self;
        let HandshakeSecrets { main, client: client_secret, server } = secrets;
        send_finished(&server, &mut transcript, context)?;
        let secrets = ConnectionSecrets::new(Side::Server, main, &transcript, context)?;
        context.steps.write_keys(Level::Application, secrets.write.clone());
        let flight = ClientFlight { transcript, client_secret, secrets, post_handshake };
        Ok(match due {
            Due::Certificate(asked) => {
                let client = ClientCertificate::Awaited(asked);
                State::ExpectClientCertificate(Box::new(ExpectClientCertificate { flight, client }))
            }
            Due::Finished(peer) => {
                let next = Box::new(ExpectFinished { flight, peer });
                match context.steps.read_level {
                    Level::EarlyData => State::ExpectEndOfEarlyData(next),
                    _ => State::ExpectFinished(next),
                }
            }
        })
    }
}
