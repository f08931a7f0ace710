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

use crate::fleet::{Fleet, OPERATORS_KEY, builder, connected, register_in, until};

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

async fn store_of_the_user(server: &RedisServer) -> RedisStore {
    let url = format!("redis://shop:PASSWORD@127.0.0.1:{}", server.port());
    let client = connected(&builder(Config::from_url(&url).unwrap())).await;
    let keys = SealingKeys::from_bytes(&OPERATORS_KEY).unwrap();
    RedisStore::new(client, PREFIX, keys).unwrap().timeout(PATIENCE)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rights_in_the_guide_are_enough() {
    let Some(server) = RedisServer::start_if_available() else { return };
    assert_eq!(server.command(&command_of_the_guide()), "OK");
    let store = store_of_the_user(&server).await;

    let sessions = RedisSessions::new(&store).unwrap();
    let lifetime = Duration::from_secs(100);
    let ticket = sessions.put(b"a session", UnixTime::now(), lifetime).unwrap();
    until("the session is written", async || server.command(&["DBSIZE"]) == "1").await;
    assert_eq!(sessions.fetch(&ticket).await.unwrap().as_slice(), b"a session");

    let register = register_in(&store).await;
    let record = Fleet::new().record(&register).await;
    assert_eq!(register.check(&record).await, ReplayCheck::New);
    assert_eq!(register.check(&record).await, ReplayCheck::Seen);

    let ticket_keys = RedisTicketKeys::start(&store, TicketKeyOptions::default()).await.unwrap();
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
