//! The request as it came, as a model's input.

use super::{DecodeContext, Input, media};
use crate::{error::Result, protocol::InferRequest};

impl Input for InferRequest {
    type Medium = media::Request;
    const INLINE: bool = true;

    fn decode(part: InferRequest, _: &DecodeContext<'_>) -> Result<Self> {
        Ok(part)
    }
}
