//! Names of groups, cipher suites and signature schemes, as options have them.

use std::fmt::Display;

use handclasp::crypto::CryptoProvider;
use handclasp::registry::{CipherSuiteId, NamedGroup, SignatureScheme};

/// A group that the provider has.
pub fn group(name: &str) -> Result<NamedGroup, String> {
    find(name, "group", CryptoProvider::default().groups.iter().map(|group| group.name()))
}

/// A cipher suite that the provider has.
pub fn cipher_suite(name: &str) -> Result<CipherSuiteId, String> {
    find(name, "cipher suite", CryptoProvider::default().cipher_suites.iter().map(|it| it.id))
}

/// A signature scheme that the provider verifies.
pub fn signature_scheme(name: &str) -> Result<SignatureScheme, String> {
    find(name, "signature scheme", CryptoProvider::default().signatures.schemes())
}

/// The one with this name, without regard to case. The error lists all names.
fn find<T: Copy + Display>(
    name: &str,
    kind: &str,
    known: impl Iterator<Item = T>,
) -> Result<T, String> {
    let mut names = Vec::new();
    for code in known {
        let registered = code.to_string();
        if registered.eq_ignore_ascii_case(name.trim()) {
            return Ok(code);
        }
        names.push(registered);
    }
    Err(format!("there is no such {kind}; there are {}", names.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_without_regard_to_case() {
        assert_eq!(group("X25519"), Ok(NamedGroup::X25519));
        assert_eq!(group(" secp256r1"), Ok(NamedGroup::SECP256R1));
        let suite = cipher_suite("tls_aes_128_gcm_sha256");
        assert_eq!(suite, Ok(CipherSuiteId::TLS_AES_128_GCM_SHA256));
        assert_eq!(signature_scheme("ed25519"), Ok(SignatureScheme::ED25519));
    }

    #[test]
    fn an_unknown_name_gets_the_list_of_names() {
        assert!(group("p256").unwrap_err().contains("x25519, secp256r1"));
        assert!(cipher_suite("AES").unwrap_err().contains("TLS_AES_128_GCM_SHA256"));
        assert!(signature_scheme("rsa").unwrap_err().contains("rsa_pss_rsae_sha256"));
    }
}
