//! Keys of packets and headers, as quinn's traits.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use bytes::BytesMut;
use handclasp::ErrorKind;
use handclasp::crypto::{CryptoError, CryptoProvider};
use handclasp::handshake::Side;
use handclasp::quic::{DirectionalKeys, HeaderKey, InitialKeys, PacketKey, Version};
use quinn_proto::crypto;

/// Whether a cryptographic operation of this side has failed on a connection.
///
/// Most of quinn's traits have no errors, because quinn expects no failure. So the failure is remembered
/// here. What was to be sent is zeros then. From then on no packet is opened and
/// [`integrity_limit`](crypto::PacketKey::integrity_limit) is zero, so that quinn ends the connection with
/// the next packet.
#[derive(Clone, Default)]
pub(crate) struct Failure(Arc<AtomicBool>);

impl Failure {
    pub(crate) fn remember(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    pub(crate) fn has_happened(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// A key, or the place where it will be.
///
/// quinn takes the keys of both directions at once. A server has those of the 1-RTT packets that it
/// receives later than those of the packets that it sends: until the client's Finished came, such
/// packets must not be processed (RFC 9001, section 5.7), and here they cannot be opened.
enum Place<K> {
    Known(K),
    Shared(Arc<OnceLock<K>>),
}

impl<K> Place<K> {
    fn get(&self) -> Option<&K> {
        match self {
            Self::Known(key) => Some(key),
            Self::Shared(place) => place.get(),
        }
    }
}

/// A key of packets.
pub(crate) struct QuinnPacketKey {
    key: Place<PacketKey>,
    failure: Failure,
}

impl QuinnPacketKey {
    pub(crate) fn new(key: PacketKey, failure: &Failure) -> Self {
        Self { key: Place::Known(key), failure: failure.clone() }
    }

    /// The key that is in this place, now or later.
    pub(crate) fn at(place: &Arc<OnceLock<PacketKey>>, failure: &Failure) -> Self {
        Self { key: Place::Shared(place.clone()), failure: failure.clone() }
    }
}

impl crypto::PacketKey for QuinnPacketKey {
    fn encrypt(&self, packet: u64, buf: &mut [u8], header_len: usize) {
        let (header, payload_and_tag) = buf.split_at_mut(header_len);
        let payload_length = payload_and_tag.len() - PacketKey::TAG_LENGTH;
        let (payload, tag) = payload_and_tag.split_at_mut(payload_length);
        let made = self.key.get().map(|key| key.encrypt_in_place(packet, header, payload));
        match made {
            Some(Ok(made)) => tag.copy_from_slice(&made),
            // The peer drops such a packet, and nothing can be read in it.
            Some(Err(CryptoError)) | None => {
                payload_and_tag.fill(0);
                self.failure.remember();
            }
        }
    }

    fn decrypt(
        &self,
        packet: u64,
        header: &[u8],
        payload: &mut BytesMut,
    ) -> Result<(), crypto::CryptoError> {
        if self.failure.has_happened() {
            return Err(crypto::CryptoError);
        }
        let key = self.key.get().ok_or(crypto::CryptoError)?;
        let plaintext = key
            .decrypt_in_place(packet, header, payload)
            .map_err(|CryptoError| crypto::CryptoError)?;
        let length = plaintext.len();
        payload.truncate(length);
        Ok(())
    }

    fn tag_len(&self) -> usize {
        PacketKey::TAG_LENGTH
    }

    fn confidentiality_limit(&self) -> u64 {
        self.key.get().map_or(0, PacketKey::confidentiality_limit)
    }

    fn integrity_limit(&self) -> u64 {
        if self.failure.has_happened() {
            return 0;
        }
        self.key.get().map_or(0, PacketKey::integrity_limit)
    }
}

/// A key of headers.
pub(crate) struct QuinnHeaderKey {
    key: Place<HeaderKey>,
    failure: Failure,
}

impl crypto::HeaderKey for QuinnHeaderKey {
    /// A packet whose header stays as it was fails to decrypt: the header is authenticated.
    fn decrypt(&self, pn_offset: usize, packet: &mut [u8]) {
        if let Some(key) = self.key.get() {
            let _ = key.unprotect(pn_offset, packet);
        }
    }

    fn encrypt(&self, pn_offset: usize, packet: &mut [u8]) {
        let protected = self.key.get().map(|key| key.protect(pn_offset, packet));
        if !matches!(protected, Some(Ok(()))) {
            packet.fill(0);
            self.failure.remember();
        }
    }

    fn sample_size(&self) -> usize {
        HeaderKey::SAMPLE_LENGTH
    }
}

/// The keys of one direction.
pub(crate) struct QuinnKeys {
    pub(crate) header: QuinnHeaderKey,
    pub(crate) packet: QuinnPacketKey,
}

impl QuinnKeys {
    pub(crate) fn new(keys: DirectionalKeys, failure: &Failure) -> Self {
        let DirectionalKeys { header, packet } = keys;
        let header = QuinnHeaderKey { key: Place::Known(header), failure: failure.clone() };
        Self { header, packet: QuinnPacketKey::new(packet, failure) }
    }
}

/// The places of the keys of one direction, which are empty at first.
#[derive(Default)]
pub(crate) struct SharedKeys {
    header: Arc<OnceLock<HeaderKey>>,
    packet: Arc<OnceLock<PacketKey>>,
}

impl SharedKeys {
    /// The keys are there now. Others after them change nothing.
    pub(crate) fn set(&self, keys: DirectionalKeys) {
        let DirectionalKeys { header, packet } = keys;
        let _ = self.header.set(header);
        let _ = self.packet.set(packet);
    }

    /// The keys that are in these places, now or later.
    pub(crate) fn share(&self, failure: &Failure) -> QuinnKeys {
        let header = Place::Shared(self.header.clone());
        QuinnKeys {
            header: QuinnHeaderKey { key: header, failure: failure.clone() },
            packet: QuinnPacketKey::at(&self.packet, failure),
        }
    }
}

/// The keys of both directions.
pub(crate) fn pair(local: QuinnKeys, remote: QuinnKeys) -> crypto::Keys {
    crypto::Keys {
        header: crypto::KeyPair { local: Box::new(local.header), remote: Box::new(remote.header) },
        packet: crypto::KeyPair { local: Box::new(local.packet), remote: Box::new(remote.packet) },
    }
}

/// Can the provider make keys of Initial packets?
pub(crate) fn check_initial_keys(provider: &CryptoProvider) -> Result<(), ErrorKind> {
    InitialKeys::new(provider, Version::V1, &[], Side::Client).map_err(ErrorKind::Crypto)?;
    Ok(())
}

/// The keys of Initial packets. If the provider fails, they open and protect nothing.
pub(crate) fn initial(keys: Result<InitialKeys, CryptoError>, failure: &Failure) -> crypto::Keys {
    match keys {
        Ok(InitialKeys { local, remote }) => {
            pair(QuinnKeys::new(local, failure), QuinnKeys::new(remote, failure))
        }
        Err(CryptoError) => {
            failure.remember();
            let empty = SharedKeys::default();
            pair(empty.share(failure), empty.share(failure))
        }
    }
}
