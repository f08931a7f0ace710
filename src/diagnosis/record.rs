//! A record cannot be accepted.

use super::data::{Diagnosis, Fault};
use super::other_protocol;
use crate::record::RecordError;
use crate::side::Side;

pub(super) fn explain(error: &RecordError, side: Option<Side>, diagnosis: &mut Diagnosis) {
    use RecordError as R;
    match error {
        R::NotTls { protocol, begins } => {
            diagnosis.code = "not-tls";
            diagnosis.fault = Fault::Peer;
            other_protocol::explain(*protocol, begins, side, diagnosis);
        }
        R::BadRecordMac { .. } => changed_bytes(diagnosis),
        R::KeyExhausted | R::SealFailed | R::Provider(_) => {
            diagnosis.fault = Fault::ThisSide;
            diagnosis.remedy("at this side: look into the crypto provider");
        }
        R::UnknownContentType(_)
        | R::UnexpectedContentType(..)
        | R::TooLong { .. }
        | R::Empty(_)
        | R::NoContentType
        | R::BadChangeCipherSpec
        | R::BadAlert(_) => {
            diagnosis.fault = Fault::Peer;
            diagnosis.cause(
                "the peer may not speak TLS at this point, or two writers may share its socket",
            );
            diagnosis.remedy("look whether something writes to the peer's socket beside TLS");
            diagnosis.remedy("look whether the peer's TLS is up to date");
        }
    }
}

/// A record arrives with other bytes than those that were sent: here, or at the peer, as its alert says.
pub(super) fn changed_bytes(diagnosis: &mut Diagnosis) {
    diagnosis.cause("something between the two may change bytes, or two writers share one socket");
    diagnosis.remedy("connect without proxies in between");
    diagnosis.remedy("in the peer and here, write to the socket through TLS alone");
}
