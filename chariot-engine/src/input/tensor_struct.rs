//! [`FromTensors`] and [`IntoTensors`]: the traits that `#[derive(TensorInput)]` and `#[derive(TensorOutput)]` implement.

use std::ops::Range;

use super::{context::DecodeContext, tensors::check_tensor};
use crate::{
    device::Device,
    error::{Error, Expected, Result},
    protocol::{InferInput, InferOutput, InferRequest, Meter, TensorData},
    signature::TensorSpec,
};

/// A struct of named tensors that is read from a request. Implemented by `#[derive(TensorInput)]`.
///
/// ```
/// use chariot_engine::prelude::*;
/// use chariot_engine::input::FromTensors;
///
/// #[derive(TensorInput)]
/// struct Flowers {
///     /// In cm
///     #[tensor(shape = [n, 4])]
///     features: Vec<f32>,
/// }
///
/// assert_eq!(Flowers { features: vec![0.0; 8] }.rows(), 2);
/// assert_eq!(Flowers::signature()[0].help(), "In cm");
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a struct of named tensors that an engine reads",
    label = "does not implement `FromTensors`",
    note = "add `#[derive(TensorInput)]` to the struct"
)]
pub trait FromTensors: Sized + Send + Sync + 'static {
    /// Returns the names, datatypes and shapes of the tensors.
    fn signature() -> Vec<TensorSpec>;

    /// Returns the number of rows.
    fn rows(&self) -> usize;

    /// Returns the memory of the tensors in bytes. Default: 0.
    fn memory(&self) -> usize {
        0
    }

    /// Concatenates the tensors of several requests along the first dimension, on this device.
    ///
    /// # Errors
    /// Returns an error if the device fails.
    fn join(requests: &[&Self], device: &Device) -> Result<Self>;

    /// Reads the fields from a request.
    ///
    /// # Errors
    /// Returns a rejection if a tensor is missing, or if its elements do not fit the field.
    fn from_tensors(tensors: &mut TensorReader<'_>) -> Result<Self>;
}

/// A struct of named tensors that is written to a response. Implemented by `#[derive(TensorOutput)]`.
///
/// ```
/// use chariot_engine::prelude::*;
/// use chariot_engine::input::IntoTensors;
///
/// #[derive(TensorOutput)]
/// struct Sums {
///     #[tensor(shape = [n])]
///     sum: Vec<f32>,
/// }
///
/// let sums = Sums { sum: vec![1.0, 2.0, 3.0] };
/// assert_eq!(sums.slice(1..3).unwrap().sum, [2.0, 3.0]);
/// assert_eq!(sums.into_tensors().unwrap()[0].shape, [3]);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a struct of named tensors that an engine returns",
    label = "does not implement `IntoTensors`",
    note = "add `#[derive(TensorOutput)]` to the struct"
)]
pub trait IntoTensors: Sized + Send + Sync + 'static {
    /// Returns the names, datatypes and shapes of the tensors.
    fn signature() -> Vec<TensorSpec>;

    /// Returns the number of rows.
    fn rows(&self) -> usize;

    /// Returns these rows of all tensors.
    ///
    /// # Errors
    /// Returns an error if the rows are out of range, or if the device fails.
    fn slice(&self, rows: Range<usize>) -> Result<Self>;

    /// Converts the fields to the tensors of a response.
    ///
    /// # Errors
    /// Returns an error if the shape of a field is not the declared one, or if the device fails.
    fn into_tensors(self) -> Result<Vec<InferOutput>>;
}

/// The tensors of a request, from which the fields of a derived struct are taken.
#[derive(Debug)]
pub struct TensorReader<'a> {
    inputs: Vec<InferInput>,
    signature: &'a [TensorSpec],
    meter: &'a Meter<'a>,
}

impl TensorReader<'_> {
    /// Removes the tensor with this name and converts it with `field`, which is
    /// [`TensorField::from_data`](super::TensorField::from_data) of the field's type.
    ///
    /// # Errors
    /// Returns a rejection if the tensor is missing, or if its elements do not fit the field.
    pub fn take<F>(&mut self, name: &str, field: impl FnOnce(TensorData, Vec<usize>) -> Result<F>) -> Result<F> {
        let location = || format!("input '{name}'");
        let Some(index) = self.inputs.iter().position(|input| input.name == name) else {
            return Err(Error::rejected(Expected::new("a tensor with this name", "none")).at(location()));
        };
        let input = self.inputs.swap_remove(index);
        let spec = self.signature.iter().find(|spec| spec.name() == name);
        self.meter.read(input.data.unconverted())?;
        let checked = check_tensor(input, spec, self.meter, TensorData::flattened).map_err(Error::from);
        let value = checked.and_then(|(shape, data)| field(data, shape));
        value.map_err(|error| error.at(location()))
    }
}

/// Decodes a derived struct from a request. Called by the code of `#[derive(TensorInput)]`.
///
/// # Errors
/// Returns a rejection if a tensor is missing, or if its elements do not fit its field.
pub fn decode_tensors<T: FromTensors>(request: InferRequest, cx: &DecodeContext<'_>) -> Result<T> {
    T::from_tensors(&mut TensorReader { inputs: request.inputs, signature: cx.signature, meter: cx.meter() })
}
