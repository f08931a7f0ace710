//! What the blocking stream and the stream under tokio have in common.

use core::ops::{DerefMut, Range};
use std::io::{self, IoSlice, Read, Write};

use super::handed_over::HandedOver;
use super::io_error::{is_full, is_gone, names_a_cause};
use super::progress::{Progress, progress_of};
use super::reader_buffer::ReaderBuffer;
use super::record_pieces::RecordPieces;
use crate::connection::{BothRecordKeys, Connection, KeysKept};
use crate::error::Error;
use crate::record::{
    CONTENT_ALIGNMENT, FULL_RECORD_LENGTH, HEADER_LENGTH, MAX_RECORD_LENGTH, aligned_start,
    copy_in_pieces, move_in_pieces,
};

/// The length of a first read, in bytes: most requests, responses and flights of a handshake are
/// shorter.
const SHORT_READ: usize = 4096;

/// The length of `input` while data flow, in bytes: any record, with its content aligned.
const INPUT_LENGTH: usize = CONTENT_ALIGNMENT + MAX_RECORD_LENGTH;

/// A connection with the buffer for the records that it receives: everything of a stream but its
/// transport. When the transport returns `WouldBlock`, nothing is lost: the same call continues
/// later.
///
/// # Where bytes are read to
///
/// A reader's buffer that is long enough gets the bytes of the transport, and they are decrypted in it.
/// Otherwise they go to `input`, and the data are copied from there once. `input` is kept while data
/// flow, and freed when the transport has nothing more. A read that finds nothing allocates nothing.
#[derive(Debug)]
pub(super) struct Buffered<C> {
    pub(super) connection: C,
    /// It is freed or grows, and is never truncated: `resize` would write the zeros again.
    input: Vec<u8>,
    /// The bytes of `input` that were received and not processed yet.
    unread: Range<usize>,
    /// The decrypted bytes of `input` that the reader has not taken yet.
    plaintext: Range<usize>,
    /// The last read returned [`SHORT_READ`] bytes or more, so the next one may, too.
    data_flow: bool,
    /// Tickets and no data are in `outgoing`, and wait for data that go with them.
    pub(super) tickets_wait: bool,
    /// 0-RTT data that the server has accepted and the application has not taken yet.
    pub(super) early_data: Vec<u8>,
}

impl<C: DerefMut<Target = Connection>> Buffered<C> {
    pub(super) fn new(connection: C) -> Self {
        Self {
            connection,
            input: Vec::new(),
            unread: 0..0,
            plaintext: 0..0,
            data_flow: false,
            tickets_wait: false,
            early_data: Vec::new(),
        }
    }

    /// The keys of the next records, unless data are here that the application has not read.
    pub(super) fn record_keys(&self) -> Result<BothRecordKeys, KeysKept> {
        let keys = self.connection.record_keys()?;
        if !self.plaintext.is_empty() {
            return Err(KeysKept::UnreadData(self.plaintext.len()));
        }
        if !self.early_data.is_empty() {
            return Err(KeysKept::UnreadEarlyData(self.early_data.len()));
        }
        Ok(keys)
    }

    /// Gives these keys away, which are of [`record_keys`](Self::record_keys).
    pub(super) fn into_secrets_with<T>(self, keys: BothRecordKeys, transport: T) -> HandedOver<T>
    where
        C: Into<Connection>,
    {
        let unread = self.input.get(self.unread).unwrap_or_default().to_vec();
        let secrets = self.connection.into().into_secrets_with(keys);
        HandedOver { secrets, unread, transport }
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
            // The connection's error is returned, even if the alert cannot be sent.
            if let Err(error) = self.connection.check() {
                let _ = self.flush(transport);
                return Err(error.into());
            }
            self.flush_before_read(transport)?;
            self.receive_record(transport)?;
        }
        self.flush_handshake(transport)
    }

    /// As [`handshake_until`](Self::handshake_until), but processes only complete records that were
    /// received already. Returns whether `done` holds. Does not flush.
    #[cfg(feature = "tokio")]
    pub(super) fn handshake_with_received<T: Read + Write>(
        &mut self,
        transport: &mut T,
        done: impl Fn(&Connection) -> bool,
    ) -> io::Result<bool> {
        while !done(&self.connection) {
            if self.connection.question().is_some() {
                return Err(super::progress::no_answer_yet());
            }
            if self.connection.check().is_ok() && self.next_record().is_none() {
                return Ok(false);
            }
            self.receive_record(transport)?;
        }
        Ok(true)
    }

    /// Sends the last messages of the handshake. A server ignores a failure here: only tickets are
    /// left, which the client does not need. It may not read them, or it may have sent its data and
    /// gone.
    pub(super) fn flush_handshake<T: Read + Write>(&mut self, transport: &mut T) -> io::Result<()> {
        let Err(error) = self.flush(transport) else { return Ok(()) };
        if self.connection.is_connected_server() {
            return Ok(());
        }
        Err(self.alert_or(transport, error))
    }

    /// Sends what the transport takes now. `WouldBlock` is no error here, so that the caller goes on to
    /// read: if both peers waited until the other one reads, neither would continue.
    fn flush_before_read<T: Read + Write>(&mut self, transport: &mut T) -> io::Result<()> {
        match self.flush(transport) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            Err(error) => {
                let error = self.alert_or(transport, error);
                self.connection.report_transport_error(&error);
                Err(error)
            }
            Ok(()) => Ok(()),
        }
    }

    /// Sends the last messages of an accepted client's handshake. If more of the client is here already, the
    /// tickets wait: the server reads that first, and often answers it, so one write sends the answer and
    /// the tickets. They are sent at the latest before the server reads from the transport.
    #[cfg(feature = "tokio")]
    pub(super) fn flush_accepted<T: Read + Write>(&mut self, transport: &mut T) -> io::Result<()> {
        self.tickets_wait = self.connection.is_connected_server() && !self.unread.is_empty();
        if self.tickets_wait { Ok(()) } else { self.flush_handshake(transport) }
    }

    /// Sends everything, unless tickets wait.
    fn flush_but_tickets<T: Write>(&mut self, transport: &mut T) -> io::Result<()> {
        if self.tickets_wait { Ok(()) } else { self.flush(transport) }
    }

    /// Sends everything, and flushes the transport. It does not return `Interrupted`: a caller would
    /// then write the same data twice.
    pub(super) fn flush<T: Write>(&mut self, transport: &mut T) -> io::Result<()> {
        while !self.connection.outgoing().is_empty() {
            match transport.write(self.connection.outgoing()) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(sent) => self.connection.sent(sent),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.tickets_wait = false;
        loop {
            match transport.flush() {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => return result,
            }
        }
    }

    /// Writing has failed with `error`. If the peer has closed the connection, it may have sent an
    /// alert before, which says why: then that is the error. If data come before the alert, they are
    /// kept for the reader, who gets the alert after them.
    pub(super) fn alert_or<T: Read + Write>(
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
                Err(explained) if names_a_cause(&explained) => return explained,
                _ => return error,
            }
        }
        error
    }

    /// The connection has failed in a write. This opens the records that were received before, so that
    /// the reader gets their data before the error and the keys can be removed.
    fn open_unread(&mut self) {
        loop {
            let input = self.input.get_mut(self.unread.clone()).unwrap_or_default();
            let Some(rest) = self.connection.open_unread(input) else { return };
            let start = self.unread.start + HEADER_LENGTH;
            if self.plaintext.is_empty() {
                self.plaintext = start..start;
            }
            // The data of all records are moved together.
            move_in_pieces(&mut self.input, start..start + rest.data, self.plaintext.end);
            self.plaintext.end += rest.data;
            self.unread.start += rest.record;
        }
    }

    /// Receives records without data, such as tickets, until data or the end come. A socket that is
    /// closed with unread bytes resets the connection, and bytes that were just sent may be lost.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`] only. Other errors are kept for the reader.
    #[cfg(feature = "tokio")]
    pub(super) fn receive_until_data<T: Read + Write>(
        &mut self,
        transport: &mut T,
    ) -> io::Result<()> {
        while self.plaintext.is_empty() {
            match self.receive_record(transport) {
                Ok(true) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Err(error),
                _ => return Ok(()),
            }
        }
        Ok(())
    }

    /// Receives a record and discards its data, for a stream that is not read any more.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`] when there is no record, and at the end.
    #[cfg(feature = "tokio")]
    pub(super) fn drop_record<T: Read + Write>(&mut self, transport: &mut T) -> io::Result<()> {
        self.plaintext.start = self.plaintext.end;
        match self.receive_record(transport) {
            Ok(true) => Ok(()),
            _ => Err(io::ErrorKind::WouldBlock.into()),
        }
    }

    /// Discards everything that was received, and frees the buffer.
    #[cfg(feature = "tokio")]
    pub(super) fn drop_input(&mut self) {
        (self.input, self.unread, self.plaintext) = (Vec::new(), 0..0, 0..0);
    }

    /// Receives one record, and reads from the transport as needed. Returns false at the end of data.
    fn receive_record<T: Read + Write>(&mut self, transport: &mut T) -> io::Result<bool> {
        loop {
            match self.receive_buffered_record(transport)? {
                Progress::Taken { .. } => return Ok(true),
                Progress::Closed => return Ok(false),
                Progress::Incomplete => self.fill(transport)?,
            }
        }
    }

    /// Receives the next record of `input`, if it is complete.
    fn receive_buffered_record<T: Write>(&mut self, transport: &mut T) -> io::Result<Progress> {
        let input = self.input.get_mut(self.unread.clone()).unwrap_or_default();
        let received = self.connection.receive(input);
        let progress = match progress_of(received, &mut self.early_data) {
            Ok(progress) => progress,
            Err(error) => {
                // The alert should reach the peer, but the connection's error is the one to return.
                let _ = self.flush(transport);
                return Err(error);
            }
        };
        match progress {
            Progress::Taken { record, data } => {
                if data > 0 {
                    let start = self.unread.start + HEADER_LENGTH;
                    self.plaintext = start..start + data;
                }
                self.unread.start += record;
            }
            Progress::Incomplete => {
                self.connection.answer_key_update()?;
                let _ = self.flush(transport);
            }
            Progress::Closed => {}
        }
        Ok(progress)
    }

    /// Reads more bytes after the unread ones. The caller needs a record, so no plaintext is left.
    fn fill<T: Read>(&mut self, transport: &mut T) -> io::Result<()> {
        let is_empty = self.unread.is_empty() && self.plaintext.is_empty();
        if is_empty && !self.data_flow {
            return self.read_short(transport);
        }
        self.align_unread();
        // Stop at the end of a full record, or the start of the next one would have to be moved. A longer
        // record (up to `MAX_RECORD_LENGTH`) must still be read whole: only decrypting it shows that it is
        // invalid.
        let is_longer = self.unread.len() >= FULL_RECORD_LENGTH;
        let length = if is_longer { MAX_RECORD_LENGTH } else { FULL_RECORD_LENGTH };
        let free = self.unread.end..self.unread.start + length;
        let count = self
            .read_once(|input| transport.read(input.get_mut(free.clone()).unwrap_or_default()))?;
        self.unread.end += count;
        Ok(())
    }

    /// Often there is nothing to read, or little: no buffer is allocated before that is known.
    fn read_short<T: Read>(&mut self, transport: &mut T) -> io::Result<()> {
        let mut bytes = [0; SHORT_READ];
        let count = self.read_once(|_| transport.read(&mut bytes))?;
        self.keep_unread(bytes.get(..count).unwrap_or_default());
        Ok(())
    }

    /// Moves the unread bytes to where the content of their record is aligned, with room for any record.
    fn align_unread(&mut self) {
        if self.input.len() < INPUT_LENGTH {
            self.input.resize(INPUT_LENGTH, 0);
        }
        let start = aligned_start(&self.input);
        if self.unread.start != start {
            move_in_pieces(&mut self.input, self.unread.clone(), start);
            self.unread = start..start + self.unread.len();
            self.plaintext = 0..0;
        }
    }

    /// Reads once, and updates the connection and `data_flow`. Returns how many bytes were read. If there
    /// are none, the connection ends.
    fn read_once(
        &mut self,
        mut read: impl FnMut(&mut [u8]) -> io::Result<usize>,
    ) -> io::Result<usize> {
        let count = loop {
            match read(&mut self.input) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.connection.report_transport_error(&error);
                    self.release_buffers();
                    return Err(error);
                }
                Ok(count) => break count,
            }
        };
        if count == 0 {
            self.connection.end_of_input()?;
        }
        self.connection.on_bytes_received();
        self.data_flow = count >= SHORT_READ;
        Ok(count)
    }

    /// Keeps bytes for the next call.
    fn keep_unread(&mut self, bytes: &[u8]) {
        if self.input.len() < bytes.len() {
            self.input.resize(bytes.len(), 0);
        }
        (self.unread, self.plaintext) = (0..copy_in_pieces(bytes, &mut self.input), 0..0);
    }

    /// Whether the next bytes are read into a reader's buffer of this length.
    fn reads_in_place(&self, room: usize) -> bool {
        // What is unread is the beginning of a record, which fits.
        let fits_any_record = room >= MAX_RECORD_LENGTH;
        let fits_most = room >= SHORT_READ && self.unread.is_empty() && !self.data_flow;
        fits_any_record || fits_most
    }

    /// Reads into the reader's buffer once, and opens the records there. Returns how many bytes of data
    /// the reader gets: zero where no record is complete, or none has data.
    fn read_in_place<T: Read + Write>(
        &mut self,
        transport: &mut T,
        buffer: &mut (impl ReaderBuffer<T> + ?Sized),
    ) -> io::Result<usize> {
        let unread = self.unread.clone();
        let count = self.read_once(|input| {
            buffer.read_after(input.get(unread.clone()).unwrap_or_default(), transport)
        })?;
        let received = buffer.front(unread.len() + count);
        self.unread = 0..0;
        let data = self.open_in_place(received, transport)?;
        buffer.return_front(data);
        Ok(data)
    }

    /// Opens the records of `received`, with their data to its front. Keeps the rest for the next call.
    /// Returns how many bytes of data there are.
    fn open_in_place<T: Write>(
        &mut self,
        received: &mut [u8],
        transport: &mut T,
    ) -> io::Result<usize> {
        let (mut position, mut total) = (0, 0);
        loop {
            let after_data = received.get_mut(total..).unwrap_or_default();
            let opened = self.connection.receive_to_front(after_data, position - total);
            match progress_of(opened, &mut self.early_data) {
                Ok(Progress::Taken { record, data }) => {
                    position += record;
                    total += data;
                }
                Ok(Progress::Incomplete | Progress::Closed) => break,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => {
                    // The reader gets the data before the error, and nothing of a record that failed.
                    received.get_mut(total..).unwrap_or_default().fill(0);
                    let _ = self.flush(transport);
                    return if total > 0 { Ok(total) } else { Err(error) };
                }
            }
        }
        self.keep_unread(received.get(position..).unwrap_or_default());
        Ok(total)
    }

    /// Frees empty buffers: the peer may be silent for a long time.
    pub(super) fn release_buffers(&mut self) {
        if self.unread.is_empty() && self.plaintext.is_empty() {
            (self.input, self.unread, self.plaintext) = (Vec::new(), 0..0, 0..0);
        }
        self.connection.release_buffers();
    }

    /// `Some` when the next record is complete, with an error when the bytes are no record.
    #[cfg(feature = "tokio")]
    fn next_record(&self) -> Option<Result<(), crate::record::RecordError>> {
        let unread = self.input.get(self.unread.clone()).unwrap_or_default();
        crate::record::next_record(unread).transpose().map(|record| record.map(drop))
    }

    /// Reads until the next record is complete, or the bytes are seen to be no record, which is the
    /// inner error. The record stays in the buffer. Outgoing bytes are sent meanwhile.
    #[cfg(feature = "tokio")]
    pub(super) fn wait_for_record<T: Read + Write>(
        &mut self,
        transport: &mut T,
    ) -> io::Result<Result<(), crate::record::RecordError>> {
        loop {
            if let Some(record) = self.next_record() {
                return Ok(record);
            }
            self.flush_before_read(transport)?;
            self.fill(transport)?;
        }
    }

    /// Receives one record, unless there is plaintext already. Returns the length of the plaintext, or
    /// `None` at the end of data.
    pub(super) fn receive<T: Read + Write>(
        &mut self,
        transport: &mut T,
    ) -> io::Result<Option<usize>> {
        // As in `read`: a transport that does not take bytes must not stop this side from reading.
        let _ = self.flush(transport);
        let more = !self.plaintext.is_empty() || self.receive_record(transport)?;
        Ok(more.then(|| self.plaintext.len()))
    }

    /// Receives until there are more 0-RTT data, or the handshake is complete.
    #[cfg(feature = "tokio")]
    pub(super) fn receive_early_data<T: Read + Write>(&mut self, io: &mut T) -> io::Result<()> {
        while self.early_data.is_empty() && self.connection.is_handshaking() {
            let _ = self.flush(io);
            self.receive_record(io)?;
        }
        Ok(())
    }

    /// Receives data into the reader's buffer, and returns how many bytes they are. Zero is the end of
    /// data.
    pub(super) fn read<T: Read + Write>(
        &mut self,
        transport: &mut T,
        buffer: &mut (impl ReaderBuffer<T> + ?Sized),
    ) -> io::Result<usize> {
        // The reader gets data that arrived before a failure first, then the error.
        if self.plaintext.is_empty() && self.connection.is_handshaking() {
            self.handshake(transport)?;
        }
        while self.plaintext.is_empty() {
            // A transport that takes nothing now must not stop this side from reading: the peer may
            // wait for the same. The writer gets the error if there is one.
            let _ = self.flush_but_tickets(transport);
            match self.receive_buffered_record(transport)? {
                Progress::Taken { .. } => {}
                Progress::Closed => return Ok(0),
                Progress::Incomplete if self.reads_in_place(buffer.room()) => {
                    let count = self.read_in_place(transport, buffer)?;
                    if count > 0 {
                        let _ = self.flush(transport);
                        return Ok(count);
                    }
                }
                Progress::Incomplete => self.fill(transport)?,
            }
        }
        // A handshake message may have led to an answer.
        let _ = self.flush_but_tickets(transport);
        let plaintext = self.input.get(self.plaintext.clone()).unwrap_or_default();
        let count = buffer.return_copy_of(plaintext);
        self.plaintext.start += count;
        Ok(count)
    }

    /// Writes data when everything before them is sent, and returns how many bytes it took. After the
    /// handshake it does not read: a silent peer must not block a writer.
    pub(super) fn write<T: Read + Write>(
        &mut self,
        data: &[u8],
        transport: &mut T,
    ) -> io::Result<usize> {
        self.write_sealed(transport, |connection| connection.write(data))
    }

    /// As [`write`](Self::write): the first piece that is not empty, or one record with several small
    /// pieces.
    pub(super) fn write_vectored<T: Read + Write>(
        &mut self,
        pieces: &[IoSlice<'_>],
        transport: &mut T,
    ) -> io::Result<usize> {
        self.write_sealed(transport, |connection| {
            let record = RecordPieces::first_record(pieces, connection.max_record_data());
            match record.get() {
                [] => connection.write(&[]),
                [only] => connection.write(only),
                several => connection.write_pieces(several),
            }
        })
    }

    /// Sends everything, and then what `seal` puts into `outgoing`, with tickets that have waited.
    fn write_sealed<T: Read + Write>(
        &mut self,
        transport: &mut T,
        seal: impl FnOnce(&mut Connection) -> Result<usize, Error>,
    ) -> io::Result<usize> {
        if self.connection.is_handshaking() && !self.connection.can_write() {
            self.handshake(transport)?;
        }
        self.tickets_wait = self.tickets_wait && self.connection.has_room();
        self.flush_but_tickets(transport)?;
        let taken = match seal(&mut self.connection) {
            Ok(taken) => taken,
            Err(error) => {
                if self.connection.check().is_err() {
                    self.open_unread();
                    // The alert should reach the peer, but the connection's error is the one to return.
                    let _ = self.flush(transport);
                }
                return Err(error.into());
            }
        };
        self.tickets_wait = false;
        match self.flush(transport) {
            // The data are in `outgoing`: after an error the caller would write them again.
            Err(error) if !is_full(&error) => Err(error),
            _ => Ok(taken),
        }
    }
}
