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
            match self.flush_or_explain(transport) {
                // The peer may be in the same place: if nobody reads, both wait for ever.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                result => result?,
            }
            self.receive_record(transport)?;
        }
        self.flush_or_explain(transport)
    }

    /// Sends everything, down to the other end of the transport's own buffers.
    pub(super) fn flush<T: Write>(&mut self, transport: &mut T) -> io::Result<()> {
        while !self.connection.outgoing().is_empty() {
            match transport.write(self.connection.outgoing()) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(sent) => self.connection.sent(sent),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        transport.flush()
    }

    /// As [`flush`](Self::flush), but when the peer is gone, its last words are the better error:
    /// an alert may be here already that says why.
    fn flush_or_explain<T: Read + Write>(&mut self, transport: &mut T) -> io::Result<()> {
        let Err(error) = self.flush(transport) else { return Ok(()) };
        if !is_gone(&error) {
            return Err(error);
        }
        loop {
            match self.receive_record(transport) {
                Ok(true) if self.plaintext.is_empty() => {}
                Err(explained) if explained.get_ref().is_some_and(|error| error.is::<Error>()) => {
                    return Err(explained);
                }
                _ => return Err(error),
            }
        }
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
                Received::Waiting => {
                    let reason = "the handshake rests on a question that needs an answer";
                    return Err(io::Error::new(io::ErrorKind::WouldBlock, reason));
                }
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

    /// Reads until the next record is whole, or is seen to be none, which is the error inside. It is
    /// not taken.
    #[cfg(feature = "tokio")]
    pub(super) fn wait_for_record<T: Read>(
        &mut self,
        transport: &mut T,
    ) -> io::Result<Result<(), crate::record::RecordError>> {
        loop {
            let unread = self.input.get(self.unread.clone()).unwrap_or_default();
            if let Some(record) = crate::record::next_record(unread).transpose() {
                return Ok(record.map(drop));
            }
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
        if self.connection.is_handshaking() {
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

    /// Takes data when all before them are sent, and returns how many bytes it took.
    pub(super) fn write<T: Read + Write>(
        &mut self,
        data: &[u8],
        transport: &mut T,
    ) -> io::Result<usize> {
        let may_write = self.connection.may_write();
        self.handshake_until(transport, |connection| may_write || !connection.is_handshaking())?;
        let taken = self.connection.write(data)?;
        match self.flush(transport) {
            // What was taken is on its way: an error would make the caller write it again.
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
            _ => Ok(taken),
        }
    }

    /// As [`write`](Self::write): small pieces go in one record.
    pub(super) fn write_vectored<T: Read + Write>(
        &mut self,
        pieces: &[IoSlice<'_>],
        transport: &mut T,
    ) -> io::Result<usize> {
        self.write(&gather(pieces), transport)
    }
}

/// Is there nobody at the other end any more?
pub(super) fn is_gone(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, NotConnected};
    matches!(error.kind(), BrokenPipe | ConnectionAborted | ConnectionReset | NotConnected)
}

/// The first piece that has something in it, or a record's content gathered from several.
fn gather<'a>(pieces: &'a [IoSlice<'_>]) -> Cow<'a, [u8]> {
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
