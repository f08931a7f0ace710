//! A cluster of three primaries.

use std::time::Duration;

use crate::fleet::{Fleet, builder, connected, store_with, until};
use handclasp::pki_types::UnixTime;
use handclasp::session::{AntiReplay, ReplayCheck, SessionStore};
use handclasp_redis::fred::interfaces::ClientLike;
use handclasp_redis::fred::types::config::{Config, ServerConfig};
use handclasp_redis::{
    RedisSessions, RedisStrikeRegister, RegisterSize, handclasp, stay_connected,
};
use handclasp_testing::redis_server::RedisServer;

const SLOTS: [[&str; 2]; 3] = [["0", "5460"], ["5461", "10922"], ["10923", "16383"]];

/// Three primaries that know each other and their slots, if there is a Redis here.
pub async fn cluster_if_available() -> Option<[RedisServer; 3]> {
    if !RedisServer::is_available() {
        return None;
    }
    let nodes = start();
    until_ready(&nodes).await;
    Some(nodes)
}

fn config_of(nodes: &[RedisServer; 3]) -> Config {
    Config {
        server: ServerConfig::new_clustered(vec![("127.0.0.1", nodes[0].port())]),
        ..Config::default()
    }
}

/// Nodes that have all slots, and begin to meet each other.
fn start() -> [RedisServer; 3] {
    let nodes = [(); 3].map(|()| {
        RedisServer::start_with(&[
            "--cluster-enabled",
            "yes",
            "--cluster-port",
            RedisServer::FREE_PORT,
        ])
    });
    for (epoch, (node, [first, last])) in nodes.iter().zip(SLOTS).enumerate() {
        let epoch = (epoch + 1).to_string();
        assert_eq!(node.command(&["CLUSTER", "SET-CONFIG-EPOCH", &epoch]), "OK");
        assert_eq!(node.command(&["CLUSTER", "ADDSLOTSRANGE", first, last]), "OK");
    }
    for node in &nodes[1..] {
        // Its line has the address, with the port of the cluster's bus.
        let line = node.command(&["CLUSTER", "NODES"]);
        let bus = line.split(['@', ' ']).nth(2).unwrap();
        let port = node.port().to_string();
        let met = nodes[0].command(&["CLUSTER", "MEET", "127.0.0.1", &port, bus]);
        assert_eq!(met, "OK", "{line}");
    }
    nodes
}

async fn until_ready(nodes: &[RedisServer]) {
    until("all nodes know each other and their slots", async || {
        nodes.iter().all(|node| {
            let info = node.command(&["CLUSTER", "INFO"]);
            ["cluster_state:ok", "cluster_slots_ok:16384", "cluster_known_nodes:3"]
                .iter()
                .all(|words| info.contains(words))
        })
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_and_records_are_on_all_nodes_of_a_cluster() {
    let Some(nodes) = cluster_if_available().await else { return };
    let config = config_of(&nodes);
    let store = store_with(connected(&builder(config)).await);
    let sessions = RedisSessions::new(&store).unwrap();
    let mut tickets = Vec::new();
    for _ in 0..30 {
        let put = sessions.put(b"a session", UnixTime::now(), Duration::from_secs(600));
        tickets.push(put.unwrap());
    }
    let keys = |node: &RedisServer| node.command(&["DBSIZE"]).parse::<usize>().unwrap();
    until("all are written", async || nodes.iter().map(keys).sum::<usize>() == 30).await;
    assert!(nodes.iter().all(|node| keys(node) > 0), "each has some");
    for ticket in &tickets {
        assert!(sessions.take_session(ticket).await.is_some());
        assert!(sessions.take_session(ticket).await.is_none());
    }

    let mut size = RegisterSize::default();
    size.shards = 12;
    let register = RedisStrikeRegister::with_size(&store, size).unwrap();
    register.refresh().await.unwrap();
    assert!(nodes.iter().all(|node| keys(node) > 0), "each has some shards");
    let mut record = Fleet::new().record(&register).await;
    for number in 0..24 {
        record.id = [number; 32];
        assert_eq!(register.check(&record).await, ReplayCheck::New);
        assert_eq!(register.check(&record).await, ReplayCheck::Seen);
    }
    // One node loses its data: the tickets of before allow no 0-RTT data any more, on any node.
    nodes[1].command(&["FLUSHALL"]);
    let zone = register.zone();
    register.refresh().await.unwrap();
    assert_ne!(register.zone(), zone);
    assert_eq!(register.check(&record).await, ReplayCheck::Unknown);
}

/// A slot that moves from one node to another.
struct MovingSlot<'a> {
    slot: String,
    nodes: [&'a RedisServer; 2],
    id_of_target: String,
}

impl<'a> MovingSlot<'a> {
    /// The slot of this key, whose node redirects calls for it to the other with ASK from now on.
    fn begin(nodes: &'a [RedisServer; 3], key: &str) -> Self {
        let slot = nodes[0].command(&["CLUSTER", "KEYSLOT", key]);
        let number: u16 = slot.parse().unwrap();
        let holder = SLOTS.iter().position(|[_, last]| number <= last.parse().unwrap()).unwrap();
        let nodes = [&nodes[holder], &nodes[(holder + 1) % 3]];
        let [id_of_source, id_of_target] = nodes.map(|node| node.command(&["CLUSTER", "MYID"]));
        let moving = Self { slot, nodes, id_of_target };
        moving.set(1, "IMPORTING", &id_of_source);
        moving.set(0, "MIGRATING", &moving.id_of_target);
        let port = nodes[1].port().to_string();
        assert_eq!(nodes[0].command(&["MIGRATE", "127.0.0.1", &port, key, "0", "10000"]), "OK");
        moving
    }

    fn finish(self) {
        self.set(1, "NODE", &self.id_of_target);
        self.set(0, "NODE", &self.id_of_target);
    }

    fn set(&self, node: usize, state: &str, id: &str) {
        let set = self.nodes[node].command(&["CLUSTER", "SETSLOT", &self.slot, state, id]);
        assert_eq!(set, "OK");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_whose_slot_moves_answers_for_other_slots_meanwhile_and_for_all_afterwards() {
    let Some(nodes) = cluster_if_available().await else { return };
    let config = config_of(&nodes);
    let client = builder(config).build().unwrap();
    tokio::spawn(stay_connected(client.clone()));
    client.wait_for_connect().await.unwrap();
    let store = store_with(client).timeout(Duration::from_secs(1));
    let sessions = RedisSessions::new(&store).unwrap();
    let mut size = RegisterSize::default();
    size.shards = 1;
    let register = RedisStrikeRegister::with_size(&store, size).unwrap();
    register.refresh().await.unwrap();

    let moving = MovingSlot::begin(&nodes, "{fleet:records:0}");
    for _ in 0..3 {
        assert!(register.refresh().await.is_err(), "fred follows ASK: say so in the guide");
    }
    until("a session in another slot is used while the slot moves", async || {
        let ticket = sessions.put(b"a session", UnixTime::now(), Duration::from_secs(600)).unwrap();
        for _ in 0..20 {
            // It is written meanwhile.
            if sessions.take_session(&ticket).await.is_some() {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        false
    })
    .await;
    moving.finish();
    until("the register is there again", async || register.refresh().await.is_ok()).await;
}
