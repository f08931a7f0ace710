use super::ConfigError;
use crate::wire::{CodePoint, ExtensionType, List};

/// The extensions of a ClientHello or an EncryptedExtensions as a list: which, in what order, and
/// with which bytes.
///
/// Without a layout the library writes what it needs in an order of its own. With one, the list
/// decides: an extension that the library writes but the list does not name follows at the end; a
/// name in the list that the library has nothing to say for is passed over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExtensionLayout {
    /// The extensions in the order in which they are written.
    pub items: Vec<LayoutItem>,
}

/// A place in an [`ExtensionLayout`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LayoutItem {
    /// What the library writes for this extension, if anything, stands here.
    Standard(ExtensionType),
    /// These bytes, as they are. For an extension that the library writes too (supported_groups
    /// and signature_algorithms, say) they stand in its place; what the peer chooses is still
    /// checked against what the configuration can do. In an EncryptedExtensions they are sent only
    /// if the client sent the same extension.
    Raw(ExtensionType, Vec<u8>),
    /// A padding extension (RFC 7685) that makes a ClientHello of 256 to 511 bytes 512 long, which
    /// some old servers need; nothing for other lengths.
    Padding,
}

impl LayoutItem {
    /// The extension's type.
    pub fn kind(&self) -> ExtensionType {
        match self {
            Self::Standard(kind) | Self::Raw(kind, _) => *kind,
            Self::Padding => ExtensionType::PADDING,
        }
    }
}

impl ExtensionLayout {
    /// The bytes that a message has room for beside what the library writes: protocols, a cookie
    /// and a ticket can be long, too.
    const MAX_RAW_LENGTH: usize = 0x6000;

    /// The list of code points that a raw extension stands for, where there is one: what was
    /// offered to the peer, whatever else this side could do.
    pub(crate) fn raw_list<T: CodePoint>(&self, kind: ExtensionType) -> Option<List<'_, T>> {
        self.items.iter().find_map(|item| match item {
            LayoutItem::Raw(raw, body) if *raw == kind => {
                Some(List::new(body.get(2..).unwrap_or_default()))
            }
            _ => None,
        })
    }

    /// The bytes of the raw extensions, with their headers.
    pub(super) fn raw_length(&self) -> usize {
        let length = |item: &LayoutItem| match item {
            LayoutItem::Raw(_, body) => body.len() + 4,
            LayoutItem::Standard(_) | LayoutItem::Padding => 0,
        };
        self.items.iter().map(length).sum()
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let mut total = 0;
        for (index, item) in self.items.iter().enumerate() {
            if let LayoutItem::Raw(kind, body) = item {
                // An empty server_name is a server's acknowledgement, which some give where the
                // library does not.
                let acknowledges = *kind == ExtensionType::SERVER_NAME && body.is_empty();
                if kind.is_reserved() && !acknowledges {
                    return Err(ConfigError::Layout(*kind));
                }
                total += body.len() + 4;
            }
            let twice = self.items.iter().take(index).any(|other| other.kind() == item.kind());
            if twice || total > Self::MAX_RAW_LENGTH {
                return Err(ConfigError::LayoutTooLarge(item.kind()));
            }
        }
        Ok(())
    }
}
