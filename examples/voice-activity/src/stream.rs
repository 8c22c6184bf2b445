//! [`Stream`]: the model's state of one stream, and its next piece. `main` keeps one for each stream.

use chariot_engine::{
    model::Dim,
    onnx::{OnnxInput, OnnxOptions, OnnxSession},
    prelude::*,
};

/// The rate of the audio in Hz.
pub(crate) const RATE: u32 = 16_000;
/// The samples of a piece: 32 ms.
pub(crate) const PIECE: usize = 512;
/// The samples before a piece that the model reads with it.
const CONTEXT: usize = 64;
/// The shape of the numbers that the model hands from piece to piece.
const STATE: [usize; 3] = [2, 1, 128];

/// Fixes the lengths that the file leaves open: one stream a call.
pub(crate) fn options(options: OnnxOptions) -> OnnxOptions {
    let fixed = |lengths: &[usize]| lengths.iter().map(|length| Dim::Fixed(*length)).collect::<Vec<_>>();
    options.shape("input", &fixed(&[1, CONTEXT + PIECE])).shape("state", &fixed(&STATE))
}

/// The state of a stream.
pub(crate) struct Stream {
    state: Vec<f32>,
    /// The end of the last piece, and room for the next.
    samples: [f32; CONTEXT + PIECE],
}

impl Stream {
    /// Creates the state of a stream that begins.
    pub(crate) fn new() -> Self {
        Stream { state: vec![0.0; STATE.iter().product()], samples: [0.0; CONTEXT + PIECE] }
    }

    /// Returns the probability of speech in the next piece.
    pub(crate) fn hear(&mut self, session: &mut OnnxSession, piece: &[i16]) -> Result<f32> {
        self.samples.copy_within(PIECE.., 0);
        for (sample, integer) in self.samples[CONTEXT..].iter_mut().zip(piece) {
            *sample = f32::from(*integer) / 32768.0;
        }
        let mut outputs = session.run_with(&[
            ("input", OnnxInput::new(&[1, CONTEXT + PIECE], &self.samples)),
            ("state", OnnxInput::new(&STATE, &self.state)),
            ("sr", OnnxInput::new(&[], &[i64::from(RATE)])),
        ])?;
        let mut output =
            |name| outputs.take(name).and_then(|(_, data)| data.into_vec::<f32>().ok()).context("an output");
        self.state = output("stateN")?;
        output("output")?.first().copied().context("a probability")
    }
}
