//! Checks that a public key is a point of its curve. Nothing here runs in constant time: public keys are not
//! secret.
//!
//! Products are Montgomery products: a b / R modulo p, with R = 2^(64 N) for numbers of N words (Montgomery,
//! "Modular multiplication without trial division"). They need no division.

use core::cmp::Ordering;

/// A number of `N` words of 64 bits, the least significant first. A handshake waits for products and sums, so they are
/// functions of `N`: the compiler unrolls their loops. The other loops are in functions of slices, which exist once.
type Number<const N: usize> = [u64; N];

/// The points of y² = x³ - 3x + b modulo p (NIST SP 800-186, section 3.2.1).
pub(super) struct Curve<const N: usize> {
    /// The number of bytes of a coordinate.
    pub(super) bytes: usize,
    modulus: Modulus<N>,
    /// -3 / R modulo p. A test computes this and `b` again.
    minus_three: Number<N>,
    /// b / R modulo p.
    b: Number<N>,
}

/// An odd p.
struct Modulus<const N: usize> {
    p: Number<N>,
    /// -1 / p modulo 2^64, for products.
    negated_inverse: u64,
}

impl<const N: usize> Modulus<N> {
    const fn new(p: Number<N>) -> Self {
        Self { p, negated_inverse: negated_inverse(lowest(&p)) }
    }
}

pub(super) const P256: Curve<4> = Curve {
    bytes: 32,
    modulus: Modulus::new([0xffff_ffff_ffff_ffff, 0x0000_0000_ffff_ffff, 0, 0xffff_ffff_0000_0001]),
    minus_three: [
        0xffff_fff6_ffff_fffd,
        0xffff_fffd_0000_0005,
        0x0000_0008_ffff_fff9,
        0x0000_0002_ffff_fff7,
    ],
    b: [0x5b66_4d72_3897_434f, 0x5ac8_124d_12f3_e1bb, 0x426b_e7e3_9123_afdd, 0x2128_d4c6_3dd3_8668],
};

pub(super) const P384: Curve<6> = Curve {
    bytes: 48,
    modulus: Modulus::new([
        0x0000_0000_ffff_ffff,
        0xffff_ffff_0000_0000,
        0xffff_ffff_ffff_fffe,
        0xffff_ffff_ffff_ffff,
        0xffff_ffff_ffff_ffff,
        0xffff_ffff_ffff_ffff,
    ]),
    minus_three: [
        0x0000_005d_ffff_ffed,
        0x0000_003b_0000_0075,
        0x0000_000c_0000_0005,
        0x0000_0009_0000_000f,
        0xffff_ffdb_ffff_fff7,
        0xffff_ffc3_ffff_ffc3,
    ],
    b: [
        0x2289_2acd_bd31_49bf,
        0xc8d0_27db_3912_b9fa,
        0x74c1_8bdf_f8c0_3ca6,
        0x13e9_bf0e_6f97_335f,
        0x3e95_69cc_8a60_23a0,
        0xb23a_ac3c_9d53_5f43,
    ],
};

pub(super) const P521: Curve<9> = Curve {
    bytes: 66,
    modulus: Modulus::new([
        0xffff_ffff_ffff_ffff,
        0xffff_ffff_ffff_ffff,
        0xffff_ffff_ffff_ffff,
        0xffff_ffff_ffff_ffff,
        0xffff_ffff_ffff_ffff,
        0xffff_ffff_ffff_ffff,
        0xffff_ffff_ffff_ffff,
        0xffff_ffff_ffff_ffff,
        0x0000_0000_0000_01ff,
    ]),
    minus_three: [
        0xffff_ffff_ffff_ffff,
        0xffff_ffff_ffff_ffff,
        0xffff_ffff_ffff_ffff,
        0xffff_ffff_ffff_ffff,
        0xffff_ffff_ffff_ffff,
        0xffff_ffff_ffff_ffff,
        0xffff_ffff_ffff_ffff,
        0xffff_ffff_fff3_ffff,
        0x0000_0000_0000_01ff,
    ],
    b: [
        0xe7bf_107a_5869_e3de,
        0xa581_7a77_637e_0e6a,
        0x3272_a3d8_fd26_f62c,
        0x6913_231d_e213_c2ac,
        0xb4e4_b733_662b_e771,
        0x3443_416d_0a81_dd45,
        0x7d72_c31c_3934_3f25,
        0x7f51_ad40_fc00_a32a,
        0x0000_0000_0000_0114,
    ],
};

impl<const N: usize> Curve<N> {
    /// Whether these are the coordinates of a point, each with its most significant byte first.
    pub(super) fn contains(&self, x: &[u8], y: &[u8]) -> bool {
        let p = &self.modulus.p;
        if x.len() != self.bytes || y.len() != self.bytes {
            return false;
        }
        let (Some(x), Some(y)) = (number::<N>(x), number::<N>(y)) else {
            return false;
        };
        if !is_below(&x, p) || !is_below(&y, p) {
            return false;
        }
        // It is a point if (x² - 3) x + b - y² is 0. `left` is this divided by R², as the inner products and
        // the outer one each divide by R. That is 0 in the same cases.
        let y_squared = montgomery_product(&y, &y, &self.modulus);
        let b_minus_y_squared = sum(&self.b, &difference(p, &y_squared), p);
        let x_squared_minus_three =
            sum(&montgomery_product(&x, &x, &self.modulus), &self.minus_three, p);
        let left =
            montgomery_multiply_add(&b_minus_y_squared, &x_squared_minus_three, &x, &self.modulus);
        left == [0; N]
    }
}

/// The p of Ed25519 (RFC 8032, section 5.1).
const P25519: Modulus<4> = Modulus::new([
    0xffff_ffff_ffff_ffed,
    0xffff_ffff_ffff_ffff,
    0xffff_ffff_ffff_ffff,
    0x7fff_ffff_ffff_ffff,
]);
/// The d of its equation, -x² + y² = 1 + d x² y².
const D25519: Number<4> =
    [0x75eb_4dca_1359_78a3, 0x0070_0a4d_4141_d8ab, 0x8cc7_4079_7779_e898, 0x5203_6cee_2b6f_fe73];
/// R² modulo p, with R = 2^256. The Montgomery product with it multiplies by R.
const SQUARE25519: Number<4> = [38 * 38, 0, 0, 0];
/// The y, other than 0 and 1, of the eight points whose order divides 8.
const SMALL25519: [Number<4>; 3] = [
    [0xb027_b2c2_8f95_e826, 0xf098_eff2_89f4_c345, 0x3933_c6d3_05ac_dfd5, 0x05fc_536d_8802_38b1],
    [0x4fd8_4d3d_706a_17c7, 0x0f67_100d_760b_3cba, 0xc6cc_392c_fa53_202a, 0x7a03_ac92_77fd_c74e],
    [0xffff_ffff_ffff_ffec, 0xffff_ffff_ffff_ffff, 0xffff_ffff_ffff_ffff, 0x7fff_ffff_ffff_ffff],
];

/// Whether 32 bytes are the encoding of a point of Ed25519 (RFC 8032, section 5.1.3).
pub(super) fn is_ed25519_point(key: &[u8]) -> bool {
    let p = &P25519.p;
    let Some(y) = ed25519_y(key) else { return false };
    if !is_below(&y, p) {
        return false;
    }
    let scaled = |value: &Number<4>| montgomery_product(value, &SQUARE25519, &P25519);
    let one = scaled(&one());
    let y_squared = scaled(&montgomery_product(&scaled(&y), &y, &P25519));
    // x² is u / v. It is a square if u v is, as v is never 0. The product is u v R, and R is a square.
    let u = sum(&y_squared, &difference(p, &one), p);
    let v = sum(&montgomery_product(&scaled(&D25519), &y_squared, &P25519), &one, p);
    is_square(&montgomery_product(&u, &v, &P25519), p)
}

/// Whether the key is one of the eight points of small order, in any encoding. Everyone can make
/// signatures for them.
pub(super) fn is_ed25519_of_small_order(key: &[u8]) -> bool {
    let Some(y) = ed25519_y(key) else { return false };
    let reduced = if is_below(&y, &P25519.p) { y } else { difference(&y, &P25519.p) };
    SMALL25519.contains(&reduced) || matches!(reduced, [0 | 1, 0, 0, 0])
}

/// The y of an encoded point. The highest bit is the sign of x.
fn ed25519_y(key: &[u8]) -> Option<Number<4>> {
    let mut y = <[u8; 32]>::try_from(key).ok()?;
    if let Some(last) = y.last_mut() {
        *last &= 0x7f;
    }
    y.reverse();
    number(&y)
}

/// From its bytes, the most significant first. The first word may be shorter.
fn number<const N: usize>(bytes: &[u8]) -> Option<Number<N>> {
    if bytes.len().div_ceil(8) != N {
        return None;
    }
    let mut number = [0; N];
    read_words(&mut number, bytes);
    Some(number)
}

#[inline(never)]
fn read_words(number: &mut [u64], bytes: &[u8]) {
    for (digit, word) in number.iter_mut().zip(bytes.rchunks(8)) {
        *digit = match <[u8; 8]>::try_from(word) {
            Ok(word) => u64::from_be_bytes(word),
            // The first word of P-521.
            Err(_) => word.iter().fold(0, |digit, byte| (digit << 8) | u64::from(*byte)),
        };
    }
}

fn one<const N: usize>() -> Number<N> {
    let mut one = [0; N];
    if let Some(lowest) = one.first_mut() {
        *lowest = 1;
    }
    one
}

/// The least significant word.
const fn lowest(number: &[u64]) -> u64 {
    match number.first() {
        Some(lowest) => *lowest,
        None => 0,
    }
}

fn is_below(a: &[u64], b: &[u64]) -> bool {
    a.iter().rev().cmp(b.iter().rev()) == Ordering::Less
}

/// a + b modulo p, for two numbers whose sum is below 2 p.
fn sum<const N: usize>(a: &Number<N>, b: &Number<N>, p: &Number<N>) -> Number<N> {
    let mut sum = *a;
    let carry = add_multiple(&mut sum, b, 1);
    reduce(&mut sum, carry, p);
    sum
}

/// a - b, for a number that is not below b.
fn difference<const N: usize>(a: &Number<N>, b: &Number<N>) -> Number<N> {
    let mut difference = *a;
    subtract(&mut difference, b);
    difference
}

fn subtract(number: &mut [u64], subtrahend: &[u64]) {
    let mut borrow = false;
    for (digit, subtrahend) in number.iter_mut().zip(subtrahend) {
        let (value, under) = digit.overflowing_sub(*subtrahend);
        let (value, again) = value.overflowing_sub(u64::from(borrow));
        *digit = value;
        borrow = under || again;
    }
}

/// a b / R modulo p, for two numbers below p.
fn montgomery_product<const N: usize>(
    a: &Number<N>,
    b: &Number<N>,
    modulus: &Modulus<N>,
) -> Number<N> {
    montgomery_multiply_add(&[0; N], a, b, modulus)
}

/// (addend + a b) / R modulo p, for three numbers below p.
#[inline(never)]
fn montgomery_multiply_add<const N: usize>(
    addend: &Number<N>,
    a: &Number<N>,
    b: &Number<N>,
    modulus: &Modulus<N>,
) -> Number<N> {
    let p = &modulus.p;
    let mut sum = *addend;
    let mut top = 0;
    for &digit in b {
        let (above, over) = add_multiple(&mut sum, a, digit).overflowing_add(top);
        // The multiple of p that makes the lowest word zero, so that it can be dropped.
        let multiple = lowest(&sum).wrapping_mul(modulus.negated_inverse);
        let (above, again) = add_multiple(&mut sum, p, multiple).overflowing_add(above);
        sum = core::array::from_fn(|index| sum.get(index + 1).copied().unwrap_or(above));
        top = u64::from(over) + u64::from(again);
    }
    reduce(&mut sum, top, p);
    sum
}

/// Whether a number below a prime p is a square modulo p: its Jacobi symbol, by subtraction.
fn is_square<const N: usize>(number: &Number<N>, p: &Number<N>) -> bool {
    let (mut a, mut n) = (*number, *p);
    let mut is_one = true;
    while a != [0; N] {
        while lowest(&a) % 2 == 0 {
            halve(&mut a);
            is_one ^= matches!(lowest(&n) % 8, 3 | 5);
        }
        if is_below(&a, &n) {
            core::mem::swap(&mut a, &mut n);
            is_one ^= lowest(&a) % 4 == 3 && lowest(&n) % 4 == 3;
        }
        a = difference(&a, &n);
    }
    is_one
}

fn halve(number: &mut [u64]) {
    let mut carry = 0;
    for digit in number.iter_mut().rev() {
        let low = *digit << 63;
        *digit = *digit >> 1 | carry;
        carry = low;
    }
}

/// Adds a multiple of `number`, and returns the carry out of the highest word.
fn add_multiple<const N: usize>(sum: &mut Number<N>, number: &Number<N>, factor: u64) -> u64 {
    let mut carry = 0;
    for (digit, &word) in sum.iter_mut().zip(number) {
        let value = u128::from(word) * u128::from(factor) + u128::from(*digit) + u128::from(carry);
        let low = u64::try_from(value & u128::from(u64::MAX));
        *digit = low.unwrap_or_default();
        carry = u64::try_from(value >> 64).unwrap_or_default();
    }
    carry
}

/// Reduces a number modulo p. `top` is the word above its highest one. With it, the number is below 2 p.
#[inline(never)]
fn reduce(number: &mut [u64], top: u64, p: &[u64]) {
    if top != 0 || !is_below(number, p) {
        subtract(number, p);
    }
}

/// -1 / word modulo 2^64, for an odd word. Each step doubles the bits that are right.
const fn negated_inverse(word: u64) -> u64 {
    let mut inverse: u64 = 1;
    let mut right_bits = 1;
    while right_bits < u64::BITS {
        inverse = inverse.wrapping_mul(2_u64.wrapping_sub(word.wrapping_mul(inverse)));
        right_bits *= 2;
    }
    inverse.wrapping_neg()
}

#[cfg(test)]
mod tests {
    use rcgen::{
        KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_ED25519, PublicKeyData,
    };

    use super::*;

    /// The b of NIST SP 800-186, section 3.2.1.
    const P256_B: Number<4> = [
        0x3bce_3c3e_27d2_604b,
        0x651d_06b0_cc53_b0f6,
        0xb3eb_bd55_7698_86bc,
        0x5ac6_35d8_aa3a_93e7,
    ];
    const P384_B: Number<6> = [
        0x2a85_c8ed_d3ec_2aef,
        0xc656_398d_8a2e_d19d,
        0x0314_088f_5013_875a,
        0x181d_9c6e_fe81_4112,
        0x988e_056b_e3f8_2d19,
        0xb331_2fa7_e23e_e7e4,
    ];
    const P521_B: Number<9> = [
        0xef45_1fd4_6b50_3f00,
        0x3573_df88_3d2c_34f1,
        0x1652_c0bd_3bb1_bf07,
        0x5619_3951_ec7e_937b,
        0xb8b4_8991_8ef1_09e1,
        0xa2da_725b_99b3_15f3,
        0x929a_21a0_b685_40ee,
        0x953e_b961_8e1c_9a1f,
        0x0000_0000_0000_0051,
    ];

    fn check_constants<const N: usize>(curve: &Curve<N>, b: &Number<N>) {
        let (modulus, one) = (&curve.modulus, one());
        let mut three = [0; N];
        three[0] = 3;
        assert_eq!(
            curve.minus_three,
            montgomery_product(&difference(&modulus.p, &three), &one, modulus)
        );
        assert_eq!(curve.b, montgomery_product(b, &one, modulus));
    }

    #[test]
    fn the_constants_of_the_curves_are_those_of_the_standard() {
        check_constants(&P256, &P256_B);
        check_constants(&P384, &P384_B);
        check_constants(&P521, &P521_B);
    }

    #[test]
    fn the_keys_of_an_implementation_are_points_and_their_neighbours_are_not() {
        for _ in 0..20 {
            let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
            let (x, y) = key.der_bytes()[1..].split_at(P256.bytes);
            assert!(P256.contains(x, y));
            assert!(!P256.contains(y, x));
            let key = KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).unwrap();
            let (x, y) = key.der_bytes()[1..].split_at(P384.bytes);
            assert!(P384.contains(x, y));
            let mut other = y.to_vec();
            other[47] ^= 1;
            assert!(!P384.contains(x, &other));
        }
    }

    #[test]
    fn the_base_point_of_p_521_is_a_point_and_its_neighbours_are_not() {
        let x = hex::decode(
            "00c6858e06b70404e9cd9e3ecb662395b4429c648139053fb521f828af606b4d3dbaa14b5e77efe75928fe\
             1dc127a2ffa8de3348b3c1856a429bf97e7e31c2e5bd66",
        )
        .unwrap();
        let y = hex::decode(
            "011839296a789a3bc0045c8a5fb42c7d1bd998f54449579b446817afbd17273e662c97ee72995ef42640c5\
             50b9013fad0761353c7086a272c24088be94769fd16650",
        )
        .unwrap();
        assert!(P521.contains(&x, &y));
        assert!(!P521.contains(&y, &x));
        for at in [0, 1, 2, 30, 65] {
            let mut other = y.clone();
            other[at] ^= 1;
            assert!(!P521.contains(&x, &other), "{at}");
        }
        assert!(!P521.contains(&x[1..], &y) && !P521.contains(&x, &[&[0][..], &y].concat()));
    }

    #[test]
    fn a_coordinate_is_below_p_and_of_its_length() {
        let p: Vec<u8> = P256.modulus.p.iter().rev().flat_map(|word| word.to_be_bytes()).collect();
        let zero = [0; 32];
        for (x, y) in [(&p[..], &zero[..]), (&zero, &p), (&zero, &zero), (&zero[1..], &zero)] {
            assert!(!P256.contains(x, y));
        }
    }

    #[test]
    fn an_ed25519_key_decodes_to_a_point() {
        for _ in 0..20 {
            let key = KeyPair::generate_for(&PKCS_ED25519).unwrap();
            assert!(is_ed25519_point(key.der_bytes()));
            assert!(!is_ed25519_of_small_order(key.der_bytes()));
        }
        // Of y = 2 there is no x; 3 is the y of a point.
        let y = |number: u8| [&[number][..], &[0; 31]].concat();
        assert!(!is_ed25519_point(&y(2)));
        assert!(is_ed25519_point(&y(3)));
        assert!(!is_ed25519_point(&y(3)[1..]));
        // p + 3, which is another encoding of 3.
        let above = [&[0xf0][..], &[0xff; 30], &[0x7f]].concat();
        assert!(!is_ed25519_point(&above));
    }

    #[test]
    fn every_point_of_small_order_is_known_in_every_encoding() {
        let little =
            |y: &Number<4>| -> Vec<u8> { y.iter().flat_map(|it| it.to_le_bytes()).collect() };
        let p = little(&P25519.p);
        let mut above = p.clone();
        above[0] += 1;
        let zero_and_one = [vec![0; 32], [&[1][..], &[0; 31]].concat()];
        let small = SMALL25519.iter().map(little).chain(zero_and_one);
        for point in small.clone() {
            assert!(is_ed25519_point(&point), "{point:02x?}");
        }
        for mut point in small.chain([p, above]) {
            assert!(is_ed25519_of_small_order(&point), "{point:02x?}");
            point[31] |= 0x80;
            assert!(is_ed25519_of_small_order(&point), "{point:02x?}");
        }
    }
}
