//! rustls as a peer: its configurations, and the bytes between it and one of our ends.

use std::io::{ErrorKind::WouldBlock, Read};
use std::sync::Arc;

use handclasp::Connection;
use handclasp::connection::Received;
use handclasp::pki_types::ServerName;
use rustls::crypto::CryptoProvider;
use rustls::server::danger::ClientCertVerifier;
use rustls::{ClientConfig, RootCertStore, ServerConfig};

use crate::{Identity, server_name};

/// The application protocol that the rustls configurations know, beside another one.
pub const PROTOCOLS: [&[u8]; 2] = [b"other/1", b"test/1"];

/// An identity with the RSA key of the test data.
pub fn rsa_identity() -> Identity {
    let pem = include_str!("../../tests/data/rsa2048.pem");
    let algorithm = &rcgen::PKCS_RSA_SHA256;
    Identity::with_key(rcgen::KeyPair::from_pem_and_sign_algo(pem, algorithm).unwrap())
}

/// rustls's provider with this group in front, or alone.
pub fn provider(group: rustls::NamedGroup, alone: bool) -> CryptoProvider {
    let mut provider = rustls::crypto::ring::default_provider();
    provider.kx_groups.sort_by_key(|candidate| candidate.name() != group);
    if alone {
        provider.kx_groups.truncate(1);
    }
    provider
}

pub fn default_provider() -> CryptoProvider {
    rustls::crypto::ring::default_provider()
}

pub fn roots(identity: &Identity) -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add(identity.anchor.clone()).unwrap();
    roots
}

pub fn server_config(
    identity: &Identity,
    provider: CryptoProvider,
    clients: Option<Arc<dyn ClientCertVerifier>>,
) -> ServerConfig {
    let builder = ServerConfig::builder_with_provider(provider.into());
    let builder = builder.with_protocol_versions(&[&rustls::version::TLS13]).unwrap();
    let builder = match clients {
        Some(verifier) => builder.with_client_cert_verifier(verifier),
        None => builder.with_no_client_auth(),
    };
    let mut config =
        builder.with_single_cert(identity.chain.clone(), identity.key.clone_key()).unwrap();
    config.alpn_protocols = PROTOCOLS.iter().map(|protocol| protocol.to_vec()).collect();
    config
}

pub fn server(config: ServerConfig) -> rustls::Connection {
    rustls::ServerConnection::new(config.into()).unwrap().into()
}

pub fn client_config(identity: &Identity, provider: CryptoProvider) -> ClientConfig {
    let builder = ClientConfig::builder_with_provider(provider.into());
    let builder = builder.with_protocol_versions(&[&rustls::version::TLS13]).unwrap();
    let mut config = builder.with_root_certificates(roots(identity)).with_no_client_auth();
    config.alpn_protocols = PROTOCOLS.iter().map(|protocol| protocol.to_vec()).collect();
    config
}

pub fn client(config: ClientConfig) -> rustls::Connection {
    client_for(config, server_name())
}

pub fn client_for(config: ClientConfig, name: ServerName<'static>) -> rustls::Connection {
    rustls::ClientConnection::new(config.into(), name).unwrap().into()
}

/// What an exchange of everything that both sides have to say came to.
#[derive(Debug, Default)]
pub struct Exchange {
    /// Application data that came to our side.
    pub to_us: Vec<u8>,
    /// Application data that came to rustls.
    pub to_them: Vec<u8>,
    pub our_error: Option<handclasp::Error>,
    pub their_error: Option<rustls::Error>,
    /// rustls saw our close_notify.
    pub they_saw_close: bool,
}

impl Exchange {
    /// Nothing went wrong on either side.
    pub fn checked(self) -> Self {
        assert!(self.our_error.is_none() && self.their_error.is_none(), "{self:?}");
        self
    }
}

/// Moves bytes between our side and rustls until neither has any, even after an error.
pub fn exchange(ours: &mut Connection, theirs: &mut rustls::Connection) -> Exchange {
    let mut result = Exchange::default();
    loop {
        let to_them = ours.outgoing().to_vec();
        ours.sent(to_them.len());
        give_them(theirs, &to_them, &mut result);
        let mut to_us = Vec::new();
        while theirs.wants_write() {
            theirs.write_tls(&mut to_us).unwrap();
        }
        give_us(ours, &mut to_us, &mut result);
        if to_them.is_empty() && to_us.is_empty() {
            return result;
        }
    }
}

fn give_them(theirs: &mut rustls::Connection, mut bytes: &[u8], result: &mut Exchange) {
    while !bytes.is_empty() && result.their_error.is_none() {
        theirs.read_tls(&mut bytes).unwrap();
        if let Err(error) = theirs.process_new_packets() {
            result.their_error = Some(error);
            return;
        }
        let mut buffer = [0; 4096];
        loop {
            match theirs.reader().read(&mut buffer) {
                Ok(0) => {
                    result.they_saw_close = true;
                    break;
                }
                Ok(count) => result.to_them.extend_from_slice(&buffer[..count]),
                Err(error) if error.kind() == WouldBlock => break,
                Err(error) => panic!("{error}"),
            }
        }
    }
}

fn give_us(ours: &mut Connection, bytes: &mut [u8], result: &mut Exchange) {
    let mut start = 0;
    while start < bytes.len() && result.our_error.is_none() {
        match ours.receive(&mut bytes[start..]) {
            Ok((consumed, received)) => {
                assert!(consumed > 0, "rustls writes whole records: {received:?}");
                if let Received::Data(data) = received {
                    result.to_us.extend_from_slice(data);
                }
                start += consumed;
            }
            Err(error) => result.our_error = Some(error),
        }
    }
}
