//! The handshakes of rustls, with the same certificates, suite and groups.

use std::sync::Arc;

use handclasp_testing::handshakes::{self, BATCH};
use handclasp_testing::rustls_peer::{provider, roots};
use rustls::client::Resumption;
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, ClientConnection, NamedGroup, ServerConfig, ServerConnection};

use crate::ours::Identities;
use crate::{Kind, Spent, Subject};

pub struct Rustls {
    client: Arc<ClientConfig>,
    server: Arc<ServerConfig>,
}

impl Rustls {
    pub fn new(kind: Kind, identities: &Identities) -> Self {
        let Identities { server: own, client: other } = identities;
        let mut narrow = provider(NamedGroup::X25519, true);
        narrow.cipher_suites = vec![rustls::crypto::ring::cipher_suite::TLS13_AES_128_GCM_SHA256];
        let mut for_client = narrow.clone();
        if kind == Kind::Retried {
            for_client.kx_groups.insert(0, rustls::crypto::ring::kx_group::SECP256R1);
        }
        let versions = [&rustls::version::TLS13];
        let client = ClientConfig::builder_with_provider(for_client.into());
        let client = client.with_protocol_versions(&versions).unwrap();
        let client = client.with_root_certificates(roots(own));
        let mut client = match kind {
            Kind::Mutual => {
                client.with_client_auth_cert(other.chain.clone(), other.key.clone_key()).unwrap()
            }
            _ => client.with_no_client_auth(),
        };
        let narrow = Arc::new(narrow);
        let server = ServerConfig::builder_with_provider(Arc::clone(&narrow));
        let server = server.with_protocol_versions(&versions).unwrap();
        let server = match kind {
            Kind::Mutual => {
                let anchors = Arc::new(roots(other));
                let verifier = WebPkiClientVerifier::builder_with_provider(anchors, narrow);
                server.with_client_cert_verifier(verifier.build().unwrap())
            }
            _ => server.with_no_client_auth(),
        };
        let mut server = server.with_single_cert(own.chain.clone(), own.key.clone_key()).unwrap();
        // As this library by default.
        client.cert_decompressors = Vec::new();
        server.cert_compressors = Vec::new();
        if kind == Kind::Resumed {
            client.resumption = Resumption::in_memory_sessions(BATCH);
            server.ticketer = rustls::crypto::ring::Ticketer::new().unwrap();
            server.send_tls13_tickets = 1;
        } else {
            client.resumption = Resumption::disabled();
            server.send_tls13_tickets = 0;
        }
        let mut this = Self { client: Arc::new(client), server: Arc::new(server) };
        if kind == Kind::Resumed {
            // Full handshakes: each gives a ticket.
            this.run();
        }
        this
    }
}

impl Subject for Rustls {
    fn run(&mut self) -> Spent {
        let new_client = |name| ClientConnection::new(Arc::clone(&self.client), name).unwrap();
        let new_server = || ServerConnection::new(Arc::clone(&self.server)).unwrap();
        handshakes::theirs(new_client, new_server)
    }
}
