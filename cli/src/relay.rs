//! Relays data in both directions over one connection: standard input to the peer, and data of the
//! peer to standard output.
//!
//! Three threads share the connection, which does no I/O itself. One reads standard input, one writes
//! to the socket, and one reads from it. Each blocks on that only and holds no lock meanwhile, so no
//! thread blocks another one, however much data there is.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use handclasp::ClientConnection;
use handclasp::alert::AlertDescription;
use handclasp::connection::Received;
use handclasp::transport::Socket;

use crate::client::ReceiveBuffer;
use crate::failure::Failure;
use crate::stdout;
use crate::text_report::Output;

const CHUNK: usize = 32 * 1024;

/// How long sending the last bytes may take: the peer may not read any more.
const SEND_TIMEOUT: Duration = Duration::from_secs(2);

/// After the input has ended: how long this side waits for a server that could still request a
/// certificate. It cannot answer the request after close_notify.
const SILENCE_TIMEOUT: Duration = Duration::from_secs(2);

/// After the input has ended and the server has responded: how long the server may be silent before
/// this side closes. The server may wait for that, as an echo server does.
const SILENCE_AFTER_RESPONSE: Duration = Duration::from_secs(5);

/// What to do at the end of standard input.
#[derive(Clone, Copy, Debug)]
pub struct Input {
    /// The server may still request a certificate: wait for a while before close_notify.
    pub can_be_asked: bool,
    /// Send close_notify at once, and do not wait until the server closes.
    pub half_close: bool,
    /// Data were sent before standard input was read.
    pub sent_something: bool,
}

/// How the connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The peer has sent close_notify: all its data have arrived.
    Closed,
    /// The reader of standard output has closed it.
    OutputGone,
}

struct State {
    connection: ClientConnection,
    /// Standard input has ended.
    input_ended: bool,
    /// close_notify was written.
    closed: bool,
    /// How many records have arrived.
    records: u64,
    /// Data have arrived since this side wrote.
    answered: bool,
    /// The peer has sent close_notify.
    peer_closed: bool,
    /// The relay ends: nothing more is written.
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

    /// Waits until the server closes, or is silent after a response.
    fn wait_for_the_end(&self) {
        let mut state = self.lock();
        while !state.answered && !state.peer_closed && !state.over {
            state = self.wait(state);
        }
        drop(state);
        self.wait_for_silence(SILENCE_AFTER_RESPONSE);
    }

    /// Waits until nothing has arrived for this time, or the peer has closed.
    fn wait_for_silence(&self, timeout: Duration) {
        let mut state = self.lock();
        loop {
            let records = state.records;
            let waiting =
                |state: &mut State| state.records == records && !state.peer_closed && !state.over;
            let result = self.changed.wait_timeout_while(state, timeout, waiting);
            let timeout;
            (state, timeout) = result.unwrap_or_else(PoisonError::into_inner);
            if timeout.timed_out() || state.peer_closed || state.over {
                return;
            }
        }
    }

    /// Waits until the last bytes are sent, or [`SEND_TIMEOUT`] has passed.
    fn wait_for_the_sender(&self) {
        let guard = self.lock();
        let sending = |state: &mut State| !state.sender_ended;
        let _ = self.changed.wait_timeout_while(guard, SEND_TIMEOUT, sending);
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.lock());
        self.changed.notify_all();
    }
}

/// Relays until the peer closes. The handshake must be complete. `input` says what to do at the end of
/// the input. Data of the peer go to `output`; `notice` gets messages for a user at a terminal.
pub fn run(
    connection: ClientConnection,
    socket: &TcpStream,
    buffer: ReceiveBuffer,
    input: Input,
    output: Output,
    notice: impl FnMut(&str),
) -> Result<End, Failure> {
    let state = State {
        connection,
        input_ended: false,
        closed: false,
        records: 0,
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
    // This thread may wait for standard input without an end: it ends with the process.
    let (reader, end) = (Arc::clone(&shared), socket.try_clone()?);
    thread::Builder::new().spawn(move || {
        if let Err(error) = read_input(&reader, input) {
            fail_input(&reader, &end, error);
        }
    })?;

    let result = receive(&shared, socket, buffer, output, notice);
    // Sends an alert or close_notify.
    shared.change(|state| {
        state.connection.close();
        state.over = true;
    });
    shared.wait_for_the_sender();
    if result.is_err() {
        // The server should get the alert. An error here does not replace the failure.
        let _ = socket.try_clone().and_then(|handle| Socket::Tcp(handle).drain());
    }
    let _ = socket.shutdown(Shutdown::Both);
    match shared.lock().input_error.take() {
        Some(error) => Err(Failure::failed(format!("standard input cannot be read: {error}"))),
        None => result,
    }
}

/// Sends the outgoing bytes of the connection: data, answers, alerts.
fn send(shared: &Shared, mut socket: &TcpStream) {
    let mut state = shared.lock();
    loop {
        let bytes = state.connection.outgoing().to_vec();
        if bytes.is_empty() {
            if state.closed && state.peer_closed {
                // Both directions are closed: the receiver need not wait until the peer closes the socket.
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
            // The receiver finds the cause. Nothing more can be sent.
            shared.change(|state| state.over = true);
            return;
        }
        state = shared.lock();
    }
}

/// Writes standard input to the connection, and close_notify at its end, after the server has closed.
/// If nothing was sent, there is no response to wait for.
///
/// # Errors
/// When standard input cannot be read.
fn read_input(shared: &Shared, end: Input) -> io::Result<()> {
    let mut input = io::stdin().lock();
    let mut sent_something = end.sent_something;
    let mut buffer = vec![0; CHUNK];
    loop {
        let count = match input.read(&mut buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            result => result?,
        };
        if count == 0 {
            shared.change(|state| state.input_ended = true);
            if sent_something && !end.half_close {
                shared.wait_for_the_end();
            } else if end.can_be_asked {
                shared.wait_for_silence(SILENCE_TIMEOUT);
            }
            shared.change(|state| {
                state.connection.close();
                state.closed = true;
            });
            return Ok(());
        }
        sent_something = true;
        let mut rest = buffer.get(..count).unwrap_or_default();
        let mut state = shared.lock();
        while !rest.is_empty() {
            if state.over {
                return Ok(());
            }
            match state.connection.write(rest) {
                // `outgoing` is full: wait until the sender has sent some.
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

/// Ends the connection with an alert, so that the server does not take the data for complete.
fn fail_input(shared: &Shared, socket: &TcpStream, error: io::Error) {
    shared.change(|state| {
        state.connection.abort(AlertDescription::INTERNAL_ERROR, "the input cannot be read");
        state.input_error = Some(error);
        state.over = true;
    });
    shared.wait_for_the_sender();
    // The receiver need not wait until the server closes.
    let _ = socket.shutdown(Shutdown::Read);
}

/// Writes data of the peer to the output, until the peer closes.
fn receive(
    shared: &Shared,
    mut socket: &TcpStream,
    mut buffer: ReceiveBuffer,
    mut output: Output,
    mut notice: impl FnMut(&str),
) -> Result<End, Failure> {
    let mut data = Vec::new();
    let mut closed = false;
    loop {
        let result = process_records(shared, &mut buffer, &mut data);
        if let Err(error) = output.write_all(&data).and_then(|()| output.flush()) {
            stdout::ended(&error)?;
            return Ok(End::OutputGone);
        }
        data.clear();
        if result? && !closed {
            closed = true;
            shared.change(|state| state.peer_closed = true);
            if !shared.lock().input_ended {
                notice("the peer has closed: end the input (Ctrl-D) to close this direction, too");
            }
        }
        match buffer.fill(&mut socket) {
            Ok(1..) => {}
            // After close_notify all data have arrived: errors of the transport do not matter.
            _ if closed => return Ok(End::Closed),
            Ok(0) => shared.lock().connection.end_of_input()?,
            Err(error) => return Err(Failure::from(error).at(&shared.lock().connection)),
        }
    }
}

/// Processes all complete records that were received. Returns whether the peer has closed.
fn process_records(
    shared: &Shared,
    buffer: &mut ReceiveBuffer,
    data: &mut Vec<u8>,
) -> Result<bool, Failure> {
    let mut state = shared.lock();
    let result = loop {
        match state.connection.receive(buffer.unread()) {
            Ok((_, Received::Incomplete | Received::Waiting)) => break Ok(false),
            Ok((consumed, received)) => {
                state.records += 1;
                let closed = matches!(received, Received::Closed);
                if let Received::Data(plaintext) = received {
                    state.answered = true;
                    data.extend_from_slice(plaintext);
                }
                buffer.consume(consumed);
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
