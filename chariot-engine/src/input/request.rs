//! [`InferRequest`] as an input: the whole request.

use super::{context::DecodeContext, decode::Input, modality};
use crate::{error::Result, protocol::InferRequest};

impl Input for InferRequest {
    type Modality = modality::Request;
    const INLINE: bool = true;

    fn decode(payload: InferRequest, _: &DecodeContext<'_>) -> Result<Self> {
        Ok(payload)
    }

    fn memory(&self) -> usize {
        InferRequest::memory(self)
    }
}
