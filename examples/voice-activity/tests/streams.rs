//! The engine as a real process: streams of pieces, whose probabilities are those that Python computes.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use e2e::{Connection, Process, Shared};
use serde_json::{Value, json};

const ENGINE: &str = env!("CARGO_BIN_EXE_voice-activity");
const INFER: &str = "/v2/models/voice-activity/infer";
const PIECE: usize = 512;
/// The largest difference to Python's ONNX Runtime, which adds in another order.
const TOLERANCE: f64 = 1e-4;

/// Returns the engine that tests without settings of their own share, unless the model cannot be had.
fn engine() -> Option<Arc<Process>> {
    static PROCESS: Shared = Shared::new();
    let model = e2e::weights(env!("CARGO_MANIFEST_DIR"))?;
    Some(PROCESS.get(|| start(&model, &[])))
}

fn start(model: &Path, settings: &[(&str, &str)]) -> Process {
    let model = [("CHARIOT_ENGINE_MODEL_DIR", model.to_str().unwrap())];
    Process::ready(ENGINE, &[&model, settings].concat())
}

/// Returns the pieces of the recording.
fn recording() -> Vec<Vec<i16>> {
    let wav = std::fs::read(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/speech.wav")).unwrap();
    // The header of a file that Python has written.
    let samples: Vec<i16> = wav[44..].chunks_exact(2).map(|bytes| i16::from_le_bytes([bytes[0], bytes[1]])).collect();
    samples.chunks_exact(PIECE).map(<[i16]>::to_vec).collect()
}

/// Returns what Python computes of the recording from each of some pieces on.
fn reference() -> BTreeMap<usize, Vec<f64>> {
    let text = include_str!("data/speech.json");
    let by_start: BTreeMap<String, Vec<f64>> = serde_json::from_str(text).unwrap();
    by_start.into_iter().map(|(start, speech)| (start.parse().unwrap(), speech)).collect()
}

fn request(pieces: &[Vec<i16>], parameters: Value) -> Value {
    let audio = json!({"name": "audio", "datatype": "INT16", "shape": [pieces.len(), PIECE], "data": pieces.concat()});
    json!({"inputs": [audio], "parameters": parameters})
}

/// Returns the parameters of a piece of a stream.
fn of(stream: impl Into<Value>, begins: bool, ends: bool) -> Value {
    let stream: Value = stream.into();
    json!({"sequence_id": stream, "sequence_start": begins, "sequence_end": ends})
}

#[track_caller]
fn speech(answer: &Value) -> Vec<f64> {
    let output = &answer["outputs"][0];
    assert_eq!((&output["name"], &output["datatype"]), (&json!("speech"), &json!("FP32")));
    output["data"].as_array().unwrap().iter().map(|value| value.as_f64().unwrap()).collect()
}

#[track_caller]
fn assert_close(got: &[f64], expected: &[f64]) {
    assert_eq!(got.len(), expected.len());
    for (piece, (got, expected)) in got.iter().zip(expected).enumerate() {
        assert!((got - expected).abs() <= TOLERANCE, "piece {piece}: {got} for {expected}");
    }
}

#[test]
fn a_recording_gives_what_python_computes() {
    let Some(engine) = engine() else { return };
    let (pieces, reference) = (recording(), reference());
    let answer = engine.post(INFER, &request(&pieces, json!({"sample_rate": 16_000}))).ok();
    assert_eq!(answer["outputs"][0]["shape"], json!([pieces.len()]));
    assert_close(&speech(&answer), &reference[&0]);
    // A request without a stream leaves nothing behind.
    assert_close(&speech(&engine.post(INFER, &request(&pieces, json!({}))).ok()), &reference[&0]);
}

#[test]
fn streams_that_arrive_piece_by_piece_at_the_same_time_give_the_same() {
    let Some(engine) = engine() else { return };
    let pieces = &recording();
    std::thread::scope(|scope| {
        for (start, expected) in reference() {
            let address = engine.address();
            scope.spawn(move || {
                let name = format!("interleaved-{start}");
                let mut connection = Connection::open(address).unwrap();
                let count = pieces.len() - start;
                let mut got = Vec::new();
                for (index, piece) in pieces[start..].iter().enumerate() {
                    let body = request(std::slice::from_ref(piece), of(name.as_str(), index == 0, index + 1 == count));
                    got.extend(speech(&connection.post(INFER, &body.to_string()).unwrap().ok()));
                }
                assert_close(&got, &expected);
            });
        }
    });
}

#[test]
fn pieces_of_different_numbers_and_in_binary_are_the_same_stream() {
    let Some(engine) = engine() else { return };
    let (pieces, expected) = (recording(), reference().remove(&0).unwrap());
    let mut connection = engine.connect();
    let (mut got, mut rest) = (Vec::new(), &pieces[..]);
    for size in 1.. {
        let (part, after) = rest.split_at(size.min(rest.len()));
        if part.is_empty() {
            break;
        }
        let bytes: Vec<u8> = part.concat().iter().flat_map(|sample| sample.to_le_bytes()).collect();
        let parameters = json!({"binary_data_size": bytes.len()});
        let audio =
            json!({"name": "audio", "datatype": "INT16", "shape": [part.len(), PIECE], "parameters": parameters});
        let head = json!({"inputs": [audio], "parameters": of("binary", size == 1, false)}).to_string();
        let headers = format!(
            "POST {INFER} HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\nInference-Header-Content-Length: {}\r\n\r\n",
            head.len() + bytes.len(),
            head.len()
        );
        connection.write([headers.as_bytes(), head.as_bytes(), &bytes].concat()).unwrap();
        got.extend(speech(&connection.answer().unwrap().ok()));
        rest = after;
    }
    assert_close(&got, &expected);
}

#[test]
fn a_stream_can_pause_end_and_begin_again() {
    let Some(engine) = engine() else { return };
    let (pieces, expected) = (recording(), reference().remove(&0).unwrap());
    let send = |part: std::ops::Range<usize>, begins, ends| {
        engine.post(INFER, &request(&pieces[part], of("paused", begins, ends)))
    };
    assert_close(&speech(&send(0..40, true, false).ok()), &expected[..40]);
    // Others speak meanwhile, on other connections.
    assert_close(&speech(&engine.post(INFER, &request(&pieces, json!({}))).ok()), &expected);
    assert_close(&speech(&send(40..80, false, true).ok()), &expected[40..80]);
    let unknown = send(80..90, false, false).error(400);
    assert!(unknown.contains("sequence_id") && unknown.contains("sequence_start"), "{unknown}");
    // A stream that begins where another one of its name was begins anew.
    for _ in 0..2 {
        assert_close(&speech(&send(0..10, true, false).ok()), &expected[..10]);
    }
}

#[test]
fn a_number_names_a_stream_too() {
    let Some(engine) = engine() else { return };
    let (pieces, expected) = (recording(), reference().remove(&0).unwrap());
    for (part, begins) in [(0..5, true), (5..10, false)] {
        let body = request(&pieces[part.clone()], of(u64::MAX, begins, false));
        assert_close(&speech(&engine.post(INFER, &body).ok()), &expected[part]);
    }
}

#[test]
fn a_silent_stream_is_forgotten() {
    let Some(model) = e2e::weights(env!("CARGO_MANIFEST_DIR")) else { return };
    let engine = start(&model, &[("STREAM_TIMEOUT", "0s")]);
    let pieces = recording();
    let send = |begins| engine.post(INFER, &request(&pieces[..1], of("a", begins, false)));
    send(true).ok();
    assert!(send(false).error(400).contains("sequence_id"));
    send(true).ok();
}

#[test]
fn more_streams_than_there_is_room_for_push_the_oldest_out() {
    let Some(model) = e2e::weights(env!("CARGO_MANIFEST_DIR")) else { return };
    let engine = start(&model, &[("MAX_STREAMS", "2")]);
    let pieces = recording();
    let send = |stream: &str, begins| engine.post(INFER, &request(&pieces[..1], of(stream, begins, false)));
    for stream in ["a", "b", "c"] {
        send(stream, true).ok();
    }
    assert!(send("a", false).error(400).contains("sequence_id"));
    send("b", false).ok();
    send("c", false).ok();
}

#[test]
fn audio_of_another_form_is_refused_by_name() {
    let Some(engine) = engine() else { return };
    let piece = vec![vec![0_i16; PIECE]];
    let audio = |datatype: &str, shape: Value, count: usize| {
        let data = vec![0; count];
        json!({"inputs": [{"name": "audio", "datatype": datatype, "shape": shape, "data": data}]})
    };
    let long = "x".repeat(300);
    for (body, words) in [
        (request(&piece, json!({"sample_rate": 44_100})), &["parameters.sample_rate", "16000", "44100"][..]),
        (request(&piece, json!({"sample_rate": "fast"})), &["parameters.sample_rate"]),
        (request(&piece, json!({"sequence_id": -7})), &["parameters.sequence_id", "a text or a number"]),
        (request(&piece, json!({"sequence_id": ["a"]})), &["parameters.sequence_id", "a text or a number"]),
        (request(&piece, json!({"sequence_id": long, "sequence_start": true})), &["256"]),
        (request(&piece, json!({"sequence_id": "never begun"})), &["parameters.sequence_id", "sequence_start"]),
        (request(&vec![vec![0; PIECE]; 2_001], json!({})), &["'audio'", "2000", "2001"]),
        (audio("INT16", json!([1, 160]), 160), &["'audio'", "[n, 512]", "[1, 160]"]),
        (audio("INT16", json!([1, 512]), 160), &["'audio'"]),
        (audio("INT16", json!([512]), 512), &["'audio'"]),
        (request(&[], json!({})), &["'audio'", "[0, 512]"]),
        (audio("FP32", json!([1, 512]), 512), &["'audio'", "INT16", "FP32"]),
        (
            json!({"inputs": [{"name": "sound", "datatype": "INT16", "shape": [1, 512], "data": vec![0; 512]}]}),
            &["'sound'"],
        ),
    ] {
        let text = engine.post(INFER, &body).error(400);
        assert!(words.iter().all(|word| text.contains(word)), "{text}");
    }
}
