//! What the page asks for: the list of the connections in a capture, or one of them.

use std::io::{self, BufRead, Read, Write};

use handclasp_explain::capture::{self, CaptureError};
use handclasp_explain::page::{self, Part, Summary};
use handclasp_explain::recorded::KeyLogSecrets;
use handclasp_explain::{Account, Connection, Options};
use serde::{Deserialize, Serialize};

use crate::provider;

/// The longest first line of a request, in bytes.
pub const MAX_REQUEST_LINE: u64 = 1024;

/// The most connections of the list. A port scan has one for each port.
pub const MAX_LISTED: usize = 20_000;

/// The first line of a request, in JSON. After it come the key log, and the capture twice: once for the
/// secrets that may be in it, and once for its packets. So it need not be in memory.
#[derive(Debug, Deserialize)]
pub struct Request {
    /// The length of the key log in bytes.
    pub key_log_length: u64,
    /// The length of the capture in bytes.
    pub capture_length: u64,
    /// A connection; without it, the list of all.
    pub wanted: Option<Wanted>,
}

/// A connection of the list.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct Wanted {
    /// Its number.
    pub number: u64,
    /// The number of the connection that gave the ticket that it was resumed with.
    pub resumed_from: Option<u64>,
}

/// The list of a capture.
#[derive(Serialize)]
struct List {
    connections: Vec<Summary>,
    /// How many more there are, beyond [`MAX_LISTED`].
    unlisted: u64,
    packets: u64,
    tcp_packets: u64,
    /// The file ends in the middle of a packet.
    is_cut: bool,
    /// Whether there are secrets of TLS 1.3, in the key log or in the capture.
    has_secrets: bool,
    /// Why the capture could be read no further.
    error: Option<String>,
}

/// One connection of a capture: `None` if it has none of this number.
#[derive(Serialize)]
struct Explained {
    part: Option<Part>,
}

/// Reads a [`Request`] and what follows it, and writes the answer as JSON.
///
/// # Errors
/// The request is malformed, or its end is missing, or the answer cannot be written. A capture that is
/// damaged is no error: the answer has what is there.
pub fn answer(mut input: impl BufRead + Send, output: impl Write) -> io::Result<()> {
    let mut line = Vec::new();
    (&mut input).take(MAX_REQUEST_LINE).read_until(b'\n', &mut line)?;
    let request: Request = serde_json::from_slice(&line)?;
    let mut secrets = KeyLogSecrets::read((&mut input).take(request.key_log_length))?;
    // A capture that cannot be read is an error of the second reading, too.
    let mut first = (&mut input).take(request.capture_length);
    let _ = capture::add_secrets(&mut first, &mut secrets);
    io::copy(&mut first, &mut io::sink())?;
    let capture = input.take(request.capture_length);
    match request.wanted {
        Some(wanted) => {
            let explained = Explained { part: part(capture, secrets, wanted)? };
            serde_json::to_writer(output, &explained)?;
        }
        None => serde_json::to_writer(output, &list(capture, secrets))?,
    }
    Ok(())
}

fn list(capture: impl Read + Send, secrets: KeyLogSecrets) -> List {
    let has_secrets = !secrets.is_empty();
    let (mut connections, mut unlisted) = (Vec::new(), 0);
    let read = capture::read(capture, secrets, &options(), |connection| {
        if connections.len() < MAX_LISTED {
            connections.push(Summary::from(&connection));
        } else {
            unlisted += 1;
        }
    });
    connections.sort_by_key(|connection| connection.number);
    let (summary, error) = match read {
        Ok(summary) => (summary, None),
        Err(error) => (capture::Summary::default(), Some(error.to_string())),
    };
    List {
        connections,
        unlisted,
        packets: summary.packets,
        tcp_packets: summary.tcp_packets,
        is_cut: summary.is_cut,
        has_secrets,
        error,
    }
}

fn part(
    capture: impl Read + Send,
    secrets: KeyLogSecrets,
    wanted: Wanted,
) -> io::Result<Option<Part>> {
    let numbers = [Some(wanted.number), wanted.resumed_from];
    let mut connections: Vec<Connection> = Vec::new();
    let read = capture::read(capture, secrets, &options(), |connection| {
        if numbers.contains(&Some(connection.number)) {
            connections.push(connection);
        }
    });
    match read {
        // The list has said what is wrong with it.
        Ok(_) | Err(CaptureError::Malformed(_) | CaptureError::BlockTooLong) => {}
        Err(error) => return Err(io::Error::other(error)),
    }
    page::part(&Account::new(connections), wanted.number)
}

fn options() -> Options {
    Options::new(provider())
}
