//! The register of ClientHellos: each is accepted once, also when the store fails.

use std::sync::Arc;
use std::time::Duration;

use crate::fleet::{
    Fleet, PREFIX, client_of, first_flight, meet, register_in, replay, store_on, until,
};
use handclasp::Reply;
use handclasp::handshake::EarlyData;
use handclasp::pki_types::UnixTime;
use handclasp::session::{AntiReplay, ClientHelloRecord, ReplayCheck};
use handclasp_redis::fred::interfaces::LuaInterface;
use handclasp_redis::{RedisStrikeRegister, RegisterSize, handclasp};
use handclasp_testing::redis_server::RedisServer;

async fn register_on(server: &RedisServer) -> RedisStrikeRegister {
    register_in(&store_on(server).await).await
}

fn with_id(record: &ClientHelloRecord, number: u8) -> ClientHelloRecord {
    let mut other = *record;
    other.id = [number; 32];
    other
}

fn seconds_later(time: UnixTime, seconds: i64) -> UnixTime {
    let then = time.as_secs().checked_add_signed(seconds).unwrap();
    UnixTime::since_unix_epoch(Duration::from_secs(then))
}

fn key(shard: u16) -> String {
    format!("{{{PREFIX}:records:{shard}}}")
}

#[tokio::test(flavor = "multi_thread")]
async fn early_data_are_accepted_once_by_all_servers_together() {
    let Some(server) = RedisServer::start_if_available() else { return };
    let fleet = Fleet::new();
    let mut acceptors = Vec::new();
    for _ in 0..3 {
        acceptors.push(fleet.server_of_register(&register_on(&server).await));
    }
    let client = fleet.client();
    assert!(!meet(&client, &acceptors[0]).await.resumed);
    // With the ticket of one server, another one accepts the data.
    let second = meet(&client, &acceptors[1]).await;
    assert!(second.resumed && second.early_data == EarlyData::Accepted);

    let flight: Arc<[u8]> = first_flight(&client).into();
    let mut replays = Vec::new();
    for _ in 0..8 {
        for acceptor in &acceptors {
            let (flight, acceptor) = (Arc::clone(&flight), acceptor.clone());
            replays.push(tokio::spawn(async move { replay(&flight, &acceptor).await }));
        }
    }
    let mut accepted = 0;
    for replayed in replays {
        accepted += usize::from(replayed.await.unwrap());
    }
    assert_eq!(accepted, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_is_seen_by_each_register_of_the_store() {
    let Some(server) = RedisServer::start_if_available() else { return };
    let [first, second] = [register_on(&server).await, register_on(&server).await];
    assert_eq!(first.zone(), second.zone());
    let record = Fleet::new().record(&first).await;
    assert_eq!(record.zone, first.zone());
    assert_eq!(first.check_and_record(&record, UnixTime::now()), Reply::Later);
    assert_eq!(first.check(&record).await, ReplayCheck::New);
    for register in [&first, &second] {
        assert_eq!(register.check(&record).await, ReplayCheck::Seen);
    }
    assert_eq!(second.check(&with_id(&record, 1)).await, ReplayCheck::New);
    assert_eq!(first.check(&with_id(&record, 1)).await, ReplayCheck::Seen);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_store_was_not_asked_is_not_new() {
    let Some(server) = RedisServer::start_if_available() else { return };
    let register = register_on(&server).await;
    let record = Fleet::new().record(&register).await;
    // Under an external key there is no age.
    let mut ageless = record;
    ageless.fresh_until = None;
    let reply = register.check_and_record(&ageless, UnixTime::now());
    assert_eq!(reply, Reply::Now(ReplayCheck::Unknown));
    assert_eq!(register.check(&ageless).await, ReplayCheck::Unknown);
    // Of no zone, or of that of a server that had no contact yet.
    for zone in [None, Some(handclasp::session::Zone::default())] {
        let mut other = record;
        other.zone = zone;
        assert_eq!(register.check(&other).await, ReplayCheck::Unknown);
    }
    assert_eq!(register.check(&record).await, ReplayCheck::New);
}

/// A ticket of before is refused, and one of after is accepted once.
async fn expect_new_epoch(
    register: &RedisStrikeRegister,
    recorded: &ClientHelloRecord,
    what: &str,
) {
    let fresh = with_id(recorded, 2);
    for record in [recorded, &fresh] {
        assert_eq!(register.check(record).await, ReplayCheck::Unknown, "{what}");
    }
    register.refresh().await.unwrap();
    assert_ne!(register.zone(), recorded.zone, "{what}");
    assert_eq!(register.check(recorded).await, ReplayCheck::Unknown, "{what}");
    let after = Fleet::new().record(register).await;
    assert_eq!(register.check(&after).await, ReplayCheck::New, "{what}");
    assert_eq!(register.check(&after).await, ReplayCheck::Seen, "{what}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_has_lost_its_records_begins_a_new_epoch() {
    let Some(server) = RedisServer::start_if_available() else { return };
    let register = register_on(&server).await;
    let key = key(0);
    for loss in [&["FLUSHALL"][..], &["DEL", &key], &["RENAME", &key, "elsewhere"]] {
        let record = Fleet::new().record(&register).await;
        assert_eq!(register.check(&record).await, ReplayCheck::New);
        server.command(loss);
        expect_new_epoch(&register, &record, loss[0]).await;
    }
    // Another value in the place of the register: nothing is accepted until it is gone.
    let record = Fleet::new().record(&register).await;
    server.command(&["SET", &key, "a text"]);
    assert_eq!(register.check(&record).await, ReplayCheck::Unknown);
    assert!(register.refresh().await.is_err());
    server.command(&["DEL", &key]);
    register.refresh().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_was_started_again_begins_a_new_epoch_also_with_all_its_data() {
    if !RedisServer::is_available() {
        return;
    }
    for mut server in [RedisServer::start_persistent(), RedisServer::start()] {
        let register = register_on(&server).await;
        let record = Fleet::new().record(&register).await;
        assert_eq!(register.check(&record).await, ReplayCheck::New);
        server.restart();
        until("the register reaches the store", async || register.refresh().await.is_ok()).await;
        expect_new_epoch(&register, &record, "restart").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_promoted_replica_begins_a_new_epoch_and_the_old_primary_stays_in_its_own() {
    let Some(primary) = RedisServer::start_if_available() else { return };
    let replica = RedisServer::start_replica_of(&primary);
    // The first replica changes the history of a primary.
    let of_primary = register_on(&primary).await;
    let record = Fleet::new().record(&of_primary).await;
    // While it is a replica, it decides nothing.
    let of_replica = RedisStrikeRegister::new(&store_on(&replica).await).unwrap();
    assert!(of_replica.refresh().await.is_err());

    // It receives no more records from here on, and the old primary still has servers.
    replica.promote();
    assert_eq!(of_primary.check(&record).await, ReplayCheck::New);
    of_replica.refresh().await.unwrap();
    assert_ne!(of_replica.zone(), of_primary.zone());
    assert_eq!(of_replica.check(&record).await, ReplayCheck::Unknown);
    assert_eq!(of_primary.check(&record).await, ReplayCheck::Seen);
    let after = Fleet::new().record(&of_replica).await;
    assert_eq!(of_replica.check(&after).await, ReplayCheck::New);
    assert_eq!(of_primary.check(&after).await, ReplayCheck::Unknown);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_primary_that_was_a_replica_in_between_begins_a_new_epoch() {
    let Some(primary) = RedisServer::start_if_available() else { return };
    let replica = RedisServer::start_replica_of(&primary);
    let register = register_on(&primary).await;
    let record = Fleet::new().record(&register).await;
    replica.wait_until("master_link_status:up");
    until("the epoch is replicated", async || replica.command(&["EXISTS", &key(0)]) == "1").await;
    replica.promote();
    // The replica lacks this one. The replica is not asked: its data name the primary and its epoch.
    assert_eq!(register.check(&record).await, ReplayCheck::New);
    let port = replica.port().to_string();
    assert_eq!(primary.command(&["REPLICAOF", "127.0.0.1", &port]), "OK");
    primary.wait_until("master_link_status:up");
    primary.promote();
    until("the register reaches the store", async || register.refresh().await.is_ok()).await;
    expect_new_epoch(&register, &record, "demoted and promoted").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn freshness_is_by_the_time_of_the_store() {
    let Some(server) = RedisServer::start_if_available() else { return };
    let register = register_on(&server).await;
    let record = Fleet::new().record(&register).await;
    let now = UnixTime::now();
    // As of servers whose clocks are wrong by an hour or by a minute.
    for (number, off) in [-3600, -60, 60, 3600].into_iter().enumerate() {
        let mut wrong = with_id(&record, number as u8);
        wrong.fresh_since = seconds_later(now, off - 10);
        wrong.fresh_until = Some(seconds_later(now, off + 10));
        assert_eq!(register.check(&wrong).await, ReplayCheck::Unknown, "{off}");
    }
    // By five seconds.
    for (number, off) in [-5, 5].into_iter().enumerate() {
        let mut near = with_id(&record, 10 + number as u8);
        near.fresh_since = seconds_later(now, off - 60);
        near.fresh_until = Some(seconds_later(now, off + 60));
        assert_eq!(register.check(&near).await, ReplayCheck::New, "{off}");
        assert_eq!(register.check(&near).await, ReplayCheck::Seen, "{off}");
    }
}

/// The time of the register becomes this, as if the store's clock had shown it before.
async fn set_time(server: &RedisServer, seconds_from_now: i64) -> u64 {
    let then = seconds_later(UnixTime::now(), seconds_from_now).as_secs();
    let score = format!("-{then}");
    assert_eq!(server.command(&["ZADD", &key(0), &score, "time"]), "0");
    then
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_whose_clock_is_set_back_does_not_accept_again_what_was_over() {
    let Some(server) = RedisServer::start_if_available() else { return };
    let register = register_on(&server).await;
    let record = Fleet::new().record(&register).await;
    let zone = register.zone();
    // The clock was ahead by 40 seconds, and was set right: the time stands still.
    set_time(&server, 40).await;
    assert_eq!(register.check(&record).await, ReplayCheck::Unknown, "it is over by that time");
    register.refresh().await.unwrap();
    assert_eq!(register.zone(), zone);

    server.command(&["FLUSHALL"]);
    register.refresh().await.unwrap();
    // It was ahead or behind by more than a minute: a new epoch, whose time is right.
    for off in [3600, -3600] {
        let record = Fleet::new().record(&register).await;
        assert_eq!(register.check(&record).await, ReplayCheck::New);
        set_time(&server, off).await;
        expect_new_epoch(&register, &record, "the clock was wrong").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_register_refuses_more_until_records_are_over() {
    let Some(server) = RedisServer::start_if_available() else { return };
    let mut size = RegisterSize::default();
    size.records = 2;
    let store = store_on(&server).await;
    let register = RedisStrikeRegister::with_size(&store, size).unwrap();
    register.refresh().await.unwrap();
    let mut record = Fleet::new().record(&register).await;
    record.fresh_until = Some(seconds_later(UnixTime::now(), 10));
    for number in 0..2 {
        assert_eq!(register.check(&with_id(&record, number)).await, ReplayCheck::New);
    }
    // Replays need no place.
    for _ in 0..3 {
        assert_ne!(register.check(&with_id(&record, 0)).await, ReplayCheck::New);
    }
    assert_eq!(register.check(&with_id(&record, 2)).await, ReplayCheck::Unknown);
    assert_eq!(server.command(&["ZCARD", &key(0)]), "4", "the epoch, the time and two records");

    // The records are over after some time: the store's clock is ahead by 30 seconds.
    set_time(&server, 30).await;
    record.fresh_until = Some(seconds_later(UnixTime::now(), 60));
    assert_eq!(register.check(&with_id(&record, 3)).await, ReplayCheck::New);
    assert_eq!(server.command(&["ZCARD", &key(0)]), "3");
}

#[tokio::test(flavor = "multi_thread")]
async fn records_are_in_several_keys_where_there_are_several_shards() {
    let Some(server) = RedisServer::start_if_available() else { return };
    let mut size = RegisterSize::default();
    size.shards = 4;
    let store = store_on(&server).await;
    let register = RedisStrikeRegister::with_size(&store, size).unwrap();
    register.refresh().await.unwrap();
    let record = Fleet::new().record(&register).await;
    for number in 0..32 {
        assert_eq!(register.check(&with_id(&record, number)).await, ReplayCheck::New);
        assert_eq!(register.check(&with_id(&record, number)).await, ReplayCheck::Seen);
    }
    for shard in 0..4 {
        assert_eq!(server.command(&["ZCARD", &key(shard)]), "10", "{shard}");
    }
    // Servers with another number of shards are of another zone.
    let other = register_in(&store).await;
    assert_ne!(other.zone(), register.zone());
    assert_eq!(other.check(&record).await, ReplayCheck::Unknown);
    // If one shard is lost, the whole zone is.
    server.command(&["DEL", &key(3)]);
    let zone = register.zone();
    register.refresh().await.unwrap();
    assert_ne!(register.zone(), zone);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_forgets_its_scripts_gets_the_script_again() {
    let Some(server) = RedisServer::start_if_available() else { return };
    let register = register_on(&server).await;
    let record = Fleet::new().record(&register).await;
    client_of(&server).await.script_flush(false).await.unwrap();
    assert_eq!(register.check(&record).await, ReplayCheck::New);
    assert_eq!(register.check(&record).await, ReplayCheck::Seen);
}
