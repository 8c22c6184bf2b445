//! Forms: which bodies they are, and parts of any content.

use bytes::Bytes;
use proptest::prelude::*;

use crate::protocol::{Accepts, BodyFormat, MediaType, Protocol, body_format::BodyKind};

/// A form with this boundary of parts with these dispositions.
fn form(boundary: &str, parts: &[(&str, &[u8])]) -> Bytes {
    let mut body = Vec::new();
    for (names, value) in parts {
        body.extend_from_slice(format!("--{boundary}\r\nContent-Disposition: form-data; {names}\r\n\r\n").as_bytes());
        body.extend_from_slice(value);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    body.into()
}

#[test]
fn a_boundary_is_read_from_its_content_type() {
    let boundary = |value: &str| BodyFormat::from_content_type(value.as_bytes()).boundary;
    let long = "b".repeat(71);
    for (value, expected) in [
        ("multipart/form-data; boundary=x", Some("x")),
        ("Multipart/Form-Data;BOUNDARY=\"a b;c\"", Some("a b;c")),
        ("multipart/form-data; charset=\"a;b\" ; boundary = ----x ", Some("----x")),
        ("multipart/form-data; boundary=\"a\\\"b\"", Some("a\"b")),
        ("multipart/form-data", None),
        ("multipart/form-data; boundary=", None),
        ("multipart/form-data; boundary=\"x", None),
        ("multipart/form-data; boundary=caf\u{e9}", None),
        (&format!("multipart/form-data; boundary={long}"), None),
        ("multipart/mixed; boundary=x", None),
        ("application/json; boundary=x", None),
    ] {
        assert_eq!(boundary(value).as_deref(), expected.map(str::as_bytes), "{value}");
    }
}

#[test]
fn a_form_is_read_for_items_of_bytes_unless_it_is_json() {
    let format = BodyFormat::from_content_type(b"multipart/form-data; boundary=x");
    let with_parameters = BodyFormat { parameters: Some("{}".into()), ..format.clone() };
    let texts = Accepts::default();
    let values = Accepts { raw_items: false, json_items: true, ..Accepts::default() };
    for format in [&format, &with_parameters] {
        assert_eq!(format.kind(b"--x", &texts), BodyKind::Parts);
    }
    assert_eq!(format.kind(b" {\"input\": \"a\"}", &texts), BodyKind::Document);
    assert_eq!(format.kind(b"--x", &values), BodyKind::Unsupported);
    assert_eq!(BodyFormat::new(MediaType::Multipart).kind(b"--x", &texts), BodyKind::Unsupported);
    let binary = BodyFormat { json_length: Some(1), ..format };
    assert_eq!(binary.kind(b"--x", &texts), BodyKind::Binary(1));
}

#[test]
fn parts_are_slices_of_the_body() {
    let format = BodyFormat::from_content_type(b"multipart/form-data; boundary=x");
    let body = form("x", &[("name=file; filename=a", b"hello")]);
    let (request, protocol) = format.decode(&body, &Accepts::default()).unwrap();
    assert_eq!(protocol, Protocol::V2Kserve);
    let element = request.inputs[0].data.bytes_elements().unwrap().next().unwrap();
    let crate::protocol::BytesElement::Binary(bytes) = element else { panic!("bytes") };
    assert!(body.as_ptr_range().contains(&bytes.as_ptr()));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// Every content survives, unless it has the delimiter, and so do all names.
    #[test]
    fn parts_of_any_content_survive(
        parts in prop::collection::vec(("[ -!#-\\[\\]-~\u{e9}]{1,8}", prop::collection::vec(prop_oneof![Just(b'\r'), Just(b'\n'), Just(b'-'), Just(b'x'), any::<u8>()], 1..24)), 1..5),
    ) {
        let format = BodyFormat::from_content_type(b"multipart/form-data; boundary=xx");
        let names: Vec<String> = parts.iter().map(|(name, _)| format!("name=f; filename=\"{name}\"")).collect();
        let all: Vec<(&str, &[u8])> = names.iter().zip(&parts).map(|(names, (_, value))| (&**names, &**value)).collect();
        prop_assume!(parts.iter().all(|(_, value)| !value.windows(6).any(|window| window == b"\r\n--xx") && !value.starts_with(b"\xef\xbb\xbf")));
        let accepts = Accepts { images: true, ..Accepts::default() };
        let (request, _) = format.decode(&form("xx", &all), &accepts).map_err(|fault| TestCaseError::fail(fault.text().to_owned()))?;
        prop_assert_eq!(request.inputs.len(), parts.len());
        for (input, (name, value)) in request.inputs.iter().zip(&parts) {
            prop_assert_eq!(&input.name, name);
            let element = input.data.bytes_elements().unwrap().next().unwrap();
            prop_assert_eq!(element, crate::protocol::BytesElement::Binary(value.clone().into()));
        }
    }

    /// Bytes similar to forms.
    #[test]
    fn no_form_panics(pieces in prop::collection::vec(prop::sample::select(vec![
        "--x", "\r\n", "--", "Content-Disposition: form-data; ", "name=input", "name=\"a", "filename*=", "; ", "\\\"", "\"", "=", ":", "\r\n\r\n", "{\"a\":1}", "parameters", " ", "\t",
    ]), 0..24)) {
        let format = BodyFormat::from_content_type(b"multipart/form-data; boundary=x");
        let body: Bytes = pieces.concat().into();
        if let Ok((request, _)) = format.decode(&body, &Accepts::default()) {
            prop_assert!(!request.inputs.is_empty());
        }
    }
}
