//! OCSP responses and certificate timestamps that come with a certificate: sent to those who ask,
//! and handed to the verifier as they came.

use handclasp_testing::rustls_peer;
use std::sync::{Arc, Mutex};

use handclasp::certificate::CertificateError;
use handclasp::config::ConfigError;
use handclasp::credential::CertificateList;
use handclasp::crypto::CryptoProvider;
use handclasp::session::{MemoryClientSessions, MemorySessions};
use handclasp::transport::memory::exchange;
use handclasp::verify::{ClientAuthentication, PeerIdentity, PeerVerifier};
use handclasp::{
    CertifiedKey, ClientConfig, ClientConnection, Connection, Reply, ServerConfig, ServerConnection,
};
use handclasp_testing::{Identity, server_name};

const RESPONSE: &[u8] = b"an OCSP response";
const TIMESTAMPS: [&[u8]; 2] = [b"one timestamp", b"another"];

fn timestamps() -> Vec<Vec<u8>> {
    TIMESTAMPS.map(<[u8]>::to_vec).to_vec()
}

fn stapled(identity: &Identity) -> CertifiedKey {
    let key = identity.certified_key().with_ocsp(RESPONSE.to_vec()).unwrap();
    key.with_scts(timestamps()).unwrap()
}

/// Accepts every peer, and keeps what it was shown.
#[derive(Clone, Debug, Default)]
struct Seen(Arc<Mutex<Option<PeerIdentity>>>);

impl PeerVerifier for Seen {
    fn verify(&self, peer: &PeerIdentity) -> Reply<Result<(), CertificateError>> {
        *self.0.lock().unwrap() = Some(peer.clone());
        Reply::Now(Ok(()))
    }
}

impl Seen {
    fn take(&self) -> (Option<Vec<u8>>, Vec<Vec<u8>>) {
        let peer = self.0.lock().unwrap().take().unwrap();
        let response = peer.ocsp_response.map(|response| response.to_vec());
        (response, peer.signed_certificate_timestamps)
    }
}

fn assert_same(end: &Connection, expected: &(Option<Vec<u8>>, Vec<Vec<u8>>)) {
    let parameters = end.parameters();
    assert_eq!(parameters.ocsp_response.as_deref(), expected.0.as_deref());
    assert_eq!(parameters.signed_certificate_timestamps, expected.1);
}

#[test]
fn a_server_sends_its_staples_to_clients_that_ask_for_them() {
    let identity = Identity::p256();
    let list = CertificateList::new(vec![Arc::new(stapled(&identity))]);
    let config = ServerConfig::builder(CryptoProvider::default()).build(Arc::new(list)).unwrap();
    let config = Arc::new(config);
    for (ocsp, scts) in [(false, false), (true, false), (false, true), (true, true)] {
        let seen = Seen::default();
        let client = ClientConfig::builder(CryptoProvider::default())
            .verifier(Arc::new(seen.clone()))
            .request_ocsp(ocsp)
            .request_certificate_timestamps(scts)
            .build();
        let mut client = ClientConnection::new(Arc::new(client.unwrap()), server_name());
        let mut server = ServerConnection::new(Arc::clone(&config));
        exchange(&mut client, &mut server).unwrap();
        let expected =
            (ocsp.then(|| RESPONSE.to_vec()), if scts { timestamps() } else { Vec::new() });
        assert_eq!(seen.take(), expected);
        assert_same(&client, &expected);
    }
}

#[test]
fn a_client_sends_its_staples_to_servers_that_ask_for_them() {
    let (own, theirs) = (Identity::p256(), Identity::p256());
    for ask in [false, true] {
        let seen = Seen::default();
        let client = ClientConfig::builder(CryptoProvider::default())
            .trust(theirs.anchors())
            .unwrap()
            .client_certificates(Arc::new(CertificateList::new(vec![Arc::new(stapled(&own))])))
            .build();
        let policy = ClientAuthentication::required(Arc::new(seen.clone())).request_staples(ask);
        let list = CertificateList::new(vec![Arc::new(theirs.certified_key())]);
        let server = ServerConfig::builder(CryptoProvider::default())
            .client_authentication(policy)
            .build(Arc::new(list));
        let mut client = ClientConnection::new(Arc::new(client.unwrap()), server_name());
        let mut server = ServerConnection::new(Arc::new(server.unwrap()));
        exchange(&mut client, &mut server).unwrap();
        let expected = match ask {
            true => (Some(RESPONSE.to_vec()), timestamps()),
            false => (None, Vec::new()),
        };
        assert_eq!(seen.take(), expected);
        assert_same(&server, &expected);
    }
}

#[test]
fn staples_that_no_message_can_carry_are_refused_when_they_are_configured() {
    let key = || Identity::p256().certified_key();
    for response in [Vec::new(), vec![1; 65_535]] {
        assert_eq!(key().with_ocsp(response).unwrap_err(), ConfigError::Staple);
    }
    assert_eq!(key().with_scts(vec![Vec::new()]).unwrap_err(), ConfigError::Staple);
    let large = key().with_ocsp(vec![1; 40_000]).unwrap();
    assert_eq!(large.with_scts(vec![vec![1; 30_000]]).unwrap_err(), ConfigError::Staple);
    key().with_ocsp(vec![1; 65_000]).unwrap();
}

#[test]
fn our_client_hears_the_ocsp_response_of_their_server() {
    let identity = Identity::p256();
    let builder =
        rustls::ServerConfig::builder_with_provider(rustls_peer::default_provider().into());
    let config = builder
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert_with_ocsp(
            identity.chain.clone(),
            identity.key.clone_key(),
            RESPONSE.to_vec(),
        );
    let mut server = rustls_peer::server(config.unwrap());
    let client = ClientConfig::builder(CryptoProvider::default())
        .verifier(Arc::new(Seen::default()))
        .request_ocsp(true)
        .build();
    let mut client = ClientConnection::new(Arc::new(client.unwrap()), server_name());
    rustls_peer::exchange(&mut client, &mut server).checked();
    assert_same(&client, &(Some(RESPONSE.to_vec()), Vec::new()));
}

/// Both sides keep sessions, staple, ask for staples, and keep what they are shown.
struct Sides {
    client: Arc<ClientConfig>,
    server: Arc<ServerConfig>,
    server_was: Seen,
    client_was: Seen,
}

impl Sides {
    fn new(own: CertifiedKey, theirs: CertifiedKey) -> Self {
        let (server_was, client_was) = (Seen::default(), Seen::default());
        let client = ClientConfig::builder(CryptoProvider::default())
            .verifier(Arc::new(server_was.clone()))
            .sessions(Arc::new(MemoryClientSessions::new(8)))
            .client_certificates(Arc::new(CertificateList::new(vec![Arc::new(own)])))
            .request_ocsp(true)
            .request_certificate_timestamps(true);
        let policy = ClientAuthentication::required(Arc::new(client_was.clone()));
        let random = CryptoProvider::default().random;
        let server = ServerConfig::builder(CryptoProvider::default())
            .sessions(Arc::new(MemorySessions::new(8, random)))
            .client_authentication(policy.request_staples(true))
            .build(Arc::new(CertificateList::new(vec![Arc::new(theirs)])));
        let (client, server) = (Arc::new(client.build().unwrap()), Arc::new(server.unwrap()));
        Self { client, server, server_was, client_was }
    }

    fn connect(&self) -> (ClientConnection, ServerConnection) {
        let mut client = ClientConnection::new(Arc::clone(&self.client), server_name());
        let mut server = ServerConnection::new(Arc::clone(&self.server));
        exchange(&mut client, &mut server).unwrap();
        (client, server)
    }
}

#[test]
fn what_was_stapled_is_kept_with_the_session_and_verified_again() {
    let sides = Sides::new(stapled(&Identity::p256()), stapled(&Identity::p256()));
    let expected = (Some(RESPONSE.to_vec()), timestamps());
    for round in 0..3 {
        let (client, server) = sides.connect();
        assert_eq!(client.parameters().pre_shared_key.is_some(), round > 0);
        for (seen, end) in [(&sides.server_was, &*client), (&sides.client_was, &*server)] {
            let peer = seen.0.lock().unwrap().clone().unwrap();
            assert!(peer.ocsp_requested(), "round {round}");
            assert_eq!(peer.server_name.is_some(), end.parameters() == client.parameters());
            assert_eq!(seen.take(), expected, "round {round}");
            assert_same(end, &expected);
        }
    }
}

#[test]
fn staples_that_are_too_long_for_a_session_are_not_kept_with_it() {
    let long = || Identity::p256().certified_key().with_ocsp(vec![1; 20_000]).unwrap();
    let sides = Sides::new(long(), long());
    for round in 0..2 {
        let (client, server) = sides.connect();
        assert_eq!(client.parameters().pre_shared_key.is_some(), round > 0);
        for (seen, end) in [(&sides.server_was, &*client), (&sides.client_was, &*server)] {
            let response = (round == 0).then(|| vec![1; 20_000]);
            assert_eq!(seen.take(), (response.clone(), Vec::new()), "round {round}");
            assert_same(end, &(response, Vec::new()));
        }
    }
}
