//! The packets of a datagram, and the frames of a packet (RFC 9000, sections 17 and 19).

use handclasp::quic::Version;

/// The longest connection ID of the versions that are known, in bytes.
const MAX_CONNECTION_ID: usize = 20;

/// The kind of a packet with a long header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Initial,
    ZeroRtt,
    Handshake,
    Retry,
    /// With a short header: its level is that of application data.
    OneRtt,
}

/// A packet, still protected.
#[derive(Clone, Copy, Debug)]
pub(super) struct Packet<'a> {
    pub(super) kind: Kind,
    /// `None` in a short header.
    pub(super) version: Option<Version>,
    /// Empty in a short header.
    pub(super) destination: &'a [u8],
    pub(super) source: &'a [u8],
    /// All bytes, and where the packet number begins among them.
    pub(super) bytes: &'a [u8],
    pub(super) number_offset: usize,
}

/// Takes the first packet of a datagram, and what follows it. A short header has a connection ID of this length.
/// `None` where there is no packet of a known version.
pub(super) fn split(datagram: &[u8], id_length: usize) -> Option<(Packet<'_>, &[u8])> {
    let mut reader = Reader { bytes: datagram, position: 0 };
    // The second bit may be of either value (RFC 9287).
    let first = reader.byte()?;
    if first & 0x80 == 0 {
        let packet = Packet {
            kind: Kind::OneRtt,
            version: None,
            destination: &[],
            source: &[],
            bytes: datagram,
            number_offset: 1 + id_length,
        };
        return Some((packet, &[]));
    }
    let number = u32::from_be_bytes(reader.take(4)?.try_into().ok()?);
    let version = Version::from_number(number)?;
    let destination = reader.connection_id()?;
    let source = reader.connection_id()?;
    let kind = kind(version, first);
    if kind == Kind::Initial {
        let token = reader.number()?;
        reader.take(token)?;
    }
    let (end, number_offset) = match kind {
        Kind::Retry => (datagram.len(), reader.position),
        _ => {
            let length = reader.number()?;
            (reader.position.checked_add(length)?, reader.position)
        }
    };
    let (bytes, rest) = datagram.split_at_checked(end)?;
    let version = Some(version);
    Some((Packet { kind, version, destination, source, bytes, number_offset }, rest))
}

/// The types have other numbers in version 2 (RFC 9369, section 3.2).
fn kind(version: Version, first: u8) -> Kind {
    let number = (first >> 4) & 3;
    let number = match version {
        Version::V2 => number.wrapping_sub(1) & 3,
        _ => number,
    };
    match number {
        0 => Kind::Initial,
        1 => Kind::ZeroRtt,
        2 => Kind::Handshake,
        _ => Kind::Retry,
    }
}

/// A frame that says something about the handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Frame<'a> {
    Crypto {
        offset: u64,
        data: &'a [u8],
    },
    /// The connection ends, with an error of the transport.
    Close {
        error: u64,
    },
}

/// The frames of a payload about the handshake, up to the first of an unknown type.
pub(super) fn frames(payload: &[u8]) -> Vec<Frame<'_>> {
    let mut reader = Reader { bytes: payload, position: 0 };
    let mut frames = Vec::new();
    while reader.frame(&mut frames).is_some() {}
    frames
}

struct Reader<'a> {
    bytes: &'a [u8],
    position: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let end = self.position.checked_add(length)?;
        let taken = self.bytes.get(self.position..end)?;
        self.position = end;
        Some(taken)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    fn connection_id(&mut self) -> Option<&'a [u8]> {
        let length = usize::from(self.byte()?);
        if length > MAX_CONNECTION_ID { None } else { self.take(length) }
    }

    /// A number of variable length (section 16).
    fn integer(&mut self) -> Option<u64> {
        let first = self.byte()?;
        let rest = self.take((1 << (first >> 6)) - 1)?;
        let number = u64::from(first & 0x3f);
        Some(rest.iter().fold(number, |number, byte| number << 8 | u64::from(*byte)))
    }

    fn number(&mut self) -> Option<usize> {
        usize::try_from(self.integer()?).ok()
    }

    fn integers(&mut self, count: u64) -> Option<()> {
        for _ in 0..count {
            self.integer()?;
        }
        Some(())
    }

    /// Reads a frame. `None` at the end, and where it is not known.
    fn frame(&mut self, frames: &mut Vec<Frame<'a>>) -> Option<()> {
        let kind = self.integer()?;
        match kind {
            // PADDING, PING and HANDSHAKE_DONE.
            0 | 1 | 0x1e => {}
            // ACK.
            2 | 3 => {
                self.integers(2)?;
                let ranges = self.integer()?;
                self.integers(1)?;
                self.integers(ranges.checked_mul(2)?)?;
                if kind == 3 {
                    self.integers(3)?;
                }
            }
            6 => {
                let offset = self.integer()?;
                let length = self.number()?;
                frames.push(Frame::Crypto { offset, data: self.take(length)? });
            }
            // NEW_TOKEN.
            7 => {
                let length = self.number()?;
                self.take(length)?;
            }
            // STREAM, with an offset and a length or without.
            8..=0x0f => {
                self.integers(1 + u64::from(kind & 4 != 0))?;
                let length =
                    if kind & 2 != 0 { self.number()? } else { self.bytes.len() - self.position };
                self.take(length)?;
            }
            // MAX_DATA, MAX_STREAMS, DATA_BLOCKED, STREAMS_BLOCKED and RETIRE_CONNECTION_ID.
            0x10 | 0x12 | 0x13 | 0x14 | 0x16 | 0x17 | 0x19 => self.integers(1)?,
            // STOP_SENDING, MAX_STREAM_DATA and STREAM_DATA_BLOCKED.
            5 | 0x11 | 0x15 => self.integers(2)?,
            // RESET_STREAM.
            4 => self.integers(3)?,
            // NEW_CONNECTION_ID.
            0x18 => {
                self.integers(2)?;
                self.connection_id()?;
                self.take(16)?;
            }
            // PATH_CHALLENGE and PATH_RESPONSE.
            0x1a | 0x1b => {
                self.take(8)?;
            }
            // CONNECTION_CLOSE of the transport.
            0x1c => {
                let error = self.integer()?;
                frames.push(Frame::Close { error });
                return None;
            }
            _ => return None,
        }
        Some(())
    }
}
