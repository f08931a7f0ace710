//! Looks for secrets in the memory of the process. What is looked for is disguised, so that the
//! tests themselves hold no secret.

use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::hint::black_box;
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Mutex, PoisonError};

use handclasp::crypto::{CryptoError, CryptoProvider, SecureRandom};
use handclasp::observer::{Event, KeyScheduleOperation, Observer};
use zeroize::{Zeroize, Zeroizing};

const MASK: u8 = 0x5a;

/// So many bytes of a secret that follow each other, from a multiple of as many, count as a copy.
const WINDOW: usize = 8;

/// A value that must not stay in memory.
#[derive(Clone)]
pub struct Hidden {
    pub label: String,
    masked: Vec<u8>,
}

impl Hidden {
    fn new(label: &str, secret: &[u8]) -> Self {
        Self { label: label.into(), masked: mask(secret) }
    }
}

fn mask(secret: &[u8]) -> Vec<u8> {
    secret.iter().map(|byte| byte ^ MASK).collect()
}

/// The secrets that were seen, each once.
#[derive(Clone, Default)]
pub struct Seen(Arc<Mutex<Vec<Hidden>>>);

impl Seen {
    pub fn add(&self, label: &str, secret: &[u8]) {
        let hidden = Hidden::new(label, secret);
        let mut seen = self.0.lock().unwrap();
        if seen.iter().all(|before| before.masked != hidden.masked) {
            seen.push(hidden);
        }
    }

    pub fn all(&self) -> Vec<Hidden> {
        self.0.lock().unwrap().clone()
    }

    /// Removes randomness whose first half is in these public bytes: salts of tickets. The second half
    /// is not used.
    pub fn remove_salts(&self, bytes: &[u8]) {
        let masked = mask(bytes);
        let is_salt = |hidden: &Hidden| {
            let half = &hidden.masked[..hidden.masked.len() / 2];
            masked.windows(half.len()).any(|window| window == half)
        };
        self.0.lock().unwrap().retain(|hidden| !is_salt(hidden));
    }

    /// An observer that takes down every value of a connection's key schedule. IVs are left out:
    /// each record's nonce is made of one, and without its key it opens nothing.
    pub fn observer(&self) -> Option<Box<dyn Observer>> {
        Some(Box::new(KeySchedule { seen: self.clone(), public: Vec::new() }))
    }

    /// The system's randomness, all of which is taken down.
    pub fn random(&self) -> Arc<dyn SecureRandom> {
        Arc::new(Random(self.clone()))
    }
}

struct KeySchedule {
    seen: Seen,
    /// What is derived from no secret: the first stage without a pre-shared key.
    public: Vec<Vec<u8>>,
}

impl Observer for KeySchedule {
    fn event(&mut self, event: &Event<'_>) {
        let Event::KeySchedule(step) = event else { return };
        let values = step.values.as_ref().expect("it wants secrets");
        let no_secret = |bytes: &[u8]| bytes.iter().all(|byte| *byte == 0);
        let from_public = self.public.contains(&mask(values.secret)) || no_secret(values.secret);
        match step.operation {
            KeyScheduleOperation::Extract if from_public && no_secret(values.input) => {
                self.public.push(mask(values.output));
            }
            KeyScheduleOperation::Expand if from_public => self.public.push(mask(values.output)),
            KeyScheduleOperation::Extract => {
                if !no_secret(values.input) {
                    self.seen.add(&format!("what goes into {}", step.label), values.input);
                }
                self.seen.add(step.label, values.output);
            }
            KeyScheduleOperation::Expand if step.label == "iv" => {}
            KeyScheduleOperation::Expand => self.seen.add(step.label, values.output),
            other => panic!("the memory is not searched for the output of {other:?}"),
        }
    }

    fn wants_secrets(&self) -> bool {
        true
    }
}

struct Random(Seen);

impl std::fmt::Debug for Random {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Random")
    }
}

impl SecureRandom for Random {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), CryptoError> {
        CryptoProvider::default().random.fill(bytes)?;
        self.0.add("random bytes", bytes);
        Ok(())
    }
}

/// Can memory be read here? Says so if not.
pub fn is_readable() -> bool {
    match File::open("/proc/self/mem").and_then(|_| File::open("/proc/self/maps")) {
        Ok(_) => true,
        Err(error) => {
            eprintln!("skipped: the memory of the process cannot be read: {error}");
            false
        }
    }
}

/// In how many places of writable memory each of these is, whole or in part.
pub fn copies(hidden: &[Hidden]) -> Vec<usize> {
    copies_in(hidden, &writable_regions())
}

/// The calls of these tests, which handle secrets, too, use less of the stack than this.
const OWN_STACK: usize = 1 << 15;

/// Does work whose frames are further down the stack than those of the tests themselves.
#[inline(never)]
pub fn further_down<T>(work: impl FnOnce() -> T) -> T {
    let mut between = [1_u8; 2 * OWN_STACK];
    black_box(&mut between);
    let result = work();
    black_box(&mut between);
    result
}

/// In how many places of the stack each of these is, where work [`further_down`] may have left it.
pub fn copies_further_down(hidden: &[Hidden]) -> Vec<usize> {
    const DEPTH: usize = 1 << 20;
    let here = [0_u8];
    let top = here.as_ptr().addr();
    copies_in(hidden, &[(top - DEPTH, top - OWN_STACK)])
}

/// The words of a value that may be of a key: those that are neither in `public` nor an address or a
/// small number.
pub fn words_of<T: ?Sized>(value: &T, public: &[u8]) -> Vec<Zeroizing<Vec<u8>>> {
    let address = std::ptr::from_ref(value).cast::<u8>().addr();
    let mut bytes = Zeroizing::new(vec![0; size_of_val(value)]);
    let memory = File::open("/proc/self/mem").unwrap();
    memory.read_exact_at(&mut bytes, address as u64).unwrap();
    let is_number = |word: &[u8]| word.ends_with(&[0, 0]);
    let is_public = |word: &[u8]| public.windows(WINDOW).any(|window| window == word);
    let words = bytes.chunks_exact(WINDOW);
    let words = words.filter(|word| !is_number(word) && !is_public(word));
    words.map(|word| Zeroizing::new(word.to_vec())).collect()
}

#[inline(never)]
fn copies_in(hidden: &[Hidden], regions: &[(usize, usize)]) -> Vec<usize> {
    // The buffer of another search would have copies of everything.
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _one = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let windows = Windows::new(hidden);
    let mut places = vec![BTreeSet::new(); hidden.len()];
    let mut buffer = vec![0; 1 << 16];
    let own = buffer.as_ptr().addr()..buffer.as_ptr().addr() + buffer.len();
    let mut memory = File::open("/proc/self/mem").unwrap();
    for &(start, end) in regions {
        let mut address = start;
        while address + WINDOW <= end {
            let length = buffer.len().min(end - address);
            let chunk = &mut buffer[..length];
            let read =
                memory.seek(SeekFrom::Start(address as u64)).and_then(|_| memory.read_exact(chunk));
            if read.is_ok() {
                windows.find(chunk, |at, index, offset| {
                    if !own.contains(&(address + at)) {
                        places[index].insert((address + at).wrapping_sub(offset));
                    }
                });
            }
            chunk.zeroize();
            address += length.saturating_sub(WINDOW - 1).max(1);
        }
    }
    places.iter().map(BTreeSet::len).collect()
}

fn writable_regions() -> Vec<(usize, usize)> {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let regions = maps.lines().filter_map(|line| {
        let mut fields = line.split_whitespace();
        let (range, permissions) = (fields.next()?, fields.next()?);
        let (start, end) = range.split_once('-')?;
        let name = fields.nth(3).unwrap_or_default();
        let memory = permissions.starts_with("rw") && !name.starts_with("[v");
        let address = |digits| usize::from_str_radix(digits, 16).ok();
        memory.then_some((address(start)?, address(end)?))
    });
    regions.collect()
}

/// The windows of the secrets, for a fast search.
struct Windows {
    /// From a window to the secret and the place in it.
    by_value: HashMap<u64, Vec<(usize, usize)>>,
    /// The low 16 bits of some window are these.
    likely: Vec<bool>,
}

impl Windows {
    fn new(hidden: &[Hidden]) -> Self {
        let mut windows = Self { by_value: HashMap::new(), likely: vec![false; 1 << 16] };
        for (index, hidden) in hidden.iter().enumerate() {
            for (number, window) in hidden.masked.chunks_exact(WINDOW).enumerate() {
                let value = u64::from_le_bytes(window.try_into().unwrap());
                windows.by_value.entry(value).or_default().push((index, number * WINDOW));
                windows.likely[usize::from(value as u16)] = true;
            }
        }
        windows
    }

    fn find(&self, memory: &[u8], mut found: impl FnMut(usize, usize, usize)) {
        for at in 0..=memory.len() - WINDOW {
            let low = u16::from_le_bytes([memory[at] ^ MASK, memory[at + 1] ^ MASK]);
            if !self.likely[usize::from(low)] {
                continue;
            }
            // Byte by byte: the search itself must not leave a secret on the stack.
            let mut value = 0;
            for byte in memory[at..at + WINDOW].iter().rev() {
                value = value << 8 | u64::from(byte ^ MASK);
            }
            for (index, offset) in self.by_value.get(&value).into_iter().flatten() {
                found(at, *index, *offset);
            }
        }
    }
}

/// Overwrites what calls before have left on the stack, below the caller.
#[inline(never)]
pub fn clean_stack() {
    let mut below = [1_u8; 1 << 19];
    black_box(&mut below);
}
