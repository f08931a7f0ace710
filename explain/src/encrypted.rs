//! What the lengths of encrypted records say of a connection whose keys are missing.

use handclasp::crypto::TAG_LENGTH;
use handclasp::record::HEADER_LENGTH;

use crate::account::{Connection, Record, RecordState, Side};

/// The length of a record with an alert: the header, level and description, the type of the content, and
/// the tag of the AEAD. A record with a Finished is longer.
const ALERT_RECORD: usize = HEADER_LENGTH + 2 + 1 + TAG_LENGTH;

/// Whether both sides have sent records for which there are no keys.
pub(crate) fn is_answered(records: &[Record]) -> bool {
    [Side::Client, Side::Server].into_iter().all(|side| closed(records, side).next().is_some())
}

/// Whether an encrypted record is probably an alert that ended the handshake.
pub(crate) fn has_probable_alert(connection: &Connection) -> bool {
    // Records of 0-RTT data may have any length.
    let early_data = |hello: &crate::Message| hello.extension("early_data").is_some();
    if connection.message("ClientHello").is_some_and(early_data) {
        return false;
    }
    client_gave_up(&connection.records) || server_gave_up(&connection.records)
}

/// The first encrypted record of the client, where it has to send a Finished, has the length of an alert.
fn client_gave_up(records: &[Record]) -> bool {
    closed(records, Side::Client).next().is_some_and(|first| first.length == ALERT_RECORD)
}

/// All that the server has sent after the client's first encrypted record is one of the length of an alert,
/// and the client has not closed the connection before.
fn server_gave_up(records: &[Record]) -> bool {
    let is_first = |record: &Record| is_closed(record, Side::Client);
    let Some(first) = records.iter().position(is_first) else { return false };
    let client_closed =
        closed(records, Side::Client).last().is_some_and(|last| last.length == ALERT_RECORD);
    let mut answers = closed(records.get(first..).unwrap_or_default(), Side::Server);
    let is_alert = answers.next().is_some_and(|answer| answer.length == ALERT_RECORD);
    is_alert && answers.next().is_none() && !client_closed
}

/// The records of this side for which there are no keys.
fn closed(records: &[Record], side: Side) -> impl Iterator<Item = &Record> {
    records.iter().filter(move |record| is_closed(record, side))
}

fn is_closed(record: &Record, side: Side) -> bool {
    record.sender == side && record.state == RecordState::NoKey
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use handclasp::registry::ContentType;

    use super::ALERT_RECORD;
    use crate::recorded::{Decoder, KeyLogSecrets};
    use crate::test_messages::{hello_without_early_data, options, records, server_hello};
    use crate::{Outcome, Side};

    /// What is said of a connection with encrypted records of these lengths after ServerHello.
    fn outcome(lengths: &[(Side, usize)]) -> Outcome {
        let mut decoder = Decoder::new(options(), Arc::new(KeyLogSecrets::default()));
        let hello = records(ContentType::HANDSHAKE, &hello_without_early_data());
        decoder.bytes(Side::Client, None, &hello);
        decoder.bytes(Side::Server, None, &records(ContentType::HANDSHAKE, &server_hello()));
        for (side, length) in lengths {
            let content = vec![0x55; length - 5];
            decoder.bytes(*side, None, &records(ContentType::APPLICATION_DATA, &content));
        }
        decoder.finish().outcome
    }

    #[test]
    fn an_alert_is_known_by_its_length_and_its_place() {
        use Side::{Client, Server};
        const FINISHED: usize = 58;
        let flight = (Server, 1000);
        let failed = Outcome::ProbablyFailed;
        for (lengths, expected) in [
            (&[flight, (Client, ALERT_RECORD)][..], failed),
            (&[flight, (Client, FINISHED), (Server, ALERT_RECORD)], failed),
            (&[flight, (Client, 700), (Client, 120), (Server, ALERT_RECORD)], failed),
            (&[flight, (Client, FINISHED)], Outcome::Encrypted),
            (&[flight, (Client, FINISHED), (Server, 300)], Outcome::Encrypted),
            (&[flight, (Client, FINISHED), (Server, 300), (Server, 24)], Outcome::Encrypted),
            (&[flight, (Client, FINISHED), (Client, 24), (Server, 24)], Outcome::Encrypted),
            (&[flight], Outcome::Incomplete),
        ] {
            assert_eq!(outcome(lengths), expected, "{lengths:?}");
        }
    }
}
