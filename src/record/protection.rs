use core::fmt;

use zeroize::Zeroizing;

use super::{HEADER_LENGTH, MAX_PLAINTEXT_LENGTH, RecordError};
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
#[derive(Debug, Default)]
pub struct Opener {
    keys: Option<TrafficKeys>,
    sequence: u64,
    /// A record was opened under some key of this direction.
    authenticated: bool,
    /// How many more bytes of records that nobody has keys for are passed over.
    skippable: usize,
}

impl Opener {
    /// An opener for records without protection.
    pub fn plaintext() -> Self {
        Self::default()
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
        if plaintext.len() > MAX_PLAINTEXT_LENGTH + 1 {
            let length = plaintext.len() - 1;
            return Err(RecordError::TooLong { length, limit: MAX_PLAINTEXT_LENGTH });
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
#[derive(Debug, Default)]
pub struct Sealer {
    keys: Option<TrafficKeys>,
    sequence: u64,
}

impl Sealer {
    /// A sealer that protects nothing yet.
    pub fn plaintext() -> Self {
        Self::default()
    }

    /// The next record is sealed under these keys, with sequence number 0.
    pub fn install(&mut self, keys: TrafficKeys) {
        self.keys = Some(keys);
        self.sequence = 0;
    }

    /// Appends `content` to `out` as records of at most [`MAX_PLAINTEXT_LENGTH`] bytes each.
    /// `version` is that of plaintext records: TLS 1.0 for a first ClientHello, TLS 1.2 for
    /// everything else (section 5.1). Nothing is appended for empty content.
    pub fn seal(
        &mut self,
        content_type: ContentType,
        version: ProtocolVersion,
        content: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), RecordError> {
        for fragment in content.chunks(MAX_PLAINTEXT_LENGTH) {
            match &self.keys {
                None => {
                    write_header(out, content_type, version, fragment.len());
                    out.extend_from_slice(fragment);
                }
                Some(keys) => {
                    if self.sequence >= keys.limit {
                        return Err(RecordError::KeyExhausted);
                    }
                    seal_fragment(keys, self.sequence, content_type, fragment, out)?;
                    self.sequence += 1;
                }
            }
        }
        Ok(())
    }

    /// Appends the dummy record of middlebox compatibility mode (appendix E.4).
    pub fn change_cipher_spec(out: &mut Vec<u8>) {
        write_header(out, ContentType::CHANGE_CIPHER_SPEC, ProtocolVersion::TLS_1_2, 1);
        out.push(1);
    }

    /// Is it time for new keys? True from three quarters of what the key may protect.
    pub fn should_update(&self) -> bool {
        self.keys.as_ref().is_some_and(|keys| self.sequence >= keys.limit - keys.limit / 4)
    }

    /// The length in bytes of the records that content of this length becomes.
    pub fn sealed_length(content: usize) -> usize {
        content + content.div_ceil(MAX_PLAINTEXT_LENGTH) * (HEADER_LENGTH + 1 + TAG_LENGTH)
    }
}

fn seal_fragment(
    keys: &TrafficKeys,
    sequence: u64,
    content_type: ContentType,
    fragment: &[u8],
    out: &mut Vec<u8>,
) -> Result<(), RecordError> {
    let start = out.len();
    out.reserve(Sealer::sealed_length(fragment.len()));
    let length = fragment.len() + 1 + TAG_LENGTH;
    write_header(out, ContentType::APPLICATION_DATA, ProtocolVersion::TLS_1_2, length);
    out.extend_from_slice(fragment);
    out.push(content_type.0);
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
        assert_eq!(bytes.len(), Sealer::sealed_length(content.len()));
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
            assert_eq!(sealer.should_update(), record >= 3);
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
