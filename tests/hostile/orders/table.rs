//! The legal orders of messages, as data: for each end, which message may come in which state, what
//! the end says to it, and which state is next (RFC 9846, section 4 and appendix A). What is not
//! here is not legal. The picture in ARCHITECTURE.md is drawn from it.

use core::fmt::{self, Write};

use handclasp::handshake::Side;

use Message::*;
use State::*;
use When::*;

/// A message, or what the application of the end does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(clippy::enum_variant_names, reason = "message_hash is the RFC's name")]
pub enum Message {
    /// The application starts the handshake.
    Start,
    /// The application asks the client for a certificate.
    Request,
    HelloRequest,
    ClientHello,
    ServerHello,
    HelloRetryRequest,
    NewSessionTicket,
    EndOfEarlyData,
    EncryptedExtensions,
    Certificate,
    /// A Certificate without certificates.
    EmptyCertificate,
    CompressedCertificate,
    CertificateRequest,
    CertificateVerify,
    Finished,
    KeyUpdate,
    MessageHash,
    /// A type that nobody has a name for.
    Unassigned,
}

/// Whatever can come from a peer.
pub const MESSAGES: [Message; 16] = [
    HelloRequest,
    ClientHello,
    ServerHello,
    HelloRetryRequest,
    NewSessionTicket,
    EndOfEarlyData,
    EncryptedExtensions,
    Certificate,
    EmptyCertificate,
    CompressedCertificate,
    CertificateRequest,
    CertificateVerify,
    Finished,
    KeyUpdate,
    MessageHash,
    Unassigned,
];

/// Where an end waits for a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum State {
    Begin,
    ExpectServerHello,
    ExpectSecondServerHello,
    ExpectEncryptedExtensions,
    ExpectCertificateOrRequest,
    ExpectCertificate,
    ExpectCertificateVerify,
    ExpectClientHello,
    ExpectSecondClientHello,
    ExpectEndOfEarlyData,
    ExpectFinished,
    Connected,
    ConnectedAndAsking,
    ExpectAnswersCertificateVerify,
    ExpectAnswersFinished,
}

/// What a handshake is about: both ends are configured for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scenario {
    Plain,
    Retry,
    ClientAuthentication,
    PreSharedKey,
    EarlyData,
    Compression,
    PostHandshakeAuthentication,
    Tickets,
}

pub const SCENARIOS: [Scenario; 8] = [
    Scenario::Plain,
    Scenario::Retry,
    Scenario::ClientAuthentication,
    Scenario::PreSharedKey,
    Scenario::EarlyData,
    Scenario::Compression,
    Scenario::PostHandshakeAuthentication,
    Scenario::Tickets,
];

/// When an edge, or a part of it, is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    Always,
    /// The client's share is for no group of the server.
    OtherGroup,
    OwnGroup,
    WithKey,
    WithoutKey,
    EarlyDataAccepted,
    /// The client can decompress certificates.
    Compressing,
    /// No compressed certificate is sent.
    Uncompressed,
    /// The server asks for a certificate in the handshake.
    Asks,
    /// A CertificateRequest came in the handshake.
    Asked,
    /// The client said post_handshake_auth, and the server may ask.
    MayAskLater,
    SendsTickets,
}

impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Always => "",
            OtherGroup => "no share fits",
            OwnGroup => "a share fits",
            WithKey => "a pre-shared key is taken",
            WithoutKey => "no pre-shared key is taken",
            EarlyDataAccepted => "0-RTT data are accepted",
            Compressing => "compress_certificate was offered",
            Uncompressed => "uncompressed",
            Asks => "the client is asked",
            Asked => "it was asked",
            MayAskLater => "post_handshake_auth was offered",
            SendsTickets => "sessions are kept",
        })
    }
}

/// The handshake so far.
#[derive(Clone, Debug)]
pub struct Walk {
    pub scenario: Scenario,
    pub seen: Vec<Message>,
}

impl Walk {
    pub fn count(&self, message: Message) -> usize {
        self.seen.iter().filter(|seen| **seen == message).count()
    }

    pub fn holds(&self, when: When) -> bool {
        let with_key = matches!(self.scenario, Scenario::PreSharedKey | Scenario::EarlyData);
        let complete = self.seen.iter().position(|seen| *seen == Finished);
        let in_handshake = &self.seen[..complete.unwrap_or(self.seen.len())];
        match when {
            Always => true,
            OtherGroup => self.scenario == Scenario::Retry,
            OwnGroup => self.scenario != Scenario::Retry,
            WithKey => with_key,
            WithoutKey => !with_key,
            EarlyDataAccepted => {
                self.scenario == Scenario::EarlyData && self.count(HelloRetryRequest) == 0
            }
            Compressing => self.scenario == Scenario::Compression,
            Uncompressed => !with_key && self.scenario != Scenario::Compression,
            Asks => self.scenario == Scenario::ClientAuthentication,
            Asked => in_handshake.contains(&CertificateRequest),
            MayAskLater => self.scenario == Scenario::PostHandshakeAuthentication,
            SendsTickets => self.scenario == Scenario::Tickets,
        }
    }
}

/// In `from`, `on` may come; the end says `sends`, and is in the first state of `to` that holds.
pub struct Edge {
    pub from: State,
    pub on: Message,
    pub when: When,
    pub sends: &'static [(When, Message)],
    pub to: &'static [(When, State)],
}

const fn edge(
    from: State,
    on: Message,
    when: When,
    sends: &'static [(When, Message)],
    to: &'static [(When, State)],
) -> Edge {
    Edge { from, on, when, sends, to }
}

const AUTHENTICATION: &[(When, Message)] =
    &[(Always, Certificate), (Always, CertificateVerify), (Always, Finished)];

const CLIENT: &[Edge] = &[
    edge(Begin, Start, Always, &[(Always, ClientHello)], &[(Always, ExpectServerHello)]),
    edge(
        ExpectServerHello,
        HelloRetryRequest,
        Always,
        &[(Always, ClientHello)],
        &[(Always, ExpectSecondServerHello)],
    ),
    edge(ExpectServerHello, ServerHello, Always, &[], &[(Always, ExpectEncryptedExtensions)]),
    edge(ExpectSecondServerHello, ServerHello, Always, &[], &[(Always, ExpectEncryptedExtensions)]),
    edge(
        ExpectEncryptedExtensions,
        EncryptedExtensions,
        Always,
        &[],
        &[(WithKey, ExpectFinished), (WithoutKey, ExpectCertificateOrRequest)],
    ),
    edge(
        ExpectCertificateOrRequest,
        CertificateRequest,
        Always,
        &[],
        &[(Always, ExpectCertificate)],
    ),
    edge(
        ExpectCertificateOrRequest,
        Certificate,
        Always,
        &[],
        &[(Always, ExpectCertificateVerify)],
    ),
    edge(
        ExpectCertificateOrRequest,
        CompressedCertificate,
        Compressing,
        &[],
        &[(Always, ExpectCertificateVerify)],
    ),
    edge(ExpectCertificate, Certificate, Always, &[], &[(Always, ExpectCertificateVerify)]),
    edge(
        ExpectCertificate,
        CompressedCertificate,
        Compressing,
        &[],
        &[(Always, ExpectCertificateVerify)],
    ),
    edge(ExpectCertificateVerify, CertificateVerify, Always, &[], &[(Always, ExpectFinished)]),
    edge(
        ExpectFinished,
        Finished,
        Always,
        &[
            (EarlyDataAccepted, EndOfEarlyData),
            (Asked, Certificate),
            (Asked, CertificateVerify),
            (Always, Finished),
        ],
        &[(Always, Connected)],
    ),
    edge(Connected, NewSessionTicket, Always, &[], &[(Always, Connected)]),
    edge(Connected, KeyUpdate, Always, &[], &[(Always, Connected)]),
    edge(Connected, CertificateRequest, MayAskLater, AUTHENTICATION, &[(Always, Connected)]),
];

const FLIGHT: &[(When, Message)] = &[
    (Always, ServerHello),
    (Always, EncryptedExtensions),
    (Asks, CertificateRequest),
    (Uncompressed, Certificate),
    (Compressing, CompressedCertificate),
    (WithoutKey, CertificateVerify),
    (Always, Finished),
];

const AFTER_FLIGHT: &[(When, State)] = &[
    (EarlyDataAccepted, ExpectEndOfEarlyData),
    (Asks, ExpectCertificate),
    (Always, ExpectFinished),
];

const SERVER: &[Edge] = &[
    edge(Begin, Start, Always, &[], &[(Always, ExpectClientHello)]),
    edge(
        ExpectClientHello,
        ClientHello,
        OtherGroup,
        &[(Always, HelloRetryRequest)],
        &[(Always, ExpectSecondClientHello)],
    ),
    edge(ExpectClientHello, ClientHello, OwnGroup, FLIGHT, AFTER_FLIGHT),
    edge(ExpectSecondClientHello, ClientHello, Always, FLIGHT, AFTER_FLIGHT),
    edge(ExpectEndOfEarlyData, EndOfEarlyData, Always, &[], &[(Always, ExpectFinished)]),
    edge(ExpectCertificate, Certificate, Always, &[], &[(Always, ExpectCertificateVerify)]),
    edge(ExpectCertificate, EmptyCertificate, Always, &[], &[(Always, ExpectFinished)]),
    edge(ExpectCertificateVerify, CertificateVerify, Always, &[], &[(Always, ExpectFinished)]),
    edge(
        ExpectFinished,
        Finished,
        Always,
        &[(SendsTickets, NewSessionTicket)],
        &[(Always, Connected)],
    ),
    edge(Connected, KeyUpdate, Always, &[], &[(Always, Connected)]),
    edge(
        Connected,
        Request,
        MayAskLater,
        &[(Always, CertificateRequest)],
        &[(Always, ConnectedAndAsking)],
    ),
    edge(ConnectedAndAsking, KeyUpdate, Always, &[], &[(Always, ConnectedAndAsking)]),
    edge(ConnectedAndAsking, Certificate, Always, &[], &[(Always, ExpectAnswersCertificateVerify)]),
    edge(ConnectedAndAsking, EmptyCertificate, Always, &[], &[(Always, ExpectAnswersFinished)]),
    edge(
        ExpectAnswersCertificateVerify,
        CertificateVerify,
        Always,
        &[],
        &[(Always, ExpectAnswersFinished)],
    ),
    edge(ExpectAnswersFinished, Finished, Always, &[], &[(Always, Connected)]),
];

pub fn edges(side: Side) -> &'static [Edge] {
    match side {
        Side::Client => CLIENT,
        Side::Server => SERVER,
    }
}

/// The edge for this message in this state.
pub fn legal(side: Side, walk: &Walk, state: State, message: Message) -> Option<&'static Edge> {
    let mut edges = edges(side).iter();
    edges.find(|edge| edge.from == state && edge.on == message && walk.holds(edge.when))
}

/// The state after this edge.
pub fn next(walk: &Walk, edge: &Edge) -> State {
    let to = edge.to.iter().find(|(when, _)| walk.holds(*when));
    to.expect("one of them holds").1
}

/// The picture in ARCHITECTURE.md.
pub fn picture() -> String {
    let mut out = String::new();
    for side in [Side::Client, Side::Server] {
        writeln!(out, "{}", if side == Side::Client { "client" } else { "\nserver" }).unwrap();
        let mut before = None;
        for edge in edges(side) {
            if before != Some(edge.from) {
                writeln!(out, "  {:?}", edge.from).unwrap();
                before = Some(edge.from);
            }
            let condition = |when: &When| match when {
                Always => String::new(),
                when => format!(" [{when}]"),
            };
            let on = match edge.on {
                Start => "(it starts)".into(),
                Request => "(it asks)".into(),
                message => format!("{message:?}"),
            };
            let when = condition(&edge.when);
            for (index, (to_when, to)) in edge.to.iter().enumerate() {
                let on = if index == 0 { &*on } else { "" };
                let arrow = if index == 0 { "-->" } else { "   " };
                let when = if index == 0 { &*when } else { "" };
                let to_when = condition(to_when);
                writeln!(out, "    {on:<22} {arrow} {to:?}{when}{to_when}").unwrap();
            }
            let sends = edge.sends.iter();
            let mut sends =
                sends.map(|(when, message)| format!("{message:?}{}", condition(when))).peekable();
            let mut says = "says";
            while let Some(mut line) = sends.next() {
                while let Some(more) = sends.next_if(|more| line.len() + more.len() < 60) {
                    line = format!("{line}, {more}");
                }
                writeln!(out, "    {:<26} {says} {line}", "").unwrap();
                says = "    ";
            }
        }
    }
    out
}
