//! The observers of a configuration, and how they learn that a connection has failed.

use std::io::{self, Read, Write};
use std::sync::{Arc, Mutex};

use handclasp::config::{ConfigChoice, ServerConfig};
use handclasp::connection::Options;
use handclasp::credential::CertificateList;
use handclasp::crypto::CryptoProvider;
use handclasp::handshake::{EarlyData, Side};
use handclasp::observer::HandshakeKind;
use handclasp::quic::{self, Version};
use handclasp::transport::memory;
use handclasp::wire::ClientHello;
use handclasp::{ClientConnection, Event, Level, Observer, ServerConnection, Stream};
use handclasp_testing::sessions::Pair;
use handclasp_testing::{Identity, server_name};

/// What observers have got: their names, and what matters of an event.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Vec<String>>>);

struct Named {
    name: &'static str,
    wants_secrets: bool,
    seen: Seen,
}

impl Observer for Named {
    fn event(&mut self, event: &Event<'_>) {
        let what = match event {
            Event::HandshakeComplete(summary) => {
                assert_eq!(summary.early_data, EarlyData::NotOffered);
                format!("{} complete", summary.kind.code())
            }
            Event::Failed(diagnosis) => {
                format!("{} at {}", diagnosis.code, diagnosis.stage.unwrap().code())
            }
            Event::KeySchedule(step) => {
                assert_eq!(step.values.is_some(), self.wants_secrets, "{}", self.name);
                return;
            }
            _ => return,
        };
        self.seen.0.lock().unwrap().push(format!("{}: {what}", self.name));
    }

    fn wants_secrets(&self) -> bool {
        self.wants_secrets
    }
}

impl Seen {
    /// Makes observers of this name.
    fn observer(
        &self,
        name: &'static str,
        wants_secrets: bool,
    ) -> impl Fn(Side) -> Box<dyn Observer> + Send + Sync + 'static {
        let seen = self.clone();
        move |side| {
            assert_eq!(side, Side::Server);
            Box::new(Named { name, wants_secrets, seen: seen.clone() })
        }
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

#[test]
fn each_observer_of_a_connection_gets_its_events_and_no_secrets_unless_it_wants_them() {
    let (seen, pair) = (Seen::default(), Pair::new());
    let server = pair.server_builder();
    let server = server.observer(seen.observer("a", false)).observer(seen.observer("b", true));
    let config = pair.finish(server);
    for kind in [HandshakeKind::Full, HandshakeKind::Resumed] {
        let mut options = Options::new(handclasp_testing::sessions::time(0));
        let of_connection = Named { name: "c", wants_secrets: false, seen: seen.clone() };
        options.observer = Some(Box::new(of_connection));
        let mut server = ServerConnection::with_options(Arc::clone(&config), options);
        memory::exchange(&mut pair.client(0), &mut server).unwrap();
        let expected = ["a", "b", "c"].map(|name| format!("{name}: {} complete", kind.code()));
        assert_eq!(seen.take(), expected);
    }
}

fn observed_server(seen: &Seen) -> Arc<ServerConfig> {
    let list = CertificateList::new(vec![Arc::new(Identity::p256().certified_key())]);
    let builder =
        ServerConfig::builder(CryptoProvider::default()).application_protocols(["test/1"]);
    Arc::new(builder.observer(seen.observer("a", false)).build(Arc::new(list)).unwrap())
}

#[test]
fn a_failure_is_reported_once() {
    let seen = Seen::default();
    let mut server = ServerConnection::new(observed_server(&seen));
    for _ in 0..2 {
        assert!(server.receive(&mut b"GET / HTTP/1.1\r\n\r\n".to_vec()).is_err());
        assert!(server.end_of_input().is_err());
        server.report_transport_error(&io::ErrorKind::TimedOut.into());
    }
    assert_eq!(seen.take(), ["a: not-tls at client-hello"]);
}

#[test]
fn a_failure_of_quic_is_reported_once() {
    let seen = Seen::default();
    let config = observed_server(&seen);
    let parameters = b"parameters".to_vec();
    let mut server =
        quic::Connection::server(config, Version::V1, parameters, Options::default()).unwrap();
    for _ in 0..2 {
        assert!(server.receive(Level::Initial, 0, &[1, 0, 0, 0]).is_err());
    }
    assert_eq!(seen.take(), ["a: decode-error at client-hello"]);
}

/// A transport whose reads end with this error.
struct Broken(io::ErrorKind);

impl Read for Broken {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(self.0.into())
    }
}

impl Write for Broken {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn an_error_of_the_transport_is_reported_and_a_transport_that_must_wait_is_not() {
    let seen = Seen::default();
    let config = observed_server(&seen);
    for (error, expected) in [
        (io::ErrorKind::WouldBlock, &[][..]),
        (io::ErrorKind::TimedOut, &["a: silence at client-hello"]),
        (io::ErrorKind::ConnectionReset, &["a: reset at client-hello"]),
    ] {
        let server = ServerConnection::new(Arc::clone(&config));
        let mut stream = Stream::new(server, Broken(error));
        assert_eq!(stream.handshake().unwrap_err().kind(), error);
        assert_eq!(seen.take(), expected, "{error}");
    }
}

#[test]
fn a_connection_that_is_closed_has_not_failed() {
    let (seen, pair) = (Seen::default(), Pair::new());
    let config = pair.finish(pair.server_builder().observer(seen.observer("a", false)));
    let mut server = ServerConnection::new(config);
    let client = Arc::new(pair.client_builder().build().unwrap());
    let mut client = ClientConnection::new(client, server_name());
    memory::exchange(&mut client, &mut server).unwrap();
    server.close();
    server.report_transport_error(&io::ErrorKind::ConnectionReset.into());
    assert_eq!(seen.take(), ["a: full complete"]);
}

#[test]
fn a_configuration_that_is_chosen_by_the_client_hello_adds_no_observer() {
    let (seen, pair) = (Seen::default(), Pair::new());
    let chosen = pair.finish(pair.server_builder().observer(seen.observer("b", false)));
    let first = pair.server_builder().observer(seen.observer("a", false));
    let first = first.config_resolver(Arc::new(move |_: &ClientHello<'_>| {
        ConfigChoice::Use(Arc::clone(&chosen))
    }));
    let mut server = ServerConnection::new(pair.finish(first));
    memory::exchange(&mut pair.client(0), &mut server).unwrap();
    assert_eq!(seen.take(), ["a: full complete"]);
}
