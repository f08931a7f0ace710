//! What happens to the ticket keys of a fleet when an attacker writes to the store, or it loses its data.

use std::time::{Duration, SystemTime};

use crate::fleet::{client_of, until};
use crate::ticket_keys::{
    HASH, NEW, OLD, ids, new_server, opens, quiet, sealing, start, store_field, store_to_lose,
    store_with, stored, ticket_of, two_servers,
};
use handclasp::Reply;
use handclasp::pki_types::UnixTime;
use handclasp::session::SessionStore;
use handclasp_redis::fred::interfaces::LuaInterface;
use handclasp_redis::fred::types::Value;
use handclasp_redis::{Error, RedisTicketKeys, TicketKeyOptions, handclasp};
use handclasp_testing::redis_server::RedisServer;
use tokio::time::timeout;

const DAY: Duration = Duration::from_secs(86_400);

/// Runs an attacker's script on the hash of the keys.
async fn attack(server: &RedisServer, script: &str) {
    let _: Value = client_of(server).await.eval(script, HASH, Vec::<String>::new()).await.unwrap();
}

/// Random keys change by themselves: none of them opens a ticket after more than eight days. Those of the fleet are
/// replaced by the fleet only.
fn seals_with_changing_random_keys(keys: &RedisTicketKeys) -> bool {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let later = UnixTime::since_unix_epoch(now + 9 * DAY);
    matches!(keys.take(&ticket_of(keys), later), Reply::Now(None))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_has_ended_neither_seals_nor_opens_when_it_is_written_again() {
    let Some(server) = RedisServer::start_if_available() else { return };
    let mut options = TicketKeyOptions::default();
    options.refresh_interval = Duration::from_millis(100);
    options.period = Duration::from_millis(600);
    options.ticket_lifetime = Duration::from_millis(300);
    // On a slow machine it may have ended before it is copied.
    let (leaked, saved, ticket) = loop {
        let store = store_with(&server, &[OLD]).await;
        let keys = RedisTicketKeys::start(&store, options).await.unwrap();
        let (Some(id), ticket) = (sealing(&keys), ticket_of(&keys)) else { continue };
        let key = keys.status().keys.into_iter().find(|key| key.id == id).unwrap();
        if let Some(saved) = stored(&server, &format!("key:{id}")).await {
            break (key, saved, ticket);
        }
    };
    until("the key has ended", async || {
        let time = server.command(&["EVAL", "return redis.call('TIME')[1]", "0"]);
        let seconds: u64 = time.parse().unwrap();
        seconds > leaked.opens_until.as_secs()
    })
    .await;
    // No server is left that knows of it: it is the only key in the store.
    let field = format!("key:{}", leaked.id);
    server.command(&["DEL", HASH]);
    store_field(&server, &field, &saved).await;
    let new = new_server(&server).await;
    assert!(!ids(&new).contains(&leaked.id));
    assert!(sealing(&new).is_some_and(|id| id != leaked.id));
    assert!(!opens(&new, &ticket) && opens(&new, &ticket_of(&new)));
    assert_eq!(stored(&server, &field).await, None);
    // Nor does a server that cannot write to the store take it.
    store_field(&server, &field, &saved).await;
    assert_eq!(server.command(&["ACL", "SETUSER", "default", "-hset"]), "OK");
    new.refresh().await.unwrap();
    let without_writing = new_server(&server).await;
    for server in [&new, &without_writing] {
        assert!(!ids(server).contains(&leaked.id) && !opens(server, &ticket));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn revocations_that_an_attacker_writes_stop_no_revocation_of_the_operator() {
    let Some(server) = RedisServer::start_if_available() else { return };
    let servers = two_servers(&server).await;
    let [id] = ids(&servers[0])[..] else { panic!() };
    let field = format!("key:{id}");
    let leaked = stored(&server, &field).await.unwrap();
    let ticket = ticket_of(&servers[0]);
    attack(
        &server,
        "for n = 1, 1500 do \
           redis.call('HSET', KEYS[1], string.format('revoked:%032x', n), '18446744073709551615') \
         end",
    )
    .await;
    // Also one of the key itself, which is no proof, before the operator's.
    store_field(&server, &format!("revoked:{id}"), b"18446744073709551615").await;
    servers[0].revoke(id).await.unwrap();
    servers[1].refresh().await.unwrap();
    assert!(servers.iter().all(|server| !opens(server, &ticket)));
    // The attacker brings the key back. All servers remember the operator's revocation, and none remembers the others.
    assert_eq!(server.command(&["DEL", HASH]), "1");
    store_field(&server, &field, &leaked).await;
    servers[1].refresh().await.unwrap();
    assert!(!opens(&servers[1], &ticket));
    assert_eq!(stored(&server, &field).await, None);
    let length: usize = server.command(&["HLEN", HASH]).parse().unwrap();
    assert!(length < 6, "{length}");
    let new = new_server(&server).await;
    assert!(!opens(&new, &ticket) && opens(&new, &ticket_of(&servers[1])));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_value_of_the_generation_stops_rotations_and_revocations() {
    let Some(server) = RedisServer::start_if_available() else { return };
    let servers = two_servers(&server).await;
    for value in [
        &b"many"[..],
        b"07",
        b"+5",
        b"-1",
        b"",
        b"9223372036854775807",
        b"18446744073709551616",
        &[0, 0xff, b'\r', b'\n'],
        &[b'9'; 5000],
    ] {
        store_field(&server, "generation", value).await;
        servers[0].rotate().await.unwrap();
        store_field(&server, "generation", value).await;
        servers[0].revoke(ids(&servers[0])[0]).await.unwrap();
        let written = stored(&server, "generation").await.unwrap();
        servers[1].refresh().await.unwrap();
        assert_eq!(ids(&servers[0]), ids(&servers[1]), "{value:?}");
        assert!(servers[1].status().last_error.is_none());
        assert_ne!(written, value, "it is another one after each change");
    }
    assert_eq!(server.command(&["HDEL", HASH, "generation"]), "1");
    servers[1].rotate().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hash_with_too_many_fields_is_refused_in_words_and_is_written_again_when_it_is_removed() {
    let Some(server) = RedisServer::start_if_available() else { return };
    let keys = new_server(&server).await;
    let (before, ticket) = (ids(&keys), ticket_of(&keys));
    attack(&server, "for n = 1, 3000 do redis.call('HSET', KEYS[1], n, n) end").await;
    let error = keys.refresh().await.unwrap_err().to_string();
    assert!(error.contains("too many fields") && error.contains("remove this key"), "{error}");
    assert!(opens(&keys, &ticket));
    assert_eq!(server.command(&["DEL", HASH]), "1");
    keys.refresh().await.unwrap();
    let new = new_server(&server).await;
    assert_eq!((ids(&keys), ids(&new)), (before.clone(), before));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_has_lost_its_data_gets_all_keys_again_if_a_new_server_comes_first() {
    let Some(server) = RedisServer::start_if_available() else { return };
    let servers = two_servers(&server).await;
    let ticket = ticket_of(&servers[0]);
    servers[0].rotate().await.unwrap();
    let revoked = ids(&servers[0])[0];
    servers[0].revoke(revoked).await.unwrap();
    assert_eq!(server.command(&["FLUSHALL"]), "OK");
    let new = new_server(&server).await;
    assert!(!opens(&new, &ticket), "it knows nothing yet");
    let made = ticket_of(&new);
    for server in [&servers[0], &servers[1], &new] {
        server.refresh().await.unwrap();
    }
    for server in [&servers[0], &servers[1], &new] {
        assert!(opens(server, &ticket) && opens(server, &made), "{:?}", server.status());
        assert!(!ids(server).contains(&revoked));
    }
    assert!(stored(&server, &format!("revoked:{revoked}")).await.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_that_this_server_cannot_open_are_named_when_all_are_revoked() {
    let Some(server) = RedisServer::start_if_available() else { return };
    let old = new_server(&server).await;
    let changed = start(&store_with(&server, &[NEW, OLD]).await).await;
    changed.rotate().await.unwrap();
    let [not_known, first] = ids(&changed)[..] else { panic!() };
    let error = old.revoke_all().await.unwrap_err();
    assert!(matches!(error, Error::TicketKeysNotOpened(1)), "{error:?}");
    changed.refresh().await.unwrap();
    assert!(ids(&changed).contains(&not_known) && !ids(&changed).contains(&first));
    // The server with both keys revokes all, and the other one goes by that, without a proof.
    let before = ids(&old);
    changed.revoke_all().await.unwrap();
    old.refresh().await.unwrap();
    assert!(before.iter().all(|id| !ids(&old).contains(id)), "{:?}", old.status());
    assert!(ids(&changed).iter().all(|id| *id != not_known && !before.contains(id)));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_revoked_before_the_store_is_read_is_revoked_when_it_is() {
    if !RedisServer::is_available() {
        return;
    }
    let mut server = RedisServer::start_persistent();
    let shared = start(&store_to_lose(&server).await).await;
    let ticket = ticket_of(&shared);
    let stores = [store_to_lose(&server).await, store_to_lose(&server).await];
    server.kill();
    let alone = start(&stores[0]).await;
    let of_random_key = ticket_of(&alone);
    assert!(opens(&alone, &of_random_key));
    assert!(alone.revoke_all().await.is_err(), "the others do not know it yet");
    assert!(!opens(&alone, &of_random_key), "at once");
    assert!(alone.refresh().await.is_err());
    let after = ticket_of(&alone);
    assert!(alone.refresh().await.is_err());
    assert!(opens(&alone, &after), "the random keys are revoked once");
    assert!(seals_with_changing_random_keys(&alone));
    server.restart();
    for server in [&alone, &shared] {
        until("the store is read", async || server.refresh().await.is_ok()).await;
        assert!(!opens(server, &ticket) && opens(server, &ticket_of(server)));
    }
    assert_eq!(ids(&alone), ids(&shared));
    // It is done once.
    let kept = ticket_of(&shared);
    alone.refresh().await.unwrap();
    assert!(opens(&alone, &kept));

    // One key, in the same way.
    let [id] = ids(&shared)[..] else { panic!() };
    server.kill();
    let alone = start(&stores[1]).await;
    assert!(alone.revoke(id).await.is_err());
    server.restart();
    for server in [&alone, &shared] {
        until("the store is read", async || server.refresh().await.is_ok()).await;
        assert!(!opens(server, &kept) && !ids(server).contains(&id));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_can_read_the_store_but_not_write_has_random_keys_that_change() {
    let Some(server) = RedisServer::start_if_available() else { return };
    assert_eq!(server.command(&["ACL", "SETUSER", "default", "-hset"]), "OK");
    let store = store_with(&server, &[OLD]).await;
    let mut required = quiet();
    required.first_start = handclasp_redis::FirstStart::StoreRequired;
    assert!(RedisTicketKeys::start(&store, required).await.is_err());
    let keys = start(&store).await;
    assert!(keys.status().last_error.is_some() && ids(&keys).is_empty());
    let ticket = ticket_of(&keys);
    assert!(keys.refresh().await.is_err());
    assert!(opens(&keys, &ticket), "the same keys");
    assert!(seals_with_changing_random_keys(&keys));
    assert_eq!(server.command(&["ACL", "SETUSER", "default", "+hset"]), "OK");
    keys.refresh().await.unwrap();
    assert_eq!(ids(&keys).len(), 1);
    assert!(!seals_with_changing_random_keys(&keys));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_revoked_at_once_also_if_the_caller_does_not_wait_for_the_store() {
    let Some(server) = RedisServer::start_if_available() else { return };
    let servers = two_servers(&server).await;
    let [id] = ids(&servers[0])[..] else { panic!() };
    let ticket = ticket_of(&servers[0]);
    server.pause();
    // The store is asked, and the call is dropped.
    assert!(timeout(Duration::ZERO, servers[0].revoke(id)).await.is_err());
    assert!(timeout(Duration::ZERO, servers[1].revoke_all()).await.is_err());
    assert!(servers.iter().all(|server| !opens(server, &ticket)));
    server.resume();
    for keys in &servers {
        until("the store is read", async || keys.refresh().await.is_ok()).await;
    }
    let new = new_server(&server).await;
    assert!(!opens(&new, &ticket) && !ids(&new).contains(&id));
}
