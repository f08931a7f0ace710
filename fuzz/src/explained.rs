//! Where our ends and those of rustls disagree, and why.

mod after;
mod hellos;
mod quic;

use handclasp::handshake::Side;

use crate::differential::Outcome;

/// A disagreement that is right as it is.
pub struct Row {
    /// The end that it is about; none for either.
    pub side: Option<Side>,
    /// Words of our error; none where we take it, and "*" for any error.
    pub ours: &'static str,
    /// Words of theirs, in the same way.
    pub theirs: &'static str,
    pub reason: &'static str,
}

impl Row {
    /// Is this disagreement the one of the row?
    fn explains(&self, side: Side, ours: &Outcome, theirs: &Outcome) -> bool {
        let fits = |words: &str, outcome: &Outcome| match &outcome.error {
            _ if words == WAITS => outcome.unfinished,
            None => words.is_empty(),
            Some(error) => words == "*" || !words.is_empty() && error.contains(words),
        };
        self.side.is_none_or(|one| one == side)
            && fits(self.ours, ours)
            && fits(self.theirs, theirs)
    }
}

/// In the place of an error: the rest of a message has not come.
const WAITS: &str = "(waits for the rest)";

const fn row(side: Side, ours: &'static str, theirs: &'static str, reason: &'static str) -> Row {
    Row { side: Some(side), ours, theirs, reason }
}

const fn either(ours: &'static str, theirs: &'static str, reason: &'static str) -> Row {
    Row { side: None, ours, theirs, reason }
}

/// Every disagreement that was found: those about records, wherever they come; those about hellos;
/// those about what comes after the hellos; and those about QUIC.
pub const TABLE: [(&str, &[Row]); 4] =
    [("records", RECORDS), ("hellos", hellos::ROWS), ("after", after::ROWS), ("QUIC", quic::ROWS)];

/// Does a row explain why the two disagree?
pub fn explained(side: Side, ours: &Outcome, theirs: &Outcome) -> bool {
    let is_after = ours.after_hellos && theirs.after_hellos;
    let rows = if is_after { after::ROWS } else { hellos::ROWS };
    RECORDS.iter().chain(rows).chain(quic::ROWS).any(|row| row.explains(side, ours, theirs))
}

use Side::Client;

const NO_ALERT: &str = "rustls sends no alert for it; RFC 9846, section 6.2, wants one sent";
const LONG: &str = "each end has a limit of its own for the length of a message, as section 4 lets \
    it: what the syntax allows, and 262,140 bytes of body for certificates; 65,535 for rustls";
const DUMMIES: &str = "each end has a limit of its own for the number of change_cipher_specs, of which \
    section 5 has none: 4 with us, and 2 with rustls";
const CLOSED: &str = "section 6.1: close_notify ends the peer's direction. In a handshake that \
    cannot go on any more, which is an error with us; rustls waits for the end of the transport";
const MISPLACED: &str = "section 5.1: ours looks at whether bytes follow a message that changes \
    the keys before it looks into the message, so that nothing is sent in answer to it";
const LEVEL: &str = "section 6: the level of an alert says nothing; all but close_notify and \
    user_canceled end the connection. rustls passes over some that say warning";
const ANSWERED: &str = "section 6.2: an alert of an unknown type is an error alert, after which \
    nothing is sent; rustls answers it";
const CANCELED: &str = "section 6.1: user_canceled is followed by close_notify, which ends it. Ours \
    passes over up to ignored_alerts of them; rustls takes none in a handshake";
const KIND_FIRST: &str = "appendix A: ours looks at the type of a message before its body; rustls \
    parses the body of any message first";
const EMPTY: &str = "section 5.4 has unexpected_message for it where it is protected; rustls says \
    decode_error";

const UNKNOWN_TYPE: &str = "section 5: unexpected_message for a record of an unknown type; rustls \
    says decode_error, or bad_record_mac where it tries to decrypt it";

const HEADER_FIRST: &str = "ours looks at the type and the length of a message as soon as they have \
    come; rustls waits for the whole message";

/// What the records themselves are about.
const RECORDS: &[Row] = &[
    // Where rustls breaks off without a word.
    either("*", "MessageInterleavedWithHandshakeMessage", NO_ALERT),
    either("*", "HandshakePayloadTooLarge", NO_ALERT),
    either("", "HandshakePayloadTooLarge", LONG),
    // Records.
    either("the peer closed the connection", "", CLOSED),
    either("the peer closed the connection", "*", CLOSED),
    row(
        Client,
        "",
        "InappropriateMessage { expect_types: [Handshake], got_type: ChangeCipherSpec }",
        "section 5: a change_cipher_spec may come at any time between the first ClientHello and \
         the peer's Finished, and is dropped; rustls takes it after the ServerHello only",
    ),
    either("", "IllegalMiddleboxChangeCipherSpec", DUMMIES),
    either("change_cipher_specs", "IllegalMiddleboxChangeCipherSpec", DUMMIES),
    either(
        "change_cipher_spec record does not consist",
        "InvalidMessage(",
        "section 5: unexpected_message for any other change_cipher_spec",
    ),
    either("has no content", "InvalidEmptyPayload", EMPTY),
    either("unknown content type", "*", UNKNOWN_TYPE),
    either("this is not TLS", "*", UNKNOWN_TYPE),
    either("bytes follow a message", "*", MISPLACED),
    either("the peer sent the alert", "", LEVEL),
    either("the peer sent the alert", "AlertReceived(", ANSWERED),
    either("", "AlertReceived(UserCanceled)", CANCELED),
    either("came while waiting for", "InvalidMessage(", KIND_FIRST),
    // Messages whose rest has not come.
    either("came while waiting for", WAITS, HEADER_FIRST),
    either("length: a length of", WAITS, HEADER_FIRST),
];
