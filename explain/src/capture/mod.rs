//! Captures of network traffic, in the forms pcap and pcapng.
//!
//! [`read`] goes through a capture once, puts the TCP streams together and decodes each connection. A
//! connection is given away as soon as it is closed, so that memory does not grow with the file. Of QUIC, it has
//! the handshake messages: those of Initial packets without a key log, the others with one.
//!
//! ```no_run
//! use std::fs::File;
//! use handclasp::crypto::CryptoProvider;
//! use handclasp_explain::recorded::KeyLogSecrets;
//! use handclasp_explain::{Options, capture};
//!
//! let mut secrets = KeyLogSecrets::parse(&std::fs::read("keys.log")?);
//! // A capture may have secrets in it, too.
//! capture::add_secrets(File::open("tls.pcapng")?, &mut secrets)?;
//! let options = Options::new(CryptoProvider::default());
//! let summary = capture::read(File::open("tls.pcapng")?, secrets, &options, |connection| {
//!     println!("{}: {:?}", connection.number, connection.outcome);
//! })?;
//! println!("{} packets", summary.packets);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod connections;
mod file;
mod open;
mod packet;
mod quic_connections;
mod recent;
pub(crate) mod stream;

use std::io::Read;
use std::sync::Arc;

use crate::account::Connection;
use crate::builder::Options;
use crate::recorded::KeyLogSecrets;
use connections::Connections;
use file::{Block, Blocks};
pub use file::{CaptureError, MAX_BLOCK_LENGTH};
pub use open::{MAX_OPEN_BYTES, MAX_OPEN_CONNECTIONS};
use packet::Content;
use quic_connections::QuicConnections;
pub use stream::MAX_OUT_OF_ORDER_BYTES;

/// What was in a capture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Summary {
    /// Packets of any kind.
    pub packets: u64,
    /// Packets of TCP.
    pub tcp_packets: u64,
    /// Packets of UDP.
    pub udp_packets: u64,
    /// Connections with data in them, and connections of QUIC.
    pub connections: u64,
    /// The file ends in the middle of a packet.
    pub is_cut: bool,
}

/// Adds the TLS secrets that are in a capture: those of the Decryption Secrets Blocks of pcapng.
///
/// # Errors
/// When the capture cannot be read, or is none.
pub fn add_secrets(
    capture: impl Read + Send,
    secrets: &mut KeyLogSecrets,
) -> Result<(), CaptureError> {
    let mut blocks = Blocks::new(capture)?;
    if !blocks.may_have_secrets() {
        return Ok(());
    }
    while let Some(()) = blocks.next(|block| {
        if let Block::Secrets(text) = block {
            secrets.add(text);
        }
    })? {}
    Ok(())
}

/// Decodes the connections of a capture. Each is given to `on_connection` when it is closed, and those
/// that are not closed at the end of the capture. They are numbered in the order in which they began.
///
/// # Errors
/// When the capture cannot be read, or is none. What was decoded before is not lost.
pub fn read(
    capture: impl Read + Send,
    secrets: KeyLogSecrets,
    options: &Options,
    mut on_connection: impl FnMut(Connection),
) -> Result<Summary, CaptureError> {
    let mut blocks = Blocks::new(capture)?;
    let secrets = Arc::new(secrets);
    let mut connections = Connections::new(secrets.clone(), options.clone());
    let mut quic = QuicConnections::new(secrets, options.clone());
    let mut summary = Summary::default();
    let result = loop {
        let next = blocks.next(|block| {
            let Block::Packet(captured) = block else { return };
            summary.packets += 1;
            let time = captured.unix_ns;
            match packet::content(captured.link_type, captured.bytes) {
                Some(Content::Tcp(segment)) => {
                    summary.tcp_packets += 1;
                    connections.add(time, &segment, &mut on_connection);
                }
                Some(Content::Udp(datagram)) => {
                    summary.udp_packets += 1;
                    let number = || connections.next_number();
                    quic.add(time, &datagram, number, &mut on_connection);
                }
                None => {}
            }
        });
        match next {
            Ok(Some(())) => {}
            Ok(None) => break Ok(()),
            Err(error) => break Err(error),
        }
    };
    connections.finish(&mut on_connection);
    quic.finish(&mut on_connection);
    result?;
    summary.connections = connections.count();
    summary.is_cut = blocks.is_cut();
    Ok(summary)
}
