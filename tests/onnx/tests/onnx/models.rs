//! Runs of models, their declarations, and the faults of calls.

use chariot_engine::{
    input::Tensors,
    model::{Dim, TensorSpec},
    onnx::{Onnx, OnnxBackend, OnnxInput, OnnxOptions, OnnxSession},
    protocol::DataType,
};

use super::{failure, for_each_backend, needs_onnx_runtime, open, session};

fn shapes(specs: &[TensorSpec]) -> Vec<(&str, DataType, &[Dim])> {
    specs.iter().map(|spec| (spec.name(), spec.datatype(), spec.shape())).collect()
}

const BATCH: Dim = Dim::Batch("batch");

#[test]
fn a_model_computes_a_batch_of_any_length() {
    needs_onnx_runtime!();
    for_each_backend(|backend| {
        for name in ["linear", "unnamed", "unknown-rank-output", "external/inside", "external/inside-without-length"] {
            let mut session = session(name, backend);
            // Without a bias in another file.
            let bias = if name.starts_with("external") { [0.0; 3] } else { [1.0, 2.0, 3.0] };
            for rows in [1, 3, 2] {
                let values: Vec<f32> = (0..rows * 4).map(|index| index as f32).collect();
                let mut inputs = Tensors::default();
                inputs.push("x", [rows, 4], values.clone());
                let outputs = session.run(&inputs).unwrap();
                let (shape, data) = outputs.get("y").unwrap();
                let wanted: Vec<f32> = values
                    .chunks(4)
                    .flat_map(|row| {
                        (0..3).map(move |column| {
                            (0..4).map(|k| row[k] * (3 * k + column) as f32).sum::<f32>() + bias[column]
                        })
                    })
                    .collect();
                assert_eq!((outputs.len(), shape), (1, &[rows, 3][..]), "{name}, {backend}");
                assert_eq!(data.as_slice::<f32>().unwrap(), wanted, "{name}, {backend}");
            }
        }
    });
}

#[test]
fn the_declaration_is_that_of_the_file() {
    needs_onnx_runtime!();
    for_each_backend(|backend| {
        let fp32 = DataType::Fp32;
        for name in ["linear", "unnamed"] {
            let onnx = open(name, backend);
            assert_eq!(onnx.backend(), backend);
            assert_eq!(shapes(onnx.inputs()), [("x", fp32, &[BATCH, Dim::Fixed(4)][..])], "{name}");
            assert_eq!(shapes(onnx.outputs()), [("y", fp32, &[BATCH, Dim::Fixed(3)][..])], "{name}");
        }
        let onnx = open("two-inputs", backend);
        assert_eq!(
            shapes(onnx.inputs()),
            [("ids", DataType::Int64, &[BATCH, Dim::Any][..]), ("scale", fp32, &[BATCH][..])]
        );
        assert_eq!(
            shapes(onnx.outputs()),
            [("scaled", fp32, &[BATCH, Dim::Any][..]), ("shape", DataType::Int64, &[Dim::Fixed(2)][..])]
        );
        // Not every input begins with the same length.
        let onnx = open("no-batch", backend);
        assert_eq!(shapes(onnx.inputs()), [("x", fp32, &[Dim::Any, Dim::Fixed(2)][..]), ("y", fp32, &[][..])]);
        assert_eq!(shapes(onnx.outputs()), [("z", fp32, &[Dim::Any, Dim::Fixed(2)][..])]);
        let onnx = open("unknown-rank-output", backend);
        assert_eq!((onnx.inputs().len(), onnx.outputs().len()), (1, 0));
        let onnx = open("detector-64", backend);
        let fixed = |lengths: &[usize]| lengths.iter().map(|length| Dim::Fixed(*length)).collect::<Vec<_>>();
        assert_eq!(shapes(onnx.inputs()), [("images", fp32, &fixed(&[1, 3, 64, 64])[..])]);
        assert_eq!(shapes(onnx.outputs()), [("output0", fp32, &fixed(&[1, 7, 84])[..])]);
    });
    let onnx = open("unknown-rank-input", OnnxBackend::OnnxRuntime);
    assert_eq!((onnx.inputs().len(), onnx.outputs().len()), (0, 0));
}

#[test]
fn lengths_that_are_set_are_declared_and_checked() {
    needs_onnx_runtime!();
    for_each_backend(|backend| {
        let rows = |length| [Dim::Fixed(length), Dim::Any];
        let opened = |input: &str, shape: &[Dim]| {
            Onnx::open(&super::path("two-inputs"), &super::options(backend).shape(input, shape))
        };
        let onnx = opened("ids", &[Dim::Any, Dim::Fixed(3)]).unwrap();
        assert_eq!(onnx.inputs()[0].shape(), [BATCH, Dim::Fixed(3)]);
        let mut session = onnx.session().unwrap();
        let mut run = |tokens: usize| {
            let (ids, scale) = (vec![1_i64; tokens], [2_f32]);
            session.run_with(&[("ids", OnnxInput::new(&[1, tokens], &ids)), ("scale", OnnxInput::new(&[1], &scale))])
        };
        let message = failure(run(2));
        assert!(message.contains("input 'ids': expected shape [n, 3], got [1, 2]"), "{message}");
        assert_eq!(run(3).unwrap().get("scaled").unwrap().1.as_slice::<f32>().unwrap(), [2.0; 3]);
        // Then nothing is the batch.
        assert_eq!(opened("ids", &rows(2)).unwrap().inputs()[1].shape(), [Dim::Any]);
        // The number of dimensions can be set too.
        let options = super::options(backend).shape("x", &rows(2));
        let onnx = Onnx::open(&super::path("unknown-rank-input"), &options).unwrap();
        assert_eq!(onnx.inputs()[0].shape(), rows(2));

        let refused = [
            ("unknown", opened("idz", &rows(1))),
            ("rank", opened("ids", &[Dim::Any])),
            (
                "length",
                Onnx::open(&super::path("linear"), &super::options(backend).shape("x", &[Dim::Any, Dim::Fixed(5)])),
            ),
        ];
        let messages = refused.map(|(case, opened)| format!("{case} → {}\n", opened.unwrap_err().log_message()));
        insta::assert_snapshot!("lengths", messages.concat());
    });
}

#[test]
fn a_length_over_its_limit_is_rejected_by_input_and_dimension() {
    needs_onnx_runtime!();
    for_each_backend(|backend| {
        let opened = |input: &str, most: &[usize]| {
            Onnx::open(&super::path("two-inputs"), &super::options(backend).max_shape(input, most))
        };
        let onnx = opened("ids", &[2, 3]).unwrap();
        // What is declared does not change.
        assert_eq!(onnx.inputs()[0].shape(), [BATCH, Dim::Any]);
        let mut session = onnx.session().unwrap();
        let mut run = |rows: usize, tokens: usize| {
            let mut inputs = Tensors::default();
            inputs.push("ids", [rows, tokens], vec![1_i64; rows * tokens]);
            inputs.push("scale", [rows], vec![1_f32; rows]);
            session.run(&inputs).map_err(|error| error.public_message().unwrap_or_default())
        };
        let rejected = |axis: usize, most: usize, got: usize| {
            format!("input 'ids': expected at most {most} in dimension {axis} of shape [n, tokens], got {got}")
        };
        assert_eq!(run(1, 4).unwrap_err(), rejected(1, 3, 4), "{backend}");
        assert_eq!(run(3, 1).unwrap_err(), rejected(0, 2, 3), "{backend}");
        assert!(run(2, 3).is_ok() && run(1, 1).is_ok(), "{backend}");

        let refused = |input: &str, most: &[usize]| opened(input, most).unwrap_err().log_message();
        assert!(refused("idz", &[2, 3]).ends_with("expected the shape of one of the inputs 'ids', 'scale', got 'idz'"));
        for most in [&[2][..], &[2, 0]] {
            let fault = format!("input 'ids': expected greatest lengths for the shape [n, tokens], got {most:?}");
            assert_eq!(refused("ids", most), format!("'two-inputs.onnx': {fault}"));
        }
        // No call could have the shape of the file.
        let fixed = Onnx::open(&super::path("linear"), &super::options(backend).max_shape("x", &[1, 3]));
        assert!(fixed.unwrap_err().log_message().contains("greatest lengths for the shape [batch, 4]"));
    });
}

#[test]
fn the_operator_of_an_output_is_the_one_that_computes_its_values() {
    needs_onnx_runtime!();
    for_each_backend(|backend| {
        let of = |model: &str, output: &str| open(model, backend).operator(output).map(str::to_owned);
        assert_eq!(of("softmax", "scores").as_deref(), Some("Softmax"));
        assert_eq!(of("linear", "y").as_deref(), Some("Add"));
        // An output that only passes an input on, and no output.
        assert_eq!((of("identity/fp32", "y"), of("linear", "x")), (None, None));
    });
}

#[test]
fn inputs_are_found_by_name_in_any_order() {
    needs_onnx_runtime!();
    for_each_backend(|backend| {
        let mut session = session("two-inputs", backend);
        let (ids, scale) = ([1_i64, 2, 3, 4, 5, 6], [10_f32, 100.0]);
        let ids = ("ids", OnnxInput::new(&[2, 3], &ids));
        let scale = ("scale", OnnxInput::new(&[2], &scale));
        for inputs in [[ids.clone(), scale.clone()], [scale, ids]] {
            let outputs = session.run_with(&inputs).unwrap();
            let names: Vec<_> = outputs.iter().map(|(name, ..)| name).collect();
            assert_eq!(names, ["scaled", "shape"], "{backend}");
            let (shape, scaled) = outputs.get("scaled").unwrap();
            assert_eq!(shape, [2, 3]);
            assert_eq!(scaled.as_slice::<f32>().unwrap(), [10.0, 20.0, 30.0, 400.0, 500.0, 600.0]);
            assert_eq!(outputs.get("shape").unwrap().1.as_slice::<i64>().unwrap(), [2, 3]);
        }
    });
}

#[test]
fn scalars_and_branches_work() {
    needs_onnx_runtime!();
    for_each_backend(|backend| {
        let (x, y) = ([1_f32, 2.0], [0.5_f32]);
        let inputs = [("x", OnnxInput::new(&[1, 2], &x)), ("y", OnnxInput::new(&[], &y))];
        let outputs = session("no-batch", backend).run_with(&inputs).unwrap();
        assert_eq!(outputs.get("z").unwrap().1.as_slice::<f32>().unwrap(), [1.5, 2.5], "{backend}");

        let mut session = session("if", backend);
        for (flag, factor) in [(true, 2.0), (false, 3.0)] {
            let flag = [flag];
            let inputs = [("flag", OnnxInput::new(&[], &flag)), ("x", OnnxInput::new(&[1, 2], &x))];
            let outputs = session.run_with(&inputs).unwrap();
            assert_eq!(outputs.get("y").unwrap().1.as_slice::<f32>().unwrap(), [factor, 2.0 * factor], "{backend}");
        }
    });
}

#[test]
fn both_backends_detect_the_same() {
    needs_onnx_runtime!();
    for (name, side, cells, batches) in [("detector-64", 64, 84, &[1][..]), ("detector-640", 640, 8400, &[1, 2])] {
        for batch in batches {
            let shape = [*batch, 3, side, side];
            let pixels: Vec<f32> = (0..shape.iter().product()).map(|index| (index * 37 % 255) as f32 / 255.0).collect();
            let outputs = OnnxBackend::ALL.iter().map(|backend| {
                let mut session = session(name, *backend);
                let outputs = session.run_with(&[("images", OnnxInput::new(&shape, &pixels))]).unwrap();
                let (shape, data) = outputs.get("output0").unwrap();
                assert_eq!(shape, [*batch, 7, cells], "{backend}");
                data.as_slice::<f32>().unwrap().to_vec()
            });
            let outputs: Vec<_> = outputs.collect();
            let differ = outputs[0].iter().zip(&outputs[1]).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            let largest = outputs[0].iter().fold(0.0, |largest: f32, value| largest.max(value.abs()));
            assert!(differ < 1e-5 && largest > 0.01, "{name}: {differ} of {largest}");
        }
    }
}

#[test]
fn sessions_run_at_the_same_time() {
    needs_onnx_runtime!();
    for_each_backend(|backend| {
        let onnx = open("linear", backend);
        std::thread::scope(|scope| {
            for worker in 0..3 {
                let mut session = onnx.clone().session().unwrap();
                scope.spawn(move || {
                    let values = [worker as f32, 0.0, 0.0, 0.0];
                    for _ in 0..50 {
                        let outputs = session.run_with(&[("x", OnnxInput::new(&[1, 4], &values))]).unwrap();
                        let wanted = [1.0, 2.0 + worker as f32, 3.0 + 2.0 * worker as f32];
                        assert_eq!(outputs.get("y").unwrap().1.as_slice::<f32>().unwrap(), wanted);
                    }
                });
            }
        });
    });
}

#[test]
fn sessions_that_share_weights_compute_the_same() {
    needs_onnx_runtime!();
    let backend = OnnxBackend::OnnxRuntime;
    for (name, input, shape) in
        [("detector-64", "images", &[1, 3, 64, 64][..]), ("external/large", "x", &[5, 64]), ("linear", "x", &[2, 4])]
    {
        let values: Vec<f32> = (0..shape.iter().product()).map(|index: usize| (index % 17) as f32 / 17.0).collect();
        let run = |mut session: OnnxSession| {
            let outputs = session.run_with(&[(input, OnnxInput::new(shape, &values))]).unwrap();
            let (_, shape, data) = outputs.iter().next().unwrap();
            (shape.to_vec(), data.as_slice::<f32>().unwrap().to_vec())
        };
        let alone = run(session(name, backend));
        let onnx = Onnx::open(&super::path(name), &super::options(backend).sessions(4)).unwrap();
        let sessions: Vec<_> = (0..4).map(|_| onnx.session().unwrap()).collect();
        // They hold what they share.
        drop(onnx);
        for session in sessions {
            assert_eq!(run(session), alone, "{name}");
        }
    }
}

#[test]
fn threads_are_accepted_by_both_backends() {
    needs_onnx_runtime!();
    for_each_backend(|backend| {
        let options = super::options(backend).threads(2);
        let onnx = Onnx::open(&super::path("linear"), &options).unwrap();
        let outputs = onnx.session().unwrap().run_with(&[("x", OnnxInput::new(&[1, 4], &[0_f32; 4]))]).unwrap();
        assert_eq!(outputs.get("y").unwrap().1.as_slice::<f32>().unwrap(), [1.0, 2.0, 3.0]);
    });
}

#[test]
fn the_default_backend_is_the_first_that_is_built_in() {
    needs_onnx_runtime!();
    let options = OnnxOptions::new().library(super::library_path());
    let onnx = Onnx::open(&super::path("linear"), &options).unwrap();
    assert_eq!(onnx.backend(), OnnxBackend::OnnxRuntime);
}

#[test]
fn the_fault_of_an_input_names_it() {
    needs_onnx_runtime!();
    let mut messages = Vec::new();
    for_each_backend(|backend| {
        let mut session = session("two-inputs", backend);
        let (ids, scale, floats) = ([1_i64, 2], [1_f32, 2.0, 3.0], [1_f32, 2.0]);
        let good = ("scale", OnnxInput::new(&[1], &scale[..1]));
        let mut text = String::new();
        for (case, inputs) in [
            ("missing", vec![good.clone()]),
            ("unknown", vec![good.clone(), ("idz", OnnxInput::new(&[1, 2], &ids))]),
            ("duplicate", vec![good.clone(), good.clone()]),
            ("datatype", vec![good.clone(), ("ids", OnnxInput::new(&[1, 2], &floats))]),
            ("rank", vec![good.clone(), ("ids", OnnxInput::new(&[2], &ids))]),
            ("elements", vec![good.clone(), ("ids", OnnxInput::new(&[1, 3], &ids))]),
            ("too many", vec![good.clone(), ("ids", OnnxInput::new(&[usize::MAX, 3], &ids))]),
            ("batch", vec![("scale", OnnxInput::new(&[3], &scale)), ("ids", OnnxInput::new(&[1, 2], &ids))]),
        ] {
            text += &format!("{case} → {}\n", failure(session.run_with(&inputs)));
        }
        let mut linear = super::session("linear", backend);
        let wide = failure(linear.run_with(&[("x", OnnxInput::new(&[1, 3], &scale))]));
        text += &format!("length → {wide}\n");
        // The session goes on.
        assert!(session.run_with(&[good, ("ids", OnnxInput::new(&[1, 2], &ids))]).is_ok());
        messages.push(text);
    });
    assert_eq!(messages[0], messages[1]);
    insta::assert_snapshot!("inputs", messages[0]);
}

#[test]
fn the_fault_of_a_run_names_the_node() {
    needs_onnx_runtime!();
    for_each_backend(|backend| {
        let mut session = session("gather", backend);
        let mut run = |id: i64| session.run_with(&[("ids", OnnxInput::new(&[1], &[id]))]);
        let message = failure(run(9));
        assert!(message.starts_with("running the model: ") && message.contains("lookup"), "{message}");
        let outputs = run(3).unwrap();
        assert_eq!(outputs.get("rows").unwrap().1.as_slice::<f32>().unwrap(), [6.0, 7.0], "{backend}");
    });
}
