//! Keys of packets and headers, as quinn's traits.

use std::sync::{Arc, OnceLock};

use bytes::BytesMut;
use handclasp::ErrorKind;
use handclasp::crypto::{CryptoError, CryptoProvider};
use handclasp::handshake::Side;
use handclasp::quic::{DirectionalKeys, HeaderKey, InitialKeys, PacketKey, Version};
use quinn_proto::crypto;

/// A key of packets, or the place where it will be.
///
/// quinn takes the keys of both directions at once. A server has those of the 1-RTT packets that it
/// receives later than those of the packets that it sends: until the client's Finished came, such
/// packets must not be processed (RFC 9001, section 5.7), and here they cannot be opened.
#[derive(Clone, Default)]
pub(crate) struct SharedPacketKey(Arc<OnceLock<PacketKey>>);

impl SharedPacketKey {
    pub(crate) fn new(key: PacketKey) -> Self {
        Self(Arc::new(OnceLock::from(key)))
    }

    /// The key is there now. A second one changes nothing.
    pub(crate) fn set(&self, key: PacketKey) {
        let _ = self.0.set(key);
    }
}

impl crypto::PacketKey for SharedPacketKey {
    fn encrypt(&self, packet: u64, buf: &mut [u8], header_len: usize) {
        let (header, payload_and_tag) = buf.split_at_mut(header_len);
        let payload_length = payload_and_tag.len() - PacketKey::TAG_LENGTH;
        let (payload, tag) = payload_and_tag.split_at_mut(payload_length);
        let made = self.0.get().map(|key| key.encrypt_in_place(packet, header, payload));
        match made {
            Some(Ok(made)) => tag.copy_from_slice(&made),
            // quinn expects no failure. The peer drops such a packet, and nothing can be read in it.
            Some(Err(CryptoError)) | None => payload_and_tag.fill(0),
        }
    }

    fn decrypt(
        &self,
        packet: u64,
        header: &[u8],
        payload: &mut BytesMut,
    ) -> Result<(), crypto::CryptoError> {
        let key = self.0.get().ok_or(crypto::CryptoError)?;
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
        self.0.get().map_or(0, PacketKey::confidentiality_limit)
    }

    fn integrity_limit(&self) -> u64 {
        self.0.get().map_or(0, PacketKey::integrity_limit)
    }
}

/// A key of headers, or the place where it will be, as [`SharedPacketKey`].
#[derive(Clone, Default)]
pub(crate) struct SharedHeaderKey(Arc<OnceLock<HeaderKey>>);

impl SharedHeaderKey {
    pub(crate) fn new(key: HeaderKey) -> Self {
        Self(Arc::new(OnceLock::from(key)))
    }

    /// The key is there now. A second one changes nothing.
    pub(crate) fn set(&self, key: HeaderKey) {
        let _ = self.0.set(key);
    }
}

/// A packet whose header stays as it was fails to decrypt: the header is authenticated.
impl crypto::HeaderKey for SharedHeaderKey {
    fn decrypt(&self, pn_offset: usize, packet: &mut [u8]) {
        if let Some(key) = self.0.get() {
            let _ = key.unprotect(pn_offset, packet);
        }
    }

    fn encrypt(&self, pn_offset: usize, packet: &mut [u8]) {
        if let Some(key) = self.0.get() {
            let _ = key.protect(pn_offset, packet);
        }
    }

    fn sample_size(&self) -> usize {
        HeaderKey::SAMPLE_LENGTH
    }
}

/// The keys of one direction.
#[derive(Clone, Default)]
pub(crate) struct SharedKeys {
    pub(crate) header: SharedHeaderKey,
    pub(crate) packet: SharedPacketKey,
}

impl SharedKeys {
    pub(crate) fn new(keys: DirectionalKeys) -> Self {
        let DirectionalKeys { header, packet } = keys;
        Self { header: SharedHeaderKey::new(header), packet: SharedPacketKey::new(packet) }
    }

    /// The keys are there now.
    pub(crate) fn set(&self, keys: DirectionalKeys) {
        let DirectionalKeys { header, packet } = keys;
        self.header.set(header);
        self.packet.set(packet);
    }
}

/// The keys of both directions.
pub(crate) fn pair(local: SharedKeys, remote: SharedKeys) -> crypto::Keys {
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
pub(crate) fn initial(keys: Result<InitialKeys, CryptoError>) -> crypto::Keys {
    match keys {
        Ok(InitialKeys { local, remote }) => pair(SharedKeys::new(local), SharedKeys::new(remote)),
        Err(CryptoError) => pair(SharedKeys::default(), SharedKeys::default()),
    }
}
