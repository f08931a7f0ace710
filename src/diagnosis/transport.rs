//! The transport ended, was reset, or brought nothing for too long.

use std::io;

use super::data::{Diagnosis, Fault, Setting, own_offers};
use crate::error::circumstances::{Circumstances, Parameter};
use crate::side::Side;
use crate::stage::Stage;

/// How the transport failed.
#[derive(Clone, Copy)]
enum TransportFailure {
    Silence,
    Reset,
    Other,
}

impl TransportFailure {
    fn of(error: &io::Error) -> Self {
        match error.kind() {
            // The kind of a socket's timeout depends on the system.
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => Self::Silence,
            io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe => Self::Reset,
            _ => Self::Other,
        }
    }

    const fn code(self) -> &'static str {
        match self {
            Self::Silence => "silence",
            Self::Reset => "reset",
            Self::Other => "transport-error",
        }
    }

    const fn in_words(self, is_connected: bool) -> &'static str {
        match (self, is_connected) {
            (Self::Silence, true) => "the peer was silent or too slow",
            (Self::Silence, false) => "the handshake was not complete in time",
            (Self::Reset, true) => {
                "the peer dropped the connection (reset): its data may be truncated"
            }
            (Self::Reset, false) => "the peer dropped the connection (reset) during the handshake",
            (Self::Other, _) => "the transport failed",
        }
    }
}

impl Diagnosis {
    /// Of an error of the transport that is none of TLS.
    pub(crate) fn of_transport(error: &io::Error, circumstances: &Circumstances) -> Self {
        let failure = TransportFailure::of(error);
        let is_connected = circumstances.stage == Stage::Connected;
        let mut diagnosis = Self::new(failure.code(), failure.in_words(is_connected).to_owned());
        diagnosis.fault = Fault::Transport;
        diagnosis.set_circumstances(circumstances);
        if let TransportFailure::Other = failure {
            diagnosis.happened += &format!(": {error}");
        }
        add_progress(circumstances, &mut diagnosis);
        match failure {
            TransportFailure::Silence => explain_silence(circumstances, &mut diagnosis),
            TransportFailure::Reset => explain_end(circumstances, &mut diagnosis),
            TransportFailure::Other => {}
        }
        diagnosis
    }
}

/// Says what this side was waiting for, how long, and how much came.
pub(super) fn add_progress(circumstances: &Circumstances, diagnosis: &mut Diagnosis) {
    if circumstances.stage != Stage::Connected {
        diagnosis.happened += &format!("; this side was waiting for {}", circumstances.stage);
    }
    let Some(traffic) = circumstances.traffic else { return };
    let bytes = match traffic.bytes_received {
        0 => "no record of the peer had come".to_owned(),
        1 => "1 byte of the peer had come".to_owned(),
        bytes => format!("{bytes} bytes of the peer had come"),
    };
    // In whole numbers: the formatting of fractions is 16 kB of code, and nothing else needs it.
    let (seconds, tenths) = (traffic.elapsed.as_secs(), traffic.elapsed.subsec_millis() / 100);
    diagnosis.happened += &format!("; {bytes} in {seconds}.{tenths} s");
}

/// The peer has closed or reset the connection.
pub(super) fn explain_end(circumstances: &Circumstances, diagnosis: &mut Diagnosis) {
    match circumstances.stage {
        Stage::Connected => {
            diagnosis
                .cause("the peer may have crashed or been stopped, or does not send close_notify");
            if circumstances.side == Side::Client && circumstances.shown.is_some() {
                diagnosis.cause("or it has refused this side's certificate without an alert");
            }
            diagnosis.remedy(
                "data that state their own length may be complete: compare it; the peer's log may say \
                 why it ended",
            );
        }
        Stage::ServerHello => {
            diagnosis.cause(
                "the peer may not speak TLS 1.3, or not at this port, or something in between may close \
                 connections",
            );
            diagnosis.remedy("compare the port, and look into the server's log");
            may_be_too_long(circumstances, diagnosis);
        }
        Stage::ClientHello => {
            diagnosis.cause(
                "without a byte it is harmless, as load balancers and port scanners look so; otherwise \
                 the client gave up",
            );
            diagnosis.remedy("nothing, if these are probes; otherwise look into the client's log");
        }
        Stage::ClientFinished | Stage::ClientCertificate | Stage::ClientCertificateVerify => {
            diagnosis.cause(
                "clients often close the connection so if they do not accept the certificate, or have \
                 none to show",
            );
            show_own(circumstances, diagnosis);
            diagnosis.remedy("look into the client's log: it says why");
        }
        _ if circumstances.side == Side::Client => {
            diagnosis.cause("the server speaks TLS 1.3, and gave up");
            diagnosis.remedy("look into the server's log: it may say why");
        }
        _ => {
            diagnosis.cause("the client gave up");
            diagnosis.remedy("look into the client's log: it may say why");
        }
    }
}

fn explain_silence(circumstances: &Circumstances, diagnosis: &mut Diagnosis) {
    match circumstances.stage {
        Stage::Connected => {
            diagnosis.cause("the peer keeps the connection open and sends nothing");
            diagnosis.remedy("allow more time, or look what the peer waits for");
        }
        Stage::ServerHello => {
            diagnosis.cause(
                "the server may wait for something other than TLS at this port, or a firewall may drop \
                 what is sent",
            );
            diagnosis.remedy("compare the port, and look whether the server receives anything");
            may_be_too_long(circumstances, diagnosis);
        }
        Stage::ClientHello => {
            diagnosis.cause(
                "the client may expect a greeting of the server, as in mail without TLS at first",
            );
            diagnosis.remedy("set the client up for TLS from its first byte");
        }
        Stage::Answer => {
            diagnosis.fault = Fault::ThisSide;
            diagnosis.remedy("the application of this side must answer the open question");
        }
        _ => {
            diagnosis.cause("something between the two may drop long messages, or the peer hangs");
            diagnosis.remedy("look whether large packets pass (path MTU), and into the peer's log");
        }
    }
}

/// Names the certificate that this side has shown.
fn show_own(circumstances: &Circumstances, diagnosis: &mut Diagnosis) {
    diagnosis.offers.extend(circumstances.own_certificate());
}

/// A key share of X25519MLKEM768 has 1,216 bytes, and that of SecP384r1MLKEM1024 has 1,665. With the rest of a
/// ClientHello they do not always fit into one packet of 1,500 bytes.
fn may_be_too_long(circumstances: &Circumstances, diagnosis: &mut Diagnosis) {
    if !circumstances.offers_ml_kem() {
        return;
    }
    diagnosis.cause(
        "or something in between may drop a ClientHello that is longer than a packet, as one with a \
         post-quantum key share may be",
    );
    diagnosis.set(
        Setting::Groups,
        "x25519",
        "to find out, offer x25519 alone: if that works, it is the length of the ClientHello",
    );
    diagnosis.offers.extend(own_offers(Some(circumstances), &[Parameter::Groups]));
}
