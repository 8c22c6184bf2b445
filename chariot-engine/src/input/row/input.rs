//! [`Row`]: one row of structured data as a model's input.

use serde::de::DeserializeOwned;

use super::payload::RowPayload;
use crate::{
    error::Result,
    input::{context::DecodeContext, decode::Input, example, modality, trace},
    protocol::JsonText,
    signature::TensorSpec,
};

/// One row of structured data, as a type of your own.
///
/// A request can have rows in one of three forms, which the SDK detects:
///
/// | form | inputs | a row is |
/// |---|---|---|
/// | matrix | one input of numbers with shape `[n, columns]` | its values in order: the fields of a struct, a tuple, an array, a `Vec` |
/// | columns | one input per column with shape `[n]` or `[n, 1]`: numbers, `BOOL`, or `BYTES` that are strings | its values by the names of the columns; for a type without names, in the order of the inputs |
/// | objects | `BYTES` whose elements are JSON objects, or strings that contain one | the element, read as [`Json<T>`](crate::input::Json) |
///
/// The response to a matrix has one output with the name of the input. The response to columns has one output with the
/// name of the action (`output` if there is no action). An object is answered like any other element. Action and
/// parameters are those of the only input, or else those of the request.
///
/// Numbers are converted if nothing is lost: `5.0` can be read as an integer, and an integer as an `f32` that represents
/// it exactly. A floating-point number is rounded to the nearest `f32`. A `bool` can be read from 0 and 1. For an
/// `Option`, `NaN` is `None` (and so is a `null` among strings); for an `f64` it stays `NaN`. Columns that the type does
/// not have are ignored, unless it has `deny_unknown_fields`. A value that does not fit is a 400 that names input, row
/// and column.
///
/// A request can have at most 131,072 rows as tensors, and 16,384 as objects. One call of `infer` receives at most 1024
/// of them, unless [`Spec::max_batch`](crate::model::Spec::max_batch) sets another limit.
///
/// ```
/// use chariot_engine::prelude::*;
///
/// #[derive(serde::Deserialize)]
/// struct House {
///     area: f32,
///     rooms: u8,
///     city: Option<String>,
/// }
///
/// struct Estimate;
///
/// impl Model for Estimate {
///     type Settings = ();
///     type Input = Row<House>;
///     type Output = Regression;
///
///     async fn load(_: &LoadContext) -> Result<Self> {
///         Ok(Estimate)
///     }
///
///     async fn infer(&self, batch: Batch<Row<House>>) -> Result<Vec<Regression>> {
///         batch.try_map(|house| Ok((1000.0 * house.0.area + 5000.0 * f32::from(house.0.rooms)).into()))
///     }
/// }
///
/// let engine = chariot_engine::testing::TestEngine::start(Engine::builder().model::<Estimate>("estimate")).unwrap();
/// let response = engine.infer(
///     r#"{"inputs": [{"name": "area", "datatype": "FP32", "shape": [2], "data": [50, 80.5]},
///                    {"name": "rooms", "datatype": "INT64", "shape": [2], "data": [2, 4]}]}"#,
/// );
/// assert_eq!(response.json()["outputs"][0]["data"], serde_json::json!([60000.0, 100500.0]));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Row<T>(pub T);

impl<T: DeserializeOwned + Send + Sync + 'static> Input for Row<T> {
    type Modality = modality::Row;
    const INLINE: bool = true;

    fn decode(payload: RowPayload, cx: &DecodeContext<'_>) -> Result<Self> {
        payload.decode(cx).map(Row)
    }

    fn columns() -> Vec<TensorSpec> {
        trace::columns::<T>()
    }

    fn example() -> Option<JsonText> {
        example::from_element("row", &trace::example::<T>()?)
    }
}
