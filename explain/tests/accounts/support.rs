//! Handshakes of all kinds between two ends of this library, with a recorder on each side, a tap between
//! them and a key log.

use std::sync::Arc;

use handclasp::certificate::Profile;
use handclasp::config::{ClientConfigBuilder, ServerConfigBuilder};
use handclasp::connection::Options;
use handclasp::crypto::CryptoProvider;
use handclasp::psk::PskList;
use handclasp::record::pad_to_multiple_of;
use handclasp::registry::NamedGroup;
use handclasp::session::ClientSessionStore;
use handclasp::{ClientConnection, Connection as Tls, ServerConnection, TrustAnchors};
use handclasp_explain::{self as explain, Connection, Recorder, Side};
use handclasp_testing::key_lines::KeyLines;
use handclasp_testing::sessions::{Pair, append_outgoing, shared_key, take, time};
use handclasp_testing::{Identity, narrow_provider, server_name};

/// A handshake, as both sides and the network saw it.
pub struct Tapped {
    /// What kind it is.
    pub kind: &'static str,
    pub client: Connection,
    pub server: Connection,
    /// What was sent, in order.
    pub bytes: Vec<(Side, Vec<u8>)>,
    pub key_log: String,
}

/// What the two sides of a handshake are made of.
struct Plan {
    kind: &'static str,
    client: ClientConfigBuilder,
    server: ServerConfigBuilder,
    early: &'static [u8],
    key_update: bool,
}

impl Plan {
    fn new(kind: &'static str, pair: &Pair) -> Self {
        let (client, server) = (pair.client_builder(), pair.server_builder());
        Self { kind, client, server, early: &[], key_update: false }
    }
}

pub fn options() -> explain::Options {
    let mut options = explain::Options::new(CryptoProvider::default());
    options.now = time(0);
    options
}

/// One of each kind.
pub fn all_kinds() -> Vec<Tapped> {
    let pair = Pair::new();
    let mut tapped = Vec::new();
    tapped.push(run(&pair, with_protocols("full", &pair)));
    let mut resumed = with_protocols("resumed, with a KeyUpdate", &pair);
    resumed.key_update = true;
    tapped.push(run(&pair, resumed));
    pair.store.forget(&server_name());
    tapped.push(run(&pair, retry(&pair)));
    tapped.extend(early_data());
    tapped.push(pre_shared_key());
    tapped.push(client_certificate());
    tapped.push(small_and_padded());
    tapped.push(refused());
    tapped
}

fn with_protocols(kind: &'static str, pair: &Pair) -> Plan {
    let mut plan = Plan::new(kind, pair);
    plan.client = plan.client.application_protocols(["h2", "http/1.1"]);
    plan.server = plan.server.application_protocols(["http/1.1"]);
    plan
}

/// The one of this kind.
pub fn of_kind<'t>(tapped: &'t [Tapped], kind: &str) -> &'t Tapped {
    tapped.iter().find(|one| one.kind == kind).unwrap()
}

/// The client's share is for a group that the server does not take.
fn retry(pair: &Pair) -> Plan {
    let mut plan = Plan::new("retried", pair);
    plan.client = plan.client.key_shares([NamedGroup::X25519]).grease(true);
    plan.server = pair.server_with(narrow_provider(1, 1));
    plan
}

fn early_data() -> Vec<Tapped> {
    let pair = Pair::new();
    let mut first = Plan::new("a ticket for early data", &pair);
    first.server = pair.early_server(1000);
    let mut accepted = Plan::new("early data", &pair);
    accepted.server = pair.early_server(1000);
    accepted.early = b"early bird";
    let mut rejected = Plan::new("early data that are rejected", &pair);
    rejected.server = pair.server_builder();
    rejected.early = b"too early";
    vec![run(&pair, first), run(&pair, accepted), run(&pair, rejected)]
}

/// The server has other ticket keys: it takes neither the session nor the 0-RTT data.
pub fn early_data_to_a_stranger() -> Tapped {
    let (pair, other) = (Pair::new(), Pair::new());
    let mut first = Plan::new("a ticket for early data", &pair);
    first.server = pair.early_server(1000);
    run(&pair, first);
    let mut plan = Plan::new("early data to a stranger", &pair);
    plan.server = other.early_server(1000);
    plan.early = b"too early";
    run(&pair, plan)
}

fn pre_shared_key() -> Tapped {
    let pair = Pair::new();
    let mut plan = Plan::new("an external key", &pair);
    plan.client = plan.client.pre_shared_keys(vec![shared_key()]);
    plan.server = plan.server.pre_shared_keys(Arc::new(PskList::new(vec![shared_key()])));
    run(&pair, plan)
}

fn client_certificate() -> Tapped {
    let pair = Pair::new();
    let own = Identity::p256();
    let mut plan = Plan::new("a client certificate", &pair);
    let client = plan.client.client_certificate(own.chain.clone(), &own.key).unwrap();
    plan.client = client.request_ocsp(true);
    plan.server = plan.server.require_client_certificates(own.anchors(), Profile::Default).unwrap();
    run(&pair, plan)
}

/// The server requires a certificate of the client, which has none.
pub fn no_client_certificate() -> Tapped {
    let pair = Pair::new();
    let mut plan = Plan::new("no client certificate", &pair);
    let anchors = Identity::p256().anchors();
    plan.server = plan.server.require_client_certificates(anchors, Profile::Default).unwrap();
    run(&pair, plan)
}

/// Records of 64 bytes at most, which are padded: messages over many records.
fn small_and_padded() -> Tapped {
    let pair = Pair::new();
    let mut plan = Plan::new("small and padded records", &pair);
    let padding = || pad_to_multiple_of(16);
    plan.client = plan.client.record_size_limit(Some(80)).record_padding(padding());
    plan.server = plan.server.record_size_limit(Some(90)).record_padding(padding());
    run(&pair, plan)
}

/// The client does not trust the server's authority.
fn refused() -> Tapped {
    let (pair, other) = (Pair::new(), Identity::p256());
    let mut plan = Plan::new("refused", &pair);
    let anchors: TrustAnchors = other.anchors();
    let builder = handclasp::ClientConfig::builder(CryptoProvider::default());
    plan.client = builder.trust(anchors).unwrap();
    run(&pair, plan)
}

/// The client does not accept a certificate of this identity.
pub fn refused_certificate(identity: Identity) -> Tapped {
    let mut pair = Pair::new();
    pair.identity = identity;
    let plan = Plan::new("a refused certificate", &pair);
    run(&pair, plan)
}

fn run(pair: &Pair, plan: Plan) -> Tapped {
    let lines = KeyLines::default();
    let recorders = [Side::Client, Side::Server].map(|side| Recorder::new(side, options()));
    let [of_client, of_server] = recorders.clone().map(|recorder| {
        let mut options = Options::new(time(0));
        options.observer = Some(Box::new(recorder));
        options
    });
    let config = Arc::new(plan.client.key_log(lines.key_log()).build().unwrap());
    let mut client = ClientConnection::with_options(config, server_name(), of_client);
    let config = pair.finish(plan.server);
    let mut server = ServerConnection::with_options(config, of_server);
    client.write_early_data(plan.early).unwrap();
    let mut bytes = Vec::new();
    talk(&mut client, &mut server, &mut bytes);
    if client.check().is_ok() && server.check().is_ok() {
        client.write(b"a question").unwrap();
        talk(&mut client, &mut server, &mut bytes);
        if plan.key_update {
            server.update_keys(true).unwrap();
        }
        server.write(b"an answer").unwrap();
        talk(&mut client, &mut server, &mut bytes);
        client.write(b"once more").unwrap();
        client.close();
        server.close();
        talk(&mut client, &mut server, &mut bytes);
    }
    let [client, server] = recorders.map(|recorder| recorder.connection());
    Tapped { kind: plan.kind, client, server, bytes, key_log: lines.text() }
}

/// Moves bytes until neither side has any. Errors end the connection that has them.
fn talk(client: &mut Tls, server: &mut Tls, bytes: &mut Vec<(Side, Vec<u8>)>) {
    let (mut to_client, mut to_server) = (Vec::new(), Vec::new());
    loop {
        let (start_of_client, start_of_server) = (to_server.len(), to_client.len());
        append_outgoing(client, &mut to_server);
        append_outgoing(server, &mut to_client);
        let sent = [
            (Side::Client, to_server.get(start_of_client..).unwrap().to_vec()),
            (Side::Server, to_client.get(start_of_server..).unwrap().to_vec()),
        ];
        let is_quiet = sent.iter().all(|(_, bytes)| bytes.is_empty());
        bytes.extend(sent.into_iter().filter(|(_, bytes)| !bytes.is_empty()));
        let (mut early, mut data) = (Vec::new(), Vec::new());
        if take(server, &mut to_server, &mut early, &mut data).is_err() {
            to_server.clear();
        }
        if take(client, &mut to_client, &mut early, &mut data).is_err() {
            to_client.clear();
        }
        if is_quiet {
            return;
        }
    }
}

/// The client's account of a connection whose server sends this many KeyUpdates, with a byte of data after
/// each.
pub fn after_key_updates(count: usize) -> Connection {
    let pair = Pair::new();
    let recorder = Recorder::new(Side::Client, options());
    let mut of_client = Options::new(time(0));
    of_client.observer = Some(Box::new(recorder.clone()));
    let config = Arc::new(pair.client_builder().build().unwrap());
    let mut client = ClientConnection::with_options(config, server_name(), of_client);
    let config = pair.finish(pair.server_builder());
    let mut server = ServerConnection::with_options(config, Options::new(time(0)));
    talk(&mut client, &mut server, &mut Vec::new());
    for _ in 0..count {
        server.update_keys(false).unwrap();
        server.write(b"x").unwrap();
        talk(&mut client, &mut server, &mut Vec::new());
    }
    client.check().unwrap();
    recorder.connection()
}
