//! The keys of the packets of one side.

use handclasp::crypto::{CipherSuite, StaticOrArc};
use handclasp::key_schedule::TrafficSecret;
use handclasp::quic::{DirectionalKeys, Version};

use super::packet::{Kind, Packet};
use crate::account::{MessageLevel, Side};
use crate::recorded::key_log::ConnectionSecrets;

/// A packet whose protection was removed.
pub(super) struct Opened {
    pub(super) level: MessageLevel,
    pub(super) payload: Vec<u8>,
}

/// The keys of a level, and the packet number that comes next.
struct LevelKeys {
    keys: DirectionalKeys,
    next_number: u64,
}

/// The keys of the packets that one side sends.
#[derive(Default)]
pub(super) struct Keys {
    initial: Option<LevelKeys>,
    handshake: Option<LevelKeys>,
    application: Option<LevelKeys>,
}

impl Keys {
    pub(super) fn set_initial(&mut self, keys: DirectionalKeys) {
        self.initial = Some(LevelKeys { keys, next_number: 0 });
    }

    /// Takes the secrets of this side from a key log.
    pub(super) fn set_secrets(
        &mut self,
        side: Side,
        version: Version,
        suite: &StaticOrArc<CipherSuite>,
        secrets: &ConnectionSecrets,
    ) {
        let (handshake, application) = match side {
            Side::Client => ("CLIENT_HANDSHAKE_TRAFFIC_SECRET", "CLIENT_TRAFFIC_SECRET_0"),
            Side::Server => ("SERVER_HANDSHAKE_TRAFFIC_SECRET", "SERVER_TRAFFIC_SECRET_0"),
        };
        let keys = |label| {
            let secret = TrafficSecret::from_bytes(suite.clone(), secrets.get(label)?).ok()?;
            let keys = DirectionalKeys::new(version, &secret).ok()?;
            Some(LevelKeys { keys, next_number: 0 })
        };
        self.handshake = keys(handshake);
        self.application = keys(application);
    }

    /// Opens a packet; `None` if there is no key for it, or it does not decrypt. Packets after a key update do
    /// not.
    pub(super) fn open(&mut self, packet: &Packet<'_>) -> Option<Opened> {
        let (level, keys) = match packet.kind {
            Kind::Initial => (MessageLevel::Initial, self.initial.as_mut()),
            Kind::Handshake => (MessageLevel::Handshake, self.handshake.as_mut()),
            Kind::OneRtt => (MessageLevel::Application, self.application.as_mut()),
            Kind::ZeroRtt | Kind::Retry => return None,
        };
        let payload = keys?.open(packet)?;
        Some(Opened { level, payload })
    }
}

impl LevelKeys {
    fn open(&mut self, packet: &Packet<'_>) -> Option<Vec<u8>> {
        let mut bytes = packet.bytes.to_vec();
        let length = self.keys.header.unprotect(packet.number_offset, &mut bytes).ok()?;
        let header_length = packet.number_offset + length;
        let (header, payload) = bytes.split_at_mut_checked(header_length)?;
        let truncated = header.get(packet.number_offset..)?;
        let number = decode_number(self.next_number, truncated);
        let payload = self.keys.packet.decrypt_in_place(number, header, payload).ok()?.to_vec();
        self.next_number = self.next_number.max(number + 1);
        Some(payload)
    }
}

/// The packet number whose last bytes these are, and that is nearest to the one that is expected (RFC 9000,
/// appendix A.3).
fn decode_number(expected: u64, truncated: &[u8]) -> u64 {
    let last = truncated.iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    let window = 1_u64 << (8 * truncated.len().min(4));
    let candidate = (expected & !(window - 1)) | last;
    if candidate + window / 2 <= expected && candidate < (1 << 62) - window {
        return candidate + window;
    }
    if candidate > expected + window / 2 && candidate >= window {
        return candidate - window;
    }
    candidate
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packet_numbers_are_those_of_the_appendix() {
        // The example of appendix A.3.
        assert_eq!(decode_number(0xa82f_30eb, &[0x9b, 0x32]), 0xa82f_9b32);
        assert_eq!(decode_number(0, &[0]), 0);
        assert_eq!(decode_number(255, &[1]), 257);
        assert_eq!(decode_number(257, &[255]), 255);
    }
}
