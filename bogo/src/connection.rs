//! One connection with the runner.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use handclasp::Error;
use handclasp::alert::AlertDescription;
use handclasp::connection::{ClientConnection, Options, ServerConnection};
use handclasp::handshake::{Answer, EarlyData, Question};
use handclasp::pki_types::ServerName;
use handclasp::quic::{Connection as QuicConnection, Version};
use handclasp::record::MAX_RECORD_LENGTH;
use handclasp::registry::HandshakeType;

use crate::carrier::{Came, Carrier};
use crate::credential::Credentials;
use crate::flags::{Flags, Stop};
use crate::memory::{AskedRegister, Memory};
use crate::quic::QuicCarrier;
use crate::seen::{Seen, Watcher};
use crate::verify::TestVerifier;
use crate::{config, error, expectation};

/// How long to read on at the end of a connection.
const DRAINED: Duration = Duration::from_secs(1);

/// An alert of TLS 1.2 that means nothing here.
const DECOMPRESSION_FAILURE: AlertDescription = AlertDescription(30);

/// The observers and resolvers that the library calls.
pub struct Parties {
    pub credentials: Arc<Credentials>,
    pub verifier: Arc<TestVerifier>,
    pub seen: Arc<Seen>,
    pub strikes: Arc<AskedRegister>,
}

/// Either side.
enum Side {
    Client(ClientConnection),
    Server(ServerConnection),
    Quic(QuicCarrier, handclasp::handshake::Side),
}

impl Side {
    fn new(flags: &Flags, parties: &Parties, memory: &Memory) -> Result<Self, Stop> {
        let failed = |error: Error| Stop::failed(error::describe(&error));
        let observer = Some(Box::new(Watcher(parties.seen.clone())) as _);
        let mut options = Options::new(memory.now());
        options.observer = observer;
        let quic = flags.has("quic");
        let parameters = flags.bytes("quic-transport-params")?.unwrap_or_default();
        let carrier = |mut connection: QuicConnection| -> Result<Self, Stop> {
            let (seen, side) = (parties.seen.clone(), connection.side());
            if side == handclasp::handshake::Side::Server {
                let context = flags.text("quic-early-data-context").unwrap_or_default();
                connection.set_early_data_context(context.as_bytes()).map_err(failed)?;
            }
            Ok(Self::Quic(QuicCarrier::new(connection, seen, memory.suite()), side))
        };
        if flags.has("server") {
            let config = Arc::new(config::server(flags, parties, memory)?);
            if quic {
                let server = QuicConnection::server(config, Version::V1, parameters, options);
                return carrier(server.map_err(failed)?);
            }
            return Ok(Self::Server(ServerConnection::with_options(config, options)));
        }
        let config = Arc::new(config::client(flags, parties, memory)?);
        let name = flags.text("host-name").unwrap_or("localhost").to_owned();
        let name = ServerName::try_from(name).map_err(|_| Stop::unimplemented("-host-name"))?;
        if quic {
            let client = QuicConnection::client(config, Version::V1, name, parameters, options);
            return carrier(client.map_err(failed)?);
        }
        Ok(Self::Client(ClientConnection::with_options(config, name, options)))
    }

    fn connection(&mut self) -> &mut dyn Carrier {
        match self {
            Self::Client(client) => &mut **client,
            Self::Server(server) => &mut **server,
            Self::Quic(carrier, _) => carrier,
        }
    }

    fn is_client(&self) -> bool {
        matches!(self, Self::Client(_) | Self::Quic(_, handclasp::handshake::Side::Client))
    }
}

/// A connection with its socket and what came from it.
struct Link<'a> {
    socket: TcpStream,
    side: Side,
    parties: Parties,
    flags: &'a Flags,
    retry: &'a Flags,
    resumes: bool,
    input: Vec<u8>,
    /// Application data that came.
    data: Vec<u8>,
    ended: bool,
    /// A record was sent half: so many bytes of it wait.
    half: Option<usize>,
}

pub fn run(flags: &Flags, retry: &Flags, resumes: bool, memory: &Memory) -> Result<(), Stop> {
    let seen = Arc::new(Seen::default());
    let provider = config::provider(flags)?;
    let parties = Parties {
        credentials: Arc::new(Credentials::new(flags, &provider, seen.clone())?),
        verifier: Arc::new(TestVerifier::new(flags, retry, seen.clone())?),
        seen,
        strikes: memory.strikes(),
    };
    let side = Side::new(flags, &parties, memory)?;
    let mut link = Link {
        socket: dial(flags)?,
        side,
        parties,
        flags,
        retry,
        resumes,
        input: Vec::new(),
        data: Vec::new(),
        ended: false,
        half: None,
    };
    let result = link.talk(memory);
    memory.keep_tickets(link.parties.seen.parts().sent_tickets);
    memory.keep_suite(link.side.connection().parameters().cipher_suite);
    link.half = None;
    // The alert, if there is one, goes out before the socket is closed.
    let flushed = link.flush();
    let _ = link.socket.shutdown(Shutdown::Write);
    link.drain();
    let name = link.parties.seen.error_name();
    result.and(flushed).map_err(|stop| match (stop, name) {
        (Stop::Failed(words), Some(name)) => Stop::Failed(format!("{name} {words}")),
        (stop, _) => stop,
    })
}

fn dial(flags: &Flags) -> Result<TcpStream, Stop> {
    let port = flags.number("port")?.ok_or_else(|| Stop::failed("there is no -port"))?;
    let address: SocketAddr = match flags.has("ipv6") {
        true => (Ipv6Addr::LOCALHOST, port).into(),
        false => (Ipv4Addr::LOCALHOST, port).into(),
    };
    let id: u64 = flags.number("shim-id")?.unwrap_or_default();
    let mut socket =
        TcpStream::connect(address).map_err(|error| Stop::failed(error.to_string()))?;
    let sent = socket.set_nodelay(true).and_then(|()| socket.write_all(&id.to_le_bytes()));
    sent.map_err(|error| Stop::failed(error.to_string()))?;
    Ok(socket)
}

fn failed(error: Error) -> Stop {
    Stop::failed(error::describe(&error))
}

impl Link<'_> {
    fn talk(&mut self, memory: &Memory) -> Result<(), Stop> {
        let early = self.write_early()?;
        while self.side.connection().is_handshaking() {
            self.step()?;
            if self.side.connection().parameters().early_data == EarlyData::Accepted {
                self.echo()?;
            }
            if self.ended {
                return Err(Stop::failed(":HANDSHAKE_NOT_COMPLETE:"));
            }
        }
        self.check_handshake()?;
        if self.resumes {
            expectation::check_ticket_age(self.flags, &self.parties.seen, memory)?;
        }
        self.export()?;
        if self.flags.has("send-alert") {
            return Err(self.abort(DECOMPRESSION_FAILURE, "the test wants this alert"));
        }
        if self.flags.has("shim-shuts-down") {
            self.parties.seen.check()?;
            self.side.connection().close();
            self.flush()?;
            return if self.flags.has("check-close-notify") { self.await_end() } else { Ok(()) };
        }
        self.write_first(early)?;
        while !self.ended {
            self.echo()?;
            self.step()?;
        }
        self.echo()?;
        expectation::check_tickets(self.flags, &self.parties.seen, memory)?;
        self.parties.seen.check()?;
        if self.flags.has("check-close-notify") {
            self.side.connection().close();
            self.flush()?;
        }
        Ok(())
    }

    fn await_end(&mut self) -> Result<(), Stop> {
        while !self.ended {
            self.step()?;
        }
        match self.side.connection().peer_has_closed() {
            true => Ok(()),
            false => Err(Stop::failed("Unexpected SSL_shutdown result: -1 != 1")),
        }
    }

    /// What the client sends before it is asked: the flags' words, as often as they say.
    fn initial_words(&self) -> Result<Vec<u8>, Stop> {
        if !self.flags.has("shim-writes-first") && !self.unfinished() {
            return Ok(Vec::new());
        }
        let words = self.flags.text("shim-initial-write").unwrap_or("hello");
        let times = self.flags.number("repeat-shim-initial-write")?.unwrap_or(1);
        Ok(words.repeat(times).into_bytes())
    }

    /// Is the first record to be sent half, and the rest once more is to be sent or has come?
    fn unfinished(&self) -> bool {
        self.flags.has("read-with-unfinished-write")
    }

    /// Ends the connection with this alert.
    fn abort(&mut self, alert: AlertDescription, reason: &str) -> Stop {
        failed(self.side.connection().abort(alert, reason))
    }

    /// Sends the first words as 0-RTT data, as far as the ticket lets it; returns how many bytes.
    fn write_early(&mut self) -> Result<usize, Stop> {
        let offered = self.side.connection().parameters().early_data == EarlyData::Offered;
        if self.flags.has("expect-no-offer-early-data") && offered {
            return Err(Stop::failed("0-RTT data were offered"));
        }
        if !offered {
            return Ok(0);
        }
        if self.flags.has("export-keying-material") {
            self.export()?;
        }
        if let Some(kind) = self.flags.number("early-write-after-message")? {
            self.flush()?;
            while self.parties.seen.parts().last_message != Some(HandshakeType(kind)) {
                self.step()?;
                if self.ended || !self.side.connection().is_handshaking() {
                    return Err(Stop::failed("the message to write after has not come"));
                }
            }
        }
        self.flush()?;
        let words = self.initial_words()?;
        let times = self.flags.number("repeat-shim-initial-write")?.unwrap_or(1).max(1);
        let mut sent = 0;
        for part in words.chunks((words.len() / times).max(1)) {
            let written = self.side.connection().write_early_data(part).map_err(failed)?;
            sent += written;
            self.flush_first()?;
            if written < part.len() {
                break;
            }
        }
        Ok(sent)
    }

    /// Sends what of the first words the peer has not got.
    fn write_first(&mut self, early: usize) -> Result<(), Stop> {
        let refused = self.parties.seen.early_data_refused();
        if refused && self.unfinished() {
            return Ok(());
        }
        let words = self.initial_words()?;
        let rest = words.get(if refused { 0 } else { early }..).unwrap_or_default().to_vec();
        if !self.unfinished() || rest.is_empty() {
            return self.write(&rest);
        }
        self.flush()?;
        self.side.connection().write(&rest).map_err(failed)?;
        self.flush_first()
    }

    /// Sends the first words: half of their record, where the test wants it so.
    fn flush_first(&mut self) -> Result<(), Stop> {
        if !self.unfinished() {
            return self.flush();
        }
        let connection = self.side.connection();
        let (half, rest) = connection.outgoing().split_at(connection.outgoing().len() / 2);
        let (length, rest) = (half.len(), rest.len());
        let sent = self.socket.write_all(half);
        connection.sent(length);
        self.half = Some(rest);
        sent.map_err(|error| Stop::failed(error.to_string()))
    }

    fn check_handshake(&mut self) -> Result<(), Stop> {
        let early_data = self.side.connection().parameters().early_data;
        let client = self.side.is_client();
        let to_reject = client && self.resumes && self.flags.has("expect-reject-early-data");
        if to_reject && early_data != EarlyData::Rejected {
            return Err(Stop::failed("0-RTT data were not rejected"));
        }
        if client && early_data == EarlyData::Rejected {
            if !self.flags.has("expect-reject-early-data") {
                return Err(Stop::failed("0-RTT data were rejected"));
            }
            let resumed = self.side.connection().parameters().pre_shared_key.is_some();
            if let Err(error) = self.parties.verifier.on_retry() {
                // The library asks about a session before the ClientHello: this is a second time.
                if resumed {
                    let error = Error::from(error);
                    let alert = error.alert_sent().unwrap_or(AlertDescription::INTERNAL_ERROR);
                    self.abort(alert, "the session's certificates are refused");
                    return Err(failed(error));
                }
            }
            self.flags = self.retry;
        }
        let seen = self.parties.seen.clone();
        if client {
            if let Some(index) = seen.parts().selected_identity {
                let tickets = u16::from(self.resumes);
                let number = self.parties.credentials.number_of_psk(index.saturating_sub(tickets));
                number.into_iter().for_each(|number| seen.set_credential(number));
            }
        }
        let (flags, resumes) = (self.flags, self.resumes);
        expectation::check(flags, resumes, self.side.connection(), &seen)?;
        seen.check()
    }

    /// Sends back what came, each bit flipped.
    fn echo(&mut self) -> Result<(), Stop> {
        let mut data = std::mem::take(&mut self.data);
        if data.is_empty() {
            return Ok(());
        }
        self.half = None;
        data.iter_mut().for_each(|byte| *byte ^= 0xff);
        if self.flags.has("key-update") {
            self.side.connection().update_keys().map_err(failed)?;
        }
        self.write(&data)
    }

    fn export(&mut self) -> Result<(), Stop> {
        if self.flags.has("export-traffic-secrets") {
            let [client, server] = self.parties.seen.parts().secrets;
            let length = u16::try_from(client.len()).unwrap_or_default().to_le_bytes();
            let (read, write) =
                if self.flags.has("server") { (client, server) } else { (server, client) };
            return self.write(&[&length[..], &read, &write].concat());
        }
        let Some(length) = self.flags.number::<usize>("export-keying-material")? else {
            return Ok(());
        };
        let mut key = vec![0; length];
        let label = self.flags.text("export-label").unwrap_or_default();
        let context = self.flags.text("export-context").unwrap_or_default().as_bytes();
        let connection = self.side.connection();
        connection.export(label, context, &mut key).map_err(failed)?;
        self.write(&key)
    }

    fn write(&mut self, data: &[u8]) -> Result<(), Stop> {
        let mut rest = data;
        while !rest.is_empty() {
            let written = self.side.connection().write(rest).map_err(failed)?;
            rest = rest.get(written..).unwrap_or_default();
            self.flush()?;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Stop> {
        let connection = self.side.connection();
        let outgoing = connection.outgoing();
        let length = outgoing.len();
        if self.half == Some(length) {
            return Ok(());
        }
        self.half = None;
        // A runner that has hung up has its reasons, and looks at what we say of them.
        if self.socket.write_all(outgoing).is_ok() {
            connection.sent(length);
        }
        Ok(())
    }

    /// Takes one record, from what has come or from the socket.
    fn step(&mut self) -> Result<(), Stop> {
        self.flush()?;
        let (taken, received) = self.side.connection().receive(&mut self.input).map_err(failed)?;
        let (incomplete, waiting) =
            (matches!(received, Came::Incomplete), matches!(received, Came::Waiting));
        match received {
            Came::Data(data) => self.data.extend_from_slice(&data),
            Came::Closed => self.ended = true,
            Came::Incomplete | Came::Waiting | Came::Other => {}
        }
        self.input.drain(..taken);
        let connection = self.side.connection();
        if connection.parameters().early_data == EarlyData::Rejected {
            self.parties.seen.refuse_early_data();
        }
        if waiting || connection.question().is_some() {
            self.answer()?;
        } else if incomplete {
            self.read()?;
        }
        self.flush()
    }

    /// Answers the open question, as if it had taken a while.
    fn answer(&mut self) -> Result<(), Stop> {
        let Parties { credentials, verifier, strikes, .. } = &self.parties;
        let connection = self.side.connection();
        let (Some(number), Some(question)) = (connection.question_number(), connection.question())
        else {
            return Ok(());
        };
        let answer = match question {
            Question::ChooseCertificate(ask) => {
                let hello = ask.client_hello().map_err(failed)?;
                let chosen = credentials.for_client(&hello);
                chosen.map_or_else(Answer::Unavailable, Answer::Certificate)
            }
            Question::ChooseClientCertificate(ask) => {
                let request = ask.request().map_err(failed)?;
                let chosen = credentials.for_request(&request, ask.certificate_type);
                if matches!(chosen, Ok(None)) && credentials.has_certificates() {
                    let alert = AlertDescription::HANDSHAKE_FAILURE;
                    return Err(failed(connection.abort(alert, "no certificate suits the server")));
                }
                chosen.map_or_else(Answer::Unavailable, Answer::ClientCertificate)
            }
            Question::ResolvePsk(ask) => {
                let hello = ask.client_hello().map_err(failed)?;
                Answer::Psk(credentials.for_identities(&hello, &ask.hashes))
            }
            Question::TakeSession(_) if credentials.refuses() => {
                Answer::Unavailable("the test refuses the client".into())
            }
            Question::AcceptEarlyData(_) => Answer::EarlyData(true),
            Question::CheckReplay(ask) => strikes.answer(ask),
            Question::Sign(ask) => {
                Answer::Signature(credentials.sign(&ask.certificate, ask.scheme, &ask.message))
            }
            Question::VerifyPeer(peer) => Answer::Peer(verifier.on_chain(peer)),
            Question::VerifyRawPublicKey(peer) => Answer::Peer(verifier.on_key(peer)),
            _ => return Err(Stop::unimplemented("an unknown question")),
        };
        connection.answer(number, answer).map_err(failed)
    }

    fn read(&mut self) -> Result<(), Stop> {
        let mut chunk = [0; MAX_RECORD_LENGTH];
        let most = if self.flags.has("async") { 1 } else { chunk.len() };
        match self.socket.read(&mut chunk[..most]) {
            Ok(0) | Err(_) => {
                // The runner hangs up without close_notify, and it is not a truncation to it.
                if self.side.connection().is_handshaking() {
                    self.side.connection().end_of_input().map_err(failed)?;
                }
                self.ended = true;
            }
            Ok(length) => self.input.extend_from_slice(&chunk[..length]),
        }
        Ok(())
    }

    /// Reads until the runner hangs up, so that it need not fail to write.
    fn drain(&mut self) {
        let mut chunk = [0; 1024];
        let _ = self.socket.set_read_timeout(Some(DRAINED));
        while matches!(self.socket.read(&mut chunk), Ok(1..)) {}
    }
}
