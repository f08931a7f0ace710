//! Metrics and logs of connections: without I/O, and of the example `metrics`, which is scraped.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use handclasp::alert::{AlertDescription, AlertLevel};
use handclasp::certificate::{CertificateError, CertificateErrorKind, TrustAnchors};
use handclasp::config::{ClientConfigBuilder, ServerConfigBuilder};
use handclasp::handshake::Side;
use handclasp::session::MemoryClientSessions;
use handclasp::telemetry::{MetricsObserver, TracingObserver, record_certificate};
use handclasp::transport::memory;
use handclasp::transport::tokio::{Acceptor, Connector};
use handclasp::verify::{PeerIdentity, PeerVerifier};
use handclasp::{
    ClientConfig, ClientConnection, Connection, CryptoProvider, Error, Event, Observer, Reply,
    ServerConfig, ServerConnection, Stream,
};
use handclasp_testing::examples::{Files, port, start};
use handclasp_testing::process::{PATIENCE, Process, connect};
use handclasp_testing::sessions::Pair;
use handclasp_testing::{Identity, server_name};
use metrics_exporter_prometheus::PrometheusBuilder;
use tracing::{Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;

/// The table of names, which is the documentation.
const GUIDE: &str = include_str!("../../../src/guide/metrics_and_logs.md");

/// The counters and gauges in the text of an exporter, by name and labels.
struct Metrics(BTreeMap<String, f64>);

impl Metrics {
    fn parse(text: &str) -> Self {
        let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        let values = lines.map(|line| {
            let (series, value) = line.rsplit_once(' ').unwrap();
            (series.to_owned(), value.parse().unwrap())
        });
        Self(values.collect())
    }

    /// The sum of a metric over all series that have each of these labels.
    fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let has = |series: &str, (label, value): &(&str, &str)| {
            series.contains(&format!("{label}=\"{value}\""))
        };
        let of_metric = self.0.iter().filter(|(series, _)| {
            let begins = series.strip_prefix(name).is_some_and(|rest| rest.starts_with('{'));
            begins && labels.iter().all(|label| has(series, label))
        });
        of_metric.map(|(_, value)| value).sum()
    }
}

/// How observers are made: those of one crate at a time, because a test that has no subscriber makes `tracing` drop
/// the events of a test that has one.
type MakeObserver = fn(Side) -> Box<dyn Observer>;

/// A server in memory that resumes sessions, with observed connections.
struct Server {
    pair: Pair,
    config: Arc<ServerConfig>,
}

impl Server {
    fn new(observer: MakeObserver) -> Self {
        let pair = Pair::new();
        let config = pair.finish(pair.server_builder().observer(observer));
        Self { pair, config }
    }

    /// Connects a client to it. Both ends fail, or none.
    fn connect(&self, client: &Arc<ClientConfig>) -> Result<ServerConnection, Error> {
        let mut client = ClientConnection::new(Arc::clone(client), server_name());
        let mut server = ServerConnection::new(Arc::clone(&self.config));
        let exchanged = memory::exchange(&mut client, &mut server);
        if exchanged.is_err() {
            deliver_alert(&mut client, &mut server);
        }
        exchanged.map(|_| server)
    }
}

/// Gives the server what a client that has failed sends last.
fn deliver_alert(client: &mut Connection, server: &mut Connection) {
    let mut bytes = client.outgoing().to_vec();
    while let Ok((length @ 1.., _)) = server.receive(&mut bytes) {
        bytes.drain(..length);
    }
    assert!(server.check().is_err());
}

/// Handshakes of each kind and end.
fn handshakes(observer: MakeObserver) {
    let server = Server::new(observer);
    let client = server.pair.client_builder().observer(observer);
    let client = client.sessions(Arc::new(MemoryClientSessions::new(4)));
    let client = Arc::new(client.build().unwrap());
    assert!(server.connect(&client).unwrap().parameters().pre_shared_key.is_none());
    // A resumed one, whose connection ends without close_notify.
    let mut connection = server.connect(&client).unwrap();
    assert!(connection.parameters().pre_shared_key.is_some());
    assert!(connection.end_of_input().is_err());
    drop(connection);
    // A client with a ticket of another server, which it does not trust.
    assert!(Server::new(observer).connect(&client).is_err());
    // The same without a ticket.
    let anchors = Identity::p256().anchors();
    let client = trusting(anchors).observer(observer).build().unwrap();
    assert!(server.connect(&Arc::new(client)).is_err());
    // A connection that is dropped.
    drop(ServerConnection::new(Arc::clone(&server.config)));
}

#[test]
fn handshakes_are_counted_by_their_kind_and_their_end() {
    let recorder = PrometheusBuilder::new().build_recorder();
    metrics::with_local_recorder(&recorder, || {
        MetricsObserver::describe();
        handshakes(MetricsObserver::boxed);
    });
    let text = recorder.handle().render();
    let metrics = Metrics::parse(&text);
    for side in ["client", "server"] {
        let complete = |kind| {
            let labels = [("side", side), ("kind", kind), ("early_data", "not-offered")];
            metrics.sum("handclasp_handshakes_complete_total", &labels)
        };
        assert_eq!((complete("full"), complete("resumed")), (1.0, 1.0), "{side}: {text}");
        assert_eq!(metrics.sum("handclasp_handshakes_in_progress", &[("side", side)]), 0.0);
    }
    let failed = |labels: &[_]| metrics.sum("handclasp_handshakes_failed_total", labels);
    assert_eq!(failed(&[("side", "client"), ("reason", "unknown-issuer")]), 2.0, "{text}");
    assert_eq!(failed(&[("side", "server"), ("reason", "alert-received")]), 2.0, "{text}");
    assert_eq!(failed(&[("side", "server"), ("reason", "dropped")]), 1.0, "{text}");
    let truncated = [("side", "server"), ("reason", "truncated")];
    assert_eq!(metrics.sum("handclasp_connections_failed_total", &truncated), 1.0, "{text}");
    let refused = [("side", "server"), ("alert", "unknown_ca")];
    assert_eq!(metrics.sum("handclasp_alerts_received_total", &refused), 2.0, "{text}");
    let not_taken = [("side", "server"), ("offer", "pre-shared-keys")];
    assert_eq!(metrics.sum("handclasp_offers_not_taken_total", &not_taken), 1.0, "{text}");
    let ended = "handclasp_handshake_duration_seconds_count";
    assert_eq!(metrics.sum(ended, &[("side", "server"), ("result", "complete")]), 2.0, "{text}");
    assert_eq!(metrics.sum(ended, &[("side", "server"), ("result", "failed")]), 3.0, "{text}");
}

#[test]
fn the_table_of_the_guide_has_each_metric_and_its_labels() {
    let recorder = PrometheusBuilder::new().build_recorder();
    metrics::with_local_recorder(&recorder, || {
        handshakes(MetricsObserver::boxed);
        record_certificate("www", &Identity::p256().certified_key());
    });
    let text = recorder.handle().render();
    let mut found: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (name, rest) = line.split_once('{').unwrap();
        let name = name.trim_end_matches("_sum").trim_end_matches("_count").to_owned();
        let labels = rest.split_once('}').unwrap().0.split(',');
        let labels = labels.map(|label| label.split_once('=').unwrap().0);
        // A recorder without buckets gives quantiles.
        found.entry(name).or_default().extend(labels.filter(|label| *label != "quantile"));
    }
    let rows = GUIDE.lines().filter(|line| line.starts_with("| `handclasp_"));
    let documented = rows.map(|row| {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let labels = cells[3].split(", ").map(|label| label.trim_matches('`')).collect();
        (cells[1].trim_matches('`').to_owned(), labels)
    });
    assert_eq!(found, documented.collect());
}

#[test]
fn a_gauge_says_when_the_first_certificate_of_a_chain_expires() {
    let key = Identity::p256().certified_key();
    let recorder = PrometheusBuilder::new().build_recorder();
    metrics::with_local_recorder(&recorder, || {
        MetricsObserver::describe();
        record_certificate("www", &key);
        record_certificate("raw", &key.to_raw_public_key().unwrap());
    });
    let text = recorder.handle().render();
    let metrics = Metrics::parse(&text);
    let name = "handclasp_certificate_not_after_timestamp_seconds";
    let not_after = key.validity().unwrap().not_after;
    let Some(value) = metrics.0.get(&format!("{name}{{certificate=\"www\"}}")) else {
        panic!("{text}");
    };
    assert_eq!(*value, not_after.0 as f64);
    assert_eq!(
        text.matches(&format!("{name}{{")).count(),
        1,
        "a raw public key has no end: {text}"
    );
}

/// The codes of the failures that an observer has got.
#[derive(Clone, Default)]
struct Failures(Arc<Mutex<Vec<&'static str>>>);

impl Observer for Failures {
    fn event(&mut self, event: &Event<'_>) {
        if let Event::Failed(diagnosis) = event {
            self.0.lock().unwrap().push(diagnosis.code);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_handshake_under_tokio_that_takes_too_long_has_failed_by_silence() {
    let (pair, failures) = (Pair::new(), Failures::default());
    let observer = failures.clone();
    let server = pair.server_builder().observer(move |_| Box::new(observer.clone()));
    let observer = failures.clone();
    let client = pair.client_builder().observer(move |_| Box::new(observer.clone()));
    // The other end of each is kept, and silent.
    let (transport, _silent_client) = tokio::io::duplex(4096);
    assert!(Acceptor::new(pair.finish(server)).accept(transport).await.is_err());
    let (transport, _silent_server) = tokio::io::duplex(4096);
    let connector = Connector::new(Arc::new(client.build().unwrap()));
    assert!(connector.connect(server_name(), transport).await.is_err());
    assert_eq!(*failures.0.lock().unwrap(), ["silence", "silence"]);
}

/// Lines of a log.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

/// Runs this with the subscriber. `tracing` keeps for all threads together what is of interest, so no other test has a
/// subscriber meanwhile.
fn with_subscriber(subscriber: impl Subscriber + Send + Sync + 'static, run: impl FnOnce()) {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    // A test that has failed leaves it poisoned.
    let _one = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    tracing::subscriber::with_default(subscriber, run);
}

#[test]
fn each_failure_is_one_event_with_its_diagnosis_in_the_span_of_its_handshake() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_max_level(Level::DEBUG);
    let subscriber = subscriber.with_writer(log.clone()).finish();
    with_subscriber(subscriber, || {
        tracing::info_span!("client", address = "192.0.2.1:1000")
            .in_scope(|| handshakes(TracingObserver::boxed));
    });
    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    let with = |words: &[&str]| {
        text.lines().filter(|line| words.iter().all(|words| line.contains(words))).count()
    };
    let of_client = "client{address=\"192.0.2.1:1000\"}:handshake{side=\"client\"";
    assert_eq!(with(&["the handshake failed"]), 4, "{text}");
    let words = ["INFO", of_client, "reason=\"unknown-issuer\"", "alert_sent=\"unknown_ca\""];
    assert_eq!(with(&words), 2, "{text}");
    let words = ["INFO", "side=\"server\"", "fault=\"this-side\"", "alert_received=\"unknown_ca\""];
    assert_eq!(with(&words), 2, "{text}");
    assert_eq!(with(&["INFO", "the connection was dropped during the handshake"]), 1, "{text}");
    assert_eq!(with(&["INFO", "the connection failed", "reason=\"truncated\""]), 1, "{text}");
    let words = ["DEBUG", of_client, "the handshake is complete", "kind=\"resumed\""];
    assert_eq!(with(&words), 1, "{text}");
    assert_eq!(
        with(&["DEBUG", "side=\"server\"", "offer=\"pre-shared-keys\"", "not taken"]),
        1,
        "{text}"
    );
}

#[test]
fn without_the_span_of_the_handshake_each_event_is_in_the_span_of_the_application() {
    let log = Log::default();
    let layer = tracing_subscriber::fmt::layer().with_ansi(false).with_writer(log.clone());
    // As `info,handclasp=warn` disables the span, but with the events of all levels.
    let filter = filter_fn(|metadata| !metadata.is_span() || metadata.target() != "handclasp");
    let subscriber = tracing_subscriber::registry().with(layer.with_filter(filter));
    with_subscriber(subscriber, || {
        tracing::info_span!("client", address = "192.0.2.1:1000")
            .in_scope(|| handshakes(TracingObserver::boxed));
    });
    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    for words in ["failed", "dropped", "is complete", "not taken", "the connection failed"] {
        assert!(text.contains(words), "{words}: {text}");
    }
    for line in text.lines() {
        assert!(line.contains("client{address=\"192.0.2.1:1000\"}: handclasp: "), "{line}");
    }
}

#[test]
fn times_are_logged_in_milliseconds_with_at_most_three_decimals() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_max_level(Level::DEBUG);
    let subscriber = subscriber.with_writer(log.clone()).finish();
    with_subscriber(subscriber, || handshakes(TracingObserver::boxed));
    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    let times = text.split("milliseconds=").skip(1);
    let times: Vec<_> = times.map(|rest| rest.split_whitespace().next().unwrap()).collect();
    assert_eq!(times.len(), 9, "{text}");
    for time in times {
        let decimals = time.split_once('.').map_or(0, |(_, decimals)| decimals.len());
        assert!(decimals <= 3, "{time}");
    }
}

/// The line of the log for a handshake of this server that failed.
fn line_of_failure(config: ServerConfigBuilder, fail: impl FnOnce(&mut Connection)) -> String {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(log.clone()).finish();
    with_subscriber(subscriber, || {
        let config = Pair::new().finish(config.observer(TracingObserver::boxed));
        fail(&mut ServerConnection::new(config));
    });
    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    let lines: Vec<&str> = text.lines().filter(|line| line.contains("handshake failed")).collect();
    assert_eq!(lines.len(), 1, "{text}");
    lines[0].to_owned()
}

/// Gives the server these bytes, which it refuses.
fn refused(server: &mut Connection, bytes: &[u8]) {
    assert!(server.receive(&mut bytes.to_vec()).is_err());
}

#[test]
fn a_stranger_causes_no_warning_in_the_log_of_a_server() {
    let pair = Pair::new();
    let client = pair.client_builder().application_protocols(["a"]).build().unwrap();
    let client = ClientConnection::new(Arc::new(client), server_name());
    let server = || pair.server_builder();
    let lines = [
        line_of_failure(server(), |server| refused(server, b"GET / HTTP/1.1\r\n\r\n")),
        line_of_failure(server(), |server| refused(server, &[22, 3, 1, 0, 5, 2, 0, 0, 1, 0])),
        line_of_failure(server(), |server| assert!(server.end_of_input().is_err())),
        line_of_failure(server(), |server| {
            server.report_transport_error(&io::ErrorKind::TimedOut.into());
        }),
        // The fault is not known: the two have no protocol in common.
        line_of_failure(server().application_protocols(["b"]), |server| {
            refused(server, client.outgoing());
        }),
    ];
    for line in lines {
        assert!(line.contains(" INFO ") && !line.contains("this-side"), "{line}");
    }
    // The fault may be at the server's certificate, and anyone can say so.
    for alert in (0..=u8::MAX).map(AlertDescription) {
        if alert.level() == AlertLevel::Fatal {
            let line = line_of_failure(server(), |server| refused_with(alert, server));
            assert!(line.contains(" INFO "), "{alert}: {line}");
            let is_unknown_ca = alert == AlertDescription::UNKNOWN_CA;
            assert!(!is_unknown_ca || line.contains("fault=\"this-side\""), "{line}");
        }
    }
}

/// Accepts no server, and says so with this alert.
#[derive(Debug)]
struct RefuseAll(AlertDescription);

impl PeerVerifier for RefuseAll {
    fn verify(&self, _: &PeerIdentity) -> Reply<Result<(), CertificateError>> {
        let kind = CertificateErrorKind::RejectedWith(self.0.0, "of a test".to_owned());
        Reply::Now(Err(CertificateError { certificate: "of a test".into(), kind }))
    }
}

/// Gives the server a client that ends the handshake with this alert, which is encrypted.
fn refused_with(alert: AlertDescription, server: &mut Connection) {
    let verifier = Arc::new(RefuseAll(alert));
    let client = ClientConfig::builder(CryptoProvider::default()).verifier(verifier);
    let client = Arc::new(client.build().unwrap());
    let mut client = ClientConnection::new(client, server_name());
    assert!(memory::exchange(&mut client, server).is_err());
    deliver_alert(&mut client, server);
}

#[test]
fn a_fault_that_a_server_finds_at_itself_is_a_warning() {
    let pair = Pair::new();
    let line = line_of_failure(pair.server_builder(), |server| {
        server.abort(AlertDescription::INTERNAL_ERROR, "the database of keys does not answer");
    });
    assert!(line.contains(" WARN ") && line.contains("fault=\"this-side\""), "{line}");
}

/// What an HTTP client gets from the second address of the example.
fn scrape(port: u16) -> Metrics {
    let mut socket = connect(([127, 0, 0, 1], port).into());
    socket.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.0 200"), "{head}");
    Metrics::parse(body)
}

fn fetch(config: ClientConfigBuilder, port: u16) -> io::Result<String> {
    let config = Arc::new(config.build().unwrap());
    let connection = ClientConnection::new(config, server_name());
    let mut stream = Stream::new(connection, connect(([127, 0, 0, 1], port).into()));
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    stream.close()?;
    Ok(answer)
}

fn trusting(anchors: TrustAnchors) -> ClientConfigBuilder {
    ClientConfig::builder(CryptoProvider::default()).trust(anchors).unwrap()
}

#[test]
fn prometheus_gets_the_metrics_of_the_example() {
    let identity = Identity::p256();
    let files = Files::new(&identity);
    let any_port = "127.0.0.1:0";
    let server: Process = start("metrics", &[any_port, &files.chain, &files.key, any_port]);
    let port = port(&server);
    let output = server.wait_for("/metrics");
    let metrics_port = output.split("metrics at http://127.0.0.1:").nth(1).unwrap();
    let metrics_port = metrics_port.split('/').next().unwrap().parse().unwrap();

    let sessions = Arc::new(MemoryClientSessions::new(4));
    for _ in 0..2 {
        let client = trusting(identity.anchors()).sessions(sessions.clone());
        assert!(fetch(client, port).unwrap().ends_with("hello\n"));
    }
    assert!(fetch(trusting(Identity::p256().anchors()), port).is_err());
    let mut plain = connect(([127, 0, 0, 1], port).into());
    plain.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    drop(plain);

    let deadline = Instant::now() + PATIENCE;
    let failed = "handclasp_handshakes_failed_total";
    let mut metrics = scrape(metrics_port);
    while metrics.sum(failed, &[]) < 2.0 && Instant::now() < deadline {
        metrics = scrape(metrics_port);
    }
    assert_eq!(metrics.sum(failed, &[("reason", "alert-received")]), 1.0, "{:?}", metrics.0);
    assert_eq!(metrics.sum(failed, &[("reason", "not-tls")]), 1.0, "{:?}", metrics.0);
    for kind in ["full", "resumed"] {
        let labels = [("side", "server"), ("kind", kind), ("retried", "false")];
        let complete = metrics.sum("handclasp_handshakes_complete_total", &labels);
        assert_eq!(complete, 1.0, "{kind}: {:?}", metrics.0);
    }
    let all = [("result", "complete"), ("le", "+Inf")];
    assert_eq!(metrics.sum("handclasp_handshake_duration_seconds_bucket", &all), 2.0);
    let log = server.wait_for("reason=\"not-tls\"");
    assert!(log.contains("client{address=127.0.0.1:"), "{log}");
    assert_eq!(log.matches("the handshake failed").count(), 2, "{log}");
}
