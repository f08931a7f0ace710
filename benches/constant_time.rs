//! Does the time of a comparison tell what is compared? Each secret is compared with two classes of
//! wrong values, one wrong in its first byte and one in its last; Welch's t-test says whether their
//! times differ (the method of dudect: Reparaz, Balasch, Verbauwhede, 2017).
//!
//! |t| below 4.5 is noise, above 10 a difference. The last two rows are there to be found: a
//! comparison that stops at the first difference, and the padding of a record, whose length the
//! time may tell (RFC 9846, section 5.4).

use core::hint::black_box;
use core::time::Duration;
use std::sync::Arc;
use std::time::Instant;

use handclasp::config::{CookieProtector, HmacCookies};
use handclasp::crypto::{CryptoProvider, Secret};
use handclasp::pki_types::UnixTime;
use handclasp::record::{Opener, Sealer, TrafficKeys};
use handclasp::registry::{ContentType, ProtocolVersion};
use handclasp::session::{SessionStore, TicketKeys};

const SAMPLES: usize = 60_000;
/// Calls in one sample: a clock counts in steps that are longer than a call.
const CALLS: usize = 8;

fn main() {
    println!("comparison                                     |t|   seen");
    let secret: Vec<u8> = (0..32).map(|byte| byte * 7 + 1).collect();
    let kept = Secret::new(&secret).unwrap();
    test("Finished, binder (verify of a secret)", &wrong(&secret, 0), |value| {
        black_box(kept.verify(value));
    });

    let now = UnixTime::since_unix_epoch(Duration::from_secs(1_800_000_000));
    let cookies = HmacCookies::shared(&[7; 32], 60);
    let cookie = cookies.protect(&[1; 64], now).unwrap();
    test("cookie", &wrong(&cookie, cookie.len() - 32), |value| {
        black_box(cookies.open(value, now));
    });

    let tickets = TicketKeys::random(CryptoProvider::ring().random).unwrap();
    let ticket = tickets.put(&[1; 128], now).unwrap();
    test("ticket (tag)", &wrong(&ticket, ticket.len() - 16), |value| {
        black_box(tickets.take(value, now));
    });

    let record = seal(&[1; 256], 0);
    let mut opener = opener();
    test("record (tag)", &wrong(&record, record.len() - 16), |value| {
        black_box(opener.open(&mut value.to_vec()).is_err());
    });

    // To be found.
    test("(control: stops at the first difference)", &wrong(&[7; 64], 0), |value| {
        black_box(value.iter().zip(&[7; 64]).all(|(one, other)| black_box(one == other)));
    });
    let padded = [seal(&[1; 4096], 0), seal(&[1; 1], 4095)];
    test("(padding of a record: its length is told)", &padded, |value| {
        black_box(self::opener().open(&mut value.to_vec()).is_ok());
    });
}

/// The value with its first byte after `from` wrong, and with its last.
fn wrong(value: &[u8], from: usize) -> [Vec<u8>; 2] {
    [from, value.len() - 1].map(|at| {
        let mut wrong = value.to_vec();
        wrong[at] ^= 0x55;
        wrong
    })
}

fn keys() -> TrafficKeys {
    TrafficKeys::new(&CryptoProvider::ring().cipher_suites[0], &[1; 16], &[2; 12]).unwrap()
}

fn seal(content: &[u8], padding: usize) -> Vec<u8> {
    let mut sealer = Sealer::plaintext();
    sealer.install(keys());
    sealer.pad(Some(Arc::new(move |_, _| padding)));
    let mut out = Vec::new();
    let version = ProtocolVersion::TLS_1_2;
    sealer.seal(ContentType::APPLICATION_DATA, version, content, &mut out).unwrap();
    out
}

fn opener() -> Opener {
    let mut opener = Opener::plaintext();
    opener.install(keys());
    opener
}

/// Measures both classes in an order that looks random, and prints what came of it.
fn test(name: &str, classes: &[Vec<u8>; 2], mut compare: impl FnMut(&[u8])) {
    let mut times = [Vec::with_capacity(SAMPLES), Vec::with_capacity(SAMPLES)];
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    // The same place in memory for both.
    let mut value = classes[0].clone();
    for _ in 0..SAMPLES {
        // xorshift64
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let class = usize::from(state & 1 == 1);
        value.copy_from_slice(&classes[class]);
        let start = Instant::now();
        for _ in 0..CALLS {
            compare(black_box(&value));
        }
        times[class].push(start.elapsed().as_nanos() as f64);
    }
    // Long times are interrupts: the test is made without the longest 50, 10 and 2 %, too.
    let t = [1.0, 0.98, 0.9, 0.5].map(|share| welch(&crop(&times, share)).abs());
    let t = t.into_iter().fold(0.0, f64::max);
    let seen = match t {
        ..4.5 => "no difference",
        ..10.0 => "noise, or a small difference: run it again",
        _ => "a difference",
    };
    println!("{name:<44} {t:>6.1}   {seen}");
}

/// Both classes without what is longer than this share of all.
fn crop(times: &[Vec<f64>; 2], share: f64) -> [Vec<f64>; 2] {
    let mut all: Vec<f64> = times.iter().flatten().copied().collect();
    all.sort_by(f64::total_cmp);
    let limit = all[((all.len() - 1) as f64 * share) as usize];
    times.each_ref().map(|times| times.iter().copied().filter(|time| *time <= limit).collect())
}

/// Welch's t of two samples.
fn welch([one, other]: &[Vec<f64>; 2]) -> f64 {
    let moments = |sample: &Vec<f64>| {
        let count = sample.len() as f64;
        let mean = sample.iter().sum::<f64>() / count;
        let square = sample.iter().map(|time| (time - mean).powi(2)).sum::<f64>();
        (mean, square / (count - 1.0) / count)
    };
    let ((mean, error), (other_mean, other_error)) = (moments(one), moments(other));
    (mean - other_mean) / (error + other_error).sqrt().max(f64::MIN_POSITIVE)
}
