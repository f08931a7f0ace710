//! The connections of QUIC in a capture.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

use super::connections::{MAX_OPEN_BYTES, MAX_OPEN_CONNECTIONS};
use super::packet::Datagram;
use super::recent::Recent;
use crate::account::{Connection, Side};
use crate::builder::Options;
use crate::recorded::{KeyLogSecrets, QuicDecoder, Tickets};

/// All connections. Between two addresses there is one at a time: a packet that begins another one ends it.
pub(super) struct QuicConnections {
    secrets: Arc<KeyLogSecrets>,
    options: Options,
    /// By the addresses of client and server.
    open: HashMap<Ends, Open>,
    memory: usize,
    tickets: Tickets,
    /// The ends of those that are open.
    recent: Recent<Ends>,
}

/// The addresses of a connection.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Ends {
    client: SocketAddr,
    server: SocketAddr,
}

/// A connection that is open.
struct Open {
    decoder: QuicDecoder,
    started: u64,
    memory: usize,
}

impl QuicConnections {
    pub(super) fn new(secrets: Arc<KeyLogSecrets>, options: Options) -> Self {
        let (open, tickets, recent) = (HashMap::new(), Tickets::default(), Recent::default());
        Self { secrets, options, open, memory: 0, tickets, recent }
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
        if self.open.contains_key(&from_server) {
            self.decode(from_server, Side::Server, unix_ns, data);
        } else {
            if let Some(decoder) = self.begin(from_client, data) {
                self.close(from_client, on_connection);
                self.insert(from_client, decoder, unix_ns, number());
            }
            self.decode(from_client, Side::Client, unix_ns, data);
        }
        let mut limit = "MAX_OPEN_CONNECTIONS";
        while self.open.len() > MAX_OPEN_CONNECTIONS || self.memory > MAX_OPEN_BYTES {
            if self.open.len() <= MAX_OPEN_CONNECTIONS {
                limit = "MAX_OPEN_BYTES";
            }
            self.close_oldest(limit, on_connection);
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
        self.open.insert(ends, Open { decoder, started, memory: 0 });
    }

    fn decode(&mut self, ends: Ends, sender: Side, unix_ns: u64, data: &[u8]) {
        let Some(open) = self.open.get_mut(&ends) else { return };
        self.recent.put_last(ends);
        open.decoder.datagram(sender, Some(unix_ns.saturating_sub(open.started)), data);
        let memory = size_of::<Open>() + open.decoder.memory();
        self.memory = self.memory + memory - open.memory;
        open.memory = memory;
    }

    /// Ends the connection that was silent for longest, because of this limit.
    fn close_oldest(&mut self, limit: &'static str, on_connection: &mut impl FnMut(Connection)) {
        let Some(ends) = self.recent.first() else { return };
        if let Some(open) = self.open.get_mut(&ends) {
            open.decoder.end_at_limit(limit);
        }
        self.close(ends, on_connection);
    }

    fn close(&mut self, ends: Ends, on_connection: &mut impl FnMut(Connection)) {
        let Some(open) = self.open.remove(&ends) else { return };
        self.recent.remove(&ends);
        self.memory -= open.memory;
        let mut connection = open.decoder.finish();
        self.tickets.link(&mut connection);
        on_connection(connection);
    }

    /// Ends all connections, in the order in which they began.
    pub(super) fn finish(&mut self, on_connection: &mut impl FnMut(Connection)) {
        let mut all: Vec<Ends> = self.open.keys().copied().collect();
        all.sort_by_key(|ends| self.open.get(ends).map(|open| open.started));
        for ends in all {
            self.close(ends, on_connection);
        }
    }
}
