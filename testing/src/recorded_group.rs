//! Key exchanges that were computed once. A test with thousands of handshakes that is not about key
//! exchange need not compute keys of ML-KEM for each. The shares are real, so the messages have the
//! lengths that they have with the group itself. Both ends need the same provider.

use std::sync::Arc;

use handclasp::crypto::{
    ActiveKeyExchange, CompletedKeyExchange, CryptoError, CryptoProvider, KeyExchangeError,
    KeyExchangeGroup, SharedSecret,
};
use handclasp::registry::NamedGroup;

/// The default provider, with each group recorded.
pub fn provider() -> CryptoProvider {
    let mut provider = CryptoProvider::default();
    for group in &mut provider.groups {
        *group = Arc::new(RecordedGroup::new(&**group));
    }
    provider
}

/// The key exchange of a client, recorded.
#[derive(Clone, Debug)]
struct RecordedExchange {
    group: NamedGroup,
    share: Vec<u8>,
    /// `None` for the classical part of a hybrid: the server takes the hybrid.
    secret: Option<Vec<u8>>,
    classical: Option<Box<RecordedExchange>>,
}

#[derive(Debug)]
struct RecordedGroup {
    client: RecordedExchange,
    server_share: Vec<u8>,
}

impl RecordedGroup {
    fn new(group: &dyn KeyExchangeGroup) -> Self {
        let exchange = group.start().unwrap();
        let CompletedKeyExchange { share, secret } = group.respond(exchange.share()).unwrap();
        let classical = exchange.classical().map(|classical| RecordedExchange {
            group: classical.group(),
            share: classical.share().to_vec(),
            secret: None,
            classical: None,
        });
        let client = RecordedExchange {
            group: group.name(),
            share: exchange.share().to_vec(),
            secret: Some(secret.as_bytes().to_vec()),
            classical: classical.map(Box::new),
        };
        Self { client, server_share: share }
    }
}

impl KeyExchangeGroup for RecordedGroup {
    fn name(&self) -> NamedGroup {
        self.client.group
    }

    fn start(&self) -> Result<Box<dyn ActiveKeyExchange>, CryptoError> {
        Ok(Box::new(self.client.clone()))
    }

    fn respond(&self, peer_share: &[u8]) -> Result<CompletedKeyExchange, KeyExchangeError> {
        assert_eq!(peer_share, self.client.share, "the client has the same provider");
        let secret = self.client.secret.clone().ok_or(CryptoError)?;
        Ok(CompletedKeyExchange {
            share: self.server_share.clone(),
            secret: SharedSecret::new(secret),
        })
    }
}

impl ActiveKeyExchange for RecordedExchange {
    fn group(&self) -> NamedGroup {
        self.group
    }

    fn share(&self) -> &[u8] {
        &self.share
    }

    fn complete(self: Box<Self>, _: &[u8]) -> Result<SharedSecret, KeyExchangeError> {
        Ok(self.secret.map(SharedSecret::new).ok_or(CryptoError)?)
    }

    fn classical(&self) -> Option<&dyn ActiveKeyExchange> {
        match &self.classical {
            Some(classical) => Some(&**classical),
            None => None,
        }
    }

    fn into_classical(self: Box<Self>) -> Option<Box<dyn ActiveKeyExchange>> {
        match self.classical {
            Some(classical) => Some(classical),
            None => None,
        }
    }
}
