//! A client that is connected again until its task is aborted.

use std::sync::Arc;
use std::time::Duration;

use crate::fleet::{builder, until};
use handclasp_redis::fred::clients::Client;
use handclasp_redis::fred::interfaces::{ClientLike, EventInterface};
use handclasp_redis::fred::types::Builder;
use handclasp_redis::fred::types::config::{Config, Options, ReconnectPolicy};
use handclasp_redis::stay_connected;
use handclasp_testing::redis_server::RedisServer;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// Neither this crate nor fred has a task any more that could connect the client.
async fn until_nothing_runs(client: &Client) {
    until("the tasks of the client end", async || Arc::strong_count(client.inner()) == 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_is_aborted_closes_the_connection() {
    let Some(server) = RedisServer::start_if_available() else { return };
    let client = builder(Config::from_url(&server.url()).unwrap()).build().unwrap();
    let task = tokio::spawn(stay_connected(client.clone()));
    until("it is connected", async || client.ping::<()>(None).await.is_ok()).await;
    task.abort();
    until_nothing_runs(&client).await;
    assert!(client.ping::<()>(None).await.is_err());
    until("the store has one client: this one", async || {
        server.command(&["CLIENT", "LIST"]).lines().count() == 1
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_quits_while_it_is_connected_is_not_connected_again() {
    let Some(server) = RedisServer::start_if_available() else { return };
    let client = builder(Config::from_url(&server.url()).unwrap()).build().unwrap();
    let task = tokio::spawn(stay_connected(client.clone()));
    until("it is connected", async || client.ping::<()>(None).await.is_ok()).await;
    client.quit().await.unwrap();
    task.await.unwrap();
    until_nothing_runs(&client).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_quits_in_the_pause_is_not_connected_again() {
    let Some(mut server) = RedisServer::start_if_available() else { return };
    let client = builder(Config::from_url(&server.url()).unwrap()).build().unwrap();
    server.kill();
    let mut errors = client.error_rx();
    let task = tokio::spawn(stay_connected(client.clone()));
    errors.recv().await.unwrap();
    // Without a task of fred, it returns at once, and nothing is done.
    let _ = timeout(Duration::from_secs(1), client.quit()).await;
    task.abort();
    assert!(task.await.unwrap_err().is_cancelled());
    until_nothing_runs(&client).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_quits_while_fred_waits_for_the_store_is_not_connected_again() {
    let Some(mut server) = RedisServer::start_if_available() else { return };
    let mut config = Config::from_url(&server.url()).unwrap();
    config.fail_fast = false;
    let mut builder = builder(config);
    builder.set_policy(ReconnectPolicy::new_constant(0, 60_000));
    let client = builder.build().unwrap();
    server.kill();
    let task = tokio::spawn(stay_connected(client.clone()));
    until("it ends", async || {
        // fred loses one that comes before it waits.
        let _ = timeout(Duration::from_millis(10), client.quit()).await;
        task.is_finished()
    })
    .await;
    task.await.unwrap();
    until_nothing_runs(&client).await;
}

/// Calls of many tasks, until this is dropped.
struct Load(JoinSet<()>);

impl Load {
    fn on(client: &Client) -> Self {
        let options = Options {
            timeout: Some(Duration::from_millis(250)),
            max_attempts: Some(1),
            fail_fast: true,
            ..Options::default()
        };
        let mut tasks = JoinSet::new();
        for _ in 0..64 {
            let client = client.with_options(&options);
            tasks.spawn(async move {
                loop {
                    let _ = client.ping::<()>(None).await;
                    tokio::task::yield_now().await;
                }
            });
        }
        Self(tasks)
    }

    async fn end(mut self) {
        self.0.shutdown().await;
    }
}

/// fred sends a lone call at once only where it counts no other.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_call_waits_for_others_after_fred_gave_up_a_client_under_load() {
    let Some(mut server) = RedisServer::start_if_available() else { return };
    // Without a policy, fred gives up at the first loss.
    let client = Builder::from_config(Config::from_url(&server.url()).unwrap()).build().unwrap();
    let task = tokio::spawn(stay_connected(client.clone()));
    for _ in 0..4 {
        until("it is connected", async || client.ping::<()>(None).await.is_ok()).await;
        let load = Load::on(&client);
        let mut lost = client.error_rx();
        server.kill();
        lost.recv().await.unwrap();
        server.restart();
        let mut connected = client.reconnect_rx();
        let _ = timeout(Duration::from_secs(1), connected.recv()).await;
        load.end().await;
        until("fred has sent all calls", async || {
            client.inner().counters.read_cmd_buffer_len() == 0
        })
        .await;
    }
    task.abort();
}
