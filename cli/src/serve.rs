//! `handclasp serve`: a server that says what was negotiated, or echoes.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use handclasp::config::{CertificateList, PskList};
use handclasp::connection::Options;
use handclasp::crypto::CryptoProvider;
use handclasp::pki_types::UnixTime;
use handclasp::session::StrikeRegister;
use handclasp::{ServerConfig, ServerConnection, Stream};
use serde_json::{Value as Json, json};

use crate::failure::Failure;
use crate::files;
use crate::journal::{SharedJournal, Side, Silent, Teller};
use crate::json::{self, JsonTeller};
use crate::keys;
use crate::summary::Summary;
use crate::tell::{Output, duration};
use crate::timed::Timed;

/// Connections at once; the next one is turned away.
const MAX_CONNECTIONS: usize = 256;
/// The longest request that is read.
const MAX_REQUEST: usize = 16 * 1024;
/// How long, and for how many bytes, a closing server listens so that its last words arrive.
const LINGER: Duration = Duration::from_secs(2);
const MAX_LINGER: usize = 1024 * 1024;

/// What `serve` is told.
#[derive(clap::Args)]
pub struct Arguments {
    /// The certificate chain in PEM, the server's own first
    #[arg(long, value_name = "FILE")]
    cert: PathBuf,
    /// The private key in PEM
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// Where to listen; port 0 takes any that is free
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:4433")]
    listen: SocketAddr,
    /// Speak this application protocol; again for more, the preferred one first
    #[arg(long, value_name = "PROTOCOL")]
    alpn: Vec<String>,
    /// Send back what comes, instead of an HTTP response
    #[arg(long)]
    echo: bool,
    /// End after one connection
    #[arg(long)]
    once: bool,
    /// Give each client this many tickets to come back with, 16 at most
    #[arg(long, value_name = "N", default_value = "2")]
    tickets: u8,
    /// Seal tickets with the keys in this file, 32 random bytes each: the first seals, all open.
    /// Without it, with new ones that end with this server
    #[arg(long, value_name = "FILE")]
    ticket_keys: Option<PathBuf>,
    /// Take this many bytes of early data of a client that comes back
    #[arg(long, value_name = "BYTES")]
    early_data: Option<u32>,
    /// Take this pre-shared key from clients that have it; again for more
    #[arg(long, value_name = "IDENTITY:HEX")]
    psk: Vec<String>,
    /// Log the secrets, for Wireshark; without FILE, to the file that SSLKEYLOGFILE names
    #[arg(long, value_name = "FILE", num_args = 0..=1)]
    keylog: Option<Option<PathBuf>>,
}

/// What all connections share.
struct Server {
    config: Arc<ServerConfig>,
    echo: bool,
    json: bool,
    active: AtomicUsize,
}

/// Serves until it is stopped, or once.
pub fn run(arguments: &Arguments, json: bool) -> Result<(), Failure> {
    let config = Arc::new(config(arguments)?);
    let server = Server { config, echo: arguments.echo, json, active: AtomicUsize::new(0) };
    let server = Arc::new(server);
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
                // Most such errors pass, as when there are too many open files.
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
    let unspoken = |name: &&String| !matches!(name.as_str(), "http/1.1" | "http/1.0");
    if let Some(name) = arguments.alpn.iter().find(unspoken).filter(|_| !arguments.echo) {
        let reason = format!("--alpn {name}: what is served here is HTTP/1.1");
        return Err(
            Failure::misuse(reason).hint("use --alpn http/1.1, or --echo with any protocol")
        );
    }
    let key = files::certified_key(&arguments.cert, &arguments.key)?;
    let mut builder = ServerConfig::builder(CryptoProvider::ring())
        .application_protocols(arguments.alpn.iter().map(String::as_bytes));
    let psks = keys::pre_shared_keys(&arguments.psk)?;
    if !psks.is_empty() {
        builder = builder.pre_shared_keys(Arc::new(PskList::new(psks)));
    }
    if let Some(log) = files::key_log(arguments.keylog.as_ref())? {
        builder = builder.key_log(log);
    }
    let keys = files::ticket_keys(arguments.ticket_keys.as_deref())?;
    builder = builder.sessions(keys).tickets(arguments.tickets);
    if let Some(max_size) = arguments.early_data {
        builder = builder.early_data(max_size, Arc::new(StrikeRegister::new(UnixTime::now())));
    }
    let list = CertificateList::new(vec![Arc::new(key)]);
    builder.build(Arc::new(list)).map_err(|error| Failure::misuse(error.to_string()))
}

impl Server {
    /// One line of the log.
    fn say(&self, text: &str, event: Json) {
        let mut out = stdout();
        if self.json {
            json::write_line(&mut out, &event);
        } else {
            // A log that nobody reads is no reason to stop.
            let _ = out.write_all(format!("{text}\n").as_bytes()).and_then(|()| out.flush());
        }
    }

    /// Serves in a thread of its own, if there may be one more.
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
            // Its failure is in the log already.
            let _ = place.0.serve(number, socket, peer);
        });
        if let Err(error) = spawned {
            refused(&error.to_string());
        }
    }

    /// Serves one connection, and says what became of it.
    fn serve(&self, number: u64, socket: TcpStream, peer: SocketAddr) -> Result<(), Failure> {
        let _ = socket.set_nodelay(true);
        let teller: Box<dyn Teller> = match self.json {
            true => Box::new(JsonTeller::new(stdout(), Some(number))),
            false => Box::new(Silent),
        };
        let journal = SharedJournal::new(true, teller);
        let observer = Some(journal.observer(Side::Server));
        let options = Options { observer, ..Options::default() };
        let connection = ServerConnection::with_options(Arc::clone(&self.config), options)?;
        let mut stream = Stream::new(connection, Timed::new(socket));

        let result = self.answer(number, &mut stream, peer, &journal);
        if let Err(Failure { message, hint, .. }) = &result {
            let hint_text = hint.as_ref().map(|hint| format!(" ({hint})")).unwrap_or_default();
            self.say(
                &format!("{peer}  failed: {message}{hint_text}"),
                json!({
                    "event": "error", "connection": number, "peer": peer.to_string(),
                    "message": message, "hint": hint,
                }),
            );
        }
        linger(stream.transport());
        result
    }

    fn answer(
        &self,
        number: u64,
        stream: &mut TlsStream,
        peer: SocketAddr,
        journal: &SharedJournal,
    ) -> Result<(), Failure> {
        stream.handshake()?;
        let tally = journal.tally(Side::Server);
        let summary = Summary::new(Side::Server, stream.connection(), tally);
        self.say_shaken(number, peer, &summary);
        let early = stream.take_early_data();
        if !early.is_empty() {
            let bytes = early.len();
            let event = json!({"event": "early_data", "connection": number, "bytes": bytes});
            self.say(&format!("{peer}  sent {bytes} bytes of early data"), event);
        }
        let bytes = match self.echo {
            true => echo(stream, early)?,
            false => respond(stream, early, &summary)?,
        };
        stream.close()?;
        self.say(
            &format!("{peer}  closed cleanly, {bytes} bytes sent"),
            json!({"event": "closed", "connection": number, "bytes": bytes}),
        );
        Ok(())
    }

    fn say_shaken(&self, number: u64, peer: SocketAddr, summary: &Summary) {
        let mut event = summary.json();
        if let Some(object) = event.as_object_mut() {
            object.insert("connection".into(), number.into());
            object.insert("peer".into(), peer.to_string().into());
        }
        let agreed = summary.agreed().into_iter().map(|(_, value)| value);
        let agreed = agreed.collect::<Vec<_>>().join(", ");
        let time = duration(summary.tally.computing);
        self.say(&format!("{peer}  shook hands in {time}: {agreed}"), event);
    }
}

/// A place among the connections, free again when it is dropped.
struct Place(Arc<Server>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.active.fetch_sub(1, Ordering::Relaxed);
    }
}

type TlsStream = Stream<ServerConnection, Timed>;

/// Sends back what comes, until the client closes.
fn echo(stream: &mut TlsStream, early: Vec<u8>) -> io::Result<usize> {
    stream.transport().lift_deadline();
    let mut buffer = vec![0; 16 * 1024];
    stream.write_all(&early)?;
    let mut total = early.len();
    loop {
        let count = stream.read(&mut buffer)?;
        if count == 0 {
            return Ok(total);
        }
        stream.write_all(buffer.get(..count).unwrap_or_default())?;
        total += count;
    }
}

/// Reads a request as far as its empty line and says what was negotiated, whatever was asked.
fn respond(stream: &mut TlsStream, early: Vec<u8>, summary: &Summary) -> io::Result<usize> {
    let mut request = early;
    let mut buffer = [0; 4096];
    while !request.windows(4).any(|end| end == b"\r\n\r\n") && request.len() < MAX_REQUEST {
        match stream.read(&mut buffer)? {
            0 => break,
            count => request.extend_from_slice(buffer.get(..count).unwrap_or_default()),
        }
    }
    let mut body = "handclasp shook hands with you.\n\n".to_owned();
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

/// A socket that is closed with unread bytes in it resets the connection, and what was just sent
/// may be lost: so the client's last bytes are read, for a while.
fn linger(mut transport: &Timed) {
    let _ = transport.socket().shutdown(Shutdown::Write);
    transport.set_deadline(LINGER);
    let mut buffer = [0; 4096];
    let mut total = 0;
    while let Ok(count @ 1..) = transport.read(&mut buffer) {
        total += count;
        if total > MAX_LINGER {
            return;
        }
    }
}

fn stdout() -> Output {
    Box::new(anstream::stdout())
}
