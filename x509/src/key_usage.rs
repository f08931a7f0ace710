//! The key usage extension (RFC 5280, section 4.2.1.3).

use super::der;

/// The uses of a key, as named bits: bit n of the RFC is bit n here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct KeyUsage(u16);

/// The names of the bits, in their order.
const NAMES: [&str; 9] = [
    "digitalSignature",
    "nonRepudiation",
    "keyEncipherment",
    "dataEncipherment",
    "keyAgreement",
    "keyCertSign",
    "cRLSign",
    "encipherOnly",
    "decipherOnly",
];

const DIGITAL_SIGNATURE: u16 = 1;
const KEY_CERT_SIGN: u16 = 1 << 5;
const CRL_SIGN: u16 = 1 << 6;
/// The uses of a key that signs: digitalSignature, nonRepudiation, keyCertSign and cRLSign.
const SIGNING: u16 = DIGITAL_SIGNATURE | 1 << 1 | KEY_CERT_SIGN | CRL_SIGN;

impl KeyUsage {
    /// From the DER of the extension's value.
    pub(super) fn read(value: &[u8]) -> Option<Self> {
        der::only(value, der::BIT_STRING).and_then(der::named_bits).map(Self)
    }

    /// Whether the key may sign anything but certificates and CRLs.
    pub(super) fn digital_signature(self) -> bool {
        self.0 & DIGITAL_SIGNATURE != 0
    }

    /// Whether the key may sign certificates.
    pub(super) fn key_cert_sign(self) -> bool {
        self.0 & KEY_CERT_SIGN != 0
    }

    /// Whether the key may sign CRLs.
    pub(super) fn crl_sign(self) -> bool {
        self.0 & CRL_SIGN != 0
    }

    /// Whether there is a use, and all of them are for signatures.
    pub(super) fn is_only_for_signatures(self) -> bool {
        self.0 != 0 && self.0 & !SIGNING == 0
    }

    /// Whether all usages of the other are among these.
    pub(super) fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// The names of the bits that are set.
    pub(super) fn names(self) -> Vec<&'static str> {
        let mut names = Vec::new();
        for (bit, name) in NAMES.iter().enumerate() {
            if self.0 & (1 << bit) != 0 {
                names.push(*name);
            }
        }
        names
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bits_have_the_names_of_the_rfc() {
        let usage = KeyUsage::read(&[3, 2, 1, 0x86]).unwrap();
        assert_eq!(usage.names(), ["digitalSignature", "keyCertSign", "cRLSign"]);
        assert!(usage.digital_signature() && usage.key_cert_sign() && usage.crl_sign());
        let last = KeyUsage::read(&[3, 3, 7, 0x00, 0x80]).unwrap();
        assert_eq!(last.names(), ["decipherOnly"]);
        assert!(!last.digital_signature() && !last.key_cert_sign() && !last.crl_sign());
        assert!(!usage.contains(last) && usage.contains(KeyUsage::read(&[3, 2, 7, 0x80]).unwrap()));
        assert_eq!(KeyUsage::read(&[4, 2, 7, 0x80]), None);
    }

    /// RFC 9881, section 5.
    #[test]
    fn four_of_the_nine_uses_are_for_signatures() {
        const FOR_SIGNATURES: [&str; 4] =
            ["digitalSignature", "nonRepudiation", "keyCertSign", "cRLSign"];
        for (bit, name) in NAMES.iter().enumerate() {
            let alone = KeyUsage(1 << bit);
            let beside_another = KeyUsage(DIGITAL_SIGNATURE | 1 << bit);
            for usage in [alone, beside_another] {
                assert_eq!(usage.is_only_for_signatures(), FOR_SIGNATURES.contains(name), "{name}");
            }
        }
        assert!(!KeyUsage(0).is_only_for_signatures(), "at least one is there");
    }
}
