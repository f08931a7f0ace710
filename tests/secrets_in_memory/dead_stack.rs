//! What key exchanges leave on the stack. A client may wait long for the answer to its ClientHello, and
//! another thread may read that. So each group overwrites the stack that it used.

use std::hint::black_box;
use std::sync::Arc;

use handclasp::crypto::{
    ActiveKeyExchange, CompletedKeyExchange, CryptoProvider, KeyExchangeGroup, SharedSecret,
};
use handclasp::registry::NamedGroup;

use super::memory::{Seen, copies_further_down, further_down, is_readable, words_of};

#[inline(never)]
fn start(group: &dyn KeyExchangeGroup) -> Box<dyn ActiveKeyExchange> {
    further_down(|| group.start().unwrap())
}

#[inline(never)]
fn respond(group: &dyn KeyExchangeGroup, share: &[u8]) -> CompletedKeyExchange {
    further_down(|| group.respond(share).unwrap())
}

#[inline(never)]
fn complete(exchange: Box<dyn ActiveKeyExchange>, share: &[u8]) -> SharedSecret {
    further_down(|| exchange.complete(share).unwrap())
}

fn check(what: &str, seen: &Seen) {
    let hidden = seen.all();
    let left = copies_further_down(&hidden).into_iter().filter(|count| *count > 0).count();
    assert_eq!(left, 0, "{what}: of {} words", hidden.len());
}

#[inline(never)]
fn leave(secret: &[u8]) {
    further_down(|| {
        let mut copy = [0; 64];
        copy.copy_from_slice(secret);
        black_box(&mut copy);
    });
}

#[test]
fn what_a_call_leaves_on_the_stack_is_found() {
    if !is_readable() {
        return;
    }
    let seen = Seen::default();
    let secret: Vec<u8> = (0..64).map(|number| number * 3 + 5).collect();
    seen.add("a secret", &secret);
    leave(&secret);
    assert_eq!(copies_further_down(&seen.all()), [1]);
}

/// The groups that compute. A hybrid has the keys of its components.
fn groups() -> Vec<Arc<dyn KeyExchangeGroup>> {
    let classical = [NamedGroup::X25519, NamedGroup::SECP256R1, NamedGroup::SECP384R1];
    let mut groups = CryptoProvider::default().groups;
    groups.retain(|group| classical.contains(&group.name()));
    assert_eq!(groups.len(), classical.len());
    #[cfg(feature = "ml-kem")]
    {
        groups.push(Arc::new(handclasp::crypto::ml_kem::MLKEM768));
        groups.push(Arc::new(handclasp::crypto::ml_kem::MLKEM1024));
    }
    groups
}

#[test]
fn no_private_key_and_no_shared_secret_of_a_key_exchange_is_left_on_the_stack() {
    if !is_readable() {
        return;
    }
    for group in groups() {
        let name = group.name();
        let client = start(&*group);
        let of_the_client = Seen::default();
        for word in words_of(&*client, client.share()) {
            of_the_client.add("a word of the private key", &word);
        }
        // AWS-LC has its keys elsewhere, behind a pointer.
        assert!(cfg!(not(feature = "ring")) || !of_the_client.all().is_empty(), "{name}");
        check(&format!("{name}, the client's private key"), &of_the_client);

        let server = respond(&*group, client.share());
        let shared = Seen::default();
        shared.add("the shared secret", server.secret.as_bytes());
        check(&format!("{name}, the server's shared secret"), &shared);

        complete(client, &server.share);
        check(&format!("{name}, the client's shared secret"), &shared);
        check(&format!("{name}, the client's private key"), &of_the_client);
    }
}
