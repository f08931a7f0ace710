//! A session with a token: the token is found, the user logged in, the key found.

use std::sync::Arc;

use cryptoki::context::Pkcs11;
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::{Session, UserType};
use cryptoki::slot::{Limit, Slot, TokenInfo};
use handclasp::certificate::{Digests, der};

use crate::error::TokenError;
use crate::login::{Login, LoginTarget};
use crate::mechanism::{Curve, KeyKind, Method, algorithm_of, integer};
use crate::module;
use crate::options::Options;
use crate::uri::{ObjectKind, Pkcs11Uri};

/// The length in bytes of a public key of Ed25519 (RFC 8032, section 5.1.5).
const ED25519_KEY: usize = 32;

/// What sessions are opened with: the names of the token and of the key, and the PIN.
pub(crate) struct Token {
    uri: Pkcs11Uri,
    module: std::path::PathBuf,
    login: Arc<Login>,
}

/// A session in which the key was found.
pub(crate) struct KeySession {
    session: Session,
    key: ObjectHandle,
    pub(crate) kind: KeyKind,
    /// If the key wants its PIN for each signature (CKA_ALWAYS_AUTHENTICATE).
    login_each_time: Option<Arc<Login>>,
    module: Pkcs11,
    slot: Slot,
}

impl Token {
    /// Reads the PIN, which may block. The token itself is not touched.
    pub(crate) fn new(uri: &Pkcs11Uri, options: &Options) -> Result<Self, TokenError> {
        let module = uri.module_path.clone().or_else(|| options.module.clone());
        let pin = match &uri.pin {
            Some(source) => Some(source.read()?),
            None => options.pin.clone(),
        };
        let login = Arc::new(Login::new(pin, options.provider.signatures.digests));
        // The PIN is needed once.
        let uri = Pkcs11Uri { pin: None, ..uri.clone() };
        Ok(Self { uri, module: module.ok_or(TokenError::NoModule)?, login })
    }

    /// Opens a session, logs in, and finds the key.
    pub(crate) fn open_key(&self) -> Result<KeySession, TokenError> {
        let module = module::load(&self.module)?;
        let slot = self.find_slot(&module)?;
        let session = module.open_ro_session(slot)?;
        let info = module.get_token_info(slot)?;
        if info.login_required() {
            let target = LoginTarget { module: &module, slot, session: &session };
            self.login.log_in(&target, UserType::User)?;
        }
        let key = self.find_one(&session, ObjectKind::PrivateKey)?;
        let attributes = session.get_attributes(
            key,
            &[
                AttributeType::KeyType,
                AttributeType::EcParams,
                AttributeType::Modulus,
                AttributeType::Sign,
                AttributeType::AlwaysAuthenticate,
            ],
        )?;
        if attributes.contains(&Attribute::Sign(false)) {
            return Err(TokenError::KeyMayNotSign);
        }
        let kind = kind(&attributes)?;
        let pin_each_time = attributes.contains(&Attribute::AlwaysAuthenticate(true));
        let login_each_time = if pin_each_time { Some(Arc::clone(&self.login)) } else { None };
        Ok(KeySession { session, key, kind, login_each_time, module, slot })
    }

    /// The certificate that the URI names, and those of the token that have issued it: the DER of each. Certificates
    /// are public, so a login is made only if there is a PIN.
    pub(crate) fn certificates(&self) -> Result<Vec<Vec<u8>>, TokenError> {
        /// Chains are shorter. The limit ends a circle of issuers.
        const MOST_ISSUERS: usize = 8;
        let module = module::load(&self.module)?;
        let slot = self.find_slot(&module)?;
        let session = module.open_ro_session(slot)?;
        if self.login.has_pin() {
            let target = LoginTarget { module: &module, slot, session: &session };
            self.login.log_in(&target, UserType::User)?;
        }
        let mut object = self.find_one(&session, ObjectKind::Certificate)?;
        let mut chain = Vec::new();
        loop {
            let names = [AttributeType::Value, AttributeType::Subject, AttributeType::Issuer];
            let (mut subject, mut issuer) = (Vec::new(), Vec::new());
            for attribute in session.get_attributes(object, &names)? {
                match attribute {
                    Attribute::Value(value) => chain.push(value),
                    Attribute::Subject(name) => subject = name,
                    Attribute::Issuer(name) => issuer = name,
                    _ => {}
                }
            }
            if issuer.is_empty() || issuer == subject || chain.len() > MOST_ISSUERS {
                return Ok(chain);
            }
            let class = Attribute::Class(ObjectClass::CERTIFICATE);
            let issuers = session.find_objects(&[class, Attribute::Subject(issuer)])?;
            // With two of the same name, which of them is right is for the operator to say, in a file.
            let [only] = issuers[..] else { return Ok(chain) };
            object = only;
        }
    }

    /// The slot whose token the URI names.
    fn find_slot(&self, module: &Pkcs11) -> Result<Slot, TokenError> {
        let mut fitting = Vec::new();
        let mut present = Vec::new();
        for slot in module.get_slots_with_token()? {
            // A token may be removed meanwhile, and a slot may be empty but for its name.
            let Ok(info) = module.get_token_info(slot) else { continue };
            if !info.token_initialized() {
                continue;
            }
            present.push(format!("\"{}\" in slot {}", printable(info.label()), slot.id()));
            if self.is_named(slot, &info) {
                fitting.push(slot);
            }
        }
        let (uri, present) = (self.uri.to_string(), list(present));
        match fitting[..] {
            [slot] => Ok(slot),
            [] => Err(TokenError::TokenNotFound { uri, present }),
            _ => Err(TokenError::SeveralTokens { uri, present }),
        }
    }

    fn is_named(&self, slot: Slot, info: &TokenInfo) -> bool {
        let uri = &self.uri;
        uri.slot_id.is_none_or(|id| id == slot.id())
            && fits(&uri.token, info.label())
            && fits(&uri.serial, info.serial_number())
            && fits(&uri.manufacturer, info.manufacturer_id())
            && fits(&uri.model, info.model())
    }

    /// The one object of this kind that the URI names.
    fn find_one(&self, session: &Session, kind: ObjectKind) -> Result<ObjectHandle, TokenError> {
        if self.uri.kind.is_some_and(|named| named != kind) {
            return Err(TokenError::WrongType { wanted: kind.to_string() });
        }
        let class = Attribute::Class(match kind {
            ObjectKind::PrivateKey => ObjectClass::PRIVATE_KEY,
            ObjectKind::Certificate => ObjectClass::CERTIFICATE,
        });
        let mut template = vec![class.clone()];
        if let Some(label) = &self.uri.object {
            template.push(Attribute::Label(label.clone().into_bytes()));
        }
        if let Some(id) = &self.uri.id {
            template.push(Attribute::Id(id.clone()));
        }
        let found = session.find_objects(&template)?;
        if let [object] = found[..] {
            return Ok(object);
        }
        let all = session.find_objects(&[class])?;
        if all.is_empty() && kind == ObjectKind::PrivateKey && !self.login.has_pin() {
            // Private keys are not shown to those who are not logged in.
            return Err(TokenError::PinNeeded);
        }
        let mut names: Vec<String> = all.iter().map(|object| name(session, *object)).collect();
        names.sort();
        let present = list(names);
        let (kind, uri) = (kind.to_string(), self.uri.to_string());
        Err(match found.is_empty() {
            true => TokenError::ObjectNotFound { kind, uri, present },
            false => TokenError::SeveralObjects { kind, uri, present },
        })
    }
}

impl KeySession {
    /// Signs with this method. After a failure, a signature may be unfinished in the session: close it then.
    pub(crate) fn sign(
        &self,
        method: Method,
        digests: &Digests,
        message: &[u8],
    ) -> Result<Vec<u8>, TokenError> {
        let (mechanism, input) = (method.mechanism(), method.input(digests, message));
        let signature = match &self.login_each_time {
            None => self.session.sign(&mechanism, self.key, &input)?,
            Some(login) => {
                self.session.sign_init(&mechanism, self.key)?;
                let (module, slot, session) = (&self.module, self.slot, &self.session);
                login.log_in(&LoginTarget { module, slot, session }, UserType::ContextSpecific)?;
                self.session.sign_update(&input)?;
                self.session.sign_final()?
            }
        };
        method.output(signature)
    }

    /// Whether the token can sign so with this key.
    pub(crate) fn can(&self, method: Method) -> Result<bool, TokenError> {
        // For a PIN between the beginning and the end of a signature, there must be pieces.
        if self.login_each_time.is_some() && !method.takes_pieces() {
            return Ok(false);
        }
        let mechanism = method.mechanism_type();
        if !self.module.get_mechanism_list(self.slot)?.contains(&mechanism) {
            return Ok(false);
        }
        Ok(self.module.get_mechanism_info(self.slot, mechanism)?.sign())
    }

    /// The public half of the key, the DER of a SubjectPublicKeyInfo, if the token shows it: with the private key, or in
    /// the public key with the same id. `spki` is that of the certificate.
    pub(crate) fn public_half(&self, spki: &[u8]) -> Result<Option<Vec<u8>>, TokenError> {
        let session = &self.session;
        if let Some(public) = public_of(session, self.key, self.kind, spki)? {
            return Ok(Some(public));
        }
        let mut template = vec![Attribute::Class(ObjectClass::PUBLIC_KEY)];
        for attribute in session.get_attributes(self.key, &[AttributeType::Id])? {
            if matches!(&attribute, Attribute::Id(id) if !id.is_empty()) {
                template.push(attribute);
            }
        }
        if template.len() == 1 {
            return Ok(None);
        }
        match session.find_objects(&template)?[..] {
            [public] => public_of(session, public, self.kind, spki),
            _ => Ok(None),
        }
    }

    /// How many sessions the token allows, if it says so.
    pub(crate) fn most_sessions(&self) -> Option<u64> {
        match self.module.get_token_info(self.slot).ok()?.max_session_count() {
            Limit::Max(most) => Some(most),
            Limit::Unavailable | Limit::Infinite => None,
        }
    }
}

/// The kind of a private key.
fn kind(attributes: &[Attribute]) -> Result<KeyKind, TokenError> {
    /// Peers do not accept shorter ones.
    const FEWEST_RSA_BYTES: usize = 256;
    /// The DER of the object identifier of Ed25519 (RFC 8410), and of its name (PKCS#11 3.0, section 2.3.5).
    const ED25519: [&[u8]; 2] = [&[6, 3, 0x2b, 0x65, 0x70], b"\x13\x0cedwards25519"];
    let (mut key_type, mut curve, mut modulus) = (None, Vec::new(), Vec::new());
    for attribute in attributes {
        match attribute {
            Attribute::KeyType(it) => key_type = Some(*it),
            Attribute::EcParams(it) => curve.clone_from(it),
            Attribute::Modulus(it) => modulus.clone_from(it),
            _ => {}
        }
    }
    let unsupported = |what: String| Err(TokenError::UnsupportedKey(what));
    match key_type {
        Some(KeyType::RSA) => {
            let zeros = modulus.iter().take_while(|byte| **byte == 0).count();
            let length = modulus.len() - zeros;
            // A token that does not show the modulus shows it in its public key.
            if length != 0 && length < FEWEST_RSA_BYTES {
                return unsupported(format!("an RSA key of {} bits", length * 8));
            }
            Ok(KeyKind::Rsa)
        }
        Some(KeyType::EC) => match Curve::of_parameters(&curve) {
            Some(curve) => Ok(KeyKind::Ec(curve)),
            None => unsupported("an EC key on another curve".to_owned()),
        },
        Some(KeyType::EC_EDWARDS) if ED25519.contains(&&*curve) => Ok(KeyKind::Ed25519),
        Some(other) => unsupported(format!("a key of the type {other}")),
        None => unsupported("a key of no type".to_owned()),
    }
}

/// The public key that an object shows, as the DER of a SubjectPublicKeyInfo. An RSA key gets the algorithm of the
/// certificate: the token does not know whether that limits the key to RSA-PSS.
fn public_of(
    session: &Session,
    object: ObjectHandle,
    kind: KeyKind,
    spki: &[u8],
) -> Result<Option<Vec<u8>>, TokenError> {
    match kind {
        KeyKind::Rsa => {
            let names = [AttributeType::Modulus, AttributeType::PublicExponent];
            let (mut modulus, mut exponent) = (Vec::new(), Vec::new());
            for attribute in session.get_attributes(object, &names)? {
                match attribute {
                    Attribute::Modulus(number) => modulus = number,
                    Attribute::PublicExponent(number) => exponent = number,
                    _ => {}
                }
            }
            if modulus.is_empty() || exponent.is_empty() {
                return Ok(None);
            }
            let key = der::wrap(der::SEQUENCE, &[integer(&modulus), integer(&exponent)].concat());
            Ok(Some(der::subject_public_key_info(algorithm_of(spki).unwrap_or_default(), &key)))
        }
        KeyKind::Ec(curve) => {
            let point = point_of(session, object, curve.point_length())?;
            Ok(point.map(|point| der::subject_public_key_info(&curve.algorithm(), &point)))
        }
        KeyKind::Ed25519 => {
            let point = point_of(session, object, ED25519_KEY)?;
            let algorithm = handclasp::pki_types::alg_id::ED25519;
            Ok(point.map(|point| der::subject_public_key_info(&algorithm, &point)))
        }
    }
}

/// The point of this length in CKA_EC_POINT, if the object shows it.
fn point_of(
    session: &Session,
    object: ObjectHandle,
    length: usize,
) -> Result<Option<Vec<u8>>, TokenError> {
    for attribute in session.get_attributes(object, &[AttributeType::EcPoint])? {
        if let Attribute::EcPoint(value) = attribute {
            return Ok(point_in(&value, length).map(<[u8]>::to_vec));
        }
    }
    Ok(None)
}

/// CKA_EC_POINT is an OCTET STRING with the point. Some tokens leave the OCTET STRING out: a bare point may begin as an
/// OCTET STRING does, so the length decides.
fn point_in(value: &[u8], length: usize) -> Option<&[u8]> {
    if value.len() == length {
        return Some(value);
    }
    der::only(value, der::OCTET_STRING).filter(|point| point.len() == length)
}

fn fits(wanted: &Option<String>, found: &str) -> bool {
    wanted.as_ref().is_none_or(|wanted| wanted == found)
}

/// The label and the id of an object, for an operator.
fn name(session: &Session, object: ObjectHandle) -> String {
    let names = [AttributeType::Label, AttributeType::Id];
    let attributes = session.get_attributes(object, &names).unwrap_or_default();
    let mut label = String::new();
    let mut id = String::new();
    for attribute in attributes {
        match attribute {
            Attribute::Label(bytes) => label = printable(&String::from_utf8_lossy(&bytes)),
            Attribute::Id(bytes) => {
                id = bytes.iter().take(20).map(|byte| format!("%{byte:02x}")).collect();
            }
            _ => {}
        }
    }
    format!("object={label} id={id}")
}

/// A text of a token without control characters, and not long.
fn printable(text: &str) -> String {
    text.chars().filter(|character| !character.is_control()).take(64).collect()
}

/// A list for an operator, not long.
fn list(items: Vec<String>) -> String {
    const MOST: usize = 8;
    if items.is_empty() {
        return "none".to_owned();
    }
    let more = if items.len() > MOST { ", and more" } else { "" };
    let first: Vec<String> = items.into_iter().take(MOST).collect();
    format!("{}{more}", first.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_is_taken_with_and_without_its_octet_string() {
        for (length, first) in [(65, 4), (97, 4), (133, 4), (ED25519_KEY, 4)] {
            let mut point = vec![0; length];
            point[0] = first;
            // Without its OCTET STRING, the point looks like one.
            point[1] = u8::try_from(length - 2).unwrap();
            assert_eq!(point_in(&point, length), Some(&point[..]));
            let wrapped = der::wrap(der::OCTET_STRING, &point);
            assert_eq!(point_in(&wrapped, length), Some(&point[..]));
            for other in [&point[1..], &wrapped[..length], &[]] {
                if other.len() != length {
                    assert_eq!(point_in(other, length), None);
                }
            }
        }
    }
}
