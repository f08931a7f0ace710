//! A crypto provider that only decrypts, in Rust alone: a build for WebAssembly needs no C compiler.
//!
//! It has the hashes and the ciphers of RFC 9846, and no key exchange, no signature and no private key:
//! recorded bytes need none of them.

use std::marker::PhantomData;
use std::sync::Arc;

use aes_gcm::aead::{AeadInPlace, KeyInit};
use aes_gcm::aes::cipher::BlockEncrypt;
use aes_gcm::aes::cipher::consts::{U12, U16};
use aes_gcm::aes::{Aes128, Aes256};
use aes_gcm::{Aes128Gcm, Aes256Gcm};
use chacha20::ChaCha20;
use chacha20::cipher::{KeyIvInit as _, StreamCipher as _, StreamCipherSeek as _};
use chacha20poly1305::ChaCha20Poly1305;
use handclasp::certificate::Digests;
use handclasp::crypto::{
    Aead, AeadKey, CipherSuite, CryptoError, CryptoProvider, CustomAeadKey, CustomHashContext,
    CustomHeaderProtectionKey, CustomHmacKey, Digest, HEADER_MASK_LENGTH, HEADER_SAMPLE_LENGTH,
    Hash, HashAlgorithm, HashContext, HeaderProtectionKey, HmacKey, KeyLimits, NONCE_LENGTH,
    NoPrivateKeys, Secret, SignatureAlgorithms, StaticOrArc, SystemRandom, TAG_LENGTH,
};
use handclasp::registry::CipherSuiteId;
use hmac::digest::core_api::BlockSizeUser;
use hmac::{Mac, SimpleHmac};
use zeroize::Zeroizing;

/// The provider of the page.
pub fn provider() -> CryptoProvider {
    let suite = |id, hash, aead| CipherSuite { id, hash, aead }.into();
    CryptoProvider {
        cipher_suites: vec![
            suite(CipherSuiteId::TLS_AES_128_GCM_SHA256, SHA256, AES_128_GCM),
            suite(CipherSuiteId::TLS_AES_256_GCM_SHA384, SHA384, AES_256_GCM),
            suite(CipherSuiteId::TLS_CHACHA20_POLY1305_SHA256, SHA256, CHACHA20_POLY1305),
        ],
        groups: Vec::new(),
        signatures: SignatureAlgorithms {
            all: Vec::new(),
            by_scheme: Vec::new(),
            digests: Digests {
                sha1: |data| <sha1::Sha1 as sha1::Digest>::digest(data).into(),
                sha256: |data| <sha2::Sha256 as sha2::Digest>::digest(data).into(),
                sha384: |data| <sha2::Sha384 as sha2::Digest>::digest(data).into(),
                sha512: |data| <sha2::Sha512 as sha2::Digest>::digest(data).into(),
            },
        },
        key_provider: Arc::new(NoPrivateKeys),
        sha256: SHA256,
        ticket_aead: AES_256_GCM,
        random: Arc::new(SystemRandom),
    }
}

const SHA256: StaticOrArc<dyn Hash> = StaticOrArc::Static(&Sha2::<sha2::Sha256>(PhantomData));
const SHA384: StaticOrArc<dyn Hash> = StaticOrArc::Static(&Sha2::<sha2::Sha384>(PhantomData));
const AES_128_GCM: StaticOrArc<dyn Aead> =
    StaticOrArc::Static(&Cipher::<Aes128Gcm, Aes128>(PhantomData));
const AES_256_GCM: StaticOrArc<dyn Aead> =
    StaticOrArc::Static(&Cipher::<Aes256Gcm, Aes256>(PhantomData));
const CHACHA20_POLY1305: StaticOrArc<dyn Aead> =
    StaticOrArc::Static(&Cipher::<ChaCha20Poly1305, ChaCha20Header>(PhantomData));

/// A function of SHA-2, and HMAC with it.
struct Sha2<D>(PhantomData<D>);

/// What the crates say about a hash.
trait HashFunction: sha2::Digest + BlockSizeUser + Clone + Send + Sync + 'static {
    const ALGORITHM: HashAlgorithm;
}

impl HashFunction for sha2::Sha256 {
    const ALGORITHM: HashAlgorithm = HashAlgorithm::Sha256;
}

impl HashFunction for sha2::Sha384 {
    const ALGORITHM: HashAlgorithm = HashAlgorithm::Sha384;
}

impl<D: HashFunction> Hash for Sha2<D> {
    fn algorithm(&self) -> HashAlgorithm {
        D::ALGORITHM
    }

    fn output_length(&self) -> usize {
        D::ALGORITHM.output_length()
    }

    fn start(&self) -> HashContext {
        HashContext::custom(Box::new(Context(D::new())))
    }

    fn digest(&self, data: &[u8]) -> Digest {
        Digest::new(&D::digest(data))
    }

    fn hmac_key(&self, key: &[u8]) -> HmacKey {
        HmacKey::custom(Box::new(Hmac(<SimpleHmac<D> as Mac>::new_from_slice(key).ok())))
    }
}

struct Context<D>(D);

impl<D: HashFunction> CustomHashContext for Context<D> {
    fn update(&mut self, data: &[u8]) {
        self.0.update(data);
    }

    fn fork(&self) -> Box<dyn CustomHashContext> {
        Box::new(Self(self.0.clone()))
    }

    fn current(&self) -> Digest {
        Digest::new(&self.0.clone().finalize())
    }
}

/// `None` where the crate did not take the key. HMAC takes keys of any length.
struct Hmac<D: HashFunction>(Option<SimpleHmac<D>>);

impl<D: HashFunction> CustomHmacKey for Hmac<D> {
    fn sign(&self, data: &[&[u8]]) -> Result<Secret, CryptoError> {
        let mut mac = self.0.clone().ok_or(CryptoError)?;
        data.iter().for_each(|part| mac.update(part));
        Secret::new(&mac.finalize().into_bytes()).ok_or(CryptoError)
    }
}

/// A cipher with the lengths of nonce and tag that TLS 1.3 has.
trait TlsCipher: AeadInPlace<NonceSize = U12, TagSize = U16> + Send + Sync + 'static {}

impl<A: AeadInPlace<NonceSize = U12, TagSize = U16> + Send + Sync + 'static> TlsCipher for A {}

/// A cipher `A`, and `H` for the headers of packets.
struct Cipher<A, H>(PhantomData<(A, H)>);

type Sample = [u8; HEADER_SAMPLE_LENGTH];

/// A key for the headers of packets of QUIC (RFC 9001, section 5.4).
trait HeaderKey: Send + Sync + Sized + 'static {
    /// `None` where the length is wrong.
    fn new(bytes: &[u8]) -> Option<Self>;

    /// The mask is the beginning of this.
    ///
    /// # Errors
    /// The cipher fails.
    fn encrypt(&self, sample: &Sample) -> Result<Sample, CryptoError>;
}

impl<A, H> Aead for Cipher<A, H>
where
    A: TlsCipher + KeyInit,
    H: HeaderKey,
{
    fn key_length(&self) -> usize {
        A::key_size()
    }

    fn key(&self, bytes: &[u8]) -> Result<AeadKey, CryptoError> {
        let key = A::new_from_slice(bytes).map_err(|_| CryptoError)?;
        Ok(AeadKey::custom(Box::new(OpeningKey(key))))
    }

    /// Nothing is sealed.
    fn confidentiality_limit(&self) -> u64 {
        0
    }

    /// The smallest limit of the ciphers (RFC 9001, section 6.6): packets of QUIC are opened, too.
    fn quic_limits(&self) -> Option<KeyLimits> {
        Some(KeyLimits { confidentiality: 0, integrity: 1 << 36 })
    }

    fn header_protection_key(&self, bytes: &[u8]) -> Option<HeaderProtectionKey> {
        Some(HeaderProtectionKey::custom(Box::new(HeaderMasks(H::new(bytes)?))))
    }
}

/// The crates wipe the key when it is dropped.
struct OpeningKey<A>(A);

impl<A: TlsCipher> CustomAeadKey for OpeningKey<A> {
    /// This provider only decrypts.
    fn seal(
        &self,
        _nonce: [u8; NONCE_LENGTH],
        _additional_data: &[u8],
        _data: &mut [u8],
    ) -> Result<[u8; TAG_LENGTH], CryptoError> {
        Err(CryptoError)
    }

    fn open<'a>(
        &self,
        nonce: [u8; NONCE_LENGTH],
        additional_data: &[u8],
        data: &'a mut [u8],
    ) -> Result<&'a mut [u8], CryptoError> {
        let length = data.len().checked_sub(TAG_LENGTH).ok_or(CryptoError)?;
        let (text, tag) = data.split_at_mut(length);
        let tag: [u8; TAG_LENGTH] = (&*tag).try_into().map_err(|_| CryptoError)?;
        let (nonce, tag) = (nonce.into(), tag.into());
        let opened = self.0.decrypt_in_place_detached(&nonce, additional_data, text, &tag);
        opened.map(|()| &mut *text).map_err(|_| CryptoError)
    }
}

struct HeaderMasks<H>(H);

impl<H: HeaderKey> CustomHeaderProtectionKey for HeaderMasks<H> {
    fn mask(
        &self,
        sample: &[u8; HEADER_SAMPLE_LENGTH],
    ) -> Result<[u8; HEADER_MASK_LENGTH], CryptoError> {
        let mask = self.0.encrypt(sample)?;
        mask.first_chunk().copied().ok_or(CryptoError)
    }
}

impl HeaderKey for Aes128 {
    fn new(bytes: &[u8]) -> Option<Self> {
        Self::new_from_slice(bytes).ok()
    }

    fn encrypt(&self, sample: &Sample) -> Result<Sample, CryptoError> {
        Ok(encrypted_block(self, sample))
    }
}

impl HeaderKey for Aes256 {
    fn new(bytes: &[u8]) -> Option<Self> {
        Self::new_from_slice(bytes).ok()
    }

    fn encrypt(&self, sample: &Sample) -> Result<Sample, CryptoError> {
        Ok(encrypted_block(self, sample))
    }
}

/// Section 5.4.3 of RFC 9001.
fn encrypted_block(key: &impl BlockEncrypt<BlockSize = U16>, sample: &Sample) -> Sample {
    let mut block = (*sample).into();
    key.encrypt_block(&mut block);
    block.into()
}

struct ChaCha20Header(Zeroizing<[u8; 32]>);

impl HeaderKey for ChaCha20Header {
    fn new(bytes: &[u8]) -> Option<Self> {
        Some(Self(Zeroizing::new(bytes.try_into().ok()?)))
    }

    /// Section 5.4.4 of RFC 9001: the sample is a block counter and a nonce. The crate does not use the last
    /// block that can be counted: the packet stays closed.
    fn encrypt(&self, sample: &Sample) -> Result<Sample, CryptoError> {
        let [c0, c1, c2, c3, nonce @ ..] = *sample;
        let mut cipher = ChaCha20::new(&(*self.0).into(), &nonce.into());
        let mut mask = [0; HEADER_SAMPLE_LENGTH];
        let start = u64::from(u32::from_le_bytes([c0, c1, c2, c3])) * 64;
        cipher.try_seek(start).map_err(|_| CryptoError)?;
        cipher.try_apply_keystream(&mut mask).map_err(|_| CryptoError)?;
        Ok(mask)
    }
}
