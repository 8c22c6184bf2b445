//! [`Json`]: one element as a JSON value of the author's type. As an output it is encoded in `output`.

use serde::de::DeserializeOwned;

use super::{DecodeContext, ElementPayload, Input, example, modality, row};
use crate::{error::Result, protocol::JsonText};

/// A JSON value of your own type; one element of an input, or the answer to an item.
///
/// As an input it is a native JSON value, or a string that holds JSON text; in binary form the text of one of these.
///
/// ```
/// use chariot_engine::input::Json;
///
/// let Json(answer) = Json(vec![1, 2]);
/// assert_eq!(answer, [1, 2]);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Json<T>(pub T);

impl<T: DeserializeOwned + Send + Sync + 'static> Input for Json<T> {
    type Modality = modality::Json;
    const INLINE: bool = true;

    fn decode(part: ElementPayload, _: &DecodeContext<'_>) -> Result<Self> {
        let value = part.value.json()?;
        let Some(text) = value.as_json_string() else {
            return Ok(Json(value.parse()?));
        };
        // A string is the value itself, or it holds one. What looks like an object or a list is one; what can only be
        // read as its content (a number, say) is that too.
        let holds_tree = text.trim_start().starts_with(['{', '[']);
        let content = || JsonText::from_text(text.into_owned()).and_then(|content| content.parse());
        if holds_tree {
            content().or_else(|fault| value.parse().map_err(|_| fault))
        } else {
            value.parse().or_else(|fault| content().map_err(|_| fault))
        }
        .map(Json)
        .map_err(Into::into)
    }

    fn example() -> Option<JsonText> {
        example::of_element("json", &row::trace::example::<T>()?)
    }
}
