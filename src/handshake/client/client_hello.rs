//! Start: the client speaks first, and writes the ClientHello (RFC 9846, section 4.2.2).

use std::sync::Arc;

use pki_types::ServerName;

use super::grease::Grease;
use super::key_share::OwnKeyShares;
use super::pre_shared_key::OfferedPsk;
use super::server_hello::{ExpectServerHello, SentClientHello};
use super::{Context, OfferedExtensions, Shared, State, cert_with_extern_psk, pre_shared_key};
use crate::config::{ClientConfig, LayoutItem};
use crate::crypto::{CipherSuite, ProviderError, StaticOrArc, provider_fault};
use crate::error::Error;
use crate::handshake::Quic;
use crate::key_schedule::Transcript;
use crate::registry::{CertificateType, ProtocolVersion};
use crate::session::ClientSession;
use crate::time::Time;
use crate::wire::{
    ExtensionType, ExtensionWriter, KeyShareEntry, PSK_DHE_KE, PSK_KE, client_hello_order,
    write_client_hello,
};

/// In bytes, without the key shares: most ClientHellos are shorter.
const USUAL_LENGTH: usize = 640;

/// Nothing has happened yet.
pub(in crate::handshake) struct Start {
    pub(super) config: Arc<ClientConfig>,
    pub(super) server_name: ServerName<'static>,
}

impl Start {
    /// Makes randomness and key shares, and sends the ClientHello, which offers this session (sections
    /// 4.2.2 and 4.3.8).
    pub(super) fn send_client_hello(
        self,
        session: Option<ClientSession>,
        context: &mut Context,
    ) -> Result<State, Error> {
        let Self { config, server_name } = self;
        let has_session_id = config.middlebox_compatibility && context.records;
        let has_grease = config.grease && config.common.layout.is_none();
        let ClientHelloRandomness { random, session_id, grease } =
            ClientHelloRandomness::draw(&config, has_session_id, has_grease)?;
        context.observers.set_client_random(&random);
        context.parameters.server_name = sent_name(&config, &server_name).map(str::to_owned);
        let taken_before = session.as_ref().and_then(|session| session.group);
        let key_shares = OwnKeyShares::begin(&config, taken_before)?;
        let cert_with_extern_psk = cert_with_extern_psk::is_offered(&config, &server_name);
        let keys = if cert_with_extern_psk {
            cert_with_extern_psk::keys(&config, &server_name).cloned().collect()
        } else {
            pre_shared_key::collect(&config, &server_name, session)
        };
        // No 0-RTT data with a key that is used together with certificates (RFC 9973, section 4).
        let early_data = if cert_with_extern_psk {
            None
        } else {
            pre_shared_key::early_data_terms(&config, &keys, context)
        };
        let mut shared = Shared {
            config,
            server_name,
            offered: OfferedExtensions::new(),
            keys,
            early_secrets: Vec::new(),
            cert_with_extern_psk,
            early_data,
        };
        let params = ClientHelloParams { random, session_id, grease, key_shares };
        let first = params.send_client_hello(&mut shared, None, context)?;
        pre_shared_key::start_early_data(&shared, &first.message, context)?;
        let sent = SentClientHello::First(first);
        Ok(State::ExpectServerHello(ExpectServerHello { shared, params, sent }))
    }
}

/// The random bytes of a ClientHello. One call of the generator makes all of them.
struct ClientHelloRandomness {
    random: [u8; 32],
    session_id: Option<[u8; 32]>,
    grease: Option<Grease>,
}

impl ClientHelloRandomness {
    fn draw(
        config: &ClientConfig,
        has_session_id: bool,
        has_grease: bool,
    ) -> Result<Self, ProviderError> {
        let mut drawn = [[0; 32]; 3];
        let count = 1 + usize::from(has_session_id) + usize::from(has_grease);
        let (wanted, _) = drawn.split_at_mut(count);
        provider_fault::fill(&*config.common.provider.random, wanted.as_flattened_mut())?;
        let [random, second, third] = drawn;
        let (session_id, seed) = match (has_session_id, has_grease) {
            (true, true) => (Some(second), Some(third)),
            (true, false) => (Some(second), None),
            (false, true) => (None, Some(second)),
            (false, false) => (None, None),
        };
        Ok(Self { random, session_id, grease: seed.map(Grease::new) })
    }
}

/// What a second ClientHello takes from the HelloRetryRequest.
pub(super) struct RetryAnswer<'a> {
    pub(super) cipher_suite: &'a StaticOrArc<CipherSuite>,
    pub(super) cookie: Option<&'a [u8]>,
    /// It asked for a share, which is then the only one (section 4.2.2).
    pub(super) wants_share: bool,
    pub(super) transcript: &'a Transcript,
}

/// What a ClientHello says that was made for this connection. A second one has the same, but for
/// the key shares if it was asked for another.
pub(super) struct ClientHelloParams {
    random: [u8; 32],
    session_id: Option<[u8; 32]>,
    grease: Option<Grease>,
    pub(super) key_shares: OwnKeyShares,
}

/// A ClientHello that was sent.
pub(super) struct SentMessage {
    pub(super) message: Vec<u8>,
    /// The transcript up to it, with the hash of the first pre-shared key that it offers.
    pub(super) transcript: Option<Transcript>,
}

impl ClientHelloParams {
    /// The legacy_session_id: empty without middlebox compatibility (appendix E.4).
    pub(super) fn session_id(&self) -> &[u8] {
        self.session_id.as_ref().map_or(&[], |id| id)
    }

    /// Sends the ClientHello, and returns it. A second one is as the first, but for what section 4.2.2
    /// lists.
    pub(super) fn send_client_hello(
        &self,
        shared: &mut Shared,
        retry: Option<&RetryAnswer<'_>>,
        context: &mut Context,
    ) -> Result<SentMessage, Error> {
        let retried_suite = retry.map(|retry| retry.cipher_suite);
        let psks = pre_shared_key::offered(shared, retried_suite);
        if let Some(suite) = retried_suite {
            if shared.cert_with_extern_psk && psks.is_empty() {
                return Err(cert_with_extern_psk::no_key_for(suite));
            }
        }
        let (now, records) = (context.now, context.records);
        let quic = context.quic.as_deref();
        let content =
            ClientHelloContent { params: self, shared, retry, psks: &psks, now, records, quic };
        let WrittenClientHello { mut message, offered } = content.write();
        let before = retry.map(|retry| retry.transcript);
        let bound = pre_shared_key::bind(&psks, before, &mut message, context)?;
        drop(psks);
        shared.early_secrets = bound.early_secrets;
        shared.offered = offered;
        context.send_of_length(message.len(), None, |out| out.extend_from_slice(&message));
        Ok(SentMessage { message, transcript: bound.transcript })
    }
}

/// The DNS name that the ClientHello has, if it has one. IP addresses are not names (RFC 6066,
/// section 3).
fn sent_name<'a>(config: &ClientConfig, name: &'a ServerName<'static>) -> Option<&'a str> {
    match name {
        ServerName::DnsName(name) if config.send_server_name => Some(name.as_ref()),
        _ => None,
    }
}

/// All that a ClientHello is written from.
struct ClientHelloContent<'a> {
    params: &'a ClientHelloParams,
    shared: &'a Shared,
    retry: Option<&'a RetryAnswer<'a>>,
    psks: &'a [OfferedPsk<'a>],
    now: Time,
    records: bool,
    quic: Option<&'a Quic>,
}

/// A ClientHello with zeros for binders.
struct WrittenClientHello {
    message: Vec<u8>,
    /// The types of its extensions, which the server may answer.
    offered: OfferedExtensions,
}

impl ClientHelloContent<'_> {
    /// Writes the ClientHello (section 4.2.2).
    fn write(&self) -> WrittenClientHello {
        let hello = self.write_padded(None);
        let layout = self.shared.config.common.layout.as_ref();
        if !layout.is_some_and(|layout| layout.items.contains(&LayoutItem::Padding)) {
            return hello;
        }
        // How much padding there must be is known only now.
        match padding_length(hello.message.len()) {
            Some(zeros) => self.write_padded(Some(zeros)),
            None => hello,
        }
    }

    /// `padding` is how many zeros the padding extension has, where there is one.
    fn write_padded(&self, padding: Option<usize>) -> WrittenClientHello {
        let ClientHelloParams { random, grease, key_shares, .. } = self.params;
        let grease = grease.iter().map(Grease::cipher_suite);
        let provider = &self.shared.config.common.provider;
        let suites = grease.chain(provider.cipher_suites.iter().map(|suite| suite.id));
        let mut message = Vec::with_capacity(USUAL_LENGTH + key_shares.length());
        let mut offered = OfferedExtensions::new();
        write_client_hello(&mut message, random, self.params.session_id(), suites, |extensions| {
            self.write_ordered_extensions(extensions, padding);
            offered.extend(extensions.kinds());
            self.write_last_extensions(extensions, &mut offered);
        });
        WrittenClientHello { message, offered }
    }

    /// Writes the extensions whose order may be any, in that of this connection. A layout puts them into its
    /// own order: there is no GREASE then.
    fn write_ordered_extensions(&self, out: &mut ExtensionWriter<'_>, padding: Option<usize>) {
        match &self.params.grease {
            Some(grease) => grease.order().for_each(|kind| self.write_extension(kind, out)),
            None => client_hello_order().for_each(|kind| self.write_extension(kind, out)),
        }
        if let Some(zeros) = padding {
            out.add(ExtensionType::PADDING, |out| out.resize(out.len() + zeros, 0));
        }
        if let Some(layout) = &self.shared.config.common.layout {
            layout.apply(out, |_| true);
        }
    }

    /// Writes the extensions that have a place of their own: those of GREASE, and pre_shared_key at the
    /// end (section 4.3.11).
    fn write_last_extensions(
        &self,
        out: &mut ExtensionWriter<'_>,
        offered: &mut OfferedExtensions,
    ) {
        if let Some(grease) = &self.params.grease {
            // They are not among those offered: a server that answers them is wrong (RFC 8701,
            // section 3.1).
            let [first, last] = grease.extensions();
            out.add_first(first, |_| {});
            out.add(last, |out| out.push(0));
        }
        // It must be the last one (section 4.3.11), so no layout gives it another place.
        if !self.psks.is_empty() {
            pre_shared_key::write(self.psks, self.now, out);
            offered.push(ExtensionType::PRE_SHARED_KEY);
        }
    }

    /// Writes the extension of this type, if the client offers it: cookie (section 4.3.2), post_handshake_auth
    /// (section 4.3.6), early_data (section 4.3.10), tls_cert_with_extern_psk (RFC 9973), and those that have
    /// functions of their own. pre_shared_key is not among them.
    fn write_extension(&self, kind: ExtensionType, out: &mut ExtensionWriter<'_>) {
        use ExtensionType as E;
        let Self { shared, retry, records, quic, .. } = *self;
        let config = &shared.config;
        let common = &config.common;
        let protocols = &common.application_protocols;
        match kind {
            E::SERVER_NAME => self.write_server_name(out),
            E::STATUS_REQUEST if config.ocsp_request.is_some() => out.status_request(),
            E::SIGNED_CERTIFICATE_TIMESTAMP if config.request_timestamps => {
                out.signed_certificate_timestamp();
            }
            E::CLIENT_CERTIFICATE_TYPE => {
                write_certificate_types(kind, config.client_certificate_types(), out);
            }
            E::SERVER_CERTIFICATE_TYPE => {
                write_certificate_types(kind, config.verifier.certificate_types(), out);
            }
            // In QUIC no server may ask later (RFC 9001, section 4.4).
            E::POST_HANDSHAKE_AUTH if config.post_handshake_auth && records => {
                out.post_handshake_auth();
            }
            E::SUPPORTED_GROUPS => self.write_supported_groups(out),
            E::SIGNATURE_ALGORITHMS => self.write_signature_algorithms(out),
            E::APPLICATION_LAYER_PROTOCOL_NEGOTIATION if !protocols.is_empty() => {
                out.application_protocols(protocols);
            }
            E::SUPPORTED_VERSIONS => self.write_supported_versions(out),
            E::COOKIE => {
                if let Some(cookie) = retry.and_then(|retry| retry.cookie) {
                    out.cookie(cookie);
                }
            }
            E::PSK_KEY_EXCHANGE_MODES => self.write_psk_key_exchange_modes(out),
            E::TICKET_REQUEST => {
                if let Some(request) = config.ticket_request {
                    out.ticket_request(request);
                }
            }
            E::TLS_CERT_WITH_EXTERN_PSK if shared.cert_with_extern_psk => {
                out.cert_with_extern_psk();
            }
            E::KEY_SHARE => self.write_key_shares(out),
            E::EARLY_DATA if shared.early_data.is_some() => out.early_data(),
            E::RECORD_SIZE_LIMIT if records => {
                if let Some(limit) = common.record_size_limit {
                    out.record_size_limit(limit);
                }
            }
            E::COMPRESS_CERTIFICATE if common.compressors.codes().next().is_some() => {
                out.compress_certificate(common.compressors.codes());
            }
            E::QUIC_TRANSPORT_PARAMETERS => {
                if let Some(quic) = quic {
                    out.transport_parameters(&quic.transport_parameters);
                }
            }
            _ => {}
        }
    }

    fn write_server_name(&self, out: &mut ExtensionWriter<'_>) {
        if let Some(name) = sent_name(&self.shared.config, &self.shared.server_name) {
            out.server_name(name);
        }
    }

    /// Section 4.3.7.
    fn write_supported_groups(&self, out: &mut ExtensionWriter<'_>) {
        let groups = self.shared.config.common.provider.groups.iter().map(|group| group.name());
        let grease = self.params.grease.iter().map(Grease::group);
        out.supported_groups(grease.chain(groups));
    }

    /// Section 4.3.3.
    fn write_signature_algorithms(&self, out: &mut ExtensionWriter<'_>) {
        let signatures = &self.shared.config.common.provider.signatures;
        let schemes = signatures.schemes().filter(|scheme| !scheme.is_legacy());
        let grease = self.params.grease.iter().map(Grease::signature_scheme);
        out.signature_algorithms(grease.chain(schemes));
    }

    /// Section 4.3.1.
    fn write_supported_versions(&self, out: &mut ExtensionWriter<'_>) {
        let grease = self.params.grease.iter().map(Grease::version);
        out.supported_versions(grease.chain([ProtocolVersion::TLS_1_3]));
    }

    /// As in the first ClientHello, even where a retry leaves no key for its suite. Without it a
    /// server should send no tickets (section 4.3.9).
    fn write_psk_key_exchange_modes(&self, out: &mut ExtensionWriter<'_>) {
        let config = &self.shared.config;
        if config.sessions.is_none() && pre_shared_key::offered(self.shared, None).is_empty() {
            return;
        }
        if config.common.psk_without_key_exchange {
            out.psk_key_exchange_modes(&[PSK_DHE_KE, PSK_KE]);
        } else {
            out.psk_key_exchange_modes(&[PSK_DHE_KE]);
        }
    }

    /// Writes key_share. After a HelloRetryRequest for a group there is one share, for that group
    /// (section 4.3.8).
    fn write_key_shares(&self, out: &mut ExtensionWriter<'_>) {
        let ClientHelloParams { grease, key_shares, .. } = self.params;
        let is_alone = self.retry.is_some_and(|retry| retry.wants_share);
        match grease {
            Some(grease) if !is_alone => {
                let grease_share = KeyShareEntry { group: grease.group(), key_exchange: &[0] };
                out.key_shares([grease_share].into_iter().chain(key_shares.entries()));
            }
            _ => out.key_shares(key_shares.entries()),
        }
    }
}

/// Writes client_certificate_type or server_certificate_type. A list of X.509 alone is left out (RFC 7250,
/// section 4.1).
fn write_certificate_types(
    kind: ExtensionType,
    types: &[CertificateType],
    out: &mut ExtensionWriter<'_>,
) {
    if !matches!(types, [] | [CertificateType::X509]) {
        out.certificate_types(kind, types);
    }
}

/// How many zeros the padding extension has: a ClientHello of 256 to 511 bytes becomes one of 512,
/// or of a little more where no extension is so short (RFC 7685).
fn padding_length(unpadded: usize) -> Option<usize> {
    const EXTENSION_HEADER_LENGTH: usize = 4;
    if !(256..=511).contains(&unpadded) {
        return None;
    }
    Some(512_usize.saturating_sub(unpadded + EXTENSION_HEADER_LENGTH))
}

#[cfg(test)]
mod tests {
    use pki_types::UnixTime;

    use super::*;
    use crate::crypto::CryptoProvider;
    use crate::handshake::{Handshake, Step};
    use crate::psk::PreSharedKey;
    use crate::reply::AnswerLater;
    use crate::wire::{ClientHello, HandshakeMessage};

    #[test]
    fn the_extensions_stand_in_the_order_of_the_table() {
        let key = PreSharedKey::external(b"a name", b"\x01\x9a\xf3 16 bytes or more \x88\x02");
        let config = ClientConfig::builder(CryptoProvider::default())
            .verifier(Arc::new(AnswerLater))
            .pre_shared_keys(vec![key.unwrap()])
            .grease(false)
            .application_protocols(["h2"])
            .request_ocsp(true)
            .request_certificate_timestamps(true)
            .post_handshake_authentication(true)
            .ticket_request(1, 1)
            .record_size_limit(Some(1000))
            .build();
        let now = UnixTime::since_unix_epoch(core::time::Duration::ZERO);
        let name = "server.example".try_into().unwrap();
        let mut client = Handshake::client(Arc::new(config.unwrap()), name, now);
        client.start().unwrap();
        let Some(Step::Send { bytes, .. }) = client.next_step() else { panic!("nothing is sent") };
        let (message, _) = HandshakeMessage::split(&bytes).unwrap();
        let hello = ClientHello::parse(message.body).unwrap();
        let written: Vec<_> = hello.extensions.iter().map(|extension| extension.kind).collect();
        let in_order = client_hello_order().chain([ExtensionType::PRE_SHARED_KEY]);
        let in_order: Vec<_> = in_order.filter(|kind| written.contains(kind)).collect();
        assert_eq!(written, in_order);
        assert_eq!(written.len(), 13, "{written:?}");
    }
}
