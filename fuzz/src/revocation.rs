//! A chain, and evidence about its leaf that the input is.

use std::sync::LazyLock;
use std::time::Duration;

use handclasp::certificate::{
    CertificateRevocationList, ChainRequest, Purpose, RevocationMode, RevocationPolicy,
    RevocationScope, StatusRequest, TrustAnchors, verify_chain,
};
use handclasp::crypto::ring;
use handclasp::pki_types::pem::PemObject;
use handclasp::pki_types::{
    AlgorithmIdentifier, CertificateDer, InvalidSignature, SignatureVerificationAlgorithm,
    UnixTime, alg_id,
};

/// What the authority of the chain has signed, besides the CRLs in the corpus.
pub const RESPONSES: [&[u8]; 3] = [
    include_bytes!("../../x509/tests/data/revocation/good.der"),
    include_bytes!("../../x509/tests/data/revocation/delegated.der"),
    include_bytes!("../../x509/tests/data/revocation/revoked.der"),
];

/// The CRL that the authority has signed.
pub static CRL: LazyLock<CertificateDer<'static>> = LazyLock::new(|| {
    let pem = include_bytes!("../../x509/tests/data/revocation/crl.pem");
    let der = handclasp::pki_types::CertificateRevocationListDer::from_pem_slice(pem);
    CertificateDer::from(der.expect("it is a CRL").to_vec())
});

/// Noon on the day when they were made.
const NOW: UnixTime = UnixTime::since_unix_epoch(Duration::from_secs(1_795_608_000));

static ANCHORS: LazyLock<TrustAnchors> = LazyLock::new(|| {
    TrustAnchors::from_pem(include_bytes!("../../x509/tests/data/revocation/ca.pem"))
        .expect("it is an authority")
});

static LEAF: LazyLock<CertificateDer<'static>> = LazyLock::new(|| {
    CertificateDer::from_pem_slice(include_bytes!("../../x509/tests/data/revocation/leaf.pem"))
        .expect("it is a certificate")
});

/// Takes every signature, so that what is behind the signatures is reached.
#[derive(Debug)]
struct Credulous(AlgorithmIdentifier, AlgorithmIdentifier);

impl SignatureVerificationAlgorithm for Credulous {
    fn verify_signature(&self, _: &[u8], _: &[u8], _: &[u8]) -> Result<(), InvalidSignature> {
        Ok(())
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        self.0
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        self.1
    }
}

static CREDULOUS: [&dyn SignatureVerificationAlgorithm; 2] = [
    &Credulous(alg_id::RSA_ENCRYPTION, alg_id::RSA_PKCS1_SHA256),
    &Credulous(alg_id::ECDSA_P256, alg_id::ECDSA_SHA256),
];

/// The ResponseData of one of the responses: what is signed in it.
fn signed_part(response: &[u8]) -> &[u8] {
    // Status and object identifier are 3 and 11 bytes; around them there are headers.
    let mut rest = response;
    for skipped in [3, 0, 11, 0, 0] {
        rest = &contents(rest).0[skipped..];
    }
    let (inside, header) = contents(rest);
    &rest[..header + inside.len()]
}

/// The contents of the first element, and the length of its header.
fn contents(der: &[u8]) -> (&[u8], usize) {
    let header = if der[1] < 0x80 { 2 } else { 2 + usize::from(der[1] & 0x7f) };
    let length = match der[1] {
        short @ 0..0x80 => usize::from(short),
        _ => der[2..header].iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte)),
    };
    (&der[header..header + length], header)
}

/// Verifies the chain with this evidence, once with signatures that count. Then only what the
/// authority has signed can clear the leaf, where something must.
pub fn play(
    crls: &[CertificateRevocationList],
    response: Option<&[u8]>,
    mode: RevocationMode,
    input: &[u8],
) {
    let signatures = ring::signature_algorithms();
    let honest: Vec<_> = signatures.for_certificates().collect();
    for (algorithms, counts) in [(&CREDULOUS[..], false), (&honest[..], true)] {
        // A CRL remembers that its signature was found to be valid.
        let crls = crls.to_vec();
        let mut request =
            ChainRequest::new(&LEAF, &[], &ANCHORS, Purpose::Server, &[], NOW, algorithms);
        request.revocation.crls = &crls;
        request.revocation.status_request = response.map(|response| {
            let digests = ring::signature_algorithms().digests;
            StatusRequest::new(Some(response), digests)
        });
        request.revocation.policy = RevocationPolicy::new(mode, RevocationScope::Chain);
        let result = verify_chain(&request);
        match result {
            Ok(_) if counts && mode == RevocationMode::Require => {
                // What comes after the signature, certificates, is not signed.
                let signed = RESPONSES.map(signed_part);
                let is_in_it = |part: &[u8]| input.windows(part.len()).any(|window| window == part);
                let honest = **CRL == *input || signed.into_iter().any(is_in_it);
                assert!(honest, "it is not the authority's");
            }
            Ok(_) => {}
            Err(error) => {
                let text = error.to_string();
                assert!(text.is_ascii() && text.len() < 4000, "{text}");
            }
        }
    }
}
