//! Configurations that share a store of sessions and ticket keys: clients with other verifiers, keys
//! and certificates, servers with other rules for clients. They meet in any order, and what is asked
//! is answered yes or no. What is resumed must rest on something that this very client and this very
//! server would accept.

use core::time::Duration;
use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex};

use handclasp::certificate::CertificateError;
use handclasp::credential::{CertificateList, CertifiedKey, ClientCertificateResolver, KeySource};
use handclasp::crypto::{CryptoProvider, signing_key};
use handclasp::handshake::{Answer, Handshake, PeerParameters, Question, Side, Step};
use handclasp::key_schedule::PskKind;
use handclasp::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use handclasp::psk::{ChosenPsk, PreSharedKey, PskList};
use handclasp::registry::CertificateType;
use handclasp::session::{ClientSession, ClientSessionStore, MemoryClientSessions, TicketKeys};
use handclasp::verify::{ClientAuthentication, PeerIdentity, PeerVerifier, RawPublicKey};
use handclasp::wire::CertificateRequest;
use handclasp::{AnswerLater, ClientConfig, Reply, ServerConfig};

use crate::Input;
use handclasp_testing::deterministic;

/// The most meetings of one input.
const MEETINGS: usize = 8;

/// The raw public key of a party, with its private key.
pub(crate) fn party(seed: u8) -> Arc<CertifiedKey> {
    const PKCS8: [u8; 16] = [48, 46, 2, 1, 0, 48, 5, 6, 3, 43, 101, 112, 4, 34, 4, 32];
    let der = [&PKCS8[..], &[seed; 32]].concat();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(der));
    let key = signing_key(&key).expect("it is an Ed25519 key");
    let spki = key.public_key().expect("the key is here");
    let key = CertifiedKey::raw_public_key(spki, KeySource::Local(key));
    Arc::new(key.expect("the two belong together"))
}

pub(crate) static SERVER: LazyLock<Arc<CertifiedKey>> = LazyLock::new(|| party(1));
static ALICE: LazyLock<Arc<CertifiedKey>> = LazyLock::new(|| party(2));
static BOB: LazyLock<Arc<CertifiedKey>> = LazyLock::new(|| party(3));

/// Two keys of one name, and one of another.
static KEYS: LazyLock<[PreSharedKey; 3]> = LazyLock::new(|| {
    [(&b"ours"[..], 1), (b"ours", 2), (b"other", 3)].map(|(identity, seed)| {
        let secret = CryptoProvider::default().cipher_suites[0].hash.digest(&[seed]);
        PreSharedKey::external(identity, &secret).expect("the key is a good one")
    })
});

/// Those of the keys whose bits are set.
fn keys(bits: u8) -> Vec<usize> {
    (0..KEYS.len()).filter(|at| bits >> at & 1 == 1).collect()
}

/// Which raw public keys a verifier takes: these, or those of a later answer.
#[derive(Clone, Debug)]
pub(crate) enum Takes {
    Now(Vec<Vec<u8>>),
    Later,
}

impl Takes {
    pub(crate) fn parties(parties: &[&Arc<CertifiedKey>]) -> Self {
        Self::Now(parties.iter().map(|party| party.chain()[0].to_vec()).collect())
    }
}

impl PeerVerifier for Takes {
    fn verify(&self, _: &PeerIdentity) -> Reply<Result<(), CertificateError>> {
        Reply::Now(Err(CertificateError::rejected("there are raw public keys only")))
    }

    fn certificate_types(&self) -> &[CertificateType] {
        &[CertificateType::RAW_PUBLIC_KEY]
    }

    fn verify_raw_public_key(&self, key: &RawPublicKey) -> Reply<Result<(), CertificateError>> {
        match self {
            Self::Later => Reply::Later,
            Self::Now(keys) if keys.iter().any(|it| **it == *key.subject_public_key_info) => {
                Reply::Now(Ok(()))
            }
            Self::Now(_) => Reply::Now(Err(CertificateError::rejected("another key"))),
        }
    }
}

/// Whom a client could be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Own {
    None,
    Alice,
    Bob,
    Later,
}

struct Client {
    takes: Takes,
    keys: Vec<usize>,
    own: Own,
}

struct Server {
    /// The rule for clients, and whether they must show something.
    clients: Option<(Takes, bool)>,
    /// `None`: they are looked up, and found later.
    keys: Option<Vec<usize>>,
}

impl Client {
    fn new(choice: u8, bits: u8) -> Self {
        let takes = match choice % 3 {
            0 => Takes::parties(&[&SERVER]),
            1 => Takes::parties(&[&ALICE]),
            _ => Takes::Later,
        };
        let own = [Own::None, Own::Alice, Own::Bob, Own::Later][usize::from(choice / 3 % 4)];
        Self { takes, keys: keys(bits), own }
    }

    fn config(&self, store: &Arc<Store>) -> ClientConfig {
        let keys = self.keys.iter().map(|at| KEYS[*at].clone()).collect();
        let builder = ClientConfig::builder(CryptoProvider::default())
            .verifier(Arc::new(self.takes.clone()))
            .sessions(store.clone())
            .pre_shared_keys(keys)
            .post_handshake_authentication(true);
        let builder = builder.client_certificates(Arc::new(Shows(self.own)));
        builder.build().expect("the configuration is good")
    }
}

impl Server {
    fn new(choice: u8, bits: u8) -> Self {
        let takes = match choice % 5 {
            0 => None,
            1 => Some(Takes::parties(&[&ALICE, &BOB])),
            2 => Some(Takes::parties(&[&ALICE])),
            3 => Some(Takes::parties(&[&SERVER])),
            _ => Some(Takes::Later),
        };
        let clients = takes.map(|takes| (takes, choice / 5 & 1 == 1));
        let keys = (choice / 10 % 3 != 2).then(|| keys(bits));
        Self { clients, keys }
    }

    fn config(&self, ticket_keys: &Arc<TicketKeys>) -> ServerConfig {
        let builder = ServerConfig::builder(CryptoProvider::default())
            .sessions(ticket_keys.clone())
            .tickets(1);
        let builder = match &self.keys {
            None => builder.pre_shared_keys(Arc::new(AnswerLater)),
            Some(keys) => {
                let keys = keys.iter().map(|at| KEYS[*at].clone()).collect();
                builder.pre_shared_keys(Arc::new(PskList::new(keys)))
            }
        };
        let builder = match &self.clients {
            None => builder,
            Some((takes, true)) => builder
                .client_authentication(ClientAuthentication::required(Arc::new(takes.clone()))),
            Some((takes, false)) => builder
                .client_authentication(ClientAuthentication::optional(Arc::new(takes.clone()))),
        };
        let list = CertificateList::new(vec![SERVER.clone()]);
        builder.build(Arc::new(list)).expect("the configuration is good")
    }
}

/// Shows a raw public key, or none.
#[derive(Debug)]
pub(crate) struct Shows(pub(crate) Own);

impl ClientCertificateResolver for Shows {
    fn choose(
        &self,
        _: &CertificateRequest<'_>,
        _: CertificateType,
    ) -> Reply<Option<Arc<CertifiedKey>>> {
        match self.0 {
            Own::Later => Reply::Later,
            own => Reply::Now(certified(own)),
        }
    }

    fn certificate_types(&self) -> &[CertificateType] {
        &[CertificateType::RAW_PUBLIC_KEY]
    }
}

fn certified(own: Own) -> Option<Arc<CertifiedKey>> {
    match own {
        Own::Alice => Some(ALICE.clone()),
        Own::Bob => Some(BOB.clone()),
        Own::None | Own::Later => None,
    }
}

/// Why the ends trusted each other when a session began.
#[derive(Clone, Debug, PartialEq)]
struct Basis {
    /// The key that both have; else the server has shown its raw public key.
    key: Option<usize>,
    /// Whom the client has shown to be; `None` where it was not asked.
    shown: Option<Own>,
}

/// The store, and what was taken out and put in since it was asked last.
#[derive(Debug)]
struct Store {
    sessions: MemoryClientSessions,
    taken: Mutex<Option<Vec<u8>>>,
    fresh: Mutex<Vec<Vec<u8>>>,
}

impl Store {
    fn new() -> Arc<Self> {
        let sessions = MemoryClientSessions::new(8);
        Arc::new(Self { sessions, taken: Mutex::default(), fresh: Mutex::default() })
    }
}

impl ClientSessionStore for Store {
    fn put(&self, session: ClientSession) {
        self.fresh.lock().expect("one thread").push(session.ticket().to_vec());
        self.sessions.put(session);
    }

    fn take(&self, server: &ServerName<'static>, now: UnixTime) -> Option<ClientSession> {
        let session = self.sessions.take(server, now)?;
        *self.taken.lock().expect("one thread") = Some(session.ticket().to_vec());
        Some(session)
    }
}

/// An answer to a question.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Answered {
    Peer(Side, bool),
    Key(Option<usize>),
    Own(Own),
}

/// One client and one server that meet.
struct Meeting {
    client: Handshake,
    server: Handshake,
    answered: Vec<Answered>,
    /// Two bits for each answer; zeros beyond.
    answers: u16,
}

impl Meeting {
    /// Goes on until both ends are done or rest, or one has failed; answers what they ask.
    fn talk(&mut self) {
        loop {
            let moved =
                pass(&mut self.client, &mut self.server) + pass(&mut self.server, &mut self.client);
            let failed = self.client.check().is_err() || self.server.check().is_err();
            if failed || (moved == 0 && !self.answer()) {
                return;
            }
        }
    }

    /// Answers a question, if there is one.
    fn answer(&mut self) -> bool {
        let end = match self.client.question() {
            Some(_) => &mut self.client,
            None => &mut self.server,
        };
        let (Some(number), Some(question)) = (end.question_number(), end.question()) else {
            return false;
        };
        let choice = usize::from(self.answers & 3);
        self.answers >>= 2;
        let (answer, answered) = match question {
            Question::ResolvePsk(asked) => {
                let hello = asked.client_hello().expect("it was parsed before");
                let key = KEYS.get(choice).map(|key| (choice, key));
                let chosen = key.and_then(|(at, key)| {
                    let mut offered = hello.pre_shared_keys?.iter().map(|(it, _)| it.identity);
                    let index = offered.position(|identity| identity == key.identity())?;
                    Some((at, ChosenPsk { index: index as u16, key: key.clone() }))
                });
                let answered = Answered::Key(chosen.as_ref().map(|(at, _)| *at));
                (Answer::Psk(chosen.map(|(_, key)| key)), answered)
            }
            Question::ChooseClientCertificate(_) => {
                let own = [Own::None, Own::Alice, Own::Bob, Own::None][choice];
                (Answer::ClientCertificate(certified(own)), Answered::Own(own))
            }
            Question::VerifyRawPublicKey(_) => {
                let result = match choice & 1 {
                    0 => Ok(()),
                    _ => Err(CertificateError::rejected("not today")),
                };
                let answered = Answered::Peer(end.side(), result.is_ok());
                (Answer::Peer(result), answered)
            }
            other => panic!("{} is not left open", other.name()),
        };
        self.answered.push(answered);
        // What comes of it is the handshake's own error.
        let _ = end.answer(number, answer);
        true
    }
}

pub(crate) fn pass(from: &mut Handshake, to: &mut Handshake) -> usize {
    let mut messages = 0;
    while let Some(step) = from.next_step() {
        if let Step::Send { level, bytes } = step {
            let _ = to.receive(level, &bytes);
            messages += 1;
        }
    }
    messages
}

pub(crate) fn name() -> ServerName<'static> {
    "server.example".try_into().expect("it is a name")
}

/// Lets the configurations of the input meet; returns how many connections were resumed.
pub fn play(data: &[u8]) -> usize {
    let mut input = Input(data);
    let store = Store::new();
    let secret: Vec<u8> = (0..32).collect();
    let ticket_keys = TicketKeys::from_bytes(&secret, CryptoProvider::default().random);
    let ticket_keys = Arc::new(ticket_keys.expect("the key is a good one"));
    let mut known = HashMap::new();
    let mut resumed = 0;
    for at in 0..MEETINGS {
        if input.0.is_empty() {
            break;
        }
        let (of_client, of_server, bits) = (input.byte(), input.byte(), input.byte());
        let client = Client::new(of_client, bits & 7);
        let server = Server::new(of_server, bits >> 3 & 7);
        let now = Duration::from_secs(deterministic::now().as_secs() + at as u64);
        let now = UnixTime::since_unix_epoch(now);
        store.taken.lock().expect("one thread").take();
        let mut ends = Meeting {
            client: Handshake::client(Arc::new(client.config(&store)), name(), now),
            server: Handshake::server(Arc::new(server.config(&ticket_keys)), now),
            answered: Vec::new(),
            answers: u16::from_be_bytes([input.byte(), input.byte()]),
        };
        ends.client.start().expect("it rests, or says hello");
        ends.talk();
        if !ends.client.is_complete() || !ends.server.is_complete() {
            store.fresh.lock().expect("one thread").clear();
            continue;
        }
        let ticket = store.taken.lock().expect("one thread").clone();
        let before = ticket.and_then(|ticket| known.get(&ticket));
        let mut basis = basis(&ends, (&client, &server), before);
        let parameters = ends.server.parameters();
        resumed += usize::from(parameters.pre_shared_key == Some(PskKind::Resumption));
        check_parameters(&basis, ends.client.parameters(), parameters);
        keep(&store, &mut known, &basis);
        if bits >> 6 & 1 == 1 {
            ask_later(&mut ends, &server, &mut basis);
            keep(&store, &mut known, &basis);
        }
    }
    resumed
}

/// The tickets that came rest on this.
fn keep(store: &Store, known: &mut HashMap<Vec<u8>, Basis>, basis: &Basis) {
    for ticket in store.fresh.lock().expect("one thread").drain(..) {
        known.insert(ticket, basis.clone());
    }
}

/// Why the ends of a complete connection trust each other. What was resumed must be acceptable to
/// both.
fn basis(ends: &Meeting, (client, server): (&Client, &Server), before: Option<&Basis>) -> Basis {
    let parameters = ends.server.parameters();
    match parameters.pre_shared_key {
        Some(PskKind::Resumption) => {
            let before = before.expect("the ticket was made here");
            check_client(before, ends, client);
            check_server(before, ends, server);
            before.clone()
        }
        Some(_) => {
            let identity = parameters.pre_shared_key_identity.as_deref();
            let mut offered = client.keys.iter().copied();
            let key = offered.find(|at| Some(KEYS[*at].identity()) == identity);
            Basis { key: Some(key.expect("the client has the key")), shown: None }
        }
        None => {
            let shown = server.clients.is_some().then(|| known_as(parameters));
            Basis { key: None, shown }
        }
    }
}

/// Whom a server knows its client as.
fn known_as(parameters: &PeerParameters) -> Own {
    let is = |party: &CertifiedKey| {
        parameters.raw_public_key.as_deref() == party.chain().first().map(|key| &**key)
    };
    match parameters.raw_public_key {
        None => Own::None,
        Some(_) if is(&ALICE) => Own::Alice,
        Some(_) if is(&BOB) => Own::Bob,
        Some(_) => panic!("it is a stranger's"),
    }
}

/// Would this client have taken the server of this session, and been who it was?
fn check_client(before: &Basis, ends: &Meeting, client: &Client) {
    let answered = |what| ends.answered.contains(&what);
    match (before.key, &client.takes) {
        (Some(key), _) => assert!(client.keys.contains(&key), "the client has the key no more"),
        (None, Takes::Now(keys)) => {
            assert!(keys.iter().any(|key| **key == *SERVER.chain()[0]), "it would refuse it");
        }
        (None, Takes::Later) => assert!(answered(Answered::Peer(Side::Client, true)), "not asked"),
    }
    if let Some(shown) = before.shown {
        let own = client.own;
        assert!(
            own == shown || own == Own::Later && answered(Answered::Own(shown)),
            "another client"
        );
    }
}

/// Would this server have taken the client of this session?
fn check_server(before: &Basis, ends: &Meeting, server: &Server) {
    let answered = |what| ends.answered.contains(&what);
    if let Some(key) = before.key {
        match &server.keys {
            Some(keys) => assert!(keys.contains(&key), "the server has the key no more"),
            None => assert!(answered(Answered::Key(Some(key))), "it was not looked up"),
        }
        return;
    }
    let shown = certified(before.shown.unwrap_or(Own::None));
    match (shown, &server.clients) {
        (None, clients) => {
            let required = clients.as_ref().is_some_and(|(_, required)| *required);
            assert!(!required, "it must show something");
        }
        (Some(_), None) => panic!("it is asked for nothing now"),
        (Some(shown), Some((Takes::Now(keys), _))) => {
            assert!(keys.iter().any(|key| **key == *shown.chain()[0]), "it would refuse it");
        }
        (Some(_), Some((Takes::Later, _))) => {
            assert!(answered(Answered::Peer(Side::Server, true)), "not asked");
        }
    }
}

/// Both sides say the same of each other.
fn check_parameters(basis: &Basis, client: &PeerParameters, server: &PeerParameters) {
    assert_eq!(client.pre_shared_key, server.pre_shared_key);
    let identity = basis.key.map(|key| KEYS[key].identity());
    for parameters in [client, server] {
        assert_eq!(parameters.pre_shared_key_identity.as_deref(), identity);
    }
    assert_eq!(client.raw_public_key.is_some(), basis.key.is_none());
    assert_eq!(known_as(server), basis.shown.unwrap_or(Own::None));
}

/// The server asks for the client's certificate after the handshake, and sends another ticket.
/// Certificates are not combined with external keys.
fn ask_later(ends: &mut Meeting, server: &Server, basis: &mut Basis) {
    let may = basis.key.is_none() && server.clients.is_some();
    assert_eq!(ends.server.request_client_certificate().is_ok(), may);
    if !may {
        return;
    }
    ends.talk();
    if ends.client.check().is_err() || ends.server.check().is_err() {
        return;
    }
    basis.shown = Some(known_as(ends.server.parameters()));
    ends.server.send_tickets(1).expect("it is complete");
    ends.talk();
}
