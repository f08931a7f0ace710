//! A cluster of three primaries.

use std::time::Duration;

use crate::fleet::{Fleet, builder, connected, store_with, until};
use handclasp::pki_types::UnixTime;
use handclasp::session::{AntiReplay, ReplayCheck, SessionStore};
use handclasp_redis::fred::types::config::{Config, ServerConfig};
use handclasp_redis::{RedisSessions, RedisStrikeRegister, RegisterSize, handclasp};
use handclasp_testing::redis_server::RedisServer;

const SLOTS: [[&str; 2]; 3] = [["0", "5460"], ["5461", "10922"], ["10923", "16383"]];

/// Three primaries that know each other, and have all slots.
fn cluster() -> [RedisServer; 3] {
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
    if !RedisServer::is_available() {
        return;
    }
    let nodes = cluster();
    until_ready(&nodes).await;
    let config = Config {
        server: ServerConfig::new_clustered(vec![("127.0.0.1", nodes[0].port())]),
        ..Config::default()
    };
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
        assert!(sessions.fetch(ticket).await.is_some());
        assert!(sessions.fetch(ticket).await.is_none());
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
