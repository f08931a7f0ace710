//! An authority, and the certificates that it has issued, made for one run.

use std::sync::Arc;

use handclasp::pki_types::PrivateKeyDer;
use handclasp::{CertifiedKey, TrustAnchors};

use super::NAME;
use crate::failure::Failure;

/// Who takes part in the demonstration.
pub struct Identities {
    pub anchors: TrustAnchors,
    pub server: Arc<CertifiedKey>,
    pub client: Arc<CertifiedKey>,
}

impl Identities {
    pub fn new() -> Result<Self, Failure> {
        let mut params = rcgen::CertificateParams::default();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let name = "An authority for this demonstration";
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        let key = rcgen::KeyPair::generate().map_err(failed)?;
        let authority = rcgen::CertifiedIssuer::self_signed(params, key).map_err(failed)?;
        let mut anchors = TrustAnchors::new();
        let added = anchors.add(authority.der().clone());
        added.map_err(|error| Failure::failed(error.to_string()))?;
        Ok(Self {
            anchors,
            server: issue(&authority, NAME)?,
            client: issue(&authority, "client.example")?,
        })
    }
}

/// A certificate for this name.
fn issue(
    authority: &rcgen::CertifiedIssuer<'_, rcgen::KeyPair>,
    name: &str,
) -> Result<Arc<CertifiedKey>, Failure> {
    let mut params = rcgen::CertificateParams::new(vec![name.into()]).map_err(failed)?;
    params.distinguished_name.push(rcgen::DnType::CommonName, name);
    let key = rcgen::KeyPair::generate().map_err(failed)?;
    let certificate = params.signed_by(&key, authority).map_err(failed)?;
    let der = PrivateKeyDer::try_from(key.serialize_der());
    let der = der.map_err(|error| Failure::failed(error.to_owned()))?;
    let key = CertifiedKey::from_der(vec![certificate.der().clone()], &der);
    Ok(Arc::new(key.map_err(|error| Failure::failed(error.to_string()))?))
}

fn failed(error: rcgen::Error) -> Failure {
    Failure::failed(format!("making a certificate: {error}"))
}
