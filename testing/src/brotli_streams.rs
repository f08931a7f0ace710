//! Brotli streams (RFC 7932) that no honest encoder writes: short, and with claims that cost memory.

/// Bits in the order of the stream: the least significant of each number first.
#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    length: usize,
}

impl Bits {
    fn put(&mut self, value: u32, count: usize) {
        for position in 0..count {
            if self.length.is_multiple_of(8) {
                self.bytes.push(0);
            }
            if let Some(last) = self.bytes.last_mut() {
                *last |= ((value >> position & 1) as u8) << (self.length % 8);
            }
            self.length += 1;
        }
    }

    fn align(&mut self) {
        self.length = self.bytes.len() * 8;
    }

    /// A number of 1 to 256 (section 9.2, NBLTYPESL).
    fn number_256(&mut self) {
        self.put(1, 1);
        self.put(7, 3);
        self.put(127, 7);
    }

    /// A simple prefix code of one symbol (section 3.4).
    fn one_symbol(&mut self, symbol: u32, alphabet_bits: usize) {
        self.put(1, 2);
        self.put(0, 2);
        self.put(symbol, alphabet_bits);
    }
}

/// A window of RFC 7932: 18 to 24 bits.
pub fn window(bits: u32) -> Window {
    Window { bits, large: false }
}

/// A window of an extension that is no part of RFC 7932: up to 30 bits.
pub fn large_window(bits: u32) -> Window {
    Window { bits, large: true }
}

#[derive(Clone, Copy, Debug)]
pub struct Window {
    bits: u32,
    large: bool,
}

impl Window {
    fn write(self) -> Bits {
        let mut stream = Bits::default();
        stream.put(1, 1);
        match self.large {
            true => {
                stream.put(0, 3);
                stream.put(1, 3);
                stream.put(0, 1);
                stream.put(self.bits, 6);
            }
            false => stream.put(self.bits - 17, 3),
        }
        stream
    }

    /// A first meta-block that says it is 16 MiB long and not compressed, and has three bytes.
    pub fn uncompressed(self) -> Vec<u8> {
        let mut stream = self.write();
        stream.put(0, 1);
        stream.put(2, 2);
        stream.put(0xff_ffff, 24);
        stream.put(1, 1);
        stream.align();
        stream.bytes.extend_from_slice(b"xyz");
        stream.bytes
    }

    /// A first meta-block with the most prefix codes that one can have, of which none follows.
    pub fn prefix_codes(self) -> Vec<u8> {
        let mut stream = self.write();
        begin_prefix_codes(&mut stream);
        stream.align();
        stream.bytes.extend_from_slice(&[0; 8]);
        stream.bytes
    }

    /// So many meta-blocks of one byte each, with as many prefix codes as one can have: a whole
    /// stream that decodes to zeros.
    pub fn prefix_codes_for_each_byte(self, count: usize) -> Vec<u8> {
        let mut stream = self.write();
        for _ in 0..count {
            begin_prefix_codes(&mut stream);
            (0..256).for_each(|_| stream.one_symbol(0, 8));
            // A command that inserts one literal.
            (0..256).for_each(|_| stream.one_symbol(8, 10));
            (0..256).for_each(|_| stream.one_symbol(0, 10));
        }
        // ISLAST, ISLASTEMPTY
        stream.put(3, 2);
        stream.bytes
    }
}

/// The beginning of a meta-block of one byte, up to where its 768 prefix codes stand.
fn begin_prefix_codes(stream: &mut Bits) {
    // ISLAST, MNIBBLES, MLEN, ISUNCOMPRESSED
    stream.put(0, 1);
    stream.put(0, 2);
    stream.put(0, 16);
    stream.put(0, 1);
    // Block types of literals, commands and distances; the first count is the longest.
    for _ in 0..3 {
        stream.number_256();
        stream.one_symbol(0, 9);
        stream.one_symbol(25, 5);
        stream.put(0xff_ffff, 24);
    }
    // NPOSTFIX, NDIRECT, the context modes of literals
    stream.put(3, 2);
    stream.put(15, 4);
    (0..256).for_each(|_| stream.put(0, 2));
    // Two context maps of 256 prefix codes: RLEMAX, the code of the map's values, IMTF
    for _ in 0..2 {
        stream.number_256();
        stream.put(0, 1);
        stream.one_symbol(0, 8);
        stream.put(0, 1);
    }
}
