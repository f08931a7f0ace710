//! External keys together with certificates (RFC 9973): both are used, and nothing takes the place of
//! both where the client requires them.

use std::sync::Arc;

use handclasp::alert::AlertDescription;
use handclasp::credential::CertificateList;
use handclasp::crypto::{CryptoProvider, HashAlgorithm};
use handclasp::handshake::{Handshake, Step};
use handclasp::key_schedule::PskKind;
use handclasp::pki_types::ServerName;
use handclasp::psk::{CertWithExternPsk, PreSharedKey, PskImporter, PskList};
use handclasp::session::MemoryClientSessions;
use handclasp::verify::{ClientAuthentication, TrustAnchorVerifier};
use handclasp::wire::{ClientHello, ExtensionType, HandshakeMessage, ServerHello};
use handclasp::{ClientConfig, ClientConnection, Error, ErrorKind, Level, ServerConfig};
use handclasp_testing::sessions::{LIFETIME, ticket_keys, time};
use handclasp_testing::{Identity, narrow_provider, pre_shared_secret, server_name};

use AlertDescription as A;
use CertWithExternPsk::{Disabled, Optional, Required};

const EXTENSION: ExtensionType = ExtensionType::TLS_CERT_WITH_EXTERN_PSK;

fn external(identity: &str) -> PreSharedKey {
    PreSharedKey::external(identity.as_bytes(), &pre_shared_secret()).unwrap()
}

/// What both sides have.
struct World {
    server: Identity,
    client: Identity,
    key: PreSharedKey,
    store: Arc<MemoryClientSessions>,
}

impl World {
    fn new() -> Self {
        Self {
            server: Identity::p256(),
            client: Identity::p256(),
            key: external("ours"),
            store: Arc::new(MemoryClientSessions::new(8)),
        }
    }

    fn client(&self, offer: CertWithExternPsk) -> handclasp::config::ClientConfigBuilder {
        let list = CertificateList::new(vec![Arc::new(self.client.certified_key())]);
        ClientConfig::builder(CryptoProvider::default())
            .trust(self.server.anchors())
            .unwrap()
            .client_certificates(Arc::new(list))
            .sessions(self.store.clone())
            .pre_shared_keys(vec![self.key.clone()])
            .cert_with_extern_psk(offer)
    }

    fn server(&self, policy: CertWithExternPsk) -> handclasp::config::ServerConfigBuilder {
        self.server_with(CryptoProvider::default(), policy)
    }

    fn server_with(
        &self,
        provider: CryptoProvider,
        policy: CertWithExternPsk,
    ) -> handclasp::config::ServerConfigBuilder {
        ServerConfig::builder(provider)
            .sessions(ticket_keys())
            .pre_shared_keys(Arc::new(PskList::new(vec![self.key.clone()])))
            .cert_with_extern_psk(policy)
    }

    fn required_of_clients(&self) -> ClientAuthentication {
        let signatures = CryptoProvider::default().signatures;
        let verifier = TrustAnchorVerifier::for_clients(self.client.anchors(), signatures);
        ClientAuthentication::required(Arc::new(verifier))
    }

    fn connect(
        &self,
        client: handclasp::config::ClientConfigBuilder,
        server: handclasp::config::ServerConfigBuilder,
    ) -> Met {
        let list = CertificateList::new(vec![Arc::new(self.server.certified_key())]);
        let server = Arc::new(server.build(Arc::new(list)).unwrap());
        let client = Arc::new(client.build().unwrap());
        let mut client = Handshake::client(client, server_name(), time(0));
        let mut server = Handshake::server(server, time(0));
        client.start().unwrap();
        let mut hellos = Vec::new();
        let error = loop {
            let mut moved = 0;
            let result = move_messages(&mut client, &mut server, &mut hellos, &mut moved)
                .and_then(|()| move_messages(&mut server, &mut client, &mut hellos, &mut moved));
            match result {
                Err(error) => break Some(error),
                Ok(()) if moved == 0 => break None,
                Ok(()) => {}
            }
        };
        Met { client, server, hellos, alert: error.map(|error| error.alert_sent().unwrap()) }
    }
}

/// What came of a handshake.
struct Met {
    client: Handshake,
    server: Handshake,
    /// The ClientHellos and ServerHellos, in their order.
    hellos: Vec<Vec<u8>>,
    alert: Option<AlertDescription>,
}

fn move_messages(
    from: &mut Handshake,
    to: &mut Handshake,
    hellos: &mut Vec<Vec<u8>>,
    moved: &mut usize,
) -> Result<(), Error> {
    while let Some(step) = from.next_step() {
        let Step::Send { level, bytes } = step else { continue };
        *moved += 1;
        if level == Level::Initial {
            hellos.push(bytes.to_vec());
        }
        to.receive(level, &bytes)?;
    }
    Ok(())
}

impl Met {
    /// Both were used on both sides.
    fn used_both(&self) -> bool {
        assert_eq!(self.alert, None);
        assert!(self.client.is_complete() && self.server.is_complete());
        let (client, server) = (self.client.parameters(), self.server.parameters());
        assert_eq!(client.cert_with_extern_psk, server.cert_with_extern_psk);
        assert_eq!(client.pre_shared_key, server.pre_shared_key);
        if client.cert_with_extern_psk {
            assert!(client.certificates.is_some() && client.signature_scheme.is_some());
            assert!(client.pre_shared_key.is_some_and(|kind| kind != PskKind::Resumption));
        }
        client.cert_with_extern_psk
    }

    fn client_hellos(&self) -> Vec<ClientHello<'_>> {
        let messages = self.hellos.iter().map(|bytes| HandshakeMessage::split(bytes).unwrap().0);
        let of_client = messages.filter(|message| message.kind.0 == 1);
        of_client.map(|message| ClientHello::parse(message.body).unwrap()).collect()
    }
}

#[test]
fn the_server_authenticates_with_its_certificate_and_the_key_is_used_as_well() {
    for offer in [Optional, Required] {
        let world = World::new();
        let met = world.connect(world.client(offer), world.server(Optional));
        assert!(met.used_both());
        assert_eq!(met.server.parameters().certificates, None);
        let chain = met.client.parameters().certificates.clone().unwrap();
        assert_eq!(chain[..], world.server.chain[..]);
        // A session could not be checked again: there is none.
        assert!(world.store.sessions().is_empty());
    }
}

#[test]
fn the_client_authenticates_with_its_certificate_where_it_is_asked() {
    let world = World::new();
    let server = world.server(Optional).client_authentication(world.required_of_clients());
    let met = world.connect(world.client(Required), server);
    assert!(met.used_both());
    let chain = met.server.parameters().certificates.clone().unwrap();
    assert_eq!(chain[..], world.client.chain[..]);
    assert!(met.server.parameters().client_signature_scheme.is_some());
}

#[test]
fn the_first_key_that_the_server_knows_is_used() {
    let world = World::new();
    let importer = PskImporter::new(b"imported", &pre_shared_secret()).unwrap();
    let imported = importer.import(&CryptoProvider::default()).unwrap();
    for key in [world.key.clone(), imported[0].clone()] {
        let keys = vec![external("a"), external("b"), key.clone(), external("c")];
        let client = world.client(Required).pre_shared_keys(keys);
        let server =
            world.server(Optional).pre_shared_keys(Arc::new(PskList::new(vec![key.clone()])));
        let met = world.connect(client, server);
        assert!(met.used_both());
        assert_eq!(met.client.parameters().pre_shared_key, Some(key.kind()));
    }
}

#[test]
fn a_retry_keeps_the_extension() {
    let world = World::new();
    // The server has one group only, for which there is no share.
    let met =
        world.connect(world.client(Required), world.server_with(narrow_provider(0, 2), Optional));
    assert!(met.used_both() && met.client.parameters().retried);
    let hellos = met.client_hellos();
    assert_eq!(hellos.len(), 2);
    assert!(hellos.iter().all(|hello| hello.extensions.get(EXTENSION).is_some()));
}

#[test]
fn a_retry_for_a_suite_without_a_key_ends_the_handshake() {
    // RFC 9973, section 5: the second ClientHello has the extension, or there is none.
    let world = World::new();
    let server = world.server_with(narrow_provider(1, 2), Optional);
    assert_eq!(world.connect(world.client(Optional), server).alert, Some(A::HANDSHAKE_FAILURE));
}

#[test]
fn a_client_that_requires_both_takes_neither_alone() {
    let world = World::new();
    let other = || Arc::new(PskList::new(vec![external("other")]));
    // A server that does not know the extension uses the key alone. One that does not know the key
    // uses its certificate alone.
    for (server, alone) in [
        (world.server(Disabled), Some(PskKind::External)),
        (world.server(Optional).pre_shared_keys(other()), None),
        (world.server(Disabled).pre_shared_keys(other()), None),
    ] {
        let server = move || server;
        let server = server();
        let list = CertificateList::new(vec![Arc::new(world.server.certified_key())]);
        let server = Arc::new(server.build(Arc::new(list)).unwrap());
        for (offer, alert) in
            [(Required, Some(A::MISSING_EXTENSION)), (Optional, None), (Disabled, None)]
        {
            let config = Arc::new(world.client(offer).build().unwrap());
            let mut client = Handshake::client(config, server_name(), time(0));
            let mut server = Handshake::server(server.clone(), time(0));
            client.start().unwrap();
            let (mut hellos, mut moved) = (Vec::new(), 0);
            move_messages(&mut client, &mut server, &mut hellos, &mut moved).unwrap();
            let result = move_messages(&mut server, &mut client, &mut hellos, &mut moved);
            assert_eq!(result.err().map(|error| error.alert_sent().unwrap()), alert);
            if alert.is_none() {
                assert_eq!(client.parameters().pre_shared_key, alone, "{offer:?}");
                assert!(!client.parameters().cert_with_extern_psk);
            }
            handclasp::session::ClientSessionStore::forget(&*world.store, &server_name());
        }
    }
}

#[test]
fn a_server_that_requires_both_takes_neither_alone() {
    let world = World::new();
    let keys = || world.key.clone();
    let missing = Some(A::MISSING_EXTENSION);
    for (offer, offered, alert) in [
        // A key alone, and a certificate alone.
        (Disabled, vec![keys()], missing),
        (Disabled, vec![], missing),
        (Optional, vec![], missing),
        // Both, but none of the keys is the server's.
        (Optional, vec![external("other")], Some(A::UNKNOWN_PSK_IDENTITY)),
        (Required, vec![external("other")], Some(A::UNKNOWN_PSK_IDENTITY)),
        (Optional, vec![external("other"), keys()], None),
        (Required, vec![keys()], None),
    ] {
        // With a retry, too: the server has one group only, for which there is no share.
        for provider in [CryptoProvider::default(), narrow_provider(0, 2)] {
            let client = world.client(offer).pre_shared_keys(offered.clone());
            let met = world.connect(client, world.server_with(provider, Required));
            assert_eq!(met.alert, alert, "{offer:?} {offered:?}");
            match alert {
                Some(_) => assert!(!met.server.is_complete()),
                None => assert!(met.used_both()),
            }
        }
    }
}

/// RFC 9973, section 7: a key is not the sole basis for authentication.
#[test]
fn a_member_of_the_group_of_a_key_does_not_get_in_without_its_certificate() {
    let world = World::new();
    let nothing = || Arc::new(CertificateList::new(Vec::new()));
    for offer in [Disabled, Optional, Required] {
        for (has_certificate, gets_in) in [(true, offer != Disabled), (false, false)] {
            let server = world.server(Required).client_authentication(world.required_of_clients());
            let client = match has_certificate {
                true => world.client(offer),
                false => world.client(offer).client_certificates(nothing()),
            };
            let met = world.connect(client, server);
            assert_eq!(met.server.is_complete(), gets_in, "{offer:?} {has_certificate}");
            assert_eq!(met.server.parameters().certificates.is_some(), gets_in);
        }
    }
}

#[test]
fn a_server_that_requires_both_resumes_no_session_that_another_configuration_made() {
    let (world, keys) = (World::new(), ticket_keys());
    for of_session in [vec![], vec![world.key.clone()]] {
        let client = world.client(Disabled).pre_shared_keys(of_session.clone());
        let met = world.connect(client, world.server(Optional).sessions(keys.clone()));
        assert_eq!(met.alert, None);
        assert!(!world.store.sessions().is_empty());
        let client = world.client(Disabled).pre_shared_keys(of_session);
        let met = world.connect(client, world.server(Required).sessions(keys.clone()));
        assert_eq!(met.alert, Some(A::MISSING_EXTENSION));
    }
}

#[test]
fn a_client_that_requires_a_key_and_has_none_for_the_server_sends_nothing() {
    let world = World::new();
    let elsewhere = world.key.clone().for_server(ServerName::try_from("other.example").unwrap());
    for keys in [vec![], vec![elsewhere]] {
        let config = Arc::new(world.client(Required).pre_shared_keys(keys).build().unwrap());
        let client = ClientConnection::new(config, server_name());
        let error = client.check().unwrap_err();
        assert_eq!(error.kind(), &ErrorKind::NoPreSharedKey("server.example".into()));
        assert_eq!(error.alert_sent(), None);
        assert!(client.outgoing().is_empty());
    }
}

#[test]
fn an_answer_without_the_extension_is_no_way_to_a_key_alone() {
    // An attacker removes the extension from the ServerHello.
    for (offer, alert) in [(Required, A::MISSING_EXTENSION), (Optional, A::UNEXPECTED_MESSAGE)] {
        let world = World::new();
        let list = CertificateList::new(vec![Arc::new(world.server.certified_key())]);
        let server = Arc::new(world.server(Optional).build(Arc::new(list)).unwrap());
        let config = Arc::new(world.client(offer).build().unwrap());
        let mut client = Handshake::client(config, server_name(), time(0));
        let mut server = Handshake::server(server, time(0));
        client.start().unwrap();
        move_messages(&mut client, &mut server, &mut Vec::new(), &mut 0).unwrap();
        let mut result = Ok(());
        while let Some(step) = server.next_step() {
            let Step::Send { level, bytes } = step else { continue };
            let mut bytes = bytes.to_vec();
            if level == Level::Initial {
                let (message, _) = HandshakeMessage::split(&bytes).unwrap();
                let hello = ServerHello::parse(message.body).unwrap();
                assert!(hello.cert_with_extern_psk);
                bytes = without_extension(&bytes);
            }
            result = result.and_then(|()| client.receive(level, &bytes));
        }
        let error = result.and_then(|()| client.check()).unwrap_err();
        assert_eq!(error.alert_sent(), Some(alert), "{error}");
    }
}

/// A ServerHello without the extension, which is empty.
fn without_extension(message: &[u8]) -> Vec<u8> {
    let code = EXTENSION.0.to_be_bytes();
    let extension = [code[0], code[1], 0, 0];
    let at = message.windows(4).position(|window| window == extension).unwrap();
    let mut out = [&message[..at], &message[at + 4..]].concat();
    // The length of the message, and that of the extensions, which follow 40 bytes and the session ID.
    out[3] -= 4;
    let lengths_at = 4 + 2 + 32 + 1 + usize::from(message[38]) + 3;
    out[lengths_at + 1] -= 4;
    out
}

#[test]
fn a_wrong_key_is_refused() {
    let world = World::new();
    let other = Arc::new(PskList::new(vec![external("ours")]));
    let met = world.connect(world.client(Required), world.server(Optional).pre_shared_keys(other));
    assert_eq!(met.alert, Some(A::ILLEGAL_PARAMETER));
}

#[test]
fn a_wrong_certificate_is_refused_although_the_key_is_right() {
    let world = World::new();
    let client = world.client(Required).trust(Identity::p256().anchors()).unwrap();
    assert_eq!(world.connect(client, world.server(Optional)).alert, Some(A::UNKNOWN_CA));
    // The client's certificate, too.
    let stranger = World::new();
    let server = world.server(Optional).client_authentication(stranger.required_of_clients());
    assert_eq!(world.connect(world.client(Required), server).alert, Some(A::UNKNOWN_CA));
}

#[test]
fn no_session_no_key_of_a_ticket_and_no_early_data_are_offered() {
    let world = World::new();
    // A session from before the option was set.
    let met =
        world.connect(world.client(Disabled).pre_shared_keys(Vec::new()), world.server(Disabled));
    assert_eq!(met.alert, None);
    assert!(!world.store.sessions().is_empty());
    let secret = pre_shared_secret();
    let ticket =
        PreSharedKey::new(b"ticket", &secret, HashAlgorithm::Sha256, PskKind::Resumption).unwrap();
    let keys = vec![ticket, world.key.clone()];
    let client = world.client(Optional).pre_shared_keys(keys).early_data(true);
    let met = world.connect(client, world.server(Optional));
    assert!(met.used_both());
    let hellos = met.client_hellos();
    let offered = hellos[0].pre_shared_keys.unwrap();
    let identities: Vec<_> = offered.iter().map(|(psk, _)| psk.identity.to_vec()).collect();
    assert_eq!(identities, [b"ours"]);
    assert!(!hellos[0].early_data);
}

#[test]
fn a_ticket_among_the_keys_is_an_illegal_parameter() {
    // RFC 9973, section 5.1. A client that takes its ticket for an external key.
    let world = World::new();
    let server = world.server(Optional);
    let met = world.connect(world.client(Disabled).pre_shared_keys(Vec::new()), server);
    assert_eq!(met.alert, None);
    let keys = ticket_keys();
    let session =
        handclasp::session::SessionStore::put(&*keys, b"a session", time(0), LIFETIME).unwrap();
    let ticket = PreSharedKey::external(&session, &pre_shared_secret()).unwrap();
    let client = world.client(Optional).pre_shared_keys(vec![ticket, world.key.clone()]);
    let met = world.connect(client, world.server(Optional).sessions(keys));
    assert_eq!(met.alert, Some(A::ILLEGAL_PARAMETER));
    // A resolver that has the key of a ticket.
    let (secret, kind) = (pre_shared_secret(), PskKind::Resumption);
    let known = PreSharedKey::new(b"ours", &secret, HashAlgorithm::Sha256, kind).unwrap();
    let server = world.server(Optional).pre_shared_keys(Arc::new(PskList::new(vec![known])));
    let met = world.connect(world.client(Optional), server);
    assert_eq!(met.alert, Some(A::ILLEGAL_PARAMETER));
}

/// RFC 9973, section 4: with the extension there is pre_shared_key.
#[test]
fn a_key_for_a_hash_that_no_offered_suite_has_is_not_offered_with_the_extension() {
    let world = World::new();
    // TLS_AES_256_GCM_SHA384 alone; the key is for SHA-256.
    let client = ClientConfig::builder(narrow_provider(1, 0))
        .trust(world.server.anchors())
        .unwrap()
        .pre_shared_keys(vec![world.key.clone()])
        .cert_with_extern_psk(Optional);
    let met = world.connect(client, world.server(Optional));
    assert_eq!(met.alert, None);
    let [hello] = &met.client_hellos()[..] else { panic!("one ClientHello") };
    let kinds: Vec<_> = hello.extensions.iter().map(|extension| extension.kind).collect();
    assert!(!kinds.contains(&EXTENSION) && !kinds.contains(&ExtensionType::PRE_SHARED_KEY));
    assert!(!met.used_both());
    assert!(met.client.parameters().certificates.is_some());
}
