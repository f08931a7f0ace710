//! How many clients of one address may be in their handshake.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

type Counts = Arc<Mutex<HashMap<IpAddr, usize>>>;

/// Counts the handshakes of each address.
pub(crate) struct AddressLimit {
    limit: usize,
    counts: Counts,
}

impl AddressLimit {
    pub(crate) fn new(limit: usize) -> Self {
        Self { limit, counts: Counts::default() }
    }

    /// A place for a client of this address. `None` if it has no more.
    pub(crate) fn take_place(&self, address: IpAddr) -> Option<AddressPlace> {
        let network = network_of(address);
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(network).or_insert(0);
        // An address without a handshake has no entry, and the limit is not 0.
        if *count >= self.limit {
            return None;
        }
        *count += 1;
        Some(AddressPlace { network, counts: Arc::clone(&self.counts) })
    }
}

/// The place of a handshake, until it is dropped.
pub(crate) struct AddressPlace {
    network: IpAddr,
    counts: Counts,
}

impl Drop for AddressPlace {
    fn drop(&mut self) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(count) = counts.get_mut(&self.network) else { return };
        *count -= 1;
        if *count == 0 {
            counts.remove(&self.network);
        }
    }
}

/// An IPv4 address, or the first 64 bits of an IPv6 address: a client usually has all addresses that begin so.
fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            let network = address.to_bits() & !u128::from(u64::MAX);
            IpAddr::V6(Ipv6Addr::from_bits(network))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_places_of_an_address_come_back_when_they_are_dropped() {
        let limit = AddressLimit::new(2);
        let take = |address: &str| limit.take_place(address.parse().unwrap());
        let first = take("192.0.2.1").unwrap();
        // The same address.
        let _second = take("::ffff:192.0.2.1").unwrap();
        assert!(take("192.0.2.1").is_none());
        let other = take("192.0.2.2").unwrap();
        drop(first);
        assert!(take("192.0.2.1").is_some());
        drop(other);
        assert_eq!(
            limit.counts.lock().unwrap().len(),
            1,
            "only addresses with handshakes are kept"
        );
    }

    #[test]
    fn a_network_of_64_bits_counts_as_one_address() {
        let limit = AddressLimit::new(1);
        let take = |address: &str| limit.take_place(address.parse().unwrap());
        let _place = take("2001:db8:0:1::1").unwrap();
        assert!(take("2001:db8:0:1:ffff::2").is_none());
        assert!(take("2001:db8:0:2::1").is_some());
    }
}
