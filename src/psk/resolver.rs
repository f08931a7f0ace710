use core::fmt;
use std::collections::HashMap;

use super::PreSharedKey;
use crate::crypto::CipherSuite;
use crate::reply::{AnswerLater, Reply};
use crate::wire::ClientHello;

/// One of the keys that a client offered.
#[derive(Clone, Debug)]
pub struct ChosenPsk {
    /// The place of its identity in the client's list, from 0.
    pub index: u16,
    /// The key.
    pub key: PreSharedKey,
}

/// Knows the pre-shared keys of a server.
pub trait PskResolver: Send + Sync + fmt::Debug {
    /// The key to use of those that `hello` offers in
    /// [`pre_shared_keys`](ClientHello::pre_shared_keys), with this suite; `None` to go on with a
    /// certificate. A key for another hash is not used. That the client has the key is checked by
    /// the handshake, by the binder.
    ///
    /// Before a session is resumed that goes back to one of these keys, the key is asked for again:
    /// `hello` then offers its identity alone, with a binder of zeros. The session is resumed only
    /// if the answer is the same key, so it ends when the key is taken away or replaced.
    fn resolve(&self, hello: &ClientHello<'_>, suite: &CipherSuite) -> Reply<Option<ChosenPsk>>;
}

/// A list of pre-shared keys; the first of the client's identities that is in it is used. A long list
/// costs no more time than a short one.
#[derive(Clone, Debug)]
pub struct PskList {
    /// The keys by their identities. One identity may have a key for each hash.
    keys: HashMap<Vec<u8>, Vec<PreSharedKey>>,
}

impl PskList {
    /// The keys that the server knows.
    pub fn new(keys: Vec<PreSharedKey>) -> Self {
        let mut by_identity: HashMap<Vec<u8>, Vec<PreSharedKey>> = HashMap::new();
        for key in keys {
            by_identity.entry(key.identity().to_vec()).or_default().push(key);
        }
        Self { keys: by_identity }
    }
}

impl PskResolver for PskList {
    fn resolve(&self, hello: &ClientHello<'_>, suite: &CipherSuite) -> Reply<Option<ChosenPsk>> {
        let offered = hello.pre_shared_keys.iter().flat_map(|offered| offered.iter());
        // A bound on the work that a list of thousands can ask for.
        const LOOKED_AT: u16 = 32;
        for (index, (offered, _)) in (0..LOOKED_AT).zip(offered) {
            let Some(keys) = self.keys.get(offered.identity) else { continue };
            if let Some(key) = keys.iter().find(|key| key.hash() == suite.hash.algorithm()) {
                return Reply::Now(Some(ChosenPsk { index, key: key.clone() }));
            }
        }
        Reply::Now(None)
    }
}

impl PskResolver for AnswerLater {
    fn resolve(&self, _: &ClientHello<'_>, _: &CipherSuite) -> Reply<Option<ChosenPsk>> {
        Reply::Later
    }
}
