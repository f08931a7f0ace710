//! An error may be kept longer than its connection: in a queue, or as the last one. It keeps no
//! configuration, no private key and no object of the caller, which may have the error itself. And a
//! connection keeps the private key no longer than its handshake.

use std::any::Any;
use std::fmt;
use std::sync::{Arc, Mutex, Weak};

use handclasp::alert::AlertDescription;
use handclasp::credential::{
    CertificateList, CertificateResolver, CertifiedKey, ClientCertificateResolver, NoCertificate,
};
use handclasp::crypto::CryptoProvider;
use handclasp::diagnosis::Parameter;
use handclasp::psk::{PreSharedKey, PskList};
use handclasp::quic;
use handclasp::registry::CertificateType;
use handclasp::transport::memory::exchange;
use handclasp::verify::{ClientAuthentication, TrustAnchorVerifier};
use handclasp::wire::{CertificateRequest, ClientHello};
use handclasp::{
    ClientConfig, ClientConnection, Connection, Error, ErrorKind, Reply, ServerConfig,
    ServerConnection,
};
use handclasp_testing::{Identity, server_name, take_outgoing};

use crate::quic::ends::{End, connected, pass};

/// What must be gone, and its name.
#[derive(Default)]
struct Watched(Vec<(&'static str, Weak<dyn Any + Send + Sync>)>);

impl Watched {
    fn watch<T: Any + Send + Sync>(&mut self, what: &'static str, value: T) -> Arc<T> {
        let value = Arc::new(value);
        let weak: Weak<dyn Any + Send + Sync> = Arc::<T>::downgrade(&value);
        self.0.push((what, weak));
        value
    }

    /// The names of those that are still there.
    fn left(&self) -> Vec<&'static str> {
        let left = self.0.iter().filter(|(_, weak)| weak.strong_count() > 0);
        left.map(|(what, _)| *what).collect()
    }
}

/// Who trusts whom.
#[derive(Clone, Copy, PartialEq)]
enum Trust {
    Both,
    NotTheServer,
    NotTheClient,
}

/// Configurations whose parts are watched. Both sides have a certificate and a pre-shared key, which is
/// another on each side.
fn configs(trust: Trust) -> (Watched, Arc<ClientConfig>, Arc<ServerConfig>) {
    let mut watched = Watched::default();
    let (of_client, of_server, stranger) = (Identity::p256(), Identity::p256(), Identity::p256());
    let trusted = |is_trusted: bool, identity: &Identity| match is_trusted {
        true => identity.anchors(),
        false => stranger.anchors(),
    };
    let signatures = || CryptoProvider::default().signatures;
    let anchors = trusted(trust != Trust::NotTheServer, &of_server);
    let verifier = TrustAnchorVerifier::new(anchors, signatures());
    let key = watched.watch("the client's key", of_client.certified_key());
    let list = CertificateList::new(vec![key]);
    let psk = || PreSharedKey::external(b"ours", &handclasp_testing::pre_shared_secret()).unwrap();
    let client = ClientConfig::builder(CryptoProvider::default())
        .application_protocols(["h3"])
        .pre_shared_keys(vec![psk()])
        .verifier(watched.watch("the client's verifier", verifier))
        .client_certificates(watched.watch("the client's resolver", list))
        .build();

    let anchors = trusted(trust != Trust::NotTheClient, &of_client);
    let names = anchors.subjects();
    let verifier = TrustAnchorVerifier::for_clients(anchors, signatures());
    let verifier = watched.watch("the server's verifier", verifier);
    let key = watched.watch("the server's key", of_server.certified_key());
    let other = PreSharedKey::external(b"another", &handclasp_testing::pre_shared_secret());
    let list = PskList::new(vec![other.unwrap()]);
    let server = ServerConfig::builder(CryptoProvider::default())
        .application_protocols(["h3"])
        .client_authentication(ClientAuthentication::required(verifier).authorities(names))
        .pre_shared_keys(watched.watch("the server's pre-shared keys", list))
        .build(watched.watch("the server's resolver", CertificateList::new(vec![key])));
    let client = watched.watch("the client's configuration", client.unwrap());
    let server = watched.watch("the server's configuration", server.unwrap());
    (watched, client, server)
}

/// Gives `to` what `from` has to send. An error is the connection's, too.
fn carry(from: &mut Connection, to: &mut Connection) {
    let mut bytes = take_outgoing(from);
    let mut start = 0;
    while let Ok((consumed @ 1.., _)) = to.receive(&mut bytes[start..]) {
        start += consumed;
    }
}

/// The errors of both ends, after so many flights.
fn errors_over_records(trust: Trust, flights: usize) -> (Watched, [Error; 2]) {
    let (watched, client, server) = configs(trust);
    let mut client = ClientConnection::new(client, server_name());
    let mut server = ServerConnection::new(server);
    for number in 0..flights {
        match number % 2 {
            0 => carry(&mut client, &mut server),
            _ => carry(&mut server, &mut client),
        }
    }
    let alert = AlertDescription::ACCESS_DENIED;
    let errors = [client.abort(alert, "test"), server.abort(alert, "test")];
    (watched, errors)
}

fn errors_over_quic(trust: Trust, flights: usize) -> (Watched, [Error; 2]) {
    let (watched, client, server) = configs(trust);
    let (mut client, mut server) = (End::client(&client, 0), End::server(&server, 0));
    for number in 0..flights {
        let (from, to) = match number % 2 {
            0 => (&mut client, &mut server),
            _ => (&mut server, &mut client),
        };
        if let Err(error) = pass(from, to) {
            let code = quic::error_code(&error).unwrap();
            from.connection.peer_closed(code);
        }
    }
    let aborted = || {
        let alert = AlertDescription::ACCESS_DENIED;
        Error::from(ErrorKind::Aborted { alert, reason: "test".into() })
    };
    let errors = [client.connection.fail(aborted()), server.connection.fail(aborted())];
    (watched, errors)
}

#[test]
fn an_error_of_each_stage_keeps_nothing_of_the_configuration_alive() {
    let mut codes = Vec::new();
    for trust in [Trust::Both, Trust::NotTheServer, Trust::NotTheClient] {
        for flights in 0..7 {
            for errors in [errors_over_records, errors_over_quic] {
                let (watched, errors) = errors(trust, flights);
                assert_eq!(watched.0.len(), 9);
                assert_eq!(watched.left(), [""; 0], "{flights} flights: {errors:?}");
                codes.extend(errors.iter().map(|error| error.kind().code()));
            }
        }
    }
    for code in ["aborted", "certificate-rejected", "alert-received"] {
        assert!(codes.contains(&code), "{code}");
    }
}

fn has(error: &Error, what: Parameter) -> bool {
    error.diagnosis().offers.iter().any(|offer| offer.what == what)
}

#[test]
fn the_diagnosis_of_an_error_that_was_kept_has_the_certificate() {
    for errors in [errors_over_records, errors_over_quic] {
        let (_, [of_client, of_server]) = errors(Trust::NotTheServer, 3);
        assert_eq!(of_client.kind().code(), "certificate-rejected");
        assert_eq!(of_server.alert_received(), Some(AlertDescription::UNKNOWN_CA));
        assert!(has(&of_server, Parameter::Certificate), "{}", of_server.diagnosis());
    }
}

#[test]
fn the_diagnosis_of_an_error_that_was_kept_has_the_lists_of_the_configuration() {
    let (watched, client, server) = configs(Trust::Both);
    let mut client = ClientConnection::new(client, server_name());
    let mut server = ServerConnection::new(server);
    server.abort(AlertDescription::HANDSHAKE_FAILURE, "test");
    carry(&mut server, &mut client);
    let error = client.abort(AlertDescription::ACCESS_DENIED, "too late");
    drop((client, server));
    assert_eq!(watched.left(), [""; 0]);
    assert_eq!(error.alert_received(), Some(AlertDescription::HANDSHAKE_FAILURE));
    for what in [
        Parameter::CipherSuites,
        Parameter::Groups,
        Parameter::SignatureSchemes,
        Parameter::PreSharedKeys,
    ] {
        assert!(has(&error, what), "{what}: {}", error.diagnosis());
    }
}

/// Makes a key for each connection, and keeps none.
struct NewKeys {
    identity: Identity,
    watched: Mutex<Watched>,
}

impl NewKeys {
    fn new() -> Arc<Self> {
        Arc::new(Self { identity: Identity::p256(), watched: Mutex::default() })
    }

    fn key(&self) -> Arc<CertifiedKey> {
        self.watched.lock().unwrap().watch("a key", self.identity.certified_key())
    }

    /// How many keys it has made, and how many of them are still there.
    fn made_and_left(&self) -> (usize, usize) {
        let watched = self.watched.lock().unwrap();
        (watched.0.len(), watched.left().len())
    }
}

impl fmt::Debug for NewKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NewKeys")
    }
}

impl CertificateResolver for NewKeys {
    fn resolve(&self, _: &ClientHello<'_>) -> Reply<Result<Arc<CertifiedKey>, NoCertificate>> {
        Reply::Now(Ok(self.key()))
    }
}

impl ClientCertificateResolver for NewKeys {
    fn choose(
        &self,
        _: &CertificateRequest<'_>,
        _: CertificateType,
    ) -> Reply<Option<Arc<CertifiedKey>>> {
        Reply::Now(Some(self.key()))
    }
}

#[test]
fn a_connection_keeps_its_private_key_no_longer_than_its_handshake() {
    let (of_client, of_server) = (NewKeys::new(), NewKeys::new());
    let client = ClientConfig::builder(CryptoProvider::default())
        .application_protocols(["h3"])
        .trust(of_server.identity.anchors())
        .unwrap()
        .client_certificates(of_client.clone())
        .build();
    let signatures = CryptoProvider::default().signatures;
    let verifier = TrustAnchorVerifier::for_clients(of_client.identity.anchors(), signatures);
    let server = ServerConfig::builder(CryptoProvider::default())
        .application_protocols(["h3"])
        .client_authentication(ClientAuthentication::required(Arc::new(verifier)))
        .build(of_server.clone());
    let (client, server) = (Arc::new(client.unwrap()), Arc::new(server.unwrap()));

    let mut over_records = (
        ClientConnection::new(client.clone(), server_name()),
        ServerConnection::new(server.clone()),
    );
    exchange(&mut over_records.0, &mut over_records.1).unwrap();
    let over_quic = connected(&client, &server, 0);
    for keys in [of_client, of_server] {
        assert_eq!(keys.made_and_left(), (2, 0));
    }
    drop((over_records, over_quic));
}
