//! Key exchange groups that fail on this side: the error and the alert do not blame the share of the
//! peer.

use std::sync::Arc;

use handclasp::alert::AlertDescription;
use handclasp::crypto::{
    ActiveKeyExchange, CryptoError, CryptoProvider, KeyExchangeError, KeyExchangeGroup,
    SharedSecret,
};
use handclasp::registry::NamedGroup;
use handclasp::{Connection, ErrorKind};
use handclasp_testing::Identity;
use handclasp_testing::sessions::talk;

use crate::broken_provider::{client, server};

/// A group that fails here, and does so the first time or when the peer's share is there.
#[derive(Debug)]
struct FailingGroup {
    starts: bool,
}

impl KeyExchangeGroup for FailingGroup {
    fn name(&self) -> NamedGroup {
        NamedGroup::X25519
    }

    fn start(&self) -> Result<Box<dyn ActiveKeyExchange>, CryptoError> {
        if !self.starts {
            return Err(CryptoError);
        }
        let inner = CryptoProvider::default().group(NamedGroup::X25519).unwrap().start()?;
        Ok(Box::new(FailingExchange(inner)))
    }
}

struct FailingExchange(Box<dyn ActiveKeyExchange>);

impl ActiveKeyExchange for FailingExchange {
    fn group(&self) -> NamedGroup {
        self.0.group()
    }

    fn share(&self) -> &[u8] {
        self.0.share()
    }

    fn complete(self: Box<Self>, _: &[u8]) -> Result<SharedSecret, KeyExchangeError> {
        Err(CryptoError.into())
    }
}

/// Ends because the key exchange failed on this side.
pub fn expect_own_failure(end: &Connection, case: &str) {
    let error = end.check().expect_err(case);
    assert!(matches!(error.kind(), ErrorKind::Crypto(_)), "{case}: {error}");
    assert_eq!(error.alert_sent(), Some(AlertDescription::INTERNAL_ERROR), "{case}");
}

/// RFC 9846, section 6.2: internal_error is for what the peer has no part in.
#[test]
fn a_key_exchange_that_fails_here_is_not_blamed_on_the_share_of_the_peer() {
    let identity = Identity::p256();
    let failing = |starts| {
        let mut provider = CryptoProvider::default();
        provider.groups = vec![Arc::new(FailingGroup { starts })];
        provider
    };
    for starts in [false, true] {
        let mut ours = server(identity.certified_key(), failing(starts));
        talk(&mut client(&identity, CryptoProvider::default()), &mut ours);
        expect_own_failure(&ours, &format!("a server, starts: {starts}"));
    }
    let mut ours = client(&identity, failing(true));
    talk(&mut ours, &mut server(identity.certified_key(), CryptoProvider::default()));
    expect_own_failure(&ours, "a client");
}
