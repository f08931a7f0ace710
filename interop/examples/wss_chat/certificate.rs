//! A certificate for this machine's own names, and an authority that cannot be used again.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use data_encoding::BASE64;
use handclasp::pki_types::PrivateKeyDer;
use handclasp::{CertifiedKey, CryptoProvider};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, CidrSubnet, DnType,
    ExtendedKeyUsagePurpose, GeneralSubtree, IsCa, KeyPair, KeyUsagePurpose, NameConstraints,
    PublicKeyData,
};

use crate::Failure;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// What was made at the start.
pub struct Fresh {
    pub key: Arc<CertifiedKey>,
    /// The authority's certificate, to import.
    pub authority_pem: String,
    /// The SHA-256 hash of the server's SubjectPublicKeyInfo in base64, as Chromium takes it.
    pub spki_hash: String,
}

impl Fresh {
    pub fn new() -> Result<Self, Failure> {
        let authority = authority()?;
        let names = ["localhost", "127.0.0.1", "::1"].map(String::from);
        let mut params = CertificateParams::new(names)?;
        set_validity(&mut params);
        params.distinguished_name.push(DnType::CommonName, "wss_chat");
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        let pair = KeyPair::generate()?;
        let certificate = params.signed_by(&pair, &authority)?;

        let sha256 = CryptoProvider::default().sha256;
        let spki_hash = BASE64.encode(&sha256.digest(&pair.subject_public_key_info()));
        let key = PrivateKeyDer::try_from(pair.serialize_der())?;
        let key = CertifiedKey::from_der(vec![certificate.der().clone()], &key)?;
        // The authority's key is dropped here: to trust the authority is to trust this certificate only.
        Ok(Self { key: Arc::new(key), authority_pem: authority.pem(), spki_hash })
    }
}

fn authority() -> Result<CertifiedIssuer<'static, KeyPair>, Failure> {
    let mut params = CertificateParams::default();
    set_validity(&mut params);
    params.distinguished_name.push(DnType::CommonName, "wss_chat authority of one run");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    let v4 = CidrSubnet::from_addr_prefix(Ipv4Addr::LOCALHOST.into(), 32);
    let v6 = CidrSubnet::from_addr_prefix(Ipv6Addr::LOCALHOST.into(), 128);
    params.name_constraints = Some(NameConstraints {
        permitted_subtrees: vec![
            GeneralSubtree::DnsName("localhost".into()),
            GeneralSubtree::IpAddress(v4),
            GeneralSubtree::IpAddress(v6),
        ],
        excluded_subtrees: Vec::new(),
    });
    Ok(CertifiedIssuer::self_signed(params, KeyPair::generate()?)?)
}

fn set_validity(params: &mut CertificateParams) {
    // A day back, for clocks that are behind.
    params.not_before = (SystemTime::now() - DAY).into();
    params.not_after = (SystemTime::now() + 30 * DAY).into();
}
