//! Bodies that every engine rejects: malformed JSON, malformed requests, and inconsistent tensors.

use crate::rejecting::{Row, SECRET, all_reject, row};

#[test]
fn every_engine_rejects_malformed_json() {
    let one = |data: &str| format!(r#"{{"inputs": [{{"name": "a", "data": {data}}}]}}"#);
    let deep = |open: &str, close: &str| format!("{}{}", open.repeat(200), close.repeat(200));
    let bodies = [
        row("", ""),
        row("", " \r\n\t "),
        row("... line 1, column 1", "null"),
        row("", "7"),
        row("", format!("\"{SECRET}\"")),
        row("", one("[]").replacen('{', "[{", 1) + "]"),
        row("... line 1, column 1", SECRET),
        row("... line 1, column 2", "{"),
        row("... line 1, column 2", "{'inputs': []}"),
        row("... line 1, column 2", "{inputs: []}"),
        row("... line 1, column 2", " \u{feff}{}"),
        row("inputs", r#"{"inputs": ["#),
        row("inputs", r#"{"inputs": [{"name": "a", "data": ["x"]} {"#),
        row("inputs", r#"{"inputs": [{"name": "a", "data": ["x"]},]}"#),
        row("", one("[\"x\"]") + SECRET),
        row("", one("[\"x\"]") + &one("[\"x\"]")),
        row("input 'a'", one(&format!("[\"{SECRET}"))),
        row("input 'a'", one("[\"a\nb\"]")),
        row("input 'a'", one(r#"["\q"]"#)),
        row("input 'a'", one(r#"["\u12G4"]"#)),
        row("input 'a'", one(r#"["\ud800"]"#)),
        row("input 'a': data[1]", one("[1, 01]")),
        row("input 'a': data[0]", one("[1.]")),
        row("input 'a': data[0]", one("[-]")),
        row("input 'a': data[0]", one("[1e]")),
        row("input 'a': data[0]", one("[+1]")),
        row("input 'a': data[0]", one("[.5]")),
        row("input 'a': data[0]", one("[NaN]")),
        row("input 'a': data[0]", one("[Infinity]")),
        row("input 'a': data[0]", one("[True]")),
        row("input 'a' ... 128", one(&deep("[", "]"))),
        row("input 'a' ... 128", one(&format!("[\"x\"], \"more\": {}", deep("[", "]")))),
        row("parameters ... 128", format!(r#"{{"parameters": {{"p": {}"#, deep("{\"a\":", "}"))),
        row("... line 1, column 15", b"{\"inputs\": [{\"\xff\": 1}]}".to_vec()),
        row("... line 3, column 4", "{\"id\": \"a\",\n\"x\":\n  [}"),
    ];
    insta::assert_snapshot!("json", all_reject(&bodies));
}

/// A body with these members in front of a valid input.
fn beside(members: &str) -> String {
    format!(r#"{{{members}, "inputs": [{{"name": "a", "data": ["x"]}}]}}"#)
}

/// A body of one input with these members and a name.
fn input(members: &str) -> String {
    format!(r#"{{"inputs": [{{{members}, "name": "a"}}]}}"#)
}

#[test]
fn every_engine_rejects_a_malformed_request() {
    let many = |member: &str, one: &str| format!(r#"{{"{member}": [{}{one}]}}"#, format!("{one},").repeat(1024));
    let wide = input(&format!(r#""datatype": "FP32", "shape": [{}1], "data": [1]"#, "1,".repeat(32)));
    let bodies = [
        row("inputs", "{}"),
        row("inputs", r#"{"entries": "x", "id": "a"}"#),
        row("inputs", r#"{"inputs": null}"#),
        row("inputs", r#"{"inputs": {"a": 1}}"#),
        row("inputs", format!(r#"{{"inputs": "{SECRET}"}}"#)),
        row("inputs", r#"{"inputs": []}"#),
        row("inputs[0]", r#"{"inputs": [null]}"#),
        row("inputs[1]", r#"{"inputs": [{"name": "a", "data": ["x"]}, "b"]}"#),
        row("inputs ... 1024", many("inputs", r#"{"name": "a", "data": ["x"]}"#)),
        row("inputs", r#"{"inputs": [{"data": ["x"]}], "inputs": [{"data": ["x"]}]}"#),
        row("id", beside(r#""id": 7"#)),
        row("id", beside(r#""id": []"#)),
        row("id ... 1024", beside(&format!(r#""id": "{}""#, "i".repeat(1025)))),
        row("id", beside(r#""id": "a", "id": "a""#)),
        row("parameters", beside(r#""parameters": []"#)),
        row("parameters", beside(r#""parameters": "x""#)),
        row("parameters.action", beside(r#""parameters": {"action": 1}"#)),
        row("outputs", beside(r#""outputs": {}"#)),
        row("outputs[0]", beside(r#""outputs": ["a"]"#)),
        row("outputs[0].name", beside(r#""outputs": [{}]"#)),
        row("outputs[0].name", beside(r#""outputs": [{"name": null}]"#)),
        row("outputs[0].parameters", beside(r#""outputs": [{"name": "a", "parameters": 1}]"#)),
        row("outputs ... 1024", many("outputs", r#"{"name": "a"}"#)),
        row("inputs[0].name", r#"{"inputs": [{"name": 7, "data": ["x"]}]}"#),
        row("inputs[0].name ... 1024", format!(r#"{{"inputs": [{{"name": "{}"}}]}}"#, "n".repeat(1025))),
        row("input 'a': name", r#"{"inputs": [{"name": "a", "name": "b", "data": ["x"]}]}"#),
        row("input 'a': datatype", input(r#""datatype": 1, "data": [1]"#)),
        row("input 'a': datatype", input(r#""datatype": "fp32", "shape": [1], "data": [1]"#)),
        row("input 'a': datatype", input(r#""data": [1], "datatype": "FLOAT", "shape": [1]"#)),
        row("input 'a': shape", input(r#""datatype": "FP32", "shape": 1, "data": [1]"#)),
        row("input 'a': shape", input(r#""datatype": "FP32", "shape": "[1]", "data": [1]"#)),
        row("input 'a': shape", input(r#""datatype": "FP32", "shape": null, "data": [1]"#)),
        row("input 'a': shape[1]", input(r#""datatype": "FP32", "shape": [1, -1], "data": [1]"#)),
        row("input 'a': shape[0]", input(r#""datatype": "FP32", "shape": [1.5], "data": [1]"#)),
        row("input 'a': shape[0]", input(r#""datatype": "FP32", "shape": ["1"], "data": [1]"#)),
        row("input 'a': shape[0]", input(r#""datatype": "FP32", "shape": [1e30], "data": [1]"#)),
        row("input 'a': shape[32]", wide),
        row("input 'a'", input(r#""data": [1], "datatype": "FP32", "shape": [4294967296, 4294967296]"#)),
        row("input 'a'", input(r#""datatype": "FP64", "shape": [4000000000], "data": [1]"#)),
        row("input 'a': data", input(r#""datatype": "BYTES", "shape": [1]"#)),
        row("input 'a': data", input(r#""datatype": "BYTES", "data": null"#)),
        row("input 'a': data", input(r#""data": 7"#)),
        row("input 'a': data", input(r#""data": {"b64": "x"}"#)),
        row("input 'a': data", input(r#""data": ["x"], "data": ["x"]"#)),
        row("input 'a': parameters", input(r#""data": ["x"], "parameters": []"#)),
        row("input 'a': parameters.action", input(r#""data": ["x"], "parameters": {"action": ["a"]}"#)),
        row("input 'a': parameters.k", input(r#""data": ["x"], "parameters": {"k": 1, "k": 1}"#)),
    ];
    let thresholds = [r#""high""#, r#""""#, "[]", "{}", "true", "1e999", r#""NaN""#, r#""inf""#].map(|value| {
        let members = format!(r#""data": ["x"], "parameters": {{"score_threshold": {value}}}"#);
        row("input 'a': parameters.score_threshold", input(&members))
    });
    insta::assert_snapshot!("request", all_reject(&bodies));
    insta::assert_snapshot!("score_threshold", all_reject(&thresholds));
}

/// A row for one tensor.
fn tensor(location: &'static str, datatype: &str, shape: &str, data: &str) -> Row {
    row(location, input(&format!(r#""datatype": "{datatype}", "shape": {shape}, "data": {data}"#)))
}

#[test]
fn every_engine_rejects_inconsistent_tensors() {
    let mut bodies = vec![
        tensor("input 'a'", "FP32", "[2, 2]", "[1, 2, 3]"),
        tensor("input 'a'", "FP32", "[2, 2]", "[1, 2, 3, 4, 5]"),
        tensor("input 'a'", "INT64", "[]", "[1, 2]"),
        tensor("input 'a'", "INT64", "[1]", "[]"),
        tensor("input 'a'", "INT64", "[0]", "[1]"),
        tensor("input 'a': data[1]", "FP32", "[2, 2]", "[[1, 2], [3]]"),
        tensor("input 'a': data[0]", "FP32", "[2, 2]", "[[1, 2, 3], [4]]"),
        tensor("input 'a': data", "FP32", "[2, 1]", "[[1], [2], [3]]"),
        tensor("input 'a': data[1]", "FP32", "[2, 1]", "[[1], 2]"),
        tensor("input 'a': data[0][0]", "FP32", "[1, 1]", "[[[1]]]"),
        tensor("input 'a': data[0]", "UINT8", "[1]", "[[1]]"),
        tensor("input 'a': data", "FP32", "[1]", r#""SECRETPAYLOAD""#),
        tensor("input 'a': data", "FP32", "[1]", "null"),
        tensor("input 'a': data[0]", "BOOL", "[1]", "[1]"),
        tensor("input 'a': data[0]", "BOOL", "[1]", r#"["true"]"#),
        tensor("input 'a': data[0]", "BOOL", "[1]", "[null]"),
    ];
    let integers = [
        ("UINT8", "input 'a': data[1] ... 0 to 255", "-1", "256"),
        ("UINT16", "input 'a': data[1] ... 0 to 65535", "-1", "65536"),
        ("UINT32", "input 'a': data[1] ... 0 to 4294967295", "-1", "4294967296"),
        ("UINT64", "input 'a': data[1] ... 0 to 18446744073709551615", "-1", "18446744073709551616"),
        ("INT8", "input 'a': data[1] ... -128 to 127", "-129", "128"),
        ("INT16", "input 'a': data[1] ... -32768 to 32767", "-32769", "32768"),
        ("INT32", "input 'a': data[1] ... -2147483648 to 2147483647", "-2147483649", "2147483648"),
        (
            "INT64",
            "input 'a': data[1] ... -9223372036854775808 to 9223372036854775807",
            "-9223372036854775809",
            "9223372036854775808",
        ),
    ];
    for (datatype, expected, below, above) in integers {
        let values = [below, above, "1.5", "1e400", "-1e400", "1e-400", r#""1""#, "true", "null", "{}"];
        bodies.extend(values.map(|value| tensor(expected, datatype, "[2]", &format!("[0, {value}]"))));
    }
    for (datatype, expected, above) in [
        ("FP16", "input 'a': data[1] ... FP16", "65520"),
        ("BF16", "input 'a': data[1] ... BF16", "3.4e38"),
        ("FP32", "input 'a': data[1] ... FP32", "3.5e38"),
        ("FP64", "input 'a': data[1] ... FP64", "1.8e308"),
    ] {
        for above in [above, &format!("-{above}")] {
            bodies.push(tensor(expected, datatype, "[2]", &format!("[0, {above}]")));
        }
        let values = [r#""1""#, r#""NaN""#, "true", "null", "{}"];
        bodies.extend(values.map(|value| tensor("input 'a': data[1]", datatype, "[2]", &format!("[0, {value}]"))));
    }
    insta::assert_snapshot!("tensors", all_reject(&bodies));
}
