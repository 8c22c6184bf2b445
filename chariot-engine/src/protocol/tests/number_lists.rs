//! Lists of numbers: the reader of runs against the reader of single numbers, and the writer against serde_json.

use half::{bf16, f16};
use proptest::prelude::*;

use crate::protocol::{
    TensorData,
    decimal::{Decimal, FromDecimal},
    leaves::{Leaf, Leaves, flat_or_nested},
    little_endian::LittleEndian,
    number,
    reader::JsonReader,
    write_numbers::{self, WriteJson},
};

/// The length of a list, its elements in binary form and the position behind it; or the fault.
type Outcome = Result<(usize, Vec<u8>, usize), String>;

fn outcome<T: Leaf + LittleEndian>(
    text: &str,
    limit: usize,
    read: impl FnOnce(&mut JsonReader<'_>, &mut Leaves<T>) -> crate::protocol::fault::ReadResult<usize>,
) -> Outcome {
    let mut reader = JsonReader::new(text);
    let mut leaves = Leaves::new(&reader, 4, limit).unwrap();
    match read(&mut reader, &mut leaves) {
        Ok(count) => {
            let mut bytes = Vec::new();
            T::write_all(&leaves.into_vec(), &mut bytes);
            Ok((count, bytes, reader.position()))
        }
        Err(fault) => Err(fault.rejection_in(text).text().to_owned()),
    }
}

/// Asserts that a list is read in runs as it is read number by number.
fn same_in_runs<T: Leaf + LittleEndian>(text: &str, limit: usize) {
    let in_runs = outcome::<T>(text, limit, |reader, leaves| flat_or_nested(reader, &[], leaves));
    let singly = outcome::<T>(text, limit, |reader, leaves| reader.list("a list", |reader, _| leaves.read(reader)));
    assert_eq!(in_runs, singly, "{text:?}");
}

fn same_for_all_types(text: &str, limit: usize) {
    same_in_runs::<f32>(text, limit);
    same_in_runs::<f64>(text, limit);
    same_in_runs::<f16>(text, limit);
    same_in_runs::<bf16>(text, limit);
    same_in_runs::<u8>(text, limit);
    same_in_runs::<i16>(text, limit);
    same_in_runs::<u64>(text, limit);
    same_in_runs::<i64>(text, limit);
}

/// The members behind a list in a body: only where 32 bytes follow is a number read as part of a run.
const BEHIND: &str = ", \"parameters\": {\"some\": \"of any length, here 1,2,3 and 4.5\"}}";

/// Numbers, and texts that are nearly numbers.
fn token() -> impl Strategy<Value = String> {
    let odd = prop::sample::select(vec![
        "",
        "-",
        "+1",
        "1.",
        ".5",
        "-.5",
        "01",
        "-01",
        "00",
        "0.",
        "1e",
        "1e+",
        "1e-5",
        "2E7",
        "1e400",
        "1e-400",
        "1.5e-3",
        "0",
        "-0",
        "-0.0",
        "0.000",
        "1.0",
        "--1",
        "1-2",
        "1.2.3",
        "..",
        "1..2",
        "1_0",
        "\u{663}",
        "NaN",
        "null",
        "true",
        "\"1\"",
        "[1]",
        "[",
        "]",
        "{}",
        "1 2",
        "1]",
        "\u{1}",
        "\u{7f}",
        "1\u{0}",
        "16777217",
        "16777217.0",
        "-16777219",
        "9007199254740993",
        "9223372036854775807",
        "9223372036854775808",
        "-9223372036854775808",
        "18446744073709551615",
        "18446744073709551616",
        "99999999999999999999999",
        "65504",
        "65520",
        "255",
        "256",
        "-1",
        "0.1234567890123456",
        "0.12345678901234567",
        "0.000012345678901234567",
        "0.00000123456789012345678901",
        "123456789012345.67890123",
        "1234567890123456.5",
        "12345678901234567.5",
        "0.3333333432674408",
    ]);
    prop_oneof![
        4 => "-?(0|[1-9][0-9]{0,3})(\\.[0-9]{1,9})?",
        2 => "-?(0|[1-9][0-9]{0,17})(\\.[0-9]{1,22})?",
        1 => "-?(0|[1-9][0-9]{0,24})(\\.[0-9]{1,24})?([eE][+-]?[0-9]{1,3})?",
        2 => any::<f32>().prop_map(|value| value.to_string()),
        2 => any::<f64>().prop_map(|value| value.to_string()),
        2 => any::<i64>().prop_map(|value| value.to_string()),
        2 => odd.prop_map(str::to_owned),
        1 => "[-+.0-9eE, ]{0,12}",
    ]
}

fn separator() -> impl Strategy<Value = &'static str> {
    let odd = prop::sample::select(vec![" ,", ",,", "", " ", ";", ",\u{1}", "\n,\n", ",\u{a0}"]);
    prop_oneof![12 => Just(","), 6 => Just(", "), 4 => Just(",\n    "), 1 => Just(",\t\r "), 1 => odd]
}

fn list() -> impl Strategy<Value = String> {
    prop::collection::vec((token(), separator()), 0..12).prop_map(|elements| {
        let last = elements.len().saturating_sub(1);
        let mut list = "[".to_owned();
        for (index, (token, separator)) in elements.iter().enumerate() {
            list.push_str(token);
            list.push_str(if index < last { separator } else { "" });
        }
        list + "]"
    })
}

/// Asserts that a list is written as serde_json writes it.
fn written_as_by_serde_json<T: WriteJson, J: serde::Serialize>(values: &[T], json: impl Fn(T) -> J) {
    let mut text = b"before".to_vec();
    write_numbers::write_list(&mut text, values);
    let expected = serde_json::to_string(&values.iter().map(|value| json(*value)).collect::<Vec<_>>()).unwrap();
    assert_eq!(std::str::from_utf8(&text).unwrap(), format!("before{expected}"));
}

fn same<T>(value: T) -> T {
    value
}

/// Floats of any bits, and those near whole numbers and powers of ten.
fn single() -> impl Strategy<Value = f32> {
    let near = |value: f32, away: i32| f32::from_bits(value.to_bits().wrapping_add_signed(away));
    prop_oneof![
        any::<u32>().prop_map(f32::from_bits),
        any::<i32>().prop_map(|value| value as f32),
        (-70_000_i32..70_000).prop_map(|value| value as f32),
        (-50_i32..40, -3_i32..4).prop_map(move |(power, away)| near(10_f32.powi(power), away)),
        (0_i32..30, -3_i32..4).prop_map(move |(power, away)| near(2_f32.powi(power), away)),
        (-1_000_000_i32..1_000_000).prop_map(|value| value as f32 / 1000.0),
    ]
    .prop_filter("JSON has only finite numbers", |value| value.is_finite())
}

fn double() -> impl Strategy<Value = f64> {
    let near = |value: f64, away: i64| f64::from_bits(value.to_bits().wrapping_add_signed(away));
    prop_oneof![
        any::<u64>().prop_map(f64::from_bits),
        any::<i64>().prop_map(|value| value as f64),
        single().prop_map(f64::from),
        (-330_i32..309, -3_i64..4).prop_map(move |(power, away)| near(10_f64.powi(power), away)),
        (0_i32..70, -3_i64..4).prop_map(move |(power, away)| near(2_f64.powi(power), away)),
    ]
    .prop_filter("JSON has only finite numbers", |value| value.is_finite())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn lists_are_read_in_runs_as_they_are_read_singly(list in list(), limit in 0_usize..12) {
        same_for_all_types(&format!("{list}{BEHIND}"), limit);
        same_for_all_types(&list, limit);
    }

    #[test]
    fn damaged_lists_are_read_in_runs_as_they_are_read_singly(
        list in list(), at: prop::sample::Index, byte in 0_u8..0x80,
    ) {
        let mut bytes = list.into_bytes();
        let at = at.index(bytes.len());
        if bytes[at].is_ascii() {
            bytes[at] = byte;
        }
        let list = String::from_utf8(bytes).unwrap();
        same_for_all_types(&format!("{list}{BEHIND}"), usize::MAX);
    }

    #[test]
    fn nested_lists_are_read_in_runs(rows in prop::collection::vec(prop::collection::vec(single(), 7), 5)) {
        let text = format!("{}{BEHIND}", serde_json::to_string(&rows).unwrap());
        let read = outcome::<f32>(&text, 35, |reader, leaves| flat_or_nested(reader, &[5, 7], leaves));
        let mut bytes = Vec::new();
        f32::write_all(&rows.concat(), &mut bytes);
        prop_assert_eq!(read, Ok((35, bytes, text.len() - BEHIND.len())));
    }

    #[test]
    fn floats_are_written_as_by_serde_json(
        singles in prop::collection::vec(single(), 0..150), doubles in prop::collection::vec(double(), 0..150),
    ) {
        written_as_by_serde_json(&singles, same);
        written_as_by_serde_json(&doubles, same);
        let halves: Vec<_> = singles.iter().map(|value| f16::from_f32(*value)).filter(|value| value.is_finite()).collect();
        written_as_by_serde_json(&halves, f16::to_f32);
        let halves: Vec<_> = singles.iter().map(|value| bf16::from_f32(*value)).filter(|value| value.is_finite()).collect();
        written_as_by_serde_json(&halves, bf16::to_f32);
    }

    #[test]
    fn integers_are_written_as_by_serde_json(
        signed in prop::collection::vec(any::<(i64, u32)>(), 0..150), flags: Vec<bool>,
    ) {
        // Of every length.
        let signed: Vec<_> = signed.into_iter().map(|(value, shift)| value >> (shift % 64)).collect();
        written_as_by_serde_json(&signed, same);
        written_as_by_serde_json(&signed.iter().map(|value| *value as u64).collect::<Vec<_>>(), same);
        written_as_by_serde_json(&signed.iter().map(|value| value.unsigned_abs()).collect::<Vec<_>>(), same);
        written_as_by_serde_json(&signed.iter().map(|value| *value as i32).collect::<Vec<_>>(), same);
        written_as_by_serde_json(&signed.iter().map(|value| *value as u32).collect::<Vec<_>>(), same);
        written_as_by_serde_json(&signed.iter().map(|value| *value as i16).collect::<Vec<_>>(), same);
        written_as_by_serde_json(&signed.iter().map(|value| *value as u16).collect::<Vec<_>>(), same);
        written_as_by_serde_json(&signed.iter().map(|value| *value as i8).collect::<Vec<_>>(), same);
        written_as_by_serde_json(&signed.iter().map(|value| *value as u8).collect::<Vec<_>>(), same);
        written_as_by_serde_json(&flags, same);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(50_000))]

    /// Mantissas of any length, and those that are half way between two FP64.
    #[test]
    fn decimals_convert_as_the_standard_library_parses_them(
        mantissa: u64, shift in 0_u32..64, decimals in 0_usize..26, negative: bool, half: bool,
    ) {
        let mut mantissa = (mantissa >> shift) % 10_000_000_000_000_000_000;
        if half {
            // 54 bits, of which the last is set, times a power of five.
            let factor = 5_u64.pow(decimals.min(4) as u32);
            mantissa = ((1 << 53 | mantissa | 1) & ((1 << 54) - 1)).saturating_mul(factor);
        }
        let decimal = Decimal { negative, mantissa, decimals };
        let text = format!("{}{mantissa}e-{decimals}", if negative { "-" } else { "" });
        if let Some(value) = f64::from_decimal(decimal) {
            prop_assert_eq!(value.to_bits(), text.parse::<f64>().unwrap().to_bits(), "{}", text);
        }
        if let Some(value) = f32::from_decimal(decimal) {
            prop_assert_eq!(value.to_bits(), text.parse::<f32>().unwrap().to_bits(), "{}", text);
        }
        prop_assert!(decimals > 22 || f64::from_decimal(decimal).is_some());
    }

    /// Numbers of FP64 as clients write them, in a list: also those half way between two FP32.
    #[test]
    fn doubles_in_lists_are_rounded_once(value in double(), away in -3_i64..4, half: bool) {
        let mut bits = value.to_bits().wrapping_add_signed(away);
        if half {
            bits = bits & !((1 << 29) - 1) | 1 << 28;
        }
        let value = f64::from_bits(bits);
        prop_assume!(value.is_finite());
        for text in [format!("{value}"), format!("{value:e}")] {
            let list = format!("[{text},{text}]{BEHIND}");
            for at in [1, 2 + text.len()] {
                let single = number::float::<f32>(&list, at).map(|(value, end)| (value.to_bits(), end));
                let expected: f32 = text.parse().unwrap();
                prop_assert_eq!(single, expected.is_finite().then_some((expected.to_bits(), at + text.len())));
                let double = number::float::<f64>(&list, at).map(|(value, end)| (value.to_bits(), end));
                prop_assert_eq!(double, Some((value.to_bits(), at + text.len())));
            }
            same_in_runs::<f32>(&list, 2);
            same_in_runs::<f64>(&list, 2);
        }
    }
}

#[test]
fn lists_that_end_anywhere_are_read_in_runs_as_they_are_read_singly() {
    let elements = [
        "0.5",
        "-1",
        "12345678.25",
        "0.12345678901234567",
        "-0.000012345678901234567",
        "1e-5",
        "16777217",
        "3.0",
        "-0.0",
        "0.1234567890123",
        "123456789012345",
        "1234567890123456",
        "-123456789012345.5",
        "12345678901234.56",
    ];
    for separator in [",", ", ", " , "] {
        let list = format!("[{}]", elements.join(separator));
        for end in 0..list.len() {
            same_for_all_types(&list[..end], usize::MAX);
            same_for_all_types(&format!("{}{BEHIND}", &list[..end]), usize::MAX);
            same_for_all_types(&format!("{}]{BEHIND}", &list[..end]), usize::MAX);
        }
    }
}

#[test]
fn lists_of_every_length_are_written() {
    let values: Vec<f32> = (0..200).map(|value| value as f32 / 8.0).collect();
    for length in 0..values.len() {
        written_as_by_serde_json(&values[..length], same);
    }
    let data = TensorData::from(vec![f32::MIN, f32::MAX, f32::MIN_POSITIVE, f32::EPSILON, 1.0e16, 1.5e-45, -0.0]);
    written_as_by_serde_json(data.as_slice::<f32>().unwrap(), same);
    written_as_by_serde_json(&[f64::MIN, f64::MAX, f64::MIN_POSITIVE, -5e-324, 1e16, 1e15, 123_456_789.0], same);
    written_as_by_serde_json(&[i64::MIN, i64::MAX, 0, -1, 99_999_999, 100_000_000, -100_000_000], same);
}
