//! The key shares of a ClientHello (RFC 9846, section 4.3.8): which groups have one, and the key
//! exchanges that have begun with them.

use std::sync::Arc;

use crate::config::ClientConfig;
use crate::crypto::{ActiveKeyExchange, CryptoError, KeyExchangeGroup, provider_fault};
use crate::error::Error;
use crate::registry::{HandshakeType, NamedGroup};
use crate::wire::KeyShareEntry;
use crate::wire::codec::join;

/// What the client sends in key_share, and keeps the private keys of.
pub(super) struct OwnKeyShares {
    /// The groups that have a share, in the order of supported_groups.
    groups: Vec<NamedGroup>,
    /// The exchange of a hybrid group is here once, also where its classical group has a share, too.
    exchanges: Vec<Box<dyn ActiveKeyExchange>>,
}

impl OwnKeyShares {
    /// The shares of a first ClientHello (section 4.3.8): for the groups that the configuration names.
    /// If it names none: for the first group; if that is a hybrid, for its classical group; and for the
    /// group that the server took last, if that is known.
    pub(super) fn begin(
        config: &ClientConfig,
        taken_before: Option<NamedGroup>,
    ) -> Result<Self, Error> {
        let mut shares = Self { groups: Vec::new(), exchanges: Vec::new() };
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
        let exchange = provider_fault::start(group)?;
        Ok(Self { groups: vec![group.name()], exchanges: vec![exchange] })
    }

    fn add_default(&mut self, config: &ClientConfig) -> Result<(), Error> {
        let Some(first) = config.offered_groups().next() else { return Ok(()) };
        let exchange = provider_fault::start(&**first)?;
        self.groups.push(first.name());
        if let Some(classical) = exchange.classical() {
            if config.offered_group(classical.group()).is_some() {
                self.groups.push(classical.group());
            }
        }
        self.exchanges.push(exchange);
        Ok(())
    }

    /// Adds a share for this group, unless there is one (section 4.3.8). A hybrid's exchange that is here
    /// already has the share of its classical group.
    fn add(&mut self, group: &Arc<dyn KeyExchangeGroup>) -> Result<(), Error> {
        let name = group.name();
        if self.contains(name) {
            return Ok(());
        }
        if self.exchange(name).is_none() {
            self.exchanges.push(provider_fault::start(&**group)?);
        }
        self.groups.push(name);
        Ok(())
    }

    /// Shares are in the order of supported_groups (section 4.3.8).
    fn sort_as_offered(&mut self, config: &ClientConfig) {
        let offered = config.offered_groups().map(|group| group.name());
        self.groups = offered.filter(|name| self.groups.contains(name)).collect();
    }

    /// Was a share for this group sent?
    pub(super) fn contains(&self, group: NamedGroup) -> bool {
        self.groups.contains(&group)
    }

    /// The shares in the order of the message.
    pub(super) fn entries(&self) -> impl Iterator<Item = KeyShareEntry<'_>> {
        self.groups.iter().filter_map(|group| {
            let exchange = self.exchange(*group)?;
            Some(KeyShareEntry { group: *group, key_exchange: exchange.share() })
        })
    }

    /// The sum of the lengths of all shares, in bytes.
    pub(super) fn length(&self) -> usize {
        self.entries().map(|entry| entry.key_exchange.len()).sum()
    }

    /// The exchange of this group. It may be the classical part of a hybrid's.
    fn exchange(&self, group: NamedGroup) -> Option<&dyn ActiveKeyExchange> {
        for exchange in &self.exchanges {
            if exchange.group() == group {
                return Some(&**exchange);
            }
            if let Some(classical) = exchange.classical() {
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
            let sent = join(self.groups.iter());
            let reason = format!("{group} was chosen, the shares were for {sent}");
            return Err(Error::illegal(HandshakeType::SERVER_HELLO, "key_share", reason));
        }
        for exchange in self.exchanges {
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
