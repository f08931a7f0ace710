//! The blocks of a capture: packets, and secrets.

use std::io::{self, Cursor, Read};

use pcap_parser::pcapng::{Block as NgBlock, SecretsType};
use pcap_parser::traits::PcapReaderIterator;
use pcap_parser::{PcapBlockOwned, PcapError, PcapHeader, create_reader};

/// The longest block of a capture, in bytes.
pub const MAX_BLOCK_LENGTH: usize = 1 << 20;

/// How much of the file is read before its form is known.
const FIRST_READ: u64 = 64 << 10;

const NANOSECONDS: u64 = 1_000_000_000;

/// A capture that cannot be read.
#[derive(Debug)]
#[non_exhaustive]
pub enum CaptureError {
    /// The reader has failed.
    Read(io::Error),
    /// The file is empty.
    Empty,
    /// The file is neither pcap nor pcapng.
    NotACapture,
    /// A block is longer than [`MAX_BLOCK_LENGTH`].
    BlockTooLong,
    /// A block is malformed. The number is that of blocks before it.
    Malformed(u64),
}

impl std::fmt::Display for CaptureError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Read(error) => write!(f, "the capture cannot be read: {error}"),
            Self::Empty => f.write_str("the capture is empty"),
            Self::NotACapture => f.write_str("the file is neither pcap nor pcapng"),
            Self::BlockTooLong => {
                write!(f, "a block of the capture is longer than {MAX_BLOCK_LENGTH} bytes")
            }
            Self::Malformed(blocks) => {
                write!(f, "the capture is malformed after {blocks} blocks")
            }
        }
    }
}

impl std::error::Error for CaptureError {}

/// A packet as it was captured.
pub(super) struct Captured<'a> {
    /// A number of the registry of link types.
    pub(super) link_type: i32,
    /// In nanoseconds since 1970.
    pub(super) unix_ns: u64,
    pub(super) bytes: &'a [u8],
}

/// What is in a block.
pub(super) enum Block<'a> {
    Packet(Captured<'a>),
    /// A key log.
    Secrets(&'a [u8]),
    Other,
}

/// An interface of pcapng.
struct Interface {
    link_type: i32,
    /// Units of time in a second.
    resolution: u64,
    /// In seconds.
    offset: u64,
}

/// What the blocks before say about packets.
#[derive(Default)]
struct Section {
    header: Option<PcapHeader>,
    interfaces: Vec<Interface>,
}

/// Reads the blocks of a capture one after the other.
pub(super) struct Blocks<'r> {
    reader: Box<dyn PcapReaderIterator + Send + 'r>,
    section: Section,
    count: u64,
    /// How many blocks there were when more bytes were read the last time, and how many bytes.
    refilled: (u64, usize),
    is_legacy: bool,
    is_cut: bool,
}

impl<'r> Blocks<'r> {
    pub(super) fn new(mut capture: impl Read + Send + 'r) -> Result<Self, CaptureError> {
        // The form is recognised by the first read, which may be short on a pipe.
        let mut first = Vec::new();
        (&mut capture).take(FIRST_READ).read_to_end(&mut first).map_err(CaptureError::Read)?;
        let is_legacy = !first.starts_with(&[0x0a, 0x0d, 0x0d, 0x0a]);
        if first.is_empty() {
            return Err(CaptureError::Empty);
        }
        let whole = Cursor::new(first).chain(capture);
        let reader = create_reader(MAX_BLOCK_LENGTH, whole);
        let reader = reader.map_err(|_| CaptureError::NotACapture)?;
        let (section, refilled) = (Section::default(), (0, 0));
        Ok(Self { reader, section, count: 0, refilled, is_legacy, is_cut: false })
    }

    /// Whether the form has blocks for secrets.
    pub(super) fn may_have_secrets(&self) -> bool {
        !self.is_legacy
    }

    pub(super) fn is_cut(&self) -> bool {
        self.is_cut
    }

    /// Shows the next block. `None` at the end.
    pub(super) fn next(
        &mut self,
        show: impl FnOnce(Block<'_>),
    ) -> Result<Option<()>, CaptureError> {
        loop {
            let error = match self.reader.next() {
                Ok((length, block)) => {
                    show(self.section.block(&block));
                    self.reader.consume(length);
                    self.count += 1;
                    return Ok(Some(()));
                }
                Err(PcapError::Eof) => return Ok(None),
                Err(PcapError::UnexpectedEof) => {
                    self.is_cut = true;
                    return Ok(None);
                }
                Err(PcapError::Incomplete(_)) => None,
                Err(PcapError::BufferTooSmall) => Some(CaptureError::BlockTooLong),
                Err(_) => Some(CaptureError::Malformed(self.count)),
            };
            if let Some(error) = error {
                return Err(error);
            }
            // Without progress the block can never become whole.
            let available = (self.count, self.reader.data().len());
            if self.refilled == available && available.1 > 0 {
                self.is_cut = true;
                return Ok(None);
            }
            self.refilled = available;
            self.reader.refill().map_err(|_| {
                CaptureError::Read(io::Error::other("the file or the pipe has failed"))
            })?;
        }
    }
}

impl Section {
    fn block<'a>(&mut self, block: &'a PcapBlockOwned<'_>) -> Block<'a> {
        match block {
            PcapBlockOwned::LegacyHeader(header) => {
                self.header = Some(header.clone());
                Block::Other
            }
            PcapBlockOwned::Legacy(packet) => {
                let Some(header) = &self.header else { return Block::Other };
                let unit = if header.is_nanosecond_precision() { 1 } else { 1000 };
                let seconds = u64::from(packet.ts_sec) * NANOSECONDS;
                let unix_ns = seconds + u64::from(packet.ts_usec) * unit;
                Block::Packet(Captured { link_type: header.network.0, unix_ns, bytes: packet.data })
            }
            PcapBlockOwned::NG(block) => self.ng(block),
        }
    }

    fn ng<'a>(&mut self, block: &'a NgBlock<'_>) -> Block<'a> {
        match block {
            NgBlock::SectionHeader(_) => {
                self.interfaces.clear();
                Block::Other
            }
            NgBlock::InterfaceDescription(interface) => {
                self.interfaces.push(Interface {
                    link_type: interface.linktype.0,
                    resolution: interface.ts_resolution().unwrap_or(1_000_000).max(1),
                    offset: u64::try_from(interface.ts_offset()).unwrap_or_default(),
                });
                Block::Other
            }
            NgBlock::EnhancedPacket(packet) => {
                let interface = usize::try_from(packet.if_id).ok();
                let interface = interface.and_then(|index| self.interfaces.get(index));
                let Some(interface) = interface else { return Block::Other };
                let ticks = u64::from(packet.ts_high) << 32 | u64::from(packet.ts_low);
                let Interface { link_type, .. } = *interface;
                let unix_ns = interface.nanoseconds(ticks);
                let length = usize::try_from(packet.caplen).unwrap_or(usize::MAX);
                let bytes = packet.data.get(..length).unwrap_or(packet.data);
                Block::Packet(Captured { link_type, unix_ns, bytes })
            }
            NgBlock::SimplePacket(packet) => match self.interfaces.first() {
                Some(interface) => {
                    let length = usize::try_from(packet.origlen).unwrap_or(usize::MAX);
                    let bytes = packet.data.get(..length).unwrap_or(packet.data);
                    let link_type = interface.link_type;
                    Block::Packet(Captured { link_type, unix_ns: 0, bytes })
                }
                None => Block::Other,
            },
            NgBlock::DecryptionSecrets(secrets)
                if secrets.secrets_type == SecretsType::TlsKeyLog =>
            {
                let length = usize::try_from(secrets.secrets_len).unwrap_or(usize::MAX);
                Block::Secrets(secrets.data.get(..length).unwrap_or(secrets.data))
            }
            _ => Block::Other,
        }
    }
}

impl Interface {
    /// A time in units of this interface, in nanoseconds since 1970.
    fn nanoseconds(&self, ticks: u64) -> u64 {
        let seconds = (ticks / self.resolution).saturating_add(self.offset);
        let rest = u128::from(ticks % self.resolution) * u128::from(NANOSECONDS);
        let rest = u64::try_from(rest / u128::from(self.resolution)).unwrap_or_default();
        seconds.saturating_mul(NANOSECONDS).saturating_add(rest)
    }
}
