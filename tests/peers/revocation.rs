//! A client refuses a server whose certificate is on a CRL, or needs a stapled OCSP response and has
//! no good one, and says so.

use core::time::Duration;
use std::sync::Arc;

use handclasp::alert::AlertDescription;
use handclasp::certificate::{
    CertificateErrorKind, CertificateRevocationList, RevocationMode, RevocationPolicy,
    RevocationScope, UnknownRevocationStatus,
};
use handclasp::connection::Options;
use handclasp::credential::CertificateList;
use handclasp::crypto::CryptoProvider;
use handclasp::pki_types::{PrivateKeyDer, UnixTime};
use handclasp::session::{MemoryClientSessions, TicketKeys};
use handclasp::transport::memory;
use handclasp::verify::TrustAnchorVerifier;
use handclasp::{
    CertifiedKey, ClientConfig, ClientConnection, Error, ErrorKind, ServerConfig, ServerConnection,
    TrustAnchors,
};
use handclasp_testing::authority::{Authority, crl_params, root};
use handclasp_testing::der::pem_text;
use handclasp_testing::openssl;
use handclasp_testing::process::Folder;
use handclasp_testing::{NAME, server_name};
use rcgen::{CertificateParams, CustomExtension, KeyPair, RevocationReason, SerialNumber};

/// An authority with one server, whose certificate demands a staple.
struct World {
    authority: Authority,
    key: CertifiedKey,
}

impl World {
    fn new() -> Self {
        let authority = root("authority");
        let mut params = CertificateParams::new(vec![NAME.to_owned()]).unwrap();
        params.serial_number = Some(SerialNumber::from(vec![0x4c]));
        let tls_feature = [1, 3, 6, 1, 5, 5, 7, 1, 24];
        params.custom_extensions =
            vec![CustomExtension::from_oid_content(&tls_feature, vec![0x30, 3, 2, 1, 5])];
        let key = KeyPair::generate().unwrap();
        let chain = vec![params.signed_by(&key, &authority).unwrap().der().clone()];
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let key = CertifiedKey::from_der(chain, &key).unwrap();
        Self { authority, key }
    }

    /// A CRL, fresh for long, that revokes this serial number.
    fn crl(&self, serial: u8) -> CertificateRevocationList {
        let mut params = crl_params([SerialNumber::from(vec![serial])]);
        params.revoked_certs[0].reason_code = Some(RevocationReason::KeyCompromise);
        CertificateRevocationList::from_der(params.signed_by(&self.authority).unwrap().der())
            .unwrap()
    }

    fn connect(
        &self,
        crls: Vec<CertificateRevocationList>,
        mode: RevocationMode,
    ) -> Result<(), Error> {
        let scope = RevocationScope::Chain;
        self.exchange(&self.key, false, |verifier| {
            verifier.with_crls(crls).with_revocation(RevocationPolicy::new(mode, scope))
        })
    }

    /// The client asks for a staple.
    fn connect_stapled(&self, response: Option<Vec<u8>>) -> Result<(), Error> {
        let key = self.key.clone();
        let key = match response {
            Some(response) => key.with_ocsp(response).unwrap(),
            None => key,
        };
        self.exchange(&key, true, |verifier| verifier)
    }

    /// What OpenSSL's responder says of the server, for an hour.
    fn respond(&self, state: &str) -> Vec<u8> {
        let folder = Folder::new();
        let authority = folder.file("ca.pem", self.authority.pem());
        let key = folder.file("ca.key", self.authority.key().serialize_pem());
        let leaf = folder.file("leaf.pem", pem_text("CERTIFICATE", &self.key.chain()[0]));
        let index = folder.file("index", format!("{state}\t4C\tunknown\t/CN=server\n"));
        let response = folder.path("response");
        let status = std::process::Command::new("openssl")
            .args(["ocsp", "-index", &index, "-CA", &authority, "-rsigner", &authority])
            .args(["-rkey", &key, "-issuer", &authority, "-cert", &leaf, "-nmin", "60"])
            .args(["-respout", &response, "-noverify"])
            .output()
            .unwrap();
        assert!(status.status.success(), "{status:?}");
        std::fs::read(response).unwrap()
    }

    fn exchange(
        &self,
        key: &CertifiedKey,
        ask: bool,
        change: impl FnOnce(TrustAnchorVerifier) -> TrustAnchorVerifier,
    ) -> Result<(), Error> {
        let provider = CryptoProvider::default();
        let mut anchors = TrustAnchors::new();
        anchors.add(self.authority.der().clone()).unwrap();
        let verifier = change(TrustAnchorVerifier::new(anchors, provider.signatures.clone()));
        let client = ClientConfig::builder(provider).verifier(Arc::new(verifier)).request_ocsp(ask);
        let mut client = ClientConnection::new(Arc::new(client.build().unwrap()), server_name());
        let server = Arc::new(ServerConfig::new(key.clone()).unwrap());
        let mut server = ServerConnection::new(server);
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
    assert!(matches!(
        error.kind,
        CertificateErrorKind::UnknownRevocationStatus(UnknownRevocationStatus::NoEvidence(_))
    ));
}

#[test]
fn a_certificate_that_demands_a_staple_needs_one_where_it_was_asked_for() {
    let world = World::new();
    assert!(world.connect(Vec::new(), RevocationMode::IfPresent).is_ok(), "without a request");
    let error = world.connect_stapled(None).unwrap_err();
    assert_eq!(error.alert_sent(), Some(AlertDescription::BAD_CERTIFICATE_STATUS_RESPONSE));
    let ErrorKind::Certificate(error) = error.kind() else { panic!("{error}") };
    assert_eq!(
        error.kind,
        CertificateErrorKind::UnknownRevocationStatus(UnknownRevocationStatus::NoStapledResponse)
    );
    // tryLater
    let error = world.connect_stapled(Some(vec![0x30, 3, 10, 1, 3])).unwrap_err();
    assert_eq!(error.alert_sent(), Some(AlertDescription::BAD_CERTIFICATE_STATUS_RESPONSE));
    assert!(error.to_string().contains("tryLater"), "{error}");
}

#[test]
fn a_staple_that_openssl_made_is_verified() {
    if !openssl::is_here() {
        return;
    }
    let world = World::new();
    let respond = |state: &str| world.respond(state);
    let good = respond("V\t490101000000Z\t");
    assert!(world.connect_stapled(Some(good.clone())).is_ok());
    let error = World::new().connect_stapled(Some(good)).unwrap_err();
    assert!(error.to_string().contains("has a signature that was not made by"), "{error}");
    let revoked = respond("R\t490101000000Z\t240101000000Z,superseded");
    let error = world.connect_stapled(Some(revoked)).unwrap_err();
    assert_eq!(error.alert_sent(), Some(AlertDescription::CERTIFICATE_REVOKED));
    assert!(error.to_string().contains("(superseded), says the OCSP response"), "{error}");
}

#[test]
fn a_session_is_resumed_while_its_staple_is_fresh() {
    if !openssl::is_here() {
        return;
    }
    let world = World::new();
    let key = world.key.clone().with_ocsp(world.respond("V\t490101000000Z\t")).unwrap();
    let provider = CryptoProvider::default();
    let mut anchors = TrustAnchors::new();
    anchors.add(world.authority.der().clone()).unwrap();
    let policy = RevocationPolicy::new(RevocationMode::Require, RevocationScope::EndEntity);
    let verifier = TrustAnchorVerifier::new(anchors, provider.signatures.clone());
    let client = ClientConfig::builder(provider)
        .verifier(Arc::new(verifier.with_revocation(policy)))
        .request_ocsp(true)
        .sessions(Arc::new(MemoryClientSessions::new(8)));
    let client = Arc::new(client.build().unwrap());
    let keys = TicketKeys::random(CryptoProvider::default().random).unwrap();
    let server = ServerConfig::builder(CryptoProvider::default()).sessions(Arc::new(keys));
    let server = server.build(Arc::new(CertificateList::new(vec![Arc::new(key)]))).unwrap();
    let server = Arc::new(server);
    let start = UnixTime::now().as_secs();
    let connect = |minutes: u64| {
        let now = UnixTime::since_unix_epoch(Duration::from_secs(start + minutes * 60));
        let options = || Options::new(now);
        let mut client = ClientConnection::with_options(client.clone(), server_name(), options());
        let mut server = ServerConnection::with_options(server.clone(), options());
        let result = memory::exchange(&mut client, &mut server);
        result.map(|()| {
            assert!(client.parameters().ocsp_response.is_some(), "after {minutes} minutes");
            client.parameters().pre_shared_key.is_some()
        })
    };
    assert_eq!(connect(0), Ok(false));
    assert_eq!(connect(20), Ok(true));
    assert_eq!(connect(40), Ok(true), "of a ticket of a resumed connection");
    let error = connect(120).unwrap_err();
    let alert = Some(AlertDescription::BAD_CERTIFICATE_STATUS_RESPONSE);
    assert_eq!(error.alert_sent(), alert, "a full handshake, with the old staple: {error}");
}
