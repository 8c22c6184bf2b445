//! The protocols of an engine, and the header that only one of them uses.

use std::{fmt, str::FromStr};

use crate::error::{Expected, Rejection, quoted};

/// The header that contains the parameters of a raw item.
pub const PARAMETERS_HEADER: &str = "Chariot-Inference-Parameters";

/// A protocol of requests: one of the two of Chariot, which are served on the same routes, or OpenAI's API, which has routes of
/// its own.
///
/// ```
/// use chariot_engine::protocol::Protocol;
///
/// assert_eq!("chariot-v2".parse(), Ok(Protocol::V2));
/// assert_eq!(Protocol::V2Kserve.name(), "chariot-v2-kserve");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Protocol {
    /// `chariot-v2-kserve`: the Open Inference Protocol with Chariot's conventions.
    V2Kserve,
    /// `chariot-v2`: one item as JSON or as raw bytes, or several as lines of JSON.
    V2,
    /// `openai-v1`: OpenAI's API, for models that generate text or embed texts.
    OpenAiV1,
}

impl Protocol {
    /// All protocols.
    pub const ALL: [Protocol; 3] = [Protocol::V2Kserve, Protocol::V2, Protocol::OpenAiV1];

    /// Returns the name that the platform uses.
    pub const fn name(self) -> &'static str {
        match self {
            Protocol::V2Kserve => "chariot-v2-kserve",
            Protocol::V2 => "chariot-v2",
            Protocol::OpenAiV1 => "openai-v1",
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Protocol {
    type Err = Rejection;

    fn from_str(name: &str) -> Result<Self, Rejection> {
        Self::ALL.into_iter().find(|protocol| protocol.name() == name).ok_or_else(|| {
            let [kserve, v2, openai] = Self::ALL.map(Protocol::name);
            Rejection::new(Expected::new(format_args!("{kserve}, {v2} or {openai}"), quoted(name)))
        })
    }
}
