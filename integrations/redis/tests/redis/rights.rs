//! The rights of the servers' user, as the guide's chapter on fleets gives them.

use std::collections::BTreeSet;
use std::time::Duration;

use handclasp::pki_types::UnixTime;
use handclasp::session::{ReplayCheck, SessionStore};
use handclasp_redis::fred::types::config::Config;
use handclasp_redis::{
    RedisSessions, RedisStore, RedisTicketKeys, SealingKeys, TicketKeyOptions, handclasp,
};
use handclasp_testing::process::PATIENCE;
use handclasp_testing::redis_server::RedisServer;

use crate::cluster::cluster_if_available;
use crate::fleet::{Fleet, SEALING_KEY, builder, connected, register_in, until};

const SCRIPTS: [&str; 3] = [
    include_str!("../../src/strike_register.lua"),
    include_str!("../../src/ticket_keys/change.lua"),
    include_str!("../../src/ticket_keys/read.lua"),
];
const GUIDE: &str = include_str!("../../../../src/guide/fleets.md");
/// The prefix in the guide.
const PREFIX: &str = "shop:tls";

/// The words of the command in the guide that makes the user.
fn command_of_the_guide() -> Vec<&'static str> {
    let (_, command) = GUIDE.split_once("redis-cli acl setuser").expect("the guide has it");
    let (command, _) = command.split_once("```").expect("the command ends");
    let words = command.split_whitespace().filter(|word| *word != "\\");
    ["acl", "setuser"].into_iter().chain(words.map(|word| word.trim_matches('\''))).collect()
}

/// The rights that the user needs beside these in a cluster, as the guide has them.
fn rights_in_a_cluster() -> Vec<&'static str> {
    let (_, rights) = GUIDE.split_once("In a cluster, ").expect("the guide has them");
    let (_, rights) = rights.split_once("add `").expect("they begin");
    let (rights, _) = rights.split_once('`').expect("they end");
    rights.split(' ').map(|word| word.trim_matches('\'')).collect()
}

/// The store as this user sees it. `scheme` is the one of the URL.
async fn store_of_the_user(scheme: &str, server: &RedisServer) -> RedisStore {
    let url = format!("{scheme}://shop:PASSWORD@127.0.0.1:{}", server.port());
    let client = connected(&builder(Config::from_url(&url).unwrap())).await;
    let keys = SealingKeys::from_bytes(&SEALING_KEY).unwrap();
    RedisStore::new(client, PREFIX, keys).unwrap().timeout(PATIENCE)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rights_in_the_guide_are_enough() {
    let Some(server) = RedisServer::start_if_available() else { return };
    assert_eq!(server.command(&command_of_the_guide()), "OK");
    use_all_rights(&store_of_the_user("redis", &server).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rights_in_the_guide_are_enough_in_a_cluster() {
    let Some(nodes) = cluster_if_available().await else { return };
    let command = [command_of_the_guide(), rights_in_a_cluster()].concat();
    for node in &nodes {
        assert_eq!(node.command(&command), "OK");
    }
    use_all_rights(&store_of_the_user("redis-cluster", &nodes[0]).await).await;
}

#[test]
fn the_command_in_the_guide_takes_away_what_the_user_had() {
    let Some(server) = RedisServer::start_if_available() else { return };
    assert_eq!(server.command(&["acl", "setuser", "shop", "on", "nopass", "+@all", "~*"]), "OK");
    assert_eq!(server.command(&command_of_the_guide()), "OK");
    let get = server.command(&["acl", "dryrun", "shop", "get", "shop:tls:a-key"]);
    assert!(get.contains("no permissions"), "{get}");
    let other_key = server.command(&["acl", "dryrun", "shop", "getdel", "a-key-of-others"]);
    assert!(other_key.contains("no permissions"), "{other_key}");
}

/// Sessions, the register and ticket keys, with all that they call.
async fn use_all_rights(store: &RedisStore) {
    let sessions = RedisSessions::new(store).unwrap();
    let lifetime = Duration::from_secs(100);
    let ticket = sessions.put(b"a session", UnixTime::now(), lifetime).unwrap();
    until("the session is written", async || {
        let session = sessions.take_session(&ticket).await;
        session.is_some_and(|session| session.as_slice() == b"a session")
    })
    .await;

    let register = register_in(store).await;
    let record = Fleet::new().record(&register).await;
    assert_eq!(register.check(&record).await, ReplayCheck::New);
    assert_eq!(register.check(&record).await, ReplayCheck::Seen);

    let ticket_keys = RedisTicketKeys::start(store, TicketKeyOptions::default()).await.unwrap();
    ticket_keys.revoke_all().await.unwrap();
    let status = ticket_keys.status();
    assert!(status.last_error.is_none() && status.keys.len() == 1, "{status:?}");
}

#[test]
fn the_guide_has_each_command_that_is_called_and_no_other() {
    let mut called = BTreeSet::from(["+getdel", "+set", "+eval", "+evalsha"].map(String::from));
    for script in SCRIPTS {
        for call in script.split("redis.call('").skip(1) {
            let (name, _) = call.split_once('\'').expect("the name ends");
            called.insert(format!("+{}", name.to_lowercase()));
        }
    }
    let words = command_of_the_guide();
    let allowed = words.iter().filter(|word| word.starts_with('+')).map(|word| word.to_string());
    assert_eq!(allowed.collect::<BTreeSet<_>>(), called);
}
