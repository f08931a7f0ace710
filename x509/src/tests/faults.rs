//! Structural faults: the error of each has its field and its byte.

use super::*;

/// The fields of a TBSCertificate, in their order.
const FIELDS: [&str; 8] = [
    "version",
    "serialNumber",
    "signature",
    "issuer",
    "validity",
    "subject",
    "subjectPublicKeyInfo",
    "list of extensions",
];

/// A certificate as the fields of its signed part, and the rest.
struct Parts {
    fields: Vec<Vec<u8>>,
    after: Vec<u8>,
}

impl Parts {
    fn new() -> Self {
        let der = leaf_params().self_signed(&key()).unwrap().der().to_vec();
        let contents = der::only(&der, der::SEQUENCE).unwrap();
        let tbs = der::elements(contents).unwrap()[0];
        let fields = der::elements(tbs.contents).unwrap();
        Self {
            fields: fields.iter().map(|field| field.whole.to_vec()).collect(),
            after: contents[tbs.whole.len()..].to_vec(),
        }
    }

    fn certificate(&self) -> Vec<u8> {
        let tbs = der::wrap(der::SEQUENCE, &self.fields.concat());
        der::wrap(der::SEQUENCE, &[tbs, self.after.clone()].concat())
    }

    /// The error for the certificate with this in the place of a field, and the byte at which the field
    /// begins.
    fn said_with(&self, field: usize, replacement: &[u8]) -> (String, usize) {
        let mut fields = self.fields.clone();
        fields[field] = replacement.to_vec();
        let before: usize = fields[..field].iter().map(Vec::len).sum();
        let changed = Self { fields, after: self.after.clone() };
        let der = changed.certificate();
        let contents = der::only(&der, der::SEQUENCE).unwrap();
        let header = |whole: &[u8], inner: &[u8]| whole.len() - inner.len();
        let tbs = der::elements(contents).unwrap()[0];
        let start = header(&der, contents) + header(tbs.whole, tbs.contents) + before;
        (said(&der), start)
    }
}

fn said(der: &[u8]) -> String {
    match EndEntity::parse(&CertificateDer::from(der)) {
        Ok(_) => "nothing".to_owned(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn a_field_of_another_kind_is_named_with_its_byte() {
    let parts = Parts::new();
    let octets = der::wrap(der::OCTET_STRING, b"no");
    for (index, field) in FIELDS.iter().enumerate() {
        let (said, start) = parts.said_with(index, &octets);
        // What may be left out is not missed: the next field is.
        let missed = match *field {
            "version" => "serialNumber",
            "list of extensions" => "tbsCertificate",
            field => field,
        };
        assert!(said.contains(&format!("its {missed} ")), "{field}: {said}");
        assert!(said.contains(&format!("at byte {start} of ")), "{field} at {start}: {said}");
    }
}

#[test]
fn what_is_inside_of_a_field_is_named_with_its_byte() {
    let parts = Parts::new();
    let sequence = |contents: &[u8]| der::wrap(der::SEQUENCE, contents);
    let time = |text: &[u8]| der::wrap(der::UTC_TIME, text);
    let good = time(b"260101000000Z");
    let oid = der::wrap(der::OBJECT_IDENTIFIER, &[0x2a, 3]);
    let extensions = |list: &[u8]| der::wrap(der::constructed(3), &sequence(list));
    for (field, replacement, inside, words) in [
        (0, der::wrap(der::constructed(0), &[4, 1, 2]), 2, "its version is missing"),
        (0, der::wrap(der::constructed(0), &[2, 1, 0xff]), 4, "its version is not a positive"),
        (2, sequence(&[5, 0]), 2, "its signature's algorithm is missing"),
        (3, sequence(&[5, 0]), 2, "its issuer is not a Name"),
        (4, sequence(&time(b"261301000000Z")), 2, "its notBefore is no time that there is"),
        (4, sequence(&good), 17, "its notAfter is missing"),
        (4, sequence(&[&good[..], &good, &good].concat()), 32, "15 bytes more than belong"),
        (5, sequence(&der::wrap(der::SET, &[5, 0])), 2, "its subject is not a Name"),
        (6, sequence(&sequence(&oid)), 8, "its subjectPublicKey is missing"),
        (
            6,
            sequence(&[sequence(&oid), vec![3, 1, 1]].concat()),
            8,
            "subjectPublicKey does not end",
        ),
        (7, extensions(&octet()), 4, "its extension 1 is missing"),
        (7, extensions(&sequence(&octet())), 4, "its extension 1 is not an object identifier"),
    ] {
        let (said, start) = parts.said_with(field, &replacement);
        assert!(said.contains(words), "{words}: {said}");
        assert!(said.contains(&format!("at byte {} of ", start + inside)), "{words}: {said}");
    }
}

fn octet() -> Vec<u8> {
    der::wrap(der::OCTET_STRING, &[0])
}

#[test]
fn what_is_around_the_fields_is_named() {
    let der = Parts::new().certificate();
    let length = der.len();
    let with = |bytes: &[u8]| [&der[..], bytes].concat();
    assert!(said(&with(&[0, 0])).contains(&format!("2 bytes after its end, at byte {length} of")));
    assert!(said(&der[..length - 1]).contains("its Certificate has a length"), "{}", said(&der));
    assert!(said(&[]).contains("its Certificate is missing"), "{}", said(&[]));
    let text = said(b"-----BEGIN CERTIFICATE-----");
    assert!(text.contains("there is an OCTET") || text.contains("the tag 0x2d"), "{text}");
}

#[test]
fn every_fault_has_its_place() {
    let der = Parts::new().certificate();
    for index in 0..der.len() {
        for flip in [0x01, 0x20, 0x80] {
            let mut changed = der.clone();
            changed[index] ^= flip;
            let said = said(&changed);
            if said == "nothing" {
                continue;
            }
            let place = said.rsplit_once(", at byte ").map(|(_, place)| place);
            let numbers = place.and_then(|place| place.split_once(" of "));
            let (at, of) = numbers.unwrap_or_else(|| panic!("no place in {said:?}"));
            let (at, of): (usize, usize) = (at.parse().unwrap(), of.parse().unwrap());
            assert!(at <= of && of == der.len(), "{said}");
        }
    }
}
