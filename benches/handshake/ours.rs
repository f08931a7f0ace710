//! This library's handshakes.

use std::sync::{Arc, Mutex};

use handclasp::connection::Options;
use handclasp::credential::CertificateList;
use handclasp::crypto::CryptoProvider;
use handclasp::observer::{Event, Observer};
use handclasp::registry::{HandshakeType, NamedGroup};
use handclasp::session::MemoryClientSessions;
use handclasp::verify::{ClientAuthentication, TrustAnchorVerifier};
use handclasp::{ClientConfig, ClientConnection, ServerConfig, ServerConnection};
use handclasp_testing::handshakes::{self, BATCH};
use handclasp_testing::rustls_peer::rsa_identity;
use handclasp_testing::{Identity, sessions};

use crate::{Kind, Spent, Subject};

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
        let new_client = |name| {
            let mut options = Options::default();
            options.observer = observer();
            ClientConnection::with_options(Arc::clone(&self.client), name, options)
        };
        let new_server = || ServerConnection::new(Arc::clone(&self.server));
        handshakes::ours(new_client, new_server)
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
