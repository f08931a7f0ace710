use core::fmt;

use zeroize::Zeroizing;

use super::{
    HEADER_LENGTH, MAX_INNER_PLAINTEXT_LENGTH, MAX_PLAINTEXT_LENGTH, PaddingPolicy, RecordError,
};
use crate::crypto::{AeadKey, CipherSuite, CryptoError, NONCE_LENGTH, TAG_LENGTH};
use crate::registry::{ContentType, ProtocolVersion};

/// The key and IV of one direction, and how many records they may protect.
pub struct TrafficKeys {
    key: AeadKey,
    iv: Zeroizing<[u8; NONCE_LENGTH]>,
    limit: u64,
}

impl TrafficKeys {
    /// Keys for the suite's AEAD. Fails when the length of `key` is not the AEAD's.
    pub fn new(
        suite: &CipherSuite,
        key: &[u8],
        iv: &[u8; NONCE_LENGTH],
    ) -> Result<Self, CryptoError> {
        let limit = suite.aead.confidentiality_limit();
        Ok(Self { key: suite.aead.key(key)?, iv: Zeroizing::new(*iv), limit })
    }

    /// The IV with the sequence number mixed in (section 5.3).
    fn nonce(&self, sequence: u64) -> [u8; NONCE_LENGTH] {
        let mut nonce = *self.iv;
        for (byte, part) in nonce.iter_mut().rev().zip(sequence.to_be_bytes().into_iter().rev()) {
            *byte ^= part;
        }
        nonce
    }
}

impl fmt::Debug for TrafficKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TrafficKeys(..)")
    }
}

/// An opened record.
#[derive(Debug)]
pub struct Opened<'a> {
    /// What is in it.
    pub content_type: ContentType,
    /// The content, in the buffer that the record came in.
    pub payload: &'a mut [u8],
    /// Was it protected?
    pub protected: bool,
}

/// Opens the records of one direction.
#[derive(Debug)]
pub struct Opener {
    keys: Option<TrafficKeys>,
    sequence: u64,
    /// The most that a protected record may have in it: content, type and padding.
    limit: usize,
    /// A record was opened under some key of this direction.
    authenticated: bool,
    /// How many more bytes of records that nobody has keys for are passed over.
    skippable: usize,
}

impl Opener {
    /// An opener for records without protection.
    pub fn plaintext() -> Self {
        Self {
            keys: None,
            sequence: 0,
            limit: MAX_INNER_PLAINTEXT_LENGTH,
            authenticated: false,
            skippable: 0,
        }
    }

    /// A protected record may have so many bytes in it from here on, content, type and padding
    /// together: the record_size_limit that this side has sent (RFC 8449, section 4).
    pub fn limit_records(&mut self, limit: u16) {
        self.limit = usize::from(limit).min(MAX_INNER_PLAINTEXT_LENGTH);
    }

    /// The next record is under these keys, with sequence number 0.
    pub fn install(&mut self, keys: TrafficKeys) {
        self.keys = Some(keys);
        self.sequence = 0;
    }

    /// Passes over protected records that do not decrypt, with up to `limit` bytes in them, until
    /// another record comes:
    /// 0-RTT data that were not accepted (section 4.3.10). [`open`](Self::open) gives such a
    /// record as [`None`].
    pub fn skip_early_data(&mut self, limit: usize) {
        self.skippable = limit;
    }

    /// Opens `record`, which is one whole record as [`next_record`](super::next_record) finds it.
    ///
    /// Under keys, two kinds of record are let through without protection: change_cipher_spec,
    /// whose place the caller must check (section 5), and, until the first protected record was
    /// opened, an alert: a peer that refuses our first flight has no keys to say so under.
    ///
    /// `None` is a record to pass over: see [`skip_early_data`](Self::skip_early_data).
    pub fn open<'a>(&mut self, record: &'a mut [u8]) -> Result<Option<Opened<'a>>, RecordError> {
        let early_data = record.first() == Some(&ContentType::APPLICATION_DATA.0);
        // What counts is the content that such a record can have, as in max_early_data_size; an
        // empty one is not free.
        let cost = record.len().saturating_sub(HEADER_LENGTH + 1 + TAG_LENGTH).max(1);
        match self.open_first_try(record) {
            Ok(opened) => {
                // Early data end before the first record with other keys, or without (section
                // 4.3.10, the second and the third way).
                if opened.protected || opened.content_type == ContentType::HANDSHAKE {
                    self.skippable = 0;
                }
                Ok(Some(opened))
            }
            Err(
                RecordError::BadRecordMac { .. }
                | RecordError::UnexpectedContentType(ContentType::APPLICATION_DATA, _),
            ) if early_data && cost <= self.skippable => {
                self.skippable -= cost;
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    fn open_first_try<'a>(&mut self, record: &'a mut [u8]) -> Result<Opened<'a>, RecordError> {
        let Some((header, body)) = record.split_first_chunk_mut::<HEADER_LENGTH>() else {
            return Err(RecordError::NoContentType);
        };
        let content_type = ContentType(header[0]);
        match (content_type, &self.keys) {
            (ContentType::CHANGE_CIPHER_SPEC, _) => match body {
                [1] => Ok(Opened { content_type, payload: body, protected: false }),
                _ => Err(RecordError::BadChangeCipherSpec),
            },
            (ContentType::ALERT, Some(_)) if !self.authenticated && body.len() == 2 => {
                open_plaintext(content_type, body)
            }
            (ContentType::APPLICATION_DATA, Some(_)) => self.open_protected(header, body),
            (_, Some(_)) => {
                Err(RecordError::UnexpectedContentType(content_type, "records must be protected"))
            }
            (ContentType::APPLICATION_DATA, None) => Err(RecordError::UnexpectedContentType(
                content_type,
                "there are no keys for it yet",
            )),
            (ContentType::ALERT | ContentType::HANDSHAKE, None) => {
                open_plaintext(content_type, body)
            }
            (ContentType(unknown), None) => Err(RecordError::UnknownContentType(unknown)),
        }
    }

    fn open_protected<'a>(
        &mut self,
        header: &[u8; HEADER_LENGTH],
        body: &'a mut [u8],
    ) -> Result<Opened<'a>, RecordError> {
        let sequence = self.sequence;
        let bad = RecordError::BadRecordMac { sequence };
        let Some(keys) = &self.keys else {
            return Err(bad);
        };
        // The additional data are the bytes that came, not what we think they should have been.
        let plaintext = keys.key.open(keys.nonce(sequence), header, body).map_err(|_| bad)?;
        self.sequence = sequence.checked_add(1).ok_or(RecordError::KeyExhausted)?;
        self.authenticated = true;
        if plaintext.len() > self.limit {
            let (length, limit) = (plaintext.len() - 1, self.limit - 1);
            return Err(RecordError::TooLong { length, limit });
        }
        // The scan's time tells the length of the padding, as section 5.4 accepts.
        let end = plaintext.iter().rposition(|byte| *byte != 0);
        let (payload, content_type) = end
            .and_then(|end| plaintext.split_at_mut_checked(end))
            .and_then(|(payload, rest)| Some((payload, ContentType(*rest.first()?))))
            .ok_or(RecordError::NoContentType)?;
        match content_type {
            ContentType::APPLICATION_DATA => {}
            ContentType::HANDSHAKE | ContentType::ALERT if payload.is_empty() => {
                return Err(RecordError::Empty(content_type));
            }
            ContentType::HANDSHAKE | ContentType::ALERT => {}
            ContentType::CHANGE_CIPHER_SPEC => {
                return Err(RecordError::UnexpectedContentType(
                    content_type,
                    "it must not be protected",
                ));
            }
            ContentType(unknown) => return Err(RecordError::UnknownContentType(unknown)),
        }
        Ok(Opened { content_type, payload, protected: true })
    }
}

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
    keys: Option<TrafficKeys>,
    sequence: u64,
    /// The most that a protected record may have in it: content, type and padding.
    limit: usize,
    padding: Option<PaddingPolicy>,
}

impl Sealer {
    /// A sealer that protects nothing yet.
    pub fn plaintext() -> Self {
        Self { keys: None, sequence: 0, limit: MAX_INNER_PLAINTEXT_LENGTH, padding: None }
    }

    /// Protected records are padded as this says.
    pub fn pad(&mut self, padding: Option<PaddingPolicy>) {
        self.padding = padding;
    }

    /// A protected record may have so many bytes in it from here on, content, type and padding
    /// together: the peer's record_size_limit (RFC 8449, section 4). Less than 2 counts as 2.
    pub fn limit_records(&mut self, limit: u16) {
        self.limit = usize::from(limit).clamp(2, MAX_INNER_PLAINTEXT_LENGTH);
    }

    /// The most content in bytes that one protected record carries.
    pub fn max_content_length(&self) -> usize {
        self.limit - 1
    }

    /// The next record is sealed under these keys, with sequence number 0.
    pub fn install(&mut self, keys: TrafficKeys) {
        self.keys = Some(keys);
        self.sequence = 0;
    }

    /// Appends `content` to `out` as records of at most [`MAX_PLAINTEXT_LENGTH`] bytes each, or
    /// [`max_content_length`](Self::max_content_length) where they are protected.
    /// `version` is that of plaintext records: TLS 1.0 for a first ClientHello, TLS 1.2 for
    /// everything else (section 5.1). Nothing is appended for empty content.
    pub fn seal(
        &mut self,
        content_type: ContentType,
        version: ProtocolVersion,
        content: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), RecordError> {
        let Some(keys) = &self.keys else {
            for fragment in content.chunks(MAX_PLAINTEXT_LENGTH) {
                write_header(out, content_type, version, fragment.len());
                out.extend_from_slice(fragment);
            }
            return Ok(());
        };
        for fragment in content.chunks(self.max_content_length()) {
            if self.sequence >= keys.limit {
                return Err(RecordError::KeyExhausted);
            }
            let padding = self.padding(content_type, fragment.len());
            seal_fragment(keys, self.sequence, content_type, fragment, padding, out)?;
            self.sequence += 1;
        }
        Ok(())
    }

    /// The padding of a protected record with content of this length, in bytes.
    fn padding(&self, content_type: ContentType, length: usize) -> usize {
        let room = self.max_content_length().saturating_sub(length);
        self.padding.as_ref().map_or(0, |policy| policy(content_type, length).min(room))
    }

    /// Appends the dummy record of middlebox compatibility mode (appendix E.4).
    pub fn change_cipher_spec(out: &mut Vec<u8>) {
        write_header(out, ContentType::CHANGE_CIPHER_SPEC, ProtocolVersion::TLS_1_2, 1);
        out.push(1);
    }

    /// Is it time for new keys? True from three quarters of what the key may protect, and never so
    /// late that there is no record left for the KeyUpdate and an alert.
    pub fn should_update(&self) -> bool {
        let late = |limit: u64| limit.saturating_sub((limit / 4).max(2));
        self.keys.as_ref().is_some_and(|keys| self.sequence >= late(keys.limit))
    }

    /// The length in bytes of the protected records that application data of this length become.
    pub fn sealed_length(&self, content: usize) -> usize {
        let overhead = HEADER_LENGTH + 1 + TAG_LENGTH;
        let record =
            |length: usize| length + self.padding(ContentType::APPLICATION_DATA, length) + overhead;
        let longest = self.max_content_length();
        let rest = content % longest;
        content / longest * record(longest) + if rest > 0 { record(rest) } else { 0 }
    }
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sealer").field("sequence", &self.sequence).finish_non_exhaustive()
    }
}

fn seal_fragment(
    keys: &TrafficKeys,
    sequence: u64,
    content_type: ContentType,
    fragment: &[u8],
    padding: usize,
    out: &mut Vec<u8>,
) -> Result<(), RecordError> {
    let start = out.len();
    let length = fragment.len() + 1 + padding + TAG_LENGTH;
    out.reserve(HEADER_LENGTH + length);
    write_header(out, ContentType::APPLICATION_DATA, ProtocolVersion::TLS_1_2, length);
    out.extend_from_slice(fragment);
    out.push(content_type.0);
    out.resize(out.len() + padding, 0);
    let record = out.get_mut(start..).unwrap_or_default();
    let Some((header, plaintext)) = record.split_first_chunk_mut::<HEADER_LENGTH>() else {
        return Err(RecordError::SealFailed);
    };
    match keys.key.seal(keys.nonce(sequence), header, plaintext) {
        Ok(tag) => {
            out.extend_from_slice(&tag);
            Ok(())
        }
        Err(CryptoError) => {
            // No plaintext may stay in a buffer that is about to be sent.
            out.truncate(start);
            Err(RecordError::SealFailed)
        }
    }
}

/// `length` is at most [`super::MAX_CIPHERTEXT_LENGTH`], so it fits its field.
fn write_header(
    out: &mut Vec<u8>,
    content_type: ContentType,
    version: ProtocolVersion,
    length: usize,
) {
    out.push(content_type.0);
    out.extend_from_slice(&version.0.to_be_bytes());
    out.extend_from_slice(&u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::CryptoProvider;
    use crate::record::next_record;

    fn keys(limit: u64) -> TrafficKeys {
        let suite = CryptoProvider::ring().cipher_suites[0];
        let mut keys = TrafficKeys::new(&suite, &[7; 16], &[9; 12]).unwrap();
        keys.limit = limit;
        keys
    }

    fn seal(content_type: ContentType, content: &[u8]) -> Vec<u8> {
        let mut sealer = Sealer::plaintext();
        sealer.install(keys(u64::MAX));
        let mut out = Vec::new();
        sealer.seal(content_type, ProtocolVersion::TLS_1_2, content, &mut out).unwrap();
        out
    }

    /// Seals an inner plaintext that our own sealer would never write.
    fn seal_raw(inner: &[u8]) -> Vec<u8> {
        let keys = keys(u64::MAX);
        let mut record = Vec::new();
        write_header(
            &mut record,
            ContentType::APPLICATION_DATA,
            ProtocolVersion::TLS_1_2,
            inner.len() + TAG_LENGTH,
        );
        let mut body = inner.to_vec();
        let tag = keys.key.seal(keys.nonce(0), &record, &mut body).unwrap();
        record.extend_from_slice(&body);
        record.extend_from_slice(&tag);
        record
    }

    fn opener() -> Opener {
        let mut opener = Opener::plaintext();
        opener.install(keys(u64::MAX));
        opener
    }

    #[test]
    fn long_content_becomes_several_records_which_open_in_order() {
        let content: Vec<u8> = (0..40_000_u32).map(|i| i as u8).collect();
        let mut bytes = seal(ContentType::APPLICATION_DATA, &content);
        assert_eq!(bytes.len(), Sealer::plaintext().sealed_length(content.len()));
        let (mut opener, mut opened, mut start) = (opener(), Vec::new(), 0);
        while let Some(length) = next_record(&bytes[start..]).unwrap() {
            let record = opener.open(&mut bytes[start..start + length]).unwrap().unwrap();
            assert!(record.protected);
            opened.extend_from_slice(record.payload);
            start += length;
        }
        assert_eq!(opened, content);
    }

    #[test]
    fn every_flipped_bit_is_noticed() {
        let record = seal(ContentType::APPLICATION_DATA, b"content");
        for bit in 0..record.len() * 8 {
            let mut flipped = record.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            // What framing would refuse or wait for is not for the opener to see.
            // One bit makes an alert of it, which still may come without protection.
            let opened = opener().open(&mut flipped);
            assert!(!matches!(opened, Ok(Some(Opened { protected: true, .. }))), "bit {bit}");
        }
    }

    #[test]
    fn the_received_header_is_authenticated() {
        let mut record = seal(ContentType::APPLICATION_DATA, b"content");
        record[1..3].copy_from_slice(&[3, 1]);
        assert_eq!(
            opener().open(&mut record).unwrap_err(),
            RecordError::BadRecordMac { sequence: 0 }
        );
    }

    #[test]
    fn padding_is_removed_and_malformed_inner_plaintexts_are_refused() {
        let mut padded = seal_raw(b"hi\x17\0\0\0");
        assert_eq!(opener().open(&mut padded).unwrap().unwrap().payload, b"hi");
        let mut empty = seal_raw(b"\x17\0\0\0");
        assert_eq!(opener().open(&mut empty).unwrap().unwrap().payload, b"");
        for (inner, error) in [
            (&b""[..], RecordError::NoContentType),
            (&[0; 10], RecordError::NoContentType),
            (&[0x16, 0], RecordError::Empty(ContentType::HANDSHAKE)),
            (&[0x15], RecordError::Empty(ContentType::ALERT)),
            (&[1, 0x63], RecordError::UnknownContentType(0x63)),
        ] {
            assert_eq!(opener().open(&mut seal_raw(inner)).unwrap_err(), error);
        }
        let error = opener().open(&mut seal_raw(&[1, 20])).unwrap_err();
        assert_eq!(error.alert(), crate::alert::AlertDescription::UNEXPECTED_MESSAGE);
    }

    #[test]
    fn the_inner_plaintext_has_a_limit_that_padding_counts_towards() {
        let mut inner = vec![0; MAX_PLAINTEXT_LENGTH + 1];
        inner[0] = 23;
        assert!(opener().open(&mut seal_raw(&inner)).is_ok());
        inner.push(0);
        let error = opener().open(&mut seal_raw(&inner)).unwrap_err();
        assert_eq!(error.alert(), crate::alert::AlertDescription::RECORD_OVERFLOW);
    }

    #[test]
    fn no_record_is_longer_than_the_peer_allows_with_its_type_and_its_padding() {
        for (limit, multiple, length) in
            [(64, 0, 1000), (64, 50, 1000), (100, 99, 1), (16385, 4096, 16384)]
        {
            let (mut sealer, mut opener) = (Sealer::plaintext(), opener());
            sealer.install(keys(u64::MAX));
            sealer.pad(Some(super::super::pad_to_multiple_of(multiple)));
            sealer.limit_records(limit);
            opener.limit_records(limit);
            let (content, mut out) = (vec![5; length], Vec::new());
            let kind = ContentType::APPLICATION_DATA;
            sealer.seal(kind, ProtocolVersion::TLS_1_2, &content, &mut out).unwrap();
            assert_eq!(out.len(), sealer.sealed_length(length));
            let (mut opened, mut start) = (Vec::new(), 0);
            while let Some(length_of_record) = next_record(&out[start..]).unwrap() {
                let inner = length_of_record - HEADER_LENGTH - TAG_LENGTH;
                assert!(inner <= usize::from(limit));
                let full = inner == usize::from(limit);
                assert!(multiple == 0 || full || (inner - 1) % multiple == 0, "{inner}");
                let record =
                    opener.open(&mut out[start..start + length_of_record]).unwrap().unwrap();
                opened.extend_from_slice(record.payload);
                start += length_of_record;
            }
            assert_eq!(opened, content);
        }
    }

    #[test]
    fn a_record_one_byte_beyond_the_own_limit_overflows_be_it_by_padding() {
        for (inner, fits) in [([1; 64].to_vec(), true), ([1; 65].to_vec(), false)] {
            let mut inner = inner;
            *inner.last_mut().unwrap() = 0;
            inner[10] = 23;
            inner[11..].fill(0);
            let mut opener = opener();
            opener.limit_records(64);
            match opener.open(&mut seal_raw(&inner)) {
                Ok(_) => assert!(fits),
                Err(error) => {
                    assert_eq!(error, RecordError::TooLong { length: 64, limit: 63 });
                    assert!(!fits);
                }
            }
        }
    }

    #[test]
    fn unprotected_records_under_keys() {
        let mut opener = opener();
        assert!(!opener.open(&mut [20, 3, 3, 0, 1, 1]).unwrap().unwrap().protected);
        assert_eq!(
            opener.open(&mut [20, 3, 3, 0, 1, 2]).unwrap_err(),
            RecordError::BadChangeCipherSpec
        );
        assert!(!opener.open(&mut [21, 3, 3, 0, 2, 2, 40]).unwrap().unwrap().protected);
        assert!(opener.open(&mut [22, 3, 3, 0, 1, 1]).is_err());
        opener.open(&mut seal(ContentType::APPLICATION_DATA, b"x")).unwrap();
        assert!(opener.open(&mut [21, 3, 3, 0, 2, 2, 40]).is_err(), "keys are known to work now");
    }

    #[test]
    fn a_key_seals_no_more_than_its_limit() {
        let mut sealer = Sealer::plaintext();
        sealer.install(keys(4));
        let mut out = Vec::new();
        let mut one = |sealer: &mut Sealer| {
            sealer.seal(ContentType::APPLICATION_DATA, ProtocolVersion::TLS_1_2, b"x", &mut out)
        };
        for record in 0..4 {
            assert_eq!(sealer.should_update(), record >= 2);
            one(&mut sealer).unwrap();
        }
        assert_eq!(one(&mut sealer), Err(RecordError::KeyExhausted));
    }

    #[test]
    fn the_nonce_is_the_iv_with_the_sequence_number_mixed_in() {
        let nonce = keys(1).nonce(0x0102_0304_0506_0708);
        assert_eq!(nonce, [9, 9, 9, 9, 8, 11, 10, 13, 12, 15, 14, 1]);
    }

    #[test]
    fn early_data_are_passed_over_up_to_a_limit_and_not_after_a_good_record() {
        let foreign = |length: usize| {
            let mut record = Vec::new();
            let body = vec![0x55; length];
            write_header(
                &mut record,
                ContentType::APPLICATION_DATA,
                ProtocolVersion::TLS_1_2,
                length,
            );
            record.extend_from_slice(&body);
            record
        };
        for mut opener in [opener(), Opener::plaintext()] {
            opener.skip_early_data(100);
            assert!(opener.open(&mut foreign(60 + 17)).unwrap().is_none());
            assert!(opener.open(&mut foreign(40 + 17)).unwrap().is_none());
            assert!(opener.open(&mut foreign(0)).is_err(), "the limit is used up");
        }
        let mut opener = opener();
        opener.skip_early_data(100);
        opener.open(&mut seal(ContentType::HANDSHAKE, b"x")).unwrap().unwrap();
        assert!(opener.open(&mut foreign(20)).is_err(), "the early data are over");
    }

    #[test]
    fn nothing_is_passed_over_where_no_early_data_were_offered() {
        for mut opener in [opener(), Opener::plaintext()] {
            assert!(opener.open(&mut [23, 3, 3, 0, 0]).is_err());
        }
    }

    #[test]
    fn a_hello_in_the_clear_ends_the_early_data() {
        let mut opener = Opener::plaintext();
        opener.skip_early_data(100);
        assert!(opener.open(&mut [23, 3, 3, 0, 1, 0]).unwrap().is_none());
        opener.open(&mut [22, 3, 3, 0, 1, 1]).unwrap().unwrap();
        assert!(opener.open(&mut [23, 3, 3, 0, 1, 0]).is_err());
    }
}
