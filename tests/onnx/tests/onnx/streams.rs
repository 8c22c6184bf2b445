//! A model with a state, as detectors of speech are: an engine keeps the state of each stream between its pieces.

use std::time::Duration;

use chariot_engine::{
    model::{KeyedStates, Worker},
    onnx::{Onnx, OnnxInput, OnnxSession},
    prelude::*,
    testing::TestEngine,
};
use serde::{Deserialize, Serialize};

use super::{for_each_backend, needs_onnx_runtime, open};

#[derive(Clone, Deserialize, Serialize)]
struct Piece {
    stream: String,
    samples: Vec<f32>,
}

struct Voice {
    onnx: Onnx,
    states: KeyedStates<Vec<f32>>,
}

/// Runs the model on a piece, and replaces the state.
fn run(session: &mut OnnxSession, samples: &[f32], state: &mut Vec<f32>) -> Result<f32> {
    let shape = [1, samples.len()];
    let inputs = [("input", OnnxInput::new(&shape, samples)), ("state", OnnxInput::new(&[1, 1], state))];
    let outputs = session.run_with(&inputs)?;
    let values = |name: &str| outputs.get(name).and_then(|(_, data)| data.as_slice::<f32>()).context("an output");
    let (voice, next) = (values("output")?[0], values("stateN")?.to_vec());
    *state = next;
    Ok(voice)
}

impl Model for Voice {
    type Settings = ();
    type Input = Json<Piece>;
    type Output = Json<f32>;

    async fn load(_: &LoadContext) -> Result<Self> {
        Err("the test passes an instance".into())
    }

    async fn warm_up(&self, worker: &Worker) -> Result<()> {
        worker.scratch(|| self.onnx.session()).map(drop)
    }

    fn admit(&self, item: &mut Item<Json<Piece>>) -> Result<BatchCost> {
        let stream = item.0.stream.clone();
        item.set_key(stream)?;
        Ok(BatchCost::default())
    }

    async fn infer(&self, batch: Batch<Json<Piece>>) -> Result<Vec<Json<f32>>> {
        let mut session = batch.scratch(|| self.onnx.session())?;
        batch.try_map(|piece| {
            let mut state = self.states.take(&piece, || Ok(vec![0.0]))?;
            run(&mut session, &piece.0.samples, &mut state).map(Json)
        })
    }
}

#[test]
fn pieces_of_several_streams_at_once_give_what_each_stream_gives_alone() {
    needs_onnx_runtime!();
    const STREAMS: usize = 4;
    let pieces = |stream: usize, pieces: std::ops::Range<usize>| -> Vec<Piece> {
        let samples = |piece: usize| (0..16).map(|at| ((stream * 31 + piece * 7 + at) % 13) as f32 / 13.0).collect();
        pieces.map(|piece| Piece { stream: stream.to_string(), samples: samples(piece) }).collect()
    };
    let body = |pieces: Vec<Piece>| {
        let data = serde_json::to_string(&pieces).unwrap();
        format!(r#"{{"inputs": [{{"name": "pieces", "data": {data}}}]}}"#)
    };
    for_each_backend(|backend| {
        let onnx = open("stateful", backend);
        let mut alone = onnx.session().unwrap();
        let expected: Vec<Vec<f32>> = (0..STREAMS)
            .map(|stream| {
                let mut state = vec![0.0];
                pieces(stream, 0..20).iter().map(|piece| run(&mut alone, &piece.samples, &mut state).unwrap()).collect()
            })
            .collect();
        let model = Voice { onnx, states: KeyedStates::new(STREAMS, Duration::from_secs(600)) };
        let builder = Engine::builder().instance("voice", model).configure(|settings| settings.workers = Some(2));
        let engine = TestEngine::start(builder).unwrap();
        let mut got = vec![Vec::new(); STREAMS];
        for part in [0..12, 12..20] {
            let asked: Vec<_> = (0..STREAMS).map(|stream| engine.ask(body(pieces(stream, part.clone())))).collect();
            for (got, pending) in got.iter_mut().zip(asked) {
                let answer = pending.answer();
                assert_eq!(answer.status, 200, "{}", answer.error());
                let outputs: Vec<f32> = serde_json::from_value(answer.json()["outputs"][0]["data"].take()).unwrap();
                got.extend(outputs);
            }
        }
        assert_eq!(got, expected, "{backend}");
    });
}
