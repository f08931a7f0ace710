//! Metrics and logs, as the documentation of the crate lists them. All that reports runs on the thread of its test.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::time::Duration;

use crate::fleet::{Fleet, register_in, store_on, until};
use crate::ticket_keys;
use handclasp::pki_types::UnixTime;
use handclasp::session::SessionStore;
use handclasp_redis::{RedisSessions, handclasp};
use handclasp_testing::redis_server::RedisServer;
use metrics_exporter_prometheus::PrometheusBuilder;

const DOCUMENTATION: &str = include_str!("../../src/lib.rs");
const LIFETIME: Duration = Duration::from_secs(600);

/// For each metric or label, the labels or values that it has.
type Sets = BTreeMap<String, BTreeSet<String>>;

#[test]
fn the_table_has_each_metric_and_its_labels() {
    let Some(server) = RedisServer::start_if_available() else { return };
    let recorder = PrometheusBuilder::new().build_recorder();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    metrics::with_local_recorder(&recorder, || runtime.block_on(report_everything(&server)));
    let (mut found, mut values) = (Sets::new(), Sets::new());
    let text = recorder.handle().render();
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (series, _) = line.rsplit_once(' ').unwrap();
        let (name, labels) = series.trim_end_matches('}').split_once('{').unwrap_or((series, ""));
        let labels_of_metric = found.entry(name_of_metric(name)).or_default();
        for label in labels.split(',').filter(|label| !label.is_empty()) {
            let (label, value) = label.split_once('=').unwrap();
            // A recorder without buckets gives quantiles.
            if label != "quantile" {
                labels_of_metric.insert(label.to_owned());
                values.entry(label.to_owned()).or_default().insert(value.replace('"', "`"));
            }
        }
    }
    assert_eq!(found, documented(), "{text}");
    let calls = &values["call"];
    assert_eq!(calls.len(), 6, "each is made: {calls:?}");
    for value in calls.iter().chain(&values["verdict"]).chain(&values["reason"]) {
        assert!(DOCUMENTATION.contains(value), "{value} is not documented");
    }
}

/// That of a histogram has two series more.
fn name_of_metric(series: &str) -> String {
    series.trim_end_matches("_sum").trim_end_matches("_count").to_owned()
}

/// The rows of the table.
fn documented() -> Sets {
    let rows = DOCUMENTATION.lines().filter(|line| line.starts_with("//! | `handclasp_"));
    let row = |row: &str| {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        // The values of a label may follow.
        let labels = cells[3].split(':').next().unwrap().split(", ");
        let labels = labels.map(|label| label.trim_matches('`').to_owned());
        (cells[1].trim_matches('`').to_owned(), labels.filter(|label| !label.is_empty()).collect())
    };
    rows.map(row).collect()
}

async fn report_everything(server: &RedisServer) {
    let store = store_on(server).await;
    let register = register_in(&store).await;
    register.check(&Fleet::new().record(&register).await).await;
    let sessions = RedisSessions::new(&store).unwrap();
    let ticket = sessions.put(b"a session", UnixTime::now(), LIFETIME).unwrap();
    until("it is written", async || sessions.take_session(&ticket).await.is_some()).await;
    let full = sessions.max_writes(0);
    assert!(full.put(b"a session", UnixTime::now(), LIFETIME).is_err());
    let keys = ticket_keys::new_server(server).await;
    keys.rotate().await.unwrap();
}

thread_local! {
    /// What this thread has logged.
    static LOG: RefCell<String> = const { RefCell::new(String::new()) };
}

struct LogOfThread;

impl io::Write for LogOfThread {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        LOG.with_borrow_mut(|log| log.push_str(&String::from_utf8_lossy(bytes)));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Lines of the log with each of these words.
fn logged(words: &[&str]) -> usize {
    LOG.with_borrow(|log| {
        log.lines().filter(|line| words.iter().all(|words| line.contains(words))).count()
    })
}

#[tokio::test]
async fn a_store_that_stops_answering_and_answers_again_is_logged_once_each_time() {
    // Of the whole process: a subscriber of one thread may get nothing while other threads have none.
    let subscriber = tracing_subscriber::fmt().with_max_level(tracing::Level::DEBUG);
    subscriber.with_ansi(false).with_writer(|| LogOfThread).init();
    let Some(server) = RedisServer::start_if_available() else { return };
    let store = store_on(&server).await.timeout(Duration::from_millis(100));
    let sessions = RedisSessions::new(&store).unwrap();
    // As long as its tickets are.
    let ticket = [0; 32];
    let no_answer = ["DEBUG", "call=\"take_session\"", "has not answered within"];
    for _ in 0..2 {
        LOG.take();
        server.pause();
        // More than a pause without calls.
        until("it is asked seven times", async || {
            assert!(sessions.take_session(&ticket).await.is_none());
            logged(&no_answer) >= 7
        })
        .await;
        assert_eq!(logged(&["WARN"]), 1, "{}", LOG.take());
        assert_eq!(logged(&["WARN", "handclasp_redis", "the store does not answer"]), 1);
        server.resume();
        let again = ["INFO", "handclasp_redis", "the store answers again"];
        until("it answers", async || {
            sessions.take_session(&ticket).await;
            logged(&again) > 0
        })
        .await;
        sessions.take_session(&ticket).await;
        assert_eq!((logged(&again), logged(&["WARN"])), (1, 1), "{}", LOG.take());
    }
}
