//! Trust anchors and CRLs that change.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use crate::site::{Events, wait_until};
use handclasp_reload::handclasp::certificate::{Profile, RevocationMode, RevocationPolicy};
use handclasp_reload::handclasp::credential::CertificateList;
use handclasp_reload::handclasp::key_schedule::PskKind;
use handclasp_reload::handclasp::pki_types::UnixTime;
use handclasp_reload::handclasp::session::{MemoryClientSessions, TicketKeys};
use handclasp_reload::handclasp::transport::memory::exchange;
use handclasp_reload::handclasp::verify::{ClientAuthentication, PeerVerifier};
use handclasp_reload::handclasp::{
    CertifiedKey, ClientConfig, ClientConnection, CryptoProvider, Error, ServerConfig,
    ServerConnection,
};
use handclasp_reload::{ReloadError, Reloader, ReloadingVerifier, Status, TrustFiles, Warning};
use handclasp_testing::authority::{Authority, authority_params, crl_params, params, root};
use handclasp_testing::der::pem_text;
use handclasp_testing::process::Folder;
use handclasp_testing::{Identity, server_name};
use rcgen::{
    CertificateRevocationListParams, CrlDistributionPoint, CrlIssuingDistributionPoint, CrlScope,
    KeyPair, SerialNumber, date_time_ymd,
};

const SERIAL: u8 = 7;

/// An authority of clients with one client, a server that resumes sessions, and the files of its verifier.
struct Fleet {
    folder: Folder,
    anchors: String,
    crl: String,
    authority: Authority,
    client: Arc<CertifiedKey>,
    identity: Identity,
    tickets: Arc<TicketKeys>,
    sessions: Arc<MemoryClientSessions>,
}

impl Fleet {
    fn new() -> Self {
        let authority = root("authority of clients");
        let mut params = params("client");
        params.serial_number = Some(SerialNumber::from(vec![SERIAL]));
        params.crl_distribution_points = vec![distribution_point()];
        // rcgen writes no distribution points if there is no other extension.
        params.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate().unwrap();
        let chain = params.signed_by(&key, &authority).unwrap().pem();
        let client = CertifiedKey::from_pem(chain.as_bytes(), key.serialize_pem().as_bytes());
        let folder = Folder::new();
        let anchors = folder.file("anchors.pem", authority.pem());
        let crl = folder.file("crl.pem", crl_pem(&authority, 2024, &[]));
        Self {
            anchors,
            crl,
            folder,
            authority,
            client: Arc::new(client.unwrap()),
            identity: Identity::p256(),
            tickets: Arc::new(TicketKeys::random(CryptoProvider::default().random).unwrap()),
            sessions: Arc::new(MemoryClientSessions::new(8)),
        }
    }

    fn files(&self) -> TrustFiles {
        TrustFiles::new(&self.anchors).crls([&self.crl])
    }

    fn server(&self, verifier: &Arc<ReloadingVerifier>) -> Arc<ServerConfig> {
        self.server_with(ClientAuthentication::required(verifier.clone()))
    }

    fn server_with(&self, policy: ClientAuthentication) -> Arc<ServerConfig> {
        let list = CertificateList::new(vec![Arc::new(self.identity.certified_key())]);
        let builder = ServerConfig::builder(CryptoProvider::default());
        let builder = builder.client_authentication(policy).sessions(self.tickets.clone());
        Arc::new(builder.build(Arc::new(list)).unwrap())
    }

    /// Connects, and returns whether a session was resumed.
    fn connect(&self, server: &Arc<ServerConfig>) -> Result<bool, Error> {
        let own = CertificateList::new(vec![self.client.clone()]);
        let client = ClientConfig::builder(CryptoProvider::default())
            .trust(self.identity.anchors())
            .unwrap()
            .sessions(self.sessions.clone())
            .client_certificates(Arc::new(own));
        connect(Arc::new(client.build().unwrap()), server)
    }
}

fn connect(client: Arc<ClientConfig>, server: &Arc<ServerConfig>) -> Result<bool, Error> {
    let mut client = ClientConnection::new(client, server_name());
    let mut server = ServerConnection::new(server.clone());
    exchange(&mut client, &mut server)?;
    Ok(client.parameters().pre_shared_key == Some(PskKind::Resumption))
}

/// A CRL of the first of January of this year, which is current for a hundred years.
fn crl_of(year: i32, revoked: &[u8]) -> CertificateRevocationListParams {
    let mut params = crl_params(revoked.iter().map(|serial| vec![*serial]));
    params.this_update = date_time_ymd(year, 1, 1);
    params
}

/// Where clients find CRLs that are not about all certificates of their issuer.
fn distribution_point() -> CrlDistributionPoint {
    CrlDistributionPoint { uris: vec!["http://crl.example/".to_owned()] }
}

fn crl_pem(authority: &Authority, year: i32, revoked: &[u8]) -> String {
    crl_of(year, revoked).signed_by(authority).unwrap().pem().unwrap()
}

fn failure(verifier: &ReloadingVerifier, part: usize) -> ReloadError {
    verifier.status().remove(part).failure.unwrap().error
}

#[test]
fn a_new_crl_counts_for_the_next_handshake_and_for_sessions() {
    let fleet = Fleet::new();
    let events = Events::default();
    let reloader = events.reloader();
    let verifier = reloader.client_verifier(fleet.files()).unwrap();
    let server = fleet.server(&verifier);
    assert!(!fleet.connect(&server).unwrap());
    assert!(fleet.connect(&server).unwrap(), "the session is resumed");

    fs::write(&fleet.crl, crl_pem(&fleet.authority, 2025, &[SERIAL])).unwrap();
    events.wait_for("of 2025-01-01");
    let error = fleet.connect(&server).unwrap_err();
    assert!(error.to_string().contains("was revoked"), "{error}");
    let status = &verifier.status()[1];
    assert!(status.contents.contains("with 1 entries"), "{status:?}");
    assert_eq!(status.expires.unwrap().to_string(), "2100-01-01 00:00:00 UTC");
}

#[test]
fn new_trust_anchors_count_for_the_next_handshake_and_for_sessions() {
    let fleet = Fleet::new();
    let events = Events::default();
    let reloader = events.reloader();
    let files = TrustFiles::new(&fleet.anchors);
    let verifier = reloader.client_verifier(files).unwrap();
    let server = fleet.server(&verifier);
    assert!(!fleet.connect(&server).unwrap());
    assert!(fleet.connect(&server).unwrap());

    let other = root("another authority");
    for bad in ["", "nonsense", &other.pem()[..200]] {
        fs::write(&fleet.anchors, bad).unwrap();
        reloader.reload_now();
        assert!(matches!(failure(&verifier, 0), ReloadError::Anchors { .. }));
        assert!(fleet.connect(&server).unwrap(), "the old anchors are trusted");
    }
    fs::write(&fleet.anchors, other.pem() + &fleet.authority.pem()).unwrap();
    reloader.reload_now();
    assert_eq!(verifier.status()[0].contents, "2 trust anchors");
    assert!(fleet.connect(&server).unwrap());
    fs::write(&fleet.anchors, other.pem()).unwrap();
    reloader.reload_now();
    let error = fleet.connect(&server).unwrap_err();
    assert!(error.to_string().contains("no trust anchor"), "{error}");
    fs::write(&fleet.anchors, fleet.authority.pem()).unwrap();
    reloader.reload_now();
    fleet.connect(&server).unwrap();
}

#[test]
fn a_client_with_new_anchors_and_crls_refuses_the_servers_of_before() {
    let authority = root("authority of servers");
    let mut params = params("server");
    params.serial_number = Some(SerialNumber::from(vec![SERIAL]));
    params.subject_alt_names =
        vec![rcgen::SanType::DnsName(handclasp_testing::NAME.try_into().unwrap())];
    let key = KeyPair::generate().unwrap();
    let chain = params.signed_by(&key, &authority).unwrap().pem();
    let own = CertifiedKey::from_pem(chain.as_bytes(), key.serialize_pem().as_bytes()).unwrap();
    let random = CryptoProvider::default().random;
    let server = ServerConfig::builder(CryptoProvider::default())
        .sessions(Arc::new(TicketKeys::random(random).unwrap()))
        .build(Arc::new(CertificateList::new(vec![Arc::new(own)])));
    let server = Arc::new(server.unwrap());
    let folder = Folder::new();
    let anchors = folder.file("anchors.pem", authority.pem());
    let crl = folder.file("crl.pem", crl_pem(&authority, 2024, &[]));
    let reloader = Events::default().reloader();
    let verifier = reloader.server_verifier(TrustFiles::new(&anchors).crls([&crl])).unwrap();
    assert!(verifier.trusted_names()[0].contains("authority of servers"));
    let client = ClientConfig::builder(CryptoProvider::default())
        .verifier(verifier)
        .sessions(Arc::new(MemoryClientSessions::new(8)));
    let client = Arc::new(client.build().unwrap());
    assert!(!connect(client.clone(), &server).unwrap());
    assert!(connect(client.clone(), &server).unwrap());
    fs::write(&crl, crl_pem(&authority, 2025, &[SERIAL])).unwrap();
    reloader.reload_now();
    let error = connect(client.clone(), &server).unwrap_err();
    assert!(error.to_string().contains("was revoked"), "{error}");
    // What was revoked by mistake.
    fs::write(&crl, crl_pem(&authority, 2026, &[])).unwrap();
    reloader.reload_now();
    connect(client.clone(), &server).unwrap();
    fs::write(&anchors, root("another").pem()).unwrap();
    reloader.reload_now();
    assert!(connect(client, &server).is_err());
}

#[test]
fn a_certificate_request_names_the_anchors_of_now() {
    let fleet = Fleet::new();
    let next = root("next authority of clients");
    let key = KeyPair::generate().unwrap();
    let chain = params("client").signed_by(&key, &next).unwrap().pem();
    let renewed = CertifiedKey::from_pem(chain.as_bytes(), key.serialize_pem().as_bytes());
    let reloader = Events::default().reloader();
    let verifier = reloader.client_verifier(TrustFiles::new(&fleet.anchors)).unwrap();
    let policy = ClientAuthentication::required(verifier).authorities_of_verifier();
    let server = fleet.server_with(policy);
    // A client that has certificates of both authorities shows one of an authority that the server names.
    let both = [fleet.client.clone(), Arc::new(renewed.unwrap())];
    for first in [0, 1] {
        let own = CertificateList::new(vec![both[first].clone(), both[1 - first].clone()]);
        let client = ClientConfig::builder(CryptoProvider::default())
            .trust(fleet.identity.anchors())
            .unwrap()
            .client_certificates(Arc::new(own));
        let client = Arc::new(client.build().unwrap());
        for authority in [&fleet.authority, &next, &fleet.authority] {
            fs::write(&fleet.anchors, authority.pem()).unwrap();
            reloader.reload_now();
            connect(client.clone(), &server).unwrap();
        }
    }
}

#[test]
fn a_crl_that_is_older_or_not_of_its_issuer_keeps_the_one_in_use() {
    let fleet = Fleet::new();
    let events = Events::default();
    let reloader = events.reloader();
    fs::write(&fleet.crl, crl_pem(&fleet.authority, 2025, &[SERIAL])).unwrap();
    let verifier = reloader.client_verifier(fleet.files()).unwrap();
    let server = fleet.server(&verifier);
    let good = crl_pem(&fleet.authority, 2026, &[]);
    let forged = crl_pem(&root("authority of clients"), 2026, &[]);
    for (bad, words) in [
        (crl_pem(&fleet.authority, 2024, &[]), "of 2024-01-01 00:00:00 UTC, and the one in use"),
        (forged, "not made by the key of"),
        (crl_pem(&fleet.authority, 2090, &[]), "is in the future"),
        (good[..good.len() / 2].to_owned(), "crl.pem: the CRLs are not PEM"),
        (String::new(), "there is no CRL in the text"),
    ] {
        fs::write(&fleet.crl, bad).unwrap();
        reloader.reload_now();
        let error = failure(&verifier, 1).to_string();
        assert!(error.contains(words), "{error}, not {words}");
        events.wait_for(&error);
        assert!(fleet.connect(&server).is_err(), "the client stays revoked");
    }
    fs::write(&fleet.crl, good).unwrap();
    reloader.reload_now();
    fleet.connect(&server).unwrap();
    assert_eq!(verifier.status()[1].failure, None);
}

#[test]
fn a_crl_that_is_outdated_is_said() {
    let fleet = Fleet::new();
    let mut stale = crl_of(2024, &[]);
    stale.next_update = date_time_ymd(2025, 1, 1);
    fs::write(&fleet.crl, stale.signed_by(&fleet.authority).unwrap().pem().unwrap()).unwrap();
    let events = Events::default();
    let reloader = events.reloader();
    let verifier = reloader.client_verifier(fleet.files()).unwrap();
    assert!(events.contain("is outdated since 2025-01-01"), "{:?}", events.words());
    assert!(fleet.connect(&fleet.server(&verifier)).is_err(), "as the warning says");
    fs::write(&fleet.crl, crl_pem(&fleet.authority, 2025, &[])).unwrap();
    reloader.reload_now();
    assert!(verifier.status()[1].warnings.is_empty());
    fleet.connect(&fleet.server(&verifier)).unwrap();

    events.wait_for("no more: the CRL of");
}

fn write_and_load(reloader: &Reloader, file: &str, text: impl AsRef<[u8]>) {
    fs::write(file, text).unwrap();
    reloader.reload_now();
}

/// Whether it is refused because it is revoked.
fn is_revoked(fleet: &Fleet, verifier: &Arc<ReloadingVerifier>) -> bool {
    let result = fleet.connect(&fleet.server(verifier));
    result.is_err_and(|error| error.to_string().contains("was revoked"))
}

#[test]
fn a_revoked_client_stays_refused_without_the_crl_of_its_issuer_in_the_file() {
    let fleet = Fleet::new();
    let events = Events::default();
    let reloader = events.reloader();
    let (other, unknown) = (root("another authority"), root("an unknown authority"));
    let own_crl = |year: i32, revoked: &[u8]| crl_pem(&fleet.authority, year, revoked);
    let other_crl = |year: i32| crl_pem(&other, year, &[]);
    fs::write(&fleet.anchors, fleet.authority.pem() + &other.pem()).unwrap();
    fs::write(&fleet.crl, own_crl(2025, &[SERIAL]) + &other_crl(2024)).unwrap();
    let verifier = reloader.client_verifier(fleet.files()).unwrap();
    assert!(is_revoked(&fleet, &verifier));

    // The file of an authority that is not trusted.
    write_and_load(&reloader, &fleet.crl, crl_pem(&unknown, 2025, &[]));
    assert!(matches!(failure(&verifier, 1), ReloadError::CrlOfUnknownIssuer { .. }));
    assert!(is_revoked(&fleet, &verifier));
    // A part of the file, and another authority that is trusted.
    for text in [other_crl(2024), other_crl(2025) + &crl_pem(&unknown, 2025, &[])] {
        write_and_load(&reloader, &fleet.crl, text);
        assert!(is_revoked(&fleet, &verifier));
        let Status { failure, warnings, .. } = verifier.status().remove(1);
        assert_eq!(failure, None);
        let issuer = "CN=authority of clients".to_owned();
        assert!(warnings.contains(&Warning::MissingCrl { issuer }), "{warnings:?}");
    }
    events.wait_for("the file has no CRL of \"CN=authority of clients\" any more");
    // Then an older one, alone and with others.
    for text in [own_crl(2024, &[]), own_crl(2024, &[]) + &other_crl(2026)] {
        write_and_load(&reloader, &fleet.crl, text);
        let failure = failure(&verifier, 1);
        assert!(matches!(failure, ReloadError::OlderCrl { .. }), "{failure}");
        assert!(is_revoked(&fleet, &verifier));
    }
    // The next one of its issuer.
    write_and_load(&reloader, &fleet.crl, own_crl(2026, &[]) + &other_crl(2025));
    fleet.connect(&fleet.server(&verifier)).unwrap();
    events.wait_for("no more: the file has no CRL");
}

#[test]
fn a_revoked_client_stays_refused_without_the_crl_of_its_scope_in_the_file() {
    let fleet = Fleet::new();
    let reloader = Events::default().reloader();
    let crl_for = |scope: CrlScope, year: i32, revoked: &[u8]| {
        let mut params = crl_of(year, revoked);
        params.issuing_distribution_point = Some(CrlIssuingDistributionPoint {
            distribution_point: distribution_point(),
            scope: Some(scope),
        });
        params.signed_by(&fleet.authority).unwrap().pem().unwrap()
    };
    let users = |year: i32, revoked: &[u8]| crl_for(CrlScope::UserCertsOnly, year, revoked);
    let authorities = |year: i32| crl_for(CrlScope::CaCertsOnly, year, &[]);
    fs::write(&fleet.crl, users(2025, &[SERIAL]) + &authorities(2025)).unwrap();
    let verifier = reloader.client_verifier(fleet.files()).unwrap();
    let is_refused = || fleet.connect(&fleet.server(&verifier)).is_err();
    assert!(is_refused());
    write_and_load(&reloader, &fleet.crl, authorities(2026));
    assert!(matches!(verifier.status()[1].warnings[..], [Warning::MissingCrl { .. }]));
    assert!(is_refused());
    write_and_load(&reloader, &fleet.crl, authorities(2026) + &users(2024, &[]));
    assert!(matches!(failure(&verifier, 1), ReloadError::OlderCrl { .. }));
    assert!(is_refused());
}

/// An authority may divide its CRL into many parts (RFC 5280, section 5.2.5).
#[test]
fn of_many_scopes_each_is_compared_with_its_own() {
    let fleet = Fleet::new();
    let reloader = Events::default().reloader();
    let crls = |parts: std::ops::Range<usize>, year: i32| -> String {
        let crl = |part: usize| {
            let mut params = crl_of(year, &[]);
            let uris = vec![format!("http://crl.example/{part}")];
            let distribution_point = CrlDistributionPoint { uris };
            params.issuing_distribution_point =
                Some(CrlIssuingDistributionPoint { distribution_point, scope: None });
            params.signed_by(&fleet.authority).unwrap().pem().unwrap()
        };
        parts.map(crl).collect()
    };
    fs::write(&fleet.crl, crls(0..20, 2025)).unwrap();
    let verifier = reloader.client_verifier(fleet.files()).unwrap();
    write_and_load(
        &reloader,
        &fleet.crl,
        crls(0..7, 2026) + &crls(7..8, 2024) + &crls(8..20, 2026),
    );
    assert!(matches!(failure(&verifier, 1), ReloadError::OlderCrl { .. }));
    // The newest of a scope counts, wherever it is in the file.
    write_and_load(&reloader, &fleet.crl, crls(0..20, 2026) + &crls(3..9, 2025));
    assert_eq!(verifier.status()[1].failure, None);
    write_and_load(&reloader, &fleet.crl, crls(0..20, 2025));
    assert!(matches!(failure(&verifier, 1), ReloadError::OlderCrl { .. }));
    // Parts that are missing are those of one issuer.
    write_and_load(&reloader, &fleet.crl, crls(12..20, 2026) + &crls(0..5, 2026));
    let status = verifier.status().remove(1);
    assert_eq!(status.failure, None);
    assert!(matches!(status.warnings[..], [Warning::MissingCrl { .. }]), "{:?}", status.warnings);
    write_and_load(&reloader, &fleet.crl, crls(0..20, 2026));
    assert_eq!(verifier.status()[1].warnings, []);
}

#[test]
fn a_crl_of_an_unknown_issuer_is_an_error_at_the_start() {
    let fleet = Fleet::new();
    let reloader = Events::default().reloader();
    fs::write(&fleet.crl, crl_pem(&root("another authority"), 2025, &[])).unwrap();
    let error = reloader.client_verifier(fleet.files()).unwrap_err();
    assert!(error.to_string().contains("its CRL of \"CN=another authority\""), "{error}");
}

/// A clock that is a few seconds behind that of the authority.
#[test]
fn a_crl_of_the_near_future_is_loaded_when_its_time_comes() {
    let fleet = Fleet::new();
    let events = Events::default();
    let reloader = events.reloader();
    let verifier = reloader.client_verifier(fleet.files()).unwrap();
    fleet.connect(&fleet.server(&verifier)).unwrap();
    let mut params = crl_of(1970, &[SERIAL]);
    params.this_update += Duration::from_secs(UnixTime::now().as_secs() + 3);
    let text = params.signed_by(&fleet.authority).unwrap().pem().unwrap();
    write_and_load(&reloader, &fleet.crl, &text);
    wait_until("the CRL", || verifier.status()[1].contents.contains("with 1 entries"));
    assert!(is_revoked(&fleet, &verifier));
    assert!(!events.contain("in the future"), "{:?}", events.words());
    // At the start there is no other one.
    params.this_update += Duration::from_secs(2);
    fs::write(&fleet.crl, params.signed_by(&fleet.authority).unwrap().pem().unwrap()).unwrap();
    let verifier = reloader.client_verifier(fleet.files()).unwrap();
    assert!(fleet.connect(&fleet.server(&verifier)).is_err());
}

#[test]
fn the_crl_of_an_intermediate_is_verified_with_the_issuers_of_crls() {
    let fleet = Fleet::new();
    let intermediate = Authority::signed_by(
        authority_params("intermediate"),
        KeyPair::generate().unwrap(),
        &fleet.authority,
    );
    let intermediate = intermediate.unwrap();
    let of_intermediate =
        fleet.folder.file("of-intermediate.pem", crl_pem(&intermediate, 2024, &[]));
    let issuers = pem_text("CERTIFICATE", intermediate.der());
    let issuers = fleet.folder.file("issuers.pem", issuers);
    let reloader = Events::default().reloader();
    let files = TrustFiles::new(&fleet.anchors).crls([&fleet.crl, &of_intermediate]);
    let error = reloader.client_verifier(files.clone()).unwrap_err();
    assert!(matches!(error, ReloadError::CrlOfUnknownIssuer { .. }), "{error}");
    // In a file with that of an authority, it is verified later.
    let both = crl_pem(&fleet.authority, 2024, &[]) + &crl_pem(&intermediate, 2024, &[]);
    let both = TrustFiles::new(&fleet.anchors).crls([fleet.folder.file("both.pem", both)]);
    let verifier = reloader.client_verifier(both).unwrap();
    assert!(matches!(verifier.status()[1].warnings[..], [Warning::UnknownCrlIssuer { .. }]));

    let verifier = reloader.client_verifier(files.crl_issuers(&issuers)).unwrap();
    assert!(verifier.status().iter().all(|status| status.warnings.is_empty()));
    // A bad one delays no other.
    fs::write(&of_intermediate, crl_pem(&root("intermediate"), 2025, &[])).unwrap();
    fs::write(&fleet.crl, crl_pem(&fleet.authority, 2025, &[SERIAL])).unwrap();
    reloader.reload_now();
    assert!(matches!(failure(&verifier, 3), ReloadError::CrlSignature { .. }));
    assert!(fleet.connect(&fleet.server(&verifier)).is_err());
}

#[test]
fn options_hold_for_each_verifier_that_is_made() {
    let fleet = Fleet::new();
    let reloader: Reloader = Events::default().reloader();
    let files = TrustFiles::new(&fleet.anchors).options(|verifier| {
        let mut policy = RevocationPolicy::default();
        policy.mode = RevocationMode::Require;
        verifier.with_revocation(policy).with_profile(Profile::Default)
    });
    let verifier = reloader.client_verifier(files).unwrap();
    for _ in 0..2 {
        // There is no evidence, and it is required.
        assert!(fleet.connect(&fleet.server(&verifier)).is_err());
        fs::write(&fleet.anchors, fleet.authority.pem() + &root("another").pem()).unwrap();
        reloader.reload_now();
    }
}
