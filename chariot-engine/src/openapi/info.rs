//! The input of the document: the engine and its models.

use crate::{
    model::Spec,
    protocol::{Accepts, Protocol},
    settings::{OutputEncoding, OutputLayout},
};

/// The engine that the document describes.
#[derive(Debug)]
pub(crate) struct EngineInfo<'a> {
    /// The name of the server.
    pub(crate) name: &'a str,
    /// The version of the server.
    pub(crate) version: &'a str,
    /// The author's description of the engine; empty if there is none.
    pub(crate) description: &'a str,
    /// The names of its models.
    pub(crate) models: Vec<&'a str>,
    /// The index of the default model, which serves requests that name no model.
    pub(crate) default: Option<usize>,
    /// The URL prefixes of the paths.
    pub(crate) servers: Servers,
    /// Requests need a token.
    pub(crate) needs_token: bool,
    /// A development loop replaces the engine after each change.
    pub(crate) is_in_loop: bool,
}

/// One model of the engine, and how it is served.
#[derive(Debug)]
pub(crate) struct ModelInfo<'a> {
    /// The engine.
    pub(crate) engine: &'a EngineInfo<'a>,
    /// The model's name.
    pub(crate) name: &'a str,
    /// The model's version.
    pub(crate) version: &'a str,
    /// The model's declarations.
    pub(crate) spec: &'a Spec,
    /// The request bodies and the protocols that it accepts.
    pub(crate) takes: &'a Accepts,
    /// The layout of its outputs, if the operator chose one.
    pub(crate) layout: Option<OutputLayout>,
    /// The encoding of its outputs in `data`.
    pub(crate) encoding: OutputEncoding,
    /// The score threshold of requests that set none.
    pub(crate) score_threshold: f32,
}

/// The URL prefixes of the paths, without a trailing slash; empty for the root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Servers {
    /// The prefixes of `/ready` and `/infer`.
    pub(crate) base: Vec<String>,
    /// The prefixes of the `/v2` tree.
    pub(crate) tree: Vec<String>,
}

impl ModelInfo<'_> {
    /// Returns `true` if the model speaks this protocol.
    pub(super) fn speaks(&self, protocol: Protocol) -> bool {
        self.takes.supports(protocol)
    }

    /// Returns `true` if the model speaks one of the protocols of `/infer`.
    pub(super) fn takes_inputs(&self) -> bool {
        self.speaks(Protocol::V2Kserve) || self.speaks(Protocol::V2)
    }

    /// Returns what an element of an input is called, if every element is an item.
    pub(super) fn element(&self) -> Option<&'static str> {
        self.spec.element
    }
}
