//! Numbers and bytes without order, the same in each run.

pub struct Numbers(pub u32);

impl Numbers {
    pub fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        usize::try_from(self.0 >> 8).unwrap() % limit
    }
}

/// Bytes that do not repeat with the length of a record.
pub fn varied_bytes(length: usize, seed: u32) -> Vec<u8> {
    let mut numbers = Numbers(seed);
    // The highest of the 24 bits: the low ones repeat early.
    (0..length).map(|_| (numbers.below(1 << 24) >> 16) as u8).collect()
}
