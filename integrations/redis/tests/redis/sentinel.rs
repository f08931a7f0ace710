//! A failover by a sentinel.

use crate::fleet::{Fleet, builder, connected, register_in, store_with, until};
use handclasp::pki_types::UnixTime;
use handclasp::session::{AntiReplay, ReplayCheck, SessionStore};
use handclasp_redis::fred::types::config::{Config, ServerConfig};
use handclasp_redis::{RedisSessions, handclasp};
use handclasp_testing::ports::free_tcp_port;
use handclasp_testing::process::{Folder, Process};
use handclasp_testing::redis_server::RedisServer;

const SERVICE: &str = "fleet";

struct Sentinel {
    port: u16,
    process: Process,
    /// After the process: it writes there.
    _folder: Folder,
}

impl Sentinel {
    /// A sentinel that alone decides about this primary. It knows the replica already.
    fn start(primary: &RedisServer) -> Self {
        for _ in 0..10 {
            let (port, folder) = (free_tcp_port(), Folder::new());
            let config = format!(
                "port {port}\nbind 127.0.0.1\ndir {}\n\
                 sentinel monitor {SERVICE} 127.0.0.1 {} 1\n\
                 sentinel down-after-milliseconds {SERVICE} 1000\n\
                 sentinel failover-timeout {SERVICE} 5000\n",
                folder.path(""),
                primary.port(),
            );
            let file = folder.file("sentinel.conf", config);
            let process = Process::start(&RedisServer::sentinel(), &[&file]);
            let output = process.wait_for_one_of(&["+slave slave", "Failed listening", "bind: A"]);
            if output.contains("+slave slave") {
                return Self { port, process, _folder: folder };
            }
        }
        panic!("the sentinel finds no free port")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_failover_nothing_is_accepted_twice_and_all_goes_on() {
    if !RedisServer::is_available() || !RedisServer::is_sentinel_available() {
        return;
    }
    let mut primary = RedisServer::start();
    let replica = RedisServer::start_replica_of(&primary);
    let sentinel = Sentinel::start(&primary);
    let config = Config {
        server: ServerConfig::new_sentinel(vec![("127.0.0.1", sentinel.port)], SERVICE),
        ..Config::default()
    };
    let store = store_with(connected(&builder(config)).await);
    let register = register_in(&store).await;
    let record = Fleet::new().record(&register).await;
    assert_eq!(register.check(&record).await, ReplayCheck::New);
    let of_primary = register.zone();
    let sessions = RedisSessions::new(&store).unwrap();

    primary.kill();
    sentinel.process.wait_for("+switch-master");
    until("the register reaches the new primary", async || {
        register.refresh().await.is_ok() && register.zone() != of_primary
    })
    .await;
    assert_eq!(register.check(&record).await, ReplayCheck::Unknown);
    let after = Fleet::new().record(&register).await;
    assert_eq!(register.check(&after).await, ReplayCheck::New);
    assert_eq!(register.check(&after).await, ReplayCheck::Seen);

    let ticket = sessions.put(b"a session", UnixTime::now(), std::time::Duration::from_secs(60));
    let ticket = ticket.unwrap();
    until("the session is written", async || replica.command(&["DBSIZE"]) == "2").await;
    assert!(sessions.take_session(&ticket).await.is_some());
    assert!(sessions.take_session(&ticket).await.is_none());
}
