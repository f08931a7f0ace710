//! The URI of a key or a certificate on a token (RFC 7512).

use core::fmt;
use core::str::FromStr;
use std::path::{Path, PathBuf};

use handclasp::zeroize::Zeroizing;

use crate::pin::{Pin, PinSource};

/// Names a token, and a key or a certificate on it (RFC 7512).
///
/// ```
/// # use handclasp_pkcs11::Pkcs11Uri;
/// let uri: Pkcs11Uri = "pkcs11:token=web;object=server\
///     ?module-path=/usr/lib/softhsm/libsofthsm2.so&pin-source=file:/run/secrets/pin".parse()?;
/// # Ok::<(), handclasp_pkcs11::UriError>(())
/// ```
///
/// | Attribute | What it selects |
/// |---|---|
/// | `token`, `serial`, `manufacturer`, `model` | the token, by what it says of itself |
/// | `slot-id` | the slot, by its number |
/// | `object`, `id` | the key or certificate, by CKA_LABEL and CKA_ID |
/// | `type` | `private` or `cert` |
/// | `module-path` | the file of the PKCS#11 module |
/// | `pin-source` | the file with the PIN: `file:/path`, or `/path`. The line break at its end does not count |
/// | `pin-value` | the PIN |
///
/// Exactly one token and one object must fit. An attribute that is not in the table is refused, and so is one that is
/// there twice: the URI may be meant for another object then. All that is not a letter, a digit or one of `-._~` can
/// be written as `%` and two hexadecimal digits; an `id` most often is.
///
/// Prefer `pin-source` to `pin-value`: the arguments of a program are visible to all users of the machine. Its file is a
/// regular file of at most 1024 bytes; let only the user of the program read it
/// ([`pin_is_readable_by_all`](Self::pin_is_readable_by_all)). The PIN is wiped when the URI and the
/// keys that were opened with it are dropped. No error and no `Debug` output has it.
#[derive(Clone, Debug, Default)]
pub struct Pkcs11Uri {
    pub(crate) token: Option<String>,
    pub(crate) serial: Option<String>,
    pub(crate) manufacturer: Option<String>,
    pub(crate) model: Option<String>,
    pub(crate) slot_id: Option<u64>,
    pub(crate) object: Option<String>,
    pub(crate) id: Option<Vec<u8>>,
    pub(crate) kind: Option<ObjectKind>,
    pub(crate) module_path: Option<PathBuf>,
    pub(crate) pin: Option<PinSource>,
}

/// What a URI names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ObjectKind {
    PrivateKey,
    Certificate,
}

impl fmt::Display for ObjectKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::PrivateKey => "private key",
            Self::Certificate => "certificate",
        })
    }
}

/// Why a text is no URI of PKCS#11 that is understood. It has no value of the text, because that may be a PIN.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UriError {
    /// The text does not begin with `pkcs11:`.
    #[error("a URI of PKCS#11 begins with pkcs11:")]
    Scheme,
    /// A part of the text is not a name and a value.
    #[error("attribute {number} is not of the form name=value")]
    Form {
        /// The number of the attribute, counted from 1.
        number: usize,
    },
    /// The attribute is not known, or it is known in the other part of the URI: path or query.
    #[error(
        "attribute {number} has an unknown name, or is on the wrong side of the question mark: before it may be \
         token, serial, manufacturer, model, slot-id, object, id and type, with ; between them; behind it \
         module-path, pin-source and pin-value, with & between them"
    )]
    Unknown {
        /// The number of the attribute, counted from 1.
        number: usize,
    },
    /// The attribute is there twice.
    #[error("the attribute {0} is there twice")]
    Twice(&'static str),
    /// The value is malformed.
    #[error("the value of the attribute {attribute} {reason}")]
    Value {
        /// The name of the attribute.
        attribute: &'static str,
        /// What is wrong.
        reason: &'static str,
    },
    /// There are a PIN and a source of a PIN.
    #[error("there are pin-source and pin-value: one of them is enough")]
    TwoPins,
}

impl Pkcs11Uri {
    /// Whether the text begins as a URI of PKCS#11 does, and is not the name of a file.
    pub fn is_one(text: &str) -> bool {
        text.starts_with("pkcs11:")
    }

    /// Whether all users of the machine can read the file that `pin-source` names. Programs can warn then. `false` where
    /// there is no such file, or the system has no such permissions.
    pub fn pin_is_readable_by_all(&self) -> bool {
        match &self.pin {
            Some(PinSource::File(file)) => is_readable_by_all(file),
            Some(PinSource::Value(_)) | None => false,
        }
    }

    fn set_path(&mut self, number: usize, name: &str, value: &str) -> Result<(), UriError> {
        match name {
            "token" => set(&mut self.token, "token", text(value, "token")?),
            "serial" => set(&mut self.serial, "serial", text(value, "serial")?),
            "manufacturer" => {
                set(&mut self.manufacturer, "manufacturer", text(value, "manufacturer")?)
            }
            "model" => set(&mut self.model, "model", text(value, "model")?),
            "slot-id" => {
                let number = text(value, "slot-id")?.parse();
                let number = number.map_err(|_| UriError::Value {
                    attribute: "slot-id",
                    reason: "is not a number",
                })?;
                set(&mut self.slot_id, "slot-id", number)
            }
            "object" => set(&mut self.object, "object", text(value, "object")?),
            "id" => set(&mut self.id, "id", bytes(value, "id")?.to_vec()),
            "type" => {
                let kind = match value {
                    "private" => ObjectKind::PrivateKey,
                    "cert" => ObjectKind::Certificate,
                    _ => {
                        let reason = "is neither private nor cert";
                        return Err(UriError::Value { attribute: "type", reason });
                    }
                };
                set(&mut self.kind, "type", kind)
            }
            _ => Err(UriError::Unknown { number }),
        }
    }

    fn set_query(&mut self, number: usize, name: &str, value: &str) -> Result<(), UriError> {
        match name {
            "module-path" => {
                set(&mut self.module_path, "module-path", text(value, "module-path")?.into())
            }
            "pin-source" => {
                let source = text(value, "pin-source")?;
                let file = source.strip_prefix("file:").unwrap_or(&source);
                let file = file.strip_prefix("//").unwrap_or(file);
                if !file.starts_with('/') {
                    let reason = "is not file: and an absolute path";
                    return Err(UriError::Value { attribute: "pin-source", reason });
                }
                self.set_pin("pin-source", PinSource::File(file.into()))
            }
            "pin-value" => {
                let pin = Pin::from(bytes(value, "pin-value")?);
                self.set_pin("pin-value", PinSource::Value(pin))
            }
            _ => Err(UriError::Unknown { number }),
        }
    }

    fn set_pin(&mut self, name: &'static str, pin: PinSource) -> Result<(), UriError> {
        match (&self.pin, &pin) {
            (Some(PinSource::File(_)), PinSource::Value(_))
            | (Some(PinSource::Value(_)), PinSource::File(_)) => Err(UriError::TwoPins),
            _ => set(&mut self.pin, name, pin),
        }
    }
}

impl FromStr for Pkcs11Uri {
    type Err = UriError;

    fn from_str(uri: &str) -> Result<Self, UriError> {
        let rest = uri.strip_prefix("pkcs11:").ok_or(UriError::Scheme)?;
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        let mut parsed = Self::default();
        let mut number = 0;
        for attribute in path.split(';').filter(|attribute| !attribute.is_empty()) {
            number += 1;
            let (name, value) = attribute.split_once('=').ok_or(UriError::Form { number })?;
            parsed.set_path(number, name, value)?;
        }
        for attribute in query.split('&').filter(|attribute| !attribute.is_empty()) {
            number += 1;
            let (name, value) = attribute.split_once('=').ok_or(UriError::Form { number })?;
            parsed.set_query(number, name, value)?;
        }
        Ok(parsed)
    }
}

/// The attributes that select the token and the object. Not those of the query, where a PIN may be.
impl fmt::Display for Pkcs11Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut attributes = Vec::new();
        for (name, value) in [
            ("token", &self.token),
            ("serial", &self.serial),
            ("manufacturer", &self.manufacturer),
            ("model", &self.model),
            ("object", &self.object),
        ] {
            if let Some(value) = value {
                attributes.push(format!("{name}={}", encoded(value.as_bytes())));
            }
        }
        if let Some(id) = &self.id {
            attributes.push(format!("id={}", encoded(id)));
        }
        if let Some(slot) = self.slot_id {
            attributes.push(format!("slot-id={slot}"));
        }
        match self.kind {
            Some(ObjectKind::PrivateKey) => attributes.push("type=private".to_owned()),
            Some(ObjectKind::Certificate) => attributes.push("type=cert".to_owned()),
            None => {}
        }
        write!(f, "pkcs11:{}", attributes.join(";"))
    }
}

#[cfg(unix)]
fn is_readable_by_all(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    const READ_BY_OTHERS: u32 = 0o004;
    let metadata = std::fs::metadata(file);
    metadata.is_ok_and(|metadata| metadata.permissions().mode() & READ_BY_OTHERS != 0)
}

#[cfg(not(unix))]
fn is_readable_by_all(_file: &Path) -> bool {
    false
}

fn set<T>(field: &mut Option<T>, name: &'static str, value: T) -> Result<(), UriError> {
    if field.is_some() {
        return Err(UriError::Twice(name));
    }
    *field = Some(value);
    Ok(())
}

fn text(value: &str, attribute: &'static str) -> Result<String, UriError> {
    let bytes = bytes(value, attribute)?;
    String::from_utf8(bytes.to_vec())
        .map_err(|_| UriError::Value { attribute, reason: "is not UTF-8" })
}

/// Decodes `%` and two digits (RFC 3986, section 2.1). The value may be a PIN: the capacity is reserved once, so that no
/// copy of it stays, and what was decoded before an error is wiped.
fn bytes(value: &str, attribute: &'static str) -> Result<Zeroizing<Vec<u8>>, UriError> {
    let mut decoded = Zeroizing::new(Vec::with_capacity(value.len()));
    let mut rest = value.as_bytes();
    loop {
        rest = match rest {
            [] => return Ok(decoded),
            [b'%', after @ ..] => {
                let (digits, after) = after.split_at_checked(2).unwrap_or((&[], after));
                let number = core::str::from_utf8(digits)
                    .ok()
                    .filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))
                    .and_then(|digits| u8::from_str_radix(digits, 16).ok());
                let reason = "has a % without two hexadecimal digits";
                decoded.push(number.ok_or(UriError::Value { attribute, reason })?);
                after
            }
            [byte, after @ ..] if byte.is_ascii_graphic() => {
                decoded.push(*byte);
                after
            }
            _ => {
                let reason =
                    "has a space or another character that must be written as % and two digits";
                return Err(UriError::Value { attribute, reason });
            }
        };
    }
}

fn encoded(bytes: &[u8]) -> String {
    let mut text = String::new();
    for byte in bytes {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(byte) {
            text.push(char::from(*byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Pkcs11Uri, UriError> {
        text.parse()
    }

    #[test]
    fn the_attributes_of_a_uri_are_decoded() {
        let uri = parse(
            "pkcs11:token=The%20token;serial=0a1b;manufacturer=M;model=X;slot-id=7;object=my-key;id=%69%95%3e;\
             type=private?module-path=/usr/lib/m.so&pin-source=file:/etc/pin",
        )
        .unwrap();
        assert_eq!(uri.token.as_deref(), Some("The token"));
        assert_eq!(uri.serial.as_deref(), Some("0a1b"));
        assert_eq!(uri.slot_id, Some(7));
        assert_eq!(uri.id.as_deref(), Some(&[0x69, 0x95, 0x3e][..]));
        assert_eq!(uri.kind, Some(ObjectKind::PrivateKey));
        assert_eq!(uri.module_path, Some("/usr/lib/m.so".into()));
        assert!(matches!(&uri.pin, Some(PinSource::File(file)) if file.as_os_str() == "/etc/pin"));
        assert_eq!(
            uri.to_string(),
            "pkcs11:token=The%20token;serial=0a1b;manufacturer=M;model=X;object=my-key;id=i%95%3E;slot-id=7;\
             type=private"
        );
    }

    #[test]
    fn what_is_not_understood_is_refused_and_no_error_has_the_value() {
        let value = |attribute, reason| UriError::Value { attribute, reason };
        for (text, error) in [
            ("file:token=a", UriError::Scheme),
            ("pkcs11:tokenhunter2", UriError::Form { number: 1 }),
            ("pkcs11:token=a;x-hunter2=1", UriError::Unknown { number: 2 }),
            ("pkcs11:pin-value=hunter2", UriError::Unknown { number: 1 }),
            ("pkcs11:?token=hunter2", UriError::Unknown { number: 1 }),
            ("pkcs11:token=a;token=hunter2", UriError::Twice("token")),
            ("pkcs11:?pin-value=hunter2&pin-value=hunter2", UriError::Twice("pin-value")),
            ("pkcs11:?pin-value=hunter2&pin-source=/a", UriError::TwoPins),
            ("pkcs11:?pin-source=/a&pin-value=hunter2", UriError::TwoPins),
            (
                "pkcs11:?pin-value=hunter2%4",
                value("pin-value", "has a % without two hexadecimal digits"),
            ),
            ("pkcs11:token=%+1", value("token", "has a % without two hexadecimal digits")),
            ("pkcs11:token=%ff", value("token", "is not UTF-8")),
            ("pkcs11:slot-id=-1", value("slot-id", "is not a number")),
            ("pkcs11:type=secret-key", value("type", "is neither private nor cert")),
            (
                "pkcs11:?pin-source=hunter2",
                value("pin-source", "is not file: and an absolute path"),
            ),
            (
                "pkcs11:?pin-source=%7Chunter2",
                value("pin-source", "is not file: and an absolute path"),
            ),
        ] {
            let found = parse(text).unwrap_err();
            assert_eq!(found, error, "{text}");
            assert!(!format!("{found} {found:?}").contains("hunter2"), "{text}");
        }
        assert!(parse("pkcs11:token=a b").is_err());
    }

    #[test]
    fn neither_debug_output_nor_text_has_the_pin() {
        let uri = parse("pkcs11:token=a?pin-value=hunter2").unwrap();
        assert!(matches!(&uri.pin, Some(PinSource::Value(pin)) if pin.bytes() == b"hunter2"));
        assert!(!format!("{uri} {uri:?}").contains("hunter2"));
    }
}
