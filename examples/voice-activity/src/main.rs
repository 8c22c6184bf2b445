//! An engine that finds speech in live audio. A stream is sent piece by piece, and its state stays here between the pieces.

mod stream;

use std::time::Duration;

use chariot_engine::{model::KeyedStates, onnx::Onnx, prelude::*};
use serde::Deserialize;

use crate::stream::{PIECE, RATE, Stream};

/// The most pieces of a request: 64 s.
const MAX_PIECES: usize = 2_000;

/// The input tensors.
#[derive(TensorInput)]
struct Audio {
    /// Pieces of 32 ms: one channel at 16 kHz, 16 bits a sample
    #[tensor(shape = [n, {PIECE}])]
    audio: Vec<i16>,
}

/// The parameters of a request, by the names that Triton's clients send for sequences.
#[derive(Deserialize)]
struct Params {
    /// The stream that the pieces belong to. Without one they are a recording of their own.
    sequence_id: Option<StreamId>,
    /// Set for the first pieces of a stream.
    #[serde(default)]
    sequence_start: bool,
    /// Set for the last pieces of a stream.
    #[serde(default)]
    sequence_end: bool,
    /// The rate of the audio, if the caller wants it checked.
    sample_rate: Option<u32>,
}

/// The name of a stream: a text or a number, as Triton's clients have both.
#[derive(Deserialize)]
#[serde(untagged, expecting = "expected a text or a number from 0")]
enum StreamId {
    Text(String),
    Number(u64),
}

/// The output tensors.
#[derive(TensorOutput)]
struct Speech {
    /// The probability of speech in each piece
    #[tensor(shape = [n])]
    speech: Vec<f32>,
}

#[derive(Settings)]
struct Streams {
    /// Streams at a time. One more takes the place of the stream that was silent the longest.
    #[setting(default = 10_000, range = 1..=1_000_000)]
    max_streams: usize,
    /// Stream timeout. The time after which a silent stream is forgotten.
    #[setting(default = "1m")]
    stream_timeout: Duration,
}

/// Finds speech in live audio.
#[chariot_engine]
struct VoiceActivity {
    onnx: Onnx,
    streams: KeyedStates<Stream>,
}

impl Model for VoiceActivity {
    type Settings = Streams;
    type Input = WithParams<Audio, Params>;
    type Output = Result<Speech>;

    async fn load(ctx: &LoadContext<Streams>) -> Result<Self> {
        let onnx = ctx.onnx("silero_vad.onnx")?;
        let Streams { max_streams, stream_timeout } = *ctx.settings();
        Ok(VoiceActivity { onnx, streams: KeyedStates::new(max_streams, stream_timeout) })
    }

    async fn warm_up(&self, worker: &Worker) -> Result<()> {
        let mut session = worker.scratch(|| self.onnx.session())?;
        Stream::new().hear(&mut session, &[0; PIECE]).map(drop)
    }

    fn admit(&self, item: &mut Item<Self::Input>) -> Result<BatchCost> {
        let pieces = item.input.audio.len() / PIECE;
        if pieces > MAX_PIECES {
            reject!("input 'audio': expected at most {MAX_PIECES} pieces, got {pieces}");
        }
        if let Some(rate) = item.params.sample_rate.filter(|rate| *rate != RATE) {
            reject!("parameters.sample_rate: expected {RATE}, got {rate}");
        }
        match &item.params.sequence_id {
            Some(StreamId::Text(text)) => item.set_key(text.clone())?,
            Some(StreamId::Number(number)) => item.set_key(number.to_string())?,
            None => {}
        }
        Ok(BatchCost::new(pieces))
    }

    async fn infer(&self, batch: Batch<Self::Input>) -> Result<Vec<Result<Speech>>> {
        let mut session = batch.scratch(|| self.onnx.session())?;
        batch.map_each(|item| {
            let begins = item.params.sequence_start || item.params.sequence_id.is_none();
            let mut stream = self.streams.take(&item, || if begins { Ok(Stream::new()) } else { unknown() })?;
            if begins {
                *stream = Stream::new();
            }
            let speech = stream.hear(&mut session, &item.input.audio)?;
            if item.params.sequence_end {
                stream.into_inner();
            }
            Ok(Speech { speech })
        })
    }
}

/// Rejects pieces of a stream that is not there.
fn unknown<T>() -> Result<T> {
    reject!(
        "parameters.sequence_id: expected a stream that has begun (sequence_start), got one that is over or unknown"
    )
}
