use core::fmt;
use core::ops::{DerefMut, Range};
use std::io::{self, Read, Write};

use crate::connection::{Connection, Received};
use crate::error::Error;
use crate::record::{HEADER_LENGTH, MAX_RECORD_LENGTH};

/// A TLS connection over any byte stream: it reads and writes like the stream below.
///
/// A transport that does not block works too: its [`io::ErrorKind::WouldBlock`] comes through,
/// nothing is lost, and the same call goes on later. What was written and not yet sent goes with
/// the next call of any kind; [`flush`](Write::flush) succeeds when all of it is gone.
///
/// The handshake happens with the first read or write, or with [`Stream::handshake`]. A TLS error
/// is inside the [`io::Error`]: `error.get_ref()` downcasts to [`Error`].
///
/// Reading returns 0 bytes after the peer's close_notify only; a transport that ends without it
/// is an error of the kind [`io::ErrorKind::UnexpectedEof`], since data may be missing then.
pub struct Stream<C, T> {
    connection: C,
    transport: T,
    input: Vec<u8>,
    /// Bytes of `input` that came and were not looked at.
    unread: Range<usize>,
    /// Decrypted bytes of `input` that the reader has not taken.
    plaintext: Range<usize>,
}

impl<C, T> Stream<C, T>
where
    C: DerefMut<Target = Connection>,
    T: Read + Write,
{
    /// Puts the connection over this transport. Nothing is sent yet.
    pub fn new(connection: C, transport: T) -> Self {
        Self { connection, transport, input: Vec::new(), unread: 0..0, plaintext: 0..0 }
    }

    /// Completes the handshake.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`] when the connection rests on a question: answer it and call
    /// again. Otherwise what went wrong, after the alert was sent.
    pub fn handshake(&mut self) -> io::Result<()> {
        while self.connection.is_handshaking() {
            self.flush_or_explain()?;
            self.receive_record()?;
        }
        self.flush_or_explain()
    }

    /// Takes one record of the peer's, unless data wait to be read, and returns how many bytes
    /// can be read without waiting: none after a record of the connection's own business, such as
    /// a client's answer to a request for its certificate. `None` at the end of data.
    ///
    /// # Errors
    /// As reading.
    pub fn receive(&mut self) -> io::Result<Option<usize>> {
        self.flush_what_goes()?;
        if self.plaintext.is_empty() && !self.receive_record()? {
            return Ok(None);
        }
        Ok(Some(self.plaintext.len()))
    }

    /// Says that this side will write no more. Reading can go on.
    pub fn close(&mut self) -> io::Result<()> {
        self.connection.close();
        self.flush_outgoing()
    }

    /// The connection.
    pub fn connection(&self) -> &C {
        &self.connection
    }

    /// The connection, to answer its questions.
    pub fn connection_mut(&mut self) -> &mut C {
        &mut self.connection
    }

    /// The transport.
    pub fn transport(&self) -> &T {
        &self.transport
    }

    /// Takes the two apart; bytes that were read and not looked at are lost.
    pub fn into_parts(self) -> (C, T) {
        (self.connection, self.transport)
    }

    fn flush_outgoing(&mut self) -> io::Result<()> {
        while !self.connection.outgoing().is_empty() {
            match self.transport.write(self.connection.outgoing()) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(sent) => self.connection.sent(sent),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.transport.flush()
    }

    /// As [`flush_outgoing`](Self::flush_outgoing), but when the peer is gone, its last words are
    /// the better error: an alert may be here already that says why.
    fn flush_or_explain(&mut self) -> io::Result<()> {
        use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset};
        let Err(error) = self.flush_outgoing() else { return Ok(()) };
        if !matches!(error.kind(), BrokenPipe | ConnectionAborted | ConnectionReset) {
            return Err(error);
        }
        loop {
            match self.receive_record() {
                Ok(true) if self.plaintext.is_empty() => {}
                Err(explained) if explained.get_ref().is_some_and(|error| error.is::<Error>()) => {
                    return Err(explained);
                }
                _ => return Err(error),
            }
        }
    }

    /// As [`flush_outgoing`](Self::flush_outgoing), but what the transport does not take now stays
    /// for later. It must not keep this side from reading: the peer may be in the same place.
    fn flush_what_goes(&mut self) -> io::Result<()> {
        match self.flush_outgoing() {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            result => result,
        }
    }

    /// Takes one record, reading from the transport as needed. False at the end of data.
    fn receive_record(&mut self) -> io::Result<bool> {
        loop {
            let input = self.input.get_mut(self.unread.clone()).unwrap_or_default();
            match self.connection.receive(input) {
                Ok((_, Received::Closed)) => return Ok(false),
                Ok((_, Received::Waiting)) => {
                    let reason = "the handshake rests on a question that needs an answer";
                    return Err(io::Error::new(io::ErrorKind::WouldBlock, reason));
                }
                Ok((_, Received::Incomplete)) => {}
                Ok((consumed, Received::Data(data))) => {
                    let start = self.unread.start + HEADER_LENGTH;
                    self.plaintext = start..start + data.len();
                    self.unread.start += consumed;
                    return Ok(true);
                }
                Ok((consumed, Received::Handled)) => {
                    self.unread.start += consumed;
                    return Ok(true);
                }
                Err(error) => {
                    // The alert should reach the peer; that the connection failed comes first.
                    let _ = self.flush_outgoing();
                    return Err(io_error(error));
                }
            }
            self.fill()?;
        }
    }

    /// Reads more bytes behind the unread ones.
    fn fill(&mut self) -> io::Result<()> {
        if self.unread.start > 0 {
            self.input.copy_within(self.unread.clone(), 0);
            self.unread = 0..self.unread.len();
            self.plaintext = 0..0;
        }
        self.input.resize(MAX_RECORD_LENGTH, 0);
        let room = self.input.get_mut(self.unread.end..).unwrap_or_default();
        let count = loop {
            match self.transport.read(room) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => break result?,
            }
        };
        if count == 0 {
            self.connection.end_of_input().map_err(io_error)?;
        }
        self.unread.end += count;
        Ok(())
    }
}

fn io_error(error: Error) -> io::Error {
    use crate::error::ErrorKind;
    let kind = match error.kind() {
        ErrorKind::Truncated | ErrorKind::EndedInHandshake => io::ErrorKind::UnexpectedEof,
        ErrorKind::AlertReceived(_) | ErrorKind::ClosedInHandshake => {
            io::ErrorKind::ConnectionAborted
        }
        ErrorKind::Misuse(_) => io::ErrorKind::NotConnected,
        _ => io::ErrorKind::InvalidData,
    };
    io::Error::new(kind, error)
}

impl<C, T> Read for Stream<C, T>
where
    C: DerefMut<Target = Connection>,
    T: Read + Write,
{
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        if self.connection.is_handshaking() {
            self.handshake()?;
        }
        while self.plaintext.is_empty() {
            self.flush_what_goes()?;
            if !self.receive_record()? {
                return Ok(0);
            }
        }
        // A handshake message may have made an answer.
        self.flush_what_goes()?;
        let plaintext = self.input.get(self.plaintext.clone()).unwrap_or_default();
        let count = plaintext.len().min(buffer.len());
        if let (Some(to), Some(from)) = (buffer.get_mut(..count), plaintext.get(..count)) {
            to.copy_from_slice(from);
        }
        self.plaintext.start += count;
        Ok(count)
    }
}

impl<C, T> Write for Stream<C, T>
where
    C: DerefMut<Target = Connection>,
    T: Read + Write,
{
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.handshake()?;
        self.flush_or_explain()?;
        let taken = self.connection.write(data).map_err(io_error)?;
        // What was taken is on its way: an error would make the caller write it again.
        self.flush_what_goes()?;
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.flush_outgoing()
    }
}

impl<C: fmt::Debug, T: fmt::Debug> fmt::Debug for Stream<C, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream")
            .field("connection", &self.connection)
            .field("transport", &self.transport)
            .finish_non_exhaustive()
    }
}
