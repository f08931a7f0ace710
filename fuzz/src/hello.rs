//! ClientHello, ServerHello and HelloRetryRequest taken apart, edited, put together and cut into
//! records, as the input says.

use handclasp::handshake::Side;

use crate::{Input, fix_length};

/// Code points of extensions that either end may know, and some that nobody does.
const KINDS: [u16; 28] = [
    0, 1, 5, 10, 13, 14, 15, 16, 18, 19, 20, 21, 23, 27, 28, 35, 41, 42, 43, 44, 45, 47, 49, 50,
    51, 0x0a0a, 0x4469, 0xff01,
];

/// A piece of a hello before its extensions.
struct Part {
    /// How many bytes the length before it has.
    prefix: usize,
    bytes: Vec<u8>,
}

struct Hello {
    kind: u8,
    parts: Vec<Part>,
    extensions: Vec<(u16, Vec<u8>)>,
}

impl Hello {
    /// Takes an honest hello apart.
    fn parse(side: Side, message: &[u8]) -> Self {
        // Fixed lengths, or, negative, how long the length is.
        let layout: &[isize] = match side {
            Side::Client => &[2, 32, -1, 2, 1],
            Side::Server => &[2, 32, -1, -2, -1],
        };
        let mut rest = &message[4..];
        let mut take = |length: isize| {
            let prefix = usize::try_from(-length).unwrap_or(0);
            let (head, after) = rest.split_at(prefix);
            let said = head.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte));
            let length = usize::try_from(length).unwrap_or(said);
            let (bytes, after) = after.split_at(length);
            rest = after;
            Part { prefix, bytes: bytes.to_vec() }
        };
        let parts = layout.iter().map(|length| take(*length)).collect();
        let mut rest = &take(-2).bytes[..];
        let mut extensions = Vec::new();
        while let [a, b, c, d, body @ ..] = rest {
            let (body, after) = body.split_at(usize::from(u16::from_be_bytes([*c, *d])));
            extensions.push((u16::from_be_bytes([*a, *b]), body.to_vec()));
            rest = after;
        }
        Self { kind: message[0], parts, extensions }
    }

    fn edit(&mut self, input: &mut Input<'_>) {
        let (operation, place) = (input.byte(), usize::from(input.byte()));
        let count = self.extensions.len();
        let part = place % self.parts.len();
        if operation % 12 < 8 && count == 0 {
            return;
        }
        let (index, other) = (place % count.max(1), place / 16 % count.max(1));
        match operation % 12 {
            0 | 1 => change(&mut self.extensions[index].1, input),
            2 | 3 => replace(&mut self.extensions[index].1, input),
            4 => self.extensions[index].1 = input.bytes().to_vec(),
            5 => drop(self.extensions.remove(index)),
            6 => {
                let again = self.extensions[index].clone();
                self.extensions.insert(other, again);
            }
            7 => self.extensions.swap(index, other),
            8 | 9 => {
                let kind = KINDS[usize::from(input.byte()) % KINDS.len()];
                self.extensions.insert(index, (kind, input.bytes().to_vec()));
            }
            10 => change(&mut self.parts[part].bytes, input),
            _ => replace(&mut self.parts[part].bytes, input),
        }
    }

    fn message(&self) -> Vec<u8> {
        let mut out = vec![self.kind, 0, 0, 0];
        for part in &self.parts {
            let length = (part.bytes.len() as u32).to_be_bytes();
            out.extend_from_slice(&length[4 - part.prefix..]);
            out.extend_from_slice(&part.bytes);
        }
        let mut extensions = Vec::new();
        for (kind, body) in &self.extensions {
            extensions.extend_from_slice(&kind.to_be_bytes());
            extensions.extend_from_slice(&(body.len() as u16).to_be_bytes());
            extensions.extend_from_slice(body);
        }
        out.extend_from_slice(&(extensions.len() as u16).to_be_bytes());
        out.extend_from_slice(&extensions);
        fix_length(&mut out);
        out
    }
}

fn change(bytes: &mut [u8], input: &mut Input<'_>) {
    let (at, with) = (usize::from(input.byte()), input.byte().max(1));
    if !bytes.is_empty() {
        let at = at % bytes.len();
        bytes[at] ^= with;
    }
}

fn replace(bytes: &mut Vec<u8>, input: &mut Input<'_>) {
    let (at, length) = (usize::from(input.byte()), usize::from(input.byte() % 8));
    let at = at % (bytes.len() + 1);
    let end = (at + length).min(bytes.len());
    bytes.splice(at..end, input.bytes().iter().copied());
}

/// What both ends are sent.
pub struct Script {
    /// The records, one entry for each message of the honest peer.
    pub flights: Vec<Vec<u8>>,
    /// How many edits were made. With several, an end may tell of any of them.
    pub edits: usize,
}

impl Script {
    /// Edits the hellos of the honest peer of `side`, and what stands around them.
    pub fn read(side: Side, honest: impl Iterator<Item = Vec<u8>>, input: &mut Input<'_>) -> Self {
        let mut made = 0;
        let flights = honest.map(|message| {
            let mut hello = Hello::parse(side, &message);
            let edits = [0, 1, 1, 1, 1, 1, 2, 4][usize::from(input.byte() % 8)];
            for _ in 0..edits {
                hello.edit(input);
            }
            let mut message = hello.message();
            let flags = input.byte();
            let (changes, replaces) = (flags & 0xe0 == 0xe0, flags & 0x1c == 0x1c);
            if changes {
                change(&mut message, input);
            }
            if replaces {
                replace(&mut message, input);
            }
            // A change that heeds no field can do several things at once: an extension whose type
            // is another is there, and the one that it was is missing.
            made += edits + 2 * usize::from(changes || replaces) + usize::from(flags & 1 != 0);
            records(&message, flags, input)
        });
        Self { flights: flights.collect(), edits: made }
    }
}

/// The message in records, and what the input puts around them.
fn records(message: &[u8], flags: u8, input: &mut Input<'_>) -> Vec<u8> {
    let version = if flags & 2 == 0 { [3, 3] } else { [3, input.byte() % 5] };
    let mut out = Vec::new();
    let mut record = |kind: u8, bytes: &[u8]| {
        out.extend_from_slice(&[kind, version[0], version[1]]);
        out.extend_from_slice(&(bytes.len() as u16).to_be_bytes());
        out.extend_from_slice(bytes);
    };
    if flags & 1 == 0 {
        // In one record, as it was.
        record(22, message);
        return out;
    }
    let piece = 1 + usize::from(input.byte());
    let mut pieces = message.chunks(piece.max(message.len() / 8 + 1)).collect::<Vec<_>>();
    let extra = match input.byte() % 8 {
        0 => (20, &[1][..]),
        1 => (21, &[1, 0][..]),
        2 => (21, input.bytes()),
        3 => (20, input.bytes()),
        4 => (22, &[][..]),
        5 => (23, input.bytes()),
        _ => (22, input.bytes()),
    };
    let at = usize::from(input.byte()) % (pieces.len() + 2);
    for (index, piece) in pieces.drain(..).enumerate() {
        if index == at {
            record(extra.0, extra.1);
        }
        record(22, piece);
    }
    out
}
