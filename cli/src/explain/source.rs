//! Where connections come from: captures, the traces of RFC 8448, and the network.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use handclasp::crypto::CryptoProvider;
use handclasp::pem::printable_path;
use handclasp_explain::capture::{self, CaptureError};
use handclasp_explain::recorded::{Decoder, KeyLogSecrets};
use handclasp_explain::{Connection, Options, Recorder, Side};
use handclasp_replay::{Role, SECTIONS, Vectors};

use super::Arguments;
use super::progress::Progress;
use crate::client::{HANDSHAKE_TIMEOUT, ReceiveEnd, Target, TlsClient, set_addresses};
use crate::failure::Failure;
use crate::files;

/// What accounts are made with. Certificates are compared with the trust anchors of `--ca`; `warn` gets a
/// message for each that is ignored.
///
/// # Errors
/// When these cannot be read.
pub fn options(arguments: &Arguments, warn: impl Fn(&str)) -> Result<Options, Failure> {
    let mut options = Options::new(CryptoProvider::default());
    options.secrets = arguments.show_secrets;
    if let Some(file) = &arguments.client.ca {
        let anchors = files::anchors(Some(file), warn)?;
        options.anchors = Some(Arc::new(anchors));
    }
    Ok(options)
}

/// The secrets of `--keylog`.
pub fn secrets(arguments: &Arguments) -> Result<KeyLogSecrets, Failure> {
    let Some(path) = &arguments.keylog else { return Ok(KeyLogSecrets::default()) };
    let shown = printable_path(path);
    let failed = |error| {
        Failure::misuse(format!("--keylog {shown} cannot be read: {error}"))
            .hint("name the file that SSLKEYLOGFILE named when the capture was recorded")
    };
    let secrets = File::open(path).and_then(KeyLogSecrets::read).map_err(failed)?;
    if secrets.is_empty() {
        return Err(Failure::misuse(format!("--keylog {shown} has no secret of TLS 1.3 in it"))
            .hint("its lines are a label, a client random and a secret, such as CLIENT_TRAFFIC_SECRET_0"));
    }
    Ok(secrets)
}

/// Decodes the connections of a capture.
pub fn capture(
    path: &Path,
    arguments: &Arguments,
    on_connection: impl FnMut(Connection),
) -> Result<(), Failure> {
    let mut secrets = secrets(arguments)?;
    let failed = |error: CaptureError| {
        Failure::misuse(format!("{}: {error}", printable_path(path)))
            .hint("name a capture of tcpdump or Wireshark, HOST:PORT, or vectors/3")
    };
    let open = || {
        let file = File::open(path);
        file.map_err(|error| {
            Failure::misuse(format!("{} cannot be read: {error}", printable_path(path)))
                .hint("name a capture of tcpdump or Wireshark, HOST:PORT, or vectors/3")
        })
    };
    capture::add_secrets(open()?, &mut secrets).map_err(failed)?;
    let file = Progress::new(open()?);
    let summary = capture::read(file, secrets, &options(arguments, files::warn)?, on_connection);
    let summary = summary.map_err(failed)?;
    if summary.is_cut {
        eprintln!("warning: {} ends in the middle of a packet", printable_path(path));
    }
    Ok(())
}

/// A trace of RFC 8448.
pub fn vectors(section: u8, arguments: &Arguments) -> Result<Connection, Failure> {
    let vectors = Vectors::embedded().map_err(|error| Failure::failed(error.to_string()))?;
    if !SECTIONS.contains(&section) {
        return Err(Failure::misuse(format!("RFC 8448 has no trace in section {section}"))
            .hint("the sections with a handshake are 3 to 7: vectors/3"));
    }
    let secrets = Arc::new(KeyLogSecrets::parse(vectors.key_log(section).as_bytes()));
    let mut decoder = Decoder::new(options(arguments, files::warn)?, secrets);
    for record in vectors.records(section) {
        let side = match record.sender {
            Role::Client => Side::Client,
            Role::Server => Side::Server,
        };
        decoder.bytes(side, None, record.bytes);
    }
    Ok(decoder.finish())
}

/// A connection that was made, and why it failed, if it did.
pub struct Live {
    pub connection: Connection,
    pub failure: Option<Failure>,
}

/// Connects to the target, and closes after the handshake.
///
/// # Errors
/// When there is no connection to explain.
pub fn live(arguments: &Arguments) -> Result<Live, Failure> {
    let client = &arguments.client;
    let target = Target::read(&arguments.target, client)?;
    let verifier = client.verifier(files::warn)?;
    let config = client.config_builder(client.provider(), verifier).build()?;
    let socket = target.connect(client)?;
    // The verifier has warned already.
    let recorder = Recorder::new(Side::Client, options(arguments, |_| ())?);
    set_addresses(&socket, &recorder);
    let observer = Box::new(recorder.clone());
    let mut client = TlsClient::new(Arc::new(config), target.name, socket, observer)?;
    let failure = handshake_and_close(&mut client).err();
    Ok(Live { connection: recorder.connection(), failure })
}

/// Performs the handshake, receives the server's tickets, and closes.
///
/// # Errors
/// When the handshake fails, or the server sends an alert in place of tickets.
fn handshake_and_close(client: &mut TlsClient) -> Result<(), Failure> {
    client.handshake(HANDSHAKE_TIMEOUT)?;
    match client.receive_tickets() {
        // The server refuses a client's certificate after the client's handshake is complete.
        ReceiveEnd::Failed(failure) if failure.alert_received().is_some() => return Err(failure),
        _ => {}
    }
    client.close();
    Ok(())
}
