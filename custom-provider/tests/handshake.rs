//! Handshakes with the example's provider on one side or on both, and the built-in one on the other.

use std::sync::Arc;

use handclasp::connection::Received;
use handclasp::credential::CertificateList;
use handclasp::crypto::CryptoProvider;
use handclasp::pki_types::PrivateKeyDer;
use handclasp::registry::CipherSuiteId;
use handclasp::session::{MemoryClientSessions, TicketKeys};
use handclasp::transport::memory::exchange;
use handclasp::{
    CertifiedKey, ClientConfig, ClientConnection, Connection, ServerConfig, ServerConnection,
    TrustAnchors,
};
use handclasp_custom_provider::provider;

/// A certificate on P-256 that is its own authority, with a key for this server.
fn identity(server: &CryptoProvider) -> (TrustAnchors, Arc<CertificateList>) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_string()]).unwrap();
    let certificate = made.cert.der().clone();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let mut anchors = TrustAnchors::new();
    anchors.add(certificate.clone()).unwrap();
    let key = CertifiedKey::from_der_with_provider(vec![certificate], &key, server).unwrap();
    (anchors, Arc::new(CertificateList::new(vec![Arc::new(key)])))
}

fn connect(
    client: &Arc<ClientConfig>,
    server: &Arc<ServerConfig>,
) -> (ClientConnection, ServerConnection) {
    let name = "localhost".try_into().unwrap();
    let mut client = ClientConnection::new(client.clone(), name);
    let mut server = ServerConnection::new(server.clone());
    exchange(&mut client, &mut server).unwrap();
    (client, server)
}

fn assert_data_arrive(from: &mut Connection, to: &mut Connection) {
    from.write(b"hello").unwrap();
    let mut record = from.outgoing().to_vec();
    from.sent(record.len());
    let (_, received) = to.receive(&mut record).unwrap();
    assert!(matches!(received, Received::Data(data) if *data == *b"hello"));
}

#[test]
fn a_handshake_with_itself_and_with_the_built_in_provider_on_either_side() {
    for (client, server) in [
        (provider(), provider()),
        (provider(), CryptoProvider::default()),
        (CryptoProvider::default(), provider()),
    ] {
        let (anchors, resolver) = identity(&server);
        let client = ClientConfig::builder(client).trust(anchors).unwrap().build().unwrap();
        let server = ServerConfig::builder(server).build(resolver).unwrap();
        let (mut client, mut server) = connect(&Arc::new(client), &Arc::new(server));
        let suite = client.parameters().cipher_suite;
        assert_eq!(suite, Some(CipherSuiteId::TLS_CHACHA20_POLY1305_SHA256));
        assert_data_arrive(&mut client, &mut server);
        assert_data_arrive(&mut server, &mut client);
        // Keys that both derive from the first ones.
        client.update_keys(true).unwrap();
        exchange(&mut client, &mut server).unwrap();
        assert_data_arrive(&mut client, &mut server);
    }
}

#[test]
fn a_share_of_a_small_order_and_a_changed_record_are_refused() {
    let provider = provider();
    let group = &provider.groups[0];
    assert!(group.respond(&[0; 32]).is_err());
    assert!(group.respond(&[9; 31]).is_err());
    let key = provider.cipher_suites[0].aead.key(&[7; 32]).unwrap();
    let mut data = b"plaintext".to_vec();
    let tag = key.seal([1; 12], b"header", &mut data).unwrap();
    data.extend(tag);
    data[0] ^= 1;
    assert!(key.open([1; 12], b"header", &mut data).is_err());
    assert!(key.open([1; 12], b"header", &mut data[..15]).is_err());
}

/// Tickets are sealed with the provider's `ticket_aead`.
#[test]
fn a_client_resumes_with_a_ticket() {
    let provider = provider();
    let tickets = TicketKeys::random_with_provider(&provider).unwrap();
    let store = Arc::new(MemoryClientSessions::new(1));
    let (anchors, resolver) = identity(&provider);
    let client = ClientConfig::builder(provider.clone()).trust(anchors).unwrap();
    let client = Arc::new(client.sessions(store).build().unwrap());
    let server = ServerConfig::builder(provider).sessions(Arc::new(tickets));
    let server = Arc::new(server.build(resolver).unwrap());
    for resumes in [false, true] {
        let (client, _server) = connect(&client, &server);
        assert_eq!(client.parameters().pre_shared_key.is_some(), resumes);
    }
}
