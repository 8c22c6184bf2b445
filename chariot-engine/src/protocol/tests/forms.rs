//! What a body is read as, row by row of the protocol's order, and the items and answers of `chariot-v2`.

use bytes::Bytes;
use proptest::prelude::*;

use crate::protocol::{
    Form, InferRequest, JsonText, MediaType, Protocol, Takes, TensorMetadata, encode_chariot_v2, form::Reading,
};

fn head(media_type: MediaType) -> Form {
    Form { media_type, ..Form::default() }
}

fn with_parameters(media_type: MediaType, parameters: &'static str) -> Form {
    Form { parameters: Some(parameters.into()), ..head(media_type) }
}

fn decode(form: &Form, body: impl Into<Bytes>) -> Result<(InferRequest, Protocol), String> {
    form.decode(&body.into(), &Takes::default()).map_err(|rejection| rejection.text().to_owned())
}

#[track_caller]
fn items(form: &Form, body: impl Into<Bytes>) -> Vec<String> {
    let (request, protocol) = decode(form, body).unwrap();
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

#[test]
fn what_comes_first_decides_what_a_body_is_read_as() {
    use MediaType::{Absent, Json, Lines, Other, Raw};
    let all = [Absent, Json, Lines, Raw, Other];
    let parameters = |given: bool| given.then(|| Bytes::from_static(b"{}"));
    let read = |json_length, media_type, given: bool, first, raw| {
        Form { json_length, media_type, parameters: parameters(given) }.reading(first, raw)
    };
    for given in [false, true] {
        for first in [None, Some(b'{'), Some(b'x')] {
            for raw in [false, true] {
                // (1) The header of binary tensors.
                for media_type in all {
                    assert_eq!(read(Some(7), media_type, given, first, raw), Reading::Binary(7));
                }
                // (2) Lines.
                assert_eq!(read(None, Lines, given, first, raw), Reading::Lines);
                // (3) The header of parameters, or a media type of bytes.
                for media_type in [Absent, Json, Raw, Other] {
                    if given || media_type == Raw {
                        assert_eq!(read(None, media_type, given, first, raw), Reading::Item, "{media_type:?}");
                    }
                }
            }
            // (4) and (5) What is said to be JSON, or nothing; and whatever else where no raw item could be meant.
            for raw in [false, true] {
                assert_eq!(read(None, Absent, false, first, raw), Reading::Document);
                assert_eq!(read(None, Json, false, first, raw), Reading::Document);
            }
            assert_eq!(read(None, Other, false, first, false), Reading::Document);
        }
    }
    // (4) and (6) Another media type: a document if it is one, else a raw item.
    assert_eq!(read(None, Other, false, Some(b'{'), true), Reading::DocumentOrItem);
    assert_eq!(read(None, Other, false, Some(b'x'), true), Reading::Item);
    assert_eq!(read(None, Other, false, None, true), Reading::Item);
}

#[test]
fn a_media_type_is_read_without_case_and_parameters() {
    for (value, expected) in [
        ("", MediaType::Absent),
        (" ", MediaType::Absent),
        ("application/json", MediaType::Json),
        (" Application/JSON ; charset=utf-8", MediaType::Json),
        ("application/vnd.api+json", MediaType::Json),
        ("application/jsonl", MediaType::Lines),
        ("APPLICATION/JSONL;x=y", MediaType::Lines),
        ("application/jsonlx", MediaType::Other),
        ("application/octet-stream", MediaType::Raw),
        ("image/png", MediaType::Raw),
        ("Image/*", MediaType::Raw),
        ("audio/wav", MediaType::Raw),
        ("video/mp4", MediaType::Raw),
        ("imagery/png", MediaType::Other),
        ("text/plain", MediaType::Other),
        ("application/x-www-form-urlencoded", MediaType::Other),
        ("\u{fe}", MediaType::Other),
    ] {
        assert_eq!(MediaType::read(value.as_bytes()), expected, "{value}");
    }
}

#[test]
fn the_members_of_a_document_say_of_which_protocol_it_is() {
    for media_type in [MediaType::Absent, MediaType::Json, MediaType::Other] {
        let form = head(media_type);
        let (request, protocol) = decode(&form, r#" {"inputs":[{"name":"a","data":["x"]}]}"#).unwrap();
        assert_eq!((&*request.inputs[0].name, protocol), ("a", Protocol::V2Kserve));
        assert_eq!(items(&form, r#"{"id":"7","outputs":[{"name":"y"}],"input":"x","unknown":[1]}"#), ["x"]);
        for (body, expected) in [
            (r#"{}"#, "inputs: a list of inputs is expected, the member is missing"),
            (r#"{"input":null}"#, "inputs: a list of inputs is expected, the member is missing"),
            (r#"{"input":"x","inputs":[{"data":["x"]}]}"#, "input: either this or inputs is expected, both came"),
            (r#"{"inputs":[{"data":["x"]}],"input":""}"#, "input: either this or inputs is expected, both came"),
            (r#"{"input":["x"]}"#, "input: a string is expected, a list came (line 1, column 10)"),
            (r#"{"input":7}"#, "input: a string is expected, a number came (line 1, column 10)"),
            ("{\n\"input\":{}}", "input: a string is expected, an object came (line 2, column 9)"),
            (r#"{"input":"a","input":"b"}"#, "input: the member stands twice in its object (line 1, column 22)"),
            (
                r#"{"input":"a","parameters":{"action":1}}"#,
                "parameters.action: a string is expected, a number came (line 1, column 37)",
            ),
        ] {
            assert_eq!(decode(&form, body).unwrap_err(), expected, "{media_type:?} {body}");
        }
        // `null` for what may be absent is absent.
        let (request, protocol) = decode(&form, r#"{"inputs":[{"data":["x"]}],"input":null}"#).unwrap();
        assert_eq!((request.inputs.len(), protocol), (1, Protocol::V2Kserve));
    }
}

#[test]
fn what_is_no_json_is_an_item_only_under_a_media_type_that_leaves_room_for_it() {
    for body in ["hello", "{hello}", "{\"input\": \"x\"", "{\"input\":\"x\"} y", "[1]", "\"x\"", " "] {
        assert_eq!(items(&head(MediaType::Other), body), [body]);
        for media_type in [MediaType::Absent, MediaType::Json] {
            decode(&head(media_type), body).unwrap_err();
        }
        let takes = Takes { raw: false, ..Takes::default() };
        head(MediaType::Other).decode(&body.into(), &takes).unwrap_err();
    }
    assert_eq!(
        decode(&head(MediaType::Absent), "[1]").unwrap_err(),
        "an object is expected, a list came (line 1, column 1)"
    );
    let bytes = Bytes::from_static(b"\xff\x00");
    let (request, _) = decode(&head(MediaType::Other), bytes.clone()).unwrap();
    let element = request.inputs[0].data.clone().bytes_elements().unwrap().next().unwrap();
    assert_eq!(element, crate::protocol::BytesElement::Binary(bytes));
}

#[test]
fn where_no_item_can_be_meant_a_media_type_of_bytes_says_nothing_of_json() {
    let body = Bytes::from_static(br#" {"inputs":[{"name":"a","datatype":"INT8","shape":[1],"data":[7]}]}"#);
    let tensors = Takes { items: false, raw: false, ..Takes::default() };
    let narrowed = Takes { protocol: Some(Protocol::V2Kserve), ..Takes::default() };
    for takes in [&tensors, &narrowed] {
        let (request, protocol) = head(MediaType::Raw).decode(&body, takes).unwrap();
        assert_eq!((&*request.inputs[0].name, protocol), ("a", Protocol::V2Kserve));
        head(MediaType::Raw).decode(&Bytes::from_static(b"some bytes"), takes).unwrap_err();
        with_parameters(MediaType::Raw, "{}").decode(&body, takes).unwrap_err();
    }
    assert_eq!(items(&head(MediaType::Raw), body.clone()), [str::from_utf8(&body).unwrap()]);
}

#[test]
fn a_raw_item_is_the_body_and_its_parameters_stand_in_a_header() {
    let form = with_parameters(MediaType::Json, r#"{"action":"embed","score_threshold":"0.25","metadata":{"a": 1}}"#);
    // Whatever it looks like.
    assert_eq!(items(&form, r#"{"inputs":[]}"#), [r#"{"inputs":[]}"#]);
    let (request, _) = decode(&form, "x").unwrap();
    let parameters = &request.inputs[0].parameters;
    assert_eq!((parameters.action(), parameters.score_threshold()), (Some("embed"), Some(0.25)));
    assert_eq!(parameters.metadata().unwrap().as_str(), r#"{"a": 1}"#);
    assert_eq!(request.inputs[0].label(0), "input");
    assert_eq!(items(&head(MediaType::Raw), "x"), ["x"]);
    assert_eq!(items(&with_parameters(MediaType::Absent, "null"), "x"), ["x"]);

    for (header, expected) in [
        (
            "",
            "Chariot-Inference-Parameters: not valid JSON: a value is expected, the end of the text came (line 1, column 1)",
        ),
        ("[]", "Chariot-Inference-Parameters: an object is expected, a list came (line 1, column 1)"),
        (
            "{} x",
            "Chariot-Inference-Parameters: not valid JSON: something follows the end of the document (line 1, column 4)",
        ),
        (
            r#"{"score_threshold":"high"}"#,
            "Chariot-Inference-Parameters: score_threshold: a finite number or a string of one is expected, one that is neither came (line 1, column 20)",
        ),
    ] {
        assert_eq!(decode(&with_parameters(MediaType::Raw, header), "x").unwrap_err(), expected);
    }
    let empty = decode(&head(MediaType::Raw), "").unwrap_err();
    assert_eq!(empty, "the bytes of an item are expected, an empty body came");
}

#[test]
fn lines_are_items_and_a_fault_names_its_line() {
    let form = head(MediaType::Lines);
    assert_eq!(items(&form, r#"{"input":"a"}"#), ["a"]);
    assert_eq!(items(&form, "{\"input\":\"a\"}\n{\"input\":\"\\n\",\"x\":0}\n"), ["a", "\n"]);
    // Blank lines, and lines that end as Windows ends them.
    let body = "\r\n{\"input\":\"a\"}\r\n\n \t\n{\"parameters\":{\"action\":\"embed\"},\"input\":\"b\"}\r\n\n";
    assert_eq!(items(&form, body), ["a", "b"]);
    let (request, _) = decode(&form, body).unwrap();
    let seen: Vec<_> =
        request.inputs.iter().map(|input| (input.label(9), input.parameters.action().map(str::to_owned))).collect();
    assert_eq!(seen, [("line 2".into(), None), ("line 5".into(), Some("embed".into()))]);

    let good = "{\"input\":\"a\"}\n";
    for (bad, expected) in [
        ("{}", "line 3: input: a string is expected, the member is missing"),
        ("{\"input\":null}", "line 3: input: a string is expected, null came (line 3, column 10)"),
        ("{\"inputs\":[]}", "line 3: input: a string is expected, the member is missing"),
        ("7", "line 3: an object is expected, a number came (line 3, column 1)"),
        ("[{\"input\":\"a\"}]", "line 3: an object is expected, a list came (line 3, column 1)"),
        (
            "{\"input\":\"a\"",
            "line 3: not valid JSON: a comma or '}' is expected, the end of the text came (line 3, column 13)",
        ),
        ("{\"input\":\"a", "line 3: input: not valid JSON: the string has no end (line 3, column 10)"),
        (
            "{\"input\":\"a\"} {\"input\":\"b\"}",
            "line 3: not valid JSON: something follows the end of the document (line 3, column 15)",
        ),
        (
            "{\"input\":\"é\",\"parameters\":{\"action\":[]}}",
            "line 3: parameters.action: a string is expected, a list came (line 3, column 37)",
        ),
        (
            "{\n\"input\":\"a\"}",
            "line 3: not valid JSON: the name of a member is expected, the end of the text came (line 3, column 2)",
        ),
    ] {
        let came = decode(&form, format!("{good}\n{bad}\n{good}")).unwrap_err();
        assert_eq!(came, expected);
    }
    for empty in ["", " \n\r\n"] {
        assert_eq!(decode(&form, empty).unwrap_err(), "a JSON object a line is expected, an empty body came");
    }
    let bytes = Bytes::from_static(b"{\"input\":\"a\"}\n{\"input\":\"\xff\"}");
    assert_eq!(decode(&form, bytes).unwrap_err(), "not valid JSON: the text is not UTF-8 (line 2, column 11)");
}

#[test]
fn limits_hold_for_lines() {
    let form = head(MediaType::Lines);
    let lines = |count: usize| "{\"input\":\"\"}\n".repeat(count);
    assert_eq!(items(&form, lines(16_384)).len(), 16_384);
    let most = decode(&form, lines(16_385)).unwrap_err();
    assert_eq!(most, "at most 16384 items in a request are expected, more came");
    let nested = |depth: usize| format!("{{\"input\":\"a\",\"x\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
    assert_eq!(items(&form, nested(127)), ["a"]);
    assert!(decode(&form, nested(128)).unwrap_err().starts_with("line 1: x: lists and objects are nested deeper"));
}

#[test]
fn a_protocol_that_the_engine_does_not_speak_is_refused_by_name() {
    let kserve = (Form::default(), r#"{"inputs":[{"data":["x"]}]}"#);
    let binary = (Form { json_length: Some(0), ..Form::default() }, "x");
    let one = (Form::default(), r#"{"input":"x"}"#);
    let lines = (head(MediaType::Lines), r#"{"input":"x"}"#);
    let raw = (head(MediaType::Raw), "x");
    let refused = |takes: &Takes, (form, body): &(Form, &'static str)| {
        form.decode(&Bytes::from_static(body.as_bytes()), takes).err().map(|rejection| rejection.text().to_owned())
    };

    let only_v2 = Takes { protocol: Some(Protocol::V2), ..Takes::default() };
    for request in [&kserve, &binary] {
        let expected = "a request of chariot-v2 is expected, one of chariot-v2-kserve came";
        assert_eq!(refused(&only_v2, request).as_deref(), Some(expected));
    }
    let only_kserve = Takes { protocol: Some(Protocol::V2Kserve), ..Takes::default() };
    for request in [&one, &lines, &raw] {
        assert_eq!(refused(&only_v2, request), None);
        let expected = "a request of chariot-v2-kserve is expected, one of chariot-v2 came";
        assert_eq!(refused(&only_kserve, request).as_deref(), Some(expected));
        let tensors = Takes { items: false, raw: false, ..Takes::default() };
        let expected =
            "a request of chariot-v2-kserve is expected by this engine of named tensors, one of chariot-v2 came";
        assert_eq!(refused(&tensors, request).as_deref(), Some(expected));
    }
    for takes in [&only_kserve, &Takes::default()] {
        assert_eq!((refused(takes, &kserve), refused(takes, &binary)), (None, None));
    }
    // Where it could not be meant, a text is no item.
    let text = (head(MediaType::Other), "hello");
    assert_eq!(refused(&only_v2, &text), None);
    let expected = "an object is expected, a string came (line 1, column 1)";
    assert_eq!(refused(&only_kserve, &(head(MediaType::Other), "\"hello\"")).as_deref(), Some(expected));
}

#[test]
fn a_tensor_alone_needs_an_engine_of_one_input() {
    let form = Form { json_length: Some(0), ..Form::default() };
    let one =
        Takes { alone: Some(TensorMetadata::new("x", crate::protocol::DataType::Uint8, [-1])), ..Takes::default() };
    let (request, protocol) = form.decode(&"ab".into(), &one).unwrap();
    assert_eq!((request.inputs[0].data.as_slice::<u8>(), protocol), (Some(&b"ab"[..]), Protocol::V2Kserve));
    let several = Takes { alone: None, ..Takes::default() };
    let refused = form.decode(&"ab".into(), &several).unwrap_err();
    assert_eq!(
        refused.text(),
        "JSON is expected before the tensors of an engine with several inputs, a tensor alone came"
    );
}

#[test]
fn one_answer_is_json_and_several_are_lines() {
    let value = |text: &'static str| JsonText::from_text(text).unwrap();
    let one = encode_chariot_v2(&[(value("[\n0.5]"), Some(value("{\"a\": \n1}")))]);
    assert_eq!((one.content_type, one.json_length), ("application/json", None));
    assert_eq!(one.body, b"{\"output\":[\n0.5],\"parameters\":{\"metadata\":{\"a\": \n1}}}");
    let several = encode_chariot_v2(&[(value("[\n0.5]"), None), (value("\"a\\n\""), Some(value("\"m\"")))]);
    assert_eq!((several.content_type, several.json_length), ("application/jsonl", None));
    let expected = "{\"output\":[ 0.5]}\n{\"output\":\"a\\n\",\"parameters\":{\"metadata\":\"m\"}}\n";
    assert_eq!(several.body, expected.as_bytes());
}

fn any_form() -> impl Strategy<Value = Form> {
    let media_type = prop_oneof![
        Just(MediaType::Absent),
        Just(MediaType::Json),
        Just(MediaType::Lines),
        Just(MediaType::Raw),
        Just(MediaType::Other),
    ];
    let parameters = prop::option::of("[{}\\[\\]\":,a1 ]{0,12}".prop_map(Bytes::from));
    (prop::option::of(0..40_usize), media_type, parameters).prop_map(|(json_length, media_type, parameters)| Form {
        json_length,
        media_type,
        parameters,
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    /// Texts that could be of the protocol, and bytes that are not.
    #[test]
    fn no_body_panics_under_any_head(
        form in any_form(),
        body in prop_oneof![
            "(\\{\"inputs?\":(\"a\"|\\[|null|1)?(,\"parameters\":\\{)?\\}?\n?){0,4}".prop_map(Bytes::from),
            prop::collection::vec(any::<u8>(), 0..64).prop_map(Bytes::from),
        ],
        items: bool, raw: bool,
    ) {
        let takes = Takes { items, raw, ..Takes::default() };
        if let Ok((request, protocol)) = form.decode(&body, &takes) {
            prop_assert!(takes.speaks(protocol) && !request.inputs.is_empty());
        }
    }

    /// Every text comes through as it is, escaped in any way that JSON has.
    #[test]
    fn lines_of_any_texts_come_through(texts in prop::collection::vec(any::<String>(), 1..6)) {
        let written = |text: &String| format!("{{\"input\":{}}}", serde_json::to_string(text).unwrap());
        let body = texts.iter().map(written).collect::<Vec<_>>().join("\n");
        prop_assert_eq!(items(&head(MediaType::Lines), body), texts);
    }
}
