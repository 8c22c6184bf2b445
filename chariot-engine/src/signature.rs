//! The signature of a model with named tensors: names, data types and shapes. The metadata contains it, and requests and
//! responses are checked against it.

use std::borrow::Cow;

use crate::{
    error::{Expected, Rejection, quoted},
    protocol::{DataType, InferInput, InferOutput, InferRequest, TensorMetadata},
};

/// One dimension of a declared shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Dim {
    /// The number of rows, which varies between requests. Tensors of several requests are joined along it, and all tensors of
    /// a request have the same length in dimensions with the same name.
    Batch(&'static str),
    /// A fixed length.
    Fixed(usize),
    /// A length that varies.
    Any,
}

/// The declaration of a named tensor.
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
    /// Creates a tensor with this name, data type, shape and help text.
    pub fn new(
        name: impl Into<Cow<'static, str>>,
        datatype: DataType,
        shape: &[Dim],
        help: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { name: name.into(), datatype, shape: shape.to_vec(), help: help.into(), converts: false }
    }

    /// Accepts the other numeric data types too: floating-point numbers are rounded to the declared one, integers must be
    /// exact, and a value out of range is rejected.
    #[must_use]
    pub fn converting(mut self) -> Self {
        self.converts = true;
        self
    }

    /// Returns the name of the tensor.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the data type of the tensor.
    pub fn datatype(&self) -> DataType {
        self.datatype
    }

    /// Returns the declared dimensions.
    pub fn shape(&self) -> &[Dim] {
        &self.shape
    }

    /// Returns the help text.
    pub fn help(&self) -> &str {
        &self.help
    }

    /// Returns `true` if other numeric data types are converted.
    pub fn converts(&self) -> bool {
        self.converts
    }

    /// Returns the number of elements in a row: the product of the fixed dimensions after the first.
    pub fn row_len(&self) -> usize {
        self.shape.iter().skip(1).map(|dim| if let Dim::Fixed(n) = dim { *n } else { 1 }).product()
    }

    /// Returns the metadata of the tensor, in which `-1` is a length that varies.
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
                // Models fail on tensors without elements, and a fault of the caller must not be a 500.
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

    fn check_input(&self, input: &InferInput, label: &str) -> Result<(), Rejection> {
        let fault = |text: String| Err(Rejection::new(text).at(label));
        let expected = format!("datatype {}", self.datatype);
        match input.datatype {
            None => return fault(Expected::new(expected, "none").into()),
            Some(datatype) if !self.accepts_type(datatype) => return fault(Expected::new(expected, datatype).into()),
            Some(_) => {}
        }
        let expected = format!("shape {}", self.show_shape());
        match &input.shape {
            None => fault(Expected::new(expected, "none").into()),
            Some(shape) if !self.accepts_shape(shape) => {
                let reason = if shape.contains(&0) { "; no dimension can be 0" } else { "" };
                fault(Expected::new(expected, format_args!("{shape:?}{reason}")).into())
            }
            Some(_) => Ok(()),
        }
    }
}

/// The named tensors of the requests and responses of a model, as its file declares them. See
/// [`Model::signature`](crate::model::Model::signature).
///
/// ```
/// use chariot_engine::{model::{Dim, Signature, TensorSpec}, protocol::DataType};
///
/// let rows = |name: &'static str, width| TensorSpec::new(name, DataType::Fp32, &[Dim::Batch("n"), Dim::Fixed(width)], "");
/// let signature = Signature::new([rows("features", 4)], [rows("scores", 3)]);
/// assert_eq!(signature.inputs()[0].name(), "features");
/// ```
#[derive(Clone, Debug, Default)]
pub struct Signature {
    inputs: Vec<TensorSpec>,
    outputs: Vec<TensorSpec>,
}

impl Signature {
    /// Creates a signature of these inputs and outputs. Without any, requests or responses are not checked.
    pub fn new(inputs: impl IntoIterator<Item = TensorSpec>, outputs: impl IntoIterator<Item = TensorSpec>) -> Self {
        Signature { inputs: inputs.into_iter().collect(), outputs: outputs.into_iter().collect() }
    }

    /// Returns the inputs of a request.
    pub fn inputs(&self) -> &[TensorSpec] {
        &self.inputs
    }

    /// Returns the outputs of a response.
    pub fn outputs(&self) -> &[TensorSpec] {
        &self.outputs
    }
}

/// Checks a request against the declared inputs: each exactly once, no others, with the declared types and shapes.
///
/// # Errors
/// Returns one rejection with all faults.
pub(crate) fn check_request(specs: &[TensorSpec], request: &InferRequest) -> Result<(), Rejection> {
    let mut faults = Vec::new();
    let mut batch: Option<(&str, usize, &str)> = None;
    let names = || specs.iter().map(|spec| format!("'{}'", spec.name)).collect::<Vec<_>>().join(", ");
    for (index, input) in request.inputs.iter().enumerate() {
        let label = input.label(index);
        let Some(spec) = specs.iter().find(|spec| spec.name == input.name) else {
            faults.push(format!("{label}: unknown input; available inputs: {}", names()));
            continue;
        };
        if request.inputs[..index].iter().any(|earlier| earlier.name == input.name) {
            faults.push(format!("{label}: duplicate input"));
            continue;
        }
        if let Err(fault) = spec.check_input(input, &label) {
            faults.push(fault.text().to_string());
            continue;
        }
        let (Some(Dim::Batch(dim)), Some(&rows)) = (spec.shape.first(), input.shape.as_ref().and_then(|s| s.first()))
        else {
            continue;
        };
        match batch {
            Some((first, expected, name)) if name == *dim && expected != rows => {
                faults.push(format!("{label}: {}", Expected::new(same_rows(expected, "input", first), rows)));
            }
            Some(_) => {}
            None => batch = Some((&spec.name, rows, dim)),
        }
    }
    for spec in specs {
        if !request.inputs.iter().any(|input| input.name == spec.name) {
            faults.push(format!(
                "input '{}': missing; expected {} of shape {}",
                spec.name,
                spec.datatype,
                spec.show_shape()
            ));
        }
    }
    Rejection::all(&faults)
}

fn same_rows(rows: usize, kind: &str, first: &str) -> String {
    let noun = if rows == 1 { "row" } else { "rows" };
    format!("{rows} {noun} as in {kind} '{first}'")
}

/// Checks the outputs of a model against the declared ones. A fault is the author's.
///
/// # Errors
/// Returns the first fault.
pub(crate) fn check_outputs(specs: &[TensorSpec], outputs: &[InferOutput]) -> Result<(), String> {
    let mut batch: Option<(&str, usize)> = None;
    for output in outputs {
        let Some(spec) = specs.iter().find(|spec| spec.name == output.name) else {
            return Err(format!("the model returned an undeclared output {}", quoted(&output.name)));
        };
        let fault = |text: &dyn std::fmt::Display| Err(format!("output '{}': {text}", spec.name));
        let datatype = output.data.datatype();
        if datatype != spec.datatype {
            return fault(&Expected::new(format_args!("the declared datatype {}", spec.datatype), datatype));
        }
        let shape_fits = output.shape.len() == spec.shape.len()
            && spec.shape.iter().zip(&output.shape).all(|(dim, n)| !matches!(dim, Dim::Fixed(fixed) if fixed != n));
        if !shape_fits {
            let shape = format_args!("{:?}", output.shape);
            return fault(&Expected::new(format_args!("the declared shape {}", spec.show_shape()), shape));
        }
        if let (Some(Dim::Batch(_)), Some(&rows)) = (spec.shape.first(), output.shape.first()) {
            let (first, expected) = *batch.get_or_insert((&spec.name, rows));
            if rows != expected {
                return fault(&Expected::new(same_rows(expected, "output", first), rows));
            }
        }
    }
    match specs.iter().find(|spec| !outputs.iter().any(|output| output.name == spec.name)) {
        Some(missing) => Err(format!("output '{}': missing from the model's outputs", missing.name)),
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
    fn outputs_that_differ_from_the_declaration_are_faults_of_the_author() {
        let specs = [
            TensorSpec::new("a", DataType::Fp32, &[Dim::Batch("n")], ""),
            TensorSpec::new("b", DataType::Fp32, &[Dim::Batch("n"), Dim::Fixed(2)], ""),
        ];
        let check = |outputs: &[InferOutput]| check_outputs(&specs, outputs);
        assert_eq!(check(&[output("a", &[3]), output("b", &[3, 2])]), Ok(()));
        let mut messages = String::new();
        for (case, outputs) in [
            ("rows", vec![output("a", &[3]), output("b", &[2, 2])]),
            ("shape", vec![output("a", &[3]), output("b", &[3, 1])]),
            ("missing", vec![output("a", &[3])]),
            ("undeclared", vec![output("c", &[3])]),
            ("datatype", vec![InferOutput::new("a", [1], TensorData::from(vec![1i64]))]),
        ] {
            messages += &format!("{case} → {}\n", check(&outputs).unwrap_err());
        }
        insta::assert_snapshot!("outputs", messages);
    }

    #[test]
    fn every_input_that_differs_from_the_declaration_is_in_the_rejection() {
        let specs = [
            TensorSpec::new("a", DataType::Fp32, &[Dim::Batch("n")], ""),
            TensorSpec::new("b", DataType::Int64, &[Dim::Batch("n"), Dim::Fixed(2)], ""),
        ];
        let decode = |inputs: serde_json::Value| {
            let body = serde_json::json!({"inputs": inputs}).to_string();
            InferRequest::decode(&bytes::Bytes::from(body)).unwrap()
        };
        let a = serde_json::json!({"name": "a", "datatype": "FP32", "shape": [1], "data": [1.0]});
        let b = |datatype: &str, shape: &[usize]| {
            let data = vec![1; shape.iter().product()];
            serde_json::json!({"name": "b", "datatype": datatype, "shape": shape, "data": data})
        };
        let mut messages = String::new();
        for (case, inputs) in [
            ("datatype", serde_json::json!([a, b("FP32", &[1, 2])])),
            ("shape", serde_json::json!([a, b("INT64", &[1, 3])])),
            ("a dimension of 0", serde_json::json!([a, b("INT64", &[0, 2])])),
            ("rows", serde_json::json!([a, b("INT64", &[2, 2])])),
            ("missing", serde_json::json!([a])),
            ("duplicate", serde_json::json!([a, b("INT64", &[1, 2]), a])),
            (
                "unknown",
                serde_json::json!([a, b("INT64", &[1, 2]), {"name": "c", "datatype": "FP32", "shape": [1], "data": [1.0]}]),
            ),
        ] {
            let rejection = check_request(&specs, &decode(inputs)).unwrap_err();
            assert!(rejection.text().starts_with("input '"), "{}", rejection.text());
            messages += &format!("{case} → {}\n", rejection.text());
        }
        insta::assert_snapshot!("inputs", messages);
    }
}
