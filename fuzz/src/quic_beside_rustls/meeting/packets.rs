//! Packets that one library protects, and the other opens.

use super::end::End;

/// The keys of one direction.
pub enum Keys {
    Ours(handclasp::quic::DirectionalKeys),
    Theirs(rustls::quic::DirectionalKeys),
}

/// A short header: the first byte, a connection ID of 8 bytes, and a packet number of 2.
const FIRST_BYTE: u8 = 0x41;
const NUMBER_OFFSET: usize = 9;
const HEADER: usize = NUMBER_OFFSET + 2;

const PAYLOAD: &[u8] = b"the payload of a packet, and not a short one";
const TAG_LENGTH: usize = 16;

/// The sample begins four bytes after the packet number does.
const SAMPLE: usize = NUMBER_OFFSET + 4;
const SAMPLE_END: usize = SAMPLE + 16;

/// Compares the keys of both ends, through two key updates.
pub fn check(client: &mut End, server: &mut End, has_early_data: bool) {
    if has_early_data {
        compare(&client.early, &server.early);
    }
    compare(&client.handshake.local, &server.handshake.remote);
    compare(&server.handshake.local, &client.handshake.remote);
    for phase in 0..3 {
        if phase > 0 {
            client.update_keys();
            server.update_keys();
        }
        compare(&client.application.local, &server.application.remote);
        compare(&server.application.local, &client.application.remote);
    }
}

fn compare(sender: &Option<Keys>, receiver: &Option<Keys>) {
    let (Some(sender), Some(receiver)) = (sender, receiver) else {
        panic!("both have the keys of the level");
    };
    for number in [0, 1, 0x1234, (1 << 62) - 1] {
        let packet = sender.protect(number);
        assert_eq!(receiver.open(number, packet).as_deref(), Some(PAYLOAD));
    }
    assert_eq!(receiver.open(2, sender.protect(1)), None);
}

impl Keys {
    fn protect(&self, number: u64) -> Vec<u8> {
        let mut header = vec![7; HEADER];
        header[0] = FIRST_BYTE;
        header[NUMBER_OFFSET..].copy_from_slice(&(number as u16).to_be_bytes());
        let mut payload = PAYLOAD.to_vec();
        match self {
            Self::Ours(keys) => {
                let tag = keys.packet.encrypt_in_place(number, &header, &mut payload);
                let tag = tag.expect("the provider does not fail");
                let mut packet = [&header[..], &payload, &tag].concat();
                keys.header.protect(NUMBER_OFFSET, &mut packet).expect("it is long enough");
                packet
            }
            Self::Theirs(keys) => {
                let tag = keys.packet.encrypt_in_place(number, &header, &mut payload);
                let tag = tag.expect("the provider does not fail");
                let mut packet = [&header[..], &payload, tag.as_ref()].concat();
                let (head, sample) = packet.split_at_mut(SAMPLE);
                let (first, rest) = head.split_first_mut().expect("it is long enough");
                let (number, sample) =
                    (&mut rest[NUMBER_OFFSET - 1..], &sample[..SAMPLE_END - SAMPLE]);
                keys.header.encrypt_in_place(sample, first, number).expect("it is long enough");
                packet
            }
        }
    }

    /// The payload, if the packet is authentic.
    fn open(&self, number: u64, mut packet: Vec<u8>) -> Option<Vec<u8>> {
        match self {
            Self::Ours(keys) => {
                let length = keys.header.unprotect(NUMBER_OFFSET, &mut packet).ok()?;
                assert!((1..=4).contains(&length));
            }
            Self::Theirs(keys) => {
                let (head, sample) = packet.split_at_mut(SAMPLE);
                let (first, rest) = head.split_first_mut()?;
                let (number, sample) =
                    (&mut rest[NUMBER_OFFSET - 1..], &sample[..SAMPLE_END - SAMPLE]);
                keys.header.decrypt_in_place(sample, first, number).ok()?;
            }
        }
        let (header, payload) = packet.split_at_mut(HEADER);
        assert!(payload.len() > TAG_LENGTH);
        match self {
            Self::Ours(keys) => {
                keys.packet.decrypt_in_place(number, header, payload).ok().map(|it| it.to_vec())
            }
            Self::Theirs(keys) => {
                keys.packet.decrypt_in_place(number, header, payload).ok().map(<[u8]>::to_vec)
            }
        }
    }
}
