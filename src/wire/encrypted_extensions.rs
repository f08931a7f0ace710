//! EncryptedExtensions (RFC 9846, section 4.4.1).

use core::ops::Deref;

use super::codec::{DecodeError, Reader};
use super::extension_list::{ExtensionWriter, Extensions, write_extensions};
use super::extensions::{ExtensionMessage, ServerExtensions};
use super::handshake_message::write_message;
use crate::registry::HandshakeType;

/// The server's answers to extensions of the ClientHello that need no certificate.
///
/// What the extensions say is in `known`, whose fields can be read as if they were fields of the
/// message. All extensions are in `extensions`, in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EncryptedExtensions<'a> {
    /// All extensions.
    pub extensions: Extensions<'a>,
    /// What the extensions say that this library knows.
    pub known: ServerExtensions<'a>,
}

impl<'a> EncryptedExtensions<'a> {
    /// Parses the body of an EncryptedExtensions.
    ///
    /// # Errors
    /// When an extension is malformed, or the RFC forbids it in this message.
    pub fn parse(body: &'a [u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(HandshakeType::ENCRYPTED_EXTENSIONS, body);
        let extensions = Extensions::read(&mut reader, ExtensionMessage::EncryptedExtensions)?;
        reader.finish("extensions")?;
        let known = ServerExtensions::read(extensions, &reader)?;
        Ok(Self { extensions, known })
    }

    /// Writes the whole message from `extensions`; `known` is not looked at.
    pub fn encode(&self, out: &mut Vec<u8>) {
        write_message(out, HandshakeType::ENCRYPTED_EXTENSIONS, |out| self.extensions.encode(out));
    }
}

impl<'a> Deref for EncryptedExtensions<'a> {
    type Target = ServerExtensions<'a>;

    fn deref(&self) -> &Self::Target {
        &self.known
    }
}

/// Writes a whole EncryptedExtensions with the extensions that `extensions` adds.
pub(crate) fn write_encrypted_extensions(
    out: &mut Vec<u8>,
    extensions: impl FnOnce(&mut ExtensionWriter<'_>),
) {
    write_message(out, HandshakeType::ENCRYPTED_EXTENSIONS, |out| {
        write_extensions(out, extensions)
    });
}
