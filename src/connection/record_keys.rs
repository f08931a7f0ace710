//! What the owner of the records of a connection needs: the keys, and what to do next.

use core::fmt;
use std::collections::VecDeque;

use zeroize::Zeroizing;

use crate::crypto::{CipherSuite, CryptoError, NONCE_LENGTH, Secret, StaticOrArc};
use crate::key_schedule::KeyAndIv;
use crate::record::{self, Opener, Sealer, TrafficKeys};
use crate::registry::{CipherSuiteId, ContentType};

/// The key and the IV of the records of one direction, and the number of the next record (RFC 9846,
/// sections 5.3 and 7.3).
///
/// They are wiped when this is dropped, and `Debug` does not show them. Copies of the application are its
/// own to wipe.
///
/// # For kernel TLS
///
/// In the structures of Linux (`tls12_crypto_info_...`), `rec_seq` is the [`sequence`](Self::sequence) as 8
/// bytes, big-endian. For AES-GCM, `salt` is the first 4 bytes of the [`iv`](Self::iv) and `iv` the other 8. For
/// ChaCha20-Poly1305, there is no salt, and `iv` has all 12.
pub struct RecordKeys {
    suite: StaticOrArc<CipherSuite>,
    key: Secret,
    /// On the heap, as the key is: a move leaves no copy behind.
    iv: Box<Zeroizing<[u8; NONCE_LENGTH]>>,
    sequence: u64,
    /// The most bytes of content, type and padding in a record.
    limit: u16,
}

impl RecordKeys {
    /// Copies the key and the IV. They pass through the stack, which the caller overwrites afterwards.
    #[inline(never)]
    pub(super) fn new(
        suite: &StaticOrArc<CipherSuite>,
        secrets: KeyAndIv,
        sequence: u64,
        max_content_length: usize,
    ) -> Self {
        let mut iv = Box::<Zeroizing<[u8; NONCE_LENGTH]>>::default();
        iv.copy_from_slice(&*secrets.iv);
        let limit = u16::try_from(max_content_length + 1).unwrap_or(u16::MAX);
        Self { suite: suite.clone(), key: secrets.key, iv, sequence, limit }
    }

    /// The cipher suite.
    pub fn cipher_suite(&self) -> CipherSuiteId {
        self.suite.id
    }

    /// The key, as long as the suite's AEAD needs it: 16 or 32 bytes. Handle with care.
    pub fn key(&self) -> &[u8] {
        self.key.as_bytes()
    }

    /// The IV. The nonce of a record is this IV, with the number of the record mixed into its last 8 bytes
    /// by XOR. Handle with care.
    pub fn iv(&self) -> &[u8; NONCE_LENGTH] {
        &self.iv
    }

    /// The number of the next record under the key. A number must not be used twice with the same key.
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// The most content in bytes that one record may have: 16384, or fewer where a record_size_limit was
    /// agreed on (RFC 8449). Padding counts, too.
    pub fn max_content_length(&self) -> usize {
        usize::from(self.limit) - 1
    }

    /// The number of the first record that must not be sealed with the key any more (section 5.5): 2^24 for
    /// AES-GCM. At [`update_from`](Self::update_from), change the key.
    pub fn confidentiality_limit(&self) -> u64 {
        record::record_limit(&self.suite).into()
    }

    /// The number of the record from which the sender should change the key with
    /// [`PostHandshake::update_keys`](super::PostHandshake::update_keys): three quarters of the
    /// [limit](Self::confidentiality_limit).
    pub fn update_from(&self) -> u64 {
        record::update_from(record::record_limit(&self.suite)).into()
    }

    /// An opener for the records from here on, for example for those that were received before the
    /// hand-over. [`Opener::sequence`] has the number of the record behind them.
    ///
    /// # Errors
    /// When the crypto provider fails.
    pub fn opener(&self) -> Result<Opener, CryptoError> {
        let mut opener = Opener::plaintext();
        opener.limit_records(self.limit);
        opener.continue_at(self.traffic_keys()?, self.sequence);
        Ok(opener)
    }

    /// A sealer for the records from here on. It has no padding.
    ///
    /// # Errors
    /// When the crypto provider fails.
    pub fn sealer(&self) -> Result<Sealer, CryptoError> {
        let mut sealer = Sealer::plaintext();
        sealer.limit_records(self.limit);
        sealer.continue_at(self.traffic_keys()?, self.sequence);
        Ok(sealer)
    }

    fn traffic_keys(&self) -> Result<TrafficKeys, CryptoError> {
        TrafficKeys::new(&self.suite, self.key(), self.iv())
    }
}

impl fmt::Debug for RecordKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecordKeys")
            .field("cipher_suite", &self.suite.id)
            .field("sequence", &self.sequence)
            .finish_non_exhaustive()
    }
}

/// What the owner of the records has to do next, in order.
///
/// A match without a wildcard shows that the owner does each. A new kind is a breaking change on purpose.
pub enum RecordStep {
    /// Seal this content in one record, with the present key, and send it.
    Send {
        /// The type of the record: handshake or alert.
        content_type: ContentType,
        /// The content. It fits into a record.
        content: Vec<u8>,
    },
    /// What the peer sends from here on is under these keys. Forget the ones before.
    ReadKeys(RecordKeys),
    /// What is sent from here on is under these keys. Forget the ones before.
    WriteKeys(RecordKeys),
}

/// The steps that wait to be taken.
pub(super) type RecordSteps = VecDeque<RecordStep>;

impl fmt::Debug for RecordStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // A message may have a ticket in it.
            Self::Send { content_type, content } => {
                write!(f, "Send({content_type}, {} bytes)", content.len())
            }
            Self::ReadKeys(keys) => f.debug_tuple("ReadKeys").field(keys).finish(),
            Self::WriteKeys(keys) => f.debug_tuple("WriteKeys").field(keys).finish(),
        }
    }
}
