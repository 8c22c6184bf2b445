//! Strings: the scan for the end of what needs no escape, and the writer against serde_json.

use proptest::prelude::*;

use crate::protocol::{reader::JsonReader, string::plain_run, write_string};

/// Characters of every kind, and long runs of those that need no escape.
fn text() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        any::<String>(),
        "[a-zA-Z0-9+/=]{0,200}",
        "[\u{0}-\u{ff}]{0,40}",
        "[\"\\\\\u{1f}\u{20}\u{7f}\u{80}\u{e9}]{0,12}",
    ];
    prop::collection::vec(part, 0..6).prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn strings_are_written_as_by_serde_json(string in text()) {
        let mut written = b"before".to_vec();
        write_string::write_string(&mut written, &string);
        let expected = serde_json::to_string(&string).unwrap();
        prop_assert_eq!(std::str::from_utf8(&written).unwrap(), format!("before{expected}"));
        prop_assert!(write_string::size_bound(string.as_bytes()) >= expected.len());
        let mut reader = JsonReader::new(&expected);
        prop_assert_eq!(reader.string("a string").unwrap(), string);
        prop_assert_eq!(reader.position(), expected.len());
    }

    #[test]
    fn a_run_ends_at_the_first_special_byte(bytes: Vec<u8>, plain in 0_usize..300) {
        let mut bytes = bytes;
        bytes.splice(0..0, std::iter::repeat_n(b'a', plain));
        let special = |byte: &u8| *byte == b'"' || *byte == b'\\' || *byte < 0x20;
        prop_assert_eq!(plain_run(&bytes), bytes.iter().position(special).unwrap_or(bytes.len()));
    }
}

#[test]
fn a_special_byte_is_found_at_every_position() {
    for length in 0..200 {
        for byte in [b'"', b'\\', 0, 0x1f, b'\n'] {
            for other in [b'a', b'!', b'#', b'[', b']', 0x20, 0x7f, 0x80, 0xff] {
                let mut bytes = vec![other; 200];
                bytes[length] = byte;
                assert_eq!(plain_run(&bytes), length, "{byte} behind {other}");
            }
        }
    }
}

#[test]
fn the_size_of_a_string_has_no_bound_below_its_text() {
    for string in ["", "a", "\"", "\\\\", "\n\t\u{8}\u{c}\r", &"\u{1}".repeat(100), &"\"".repeat(65), "caf\u{e9}\u{7f}"]
    {
        let length = serde_json::to_string(string).unwrap().len();
        let bound = write_string::size_bound(string.as_bytes());
        assert!((length..=6 * string.len() + 2).contains(&bound), "{string:?}: {bound} for {length}");
    }
}
