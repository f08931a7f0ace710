//! The verifier of the runner's certificates. The protocol is under test, so the verifier accepts or
//! refuses every chain as the test wants it.

use std::sync::Arc;

use handclasp::Reply;
use handclasp::alert::AlertDescription;
use handclasp::certificate::{CertificateError, CertificateErrorKind, UnknownRevocationStatus};
use handclasp::crypto::CryptoProvider;
use handclasp::registry::{CertificateType, HandshakeType};
use handclasp::verify::{PeerIdentity, PeerVerifier, RawPublicKey};

use crate::flags::{Flags, Stop};
use crate::seen::Seen;

/// Which certificates a test accepts.
#[derive(Debug)]
struct Rules {
    refuse: bool,
    /// A client that has pre-shared keys, and nothing else, takes no certificate.
    only_keys: bool,
    /// A refusal has the alert that the runner's own library sends by default.
    default_alert: bool,
    /// Whether a refusal ends the handshake. The runner's own library has an option to continue.
    enforce: bool,
    staple_fails: bool,
    staple_expected: bool,
    key_digest: Option<Vec<u8>>,
}

impl Rules {
    fn new(flags: &Flags) -> Result<Self, Stop> {
        Ok(Self {
            refuse: flags.has("verify-fail"),
            enforce: flags.has("verify-peer") || flags.has("require-any-client-certificate"),
            only_keys: flags.has("new-psk-credential")
                && !flags.has("server")
                && !flags.has("verify-peer"),
            default_alert: flags.has("use-custom-verify-callback"),
            staple_fails: flags.has("fail-ocsp-callback") && !flags.has("server"),
            staple_expected: flags.has("expect-ocsp-response"),
            key_digest: flags.bytes("expect-peer-rpk-sha256")?,
        })
    }
}

/// The verifier of a connection.
#[derive(Debug)]
pub struct TestVerifier {
    rules: Rules,
    /// What holds once the server has refused 0-RTT data.
    rules_of_retry: Rules,
    reverify: bool,
    later: bool,
    types: Vec<CertificateType>,
    seen: Arc<Seen>,
}

impl TestVerifier {
    pub fn new(flags: &Flags, retry: &Flags, seen: Arc<Seen>) -> Result<Self, Stop> {
        let mut types: Vec<u8> = flags.numbers("accepted-peer-cert-types")?;
        if types.is_empty() {
            types.push(CertificateType::X509.0);
        }
        Ok(Self {
            rules: Rules::new(flags)?,
            rules_of_retry: Rules::new(retry)?,
            reverify: flags.has("reverify-on-resume"),
            later: flags.has("async"),
            types: types.into_iter().map(CertificateType).collect(),
            seen,
        })
    }

    /// Whether these are a session's certificates, which are verified before there are new ones.
    fn resuming(&self) -> bool {
        let last = self.seen.parts().last_message;
        last.is_none_or(|last| last == HandshakeType::CLIENT_HELLO)
    }

    fn rules(&self) -> &Rules {
        match self.seen.early_data_refused() {
            true => &self.rules_of_retry,
            false => &self.rules,
        }
    }

    /// Verifies a session's certificates once more when the server has refused 0-RTT data.
    pub fn on_retry(&self) -> Result<(), CertificateError> {
        match self.reverify {
            true => self.check(&self.rules_of_retry),
            false => Ok(()),
        }
    }

    /// Verifies certificates of X.509.
    pub fn on_chain(&self, peer: &PeerIdentity) -> Result<(), CertificateError> {
        let rules = self.rules();
        self.seen.set_verified(!rules.refuse);
        if rules.staple_expected && peer.ocsp_response.is_none() {
            self.seen.fail("there is no OCSP response for the verifier".into());
        }
        if rules.only_keys {
            self.seen.rename_error(":MISSING_EXTENSION:");
            return Err(CertificateError::rejected("a pre-shared key is wanted"));
        }
        self.check(rules)?;
        if rules.staple_fails {
            self.seen.rename_error(":OCSP_CB_ERROR:");
            let kind = CertificateErrorKind::UnknownRevocationStatus(
                UnknownRevocationStatus::UnknownToResponder,
            );
            return Err(CertificateError { certificate: "of the peer".into(), kind });
        }
        Ok(())
    }

    /// Verifies a raw public key.
    pub fn on_key(&self, peer: &RawPublicKey) -> Result<(), CertificateError> {
        let rules = self.rules();
        self.seen.set_verified(!rules.refuse);
        if let Some(expected) = &rules.key_digest {
            let sha256 = CryptoProvider::default().signatures.digests.sha256;
            if sha256(&peer.subject_public_key_info) != **expected {
                self.seen.fail("the raw public key is another one".into());
            }
            return Ok(());
        }
        match rules.refuse {
            true => Err(CertificateError::rejected("the test refuses every key")),
            false => Ok(()),
        }
    }

    fn check(&self, rules: &Rules) -> Result<(), CertificateError> {
        if !rules.refuse || !rules.enforce {
            return Ok(());
        }
        let reason = "the test refuses every certificate";
        if rules.default_alert {
            return Err(CertificateError::rejected(reason));
        }
        let kind = CertificateErrorKind::RejectedWith(
            AlertDescription::HANDSHAKE_FAILURE.0,
            reason.into(),
        );
        Err(CertificateError { certificate: "of the peer".into(), kind })
    }
}

impl PeerVerifier for TestVerifier {
    fn verify(&self, peer: &PeerIdentity) -> Reply<Result<(), CertificateError>> {
        if self.resuming() {
            return Reply::Now(match self.reverify {
                true => self.on_chain(peer),
                false => Ok(()),
            });
        }
        match self.later {
            true => Reply::Later,
            false => Reply::Now(self.on_chain(peer)),
        }
    }

    fn certificate_types(&self) -> &[CertificateType] {
        &self.types
    }

    fn verify_raw_public_key(&self, peer: &RawPublicKey) -> Reply<Result<(), CertificateError>> {
        match self.later {
            true => Reply::Later,
            false => Reply::Now(self.on_key(peer)),
        }
    }
}
