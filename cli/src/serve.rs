//! `handclasp serve`: a server that answers with what was negotiated, or echoes.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use handclasp::connection::Options;
use handclasp::credential::{CertificateList, CertifiedKey};
use handclasp::crypto::CryptoProvider;
use handclasp::pki_types::UnixTime;
use handclasp::psk::PskList;
use handclasp::session::StrikeRegister;
use handclasp::verify::{ClientAuthentication, TrustAnchorVerifier};
use handclasp::{ServerConfig, ServerConnection, Stream};
use handclasp_explain::{self as explain, words::counted};
use serde_json::{Value as Json, json};

use crate::address;
use crate::advice;
use crate::event_log::{NoReport, Progress, SharedEventLog, Side, Tally};
use crate::failure::Failure;
use crate::files;
use crate::json;
use crate::keys;
use crate::stdout::stdout;
use crate::summary::Summary;
use crate::text_report::duration;
use crate::timeout_socket::{SILENCE_TIMEOUT, TimeoutSocket, is_timeout};

/// The most connections at once. More are closed.
const MAX_CONNECTIONS: usize = 256;
/// The longest request, in bytes.
const MAX_REQUEST: usize = 16 * 1024;

/// The most fields in the account of a handshake. An ordinary one has 200.
const MAX_FIELDS: usize = 1000;

/// The options of `serve`.
#[derive(clap::Args)]
pub struct Arguments {
    /// The certificate chain in PEM, the server's own first; repeat for more: each client gets the chain
    /// that fits its server name and signature schemes. Or the URI of a certificate on a PKCS#11 token
    #[arg(long, value_name = "FILE", required = true)]
    cert: Vec<PathBuf>,
    /// The private key in PEM; repeat for each --cert, in the same order. Or the URI of a key on a PKCS#11 token:
    /// "pkcs11:token=NAME;object=NAME?module-path=FILE&pin-source=file:FILE"
    #[arg(long, value_name = "FILE", required = true)]
    key: Vec<PathBuf>,
    /// Staple this OCSP response, in DER, to the first certificate
    #[arg(long, value_name = "FILE")]
    ocsp: Option<PathBuf>,
    /// Also offer raw public keys, to clients that accept those in place of certificates
    #[arg(long)]
    raw_public_key: bool,
    /// Request certificates from clients, and accept those of the authorities in this PEM file
    #[arg(long, value_name = "FILE")]
    client_ca: Option<PathBuf>,
    /// Whether clients must have a certificate, may have one, or get the request after the handshake
    #[arg(long, value_name = "WHEN", requires = "client_ca", default_value = "required")]
    client_auth: ClientAuth,
    /// Takes no value: the address is that of --listen
    #[arg(value_name = "ADDR", hide = true)]
    address: Option<String>,
    /// The address to listen on; with port 0, any free port
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:4433", value_parser = address::listen)]
    listen: SocketAddr,
    /// Support this application protocol; repeat for more, the preferred one first
    #[arg(long, value_name = "PROTOCOL")]
    alpn: Vec<String>,
    /// Send back all received data. Without this option, the server waits for an HTTP request, which ends
    /// with an empty line, for 30 s, and answers it
    #[arg(long)]
    echo: bool,
    /// Exit after one connection
    #[arg(long)]
    once: bool,
    /// Send each client this many tickets after a full handshake, at most 16; one after a resumption
    #[arg(long, value_name = "N", default_value = "2", value_parser = clap::value_parser!(u8).range(..=16))]
    tickets: u8,
    /// Seal tickets with the keys in this file, 32 random bytes each: the first key seals, all can open.
    /// Without this option, the keys are random
    #[arg(long, value_name = "FILE")]
    ticket_keys: Option<PathBuf>,
    /// Accept this many bytes of 0-RTT data from a client that resumes, with a ticket that is not from the
    /// second in which the server started
    #[arg(long, value_name = "BYTES")]
    early_data: Option<u32>,
    /// Accept this pre-shared key; repeat for more
    #[arg(long, value_name = "IDENTITY:HEX")]
    psk: Vec<String>,
    /// Log the secrets, for Wireshark; without FILE, to the file that SSLKEYLOGFILE names
    #[arg(long, value_name = "FILE", num_args = 0..=1)]
    keylog: Option<Option<PathBuf>>,
}

/// When the server requests certificates.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum ClientAuth {
    Optional,
    Required,
    PostHandshake,
}

/// The state that all connections share.
struct Server {
    config: Arc<ServerConfig>,
    echo: bool,
    /// Request a certificate after the handshake, from clients that support it.
    asks_later: bool,
    json: bool,
    active: AtomicUsize,
}

/// A value without an option, which is usually the address. Anything else is not repeated: it may be a secret.
fn unexpected(value: &str) -> Failure {
    let failure = Failure::misuse("serve takes options only, also for the address to listen on");
    match value.parse::<SocketAddr>() {
        Ok(address) => failure.hint(format!("write --listen {address}")),
        Err(_) => failure.hint("write --listen ADDR:PORT"),
    }
}

/// Runs the server until it is stopped, or for one connection.
pub fn run(arguments: &Arguments, json: bool) -> Result<(), Failure> {
    if let Some(address) = &arguments.address {
        return Err(unexpected(address));
    }
    let config = Arc::new(config(arguments)?);
    let asks_later =
        arguments.client_ca.is_some() && arguments.client_auth == ClientAuth::PostHandshake;
    let (echo, active) = (arguments.echo, AtomicUsize::new(0));
    let server = Arc::new(Server { config, echo, asks_later, json, active });
    let listener = TcpListener::bind(arguments.listen).map_err(|error| {
        Failure::misuse(format!("cannot listen on {}: {error}", arguments.listen))
            .hint("choose another address or port: --listen ADDR:PORT (port 0 takes a free one)")
    })?;
    let address = listener.local_addr()?;
    let event = json!({"event": "listening", "address": address.to_string()});
    server.say(&format!("listening on {address}"), event);

    for number in 1.. {
        let (socket, peer) = match listener.accept() {
            Ok(accepted) => accepted,
            Err(error) => {
                // Most such errors are temporary, such as too many open files.
                server.say(
                    &format!("cannot accept: {error}"),
                    json!({
                        "event": "accept_failed", "message": error.to_string(),
                    }),
                );
                thread::sleep(Duration::from_millis(100));
                continue;
            }
        };
        if arguments.once {
            return server.serve(number, socket, peer);
        }
        server.spawn(number, socket, peer);
    }
    Ok(())
}

fn config(arguments: &Arguments) -> Result<ServerConfig, Failure> {
    let is_no_http_1 = |name: &&String| !matches!(name.as_str(), "http/1.1" | "http/1.0");
    let unspoken = arguments.alpn.iter().find(is_no_http_1);
    if let (Some(name), false) = (unspoken, arguments.echo) {
        let reason = format!("--alpn {name}: what is served here is HTTP/1.1");
        return Err(
            Failure::misuse(reason).hint("use --alpn http/1.1, or --echo with any protocol")
        );
    }
    let keys = keys(arguments)?;
    let mut builder = ServerConfig::builder(CryptoProvider::default())
        .application_protocols(arguments.alpn.iter().map(String::as_bytes));
    let psks = keys::pre_shared_keys(&arguments.psk)?;
    if !psks.is_empty() {
        builder = builder.pre_shared_keys(Arc::new(PskList::new(psks)));
    }
    if let Some(log) = files::key_log(arguments.keylog.as_ref())? {
        builder = builder.key_log(log);
    }
    let ticket_keys = files::ticket_keys(arguments.ticket_keys.as_deref())?;
    builder = builder.sessions(ticket_keys).tickets(arguments.tickets);
    if let Some(max_size) = arguments.early_data {
        if arguments.tickets == 0 {
            eprintln!(
                "warning: --early-data has no effect with --tickets 0: early data come with a ticket"
            );
        }
        builder = builder.early_data(max_size, Arc::new(StrikeRegister::new(UnixTime::now())));
    }
    if let Some(file) = &arguments.client_ca {
        builder = builder.client_authentication(client_authentication(file, arguments)?);
    }
    let list = CertificateList::new(keys);
    Ok(builder.build(Arc::new(list))?)
}

/// The certificates with their keys, and the raw public keys if they are offered.
fn keys(arguments: &Arguments) -> Result<Vec<Arc<CertifiedKey>>, Failure> {
    let (certs, keys) = (arguments.cert.len(), arguments.key.len());
    if certs != keys {
        let (certs, keys) = (times(certs), times(keys));
        let problem = format!("--cert is there {certs}, and --key {keys}");
        return Err(Failure::misuse(problem).hint("each --cert needs the --key that belongs to it"));
    }
    let mut list = Vec::new();
    for (cert, key) in arguments.cert.iter().zip(&arguments.key) {
        let mut certified = files::certified_key(cert, key, "--")?;
        if let (Some(file), true) = (&arguments.ocsp, list.is_empty()) {
            certified = certified.with_ocsp(files::ocsp_response(file)?)?;
        }
        list.push(Arc::new(certified));
    }
    if arguments.raw_public_key {
        let raw = list.iter().map(|key| key.to_raw_public_key().map(Arc::new));
        list.extend(raw.collect::<Result<Vec<_>, _>>()?);
    }
    Ok(list)
}

/// A number of things as text.
fn times(count: usize) -> String {
    match count {
        1 => "once".to_owned(),
        _ => format!("{count} times"),
    }
}

fn client_authentication(
    file: &Path,
    arguments: &Arguments,
) -> Result<ClientAuthentication, Failure> {
    let anchors = files::anchors_in(file, "--client-ca", files::warn)?;
    let names = anchors.subjects();
    let signatures = CryptoProvider::default().signatures;
    let verifier = Arc::new(TrustAnchorVerifier::for_clients(anchors, signatures));
    let policy = match arguments.client_auth {
        ClientAuth::Required => ClientAuthentication::required(verifier),
        ClientAuth::Optional => ClientAuthentication::optional(verifier),
        ClientAuth::PostHandshake => ClientAuthentication::post_handshake(verifier),
    };
    Ok(policy.authorities(names))
}

impl Server {
    /// One line of the log.
    fn say(&self, text: &str, event: Json) {
        let mut out = stdout();
        if self.json {
            json::write_line(&mut out, &event);
        } else {
            // A failure to write the log does not stop the server. `stdout` remembers it.
            let _ = out.write_all(format!("{text}\n").as_bytes()).and_then(|()| out.flush());
        }
    }

    /// Serves a connection in a new thread, unless there are too many.
    fn spawn(self: &Arc<Self>, number: u64, socket: TcpStream, peer: SocketAddr) {
        let refused = |reason: &str| {
            self.say(
                &format!("{peer}  turned away: {reason}"),
                json!({
                    "event": "turned_away", "connection": number, "peer": peer.to_string(),
                    "message": reason,
                }),
            );
        };
        if self.active.fetch_add(1, Ordering::Relaxed) >= MAX_CONNECTIONS {
            self.active.fetch_sub(1, Ordering::Relaxed);
            return refused(&format!("there are {MAX_CONNECTIONS} connections already"));
        }
        let place = Place(Arc::clone(self));
        let spawned = thread::Builder::new().spawn(move || {
            // The log has its failure.
            let _ = place.0.serve(number, socket, peer);
        });
        if let Err(error) = spawned {
            refused(&error.to_string());
        }
    }

    /// Serves one connection, and logs its result.
    fn serve(&self, number: u64, socket: TcpStream, peer: SocketAddr) -> Result<(), Failure> {
        let _ = socket.set_nodelay(true);
        let event_log = match self.json {
            true => {
                // Every client, also one that is not authenticated, can fill the log with its account.
                let mut options = explain::Options::new(CryptoProvider::default());
                options.max_fields = MAX_FIELDS;
                SharedEventLog::with_options(true, Box::new(NoReport), &options)
            }
            false => SharedEventLog::new(true, Box::new(NoReport)),
        };
        let ends = (Some(peer.to_string()), socket.local_addr().ok().map(|own| own.to_string()));
        event_log.recorder(Side::Server).set_addresses(ends.0, ends.1);
        let observer = Some(event_log.observer(Side::Server));
        let mut options = Options::default();
        options.observer = observer;
        let connection = ServerConnection::with_options(Arc::clone(&self.config), options);
        let mut stream = Stream::over(
            connection,
            TimeoutSocket::new(socket, SILENCE_TIMEOUT),
            |timed: &TimeoutSocket| timed.handle(),
        );

        let result = self.answer(number, &mut stream, peer, &event_log);
        let result = result
            .map_err(|failure| advice::explain(failure.at(stream.connection()), Side::Server));
        if let Err(failure) = &result {
            let mut event = failure.json();
            if let Some(event) = event.as_object_mut() {
                event.remove("code");
                event.insert("connection".into(), number.into());
                event.insert("peer".into(), peer.to_string().into());
            }
            self.say(&format!("{peer}  failed: {}", failure.line()), event);
        }
        // Dropping the stream gives the client the time to receive the last record.
        result
    }

    fn answer(
        &self,
        number: u64,
        stream: &mut TlsStream,
        peer: SocketAddr,
        event_log: &SharedEventLog,
    ) -> Result<(), Failure> {
        let result = stream.handshake();
        self.report_account(number, peer, event_log);
        result?;
        let tally = event_log.tally(Side::Server);
        let summary = Summary::new(Side::Server, stream.connection(), tally);
        self.say_not_taken(peer, &event_log.progress(Side::Server));
        self.say_shaken(peer, &summary);
        let mut early = stream.take_early_data();
        if !early.is_empty() {
            let bytes = early.len();
            let event = json!({"event": "early_data", "connection": number, "bytes": bytes});
            let bytes = counted(bytes, "byte");
            self.say(&format!("{peer}  sent {bytes} of early data"), event);
        }
        if self.asks_later {
            early.extend(self.ask(number, stream, peer)?);
        }
        let bytes = match self.echo {
            true => echo(stream, &early)?,
            false => {
                let summary = Summary::new(Side::Server, stream.connection(), tally);
                respond(stream, &summary, early)?
            }
        };
        stream.close()?;
        self.say(
            &format!("{peer}  closed cleanly, {} sent", counted(bytes, "byte")),
            json!({"event": "closed", "connection": number, "bytes": bytes}),
        );
        Ok(())
    }

    /// Requests the client's certificate, if the client supports that, and waits for the answer. Returns
    /// data that arrived before the answer.
    fn ask(&self, number: u64, stream: &mut TlsStream, peer: SocketAddr) -> io::Result<Vec<u8>> {
        let mut early = Vec::new();
        let connection = stream.connection_mut();
        let asked = connection.request_client_certificate();
        while is_asking(stream) && early.len() < MAX_REQUEST {
            let Some(count) = stream.receive()? else { break };
            let start = early.len();
            early.resize(start + count, 0);
            stream.read_exact(early.get_mut(start..).unwrap_or_default())?;
        }
        let client = Summary::new(Side::Server, stream.connection(), Tally::default()).certificate;
        let text = match (&asked, &client) {
            (Err(error), _) => format!("was not asked for a certificate: {error}"),
            (Ok(()), None) => "was asked for a certificate, and has shown none".to_owned(),
            (Ok(()), Some(client)) => format!("has shown its certificate: {client}"),
        };
        self.say(
            &format!("{peer}  {text}"),
            json!({
                "event": "client_authentication", "connection": number,
                "asked": asked.is_ok(), "certificate": client,
            }),
        );
        Ok(early)
    }

    /// For the text log only: with JSON, the account has it.
    fn say_not_taken(&self, peer: SocketAddr, progress: &Progress) {
        if self.json {
            return;
        }
        for words in &progress.not_taken {
            self.say(&format!("{peer}  did not take {words}"), Json::Null);
        }
    }

    /// For JSON only: the handshake as data. What comes after it is not recorded, so that memory does not
    /// grow with the connection.
    fn report_account(&self, number: u64, peer: SocketAddr, event_log: &SharedEventLog) {
        if !self.json {
            return;
        }
        let account = json::account(&event_log.recorder(Side::Server).account());
        let peer = peer.to_string();
        let event = json!({
            "event": "handshake", "connection": number, "peer": peer, "account": account,
        });
        json::write_line(&mut stdout(), &event);
        event_log.end_account();
    }

    /// For the text log only: with JSON, the account has it.
    fn say_shaken(&self, peer: SocketAddr, summary: &Summary) {
        if self.json {
            return;
        }
        let agreed = summary.agreed().into_iter().map(|(name, value)| match name {
            // These values mean nothing without their names.
            "pre-shared key" | "early data" => format!("{name} {value}"),
            _ => value,
        });
        let agreed = agreed.collect::<Vec<_>>().join(", ");
        let time = duration(summary.tally.computing);
        self.say(&format!("{peer}  shook hands in {time}: {agreed}"), Json::Null);
    }
}

/// Counts a connection until it is dropped.
struct Place(Arc<Server>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.active.fetch_sub(1, Ordering::Relaxed);
    }
}

type TlsStream = Stream<ServerConnection, TimeoutSocket>;

/// Whether a request for the client's certificate is not answered yet.
fn is_asking(stream: &TlsStream) -> bool {
    stream.connection().open_certificate_requests() > 0
}

/// Sends back all data, until the client closes.
fn echo(stream: &mut TlsStream, early: &[u8]) -> io::Result<usize> {
    stream.transport().lift_deadline();
    let mut buffer = vec![0; 16 * 1024];
    let mut total = early.len();
    stream.write_all(early)?;
    loop {
        let count = stream.read(&mut buffer)?;
        if count == 0 {
            return Ok(total);
        }
        stream.write_all(buffer.get(..count).unwrap_or_default())?;
        total += count;
    }
}

/// Reads a request up to its empty line, and answers with what was negotiated.
fn respond(
    stream: &mut TlsStream,
    summary: &Summary,
    mut request: Vec<u8>,
) -> Result<usize, Failure> {
    let mut buffer = [0; 4096];
    while !request.windows(4).any(|end| end == b"\r\n\r\n") && request.len() < MAX_REQUEST {
        match stream.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => request.extend_from_slice(buffer.get(..count).unwrap_or_default()),
            Err(error) if is_timeout(&error) => return Err(close_without_request(stream)),
            Err(error) => return Err(error.into()),
        }
    }
    let mut body = "This is handclasp. The handshake is complete.\n\n".to_owned();
    for (name, value) in summary.agreed() {
        body += &format!("{name:<14} {value}\n");
    }
    let length = body.len();
    let response = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\n\
         Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    );
    stream.write_all(response.as_bytes())?;
    Ok(response.len())
}

/// The client has sent no complete request in time. It gets close_notify: this side has sent no data
/// that could be incomplete.
fn close_without_request(stream: &mut TlsStream) -> Failure {
    stream.transport().lift_deadline();
    // The failure is the missing request.
    let _ = stream.close();
    let timeout = SILENCE_TIMEOUT.as_secs();
    Failure::failed(format!(
        "the client has sent no complete HTTP request within {timeout} seconds"
    ))
    .hint("a request ends with an empty line; serve --echo sends back all that comes")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connections() -> (handclasp::ClientConnection, ServerConnection) {
        let key = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let private =
            handclasp::pki_types::PrivateKeyDer::try_from(key.signing_key.serialize_der());
        let mut anchors = handclasp::TrustAnchors::new();
        anchors.add(key.cert.der().clone()).unwrap();
        let own = CertifiedKey::from_der(vec![key.cert.der().clone()], &private.unwrap()).unwrap();
        let client = Arc::new(handclasp::ClientConfig::new(anchors).unwrap());
        let name = "localhost".try_into().unwrap();
        let client = handclasp::ClientConnection::new(client, name);
        let server = Arc::new(ServerConfig::new(own).unwrap());
        (client, ServerConnection::new(server))
    }

    #[test]
    fn a_client_that_sends_no_whole_request_hears_close_notify() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let socket = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (client, server) = connections();
        let client = thread::spawn(move || {
            let mut client = Stream::new(client, socket);
            client.write_all(b"hello\n").unwrap();
            // An end without close_notify would be an error.
            client.read_to_end(&mut Vec::new())
        });
        let socket = TimeoutSocket::new(listener.accept().unwrap().0, Duration::from_millis(200));
        let mut stream = Stream::over(server, socket, |timed: &TimeoutSocket| timed.handle());
        // The handshake takes its time on a slow machine; the request is what does not come.
        stream.transport().lift_deadline();
        stream.handshake().unwrap();
        let summary = Summary::new(Side::Server, stream.connection(), Tally::default());
        let failure = respond(&mut stream, &summary, Vec::new()).unwrap_err();
        assert!(failure.message.contains("no complete HTTP request"), "{}", failure.message);
        assert!(failure.hints[0].contains("--echo"));
        drop(stream);
        assert_eq!(client.join().unwrap().unwrap(), 0);
    }
}
