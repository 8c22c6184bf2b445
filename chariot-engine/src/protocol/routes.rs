//! The routes of a server. The router and the OpenAPI document both read this table.

/// A route of the engine as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ServerEndpoint {
    /// The root, which load balancers probe by default. Answered like the metadata of the server.
    Root,
    /// The readiness of all models.
    Ready,
    /// The OpenAPI document.
    OpenApi,
    /// The metrics.
    Metrics,
    /// The metadata of the server.
    Metadata,
    /// The liveness of the process.
    Live,
    /// The readiness of the server, in the form of the Open Inference Protocol.
    ServerReady,
    /// The names of the models.
    Models,
    /// The models and their states.
    RepositoryIndex,
}

/// A route of one model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ModelEndpoint {
    /// The metadata of the model.
    Metadata,
    /// The readiness of the model.
    Ready,
    /// Inference.
    Infer,
    /// Inference with a streamed response.
    GenerateStream,
}

/// A route of OpenAI's API, under `/v1` and `/openai/v1`. The body or the last segment of the path names the model.
#[cfg(feature = "openai")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OpenAiEndpoint {
    /// The list of models.
    Models,
    /// A model.
    Model,
    /// Continues a text.
    Completions,
    /// Answers in a conversation.
    ChatCompletions,
    /// Returns the vectors of texts.
    Embeddings,
}

#[cfg(feature = "openai")]
impl OpenAiEndpoint {
    /// Finds the route of a path, from its segments.
    pub(crate) fn find(path: &[&str]) -> Option<Self> {
        let path = path.strip_prefix(&["openai"]).unwrap_or(path);
        match path.strip_prefix(&["v1"])? {
            ["models"] => Some(OpenAiEndpoint::Models),
            // With a verb, such as `:predict`, it is a path of another protocol.
            ["models", name] if !name.contains(':') => Some(OpenAiEndpoint::Model),
            ["completions"] => Some(OpenAiEndpoint::Completions),
            ["chat", "completions"] => Some(OpenAiEndpoint::ChatCompletions),
            ["embeddings"] => Some(OpenAiEndpoint::Embeddings),
            _ => None,
        }
    }

    pub(crate) fn methods(self) -> Methods {
        match self {
            OpenAiEndpoint::Models | OpenAiEndpoint::Model => Methods::Get,
            _ => Methods::Post,
        }
    }
}

/// The target of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Endpoint {
    Server(ServerEndpoint),
    /// A route of the model in the path, or of the default model if the path has no model name.
    Model(ModelEndpoint),
}

/// The methods of a route, besides OPTIONS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Methods {
    /// GET, and HEAD for the same response without its body.
    Get,
    Post,
}

impl Methods {
    /// Returns the value of the header `Allow`.
    pub(crate) fn allow(self) -> &'static str {
        match self {
            Methods::Get => "GET, HEAD, OPTIONS",
            Methods::Post => "POST, OPTIONS",
        }
    }
}

impl Endpoint {
    pub(crate) fn methods(self) -> Methods {
        match self {
            Endpoint::Model(ModelEndpoint::Infer | ModelEndpoint::GenerateStream)
            | Endpoint::Server(ServerEndpoint::RepositoryIndex) => Methods::Post,
            _ => Methods::Get,
        }
    }
}

/// The segments of a path below its prefix, and the target of the path.
pub(crate) type Row = (&'static [&'static str], Endpoint);

/// The routes directly under the base URL and at the root.
pub(crate) const BASE: &[Row] = &[
    (&[], Endpoint::Server(ServerEndpoint::Root)),
    (&["ready"], Endpoint::Server(ServerEndpoint::Ready)),
    (&["infer"], Endpoint::Model(ModelEndpoint::Infer)),
    (&["openapi.json"], Endpoint::Server(ServerEndpoint::OpenApi)),
];

/// The routes at the root only. The OpenAPI document leaves them out: they are for the operator, not for callers.
pub(crate) const ROOT: &[Row] = &[(&["metrics"], Endpoint::Server(ServerEndpoint::Metrics))];

/// The routes of the server under `/v2`.
pub(crate) const TREE: &[Row] = &[
    (&[], Endpoint::Server(ServerEndpoint::Metadata)),
    (&["health", "live"], Endpoint::Server(ServerEndpoint::Live)),
    (&["health", "ready"], Endpoint::Server(ServerEndpoint::ServerReady)),
    (&["models"], Endpoint::Server(ServerEndpoint::Models)),
    (&["repository", "index"], Endpoint::Server(ServerEndpoint::RepositoryIndex)),
];

/// The routes of a model under `/v2/models/{name}` and `/v2/models/{name}/versions/{version}`.
pub(crate) const MODEL: &[(&[&str], ModelEndpoint)] = &[
    (&[], ModelEndpoint::Metadata),
    (&["ready"], ModelEndpoint::Ready),
    (&["infer"], ModelEndpoint::Infer),
    (&["generate_stream"], ModelEndpoint::GenerateStream),
];

/// Returns the target of the path with these segments.
pub(crate) fn find<T: Copy>(table: &[(&[&str], T)], path: &[&str]) -> Option<T> {
    table.iter().find(|(segments, _)| *segments == path).map(|(_, target)| *target)
}
