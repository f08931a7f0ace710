//! Data both ways at once over one connection: standard input to the peer, the peer to standard
//! output.
//!
//! Three threads share the connection, which does no I/O itself. Each blocks on one thing only,
//! and holds no lock while it does (reading standard input, writing to the socket, reading from
//! it): none keeps the others from going on, however much data there is.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use handclasp::ClientConnection;
use handclasp::alert::AlertDescription;
use handclasp::connection::Received;
use handclasp::transport::Socket;

use crate::failure::Failure;
use crate::inbox::Inbox;
use crate::stdout;
use crate::tell::Output;

const CHUNK: usize = 32 * 1024;

/// How long the last bytes may take to be sent to a peer that may not be reading any more.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// How long a server may be silent that could still ask for a certificate, when the input has
/// ended: what is closed cannot answer any more.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long a server may be silent after an answer that came when all was said to it: it may wait for
/// this side's end, as an echo does.
const PATIENCE_AFTER_AN_ANSWER: Duration = Duration::from_secs(5);

/// What the end of standard input means.
#[derive(Clone, Copy, Debug)]
pub struct Input {
    /// The server may still ask for a certificate: its silence is awaited before close_notify.
    pub may_be_asked: bool,
    /// close_notify is said then, in place of waiting for the server's end.
    pub half_close: bool,
    /// Something was said before standard input was read.
    pub said_something: bool,
}

/// How the connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The peer said that it is done, and nothing is missing.
    Closed,
    /// Nobody reads standard output any more.
    OutputGone,
}

struct State {
    connection: ClientConnection,
    /// Standard input has ended.
    input_ended: bool,
    /// close_notify is on its way.
    closed: bool,
    /// How often something has come.
    heard: u64,
    /// Data have come since something was said.
    answered: bool,
    /// The peer said close_notify.
    peer_closed: bool,
    /// Nothing new is to be sent.
    over: bool,
    /// The sending thread has ended.
    sender_ended: bool,
    /// Standard input cannot be read.
    input_error: Option<io::Error>,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, guard: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        self.changed.wait(guard).unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the server's end. After an answer, silence is enough.
    fn wait_for_the_end(&self) {
        let mut state = self.lock();
        while !state.answered && !state.peer_closed && !state.over {
            state = self.wait(state);
        }
        drop(state);
        self.wait_for_silence(PATIENCE_AFTER_AN_ANSWER);
    }

    /// Waits until nothing has come for so long, or nothing will.
    fn wait_for_silence(&self, patience: Duration) {
        let mut state = self.lock();
        loop {
            let heard = state.heard;
            let waiting =
                |state: &mut State| state.heard == heard && !state.peer_closed && !state.over;
            let result = self.changed.wait_timeout_while(state, patience, waiting);
            let timeout;
            (state, timeout) = result.unwrap_or_else(PoisonError::into_inner);
            if timeout.timed_out() || state.peer_closed || state.over {
                return;
            }
        }
    }

    /// Waits until the last bytes are sent, or for a while.
    fn wait_for_the_sender(&self) {
        let guard = self.lock();
        let sending = |state: &mut State| !state.sender_ended;
        let _ = self.changed.wait_timeout_while(guard, LAST_WORDS, sending);
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.lock());
        self.changed.notify_all();
    }
}

/// Pipes until the peer is done; the handshake must be complete. `input` says what the end of the
/// input means. What comes goes to `output`; `notice` gets what a person at a terminal should know.
pub fn run(
    connection: ClientConnection,
    socket: &TcpStream,
    inbox: Inbox,
    input: Input,
    output: Output,
    notice: impl FnMut(&str),
) -> Result<End, Failure> {
    let state = State {
        connection,
        input_ended: false,
        closed: false,
        heard: 0,
        answered: false,
        peer_closed: false,
        over: false,
        sender_ended: false,
        input_error: None,
    };
    let shared = Arc::new(Shared { state: Mutex::new(state), changed: Condvar::new() });
    let (sender, out) = (Arc::clone(&shared), socket.try_clone()?);
    thread::Builder::new().spawn(move || {
        send(&sender, &out);
        sender.change(|state| state.sender_ended = true);
    })?;
    // This one may wait for standard input for ever: it ends with the process.
    let (reader, end) = (Arc::clone(&shared), socket.try_clone()?);
    thread::Builder::new().spawn(move || {
        if let Err(error) = read_input(&reader, input) {
            fail_input(&reader, &end, error);
        }
    })?;

    let result = receive(&shared, socket, inbox, output, notice);
    // What is still to be said goes out: an alert, or close_notify.
    shared.change(|state| {
        state.connection.close();
        state.over = true;
    });
    shared.wait_for_the_sender();
    if result.is_err() {
        // The failure is what counts; the server should hear the alert.
        let _ = socket.try_clone().and_then(|handle| Socket::Tcp(handle).drain());
    }
    let _ = socket.shutdown(Shutdown::Both);
    match shared.lock().input_error.take() {
        Some(error) => Err(Failure::failed(format!("standard input cannot be read: {error}"))),
        None => result,
    }
}

/// Sends what the connection has to send, whoever made it: data, answers, alerts.
fn send(shared: &Shared, mut socket: &TcpStream) {
    let mut state = shared.lock();
    loop {
        let bytes = state.connection.outgoing().to_vec();
        if bytes.is_empty() {
            if state.closed && state.peer_closed {
                // Both directions are closed: the receiver need not wait for the peer to hang up.
                let _ = socket.shutdown(Shutdown::Both);
                return;
            }
            if state.over {
                return;
            }
            state = shared.wait(state);
            continue;
        }
        state.connection.sent(bytes.len());
        drop(state);
        shared.changed.notify_all();
        if socket.write_all(&bytes).is_err() {
            // The receiver finds out why. Nothing more can be sent.
            shared.change(|state| state.over = true);
            return;
        }
        state = shared.lock();
    }
}

/// Standard input to the connection; its end is close_notify, when the server is done. Where nothing
/// was said, there is no answer to wait for.
///
/// # Errors
/// When standard input cannot be read.
fn read_input(shared: &Shared, end: Input) -> io::Result<()> {
    let mut input = io::stdin().lock();
    let mut said_something = end.said_something;
    let mut buffer = vec![0; CHUNK];
    loop {
        let count = match input.read(&mut buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            result => result?,
        };
        if count == 0 {
            shared.change(|state| state.input_ended = true);
            if said_something && !end.half_close {
                shared.wait_for_the_end();
            } else if end.may_be_asked {
                shared.wait_for_silence(PATIENCE);
            }
            shared.change(|state| {
                state.connection.close();
                state.closed = true;
            });
            return Ok(());
        }
        said_something = true;
        let mut rest = buffer.get(..count).unwrap_or_default();
        let mut state = shared.lock();
        while !rest.is_empty() {
            if state.over {
                return Ok(());
            }
            match state.connection.write(rest) {
                // The sender has enough to do.
                Ok(0) => state = shared.wait(state),
                Ok(taken) => {
                    state.answered = false;
                    rest = rest.get(taken..).unwrap_or_default();
                    shared.changed.notify_all();
                }
                Err(_) => return Ok(()),
            }
        }
    }
}

/// The server must not take what was sent for all of it: the connection ends with an alert.
fn fail_input(shared: &Shared, socket: &TcpStream, error: io::Error) {
    shared.change(|state| {
        state.connection.abort(AlertDescription::INTERNAL_ERROR, "the input cannot be read");
        state.input_error = Some(error);
        state.over = true;
    });
    shared.wait_for_the_sender();
    // The receiver need not wait for a server that stays.
    let _ = socket.shutdown(Shutdown::Read);
}

/// The peer to the output, until the peer is done.
fn receive(
    shared: &Shared,
    mut socket: &TcpStream,
    mut inbox: Inbox,
    mut output: Output,
    mut notice: impl FnMut(&str),
) -> Result<End, Failure> {
    let mut data = Vec::new();
    let mut closed = false;
    loop {
        let result = take(shared, &mut inbox, &mut data);
        if let Err(error) = output.write_all(&data).and_then(|()| output.flush()) {
            stdout::ended(&error)?;
            return Ok(End::OutputGone);
        }
        data.clear();
        if result? && !closed {
            closed = true;
            shared.change(|state| state.peer_closed = true);
            if !shared.lock().input_ended {
                notice("the peer is done: end the input (Ctrl-D) to close this direction, too");
            }
        }
        match inbox.fill(&mut socket) {
            Ok(1..) => {}
            // After close_notify nothing can be missing, whatever becomes of the transport.
            _ if closed => return Ok(End::Closed),
            Ok(0) => shared.lock().connection.end_of_input()?,
            Err(error) => return Err(error.into()),
        }
    }
}

/// Takes all whole records that are there. True once the peer has closed.
fn take(shared: &Shared, inbox: &mut Inbox, data: &mut Vec<u8>) -> Result<bool, Failure> {
    let mut state = shared.lock();
    let result = loop {
        match state.connection.receive(inbox.unread()) {
            Ok((_, Received::Incomplete | Received::Waiting)) => break Ok(false),
            Ok((consumed, received)) => {
                state.heard += 1;
                let closed = matches!(received, Received::Closed);
                if let Received::Data(plaintext) = received {
                    state.answered = true;
                    data.extend_from_slice(plaintext);
                }
                inbox.consume(consumed);
                if closed {
                    break Ok(true);
                }
            }
            Err(error) => break Err(error.into()),
        }
    };
    drop(state);
    shared.changed.notify_all();
    result
}
