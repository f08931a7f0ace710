//! What is left on the stack by key exchanges, and by HMAC and HKDF over values that are longer than a
//! hash. A client may wait long for the answer to its ClientHello, and another thread may read that. So
//! each group overwrites the stack that it used.

use std::hint::black_box;
use std::sync::Arc;

use handclasp::crypto::{
    ActiveKeyExchange, CompletedKeyExchange, CryptoError, CryptoProvider, CustomHmacKey, Hash,
    HashAlgorithm, HmacKey, KeyExchangeGroup, Secret, SharedSecret, StaticOrArc, hkdf_expand,
    hkdf_prepare_key,
};
use handclasp::key_schedule::{LabelPrefix, expand_label};
use handclasp::psk::{PreSharedKey, PskImporter};
use handclasp::registry::NamedGroup;
use handclasp::transport::memory::exchange;
use zeroize::Zeroizing;

use super::memory::{Seen, clean_stack, copies_further_down, further_down, is_readable, words_of};
use super::{World, providers};

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
    let counts = copies_further_down(&hidden);
    let left = hidden.iter().zip(counts).filter(|(_, count)| *count > 0);
    let left: Vec<_> = left.map(|(hidden, _)| &hidden.label).collect();
    assert!(left.is_empty(), "{what}: of {} secrets, these are left: {left:?}", hidden.len());
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
    #[cfg(feature = "libcrux")]
    {
        groups.push(Arc::new(handclasp::crypto::libcrux::MLKEM768));
        groups.push(Arc::new(handclasp::crypto::libcrux::MLKEM1024));
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

/// The SHA-256 and SHA-384 of this provider.
fn hashes(provider: &CryptoProvider) -> Vec<StaticOrArc<dyn Hash>> {
    let mut hashes = vec![provider.sha256.clone()];
    let suites = provider.cipher_suites.iter().map(|suite| suite.hash.clone());
    hashes.extend(suites.filter(|hash| hash.output_length() > 32).take(1));
    assert_eq!(hashes.len(), 2);
    hashes
}

/// Each block of the longest of these expansions.
#[inline(never)]
fn see_blocks(seen: &Seen, hash: &dyn Hash, key: &[u8], length: usize) {
    let mut blocks = Zeroizing::new(vec![0; length]);
    hkdf_expand(hash, key, b"info", &mut blocks).unwrap();
    for (number, block) in blocks.chunks(hash.output_length()).enumerate() {
        seen.add(&format!("T({})", number + 1), block);
    }
}

#[inline(never)]
fn expand_further_down(hash: &dyn Hash, key: &[u8], output: &mut [u8]) {
    further_down(|| hkdf_expand(hash, key, b"info", output).unwrap());
}

#[test]
fn no_block_of_a_longer_output_of_hkdf_is_left_on_the_stack() {
    if !is_readable() {
        return;
    }
    for hash in providers().iter().flat_map(hashes) {
        let key = Zeroizing::new(handclasp_testing::pre_shared_secret().to_vec());
        let length = hash.output_length();
        for output_length in [length + 1, length + 8, 2 * length, 3 * length] {
            let seen = Seen::default();
            see_blocks(&seen, &*hash, &key, output_length);
            clean_stack();
            let mut output = Zeroizing::new(vec![0; output_length]);
            expand_further_down(&*hash, &key, &mut output);
            check(&format!("{:?}, {output_length} bytes", hash.algorithm()), &seen);
        }
    }
}

#[inline(never)]
fn prepare_further_down(hash: &dyn Hash, key: &[u8]) -> Arc<HmacKey> {
    further_down(|| hkdf_prepare_key(hash, key))
}

/// Its states derive what the key derives.
#[test]
fn no_state_of_a_key_that_hkdf_prepares_is_left_on_the_stack() {
    if !is_readable() {
        return;
    }
    for hash in providers().iter().flat_map(hashes) {
        let secret = Zeroizing::new(handclasp_testing::pre_shared_secret().to_vec());
        let seen = Seen::default();
        let prepared = prepare_further_down(&*hash, &secret);
        for word in words_of(&*prepared, &[]) {
            seen.add("a word of the prepared key", &word);
        }
        assert!(!seen.all().is_empty());
        drop(prepared);
        clean_stack();
        drop(prepare_further_down(&*hash, &secret));
        check(&format!("{:?}", hash.algorithm()), &seen);
    }
}

/// A key of a provider that leaves nothing on the stack, so that only what [`HmacKey::sign`] does is seen.
struct LeavesNothing;

impl CustomHmacKey for LeavesNothing {
    fn sign(&self, _: &[&[u8]]) -> Result<Secret, CryptoError> {
        Secret::new(&[7; 32]).ok_or(CryptoError)
    }
}

#[inline(never)]
fn sign_further_down(key: &HmacKey, parts: &[&[u8]]) {
    further_down(|| drop(key.sign(parts).unwrap()));
}

/// Parts that are joined, and parts that are too long for it: before the secret and after it.
#[test]
fn no_part_that_hmac_signs_is_left_on_the_stack() {
    if !is_readable() {
        return;
    }
    let key = HmacKey::custom(Box::new(LeavesNothing));
    let secret = Zeroizing::new(handclasp_testing::pre_shared_secret().to_vec());
    let seen = Seen::default();
    seen.add("a part", &secret);
    clean_stack();
    for parts in [
        &[&secret[..]][..],
        &[&secret[..], b"end"],
        &[b"start", &secret[..], &[7; 50]],
        &[b"start", &secret[..], &[7; 200]],
        &[&[7; 200], &secret[..]],
    ] {
        sign_further_down(&key, parts);
        check(&format!("{} parts", parts.len()), &seen);
    }
}

/// What is looked for is what was exported, and not the secrets of the connection.
#[inline(never)]
fn export_further_down(seen: &Seen, length: usize) {
    let world = World::new(&Seen::default());
    let (client, server) = world.plain(CryptoProvider::default);
    let (mut client, mut server) = (world.client(client, 0), world.server(server, 0));
    world.meet(&mut client, &mut server);
    let mut exported = Zeroizing::new(vec![0; length]);
    server.export_keying_material("EXPERIMENTAL test", b"", &mut exported).unwrap();
    seen.add("what is exported", &exported);
    clean_stack();
    let export = || client.export_keying_material("EXPERIMENTAL test", b"", &mut exported);
    further_down(export).unwrap();
}

#[test]
fn nothing_that_was_exported_is_left_on_the_stack() {
    if !is_readable() {
        return;
    }
    for length in [16, 32, 33, 64, 100] {
        let seen = Seen::default();
        export_further_down(&seen, length);
        check(&format!("{length} exported bytes"), &seen);
    }
}

/// RFC 9258, section 5.1.
#[inline(never)]
fn see_imported_key(seen: &Seen, secret: &[u8], key: &PreSharedKey) {
    let sha256 = CryptoProvider::default().sha256;
    let extracted = sha256.hmac_key(&[]).sign(&[secret]).unwrap();
    let context = sha256.digest(key.identity());
    let length = if key.hash() == HashAlgorithm::Sha384 { 48 } else { 32 };
    let mut imported = Zeroizing::new(vec![0; length]);
    let (prefix, label) = (LabelPrefix::Tls13, "derived psk");
    expand_label(&*sha256, prefix, extracted.as_bytes(), label, &context, &mut imported).unwrap();
    seen.add(&format!("the key for {:?}", key.hash()), &imported);
}

#[inline(never)]
fn import_further_down(secret: &[u8]) -> Vec<PreSharedKey> {
    further_down(|| {
        let importer = PskImporter::new(b"identity", secret).unwrap();
        importer.import(&CryptoProvider::default()).unwrap()
    })
}

/// The key for a suite with SHA-384 has two blocks.
#[test]
fn nothing_of_an_imported_key_is_left_on_the_stack() {
    if !is_readable() {
        return;
    }
    let secret = Zeroizing::new(handclasp_testing::pre_shared_secret().to_vec());
    let seen = Seen::default();
    let keys = import_further_down(&secret);
    assert_eq!(keys.len(), 2);
    for key in &keys {
        see_imported_key(&seen, &secret, key);
    }
    clean_stack();
    drop(keys);
    black_box(import_further_down(&secret));
    check("imported keys", &seen);
}

/// No change of keys follows a ticket, so what makes its secret overwrites the stack itself.
#[test]
fn nothing_of_a_ticket_s_secret_is_left_on_the_stack() {
    if !is_readable() {
        return;
    }
    let seen = Seen::default();
    let world = World::new(&seen);
    let mut client = world.client(world.pair.client_builder(), 0);
    let mut server = world.server(world.pair.server_builder(), 0);
    world.meet(&mut client, &mut server);
    clean_stack();
    further_down(|| server.send_tickets(1)).unwrap();
    check_tickets("a server", &seen);
    clean_stack();
    further_down(|| exchange(&mut client, &mut server)).unwrap();
    check_tickets("a client", &seen);
}

fn check_tickets(side: &str, seen: &Seen) {
    let mut of_tickets = seen.all();
    of_tickets.retain(|hidden| hidden.label == "resumption");
    assert!(!of_tickets.is_empty(), "{side} has no ticket");
    let left = copies_further_down(&of_tickets);
    assert!(left.iter().all(|count| *count == 0), "{side}: {left:?}");
}

/// What a call leaves would come to the heap with a value that the next call moves.
#[test]
fn no_secret_of_a_handshake_is_left_on_the_stack() {
    if !is_readable() {
        return;
    }
    let seen = Seen::default();
    let world = World::new(&seen);
    let mut client = further_down(|| world.client(world.pair.client_builder(), 0));
    check("the first ClientHello", &seen);
    let mut server = world.server(world.pair.early_server(1000), 0);
    further_down(|| world.meet(&mut client, &mut server));
    check("a full handshake", &seen);

    let mut client = further_down(|| world.client(world.pair.client_builder(), 1));
    check("a ClientHello with 0-RTT data", &seen);
    let mut server = world.server(world.pair.early_server(1000), 1);
    further_down(|| client.write_early_data(b"early")).unwrap();
    check("0-RTT data", &seen);
    further_down(|| world.meet(&mut client, &mut server));
    check("a resumed handshake", &seen);
}
