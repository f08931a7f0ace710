//! Sessions belong to what they rest on: configurations that share a store or ticket keys resume
//! what they would accept themselves, and nothing else. One table over both roles.

use std::sync::Arc;

use handclasp::certificate::CertificateError;
use handclasp::connection::Options;
use handclasp::credential::CertificateList;
use handclasp::crypto::CryptoProvider;
use handclasp::handshake::{Answer, Question};
use handclasp::key_schedule::PskKind;
use handclasp::psk::{ChosenPsk, PreSharedKey, PskList};
use handclasp::session::MemoryClientSessions;
use handclasp::verify::{
    ClientAuthentication, PeerVerifier, SpkiPin, SpkiPins, TrustAnchorVerifier,
};
use handclasp::{
    AnswerLater, CertifiedKey, ClientConfig, ClientConnection, Connection, ServerConfig,
};
use handclasp_testing::sessions::{self, server_at, talk, ticket_keys, time};
use handclasp_testing::{Identity, server_name};

/// What is there in all of the table: a server, two clients with certificates, a stranger, and keys.
struct World {
    server: Identity,
    alice: Identity,
    bob: Identity,
    stranger: Identity,
    store: Arc<MemoryClientSessions>,
    ticket_keys: Arc<handclasp::session::TicketKeys>,
}

/// A pre-shared key.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Key {
    Ours,
    /// Another key under the same identity.
    Replaced,
    Other,
}

impl Key {
    fn key(self) -> PreSharedKey {
        let (identity, seed): (&[u8], &[u8]) = match self {
            Self::Ours => (b"ours", b"one"),
            Self::Replaced => (b"ours", b"two"),
            Self::Other => (b"other", b"three"),
        };
        let secret = CryptoProvider::default().cipher_suites[0].hash.digest(seed);
        PreSharedKey::external(identity, &secret).unwrap()
    }
}

/// Who verifies the peer.
#[derive(Clone, Copy, Debug)]
enum Verifier {
    /// Anchors that the peer's certificates lead to: of the server, of both clients.
    Right,
    /// Other anchors.
    Wrong,
    /// The very raw public key of the peer: of the server, of Alice.
    Pin,
    /// Another one.
    WrongPin,
    /// A service, which answers later.
    Later,
}

/// Which certificate a client has to show.
#[derive(Clone, Copy, Debug)]
enum Own {
    None,
    Alice,
    Bob,
    AliceRaw,
    Later,
}

/// Where a server finds pre-shared keys.
#[derive(Clone, Copy, Debug)]
enum Keys {
    None,
    List(&'static [Key]),
    Later,
}

#[derive(Clone, Copy, Debug)]
struct Client {
    verifier: Verifier,
    keys: &'static [Key],
    own: Own,
}

#[derive(Clone, Copy, Debug)]
struct Server {
    /// The rule for clients, where they are asked: who verifies them, and must they show something?
    clients: Option<(Verifier, bool)>,
    keys: Keys,
    /// It shows its raw public key in place of its certificate.
    raw: bool,
}

/// The answer to a question of the second connection.
#[derive(Clone, Copy, Debug)]
enum Say {
    Yes,
    No,
    Key(Key),
    Show(Own),
}

/// One meeting, then another one.
struct Row {
    what: &'static str,
    was: (Client, Server),
    is: (Client, Server),
    say: &'static [Say],
    /// The questions that the second connection asks before it is known what comes of the session.
    asks: &'static [&'static str],
    resumes: bool,
}

const CLIENT: Client = Client { verifier: Verifier::Right, keys: &[], own: Own::None };
const SERVER: Server = Server { clients: None, keys: Keys::None, raw: false };
/// Both have a key.
const WITH_KEY: Client = Client { keys: &[Key::Ours], ..CLIENT };
const WITH_KEYS: Server = Server { keys: Keys::List(&[Key::Ours, Key::Other]), ..SERVER };
const LATER_KEYS: Server = Server { keys: Keys::Later, ..SERVER };
const BY_LOOK_UP: (Client, Server) = (WITH_KEY, LATER_KEYS);
/// The client is asked, and is Alice.
const ALICE: Client = Client { own: Own::Alice, ..CLIENT };
const ALICE_RAW: Client = Client { own: Own::AliceRaw, ..CLIENT };
const ASKING: Server = asking(Verifier::Right);
/// The server shows a raw public key.
const RAW: Server = Server { raw: true, ..SERVER };
const PINNING: Client = Client { verifier: Verifier::Pin, ..CLIENT };
const LATER: Client = Client { verifier: Verifier::Later, ..CLIENT };

const fn asking(verifier: Verifier) -> Server {
    Server { clients: Some((verifier, false)), ..SERVER }
}

const fn requiring(server: Server) -> Server {
    Server { clients: Some((Verifier::Right, true)), ..server }
}

const fn row(
    what: &'static str,
    was: (Client, Server),
    is: (Client, Server),
    resumes: bool,
) -> Row {
    Row { what, was, is, say: &[], asks: &[], resumes }
}

const VERIFY: &str = "verify peer";
const RESOLVE: &str = "resolve PSK";
const CHOOSE: &str = "choose client certificate";

/// What servers ask about the keys of their clients.
fn of_keys() -> Vec<Row> {
    let key = (WITH_KEY, WITH_KEYS);
    let staff = Server { keys: Keys::List(&[Key::Other]), ..requiring(SERVER) };
    vec![
        row("no identity, and none is asked for", (CLIENT, SERVER), (CLIENT, SERVER), true),
        row("no identity, where one was asked for", (CLIENT, ASKING), (CLIENT, ASKING), true),
        row(
            "no identity, where one is required",
            (CLIENT, ASKING),
            (CLIENT, requiring(SERVER)),
            false,
        ),
        row("a key, and it is there", key, key, true),
        row(
            "a key that is still on another list",
            key,
            (WITH_KEY, Server { keys: Keys::List(&[Key::Ours]), ..SERVER }),
            true,
        ),
        row(
            "a key that was taken away",
            key,
            (WITH_KEY, Server { keys: Keys::List(&[Key::Other]), ..SERVER }),
            false,
        ),
        row(
            "a key that was replaced",
            key,
            (WITH_KEY, Server { keys: Keys::List(&[Key::Replaced]), ..SERVER }),
            false,
        ),
        row("a key, where no keys are taken", key, (WITH_KEY, SERVER), false),
        row(
            "a guest's key at the staff's door",
            (WITH_KEY, requiring(WITH_KEYS)),
            (WITH_KEY, staff),
            false,
        ),
        row(
            "a key, where a certificate is required of others",
            (WITH_KEY, requiring(WITH_KEYS)),
            (WITH_KEY, requiring(WITH_KEYS)),
            true,
        ),
    ]
}

/// What servers ask about keys that they look up elsewhere.
fn of_keys_elsewhere() -> Vec<Row> {
    let looked_up = |what, say, resumes| Row {
        say,
        asks: &[RESOLVE],
        ..row(what, BY_LOOK_UP, BY_LOOK_UP, resumes)
    };
    vec![
        looked_up("a key that is looked up and found", &[Say::Key(Key::Ours)], true),
        looked_up("a key that is looked up and gone", &[Say::No, Say::No], false),
        looked_up(
            "a key that is looked up and replaced",
            &[Say::Key(Key::Replaced), Say::No],
            false,
        ),
        looked_up(
            "a key that is looked up and another one",
            &[Say::Key(Key::Other), Say::No],
            false,
        ),
    ]
}

/// What servers ask about the certificates of their clients.
fn of_certificates() -> Vec<Row> {
    let alice = (ALICE, ASKING);
    let by_service = (ALICE, asking(Verifier::Later));
    let pinned = (ALICE_RAW, asking(Verifier::Pin));
    let asked =
        |what, is, say, asks, resumes| Row { say, asks, ..row(what, by_service, is, resumes) };
    vec![
        row("a certificate, and it is trusted", alice, alice, true),
        row("a certificate that is not trusted", alice, (ALICE, asking(Verifier::Wrong)), false),
        row(
            "a certificate, where keys alone are taken",
            alice,
            (ALICE, asking(Verifier::Pin)),
            false,
        ),
        row("a certificate, where none is asked for", alice, (ALICE, SERVER), false),
        asked("a certificate that a service knows", by_service, &[Say::Yes], &[VERIFY], true),
        asked(
            "a certificate that a service refuses now",
            by_service,
            &[Say::No, Say::No],
            &[VERIFY],
            false,
        ),
        asked(
            "a certificate that a service knew, and anchors do not",
            (ALICE, asking(Verifier::Wrong)),
            &[],
            &[],
            false,
        ),
        asked("a certificate that a service knew, and anchors do", alice, &[], &[], true),
        Row {
            say: &[Say::No, Say::No],
            asks: &[VERIFY],
            ..row(
                "a certificate that anchors knew, and a service does not",
                alice,
                by_service,
                false,
            )
        },
        row("a raw key, and it is pinned", pinned, pinned, true),
        row("a raw key that is not pinned", pinned, (ALICE_RAW, asking(Verifier::WrongPin)), false),
        row("a raw key, where certificates are taken", pinned, (ALICE_RAW, ASKING), false),
    ]
}

/// What clients ask about their servers.
fn of_peers() -> Vec<Row> {
    let plain = (CLIENT, SERVER);
    let trusting = |verifier| (Client { verifier, ..CLIENT }, SERVER);
    let by_service = (LATER, SERVER);
    let asked =
        |what, was, is, say, asks, resumes| Row { say, asks, ..row(what, was, is, resumes) };
    vec![
        row("a certificate, and it is trusted", plain, plain, true),
        row("a certificate that is not trusted", plain, trusting(Verifier::Wrong), false),
        row("a certificate, where keys alone are taken", plain, trusting(Verifier::Pin), false),
        asked(
            "a certificate that a service knows",
            by_service,
            by_service,
            &[Say::Yes],
            &[VERIFY],
            true,
        ),
        asked(
            "a certificate that a service refuses now",
            by_service,
            by_service,
            &[Say::No, Say::No],
            &[VERIFY],
            false,
        ),
        asked(
            "a certificate that anchors knew, and a service does not",
            plain,
            by_service,
            &[Say::No, Say::No],
            &[VERIFY],
            false,
        ),
        row(
            "a certificate that a service knew, and anchors do not",
            by_service,
            trusting(Verifier::Wrong),
            false,
        ),
        row("a raw key, and it is pinned", (PINNING, RAW), (PINNING, RAW), true),
        row(
            "a raw key that is not pinned",
            (PINNING, RAW),
            (Client { verifier: Verifier::WrongPin, ..CLIENT }, RAW),
            false,
        ),
        row("a raw key, where certificates are taken", (PINNING, RAW), (CLIENT, RAW), false),
    ]
}

/// What clients ask about what they have shown, and about their keys.
fn of_own() -> Vec<Row> {
    let plain = (CLIENT, SERVER);
    let key = (WITH_KEY, WITH_KEYS);
    let with = |keys| (Client { keys, ..CLIENT }, WITH_KEYS);
    let shows = |own| (Client { own, ..CLIENT }, ASKING);
    let chosen = |what, say, resumes| Row {
        say,
        asks: &[CHOOSE],
        ..row(what, shows(Own::Alice), shows(Own::Later), resumes)
    };
    vec![
        row("a key, beside another one", key, with(&[Key::Other, Key::Ours]), true),
        row("a key that was taken away", key, with(&[]), false),
        row("a key that was replaced", key, with(&[Key::Replaced]), false),
        row("another key", key, with(&[Key::Other]), false),
        row("Alice, who is Alice", shows(Own::Alice), shows(Own::Alice), true),
        row("Alice, who is Bob", shows(Own::Alice), shows(Own::Bob), false),
        row("Alice, who has no identity now", shows(Own::Alice), shows(Own::None), false),
        row("no identity, who is Alice now", shows(Own::None), shows(Own::Alice), false),
        row("no identity, who was not asked and could be Alice", plain, (ALICE, SERVER), true),
        chosen("Alice, who is asked and is Alice", &[Say::Show(Own::Alice)], true),
        chosen(
            "Alice, who is asked and is Bob",
            &[Say::Show(Own::Bob), Say::Show(Own::Bob)],
            false,
        ),
        chosen("Alice, who is asked and has no identity", &[Say::No, Say::No], false),
    ]
}

impl World {
    fn new() -> Self {
        let (server, stranger) = (Identity::p256(), Identity::p256());
        let (alice, bob) = (Identity::p256(), Identity::p256());
        let store = Arc::new(MemoryClientSessions::new(32));
        Self { server, alice, bob, stranger, store, ticket_keys: ticket_keys() }
    }

    fn certified(&self, own: Own) -> Option<Arc<CertifiedKey>> {
        Some(Arc::new(match own {
            Own::None | Own::Later => return None,
            Own::Alice => self.alice.certified_key(),
            Own::Bob => self.bob.certified_key(),
            Own::AliceRaw => self.alice.certified_key().to_raw_public_key().unwrap(),
        }))
    }

    fn verifier(&self, verifier: Verifier, clients: bool) -> Arc<dyn PeerVerifier> {
        let peers = if clients { vec![&self.alice, &self.bob] } else { vec![&self.server] };
        let pin = |identity: &Identity| -> Arc<dyn PeerVerifier> {
            let key = identity.certified_key().to_raw_public_key().unwrap();
            let pin = SpkiPin::of_public_key(&key.chain()[0]);
            Arc::new(SpkiPins::raw_public_keys([pin]).unwrap())
        };
        let anchors = |identities: &[&Identity]| -> Arc<dyn PeerVerifier> {
            let mut anchors = handclasp::TrustAnchors::new();
            for identity in identities {
                anchors.add(identity.anchor.clone()).unwrap();
            }
            let signatures = CryptoProvider::default().signatures;
            match clients {
                true => Arc::new(TrustAnchorVerifier::for_clients(anchors, signatures)),
                false => Arc::new(TrustAnchorVerifier::new(anchors, signatures)),
            }
        };
        match verifier {
            Verifier::Right => anchors(&peers),
            Verifier::Wrong => anchors(&[&self.stranger]),
            Verifier::Pin => pin(peers[0]),
            Verifier::WrongPin => pin(&self.stranger),
            Verifier::Later => Arc::new(AnswerLater),
        }
    }

    fn client(&self, client: &Client, at: u64) -> ClientConnection {
        let keys = client.keys.iter().map(|key| key.key()).collect();
        let builder = ClientConfig::builder(CryptoProvider::default())
            .verifier(self.verifier(client.verifier, false))
            .sessions(self.store.clone())
            .early_data(true)
            .pre_shared_keys(keys);
        let builder = match client.own {
            Own::None => builder,
            Own::Later => builder.client_certificates(Arc::new(AnswerLater)),
            own => {
                let shown = self.certified(own).into_iter().collect();
                builder.client_certificates(Arc::new(CertificateList::new(shown)))
            }
        };
        let options = Options::new(time(at));
        let config = Arc::new(builder.build().unwrap());
        ClientConnection::with_options(config, server_name(), options)
    }

    fn server(&self, server: &Server) -> Arc<ServerConfig> {
        let builder = ServerConfig::builder(CryptoProvider::default())
            .sessions(self.ticket_keys.clone())
            .early_data(
                1000,
                Arc::new(handclasp::session::StrikeRegister::new(sessions::before())),
            );
        let builder = match server.keys {
            Keys::None => builder,
            Keys::Later => builder.pre_shared_keys(Arc::new(AnswerLater)),
            Keys::List(keys) => {
                let keys = keys.iter().map(|key| key.key()).collect();
                builder.pre_shared_keys(Arc::new(PskList::new(keys)))
            }
        };
        let builder = match server.clients {
            None => builder,
            Some((verifier, required)) => {
                let verifier = self.verifier(verifier, true);
                builder.client_authentication(match required {
                    true => ClientAuthentication::required(verifier),
                    false => ClientAuthentication::optional(verifier),
                })
            }
        };
        let own = self.server.certified_key();
        let own = if server.raw { own.to_raw_public_key().unwrap() } else { own };
        Arc::new(builder.build(Arc::new(CertificateList::new(vec![Arc::new(own)]))).unwrap())
    }

    /// The answer to this question.
    fn answer(&self, question: &Question, say: Say) -> Answer {
        match (question, say) {
            (Question::ResolvePsk(_), Say::Key(key)) => {
                Answer::Psk(Some(ChosenPsk { index: 0, key: key.key() }))
            }
            (Question::ResolvePsk(_), _) => Answer::Psk(None),
            (Question::ChooseClientCertificate(_), Say::Show(own)) => {
                Answer::ClientCertificate(self.certified(own))
            }
            (Question::ChooseClientCertificate(_), _) => Answer::ClientCertificate(None),
            (_, Say::Yes) => Answer::Peer(Ok(())),
            (_, _) => Answer::Peer(Err(CertificateError::rejected("not today"))),
        }
    }

    /// Lets the two talk until both are done, or one has failed. `say` has the answer to each
    /// question; returns the names of the questions.
    fn talk(
        &self,
        client: &mut Connection,
        server: &mut Connection,
        mut say: impl FnMut(&Question) -> Say,
    ) -> Vec<&'static str> {
        let mut asked = Vec::new();
        loop {
            let failed = talk(client, server).error.is_some();
            let end = match (client.question(), server.question()) {
                (Some(_), _) => &mut *client,
                (_, Some(_)) => &mut *server,
                _ => return asked,
            };
            if failed {
                return asked;
            }
            let (Some(number), Some(question)) = (end.question_number(), end.question()) else {
                panic!("a question has a number");
            };
            asked.push(question.name());
            let answer = self.answer(question, say(question));
            let _ = end.answer(number, answer);
        }
    }

    fn check(&self, role: &str, row: &Row) {
        let what = format!("{role}: {}", row.what);
        let (mut client, mut server) =
            (self.client(&row.was.0, 0), server_at(&self.server(&row.was.1), 0));
        self.talk(&mut client, &mut server, |question| match question {
            Question::ResolvePsk(_) => Say::Key(Key::Ours),
            Question::ChooseClientCertificate(_) => Say::Show(Own::Alice),
            _ => Say::Yes,
        });
        assert!(!client.is_handshaking() && !server.is_handshaking(), "{what}: the first");
        assert_eq!(client.parameters().pre_shared_key.is_some(), !row.was.0.keys.is_empty());
        assert!(!self.store.sessions().is_empty(), "{what}: tickets came");

        let (mut client, mut server) =
            (self.client(&row.is.0, 1), server_at(&self.server(&row.is.1), 1));
        // A client that asks says nothing before the answers, and sends no 0-RTT data.
        let silent = role == "client" && !row.asks.is_empty();
        assert_eq!(client.outgoing().is_empty(), silent, "{what}: the ClientHello");
        if silent {
            assert_eq!(client.write_early_data(b"early").unwrap(), 0, "{what}");
        }
        let mut says = row.say.iter();
        let asked = self.talk(&mut client, &mut server, |question| {
            *says.next().unwrap_or_else(|| panic!("{what}: {} is asked", question.name()))
        });
        assert_eq!(asked.get(..row.asks.len()), Some(row.asks), "{what}: {asked:?}");
        assert_eq!(asked.is_empty(), row.asks.is_empty(), "{what}: {asked:?}");
        let resumed = server.parameters().pre_shared_key == Some(PskKind::Resumption);
        assert_eq!(resumed, row.resumes, "{what}");
        if resumed {
            assert!(!client.is_handshaking() && !server.is_handshaking(), "{what}");
            assert_eq!(client.parameters().pre_shared_key, Some(PskKind::Resumption), "{what}");
        }
        handclasp::session::ClientSessionStore::forget(&*self.store, &server_name());
    }
}

#[test]
fn a_server_resumes_what_it_would_accept_itself_and_nothing_else() {
    let world = World::new();
    let of_keys = of_keys().into_iter().chain(of_keys_elsewhere());
    for row in of_keys.chain(of_certificates()) {
        world.check("server", &row);
    }
}

#[test]
fn a_client_resumes_what_it_would_accept_itself_and_nothing_else() {
    let world = World::new();
    for row in of_peers().into_iter().chain(of_own()) {
        world.check("client", &row);
    }
}
