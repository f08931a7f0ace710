//! Tickets and 0-RTT data with rustls, in both roles.

use core::time::Duration;
use std::io::{Read, Write};
use std::sync::Arc;

use handclasp::credential::CertificateList;
use handclasp::crypto::CryptoProvider;
use handclasp::handshake::EarlyData;
use handclasp::key_schedule::PskKind;
use handclasp::pki_types::UnixTime;
use handclasp::session::{
    MemoryClientSessions, MemorySessions, SessionStore, StrikeRegister, TicketKeys,
};
use handclasp::{ClientConfig, ClientConnection, Connection, ServerConfig, ServerConnection};
use handclasp_testing::rustls_peer::{self, Exchange, exchange};
use handclasp_testing::{Identity, narrow_provider, server_name};

fn resumed(connection: &Connection) -> bool {
    connection.parameters().pre_shared_key == Some(PskKind::Resumption)
}

fn client_config(identity: &Identity) -> Arc<ClientConfig> {
    let store = Arc::new(MemoryClientSessions::new(8));
    let builder = ClientConfig::builder(CryptoProvider::default()).sessions(store).early_data(true);
    let builder = builder.application_protocols(["test/1"]).trust(identity.anchors()).unwrap();
    Arc::new(builder.build().unwrap())
}

#[test]
fn our_client_resumes_with_their_tickets_and_their_server_reads_its_early_data() {
    const X25519: rustls::NamedGroup = rustls::NamedGroup::X25519;
    const P256: rustls::NamedGroup = rustls::NamedGroup::secp256r1;
    // The group of the server changes from one connection to the next in the third of them.
    for (stateless, early, groups) in [
        (false, 1000, [X25519; 4]),
        (false, 1000, [P256; 4]),
        (false, 1000, [X25519, P256, X25519, P256]),
        (false, 0, [X25519; 4]),
        (true, 0, [X25519; 4]),
    ] {
        let identity = Identity::p256();
        let config = client_config(&identity);
        let server_of = |group| {
            let provider = rustls_peer::provider(group, group == P256);
            rustls_peer::server_config(&identity, provider, None)
        };
        let mut first = server_of(X25519);
        if stateless {
            first.ticketer = rustls::crypto::ring::Ticketer::new().unwrap();
        }
        for (round, group) in groups.into_iter().enumerate() {
            let mut theirs = server_of(group);
            theirs.max_early_data_size = early;
            theirs.ticketer = Arc::clone(&first.ticketer);
            theirs.session_storage = Arc::clone(&first.session_storage);
            let theirs = Arc::new(theirs);
            // The client has a share for x25519, and one for the group of the session.
            let retries = group == P256 && (round == 0 || groups[round - 1] != P256);
            let outcome = match (early, retries) {
                (0, _) => EarlyData::NotOffered,
                (_, true) => EarlyData::Rejected,
                (_, false) => EarlyData::Accepted,
            };
            let mut ours = ClientConnection::new(config.clone(), server_name());
            let sent = ours.write_early_data(b"early words").unwrap();
            assert_eq!(sent > 0, round > 0 && early > 0);
            let server = rustls::ServerConnection::new(theirs.clone()).unwrap();
            let mut server = rustls::Connection::from(server);
            exchange(&mut ours, &mut server).checked();
            assert_eq!(resumed(&ours), round > 0);
            assert_eq!(ours.parameters().retried, retries);
            if round > 0 {
                assert_eq!(ours.parameters().early_data, outcome);
            }
            let rustls::Connection::Server(server) = &mut server else { panic!() };
            let mut early = Vec::new();
            if let Some(mut reader) = server.early_data() {
                reader.read_to_end(&mut early).unwrap();
            }
            let accepted = ours.parameters().early_data == EarlyData::Accepted;
            assert_eq!(early, if accepted { &b"early words"[..] } else { b"" });
        }
    }
}

fn server_config(
    identity: &Identity,
    provider: CryptoProvider,
    sessions: Arc<dyn SessionStore>,
    register: Arc<StrikeRegister>,
) -> Arc<ServerConfig> {
    let certificates = CertificateList::new(vec![Arc::new(identity.certified_key())]);
    let builder = ServerConfig::builder(provider).sessions(sessions);
    let builder = builder.application_protocols(["test/1"]);
    let builder = builder.early_data(1000, register);
    Arc::new(builder.build(Arc::new(certificates)).unwrap())
}

/// A register for servers with the same tickets. It began a second ago: what began in the second of
/// a ticket knows nothing of what was before.
fn register() -> Arc<StrikeRegister> {
    let began = Duration::from_secs(UnixTime::now().as_secs() - 1);
    Arc::new(StrikeRegister::new(UnixTime::since_unix_epoch(began)))
}

/// As [`exchange`], with what the server of ours got early.
fn serve(ours: &mut ServerConnection, theirs: &mut rustls::Connection) -> (Exchange, Vec<u8>) {
    let mut bytes = Vec::new();
    while theirs.wants_write() {
        theirs.write_tls(&mut bytes).unwrap();
    }
    let mut early = Vec::new();
    while !bytes.is_empty() {
        let (consumed, received) = ours.receive(&mut bytes).unwrap();
        if let handclasp::connection::Received::EarlyData(data) = received {
            early.extend_from_slice(data);
        }
        bytes.drain(..consumed);
    }
    (exchange(ours, theirs), early)
}

#[test]
fn their_client_resumes_with_our_tickets_and_our_server_takes_its_early_data() {
    let random = CryptoProvider::default().random;
    for (suite, group) in [(0, 0), (1, 0), (2, 0), (0, 1)] {
        for stateless in [true, false] {
            let identity = Identity::p256();
            let sessions: Arc<dyn SessionStore> = match stateless {
                true => Arc::new(TicketKeys::random(random.clone()).unwrap()),
                false => Arc::new(MemorySessions::new(8, random.clone())),
            };
            let provider = || narrow_provider(suite, 0);
            let register = register();
            let first = server_config(&identity, provider(), sessions.clone(), register.clone());
            let then = server_config(&identity, narrow_provider(suite, group), sessions, register);
            let mut theirs = rustls_peer::client_config(&identity, rustls_peer::default_provider());
            theirs.alpn_protocols = vec![b"test/1".to_vec()];
            theirs.enable_early_data = true;
            let theirs = Arc::new(theirs);
            for round in 0..3 {
                let config = if round == 0 { &first } else { &then };
                let mut ours = ServerConnection::new(config.clone());
                let mut client =
                    rustls::ClientConnection::new(theirs.clone(), server_name()).unwrap();
                if let Some(mut early) = client.early_data() {
                    early.write_all(b"early words").unwrap();
                }
                let mut client = rustls::Connection::from(client);
                let (result, early) = serve(&mut ours, &mut client);
                result.checked();
                assert_eq!(resumed(&ours), round > 0);
                let rustls::Connection::Client(client) = &client else { panic!() };
                // After one retry it knows the group.
                assert_eq!(ours.parameters().retried, group == 1 && round == 1);
                let accepted = round > 0 && !ours.parameters().retried;
                assert_eq!(client.is_early_data_accepted(), accepted);
                assert_eq!(early, if accepted { &b"early words"[..] } else { b"" });
                let kind = match round {
                    0 => rustls::HandshakeKind::Full,
                    _ => rustls::HandshakeKind::Resumed,
                };
                if group == 0 {
                    assert_eq!(client.handshake_kind(), Some(kind));
                }
            }
        }
    }
}
