//! Authorities, and the parameters of what they issue.

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer,
    DistinguishedName, DnType, IsCa, KeyIdMethod, KeyPair, RevokedCertParams, SerialNumber,
    date_time_ymd,
};

use crate::process::Folder;

pub type Authority = CertifiedIssuer<'static, KeyPair>;

/// A certificate with this common name as its subject.
pub fn params(subject: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, subject);
    params
}

/// An authority with this common name.
pub fn authority_params(subject: &str) -> CertificateParams {
    let mut params = params(subject);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
}

/// A self-signed authority with this common name.
pub fn root(subject: &str) -> Authority {
    Authority::self_signed(authority_params(subject), KeyPair::generate().unwrap()).unwrap()
}

/// A self-signed authority with this common name and a key of this algorithm.
pub fn root_with(subject: &str, algorithm: &'static rcgen::SignatureAlgorithm) -> Authority {
    let key = KeyPair::generate_for(algorithm).unwrap();
    Authority::self_signed(authority_params(subject), key).unwrap()
}

/// A CRL that revokes these serial numbers, and is current from 2024 to 2100.
pub fn crl_params<T: Into<SerialNumber>>(
    revoked: impl IntoIterator<Item = T>,
) -> CertificateRevocationListParams {
    let entry = |serial: T| RevokedCertParams {
        serial_number: serial.into(),
        revocation_time: date_time_ymd(2024, 1, 1),
        reason_code: None,
        invalidity_date: None,
    };
    CertificateRevocationListParams {
        this_update: date_time_ymd(2024, 1, 1),
        next_update: date_time_ymd(2100, 1, 1),
        crl_number: SerialNumber::from(1),
        issuing_distribution_point: None,
        revoked_certs: revoked.into_iter().map(entry).collect(),
        key_identifier_method: KeyIdMethod::Sha256,
    }
}

/// What OpenSSL's responder says of a certificate (PEM) with this serial number (two hexadecimal digits), for an
/// hour: it is good.
pub fn ocsp_response(authority: &Authority, certificate: &str, serial: &str) -> Vec<u8> {
    let folder = Folder::new();
    let issuer = folder.file("ca.pem", authority.pem());
    let key = folder.file("ca.key", authority.key().serialize_pem());
    let certificate = folder.file("leaf.pem", certificate);
    let index = folder.file("index", format!("V\t350101000000Z\t\t{serial}\tunknown\t/CN=a\n"));
    let response = folder.path("response");
    let output = std::process::Command::new("openssl")
        .args(["ocsp", "-index", &index, "-CA", &issuer, "-rsigner", &issuer, "-rkey", &key])
        .args(["-issuer", &issuer, "-cert", &certificate, "-nmin", "60"])
        .args(["-respout", &response, "-noverify"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    std::fs::read(response).unwrap()
}
