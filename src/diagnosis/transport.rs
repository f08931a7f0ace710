//! The transport ended, was reset, or brought nothing for too long.

use std::io;

use super::data::{Diagnosis, Fault, Setting, own_offers};
use crate::error::circumstances::{Circumstances, Parameter};
use crate::side::Side;
use crate::stage::Stage;

impl Diagnosis {
    /// Of an error of the transport that is none of TLS.
    pub(crate) fn of_transport(error: &io::Error, circumstances: &Circumstances) -> Self {
        let is_connected = circumstances.stage == Stage::Connected;
        let (code, happened) = match error.kind() {
            // The kind of a socket's timeout depends on the system.
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => match is_connected {
                true => ("silence", "the peer was silent or too slow"),
                false => ("silence", "the handshake was not complete in time"),
            },
            io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe => match is_connected {
                true => {
                    ("reset", "the peer dropped the connection (reset): its data may be truncated")
                }
                false => ("reset", "the peer dropped the connection (reset) during the handshake"),
            },
            _ => ("transport-error", "the transport failed"),
        };
        let mut diagnosis = Self::new(code, happened.to_owned());
        diagnosis.fault = Fault::Transport;
        diagnosis.set_circumstances(circumstances);
        if code == "transport-error" {
            diagnosis.happened += &format!(": {error}");
        }
        add_progress(circumstances, &mut diagnosis);
        match code {
            "silence" => explain_silence(circumstances, &mut diagnosis),
            "reset" => explain_end(circumstances, &mut diagnosis),
            _ => {}
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
    let seconds = traffic.elapsed.as_secs_f64();
    diagnosis.happened += &format!("; {bytes} in {seconds:.1} s");
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
                "the port may be for a protocol whose client speaks first, or a firewall may drop what \
                 is sent",
            );
            diagnosis.remedy("compare the port, and look whether the server receives anything");
            may_be_too_long(circumstances, diagnosis);
        }
        Stage::ClientHello => {
            diagnosis.cause("the client may wait for this side to speak first, as in mail");
            diagnosis.remedy("the client must begin with TLS");
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

/// A ClientHello with a share of ML-KEM has more than 1200 bytes, which do not fit into one packet.
fn may_be_too_long(circumstances: &Circumstances, diagnosis: &mut Diagnosis) {
    let groups = own_offers(Some(circumstances), &[Parameter::Groups]);
    let has_ml_kem =
        groups.iter().any(|offer| offer.values.iter().any(|group| group.contains("MLKEM")));
    if has_ml_kem {
        diagnosis.cause(
            "or something in between may drop a ClientHello that is longer than a packet, as one with a \
             post-quantum key share is",
        );
        diagnosis.change(
            Setting::Groups,
            "to find out, offer x25519 alone: if that works, it is the length of the ClientHello",
        );
        diagnosis.offers.extend(groups);
    }
}
