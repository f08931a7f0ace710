use std::time::{Duration, Instant};

use arbtest::arbtest;

use super::*;

/// Far above what linear work on 64 KiB takes, far below what quadratic work does.
const SOON: Duration = Duration::from_secs(2);

fn soon(body: &[u8]) {
    let start = Instant::now();
    parse_all(body);
    assert!(start.elapsed() < SOON, "{:?} for {} bytes", start.elapsed(), body.len());
}

#[test]
fn messages_full_of_small_parts_stay_cheap() {
    let extensions: Vec<_> =
        (0..16_000_u16).map(|kind| (0xc000_u16.wrapping_add(kind), vec![])).collect();
    let body = client_hello(&extensions);
    assert_eq!(ClientHello::parse(&body).unwrap().extensions.iter().count(), 16_000);
    soon(&body);

    let shares: Vec<u8> =
        (0..13_000_u16).flat_map(|group| [&group.to_be_bytes()[..], &[0, 1, 7]].concat()).collect();
    let body = client_hello(&[(51, vector16(&shares))]);
    assert_eq!(ClientHello::parse(&body).unwrap().key_shares.unwrap().iter().count(), 13_000);
    soon(&body);

    let identities = [0, 1, 7, 0, 0, 0, 0].repeat(1_600);
    let binders = [&[32][..], &[1; 32]].concat().repeat(1_600);
    let body = client_hello(&[(41, [vector16(&identities), vector16(&binders)].concat())]);
    assert_eq!(ClientHello::parse(&body).unwrap().pre_shared_keys.unwrap().iter().count(), 1_600);
    soon(&body);

    let names = [1, b'x'].repeat(32_000);
    soon(&client_hello(&[(16, vector16(&names))]));
    let certificates = [0, 0, 1, 7, 0, 0].repeat(10_000);
    let [.., high, middle, low] = certificates.len().to_be_bytes();
    soon(&[&[0, high, middle, low], &certificates[..]].concat());
}

#[test]
fn a_message_is_split_off_when_it_is_whole_and_no_sooner() {
    let bytes = [20, 0, 0, 2, 1, 2, 99];
    for end in 0..6 {
        assert!(HandshakeMessage::split(&bytes[..end]).is_none());
    }
    let (message, rest) = HandshakeMessage::split(&bytes).unwrap();
    assert_eq!((message.body, rest), (&[1, 2][..], &[99][..]));
}

#[test]
fn arbitrary_bytes_never_panic() {
    arbtest(|u| {
        parse_all(&bytes(u, 0..=400)?);
        Ok(())
    })
    .size_max(4096);
}

/// Arbitrary bytes rarely get past the first length; damaged messages get everywhere.
#[test]
fn damaged_messages_never_panic() {
    arbtest(|u| {
        let kind = u.int_in_range(0..=59)?;
        let body = bytes(u, 0..=60)?;
        for mut message in [
            client_hello(&[(43, vec![2, 3, 4]), (kind, body.clone())]),
            server_hello(false, &[(43, vec![3, 4]), (kind, body.clone())]),
            server_hello(true, &[(kind, body.clone())]),
            extension_list(&[(kind, body.clone())]),
        ] {
            parse_all(&message);
            let at = u.choose_index(message.len())?;
            message[at] = u.arbitrary()?;
            parse_all(&message);
        }
        Ok(())
    })
    .size_max(4096);
}
