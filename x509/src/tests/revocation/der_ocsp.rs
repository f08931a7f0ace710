//! OCSP responses, made by hand and signed with the keys of the chain.

use rcgen::SigningKey;

use super::der_crl::ECDSA_SHA256;
use super::*;

pub(in super::super) const SHA1: &[u8] = &[0x06, 5, 0x2b, 14, 3, 2, 26, 5, 0];
pub(in super::super) const SHA256: &[u8] = &[0x06, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1];
pub(in super::super) const GOOD: &[u8] = &[0x80, 0];
pub(in super::super) const UNKNOWN: &[u8] = &[0x82, 0];
pub(in super::super) const BASIC: &[u8] = &[0x06, 9, 0x2b, 6, 1, 5, 5, 7, 0x30, 1, 1];
pub(in super::super) const THIS_UPDATE: i64 = NOW as i64 - 3600;
pub(in super::super) const NEXT_UPDATE: i64 = NOW as i64 + 3600;

pub(in super::super) fn time(seconds: i64) -> Vec<u8> {
    let time = time_text(seconds);
    der::wrap(0x18, time.as_bytes())
}

pub(in super::super) fn time_text(seconds: i64) -> String {
    let digits = Timestamp(seconds).to_string().replace(" UTC", "Z");
    digits.chars().filter(|it| it.is_ascii_digit() || *it == 'Z').collect()
}

pub(in super::super) fn revoked_at(reason: Option<u8>) -> Vec<u8> {
    let mut contents = der::wrap(0x18, b"20260701000000Z");
    if let Some(reason) = reason {
        contents.extend(der::wrap(der::constructed(0), &[der::ENUMERATED, 1, reason]));
    }
    der::wrap(der::constructed(1), &contents)
}

/// A SingleResponse, each field whole.
#[derive(Clone)]
pub(in super::super) struct Single {
    pub(in super::super) hash: &'static [u8],
    pub(in super::super) name_hash: Vec<u8>,
    pub(in super::super) key_hash: Vec<u8>,
    pub(in super::super) serial: Vec<u8>,
    pub(in super::super) status: Vec<u8>,
    pub(in super::super) this_update: Vec<u8>,
    pub(in super::super) next_update: Option<Vec<u8>>,
    pub(in super::super) extensions: Vec<Vec<u8>>,
}

impl Single {
    pub(in super::super) fn new(issuer: &Authority, status: &[u8]) -> Self {
        let issuer = certificate::Certificate::decode(issuer.der()).unwrap();
        Self {
            hash: SHA1,
            name_hash: algorithms::sha1(&der::wrap(der::SEQUENCE, &issuer.subject)).to_vec(),
            key_hash: algorithms::sha1(issuer.key.bytes).to_vec(),
            serial: vec![LEAF_SERIAL],
            status: status.to_vec(),
            this_update: time(THIS_UPDATE),
            next_update: Some(time(NEXT_UPDATE)),
            extensions: Vec::new(),
        }
    }

    pub(in super::super) fn encode(&self) -> Vec<u8> {
        let id = [
            der::wrap(der::SEQUENCE, self.hash),
            der::wrap(der::OCTET_STRING, &self.name_hash),
            der::wrap(der::OCTET_STRING, &self.key_hash),
            der::wrap(der::INTEGER, &self.serial),
        ];
        let mut out = der::wrap(der::SEQUENCE, &id.concat());
        out.extend([&self.status[..], &self.this_update].concat());
        if let Some(next_update) = &self.next_update {
            out.extend(der::wrap(der::constructed(0), next_update));
        }
        out.extend(extensions(&self.extensions));
        der::wrap(der::SEQUENCE, &out)
    }
}

pub(in super::super) fn extensions(list: &[Vec<u8>]) -> Vec<u8> {
    if list.is_empty() {
        return Vec::new();
    }
    der::wrap(der::constructed(1), &der::wrap(der::SEQUENCE, &list.concat()))
}

pub(in super::super) fn by_name(authority: &CertificateDer<'_>) -> Vec<u8> {
    let decoded = certificate::Certificate::decode(authority).unwrap();
    der::wrap(der::constructed(1), &der::wrap(der::SEQUENCE, &decoded.subject))
}

pub(in super::super) fn by_key(authority: &CertificateDer<'_>) -> Vec<u8> {
    let decoded = certificate::Certificate::decode(authority).unwrap();
    let hash = algorithms::sha1(decoded.key.bytes);
    der::wrap(der::constructed(2), &der::wrap(der::OCTET_STRING, &hash))
}

/// An OCSPResponse, each field whole.
#[derive(Clone)]
pub(in super::super) struct Response {
    pub(in super::super) status: Vec<u8>,
    pub(in super::super) kind: &'static [u8],
    pub(in super::super) version: Vec<u8>,
    pub(in super::super) responder: Vec<u8>,
    pub(in super::super) produced_at: Vec<u8>,
    pub(in super::super) singles: Vec<Single>,
    pub(in super::super) extensions: Vec<Vec<u8>>,
    pub(in super::super) certificates: Vec<Vec<u8>>,
    /// Anything after the other fields: of ResponseData, of the BasicOCSPResponse, of the OCSPResponse.
    pub(in super::super) ends: [Vec<u8>; 3],
}

impl Response {
    pub(in super::super) fn new(responder: Vec<u8>, singles: Vec<Single>) -> Self {
        Self {
            status: vec![der::ENUMERATED, 1, 0],
            kind: BASIC,
            version: Vec::new(),
            responder,
            produced_at: time(THIS_UPDATE),
            singles,
            extensions: Vec::new(),
            certificates: Vec::new(),
            ends: [const { Vec::new() }; 3],
        }
    }

    pub(in super::super) fn sign(&self, key: &impl SigningKey) -> Vec<u8> {
        self.sign_with(ECDSA_SHA256, |data| key.sign(data).unwrap())
    }

    /// With the algorithm that has these contents.
    pub(in super::super) fn sign_with(
        &self,
        algorithm: &[u8],
        sign: impl FnOnce(&[u8]) -> Vec<u8>,
    ) -> Vec<u8> {
        let singles: Vec<u8> = self.singles.iter().flat_map(Single::encode).collect();
        let data = [
            &self.version[..],
            &self.responder,
            &self.produced_at,
            &der::wrap(der::SEQUENCE, &singles),
            &extensions(&self.extensions),
            &self.ends[0],
        ];
        let data = der::wrap(der::SEQUENCE, &data.concat());
        let signature = [&[0][..], &sign(&data)].concat();
        let mut basic = data;
        basic.extend(der::wrap(der::SEQUENCE, algorithm));
        basic.extend(der::wrap(der::BIT_STRING, &signature));
        if !self.certificates.is_empty() {
            let list = der::wrap(der::SEQUENCE, &self.certificates.concat());
            basic.extend(der::wrap(der::constructed(0), &list));
        }
        basic.extend(&self.ends[1]);
        let basic = der::wrap(der::OCTET_STRING, &der::wrap(der::SEQUENCE, &basic));
        let bytes = der::wrap(der::SEQUENCE, &[self.kind, &basic].concat());
        let bytes = der::wrap(der::constructed(0), &bytes);
        der::wrap(der::SEQUENCE, &[&self.status[..], &bytes, &self.ends[2]].concat())
    }
}

impl Chain {
    /// The issuer's own answer about the leaf.
    pub(in super::super) fn response(&self, status: &[u8]) -> Response {
        let single = Single::new(&self.intermediate, status);
        Response::new(by_name(self.intermediate.der()), vec![single])
    }

    pub(in super::super) fn stapled(&self, response: Vec<u8>) -> Check {
        let mut check = self.check(Vec::new());
        check.staple = Some(Some(response));
        check.policy =
            RevocationPolicy { mode: RevocationMode::Require, scope: RevocationScope::EndEntity };
        check
    }

    /// The result on the leaf with this response, signed by its issuer.
    pub(in super::super) fn result_of(&self, response: &Response) -> Result<(), CertificateError> {
        self.stapled(response.sign(self.intermediate.key())).run().map(drop)
    }

    /// A certificate for a responder by this issuer.
    pub(in super::super) fn responder(
        &self,
        change: impl FnOnce(&mut CertificateParams),
    ) -> (KeyPair, Vec<u8>) {
        let mut params = params("responder");
        params.serial_number = Some(SerialNumber::from(vec![0x52]));
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::OcspSigning];
        change(&mut params);
        let key = key();
        let certificate = params.signed_by(&key, &self.intermediate).unwrap();
        (key, certificate.der().to_vec())
    }

    /// The result on the leaf when this responder answers that it is good.
    pub(in super::super) fn delegated(
        &self,
        (key, der): &(KeyPair, Vec<u8>),
    ) -> Result<(), CertificateError> {
        let mut response = self.response(GOOD);
        let certificate = CertificateDer::from(der.clone());
        response.certificates.push(der.clone());
        for responder in [by_name(&certificate), by_key(&certificate)] {
            response.responder = responder;
            self.stapled(response.sign(key)).run()?;
        }
        Ok(())
    }
}
