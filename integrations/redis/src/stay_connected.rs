//! A client of fred that is connected again.

use core::time::Duration;

use fred::clients::Client;
use fred::interfaces::ClientLike;

/// How long a client rests before it is connected again.
const PAUSE: Duration = Duration::from_millis(100);

/// Connects this client, and connects it again where fred gives up, until the application calls `quit`. Spawn it for
/// each client of a pool, in the place of `connect`.
///
/// fred connects again itself where a connection is lost, as its `ReconnectPolicy` says. But its task ends where that
/// policy has an end, and where a node of a cluster redirects a call with `ASK`, because a slot moves. Without its task,
/// a client answers no call any more.
pub async fn stay_connected(client: Client) {
    // The task ends without an error after `quit`.
    while !matches!(client.connect().await, Ok(Ok(()))) {
        tokio::time::sleep(PAUSE).await;
    }
}
