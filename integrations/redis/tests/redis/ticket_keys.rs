//! Ticket keys that servers share and change, on a real Redis.

use std::time::{Duration, Instant};

use crate::fleet::{PREFIX, client_of, until};
use handclasp::Reply;
use handclasp::pki_types::UnixTime;
use handclasp::session::SessionStore;
use handclasp_redis::fred::interfaces::LuaInterface;
use handclasp_redis::fred::types::Value;
use handclasp_redis::{
    Error, FirstStart, RedisStore, RedisTicketKeys, SealingKeys, TicketKeyId, TicketKeyOptions,
    TicketKeyRole, handclasp,
};
use handclasp_testing::process::PATIENCE;
use handclasp_testing::redis_server::RedisServer;

pub(crate) const OLD: [u8; 32] = *b"the old sealing key of the tests";
pub(crate) const NEW: [u8; 32] = *b"the new sealing key of the tests";
pub(crate) const HASH: &str = "fleet:ticket-keys";
const SESSION: &[u8] = b"a session";

/// A server of the fleet has a client of its own.
pub(crate) async fn store_with(server: &RedisServer, sealing_keys: &[[u8; 32]]) -> RedisStore {
    let keys = SealingKeys::from_bytes(sealing_keys.as_flattened()).unwrap();
    RedisStore::new(client_of(server).await, PREFIX, keys).unwrap().timeout(PATIENCE)
}

/// For a Redis that is killed in the test. Calls to it are waited for.
pub(crate) async fn store_to_lose(server: &RedisServer) -> RedisStore {
    store_with(server, &[OLD]).await.timeout(Duration::from_secs(3))
}

/// Nothing happens by itself within a test: servers refresh when the test calls for it.
pub(crate) fn quiet() -> TicketKeyOptions {
    let mut options = TicketKeyOptions::default();
    options.refresh_interval = Duration::from_secs(3600);
    options
}

pub(crate) async fn start(store: &RedisStore) -> RedisTicketKeys {
    RedisTicketKeys::start(store, quiet()).await.unwrap()
}

/// Another server of the fleet, on a Redis that stays.
pub(crate) async fn new_server(server: &RedisServer) -> RedisTicketKeys {
    start(&store_with(server, &[OLD]).await).await
}

/// On a Redis that may be killed.
pub(crate) async fn two_servers(server: &RedisServer) -> [RedisTicketKeys; 2] {
    let stores = [store_to_lose(server).await, store_to_lose(server).await];
    [start(&stores[0]).await, start(&stores[1]).await]
}

pub(crate) fn ticket_of(keys: &RedisTicketKeys) -> Vec<u8> {
    keys.put(SESSION, UnixTime::now(), Duration::from_secs(7200)).unwrap()
}

pub(crate) fn opens(keys: &RedisTicketKeys, ticket: &[u8]) -> bool {
    match keys.take(ticket, UnixTime::now()) {
        Reply::Now(Some(session)) => session.as_slice() == SESSION,
        Reply::Now(None) => false,
        Reply::Later => panic!("the keys are in memory"),
    }
}

pub(crate) fn ids(keys: &RedisTicketKeys) -> Vec<TicketKeyId> {
    keys.status().keys.iter().map(|key| key.id).collect()
}

pub(crate) fn sealing(keys: &RedisTicketKeys) -> Option<TicketKeyId> {
    let keys = keys.status().keys;
    keys.iter().find(|key| key.role == TicketKeyRole::Sealing).map(|key| key.id)
}

/// What the hash has in this field.
pub(crate) async fn stored(server: &RedisServer, field: &str) -> Option<Vec<u8>> {
    let script = "return redis.call('HGET', KEYS[1], ARGV[1])";
    let client = client_of(server).await;
    let value: Value = client.eval(script, HASH, vec![field.to_owned()]).await.unwrap();
    value.into_bytes().map(|bytes| bytes.to_vec())
}

pub(crate) async fn store_field(server: &RedisServer, field: &str, value: &[u8]) {
    let script = "return redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])";
    let arguments = vec![Value::from(field), Value::Bytes(value.to_vec().into())];
    let _: Value = client_of(server).await.eval(script, HASH, arguments).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_open_each_others_tickets_and_have_one_key() {
    let Some(server) = RedisServer::start_if_available() else { return };
    let servers = two_servers(&server).await;
    assert_eq!(ids(&servers[0]), ids(&servers[1]));
    assert_eq!(ids(&servers[0]).len(), 1);
    for [from, to] in [[0, 0], [0, 1], [1, 0], [1, 1]] {
        assert!(opens(&servers[to], &ticket_of(&servers[from])), "{from} {to}");
    }
    let status = servers[0].status();
    assert!(status.since_refresh.is_some() && status.last_error.is_none(), "{status:?}");
    assert!(status.refused.is_empty());
    let [key] = &status.keys[..] else { panic!("{status:?}") };
    assert_eq!(key.role, TicketKeyRole::Sealing);
    assert!(key.made_at < key.seals_from && key.seals_from < key.seals_until);
    // The store keeps it for no longer than it is needed.
    let seconds: i64 = server.command(&["TTL", HASH]).parse().unwrap();
    assert!((7 * 86_400..10 * 86_400).contains(&seconds), "{seconds}");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_servers_that_start_at_once_one_makes_the_key() {
    let Some(server) = RedisServer::start_if_available() else { return };
    for _ in 0..5 {
        assert_eq!(server.command(&["FLUSHALL"]), "OK");
        let mut started = Vec::new();
        for _ in 0..8 {
            let store = store_with(&server, &[OLD]).await;
            started.push(tokio::spawn(async move { start(&store).await }));
        }
        let mut seen = Vec::new();
        for server in started {
            seen.extend(ids(&server.await.unwrap()));
        }
        assert_eq!(seen.len(), 8);
        seen.dedup();
        assert_eq!(seen.len(), 1, "{seen:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_change_by_themselves_and_tickets_of_before_open() {
    let Some(server) = RedisServer::start_if_available() else { return };
    let mut options = TicketKeyOptions::default();
    options.refresh_interval = Duration::from_millis(50);
    options.period = Duration::from_millis(300);
    options.ticket_lifetime = Duration::from_secs(60);
    let mut servers = Vec::new();
    for _ in 0..2 {
        let store = store_with(&server, &[OLD]).await;
        servers.push(RedisTicketKeys::start(&store, options).await.unwrap());
    }
    let (mut tickets, mut seals) = (Vec::new(), Vec::new());
    let deadline = Instant::now() + PATIENCE;
    while seals.len() < 4 {
        assert!(Instant::now() < deadline, "{:?}", servers[0].status());
        let id = sealing(&servers[0]).unwrap();
        if seals.last() != Some(&id) {
            seals.push(id);
            tickets.push(ticket_of(&servers[0]));
            // What the first one had read, the other one can read.
            servers[1].refresh().await.unwrap();
            assert!(tickets.iter().all(|ticket| opens(&servers[1], ticket)));
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let [first, second, third, fourth] = seals[..] else { panic!("{seals:?}") };
    assert!(first != second && second != third && third != fourth && first != third);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_key_waits_until_all_have_learned_it() {
    let Some(server) = RedisServer::start_if_available() else { return };
    let servers = two_servers(&server).await;
    let first = sealing(&servers[0]);
    servers[0].rotate().await.unwrap();
    servers[1].refresh().await.unwrap();
    for server in &servers {
        assert_eq!(sealing(server), first);
        let keys = server.status().keys;
        assert_eq!((keys.len(), keys[0].role), (2, TicketKeyRole::Next));
    }
    // It opens before it seals: to be safe, if another server were ahead.
    assert_eq!(ids(&servers[0]), ids(&servers[1]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_the_store_starts_with_random_keys_or_not_at_all() {
    let Some(mut server) = RedisServer::start_if_available() else { return };
    let shared = start(&store_to_lose(&server).await).await;
    let store = store_to_lose(&server).await;
    server.kill();
    let mut options = quiet();
    options.first_start = FirstStart::StoreRequired;
    assert!(RedisTicketKeys::start(&store, options).await.is_err());
    let alone = start(&store).await;
    let status = alone.status();
    assert!(status.keys.is_empty() && status.since_refresh.is_none());
    assert!(status.last_error.is_some_and(|error| !error.is_empty()));
    assert!(opens(&alone, &ticket_of(&alone)));
    assert!(!opens(&shared, &ticket_of(&alone)), "each has its own");
    // When the store answers, it has the keys of the others.
    server.restart();
    for server in [&shared, &alone] {
        until("the store is read", async || server.refresh().await.is_ok()).await;
    }
    assert!(alone.status().last_error.is_none());
    assert_eq!(ids(&alone), ids(&shared));
    assert!(opens(&shared, &ticket_of(&alone)) && opens(&alone, &ticket_of(&shared)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_gone_changes_nothing_and_one_without_its_data_gets_them_again() {
    let Some(mut server) = RedisServer::start_if_available() else { return };
    let servers = two_servers(&server).await;
    servers[0].rotate().await.unwrap();
    servers[1].refresh().await.unwrap();
    let before = ids(&servers[0]);
    let ticket = ticket_of(&servers[0]);
    server.kill();
    assert!(servers[0].refresh().await.is_err());
    assert!(servers[0].rotate().await.is_err());
    assert_eq!(ids(&servers[0]), before);
    assert!(servers.iter().all(|server| opens(server, &ticket)));
    assert!(opens(&servers[1], &ticket_of(&servers[0])));
    assert!(servers[0].status().last_error.is_some());

    server.restart();
    assert_eq!(server.command(&["EXISTS", HASH]), "0", "the data are gone");
    until("the store is read", async || servers[1].refresh().await.is_ok()).await;
    assert_eq!(ids(&servers[1]), before);
    let new = new_server(&server).await;
    assert_eq!(ids(&new), before);
    assert!(opens(&new, &ticket));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_was_changed_in_the_store_is_refused_in_words() {
    let Some(server) = RedisServer::start_if_available() else { return };
    let keys = new_server(&server).await;
    let [id] = ids(&keys)[..] else { panic!() };
    let field = format!("key:{id}");
    let honest = stored(&server, &field).await.unwrap();
    // Its version, its four times, and in its secret: version, name of the sealing key, salt, content, tag.
    let times = [1, 9, 17, 25].map(|start| (start + 7, "its times or its secret were changed"));
    let mut cases = vec![(0, "no ticket key of a version"), (1, "not in their order")];
    cases.extend(times);
    cases.extend([33, 34, 42, 60, honest.len() - 1].map(|place| (place, "were changed")));
    for (place, words) in cases {
        let mut changed = honest.clone();
        changed[place] ^= 0x80;
        store_field(&server, &field, &changed).await;
        let new = new_server(&server).await;
        let status = new.status();
        let [refused] = &status.refused[..] else { panic!("{place}: {status:?}") };
        assert!(refused.contains(words) && refused.contains(&field), "{place}: {refused}");
        assert!(!ids(&new).contains(&id), "{place}");
        assert!(opens(&new, &ticket_of(&new)), "another key seals");
        // A server that knows the honest one writes it again.
        keys.refresh().await.unwrap();
        assert_eq!(stored(&server, &field).await.as_ref(), Some(&honest), "{place}");
        new.refresh().await.unwrap();
        assert!(new.status().refused.is_empty() && ids(&new).contains(&id));
    }
    // It is good under its name only.
    let other = ids(&keys).into_iter().find(|it| *it != id).unwrap();
    store_field(&server, &format!("key:{other}"), &honest).await;
    let new = new_server(&server).await;
    assert_eq!(new.status().refused.len(), 1);
    // What is no hash of keys at all.
    assert_eq!(server.command(&["SET", HASH, "a text"]), "OK");
    let error = keys.refresh().await.unwrap_err();
    assert!(matches!(error, Error::Store(_)), "{error:?}");
    assert!(opens(&keys, &ticket_of(&keys)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_key_is_forgotten_by_all_and_is_not_taken_again() {
    let Some(server) = RedisServer::start_if_available() else { return };
    let servers = two_servers(&server).await;
    let [id] = ids(&servers[0])[..] else { panic!() };
    let field = format!("key:{id}");
    let leaked = stored(&server, &field).await.unwrap();
    let ticket = ticket_of(&servers[0]);
    servers[0].revoke(id).await.unwrap();
    assert!(!opens(&servers[0], &ticket), "at once");
    assert!(opens(&servers[1], &ticket), "it has not read it yet");
    servers[1].refresh().await.unwrap();
    assert!(!opens(&servers[1], &ticket));
    assert!(opens(&servers[1], &ticket_of(&servers[0])), "there is a new one");
    assert_eq!(stored(&server, &field).await, None);
    // An attacker who can write to the store brings it back.
    assert_eq!(server.command(&["HDEL", HASH, &format!("revoked:{id}")]), "1");
    store_field(&server, &field, &leaked).await;
    servers[1].refresh().await.unwrap();
    assert!(!opens(&servers[1], &ticket));
    assert_eq!(stored(&server, &field).await, None, "the store has learned it again");
}

#[tokio::test(flavor = "multi_thread")]
async fn all_keys_can_be_revoked_also_without_the_store() {
    if !RedisServer::is_available() {
        return;
    }
    let mut server = RedisServer::start_persistent();
    let servers = two_servers(&server).await;
    servers[0].rotate().await.unwrap();
    let ticket = ticket_of(&servers[0]);
    servers[0].revoke_all().await.unwrap();
    assert_eq!(ids(&servers[0]).len(), 1);
    assert!(!opens(&servers[0], &ticket));
    servers[1].refresh().await.unwrap();
    assert!(!opens(&servers[1], &ticket) && opens(&servers[1], &ticket_of(&servers[0])));

    let ticket = ticket_of(&servers[0]);
    server.kill();
    assert!(servers[0].revoke_all().await.is_err(), "the others do not know it yet");
    assert!(!opens(&servers[0], &ticket) && opens(&servers[1], &ticket));
    assert!(opens(&servers[0], &ticket_of(&servers[0])), "it goes on with a random key");
    server.restart();
    for server in &servers {
        until("the store is read", async || server.refresh().await.is_ok()).await;
    }
    assert!(!opens(&servers[1], &ticket), "the store has learned it");
    assert!(opens(&servers[1], &ticket_of(&servers[0])));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sealing_key_changes_without_a_full_handshake() {
    let Some(server) = RedisServer::start_if_available() else { return };
    let old = new_server(&server).await;
    let ticket = ticket_of(&old);
    // Each server knows the new key before one of them seals with it.
    let learning = start(&store_with(&server, &[OLD, NEW]).await).await;
    learning.rotate().await.unwrap();
    old.refresh().await.unwrap();
    assert_eq!(ids(&old), ids(&learning));
    let changed = start(&store_with(&server, &[NEW, OLD]).await).await;
    changed.rotate().await.unwrap();
    learning.refresh().await.unwrap();
    assert_eq!(ids(&learning), ids(&changed));
    assert!(opens(&changed, &ticket) && opens(&learning, &ticket));
    // One that does not know it says so, and goes on with what it can open.
    old.refresh().await.unwrap();
    let status = old.status();
    let [refused] = &status.refused[..] else { panic!("{status:?}") };
    assert!(refused.contains("does not have the sealing key"), "{refused}");
    assert!(opens(&old, &ticket_of(&changed)));
}

#[tokio::test(flavor = "multi_thread")]
async fn times_outside_of_their_limits_are_refused() {
    let Some(server) = RedisServer::start_if_available() else { return };
    let store = store_with(&server, &[OLD]).await;
    let day = 86_400_000;
    for (refresh, period, lifetime) in [
        (0, 1000, 1000),
        (60_000, 359_999, 60_000),
        // More keys than the store may have, and times that it does not count to.
        (100, 60_000, 200 * 60_000 + 1),
        (60_000, day, 7 * day + 1),
        (60_000, 366 * day + 1, day),
        (u64::MAX, u64::MAX, day),
    ] {
        let mut options = TicketKeyOptions::default();
        options.refresh_interval = Duration::from_millis(refresh);
        options.period = Duration::from_millis(period);
        options.ticket_lifetime = Duration::from_millis(lifetime);
        let refused = RedisTicketKeys::start(&store, options).await;
        assert!(matches!(refused, Err(Error::TicketKeyTimes)), "{refused:?}");
    }
}
