//! The rules for a path. Each has a code, a source and a profile.

use core::fmt;

use super::profile::Profile;

macro_rules! rules {
    ($($variant:ident $profile:ident $code:literal $source:literal $sentence:literal;)*) => {
        /// A rule for certificates. The table is in the documentation of the [crate](crate).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Rule {
            $(#[doc = $sentence] $variant,)*
        }

        impl Rule {
            /// Every rule, in the order of the table.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// A short name for programs. It is the same in all versions.
            pub const fn code(self) -> &'static str {
                match self { $(Self::$variant => $code),* }
            }

            /// The source of the rule, with the section: usually RFC 5280 or the TLS Baseline
            /// Requirements (BR) of the CA/Browser Forum.
            pub fn source(self) -> &'static str {
                match self { $(Self::$variant => $source),* }
            }

            /// The profile that the rule belongs to. The strict profile also has the rules of the
            /// default profile.
            pub fn profile(self) -> Profile {
                match self { $(Self::$variant => Profile::$profile),* }
            }

            /// What the rule says.
            pub fn sentence(self) -> &'static str {
                match self { $(Self::$variant => $sentence),* }
            }

            /// The source, and what the rule says: a text for an error.
            #[inline(always)]
            pub const fn words(self) -> &'static str {
                match self { $(Self::$variant => concat!($source, ": ", $sentence)),* }
            }
        }
    };
}

rules! {
    Malformed Default "malformed" "RFC 5280, 4.1"
        "A certificate, and each of its extensions that is checked, is the DER of the structure that the RFC defines.";
    Version Default "unsupported-version" "RFC 5280, 4.1.2.1"
        "The version is 3.";
    AlgorithmsAgree Default "algorithm-mismatch" "RFC 5280, 4.1.1.2"
        "The signed part and the part beside the signature name the same algorithm.";
    Algorithm Default "unsupported-algorithm" "RFC 5280, 6.1.3 (a)(1)"
        "The signature's algorithm and the issuer's key are among the accepted ones.";
    Signature Default "bad-signature" "RFC 5280, 6.1.3 (a)(1)"
        "The issuer's key made the signature.";
    NotBefore Default "not-yet-valid" "RFC 5280, 6.1.3 (a)(2)"
        "The time of the validation is not before notBefore.";
    NotAfter Default "expired" "RFC 5280, 6.1.3 (a)(2)"
        "The time of the validation is not after notAfter; the last second counts.";
    KnownExtensions Default "unknown-critical-extension" "RFC 5280, 4.2"
        "Each critical extension is supported with all that it contains. Certificate policies only have CPS pointers and user notices as qualifiers, and the only TLS feature is status_request. Key identifiers and the authority information access are never critical (4.2.1.1, 4.2.1.2, 4.2.2.1).";
    IssuerIsCa Default "not-a-ca" "RFC 5280, 6.1.4 (k)"
        "The certificate of an issuer says that it is a CA.";
    PathLength Default "path-length-exceeded" "RFC 5280, 6.1.4 (l) and (m)"
        "A CA has no more CAs below it than its pathLenConstraint allows.";
    KeyUsage Default "wrong-key-usage" "RFC 5280, 6.1.4 (n); RFC 9846, 4.5.1.2"
        "If there is a keyUsage, it has keyCertSign in a CA's certificate and digitalSignature in the end-entity certificate. If the end-entity certificate is a CA's, only the handshake demands digitalSignature.";
    ExtendedKeyUsage Default "wrong-extended-key-usage" "RFC 5280, 4.2.1.12"
        "If there is an extended key usage, it allows the purpose. anyExtendedKeyUsage only counts in a CA's certificate.";
    NameConstraints Default "name-not-permitted" "RFC 5280, 4.2.1.10 and 6.1.3 (b) and (c)"
        "The CAs above a certificate may issue for each of its names. If a CA has a constraint for one kind of names, a name of that kind is refused if it is malformed, if it cannot be compared, or if it is a directory name that may be an excluded one in other characters.";
    ConstraintsParse Default "unsupported-constraint" "RFC 5280, 4.2.1.10"
        "Name constraints are well formed and not empty.";
    Policies Default "policy-required" "RFC 5280, 6.1"
        "If a CA or the request requires an explicit policy, a policy that the request accepts is valid along the whole path. No policy is mapped to or from anyPolicy.";
    Name Default "name-mismatch" "RFC 9525, 6"
        "The expected name matches a subject alternative name of the end-entity certificate. The common name does not count.";
    UsableKey Default "unsupported-key" "RFC 9846, 4.5.1.2"
        "One of the accepted algorithms verifies with a key of the kind and size of the end-entity certificate's.";
    ValidKey Default "invalid-key" "RFC 5480, 2.2; RFC 8017, 3.1; RFC 8032, 5.1.3"
        "The key of the end-entity certificate is an uncompressed point of its curve, or an odd RSA modulus with an odd exponent from 3 to 2^33 - 1.";
    ConstraintsOfCas Default "name-constraints-not-ca" "RFC 5280, 4.2.1.10"
        "Only a CA's certificate has name constraints.";
    IssuerName Default "empty-issuer" "RFC 5280, 4.1.2.4 and 4.1.2.6"
        "The issuer is not empty, so the subject of a CA is not empty either.";
    TimeForm Default "time-form" "RFC 5280, 4.1.2.5.1 and 4.1.2.5.2"
        "A time is a UTCTime or a GeneralizedTime with seconds, without fractions, in Zulu.";
    MlDsaKeyUsage Default "ml-dsa-key-usage" "RFC 9881, 5"
        "If there is a keyUsage beside an ML-DSA key, it allows signatures of some kind, and neither encryption nor key agreement.";
    RsaSize Default "rsa-size" "BR 6.1.5"
        "The modulus of an RSA key has at least 2048 bits, and the number of its bits is a multiple of 8.";

    CaAsEndEntity Strict "ca-used-as-end-entity" "BR 7.1.2.7.8"
        "The end-entity certificate is not a CA's.";
    SerialNumber Strict "invalid-serial-number" "RFC 5280, 4.1.2.2"
        "The serial number is positive and has at most 20 octets. A leading octet of zero is not counted.";
    SerialOctets Strict "serial-octets" "RFC 5280, 4.1.2.2"
        "The serial number has at most 20 octets. A leading octet of zero is counted.";
    TimeKind Strict "time-kind" "RFC 5280, 4.1.2.5"
        "A time up to the end of 2049 is a UTCTime, and a later one is a GeneralizedTime.";
    UniqueIdentifiers Strict "unique-identifiers" "RFC 5280, 4.1.2.8"
        "A certificate has no unique identifiers of issuer or subject.";
    KeyKind Strict "key-kind" "BR 6.1.5 and 7.1.3.1"
        "The key is RSA, or ECDSA on P-256, P-384 or P-521 as a named curve.";
    RsaExponent Strict "rsa-exponent" "BR 6.1.6"
        "The exponent of an RSA key is odd, and at least 3.";
    SignatureHash Strict "signature-hash" "BR 7.1.3.2.2"
        "A P-256 key signs with SHA-256, a P-384 key with SHA-384, a P-521 key with SHA-512.";
    AuthorityKey Strict "authority-key-identifier" "RFC 5280, 4.2.1.1"
        "Every certificate that is not self-signed has an authorityKeyIdentifier. Every authorityKeyIdentifier has a keyIdentifier.";
    AuthorityKeyNames Strict "authority-key-issuer" "BR 7.1.2.1.3 and 7.1.2.11.1"
        "The authorityKeyIdentifier has no authorityCertIssuer and no authorityCertSerialNumber.";
    AuthorityKeyMatches Strict "authority-key-mismatch" "BR 7.1.2.1.3 and 7.1.2.11.1"
        "The authorityKeyIdentifier equals the subjectKeyIdentifier of the issuer.";
    SubjectKey Strict "subject-key-identifier" "RFC 5280, 4.2.1.2"
        "A CA's certificate has a subjectKeyIdentifier.";
    CaKeyUsage Strict "ca-key-usage" "RFC 5280, 4.2.1.3"
        "A CA's certificate has a keyUsage with keyCertSign.";
    EndEntityKeyUsage Strict "end-entity-key-usage" "RFC 5280, 4.2.1.9; BR 7.1.2.7.11"
        "A certificate that is not a CA's has no keyUsage with keyCertSign or cRLSign.";
    CaBasicConstraints Strict "ca-basic-constraints" "RFC 5280, 4.2.1.9"
        "A CA's certificate has basicConstraints with CA:TRUE, and they are critical.";
    PathLengthOfCas Strict "path-length-not-ca" "RFC 5280, 4.2.1.9"
        "Only a CA's certificate has a pathLenConstraint.";
    CriticalConstraints Strict "name-constraints-critical" "RFC 5280, 4.2.1.10"
        "Name constraints are critical.";
    ConstraintForm Strict "name-constraint-form" "RFC 5280, 4.2.1.10"
        "A DNS name in name constraints does not start with a dot.";
    EmptyExtendedKeyUsage Strict "empty-extended-key-usage" "RFC 5280, 4.2.1.12"
        "An extended key usage names at least one purpose.";
    EndEntityPurposes Strict "end-entity-purposes" "BR 7.1.2.7.6 and 7.1.2.7.10"
        "The end-entity certificate has an extended key usage. It is not critical and has no anyExtendedKeyUsage.";
    RootPurposes Strict "root-purposes" "BR 7.1.2.1.2"
        "A root has no extended key usage.";
    AlternativeNames Strict "subject-alternative-names" "RFC 5280, 4.2.1.6; BR 7.1.2.7.12"
        "The end-entity certificate has at least one subject alternative name.";
    CriticalAlternativeNames Strict "subject-alternative-names-critical" "RFC 5280, 4.2.1.6; BR 7.1.2.7.12"
        "The subject alternative names are critical if and only if the subject is empty.";
    NameForm Strict "name-form" "RFC 5280, 4.2.1.6; BR 7.1.2.7.12"
        "Subject alternative names are well formed. DNS names have only letters, digits and hyphens, and are not IP addresses. A wildcard is the whole left-most label.";
    PublicSuffix Strict "public-suffix-wildcard" "BR 3.2.2.6"
        "No wildcard is directly below a public suffix. Only suffixes of one label, and suffixes like co.uk, are recognized.";
    CommonName Strict "common-name" "BR 7.1.4.3"
        "A server's certificate has at most one common name. It equals a subject alternative name character by character, or it is a domain above one of the DNS names. If all names are IP addresses, it may be any name that is not an address.";
    PolicyForm Strict "policy-form" "RFC 5280, 4.2.1.4"
        "No policy is asserted twice.";
    AuthorityAccess Strict "authority-information-access" "RFC 5280, 4.2.2.1; BR 7.1.2.7.7"
        "The authority information access is well formed and not empty.";
    CriticalPolicies Strict "policy-constraints-critical" "RFC 5280, 4.2.1.11 and 4.2.1.14"
        "policyConstraints and inhibitAnyPolicy are critical and not empty.";
    CrlNumber Strict "crl-number" "RFC 5280, 5.2.3"
        "A CRL that shows that a certificate is not revoked has a CRLNumber.";
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
