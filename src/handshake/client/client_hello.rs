//! Start: the client speaks first (RFC 9846, section 4.2.2).

use std::sync::Arc;

use pki_types::ServerName;

use super::grease::Grease;
use super::server_hello::{ExpectServerHello, Sent};
use super::{Context, Shared, State, pre_shared_key};
use crate::config::{ClientConfig, LayoutItem};
use crate::crypto::{ActiveKeyExchange, CipherSuite, provider_fault};
use crate::error::{Error, ErrorKind};
use crate::key_schedule::Transcript;
use crate::psk::PreSharedKey;
use crate::registry::{
    CertificateType, CipherSuiteId, NamedGroup, ProtocolVersion, SignatureScheme,
};
use crate::session::ClientSession;
use crate::time::Time;
use crate::wire::codec::{Prefix, write_bytes, write_codes, write_u16, write_vector};
use crate::wire::{
    ClientHello, ExtensionType, Extensions, KeyShareEntry, List, OCSP, PSK_DHE_KE, PSK_KE,
    write_extension, write_extension_if, write_names, write_server_name,
};

/// Nothing has happened yet.
pub(in crate::handshake) struct Start {
    pub(super) config: Arc<ClientConfig>,
    pub(super) server_name: ServerName<'static>,
}

impl Start {
    /// Makes randomness and a key share for the preferred group, and sends the ClientHello, which
    /// offers this session.
    pub(super) fn send_client_hello(
        self,
        session: Option<ClientSession>,
        context: &mut Context,
    ) -> Result<State, Error> {
        let Self { config, server_name } = self;
        let mut random = [0; 32];
        provider_fault::fill(&*config.common.provider.random, &mut random)?;
        let mut session_id = Vec::new();
        if config.middlebox_compatibility && context.records {
            session_id.resize(32, 0);
            provider_fault::fill(&*config.common.provider.random, &mut session_id)?;
        }
        let grease = match config.grease && config.common.layout.is_none() {
            true => Some(Grease::new(&*config.common.provider.random)?),
            false => None,
        };
        context.observers.set_client_random(&random);
        context.parameters.server_name = sent_name(&config, &server_name).map(str::to_owned);
        let group = config.common.provider.groups.first();
        let group = Arc::clone(group.ok_or(ErrorKind::Internal("no group is configured"))?);
        let keys = pre_shared_key::collect(&config, &server_name, session);
        let early_data = pre_shared_key::early_data_terms(&config, &keys);
        let mut shared = Shared { config, server_name, offered: Vec::new(), keys, early_data };
        let exchange = provider_fault::start(&*group)?;
        let offer = Offer { random, session_id, grease, group: group.name(), exchange };
        let message = offer.send(&mut shared, None, context)?;
        pre_shared_key::start_early_data(&shared, &message, context)?;
        let sent = Sent::First(message);
        Ok(State::ExpectServerHello(Box::new(ExpectServerHello { shared, offer, sent })))
    }
}

/// What a second ClientHello takes from the HelloRetryRequest.
pub(super) struct RetryAnswer<'a> {
    pub(super) cipher_suite: &'a CipherSuite,
    pub(super) cookie: Option<&'a [u8]>,
    /// It asked for a share, which then stands alone (section 4.2.2).
    pub(super) wants_share: bool,
    pub(super) transcript: &'a Transcript,
}

/// What a ClientHello says that was made for this connection. A second one has the same, but for
/// the group if it was asked for another.
pub(super) struct Offer {
    random: [u8; 32],
    pub(super) session_id: Vec<u8>,
    grease: Option<Grease>,
    pub(super) group: NamedGroup,
    pub(super) exchange: Box<dyn ActiveKeyExchange>,
}

impl Offer {
    /// Sends the ClientHello, and returns its bytes.
    pub(super) fn send(
        &self,
        shared: &mut Shared,
        retry: Option<&RetryAnswer<'_>>,
        context: &mut Context,
    ) -> Result<Vec<u8>, Error> {
        let psks = pre_shared_key::offered(shared, retry.map(|retry| retry.cipher_suite));
        let (now, records) = (context.now, context.records);
        let content = Content { offer: self, shared, retry, psks: &psks, now, records };
        let (mut message, mut offered) = content.write(None);
        if content.layout().contains(&LayoutItem::Padding) {
            // How much padding there must be is known only now.
            (message, offered) = content.write(Some(message.len()));
        }
        if !psks.is_empty() {
            let transcript = retry.map(|retry| retry.transcript);
            pre_shared_key::bind(&psks, transcript, &mut message, context)?;
        }
        shared.offered = offered;
        context.send(None, |out| out.extend_from_slice(&message));
        Ok(message)
    }
}

/// The DNS name that the ClientHello tells, if it tells one. IP addresses are not names
/// (RFC 6066, section 3).
fn sent_name<'a>(config: &ClientConfig, name: &'a ServerName<'static>) -> Option<&'a str> {
    match name {
        ServerName::DnsName(name) if config.send_server_name => Some(name.as_ref()),
        _ => None,
    }
}

/// All that a ClientHello is written from.
struct Content<'a> {
    offer: &'a Offer,
    shared: &'a Shared,
    retry: Option<&'a RetryAnswer<'a>>,
    psks: &'a [(&'a PreSharedKey, CipherSuite)],
    now: Time,
    records: bool,
}

impl Content<'_> {
    /// The order of the extensions where no layout says otherwise.
    const ORDER: [ExtensionType; 17] = [
        ExtensionType::SERVER_NAME,
        ExtensionType::STATUS_REQUEST,
        ExtensionType::SIGNED_CERTIFICATE_TIMESTAMP,
        ExtensionType::CLIENT_CERTIFICATE_TYPE,
        ExtensionType::SERVER_CERTIFICATE_TYPE,
        ExtensionType::POST_HANDSHAKE_AUTH,
        ExtensionType::SUPPORTED_GROUPS,
        ExtensionType::SIGNATURE_ALGORITHMS,
        ExtensionType::APPLICATION_LAYER_PROTOCOL_NEGOTIATION,
        ExtensionType::SUPPORTED_VERSIONS,
        ExtensionType::COOKIE,
        ExtensionType::PSK_KEY_EXCHANGE_MODES,
        ExtensionType::TICKET_REQUEST,
        ExtensionType::KEY_SHARE,
        ExtensionType::EARLY_DATA,
        ExtensionType::RECORD_SIZE_LIMIT,
        ExtensionType::COMPRESS_CERTIFICATE,
    ];

    fn layout(&self) -> &[LayoutItem] {
        self.shared.config.common.layout.as_ref().map_or(&[], |layout| &layout.items)
    }

    /// The message, with zeros for binders, and the types of its extensions. `unpadded` is its
    /// length without padding.
    fn write(&self, unpadded: Option<usize>) -> (Vec<u8>, Vec<ExtensionType>) {
        let Offer { random, session_id, grease, .. } = self.offer;
        let meaningless = grease.iter().map(|grease| CipherSuiteId(grease.cipher_suite()));
        let suites = self.shared.config.common.provider.cipher_suites.iter().map(|suite| suite.id);
        let suites: Vec<u8> = meaningless.chain(suites).flat_map(|id| id.0.to_be_bytes()).collect();
        let (extensions, kinds) = self.extensions(unpadded);
        let mut message = Vec::with_capacity(512);
        let hello = ClientHello {
            legacy_version: ProtocolVersion::TLS_1_2,
            random: *random,
            session_id,
            cipher_suites: List::new(&suites),
            compression_methods: &[0],
            extensions: Extensions::written(&extensions),
            ..ClientHello::default()
        };
        hello.encode(&mut message);
        (message, kinds)
    }

    fn extensions(&self, unpadded: Option<usize>) -> (Vec<u8>, Vec<ExtensionType>) {
        let mut out = Vec::with_capacity(256);
        let mut kinds = Vec::with_capacity(16);
        for item in self.layout() {
            let written = write_extension_if(&mut out, item.kind(), |out| match item {
                LayoutItem::Standard(kind) => self.write_body(*kind, out),
                LayoutItem::Raw(_, body) => {
                    out.extend_from_slice(body);
                    Some(())
                }
                LayoutItem::Padding => write_padding(unpadded?, out),
            });
            if written {
                kinds.push(item.kind());
            }
        }
        let mut order = Self::ORDER;
        let meaningless = self.offer.grease.as_ref().map(Grease::extensions);
        if let Some(grease) = &self.offer.grease {
            grease.shuffle(&mut order);
        }
        // They are not among the kinds: a server that answers them is wrong (RFC 8701, section 3.1).
        if let Some([first, _]) = meaningless {
            write_extension(&mut out, first, |_| {});
        }
        for kind in order {
            if !kinds.contains(&kind)
                && write_extension_if(&mut out, kind, |out| self.write_body(kind, out))
            {
                kinds.push(kind);
            }
        }
        if let Some([_, last]) = meaningless {
            write_extension(&mut out, last, |out| out.push(0));
        }
        // Whatever the layout says, this one is the last (section 4.3.11).
        if !self.psks.is_empty() {
            pre_shared_key::write(self.psks, self.now, &mut out);
            kinds.push(ExtensionType::PRE_SHARED_KEY);
        }
        (out, kinds)
    }

    /// Writes the body of this extension, if there is something to say in it.
    fn write_body(&self, kind: ExtensionType, out: &mut Vec<u8>) -> Option<()> {
        use ExtensionType as E;
        let Self { offer, shared, retry, .. } = self;
        let config = &shared.config;
        let grease = offer.grease.iter();
        match kind {
            E::SERVER_NAME => {
                write_server_name(out, sent_name(config, &shared.server_name)?.as_bytes());
            }
            E::SUPPORTED_GROUPS => {
                let meaningless = grease.map(|grease| NamedGroup(grease.group()));
                let groups = config.common.provider.groups.iter().map(|group| group.name());
                write_codes(out, Prefix::U16, meaningless.chain(groups));
            }
            E::SIGNATURE_ALGORITHMS => {
                let meaningless = grease.map(|grease| SignatureScheme(grease.signature_scheme()));
                let schemes = config.common.provider.signatures.schemes();
                let schemes = schemes.filter(|scheme| !scheme.is_legacy());
                write_codes(out, Prefix::U16, meaningless.chain(schemes));
            }
            E::APPLICATION_LAYER_PROTOCOL_NEGOTIATION => {
                config.common.application_protocols.first()?;
                write_names(out, Prefix::U8, &config.common.application_protocols);
            }
            // Any responder, and no extensions (RFC 6066, section 8).
            E::STATUS_REQUEST if config.request_ocsp => out.extend_from_slice(&[OCSP, 0, 0, 0, 0]),
            E::SIGNED_CERTIFICATE_TIMESTAMP if config.request_timestamps => {}
            E::CLIENT_CERTIFICATE_TYPE => {
                write_certificate_types(config.client_certificate_types(), out)?;
            }
            E::SERVER_CERTIFICATE_TYPE => {
                write_certificate_types(config.verifier.certificate_types(), out)?;
            }
            // In QUIC no server may ask later (RFC 9001, section 4.4).
            E::POST_HANDSHAKE_AUTH if config.post_handshake_auth && self.records => {}
            E::SUPPORTED_VERSIONS => {
                let meaningless = grease.map(|grease| ProtocolVersion(grease.version()));
                write_codes(out, Prefix::U8, meaningless.chain([ProtocolVersion::TLS_1_3]));
            }
            E::COOKIE => write_bytes(out, Prefix::U16, retry.and_then(|retry| retry.cookie)?),
            E::PSK_KEY_EXCHANGE_MODES => self.write_key_exchange_modes(out)?,
            E::TICKET_REQUEST => out.extend_from_slice(&config.ticket_request?),
            E::EARLY_DATA if shared.early_data.is_some() => {}
            E::KEY_SHARE => self.write_key_share(out),
            E::RECORD_SIZE_LIMIT => write_u16(out, config.common.record_size_limit?),
            E::COMPRESS_CERTIFICATE => {
                config.common.compressors.codes().next()?;
                write_codes(out, Prefix::U8, config.common.compressors.codes());
            }
            _ => return None,
        }
        Some(())
    }

    /// As in the first ClientHello, even where a retry leaves no key for its suite. Without it a
    /// server should send no tickets (section 4.3.9).
    fn write_key_exchange_modes(&self, out: &mut Vec<u8>) -> Option<()> {
        let config = &self.shared.config;
        if config.sessions.is_none() && pre_shared_key::offered(self.shared, None).is_empty() {
            return None;
        }
        let modes = match config.common.psk_without_key_exchange {
            true => &[PSK_DHE_KE, PSK_KE][..],
            false => &[PSK_DHE_KE],
        };
        write_bytes(out, Prefix::U8, modes);
        Some(())
    }

    fn write_key_share(&self, out: &mut Vec<u8>) {
        let is_alone = self.retry.is_some_and(|retry| retry.wants_share);
        let grease = if is_alone { None } else { self.offer.grease.as_ref() };
        write_vector(out, Prefix::U16, |out| {
            if let Some(grease) = grease {
                let group = NamedGroup(grease.group());
                KeyShareEntry { group, key_exchange: &[0] }.encode(out);
            }
            let (group, key_exchange) = (self.offer.group, self.offer.exchange.share());
            KeyShareEntry { group, key_exchange }.encode(out);
        });
    }
}

/// RFC 7250, section 4.1: a list of X.509 alone is left out.
fn write_certificate_types(types: &[CertificateType], out: &mut Vec<u8>) -> Option<()> {
    if matches!(types, [] | [CertificateType::X509]) {
        return None;
    }
    write_vector(out, Prefix::U8, |out| out.extend(types.iter().map(|kind| kind.0)));
    Some(())
}

/// RFC 7685: a ClientHello of 256 to 511 bytes becomes one of 512.
fn write_padding(unpadded: usize, out: &mut Vec<u8>) -> Option<()> {
    const EXTENSION_HEADER_LENGTH: usize = 4;
    if !(256..=511).contains(&unpadded) {
        return None;
    }
    let zeros = 512_usize.saturating_sub(unpadded + EXTENSION_HEADER_LENGTH);
    out.resize(out.len() + zeros, 0);
    Some(())
}
