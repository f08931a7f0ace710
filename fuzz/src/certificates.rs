//! Certificates for the targets `chain` and `names`: written by hand, with signatures that are
//! believed, so that everything that an authority could sign reaches the checks behind signatures.

use std::cell::Cell;
use std::net::IpAddr;
use std::time::Duration;

use handclasp::TrustAnchors;
use handclasp::certificate::{
    CertificateError, ChainRequest, EndEntity, PathLimits, Profile, Purpose, ReferenceIdentifier,
    VerifiedPath, verify_chain,
};
use handclasp::pki_types::{
    AlgorithmIdentifier, CertificateDer, Der, InvalidSignature, ServerName,
    SignatureVerificationAlgorithm, TrustAnchor, UnixTime, alg_id,
};

use crate::Input;

/// Noon on 2026-07-30, when the certificates that [`Template`] writes are valid.
pub const NOW: u64 = 1_785_412_800;
/// As many intermediates as a path may have.
const FEW: usize = 6;
/// More words than this is too much for a log.
const LONGEST_ERROR: usize = 16_384;

thread_local! {
    static SIGNATURES: Cell<usize> = const { Cell::new(0) };
}

/// Takes every signature that does not end in 0xff.
#[derive(Debug)]
struct Believer;

impl SignatureVerificationAlgorithm for Believer {
    fn verify_signature(
        &self,
        _: &[u8],
        _: &[u8],
        signature: &[u8],
    ) -> Result<(), InvalidSignature> {
        SIGNATURES.set(SIGNATURES.get() + 1);
        if signature.last() == Some(&0xff) { Err(InvalidSignature) } else { Ok(()) }
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        alg_id::ECDSA_P256
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        alg_id::ECDSA_SHA256
    }
}

/// The one algorithm of these certificates.
pub static BELIEVER: &dyn SignatureVerificationAlgorithm = &Believer;

/// The generator of P-256: the leaf's key must be a point of the curve. The others' are not looked
/// at.
const POINT: [u8; 64] = [
    0x6b, 0x17, 0xd1, 0xf2, 0xe1, 0x2c, 0x42, 0x47, 0xf8, 0xbc, 0xe6, 0xe5, 0x63, 0xa4, 0x40, 0xf2,
    0x77, 0x03, 0x7d, 0x81, 0x2d, 0xeb, 0x33, 0xa0, 0xf4, 0xa1, 0x39, 0x45, 0xd8, 0x98, 0xc2, 0x96,
    0x4f, 0xe3, 0x42, 0xe2, 0xfe, 0x1a, 0x7f, 0x9b, 0x8e, 0xe7, 0xeb, 0x4a, 0x7c, 0x0f, 0x9e, 0x16,
    0x2b, 0xce, 0x33, 0x57, 0x6b, 0x31, 0x5e, 0xce, 0xcb, 0xb6, 0x40, 0x68, 0x37, 0xbf, 0x51, 0xf5,
];

/// An element of DER with these contents.
pub fn der(tag: u8, contents: &[&[u8]]) -> Vec<u8> {
    let contents = contents.concat();
    let length = contents.len();
    let mut out = vec![tag];
    match u8::try_from(length) {
        Ok(short) if short < 0x80 => out.push(short),
        Ok(byte) => out.extend([0x81, byte]),
        Err(_) => {
            let length = u16::try_from(length).expect("certificates are short");
            out.push(0x82);
            out.extend(length.to_be_bytes());
        }
    }
    out.extend(contents);
    out
}

fn name(common_name: &str) -> Vec<u8> {
    let attribute = der(0x30, &[&[6, 3, 0x55, 4, 3], &der(0x0c, &[common_name.as_bytes()])]);
    der(0x30, &[&der(0x31, &[&attribute])])
}

fn spki(key: u8) -> Vec<u8> {
    let algorithm = der(0x30, &[alg_id::ECDSA_P256.as_ref()]);
    let point = if key == 1 { POINT } else { [key; 64] };
    der(0x30, &[&algorithm, &der(3, &[&[0, 4], &point])])
}

/// An extension of the arc 2.5.29.
pub fn extension(number: u8, critical: bool, value: &[u8]) -> Vec<u8> {
    let critical: &[u8] = if critical { &[1, 1, 0xff] } else { &[] };
    der(0x30, &[&[6, 3, 0x55, 0x1d, number], critical, &der(4, &[value])])
}

/// What a certificate says.
pub struct Template<'a> {
    pub subject: &'a str,
    pub issuer: &'a str,
    /// What the public key consists of.
    pub key: u8,
    pub version: u8,
    /// Contents of the serial number; without them, one that goes with the key.
    pub serial: Option<Vec<u8>>,
    pub not_after: &'a str,
    pub extensions: Vec<Vec<u8>>,
}

impl Default for Template<'_> {
    fn default() -> Self {
        Self {
            subject: "leaf",
            issuer: "root",
            key: 1,
            version: 2,
            serial: None,
            not_after: "270101000000Z",
            extensions: Vec::new(),
        }
    }
}

impl Template<'_> {
    /// An authority that says so. All have the same key identifier.
    pub fn authority(subject: &'static str, issuer: &'static str, key: u8) -> Self {
        let extensions = vec![
            extension(19, true, &der(0x30, &[&[1, 1, 0xff]])),
            extension(15, true, &[3, 2, 1, 6]),
            extension(14, false, &der(4, &[&[0; 20]])),
            extension(35, false, &der(0x30, &[&der(0x80, &[&[0; 20]])])),
        ];
        Self { subject, issuer, key, extensions, ..Self::default() }
    }

    /// A server's certificate for `example.com`.
    pub fn server(issuer: &'static str) -> Self {
        let extensions = vec![
            extension(17, false, &der(0x30, &[&der(0x82, &[b"example.com"])])),
            extension(37, false, &der(0x30, &[&[6, 8, 0x2b, 6, 1, 5, 5, 7, 3, 1]])),
            extension(15, true, &[3, 2, 7, 0x80]),
            extension(35, false, &der(0x30, &[&der(0x80, &[&[0; 20]])])),
        ];
        Self { issuer, extensions, ..Self::default() }
    }

    pub fn encode(&self) -> CertificateDer<'static> {
        let algorithm = der(0x30, &[alg_id::ECDSA_SHA256.as_ref()]);
        let validity =
            [der(0x17, &[b"260101000000Z".as_slice()]), der(0x17, &[self.not_after.as_bytes()])]
                .concat();
        let extensions = self.extensions.concat();
        let extensions = match self.version {
            2 => der(0xa3, &[&der(0x30, &[&extensions])]),
            _ => Vec::new(),
        };
        let serial = [0x51, self.key, 3, 4, 5, 6, 7, 8, 9];
        let signed = der(
            0x30,
            &[
                &der(0xa0, &[&[2, 1, self.version]]),
                &der(2, &[self.serial.as_deref().unwrap_or(&serial)]),
                &algorithm,
                &name(self.issuer),
                &der(0x30, &[&validity]),
                &name(self.subject),
                &spki(self.key),
                &extensions,
            ],
        );
        der(0x30, &[&signed, &algorithm, &[3, 3, 0, 1, 2]]).into()
    }
}

/// A question in both profiles, with what must hold for every answer.
struct Question<'a> {
    end_entity: &'a CertificateDer<'a>,
    intermediates: Vec<CertificateDer<'a>>,
    anchors: TrustAnchors,
    purpose: Purpose,
    names: &'a [ReferenceIdentifier<'a>],
    limits: PathLimits,
}

type Verified = Result<VerifiedPath, CertificateError>;

impl Question<'_> {
    /// The results in the default and the strict profile.
    fn ask(mut self) -> [Verified; 2] {
        let results = [self.verify(Profile::Default), self.verify(Profile::Strict)];
        // So few use up no limit: the result of a search that was cut short may differ.
        if self.limits == PathLimits::DEFAULT && self.intermediates.len() <= FEW {
            let [default, strict] = &results;
            assert!(
                default.is_ok() || strict.is_err(),
                "the strict profile takes what the default one refuses"
            );
            self.intermediates.reverse();
            let again = self.verify(Profile::Default);
            assert_eq!(default.is_ok(), again.is_ok(), "the order of the intermediates counts");
        }
        results
    }

    fn verify(&self, profile: Profile) -> Verified {
        SIGNATURES.set(0);
        let algorithms = [BELIEVER];
        let mut request = ChainRequest::new(
            self.end_entity,
            &self.intermediates,
            &self.anchors,
            self.purpose,
            self.names,
            UnixTime::since_unix_epoch(Duration::from_secs(NOW)),
            &algorithms,
        );
        request.profile = profile;
        request.limits = self.limits;
        let result = verify_chain(&request);
        assert!(SIGNATURES.get() <= self.limits.signature_checks, "more signatures than allowed");
        match &result {
            Ok(path) => {
                assert!(EndEntity::parse(self.end_entity).is_ok());
                // The depth does not count the self-issued; each of them took a signature.
                assert!(path.subjects().len() <= SIGNATURES.get() + 1);
                assert_printable(&path.to_string());
            }
            Err(error) => assert_printable(&error.to_string()),
        }
        result
    }
}

fn assert_printable(words: &str) {
    assert!(words.len() <= LONGEST_ERROR, "{} bytes of words", words.len());
    assert!(words.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{words:?}");
}

/// Anchors that are always there: two roots, one of them for `example.com` alone.
pub fn anchors() -> TrustAnchors {
    let mut anchors = TrustAnchors::new();
    let permitted = der(0x30, &[&der(0xa0, &[&der(0x30, &[&der(0x82, &[b"example.com"])])])]);
    for (number, subject) in (100..).zip(["root", "narrow root"]) {
        let (subject, spki) = (name(subject), spki(number));
        let anchor = TrustAnchor {
            subject: Der::from_slice(&subject),
            subject_public_key_info: Der::from_slice(&spki),
            name_constraints: (number == 101).then(|| Der::from_slice(&permitted)),
        };
        anchors.add_anchor(anchor).expect("it is well formed");
    }
    anchors
}

/// The target `chain`: a byte of choices, then certificates, each after two bytes of length. The
/// first is the peer's; the last is trusted too, where the input says so.
pub fn chain(data: &[u8]) {
    let mut input = Input(data);
    let choices = input.byte();
    let mut certificates = Vec::new();
    while !input.0.is_empty() {
        let length = input.word().min(input.0.len());
        let (certificate, rest) = input.0.split_at(length);
        input.0 = rest;
        certificates.push(CertificateDer::from(certificate));
    }
    let mut anchors = anchors();
    if let (true, Some(last)) = (choices & 1 != 0, certificates.last()) {
        let _ = anchors.add(last.clone());
    }
    let Some((end_entity, intermediates)) = certificates.split_first() else { return };
    let name = ServerName::try_from("example.com").expect("it is a name").into();
    let mut limits = PathLimits::DEFAULT;
    if choices & 2 != 0 {
        limits.depth = 2;
        limits.signature_checks = 4;
        limits.name_comparisons = 8;
        limits.intermediates = 5;
        limits.candidates = 6;
    }
    let question = Question {
        end_entity,
        intermediates: intermediates.to_vec(),
        anchors,
        purpose: [Purpose::Server, Purpose::Client, Purpose::Any]
            [usize::from(choices >> 2 & 3) % 3],
        names: if choices & 32 == 0 { core::slice::from_ref(&name) } else { &[] },
        limits,
    };
    let _ = question.ask();
}

/// A GeneralName of the input's choosing: its kind and its bytes.
pub type GeneralName<'a> = (u8, &'a [u8]);

const EMAIL: u8 = 1;
const DNS: u8 = 2;
const IP: u8 = 7;

fn general_names<'a>(input: &mut Input<'a>) -> Vec<GeneralName<'a>> {
    let count = input.byte() % 4;
    (0..count).map(|_| (input.byte() % 9, input.bytes())).collect()
}

fn encode((kind, bytes): &GeneralName<'_>) -> Vec<u8> {
    // otherName, x400Address, directoryName and ediPartyName are structures.
    let constructed = if [0, 3, 4, 5].contains(kind) { 0x20 } else { 0 };
    der(0x80 | constructed | kind, &[bytes])
}

fn subtrees(tag: u8, names: &[GeneralName<'_>]) -> Vec<u8> {
    let trees: Vec<_> = names.iter().map(|name| der(0x30, &[&encode(name)])).collect();
    if trees.is_empty() { Vec::new() } else { der(tag, &[&trees.concat()]) }
}

/// The target `names`: a reference identifier, the names of a certificate, and the constraints of
/// its issuer. What is accepted must be right by the plainest reading of the rules.
pub fn names(data: &[u8]) {
    let mut input = Input(data);
    let Ok(text) = core::str::from_utf8(input.bytes()) else { return };
    let presented = general_names(&mut input);
    let (permitted, excluded) = (general_names(&mut input), general_names(&mut input));
    let reference = match ServerName::try_from(text) {
        Ok(name) => ReferenceIdentifier::Server(name),
        Err(_) => ReferenceIdentifier::Email(text),
    };
    let mut leaf = Template::server("issuer");
    let encoded: Vec<_> = presented.iter().map(encode).collect();
    leaf.extensions[0] = extension(17, false, &der(0x30, &[&encoded.concat()]));
    let mut issuer = Template::authority("issuer", "root", 2);
    if !permitted.is_empty() || !excluded.is_empty() {
        let trees = [subtrees(0xa0, &permitted), subtrees(0xa1, &excluded)].concat();
        issuer.extensions.push(extension(30, true, &der(0x30, &[&trees])));
    }
    let leaf = leaf.encode();
    let question = Question {
        end_entity: &leaf,
        intermediates: vec![issuer.encode()],
        anchors: anchors(),
        purpose: Purpose::Server,
        names: core::slice::from_ref(&reference),
        limits: PathLimits::DEFAULT,
    };
    let results = question.ask();
    if let (ReferenceIdentifier::Server(_), Ok(path)) = (&reference, &results[0]) {
        assert!(path.end_entity.valid_for(&reference));
    }
    if results.iter().all(Result::is_err) {
        return;
    }
    assert!(presented.iter().any(|name| stands_for(name, &reference)), "no name matches");
    for name in &presented {
        let same_kind = |it: &&GeneralName<'_>| it.0 == name.0;
        let mut trees = permitted.iter().filter(same_kind).peekable();
        assert!(
            trees.peek().is_none() || trees.any(|tree| within(name, tree) != Some(false)),
            "{name:?} is not among what is permitted"
        );
        let mut trees = excluded.iter().filter(same_kind);
        assert!(!trees.any(|tree| within(name, tree) == Some(true)), "{name:?} is excluded");
    }
}

/// Whether a name matches by RFC 9525, section 6.
fn stands_for((kind, bytes): &GeneralName<'_>, reference: &ReferenceIdentifier<'_>) -> bool {
    match reference {
        ReferenceIdentifier::Server(ServerName::DnsName(name)) if *kind == DNS => {
            let name = name.as_ref().trim_end_matches('.').as_bytes();
            let host = name.iter().position(|byte| *byte == b'.').map(|dot| &name[dot..]);
            bytes.eq_ignore_ascii_case(name)
                || bytes
                    .strip_prefix(b"*")
                    .is_some_and(|rest| host.is_some_and(|host| host.eq_ignore_ascii_case(rest)))
        }
        ReferenceIdentifier::Server(ServerName::IpAddress(address)) if *kind == IP => {
            match IpAddr::from(*address) {
                IpAddr::V4(address) => *bytes == address.octets(),
                IpAddr::V6(address) => *bytes == address.octets(),
            }
        }
        ReferenceIdentifier::Email(address) if *kind == EMAIL => {
            bytes.eq_ignore_ascii_case(address.as_bytes())
        }
        _ => false,
    }
}

/// Whether a name is within a subtree (RFC 5280, section 4.2.1.10), where that is beyond doubt.
fn within((kind, name): &GeneralName<'_>, (_, tree): &GeneralName<'_>) -> Option<bool> {
    match *kind {
        DNS if tree.first().is_none_or(u8::is_ascii_alphanumeric) => {
            let (name, tree) = (name.to_ascii_lowercase(), tree.to_ascii_lowercase());
            let labels = name.strip_suffix(tree.as_slice())?;
            Some(tree.is_empty() || labels.is_empty() || labels.ends_with(b"."))
        }
        IP if tree.len() == name.len() * 2 => {
            let (base, mask) = tree.split_at(name.len());
            let mut bytes = name.iter().zip(base).zip(mask);
            Some(bytes.all(|((name, base), mask)| name & mask == base & mask))
        }
        _ => None,
    }
}
