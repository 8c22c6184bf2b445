//! A program: the steps that an input stands for. Every input is a program, and every line of it a step.
//!
//! The first line is the letter of an engine. Each other line is the digit of a connection, the letter of a step, and what
//! the step needs: `0R c k8` sends a request on connection 0. A capital letter sends what the step has written; a small one
//! leaves it in the buffer of the connection, for a step that sends a part of it.

/// The most steps of a program.
const MOST_STEPS: usize = 80;

/// The connections of a program.
pub(crate) const CONNECTIONS: usize = 4;

/// A program.
#[derive(Debug)]
pub(crate) struct Program<'a> {
    /// The letter of the engine.
    pub(crate) engine: u8,
    pub(crate) steps: Vec<Step<'a>>,
}

/// A step.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step<'a> {
    /// The connection.
    pub(crate) on: usize,
    /// The letter of the step, as a small letter.
    pub(crate) letter: u8,
    /// Sends the buffer of the connection after the step.
    pub(crate) sends: bool,
    pub(crate) rest: &'a [u8],
}

impl<'a> Program<'a> {
    /// Reads a program. A letter that is not one of `letters` stands for one of them.
    pub(crate) fn read(input: &'a [u8], letters: &[u8]) -> Program<'a> {
        let mut lines = input.split(|byte| *byte == b'\n');
        let engine = lines.next().and_then(|line| line.first().copied()).unwrap_or_default();
        let steps = lines.filter_map(|line| {
            let (on, line) = line.split_first()?;
            let (letter, rest) = line.split_first()?;
            let small = letter.to_ascii_lowercase();
            let known = if letters.contains(&small) { small } else { letters[usize::from(*letter) % letters.len()] };
            Some(Step { on: usize::from(*on) % CONNECTIONS, letter: known, sends: !letter.is_ascii_lowercase(), rest })
        });
        Program { engine, steps: steps.take(MOST_STEPS).collect() }
    }
}

/// Returns the numbers in the rest of a step, with 0 for those that are missing.
pub(crate) fn numbers<const COUNT: usize>(rest: &[u8]) -> [usize; COUNT] {
    let mut found = rest.split(|byte| !byte.is_ascii_digit()).filter(|digits| !digits.is_empty()).map(|digits| {
        digits.iter().fold(0_usize, |sum, digit| sum.wrapping_mul(10).wrapping_add(usize::from(digit - b'0')))
    });
    std::array::from_fn(|_| found.next().unwrap_or_default())
}

/// Returns the bytes that a text stands for: `\r`, `\n`, `\\`, and `\00` to `\ff` in hexadecimal digits; all others stand
/// for themselves.
pub(crate) fn unescape(text: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, after)) = rest.split_first() {
        let (byte, length) = match (first, after) {
            (b'\\', [b'r', ..]) => (b'\r', 2),
            (b'\\', [b'n', ..]) => (b'\n', 2),
            (b'\\', [b'\\', ..]) => (b'\\', 2),
            (b'\\', [high, low, ..]) if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                let value = |digit: u8| char::from(digit).to_digit(16).unwrap_or_default() as u8;
                (value(*high) * 16 + value(*low), 3)
            }
            (byte, _) => (*byte, 1),
        };
        bytes.push(byte);
        rest = &rest[length..];
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_input_is_a_program() {
        let program = Program::read(b"t\n0Rc k8\n5q\n\n3\n1p12,3", b"rp");
        assert_eq!((program.engine, program.steps.len()), (b't', 3));
        let [one, other, last] = program.steps[..] else { unreachable!() };
        assert_eq!((one.on, one.letter, one.sends, one.rest), (0, b'r', true, &b"c k8"[..]));
        assert_eq!((other.on, other.letter, other.sends), (1, b'p', false));
        assert_eq!(numbers(last.rest), [12, 3, 0]);
        assert!(Program::read(b"", b"rp").steps.is_empty());
    }

    #[test]
    fn bytes_are_written_as_text() {
        assert_eq!(unescape(br"a\r\n\\\00\fF\x\"), b"a\r\n\\\0\xff\\x\\");
    }
}
