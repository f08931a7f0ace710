//! A store that is down or silent: full handshakes, no 0-RTT data, no failed handshake.

use std::sync::Arc;
use std::time::Duration;

use crate::fleet::{Fleet, builder, client_of, meet, register_in, store_on, store_with, until};
use handclasp::ClientConfig;
use handclasp::handshake::EarlyData;
use handclasp::pki_types::UnixTime;
use handclasp::session::{ReplayCheck, SessionStore};
use handclasp::transport::tokio::Acceptor;
use handclasp_redis::fred::interfaces::{ClientLike, KeysInterface};
use handclasp_redis::fred::types::config::Config;
use handclasp_redis::{RedisSessions, RedisStrikeRegister, handclasp};
use handclasp_testing::redis_server::RedisServer;
use tokio::time::timeout;

/// Two servers of one store: one with its sessions there, one with the register. Each has a client with a ticket.
struct Servers {
    fleet: Fleet,
    sessions: Acceptor,
    register: Acceptor,
    early_client: Arc<ClientConfig>,
}

impl Servers {
    /// Handshakes have ten seconds, so the store has less.
    async fn on(server: &RedisServer) -> Self {
        let store = store_on(server).await.timeout(Duration::from_millis(500));
        let fleet = Fleet::new();
        let sessions = fleet.server_of_sessions(&RedisSessions::new(&store).unwrap());
        let register = RedisStrikeRegister::new(&store).unwrap();
        let register = fleet.server_of_register(&register);
        let early_client = fleet.client();
        let servers = Self { fleet, sessions, register, early_client };
        servers.wait_until_all_works().await;
        servers
    }

    async fn wait_until_all_works(&self) {
        until("0-RTT data are accepted", async || {
            meet(&self.early_client, &self.register).await.early_data == EarlyData::Accepted
        })
        .await;
        let client = self.fleet.client();
        until("a session is resumed", async || meet(&client, &self.sessions).await.resumed).await;
    }

    /// Handshakes are complete without the store.
    async fn meet_without_store(&self) {
        let client = self.fleet.client();
        for _ in 0..8 {
            assert!(!meet(&client, &self.sessions).await.resumed);
            let early = meet(&self.early_client, &self.register).await;
            assert!(early.resumed, "the session is in the ticket");
            assert_eq!(early.early_data, EarlyData::Rejected);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_store_there_are_full_handshakes_and_with_it_again_resumptions() {
    let Some(mut server) = RedisServer::start_if_available() else { return };
    let servers = Servers::on(&server).await;
    server.kill();
    servers.meet_without_store().await;
    server.restart();
    servers.wait_until_all_works().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_store_delays_handshakes_by_its_timeout_at_most_and_none_fails() {
    let Some(server) = RedisServer::start_if_available() else { return };
    let servers = Servers::on(&server).await;
    server.pause();
    servers.meet_without_store().await;
    server.resume();
    servers.wait_until_all_works().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_silent_store_has_done_meanwhile_is_not_done_twice() {
    let Some(server) = RedisServer::start_if_available() else { return };
    let patient = store_on(&server).await;
    let register = register_in(&patient).await;
    let record = Fleet::new().record(&register).await;
    let hasty = store_on(&server).await.timeout(Duration::from_millis(200));
    let hasty = RedisStrikeRegister::new(&hasty).unwrap();
    until("the register reaches the store", async || hasty.refresh().await.is_ok()).await;
    server.pause();
    // The request is in the store's socket.
    assert_eq!(hasty.check(&record).await, ReplayCheck::Unknown);
    server.resume();
    until("the store records it", async || server.command(&["ZCARD", "{fleet:records:0}"]) == "3")
        .await;
    assert_eq!(register.check(&record).await, ReplayCheck::Seen);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_has_ended_before_it_was_sent_is_not_sent_later() {
    let Some(server) = RedisServer::start_if_available() else { return };
    let patient = store_on(&server).await;
    let register = register_in(&patient).await;
    let record = Fleet::new().record(&register).await;
    let sessions = RedisSessions::new(&patient).unwrap();
    let put = sessions.put(b"a session", UnixTime::now(), Duration::from_secs(600));
    let ticket = put.unwrap();
    let written = ["EVAL", "return #redis.call('KEYS', 'fleet:session*')", "0"];
    until("it is written", async || server.command(&written) == "1").await;

    let client = client_of(&server).await;
    let hasty = store_with(client.clone()).timeout(Duration::from_millis(200));
    let hasty_sessions = RedisSessions::new(&hasty).unwrap();
    let hasty_register = RedisStrikeRegister::new(&hasty).unwrap();
    until("the register reaches the store", async || hasty_register.refresh().await.is_ok()).await;
    let records = || server.command(&["ZCARD", "{fleet:records:0}"]);
    let before = records();
    server.pause();
    // fred does not finish to send them: they are larger than the buffers of a socket. The second is for a fred that
    // only begins to send the first.
    for _ in 0..2 {
        let value = "0".repeat(32 << 20);
        let set = client.set::<(), _, _>("large", value, None, None, false);
        assert!(timeout(Duration::ZERO, set).await.is_err());
    }
    assert!(hasty_sessions.take_session(&ticket).await.is_none());
    assert_eq!(hasty_register.check(&record).await, ReplayCheck::Unknown);
    server.resume();
    // Behind the others, so that these were done or left out.
    client.ping::<()>(None).await.unwrap();
    assert!(sessions.take_session(&ticket).await.is_some(), "no server has used it");
    assert_eq!(records(), before, "the ClientHello is not recorded");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_starts_without_the_store_and_reaches_it_later() {
    let Some(mut server) = RedisServer::start_if_available() else { return };
    let mut config = Config::from_url(&server.url()).unwrap();
    config.fail_fast = false;
    server.kill();
    let client = builder(config).build().unwrap();
    client.connect();
    let store = store_with(client).timeout(Duration::from_millis(500));
    let (fleet, sessions) = (Fleet::new(), RedisSessions::new(&store).unwrap());
    let register = RedisStrikeRegister::new(&store).unwrap();
    let acceptors = [fleet.server_of_sessions(&sessions), fleet.server_of_register(&register)];
    for acceptor in &acceptors {
        assert!(!meet(&fleet.client(), acceptor).await.resumed);
    }
    server.restart();
    let client = fleet.client();
    until("a session is resumed", async || meet(&client, &acceptors[0]).await.resumed).await;
    let client = fleet.client();
    until("0-RTT data are accepted", async || {
        meet(&client, &acceptors[1]).await.early_data == EarlyData::Accepted
    })
    .await;
}
