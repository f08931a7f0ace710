use core::ops::{DerefMut, Range};
use std::borrow::Cow;
use std::io::{self, IoSlice, Read, Write};

use crate::connection::{Connection, Received};
use crate::error::{Error, ErrorKind};
use crate::record::{HEADER_LENGTH, MAX_PLAINTEXT_LENGTH, MAX_RECORD_LENGTH};

/// A connection with the buffer that its records come in: what every stream is made of, beside its
/// transport. A transport that would block loses nothing: the same call goes on later.
#[derive(Debug)]
pub(super) struct Buffered<C> {
    pub(super) connection: C,
    input: Vec<u8>,
    /// Bytes of `input` that came and were not looked at.
    unread: Range<usize>,
    /// Decrypted bytes of `input` that the reader has not taken.
    plaintext: Range<usize>,
    /// 0-RTT data that a server accepted.
    pub(super) early_data: Vec<u8>,
}

impl<C: DerefMut<Target = Connection>> Buffered<C> {
    pub(super) fn new(connection: C) -> Self {
        Self {
            connection,
            input: Vec::new(),
            unread: 0..0,
            plaintext: 0..0,
            early_data: Vec::new(),
        }
    }

    pub(super) fn handshake<T: Read + Write>(&mut self, transport: &mut T) -> io::Result<()> {
        self.handshake_until(transport, |connection| !connection.is_handshaking())
    }

    pub(super) fn handshake_until<T: Read + Write>(
        &mut self,
        transport: &mut T,
        done: impl Fn(&Connection) -> bool,
    ) -> io::Result<()> {
        while !done(&self.connection) {
            // The first error stays, whatever becomes of the alert.
            if let Err(error) = self.connection.check() {
                let _ = self.flush(transport);
                return Err(error.into());
            }
            self.flush_or_read(transport)?;
            self.receive_record(transport)?;
        }
        self.flush_handshake(transport)
    }

    /// As [`handshake_until`](Self::handshake_until), as far as the records lead that are here.
    /// True when it is done; what is to be sent then is not flushed.
    #[cfg(feature = "tokio")]
    pub(super) fn handshake_with_what_is_here<T: Read + Write>(
        &mut self,
        transport: &mut T,
        done: impl Fn(&Connection) -> bool,
    ) -> io::Result<bool> {
        while !done(&self.connection) {
            if self.connection.question().is_some() {
                return Err(rests_on_a_question());
            }
            if self.connection.check().is_ok() && self.next_record().is_none() {
                return Ok(false);
            }
            self.receive_record(transport)?;
        }
        Ok(true)
    }

    /// Sends what the handshake's end left to be sent. A client has then all that it needs of the
    /// handshake: the tickets may wait for a client that does not read, or be lost for one that has
    /// gone and whose data are here.
    pub(super) fn flush_handshake<T: Read + Write>(&mut self, transport: &mut T) -> io::Result<()> {
        let Err(error) = self.flush(transport) else { return Ok(()) };
        if self.connection.is_complete_server() {
            return Ok(());
        }
        Err(self.explain(transport, error))
    }

    /// Sends what the transport takes now. Where it takes nothing, this side may go on to read: the
    /// peer may be in the same place, and if neither reads, both wait without an end.
    fn flush_or_read<T: Read + Write>(&mut self, transport: &mut T) -> io::Result<()> {
        match self.flush(transport) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            Err(error) => Err(self.explain(transport, error)),
            Ok(()) => Ok(()),
        }
    }

    /// Sends everything, down to the other end of the transport's own buffers. It is never
    /// interrupted: a caller would write again what was taken already.
    pub(super) fn flush<T: Write>(&mut self, transport: &mut T) -> io::Result<()> {
        while !self.connection.outgoing().is_empty() {
            match transport.write(self.connection.outgoing()) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(sent) => self.connection.sent(sent),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        loop {
            match transport.flush() {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => return result,
            }
        }
    }

    /// Writing has failed with `error`. When the peer is gone, its last words are the better error:
    /// an alert may be here already that says why. Data before it are kept for the reader, who finds
    /// the alert behind them.
    pub(super) fn explain<T: Read + Write>(
        &mut self,
        transport: &mut T,
        error: io::Error,
    ) -> io::Error {
        if !is_gone(&error) {
            return error;
        }
        while self.plaintext.is_empty() {
            match self.receive_record(transport) {
                Ok(true) => {}
                Err(explained) if explains(&explained) => return explained,
                _ => return error,
            }
        }
        error
    }

    /// The connection has failed in a write. The data in the records that came before that are
    /// opened now, so that a reader gets them first, and the keys can be forgotten.
    fn open_rest(&mut self) {
        loop {
            let input = self.input.get_mut(self.unread.clone()).unwrap_or_default();
            let Some(rest) = self.connection.open_rest(input) else { return };
            let start = self.unread.start + HEADER_LENGTH;
            if self.plaintext.is_empty() {
                self.plaintext = start..start;
            }
            // Data of several records stand one behind the other.
            self.input.copy_within(start..start + rest.data, self.plaintext.end);
            self.plaintext.end += rest.data;
            self.unread.start += rest.record;
        }
    }

    /// Takes the records of the connection's own business, such as tickets, down to the first data
    /// or the peer's end. A socket that is closed with unread bytes resets the connection, and what
    /// was just sent may be lost.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`] alone: any other stays, and a reader gets it.
    #[cfg(feature = "tokio")]
    pub(super) fn take_tickets<T: Read + Write>(&mut self, transport: &mut T) -> io::Result<()> {
        while self.plaintext.is_empty() {
            match self.receive_record(transport) {
                Ok(true) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Err(error),
                _ => return Ok(()),
            }
        }
        Ok(())
    }

    /// Takes a record and drops the data in it, for a stream that is not read any more.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`] where no record comes, now or ever.
    #[cfg(feature = "tokio")]
    pub(super) fn drop_record<T: Read + Write>(&mut self, transport: &mut T) -> io::Result<()> {
        self.plaintext.start = self.plaintext.end;
        match self.receive_record(transport) {
            Ok(true) => Ok(()),
            _ => Err(io::ErrorKind::WouldBlock.into()),
        }
    }

    /// Nothing of what came is read any more: its memory is given back.
    #[cfg(feature = "tokio")]
    pub(super) fn drop_input(&mut self) {
        (self.input, self.unread, self.plaintext) = (Vec::new(), 0..0, 0..0);
    }

    /// Takes one record, reading from the transport as needed. False at the end of data.
    fn receive_record<T: Read + Write>(&mut self, transport: &mut T) -> io::Result<bool> {
        loop {
            let input = self.input.get_mut(self.unread.clone()).unwrap_or_default();
            let (consumed, received) = match self.connection.receive(input) {
                Ok(taken) => taken,
                Err(error) => {
                    // The alert should reach the peer; that the connection failed comes first.
                    let _ = self.flush(transport);
                    return Err(error.into());
                }
            };
            match received {
                Received::Closed => return Ok(false),
                Received::Waiting => return Err(rests_on_a_question()),
                Received::Incomplete => {
                    self.connection.answer_key_update()?;
                    let _ = self.flush(transport);
                    self.fill(transport)?;
                    continue;
                }
                Received::Data(data) => {
                    let start = self.unread.start + HEADER_LENGTH;
                    self.plaintext = start..start + data.len();
                }
                Received::EarlyData(data) => self.early_data.extend_from_slice(data),
                Received::Handled => {}
            }
            self.unread.start += consumed;
            return Ok(true);
        }
    }

    /// Reads more bytes behind the unread ones.
    fn fill<T: Read>(&mut self, transport: &mut T) -> io::Result<()> {
        if self.unread.start > 0 {
            self.input.copy_within(self.unread.clone(), 0);
            self.unread = 0..self.unread.len();
            self.plaintext = 0..0;
        }
        self.input.resize(MAX_RECORD_LENGTH, 0);
        let room = self.input.get_mut(self.unread.end..).unwrap_or_default();
        let count = loop {
            match transport.read(room) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.release_buffers();
                    return Err(error);
                }
                Ok(count) => break count,
            }
        };
        if count == 0 {
            self.connection.end_of_input()?;
        }
        // A peer that has waited must not be judged by the time at which it connected, nor what it
        // shows after the handshake by that of the handshake.
        self.connection.follow_clock();
        self.unread.end += count;
        Ok(())
    }

    /// Gives back what has nothing in it: the peer is silent, and may be for long.
    pub(super) fn release_buffers(&mut self) {
        if self.unread.is_empty() && self.plaintext.is_empty() {
            (self.input, self.unread, self.plaintext) = (Vec::new(), 0..0, 0..0);
        }
        self.connection.release_buffers();
    }

    /// The next record where it is whole, or what is seen to be none.
    #[cfg(feature = "tokio")]
    fn next_record(&self) -> Option<Result<(), crate::record::RecordError>> {
        let unread = self.input.get(self.unread.clone()).unwrap_or_default();
        crate::record::next_record(unread).transpose().map(|record| record.map(drop))
    }

    /// Reads until the next record is whole, or is seen to be none, which is the error inside. It is
    /// not taken. What is to be sent is sent meanwhile.
    #[cfg(feature = "tokio")]
    pub(super) fn wait_for_record<T: Read + Write>(
        &mut self,
        transport: &mut T,
    ) -> io::Result<Result<(), crate::record::RecordError>> {
        loop {
            if let Some(record) = self.next_record() {
                return Ok(record);
            }
            self.flush_or_read(transport)?;
            self.fill(transport)?;
        }
    }

    /// Takes one record, unless decrypted bytes wait, and returns how many there are; `None` at the
    /// end of data.
    pub(super) fn receive<T: Read + Write>(
        &mut self,
        transport: &mut T,
    ) -> io::Result<Option<usize>> {
        // As in `read`: it must not keep this side from reading.
        let _ = self.flush(transport);
        let more = !self.plaintext.is_empty() || self.receive_record(transport)?;
        Ok(more.then(|| self.plaintext.len()))
    }

    /// Waits for more 0-RTT data, or for their end, which is that of the handshake.
    #[cfg(feature = "tokio")]
    pub(super) fn receive_early_data<T: Read + Write>(&mut self, io: &mut T) -> io::Result<()> {
        while self.early_data.is_empty() && self.connection.is_handshaking() {
            let _ = self.flush(io);
            self.receive_record(io)?;
        }
        Ok(())
    }

    /// Decrypted bytes are in [`plaintext`](Self::plaintext) after this, unless it is the end of
    /// data.
    pub(super) fn read<T: Read + Write>(&mut self, transport: &mut T) -> io::Result<()> {
        // Data that came before the connection failed come before its error.
        if self.plaintext.is_empty() && self.connection.is_handshaking() {
            self.handshake(transport)?;
        }
        while self.plaintext.is_empty() {
            // What the transport does not take now must not keep this side from reading: the peer
            // may be in the same place. If it never takes it, that is the writer's to hear.
            let _ = self.flush(transport);
            if !self.receive_record(transport)? {
                return Ok(());
            }
        }
        // A handshake message may have made an answer.
        let _ = self.flush(transport);
        Ok(())
    }

    pub(super) fn plaintext(&self) -> &[u8] {
        self.input.get(self.plaintext.clone()).unwrap_or_default()
    }

    /// The reader has taken so many bytes of the plaintext.
    pub(super) fn consume(&mut self, count: usize) {
        self.plaintext.start = self.plaintext.end.min(self.plaintext.start + count);
    }

    /// Takes data when all before them are sent, and returns how many bytes it took. Once the
    /// handshake is complete it does not read: a peer that is silent must not hold a writer.
    pub(super) fn write<T: Read + Write>(
        &mut self,
        data: &[u8],
        transport: &mut T,
    ) -> io::Result<usize> {
        if self.connection.is_handshaking() && !self.connection.may_write() {
            self.handshake(transport)?;
        }
        self.flush(transport)?;
        let taken = match self.connection.write(data) {
            Ok(taken) => taken,
            Err(error) => {
                if self.connection.check().is_err() {
                    self.open_rest();
                    // The alert should reach the peer; that the connection failed comes first.
                    let _ = self.flush(transport);
                }
                return Err(error.into());
            }
        };
        match self.flush(transport) {
            // What was taken is on its way: an error would make the caller write it again.
            Err(error) if !is_full(&error) => Err(error),
            _ => Ok(taken),
        }
    }
}

fn rests_on_a_question() -> io::Error {
    let reason = "the handshake rests on a question that needs an answer";
    io::Error::new(io::ErrorKind::WouldBlock, reason)
}

/// Does this error of reading say why the peer is gone? That it is gone is known.
fn explains(error: &io::Error) -> bool {
    Error::inside(error).is_some_and(|error| !matches!(error.kind(), ErrorKind::Truncated))
}

/// Does the transport take nothing now, and may later? Where a socket's timeout has passed, Unix says
/// `WouldBlock`, and others `TimedOut`. The `TimedOut` of Unix is that of TCP, and the end.
fn is_full(error: &io::Error) -> bool {
    let is_the_end = cfg!(unix) && error.raw_os_error().is_some();
    match error.kind() {
        io::ErrorKind::WouldBlock => true,
        io::ErrorKind::TimedOut => !is_the_end,
        _ => false,
    }
}

/// Whether the transport says that the peer is gone. An error of the connection says nothing of the
/// transport, whatever its kind.
pub(super) fn is_gone(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, NotConnected};
    if Error::inside(error).is_some() {
        return false;
    }
    matches!(error.kind(), BrokenPipe | ConnectionAborted | ConnectionReset | NotConnected)
}

/// The first piece that has something in it, or a record's content gathered from several: small
/// pieces go in one record.
pub(super) fn gather<'a>(pieces: &'a [IoSlice<'_>]) -> Cow<'a, [u8]> {
    /// A copy of fewer bytes costs less than a record more.
    const SMALL: usize = 4096;
    let mut pieces = pieces.iter().filter(|piece| !piece.is_empty()).peekable();
    let Some(first) = pieces.next() else { return Cow::Borrowed(&[]) };
    if first.len() >= SMALL || pieces.peek().is_none() {
        return Cow::Borrowed(first);
    }
    let mut gathered = first.to_vec();
    for piece in pieces {
        let room = MAX_PLAINTEXT_LENGTH - gathered.len();
        gathered.extend(piece.iter().take(room));
    }
    Cow::Owned(gathered)
}

impl From<Error> for io::Error {
    /// The error is inside: [`Error::inside`] finds it again. A transport that ended without
    /// close_notify is [`io::ErrorKind::UnexpectedEof`].
    fn from(error: Error) -> Self {
        let kind = match error.kind() {
            ErrorKind::Truncated | ErrorKind::EndedInHandshake => io::ErrorKind::UnexpectedEof,
            ErrorKind::AlertReceived(_) | ErrorKind::ClosedInHandshake => {
                io::ErrorKind::ConnectionAborted
            }
            ErrorKind::Misuse(_) => io::ErrorKind::NotConnected,
            _ => io::ErrorKind::InvalidData,
        };
        Self::new(kind, error)
    }
}
