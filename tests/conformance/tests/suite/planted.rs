//! The suite detects faults: for every section, a server with one fault fails in this section and in no other.

use std::collections::BTreeSet;

use chariot_engine::{EngineBuilder, prelude::*};
use conformance::{Outcome, Report};

use crate::served::{Answer, Fault, Head, Served};

/// A model that returns its tensors unchanged.
pub(crate) struct Echo;

impl Model for Echo {
    type Settings = ();
    type Input = Tensors;
    type Output = Tensors;

    async fn load(_: &LoadContext) -> Result<Self> {
        Ok(Echo)
    }

    async fn infer(&self, batch: Batch<Tensors>) -> Result<Vec<Tensors>> {
        batch.try_map(|tensors| Ok(tensors.into_value()))
    }
}

/// A model that returns the length of a text, as an engine of items.
struct Length;

impl Model for Length {
    type Settings = ();
    type Input = Text;
    type Output = Json<usize>;

    async fn load(_: &LoadContext) -> Result<Self> {
        Ok(Length)
    }

    async fn infer(&self, batch: Batch<Text>) -> Result<Vec<Json<usize>>> {
        batch.try_map(|text| Ok(Json(text.as_str().chars().count())))
    }
}

fn engines() -> [(&'static str, EngineBuilder); 2] {
    [("echo", Engine::builder().model::<Echo>("echo")), ("length", Engine::builder().model::<Length>("length"))]
}

/// Returns the sections with failed cases, and the tables of the reports.
fn failing(reports: &[Report]) -> (BTreeSet<String>, String) {
    let cases = reports.iter().flat_map(Report::cases);
    let failed = cases.filter(|(_, case)| matches!(case.outcome, Outcome::Failed { .. }));
    let sections = failed.map(|(section, _)| section.number.clone()).collect();
    (sections, reports.iter().map(Report::table).collect())
}

#[test]
fn without_a_fault_everything_passes() {
    let reports = engines().map(|(name, engine)| Served::start(engine).report(name));
    let (sections, tables) = failing(&reports);
    assert!(sections.is_empty(), "{tables}");
    for number in ["2", "3", "4", "5", "6", "7", "8"] {
        let sections = reports.iter().flat_map(|report| &report.sections).filter(|section| section.number == number);
        assert!(sections.map(|section| section.passed()).sum::<usize>() > 0, "section {number} runs");
    }
}

/// Puts a fault in front of both engines and checks that only cases of this section fail.
#[track_caller]
fn fails_only(section: &str, fault: Fault) {
    let reports = engines().map(|(name, engine)| Served::with_fault(engine, fault.clone()).report(name));
    let (sections, tables) = failing(&reports);
    assert_eq!(sections, BTreeSet::from([section.to_string()]), "{tables}");
}

fn replace(answer: &mut Answer, from: &str, to: &str) {
    if let Ok(text) = std::str::from_utf8(&answer.body) {
        answer.body = text.replace(from, to).into_bytes();
    }
}

fn is_inference(head: &Head) -> bool {
    head.uri.path().ends_with("/infer")
}

/// Returns `true` for an uncompressed JSON response of the Open Inference Protocol to a JSON request.
fn is_plain(head: &Head, answer: &Answer) -> bool {
    let binary = "inference-header-content-length";
    let special = [binary, "content-encoding"].iter().any(|name| head.headers.contains_key(*name));
    let of_protocol = answer.body.starts_with(br#"{"model_name":"#);
    is_inference(head) && !special && !answer.headers.contains_key(binary) && of_protocol
}

#[test]
fn section_2_near_misses_are_answered() {
    fails_only(
        "2",
        Fault::of_answers(|head, answer| {
            if head.uri.path().starts_with("/readyz") {
                (answer.status, answer.body) = (http(200), b"{}".to_vec());
            }
        }),
    );
}

#[test]
fn section_2_a_wrong_method_is_not_told_the_right_one() {
    fails_only("2", Fault::of_answers(|_, answer| drop(answer.headers.remove("allow"))));
}

#[test]
fn section_3_errors_are_told_in_another_envelope() {
    fails_only(
        "3",
        Fault::of_answers(|_, answer| {
            if answer.status.as_u16() >= 400 {
                replace(answer, r#"{"error":"#, r#"{"detail":"#);
            }
        }),
    );
}

#[test]
fn section_3_errors_have_a_charset() {
    fails_only(
        "3",
        Fault::of_answers(|_, answer| {
            if answer.status.as_u16() >= 400 {
                answer.headers.insert("content-type", "application/json; charset=utf-8".parse().unwrap());
            }
        }),
    );
}

#[test]
fn section_4_an_id_is_lost() {
    fails_only(
        "4",
        Fault::of_answers(|head, answer| {
            if is_plain(head, answer) {
                replace(answer, r#""id":"#, r#""identity":"#);
            }
        }),
    );
}

#[test]
fn section_4_shapes_are_told_flat() {
    fails_only(
        "4",
        Fault::of_answers(|head, answer| {
            if is_plain(head, answer) {
                replace(answer, r#""shape":[2,2]"#, r#""shape":[4]"#);
                replace(answer, r#""shape":[2,3]"#, r#""shape":[6]"#);
            }
        }),
    );
}

#[test]
fn section_5_metadata_is_lost() {
    fails_only(
        "5",
        Fault::of_answers(|head, answer| {
            if is_plain(head, answer) {
                replace(answer, r#""parameters":{"metadata":"#, r#""parameters":{"meta":"#);
            }
        }),
    );
}

#[test]
fn section_6_binary_outputs_are_not_given() {
    fails_only(
        "6",
        Fault::of_answers(|_, answer| {
            if let Some(length) = answer.headers.remove("inference-header-content-length") {
                let length = length.to_str().unwrap().parse().unwrap();
                answer.body.truncate(length);
            }
        }),
    );
}

#[test]
fn section_6_bytes_come_in_the_other_order() {
    fails_only(
        "6",
        Fault::of_answers(|_, answer| {
            if let Some(length) = answer.headers.get("inference-header-content-length") {
                let length: usize = length.to_str().unwrap().parse().unwrap();
                answer.body[length..].reverse();
            }
        }),
    );
}

#[test]
fn section_7_codings_are_not_known() {
    fails_only(
        "7",
        Fault::of_requests(|head| {
            let coding = head.headers.get("content-encoding").map(|coding| coding.as_bytes());
            if matches!(coding, Some(b"gzip" | b"deflate" | b"zstd")) {
                head.headers.remove("content-encoding");
            }
        }),
    );
}

#[test]
fn section_8_results_are_told_by_another_name() {
    fails_only(
        "8",
        Fault::of_answers(|_, answer| {
            if answer.body.starts_with(br#"{"output":"#) {
                replace(answer, r#"{"output":"#, r#"{"result":"#);
            }
        }),
    );
}

#[test]
fn section_8_the_last_line_is_not_ended() {
    fails_only(
        "8",
        Fault::of_answers(|_, answer| {
            if answer.headers.get("content-type").is_some_and(|kind| kind == "application/jsonl") {
                answer.body.pop();
            }
        }),
    );
}

fn http(status: u16) -> axum::http::StatusCode {
    axum::http::StatusCode::from_u16(status).unwrap()
}
