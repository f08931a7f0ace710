//! A server that chooses its whole configuration by the ClientHello: at once and later, with and without a
//! HelloRetryRequest.

use std::sync::{Arc, Mutex};

use handclasp::alert::AlertDescription;
use handclasp::config::{ConfigChoice, ConfigResolver, ServerConfigBuilder};
use handclasp::cookie::HmacCookies;
use handclasp::credential::{CertificateList, NoCertificate};
use handclasp::crypto::CryptoProvider;
use handclasp::handshake::{Answer, Question};
use handclasp::key_log::KeyLog;
use handclasp::record::{HEADER_LENGTH, pad_to_multiple_of};
use handclasp::registry::ContentType;
use handclasp::transport::memory::exchange;
use handclasp::verify::ClientAuthentication;
use handclasp::wire::{ClientHello, ExtensionType};
use handclasp::{
    AnswerLater, ClientConfig, ClientConnection, Error, ErrorKind, ServerConfig, ServerConnection,
};
use handclasp_testing::message::Parts;
use handclasp_testing::written::{record, vector16};
use handclasp_testing::{Identity, NAME, answer, narrow_provider, server_name, take_outgoing};

/// The clients' randoms of the secrets that were logged.
#[derive(Debug, Default)]
struct LoggedRandoms(Mutex<Vec<[u8; 32]>>);

impl KeyLog for LoggedRandoms {
    fn log(&self, _: &str, client_random: &[u8; 32], _: &[u8]) {
        self.0.lock().unwrap().push(*client_random);
    }
}

/// One server with two configurations: one of its own, and one for [`NAME`].
struct Host {
    /// Of [`NAME`].
    identity: Identity,
    /// Of the other names.
    other: Identity,
    log: Arc<LoggedRandoms>,
    other_log: Arc<LoggedRandoms>,
}

impl Host {
    fn new() -> Self {
        let (identity, other) = (Identity::p256(), Identity::p256());
        let (log, other_log) = (Arc::default(), Arc::default());
        Self { identity, other, log, other_log }
    }

    /// For [`NAME`]: client certificates, another application protocol, padding, and a key log of its own.
    fn chosen(&self, builder: ServerConfigBuilder) -> Arc<ServerConfig> {
        let builder = builder
            .application_protocols(["admin"])
            .client_authentication(ClientAuthentication::optional(Arc::new(AnswerLater)))
            .record_padding(pad_to_multiple_of(1_000))
            .key_log(self.log.clone());
        Arc::new(builder.build(list(&self.identity)).unwrap())
    }

    /// The configuration that connections are made with.
    fn server(&self, resolver: Arc<dyn ConfigResolver>) -> ServerConnection {
        let builder = ServerConfig::builder(CryptoProvider::default())
            .application_protocols(["public"])
            .config_resolver(resolver)
            .key_log(self.other_log.clone());
        let config = builder.build(list(&self.other)).unwrap();
        ServerConnection::new(Arc::new(config))
    }

    /// Trusts the two, and offers both protocols.
    fn client(&self, name: &str) -> ClientConnection {
        let mut anchors = self.identity.anchors();
        anchors.add(self.other.anchor.clone()).unwrap();
        let builder = ClientConfig::builder(CryptoProvider::default())
            .application_protocols(["public", "admin"]);
        let config = builder.trust(anchors).unwrap().build().unwrap();
        ClientConnection::new(Arc::new(config), name.to_string().try_into().unwrap())
    }
}

fn list(identity: &Identity) -> Arc<CertificateList> {
    Arc::new(CertificateList::new(vec![Arc::new(identity.certified_key())]))
}

fn provider() -> ServerConfigBuilder {
    ServerConfig::builder(CryptoProvider::default())
}

/// [`NAME`] has a configuration of its own, `localhost` has none, and others are refused.
fn by_name(hello: &ClientHello<'_>, chosen: &Arc<ServerConfig>) -> ConfigChoice {
    match hello.dns_name().as_deref() {
        Some(NAME) => ConfigChoice::Use(chosen.clone()),
        Some("localhost") => ConfigChoice::Keep,
        _ => ConfigChoice::Refuse,
    }
}

/// Makes the choice at once.
fn resolver_by_name(chosen: &Arc<ServerConfig>) -> Arc<dyn ConfigResolver> {
    let chosen = chosen.clone();
    Arc::new(move |hello: &ClientHello<'_>| by_name(hello, &chosen))
}

/// The first record of a client of [`NAME`], with these bytes as its server_name.
fn hello_with_name(host: &Host, name: &[u8]) -> Vec<u8> {
    let sent = take_outgoing(&mut host.client(NAME));
    let mut hello = Parts::parse(&sent[HEADER_LENGTH..]);
    *hello.get(ExtensionType::SERVER_NAME) = vector16(&[&[0][..], &vector16(name)].concat());
    record(ContentType::HANDSHAKE, &hello.build())
}

/// The length of the record that protects one byte of the server.
fn record_of_one_byte(server: &mut ServerConnection) -> usize {
    take_outgoing(server);
    server.write(b"x").unwrap();
    take_outgoing(server).len()
}

/// Runs the handshake, and answers the question about the configuration. Returns how often it was asked.
fn run(
    client: &mut ClientConnection,
    server: &mut ServerConnection,
    choose: impl Fn(&ClientHello<'_>) -> Answer,
) -> Result<usize, Error> {
    let mut asked = 0;
    loop {
        exchange(client, server)?;
        let Some(Question::ChooseConfig(question)) = server.question() else { return Ok(asked) };
        let choice = choose(&question.client_hello()?);
        asked += 1;
        answer(server, choice)?;
    }
}

/// What is negotiated with a client of each name, and what the server does then.
fn check_choices(host: &Host, resolver: Arc<dyn ConfigResolver>, chosen: &Arc<ServerConfig>) {
    for (name, protocol, identity) in
        [(NAME, "admin", &host.identity), ("localhost", "public", &host.other)]
    {
        let (mut client, mut server) = (host.client(name), host.server(resolver.clone()));
        run(&mut client, &mut server, |hello| Answer::Config(by_name(hello, chosen))).unwrap();
        let parameters = client.parameters();
        assert_eq!(parameters.application_protocol.as_deref(), Some(protocol.as_bytes()));
        assert_eq!(parameters.certificates.as_deref(), Some(&identity.chain[..]));
        assert_eq!(server.parameters().server_name.as_deref(), Some(name));

        let is_chosen = protocol == "admin";
        let (log, silent) = match is_chosen {
            true => (&host.log, &host.other_log),
            false => (&host.other_log, &host.log),
        };
        let randoms = std::mem::take(&mut *log.0.lock().unwrap());
        assert!(randoms.len() >= 4 && randoms.iter().all(|random| *random != [0; 32]));
        assert_eq!(silent.0.lock().unwrap().len(), 0);
        assert_eq!(record_of_one_byte(&mut server) > 1_000, is_chosen);
    }
    // A client of an address sends no server_name.
    for (name, alert) in [
        ("other.example", AlertDescription::UNRECOGNIZED_NAME),
        ("127.0.0.1", AlertDescription::MISSING_EXTENSION),
    ] {
        let (mut client, mut server) = (host.client(name), host.server(resolver.clone()));
        let refused = run(&mut client, &mut server, |hello| Answer::Config(by_name(hello, chosen)));
        let error = server.check().unwrap_err();
        assert!(refused.is_err() && error.alert_sent() == Some(alert), "{error}");
        let names_it = matches!(error.kind(), ErrorKind::UnrecognizedName(it) if it == name);
        assert_eq!(names_it, alert == AlertDescription::UNRECOGNIZED_NAME, "{error}");
    }
}

/// As a server does that answers the challenges of ACME (RFC 8737).
#[test]
fn a_configuration_may_be_chosen_by_the_application_protocols() {
    let host = Host::new();
    let chosen = host.chosen(provider());
    let resolver = Arc::new(move |hello: &ClientHello<'_>| {
        let offered = hello.application_protocols;
        match offered.is_some_and(|names| names.iter().any(|name| name == b"admin")) {
            true => ConfigChoice::Use(chosen.clone()),
            false => ConfigChoice::Keep,
        }
    });
    for (protocol, identity) in [("admin", &host.identity), ("public", &host.other)] {
        let builder = ClientConfig::builder(CryptoProvider::default());
        let builder = builder.application_protocols([protocol]).trust(identity.anchors());
        let client = Arc::new(builder.unwrap().build().unwrap());
        let mut client = ClientConnection::new(client, server_name());
        exchange(&mut client, &mut host.server(resolver.clone())).unwrap();
        let parameters = client.parameters();
        assert_eq!(parameters.application_protocol.as_deref(), Some(protocol.as_bytes()));
        assert_eq!(parameters.certificates.as_deref(), Some(&identity.chain[..]));
    }
}

/// RFC 9846, section 9.2: both resolvers can need a name.
#[test]
fn a_server_that_needs_a_name_says_which_extension_is_missing() {
    let identity = Identity::p256();
    for (name, alert) in [
        ("other.example", AlertDescription::UNRECOGNIZED_NAME),
        ("127.0.0.1", AlertDescription::MISSING_EXTENSION),
    ] {
        let config = Arc::new(provider().build(Arc::new(AnswerLater)).unwrap());
        let name = name.to_string().try_into().unwrap();
        let mut client = ClientConnection::new(identity.client_config(), name);
        let mut server = ServerConnection::new(config);
        exchange(&mut client, &mut server).unwrap();
        let refused = answer(&mut server, Answer::Certificate(Err(NoCertificate::UnknownName)));
        let error = refused.unwrap_err();
        assert_eq!(error.alert_sent(), Some(alert), "{error}");
        let is_missing = alert == AlertDescription::MISSING_EXTENSION;
        assert_eq!(error.to_string().contains("server_name"), is_missing, "{error}");
    }
}

#[test]
fn the_whole_configuration_is_chosen_at_once() {
    let host = Host::new();
    let chosen = host.chosen(provider());
    check_choices(&host, resolver_by_name(&chosen), &chosen);
}

#[test]
fn the_whole_configuration_is_chosen_later() {
    let host = Host::new();
    check_choices(&host, Arc::new(AnswerLater), &host.chosen(provider()));
}

/// A client cannot avoid a configuration, and keep its name, by another spelling of the name.
#[test]
fn a_name_chooses_the_same_configuration_in_each_spelling() {
    let host = Host::new();
    let chosen = host.chosen(provider());
    for resolver in [resolver_by_name(&chosen), Arc::new(AnswerLater)] {
        for name in ["server.example", "SERVER.example", "server.example.", "sErVeR.EXAMPLE."] {
            let mut server = host.server(resolver.clone());
            server.receive(&mut hello_with_name(&host, name.as_bytes())).unwrap();
            if server.question().is_some_and(|it| matches!(it, Question::ChooseConfig(_))) {
                answer(&mut server, Answer::Config(ConfigChoice::Use(chosen.clone()))).unwrap();
            }
            let parameters = server.parameters();
            assert_eq!(parameters.server_name.as_deref(), Some(NAME), "{name}");
            assert_eq!(parameters.application_protocol.as_deref(), Some(&b"admin"[..]), "{name}");
        }
    }
}

#[test]
fn resolvers_see_the_name_that_the_connection_has() {
    let host = Host::new();
    for (name, expected) in [
        ("A.Example", Some("a.example")),
        ("a.EXAMPLE.", Some("a.example")),
        ("127.0.0.1", None),
        ("::1", None),
    ] {
        let mut server = host.server(Arc::new(AnswerLater));
        server.receive(&mut hello_with_name(&host, name.as_bytes())).unwrap();
        let Some(Question::ChooseConfig(question)) = server.question() else { panic!("{name}") };
        let hello = question.client_hello().unwrap();
        assert_eq!(hello.server_name, Some(name.as_bytes()), "the bytes of the client");
        assert_eq!(hello.dns_name().as_deref(), expected);
        answer(&mut server, Answer::Config(ConfigChoice::Keep)).unwrap();
        assert_eq!(server.parameters().server_name.as_deref(), expected);
    }
}

#[test]
fn the_choice_stays_after_a_hello_retry_request() {
    let host = Host::new();
    // The client has no share for the group of this configuration.
    let chosen = host.chosen(ServerConfig::builder(narrow_provider(0, 1)));
    let (mut client, mut server) = (host.client(NAME), host.server(Arc::new(AnswerLater)));
    let asked = run(&mut client, &mut server, |hello| Answer::Config(by_name(hello, &chosen)));
    assert_eq!(asked.unwrap(), 1);
    assert!(client.parameters().retried && !client.is_handshaking() && !server.is_handshaking());
    assert_eq!(client.parameters().application_protocol.as_deref(), Some(&b"admin"[..]));
}

#[test]
fn there_is_a_choice_for_a_second_client_hello_on_another_connection() {
    let host = Host::new();
    let cookies = HmacCookies::random(&*CryptoProvider::default().random).unwrap();
    let builder = ServerConfig::builder(narrow_provider(0, 1)).cookies(Arc::new(cookies));
    let resolver = resolver_by_name(&host.chosen(builder));
    let mut client = host.client(NAME);
    let mut first = host.server(resolver.clone());
    let mut hello = take_outgoing(&mut client);
    first.receive(&mut hello).unwrap();
    let mut retry = take_outgoing(&mut first);
    client.receive(&mut retry).unwrap();
    let mut second = host.server(resolver);
    exchange(&mut client, &mut second).unwrap();
    assert!(client.parameters().retried && !client.is_handshaking() && !second.is_handshaking());
    assert_eq!(client.parameters().application_protocol.as_deref(), Some(&b"admin"[..]));
}

#[test]
fn a_choice_that_cannot_be_made_is_the_servers_fault() {
    let host = Host::new();
    let (mut client, mut server) = (host.client(NAME), host.server(Arc::new(AnswerLater)));
    let failed =
        run(&mut client, &mut server, |_| Answer::Unavailable("the database is away".into()));
    let error = failed.unwrap_err();
    assert_eq!(error.alert_sent(), Some(AlertDescription::INTERNAL_ERROR));
    assert!(error.to_string().contains("choose configuration"), "{error}");
}

#[test]
fn the_resolver_of_a_chosen_configuration_is_not_asked() {
    let host = Host::new();
    let chosen = host.chosen(provider().config_resolver(Arc::new(AnswerLater)));
    let (mut client, mut server) = (host.client(NAME), host.server(Arc::new(AnswerLater)));
    let asked = run(&mut client, &mut server, |hello| Answer::Config(by_name(hello, &chosen)));
    assert_eq!(asked.unwrap(), 1);
    assert!(!server.is_handshaking());
}

#[test]
fn a_client_hello_before_any_choice_is_limited_by_the_first_configuration() {
    let identity = Identity::p256();
    let mut limits = handclasp::config::Limits::default();
    limits.handshake_message = 200;
    let config = provider().limits(limits).config_resolver(Arc::new(AnswerLater));
    let config = Arc::new(config.build(list(&identity)).unwrap());
    let mut client = ClientConnection::new(identity.client_config(), server_name());
    let mut server = ServerConnection::new(config);
    let error = exchange(&mut client, &mut server).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::LimitExceeded { .. }), "{error}");
}
