//! This library's handshakes.

use std::sync::{Arc, Mutex};

use handclasp::connection::{Connection, Options, Received};
use handclasp::credential::CertificateList;
use handclasp::crypto::CryptoProvider;
use handclasp::observer::{Event, Observer};
use handclasp::registry::{HandshakeType, NamedGroup};
use handclasp::session::MemoryClientSessions;
use handclasp::verify::{ClientAuthentication, TrustAnchorVerifier};
use handclasp::{ClientConfig, ClientConnection, ServerConfig, ServerConnection};
use handclasp_testing::rustls_peer::rsa_identity;
use handclasp_testing::{Identity, server_name, sessions};

use crate::{BATCH, Kind, Spent, Subject, timed};

/// The certificates of a kind of handshake.
pub struct Identities {
    pub server: Identity,
    pub client: Identity,
}

impl Identities {
    pub fn new(kind: Kind) -> Self {
        let server = if kind == Kind::Rsa { rsa_identity() } else { Identity::p256() };
        Self { server, client: Identity::p256() }
    }
}

/// The lengths of the messages of one handshake in bytes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Lengths {
    /// Of the first ClientHello and the HelloRetryRequest, if there is one.
    pub retry: usize,
    pub client_hello: usize,
    pub server_hello: usize,
    /// Of what the server sends before its CertificateVerify: or before Finished, if it sends none.
    pub server_flight: usize,
    pub server_verify: usize,
    /// Of what the client sends before its CertificateVerify; zero without a certificate.
    pub client_certificate: usize,
    pub client_verify: usize,
    pub ticket: usize,
}

pub struct Handclasp {
    client: Arc<ClientConfig>,
    server: Arc<ServerConfig>,
}

impl Handclasp {
    pub fn new(kind: Kind, identities: &Identities) -> Self {
        let (mut for_client, mut for_server) = (provider(), provider());
        let mut groups = vec![NamedGroup::X25519];
        for_server.groups.retain(|group| groups.contains(&group.name()));
        if kind == Kind::Retried {
            groups.insert(0, NamedGroup::SECP256R1);
        }
        for_client.groups.retain(|group| groups.contains(&group.name()));
        for_client.groups.sort_by_key(|group| groups.iter().position(|it| *it == group.name()));
        // Full handshakes verify each signature, as the floor and rustls do. Resumptions verify none.
        let verifier = TrustAnchorVerifier::new(identities.server.anchors(), provider().signatures);
        let remembered = if kind == Kind::Resumed { 16 } else { 0 };
        let verifier = Arc::new(verifier.with_signature_cache(remembered));
        let mut client = ClientConfig::builder(for_client).verifier(verifier);
        let mut server = ServerConfig::builder(for_server);
        match kind {
            Kind::Resumed => {
                client = client.sessions(Arc::new(MemoryClientSessions::new(BATCH)));
                server = server.sessions(sessions::ticket_keys()).tickets(1);
            }
            Kind::Mutual => {
                let key = Arc::new(identities.client.certified_key());
                client = client.client_certificates(Arc::new(CertificateList::new(vec![key])));
                let anchors = identities.client.anchors();
                let verifier = TrustAnchorVerifier::for_clients(anchors, provider().signatures)
                    .with_signature_cache(0);
                let policy = ClientAuthentication::required(Arc::new(verifier));
                server = server.client_authentication(policy);
            }
            _ => {}
        }
        let key = Arc::new(identities.server.certified_key());
        let server = server.build(Arc::new(CertificateList::new(vec![key]))).unwrap();
        let this = Self { client: Arc::new(client.build().unwrap()), server: Arc::new(server) };
        if kind == Kind::Resumed {
            // Full handshakes: each gives a ticket.
            this.handshakes(|| None);
        }
        this
    }

    /// The lengths of the messages.
    pub fn lengths(&self) -> Lengths {
        let seen = Seen::default();
        let mut first: Option<Box<dyn Observer>> = Some(Box::new(seen.clone()));
        self.handshakes(|| first.take());
        let messages = seen.0.lock().unwrap();
        Lengths::of(&messages)
    }

    /// [`BATCH`] handshakes, with these observers on the clients.
    fn handshakes(&self, mut observer: impl FnMut() -> Option<Box<dyn Observer>>) -> Spent {
        let mut spent = Spent::default();
        let mut names: Vec<_> = (0..BATCH).map(|_| server_name()).collect();
        let mut clients: Vec<_> = timed(&mut spent.client, || {
            names
                .drain(..)
                .map(|name| {
                    let mut options = Options::default();
                    options.observer = observer();
                    let config = Arc::clone(&self.client);
                    ClientConnection::with_options(config, name, options).unwrap()
                })
                .collect()
        });
        let mut servers: Vec<_> = timed(&mut spent.server, || {
            (0..BATCH).map(|_| ServerConnection::new(Arc::clone(&self.server)).unwrap()).collect()
        });
        let mut buffers: Vec<_> = (0..BATCH).map(|_| Vec::with_capacity(16 * 1024)).collect();
        loop {
            let to_server = timed(&mut spent.client, || send(&mut clients, &mut buffers));
            timed(&mut spent.server, || receive(&mut servers, &mut buffers));
            let to_client = timed(&mut spent.server, || send(&mut servers, &mut buffers));
            timed(&mut spent.client, || receive(&mut clients, &mut buffers));
            if to_server + to_client == 0 {
                break;
            }
        }
        assert!(clients.iter().all(|end| !end.is_handshaking() && end.check().is_ok()));
        assert!(servers.iter().all(|end| !end.is_handshaking() && end.check().is_ok()));
        spent
    }
}

fn provider() -> CryptoProvider {
    let mut provider = CryptoProvider::ring();
    provider.cipher_suites.truncate(1);
    provider
}

impl Subject for Handclasp {
    fn run(&mut self) -> Spent {
        self.handshakes(|| None)
    }
}

fn send<E>(ends: &mut [E], buffers: &mut [Vec<u8>]) -> usize
where
    E: core::ops::DerefMut<Target = Connection>,
{
    let mut total = 0;
    for (end, buffer) in ends.iter_mut().zip(buffers) {
        buffer.clear();
        buffer.extend_from_slice(end.outgoing());
        end.sent(buffer.len());
        total += buffer.len();
    }
    total
}

fn receive<E>(ends: &mut [E], buffers: &mut [Vec<u8>])
where
    E: core::ops::DerefMut<Target = Connection>,
{
    for (end, buffer) in ends.iter_mut().zip(buffers) {
        let mut start = 0;
        while start < buffer.len() {
            let (consumed, received) = end.receive(&mut buffer[start..]).unwrap();
            assert_eq!(received, Received::Handled);
            start += consumed;
        }
    }
}

/// Takes down the messages in their order.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Vec<Message>>>);

#[derive(Clone, Copy)]
struct Message {
    is_sent: bool,
    kind: HandshakeType,
    length: usize,
}

impl Observer for Seen {
    fn event(&mut self, event: &Event<'_>) {
        let (is_sent, message) = match event {
            Event::MessageSent(_, message) => (true, message),
            Event::MessageReceived(_, message) => (false, message),
            _ => return,
        };
        let message = Message { is_sent, kind: message.kind, length: message.bytes.len() };
        self.0.lock().unwrap().push(message);
    }
}

impl Lengths {
    /// Of the messages that one client has sent and received.
    fn of(messages: &[Message]) -> Self {
        let mut lengths = Self::default();
        let hellos = messages.iter().filter(|message| message.kind == HandshakeType::CLIENT_HELLO);
        let is_retried = hellos.count() == 2;
        for (index, message) in messages.iter().enumerate() {
            let sum = match message.kind {
                HandshakeType::CLIENT_HELLO | HandshakeType::SERVER_HELLO
                    if is_retried && index < 2 =>
                {
                    &mut lengths.retry
                }
                HandshakeType::CLIENT_HELLO => &mut lengths.client_hello,
                HandshakeType::SERVER_HELLO => &mut lengths.server_hello,
                HandshakeType::FINISHED => continue,
                HandshakeType::NEW_SESSION_TICKET => &mut lengths.ticket,
                HandshakeType::CERTIFICATE_VERIFY if message.is_sent => &mut lengths.client_verify,
                HandshakeType::CERTIFICATE_VERIFY => &mut lengths.server_verify,
                _ if message.is_sent => &mut lengths.client_certificate,
                _ => &mut lengths.server_flight,
            };
            *sum += message.length;
        }
        lengths
    }
}
