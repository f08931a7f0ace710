//! A client that has CRLs refuses a server whose certificate is on one, and says so.

mod common;

use std::sync::Arc;

use common::{NAME, server_name};
use handclasp::alert::AlertDescription;
use handclasp::certificate::{
    CertificateRevocationList, MissingEvidence, Problem, RevocationMode, RevocationPolicy,
    RevocationScope,
};
use handclasp::config::TrustAnchorVerifier;
use handclasp::crypto::CryptoProvider;
use handclasp::pki_types::PrivateKeyDer;
use handclasp::transport::memory;
use handclasp::{
    CertifiedKey, ClientConfig, ClientConnection, Error, ErrorKind, ServerConfig, ServerConnection,
    TrustAnchors,
};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, IsCa,
    KeyIdMethod, KeyPair, RevocationReason, RevokedCertParams, SerialNumber, date_time_ymd,
};

struct World {
    authority: CertifiedIssuer<'static, KeyPair>,
    server: Arc<ServerConfig>,
}

impl World {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let authority = CertifiedIssuer::self_signed(params, key).unwrap();
        let mut params = CertificateParams::new(vec![NAME.to_owned()]).unwrap();
        params.serial_number = Some(SerialNumber::from(vec![0x4c]));
        let key = KeyPair::generate().unwrap();
        let chain = vec![params.signed_by(&key, &authority).unwrap().der().clone()];
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let key = CertifiedKey::from_der(chain, &key).unwrap();
        Self { authority, server: Arc::new(ServerConfig::new(key).unwrap()) }
    }

    /// A CRL, fresh for long, that revokes this serial number.
    fn crl(&self, serial: u8) -> CertificateRevocationList {
        let params = CertificateRevocationListParams {
            this_update: date_time_ymd(2024, 1, 1),
            next_update: date_time_ymd(2100, 1, 1),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: vec![RevokedCertParams {
                serial_number: SerialNumber::from(vec![serial]),
                revocation_time: date_time_ymd(2024, 1, 1),
                reason_code: Some(RevocationReason::KeyCompromise),
                invalidity_date: None,
            }],
            key_identifier_method: KeyIdMethod::Sha256,
        };
        CertificateRevocationList::from_der(params.signed_by(&self.authority).unwrap().der())
            .unwrap()
    }

    fn connect(
        &self,
        crls: Vec<CertificateRevocationList>,
        mode: RevocationMode,
    ) -> Result<(), Error> {
        let provider = CryptoProvider::ring();
        let mut anchors = TrustAnchors::new();
        anchors.add(self.authority.der().clone()).unwrap();
        let verifier = TrustAnchorVerifier::new(anchors, provider.signatures.clone())
            .with_crls(crls)
            .with_revocation(RevocationPolicy { mode, scope: RevocationScope::Chain });
        let client = ClientConfig::builder(provider).verifier(Arc::new(verifier)).build().unwrap();
        let mut client = ClientConnection::new(Arc::new(client), server_name()).unwrap();
        let mut server = ServerConnection::new(self.server.clone()).unwrap();
        memory::exchange(&mut client, &mut server)
    }
}

#[test]
fn a_client_with_crls_refuses_a_revoked_server() {
    let world = World::new();
    let error = world.connect(vec![world.crl(0x4c)], RevocationMode::IfPresent).unwrap_err();
    assert_eq!(error.alert_sent(), Some(AlertDescription::CERTIFICATE_REVOKED));
    assert!(error.to_string().contains("keyCompromise"), "{error}");
    assert!(world.connect(vec![world.crl(0x4d)], RevocationMode::Require).is_ok());
    assert!(world.connect(vec![world.crl(0x4c)], RevocationMode::Off).is_ok());
}

#[test]
fn a_client_that_requires_evidence_gets_some_or_stops() {
    let world = World::new();
    assert!(world.connect(Vec::new(), RevocationMode::IfPresent).is_ok());
    let error = world.connect(Vec::new(), RevocationMode::Require).unwrap_err();
    assert_eq!(error.alert_sent(), Some(AlertDescription::CERTIFICATE_UNKNOWN));
    let ErrorKind::Certificate(error) = error.kind() else { panic!("{error}") };
    assert!(matches!(error.problem, Problem::RevocationUnknown(MissingEvidence::Nothing(_))));
}
