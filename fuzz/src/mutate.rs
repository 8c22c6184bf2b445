//! Mutates inputs: bytes and bits, whole JSON tokens, words of a dictionary, parts of a second input. Sessions and tests take
//! their inputs from it.

use std::ops::Range;

use crate::{rng::Rng, tokens::tokens};

/// Numbers at the limits of types and beyond, in several notations.
const NUMBERS: [&str; 28] = [
    "0",
    "-0",
    "1",
    "-1",
    "2",
    "127",
    "128",
    "255",
    "256",
    "-129",
    "32768",
    "65504",
    "65535",
    "65536",
    "2147483648",
    "4294967295",
    "4294967296",
    "4000000000",
    "9007199254740993",
    "9223372036854775807",
    "18446744073709551615",
    "18446744073709551616",
    "1e3",
    "1.5",
    "1e-400",
    "3.5e38",
    "1e400",
    "0.1000000000000000055511151231257827",
];

/// Pieces of valid and of invalid JSON.
const PIECES: [&str; 32] = [
    "null",
    "true",
    "false",
    "[]",
    "{}",
    "[",
    "]",
    "{",
    "}",
    ",",
    ":",
    "\"",
    "\"\"",
    "\\",
    "\\u0041",
    "\\ud800",
    "\\ud83d\\ude00",
    "\\n",
    "\u{e9}",
    "\u{2028}",
    "\0",
    "\n",
    " ",
    "[[]]",
    "[1,2]",
    "\"a\"",
    "{\"a\":1}",
    "NaN",
    "-",
    "e5",
    ".5",
    "\u{feff}",
];

/// Makes inputs from inputs, reproducible from a seed.
///
/// ```
/// let mut input = b"[1,2]".to_vec();
/// fuzz::Mutator::new(fuzz::Rng::new(1), &[], 100).mutate(&mut input, b"{}");
/// assert!(input.len() <= 100);
/// ```
#[derive(Debug)]
pub struct Mutator {
    rng: Rng,
    words: &'static [&'static str],
    longest: usize,
    tokens: Vec<Range<usize>>,
    scratch: Vec<u8>,
}

impl Mutator {
    /// Makes a mutator that also inserts these words, and limits inputs to `longest` bytes.
    pub fn new(rng: Rng, words: &'static [&'static str], longest: usize) -> Self {
        Mutator { rng, words, longest, tokens: Vec::new(), scratch: Vec::new() }
    }

    /// Returns the generator of random numbers.
    pub fn rng(&mut self) -> &mut Rng {
        &mut self.rng
    }

    /// Changes the input in a few places; may insert parts of `other`.
    pub fn mutate(&mut self, input: &mut Vec<u8>, other: &[u8]) {
        for _ in 0..1 << self.rng.below(3) {
            match self.rng.below(20) {
                0 => self.flip(input),
                1 => self.set(input),
                2 => self.set_length(input),
                3 => self.cut(input),
                4 => self.copy(input),
                5 => self.truncate(input),
                6 => self.splice(input, other),
                7 => self.borrow(input, other),
                8 => self.repeat(input),
                9..=11 => self.insert_word(input),
                12 | 13 => self.number(input),
                14 => self.swap_tokens(input),
                15 => self.drop_tokens(input),
                16 => self.double_tokens(input),
                17 | 18 => self.replace_token(input),
                _ => self.wrap_tokens(input),
            }
            input.truncate(self.longest);
        }
    }

    /// Returns a range within an input of this length, usually a short one.
    fn range(&mut self, length: usize) -> Range<usize> {
        let start = self.rng.below(length + 1);
        let most = if self.rng.below(4) == 0 { length - start } else { (length - start).min(16) };
        start..start + self.rng.below(most + 1)
    }

    fn word(&mut self) -> &'static str {
        let choices = match self.rng.below(4) {
            0 => &NUMBERS[..],
            1 => &PIECES[..],
            _ if self.words.is_empty() => &PIECES[..],
            _ => self.words,
        };
        self.rng.one_of(choices).copied().unwrap_or_default()
    }

    fn put(&mut self, input: &mut Vec<u8>, range: Range<usize>, bytes: &[u8]) {
        if input.len() - range.len() + bytes.len() <= self.longest {
            input.splice(range, bytes.iter().copied());
        }
    }

    fn flip(&mut self, input: &mut [u8]) {
        let at = self.rng.below(input.len());
        if let Some(byte) = input.get_mut(at) {
            *byte ^= 1 << self.rng.below(8);
        }
    }

    fn set(&mut self, input: &mut [u8]) {
        let at = self.rng.below(input.len());
        if let Some(byte) = input.get_mut(at) {
            *byte = self.rng.any() as u8;
        }
    }

    /// Overwrites four bytes with a length in binary form: a small or an arbitrary one.
    fn set_length(&mut self, input: &mut [u8]) {
        let at = self.rng.below(input.len());
        let length = match self.rng.below(3) {
            0 => self.rng.below(64) as u32,
            1 => (input.len() as u32).wrapping_sub(self.rng.below(16) as u32),
            _ => self.rng.any() as u32,
        };
        if let Some(four) = input.get_mut(at..).and_then(|rest| rest.first_chunk_mut()) {
            *four = length.to_le_bytes();
        }
    }

    fn cut(&mut self, input: &mut Vec<u8>) {
        let range = self.range(input.len());
        input.drain(range);
    }

    fn copy(&mut self, input: &mut Vec<u8>) {
        let from = self.range(input.len());
        let copied = input[from].to_vec();
        let at = self.rng.below(input.len() + 1);
        self.put(input, at..at, &copied);
    }

    fn truncate(&mut self, input: &mut Vec<u8>) {
        let end = self.rng.below(input.len() + 1);
        input.truncate(end);
    }

    fn splice(&mut self, input: &mut Vec<u8>, other: &[u8]) {
        let (end, start) = (self.rng.below(input.len() + 1), self.rng.below(other.len() + 1));
        input.truncate(end);
        input.extend_from_slice(&other[start..]);
    }

    fn borrow(&mut self, input: &mut Vec<u8>, other: &[u8]) {
        let (from, to) = (self.range(other.len()), self.range(input.len()));
        self.put(input, to, &other[from]);
    }

    /// Repeats a short part many times: long lists, deep nesting, many members.
    fn repeat(&mut self, input: &mut Vec<u8>) {
        let range = self.range(input.len());
        if range.is_empty() {
            return;
        }
        let part = input[range.clone()].to_vec();
        let most = (self.longest.saturating_sub(input.len()) / part.len()).min(300);
        let times = self.rng.below(most + 1);
        self.put(input, range.end..range.end, &part.repeat(times));
    }

    fn insert_word(&mut self, input: &mut Vec<u8>) {
        let word = self.word();
        let at = self.rng.below(input.len() + 1);
        self.put(input, at..at, word.as_bytes());
    }

    /// Replaces a number by another one.
    fn number(&mut self, input: &mut Vec<u8>) {
        let from = self.rng.below(input.len());
        let Some(start) = input[from..].iter().position(u8::is_ascii_digit).map(|at| from + at) else { return };
        let length = input[start..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        let number = self.rng.one_of(&NUMBERS).copied().unwrap_or_default();
        self.put(input, start..start + length, number.as_bytes());
    }

    /// Returns the range of some adjacent tokens.
    fn some_tokens(&mut self, input: &[u8]) -> Option<Range<usize>> {
        let mut found = std::mem::take(&mut self.tokens);
        tokens(input, &mut found);
        let first = self.rng.below(found.len());
        let count = if self.rng.below(3) == 0 { self.rng.below(12) } else { self.rng.below(3) };
        let last = (first + count).min(found.len().saturating_sub(1));
        let range = found.get(first).zip(found.get(last)).map(|(first, last)| first.start..last.end);
        self.tokens = found;
        range
    }

    fn swap_tokens(&mut self, input: &mut Vec<u8>) {
        let (Some(one), Some(two)) = (self.some_tokens(input), self.some_tokens(input)) else { return };
        let (one, two) = if one.start < two.start { (one, two) } else { (two, one) };
        if one.end > two.start {
            return;
        }
        self.scratch.clear();
        for part in [0..one.start, two.clone(), one.end..two.start, one, two.end..input.len()] {
            self.scratch.extend_from_slice(&input[part]);
        }
        std::mem::swap(&mut self.scratch, input);
    }

    fn drop_tokens(&mut self, input: &mut Vec<u8>) {
        if let Some(range) = self.some_tokens(input) {
            input.drain(range);
        }
    }

    fn double_tokens(&mut self, input: &mut Vec<u8>) {
        if let (Some(from), Some(to)) = (self.some_tokens(input), self.some_tokens(input)) {
            let mut copied = input[from].to_vec();
            if self.rng.below(2) == 0 {
                copied.insert(0, b',');
            }
            self.put(input, to.end..to.end, &copied);
        }
    }

    fn replace_token(&mut self, input: &mut Vec<u8>) {
        if let Some(range) = self.some_tokens(input) {
            let word = self.word();
            self.put(input, range, word.as_bytes());
        }
    }

    fn wrap_tokens(&mut self, input: &mut Vec<u8>) {
        if let Some(range) = self.some_tokens(input) {
            let (open, close) = [("[", "]"), ("{\"a\":", "}"), ("\"", "\"")][self.rng.below(3)];
            self.put(input, range.end..range.end, close.as_bytes());
            self.put(input, range.start..range.start, open.as_bytes());
        }
    }
}
