//! The server's flight, from ServerHello to Finished (RFC 9846, sections 4.2.3, 4.4 and 4.5), and
//! Signing, where it may have to wait. Read [`send`] first: it has the messages in their order.

use std::sync::Arc;

use super::certificate_selection::SelectedCertificate;
use super::client_certificate::{
    ClientCertificate, ExpectClientCertificate, SentCertificateRequest,
};
use super::end_of_early_data::ExpectEndOfEarlyData;
use super::finished::{ClientFlight, ExpectFinished};
use super::negotiate::{Authentication, Negotiated, RecordSizeLimits};
use super::pre_shared_key::ProvenPsk;
use super::{Context, State, early_data, encrypted_extensions};
use crate::config::ServerConfig;
use crate::credential::{CertificateCompression, CertifiedKey, StaplesShown};
use crate::crypto::{CryptoError, ProviderError, provider_fault};
use crate::error::Error;
use crate::handshake::authentication::{
    send_certificate_verify, send_finished, sign, write_certificate,
};
use crate::handshake::post_handshake::post_handshake_auth::PostHandshakeAuthTerms;
use crate::handshake::proof::{AnonymousAllowed, Peer};
use crate::handshake::traffic_secrets::ConnectionSecrets;
use crate::handshake::{Level, Side};
use crate::key_schedule::{EarlySecret, HandshakeTraffic, TrafficSecret};
use crate::registry::{ProtocolVersion, SignatureScheme};
use crate::reply::Reply;
use crate::wire::{ExtensionType, KeyShareEntry, MESSAGE_HEADER_LENGTH, ServerHello};

/// In bytes: the most that a ServerHello has beside the key share.
const SERVER_HELLO_WITHOUT_SHARE: usize = 128;

/// Sends what was decided.
pub(super) fn send(
    negotiated: Negotiated,
    authentication: Authentication,
    context: &mut Context,
) -> Result<State, Error> {
    match authentication {
        Authentication::PreSharedKey(psk) => send_with_psk(negotiated, psk, context),
        Authentication::Certificate(own, psk) => {
            send_with_certificate(negotiated, own, psk, context)
        }
    }
}

/// ServerHello, EncryptedExtensions, Finished: a pre-shared key authenticates the server. There is
/// no CertificateRequest (section 4.4.2).
fn send_with_psk(
    mut negotiated: Negotiated,
    psk: ProvenPsk,
    context: &mut Context,
) -> Result<State, Error> {
    let ProvenPsk { index, early, proof, .. } = psk;
    send_server_hello(&mut negotiated, Some(index), context)?;
    let secrets = change_keys(&mut negotiated, early, context)?;
    encrypted_extensions::send(&mut negotiated, context);
    let awaited = AwaitedFromClient::Finished(Peer::PreSharedKey(proof));
    FlightToFinish::new(negotiated, secrets, awaited, context).send_finished(context)
}

/// ServerHello, EncryptedExtensions, CertificateRequest, Certificate, CertificateVerify, Finished
/// (sections 4.4 and 4.5). With an external key, ServerHello has its index, and the early secret is made
/// of it (RFC 9973, sections 5.1 and 5.3).
fn send_with_certificate(
    mut negotiated: Negotiated,
    own: SelectedCertificate,
    psk: Option<ProvenPsk>,
    context: &mut Context,
) -> Result<State, Error> {
    let SelectedCertificate { key, scheme } = own;
    let psk_index = psk.as_ref().map(|psk| psk.index);
    let early = match psk {
        Some(psk) => psk.early,
        None => context.early_secret(&negotiated.cipher_suite, None)?,
    };
    send_server_hello(&mut negotiated, psk_index, context)?;
    let secrets = change_keys(&mut negotiated, early, context)?;
    encrypted_extensions::send(&mut negotiated, context);
    let awaited = request_certificate(&mut negotiated, context)?;
    send_certificate(&mut negotiated, &key, context);
    context.parameters.signature_scheme = Some(scheme);
    context.shown = Some(key.without_private_key());
    let flight = FlightToFinish::new(negotiated, secrets, awaited, context);
    match sign(key, scheme, Side::Server, &flight.next.transcript, context) {
        Reply::Now(signature) => flight.send_signature(scheme, signature, context),
        Reply::Later => Ok(State::Signing(Box::new(Signing { flight }))),
    }
}

/// Certificate was sent. The flight waits for the signature of CertificateVerify.
pub(in crate::handshake) struct Signing {
    flight: FlightToFinish,
}

impl Signing {
    pub(super) fn on_signature(
        self,
        scheme: SignatureScheme,
        signature: Result<Vec<u8>, CryptoError>,
        context: &mut Context,
    ) -> Result<State, Error> {
        self.flight.send_signature(scheme, signature, context)
    }
}

/// A flight that lacks its Finished, and what comes after it.
struct FlightToFinish {
    server_secret: TrafficSecret,
    awaited: AwaitedFromClient,
    /// Of the client's flight, which follows. Its transcript goes on from that of this flight.
    next: Box<ClientFlight>,
}

/// What the client sends next, after its 0-RTT data.
enum AwaitedFromClient {
    /// Its Certificate.
    Certificate(SentCertificateRequest),
    /// Its Finished: it is known who the client is, as far as it can be known without a certificate.
    Finished(Peer),
}

impl FlightToFinish {
    fn new(
        negotiated: Negotiated,
        secrets: HandshakeTraffic,
        awaited: AwaitedFromClient,
        context: &Context,
    ) -> Self {
        let HandshakeTraffic { main, client, server } = secrets;
        let next = Box::new(ClientFlight {
            client_secret: client,
            main,
            rules_digest: negotiated.rules_digest,
            has_common_psk_mode: negotiated.has_common_psk_mode,
            post_handshake_auth: post_handshake_auth(&negotiated, context),
            transcript: negotiated.transcript,
        });
        Self { server_secret: server, awaited, next }
    }

    /// Sends CertificateVerify with this signature, and Finished.
    fn send_signature(
        mut self,
        scheme: SignatureScheme,
        signature: Result<Vec<u8>, CryptoError>,
        context: &mut Context,
    ) -> Result<State, Error> {
        send_certificate_verify(scheme, signature, &mut self.next.transcript, context)?;
        self.send_finished(context)
    }

    /// Sends Finished, and derives what comes after it (section 4.5.3).
    fn send_finished(self, context: &mut Context) -> Result<State, Error> {
        let Self { server_secret, awaited, next: mut flight } = self;
        send_finished(&server_secret, &mut flight.transcript, context)?;
        let secrets =
            ConnectionSecrets::new(Side::Server, &flight.main, &flight.transcript, context)?;
        context.steps.write_keys(Level::Application, secrets.write()?);
        Ok(match awaited {
            AwaitedFromClient::Certificate(request) => {
                let client = ClientCertificate::Awaited(request);
                let next = ExpectClientCertificate { flight, secrets, client };
                State::ExpectClientCertificate(Box::new(next))
            }
            AwaitedFromClient::Finished(peer) => {
                let next = ExpectFinished { flight, secrets, peer };
                match context.steps.read_level {
                    Level::EarlyData => State::ExpectEndOfEarlyData(ExpectEndOfEarlyData { next }),
                    _ => State::ExpectFinished(next),
                }
            }
        })
    }
}

/// Sends ServerHello. It echoes the session ID, and has supported_versions (sections 4.2.3 and
/// 4.3.1), a share of the group that was selected (section 4.3.8) and the index of the pre-shared
/// key (section 4.3.11).
fn send_server_hello(
    negotiated: &mut Negotiated,
    psk_index: Option<u16>,
    context: &mut Context,
) -> Result<(), Error> {
    let random = draw_random_and_age_add(&negotiated.config, context)?;
    let key_share = negotiated
        .key_exchange
        .as_ref()
        .map(|exchange| KeyShareEntry { group: exchange.group, key_exchange: &exchange.share });
    let hello = ServerHello {
        legacy_version: ProtocolVersion::TLS_1_2,
        random,
        session_id: &negotiated.session_id,
        cipher_suite: negotiated.cipher_suite.id,
        supported_version: Some(ProtocolVersion::TLS_1_3),
        key_share,
        selected_identity: psk_index,
        cert_with_extern_psk: psk_index.is_some() && negotiated.cert_with_extern_psk,
        ..ServerHello::default()
    };
    let share_length = negotiated.key_exchange.as_ref().map_or(0, |exchange| exchange.share.len());
    let length = SERVER_HELLO_WITHOUT_SHARE + share_length;
    context.send_of_length(length, Some(&mut negotiated.transcript), |out| hello.write(out));
    Ok(())
}

/// Draws the random of ServerHello (section 4.2.3), and returns it. If a ticket follows the handshake, its
/// ticket_age_add (section 4.7.1) is drawn in the same call of the generator and kept in `context`: a second call
/// takes longer than some more bytes.
fn draw_random_and_age_add(
    config: &ServerConfig,
    context: &mut Context,
) -> Result<[u8; 32], ProviderError> {
    let generator = &*config.common.provider.random;
    if let Some(plan) = &mut context.tickets {
        if plan.count > 0 {
            // `fill` checks only whole blocks of 16 bytes: of 36 bytes, the last four would not be checked.
            let mut drawn = [[0; 32]; 2];
            provider_fault::fill(generator, drawn.as_flattened_mut())?;
            let [random, for_age_add] = drawn;
            plan.first_age_add = for_age_add.first_chunk().copied();
            return Ok(random);
        }
    }
    let mut random = [0; 32];
    provider_fault::fill(generator, &mut random)?;
    Ok(random)
}

/// ServerHello was sent: what follows is under the keys of the handshake (section 7.1). 0-RTT data,
/// if they are accepted, are read first (section 4.6). A change_cipher_spec is sent if the client's session ID is
/// not empty (appendix E.4).
fn change_keys(
    negotiated: &mut Negotiated,
    early: EarlySecret,
    context: &mut Context,
) -> Result<HandshakeTraffic, Error> {
    let shared = negotiated.key_exchange.as_ref().map(|exchange| &exchange.secret);
    let handshake = early.into_handshake(shared, &mut context.observers)?;
    let hash = negotiated.transcript.current();
    let secrets = handshake.into_traffic(&hash, &mut context.observers)?;
    context.change_cipher_spec(!negotiated.session_id.is_empty());
    if let Some(RecordSizeLimits { client, server }) = negotiated.record_size_limits {
        context.limit_records(client, server);
    }
    context.steps.write_keys(Level::Handshake, secrets.server.clone());
    match negotiated.early_secret.take() {
        Some(secret) => early_data::install_read_keys(secret, &secrets.client, context),
        None => {
            context.steps.read_keys(Level::Handshake, secrets.client.clone());
            early_data::reject(context);
        }
    }
    Ok(secrets)
}

/// Sends CertificateRequest, if the client is asked in the handshake (section 4.4.2).
fn request_certificate(
    negotiated: &mut Negotiated,
    context: &mut Context,
) -> Result<AwaitedFromClient, Error> {
    let policy = negotiated.config.client_authentication.as_ref();
    if let (Some(policy), Some(certificate_type)) = (policy, negotiated.client_certificate_type) {
        if policy.in_handshake {
            let policy = policy.for_request();
            let request_context = Vec::new();
            let request = SentCertificateRequest { policy, certificate_type, request_context };
            request.send(&mut negotiated.transcript, context);
            return Ok(AwaitedFromClient::Certificate(request));
        }
    }
    let allowed = AnonymousAllowed::by(policy.map(|policy| &**policy), false)?;
    Ok(AwaitedFromClient::Finished(Peer::AnonymousClient(allowed)))
}

/// Sends Certificate, or CompressedCertificate (section 4.5.1; RFC 8879, section 4).
fn send_certificate(negotiated: &mut Negotiated, key: &CertifiedKey, context: &mut Context) {
    let shown = key.staples_for(|kind| negotiated.offered.contains(&kind));
    let compression = negotiated.compression.as_deref();
    let compressed = compression.and_then(|with| compressed(key, shown, with));
    context.send(Some(&mut negotiated.transcript), |out| match &compressed {
        Some(message) => out.extend_from_slice(message),
        None => write_certificate(out, &[], key, shown),
    });
}

/// The CompressedCertificate to send in the place of the Certificate, if there is one.
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

/// What the client can be asked for later. Not in QUIC (RFC 9001, section 4.4). Only if the client
/// has sent post_handshake_auth (section 4.3.6).
fn post_handshake_auth(
    negotiated: &Negotiated,
    context: &Context,
) -> Option<PostHandshakeAuthTerms> {
    let offered = negotiated.offered.contains(&ExtensionType::POST_HANDSHAKE_AUTH);
    if !offered || !context.records {
        return None;
    }
    Some(PostHandshakeAuthTerms {
        policy: negotiated.config.client_authentication.clone()?,
        certificate_type: negotiated.client_certificate_type?,
        random: Arc::clone(&negotiated.config.common.provider.random),
    })
}
