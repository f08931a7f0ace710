//! Code points of the library's registries as data.

use handclasp::alert::AlertDescription;
use handclasp::registry::{
    CertificateCompressionAlgorithm, CertificateType, CipherSuiteId, ContentType, HandshakeType,
    NamedGroup, ProtocolVersion, SignatureScheme, is_grease,
};
use handclasp::wire::ExtensionType;

use crate::account::Code;

/// A code point with a name.
pub(crate) trait Named: Copy {
    /// The number.
    fn number(self) -> u32;
    /// The registered name.
    fn registered_name(self) -> Option<&'static str>;
    /// How many bytes it has in a message.
    fn width(self) -> usize;
}

macro_rules! named {
    ($($type:ty),* $(,)?) => {
        $(impl Named for $type {
            fn number(self) -> u32 {
                u32::from(self.0)
            }

            fn registered_name(self) -> Option<&'static str> {
                self.name()
            }

            fn width(self) -> usize {
                size_of::<$type>()
            }
        })*
    };
}

named!(
    AlertDescription,
    CertificateCompressionAlgorithm,
    CertificateType,
    CipherSuiteId,
    ContentType,
    ExtensionType,
    HandshakeType,
    NamedGroup,
    ProtocolVersion,
    SignatureScheme,
);

/// The code point as data.
pub(crate) fn code(value: impl Named) -> Code {
    let (number, width) = (value.number(), value.width());
    let grease = width == 2 && u16::try_from(number).is_ok_and(is_grease);
    Code { code: number, name: value.registered_name(), grease, width }
}

/// A PSK key exchange mode (RFC 9846, section 4.3.9).
pub(crate) fn psk_mode(mode: u8) -> Code {
    let name = match mode {
        0 => Some("psk_ke"),
        1 => Some("psk_dhe_ke"),
        _ => None,
    };
    of_byte(mode, name)
}

/// A code point of one byte that the library has no type for.
pub(crate) fn of_byte(number: u8, name: Option<&'static str>) -> Code {
    Code { code: u32::from(number), name, grease: false, width: 1 }
}
