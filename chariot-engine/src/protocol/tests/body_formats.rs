//! The format of a body, rule by rule in the protocol's order, and the items and outputs of `chariot-v2`.

use bytes::Bytes;
use insta::assert_snapshot;
use proptest::prelude::*;

use super::{Messages, assert_location};
use crate::protocol::{
    Accepts, BodyFormat, DataType, InferRequest, JsonText, MediaType, Protocol, TensorMetadata, body_format::BodyKind,
    encode_chariot_v2,
};

fn with_parameters(media_type: MediaType, parameters: &'static str) -> BodyFormat {
    BodyFormat { parameters: Some(parameters.into()), ..BodyFormat::new(media_type) }
}

fn decode(format: &BodyFormat, body: impl Into<Bytes>) -> Result<(InferRequest, Protocol), String> {
    format.decode(&body.into(), &Accepts::default()).map_err(|rejection| rejection.text().to_owned())
}

#[track_caller]
fn items(format: &BodyFormat, body: impl Into<Bytes>) -> Vec<String> {
    let (request, protocol) = decode(format, body).unwrap();
    assert_eq!(protocol, Protocol::V2);
    assert!(request.outputs.is_empty() && !request.binary_outputs && request.id.is_none());
    let text = |input: crate::protocol::InferInput| {
        assert!(input.name.is_empty());
        assert_eq!(input.data.len(), 1);
        let mut elements = input.data.bytes_elements().unwrap();
        elements.next().unwrap().text().unwrap().into_owned()
    };
    request.inputs.into_iter().map(text).collect()
}

/// Every media type.
const MEDIA_TYPES: [MediaType; 8] = [
    MediaType::Absent,
    MediaType::Json,
    MediaType::Lines,
    MediaType::Raw,
    MediaType::Form,
    MediaType::Multipart,
    MediaType::WideText,
    MediaType::Other,
];

/// The first bytes of a PNG.
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n....";

/// Models of texts, images, JSON values or rows, named tensors, and of texts in one of the protocols only.
fn models() -> [Accepts; 6] {
    let text = Accepts::default;
    [
        text(),
        Accepts { images: true, ..text() },
        Accepts { raw_items: false, json_items: true, ..text() },
        Accepts { items: false, raw_items: false, ..text() },
        Accepts { protocol: Some(Protocol::V2Kserve), ..text() },
        Accepts { protocol: Some(Protocol::V2), ..text() },
    ]
}

#[test]
fn the_first_matching_rule_decides_the_format() {
    let bodies =
        [b"".as_slice(), b" \n{}", b"\xef\xbb\xbf {}", b"{broken", b"[{}]", b"hello", b"\xff\xfe{\0", b"\0{\0}", PNG];
    for (model, accepts) in models().iter().enumerate() {
        let takes_items = accepts.supports(Protocol::V2);
        for (media_type, given, detects_images, body) in combinations(&bodies) {
            let format =
                BodyFormat { detects_images, parameters: given.then(|| "{}".into()), ..BodyFormat::new(media_type) };
            let is_object = bodies[1..4].contains(&body) || bodies[6..8].contains(&body);
            let expected = match media_type {
                // (2) Lines.
                MediaType::Lines => BodyKind::Lines,
                // (3) The header with parameters, or a media type of raw bytes.
                _ if given => BodyKind::Item,
                MediaType::Raw if takes_items || !is_object => BodyKind::Item,
                // (4) A body that starts like an object, whatever the media type, and (5) JSON.
                _ if is_object || media_type == MediaType::Json => BodyKind::Document,
                // (6) Forms.
                MediaType::Form | MediaType::Multipart | MediaType::WideText => BodyKind::Unsupported,
                // (7) No media type: an image, if the model takes images and the route allows it.
                MediaType::Absent if model == 1 && detects_images && body == PNG => BodyKind::Item,
                MediaType::Absent => BodyKind::Document,
                // (8) Any other media type: an item, if the model takes bytes or text.
                _ if accepts.raw_items && takes_items => BodyKind::Item,
                _ => BodyKind::Document,
            };
            assert_eq!(format.kind(body, accepts), expected, "{format:?} {body:?} {accepts:?}");
            // (1) The header of binary tensors.
            let binary = BodyFormat { json_length: Some(7), ..format };
            assert_eq!(binary.kind(body, accepts), BodyKind::Binary(7));
        }
    }
}

/// Returns every combination of a media type, of the header with parameters, of a route, and of a body.
fn combinations<'a>(bodies: &'a [&'a [u8]]) -> impl Iterator<Item = (MediaType, bool, bool, &'a [u8])> {
    MEDIA_TYPES.into_iter().flat_map(move |media_type| {
        bodies.iter().flat_map(move |body| (0..4).map(move |flags| (media_type, flags & 1 == 1, flags & 2 == 2, *body)))
    })
}

/// A request whose source is classified as if it were a text is a wrong answer that nobody notices.
#[test]
fn a_broken_request_is_never_an_item() {
    let requests = [
        r#"{"inputs": [{"name": "a", "data": ["x"]}"#,
        r#"{"inputs": [{"name": "a", "data": ["x"]}]"#,
        r#"{"inputs": [{"name": "a", "data": ["x"]}]}}"#,
        r#"{"input": "x"} {"input": "y"}"#,
        r#"{'input': 'x'}"#,
        r#"{input: "x"}"#,
        r#"{"input": "x",}"#,
        r#"{"text": "x"}"#,
        "{",
        "{}",
    ];
    let mut messages = Messages::default();
    for request in requests {
        for media_type in [MediaType::Absent, MediaType::Json, MediaType::Form, MediaType::Multipart, MediaType::Other]
        {
            for before in ["", " \r\n\t", "\u{feff}", "\u{feff} ", " \u{feff}", "\u{c}"] {
                for accepts in models() {
                    let format = BodyFormat { detects_images: true, ..BodyFormat::new(media_type) };
                    let body = format!("{before}{request}");
                    let fault = format.decode(&body.into(), &accepts).expect_err(request);
                    format.check_media_type(request.as_bytes(), &accepts).unwrap();
                    if before.is_empty()
                        && media_type == MediaType::Form
                        && accepts.protocol.is_none()
                        && accepts.raw_items
                        && !accepts.images
                    {
                        messages.add(request, fault.text());
                    }
                }
            }
        }
    }
    assert_snapshot!("broken_requests", messages);
}

#[test]
fn a_form_is_rejected_with_the_way_to_send_the_request() {
    let mut messages = Messages::default();
    for (model, accepts) in models().iter().enumerate() {
        for (media_type, body) in [
            (MediaType::Form, "text=hello"),
            (MediaType::Multipart, "--x\r\n"),
            (MediaType::Form, ""),
            (MediaType::WideText, "h\0i\0"),
            (MediaType::WideText, "h\0i\0"),
        ] {
            let format = BodyFormat::new(media_type);
            let fault = format.check_media_type(body.as_bytes(), accepts).unwrap_err();
            assert_location(fault.text(), "Content-Type", "");
            assert_eq!(format.decode(&body.into(), accepts).unwrap_err(), fault);
            messages.add(&format!("model {model}, {media_type:?}"), fault.text());
        }
    }
    assert_snapshot!("forms", messages);
}

#[test]
fn an_image_needs_no_media_type_on_the_platforms_route() {
    let accepts = Accepts { images: true, ..Accepts::default() };
    let read = |detects_images| {
        BodyFormat { detects_images, ..BodyFormat::default() }.decode(&Bytes::from_static(PNG), &accepts)
    };
    let (request, protocol) = read(true).unwrap();
    assert_eq!((request.inputs.len(), protocol), (1, Protocol::V2));
    let fault = read(false).unwrap_err();
    assert_location(fault.text(), "Content-Type", "");
    assert_snapshot!("image_without_a_media_type", fault.text());
    // For a model of texts it is no item at all.
    assert_location(&decode(&BodyFormat::default(), PNG).unwrap_err(), "", "1:1");
}

#[test]
fn a_byte_order_mark_is_skipped() {
    let marked = |text: &str| format!("\u{feff}{text}");
    let (request, protocol) =
        decode(&BodyFormat::default(), marked(r#"{"inputs":[{"name":"a","data":["x"]}]}"#)).unwrap();
    assert_eq!((&*request.inputs[0].name, protocol), ("a", Protocol::V2Kserve));
    assert_eq!(request.inputs[0].data.strings(&[1]).unwrap(), ["x"]);
    assert_eq!(items(&BodyFormat::default(), marked(r#" {"input":"x"}"#)), ["x"]);
    assert_eq!(items(&BodyFormat::new(MediaType::Lines), marked("{\"input\":\"a\"}\n{\"input\":\"b\"}")), ["a", "b"]);
    assert_eq!(items(&BodyFormat::new(MediaType::Other), marked("hello")), ["hello"]);
    // Raw bytes stay what they are, and so does a string.
    assert_eq!(items(&BodyFormat::new(MediaType::Raw), marked("hello")), [marked("hello")]);
    assert_eq!(items(&BodyFormat::default(), format!(r#"{{"input":"{}"}}"#, marked("x"))), [marked("x")]);
    let json = marked(r#"{"inputs":[{"name":"x","datatype":"INT8","shape":[1],"parameters":{"binary_data_size":1}}]}"#);
    let request = InferRequest::decode_binary(&format!("{json}\u{7}").into(), json.len()).unwrap();
    assert_eq!(request.inputs[0].data.as_slice::<i8>(), Some(&[7][..]));
    assert_eq!(JsonText::from_text(marked(" [1] ")).unwrap().as_str(), "[1]");
    // Columns count from the first character that is shown.
    assert_location(&decode(&BodyFormat::default(), marked("[1]")).unwrap_err(), "", "1:1");
}

#[test]
fn an_item_is_any_json_value_for_a_model_of_json_values() {
    let accepts = &models()[2];
    let value = |format: BodyFormat, body: &str| {
        let (request, protocol) = format.decode(&body.to_owned().into(), accepts).unwrap();
        assert_eq!((request.inputs.len(), request.inputs[0].data.len(), protocol), (1, 1, Protocol::V2));
        request.inputs[0].data.bytes_elements().unwrap().next().unwrap().json().unwrap().as_str().to_owned()
    };
    for text in [r#"{"context": "a"}"#, "[1, [2]]", "7", "false", r#""text""#] {
        assert_eq!(value(BodyFormat::default(), &format!(r#"{{"input": {text} , "parameters": {{}}}}"#)), text);
        assert_eq!(value(BodyFormat::new(MediaType::Lines), &format!(r#"{{"input":{text}}}"#)), text);
    }
    let fault = BodyFormat::default().decode(&r#"{"input": null}"#.into(), accepts).unwrap_err();
    assert_location(fault.text(), "inputs", "");
    let fault = BodyFormat::new(MediaType::Lines).decode(&r#"{"input": null}"#.into(), accepts).unwrap_err();
    assert_location(fault.text(), "line 1: input", "1:11");
}

#[test]
fn a_media_type_is_parsed_without_case_and_parameters() {
    for (value, expected) in [
        ("", MediaType::Absent),
        (" ", MediaType::Absent),
        ("application/json", MediaType::Json),
        (" Application/JSON ; charset=utf-8", MediaType::Json),
        ("application/vnd.api+json", MediaType::Json),
        ("application/jsonl", MediaType::Lines),
        ("APPLICATION/JSONL;x=y", MediaType::Lines),
        ("application/x-ndjson; charset=utf-8", MediaType::Lines),
        ("text/json", MediaType::Json),
        ("application/jsonlx", MediaType::Other),
        ("multipart/form-data; boundary=x", MediaType::Multipart),
        ("multipart/mixed", MediaType::Multipart),
        ("text/plain; charset=UTF-16LE", MediaType::WideText),
        ("text/csv;header=present; Charset=\"utf-32\"", MediaType::WideText),
        ("text/plain; charset=iso-8859-1", MediaType::Other),
        ("application/json; charset=utf-16", MediaType::Json),
        ("application/octet-stream", MediaType::Raw),
        ("image/png", MediaType::Raw),
        ("Image/*", MediaType::Raw),
        ("audio/wav", MediaType::Raw),
        ("video/mp4", MediaType::Raw),
        ("imagery/png", MediaType::Other),
        ("text/plain", MediaType::Other),
        ("Application/X-WWW-Form-Urlencoded", MediaType::Form),
        ("\u{fe}", MediaType::Other),
    ] {
        assert_eq!(MediaType::from_content_type(value.as_bytes()), expected, "{value}");
    }
}

#[test]
fn the_members_of_a_document_decide_its_protocol() {
    let mut messages = Messages::default();
    for media_type in [MediaType::Absent, MediaType::Json, MediaType::Other] {
        let format = BodyFormat::new(media_type);
        let (request, protocol) = decode(&format, r#" {"inputs":[{"name":"a","data":["x"]}]}"#).unwrap();
        assert_eq!((&*request.inputs[0].name, protocol), ("a", Protocol::V2Kserve));
        assert_eq!(items(&format, r#"{"id":"7","outputs":[{"name":"y"}],"input":"x","unknown":[1]}"#), ["x"]);
        for (body, location, position) in [
            (r#"{}"#, "inputs", ""),
            (r#"{"input":null}"#, "inputs", ""),
            (r#"{"input":"x","inputs":[{"data":["x"]}]}"#, "input", ""),
            (r#"{"inputs":[{"data":["x"]}],"input":""}"#, "input", ""),
            (r#"{"input":["x"]}"#, "input", "1:10"),
            (r#"{"input":7}"#, "input", "1:10"),
            ("{\n\"input\":{}}", "input", "2:9"),
            (r#"{"input":"a","input":"b"}"#, "input", "1:22"),
            (r#"{"input":"a","parameters":{"action":1}}"#, "parameters.action", "1:37"),
        ] {
            let message = decode(&format, body).unwrap_err();
            assert_location(&message, location, position);
            if media_type == MediaType::Json {
                messages.add(body, &message);
            }
        }
        // `null` counts as absent for an optional member.
        let (request, protocol) = decode(&format, r#"{"inputs":[{"data":["x"]}],"input":null}"#).unwrap();
        assert_eq!((request.inputs.len(), protocol), (1, Protocol::V2Kserve));
    }
    assert_snapshot!("documents", messages);
}

#[test]
fn a_body_that_is_not_json_is_an_item_only_with_another_media_type() {
    for body in ["hello", "[1]", "\"x\"", " "] {
        assert_eq!(items(&BodyFormat::new(MediaType::Other), body), [body]);
        for media_type in [MediaType::Absent, MediaType::Json] {
            decode(&BodyFormat::new(media_type), body).unwrap_err();
        }
        let accepts = Accepts { raw_items: false, ..Accepts::default() };
        BodyFormat::new(MediaType::Other).decode(&body.into(), &accepts).unwrap_err();
    }
    assert_location(&decode(&BodyFormat::new(MediaType::Absent), "[1]").unwrap_err(), "", "1:1");
    let bytes = Bytes::from_static(b"\xff\x00");
    let (request, _) = decode(&BodyFormat::new(MediaType::Other), bytes.clone()).unwrap();
    let element = request.inputs[0].data.clone().bytes_elements().unwrap().next().unwrap();
    assert_eq!(element, crate::protocol::BytesElement::Binary(bytes));
}

#[test]
fn a_media_type_of_bytes_does_not_count_for_json_if_items_are_not_accepted() {
    let body = Bytes::from_static(br#" {"inputs":[{"name":"a","datatype":"INT8","shape":[1],"data":[7]}]}"#);
    let tensors = Accepts { items: false, raw_items: false, ..Accepts::default() };
    let narrowed = Accepts { protocol: Some(Protocol::V2Kserve), ..Accepts::default() };
    for accepts in [&tensors, &narrowed] {
        let (request, protocol) = BodyFormat::new(MediaType::Raw).decode(&body, accepts).unwrap();
        assert_eq!((&*request.inputs[0].name, protocol), ("a", Protocol::V2Kserve));
        BodyFormat::new(MediaType::Raw).decode(&Bytes::from_static(b"some bytes"), accepts).unwrap_err();
        with_parameters(MediaType::Raw, "{}").decode(&body, accepts).unwrap_err();
    }
    assert_eq!(items(&BodyFormat::new(MediaType::Raw), body.clone()), [str::from_utf8(&body).unwrap()]);
}

#[test]
fn a_raw_item_is_the_body_and_its_parameters_are_in_a_header() {
    let format = with_parameters(MediaType::Json, r#"{"action":"embed","score_threshold":"0.25","metadata":{"a": 1}}"#);
    // Even if it looks like JSON.
    assert_eq!(items(&format, r#"{"inputs":[]}"#), [r#"{"inputs":[]}"#]);
    let (request, _) = decode(&format, "x").unwrap();
    let parameters = &request.inputs[0].parameters;
    assert_eq!((parameters.action(), parameters.score_threshold()), (Some("embed"), Some(0.25)));
    assert_eq!(parameters.metadata().unwrap().as_str(), r#"{"a": 1}"#);
    assert_eq!(request.inputs[0].label(0), "input");
    assert_eq!(items(&BodyFormat::new(MediaType::Raw), "x"), ["x"]);
    assert_eq!(items(&with_parameters(MediaType::Absent, "null"), "x"), ["x"]);

    let mut messages = Messages::default();
    for (header, location, position) in [
        ("", "Chariot-Inference-Parameters", "1:1"),
        ("[]", "Chariot-Inference-Parameters", "1:1"),
        ("{} x", "Chariot-Inference-Parameters", "1:4"),
        (r#"{"score_threshold":"high"}"#, "Chariot-Inference-Parameters: score_threshold", "1:20"),
    ] {
        let message = decode(&with_parameters(MediaType::Raw, header), "x").unwrap_err();
        assert_location(&message, location, position);
        messages.add(&format!("'{header}' in the header"), &message);
    }
    let empty = decode(&BodyFormat::new(MediaType::Raw), "").unwrap_err();
    assert_location(&empty, "", "");
    messages.add("empty body", &empty);
    assert_snapshot!("raw_items", messages);
}

#[test]
fn lines_are_items_and_a_message_names_the_line() {
    let format = BodyFormat::new(MediaType::Lines);
    assert_eq!(items(&format, r#"{"input":"a"}"#), ["a"]);
    assert_eq!(items(&format, "{\"input\":\"a\"}\n{\"input\":\"\\n\",\"x\":0}\n"), ["a", "\n"]);
    // Blank lines, and lines that end with CRLF.
    let body = "\r\n{\"input\":\"a\"}\r\n\n \t\n{\"parameters\":{\"action\":\"embed\"},\"input\":\"b\"}\r\n\n";
    assert_eq!(items(&format, body), ["a", "b"]);
    let (request, _) = decode(&format, body).unwrap();
    let seen: Vec<_> =
        request.inputs.iter().map(|input| (input.label(9), input.parameters.action().map(str::to_owned))).collect();
    assert_eq!(seen, [("line 2".into(), None), ("line 5".into(), Some("embed".into()))]);

    let good = "{\"input\":\"a\"}\n";
    let mut messages = Messages::default();
    for (bad, location, position) in [
        ("{}", "line 3: input", ""),
        ("{\"input\":null}", "line 3: input", "3:10"),
        ("{\"inputs\":[]}", "line 3: input", ""),
        ("7", "line 3", "3:1"),
        ("[{\"input\":\"a\"}]", "line 3", "3:1"),
        ("{\"input\":\"a\"", "line 3", "3:13"),
        ("{\"input\":\"a", "line 3: input", "3:10"),
        ("{\"input\":\"a\"} {\"input\":\"b\"}", "line 3", "3:15"),
        ("{\"input\":\"é\",\"parameters\":{\"action\":[]}}", "line 3: parameters.action", "3:37"),
        ("{\n\"input\":\"a\"}", "line 3", "3:2"),
    ] {
        let message = decode(&format, format!("{good}\n{bad}\n{good}")).unwrap_err();
        assert_location(&message, location, position);
        messages.add(bad, &message);
    }
    for empty in ["", " \n\r\n"] {
        let message = decode(&format, empty).unwrap_err();
        assert_location(&message, "", "");
        messages.add(&format!("'{empty}' as the body"), &message);
    }
    let bytes = Bytes::from_static(b"{\"input\":\"a\"}\n{\"input\":\"\xff\"}");
    assert_location(&decode(&format, bytes).unwrap_err(), "", "2:11");
    assert_snapshot!("lines", messages);
}

#[test]
fn limits_hold_for_lines() {
    let format = BodyFormat::new(MediaType::Lines);
    let lines = |count: usize| "{\"input\":\"\"}\n".repeat(count);
    assert_eq!(items(&format, lines(16_384)).len(), 16_384);
    let many = decode(&format, lines(16_385)).unwrap_err();
    assert_location(&many, "", "");
    assert_snapshot!("line_limit", format!("16385 lines → {many}"));
    let nested = |depth: usize| format!("{{\"input\":\"a\",\"x\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
    assert_eq!(items(&format, nested(127)), ["a"]);
    assert!(decode(&format, nested(128)).unwrap_err().starts_with("line 1: x: "));
}

#[test]
fn a_protocol_that_the_model_does_not_accept_is_rejected_by_name() {
    let kserve = (BodyFormat::default(), r#"{"inputs":[{"data":["x"]}]}"#);
    let binary = (BodyFormat { json_length: Some(0), ..BodyFormat::default() }, "x");
    let one = (BodyFormat::default(), r#"{"input":"x"}"#);
    let lines = (BodyFormat::new(MediaType::Lines), r#"{"input":"x"}"#);
    let raw = (BodyFormat::new(MediaType::Raw), "x");
    let rejected = |accepts: &Accepts, (format, body): &(BodyFormat, &'static str)| {
        format.decode(&Bytes::from_static(body.as_bytes()), accepts).err().map(|rejection| rejection.text().to_owned())
    };

    let only_v2 = Accepts { protocol: Some(Protocol::V2), ..Accepts::default() };
    let only_kserve = Accepts { protocol: Some(Protocol::V2Kserve), ..Accepts::default() };
    let tensors = Accepts { items: false, raw_items: false, ..Accepts::default() };
    let mut messages = Messages::default();
    let mut check = |case: &str, accepts: &Accepts, requests: &[&(BodyFormat, &'static str)]| {
        let texts: Vec<_> = requests.iter().map(|request| rejected(accepts, request).unwrap()).collect();
        assert!(texts.iter().all(|text| *text == texts[0]), "{texts:?}");
        assert_location(&texts[0], "", "");
        messages.add(case, &texts[0]);
    };
    check("only chariot-v2 is accepted", &only_v2, &[&kserve, &binary]);
    check("only chariot-v2-kserve is accepted", &only_kserve, &[&one, &lines, &raw]);
    check("named tensors", &tensors, &[&one, &lines, &raw]);
    for request in [&one, &lines, &raw] {
        assert_eq!(rejected(&only_v2, request), None);
    }
    for accepts in [&only_kserve, &Accepts::default()] {
        assert_eq!((rejected(accepts, &kserve), rejected(accepts, &binary)), (None, None));
    }
    // Text is an item only if raw items are accepted.
    let text = (BodyFormat::new(MediaType::Other), "hello");
    assert_eq!(rejected(&only_v2, &text), None);
    let string = (BodyFormat::new(MediaType::Other), "\"hello\"");
    assert_location(&rejected(&only_kserve, &string).unwrap(), "", "1:1");
    assert_snapshot!("protocols", messages);
}

#[test]
fn a_tensor_alone_needs_a_model_with_one_input() {
    let format = BodyFormat { json_length: Some(0), ..BodyFormat::default() };
    let one = Accepts { single_input: Some(TensorMetadata::new("x", DataType::Uint8, [-1])), ..Accepts::default() };
    let (request, protocol) = format.decode(&"ab".into(), &one).unwrap();
    assert_eq!((request.inputs[0].data.as_slice::<u8>(), protocol), (Some(&b"ab"[..]), Protocol::V2Kserve));
    let several = Accepts { single_input: None, ..Accepts::default() };
    let rejected = format.decode(&"ab".into(), &several).unwrap_err();
    assert_location(rejected.text(), "", "");
    assert_snapshot!("tensor_alone_for_several_inputs", rejected.text());
}

#[test]
fn one_output_is_json_and_several_are_lines() {
    let value = |text: &'static str| JsonText::from_text(text).unwrap();
    let one = encode_chariot_v2(&[(value("[\n0.5]"), Some(value("{\"a\": \n1}")))]);
    assert_eq!((one.content_type, one.json_length), ("application/json", None));
    assert_eq!(one.body, b"{\"output\":[\n0.5],\"parameters\":{\"metadata\":{\"a\": \n1}}}");
    let several = encode_chariot_v2(&[(value("[\n0.5]"), None), (value("\"a\\n\""), Some(value("\"m\"")))]);
    assert_eq!((several.content_type, several.json_length), ("application/jsonl", None));
    let expected = "{\"output\":[ 0.5]}\n{\"output\":\"a\\n\",\"parameters\":{\"metadata\":\"m\"}}\n";
    assert_eq!(several.body, expected.as_bytes());
}

fn any_format() -> impl Strategy<Value = BodyFormat> {
    let media_type = prop::sample::select(MEDIA_TYPES.to_vec());
    let parameters = prop::option::of("[{}\\[\\]\":,a1 ]{0,12}".prop_map(Bytes::from));
    (prop::option::of(0..40_usize), media_type, parameters, any::<bool>()).prop_map(
        |(json_length, media_type, parameters, detects_images)| BodyFormat {
            json_length,
            media_type,
            boundary: (media_type == MediaType::Multipart).then(|| "x".into()),
            parameters,
            detects_images,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    /// Strings similar to requests, and random bytes.
    #[test]
    fn no_body_panics_in_any_format(
        format in any_format(),
        body in prop_oneof![
            "(\\{\"inputs?\":(\"a\"|\\[|null|1)?(,\"parameters\":\\{)?\\}?\n?){0,4}".prop_map(Bytes::from),
            prop::collection::vec(any::<u8>(), 0..64).prop_map(Bytes::from),
        ],
        accepts in prop::sample::select(models().to_vec()),
    ) {
        if let Ok((request, protocol)) = format.decode(&body, &accepts) {
            prop_assert!(accepts.supports(protocol) && !request.inputs.is_empty());
        }
    }

    /// Every string survives, with any escapes of JSON.
    #[test]
    fn lines_of_any_strings_survive(texts in prop::collection::vec(any::<String>(), 1..6)) {
        let written = |text: &String| format!("{{\"input\":{}}}", serde_json::to_string(text).unwrap());
        let body = texts.iter().map(written).collect::<Vec<_>>().join("\n");
        prop_assert_eq!(items(&BodyFormat::new(MediaType::Lines), body), texts);
    }
}
