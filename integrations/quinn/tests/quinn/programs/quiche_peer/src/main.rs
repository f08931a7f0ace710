//! A client or a server of quiche, which is on BoringSSL, for `stacks`: as `aioquic_peer.py`, with the option
//! --groups more, and without --suites, --updates and --versions, which quiche does not have. Its build needs
//! cmake and libclang.

use std::collections::HashMap;
use std::net::{SocketAddr, UdpSocket};
use std::process::exit;
use std::time::Duration;

use boring::ssl::{SslContextBuilder, SslMethod};
use quiche::{Config, Connection, ConnectionId, Header, RecvInfo};

const NAME: &str = "server.example";
const MAX_DATAGRAM: usize = 1350;
const EARLY_DATA_ACCEPTED: u32 = 2;
/// The client's first stream.
const STREAM: u64 = 0;

/// `--name value` and `--name`.
struct Options(HashMap<String, String>);

impl Options {
    fn parse(arguments: &[String]) -> Self {
        let mut options = HashMap::new();
        let mut rest = arguments.iter().peekable();
        while let Some(name) = rest.next() {
            let value = rest.next_if(|next| !next.starts_with("--")).cloned();
            options.insert(name.trim_start_matches('-').into(), value.unwrap_or_default());
        }
        Self(options)
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }
}

/// As BoringSSL has it.
fn name_of_group(number: &str) -> &'static str {
    match number {
        "24" => "P-384",
        "29" => "X25519",
        "4588" => "X25519MLKEM768",
        other => panic!("{other}"),
    }
}

fn config(options: &Options) -> Config {
    let mut tls = SslContextBuilder::new(SslMethod::tls()).unwrap();
    if let Some(groups) = options.get("groups") {
        let names: Vec<&str> = groups.split(',').map(name_of_group).collect();
        tls.set_curves_list(&names.join(":")).unwrap();
    }
    let mut config = Config::with_boring_ssl_ctx_builder(quiche::PROTOCOL_VERSION, tls).unwrap();
    if let (Some(chain), Some(key)) = (options.get("chain"), options.get("key")) {
        config.load_cert_chain_from_pem_file(chain).unwrap();
        config.load_priv_key_from_pem_file(key).unwrap();
    }
    let authority = options.get("authority").or(options.get("clients"));
    if let Some(authority) = authority {
        config.load_verify_locations_from_file(authority).unwrap();
    }
    config.verify_peer(authority.is_some());
    let protocol = options.get("protocol").unwrap_or("test/1");
    config.set_application_protos(&[protocol.as_bytes()]).unwrap();
    // All servers have the same, so that one takes the tickets of another.
    config.set_ticket_key(&[7; 48]).unwrap();
    if options.has("early") {
        config.enable_early_data();
    }
    config.set_max_idle_timeout(30_000);
    config.set_max_recv_udp_payload_size(1500);
    config.set_max_send_udp_payload_size(MAX_DATAGRAM);
    config.set_initial_max_data(1 << 20);
    config.set_initial_max_stream_data_bidi_local(1 << 20);
    config.set_initial_max_stream_data_bidi_remote(1 << 20);
    config.set_initial_max_stream_data_uni(1 << 20);
    config.set_initial_max_streams_bidi(100);
    config.set_initial_max_streams_uni(100);
    config
}

/// A connection, and what was reported of it.
struct End {
    connection: Connection,
    is_connected: bool,
    is_closed: bool,
}

impl End {
    fn new(connection: Connection) -> Self {
        Self { connection, is_connected: false, is_closed: false }
    }

    fn report(&mut self) {
        let connection = &self.connection;
        if connection.is_established() && !self.is_connected {
            self.is_connected = true;
            let protocol = String::from_utf8_lossy(connection.application_proto());
            let resumed = python(connection.is_resumed());
            let early = python(connection.early_data_reason() == EARLY_DATA_ACCEPTED);
            println!("connected: protocol {protocol}, resumed {resumed}, early data {early}");
            if connection.peer_cert().is_some() {
                println!("the peer has a certificate");
            }
        }
        let error = connection.peer_error().or(connection.local_error());
        let Some(error) = error.filter(|error| !error.is_app && error.error_code != 0) else {
            return;
        };
        if !self.is_closed {
            self.is_closed = true;
            let reason = String::from_utf8_lossy(&error.reason);
            println!("closed: code {:#x}, {reason}", error.error_code);
        }
    }

    fn send_all(&mut self, socket: &UdpSocket) {
        let mut datagram = [0; MAX_DATAGRAM];
        while let Ok((length, info)) = self.connection.send(&mut datagram) {
            let _ = socket.send_to(&datagram[..length], info.to);
        }
    }
}

/// As Python writes it.
fn python(value: bool) -> &'static str {
    if value { "True" } else { "False" }
}

/// The next datagram, if one comes within this time.
fn receive(
    socket: &UdpSocket,
    buffer: &mut [u8],
    timeout: Option<Duration>,
) -> Option<(usize, SocketAddr)> {
    let least = Duration::from_millis(1);
    socket.set_read_timeout(timeout.map(|timeout| timeout.max(least))).unwrap();
    socket.recv_from(buffer).ok()
}

/// A connection ID that is not used twice.
fn connection_id(number: u64) -> ConnectionId<'static> {
    let mut id = vec![0; 8];
    id.extend(number.to_be_bytes());
    ConnectionId::from_vec(id)
}

/// A server finds the connection of a datagram by the address of the client.
struct Server {
    socket: UdpSocket,
    config: Config,
    sends_retry: bool,
    clients: HashMap<SocketAddr, Client>,
    connections: u64,
}

struct Client {
    end: End,
    /// What is to be sent back on each stream, and whether it ends there.
    echoes: HashMap<u64, (Vec<u8>, bool)>,
}

impl Server {
    fn run(&mut self) -> ! {
        let mut buffer = vec![0; 65_536];
        loop {
            let timeout =
                self.clients.values().filter_map(|client| client.end.connection.timeout()).min();
            match receive(&self.socket, &mut buffer, timeout) {
                Some((length, from)) => self.on_datagram(&mut buffer[..length], from),
                None => {
                    for client in self.clients.values_mut() {
                        client.end.connection.on_timeout();
                    }
                }
            }
            for client in self.clients.values_mut() {
                client.end.report();
                client.echo();
                client.end.send_all(&self.socket);
            }
            self.clients.retain(|_, client| !client.end.connection.is_closed());
        }
    }

    fn on_datagram(&mut self, datagram: &mut [u8], from: SocketAddr) {
        let to = self.socket.local_addr().unwrap();
        if !self.clients.contains_key(&from) && !self.accept(datagram, from, to) {
            return;
        }
        let connection = &mut self.clients.get_mut(&from).unwrap().end.connection;
        let _ = connection.recv(datagram, RecvInfo { from, to });
    }

    /// Whether there is a connection of this client now.
    fn accept(&mut self, datagram: &mut [u8], from: SocketAddr, to: SocketAddr) -> bool {
        let Ok(header) = Header::from_slice(datagram, quiche::MAX_CONN_ID_LEN) else {
            return false;
        };
        if header.ty != quiche::Type::Initial || header.version != quiche::PROTOCOL_VERSION {
            return false;
        }
        self.connections += 1;
        let id = connection_id(self.connections);
        let token = header.token.unwrap_or_default();
        if self.sends_retry && token.is_empty() {
            // A token that others could make, too.
            let mut out = [0; MAX_DATAGRAM];
            let (scid, dcid, version) = (&header.scid, &header.dcid, header.version);
            let length = quiche::retry(scid, dcid, &id, dcid, version, &mut out).unwrap();
            let _ = self.socket.send_to(&out[..length], from);
            return false;
        }
        let original = ConnectionId::from_ref(&token);
        let (id, original) = match self.sends_retry {
            true => (header.dcid, Some(&original)),
            false => (id, None),
        };
        let connection = quiche::accept(&id, original, to, from, &mut self.config).unwrap();
        self.clients.insert(from, Client { end: End::new(connection), echoes: HashMap::new() });
        true
    }
}

impl Client {
    fn echo(&mut self) {
        let connection = &mut self.end.connection;
        let mut buffer = vec![0; 65_536];
        for stream in connection.readable() {
            let (data, is_ended) = self.echoes.entry(stream).or_default();
            // Flow control stops a client whose data are not sent back yet.
            while data.len() < 1 << 20 {
                let Ok((length, fin)) = connection.stream_recv(stream, &mut buffer) else { break };
                data.extend_from_slice(&buffer[..length]);
                *is_ended |= fin;
            }
        }
        self.echoes.retain(|stream, (data, is_ended)| {
            let Ok(sent) = connection.stream_send(*stream, data, *is_ended) else { return true };
            data.drain(..sent);
            !(*is_ended && data.is_empty())
        });
    }
}

/// Connects, sends the data, and returns the session. Ends the program where something else comes back.
fn talk(options: &Options, port: &str, data: &[u8], session: Option<&[u8]>) -> Vec<u8> {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let (local, peer) =
        (socket.local_addr().unwrap(), format!("127.0.0.1:{port}").parse().unwrap());
    let id = connection_id(u64::from(local.port()));
    let mut config = config(options);
    let mut connection = quiche::connect(Some(NAME), &id, local, peer, &mut config).unwrap();
    if let Some(session) = session {
        connection.set_session(session).unwrap();
    }
    let mut end = End::new(connection);
    let (mut sent, mut received) = (0, Vec::new());
    let mut buffer = vec![0; 65_536];
    let mut is_answered = false;
    loop {
        end.send_all(&socket);
        if end.connection.is_established() || end.connection.is_in_early_data() {
            while sent < data.len() {
                match end.connection.stream_send(STREAM, &data[sent..], true) {
                    Ok(length) if length > 0 => sent += length,
                    _ => break,
                }
            }
            end.send_all(&socket);
        }
        if is_answered && !end.connection.is_draining() && end.connection.session().is_some() {
            // What the server says of the end comes before its answer to this.
            let _ = end.connection.close(true, 0, b"done");
            end.send_all(&socket);
        }
        if end.connection.is_closed() {
            break;
        }
        match receive(&socket, &mut buffer, end.connection.timeout()) {
            Some((length, from)) => {
                let info = RecvInfo { from, to: local };
                let _ = end.connection.recv(&mut buffer[..length], info);
            }
            None => end.connection.on_timeout(),
        }
        end.report();
        while let Ok((length, fin)) = end.connection.stream_recv(STREAM, &mut buffer) {
            received.extend_from_slice(&buffer[..length]);
            is_answered |= fin;
        }
    }
    if !is_answered || received != data {
        println!("failed: {} bytes of {} came back", received.len(), data.len());
        exit(1);
    }
    println!("echoed {}", data.len());
    end.connection.session().unwrap().to_vec()
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some((role, rest)) = arguments.split_first() else {
        return println!("a peer over quiche");
    };
    let options = Options::parse(rest);
    if role == "server" {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        println!("port {}", socket.local_addr().unwrap().port());
        let (config, sends_retry) = (config(&options), options.has("retry"));
        Server { socket, config, sends_retry, clients: HashMap::new(), connections: 0 }.run();
    }
    let first = options.get("first").map(|port| talk(&options, port, b"first", None));
    let length: usize = options.get("length").unwrap().parse().unwrap();
    let data: Vec<u8> = (0..length).map(|number| (number * number / 7 % 251) as u8).collect();
    talk(&options, options.get("address").unwrap(), &data, first.as_deref());
}
