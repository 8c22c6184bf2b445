//! [`Stream`]: the model's state of one stream, and its next pieces. `main` keeps one for each stream.

use chariot_engine::{
    onnx::{OnnxInput, OnnxSession},
    prelude::*,
};

/// The rate of the audio in Hz.
pub(crate) const RATE: u32 = 16_000;
/// The samples of a piece: 32 ms.
pub(crate) const PIECE: usize = 512;
/// The samples before a piece that the model reads with it.
const CONTEXT: usize = 64;
/// The shape of each of the two states that the model returns for its next call.
const STATE: [usize; 3] = [1, 1, 128];

/// The state of a stream.
pub(crate) struct Stream {
    states: [Vec<f32>; 2],
    context: [f32; CONTEXT],
}

impl Stream {
    /// Creates the state of a stream that begins.
    pub(crate) fn new() -> Self {
        let state = vec![0.0; STATE.iter().product()];
        Stream { states: [state.clone(), state], context: [0.0; CONTEXT] }
    }

    /// Returns the probability of speech in each of the next pieces.
    pub(crate) fn hear(&mut self, session: &mut OnnxSession, audio: &[i16]) -> Result<Vec<f32>> {
        let (pieces, _) = audio.as_chunks::<PIECE>();
        let mut samples = Vec::with_capacity(pieces.len() * (CONTEXT + PIECE));
        for piece in pieces {
            samples.extend(self.context);
            samples.extend(piece.iter().map(|sample| f32::from(*sample) / 32768.0));
            self.context.copy_from_slice(&samples[samples.len() - CONTEXT..]);
        }
        let mut outputs = session.run_with(&[
            ("input", OnnxInput::new(&[pieces.len(), CONTEXT + PIECE], &samples)),
            ("h", OnnxInput::new(&STATE, &self.states[0])),
            ("c", OnnxInput::new(&STATE, &self.states[1])),
        ])?;
        let mut output = |name| outputs.take(name).and_then(|(_, data)| data.into_vec().ok()).context("an output");
        self.states = [output("hn")?, output("cn")?];
        output("speech_probs")
    }
}
