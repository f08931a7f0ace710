//! The handshakes of rustls, with the same certificates, suite and groups.

use std::sync::Arc;

use handclasp_testing::rustls_peer::{provider, roots};
use handclasp_testing::server_name;
use rustls::client::Resumption;
use rustls::server::WebPkiClientVerifier;
use rustls::{
    ClientConfig, ClientConnection, ConnectionCommon, NamedGroup, ServerConfig, ServerConnection,
    SideData,
};

use crate::ours::Identities;
use crate::{BATCH, Kind, Spent, Subject, timed};

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
        let mut spent = Spent::default();
        let mut names: Vec<_> = (0..BATCH).map(|_| server_name()).collect();
        let mut clients: Vec<_> = timed(&mut spent.client, || {
            let client = |name| ClientConnection::new(Arc::clone(&self.client), name).unwrap();
            names.drain(..).map(client).collect()
        });
        let mut servers: Vec<_> = timed(&mut spent.server, || {
            (0..BATCH).map(|_| ServerConnection::new(Arc::clone(&self.server)).unwrap()).collect()
        });
        let mut buffers: Vec<_> = (0..BATCH).map(|_| Vec::with_capacity(16 * 1024)).collect();
        loop {
            let to_server = timed(&mut spent.client, || send(&mut clients, &mut buffers));
            timed(&mut spent.server, || receive(&mut servers, &buffers));
            let to_client = timed(&mut spent.server, || send(&mut servers, &mut buffers));
            timed(&mut spent.client, || receive(&mut clients, &buffers));
            if to_server + to_client == 0 {
                break;
            }
        }
        assert!(clients.iter().all(|end| !end.is_handshaking()));
        assert!(servers.iter().all(|end| !end.is_handshaking()));
        spent
    }
}

fn send<E, S: SideData>(ends: &mut [E], buffers: &mut [Vec<u8>]) -> usize
where
    E: core::ops::DerefMut<Target = ConnectionCommon<S>>,
{
    let mut total = 0;
    for (end, buffer) in ends.iter_mut().zip(buffers) {
        buffer.clear();
        while end.wants_write() {
            end.write_tls(buffer).unwrap();
        }
        total += buffer.len();
    }
    total
}

fn receive<E, S: SideData>(ends: &mut [E], buffers: &[Vec<u8>])
where
    E: core::ops::DerefMut<Target = ConnectionCommon<S>>,
{
    for (end, buffer) in ends.iter_mut().zip(buffers) {
        let mut rest = &buffer[..];
        while !rest.is_empty() {
            end.read_tls(&mut rest).unwrap();
            end.process_new_packets().unwrap();
        }
    }
}
