//! The request as it came, as a model's input.

use super::{DecodeContext, Input, modality};
use crate::{error::Result, protocol::InferRequest};

impl Input for InferRequest {
    type Modality = modality::Request;
    const INLINE: bool = true;

    fn decode(part: InferRequest, _: &DecodeContext<'_>) -> Result<Self> {
        Ok(part)
    }
}
