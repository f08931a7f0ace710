//! A verifier for rustls that takes one certificate, or one raw public key.

use std::sync::Arc;

use handclasp::pki_types::{CertificateDer, ServerName, SubjectPublicKeyInfoDer, UnixTime};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, SignatureScheme};

/// For either side of rustls.
#[derive(Debug)]
pub struct Pinned {
    shown: Vec<u8>,
    is_raw_public_key: bool,
}

impl Pinned {
    pub fn certificate(certificate: &[u8]) -> Arc<Self> {
        Arc::new(Self { shown: certificate.to_vec(), is_raw_public_key: false })
    }

    pub fn raw_public_key(spki: &[u8]) -> Arc<Self> {
        Arc::new(Self { shown: spki.to_vec(), is_raw_public_key: true })
    }

    fn check(
        &self,
        shown: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
    ) -> Result<(), rustls::Error> {
        if shown.as_ref() == self.shown && others.is_empty() {
            return Ok(());
        }
        // Its alert is certificate_unknown.
        let other = rustls::OtherError(Arc::new(std::fmt::Error));
        Err(rustls::CertificateError::Other(other).into())
    }

    fn check_signature(
        &self,
        message: &[u8],
        shown: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        if self.is_raw_public_key {
            let key = SubjectPublicKeyInfoDer::from(shown.as_ref());
            return rustls::crypto::verify_tls13_signature_with_raw_key(
                message,
                &key,
                signed,
                &algorithms(),
            );
        }
        rustls::crypto::verify_tls13_signature(message, shown, signed, &algorithms())
    }
}

fn algorithms() -> WebPkiSupportedAlgorithms {
    rustls::crypto::ring::default_provider().signature_verification_algorithms
}

/// The methods that both traits have.
macro_rules! signatures {
    () => {
        fn verify_tls12_signature(
            &self,
            _: &[u8],
            _: &CertificateDer<'_>,
            _: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, rustls::Error> {
            Err(rustls::Error::General("there is no TLS 1.2 here".into()))
        }

        fn verify_tls13_signature(
            &self,
            message: &[u8],
            shown: &CertificateDer<'_>,
            signed: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, rustls::Error> {
            self.check_signature(message, shown, signed)
        }

        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            algorithms().supported_schemes()
        }

        fn requires_raw_public_keys(&self) -> bool {
            self.is_raw_public_key
        }
    };
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        shown: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        self.check(shown, others).map(|()| ServerCertVerified::assertion())
    }

    signatures!();
}

impl ClientCertVerifier for Pinned {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        shown: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        self.check(shown, others).map(|()| ClientCertVerified::assertion())
    }

    signatures!();
}
