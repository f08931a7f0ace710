//! Does the time of a comparison depend on what is compared? Each secret is compared with two classes of
//! wrong values, one wrong in its first byte and one in its last; Welch's t-test says whether their
//! times differ (the method of dudect: Reparaz, Balasch, Verbauwhede, 2017).
//!
//! |t| (the absolute value of `max t`) below 4.5 is noise, and above 10 is a difference. Two rows must
//! have a difference: `control`, a comparison that stops at the first difference, and `padding`, the
//! padding of a record, whose length the time may show (RFC 9846, section 5.4).

use core::cell::RefCell;
use core::hint::black_box;
use core::time::Duration;
use std::sync::Arc;

use dudect_bencher::ctbench::{BenchFn, BenchMetadata, BenchName, BenchOpts, run_benches_console};
use dudect_bencher::rand::Rng;
use dudect_bencher::{BenchRng, Class, CtRunner};
use handclasp::cookie::{CookieProtector, HmacCookies};
use handclasp::crypto::{CryptoProvider, Secret};
use handclasp::pki_types::UnixTime;
use handclasp::record::{Opener, Sealer, TrafficKeys};
use handclasp::registry::{ContentType, ProtocolVersion};
use handclasp::session::{SessionStore, TicketKeys};

const SAMPLES: usize = 60_000;
/// Calls in one sample: a clock counts in steps that are longer than a call.
const CALLS: usize = 8;

fn main() {
    let benches: [(_, BenchFn); 6] = [
        ("secret", secret),
        ("cookie", cookie),
        ("ticket", ticket),
        ("record", record),
        ("control", control),
        ("padding", padding),
    ];
    let benches = benches.map(|(name, benchfn)| BenchMetadata {
        name: BenchName(name),
        // The order of the two classes, the same each time.
        seed: Some(1),
        benchfn,
    });
    run_benches_console(BenchOpts::default(), benches.into()).unwrap();
}

/// `verify` of a secret: Finished and binders.
fn secret(runner: &mut CtRunner, random: &mut BenchRng) {
    let secret: Vec<u8> = (0..32).map(|byte| byte * 7 + 1).collect();
    let kept = Secret::new(&secret).unwrap();
    compare(runner, random, &wrong(&secret, 0), |value| kept.verify(value));
}

fn cookie(runner: &mut CtRunner, random: &mut BenchRng) {
    let cookies = HmacCookies::shared(&[7; 32], 60);
    let cookie = cookies.protect(&[1; 64], now()).unwrap();
    let wrong = wrong(&cookie, cookie.len() - 32);
    compare(runner, random, &wrong, |value| cookies.open(value, now()));
}

/// The tag of a ticket.
fn ticket(runner: &mut CtRunner, random: &mut BenchRng) {
    let tickets = TicketKeys::random(CryptoProvider::ring().random).unwrap();
    let ticket = tickets.put(&[1; 128], now(), Duration::from_secs(7_200)).unwrap();
    let wrong = wrong(&ticket, ticket.len() - 16);
    compare(runner, random, &wrong, |value| tickets.take(value, now()));
}

/// The tag of a record.
fn record(runner: &mut CtRunner, random: &mut BenchRng) {
    let record = seal(&[1; 256], 0);
    let opener = RefCell::new(opener());
    let wrong = wrong(&record, record.len() - 16);
    compare(runner, random, &wrong, |value| opener.borrow_mut().open(&mut value.to_vec()).is_err());
}

fn control(runner: &mut CtRunner, random: &mut BenchRng) {
    compare(runner, random, &wrong(&[7; 64], 0), |value| {
        value.iter().zip(&[7; 64]).all(|(one, other)| black_box(one == other))
    });
}

fn padding(runner: &mut CtRunner, random: &mut BenchRng) {
    let padded = [seal(&[1; 4096], 0), seal(&[1; 1], 4095)];
    compare(runner, random, &padded, |value| opener().open(&mut value.to_vec()).is_ok());
}

/// Times the work on the values of both classes, in an order that looks random.
fn compare<T>(
    runner: &mut CtRunner,
    random: &mut BenchRng,
    classes: &[Vec<u8>; 2],
    work: impl Fn(&[u8]) -> T,
) {
    // The same place in memory for both.
    let mut value = classes[0].clone();
    for _ in 0..SAMPLES {
        // No branch between the classes before the clock starts: its prediction would be timed.
        let class = usize::from(random.next_u32() & 1 == 1);
        value.copy_from_slice(&classes[class]);
        let class = [Class::Left, Class::Right][class];
        runner.run_one(class, || {
            for _ in 0..CALLS {
                black_box(work(black_box(&value)));
            }
        });
    }
}

fn now() -> UnixTime {
    UnixTime::since_unix_epoch(Duration::from_secs(1_800_000_000))
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
