//! A key exchange group that remembers its secrets, so that they can be looked for.

use std::sync::Arc;

use handclasp::crypto::{
    ActiveKeyExchange, CompletedKeyExchange, CryptoError, KeyExchangeError, KeyExchangeGroup,
    SharedSecret,
};
use handclasp::registry::NamedGroup;

use super::memory::Seen;

pub struct WatchedGroup {
    pub inner: Arc<dyn KeyExchangeGroup>,
    pub seen: Seen,
}

impl std::fmt::Debug for WatchedGroup {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "WatchedGroup({:?})", self.inner)
    }
}

impl KeyExchangeGroup for WatchedGroup {
    fn name(&self) -> NamedGroup {
        self.inner.name()
    }

    fn start(&self) -> Result<Box<dyn ActiveKeyExchange>, CryptoError> {
        let inner = self.inner.start()?;
        Ok(Box::new(WatchedExchange { inner, seen: self.seen.clone() }))
    }

    fn respond(&self, peer_share: &[u8]) -> Result<CompletedKeyExchange, KeyExchangeError> {
        let completed = self.inner.respond(peer_share)?;
        self.seen.add("a shared secret of the server", completed.secret.as_bytes());
        Ok(completed)
    }
}

struct WatchedExchange {
    inner: Box<dyn ActiveKeyExchange>,
    seen: Seen,
}

impl ActiveKeyExchange for WatchedExchange {
    fn group(&self) -> NamedGroup {
        self.inner.group()
    }

    fn share(&self) -> &[u8] {
        self.inner.share()
    }

    fn complete(self: Box<Self>, peer_share: &[u8]) -> Result<SharedSecret, KeyExchangeError> {
        let secret = self.inner.complete(peer_share)?;
        self.seen.add("a shared secret of the client", secret.as_bytes());
        Ok(secret)
    }
}
