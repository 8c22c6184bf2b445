//! [`Json`]: one element as a JSON value of the author's type. Its implementation of `Output` is in `output`.

use serde::de::DeserializeOwned;

use super::{context::DecodeContext, decode::Input, example, modality, payload::ElementPayload, trace};
use crate::{
    error::{Rejection, Result},
    protocol::{JsonText, Meter},
};

/// A JSON value of your own type: one element of an input, or the output for one item.
///
/// As an input the element is a native JSON value, or a string that contains JSON text. In binary form it is the text
/// of either. `T` implements `serde::Deserialize` for an input and `serde::Serialize` for an output.
///
/// ```
/// use chariot_engine::input::Json;
///
/// let Json(output) = Json(vec![1, 2]);
/// assert_eq!(output, [1, 2]);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Json<T>(pub T);

impl<T: DeserializeOwned + Send + Sync + 'static> Input for Json<T> {
    type Modality = modality::Json;
    const INLINE: bool = true;

    fn decode(payload: ElementPayload, cx: &DecodeContext<'_>) -> Result<Self> {
        let meter = cx.meter();
        let value = payload.value.json()?;
        if !value.is_string() {
            return kept(meter, || value.parse_metered(meter)).map(Json).map_err(Into::into);
        }
        // Its text without escapes, or with them.
        cx.reserve(2 * value.as_bytes().len())?;
        let text = value.as_json_string().unwrap_or_default();
        // A string is the value itself or contains it. A string that looks like an object or a list contains it, and so
        // does one that `T` can only be read from by its content (a number, for example).
        let holds_tree = text.trim_start_matches('\u{feff}').trim_start().starts_with(['{', '[']);
        let content =
            || JsonText::from_text(text.into_owned()).and_then(|content| kept(meter, || content.parse_metered(meter)));
        let itself = || kept(meter, || value.parse_metered(meter));
        if holds_tree {
            content().or_else(|fault| if meter.has_refused() { Err(fault) } else { itself().map_err(|_| fault) })
        } else {
            itself().or_else(|fault| if meter.has_refused() { Err(fault) } else { content().map_err(|_| fault) })
        }
        .map(Json)
        .map_err(Into::into)
    }

    fn example() -> Option<JsonText> {
        example::from_element("json", &trace::example::<T>()?)
    }
}

/// Deserializes a value and keeps the memory that was reserved for it: the value itself does not know how much it is.
pub(super) fn kept<T>(meter: &Meter<'_>, deserialize: impl FnOnce() -> Result<T, Rejection>) -> Result<T, Rejection> {
    let before = meter.held();
    let value = deserialize()?;
    meter.keep(meter.held() - before);
    Ok(value)
}
