//! Keys of tickets: random ones, which change by themselves, and keys that several servers share. `clocks.rs` has what
//! they do when a clock is wrong.

use handclasp::crypto::CryptoProvider;
use handclasp::session::{MAX_LIFETIME, SessionStore, TicketKeys};
use handclasp_testing::sessions::{LIFETIME, found, ticket_keys, time};

#[test]
fn ticket_keys_are_never_empty_or_predictable() {
    // GnuTLS had tickets under a key of zeros until the first rotation: CVE-2020-13777.
    let random = CryptoProvider::default().random;
    for bytes in
        [&[][..], &[0; 32], &[7; 32], &[1; 31], &[1; 33], &[&[1, 2][..], &[0; 62]].concat()]
    {
        assert!(TicketKeys::from_bytes(bytes, random.clone()).is_err(), "{bytes:?}");
    }
    let tickets: Vec<_> =
        (0..2).map(|_| ticket_keys().put(b"the same", time(0), LIFETIME).unwrap()).collect();
    assert!(tickets[0][..8] != tickets[1][..8], "each set has a key of its own");
}

#[test]
fn random_ticket_keys_change_by_themselves_and_open_for_a_week() {
    let keys = ticket_keys();
    let name = |ticket: &[u8]| ticket[..8].to_vec();
    let first = keys.put(b"1", time(0), LIFETIME).unwrap();
    assert_eq!(
        name(&first),
        name(&keys.put(b"2", time(TicketKeys::PERIOD - 1), LIFETIME).unwrap())
    );
    let second = keys.put(b"3", time(TicketKeys::PERIOD), LIFETIME).unwrap();
    assert_ne!(name(&first), name(&second));
    assert!(found(&*keys, &first, time(TicketKeys::PERIOD)).is_some());
    keys.put(b"4", time(TicketKeys::PERIOD + u64::from(MAX_LIFETIME) + 1), LIFETIME).unwrap();
    assert!(found(&*keys, &first, time(0)).is_none(), "the key is gone");
    assert!(found(&*keys, &second, time(0)).is_some());
}

#[test]
fn ticket_keys_can_be_replaced_while_connections_use_them() {
    let random = CryptoProvider::default().random;
    let bytes: Vec<u8> = (0..64).collect();
    let keys = TicketKeys::from_bytes(&bytes[..32], random).unwrap();
    let ticket = keys.put(b"a session", time(0), LIFETIME).unwrap();
    assert!(keys.replace(&[0; 32]).is_err());
    assert!(found(&keys, &ticket, time(0)).is_some(), "the keys are as they were");
    keys.replace(&[&bytes[32..], &bytes[..32]].concat()).unwrap();
    assert!(found(&keys, &ticket, time(0)).is_some(), "the old key opens still");
    let newer = keys.put(b"a session", time(0), LIFETIME).unwrap();
    keys.replace(&bytes[32..]).unwrap();
    assert!(found(&keys, &ticket, time(0)).is_none(), "it is gone");
    assert!(found(&keys, &newer, time(0)).is_some());
}

#[test]
fn the_next_ticket_key_is_known_to_all_servers_before_one_of_them_seals_with_it() {
    let random = CryptoProvider::default().random;
    let bytes: Vec<u8> = (0..64).collect();
    let (old, new) = (&bytes[..32], &bytes[32..]);
    let lists = [[old, new].concat(), [new, old].concat(), new.to_vec()];
    let with = |list: &[u8]| TicketKeys::from_bytes(list, random.clone()).unwrap();
    // Each server has had the list before, or this one, or the next one.
    for pair in lists.windows(2) {
        let servers = [with(&pair[0]), with(&pair[1])];
        for [from, to] in [[0, 0], [0, 1], [1, 0], [1, 1]] {
            let ticket = servers[from].put(b"a session", time(0), LIFETIME).unwrap();
            let ended = pair[1] == new && [from, to] == [0, 1] && ticket[..8] != name_of(new)[..];
            assert_eq!(found(&servers[to], &ticket, time(1)).is_some(), !ended, "{from} {to}");
        }
    }
    // A key that an attacker may have is left out, and opens nothing from then on.
    let keys = with(&lists[1]);
    let ticket = keys.put(b"a session", time(0), LIFETIME).unwrap();
    keys.replace(old).unwrap();
    assert!(found(&keys, &ticket, time(0)).is_none());
}

/// The name of a ticket key, which is in each of its tickets.
fn name_of(key: &[u8]) -> Vec<u8> {
    let keys = TicketKeys::from_bytes(key, CryptoProvider::default().random).unwrap();
    keys.put(b"a session", time(0), LIFETIME).unwrap()[..8].to_vec()
}
