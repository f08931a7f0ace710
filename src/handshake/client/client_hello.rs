//! Start: the client speaks first (RFC 9846, section 4.2.2).

use std::sync::Arc;

use pki_types::{ServerName, UnixTime};

use super::grease::Grease;
use super::server_hello::{ExpectServerHello, Offer, Sent};
use super::{Context, Shared, State, pre_shared_key};
use crate::config::{ClientConfig, EarlyDataTerms, ExtensionLayout, LayoutItem, PreSharedKey};
use crate::crypto::{ActiveKeyExchange, CipherSuite, KeyExchangeGroup};
use crate::error::{Error, ErrorKind};
use crate::key_schedule::{Transcript, TranscriptBuffer};
use crate::registry::{
    CertificateType, CipherSuiteId, ExtensionType, NamedGroup, ProtocolVersion, SignatureScheme,
};
use crate::wire::codec::{Prefix, write_codes, write_vector};
use crate::wire::{
    ClientHello, Extensions, KeyShareEntry, List, OCSP, PSK_DHE_KE, PSK_KE, write_extension,
    write_names, write_server_name,
};

/// Nothing has happened yet.
pub(in crate::handshake) struct Start {
    pub(super) config: Arc<ClientConfig>,
    pub(super) server_name: ServerName<'static>,
}

impl Start {
    /// Makes randomness and a key share for the preferred group, and sends the ClientHello.
    pub(in crate::handshake) fn send_client_hello(
        self,
        context: &mut Context<'_>,
    ) -> Result<State, Error> {
        let Self { config, server_name } = self;
        let mut hello = Hello { random: [0; 32], session_id: Vec::new(), grease: None };
        config.provider.random.fill(&mut hello.random)?;
        if config.middlebox_compatibility {
            hello.session_id.resize(32, 0);
            config.provider.random.fill(&mut hello.session_id)?;
        }
        if config.grease && config.layout.is_none() {
            hello.grease = Some(Grease::new(&*config.provider.random)?);
        }
        context.observers.set_client_random(&hello.random);
        context.parameters.server_name = sent_name(&config, &server_name).map(str::to_owned);
        let group = config.provider.groups.first();
        let group = Arc::clone(group.ok_or(ErrorKind::Internal("no group is configured"))?);
        let keys = pre_shared_key::collect(&config, &server_name, context);
        let early_data = pre_shared_key::early_data_terms(&config, &keys);
        let mut shared = Shared { config, server_name, offered: Vec::new(), keys, early_data };
        let (exchange, message) = hello.send(&mut shared, &*group, None, context)?;
        pre_shared_key::start_early_data(&shared, &message, context)?;
        Ok(State::ExpectServerHello(Box::new(ExpectServerHello {
            shared,
            offer: Offer { hello, group: group.name(), exchange },
            sent: Sent::First(TranscriptBuffer::new(&message)),
        })))
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

/// What stays the same in a first and a second ClientHello.
pub(super) struct Hello {
    pub(super) random: [u8; 32],
    pub(super) session_id: Vec<u8>,
    pub(super) grease: Option<Grease>,
}

impl Hello {
    /// Sends a ClientHello with a fresh share in this group, and returns its key exchange and its
    /// bytes.
    pub(super) fn send(
        &self,
        shared: &mut Shared,
        group: &dyn KeyExchangeGroup,
        retry: Option<&RetryAnswer<'_>>,
        context: &mut Context<'_>,
    ) -> Result<(Box<dyn ActiveKeyExchange>, Vec<u8>), Error> {
        let exchange = group.start()?;
        let message = self.resend(shared, (group.name(), exchange.share()), retry, context)?;
        Ok((exchange, message))
    }

    /// Sends a ClientHello with this share, and returns its bytes.
    pub(super) fn resend(
        &self,
        shared: &mut Shared,
        share: (NamedGroup, &[u8]),
        retry: Option<&RetryAnswer<'_>>,
        context: &mut Context<'_>,
    ) -> Result<Vec<u8>, Error> {
        let (message, offered) = self.write(shared, share, retry, context)?;
        shared.offered = offered;
        context.send(None, |out| out.extend_from_slice(&message));
        Ok(message)
    }

    /// The message, and the types of its extensions.
    fn write(
        &self,
        shared: &Shared,
        share: (NamedGroup, &[u8]),
        retry: Option<&RetryAnswer<'_>>,
        context: &mut Context<'_>,
    ) -> Result<(Vec<u8>, Vec<ExtensionType>), Error> {
        let config = &shared.config;
        let suites = config.provider.cipher_suites.iter();
        let grease = self.grease.as_ref();
        let meaningless = grease.map(|grease| CipherSuiteId(grease.cipher_suite()));
        let cipher_suites =
            codes(meaningless.into_iter().chain(suites.map(|suite: &CipherSuite| suite.id)));
        let psks = pre_shared_key::offered(shared, retry.map(|retry| retry.cipher_suite));
        let cookie = retry.and_then(|retry| retry.cookie);
        // As in the first ClientHello, even where a retry leaves no key for its suite. Without it a
        // server should send no tickets (section 4.3.9).
        let psk_modes =
            config.sessions.is_some() || !pre_shared_key::offered(shared, None).is_empty();
        let standard = Standard {
            config,
            server_name: &shared.server_name,
            share,
            lone_share: retry.is_some_and(|retry| retry.wants_share),
            cookie,
            psks: &psks,
            psk_modes,
            early_data: shared.early_data.as_ref(),
            now: context.now,
            grease,
        };
        let write = |unpadded: Option<usize>| {
            let (extensions, kinds) = standard.write(unpadded);
            let mut message = Vec::with_capacity(512);
            let suites = List::new(&cipher_suites);
            let extensions = Extensions::written(&extensions);
            ClientHello::new(&self.random, &self.session_id, suites, extensions)
                .encode(&mut message);
            (message, kinds)
        };
        let (mut message, mut kinds) = write(None);
        if standard.layout_pads() {
            // How much padding there must be is known only now.
            (message, kinds) = write(Some(message.len()));
        }
        if !psks.is_empty() {
            let transcript = retry.map(|retry| retry.transcript);
            pre_shared_key::bind(&psks, transcript, &mut message, context)?;
        }
        Ok((message, kinds))
    }
}

fn codes<T: crate::wire::CodePoint>(codes: impl Iterator<Item = T>) -> Vec<u8> {
    let mut out = Vec::new();
    write_codes(&mut out, codes);
    out
}

/// The DNS name that the ClientHello tells, if it tells one. IP addresses are not names
/// (RFC 6066, section 3).
fn sent_name<'a>(config: &ClientConfig, name: &'a ServerName<'static>) -> Option<&'a str> {
    match name {
        ServerName::DnsName(name) if config.send_server_name => Some(name.as_ref()),
        _ => None,
    }
}

/// The extensions that the library itself writes.
struct Standard<'a> {
    config: &'a ClientConfig,
    server_name: &'a ServerName<'static>,
    share: (NamedGroup, &'a [u8]),
    lone_share: bool,
    cookie: Option<&'a [u8]>,
    grease: Option<&'a Grease>,
    psks: &'a [(&'a PreSharedKey, CipherSuite)],
    psk_modes: bool,
    early_data: Option<&'a EarlyDataTerms>,
    now: UnixTime,
}

impl Standard<'_> {
    /// Their order where no layout says otherwise.
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
        self.config.layout.as_ref().map_or(&[], |layout: &ExtensionLayout| &layout.items)
    }

    fn meaningless_group(&self) -> Option<NamedGroup> {
        self.grease.map(|grease| NamedGroup(grease.group()))
    }

    fn layout_pads(&self) -> bool {
        self.layout().contains(&LayoutItem::Padding)
    }

    /// All extensions and their types. `unpadded` is the message's length without padding.
    fn write(&self, unpadded: Option<usize>) -> (Vec<u8>, Vec<ExtensionType>) {
        let mut out = Vec::with_capacity(256);
        let mut kinds = Vec::with_capacity(16);
        for item in self.layout() {
            let written = match item {
                LayoutItem::Standard(kind) => self.write_one(*kind, &mut out),
                LayoutItem::Raw(kind, body) => {
                    write_extension(&mut out, *kind, |out| out.extend_from_slice(body));
                    true
                }
                LayoutItem::Padding => write_padding(unpadded, &mut out),
            };
            if written {
                kinds.push(item.kind());
            }
        }
        let mut order = Self::ORDER;
        let meaningless = self.grease.map(Grease::extensions);
        if let Some(grease) = self.grease {
            grease.shuffle(&mut order);
        }
        // They are not among the kinds: a server that answers them is wrong (RFC 8701, section 3.1).
        if let Some([first, _]) = meaningless {
            write_extension(&mut out, first, |_| {});
        }
        for kind in order {
            if !kinds.contains(&kind) && self.write_one(kind, &mut out) {
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

    /// Writes this extension, if there is something to say in it.
    fn write_one(&self, kind: ExtensionType, out: &mut Vec<u8>) -> bool {
        let provider = &self.config.provider;
        match kind {
            ExtensionType::SERVER_NAME => {
                let Some(name) = sent_name(self.config, self.server_name) else {
                    return false;
                };
                write_extension(out, kind, |out| write_server_name(out, name.as_bytes()));
            }
            ExtensionType::SUPPORTED_GROUPS => write_extension(out, kind, |out| {
                let groups = provider.groups.iter().map(|group| group.name());
                let groups = self.meaningless_group().into_iter().chain(groups);
                write_vector(out, Prefix::U16, |out| write_codes(out, groups));
            }),
            ExtensionType::SIGNATURE_ALGORITHMS => write_extension(out, kind, |out| {
                let schemes = provider.signatures.schemes();
                let grease = self.grease.map(|grease| SignatureScheme(grease.signature_scheme()));
                let schemes = grease.into_iter().chain(schemes);
                write_vector(out, Prefix::U16, |out| write_codes(out, schemes));
            }),
            ExtensionType::APPLICATION_LAYER_PROTOCOL_NEGOTIATION => {
                let protocols = &self.config.application_protocols;
                if protocols.is_empty() {
                    return false;
                }
                write_extension(out, kind, |out| write_names(out, Prefix::U8, protocols));
            }
            ExtensionType::STATUS_REQUEST if self.config.request_ocsp => {
                // Any responder, and no extensions (RFC 6066, section 8).
                write_extension(out, kind, |out| out.extend_from_slice(&[OCSP, 0, 0, 0, 0]));
            }
            ExtensionType::SIGNED_CERTIFICATE_TIMESTAMP if self.config.request_timestamps => {
                write_extension(out, kind, |_| {});
            }
            ExtensionType::CLIENT_CERTIFICATE_TYPE => {
                return write_certificate_types(kind, self.config.client_certificate_types(), out);
            }
            ExtensionType::SERVER_CERTIFICATE_TYPE => {
                return write_certificate_types(
                    kind,
                    self.config.verifier.certificate_types(),
                    out,
                );
            }
            ExtensionType::POST_HANDSHAKE_AUTH if self.config.post_handshake_auth => {
                write_extension(out, kind, |_| {});
            }
            ExtensionType::SUPPORTED_VERSIONS => write_extension(out, kind, |out| {
                let meaningless = self.grease.map(|grease| ProtocolVersion(grease.version()));
                let versions = meaningless.into_iter().chain([ProtocolVersion::TLS_1_3]);
                write_vector(out, Prefix::U8, |out| write_codes(out, versions));
            }),
            ExtensionType::COOKIE => {
                let Some(cookie) = self.cookie else {
                    return false;
                };
                write_extension(out, kind, |out| {
                    write_vector(out, Prefix::U16, |out| out.extend_from_slice(cookie));
                });
            }
            ExtensionType::PSK_KEY_EXCHANGE_MODES => {
                if !self.psk_modes {
                    return false;
                }
                let modes = match self.config.psk_without_key_exchange {
                    true => &[PSK_DHE_KE, PSK_KE][..],
                    false => &[PSK_DHE_KE],
                };
                write_extension(out, kind, |out| {
                    write_vector(out, Prefix::U8, |out| out.extend_from_slice(modes));
                });
            }
            ExtensionType::TICKET_REQUEST => {
                let Some(counts) = self.config.ticket_request else { return false };
                write_extension(out, kind, |out| out.extend_from_slice(&counts));
            }
            ExtensionType::EARLY_DATA => {
                if self.early_data.is_none() {
                    return false;
                }
                write_extension(out, kind, |_| {});
            }
            ExtensionType::KEY_SHARE => write_extension(out, kind, |out| {
                let (group, key_exchange) = self.share;
                write_vector(out, Prefix::U16, |out| {
                    if let Some(group) = self.meaningless_group().filter(|_| !self.lone_share) {
                        KeyShareEntry { group, key_exchange: &[0] }.encode(out);
                    }
                    KeyShareEntry { group, key_exchange }.encode(out);
                });
            }),
            ExtensionType::RECORD_SIZE_LIMIT => {
                let Some(limit) = self.config.record_size_limit else {
                    return false;
                };
                write_extension(out, kind, |out| out.extend_from_slice(&limit.to_be_bytes()));
            }
            ExtensionType::COMPRESS_CERTIFICATE => {
                let algorithms = &self.config.compressors;
                if algorithms.codes().next().is_none() {
                    return false;
                }
                write_extension(out, kind, |out| {
                    write_vector(out, Prefix::U8, |out| write_codes(out, algorithms.codes()));
                });
            }
            _ => return false,
        }
        true
    }
}

/// RFC 7250, section 4.1: a list of X.509 alone is left out.
fn write_certificate_types(
    kind: ExtensionType,
    types: &[CertificateType],
    out: &mut Vec<u8>,
) -> bool {
    if matches!(types, [] | [CertificateType::X509]) {
        return false;
    }
    write_extension(out, kind, |out| {
        write_vector(out, Prefix::U8, |out| out.extend(types.iter().map(|kind| kind.0)));
    });
    true
}

/// RFC 7685: a ClientHello of 256 to 511 bytes becomes one of 512.
fn write_padding(unpadded: Option<usize>, out: &mut Vec<u8>) -> bool {
    const EXTENSION_HEADER_LENGTH: usize = 4;
    let Some(length @ 256..=511) = unpadded else {
        return false;
    };
    let zeros = 512_usize.saturating_sub(length + EXTENSION_HEADER_LENGTH);
    write_extension(out, ExtensionType::PADDING, |out| out.resize(out.len() + zeros, 0));
    true
}
