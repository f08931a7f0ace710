//! Known answers of RFC 8448, section 3, and what holds for every way of cutting a stream.

use core::ops::RangeInclusive;

use arbtest::arbitrary::{self, Unstructured};
use arbtest::arbtest;

use super::*;
use crate::crypto::{CipherSuite, CryptoProvider, StaticOrArc};
use crate::registry::{ContentType, ProtocolVersion};

fn suite() -> StaticOrArc<CipherSuite> {
    CryptoProvider::default().cipher_suites[0].clone()
}

fn keys(key: &str, iv: &str) -> TrafficKeys {
    let iv: [u8; 12] = hex::decode(iv).unwrap().try_into().unwrap();
    TrafficKeys::new(&suite(), &hex::decode(key).unwrap(), &iv).unwrap()
}

struct Trace {
    key: &'static str,
    iv: &'static str,
    sequence: u64,
    content_type: ContentType,
    payload: &'static str,
    record: &'static str,
}

/// The client's Finished, data of both sides, and the server's close_notify.
const TRACES: [Trace; 4] = [
    Trace {
        key: "dbfaa693d1762c5b666af5d950258d01",
        iv: "5bd3c71b836e0b76bb73265f",
        sequence: 0,
        content_type: ContentType(22),
        payload: "14000020a8ec436d677634ae525ac1fcebe11a039ec17694fac6e98527b642f2edd5ce61",
        record: "170303003575ec4dc238cce60b298044a71e219c56cc77b0517fe9b93c7a4bfc44d87f38f80338ac\
         98fc46deb384bd1caeacab6867d726c40546",
    },
    Trace {
        key: "17422dda596ed5d9acd890e3c63f5051",
        iv: "5b78923dee08579033e523d9",
        sequence: 0,
        content_type: ContentType(23),
        payload: "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f2021222324252627\
         28292a2b2c2d2e2f3031",
        record: "1703030043a23f7054b62c94d0affafe8228ba55cbefacea42f914aa66bcab3f2b9819a8a5b46b39\
         5bd54a9a20441e2b62974e1f5a6292a2977014bd1e3deae63aeebb21694915e4",
    },
    Trace {
        key: "9f02283b6c9c07efc26bb9f2ac92e356",
        iv: "cf782b88dd83549aadf1e984",
        sequence: 1,
        content_type: ContentType(23),
        payload: "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f2021222324252627\
         28292a2b2c2d2e2f3031",
        record: "17030300432e937e11ef4ac740e538ad36005fc4a46932fc3225d05f82aa1b36e30efaf97d90e6df\
         fc602dcb501a59a8fcc49c4bf2e5f0a21c0047c2abf332540dd032e167c2955d",
    },
    Trace {
        key: "9f02283b6c9c07efc26bb9f2ac92e356",
        iv: "cf782b88dd83549aadf1e984",
        sequence: 2,
        content_type: ContentType(21),
        payload: "0100",
        record: "1703030013b58fd67166ebf599d24720cfbe7efa7a8864a9",
    },
];

#[test]
fn records_of_the_trace_are_sealed_and_opened_byte_for_byte() {
    for trace in TRACES {
        let (mut sealer, mut opener) = (Sealer::plaintext(), Opener::plaintext());
        sealer.install(keys(trace.key, trace.iv));
        opener.install(keys(trace.key, trace.iv));
        let mut seal = |content_type, content: &[u8]| {
            let mut out = Vec::new();
            sealer.seal(content_type, ProtocolVersion::TLS_1_2, content, &mut out).unwrap();
            out
        };
        // Earlier records of the same key, to reach the sequence number.
        for _ in 0..trace.sequence {
            opener.open(&mut seal(ContentType::APPLICATION_DATA, b"x")).unwrap();
        }
        let mut record = seal(trace.content_type, &hex::decode(trace.payload).unwrap());
        assert_eq!(hex::encode(&record), trace.record);
        let opened = opener.open(&mut record).unwrap().unwrap();
        assert_eq!(opened.content_type, trace.content_type);
        assert_eq!(hex::encode(opened.payload), trace.payload);
    }
}

fn pair() -> (Sealer, Opener) {
    let (mut sealer, mut opener) = (Sealer::plaintext(), Opener::plaintext());
    let (key, iv) = (TRACES[0].key, TRACES[0].iv);
    sealer.install(keys(key, iv));
    opener.install(keys(key, iv));
    (sealer, opener)
}

/// Random bytes, as many as a length of this range.
fn bytes(u: &mut Unstructured<'_>, lengths: RangeInclusive<usize>) -> arbitrary::Result<Vec<u8>> {
    let length = u.int_in_range(lengths)?;
    Ok(u.bytes(length)?.to_vec())
}

#[test]
fn however_the_stream_is_cut_the_same_content_comes_out() {
    arbtest(|u| {
        let mut writes = Vec::new();
        for _ in 0..u.int_in_range(0..=7)? {
            writes.push(bytes(u, 0..=299)?);
        }
        let mut pieces = Vec::new();
        for _ in 0..u.int_in_range(1..=19)? {
            pieces.push(u.int_in_range(1..=199_usize)?);
        }
        let (mut sealer, mut opener) = pair();
        let mut stream = Vec::new();
        for write in &writes {
            let version = ProtocolVersion::TLS_1_2;
            sealer.seal(ContentType::APPLICATION_DATA, version, write, &mut stream).unwrap();
        }
        let (mut buffer, mut content, mut rest) = (Vec::new(), Vec::new(), &stream[..]);
        for piece in pieces.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (now, later) = rest.split_at(rest.len().min(*piece));
            buffer.extend_from_slice(now);
            rest = later;
            while let Some(length) = next_record(&buffer).unwrap() {
                content.extend_from_slice(
                    opener.open(&mut buffer[..length]).unwrap().unwrap().payload,
                );
                buffer.drain(..length);
            }
        }
        assert!(buffer.is_empty());
        assert_eq!(content, writes.concat());
        Ok(())
    })
    .size_max(4096);
}

#[test]
fn records_out_of_order_or_twice_are_refused() {
    arbtest(|u| {
        let (first, second): (u8, u8) = u.arbitrary()?;
        let (mut sealer, mut opener) = pair();
        let mut seal = |byte: u8| {
            let mut out = Vec::new();
            let version = ProtocolVersion::TLS_1_2;
            sealer.seal(ContentType::APPLICATION_DATA, version, &[byte], &mut out).unwrap();
            out
        };
        let (one, two) = (seal(first), seal(second));
        assert!(opener.open(&mut two.clone()).is_err());
        opener.open(&mut one.clone()).unwrap();
        assert!(opener.open(&mut one.clone()).is_err());
        opener.open(&mut two.clone()).unwrap();
        Ok(())
    })
    .size_max(4096);
}

#[test]
fn arbitrary_bytes_never_panic() {
    arbtest(|u| {
        let mut bytes = bytes(u, 0..=199)?;
        let kind = u.int_in_range(19..=24)?;
        let keyed: bool = u.arbitrary()?;
        let mut opener = if keyed { pair().1 } else { Opener::plaintext() };
        let _ = parse_alert(&bytes);
        let _ = next_record(&bytes);
        let _ = opener.open(&mut bytes);
        if let Some(first) = bytes.first_mut() {
            *first = kind;
        }
        if let Ok(Some(length)) = next_record(&bytes) {
            assert!(length <= bytes.len());
        }
        let _ = opener.open(&mut bytes);
        Ok(())
    })
    .size_max(4096);
}
