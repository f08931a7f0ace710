//! The rules that a path is held to: each with its code, its source and the profile it belongs to.

use core::fmt;

use super::error::CertificateErrorKind;
use super::request::Profile;

macro_rules! rules {
    ($($variant:ident $profile:ident $code:literal $source:literal $sentence:literal;)*) => {
        /// A rule that certificates are held to. The table is in the documentation of the
        /// [module](super).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Rule {
            $(#[doc = $sentence] $variant,)*
        }

        impl Rule {
            /// Every rule, in the order of the table.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// A short name that stays the same over versions, for programs.
            pub const fn code(self) -> &'static str {
                match self { $(Self::$variant => $code),* }
            }

            /// Where the rule stands. RFC 5280, or the TLS Baseline Requirements (BR) of the
            /// CA/Browser Forum, with the section; seldom another.
            pub fn source(self) -> &'static str {
                match self { $(Self::$variant => $source),* }
            }

            /// The profile that the rule belongs to. The strict profile has those of the default
            /// one too.
            pub fn profile(self) -> Profile {
                match self { $(Self::$variant => Profile::$profile),* }
            }

            /// What the rule says.
            pub fn sentence(self) -> &'static str {
                match self { $(Self::$variant => $sentence),* }
            }
        }
    };
}

rules! {
    Malformed Default "malformed" "RFC 5280, 4.1"
        "A certificate is the DER of what the RFC defines, and so is each extension that is looked at.";
    Version Default "unsupported-version" "RFC 5280, 4.1.2.1"
        "The version is 3.";
    AlgorithmsAgree Default "algorithm-mismatch" "RFC 5280, 4.1.1.2"
        "The signed part and the signature name the same algorithm.";
    Algorithm Default "unsupported-algorithm" "RFC 5280, 6.1.3 (a)(1)"
        "The signature's algorithm and the issuer's key are among those that were given.";
    Signature Default "bad-signature" "RFC 5280, 6.1.3 (a)(1)"
        "The issuer's key made the signature.";
    NotBefore Default "not-yet-valid" "RFC 5280, 6.1.3 (a)(2)"
        "The time of the validation is not before notBefore.";
    NotAfter Default "expired" "RFC 5280, 6.1.3 (a)(2)"
        "The time of the validation is not after notAfter; the last second counts.";
    KnownExtensions Default "unknown-critical-extension" "RFC 5280, 4.2"
        "A critical extension is one that is processed, with all that it says: certificate policies have no qualifiers but CPS pointers and user notices, and TLS features none but status_request. Key identifiers and the authority information access are never critical (4.2.1.1, 4.2.1.2, 4.2.2.1).";
    IssuerIsCa Default "not-a-ca" "RFC 5280, 6.1.4 (k)"
        "Who issued a certificate says in its own that it is a CA.";
    PathLength Default "path-length-exceeded" "RFC 5280, 6.1.4 (l) and (m)"
        "No more CAs stand below a CA than its pathLenConstraint allows.";
    KeyUsage Default "wrong-key-usage" "RFC 5280, 6.1.4 (n); RFC 9846, 4.5.1.2"
        "A keyUsage that is there has keyCertSign in a CA's certificate, and digitalSignature in the end-entity certificate's. If that is a CA's, it is the handshake that asks for digitalSignature.";
    ExtendedKeyUsage Default "wrong-extended-key-usage" "RFC 5280, 4.2.1.12"
        "An extended key usage that is there allows the purpose; anyExtendedKeyUsage counts for CAs only.";
    NameConstraints Default "name-not-permitted" "RFC 5280, 4.2.1.10 and 6.1.3 (b) and (c)"
        "Every name of a certificate is one that the CAs above it may issue for. Names that are not well formed, or of a kind that cannot be compared, are not, if a CA has a constraint of their kind; nor are directory names that may be excluded ones, written in other characters.";
    ConstraintsParse Default "unsupported-constraint" "RFC 5280, 4.2.1.10"
        "Name constraints are well formed, and there is at least one.";
    Policies Default "policy-required" "RFC 5280, 6.1"
        "Where a CA or the request requires an explicit policy, one that the request accepts holds along the whole path. No policy is mapped to or from anyPolicy.";
    Name Default "name-mismatch" "RFC 9525, 6"
        "The end-entity certificate has the name that was asked for among its subject alternative names. The common name is none.";
    UsableKey Default "unsupported-key" "RFC 9846, 4.5.1.2"
        "The key of the end-entity certificate is of a kind and a size that one of the given algorithms verifies with.";
    ValidKey Default "invalid-key" "RFC 5480, 2.2; RFC 8017, 3.1; RFC 8032, 5.1.3"
        "The key of the end-entity certificate is an uncompressed point of its curve, or an odd RSA modulus with an odd exponent from 3 to 2^33 - 1.";
    ConstraintsOfCas Default "name-constraints-not-ca" "RFC 5280, 4.2.1.10"
        "Only a CA's certificate has name constraints.";
    IssuerName Default "empty-issuer" "RFC 5280, 4.1.2.4 and 4.1.2.6"
        "The issuer is not empty, and so no CA's subject is.";
    TimeForm Default "time-form" "RFC 5280, 4.1.2.5.1 and 4.1.2.5.2"
        "A time is a UTCTime or a GeneralizedTime with seconds, without fractions, in Zulu.";
    RsaSize Default "rsa-size" "BR 6.1.5"
        "The modulus of an RSA key has at least 2048 bits, and their number can be divided by 8.";

    CaAsEndEntity Strict "ca-used-as-end-entity" "BR 7.1.2.7.8"
        "The end-entity certificate is not a CA's.";
    SerialNumber Strict "invalid-serial-number" "RFC 5280, 4.1.2.2"
        "The serial number is positive, and has at most 20 octets (and perhaps one of zeros before them).";
    SerialOctets Strict "serial-octets" "RFC 5280, 4.1.2.2"
        "The serial number has at most 20 octets, one of zeros before them included.";
    TimeKind Strict "time-kind" "RFC 5280, 4.1.2.5"
        "A time to the end of 2049 is a UTCTime, and a later one a GeneralizedTime.";
    UniqueIdentifiers Strict "unique-identifiers" "RFC 5280, 4.1.2.8"
        "There are no unique identifiers of issuer or subject.";
    KeyKind Strict "key-kind" "BR 6.1.5 and 7.1.3.1"
        "The key is RSA, or ECDSA on P-256, P-384 or P-521 as a named curve.";
    RsaExponent Strict "rsa-exponent" "BR 6.1.6"
        "The exponent of an RSA key is odd, and at least 3.";
    SignatureHash Strict "signature-hash" "BR 7.1.3.2.2"
        "A P-256 key signs with SHA-256, a P-384 key with SHA-384.";
    AuthorityKey Strict "authority-key-identifier" "RFC 5280, 4.2.1.1"
        "Every certificate but a self-signed one has an authorityKeyIdentifier, and each of these a keyIdentifier.";
    AuthorityKeyNames Strict "authority-key-issuer" "BR 7.1.2.1.3 and 7.1.2.11.1"
        "The authorityKeyIdentifier has no authorityCertIssuer and no authorityCertSerialNumber.";
    AuthorityKeyMatches Strict "authority-key-mismatch" "BR 7.1.2.1.3 and 7.1.2.11.1"
        "The authorityKeyIdentifier is the subjectKeyIdentifier of the issuer.";
    SubjectKey Strict "subject-key-identifier" "RFC 5280, 4.2.1.2"
        "A CA's certificate has a subjectKeyIdentifier.";
    CaKeyUsage Strict "ca-key-usage" "RFC 5280, 4.2.1.3"
        "A CA's certificate has a keyUsage with keyCertSign.";
    EndEntityKeyUsage Strict "end-entity-key-usage" "RFC 5280, 4.2.1.9; BR 7.1.2.7.11"
        "A certificate that is not a CA's has no keyUsage with keyCertSign or cRLSign.";
    CaBasicConstraints Strict "ca-basic-constraints" "RFC 5280, 4.2.1.9"
        "A CA's certificate has basicConstraints that say so, and they are critical.";
    PathLengthOfCas Strict "path-length-not-ca" "RFC 5280, 4.2.1.9"
        "Only a CA's certificate has a pathLenConstraint.";
    CriticalConstraints Strict "name-constraints-critical" "RFC 5280, 4.2.1.10"
        "Name constraints are critical.";
    ConstraintForm Strict "name-constraint-form" "RFC 5280, 4.2.1.10"
        "A DNS name in name constraints has no dot in front.";
    EmptyExtendedKeyUsage Strict "empty-extended-key-usage" "RFC 5280, 4.2.1.12"
        "An extended key usage names at least one purpose.";
    EndEntityPurposes Strict "end-entity-purposes" "BR 7.1.2.7.6 and 7.1.2.7.10"
        "The end-entity certificate has an extended key usage that is not critical and without anyExtendedKeyUsage.";
    RootPurposes Strict "root-purposes" "BR 7.1.2.1.2"
        "A root has no extended key usage.";
    AlternativeNames Strict "subject-alternative-names" "RFC 5280, 4.2.1.6; BR 7.1.2.7.12"
        "The subject alternative names of the end-entity certificate are there, and not empty.";
    CriticalAlternativeNames Strict "subject-alternative-names-critical" "RFC 5280, 4.2.1.6; BR 7.1.2.7.12"
        "The subject alternative names are critical if the subject is empty, and only then.";
    NameForm Strict "name-form" "RFC 5280, 4.2.1.6; BR 7.1.2.7.12"
        "Subject alternative names are well formed; DNS names are letters, digits and hyphens, are no IP addresses, and have a wildcard as their whole left-most label only.";
    PublicSuffix Strict "public-suffix-wildcard" "BR 3.2.2.6"
        "No wildcard stands below a public suffix. Only those of one label, and the likes of co.uk, are recognised.";
    CommonName Strict "common-name" "BR 7.1.4.3"
        "A server has at most one common name, and it is one of the subject alternative names, character by character. A domain above one of its DNS names is let pass, and so is one beside IP addresses alone.";
    PolicyForm Strict "policy-form" "RFC 5280, 4.2.1.4"
        "No policy is asserted twice.";
    AuthorityAccess Strict "authority-information-access" "RFC 5280, 4.2.2.1; BR 7.1.2.7.7"
        "The authority information access is well formed, and not empty.";
    CriticalPolicies Strict "policy-constraints-critical" "RFC 5280, 4.2.1.11 and 4.2.1.14"
        "policyConstraints and inhibitAnyPolicy are critical, and not empty.";
    CrlNumber Strict "crl-number" "RFC 5280, 5.2.3"
        "A CRL has a CRLNumber, or clears no certificate.";
}

impl Rule {
    /// This rule is broken unless it `holds`; `found` says what there is instead.
    pub(super) fn check<S: Into<String>>(
        self,
        holds: bool,
        found: impl FnOnce() -> S,
    ) -> Result<(), CertificateErrorKind> {
        self.unless((!holds).then(found))
    }

    /// This rule is broken by what was `found`.
    pub(super) fn unless(
        self,
        found: Option<impl Into<String>>,
    ) -> Result<(), CertificateErrorKind> {
        match found {
            Some(found) => {
                Err(CertificateErrorKind::RuleBroken { rule: self, found: found.into() })
            }
            None => Ok(()),
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_table_in_the_documentation_is_the_table_of_the_code() {
        let mut table = "| Code | Profile | Source | Rule |\n|---|---|---|---|\n".to_owned();
        for rule in Rule::ALL {
            let profile = match rule.profile() {
                Profile::Default => "default",
                Profile::Strict => "strict",
            };
            let (code, source, sentence) = (rule.code(), rule.source(), rule.sentence());
            table += &format!("| `{code}` | {profile} | {source} | {sentence} |\n");
        }
        assert_eq!(include_str!("../rules.md"), table, "rules.md should be:\n{table}");
    }

    #[test]
    fn codes_are_unique_and_in_kebab_case() {
        let codes: BTreeSet<_> = Rule::ALL.iter().map(|rule| rule.code()).collect();
        assert_eq!(codes.len(), Rule::ALL.len());
        for code in codes {
            assert!(code.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-'), "{code}");
        }
    }
}
