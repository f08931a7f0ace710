//! A client of fred that is connected again.

use core::time::Duration;
use std::time::Instant;

use fred::clients::Client;
use fred::interfaces::ClientLike;
use fred::types::{ClientState, ConnectHandle};

use crate::telemetry::report_not_connected;

/// Connects this client, and connects it again where fred gives up. Spawn it for each client of a pool, in the place of
/// `connect`. To end it, abort its task, which closes the connections of the client, too:
///
/// ```no_run
/// # async fn example(client: handclasp_redis::fred::clients::Client) {
/// use std::time::Duration;
/// use handclasp_redis::fred::interfaces::ClientLike;
/// use handclasp_redis::stay_connected;
///
/// let connected = tokio::spawn(stay_connected(client.clone()));
/// // At the end: `quit` lets the calls that are under way finish. It may never return while the store is away.
/// let _ = tokio::time::timeout(Duration::from_secs(1), client.quit()).await;
/// connected.abort();
/// # }
/// ```
///
/// `quit` alone is not enough. It ends this future where the client is connected. But where the store is away, fred
/// may lose a `quit`, and it ignores one that comes during a pause.
///
/// fred connects again itself where a connection is lost, as its `ReconnectPolicy` says. But its task ends where that
/// policy has an end, where the first connection fails with `Config::fail_fast`, and where a node of a cluster redirects
/// a call with `ASK`, because a slot moves. Without its task, a client answers no call any more.
///
/// Before it is connected again, the client rests for 100 milliseconds, and twice as long each time, up to 5 seconds. It
/// rests for 100 milliseconds again after a task of fred that ran for longer than the pause before. With the feature
/// `tracing` there is a warning at each pause; fred reports failed connections with `EventInterface::error_rx`.
/// A client without `fail_fast` needs a `ReconnectPolicy`: otherwise fred makes no attempt, and this future ends at
/// once.
pub async fn stay_connected(client: Client) {
    let mut pauses = Pauses::default();
    loop {
        let started = Instant::now();
        let mut task = FredTask(client.connect());
        let error = match (&mut task.0).await {
            Ok(Ok(())) => return,
            // After a `quit` while fred waited for its next attempt.
            Ok(Err(error)) if error.is_canceled() => return,
            Ok(Err(error)) => error,
            // The task has panicked.
            Err(error) => error.into(),
        };
        refuse_calls(&client);
        let pause = pauses.next_after(started.elapsed());
        report_not_connected(client.id(), pause, &error);
        tokio::time::sleep(pause).await;
        // fred 10.1 counts the calls that wait to be sent, and sends a call at once where no other waits. It does not
        // count down the calls that it cancels when its task ends: calls would wait for others from then on. Now none
        // waits.
        client.inner().counters.take_cmd_buffer_len();
    }
}

/// Ends the calls that wait for fred's task, which has ended, and those that come until the client is connected again.
/// fred leaves the client in the state of a connected one: calls would wait for the next task, in vain.
fn refuse_calls(client: &Client) {
    client.inner().set_client_state(ClientState::Disconnected);
    drop(client.inner().take_command_rx());
}

/// The task that has a client's connections. It ends when this is dropped.
struct FredTask(ConnectHandle);

impl Drop for FredTask {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// How long a client rests before it is connected again.
#[derive(Default)]
struct Pauses {
    /// Zero before the first one.
    last: Duration,
}

impl Pauses {
    const SHORTEST: Duration = Duration::from_millis(100);
    const LONGEST: Duration = Duration::from_secs(5);

    /// The next pause, after a task of fred that ran for this long.
    fn next_after(&mut self, ran: Duration) -> Duration {
        self.last = if ran > self.last {
            Self::SHORTEST
        } else {
            (2 * self.last).clamp(Self::SHORTEST, Self::LONGEST)
        };
        self.last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_milliseconds(pauses: &mut Pauses, ran: [u64; 8]) -> [u128; 8] {
        ran.map(|ran| pauses.next_after(Duration::from_millis(ran)).as_millis())
    }

    #[test]
    fn a_pause_is_twice_as_long_each_time_up_to_five_seconds() {
        let pauses = in_milliseconds(&mut Pauses::default(), [0; 8]);
        assert_eq!(pauses, [100, 200, 400, 800, 1600, 3200, 5000, 5000]);
    }

    #[test]
    fn a_pause_is_short_after_a_task_that_ran_for_longer_than_the_one_before() {
        let ran = [60_000, 100, 201, 0, 5000, 100, 200, 400];
        let pauses = in_milliseconds(&mut Pauses::default(), ran);
        assert_eq!(pauses, [100, 200, 100, 200, 100, 200, 400, 800]);
    }
}
