//! [`TokenInputs`]: a batch of tokens as the named inputs of an ONNX file. An engine checks the file in `load`, and makes the
//! inputs in `infer`.

use super::token_batch::TokenBatch;
use crate::{
    error::{Context, Error, Expected, Result, quoted},
    onnx::OnnxInput,
    protocol::DataType,
    signature::TensorSpec,
};

/// The inputs that an encoder of texts can have, and the tokens for them.
const IDS: &str = "input_ids";
const MASK: &str = "attention_mask";
const TYPES: &str = "token_type_ids";

/// The inputs of an ONNX file that encodes texts: `input_ids`, and `attention_mask` and `token_type_ids` as far as the file has
/// them.
///
/// ```no_run
/// use chariot_engine::{Result, onnx::{Onnx, OnnxSession}, text::{TokenBatch, TokenInputs}};
///
/// fn run(onnx: &Onnx, session: &mut OnnxSession, tokens: &TokenBatch) -> Result<()> {
///     let inputs = TokenInputs::of(onnx.inputs())?;
///     let outputs = session.run_with(&inputs.from(tokens))?;
///     # let _ = outputs;
///     Ok(())
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenInputs(Vec<&'static str>);

impl TokenInputs {
    /// Checks the inputs of a file.
    ///
    /// # Errors
    /// Returns an error that names the input if there is another one than these three, if one is not INT64 of the shape
    /// `[texts, tokens]`, or if there is no `input_ids`.
    pub fn of(inputs: &[TensorSpec]) -> Result<Self> {
        let names = inputs.iter().map(known).collect::<Result<Vec<_>>>()?;
        if !names.contains(&IDS) {
            return Err(fault(Expected::new(format_args!("an input '{IDS}'"), "none")));
        }
        Ok(TokenInputs(names))
    }

    /// Returns `true` if the file takes a mask. Without one, it can only take texts of one length at once.
    pub fn have_mask(&self) -> bool {
        self.0.contains(&MASK)
    }

    /// Borrows the inputs from a batch.
    pub fn from<'b>(&self, batch: &'b TokenBatch<'_>) -> Vec<(&'static str, OnnxInput<'b>)> {
        let of = |name: &str| match name {
            IDS => batch.ids(),
            MASK => batch.mask(),
            _ => batch.type_ids(),
        };
        self.0.iter().map(|name| (*name, OnnxInput::new(&batch.shape, of(name)))).collect()
    }
}

/// Returns the name of an input that a batch can fill.
fn known(input: &TensorSpec) -> Result<&'static str> {
    let Some(name) = [IDS, MASK, TYPES].into_iter().find(|name| *name == input.name()) else {
        let what = format!("the inputs '{IDS}', '{MASK}' and '{TYPES}'");
        return Err(fault(Expected::new(what, quoted(input.name()))));
    };
    if (input.datatype(), input.shape().len()) != (DataType::Int64, 2) {
        let got = format!("{} of shape {:?}", input.datatype(), input.metadata().shape);
        let wrong = Err(fault(Expected::new("INT64 of shape [texts, tokens]", got)));
        return wrong.context(format_args!("input '{name}'"));
    }
    Ok(name)
}

fn fault(expected: Expected<impl std::fmt::Display, impl std::fmt::Display>) -> Error {
    expected.to_string().into()
}
