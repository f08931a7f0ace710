//! The shim's own certificates and keys, and which of them is used.

use std::sync::Arc;

use handclasp::Reply;
use handclasp::certificate::issued_by_any;
use handclasp::config::ConfigError;
use handclasp::credential::{
    CertificateResolver, CertifiedKey, ClientCertificateResolver, KeySource, NoCertificate,
};
use handclasp::crypto::{
    CryptoError, CryptoProvider, HashAlgorithm, KeyError, SigningKey, signing_key,
};
use handclasp::pki_types::pem::PemObject;
use handclasp::pki_types::{CertificateDer, PrivateKeyDer};
use handclasp::psk::{ChosenPsk, PreSharedKey, PskImporter, PskResolver};
use handclasp::registry::{CertificateType, SignatureScheme};
use handclasp::wire::{CertificateRequest, ClientHello, List, Names};

use crate::config::policy;
use crate::flags::{Flags, Stop};
use crate::seen::Seen;

/// A key that signs with some schemes only.
#[derive(Debug)]
struct Preferring {
    key: Arc<dyn SigningKey>,
    schemes: Vec<SignatureScheme>,
}

impl SigningKey for Preferring {
    fn schemes(&self) -> &[SignatureScheme] {
        &self.schemes
    }

    fn sign(&self, scheme: SignatureScheme, message: &[u8]) -> Result<Vec<u8>, CryptoError> {
        self.key.sign(scheme, message)
    }

    fn public_key(&self) -> Option<Vec<u8>> {
        self.key.public_key()
    }
}

/// A certificate with its key.
#[derive(Debug)]
struct Credential {
    /// Its number, as the runner counts; -1 is the default one.
    number: i32,
    certified: Arc<CertifiedKey>,
    signer: Arc<dyn SigningKey>,
    must_match_issuer: bool,
}

/// A pre-shared key.
#[derive(Debug)]
struct Psk {
    number: i32,
    key: PreSharedKey,
}

/// All that a test gives the shim to show.
#[derive(Debug)]
pub struct Credentials {
    certificates: Vec<Credential>,
    psks: Vec<Psk>,
    /// There is a certificate whose key signs with none of the schemes that it may.
    without_scheme: bool,
    client_types: Vec<CertificateType>,
    /// What the callbacks of the test do in place of an answer.
    refusal: Option<&'static str>,
    refused_early: bool,
    staple_fails: bool,
    expected_schemes: Vec<u16>,
    expected_authorities: Option<Vec<Vec<u8>>>,
    later: bool,
    seen: Arc<Seen>,
}

impl Credentials {
    pub fn new(flags: &Flags, provider: &CryptoProvider, seen: Arc<Seen>) -> Result<Self, Stop> {
        let types: Vec<u8> = flags.numbers("available-client-cert-types")?;
        let refusal = [
            ("fail-early-callback", ":CONNECTION_REJECTED:"),
            ("fail-ddos-callback", ":CONNECTION_REJECTED:"),
            ("fail-cert-callback", ":CERT_CB_ERROR:"),
            ("select-empty-alpn", ":INVALID_ALPN_PROTOCOL:"),
        ];
        let refusal = refusal.into_iter().find(|(flag, _)| flags.has(flag));
        let mut all = Self {
            certificates: Vec::new(),
            psks: Vec::new(),
            without_scheme: false,
            client_types: types.into_iter().map(CertificateType).collect(),
            refusal: refusal.map(|(_, name)| name),
            refused_early: flags.has("fail-early-callback"),
            staple_fails: flags.has("fail-ocsp-callback") && flags.has("server"),
            expected_schemes: flags.numbers("expect-peer-verify-pref")?,
            expected_authorities: flags.text("expect-client-ca-list").map(names).transpose()?,
            later: flags.has("async"),
            seen,
        };
        for (number, (kind, credential)) in (0..).zip(flags.credentials()) {
            let number = if kind.is_empty() { -1 } else { number };
            match kind {
                "new-psk-credential" => all.add_psks(number, &credential, provider)?,
                _ => all.add_certificate(number, kind, &credential, flags)?,
            }
        }
        if all.client_types.is_empty() {
            for credential in &all.certificates {
                let own = credential.certified.certificate_type();
                if !all.client_types.contains(&own) {
                    all.client_types.push(own);
                }
            }
        }
        if all.client_types.is_empty() {
            all.client_types.push(CertificateType::X509);
        }
        Ok(all)
    }

    fn add_psks(
        &mut self,
        number: i32,
        flags: &Flags,
        provider: &CryptoProvider,
    ) -> Result<(), Stop> {
        let part = |name| Ok(flags.bytes(name)?.unwrap_or_default());
        let hash = match flags.has("psk-importer-sha384") {
            true => HashAlgorithm::Sha384,
            false => HashAlgorithm::Sha256,
        };
        let key = part("psk-importer-key")?;
        let importer = PskImporter::unchecked(&part("psk-importer-identity")?, &key);
        let importer = importer.hash(hash).context(&part("psk-importer-context")?);
        let keys = importer.import(provider).map_err(|error| Stop::failed(error.to_string()))?;
        self.psks.extend(keys.into_iter().map(|key| Psk { number, key }));
        Ok(())
    }

    fn add_certificate(
        &mut self,
        number: i32,
        kind: &str,
        flags: &Flags,
        all: &Flags,
    ) -> Result<(), Stop> {
        let Some(file) = flags.text("key-file") else { return Ok(()) };
        let Some(key) = key_with_scheme(file, flags, all)? else {
            self.without_scheme = true;
            return Ok(());
        };
        let source = match self.later {
            true => KeySource::Remote { schemes: key.schemes().to_vec() },
            false => KeySource::Local(Arc::clone(&key)),
        };
        let certified = match (kind, flags.text("cert-file")) {
            ("new-rpk-credential", _) => {
                let public = key.public_key();
                let public = public.ok_or_else(|| unusable("no public key".into()))?;
                CertifiedKey::raw_public_key(public, source)
            }
            (_, None) => return Ok(()),
            (_, Some(file)) => {
                let chain = CertificateDer::pem_file_iter(file).and_then(Iterator::collect);
                CertifiedKey::new(chain.map_err(|error| unusable(error.to_string()))?, source)
            }
        };
        let certified = certified.map_err(|error| unusable(error.to_string()))?;
        let certified = with_staples(certified, flags, all)?;
        self.certificates.push(Credential {
            number,
            certified: Arc::new(certified),
            signer: key,
            must_match_issuer: flags.has("must-match-issuer"),
        });
        Ok(())
    }

    /// Has the test given it certificates, usable or not?
    pub fn has_certificates(&self) -> bool {
        !self.certificates.is_empty() || self.without_scheme
    }

    /// What the test does in place of an answer, where it does.
    pub fn refuses(&self) -> bool {
        if let Some(name) = self.refusal {
            self.seen.rename_error(name);
        }
        self.refusal.is_some()
    }

    pub fn pre_shared_keys(&self) -> Vec<PreSharedKey> {
        self.psks.iter().map(|psk| psk.key.clone()).collect()
    }

    /// The credential that the key of this identity belongs to.
    pub fn number_of_psk(&self, index: u16) -> Option<i32> {
        self.psks.get(usize::from(index)).map(|psk| psk.number)
    }

    /// Signs with the key of this certificate, for a question that was left open.
    pub fn sign(
        &self,
        certified: &Arc<CertifiedKey>,
        scheme: SignatureScheme,
        message: &[u8],
    ) -> Result<Vec<u8>, CryptoError> {
        let mut all = self.certificates.iter();
        let found = all.find(|credential| Arc::ptr_eq(&credential.certified, certified));
        found.ok_or(CryptoError)?.signer.sign(scheme, message)
    }

    /// The first that fits what the peer says it takes.
    fn pick(
        &self,
        allowed: impl Fn(SignatureScheme) -> bool,
        schemes: Option<List<'_, SignatureScheme>>,
        types: &[u8],
        authorities: Option<Names<'_>>,
    ) -> Option<&Credential> {
        let issued = |credential: &Credential| {
            let chain = credential.certified.chain();
            authorities.is_some_and(|names| issued_by_any(chain, names.iter()))
        };
        let fits = |credential: &&Credential| {
            let certified = &credential.certified;
            let mut all = certified.schemes().iter();
            types.contains(&certified.certificate_type().0)
                && schemes.is_some_and(|list| {
                    all.any(|scheme| allowed(*scheme) && list.contains(*scheme))
                })
                && (!credential.must_match_issuer || issued(credential))
        };
        let chosen = self.certificates.iter().find(fits)?;
        self.seen.set_credential(chosen.number);
        Some(chosen)
    }

    fn check_schemes(&self, offered: Option<List<'_, SignatureScheme>>) {
        let offered: Vec<u16> = offered.iter().flat_map(|all| all.iter()).map(|it| it.0).collect();
        if !self.expected_schemes.is_empty() && offered != self.expected_schemes {
            let expected = &self.expected_schemes;
            self.seen.fail(format!("peer's schemes: expected {expected:?}, found {offered:?}"));
        }
    }

    /// A server's certificate. Beside the library's reasons, an outer `Err` fails the handshake.
    pub fn for_client(
        &self,
        hello: &ClientHello<'_>,
    ) -> Result<Result<Arc<CertifiedKey>, NoCertificate>, String> {
        self.check_schemes(hello.signature_algorithms);
        if let Some(name) = self.refusal {
            self.seen.rename_error(name);
            return match self.refused_early {
                true => Ok(Err(NoCertificate::NoCommonScheme)),
                false => Err("the test fails its callback".into()),
            };
        }
        if self.staple_fails && hello.wants_ocsp {
            self.seen.rename_error(":OCSP_CB_ERROR:");
            return Err("the test fails its callback for OCSP".into());
        }
        if self.certificates.is_empty() && !self.psks.is_empty() {
            self.seen.rename_error(":PSK_IDENTITY_NOT_FOUND:");
            return Ok(Err(NoCertificate::NoCommonScheme));
        }
        let types = hello.server_certificate_types.unwrap_or(&[0]);
        let authorities = hello.certificate_authorities;
        let chosen = self.pick(
            SignatureScheme::signs_handshakes,
            hello.signature_algorithms,
            types,
            authorities,
        );
        if chosen.is_some() {
            return Ok(chosen
                .map(|it| Arc::clone(&it.certified))
                .ok_or(NoCertificate::UnknownName));
        }
        let mut of_type = self
            .certificates
            .iter()
            .filter(|credential| types.contains(&credential.certified.certificate_type().0));
        if of_type.clone().next().is_none() && !self.without_scheme {
            return Ok(Err(NoCertificate::NoCommonType));
        }
        if !self.without_scheme && of_type.all(|credential| credential.must_match_issuer) {
            self.seen.rename_error(":NO_MATCHING_ISSUER:");
        }
        Ok(Err(NoCertificate::NoCommonScheme))
    }

    /// A client's certificate. Where none of those that it has suits the server, the library would
    /// show none; the runner's own library ends the handshake, and so does this program.
    pub fn for_request(
        &self,
        request: &CertificateRequest<'_>,
        certificate_type: CertificateType,
    ) -> Result<Option<Arc<CertifiedKey>>, String> {
        self.check_schemes(request.signature_algorithms);
        if let Some(expected) = &self.expected_authorities {
            let found = request.certificate_authorities;
            let found: Vec<_> = found.iter().flat_map(|names| names.iter()).collect();
            if *expected != found {
                self.seen.fail(format!("authorities: expected {expected:?}, found {found:?}"));
            }
        }
        if let Some(name) = self.refusal {
            self.seen.rename_error(name);
            return Err("the test fails its callback".into());
        }
        let types = [certificate_type.0];
        let authorities = request.certificate_authorities;
        let chosen = self.pick(
            SignatureScheme::signs_for_clients,
            request.signature_algorithms,
            &types,
            authorities,
        );
        if chosen.is_none() && self.has_certificates() {
            self.seen.rename_error(self.why_none(certificate_type));
        }
        Ok(chosen.map(|it| Arc::clone(&it.certified)))
    }

    fn why_none(&self, certificate_type: CertificateType) -> &'static str {
        let right_type =
            |credential: &&Credential| credential.certified.certificate_type() == certificate_type;
        let mut of_type = self.certificates.iter().filter(right_type);
        if self.without_scheme {
            return ":NO_COMMON_SIGNATURE_ALGORITHMS:";
        }
        if of_type.clone().next().is_none() {
            return ":UNKNOWN_CERTIFICATE_TYPE:";
        }
        match of_type.all(|credential| credential.must_match_issuer) {
            true => ":NO_MATCHING_ISSUER:",
            false => ":NO_COMMON_SIGNATURE_ALGORITHMS:",
        }
    }

    /// One of the client's pre-shared keys.
    pub fn for_identities(
        &self,
        hello: &ClientHello<'_>,
        hashes: &[HashAlgorithm],
    ) -> Option<ChosenPsk> {
        let offered: Vec<_> =
            hello.pre_shared_keys.iter().flat_map(|offered| offered.iter()).collect();
        let certificate = self.certificates.iter().map(|credential| credential.number);
        let certificate = certificate.filter(|number| *number >= 0).min();
        let certificate = certificate.filter(|_| hello.signature_algorithms.is_some());
        let certificate = certificate.unwrap_or(i32::MAX);
        for psk in self.psks.iter().filter(|psk| psk.number < certificate) {
            let found = offered.iter().position(|(it, _)| it.identity == psk.key.identity());
            let Some(Ok(index)) = found.map(u16::try_from) else { continue };
            if hashes.contains(&psk.key.hash()) {
                self.seen.set_credential(psk.number);
                return Some(ChosenPsk { index, key: psk.key.clone() });
            }
        }
        None
    }
}

impl CertificateResolver for Credentials {
    fn resolve(&self, hello: &ClientHello<'_>) -> Reply<Result<Arc<CertifiedKey>, NoCertificate>> {
        // A failure has a reason then, which the traits do not carry.
        if self.later || self.staple_fails || self.refusal.is_some() {
            return Reply::Later;
        }
        self.for_client(hello).map_or(Reply::Later, Reply::Now)
    }
}

impl ClientCertificateResolver for Credentials {
    fn choose(
        &self,
        request: &CertificateRequest<'_>,
        certificate_type: CertificateType,
    ) -> Reply<Option<Arc<CertifiedKey>>> {
        if self.later || self.refusal.is_some() {
            return Reply::Later;
        }
        match self.for_request(request, certificate_type) {
            Ok(None) if self.has_certificates() => Reply::Later,
            Ok(chosen) => Reply::Now(chosen),
            Err(_) => Reply::Later,
        }
    }

    fn certificate_types(&self) -> &[CertificateType] {
        &self.client_types
    }
}

impl PskResolver for Credentials {
    fn resolve(
        &self,
        hello: &ClientHello<'_>,
        hashes: &[HashAlgorithm],
    ) -> Reply<Option<ChosenPsk>> {
        match self.later {
            true => Reply::Later,
            false => Reply::Now(self.for_identities(hello, hashes)),
        }
    }
}

/// Why a certificate or its key cannot be used.
fn unusable(error: String) -> Stop {
    Stop::unimplemented(format!("certificate or key: {error}"))
}

/// The key in this file, with the schemes that the flags prefer. `None` where it can sign with nothing: as if it were not
/// there.
fn key_with_scheme(
    file: &str,
    flags: &Flags,
    all: &Flags,
) -> Result<Option<Arc<dyn SigningKey>>, Stop> {
    let key = PrivateKeyDer::from_pem_file(file).map_err(|error| unusable(error.to_string()))?;
    let key = match signing_key(&key) {
        Ok(key) => key,
        Err(KeyError::Unsupported { kind }) if kind.contains("RSA") => return Ok(None),
        Err(error) => return Err(unusable(error.to_string())),
    };
    let mut preferred: Vec<u16> = flags.numbers("signing-prefs")?;
    if let Some(policy) = policy(all) {
        preferred.extend(policy.schemes.iter().map(|scheme| scheme.0));
    }
    if preferred.is_empty() {
        return Ok(Some(key));
    }
    let is_rsa = key.schemes().contains(&SignatureScheme::RSA_PSS_RSAE_SHA256);
    let mut schemes = Vec::new();
    for scheme in preferred.into_iter().map(SignatureScheme) {
        let is_legacy = scheme == SignatureScheme::RSA_PKCS1_SHA256_LEGACY;
        if key.schemes().contains(&scheme) || is_rsa && is_legacy {
            schemes.push(scheme);
        }
    }
    if schemes.is_empty() {
        return Ok(None);
    }
    Ok(Some(Arc::new(Preferring { key, schemes })))
}

/// With the OCSP response and the timestamps of the flags.
fn with_staples(key: CertifiedKey, flags: &Flags, all: &Flags) -> Result<CertifiedKey, Stop> {
    let failed = |error: ConfigError| unusable(error.to_string());
    let mut stapled = key;
    let may_staple = !all.has("use-ocsp-callback") || !all.has("decline-ocsp-callback");
    if let Some(response) = flags.bytes("ocsp-response")? {
        if may_staple {
            stapled = stapled.with_ocsp(response).map_err(failed)?;
        }
    }
    if let Some(list) = flags.bytes("signed-cert-timestamps")? {
        let list = timestamps(&list).ok_or_else(|| Stop::failed(":INVALID_SCT_LIST:"))?;
        stapled = stapled.with_scts(list).map_err(failed)?;
    }
    Ok(stapled)
}

/// The names of a flag: hexadecimal, with commas between them.
pub fn names(list: &str) -> Result<Vec<Vec<u8>>, Stop> {
    if ["<EMPTY>", "<NULL>"].contains(&list) {
        return Ok(Vec::new());
    }
    let digit = |pair: &[u8]| {
        let pair = std::str::from_utf8(pair).ok()?;
        u8::from_str_radix(pair, 16).ok()
    };
    let name = |text: &str| text.as_bytes().chunks(2).map(digit).collect::<Option<Vec<u8>>>();
    let all: Option<Vec<_>> = list.split(',').map(name).collect();
    all.ok_or_else(|| Stop::unimplemented("malformed names of authorities"))
}

/// The timestamps of a list in its wire form.
fn timestamps(list: &[u8]) -> Option<Vec<Vec<u8>>> {
    let (length, mut rest) = list.split_first_chunk()?;
    let mut all = Vec::new();
    if usize::from(u16::from_be_bytes(*length)) != rest.len() || rest.is_empty() {
        return None;
    }
    while let Some((length, after)) = rest.split_first_chunk() {
        let length = usize::from(u16::from_be_bytes(*length));
        let (one, after) = after.split_at_checked(length).filter(|_| length > 0)?;
        all.push(one.to_vec());
        rest = after;
    }
    rest.is_empty().then_some(all)
}
