//! A gauge of the end of certificates.

use ::metrics::{Unit, describe_gauge, gauge};

use crate::credential::CertifiedKey;

/// The name of the gauge of the time at which a chain expires.
const NOT_AFTER: &str = "handclasp_certificate_not_after_timestamp_seconds";

/// Sets the gauge `handclasp_certificate_not_after_timestamp_seconds` to the time at which this chain expires,
/// in seconds since 1970: with the certificate in it that expires first. `certificate` is the value of its
/// label: a name that the program has for the chain.
///
/// Call it when a chain is loaded, and again for the next one under the same name. An alert compares the gauge
/// with the clock, so the gauge need not be set each day. A raw public key does not expire: it sets nothing.
pub fn record_certificate(certificate: &str, key: &CertifiedKey) {
    let Some(validity) = key.validity() else { return };
    let gauge = gauge!(NOT_AFTER, "certificate" => certificate.to_owned());
    #[allow(
        clippy::cast_precision_loss,
        reason = "a double is exact for all times of certificates"
    )]
    gauge.set(validity.not_after.0 as f64);
}

pub(super) fn describe() {
    describe_gauge!(NOT_AFTER, Unit::Seconds, "When a certificate chain of this side expires");
}
