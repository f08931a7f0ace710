//! Revoked certificates, and evidence that does not count.

mod crl;
pub(super) mod der_crl;
pub(super) mod der_ocsp;
mod holds;
mod ocsp;
mod openssl;
mod responders;
mod signers;
mod trusted;

use rcgen::{
    CertificateRevocationListParams, CrlDistributionPoint, Issuer, KeyIdMethod, RevokedCertParams,
    SerialNumber, SigningKey,
};

use super::*;

const LEAF_SERIAL: u8 = 0x4c;
const CA_SERIAL: u8 = 0x43;

/// A leaf under an intermediate under a root, each with its serial number.
pub(super) struct Chain {
    root: Authority,
    pub(super) intermediate: Authority,
    leaf: CertificateDer<'static>,
}

impl Chain {
    pub(super) fn new() -> Self {
        Self::with(|_| {})
    }

    /// With a changed leaf.
    fn with(change: impl FnOnce(&mut CertificateParams)) -> Self {
        let root = root("root");
        let mut params = authority_params("ca");
        params.serial_number = Some(SerialNumber::from(vec![CA_SERIAL]));
        let intermediate = Authority::signed_by(params, key(), &root).unwrap();
        let mut params = leaf_params();
        params.serial_number = Some(SerialNumber::from(vec![LEAF_SERIAL]));
        change(&mut params);
        let leaf = issue(&params, &intermediate);
        Self { root, intermediate, leaf }
    }

    fn check(&self, crls: Vec<CertificateRevocationList>) -> Check {
        let mut check = Check::new(&self.leaf, &[self.intermediate.der()], &[self.root.der()]);
        check.crls = crls;
        check
    }

    fn result(&self, crls: Vec<CertificateRevocationList>) -> Result<(), CertificateError> {
        self.check(crls).run().map(drop)
    }
}

/// A CRL of July 2026 that revokes these serial numbers.
fn crl_params(serials: &[u8]) -> CertificateRevocationListParams {
    let revoked = |serial: &u8| RevokedCertParams {
        serial_number: SerialNumber::from(vec![*serial]),
        revocation_time: date_time_ymd(2026, 7, 1),
        reason_code: Some(rcgen::RevocationReason::KeyCompromise),
        invalidity_date: None,
    };
    CertificateRevocationListParams {
        this_update: date_time_ymd(2026, 7, 15),
        next_update: date_time_ymd(2026, 8, 15),
        crl_number: SerialNumber::from(1),
        issuing_distribution_point: None,
        revoked_certs: serials.iter().map(revoked).collect(),
        key_identifier_method: KeyIdMethod::Sha256,
    }
}

fn signed(
    params: &CertificateRevocationListParams,
    by: &Issuer<'_, impl SigningKey>,
) -> CertificateRevocationList {
    CertificateRevocationList::from_der(params.signed_by(by).unwrap().der()).unwrap()
}

pub(super) fn crl(serials: &[u8], by: &Issuer<'_, impl SigningKey>) -> CertificateRevocationList {
    signed(&crl_params(serials), by)
}

fn revoked(certificate: &str, serial: &str) -> CertificateError {
    error(
        certificate,
        CertificateErrorKind::Revoked {
            serial: serial.to_owned(),
            date: Timestamp(1_782_864_000),
            reason: RevocationReason::KEY_COMPROMISE,
            evidence: RevocationEvidence::Crl,
        },
    )
}

fn revoked_without_reason(certificate: &str, serial: &str) -> CertificateError {
    let mut error = revoked(certificate, serial);
    if let CertificateErrorKind::Revoked { reason, .. } = &mut error.kind {
        *reason = RevocationReason::UNSPECIFIED;
    }
    error
}

fn unusable(certificate: &str, why: RevocationEvidenceError) -> Result<(), CertificateError> {
    Err(error(certificate, CertificateErrorKind::UnusableRevocationEvidence(why)))
}

fn nothing_about(certificate: &str, issuer: &str) -> Result<(), CertificateError> {
    let missing = UnknownRevocationStatus::NoEvidence(issuer.to_owned());
    Err(error(certificate, CertificateErrorKind::UnknownRevocationStatus(missing)))
}

fn at(uris: &[&str]) -> CrlDistributionPoint {
    CrlDistributionPoint { uris: uris.iter().map(|uri| (*uri).to_owned()).collect() }
}
