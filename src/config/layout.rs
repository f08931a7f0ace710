use super::ConfigError;
use crate::wire::{CodePoint, ExtensionMessage, ExtensionType, ExtensionWriter, List};

/// The length of an extension's type and length, in bytes.
const HEADER_LENGTH: usize = 4;

/// The extensions of a ClientHello or of EncryptedExtensions as a list: which extensions, in which
/// order, and with which bytes.
///
/// Without a layout the library writes the extensions that it needs in its own order. With a layout the
/// list sets the order. Extensions that the library needs and the list does not name follow at the end.
/// Extensions that the list names and the library does not need are left out.
///
/// ```
/// use handclasp::config::{ExtensionLayout, LayoutItem};
/// use handclasp::wire::ExtensionType;
///
/// // server_name first, an extension of your own, then the others.
/// let layout = ExtensionLayout::new(vec![
///     LayoutItem::Standard(ExtensionType::SERVER_NAME),
///     LayoutItem::Raw(ExtensionType(0xff77), b"mine".to_vec()),
/// ]);
/// # let _ = layout;
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExtensionLayout {
    /// The extensions in the order in which they are written.
    pub items: Vec<LayoutItem>,
}

impl ExtensionLayout {
    /// These extensions, in this order.
    pub fn new(items: Vec<LayoutItem>) -> Self {
        Self { items }
    }
}

/// An extension in an [`ExtensionLayout`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LayoutItem {
    /// The library writes this extension here, if it needs it.
    Standard(ExtensionType),
    /// The extension with these bytes. If the library writes the extension, too (supported_groups or
    /// signature_algorithms, for example), these bytes replace it. The choice of the peer is still
    /// checked against the configuration. In EncryptedExtensions the extension is sent only if the
    /// client has sent the same one. An extension that the library knows must be one of the message: RFC
    /// 9846, section 4.3, has the table.
    Raw(ExtensionType, Vec<u8>),
    /// A padding extension (RFC 7685) that makes a ClientHello of 256 to 511 bytes 512 bytes long, which
    /// some old servers need. A ClientHello of another length has no padding.
    Padding,
}

impl LayoutItem {
    /// The type of the extension.
    pub fn kind(&self) -> ExtensionType {
        match self {
            Self::Standard(kind) | Self::Raw(kind, _) => *kind,
            Self::Padding => ExtensionType::PADDING,
        }
    }
}

impl ExtensionLayout {
    /// The most bytes of raw extensions. Protocols, a cookie and a ticket can be long, too, and must fit
    /// into the message with them.
    const MAX_RAW_LENGTH: usize = 0x6000;

    /// Puts the extensions into this order, and writes the raw ones that `may_send` allows.
    pub(crate) fn apply(
        &self,
        extensions: &mut ExtensionWriter<'_>,
        may_send: impl Fn(ExtensionType) -> bool,
    ) {
        for item in &self.items {
            match item {
                LayoutItem::Raw(kind, body) if may_send(*kind) => extensions.replace(*kind, body),
                LayoutItem::Raw(..) | LayoutItem::Standard(_) | LayoutItem::Padding => {}
            }
        }
        extensions.sort_by(self.items.iter().map(LayoutItem::kind));
    }

    /// The list of code points in a raw extension, if there is one. The peer was offered this list, even
    /// if the configuration supports others.
    pub(crate) fn raw_list<T: CodePoint>(&self, kind: ExtensionType) -> Option<List<'_, T>> {
        self.items.iter().find_map(|item| match item {
            LayoutItem::Raw(raw, body) if *raw == kind => {
                Some(List::new(body.get(2..).unwrap_or_default()))
            }
            _ => None,
        })
    }

    /// Whether the layout gives the bytes of this extension.
    pub(crate) fn has_raw(&self, kind: ExtensionType) -> bool {
        self.items.iter().any(|item| matches!(item, LayoutItem::Raw(raw, _) if *raw == kind))
    }

    /// The length of the raw extensions in bytes, with their headers.
    pub(super) fn raw_length(&self) -> usize {
        let mut length = 0;
        for item in &self.items {
            if let LayoutItem::Raw(_, body) = item {
                length += HEADER_LENGTH + body.len();
            }
        }
        length
    }

    /// Checks that the raw extensions may be in this message, none is reserved for the library or there
    /// twice, and they are not too long.
    pub(super) fn check(&self, message: ExtensionMessage) -> Result<(), ConfigError> {
        let mut total = 0;
        for (index, item) in self.items.iter().enumerate() {
            if let LayoutItem::Raw(kind, body) = item {
                // Some servers acknowledge the name of every client with an empty server_name, where
                // the library does not.
                let acknowledges = *kind == ExtensionType::SERVER_NAME && body.is_empty();
                if (kind.is_reserved() && !acknowledges) || !kind.is_allowed_in(message) {
                    return Err(ConfigError::Layout(*kind));
                }
                total += HEADER_LENGTH + body.len();
            }
            let twice = self.items.iter().take(index).any(|other| other.kind() == item.kind());
            if twice || total > Self::MAX_RAW_LENGTH {
                return Err(ConfigError::LayoutTooLarge(item.kind()));
            }
        }
        Ok(())
    }
}
