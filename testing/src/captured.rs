//! Three connections as a capture, with their key log.

use std::sync::Arc;

use handclasp::connection::Options;
use handclasp::crypto::CryptoProvider;
use handclasp::handshake::Side;
use handclasp::registry::CipherSuiteId;
use handclasp::{ClientConfig, ClientConnection, Connection, ServerConnection};

use crate::capture::{Link, Sent, packets, pcap};
use crate::key_lines::KeyLines;
use crate::sessions::{Pair, append_outgoing, take, time};
use crate::{Identity, server_name};

/// A capture and the key log of its connections.
pub struct Captured {
    pub pcap: Vec<u8>,
    pub key_log: Vec<u8>,
}

impl Captured {
    /// With three connections under this suite: a full handshake, one that is resumed, and one whose client
    /// does not trust the server.
    pub fn new(suite: CipherSuiteId) -> Self {
        let mut provider = CryptoProvider::default();
        provider.cipher_suites.retain(|it| it.id == suite);
        let pair = Pair::new();
        let client = || pair.client_with(provider.clone());
        let stranger = ClientConfig::builder(provider.clone());
        let stranger = stranger.trust(Identity::p256().anchors()).unwrap();
        let lines = KeyLines::default();
        let mut all = Vec::new();
        for (port, client) in (40_000..).zip([client(), client(), stranger]) {
            let config = Arc::new(client.key_log(lines.key_log()).build().unwrap());
            let options = Options::new(time(0));
            let mut client = ClientConnection::with_options(config, server_name(), options);
            let config = pair.finish(pair.server_builder());
            let mut server = ServerConnection::with_options(config, Options::new(time(0)));
            let mut sent = Vec::new();
            exchange(&mut client, &mut server, &mut sent);
            if client.check().is_ok() {
                client.write(b"a question").unwrap();
                server.write(b"an answer").unwrap();
                exchange(&mut client, &mut server, &mut sent);
                client.close();
                server.close();
                exchange(&mut client, &mut server, &mut sent);
            }
            all.extend(packets(Link::Ethernet, port, &sent, 1400));
        }
        Self { pcap: pcap(Link::Ethernet, &all), key_log: lines.text().into_bytes() }
    }
}

/// Moves bytes until neither side has any. An error ends what a side reads, and its alert is sent.
fn exchange(client: &mut Connection, server: &mut Connection, sent: &mut Vec<Sent>) {
    loop {
        let (mut to_server, mut to_client) = (Vec::new(), Vec::new());
        append_outgoing(client, &mut to_server);
        sent.push(Sent { from: Side::Client, bytes: to_server.clone() });
        let _ = take(server, &mut to_server, &mut Vec::new(), &mut Vec::new());
        append_outgoing(server, &mut to_client);
        sent.push(Sent { from: Side::Server, bytes: to_client.clone() });
        let _ = take(client, &mut to_client, &mut Vec::new(), &mut Vec::new());
        if client.outgoing().is_empty() {
            return;
        }
    }
}
