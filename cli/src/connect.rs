//! `handclasp connect`: connects to a server, explains the handshake, and pipes data in both directions.

use std::io::{self, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use handclasp::connection::{Options, Received};
use handclasp::credential::CertificateList;
use handclasp::crypto::CryptoProvider;
use handclasp::handshake::EarlyData;
use handclasp::pem::printable_path;
use handclasp::pki_types::ServerName;
use handclasp::transport::Socket;
use handclasp::verify::{PeerVerifier, SpkiPin, SpkiPins, TrustAnchorVerifier};
use handclasp::{ClientConfig, ClientConnection};
use handclasp_explain::Recorder;
use handclasp_explain::words::counted;
use serde_json::{Value, json};

use crate::address::{self, AddressError, HostAndPort};
use crate::advice;
use crate::event_log::{NoReport, Reporter, SharedEventLog, Side};
use crate::failure::Failure;
use crate::files;
use crate::html;
use crate::json::{self, JsonData, JsonReport};
use crate::keys;
use crate::receive_buffer::ReceiveBuffer;
use crate::relay::{self, End, Input};
use crate::session::Sessions;
use crate::stdout::stdout;
use crate::summary::Summary;
use crate::text_report::{Output, TextReport};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a server may be silent before its tickets are taken to be complete.
const TICKET_TIMEOUT: Duration = Duration::from_millis(300);
/// How long tickets are waited for altogether, also if the server is never silent.
const TICKETS_TIMEOUT: Duration = Duration::from_secs(2);

/// The options of `connect`.
#[derive(clap::Args)]
pub struct Arguments {
    /// The server and its port, such as example.org:443 or [::1]:4433
    #[arg(value_name = "HOST:PORT")]
    address: String,
    /// Trust the certificates in this file, in PEM or DER, instead of the system's authorities
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// The server's key must have this hash: sha256/BASE64; repeat for a backup key
    #[arg(long, value_name = "PIN")]
    pin: Vec<SpkiPin>,
    /// Check only the key: no authority, name or date
    #[arg(long, requires = "pin", conflicts_with = "ca")]
    pin_alone: bool,
    /// The name that the server's certificate must have, if it is not HOST
    #[arg(long)]
    name: Option<String>,
    /// Trust the server that has the public key in this PEM file, and accept no certificates
    #[arg(long, value_name = "FILE", conflicts_with_all = ["ca", "pin", "pin_alone"])]
    raw_public_key: Option<PathBuf>,
    /// Send this certificate to a server that requests one: a PEM file, the client's own first
    #[arg(long, value_name = "FILE", requires = "client_key")]
    client_cert: Option<PathBuf>,
    /// The private key of that certificate in PEM
    #[arg(long, value_name = "FILE", requires = "client_cert")]
    client_key: Option<PathBuf>,
    /// Offer this application protocol, such as http/1.1; repeat for more, the preferred one first
    #[arg(long, value_name = "PROTOCOL")]
    alpn: Vec<String>,
    /// Offer this pre-shared key, in addition to certificates; repeat for more
    #[arg(long, value_name = "IDENTITY:HEX")]
    psk: Vec<String>,
    /// Send a KeyUpdate after the handshake, and request one from the server
    #[arg(long)]
    key_update: bool,
    /// Log the secrets, for Wireshark; without FILE, to the file that SSLKEYLOGFILE names
    #[arg(long, value_name = "FILE", num_args = 0..=1)]
    keylog: Option<Option<PathBuf>>,
    /// Resume with a session in this file, and store the server's tickets in it: they are secrets
    #[arg(long, value_name = "FILE")]
    session: Option<PathBuf>,
    /// Send the content of this file as 0-RTT data, if the session allows it, otherwise after the
    /// handshake. An attacker can replay it: send only what may be processed twice
    #[arg(long, value_name = "FILE", requires = "session")]
    early_data: Option<PathBuf>,
    /// Send close_notify as soon as the input ends. Without this option, connect waits until the server
    /// closes, because many servers drop the response to a client that has closed. If the server has
    /// responded and is then silent for 5 s, connect closes. After an empty input, such as </dev/null,
    /// there is no response to wait for, and connect closes at once
    #[arg(long)]
    half_close: bool,
    /// Print only errors
    #[arg(long, short)]
    quiet: bool,
    #[command(flatten)]
    html: html::HtmlArguments,
}

impl Arguments {
    /// The options of a handshake alone.
    pub fn for_handshake(
        address: &str,
        ca: Option<&Path>,
        name: Option<&str>,
        alpn: &[String],
    ) -> Self {
        Self {
            address: address.to_owned(),
            ca: ca.map(Path::to_path_buf),
            pin: Vec::new(),
            pin_alone: false,
            name: name.map(str::to_owned),
            raw_public_key: None,
            client_cert: None,
            client_key: None,
            alpn: alpn.to_vec(),
            psk: Vec::new(),
            key_update: false,
            keylog: None,
            session: None,
            early_data: None,
            half_close: false,
            quiet: true,
            html: html::HtmlArguments::default(),
        }
    }
}

/// How the connection is reported: as text, as JSON, or not at all.
#[derive(Clone, Copy)]
struct Report {
    json: bool,
    quiet: bool,
}

impl Report {
    fn say(self, text: &str) {
        if !self.json && !self.quiet {
            let _ = writeln!(stderr(), "{text}");
        }
    }

    fn event(self, event: &Value) {
        if self.json && !self.quiet {
            json::write_line(&mut stdout(), event);
        }
    }

    fn reporter(self) -> Box<dyn Reporter> {
        match (self.quiet, self.json) {
            (true, _) => Box::new(NoReport),
            (_, true) => Box::new(JsonReport::new(stdout(), None)),
            (_, false) => Box::new(TextReport::new(stderr())),
        }
    }

    /// Reports the parameters of the connection after the handshake.
    fn connected(self, connection: &ClientConnection, event_log: &SharedEventLog) {
        let summary = Summary::new(Side::Client, connection, event_log.tally(Side::Client));
        self.say(&summary.text(None));
        self.event(&summary.json());
        // The events of the connection have it, too.
        for words in &event_log.progress(Side::Client).not_taken {
            self.say(&format!("the server did not take {words}"));
        }
    }

    fn kept(self, count: usize, file: &Path) {
        self.say(&format!("kept {} in {}", counted(count, "session"), printable_path(file)));
        self.event(&json!({"event": "sessions_kept", "count": count}));
    }
}

/// Runs `handclasp connect`.
pub fn run(arguments: &Arguments, json: bool) -> Result<(), Failure> {
    let report = Report { json, quiet: arguments.quiet };
    let (address, name) = server(arguments)?;
    let sessions = arguments.session.as_deref().map(Sessions::load).transpose()?;
    let early = arguments.early_data.as_deref().map(files::early_data).transpose()?;
    let early = early.unwrap_or_default();
    let config = config(arguments, &name, sessions.as_ref(), |text| report.say(text))?;
    let socket = connect(&address)?;
    let secrets = arguments.html.shows_secrets();
    let event_log = SharedEventLog::with_account(true, report.reporter(), secrets);
    let recorder = event_log.recorder(Side::Client);
    if let Ok(peer) = socket.peer_addr() {
        report.say(&format!("connected to {peer}"));
        let own = socket.local_addr().ok().map(|address| address.to_string());
        recorder.set_addresses(own, Some(peer.to_string()));
    }
    let observer = Some(event_log.observer(Side::Client));
    let mut options = Options::default();
    options.observer = observer;
    let explain = |failure: Failure| advice::explain(failure, Side::Client);
    let mut connection = ClientConnection::with_options(Arc::new(config), name, options)?;
    if let Some(sessions) = &sessions {
        // A session is used once, even if its connection fails.
        sessions.save()?;
    }
    let sent = connection.write_early_data(&early)?;
    let mut buffer = ReceiveBuffer::new();
    let result = handshake_in_time(&mut connection, &socket, &mut buffer)
        .map_err(|failure| failure.at(&connection));
    event_log.finish();
    if let Err(failure) = result {
        // The server should get the alert. An error here does not replace the failure.
        let _ = Socket::Tcp(socket).drain();
        let failure = explain(failure);
        arguments.html.write(&recorder, Some(&failure))?;
        return Err(failure);
    }
    // It is written again at the end. The user may stop the program before.
    arguments.html.write(&recorder, None)?;
    report.connected(&connection, &event_log);
    let rest = not_accepted(&connection, &early, sent, report);
    if arguments.key_update {
        connection.update_keys(true)?;
    }
    send_all(&mut connection, &socket, rest)?;
    let input = Input {
        can_be_asked: arguments.client_cert.is_some(),
        half_close: arguments.half_close,
        sent_something: !early.is_empty(),
    };
    let output: Output = match json {
        true => Box::new(JsonData::new(stdout())),
        false => Box::new(io::stdout()),
    };
    let end = relay::run(connection, &socket, buffer, input, output, |text| report.say(text));
    event_log.finish();
    if let (Some(sessions), Some(file)) = (&sessions, &arguments.session) {
        let count = sessions.save()?;
        report.kept(count, file);
    }
    let end = end.map_err(explain);
    arguments.html.write(&recorder, end.as_ref().err())?;
    let (event, words) = match end? {
        End::Closed => ("closed", "closed cleanly: the peer said close_notify, nothing is missing"),
        End::OutputGone => ("output_gone", "ended: the reader of the output has closed it"),
    };
    report.say(words);
    report.event(&json!({"event": event}));
    Ok(())
}

/// Connects and performs the handshake, waits for the server's tickets for a moment, and closes. The result is
/// that of the handshake; what was recorded is there in each case.
///
/// # Errors
/// When there is no connection to record.
pub fn record(
    arguments: &Arguments,
    secrets: bool,
) -> Result<(Recorder, Result<(), Failure>), Failure> {
    let (address, name) = server(arguments)?;
    let config = config(arguments, &name, None, |text| eprintln!("{text}"))?;
    let socket = connect(&address)?;
    let event_log = SharedEventLog::with_account(true, Box::new(NoReport), secrets);
    let recorder = event_log.recorder(Side::Client);
    let ends = (socket.local_addr(), socket.peer_addr());
    recorder.set_addresses(
        ends.0.ok().map(|address| address.to_string()),
        ends.1.ok().map(|address| address.to_string()),
    );
    let mut options = Options::default();
    options.observer = Some(event_log.observer(Side::Client));
    let mut connection = ClientConnection::with_options(Arc::new(config), name, options)?;
    let mut buffer = ReceiveBuffer::new();
    let result = handshake_in_time(&mut connection, &socket, &mut buffer)
        .map_err(|failure| advice::explain(failure.at(&connection), Side::Client));
    if result.is_ok() {
        receive_tickets(&mut connection, &socket, &mut buffer);
        connection.close();
        let _ = (&socket).write_all(connection.outgoing());
    }
    let _ = Socket::Tcp(socket).drain();
    Ok((recorder, result))
}

/// Receives what the server sends right after the handshake. Errors and [`TICKETS_TIMEOUT`] end it.
fn receive_tickets(
    connection: &mut ClientConnection,
    mut socket: &TcpStream,
    buffer: &mut ReceiveBuffer,
) {
    if socket.set_read_timeout(Some(TICKET_TIMEOUT)).is_err() {
        return;
    }
    let end = Instant::now() + TICKETS_TIMEOUT;
    while Instant::now() < end {
        match connection.receive(buffer.unread()) {
            Ok((_, Received::Incomplete)) => match buffer.fill(&mut socket) {
                Ok(1..) => {}
                _ => return,
            },
            Ok((_, Received::Closed)) | Err(_) => return,
            Ok((consumed, _)) => buffer.consume(consumed),
        }
    }
}

/// The early data that the server did not accept, to be sent again. `sent` is the number of bytes that
/// were sent as early data.
fn not_accepted<'a>(
    connection: &ClientConnection,
    early: &'a [u8],
    sent: usize,
    report: Report,
) -> &'a [u8] {
    let taken = match connection.parameters().early_data {
        EarlyData::Accepted => sent,
        _ => 0,
    };
    let rest = early.get(taken..).unwrap_or_default();
    if !early.is_empty() {
        report
            .say(&format!("early data: {taken} bytes were accepted, {} are sent now", rest.len()));
    }
    rest
}

/// The address, and the name that the server's certificate must have. The error does not repeat an
/// argument that is no address: it may be a key.
fn server(arguments: &Arguments) -> Result<(HostAndPort, ServerName<'static>), Failure> {
    let misuse = |problem: &str| {
        Failure::misuse(problem).hint(
            "say the host and its port: handclasp connect example.org:443, or [::1]:443 with an \
             IPv6 address in brackets",
        )
    };
    let address = match HostAndPort::read(&arguments.address) {
        Ok(address) if address.port != 0 => address,
        Ok(_) | Err(AddressError::Port) => {
            return Err(misuse("the port of the server must be a number from 1 to 65535"));
        }
        Err(AddressError::Form) => {
            return Err(misuse("the address of the server is not HOST:PORT"));
        }
    };
    let name = arguments.name.as_ref().unwrap_or(&address.host);
    let server_name = address::server_name(name).ok_or_else(|| {
        Failure::misuse(format!("{name:?} is neither a DNS name nor an IP address"))
            .hint("say which name the server should prove: --name NAME")
    })?;
    Ok((address, server_name))
}

fn config(
    arguments: &Arguments,
    name: &ServerName<'static>,
    sessions: Option<&Sessions>,
    warn: impl Fn(&str),
) -> Result<ClientConfig, Failure> {
    let misuse = |error: handclasp::config::ConfigError| Failure::misuse(error.to_string());
    let provider = CryptoProvider::default();
    let pins = arguments.pin.iter().copied();
    let verifier: Arc<dyn PeerVerifier> = if let Some(file) = &arguments.raw_public_key {
        let pin = SpkiPin::of_public_key(&files::public_key(file)?);
        Arc::new(SpkiPins::raw_public_keys([pin]).map_err(misuse)?)
    } else if arguments.pin_alone {
        Arc::new(SpkiPins::only(pins).map_err(misuse)?)
    } else {
        let anchors = files::anchors(arguments.ca.as_deref(), warn)?;
        let paths = Arc::new(TrustAnchorVerifier::new(anchors, provider.signatures.clone()));
        match arguments.pin.is_empty() {
            true => paths,
            false => Arc::new(SpkiPins::with_verifier(paths, pins).map_err(misuse)?),
        }
    };
    let mut builder = ClientConfig::builder(provider)
        .verifier(verifier)
        .request_ocsp(arguments.raw_public_key.is_none())
        .application_protocols(arguments.alpn.iter().map(String::as_bytes));
    let keys = keys::pre_shared_keys(&arguments.psk)?.into_iter();
    builder = builder.pre_shared_keys(keys.map(|key| key.for_server(name.clone())).collect());
    if let (Some(cert), Some(key)) = (&arguments.client_cert, &arguments.client_key) {
        let own = Arc::new(files::certified_key(cert, key, "--client-")?);
        builder = builder
            .client_certificates(Arc::new(CertificateList::new(vec![own])))
            .post_handshake_authentication(true);
    }
    if let Some(log) = files::key_log(arguments.keylog.as_ref())? {
        builder = builder.key_log(log);
    }
    if let Some(sessions) = sessions {
        builder = builder.sessions(sessions.store()).early_data(arguments.early_data.is_some());
    }
    builder.build().map_err(misuse)
}

/// Tries all addresses of the host in order.
fn connect(HostAndPort { host, port }: &HostAndPort) -> Result<TcpStream, Failure> {
    let addresses = (host.as_str(), *port).to_socket_addrs().map_err(|error| {
        Failure::failed(format!("the address of {host} was not found: {error}"))
            .hint("is the name right, and is there a network?")
    })?;
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for address in addresses {
        match TcpStream::connect_timeout(&address, CONNECT_TIMEOUT) {
            Ok(socket) => {
                let _ = socket.set_nodelay(true);
                return Ok(socket);
            }
            Err(error) => last = error,
        }
    }
    let failure = Failure::failed(format!("cannot connect to {host}, port {port}: {last}"));
    Err(match last.kind() {
        io::ErrorKind::ConnectionRefused => {
            failure.hint("nothing listens there: is the server running, and is the port right?")
        }
        io::ErrorKind::TimedOut => {
            failure.hint("nothing answers there: is the host up, or a firewall in between?")
        }
        _ => failure,
    })
}

fn handshake_in_time(
    connection: &mut ClientConnection,
    socket: &TcpStream,
    buffer: &mut ReceiveBuffer,
) -> Result<(), Failure> {
    socket.set_read_timeout(Some(HANDSHAKE_TIMEOUT))?;
    socket.set_write_timeout(Some(HANDSHAKE_TIMEOUT))?;
    handshake(connection, socket, buffer)?;
    socket.set_read_timeout(None)?;
    socket.set_write_timeout(None)?;
    Ok(())
}

fn handshake(
    connection: &mut ClientConnection,
    mut socket: &TcpStream,
    buffer: &mut ReceiveBuffer,
) -> Result<(), Failure> {
    loop {
        let length = connection.outgoing().len();
        let written = socket.write_all(connection.outgoing());
        connection.sent(length);
        if !connection.is_handshaking() {
            return Ok(written?);
        }
        // The peer may have closed already: its alert says more than the failed write.
        match connection.receive(buffer.unread()) {
            Ok((_, Received::Incomplete)) => {
                if buffer.fill(&mut socket)? == 0 {
                    connection.end_of_input()?;
                }
            }
            Ok((consumed, _)) => buffer.consume(consumed),
            Err(error) => {
                let _ = socket.write_all(connection.outgoing());
                return Err(error.into());
            }
        }
    }
}

/// Sends all of these bytes. They fit into the buffers of the system.
fn send_all(
    connection: &mut ClientConnection,
    mut socket: &TcpStream,
    mut data: &[u8],
) -> Result<(), Failure> {
    while !data.is_empty() {
        let taken = connection.write(data)?;
        data = data.get(taken..).unwrap_or_default();
        let length = connection.outgoing().len();
        socket.write_all(connection.outgoing())?;
        connection.sent(length);
    }
    Ok(())
}

fn stderr() -> Output {
    Box::new(anstream::stderr())
}
