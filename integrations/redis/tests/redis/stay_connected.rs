//! A client that is connected again until its task is aborted.

use std::sync::Arc;
use std::time::Duration;

use crate::fleet::{builder, until};
use handclasp_redis::fred::clients::Client;
use handclasp_redis::fred::interfaces::{ClientLike, EventInterface};
use handclasp_redis::fred::types::config::{Config, ReconnectPolicy};
use handclasp_redis::stay_connected;
use handclasp_testing::redis_server::RedisServer;
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
