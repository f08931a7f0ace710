//! Sessions in a store that servers share.

use std::sync::Arc;
use std::time::Duration;

use crate::fleet::{Fleet, PREFIX, SEALING_KEY, client_of, meet, store_on, until};
use handclasp::Reply;
use handclasp::pki_types::UnixTime;
use handclasp::session::SessionStore;
use handclasp_redis::fred::interfaces::{ClientLike, KeysInterface};
use handclasp_redis::fred::types::Builder;
use handclasp_redis::fred::types::config::Config;
use handclasp_redis::{Error, RedisSessions, RedisStore, SealingKeys, handclasp};
use handclasp_testing::redis_server::RedisServer;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const SESSION: &[u8] = b"the bytes of a session, with a secret";

async fn sessions_on(server: &RedisServer) -> RedisSessions {
    RedisSessions::new(&store_on(server).await).unwrap()
}

/// Puts a session, and waits until it is in the store.
async fn put(sessions: &RedisSessions, session: &[u8], server: &RedisServer) -> Vec<u8> {
    let before = server.command(&["DBSIZE"]).parse::<u64>().unwrap();
    let ticket = sessions.put(session, UnixTime::now(), DAY).unwrap();
    until_stored(server, before + 1).await;
    ticket
}

async fn until_stored(server: &RedisServer, count: u64) {
    until("the session is written", async || {
        server.command(&["DBSIZE"]).parse::<u64>().unwrap() >= count
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_all_servers_that_ask_for_a_session_one_gets_it() {
    let Some(server) = RedisServer::start_if_available() else { return };
    let first = sessions_on(&server).await;
    let mut others = Vec::new();
    for _ in 0..4 {
        others.push(sessions_on(&server).await);
    }
    for _ in 0..20 {
        let ticket = put(&first, SESSION, &server).await;
        assert_eq!(first.take(&ticket, UnixTime::now()), Reply::Later);
        let asked: Vec<_> = others
            .iter()
            .map(|sessions| {
                let (sessions, ticket) = (sessions.clone(), ticket.clone());
                tokio::spawn(async move { sessions.take_session(&ticket).await })
            })
            .collect();
        let mut found = Vec::new();
        for asked in asked {
            found.extend(asked.await.unwrap());
        }
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].as_slice(), SESSION);
        assert!(first.take_session(&ticket).await.is_none());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_resumes_on_another_server() {
    let Some(server) = RedisServer::start_if_available() else { return };
    let fleet = Fleet::new();
    let [first, second] = [sessions_on(&server).await, sessions_on(&server).await];
    let client = fleet.client();
    assert!(!meet(&client, &fleet.server_of_sessions(&first)).await.resumed);
    until_stored(&server, 1).await;
    assert!(meet(&client, &fleet.server_of_sessions(&second)).await.resumed);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_kept_for_its_lifetime_and_not_in_the_clear() {
    let Some(server) = RedisServer::start_if_available() else { return };
    let lifetime = Duration::from_secs(100);
    let sessions = sessions_on(&server).await;
    let ticket = sessions.put(SESSION, UnixTime::now(), lifetime).unwrap();
    assert_eq!(ticket.len(), 32);
    until_stored(&server, 1).await;
    let key = server.command(&["RANDOMKEY"]);
    assert!(key.starts_with(&format!("{PREFIX}:session:")), "{key}");
    let hex: String = ticket.iter().map(|byte| format!("{byte:02x}")).collect();
    assert!(!hex.contains(key.rsplit(':').next().unwrap()), "the name is not of the ticket");
    let left = server.command(&["TTL", &key]).parse::<u64>().unwrap();
    assert!((50..=100).contains(&left), "{left}");
    let stored: Vec<u8> = client_of(&server).await.get(&key).await.unwrap();
    for secret in [SESSION, &ticket, &SEALING_KEY] {
        assert!(!stored.windows(8).any(|bytes| bytes == &secret[..8]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_that_is_no_session_leads_to_a_full_handshake() {
    if !RedisServer::is_available() {
        return;
    }
    let fleet = Fleet::new();
    for command in [["SET", "bytes"], ["SET", ""], ["LPUSH", "a list"]] {
        let server = RedisServer::start();
        let acceptor = fleet.server_of_sessions(&sessions_on(&server).await);
        let client = fleet.client();
        assert!(!meet(&client, &acceptor).await.resumed);
        until_stored(&server, 1).await;
        let key = server.command(&["RANDOMKEY"]);
        let [name, value] = command;
        assert_eq!(server.command(&["DEL", &key]), "1");
        server.command(&[name, &key, value]);
        assert!(!meet(&client, &acceptor).await.resumed, "{command:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_not_opened_in_the_place_of_another_or_with_another_key() {
    let Some(server) = RedisServer::start_if_available() else { return };
    let client = client_of(&server).await;
    let sessions = sessions_on(&server).await;
    let one = put(&sessions, b"one", &server).await;
    let key_of_one = server.command(&["RANDOMKEY"]);
    let value: Vec<u8> = client.get(&key_of_one).await.unwrap();
    assert!(sessions.take_session(&one).await.is_some());
    let two = put(&sessions, b"two", &server).await;
    let key_of_two = server.command(&["RANDOMKEY"]);
    assert_ne!(key_of_one, key_of_two);
    client.set::<(), _, _>(key_of_two, value.as_slice(), None, None, false).await.unwrap();
    assert!(sessions.take_session(&two).await.is_none());

    let ticket = put(&sessions, SESSION, &server).await;
    let keys = SealingKeys::from_bytes(b"the sealing key of another fleet").unwrap();
    let other = RedisStore::new(client, PREFIX, keys).unwrap();
    assert!(RedisSessions::new(&other).unwrap().take_session(&ticket).await.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn tickets_of_other_stores_are_not_asked_for() {
    let Some(server) = RedisServer::start_if_available() else { return };
    let sessions = sessions_on(&server).await;
    for length in [0, 1, 31, 33, 8192] {
        assert_eq!(sessions.take(&vec![7; length], UnixTime::now()), Reply::Now(None));
        assert!(sessions.take_session(&vec![7; length]).await.is_none());
    }
    assert!(sessions.take_session(&[7; 32]).await.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_get_no_tickets_while_too_many_sessions_wait_to_be_written() {
    let Some(server) = RedisServer::start_if_available() else { return };
    let sessions = sessions_on(&server).await.max_writes(2);
    server.pause();
    for _ in 0..2 {
        sessions.put(SESSION, UnixTime::now(), DAY).unwrap();
    }
    assert!(sessions.put(SESSION, UnixTime::now(), DAY).is_err());
    // The handshake is complete nevertheless.
    let fleet = Fleet::new();
    let client = fleet.client();
    assert!(!meet(&client, &fleet.server_of_sessions(&sessions)).await.resumed);
    server.resume();
    until_stored(&server, 2).await;
    until("a place is free", async || sessions.put(SESSION, UnixTime::now(), DAY).is_ok()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_answers_clients_that_come_back_get_full_handshakes() {
    let Some(server) = RedisServer::start_if_available() else { return };
    let sessions = sessions_on(&server).await;
    let fleet = Fleet::new();
    let client = fleet.client();
    let acceptor = fleet.server_without_answers(&sessions);
    for visit in 1..=3 {
        assert!(!meet(&client, &acceptor).await.resumed);
        until_stored(&server, visit).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pool_is_a_store_too() {
    let Some(server) = RedisServer::start_if_available() else { return };
    let pool =
        Builder::from_config(Config::from_url(&server.url()).unwrap()).build_pool(3).unwrap();
    pool.init().await.unwrap();
    let keys = SealingKeys::from_bytes(&SEALING_KEY).unwrap();
    let store = RedisStore::new(pool, PREFIX, keys).unwrap();
    let sessions = RedisSessions::new(&store).unwrap();
    for _ in 0..6 {
        let ticket = put(&sessions, SESSION, &server).await;
        assert_eq!(sessions.take_session(&ticket).await.unwrap().as_slice(), SESSION);
    }
}

#[test]
fn without_a_runtime_there_are_no_sessions() {
    let client = Builder::default_centralized().build().unwrap();
    let keys = SealingKeys::from_bytes(&SEALING_KEY).unwrap();
    let store = RedisStore::new(client, PREFIX, keys).unwrap();
    assert!(matches!(RedisSessions::new(&store), Err(Error::NoRuntime)));
    assert!(matches!(handclasp_redis::RedisStrikeRegister::new(&store), Err(Error::NoRuntime)));
    let _: Arc<RedisStore> = Arc::new(store);
}
