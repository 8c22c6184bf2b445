//! Bodies that are wrong for every engine: no JSON, no request, or tensors that contradict themselves.

use crate::refusing::{Row, SECRET, pictures, questions, row, table};

#[test]
fn what_is_no_json_is_refused_by_every_engine() {
    let one = |data: &str| format!(r#"{{"inputs": [{{"name": "a", "data": {data}}}]}}"#);
    let deep = |open: &str, close: &str| format!("{}{}", open.repeat(200), close.repeat(200));
    let bodies = [
        row("a JSON object is expected", "an empty body came", ""),
        row("a JSON object is expected", "an empty body came", " \r\n\t "),
        row("an object is expected", "null came (line 1, column 1)", "null"),
        row("an object is expected", "a number came", "7"),
        row("an object is expected", "a string came", format!("\"{SECRET}\"")),
        row("an object is expected", "a list came", one("[]").replacen('{', "[{", 1) + "]"),
        row("not valid JSON", "line 1, column 1", SECRET),
        row("not valid JSON", "line 1, column 2", "{"),
        row("not valid JSON", "line 1, column 2", "{'inputs': []}"),
        row("not valid JSON", "line 1, column 2", "{inputs: []}"),
        row("not valid JSON", "line 1, column 1", "\u{feff}{}"),
        row("inputs", "not valid JSON", r#"{"inputs": ["#),
        row("inputs", "not valid JSON: a comma or ']' is expected", r#"{"inputs": [{"name": "a", "data": ["x"]} {"#),
        row("inputs", "not valid JSON", r#"{"inputs": [{"name": "a", "data": ["x"]},]}"#),
        row("not valid JSON", "something follows the end", one("[\"x\"]") + SECRET),
        row("not valid JSON", "something follows the end", one("[\"x\"]") + &one("[\"x\"]")),
        row("input 'a'", "not valid JSON: the string has no end", one(&format!("[\"{SECRET}"))),
        row("input 'a'", "a control character stands in a string", one("[\"a\nb\"]")),
        row("input 'a'", "an unknown escape", one(r#"["\q"]"#)),
        row("input 'a'", "four hexadecimal digits", one(r#"["\u12G4"]"#)),
        row("input 'a'", "half of a surrogate pair", one(r#"["\ud800"]"#)),
        row("input 'a': data[1]", "the number is malformed", one("[1, 01]")),
        row("input 'a': data[0]", "the number is malformed", one("[1.]")),
        row("input 'a': data[0]", "the number is malformed", one("[-]")),
        row("input 'a': data[0]", "the number is malformed", one("[1e]")),
        row("input 'a': data[0]", "not valid JSON", one("[+1]")),
        row("input 'a': data[0]", "not valid JSON", one("[.5]")),
        row("input 'a': data[0]", "not valid JSON", one("[NaN]")),
        row("input 'a': data[0]", "not valid JSON", one("[Infinity]")),
        row("input 'a': data[0]", "not valid JSON", one("[True]")),
        row("input 'a'", "nested deeper than 128 levels", one(&deep("[", "]"))),
        row("input 'a'", "nested deeper than 128 levels", one(&format!("[\"x\"], \"more\": {}", deep("[", "]")))),
        row(
            "parameters",
            "nested deeper than 128 levels",
            format!(r#"{{"parameters": {{"p": {}"#, deep("{\"a\":", "}")),
        ),
        row("not valid JSON", "the text is not UTF-8 (line 1, column 15)", b"{\"inputs\": [{\"\xff\": 1}]}".to_vec()),
        row("not valid JSON", "line 3, column 4", "{\"id\": \"a\",\n\"x\":\n  [}"),
    ];
    for tested in [pictures(), table(), questions()] {
        tested.refuses(&bodies);
    }
}

/// A body with this text in front of a good input.
fn beside(members: &str) -> String {
    format!(r#"{{{members}, "inputs": [{{"name": "a", "data": ["x"]}}]}}"#)
}

/// A body of one input that has these members and a name.
fn input(members: &str) -> String {
    format!(r#"{{"inputs": [{{{members}, "name": "a"}}]}}"#)
}

#[test]
fn what_is_no_request_is_refused_by_every_engine() {
    let many = |member: &str, one: &str| format!(r#"{{"{member}": [{}{one}]}}"#, format!("{one},").repeat(1024));
    let wide = input(&format!(r#""datatype": "FP32", "shape": [{}1], "data": [1]"#, "1,".repeat(32)));
    let bodies = [
        row("inputs", "the member is missing", "{}"),
        row("inputs", "the member is missing", r#"{"entries": "x", "id": "a"}"#),
        row("inputs", "a list of inputs is expected, null came", r#"{"inputs": null}"#),
        row("inputs", "a list of inputs is expected, an object came", r#"{"inputs": {"a": 1}}"#),
        row("inputs", "a list of inputs is expected, a string came", format!(r#"{{"inputs": "{SECRET}"}}"#)),
        row("inputs", "at least one input is expected", r#"{"inputs": []}"#),
        row("inputs[0]", "an object is expected, null came", r#"{"inputs": [null]}"#),
        row("inputs[1]", "an object is expected, a string came", r#"{"inputs": [{"name": "a", "data": ["x"]}, "b"]}"#),
        row("inputs", "at most 1024 are expected", many("inputs", r#"{"name": "a", "data": ["x"]}"#)),
        row("inputs", "stands twice", r#"{"inputs": [{"data": ["x"]}], "inputs": [{"data": ["x"]}]}"#),
        row("id", "a string is expected, a number came", beside(r#""id": 7"#)),
        row("id", "a string is expected, a list came", beside(r#""id": []"#)),
        row("id", "an id of at most 1024 bytes is expected", beside(&format!(r#""id": "{}""#, "i".repeat(1025)))),
        row("id", "stands twice", beside(r#""id": "a", "id": "a""#)),
        row("parameters", "an object is expected, a list came", beside(r#""parameters": []"#)),
        row("parameters", "an object is expected, a string came", beside(r#""parameters": "x""#)),
        row("parameters.action", "a string is expected, a number came", beside(r#""parameters": {"action": 1}"#)),
        row("outputs", "a list of outputs is expected, an object came", beside(r#""outputs": {}"#)),
        row("outputs[0]", "an object is expected, a string came", beside(r#""outputs": ["a"]"#)),
        row("outputs[0].name", "the member is missing", beside(r#""outputs": [{}]"#)),
        row("outputs[0].name", "a string is expected, null came", beside(r#""outputs": [{"name": null}]"#)),
        row("outputs[0].parameters", "an object is expected", beside(r#""outputs": [{"name": "a", "parameters": 1}]"#)),
        row("outputs", "at most 1024 are expected", many("outputs", r#"{"name": "a"}"#)),
        row("inputs[0].name", "a string is expected, a number came", r#"{"inputs": [{"name": 7, "data": ["x"]}]}"#),
        row("inputs[0].name", "at most 1024 bytes", format!(r#"{{"inputs": [{{"name": "{}"}}]}}"#, "n".repeat(1025))),
        row("input 'a': name", "stands twice", r#"{"inputs": [{"name": "a", "name": "b", "data": ["x"]}]}"#),
        row("input 'a': datatype", "a number came", input(r#""datatype": 1, "data": [1]"#)),
        row("input 'a': datatype", "one of BOOL, UINT8,", input(r#""datatype": "fp32", "shape": [1], "data": [1]"#)),
        row("input 'a': datatype", "'FLOAT' came", input(r#""data": [1], "datatype": "FLOAT", "shape": [1]"#)),
        row(
            "input 'a': shape",
            "a list of integers is expected",
            input(r#""datatype": "FP32", "shape": 1, "data": [1]"#),
        ),
        row("input 'a': shape", "a string came", input(r#""datatype": "FP32", "shape": "[1]", "data": [1]"#)),
        row("input 'a': shape", "is missing", input(r#""datatype": "FP32", "shape": null, "data": [1]"#)),
        row("input 'a': shape[1]", "out of this range", input(r#""datatype": "FP32", "shape": [1, -1], "data": [1]"#)),
        row("input 'a': shape[0]", "a fraction came", input(r#""datatype": "FP32", "shape": [1.5], "data": [1]"#)),
        row("input 'a': shape[0]", "a string came", input(r#""datatype": "FP32", "shape": ["1"], "data": [1]"#)),
        row("input 'a': shape[0]", "out of this range", input(r#""datatype": "FP32", "shape": [1e30], "data": [1]"#)),
        row("input 'a': shape[32]", "at most 32 dimensions", wide),
        row(
            "input 'a'",
            "can be counted",
            input(r#""data": [1], "datatype": "FP32", "shape": [4294967296, 4294967296]"#),
        ),
        row(
            "input 'a'",
            "needs 4000000000 elements",
            input(r#""datatype": "FP64", "shape": [4000000000], "data": [1]"#),
        ),
        row("input 'a': data", "the member is missing", input(r#""datatype": "BYTES", "shape": [1]"#)),
        row(
            "input 'a': data",
            "a list or a string is expected, null came",
            input(r#""datatype": "BYTES", "data": null"#),
        ),
        row("input 'a': data", "a list or a string is expected, a number came", input(r#""data": 7"#)),
        row("input 'a': data", "a list or a string is expected, an object came", input(r#""data": {"b64": "x"}"#)),
        row("input 'a': data", "stands twice", input(r#""data": ["x"], "data": ["x"]"#)),
        row("input 'a': parameters", "an object is expected, a list came", input(r#""data": ["x"], "parameters": []"#)),
        row("input 'a': parameters.action", "a list came", input(r#""data": ["x"], "parameters": {"action": ["a"]}"#)),
        row("input 'a': parameters.k", "stands twice", input(r#""data": ["x"], "parameters": {"k": 1, "k": 1}"#)),
    ];
    let thresholds = [r#""high""#, r#""""#, "[]", "{}", "true", "1e999", r#""NaN""#, r#""inf""#].map(|value| {
        let members = format!(r#""data": ["x"], "parameters": {{"score_threshold": {value}}}"#);
        row("input 'a': parameters.score_threshold", "a finite number or a string of one is expected", input(&members))
    });
    for tested in [pictures(), table(), questions()] {
        tested.refuses(&bodies);
        tested.refuses(&thresholds);
    }
}

/// A row for one tensor.
fn tensor(place: &'static str, fault: &'static str, datatype: &str, shape: &str, data: &str) -> Row {
    row(place, fault, input(&format!(r#""datatype": "{datatype}", "shape": {shape}, "data": {data}"#)))
}

#[test]
fn tensors_that_contradict_themselves_are_refused_by_every_engine() {
    let mut bodies = vec![
        tensor("input 'a'", "shape [2,2] needs 4 elements, 3 came", "FP32", "[2, 2]", "[1, 2, 3]"),
        tensor("input 'a'", "shape [2,2] needs 4 elements, 5 came", "FP32", "[2, 2]", "[1, 2, 3, 4, 5]"),
        tensor("input 'a'", "shape [] needs 1 element, 2 came", "INT64", "[]", "[1, 2]"),
        tensor("input 'a'", "shape [1] needs 1 element, 0 came", "INT64", "[1]", "[]"),
        tensor("input 'a'", "shape [0] needs 0 elements, 1 came", "INT64", "[0]", "[1]"),
        tensor("input 'a': data[1]", "a list of 2 is expected, one of 1 came", "FP32", "[2, 2]", "[[1, 2], [3]]"),
        tensor("input 'a': data[0]", "a list of 2 is expected, one of 3 came", "FP32", "[2, 2]", "[[1, 2, 3], [4]]"),
        tensor("input 'a': data", "a list of 2 is expected, one of 3 came", "FP32", "[2, 1]", "[[1], [2], [3]]"),
        tensor("input 'a': data[1]", "a list is expected, a number came", "FP32", "[2, 1]", "[[1], 2]"),
        tensor("input 'a': data[0][0]", "a number is expected, a list came", "FP32", "[1, 1]", "[[[1]]]"),
        tensor("input 'a': data[0]", "a list came", "UINT8", "[1]", "[[1]]"),
        tensor("input 'a': data", "a list is expected, a string came", "FP32", "[1]", r#""SECRETPAYLOAD""#),
        tensor("input 'a': data", "a list is expected, null came", "FP32", "[1]", "null"),
        tensor("input 'a': data[0]", "true or false is expected, a number came", "BOOL", "[1]", "[1]"),
        tensor("input 'a': data[0]", "true or false is expected, a string came", "BOOL", "[1]", r#"["true"]"#),
        tensor("input 'a': data[0]", "true or false is expected, null came", "BOOL", "[1]", "[null]"),
    ];
    let integers = [
        ("UINT8", "an integer from 0 to 255", "-1", "256"),
        ("UINT16", "an integer from 0 to 65535", "-1", "65536"),
        ("UINT32", "an integer from 0 to 4294967295", "-1", "4294967296"),
        ("UINT64", "an integer from 0 to 18446744073709551615", "-1", "18446744073709551616"),
        ("INT8", "an integer from -128 to 127", "-129", "128"),
        ("INT16", "an integer from -32768 to 32767", "-32769", "32768"),
        ("INT32", "an integer from -2147483648 to 2147483647", "-2147483649", "2147483648"),
        ("INT64", "an integer from -9223372036854775808 to", "-9223372036854775809", "9223372036854775808"),
    ];
    for (datatype, expected, below, above) in integers {
        let came = [below, above, "1.5", "1e400", "-1e400", "1e-400", r#""1""#, "true", "null", "{}"];
        bodies
            .extend(came.map(|came| tensor("input 'a': data[1]", expected, datatype, "[2]", &format!("[0, {came}]"))));
    }
    for (datatype, held, above) in [
        ("FP16", "a number that FP16 can hold", "65520"),
        ("BF16", "a number that BF16 can hold", "3.4e38"),
        ("FP32", "a number that FP32 can hold", "3.5e38"),
        ("FP64", "a number that FP64 can hold", "1.8e308"),
    ] {
        for above in [above, &format!("-{above}")] {
            bodies.push(tensor("input 'a': data[1]", held, datatype, "[2]", &format!("[0, {above}]")));
        }
        let came = [r#""1""#, r#""NaN""#, "true", "null", "{}"];
        let number = "a number is expected";
        bodies.extend(came.map(|came| tensor("input 'a': data[1]", number, datatype, "[2]", &format!("[0, {came}]"))));
    }
    for tested in [pictures(), table(), questions()] {
        tested.refuses(&bodies);
    }
}
