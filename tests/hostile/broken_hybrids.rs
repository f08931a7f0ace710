//! Hybrids of groups that return what they must not, or that fail.

use std::sync::Arc;

#[cfg(not(feature = "ml-kem"))]
use handclasp::crypto::aws_lc_rs::MLKEM768;
use handclasp::crypto::hybrid::HybridGroup;
#[cfg(feature = "ml-kem")]
use handclasp::crypto::ml_kem::MLKEM768;
use handclasp::crypto::{
    ActiveKeyExchange, CompletedKeyExchange, CryptoError, CryptoProvider, KeyExchangeError,
    KeyExchangeGroup, ProviderFault, SharedSecret,
};
use handclasp::registry::NamedGroup;
use handclasp::{ClientConnection, ServerConnection};
use handclasp_testing::Identity;
use handclasp_testing::sessions::talk;

use crate::broken_provider::{client, expect_fault, server};
use crate::failing_groups::expect_own_failure;

/// A component of a hybrid that returns this secret. Without one, it fails when the peer's share is there.
#[derive(Debug)]
struct Component {
    inner: Arc<dyn KeyExchangeGroup>,
    secret: Option<Vec<u8>>,
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
        let secret = self.secret.clone().ok_or(CryptoError)?;
        Ok(CompletedKeyExchange { share, secret: SharedSecret::new(secret) })
    }
}

struct ComponentExchange {
    inner: Box<dyn ActiveKeyExchange>,
    secret: Option<Vec<u8>>,
}

impl ActiveKeyExchange for ComponentExchange {
    fn group(&self) -> NamedGroup {
        self.inner.group()
    }

    fn share(&self) -> &[u8] {
        self.inner.share()
    }

    fn complete(self: Box<Self>, _: &[u8]) -> Result<SharedSecret, KeyExchangeError> {
        Ok(SharedSecret::new(self.secret.ok_or(CryptoError)?))
    }
}

/// The default provider with X25519MLKEM768 alone, of which one component is broken.
fn provider(is_classical: bool, secret: Option<&[u8]>) -> CryptoProvider {
    let mut provider = CryptoProvider::default();
    let x25519 = provider.group(NamedGroup::X25519).unwrap().clone();
    let kem: Arc<dyn KeyExchangeGroup> = Arc::new(MLKEM768);
    let broken = |inner: Arc<dyn KeyExchangeGroup>| -> Arc<dyn KeyExchangeGroup> {
        Arc::new(Component { inner, secret: secret.map(<[u8]>::to_vec) })
    };
    let hybrid = if is_classical {
        HybridGroup::new(broken(x25519), kem)
    } else {
        HybridGroup::new(x25519, broken(kem))
    };
    provider.groups = vec![Arc::new(hybrid.unwrap())];
    provider
}

/// A client and a server of this provider, each after its handshake with a peer of the default provider.
fn ends_with(provider: impl Fn() -> CryptoProvider) -> (ClientConnection, ServerConnection) {
    let identity = Identity::p256();
    let mut our_client = client(&identity, provider());
    talk(&mut our_client, &mut server(identity.certified_key(), CryptoProvider::default()));
    let mut our_server = server(identity.certified_key(), provider());
    talk(&mut client(&identity, CryptoProvider::default()), &mut our_server);
    (our_client, our_server)
}

/// In the secret of a hybrid, which is longer, neither zeros nor a wrong length of one component would
/// show.
#[test]
fn what_each_component_of_a_hybrid_returns_is_checked_in_both_roles() {
    let zeros_of = ProviderFault::SharedSecretOfZeros;
    let short = ProviderFault::Length { what: "shared secret", length: 31 };
    for (secret, is_classical, fault) in [
        (vec![0; 32], true, zeros_of(NamedGroup::X25519)),
        (vec![0; 32], false, zeros_of(NamedGroup::MLKEM768)),
        (vec![1; 31], true, short),
        (vec![1; 31], false, short),
    ] {
        let (client, server) = ends_with(|| provider(is_classical, Some(&secret)));
        let case = format!("{fault:?}, classical: {is_classical}");
        expect_fault(&client, fault, &format!("{case} on a client"));
        expect_fault(&server, fault, &format!("{case} on a server"));
    }
}

/// RFC 10024, section 4.2: a decapsulation that fails for another reason than the length of the ciphertext is an
/// internal_error. So is all else that fails on this side.
#[test]
fn a_component_of_a_hybrid_that_fails_here_is_not_blamed_on_the_share_of_the_peer() {
    for is_classical in [true, false] {
        let (client, server) = ends_with(|| provider(is_classical, None));
        expect_own_failure(&client, &format!("a client, classical: {is_classical}"));
        expect_own_failure(&server, &format!("a server, classical: {is_classical}"));
    }
}
