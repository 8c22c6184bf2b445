//! The requests as code, which run: each of them for an engine of each kind, beside the files that were sent.

use std::{
    path::Path,
    process::{Command, Output},
    sync::OnceLock,
};

use e2e::{Process, base64};
use serde_json::{Value, json};

use crate::{
    browser::{Browser, in_browser},
    engines::{digits, example, iris, page, start},
};

/// The variable in which programs have the token.
const TOKEN: (&str, &str) = ("TOKEN", "sesame");

/// Prints the JSON of a value of Python.
const AS_JSON: &str = "import ast, json, sys; print(json.dumps(ast.literal_eval(sys.argv[1])))";

/// Returns the Python with `requests` and `tritonclient`, which `tests/clients` installs. `None` if it cannot, with a line that
/// says so.
fn python() -> Option<&'static str> {
    static PYTHON: OnceLock<Option<String>> = OnceLock::new();
    let install = || {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../clients/run");
        let printed = Command::new("bash").arg(script).arg("--python").output().ok()?;
        let printed = String::from_utf8_lossy(&printed.stdout).into_owned();
        let last = printed.lines().last().unwrap_or_default();
        if Path::new(last).is_file() {
            return Some(last.to_owned());
        }
        println!("SKIPPED: the clients for Python: {last}");
        None
    };
    PYTHON.get_or_init(install).as_deref()
}

/// Runs a program beside the samples. `None` if it is not installed, with a line that says so.
fn run(program: &str, arguments: &[&str]) -> Option<Output> {
    let mut command = Command::new(program);
    // The engines are local, whatever proxy there is.
    command.env(TOKEN.0, TOKEN.1).env("NO_PROXY", "*").env("no_proxy", "*");
    match command.args(arguments).current_dir(example("digits/samples")).output() {
        Ok(output) => {
            assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
            Some(output)
        }
        Err(_) => {
            println!("SKIPPED: {program} is not installed");
            None
        }
    }
}

/// Returns the request as code of a kind, by its place.
fn code(browser: &Browser, kind: usize) -> String {
    browser.click(&format!("details.request .segments button:nth-child({})", kind + 1));
    browser.value("document.querySelector('details.request pre').textContent").as_str().expect("code").to_owned()
}

/// Runs the request that the page has just sent in each language. `expected` is the response without the ID, and `shown` is
/// what a program of `tritonclient` shows of it.
fn check(browser: &Browser, mut expected: Value, shown: &[&str]) {
    expected["id"].take();
    let expected = as_floats(expected);
    browser.click("details.request summary");
    let [curl, requests, triton, javascript] = [0, 1, 2, 3].map(|kind| code(browser, kind));
    let is_same = |output: &[u8], language: &str| {
        let mut got: Value = serde_json::from_slice(output).expect("JSON");
        got["id"].take();
        assert_eq!(as_floats(got), expected, "{language}");
    };
    if let Some(output) = run("sh", &["-c", &curl]) {
        is_same(&output.stdout, "curl");
    }
    if let Some(output) = run("node", &["--input-type=module", &format!("--eval={javascript}")]) {
        is_same(&output.stdout, "JavaScript");
    }
    let Some(python) = python() else { return };
    if let Some(output) = run(python, &["-c", &requests]) {
        let literal = String::from_utf8(output.stdout).expect("a text");
        is_same(&run(python, &["-c", AS_JSON, literal.trim()]).expect("python").stdout, "requests");
    }
    if let Some(output) = run(python, &["-c", &triton]) {
        let text = String::from_utf8(output.stdout).expect("a text");
        for part in shown {
            assert!(text.contains(part), "tritonclient: {part} in {text}");
        }
    }
}

/// Returns a value whose numbers have a fraction: JavaScript writes `1.0` as `1`.
fn as_floats(value: Value) -> Value {
    match value {
        Value::Number(number) => number.as_f64().into(),
        Value::Array(list) => list.into_iter().map(as_floats).collect(),
        Value::Object(members) => members.into_iter().map(|(name, value)| (name, as_floats(value))).collect(),
        other => other,
    }
}

/// Posts inputs to a model, and returns the response.
fn infer(engine: &Process, model: &str, inputs: Value) -> Value {
    let answer = engine.post(&format!("/v2/models/{model}/infer"), &json!({ "inputs": inputs }));
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()
}

#[test]
fn pictures_are_read_from_their_files() {
    in_browser(|browser| {
        let engine = digits();
        browser.open(&engine, "/");
        browser.choose_files(&[example("digits/samples/3-59.png"), example("digits/samples/7-44.png")]);
        browser.run();
        let sample = |name: &str| {
            let bytes = std::fs::read(example(&format!("digits/samples/{name}"))).unwrap();
            json!({ "name": name, "datatype": "BYTES", "shape": [1], "data": [base64(bytes)] })
        };
        let expected = infer(&engine, "digits", json!([sample("3-59.png"), sample("7-44.png")]));
        check(browser, expected, &["3-59.png", "7-44.png"]);
        let python = code(browser, 1);
        assert!(python.contains("encoded(\"3-59.png\")"), "{python}");
    });
}

#[test]
fn texts_are_quoted() {
    in_browser(|browser| {
        let engine = page();
        browser.open(&engine, "/");
        browser.choose_model("letters");
        let text = "it's \"100 %\" \\ $HOME `id` 'a' \u{e9} !!";
        browser.replace(".texts textarea", text);
        browser.run();
        let expected =
            infer(&engine, "letters", json!([{ "name": "text-0", "datatype": "BYTES", "shape": [1], "data": [text] }]));
        check(browser, expected, &["text-0"]);
    });
}

#[test]
fn rows_are_objects() {
    in_browser(|browser| {
        let engine = page();
        browser.open(&engine, "/");
        browser.choose_model("sums");
        let enter = |row: usize, values: [&str; 3]| {
            for (column, value) in (2..).zip(values) {
                browser.replace(&format!("table.edit tr:nth-child({row}) td:nth-child({column}) input"), value);
            }
        };
        enter(1, ["1.5", "-2", "ab"]);
        browser.click(".editor .row button");
        enter(2, ["0.25", "1e3", "it's"]);
        browser.run();
        let rows = json!([{ "x": 1.5, "y": -2, "name": "ab" }, { "x": 0.25, "y": 1e3, "name": "it's" }]);
        let inputs = json!([{ "name": "rows", "datatype": "BYTES", "shape": [2], "data": rows }]);
        check(browser, infer(&engine, "sums", inputs), &["1.5", "1004.25"]);
    });
}

#[test]
fn tensors_keep_their_type_and_shape() {
    in_browser(|browser| {
        let engine = iris();
        browser.open(&engine, "/");
        for (column, value) in [(2, "6.3"), (3, "3.3"), (4, "6.0"), (5, "2.5")] {
            browser.replace(&format!("table.edit td:nth-child({column}) input"), value);
        }
        browser.run();
        let name = browser.value("document.querySelector('legend').firstChild.data");
        let inputs = json!([{ "name": name, "datatype": "FP32", "shape": [1, 4], "data": [6.3, 3.3, 6.0, 2.5] }]);
        check(browser, infer(&engine, "iris", inputs), &["probabilities", "virginica"]);
    });
}

#[test]
fn parameters_are_those_of_the_input() {
    in_browser(|browser| {
        let engine = page();
        browser.open(&engine, "/");
        browser.type_into("input[name=times]", "2");
        browser.run();
        let inputs = json!([{ "name": "text-0", "datatype": "BYTES", "shape": [1], "data": ["Good morning"], "parameters": { "times": 2 } }]);
        check(browser, infer(&engine, "speaker", inputs), &["text-0", "Good morning"]);
    });
}

#[test]
fn a_conversation_is_one_element() {
    in_browser(|browser| {
        let engine = page();
        browser.open(&engine, "/");
        browser.choose_model("parrot");
        browser.replace(".messages textarea", "What's \"up\"?");
        browser.run();
        let messages = json!([{ "role": "user", "content": "What's \"up\"?" }]);
        let inputs = json!([{ "name": "chat", "datatype": "BYTES", "shape": [1], "data": [messages] }]);
        check(browser, infer(&engine, "parrot", inputs), &["chat", "the last one: What"]);
    });
}

#[test]
fn the_token_is_that_of_the_environment() {
    in_browser(|browser| {
        let engine = start(&[("CHARIOT_ENGINE_TOKEN", TOKEN.1)]);
        engine.wait_until_ready();
        browser.visit(&format!("http://{}/", engine.address()));
        browser.wait("the page asks", "document.querySelector('#token-dialog').open");
        browser.type_into("#token-field", TOKEN.1);
        browser.click("#token-dialog .primary");
        browser.wait("the page knows the engine", "document.querySelector('.panel') !== null");
        browser.run();
        browser.wait_for_text(".said", "Good morning");
        let expected = json!({
            "model_name": "speaker", "model_version": "1", "id": null,
            "outputs": [{ "name": "text-0", "datatype": "BYTES", "shape": [1], "data": [[{ "generated_text": "Good morning" }]] }],
        });
        check(browser, expected, &["Good morning"]);
        browser.value("sessionStorage.clear()");
        assert!(browser.errors().iter().all(|error| error.contains("401")));
    });
}
