//! The handling of files of cases, unusable servers and results.

use conformance::{CaseReport, Fault, Level, Outcome, Report, SectionReport, Spec, Suite, Target, run};

/// Makes a file of one case with this request and expectation.
fn file(rest: &str) -> String {
    format!("section = '4'\ntitle = 'Tensors'\n[[case]]\nname = 'a'\nsays = 'b'\nsource = 'c'\nlevel = 'oip'\n{rest}\n")
}

#[test]
fn there_are_enough_cases_for_every_section() {
    let suite = Suite::embedded();
    assert!(suite.cases().len() >= 150, "{}", suite.cases().len());
    for number in ["2", "3", "4", "5", "6", "7", "8"] {
        let section = suite.sections().iter().find(|section| section.number == number).expect("the section exists");
        assert!(section.cases.len() >= 10, "section {number}: {}", section.cases.len());
    }
    for (_, case) in suite.cases() {
        assert!(!case.says.is_empty() && !case.source.is_empty(), "{}", case.name);
    }
}

#[test]
fn an_error_in_a_file_of_cases_is_reported_with_its_location() {
    for (rest, expected) in [
        ("expect = { status = 200 }\nneeds = ['ecoh']", "unknown condition 'ecoh'"),
        ("expect = { status = 200 }\nneeds = ['not:ecoh']", "unknown condition 'not:ecoh'"),
        ("expect = { status = 200 }\npath = '/{{modle}}'", "no 'modle'"),
        ("expect = { status = 200 }\npath = '/{{sweep.a}}'\nsweep = [{ b = 1 }]", "no 'sweep.a'"),
        ("expect = { status = 200 }\nbody = 'a'\nbase = 'valid'", "two bodies"),
        ("expect = { status = 200, body = [{ path = '/id' }] }", "no check of '/id'"),
        ("expect = { status = 200, bdy = [] }", "unknown field `bdy`"),
        ("", "no expectation"),
        ("expect = { status = 200 }\npath = '/{{model'", "'{{' is not closed"),
    ] {
        let fault = Suite::read([("four.toml", file(rest).as_str())]).expect_err(rest).to_string();
        assert!(fault.starts_with("four.toml: ") && fault.contains(expected), "{rest}: {fault}");
    }
    let (one, other) = (file("expect = { status = 200 }"), file("expect = { status = 400 }"));
    let fault = Suite::read([("one.toml", one.as_str()), ("other.toml", other.as_str())]).unwrap_err();
    assert_eq!(fault.to_string(), "other.toml: two cases are called 'a'");
}

#[test]
fn an_invalid_spec_is_rejected() {
    for (text, expected) in [
        ("{", "EOF"),
        (r#"{"input": []}"#, "unknown field `input`"),
        (r#"{"item": "sound"}"#, "expected 'image', 'text', 'json' or 'row', got 'sound'"),
        (r#"{"not": ["quick"]}"#, "unknown condition 'quick'"),
    ] {
        let fault = Spec::from_json(text).expect_err(text);
        assert!(fault.contains(expected), "{text}: {fault}");
    }
}

#[test]
fn a_missing_server_is_unusable() {
    // A port that was free a moment ago, so that nobody listens on it.
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let target = Target::new(&format!("http://{address}"), "none").unwrap();
    let fault = run(&target, &Suite::embedded()).expect_err("no server").to_string();
    assert!(fault.contains(&address.to_string()) && fault.contains("no connection"), "{fault}");
}

fn report() -> Report {
    let case = |name: &str, outcome| CaseReport {
        name: name.into(),
        says: "`id` is returned".into(),
        source: "a specification".into(),
        level: Level::Oip,
        requests: 1,
        took: std::time::Duration::from_millis(250),
        outcome,
    };
    let fault = Fault {
        of: String::new(),
        expected: "/id: \"a\" & <b>".into(),
        got: "nothing\u{1b}".into(),
        request: "POST /v2/models/x/infer".into(),
        answer: "200 {}".into(),
    };
    let cases = vec![
        case("passes", Outcome::Passed),
        case("fails", Outcome::Failed { faults: vec![fault] }),
        case("skips", Outcome::Skipped { reason: "scripted:a: not known to hold: it is".into() }),
    ];
    let section = SectionReport { number: "4".into(), title: "Requests".into(), cases };
    Report {
        url: "http://127.0.0.1:1".into(),
        model: "x".into(),
        level: Level::Binary,
        conditions: vec!["echo".into()],
        sections: vec![section],
    }
}

#[test]
fn a_report_counts_and_lists_cases() {
    let report = report();
    assert_eq!((report.passed(), report.failed(), report.skipped()), (1, 1, 1));
    assert_eq!(report.unmet().into_iter().collect::<Vec<_>>(), [("scripted:a", 1)]);
    let table = report.table();
    for part in ["4 Requests        1        1        1", "FAILED 4 Requests: fails", "`id` is returned", "scripted:a"]
    {
        assert!(table.contains(part), "{part}: {table}");
    }
}

#[test]
fn a_report_is_junit_xml_and_json() {
    let report = report();
    let xml = report.junit().unwrap();
    for part in [
        r#"tests="3""#,
        r#"failures="1""#,
        r#"<testsuite name="4 Requests""#,
        r#"time="0.250""#,
        "&amp; &lt;b&gt;",
        "<skipped",
        r#"classname="4.oip""#,
    ] {
        assert!(xml.contains(part), "{part}: {xml}");
    }
    assert!(!xml.contains('\u{1b}'), "XML does not allow this character");
    let json: serde_json::Value = serde_json::from_str(&report.json().unwrap()).unwrap();
    let outcomes = |index: usize| &json["sections"][0]["cases"][index];
    assert_eq!((&outcomes(0)["outcome"], &outcomes(0)["took"]), (&"passed".into(), &0.25.into()));
    assert_eq!(outcomes(1)["faults"][0]["got"], "nothing\u{1b}");
    assert_eq!(json["level"], "binary");
}
