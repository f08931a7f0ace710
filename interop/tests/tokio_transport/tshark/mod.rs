//! Accounts beside what tshark says about the same connections. The peers are other programs; the other end is
//! ours, and records what goes over the socket. What the two disagree on is in `docs/tshark.md`, which
//! `HANDCLASP_WRITE_DOCS=1` writes.

mod browsers;
mod clients;
mod differences;
mod fields;
mod program;
mod recording;
mod servers;

use std::sync::Arc;

use handclasp::crypto::CryptoProvider;
use handclasp_explain::recorded::KeyLogSecrets;
use handclasp_explain::{Options, capture};
use handclasp_testing::capture::{Link, packets, pcap};

use differences::Comparison;
use fields::Readings;
use recording::Recordings;

/// What is asked of the comparison.
const CAPTURES: usize = 200;
const FIELDS: usize = 10_000;
const AGREEMENT: f64 = 0.995;

#[tokio::test(flavor = "multi_thread")]
async fn accounts_agree_with_tshark() {
    let has_peers = [program::is_here(), clients::are_here(), browsers::are_here()];
    if has_peers.contains(&false) {
        return;
    }
    let recordings = Arc::new(Recordings::default());
    let visits = browsers::visit(&recordings);
    let programs = {
        let recordings = recordings.clone();
        tokio::task::spawn_blocking(move || {
            clients::connect(&recordings);
            servers::accept(&recordings);
        })
    };
    visits.await;
    programs.await.unwrap();

    let mut all_packets = Vec::new();
    // A browser may open a connection that it does not use.
    let mut recorded = recordings.all();
    recorded.retain(|recording| !recording.sent().is_empty());
    for (recording, port) in recorded.iter().zip(10_000..) {
        all_packets.extend(packets(Link::Ethernet, port, &recording.sent(), 1400));
    }
    let (file, key_log) = (pcap(Link::Ethernet, &all_packets), recordings.keys.text());
    let mut ours = Readings::new();
    let secrets = KeyLogSecrets::parse(key_log.as_bytes());
    let options = Options::new(CryptoProvider::default());
    let read = capture::read(file.as_slice(), secrets, &options, |connection| {
        fields::of_account(&connection, &mut ours);
    });
    let summary = read.unwrap();
    let theirs = program::readings(&file, &key_log);

    let comparison = Comparison::of(&ours, &theirs);
    comparison.print(&recorded);
    assert_eq!(summary.connections, recorded.len() as u64);
    assert!(recorded.len() >= CAPTURES, "{} captures", recorded.len());
    assert!(comparison.fields >= FIELDS, "{} fields", comparison.fields);
    assert!(comparison.agreement() >= AGREEMENT, "{}", comparison.agreement());
    assert!(comparison.unexplained().is_empty(), "the differences above are not explained");
}

#[test]
fn the_document_has_the_table_of_differences() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/tshark.md");
    let document = std::fs::read_to_string(path).unwrap();
    let (start, end) =
        ("<!-- The table is written by interop. -->\n\n", "\n<!-- End of the table. -->");
    let (before, rest) = document.split_once(start).unwrap();
    let (_, after) = rest.split_once(end).unwrap();
    let expected = [before, start, &differences::table(), end, after].concat();
    if std::env::var("HANDCLASP_WRITE_DOCS").is_ok_and(|value| value == "1") {
        std::fs::write(path, &expected).unwrap();
        return;
    }
    assert!(document == expected, "HANDCLASP_WRITE_DOCS=1 writes the table anew");
}
