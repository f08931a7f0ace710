//! The connections over TCP in a capture.

use std::net::SocketAddr;
use std::sync::Arc;

use super::open::{Open, OpenConnections};
use super::packet::Segment;
use super::recent::Recent;
use super::stream::{Data, Piece, Stream};
use crate::account::{Connection, Side};
use crate::builder::Options;
use crate::recorded::{Decoder, FailedBytes, KeyLogSecrets, Tickets};

/// How many closed connections are remembered: late segments of them are dropped.
const REMEMBERED: usize = 4096;

/// The ends of a connection, the lower one first.
type Ends = (SocketAddr, SocketAddr);

/// All connections.
pub(super) struct Connections {
    secrets: Arc<KeyLogSecrets>,
    options: Options,
    open: OpenConnections<Ends, TcpConnection>,
    closed: Recent<Ends>,
    tickets: Tickets,
    /// The work that records make which do not decrypt.
    failed: FailedBytes,
    count: u64,
}

/// A connection that is open.
struct TcpConnection {
    decoder: Decoder,
    client: SocketAddr,
    streams: [Stream; 2],
    started: u64,
    has_data: bool,
    /// How many of its messages were searched for tickets.
    learned: usize,
}

impl Connections {
    pub(super) fn new(secrets: Arc<KeyLogSecrets>, options: Options) -> Self {
        Self {
            secrets,
            options,
            open: OpenConnections::default(),
            closed: Recent::default(),
            tickets: Tickets::default(),
            failed: FailedBytes::default(),
            count: 0,
        }
    }

    /// How many connections with data there were.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// The number of a connection that begins elsewhere.
    pub(super) fn next_number(&mut self) -> u64 {
        self.count += 1;
        self.count
    }

    /// Adds a segment. Connections that end with it are given away.
    pub(super) fn add(
        &mut self,
        unix_ns: u64,
        segment: &Segment<'_>,
        on_connection: &mut impl FnMut(Connection),
    ) {
        let ends = ordered(segment.from, segment.to);
        let begins = segment.syn && !segment.ack;
        if begins && self.is_another(ends, segment) {
            self.close(ends, on_connection);
        }
        if !self.open.contains(&ends) {
            let is_late = !begins && self.closed.contains(&ends);
            if is_late || (segment.data.is_empty() && !segment.syn) {
                return;
            }
            let open = self.open_with(unix_ns, segment);
            self.open.insert(ends, open);
        }
        let Some(open) = self.open.get_to_use(&ends) else { return };
        if !segment.data.is_empty() && !open.has_data {
            open.has_data = true;
            self.count += 1;
            open.decoder.set_number(self.count);
        }
        let is_closed = open.add(unix_ns, segment);
        // Another connection may be resumed with the ticket before this one is closed.
        self.tickets.learn_newer(open.decoder.inspect(), &mut open.learned);
        self.open.count_memory(&ends);
        if is_closed {
            self.close(ends, on_connection);
        }
        while let Some((ends, oldest)) = self.open.remove_beyond_limits() {
            self.give_away(ends, oldest, on_connection);
        }
    }

    /// Ends all connections.
    pub(super) fn finish(&mut self, on_connection: &mut impl FnMut(Connection)) {
        for (ends, open) in self.open.remove_all() {
            self.give_away(ends, open, on_connection);
        }
    }

    /// Whether the ends have a connection already, and this segment begins another one.
    fn is_another(&self, ends: Ends, segment: &Segment<'_>) -> bool {
        let Some(open) = self.open.get(&ends) else { return false };
        let side = open.side(segment.from);
        open.streams[side as usize].began_otherwise(segment.sequence)
    }

    fn open_with(&self, unix_ns: u64, segment: &Segment<'_>) -> TcpConnection {
        let client = if client_is_sender(segment) { segment.from } else { segment.to };
        let server = if client == segment.from { segment.to } else { segment.from };
        let mut decoder = Decoder::new(self.options.clone(), Arc::clone(&self.secrets));
        decoder.share_failures(&self.failed);
        decoder.describe(Some(client.to_string()), Some(server.to_string()), Some(unix_ns));
        let streams = Default::default();
        TcpConnection { decoder, client, streams, started: unix_ns, has_data: false, learned: 0 }
    }

    fn close(&mut self, ends: Ends, on_connection: &mut impl FnMut(Connection)) {
        if let Some(open) = self.open.remove(&ends) {
            self.give_away(ends, open, on_connection);
        }
    }

    /// Gives away a connection that is no longer open, if it had data.
    fn give_away(
        &mut self,
        ends: Ends,
        open: TcpConnection,
        on_connection: &mut impl FnMut(Connection),
    ) {
        self.closed.put_last(ends);
        if self.closed.len() > REMEMBERED {
            if let Some(oldest) = self.closed.first() {
                self.closed.remove(&oldest);
            }
        }
        if open.has_data {
            let mut learned = open.learned;
            let mut connection = open.finish();
            self.tickets.find_origin(&mut connection);
            // A server may give the ticket again that it was sent.
            if connection.resumed_from.is_some_and(|it| it.connection == connection.number) {
                connection.resumed_from = None;
            }
            self.tickets.learn_newer(&connection, &mut learned);
            on_connection(connection);
        }
    }
}

impl TcpConnection {
    fn side(&self, from: SocketAddr) -> Side {
        if from == self.client { Side::Client } else { Side::Server }
    }

    /// Adds a segment. True if the connection is closed then.
    fn add(&mut self, unix_ns: u64, segment: &Segment<'_>) -> bool {
        let side = self.side(segment.from);
        let time_ns = Some(unix_ns.saturating_sub(self.started));
        let Segment { sequence, syn, fin, rst, data, .. } = *segment;
        let (stream, decoder) = (&mut self.streams[side as usize], &mut self.decoder);
        if syn {
            stream.begin(sequence);
        }
        // The data of a SYN begin after it.
        let first = if syn { sequence.wrapping_add(1) } else { sequence };
        if !data.is_empty() || fin {
            let data = Data { sequence: first, data, fin, time_ns };
            stream.add(data, |piece| take(decoder, side, piece));
        }
        rst || self.streams.iter().all(Stream::is_complete)
    }

    fn finish(mut self) -> Connection {
        for side in [Side::Client, Side::Server] {
            let decoder = &mut self.decoder;
            self.streams[side as usize].finish(|piece| take(decoder, side, piece));
        }
        self.decoder.finish()
    }
}

impl Open for TcpConnection {
    fn started(&self) -> u64 {
        self.started
    }

    fn memory(&self) -> usize {
        let waiting: usize = self.streams.iter().map(Stream::memory).sum();
        size_of::<Self>() + self.decoder.memory() + waiting
    }

    fn end_at_limit(&mut self, limit: &'static str) {
        self.decoder.end_at_limit(limit);
    }
}

/// Decodes a piece of a stream.
fn take(decoder: &mut Decoder, side: Side, piece: Piece<'_>) {
    match piece {
        Piece::Bytes(time_ns, bytes) => decoder.bytes(side, time_ns, bytes),
        Piece::Missing(length) => decoder.gap(side, Some(length)),
    }
}

/// Whether the sender of a connection's first segment is the client.
fn client_is_sender(segment: &Segment<'_>) -> bool {
    match (segment.syn, segment.ack, segment.data) {
        (true, has_ack, _) => !has_ack,
        // A handshake record with a ClientHello, or with a ServerHello.
        (_, _, [22, 3, _, _, _, 1, ..]) => true,
        (_, _, [22, 3, _, _, _, 2, ..]) => false,
        // Servers have the lower ports.
        _ => segment.from.port() >= segment.to.port(),
    }
}

fn ordered(one: SocketAddr, other: SocketAddr) -> Ends {
    if one <= other { (one, other) } else { (other, one) }
}

#[cfg(test)]
mod tests {
    use handclasp::registry::ContentType;

    use super::*;
    use crate::capture::MAX_OPEN_CONNECTIONS;
    use crate::test_messages::{
        client_hello, limits, new_session_ticket, options, records, server_hello,
    };

    const SERVER: SocketAddr =
        SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 443);

    fn client(number: usize) -> SocketAddr {
        let address = std::net::Ipv4Addr::from_bits(0x0a00_0000 + number as u32);
        SocketAddr::new(address.into(), 1000)
    }

    fn segment(from: SocketAddr, to: SocketAddr, sequence: u32, data: &[u8]) -> Segment<'_> {
        let (syn, ack, fin, rst) = (false, true, false, false);
        Segment { from, to, sequence, syn, ack, fin, rst, data }
    }

    #[test]
    fn each_message_is_searched_for_tickets_once_however_many_connections_are_resumed() {
        const OPEN: usize = 50;
        const RESUMED: usize = 40;
        const TICKETS: usize = 30;
        let mut connections = Connections::new(Arc::default(), options());
        let mut closed = Vec::new();
        let mut take = |connection: Connection| closed.push(connection);
        for number in 0..OPEN {
            let mut tickets = Vec::new();
            for index in 0..TICKETS {
                tickets.extend(new_session_ticket(format!("{number} {index}").as_bytes()));
            }
            let data = records(ContentType::HANDSHAKE, &tickets);
            connections.add(1, &segment(SERVER, client(number), 1, &data), &mut take);
        }
        let hello = records(ContentType::HANDSHAKE, &client_hello(&[0x13, 1], b"7 3"));
        let answer = records(ContentType::HANDSHAKE, &server_hello());
        for number in OPEN..OPEN + RESUMED {
            let client = client(number);
            connections.add(2, &segment(client, SERVER, 1, &hello), &mut take);
            connections.add(2, &segment(SERVER, client, 1, &answer), &mut take);
            let mut end = segment(client, SERVER, 1 + hello.len() as u32, &[]);
            end.rst = true;
            connections.add(2, &end, &mut take);
        }
        // A hello and its answer are two messages.
        assert_eq!(connections.tickets.messages_read, OPEN * TICKETS + RESUMED * 2);
        assert_eq!(closed.len(), RESUMED);
        for connection in closed {
            let origin = connection.resumed_from.unwrap();
            assert_eq!((origin.connection, origin.message), (8, 3));
        }
    }

    #[test]
    fn all_open_connections_share_a_limit_of_memory() {
        const OPEN: usize = 200;
        let mut connections = Connections::new(Arc::default(), options());
        connections.open.max_memory = 1 << 20;
        let (mut closed, mut most_open) = (Vec::new(), 0);
        let mut take = |connection: Connection| closed.push(connection);
        let tickets = records(ContentType::HANDSHAKE, &new_session_ticket(b"ticket").repeat(100));
        let partial = records(ContentType::HANDSHAKE, &[11, 0, 0xff, 0xff, 0].repeat(1000));
        for number in 0..OPEN {
            // Messages, a part of one, or bytes whose beginning is missing.
            let (sequence, data) = match number % 3 {
                0 => (1, &tickets),
                1 => (1, &partial),
                _ => (9, &tickets),
            };
            let client = client(number);
            connections.add(1, &segment(SERVER, client, 1, &[22]), &mut take);
            connections.add(1, &segment(SERVER, client, sequence + 1, &data[1..]), &mut take);
            let (open, memory) = connections.open.checked_sizes();
            assert!(memory <= 1 << 20, "{memory}");
            most_open = most_open.max(open);
        }
        assert!(most_open > 5 && most_open < OPEN / 2, "{most_open}");
        let (open, _) = connections.open.checked_sizes();
        assert_eq!(closed.len() + open, OPEN);
        assert!(closed.iter().all(|it| limits(it).contains(&"MAX_OPEN_BYTES")));
    }

    /// As a port scan has them: the ends that are remembered are those of the connections, and no others.
    #[test]
    fn what_is_remembered_of_many_ends_has_a_limit_and_the_oldest_goes_first() {
        let mut connections = Connections::new(Arc::default(), options());
        let mut closed = Vec::new();
        let mut take = |connection: Connection| closed.push(connection.number);
        let count = MAX_OPEN_CONNECTIONS + REMEMBERED + 100;
        for number in 0..count {
            connections.add(1, &segment(client(number), SERVER, 1, &[22]), &mut take);
            // The first stays in use.
            connections.add(1, &segment(client(0), SERVER, 2 + number as u32, &[1]), &mut take);
        }
        assert_eq!(connections.open.checked_sizes().0, MAX_OPEN_CONNECTIONS);
        assert_eq!(connections.closed.len(), REMEMBERED);
        let is_open = |number| connections.open.contains(&ordered(client(number), SERVER));
        assert!(is_open(0) && is_open(count - 1) && !is_open(1));
        assert!(!connections.closed.contains(&ordered(client(1), SERVER)));
        // In the order in which they were silent.
        assert!(closed.is_sorted() && closed[0] == 2, "{:?}", &closed[..3]);
        let last_closed = count - MAX_OPEN_CONNECTIONS;
        assert!(connections.closed.contains(&ordered(client(last_closed), SERVER)));
    }
}
