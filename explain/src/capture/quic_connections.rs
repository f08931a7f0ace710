//! The connections of QUIC in a capture.

use std::net::SocketAddr;
use std::sync::Arc;

use super::open::{Open, OpenConnections};
use super::packet::Datagram;
use crate::account::{Connection, Side};
use crate::builder::Options;
use crate::recorded::{KeyLogSecrets, QuicDecoder, Tickets};

/// All connections. Between two addresses there is one at a time: a packet that begins another one ends it.
pub(super) struct QuicConnections {
    secrets: Arc<KeyLogSecrets>,
    options: Options,
    /// By the addresses of client and server.
    open: OpenConnections<Ends, QuicConnection>,
    tickets: Tickets,
}

/// The addresses of a connection.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Ends {
    client: SocketAddr,
    server: SocketAddr,
}

/// A connection that is open.
struct QuicConnection {
    decoder: QuicDecoder,
    started: u64,
}

impl QuicConnections {
    pub(super) fn new(secrets: Arc<KeyLogSecrets>, options: Options) -> Self {
        let (open, tickets) = (OpenConnections::default(), Tickets::default());
        Self { secrets, options, open, tickets }
    }

    /// Adds a datagram. `number` gives a new connection its number. Connections that end are given away.
    pub(super) fn add(
        &mut self,
        unix_ns: u64,
        datagram: &Datagram<'_>,
        number: impl FnOnce() -> u64,
        on_connection: &mut impl FnMut(Connection),
    ) {
        let Datagram { from, to, data } = *datagram;
        let from_client = Ends { client: from, server: to };
        let from_server = Ends { client: to, server: from };
        if self.open.contains(&from_server) {
            self.decode(from_server, Side::Server, unix_ns, data);
        } else {
            if let Some(decoder) = self.begin(from_client, data) {
                if let Some(earlier) = self.open.remove(&from_client) {
                    self.give_away(earlier, on_connection);
                }
                self.insert(from_client, decoder, unix_ns, number());
            }
            self.decode(from_client, Side::Client, unix_ns, data);
        }
        while let Some((_, oldest)) = self.open.remove_beyond_limits() {
            self.give_away(oldest, on_connection);
        }
    }

    /// The decoder of a connection that is not open yet, and that this datagram begins.
    fn begin(&self, ends: Ends, data: &[u8]) -> Option<QuicDecoder> {
        if self.open.get(&ends).is_some_and(|open| !open.decoder.is_begun_by_another(data)) {
            return None;
        }
        QuicDecoder::begin(data, &self.options, &self.secrets)
    }

    fn insert(&mut self, ends: Ends, mut decoder: QuicDecoder, started: u64, number: u64) {
        let connection = decoder.connection_mut();
        connection.number = number;
        connection.client = Some(ends.client.to_string());
        connection.server = Some(ends.server.to_string());
        connection.started_unix_ns = Some(started);
        self.open.insert(ends, QuicConnection { decoder, started });
    }

    fn decode(&mut self, ends: Ends, sender: Side, unix_ns: u64, data: &[u8]) {
        let Some(open) = self.open.get_to_use(&ends) else { return };
        open.decoder.datagram(sender, Some(unix_ns.saturating_sub(open.started)), data);
        self.open.count_memory(&ends);
    }

    /// Gives away a connection that is no longer open.
    fn give_away(&mut self, open: QuicConnection, on_connection: &mut impl FnMut(Connection)) {
        let mut connection = open.decoder.finish();
        self.tickets.link(&mut connection);
        on_connection(connection);
    }

    /// Ends all connections, in the order in which they began.
    pub(super) fn finish(&mut self, on_connection: &mut impl FnMut(Connection)) {
        for (_, open) in self.open.remove_all() {
            self.give_away(open, on_connection);
        }
    }
}

impl Open for QuicConnection {
    fn started(&self) -> u64 {
        self.started
    }

    fn memory(&self) -> usize {
        size_of::<Self>() + self.decoder.memory()
    }

    fn end_at_limit(&mut self, limit: &'static str) {
        self.decoder.end_at_limit(limit);
    }
}
