//! Messages taken apart, edited and put together, and hellos cut into records, as the input says.

use crate::{Input, fix_length};

/// Code points of extensions that either end may know, and some that neither does.
const KINDS: [u16; 28] = [
    0, 1, 5, 10, 13, 14, 15, 16, 18, 19, 20, 21, 23, 27, 28, 35, 41, 42, 43, 44, 45, 47, 49, 50,
    51, 0x0a0a, 0x4469, 0xff01,
];

/// A piece of a message before its extensions.
pub struct Part {
    /// How many bytes the length before it has.
    prefix: usize,
    pub bytes: Vec<u8>,
}

/// A message in its parts.
pub struct Parsed {
    kind: u8,
    pub parts: Vec<Part>,
    /// The part before which the length of all the rest stands, in three bytes.
    list: Option<usize>,
    extensions: Option<Vec<(u16, Vec<u8>)>>,
}

impl Parsed {
    /// Takes an honest message apart. A Certificate has one entry.
    pub fn parse(message: &[u8]) -> Self {
        // Fixed lengths, or, negative, how long the length is.
        let (layout, list, extends): (&[isize], _, _) = match message[0] {
            1 => (&[2, 32, -1, -2, -1], None, true),
            2 => (&[2, 32, -1, 2, 1], None, true),
            4 => (&[4, 4, -1, -2], None, true),
            8 => (&[], None, true),
            11 => (&[-1, -3], Some(1), true),
            13 => (&[-1], None, true),
            15 => (&[2, -2], None, false),
            _ => (&[], None, false),
        };
        let mut rest = &message[4..];
        let mut take = |length: isize| {
            let prefix = usize::try_from(-length).unwrap_or(0);
            let (head, after) = rest.split_at(prefix);
            let written = head.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte));
            let length = usize::try_from(length).unwrap_or(written);
            let (bytes, after) = after.split_at(length);
            rest = after;
            Part { prefix, bytes: bytes.to_vec() }
        };
        let mut parts = Vec::new();
        for (index, length) in layout.iter().enumerate() {
            if list == Some(index) {
                take(3);
            }
            parts.push(take(*length));
        }
        let extensions = extends.then(|| split_extensions(&take(-2).bytes));
        if !rest.is_empty() {
            parts.push(Part { prefix: 0, bytes: rest.to_vec() });
        }
        Self { kind: message[0], parts, list, extensions }
    }

    pub fn edit(&mut self, input: &mut Input<'_>) {
        let (operation, place) = (input.byte(), usize::from(input.byte()));
        let part = self.parts.len().checked_sub(1).map(|last| place % (last + 1));
        match (&mut self.extensions, operation % 12) {
            (Some(extensions), operation @ ..10) => {
                edit_extensions(extensions, operation, place, input);
            }
            (_, operation) => match part {
                Some(part) if operation % 2 == 0 => change(&mut self.parts[part].bytes, input),
                Some(part) => replace(&mut self.parts[part].bytes, input),
                None => {}
            },
        }
    }

    pub fn message(&self) -> Vec<u8> {
        let mut body = Vec::new();
        let mut extensions = Vec::new();
        for (kind, body) in self.extensions.iter().flatten() {
            extensions.extend_from_slice(&kind.to_be_bytes());
            extensions.extend_from_slice(&(body.len() as u16).to_be_bytes());
            extensions.extend_from_slice(body);
        }
        let mut start = 0;
        for (index, part) in self.parts.iter().enumerate() {
            if self.list == Some(index) {
                start = body.len();
            }
            let length = (part.bytes.len() as u32).to_be_bytes();
            body.extend_from_slice(&length[4 - part.prefix..]);
            body.extend_from_slice(&part.bytes);
        }
        if self.extensions.is_some() {
            body.extend_from_slice(&(extensions.len() as u16).to_be_bytes());
            body.extend_from_slice(&extensions);
        }
        if self.list.is_some() {
            let length = ((body.len() - start) as u32).to_be_bytes();
            body.splice(start..start, length[1..].iter().copied());
        }
        let mut out = vec![self.kind, 0, 0, 0];
        out.extend_from_slice(&body);
        fix_length(&mut out);
        out
    }
}

fn split_extensions(mut rest: &[u8]) -> Vec<(u16, Vec<u8>)> {
    let mut extensions = Vec::new();
    while let [a, b, c, d, body @ ..] = rest {
        let (body, after) = body.split_at(usize::from(u16::from_be_bytes([*c, *d])));
        extensions.push((u16::from_be_bytes([*a, *b]), body.to_vec()));
        rest = after;
    }
    extensions
}

fn edit_extensions(
    extensions: &mut Vec<(u16, Vec<u8>)>,
    operation: u8,
    place: usize,
    input: &mut Input<'_>,
) {
    let count = extensions.len();
    let (index, other) = (place % count.max(1), place / 16 % count.max(1));
    match operation {
        ..8 if count == 0 => {}
        0 | 1 => change(&mut extensions[index].1, input),
        2 | 3 => replace(&mut extensions[index].1, input),
        4 => extensions[index].1 = input.bytes().to_vec(),
        5 => drop(extensions.remove(index)),
        6 => {
            let again = extensions[index].clone();
            extensions.insert(other, again);
        }
        7 => extensions.swap(index, other),
        _ => {
            let kind = KINDS[usize::from(input.byte()) % KINDS.len()];
            extensions.insert(index, (kind, input.bytes().to_vec()));
        }
    }
}

/// Edits a message as the operation says, which is below 6. Returns how many things are wrong with it then.
pub fn edit_message(message: &mut Vec<u8>, operation: u8, input: &mut Input<'_>) -> usize {
    match operation {
        ..4 => {
            let mut parsed = Parsed::parse(message);
            let edits = [1, 1, 1, 2][usize::from(input.byte() % 4)];
            (0..edits).for_each(|_| parsed.edit(input));
            *message = parsed.message();
            edits
        }
        4 => {
            let mut body = message.split_off(4);
            replace(&mut body, input);
            message.extend_from_slice(&body);
            fix_length(message);
            2
        }
        _ => {
            change(message, input);
            2
        }
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
    /// How many edits were made. With several, an end may report any of them.
    pub edits: usize,
}

impl Script {
    /// Edits the hellos of the honest peer, and what stands around them.
    pub fn read(honest: impl Iterator<Item = Vec<u8>>, input: &mut Input<'_>) -> Self {
        let mut made = 0;
        let flights = honest.map(|message| {
            let mut hello = Parsed::parse(&message);
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
