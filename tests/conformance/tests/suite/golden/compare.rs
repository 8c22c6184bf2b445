//! The comparison of servers with the golden files: engines of every task pass, with the model of the files and with
//! another one, and every kind of wrong answer fails.

use std::{
    fs,
    process::{Command, Output},
};

use axum::http::StatusCode;
use chariot_engine::EngineBuilder;
use conformance::{Golden, GoldenFile, Outcome, SectionReport, Spec, Suite, Target, compare, run};
use serde_json::Value;

use super::{
    directory,
    engines::{engine, other_results},
    read,
};
use crate::served::{Answer, Fault, Head, Served};

fn file(task: &str) -> GoldenFile {
    read().files().iter().find(|file| file.task == task).expect("a file of the task").clone()
}

/// Returns the engine of a file, with its results; with others if it has none.
pub(super) fn builder(file: &GoldenFile, layout: &str) -> EngineBuilder {
    engine(&file.task, &file.model.clone().unwrap_or_else(|| other_results(&file.task)), layout)
}

#[track_caller]
fn section(served: &Served, values: bool) -> SectionReport {
    compare(&target(served), &read(), values).unwrap()
}

fn target(served: &Served) -> Target {
    Target::new(&served.url(), "golden").unwrap()
}

#[track_caller]
fn passes(section: &SectionReport, count: usize) {
    let failed = section.cases.iter().find(|case| matches!(case.outcome, Outcome::Failed { .. }));
    assert!(failed.is_none(), "{failed:#?}");
    assert_eq!(section.passed(), count, "{section:#?}");
}

#[test]
fn engines_of_every_task_and_layout_pass() {
    for file in read().files() {
        let mut layouts: Vec<&String> = file.exchanges.iter().flat_map(|exchange| &exchange.layouts).collect();
        layouts.sort();
        layouts.dedup();
        for layout in layouts {
            let served = Served::start(builder(file, layout));
            let exchanges = file.exchanges.iter().filter(|exchange| exchange.layouts.contains(layout));
            let count = exchanges.map(|exchange| exchange.protocols().count()).sum();
            passes(&section(&served, false), count);
            if file.model.is_some() {
                passes(&section(&served, true), count);
            }
            let suite = Suite::embedded().only(|section, _| section.number == "5");
            let report = run(&served.target("golden"), &suite).unwrap();
            assert_eq!(report.failed(), 0, "{}: {}", file.task, report.table());
        }
    }
}

#[test]
fn engines_of_other_models_pass_unless_values_are_compared() {
    for file in read().files() {
        let served = Served::start(engine(&file.task, &other_results(&file.task), "default"));
        let form = section(&served, false);
        passes(&form, form.cases.len() - form.skipped());
        assert!(section(&served, true).failed() > 0, "{}", file.task);
    }
}

/// A file whose values come from elsewhere is used as it is: its form is compared, and no test changes with it.
#[test]
fn a_file_from_elsewhere_is_compared_by_its_form() {
    let elsewhere = |from: &str, to: &str| {
        let directory = tempfile::tempdir().unwrap();
        let text = fs::read_to_string(super::directory().join("object_detection.json")).unwrap();
        let mut file: Value = serde_json::from_str(&text.replace("ship", "boat").replace(from, to)).unwrap();
        file.as_object_mut().unwrap().remove("model");
        fs::write(directory.path().join("boats.json"), file.to_string()).unwrap();
        let golden = Golden::read(directory.path()).unwrap();
        let served = Served::start(builder(&golden.files()[0], "default"));
        compare(&target(&served), &golden, false).unwrap()
    };
    passes(&elsewhere("0.87", "0.91"), 4);
    let renamed = elsewhere("\"label\"", "\"class\"");
    assert_eq!(renamed.failed(), 2, "{renamed:#?}");
}

/// Changes the JSON of a response to an inference.
fn change(answer: &mut Answer, change: impl FnOnce(&mut Value)) {
    let body: Result<Value, _> = serde_json::from_slice(&answer.body);
    if let Ok(mut body) = body
        && (body.get("outputs").is_some_and(Value::is_array) && body.get("model_name").is_some())
    {
        change(&mut body);
        answer.body = body.to_string().into_bytes();
    }
}

/// Changes the result for an item.
fn change_result(answer: &mut Answer, of_result: impl FnOnce(&mut Value)) {
    change(answer, |body| of_result(&mut body["outputs"][0]["data"][0]));
}

#[test]
fn every_kind_of_wrong_answer_fails() {
    type Wrong = fn(&Head, &mut Answer);
    let boxes: [(&str, Wrong); 16] = [
        ("a member is missing", |_, answer| {
            change_result(answer, |found| {
                found.as_array_mut().into_iter().flatten().filter_map(Value::as_object_mut).for_each(|one| {
                    one.remove("score");
                });
            })
        }),
        ("a member is renamed", |_, answer| {
            change_result(answer, |found| {
                for one in found.as_array_mut().into_iter().flatten() {
                    one["x_min"] = one["xmin"].take();
                }
            })
        }),
        ("a member is added", |_, answer| {
            change_result(answer, |found| {
                found.as_array_mut().into_iter().flatten().for_each(|one| one["area"] = 1.into());
            })
        }),
        ("a number is a string", |_, answer| {
            change_result(answer, |found| {
                found.as_array_mut().into_iter().flatten().for_each(|one| one["score"] = "0.5".into());
            })
        }),
        ("a label is an ID", |_, answer| {
            change_result(answer, |found| {
                found.as_array_mut().into_iter().flatten().for_each(|one| one["label"] = 1.into());
            })
        }),
        ("the worst is first", |_, answer| {
            change_result(answer, |found| {
                found.as_array_mut().unwrap().reverse();
            })
        }),
        ("a score is above 1", |_, answer| {
            change_result(answer, |found| {
                found.as_array_mut().into_iter().flatten().take(1).for_each(|one| one["score"] = 87.0.into());
            })
        }),
        ("a score is below the threshold", |_, answer| {
            change_result(answer, |found| {
                found.as_array_mut().into_iter().flatten().for_each(|one| one["score"] = 0.1.into());
            })
        }),
        ("edges are exchanged", |_, answer| {
            change_result(answer, |found| {
                for one in found.as_array_mut().into_iter().flatten() {
                    (one["xmin"], one["xmax"]) = (one["xmax"].clone(), one["xmin"].clone());
                }
            })
        }),
        ("a box is not clamped", |_, answer| {
            change_result(answer, |found| {
                found.as_array_mut().into_iter().flatten().for_each(|one| one["ymax"] = 49.0.into());
            })
        }),
        ("the result is a string of JSON", |_, answer| {
            change_result(answer, |found| *found = found.to_string().into())
        }),
        ("the result is not in a list", |_, answer| {
            change(answer, |body| {
                let output = &mut body["outputs"][0];
                output["data"] = output["data"][0].take();
            })
        }),
        ("the output has another name", |_, answer| change(answer, |body| body["outputs"][0]["name"] = "x".into())),
        ("the metadata is lost", |_, answer| {
            change(answer, |body| {
                body["outputs"][0].as_object_mut().unwrap().remove("parameters");
            })
        }),
        ("the id is another", |_, answer| change(answer, |body| body["id"] = "2".into())),
        ("the request fails", |head, answer| {
            if head.uri.path().ends_with("/infer") {
                answer.status = StatusCode::INTERNAL_SERVER_ERROR;
            }
        }),
    ];
    for (name, wrong) in boxes {
        fails("Object Detection", "default", name, wrong);
    }
    let columns: [(&str, Wrong); 3] = [
        ("the count is wrong", |_, answer| change_result(answer, |found| found["num_detections"] = 3.into())),
        ("a list is shorter", |_, answer| {
            change_result(answer, |found| {
                found["detection_scores"].as_array_mut().unwrap().pop();
            })
        }),
        ("a box has three edges", |_, answer| {
            change_result(answer, |found| {
                found["detection_boxes"].as_array_mut().into_iter().flatten().for_each(|edges| {
                    edges.as_array_mut().unwrap().pop();
                });
            })
        }),
    ];
    for (name, wrong) in columns {
        fails("Object Detection", "columns", name, wrong);
    }
    fails("Image Segmentation", "default", "the mask has another size", |_, answer| {
        change_result(answer, |mask| mask.as_array_mut().unwrap().truncate(2));
    });
    fails("Image Segmentation", "default", "an ID is not an integer", |_, answer| {
        change_result(answer, |mask| mask[0][0] = 1.5.into());
    });
    fails("Text Classification", "default", "a label alone", |_, answer| {
        change_result(answer, |best| *best = best[0]["label"].take());
    });
}

/// Asserts that an engine of this task fails behind a fault.
#[track_caller]
fn fails(task: &str, layout: &str, name: &str, wrong: fn(&Head, &mut Answer)) {
    let served = Served::with_fault(builder(&file(task), layout), Fault::of_answers(wrong));
    match compare(&target(&served), &read(), false) {
        Ok(section) => assert!(section.failed() > 0, "{name}: {section:#?}"),
        // No request is answered at all.
        Err(fault) => assert!(name == "the request fails", "{name}: {fault}"),
    }
}

fn conformance(served: &Served, arguments: &[&str]) -> (Option<i32>, String) {
    let url = served.url();
    let directory = directory();
    let common = ["--url", &url, "--model", "golden", "--section", "golden", "--golden", directory.to_str().unwrap()];
    let Output { status, stdout, stderr } =
        Command::new(env!("CARGO_BIN_EXE_conformance")).args(common).args(arguments).output().expect("the binary runs");
    (status.code(), String::from_utf8(stdout).unwrap() + &String::from_utf8(stderr).unwrap())
}

#[test]
fn the_binary_compares_a_server_with_the_files() {
    let served = Served::start(builder(&file("Object Detection"), "columns"));
    let (code, table) = conformance(&served, &["--values"]);
    assert_eq!(code, Some(0), "{table}");
    assert!(table.contains("golden Golden files        4        0        4"), "{table}");

    // The server is asked for another layout than it has.
    let (code, table) = conformance(&served, &["--layout", "objects"]);
    assert_eq!(code, Some(1), "{table}");
    assert!(table.contains("FAILED golden Golden files: Object Detection: detect in chariot-v2"), "{table}");

    // Nothing is known of such a layout, so every exchange is skipped, which is no success.
    for arguments in [&["--layout", "chess"][..], &["--layout", "chess", "--values", "--case", "detect in chariot-v2"]]
    {
        let (code, text) = conformance(&served, arguments);
        assert_eq!(code, Some(2), "{text}");
        assert!(text.contains("--layout") && !text.contains("FAILED"), "{text}");
    }
    let (code, text) = conformance(&served, &["--case", "chess"]);
    assert_eq!(code, Some(2), "{text}");

    let (code, text) = conformance(&served, &["--task", "Chess"]);
    assert_eq!(code, Some(2), "{text}");
    assert!(text.contains("expected a golden file of the task 'Chess'"), "{text}");
}

#[test]
fn a_server_that_names_no_task_must_be_told() {
    let file = file("Translation");
    let fault = Fault::of_answers(|head, answer| {
        if head.uri.path() == "/openapi.json" {
            answer.status = StatusCode::NOT_FOUND;
        }
    });
    let served = Served::with_fault(builder(&file, "default"), fault);
    let unknown = compare(&target(&served), &read(), false).unwrap_err();
    assert!(unknown.to_string().contains("--task"), "{unknown}");
    let told = Spec { conditions: vec!["task:translation".into()], ..Spec::default() };
    passes(&compare(&target(&served).spec(told), &read(), true).unwrap(), 2);
}
