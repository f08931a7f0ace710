//! A signature algorithm that counts its verifications.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use handclasp::crypto::StaticOrArc;
use handclasp::pki_types::{AlgorithmIdentifier, InvalidSignature, SignatureVerificationAlgorithm};

/// Verifies as `algorithm` does, and adds one to `count` each time.
#[derive(Debug)]
pub struct Counted {
    pub algorithm: StaticOrArc<dyn SignatureVerificationAlgorithm>,
    pub count: Arc<AtomicUsize>,
}

impl SignatureVerificationAlgorithm for Counted {
    fn verify_signature(
        &self,
        public_key: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), InvalidSignature> {
        self.count.fetch_add(1, Ordering::Relaxed);
        self.algorithm.verify_signature(public_key, message, signature)
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        self.algorithm.public_key_alg_id()
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        self.algorithm.signature_alg_id()
    }
}
