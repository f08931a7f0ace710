//! The authorities of a verifier, which a server names to its clients, and which change.

use std::sync::{Arc, Mutex};

use handclasp::certificate::CertificateError;
use handclasp::config::ConfigError;
use handclasp::credential::{CertificateList, CertifiedKey, ClientCertificateResolver};
use handclasp::crypto::CryptoProvider;
use handclasp::key_schedule::PskKind;
use handclasp::registry::CertificateType;
use handclasp::session::MemoryClientSessions;
use handclasp::transport::memory::exchange;
use handclasp::verify::{ClientAuthentication, PeerIdentity, PeerVerifier};
use handclasp::wire::CertificateRequest;
use handclasp::{ClientConfig, ClientConnection, Reply, ServerConfig, ServerConnection};
use handclasp_testing::sessions::ticket_keys;
use handclasp_testing::{Identity, server_name};

type Names = Vec<Vec<u8>>;

/// Accepts all certificates. Its names change.
#[derive(Debug)]
struct Changing(Mutex<Names>);

impl PeerVerifier for Changing {
    fn verify(&self, _: &PeerIdentity) -> Reply<Result<(), CertificateError>> {
        Reply::Now(Ok(()))
    }

    fn authorities(&self) -> Names {
        self.0.lock().unwrap().clone()
    }
}

/// A client's only certificate, and the names of the last request.
#[derive(Debug)]
struct Asked(Arc<CertifiedKey>, Mutex<Names>);

impl ClientCertificateResolver for Asked {
    fn choose(
        &self,
        request: &CertificateRequest<'_>,
        _: CertificateType,
    ) -> Reply<Option<Arc<CertifiedKey>>> {
        let named = request.certificate_authorities.into_iter().flat_map(|names| names.iter());
        *self.1.lock().unwrap() = named.map(<[u8]>::to_vec).collect();
        Reply::Now(Some(Arc::clone(&self.0)))
    }
}

/// A client and a server that names the authorities of its verifier.
struct Ends {
    verifier: Arc<Changing>,
    asked: Arc<Asked>,
    client: Arc<ClientConfig>,
    server: Arc<ServerConfig>,
}

impl Ends {
    fn new(policy: fn(Arc<dyn PeerVerifier>) -> ClientAuthentication) -> Self {
        let (identity, own) = (Identity::p256(), Identity::p256());
        let verifier = Arc::new(Changing(Mutex::default()));
        let asked = Arc::new(Asked(Arc::new(own.certified_key()), Mutex::default()));
        let client = ClientConfig::builder(CryptoProvider::default())
            .trust(identity.anchors())
            .unwrap()
            .post_handshake_authentication(true)
            .sessions(Arc::new(MemoryClientSessions::new(8)))
            .client_certificates(asked.clone());
        let list = CertificateList::new(vec![Arc::new(identity.certified_key())]);
        let server = ServerConfig::builder(CryptoProvider::default())
            .sessions(ticket_keys())
            .client_authentication(policy(verifier.clone()).authorities_of_verifier());
        let client = Arc::new(client.build().unwrap());
        Self { verifier, asked, client, server: Arc::new(server.build(Arc::new(list)).unwrap()) }
    }

    fn connect(&self) -> (ClientConnection, ServerConnection) {
        let mut client = ClientConnection::new(self.client.clone(), server_name());
        let mut server = ServerConnection::new(self.server.clone());
        exchange(&mut client, &mut server).unwrap();
        (client, server)
    }

    fn name(&self, names: &[&[u8]]) {
        *self.verifier.0.lock().unwrap() = names.iter().map(|name| name.to_vec()).collect();
    }

    fn asked(&self) -> Names {
        self.asked.1.lock().unwrap().clone()
    }
}

const FIRST: &[u8] = &[0x30, 0];
const SECOND: &[u8] = &[0x30, 2, 0x31, 0];

#[test]
fn each_request_names_the_authorities_of_its_time() {
    let ends = Ends::new(ClientAuthentication::post_handshake);
    let (mut client, mut server) = ends.connect();
    for names in [&[FIRST][..], &[FIRST, SECOND], &[], &[SECOND]] {
        ends.name(names);
        server.request_client_certificate().unwrap();
        exchange(&mut client, &mut server).unwrap();
        assert_eq!(ends.asked(), names);
    }
}

#[test]
fn a_session_is_resumed_after_the_names_have_changed() {
    let ends = Ends::new(ClientAuthentication::required);
    ends.name(&[FIRST]);
    ends.connect();
    assert_eq!(ends.asked(), [FIRST]);
    ends.name(&[SECOND]);
    let (client, server) = ends.connect();
    assert_eq!(client.parameters().pre_shared_key, Some(PskKind::Resumption));
    assert!(server.parameters().certificates.is_some());
}

#[test]
fn names_that_a_request_cannot_have_are_left_out_and_refused_at_the_start() {
    let long = vec![0x30; 0xff00];
    for names in [&[&long[..]][..], &[FIRST, &[]]] {
        let ends = Ends::new(ClientAuthentication::post_handshake);
        ends.name(names);
        let (mut client, mut server) = ends.connect();
        server.request_client_certificate().unwrap();
        exchange(&mut client, &mut server).unwrap();
        assert!(ends.asked().is_empty());
        assert!(server.parameters().certificates.is_some());

        let list = CertificateList::new(vec![ends.asked.0.clone()]);
        let policy = ClientAuthentication::optional(ends.verifier.clone());
        let builder = ServerConfig::builder(CryptoProvider::default())
            .client_authentication(policy.authorities_of_verifier());
        let error = builder.build(Arc::new(list)).unwrap_err();
        assert!(matches!(error, ConfigError::CertificateRequest), "{error}");
    }
}
