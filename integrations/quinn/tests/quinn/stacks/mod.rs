//! Other QUIC stacks, in programs of their own: each case with each of them, as clients and as servers.

mod case;
mod chromium;
mod credentials;
mod curl;
mod echo_programs;
mod ngtcp2;
mod ours;
mod table;

use std::net::SocketAddr;

use handclasp_testing::process::Process;

use crate::peers::{People, Wanted};
use case::Case;

/// Of the bytes that are sent.
const SEED: u32 = 7;

/// Why no client of ours begins with version 2.
const NO_VERSION_2: Limit = Limit::None("a client of quinn begins with version 1");

const NO_ML_KEM: Limit = Limit::None("the TLS of the peer has no ML-KEM");

const NO_KEY_UPDATE: Limit = Limit::Part("the program updates no keys: ours are updated");

/// What another stack is, beside ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Client,
    Server,
}

/// What the streams of a stack's programs carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Application {
    /// A server sends back what it receives.
    Echo,
    /// Requests. Our server sends back their bodies.
    Http3,
}

impl Application {
    fn protocol(self) -> &'static str {
        match self {
            Self::Echo => "test/1",
            Self::Http3 => "h3",
        }
    }
}

/// What a program of another stack does.
struct Orders<'a> {
    case: Case,
    /// A client trusts the server of these, and is their client; a server is the other way round.
    people: &'a People,
    wanted: &'a Wanted,
}

/// What a program of another stack reports.
#[derive(Clone, Copy, Debug)]
enum Report {
    /// The connection was closed with this code, by one of the ends.
    Closed(u64),
    /// The packet keys of one side and then of the other were updated, or those of our side only.
    KeyUpdates,
    /// Our client's certificate came.
    ClientCertificate,
    Resumption,
    EarlyDataAccepted,
    VersionNegotiation,
}

/// What a stack, or its program, does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Limit {
    /// The case is not run.
    None(&'static str),
    /// A part of the case is run.
    Part(&'static str),
}

/// A QUIC implementation, and how its programs are started.
trait Stack: Sync {
    /// As in the table of `docs/quic-peers.md`.
    fn name(&self) -> &'static str;

    fn application(&self) -> Application;

    /// Its limit in this role, if the case is not run as a whole.
    fn limit(&self, role: Role, case: Case) -> Option<Limit>;

    /// A server that is ready.
    fn start_server(&self, orders: &Orders) -> (Process, SocketAddr);

    /// A client, which gets its session at the first of these addresses if its case needs one. It
    /// ends with success when all that it has sent came back.
    fn start_client(&self, orders: &Orders, first: SocketAddr, server: SocketAddr) -> Process;

    /// Checks what the client got, if its program has not done so.
    fn check_answer(&self, _: &Process, _: Case) {}

    /// What it says of a certificate of an unknown authority: bad_certificate, certificate_unknown or
    /// unknown_ca (RFC 9846, section 6.2), as CRYPTO_ERROR.
    fn codes_of_refused_certificate(&self) -> &'static [u64] {
        &[0x012a, 0x012e, 0x0130]
    }

    /// Waits until the program has reported this. A program that does not report such things waits for
    /// nothing.
    fn wait_for(&self, program: &Process, role: Role, report: Report);
}

/// Runs all cases with a stack, and compares them with the table.
async fn run(stack: Option<impl Stack>, role: Role) {
    let Some(stack) = stack else { return };
    let mut results = Vec::new();
    for case in Case::ALL {
        let limit = stack.limit(role, case);
        if !matches!(limit, Some(Limit::None(_))) {
            println!("{}, {role:?}: {}", stack.name(), case.name());
            match role {
                Role::Client => ours::serve_case(&stack, case).await,
                Role::Server => ours::connect_case(&stack, case).await,
            }
        }
        results.push((case, limit));
    }
    table::check(stack.name(), role, &results);
}

/// quinn on rustls is in this process: `handshakes.rs` and `sessions.rs` have the cases.
#[test]
fn the_table_has_the_cases_of_rustls() {
    for role in [Role::Client, Role::Server] {
        let limit = |case| match case {
            Case::MlKem => Some(NO_ML_KEM),
            Case::VersionNegotiation => Some(NO_VERSION_2),
            _ => None,
        };
        table::check("rustls", role, &Case::ALL.map(|case| (case, limit(case))));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn aioquic_clients() {
    run(echo_programs::aioquic(), Role::Client).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn aioquic_servers() {
    run(echo_programs::aioquic(), Role::Server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn quic_go_clients() {
    run(echo_programs::quic_go(), Role::Client).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn quic_go_servers() {
    run(echo_programs::quic_go(), Role::Server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn quiche_clients() {
    run(echo_programs::quiche(), Role::Client).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn quiche_servers() {
    run(echo_programs::quiche(), Role::Server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ngtcp2_clients() {
    run(ngtcp2::ngtcp2(), Role::Client).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ngtcp2_servers() {
    run(ngtcp2::ngtcp2(), Role::Server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn curl_clients() {
    run(curl::curl(), Role::Client).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn chromium_clients() {
    run(chromium::chromium(), Role::Client).await;
}
