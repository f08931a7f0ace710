use core::fmt;
use std::collections::HashMap;

use super::PreSharedKey;
use crate::crypto::HashAlgorithm;
use crate::reply::{AnswerLater, Reply};
use crate::wire::ClientHello;

/// A key that a server chooses from those that the client offers.
#[derive(Clone, Debug)]
pub struct ChosenPsk {
    /// The index of its identity in the client's list, counted from 0.
    pub index: u16,
    /// The key.
    pub key: PreSharedKey,
}

/// Finds the pre-shared keys of a server. A [`PskList`] is one.
pub trait PskResolver: Send + Sync + fmt::Debug {
    /// Chooses one of the keys that `hello` offers in
    /// [`pre_shared_keys`](crate::wire::ClientExtensions::pre_shared_keys), for one of these hashes, which
    /// are those of the suites that may be used, the server's preferred one first. With `None` the
    /// handshake continues with a certificate. A key for another hash is not used. The handshake checks the
    /// binder, which proves that the client has the key.
    ///
    /// The key decides which suite is used: the server's first one with its hash that the client offers. A
    /// HelloRetryRequest has a suite, too, so the resolver may be asked before it and after it.
    ///
    /// If a key authenticated the client of a session, the resolver is asked for that key again
    /// before the session is resumed. `hello` then offers only its identity, with a binder of zeros that
    /// is as long as the key's hash.
    /// The session is resumed only if the answer is the same key. So it ends when the resolver has
    /// the key no more, or has another one.
    fn resolve(
        &self,
        hello: &ClientHello<'_>,
        hashes: &[HashAlgorithm],
    ) -> Reply<Option<ChosenPsk>>;
}

/// A list of pre-shared keys. It chooses the first of the client's identities that it has a key for, for
/// the server's preferred hash. If it has none for that hash, it looks for the next one.
///
/// The time to find a key does not depend on the length of the list. Identities are no secrets: a
/// client sends them in the clear. A client can learn from the time, or from the answer, whether the
/// server knows an identity; it cannot learn anything about the key.
#[derive(Clone, Debug)]
pub struct PskList {
    /// The keys by their identities. An identity can have a key for each hash.
    keys: HashMap<Vec<u8>, Vec<PreSharedKey>>,
}

/// The most identities of a ClientHello that a [`PskList`] looks up. It limits the work for a
/// ClientHello with thousands of them.
const MAX_IDENTITIES: u16 = 32;

impl PskList {
    /// A list of these keys.
    pub fn new(keys: Vec<PreSharedKey>) -> Self {
        let mut by_identity: HashMap<Vec<u8>, Vec<PreSharedKey>> = HashMap::new();
        for key in keys {
            by_identity.entry(key.identity().to_vec()).or_default().push(key);
        }
        Self { keys: by_identity }
    }
}

impl PskResolver for PskList {
    fn resolve(
        &self,
        hello: &ClientHello<'_>,
        hashes: &[HashAlgorithm],
    ) -> Reply<Option<ChosenPsk>> {
        for hash in hashes {
            let offered = hello.pre_shared_keys.iter().flat_map(|offered| offered.iter());
            for (index, (offered, binder)) in (0..MAX_IDENTITIES).zip(offered) {
                let Some(keys) = self.keys.get(offered.identity) else { continue };
                // A binder is as long as the hash of its key, so this is the key for another one.
                if binder.len() != hash.output_length() {
                    continue;
                }
                if let Some(key) = keys.iter().find(|key| key.hash() == *hash) {
                    return Reply::Now(Some(ChosenPsk { index, key: key.clone() }));
                }
            }
        }
        Reply::Now(None)
    }
}

impl PskResolver for AnswerLater {
    fn resolve(&self, _: &ClientHello<'_>, _: &[HashAlgorithm]) -> Reply<Option<ChosenPsk>> {
        Reply::Later
    }
}
