//! Reads runs of plain numbers in lists with AVX2, 32 bytes at a time. Lists of elements are read with it where the
//! processor has it.
//!
//! A number is plain if it has no exponent, at most one point, and a comma right behind it. All of it is found at once, by
//! comparing 32 bytes with each kind of character, so there is no branch for each digit. Anything else ends a run in front
//! of it, and is left to [`number`](super::number), which alone knows the grammar and the faults.
//!
//! This is one of the few uses of `unsafe` in the SDK: code that is compiled for a processor extension may only run where
//! the processor has it, which is checked before, and the standard library loads vectors from pointers.

use super::decimal::FromDecimal;

/// Reads plain numbers and the commas behind them, with the first at `start` or behind whitespace. Keeps them up to a
/// `limit` for all that are kept. Returns how many it has read, and the position behind the last comma or the whitespace
/// that follows it.
pub(super) fn read<T: FromDecimal>(text: &str, start: usize, kept: &mut Vec<T>, limit: usize) -> (usize, usize) {
    #[cfg(target_arch = "x86_64")]
    if avx2::is_supported() {
        // SAFETY: the processor has the extensions.
        return unsafe { avx2::read(text.as_bytes(), start, kept, limit) };
    }
    let _ = (text, kept, limit);
    (0, start)
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use std::arch::x86_64::*;

    use crate::protocol::decimal::{Decimal, FromDecimal, eight_digits};

    /// The bytes that are looked at for a number and its comma.
    const WINDOW: usize = 32;

    /// A permutation of 16 bytes for each number of bytes from 0 to 16. The permutation puts 0 where it has a `NONE`.
    #[repr(align(16))]
    struct Permutations([[u8; 16]; 17]);

    const NONE: u8 = 0x80;

    /// Moves the first bytes to the end, behind zeros.
    static ALIGN: Permutations = {
        let mut all = [[NONE; 16]; 17];
        let mut count = 1;
        while count <= 16 {
            let mut to = 16 - count;
            while to < 16 {
                all[count][to] = (to + count - 16) as u8;
                to += 1;
            }
            count += 1;
        }
        Permutations(all)
    };

    /// Removes the byte that is this far from the end, and moves those in front of it. With 0, removes nothing.
    static REMOVE: Permutations = {
        let mut all = [[NONE; 16]; 17];
        let mut distance = 0;
        while distance <= 16 {
            let mut to = 0;
            while to < 16 {
                let is_behind = distance == 0 || to + distance > 16;
                if is_behind || to > 0 {
                    all[distance][to] = (to - !is_behind as usize) as u8;
                }
                to += 1;
            }
            distance += 1;
        }
        Permutations(all)
    };

    /// The powers of ten by which the first 16 digits of a number are multiplied if that many follow, and the most that the
    /// first 16 may be for the whole to fit 63 bits.
    const FOLLOWING: [(u64, u64); 8] = {
        let mut following = [(1, 0); 8];
        let mut count = 0;
        while count < following.len() {
            let power = 10_u64.pow(count as u32);
            following[count] = (power, i64::MAX as u64 / power - 1);
            count += 1;
        }
        following
    };

    /// Returns `true` if the processor has what [`read`] is compiled for.
    #[inline]
    pub(super) fn is_supported() -> bool {
        is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("bmi1")
            && is_x86_feature_detected!("bmi2")
            && is_x86_feature_detected!("lzcnt")
    }

    /// Reads a run of numbers, as [`super::read`] does.
    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt")]
    pub(super) fn read<T: FromDecimal>(bytes: &[u8], start: usize, kept: &mut Vec<T>, limit: usize) -> (usize, usize) {
        let (mut count, mut at) = (0, start);
        while let Some(window) = bytes.get(at..).and_then(|rest| rest.first_chunk()) {
            if window[0] <= b' ' && matches!(window[0], b' ' | b'\n' | b'\r' | b'\t') {
                at += 1;
                continue;
            }
            let Some((value, length)) = plain(window) else { break };
            if kept.len() < limit {
                kept.push(value);
            }
            count += 1;
            at += length;
        }
        (count, at)
    }

    /// Reads the number at the start of a window, and returns it with its length and that of its comma.
    #[inline]
    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt")]
    fn plain<T: FromDecimal>(window: &[u8; WINDOW]) -> Option<(T, usize)> {
        // SAFETY: the array has the size of the vector, and the load needs no alignment.
        let text = unsafe { _mm256_loadu_si256(window.as_ptr().cast()) };
        let digits = _mm256_sub_epi8(text, _mm256_set1_epi8(b'0' as i8));
        let above_nine = _mm256_cmpeq_epi8(_mm256_max_epu8(digits, _mm256_set1_epi8(10)), digits);
        // A bit for each byte.
        let others = _mm256_movemask_epi8(above_nine) as u32;
        let points = _mm256_movemask_epi8(_mm256_cmpeq_epi8(text, _mm256_set1_epi8(b'.' as i8))) as u32;
        let commas = _mm256_movemask_epi8(_mm256_cmpeq_epi8(text, _mm256_set1_epi8(b',' as i8))) as u32;
        if commas == 0 {
            return None;
        }
        let end = commas.trailing_zeros() as usize;
        let comma = commas & commas.wrapping_neg();
        let negative = window[0] == b'-';
        // The comma, and a point if there is one: nothing else may be there but digits.
        let others = others & (comma | (comma - 1)) & !u32::from(negative);
        let point = others.trailing_zeros() as usize;
        let but_first = others & (others - 1);
        let is_plain = but_first & but_first.wrapping_sub(1) == 0 && (others ^ comma) & !points == 0;
        let whole = point - usize::from(negative).min(point);
        let leading_zero = whole > 1 && window[usize::from(negative)] == b'0';
        if !is_plain || whole == 0 || leading_zero || point + 1 == end {
            return None;
        }
        let front = _mm256_castsi256_si128(digits);
        let minus = _mm_cmpeq_epi8(_mm256_castsi256_si128(text), _mm_set1_epi8(b'-' as i8));
        let front = _mm_andnot_si128(minus, front);
        let mantissa = if end <= 16 {
            let aligned = _mm_shuffle_epi8(front, permutation(&ALIGN, end));
            sixteen_digits(_mm_shuffle_epi8(aligned, permutation(&REMOVE, end - point)))
        } else {
            long_mantissa(window, front, point, end)?
        };
        let value = T::from_decimal(Decimal { negative, mantissa, decimals: (end - point).saturating_sub(1) })?;
        Some((value, end + 1))
    }

    /// Returns the mantissa of a number with a point, of 17 to 24 bytes. `front` has the digits of the first 16.
    #[inline]
    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt")]
    fn long_mantissa(window: &[u8; WINDOW], front: __m128i, point: usize, end: usize) -> Option<u64> {
        if point >= 16 || end > 24 {
            return None;
        }
        let behind = window[1..].first_chunk::<16>()?;
        // SAFETY: the array has the size of the vector, and the load needs no alignment.
        let behind = unsafe { _mm_loadu_si128(behind.as_ptr().cast()) };
        let behind = _mm_sub_epi8(behind, _mm_set1_epi8(b'0' as i8));
        // From the point on, each byte is the one behind it.
        let index = _mm_setr_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
        let is_whole = _mm_cmpgt_epi8(_mm_set1_epi8(point as i8), index);
        let first = sixteen_digits(_mm_blendv_epi8(behind, front, is_whole));
        let count = end - 17;
        let (power, most) = FOLLOWING[count];
        if first > most {
            return None;
        }
        let following = u64::from_le_bytes(*window[17..].first_chunk()?) ^ 0x3030_3030_3030_3030;
        let following = eight_digits(following.checked_shl(64 - 8 * count as u32).unwrap_or(0));
        Some(first * power + following)
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn permutation(all: &'static Permutations, count: usize) -> __m128i {
        let permutation = &all.0[count];
        // SAFETY: the array has the size of the vector, and the load needs no alignment.
        unsafe { _mm_loadu_si128(permutation.as_ptr().cast()) }
    }

    /// Returns the value of 16 decimal digits.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn sixteen_digits(digits: __m128i) -> u64 {
        // Each step joins pairs: of digits, of numbers of two digits, and of numbers of four.
        let twos = _mm_maddubs_epi16(digits, _mm_set1_epi16(0x010a));
        let fours = _mm_madd_epi16(twos, _mm_set1_epi32(0x0001_0064));
        let fours = _mm_packus_epi32(fours, fours);
        let eights = _mm_cvtsi128_si64(_mm_madd_epi16(fours, _mm_set1_epi32(0x0001_2710))) as u64;
        (eights & 0xffff_ffff) * 100_000_000 + (eights >> 32)
    }
}
