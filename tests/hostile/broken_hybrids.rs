//! Hybrids of groups that return what they must not.

use std::sync::Arc;

use handclasp::crypto::hybrid::HybridGroup;
use handclasp::crypto::ml_kem::MLKEM768;
use handclasp::crypto::{
    ActiveKeyExchange, CompletedKeyExchange, CryptoError, CryptoProvider, KeyExchangeError,
    KeyExchangeGroup, ProviderFault, SharedSecret,
};
use handclasp::registry::NamedGroup;
use handclasp_testing::Identity;
use handclasp_testing::sessions::talk;

use crate::broken_provider::{client, expect_fault, server};

/// A component of a hybrid that returns this secret.
#[derive(Debug)]
struct Component {
    inner: Arc<dyn KeyExchangeGroup>,
    secret: Vec<u8>,
}

impl KeyExchangeGroup for Component {
    fn name(&self) -> NamedGroup {
        self.inner.name()
    }

    fn start(&self) -> Result<Box<dyn ActiveKeyExchange>, CryptoError> {
        let (inner, secret) = (self.inner.start()?, self.secret.clone());
        Ok(Box::new(ComponentExchange { inner, secret }))
    }

    fn respond(&self, peer_share: &[u8]) -> Result<CompletedKeyExchange, KeyExchangeError> {
        let CompletedKeyExchange { share, .. } = self.inner.respond(peer_share)?;
        Ok(CompletedKeyExchange { share, secret: SharedSecret::new(self.secret.clone()) })
    }
}

struct ComponentExchange {
    inner: Box<dyn ActiveKeyExchange>,
    secret: Vec<u8>,
}

impl ActiveKeyExchange for ComponentExchange {
    fn group(&self) -> NamedGroup {
        self.inner.group()
    }

    fn share(&self) -> &[u8] {
        self.inner.share()
    }

    fn complete(self: Box<Self>, _: &[u8]) -> Result<SharedSecret, KeyExchangeError> {
        Ok(SharedSecret::new(self.secret))
    }
}

/// In the secret of a hybrid, which is longer, neither zeros nor a wrong length of one component would
/// show.
#[test]
fn what_each_component_of_a_hybrid_returns_is_checked_in_both_roles() {
    let zeros_of = ProviderFault::SharedSecretOfZeros;
    let short = ProviderFault::Length { what: "shared secret", length: 31 };
    let x25519 = CryptoProvider::default().group(NamedGroup::X25519).unwrap().clone();
    let kem: Arc<dyn KeyExchangeGroup> = Arc::new(MLKEM768);
    let identity = Identity::p256();
    for (secret, is_classical, fault) in [
        (vec![0; 32], true, zeros_of(NamedGroup::X25519)),
        (vec![0; 32], false, zeros_of(NamedGroup::MLKEM768)),
        (vec![1; 31], true, short),
        (vec![1; 31], false, short),
    ] {
        let broken = |inner: &Arc<dyn KeyExchangeGroup>, is_broken: bool| {
            let inner = inner.clone();
            match is_broken {
                true => Arc::new(Component { inner, secret: secret.clone() }),
                false => inner,
            }
        };
        let (classical, kem) = (broken(&x25519, is_classical), broken(&kem, !is_classical));
        let hybrid: Arc<dyn KeyExchangeGroup> = Arc::new(HybridGroup::new(classical, kem).unwrap());
        let provider = || {
            let mut provider = CryptoProvider::default();
            provider.groups = vec![hybrid.clone()];
            provider
        };
        let case = format!("{fault:?}, classical: {is_classical}");
        let mut ours = client(&identity, provider());
        talk(&mut ours, &mut server(identity.certified_key(), CryptoProvider::default()));
        expect_fault(&ours, fault, &format!("{case} on a client"));

        let mut ours = server(identity.certified_key(), provider());
        talk(&mut client(&identity, CryptoProvider::default()), &mut ours);
        expect_fault(&ours, fault, &format!("{case} on a server"));
    }
}
