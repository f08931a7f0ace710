//! The legal orders of messages, as data: for each end, which message may come in which state, what
//! the end sends, and which state is next (RFC 9846, section 4 and appendix A). What is not
//! here is not legal. The [picture](super::picture) in ARCHITECTURE.md is drawn from it.

use core::fmt;

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
    /// A type that has no name.
    Unassigned,
}

/// Every message that can come from a peer.
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

/// Where an end waits for a message. [`State::name`] has the type in `src/handshake`.
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
    ExpectClientCertificate,
    ExpectClientCertificateVerify,
    ExpectFinished,
    Connected,
    ConnectedAndRequesting,
    ConnectedExpectingCertificateVerify,
    ConnectedExpectingFinished,
}

/// The name of a state: the type that it is in `src/handshake`, and where in it, if it is several
/// states of the table.
pub struct Name {
    pub type_name: &'static str,
    pub part: &'static str,
}

impl State {
    /// `None` for a server that has not started: it is no state of its own.
    pub fn name(self, side: Side) -> Option<Name> {
        let (type_name, part) = match self {
            Begin if side == Side::Server => return None,
            Begin => ("Start", ""),
            ExpectServerHello => ("ExpectServerHello", ""),
            ExpectSecondServerHello => ("ExpectServerHello", "after a HelloRetryRequest"),
            ExpectEncryptedExtensions => ("ExpectEncryptedExtensions", ""),
            ExpectCertificateOrRequest => ("ExpectCertificate", ""),
            ExpectCertificate => ("ExpectCertificate", "after a CertificateRequest"),
            ExpectCertificateVerify => ("ExpectCertificateVerify", ""),
            ExpectClientHello => ("ExpectClientHello", ""),
            ExpectSecondClientHello => ("ExpectSecondClientHello", ""),
            ExpectEndOfEarlyData => ("ExpectEndOfEarlyData", ""),
            ExpectClientCertificate => ("ExpectClientCertificate", ""),
            ExpectClientCertificateVerify => ("ExpectClientCertificate", "after its Certificate"),
            ExpectFinished => ("ExpectFinished", ""),
            Connected => ("Connected", ""),
            ConnectedAndRequesting => ("Connected", "after a CertificateRequest"),
            ConnectedExpectingCertificateVerify => ("Connected", "after the client's Certificate"),
            ConnectedExpectingFinished => ("Connected", "before the client's Finished"),
        };
        Some(Name { type_name, part })
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.part {
            "" => f.write_str(self.type_name),
            part => write!(f, "{} ({part})", self.type_name),
        }
    }
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
    /// The client sent post_handshake_auth, and the server may ask.
    MayAskLater,
    SendsTickets,
}

impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Always => "",
            OtherGroup => "no share fits",
            OwnGroup => "a share fits",
            WithKey => "a pre-shared key alone is used",
            WithoutKey => "a certificate is used",
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

/// In `from`, `on` may come; the end sends `sends`, and is in the first state of `to` that holds.
pub struct Edge {
    pub from: State,
    pub on: Message,
    pub when: When,
    pub sends: &'static [(When, Message)],
    pub to: &'static [(When, State)],
    /// The functions that decide, in their order: the file in the folder of the side, and the name.
    pub decides: &'static [&'static str],
    /// Where it waits for an answer on the way.
    pub waits: &'static [Wait],
}

/// A type of `src/handshake`, and the questions that it waits for the answers to.
pub struct Wait {
    pub type_name: &'static str,
    pub questions: &'static [&'static str],
}

impl Edge {
    const fn decides(self, decides: &'static [&'static str]) -> Self {
        Self { decides, ..self }
    }

    const fn waits(self, waits: &'static [Wait]) -> Self {
        Self { waits, ..self }
    }
}

const fn edge(
    from: State,
    on: Message,
    when: When,
    sends: &'static [(When, Message)],
    to: &'static [(When, State)],
) -> Edge {
    Edge { from, on, when, sends, to, decides: &[], waits: &[] }
}

const AUTHENTICATION: &[(When, Message)] =
    &[(Always, Certificate), (Always, CertificateVerify), (Always, Finished)];

const CLIENT: &[Edge] = &[
    edge(Begin, Start, Always, &[(Always, ClientHello)], &[(Always, ExpectServerHello)])
        .decides(&["resumption::begin"])
        .waits(&[Wait {
            type_name: "CheckingSession",
            questions: &["ChooseClientCertificate", "VerifyPeer", "VerifyRawPublicKey"],
        }]),
    edge(
        ExpectServerHello,
        HelloRetryRequest,
        Always,
        &[(Always, ClientHello)],
        &[(Always, ExpectSecondServerHello)],
    )
    .decides(&["hello_retry_request::on_hello_retry_request"]),
    edge(ExpectServerHello, ServerHello, Always, &[], &[(Always, ExpectEncryptedExtensions)])
        .decides(&["server_hello::on_server_hello"]),
    edge(ExpectSecondServerHello, ServerHello, Always, &[], &[(Always, ExpectEncryptedExtensions)])
        .decides(&["server_hello::on_server_hello"]),
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
    )
    .waits(VERIFYING_PEER),
    edge(
        ExpectCertificateOrRequest,
        CompressedCertificate,
        Compressing,
        &[],
        &[(Always, ExpectCertificateVerify)],
    )
    .waits(VERIFYING_PEER),
    edge(ExpectCertificate, Certificate, Always, &[], &[(Always, ExpectCertificateVerify)])
        .waits(VERIFYING_PEER),
    edge(
        ExpectCertificate,
        CompressedCertificate,
        Compressing,
        &[],
        &[(Always, ExpectCertificateVerify)],
    )
    .waits(VERIFYING_PEER),
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
    )
    .waits(AUTHENTICATING_SELF),
    edge(Connected, NewSessionTicket, Always, &[], &[(Always, Connected)]),
    edge(Connected, KeyUpdate, Always, &[], &[(Always, Connected)]),
    edge(Connected, CertificateRequest, MayAskLater, AUTHENTICATION, &[(Always, Connected)])
        .waits(AUTHENTICATING_LATER),
];

const VERIFYING_PEER: &[Wait] =
    &[Wait { type_name: "VerifyingPeer", questions: &["VerifyPeer", "VerifyRawPublicKey"] }];

const AUTHENTICATING_SELF: &[Wait] =
    &[Wait { type_name: "AuthenticatingSelf", questions: &["ChooseClientCertificate", "Sign"] }];

const AUTHENTICATING_LATER: &[Wait] = &[Wait {
    type_name: "PostHandshakeAuthClient",
    questions: &["ChooseClientCertificate", "Sign"],
}];

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
    (Asks, ExpectClientCertificate),
    (Always, ExpectFinished),
];

/// There are no 0-RTT data after a HelloRetryRequest (section 4.3.10).
const AFTER_FLIGHT_AFTER_RETRY: &[(When, State)] =
    &[(Asks, ExpectClientCertificate), (Always, ExpectFinished)];

/// The decisions about a ClientHello, in their order, and the flight.
const DECISIONS: &[&str] = &[
    "negotiate::negotiate",
    "selection::check_version",
    "selection::cipher_suite",
    "negotiate::decide",
    "negotiate::select_share",
    "selection::key_share",
    "resumption::find",
    "pre_shared_key::resolve",
    "pre_shared_key::prove",
    "early_data::decide",
    "negotiate::exchange_keys",
    "certificate_selection::choose",
    "flight::send",
];

/// The suite of the HelloRetryRequest stays. So it is one for the client's external key, if there is one.
const DECISIONS_BEFORE_RETRY: &[&str] = &[
    "negotiate::negotiate",
    "selection::check_version",
    "selection::cipher_suite",
    "negotiate::decide",
    "negotiate::select_share",
    "selection::key_share",
    "pre_shared_key::look_up",
    "hello_retry_request::send",
];

/// The cipher suite is settled then, and there are no 0-RTT data.
const DECISIONS_AFTER_RETRY: &[&str] = &[
    "negotiate::negotiate",
    "selection::check_version",
    "hello_retry_request::check_second",
    "negotiate::decide",
    "negotiate::select_share",
    "hello_retry_request::requested_share",
    "resumption::find",
    "pre_shared_key::resolve",
    "pre_shared_key::prove",
    "negotiate::exchange_keys",
    "certificate_selection::choose",
    "flight::send",
];

/// All but the resolver's are for a client whose keys are used without a key exchange (psk_ke): there is
/// one only if no key is used.
const NEGOTIATING_BEFORE_RETRY: &[Wait] = &[
    CHOOSING_CONFIG,
    Wait {
        type_name: "Negotiating",
        questions: &["TakeSession", "ResolvePsk", "VerifyPeer", "VerifyRawPublicKey"],
    },
];

const CHOOSING_CONFIG: Wait = Wait { type_name: "ChoosingConfig", questions: &["ChooseConfig"] };

const NEGOTIATING: &[Wait] = &[
    CHOOSING_CONFIG,
    Wait {
        type_name: "Negotiating",
        questions: &[
            "TakeSession",
            "ResolvePsk",
            "VerifyPeer",
            "VerifyRawPublicKey",
            "AcceptEarlyData",
            "CheckReplay",
            "ChooseCertificate",
        ],
    },
    Wait { type_name: "Signing", questions: &["Sign"] },
];

const NEGOTIATING_AFTER_RETRY: &[Wait] = &[
    Wait {
        type_name: "Negotiating",
        questions: &[
            "TakeSession",
            "ResolvePsk",
            "VerifyPeer",
            "VerifyRawPublicKey",
            "ChooseCertificate",
        ],
    },
    Wait { type_name: "Signing", questions: &["Sign"] },
];

const VERIFYING_CLIENT: &[Wait] = &[Wait {
    type_name: "ExpectClientCertificate",
    questions: &["VerifyPeer", "VerifyRawPublicKey"],
}];

const VERIFYING_CLIENT_LATER: &[Wait] = &[Wait {
    type_name: "PostHandshakeAuthServer",
    questions: &["VerifyPeer", "VerifyRawPublicKey"],
}];

const SERVER: &[Edge] = &[
    edge(Begin, Start, Always, &[], &[(Always, ExpectClientHello)]),
    edge(
        ExpectClientHello,
        ClientHello,
        OtherGroup,
        &[(Always, HelloRetryRequest)],
        &[(Always, ExpectSecondClientHello)],
    )
    .decides(DECISIONS_BEFORE_RETRY)
    .waits(NEGOTIATING_BEFORE_RETRY),
    edge(ExpectClientHello, ClientHello, OwnGroup, FLIGHT, AFTER_FLIGHT)
        .decides(DECISIONS)
        .waits(NEGOTIATING),
    edge(ExpectSecondClientHello, ClientHello, Always, FLIGHT, AFTER_FLIGHT_AFTER_RETRY)
        .decides(DECISIONS_AFTER_RETRY)
        .waits(NEGOTIATING_AFTER_RETRY),
    edge(ExpectEndOfEarlyData, EndOfEarlyData, Always, &[], &[(Always, ExpectFinished)]),
    edge(
        ExpectClientCertificate,
        Certificate,
        Always,
        &[],
        &[(Always, ExpectClientCertificateVerify)],
    )
    .waits(VERIFYING_CLIENT),
    edge(ExpectClientCertificate, EmptyCertificate, Always, &[], &[(Always, ExpectFinished)]),
    edge(
        ExpectClientCertificateVerify,
        CertificateVerify,
        Always,
        &[],
        &[(Always, ExpectFinished)],
    ),
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
        &[(Always, ConnectedAndRequesting)],
    ),
    edge(ConnectedAndRequesting, KeyUpdate, Always, &[], &[(Always, ConnectedAndRequesting)]),
    edge(
        ConnectedAndRequesting,
        Certificate,
        Always,
        &[],
        &[(Always, ConnectedExpectingCertificateVerify)],
    )
    .waits(VERIFYING_CLIENT_LATER),
    edge(
        ConnectedAndRequesting,
        EmptyCertificate,
        Always,
        &[],
        &[(Always, ConnectedExpectingFinished)],
    ),
    edge(
        ConnectedExpectingCertificateVerify,
        CertificateVerify,
        Always,
        &[],
        &[(Always, ConnectedExpectingFinished)],
    ),
    edge(ConnectedExpectingFinished, Finished, Always, &[], &[(Always, Connected)]),
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
