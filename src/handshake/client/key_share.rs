//! The key shares of a ClientHello (RFC 9846, section 4.3.8): which groups have one, and the key
//! exchanges that have begun with them.

use std::sync::Arc;

use smallvec::{SmallVec, smallvec};

use crate::config::ClientConfig;
use crate::crypto::{ActiveKeyExchange, CryptoError, KeyExchangeGroup, provider_fault};
use crate::error::Error;
use crate::registry::{HandshakeType, NamedGroup};
use crate::wire::KeyShareEntry;
use crate::wire::codec::join;

/// What the client sends in key_share, and keeps the private keys of. In the order of supported_groups.
/// Two need no allocation: a hybrid and its classical group.
pub(super) struct OwnKeyShares(SmallVec<[OwnKeyShare; 2]>);

struct OwnKeyShare {
    group: NamedGroup,
    /// `None` for the classical group of a hybrid that has a share, too: the hybrid's exchange contains
    /// its exchange.
    exchange: Option<Box<dyn ActiveKeyExchange>>,
}

impl OwnKeyShare {
    fn start(group: &dyn KeyExchangeGroup) -> Result<Self, Error> {
        let exchange = provider_fault::start(group)?;
        Ok(Self { group: group.name(), exchange: Some(exchange) })
    }

    /// The exchange of the classical group, if this is a hybrid.
    fn classical(&self) -> Option<&dyn ActiveKeyExchange> {
        self.exchange.as_ref()?.classical()
    }
}

impl OwnKeyShares {
    /// The shares of a first ClientHello (section 4.3.8): for the groups that the configuration names.
    /// If it names none: for the first group; if that is a hybrid, for its classical group; and for the
    /// group that the server took last, if that is known.
    pub(super) fn begin(
        config: &ClientConfig,
        taken_before: Option<NamedGroup>,
    ) -> Result<Self, Error> {
        let mut shares = Self(SmallVec::new());
        match &config.key_shares {
            Some(named) => {
                for group in config.offered_groups() {
                    if named.contains(&group.name()) {
                        shares.add(group)?;
                    }
                }
            }
            None => {
                shares.add_default(config)?;
                let taken = taken_before.and_then(|name| config.offered_group(name));
                if let Some(group) = taken {
                    shares.add(group)?;
                    shares.sort_as_offered(config);
                }
            }
        }
        Ok(shares)
    }

    /// The share of a second ClientHello, for the group that the HelloRetryRequest asked for (section
    /// 4.3.8).
    pub(super) fn only(group: &dyn KeyExchangeGroup) -> Result<Self, Error> {
        Ok(Self(smallvec![OwnKeyShare::start(group)?]))
    }

    fn add_default(&mut self, config: &ClientConfig) -> Result<(), Error> {
        let Some(first) = config.offered_groups().next() else { return Ok(()) };
        self.add(first)?;
        let classical = self.0.iter().find_map(OwnKeyShare::classical);
        let classical_group = classical.and_then(|exchange| config.offered_group(exchange.group()));
        match classical_group {
            Some(group) => self.add(group),
            None => Ok(()),
        }
    }

    /// Adds a share for this group, unless there is one (section 4.3.8). A hybrid's exchange that is here
    /// already has the share of its classical group.
    fn add(&mut self, group: &Arc<dyn KeyExchangeGroup>) -> Result<(), Error> {
        let name = group.name();
        if self.contains(name) {
            return Ok(());
        }
        let share = if self.exchange(name).is_some() {
            OwnKeyShare { group: name, exchange: None }
        } else {
            OwnKeyShare::start(&**group)?
        };
        self.0.push(share);
        Ok(())
    }

    /// Shares are in the order of supported_groups (section 4.3.8). Each is for a group of it.
    fn sort_as_offered(&mut self, config: &ClientConfig) {
        let mut unsorted = core::mem::take(&mut self.0);
        for group in config.offered_groups() {
            let place = unsorted.iter().position(|share| share.group == group.name());
            if let Some(place) = place {
                self.0.push(unsorted.swap_remove(place));
            }
        }
    }

    /// Was a share for this group sent?
    pub(super) fn contains(&self, group: NamedGroup) -> bool {
        self.0.iter().any(|share| share.group == group)
    }

    /// The shares in the order of the message.
    pub(super) fn entries(&self) -> impl Iterator<Item = KeyShareEntry<'_>> {
        self.0.iter().filter_map(|share| {
            let exchange = self.exchange(share.group)?;
            Some(KeyShareEntry { group: share.group, key_exchange: exchange.share() })
        })
    }

    /// The sum of the lengths of all shares, in bytes.
    pub(super) fn length(&self) -> usize {
        self.entries().map(|entry| entry.key_exchange.len()).sum()
    }

    /// The exchange of this group. It may be the classical part of a hybrid's.
    fn exchange(&self, group: NamedGroup) -> Option<&dyn ActiveKeyExchange> {
        for share in &self.0 {
            if let (Some(exchange), true) = (&share.exchange, share.group == group) {
                return Some(&**exchange);
            }
            if let Some(classical) = share.classical() {
                if classical.group() == group {
                    return Some(classical);
                }
            }
        }
        None
    }

    /// The exchange of the group that the server took. A group without a share is an
    /// `illegal_parameter` (section 4.3.8).
    pub(super) fn take(self, group: NamedGroup) -> Result<Box<dyn ActiveKeyExchange>, Error> {
        if !self.contains(group) {
            let sent = join(self.0.iter().map(|share| share.group));
            let reason = format!("{group} was chosen, the shares were for {sent}");
            return Err(Error::illegal(HandshakeType::SERVER_HELLO, "key_share", reason));
        }
        for exchange in self.0.into_iter().filter_map(|share| share.exchange) {
            if exchange.group() == group {
                return Ok(exchange);
            }
            let is_classical = |part: &dyn ActiveKeyExchange| part.group() == group;
            if exchange.classical().is_some_and(is_classical) {
                return exchange.into_classical().ok_or(CryptoError.into());
            }
        }
        Err(CryptoError.into())
    }
}
