//! What is shown for debugging of messages that may have a ticket in them: types and lengths. A
//! ticket is half of what resumes a session, and logs are kept longer than sessions.

use core::fmt;

use super::{
    Extension, Extensions, HandshakeMessage, NewSessionTicket, OfferedPsks, OneIdentity,
    PskIdentity,
};

/// The body of a message.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Body<'a>(pub(crate) &'a [u8]);

/// A length in bytes.
struct Length(usize);

impl fmt::Debug for Length {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "({} bytes)", self.0)
    }
}

impl fmt::Debug for Body<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Length(self.0.len()).fmt(f)
    }
}

impl fmt::Debug for HandshakeMessage<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HandshakeMessage")
            .field("kind", &self.kind)
            .field("body", &Length(self.body.len()))
            .finish()
    }
}

impl fmt::Debug for Extension<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Extension")
            .field("kind", &self.kind)
            .field("body", &Length(self.body.len()))
            .finish()
    }
}

impl fmt::Debug for Extensions<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl fmt::Debug for NewSessionTicket<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewSessionTicket")
            .field("lifetime", &self.lifetime)
            .field("nonce", &Length(self.nonce.len()))
            .field("ticket", &Length(self.ticket.len()))
            .field("extensions", &self.extensions)
            .field("max_early_data_size", &self.max_early_data_size)
            .finish()
    }
}

impl fmt::Debug for PskIdentity<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PskIdentity")
            .field("identity", &Length(self.identity.len()))
            .field("obfuscated_ticket_age", &self.obfuscated_ticket_age)
            .finish()
    }
}

impl fmt::Debug for OfferedPsks<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter().map(|(identity, _)| identity)).finish()
    }
}

impl fmt::Debug for OneIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.offered().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observer::Event;
    use crate::wire::ClientHello;
    use crate::wire::ExtensionType;
    use crate::{CryptoProvider, Level};

    #[test]
    fn tickets_are_shown_by_their_length() {
        let ticket = NewSessionTicket {
            lifetime: 60,
            age_add: 0x5a5a_5a5a,
            nonce: &[0x5a; 8],
            ticket: &[0x5a; 99],
            extensions: Extensions::default(),
            max_early_data_size: None,
        };
        let mut bytes = Vec::new();
        ticket.encode(&mut bytes);
        let (message, _) = HandshakeMessage::split(&bytes).unwrap();
        let hello = ClientHello { body: Body(&[0x5a; 99]), ..ClientHello::default() };
        let identity = PskIdentity { identity: &[0x5a; 99], obfuscated_ticket_age: 0 };
        let extension = Extension { kind: ExtensionType::COOKIE, body: &[0x5a; 99] };
        let suite = CryptoProvider::default().cipher_suites.swap_remove(0);
        for shown in [
            format!("{ticket:?}"),
            format!("{message:?}"),
            format!("{:?}", Event::MessageReceived(Level::Application, message)),
            format!("{hello:?}"),
            format!("{identity:?} {suite:?}"),
            format!("{:?}", OneIdentity::new(&[0x5a; 99], 32)),
            format!("{:?}", OneIdentity::new(&[0x5a; 99], 48).offered()),
            format!("{extension:?}"),
        ] {
            assert!(!shown.contains("90, 90") && !shown.contains("5a5a"), "{shown}");
        }
        assert!(format!("{ticket:?}").contains("99 bytes"), "{ticket:?}");
    }
}
