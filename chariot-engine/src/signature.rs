//! What a tensor engine declares of its named tensors: names, data types, shapes. The metadata prints it, and requests
//! and answers are checked against it.

use std::borrow::Cow;

use crate::{
    error::Rejection,
    protocol::{DataType, InferInput, InferOutput, InferRequest, TensorMetadata},
};

/// One dimension of a declared shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Dim {
    /// Varies from request to request; tensors of several requests are joined along it. All tensors of a request that
    /// name it have the same length in it.
    Batch(&'static str),
    /// Always this long.
    Fixed(usize),
    /// Varies.
    Any,
}

/// A named tensor as an engine declares it.
///
/// ```
/// use chariot_engine::{model::{Dim, TensorSpec}, protocol::DataType};
///
/// let features = TensorSpec::new("features", DataType::Fp32, &[Dim::Batch("n"), Dim::Fixed(4)], "in cm");
/// assert_eq!(features.metadata().shape, [-1, 4]);
/// ```
#[derive(Clone, Debug)]
pub struct TensorSpec {
    name: Cow<'static, str>,
    datatype: DataType,
    shape: Vec<Dim>,
    help: Cow<'static, str>,
    converts: bool,
}

impl TensorSpec {
    /// A tensor with this name, data type, shape and explanation.
    pub fn new(
        name: impl Into<Cow<'static, str>>,
        datatype: DataType,
        shape: &[Dim],
        help: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { name: name.into(), datatype, shape: shape.to_vec(), help: help.into(), converts: false }
    }

    /// Accepts the other numeric data types too, where every value is exactly representable in the declared one.
    #[must_use]
    pub fn converting(mut self) -> Self {
        self.converts = true;
        self
    }

    /// The tensor's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The tensor's data type.
    pub fn datatype(&self) -> DataType {
        self.datatype
    }

    /// The declared dimensions.
    pub fn shape(&self) -> &[Dim] {
        &self.shape
    }

    /// What the author says of it.
    pub fn help(&self) -> &str {
        &self.help
    }

    /// Whether other numeric data types are converted.
    pub fn converts(&self) -> bool {
        self.converts
    }

    /// How many elements one row holds: the product of the fixed dimensions after the first.
    pub fn row_len(&self) -> usize {
        self.shape.iter().skip(1).map(|dim| if let Dim::Fixed(n) = dim { *n } else { 1 }).product()
    }

    /// As the metadata prints it; `-1` is what varies.
    pub fn metadata(&self) -> TensorMetadata {
        let shape = self.shape.iter().map(|dim| if let Dim::Fixed(n) = dim { *n as i64 } else { -1 }).collect();
        TensorMetadata { name: self.name.to_string(), datatype: self.datatype, shape }
    }

    fn accepts_type(&self, datatype: DataType) -> bool {
        let numeric = |t| !matches!(t, DataType::Bytes | DataType::Bool);
        datatype == self.datatype || (self.converts && numeric(datatype) && numeric(self.datatype))
    }

    fn accepts_shape(&self, shape: &[usize]) -> bool {
        shape.len() == self.shape.len()
            && self.shape.iter().zip(shape).all(|(dim, &n)| match dim {
                Dim::Fixed(fixed) => *fixed == n,
                // Nothing can be computed of no rows, and a model would fail on them.
                Dim::Batch(_) | Dim::Any => n > 0,
            })
    }

    fn show_shape(&self) -> String {
        let dims = self.shape.iter().map(|dim| match dim {
            Dim::Batch(name) => (*name).to_string(),
            Dim::Fixed(n) => n.to_string(),
            Dim::Any => "any".to_string(),
        });
        format!("[{}]", dims.collect::<Vec<_>>().join(", "))
    }

    fn check_input(&self, input: &InferInput, place: &str) -> Result<(), Rejection> {
        let fault = |text: String| Err(Rejection::new(text).at(place));
        match input.datatype {
            None => return fault(format!("datatype {} is expected, none came", self.datatype)),
            Some(came) if !self.accepts_type(came) => {
                return fault(format!("datatype {} is expected, {came} came", self.datatype));
            }
            Some(_) => {}
        }
        match &input.shape {
            None => fault(format!("shape {} is expected, none came", self.show_shape())),
            Some(came) if !self.accepts_shape(came) => {
                let why = if came.contains(&0) { "; no dimension may be 0" } else { "" };
                fault(format!("shape {} is expected, {came:?} came{why}", self.show_shape()))
            }
            Some(_) => Ok(()),
        }
    }
}

/// Checks a request against the declared inputs: each there once, no other, types and shapes as declared.
///
/// # Errors
/// One rejection that names every fault.
pub(crate) fn check_request(specs: &[TensorSpec], request: &InferRequest) -> Result<(), Rejection> {
    let mut faults = Vec::new();
    let mut batch: Option<(&str, usize, &str)> = None;
    let names = || specs.iter().map(|spec| format!("'{}'", spec.name)).collect::<Vec<_>>().join(", ");
    for (index, input) in request.inputs.iter().enumerate() {
        let place = input.label(index);
        let Some(spec) = specs.iter().find(|spec| spec.name == input.name) else {
            faults.push(format!("{place}: no such input; this engine takes {}", names()));
            continue;
        };
        if request.inputs[..index].iter().any(|earlier| earlier.name == input.name) {
            faults.push(format!("{place}: this input came twice"));
            continue;
        }
        if let Err(fault) = spec.check_input(input, &place) {
            faults.push(fault.text().to_string());
            continue;
        }
        let (Some(Dim::Batch(dim)), Some(&rows)) = (spec.shape.first(), input.shape.as_ref().and_then(|s| s.first()))
        else {
            continue;
        };
        match batch {
            Some((first, expected, name)) if name == *dim && expected != rows => {
                faults.push(format!("{place}: {expected} rows are expected as in input '{first}', {rows} came"));
            }
            Some(_) => {}
            None => batch = Some((&spec.name, rows, dim)),
        }
    }
    for spec in specs {
        if !request.inputs.iter().any(|input| input.name == spec.name) {
            faults.push(format!(
                "input '{}': missing; {} of shape {} is expected",
                spec.name,
                spec.datatype,
                spec.show_shape()
            ));
        }
    }
    Rejection::all(&faults)
}

/// Checks what a model answered against the declared outputs; the fault, if there is one, is the author's.
pub(crate) fn check_outputs(specs: &[TensorSpec], outputs: &[InferOutput]) -> Result<(), String> {
    let mut batch: Option<(&str, usize)> = None;
    for output in outputs {
        let Some(spec) = specs.iter().find(|spec| spec.name == output.name) else {
            return Err(format!("the engine answered with an output '{}' that it does not declare", output.name));
        };
        let (came, expected) = (output.data.datatype(), spec.datatype);
        if came != expected {
            return Err(format!("output '{}': declared as {expected}, the engine answered {came}", spec.name));
        }
        let shape_fits = output.shape.len() == spec.shape.len()
            && spec.shape.iter().zip(&output.shape).all(|(dim, n)| !matches!(dim, Dim::Fixed(fixed) if fixed != n));
        if !shape_fits {
            return Err(format!(
                "output '{}': declared with shape {}, the engine answered {:?}",
                spec.name,
                spec.show_shape(),
                output.shape
            ));
        }
        if let (Some(Dim::Batch(_)), Some(&rows)) = (spec.shape.first(), output.shape.first()) {
            let (first, expected) = *batch.get_or_insert((&spec.name, rows));
            if rows != expected {
                let name = &spec.name;
                return Err(format!(
                    "output '{name}': {expected} rows as in output '{first}' are expected, {rows} came"
                ));
            }
        }
    }
    match specs.iter().find(|spec| !outputs.iter().any(|output| output.name == spec.name)) {
        Some(missing) => Err(format!("the engine declares an output '{}' and did not answer with it", missing.name)),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::TensorData;

    fn output(name: &str, shape: &[usize]) -> InferOutput {
        InferOutput::new(name, shape, TensorData::from(vec![0f32; shape.iter().product()]))
    }

    #[test]
    fn answers_that_are_not_as_declared_blame_the_engine() {
        let specs = [
            TensorSpec::new("a", DataType::Fp32, &[Dim::Batch("n")], ""),
            TensorSpec::new("b", DataType::Fp32, &[Dim::Batch("n"), Dim::Fixed(2)], ""),
        ];
        let check = |outputs: &[InferOutput]| check_outputs(&specs, outputs);
        assert_eq!(check(&[output("a", &[3]), output("b", &[3, 2])]), Ok(()));
        for (outputs, expected) in [
            (vec![output("a", &[3]), output("b", &[2, 2])], "3 rows as in output 'a' are expected, 2 came"),
            (vec![output("a", &[3]), output("b", &[3, 1])], "declared with shape [n, 2]"),
            (vec![output("a", &[3])], "'b' and did not answer with it"),
            (vec![output("c", &[3])], "'c' that it does not declare"),
            (
                vec![InferOutput::new("a", [1], TensorData::from(vec![1i64]))],
                "declared as FP32, the engine answered INT64",
            ),
        ] {
            let error = check(&outputs).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
    }
}
