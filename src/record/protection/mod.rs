//! Records are sealed and opened (RFC 9846, sections 5.2 to 5.5).

use core::fmt;

use super::key_place::KeyPlace;
use super::{
    HEADER_LENGTH, MAX_INNER_PLAINTEXT_LENGTH, MAX_PLAINTEXT_LENGTH, PaddingPolicy, RecordError,
    TrafficKeys, append_in_pieces, move_in_pieces, update_from,
};
use crate::crypto::{CryptoError, TAG_LENGTH, provider_fault};
use crate::registry::{ContentType, ProtocolVersion};

/// An opened record.
#[derive(Debug)]
#[non_exhaustive]
pub struct Opened<'a> {
    /// What is in it.
    pub content_type: ContentType,
    /// The content, in the buffer that the record came in.
    pub payload: &'a mut [u8],
    /// Was it protected?
    pub protected: bool,
}

/// How far the protection of one direction has come. It decides which records may come without
/// protection.
///
/// ```text
/// Plaintext --keys are installed--> Unconfirmed --a record is opened under them--> Protected
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// There are no keys.
    Plaintext,
    /// There are keys, and no record was opened under a key of this direction yet: the peer may have
    /// none, and then it sends an alert without protection.
    Unconfirmed,
    /// The peer has keys: it protects all of its records, except change_cipher_spec.
    Protected,
}

/// [`MAX_INNER_PLAINTEXT_LENGTH`] as a record_size_limit.
const MAX_LIMIT: u16 = MAX_INNER_PLAINTEXT_LENGTH as u16;

/// Opens the records of one direction.
pub struct Opener {
    keys: KeyPlace,
    sequence: u64,
    phase: Phase,
    /// The most that a protected record may have in it: content, type and padding.
    limit: u16,
    /// The keys are those of 0-RTT data.
    early: bool,
    /// How many more bytes of 0-RTT data that were not accepted are skipped.
    skippable: u32,
}

impl Opener {
    /// An opener for records without protection.
    pub fn plaintext() -> Self {
        Self {
            keys: KeyPlace::default(),
            sequence: 0,
            phase: Phase::Plaintext,
            limit: MAX_LIMIT,
            early: false,
            skippable: 0,
        }
    }

    /// From now on, a protected record may have at most `limit` bytes of content, type and padding
    /// in it: the record_size_limit that this side has sent (RFC 8449, section 4). Less than 2
    /// counts as 2.
    pub fn limit_records(&mut self, limit: u16) {
        self.limit = limit.clamp(2, MAX_LIMIT);
    }

    /// The next record is under these keys, with sequence number 0 (section 5.3).
    pub fn install(&mut self, keys: TrafficKeys) {
        self.keys.install(keys);
        self.sequence = 0;
        self.early = false;
        if self.phase == Phase::Plaintext {
            self.phase = Phase::Unconfirmed;
        }
    }

    /// The next record has this sequence number under the keys that are installed. A connection does not need
    /// this: it is for decoders of recorded bytes, of which some are missing.
    pub fn set_sequence(&mut self, sequence: u64) {
        self.sequence = sequence;
    }

    /// The sequence number of the next record.
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// The most content in bytes that a protected record may have.
    pub(crate) fn max_content_length(&self) -> usize {
        usize::from(self.limit) - 1
    }

    /// Goes on where another opener has stopped: the next record is under these keys, and has this
    /// sequence number. The peer has protected records before, so no alert may come without protection.
    pub(crate) fn continue_at(&mut self, keys: TrafficKeys, sequence: u64) {
        self.keys.install(keys);
        self.sequence = sequence;
        self.phase = Phase::Protected;
    }

    /// Forgets the keys. The limit of [`limit_records`](Self::limit_records) stays.
    pub(crate) fn remove_keys(&mut self) {
        self.keys.wipe();
    }

    /// As [`install`](Self::install), for the keys of 0-RTT data. The limit of
    /// [`limit_records`](Self::limit_records) does not apply to them: the client sent them before it
    /// could know that limit.
    pub fn install_early(&mut self, keys: TrafficKeys) {
        self.install(keys);
        self.early = true;
    }

    /// Skips 0-RTT data that were not accepted (section 4.3.10), up to `limit` bytes of content:
    /// protected records that come before there are keys, or that do not decrypt. They end with the
    /// first record that does decrypt, or with a handshake message without protection. Their
    /// EndOfEarlyData does not decrypt either (section 4.6).
    /// [`open`](Self::open) returns [`None`] for a record that it skips.
    pub fn skip_early_data(&mut self, limit: usize) {
        self.skippable = u32::try_from(limit).unwrap_or(u32::MAX);
    }

    /// Opens `record`, which is one whole record as [`next_record`](super::next_record) finds it.
    ///
    /// Under keys, two kinds of record may come without protection: change_cipher_spec, whose place
    /// the caller must check (section 5), and an alert, until the first protected record was opened:
    /// a peer that refuses our first flight has no keys to protect its alert with.
    ///
    /// `None` is a record that is skipped: see [`skip_early_data`](Self::skip_early_data).
    ///
    /// # Errors
    /// When the record may not come now, does not decrypt, or is malformed. The connection must end
    /// then.
    pub fn open<'a>(&mut self, record: &'a mut [u8]) -> Result<Option<Opened<'a>>, RecordError> {
        let Some((header, body)) = record.split_first_chunk_mut::<HEADER_LENGTH>() else {
            return Err(RecordError::NoContentType);
        };
        let content_type = ContentType(header[0]);
        match (content_type, self.phase) {
            (ContentType::CHANGE_CIPHER_SPEC, _) => open_change_cipher_spec(body).map(Some),
            (ContentType::APPLICATION_DATA, Phase::Plaintext) => {
                if self.skip(body.len()) {
                    return Ok(None);
                }
                Err(RecordError::UnexpectedContentType(
                    content_type,
                    "there are no keys for it yet",
                ))
            }
            (ContentType::APPLICATION_DATA, _) => self.open_protected(*header, body, 0),
            (ContentType::HANDSHAKE, Phase::Plaintext) => {
                let opened = open_plaintext(content_type, body)?;
                // A second ClientHello: there are no 0-RTT data after it (section 4.3.10).
                self.skippable = 0;
                Ok(Some(opened))
            }
            (ContentType::ALERT, Phase::Plaintext) => open_plaintext(content_type, body).map(Some),
            (ContentType::ALERT, Phase::Unconfirmed) if body.len() == 2 => {
                open_plaintext(content_type, body).map(Some)
            }
            (unknown, Phase::Plaintext) => Err(RecordError::UnknownContentType(unknown.0)),
            (_, Phase::Unconfirmed | Phase::Protected) => {
                Err(RecordError::UnexpectedContentType(content_type, "records must be protected"))
            }
        }
    }

    /// As [`open`](Self::open), for the record that begins at `start` of `buffer`. What a protected record
    /// has in it goes to the front of `buffer`.
    pub(crate) fn open_to_front<'a>(
        &mut self,
        buffer: &'a mut [u8],
        start: usize,
    ) -> Result<Option<Opened<'a>>, RecordError> {
        let record = buffer.get_mut(start..).unwrap_or_default();
        let is_protected = record.first() == Some(&ContentType::APPLICATION_DATA.0)
            && self.phase != Phase::Plaintext;
        match record.first_chunk() {
            Some(header) if is_protected => {
                self.open_protected(*header, buffer, start + HEADER_LENGTH)
            }
            _ => self.open(buffer.get_mut(start..).unwrap_or_default()),
        }
    }

    /// Whether a record with a body of this length is skipped as 0-RTT data. What counts is the
    /// content that such a record can have, as in max_early_data_size; an empty one costs a byte.
    fn skip(&mut self, body_length: usize) -> bool {
        let cost = body_length.saturating_sub(1 + TAG_LENGTH).max(1);
        match u32::try_from(cost).ok().and_then(|cost| self.skippable.checked_sub(cost)) {
            Some(left) => {
                self.skippable = left;
                true
            }
            None => false,
        }
    }

    /// Opens a protected record, whose body is in `buffer` from `start`, to the front of `buffer`. A record
    /// that does not decrypt is a `bad_record_mac` (section 5.2), unless it is skipped as 0-RTT data
    /// (section 4.3.10).
    fn open_protected<'a>(
        &mut self,
        header: [u8; HEADER_LENGTH],
        buffer: &'a mut [u8],
        start: usize,
    ) -> Result<Option<Opened<'a>>, RecordError> {
        let (sequence, sealed_length) = (self.sequence, buffer.len().saturating_sub(start));
        let Some(keys) = self.keys.keys() else {
            return Err(RecordError::BadRecordMac { sequence });
        };
        // The additional data are the bytes that came, not what we think they should have been.
        let opened = keys.key.open_from(keys.nonce(sequence), &header, buffer, start);
        let Ok(plaintext) = opened else {
            if self.skip(sealed_length) {
                return Ok(None);
            }
            return Err(RecordError::BadRecordMac { sequence });
        };
        let length = plaintext.len();
        provider_fault::check_opened(sealed_length, length)?;
        if plaintext.start > 0 {
            move_in_pieces(buffer, plaintext, 0);
        }
        let plaintext = buffer.get_mut(..length).unwrap_or_default();
        self.sequence = sequence.checked_add(1).ok_or(RecordError::KeyExhausted)?;
        self.phase = Phase::Protected;
        let opened = parse_inner_plaintext(plaintext, self.inner_limit())?;
        // The first record under other keys ends the 0-RTT data (section 4.3.10).
        self.skippable = 0;
        Ok(Some(opened))
    }

    /// Takes the content of a protected record that was opened elsewhere, and checks it as
    /// [`open`](Self::open) does: its type and its length.
    pub(crate) fn accept<'a>(
        &self,
        content_type: ContentType,
        payload: &'a mut [u8],
    ) -> Result<Opened<'a>, RecordError> {
        let (length, limit) = (payload.len(), self.max_content_length());
        if length > limit {
            return Err(RecordError::TooLong { length, limit });
        }
        check_content(content_type, payload)?;
        Ok(Opened { content_type, payload, protected: true })
    }

    /// The most bytes of content, type and padding in a record under the present keys.
    fn inner_limit(&self) -> usize {
        if self.early { MAX_INNER_PLAINTEXT_LENGTH } else { self.limit.into() }
    }
}

impl fmt::Debug for Opener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opener").field("sequence", &self.sequence).finish_non_exhaustive()
    }
}

fn open_change_cipher_spec(body: &mut [u8]) -> Result<Opened<'_>, RecordError> {
    if body != [1] {
        return Err(RecordError::BadChangeCipherSpec);
    }
    let content_type = ContentType::CHANGE_CIPHER_SPEC;
    Ok(Opened { content_type, payload: body, protected: false })
}

/// Takes a TLSInnerPlaintext apart (section 5.2): content, content type, and zeros as padding. A long one
/// is a `record_overflow`; one without content type, or an empty handshake message or alert (sections
/// 5.1 and 5.4), is an `unexpected_message`.
fn parse_inner_plaintext(plaintext: &mut [u8], limit: usize) -> Result<Opened<'_>, RecordError> {
    if plaintext.len() > limit {
        let (length, limit) = (plaintext.len() - 1, limit - 1);
        return Err(RecordError::TooLong { length, limit });
    }
    // The scan's time depends on the length of the padding, as section 5.4 accepts.
    let end = plaintext.iter().rposition(|byte| *byte != 0).ok_or(RecordError::NoContentType)?;
    let (payload, rest) = plaintext.split_at_mut_checked(end).ok_or(RecordError::NoContentType)?;
    let content_type = ContentType(*rest.first().ok_or(RecordError::NoContentType)?);
    check_content(content_type, payload)?;
    Ok(Opened { content_type, payload, protected: true })
}

/// Checks what a protected record had in it: a type that may be protected, and no empty handshake message or
/// alert (sections 5, 5.1 and 5.4). Otherwise it is an `unexpected_message`.
fn check_content(content_type: ContentType, payload: &[u8]) -> Result<(), RecordError> {
    match content_type {
        ContentType::APPLICATION_DATA => {}
        ContentType::HANDSHAKE | ContentType::ALERT => {
            if payload.is_empty() {
                return Err(RecordError::Empty(content_type));
            }
        }
        ContentType::CHANGE_CIPHER_SPEC => {
            return Err(RecordError::UnexpectedContentType(
                content_type,
                "it must not be protected",
            ));
        }
        ContentType(unknown) => return Err(RecordError::UnknownContentType(unknown)),
    }
    Ok(())
}

/// A record without protection: a handshake message or an alert. An empty one is an
/// `unexpected_message` (section 5.1).
fn open_plaintext(
    content_type: ContentType,
    payload: &mut [u8],
) -> Result<Opened<'_>, RecordError> {
    if payload.is_empty() {
        return Err(RecordError::Empty(content_type));
    }
    Ok(Opened { content_type, payload, protected: false })
}

/// Seals the records of one direction.
pub struct Sealer {
    keys: KeyPlace,
    sequence: u64,
    /// The most that a protected record may have in it: content, type and padding.
    limit: u16,
    /// In a box, so that a connection without padding has little room for it.
    padding: Option<Box<PaddingPolicy>>,
}

impl Sealer {
    /// A sealer that protects nothing yet.
    pub fn plaintext() -> Self {
        Self { keys: KeyPlace::default(), sequence: 0, limit: MAX_LIMIT, padding: None }
    }

    /// Pads protected records by this policy; `None` for no padding.
    pub fn pad(&mut self, padding: Option<PaddingPolicy>) {
        self.padding = padding.map(Box::new);
    }

    /// From now on, a protected record has at most `limit` bytes of content, type and padding in it:
    /// the peer's record_size_limit (RFC 8449, section 4). Less than 2 counts as 2.
    pub fn limit_records(&mut self, limit: u16) {
        self.limit = limit.clamp(2, MAX_LIMIT);
    }

    /// The most content in bytes that one protected record carries.
    pub fn max_content_length(&self) -> usize {
        usize::from(self.limit) - 1
    }

    /// The next record is sealed under these keys, with sequence number 0 (section 5.3).
    pub fn install(&mut self, keys: TrafficKeys) {
        self.keys.install(keys);
        self.sequence = 0;
    }

    /// The sequence number of the next record.
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// Goes on where another sealer has stopped: the next record is sealed under these keys, and has this
    /// sequence number.
    pub(crate) fn continue_at(&mut self, keys: TrafficKeys, sequence: u64) {
        self.keys.install(keys);
        self.sequence = sequence;
    }

    /// The next record is not protected.
    pub fn remove_keys(&mut self) {
        self.keys.wipe();
    }

    /// Appends `content` to `out` as records of at most [`MAX_PLAINTEXT_LENGTH`] bytes each, or
    /// [`max_content_length`](Self::max_content_length) where they are protected.
    /// `version` is that of plaintext records: TLS 1.0 for a first ClientHello, TLS 1.2 for
    /// everything else (section 5.1). Nothing is appended for empty content. A
    /// change_cipher_spec is never protected (section 5).
    ///
    /// # Errors
    /// [`RecordError::KeyExhausted`] when the key has protected as many records as it may, and
    /// [`RecordError::SealFailed`] or [`RecordError::Provider`] when the provider fails. `out` then
    /// ends with the last whole record.
    pub fn seal(
        &mut self,
        content_type: ContentType,
        version: ProtocolVersion,
        content: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), RecordError> {
        let keys = match content_type {
            ContentType::CHANGE_CIPHER_SPEC => None,
            _ => self.keys.keys(),
        };
        if keys.is_none() {
            write_plaintext(out, content_type, version, content);
            return Ok(());
        }
        for fragment in content.chunks(self.max_content_length()) {
            self.with_next_keys(content_type, fragment.len(), |keys, sequence, padding| {
                seal_fragment(keys, sequence, content_type, &[fragment], padding, out)
            })?;
        }
        Ok(())
    }

    /// Appends a protected record with the application data of all `pieces` to `out`. Together they
    /// have at most [`max_content_length`](Self::max_content_length) bytes.
    ///
    /// # Errors
    /// As [`seal`](Self::seal), and [`RecordError::SealFailed`] if there are no keys or the pieces are
    /// too long.
    pub(crate) fn seal_pieces(
        &mut self,
        pieces: &[&[u8]],
        out: &mut Vec<u8>,
    ) -> Result<(), RecordError> {
        let length = pieces.iter().map(|piece| piece.len()).sum();
        let content_type = ContentType::APPLICATION_DATA;
        self.with_next_keys(content_type, length, |keys, sequence, padding| {
            seal_fragment(keys, sequence, content_type, pieces, padding, out)
        })
    }

    /// Protects application data in place. `record` has [`HEADER_LENGTH`] bytes of any value, and the
    /// data behind them, at most [`max_content_length`](Self::max_content_length) bytes. It becomes the
    /// record.
    ///
    /// # Errors
    /// As [`seal`](Self::seal), and [`RecordError::SealFailed`] if there are no keys or `record` has
    /// another length. `record` is empty then if the cipher failed. Otherwise it is unchanged: it is
    /// plaintext, and must not be sent.
    pub fn seal_in_place(&mut self, record: &mut Vec<u8>) -> Result<(), RecordError> {
        let length = record.len().checked_sub(HEADER_LENGTH).ok_or(RecordError::SealFailed)?;
        let content_type = ContentType::APPLICATION_DATA;
        self.with_next_keys(content_type, length, |keys, sequence, padding| {
            protect(keys, sequence, content_type, padding, record, 0)
        })
    }

    /// Calls `seal` with the keys, the sequence number and the padding of the next protected record,
    /// which has content of this type and length.
    fn with_next_keys(
        &mut self,
        content_type: ContentType,
        length: usize,
        seal: impl FnOnce(&TrafficKeys, u64, usize) -> Result<(), RecordError>,
    ) -> Result<(), RecordError> {
        let is_too_long = length > self.max_content_length();
        let Some(keys) = self.keys.keys() else { return Err(RecordError::SealFailed) };
        if is_too_long {
            return Err(RecordError::SealFailed);
        }
        if self.sequence >= keys.limit.into() {
            return Err(RecordError::KeyExhausted);
        }
        let padding = self.padding(content_type, length);
        seal(keys, self.sequence, padding)?;
        self.sequence += 1;
        Ok(())
    }

    /// The padding of a protected record with content of this length, in bytes (section 5.4).
    fn padding(&self, content_type: ContentType, length: usize) -> usize {
        let room = self.max_content_length().saturating_sub(length);
        self.padding.as_ref().map_or(0, |policy| policy(content_type, length).min(room))
    }

    /// Is it time for new keys? True from three quarters of what the key may protect, and never so
    /// late that there is no record left for the KeyUpdate and an alert (section 5.5).
    pub fn should_update(&self) -> bool {
        let Some(keys) = self.keys.keys() else { return false };
        self.sequence >= update_from(keys.limit).into()
    }

    /// The length in bytes of the protected records that application data of this length become.
    pub fn sealed_length(&self, content: usize) -> usize {
        let longest = self.max_content_length();
        let (full_records, rest) = (content / longest, content % longest);
        let last_record = if rest > 0 { self.sealed_record_length(rest) } else { 0 };
        full_records * self.sealed_record_length(longest) + last_record
    }

    /// The length in bytes of the one record that application data of this length become.
    pub(crate) fn sealed_record_length(&self, content: usize) -> usize {
        let padding = self.padding(ContentType::APPLICATION_DATA, content);
        HEADER_LENGTH + content + 1 + padding + TAG_LENGTH
    }
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sealer").field("sequence", &self.sequence).finish_non_exhaustive()
    }
}

/// Appends a record with this content (sections 5.2 and 5.4), which is in one piece or in several.
fn seal_fragment(
    keys: &TrafficKeys,
    sequence: u64,
    content_type: ContentType,
    content: &[&[u8]],
    padding: usize,
    out: &mut Vec<u8>,
) -> Result<(), RecordError> {
    let start = out.len();
    let length: usize = content.iter().map(|piece| piece.len()).sum();
    out.reserve(HEADER_LENGTH + length + 1 + padding + TAG_LENGTH);
    out.extend_from_slice(&[0; HEADER_LENGTH]);
    for piece in content {
        append_in_pieces(piece, out);
    }
    protect(keys, sequence, content_type, padding, out, start)
}

/// Makes a record of what is in `out` from `start`: the place of the header, and the content. It seals a
/// TLSInnerPlaintext: content, type and padding (sections 5.2 and 5.4).
fn protect(
    keys: &TrafficKeys,
    sequence: u64,
    content_type: ContentType,
    padding: usize,
    out: &mut Vec<u8>,
    start: usize,
) -> Result<(), RecordError> {
    out.push(content_type.0);
    out.resize(out.len() + padding, 0);
    let record = out.get_mut(start..).unwrap_or_default();
    let Some((header, plaintext)) = record.split_first_chunk_mut::<HEADER_LENGTH>() else {
        return Err(RecordError::SealFailed);
    };
    let length = plaintext.len() + TAG_LENGTH;
    *header = header_of(ContentType::APPLICATION_DATA, ProtocolVersion::TLS_1_2, length);
    let beginning = provider_fault::beginning(plaintext);
    let tag = keys.key.seal(keys.nonce(sequence), header, plaintext);
    let sealed = tag.map_err(|CryptoError| RecordError::SealFailed).and_then(|tag| {
        provider_fault::check_sealed(beginning, plaintext)?;
        Ok(tag)
    });
    match sealed {
        Ok(tag) => {
            out.extend_from_slice(&tag);
            Ok(())
        }
        Err(error) => {
            // No plaintext may stay in a buffer that is about to be sent.
            out.truncate(start);
            Err(error)
        }
    }
}

fn write_plaintext(
    out: &mut Vec<u8>,
    content_type: ContentType,
    version: ProtocolVersion,
    content: &[u8],
) {
    for fragment in content.chunks(MAX_PLAINTEXT_LENGTH) {
        out.extend_from_slice(&header_of(content_type, version, fragment.len()));
        out.extend_from_slice(fragment);
    }
}

/// `length` is at most [`super::MAX_CIPHERTEXT_LENGTH`], so it fits its field.
fn header_of(
    content_type: ContentType,
    version: ProtocolVersion,
    length: usize,
) -> [u8; HEADER_LENGTH] {
    let [major, minor] = version.0.to_be_bytes();
    let [high, low] = u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes();
    [content_type.0, major, minor, high, low]
}

#[cfg(test)]
mod tests;
