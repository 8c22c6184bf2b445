//! The router: finds the route of a path, under the base URL and at the root. The service uses it for every request.

use std::collections::HashMap;

use smallvec::SmallVec;

#[cfg(feature = "openai")]
use crate::protocol::routes::OpenAiEndpoint;
use crate::{
    error::{Expected, quoted},
    openapi::Servers,
    protocol::routes::{self, Endpoint, Methods, ModelEndpoint, ServerEndpoint},
};

/// The target of a request. A model is given by its index among the models of the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Route {
    Server(ServerEndpoint),
    Model(usize, ModelEndpoint),
    #[cfg(feature = "openai")]
    OpenAi(OpenAiEndpoint),
    /// The state that the page shows.
    #[cfg(feature = "page")]
    PageState,
}

/// The path of the state that the page shows, under the base URL and at the root.
#[cfg(feature = "page")]
const PAGE_STATE: &[&str] = &["page", "state.json"];

impl Route {
    /// Returns the methods of the route.
    pub(super) fn methods(self) -> Methods {
        match self {
            Route::Server(endpoint) => Endpoint::Server(endpoint).methods(),
            Route::Model(_, endpoint) => Endpoint::Model(endpoint).methods(),
            #[cfg(feature = "openai")]
            Route::OpenAi(endpoint) => endpoint.methods(),
            #[cfg(feature = "page")]
            Route::PageState => Methods::Get,
        }
    }
}

/// The reason why a path has no route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum RouteError {
    /// An unknown path.
    Path,
    /// An unknown model name.
    Model(String),
    /// An unknown version of a model.
    Version { model: usize, version: String },
    /// A path without a model name, in an engine without a default model.
    NoDefault,
}

/// A model as paths name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ModelRoute {
    pub(crate) name: String,
    pub(crate) version: String,
}

/// The routes of one engine.
#[derive(Clone, Debug)]
pub(crate) struct Routes {
    /// The segments of the base URL. Empty if there is none, or if requests arrive with paths relative to it.
    base: Vec<String>,
    /// Serves the `/v2` tree under the base URL as well.
    tree_under_base: bool,
    /// The prefix that an outer router removes from paths.
    stripped_prefix: Option<String>,
    models: Vec<ModelRoute>,
    /// The model for paths without a model name and for paths with the platform's name of the model.
    default: Option<usize>,
    model_id: Option<String>,
    /// Serves the routes of OpenAI's API.
    #[cfg(feature = "openai")]
    has_openai: bool,
    /// Serves the state that the page shows.
    #[cfg(feature = "page")]
    has_page: bool,
    /// The routes of inference by their whole paths, without repeated slashes and the like.
    usual: HashMap<String, Route>,
}

/// The length of a KSUID. The platform names the deployment of a model `m-` and a KSUID.
const KSUID: usize = 27;

impl Routes {
    /// Creates the routes under a base URL, in which `{model_id}` stands for the lower-case ID of the model.
    ///
    /// # Errors
    /// Fails if the base URL is not a path, if it contains `{model_id}` and there is no ID, or if it names a model other
    /// than the default.
    pub(crate) fn new(
        base_url: &str,
        models: Vec<ModelRoute>,
        default: Option<usize>,
        model_id: Option<&str>,
    ) -> Result<Self, String> {
        let model_id = model_id.map(str::to_ascii_lowercase);
        let base_url = match &model_id {
            Some(id) => base_url.replace("{model_id}", id),
            None if base_url.contains("{model_id}") => {
                return Err(format!("'{base_url}' requires a model ID, but CHARIOT_MODEL_ID is not set"));
            }
            None => base_url.to_string(),
        };
        // Clients resolve `.` and `..`, and encode or replace the other characters, before they send a path.
        let is_sent_as_it_is = |c: char| c.is_ascii_graphic() && !"?#{}<>\"\\^`|".contains(c);
        let is_relative = segments(&base_url).any(|segment| matches!(segment, "." | ".."));
        if !base_url.chars().all(is_sent_as_it_is) || is_relative || base_url.contains("://") {
            return Err(Expected::new("a path such as /v2/models/m-{model_id}", quoted(&base_url)).into());
        }
        let base: Vec<String> = segments(&base_url).map(str::to_string).collect();
        let ends_in_tree = match &base[..] {
            [.., last] if last == "v2" => true,
            [.., tree, list, named] if tree == "v2" && list == "models" => {
                let other = |(index, model): (usize, &ModelRoute)| model.name == *named && default != Some(index);
                if models.iter().enumerate().any(other) {
                    return Err(format!("'{base_url}' names model '{named}', which is not the default model"));
                }
                true
            }
            _ => false,
        };
        let routes = Routes {
            tree_under_base: !base.is_empty() && !ends_in_tree,
            base,
            stripped_prefix: None,
            models,
            default,
            model_id,
            #[cfg(feature = "openai")]
            has_openai: false,
            #[cfg(feature = "page")]
            has_page: false,
            usual: HashMap::new(),
        };
        Ok(routes.with_usual_paths())
    }

    /// Serves the routes of OpenAI's API too.
    #[cfg(feature = "openai")]
    pub(crate) fn with_openai(self) -> Self {
        Routes { has_openai: true, ..self }.with_usual_paths()
    }

    /// Serves the state that the page shows too.
    #[cfg(feature = "page")]
    pub(crate) fn with_page(self) -> Self {
        Routes { has_page: true, ..self }
    }

    /// Looks up the paths that most inference requests have, as they are written usually.
    fn with_usual_paths(mut self) -> Self {
        let named = self.models.iter().map(|model| format!("/v2/models/{}/infer", model.name));
        let of_platform = self.model_id.iter().map(|id| format!("/v2/models/m-{id}/infer"));
        let trees: Vec<String> = named.chain(of_platform).collect();
        let base = self.base_url();
        let base = base.trim_end_matches('/');
        let paths = [format!("{base}/infer")].into_iter().chain(trees.iter().map(|path| format!("{base}{path}")));
        // Those that the engine does not serve are not found.
        let of_openai = ["/v1/chat/completions", "/v1/completions", "/v1/embeddings"];
        let of_openai = ["", base].into_iter().flat_map(|base| of_openai.map(|path| format!("{base}{path}")));
        let paths: Vec<String> = paths.chain(trees.iter().cloned()).chain(of_openai).collect();
        let found = paths.into_iter().filter_map(|path| Some((self.find_by_segments(&path).ok()?, path)));
        self.usual = found.map(|(route, path)| (path, route)).collect();
        self
    }

    /// Returns the routes of the same engine behind an outer router that removes the base URL from paths.
    pub(crate) fn without_base(mut self) -> Self {
        // Without a base URL the prefix is unknown, and clients resolve `.` against the URL of the document.
        self.stripped_prefix = Some(if self.base.is_empty() { ".".into() } else { self.base_url() });
        self.base.clear();
        self.tree_under_base = false;
        self.with_usual_paths()
    }

    /// Returns the prefixes that callers put before the paths.
    pub(crate) fn servers(&self) -> Servers {
        if let Some(prefix) = &self.stripped_prefix {
            return Servers { base: vec![prefix.clone()], tree: vec![prefix.clone()] };
        }
        let root = || vec![String::new()];
        let base = if self.base.is_empty() { root() } else { vec![self.base_url(), String::new()] };
        Servers { tree: if self.tree_under_base { base.clone() } else { root() }, base }
    }

    /// Returns the served base URL, or `/` if there is none.
    pub(crate) fn base_url(&self) -> String {
        if self.base.is_empty() { "/".into() } else { self.base.iter().flat_map(|segment| ["/", segment]).collect() }
    }

    /// Returns `true` if a path is that of the root or of the base URL.
    #[cfg(feature = "page")]
    pub(super) fn is_home(&self, path: &str) -> bool {
        let path: SmallVec<[&str; 12]> = segments(path).collect();
        path.is_empty() || self.under_base(&path).is_some_and(<[&str]>::is_empty)
    }

    /// Returns `true` if a path is that of the root or of the base URL, and this segment after it.
    #[cfg(all(feature = "dev", unix))]
    pub(super) fn is_beside_home(&self, path: &str, segment: &str) -> bool {
        let path: SmallVec<[&str; 12]> = segments(path).collect();
        path[..] == [segment] || self.under_base(&path).is_some_and(|rest| *rest == [segment])
    }

    /// Finds the route of a path.
    pub(super) fn find(&self, path: &str) -> Result<Route, RouteError> {
        match self.usual.get(path) {
            Some(route) => Ok(*route),
            None => self.find_by_segments(path),
        }
    }

    fn find_by_segments(&self, path: &str) -> Result<Route, RouteError> {
        let path: SmallVec<[&str; 12]> = segments(path).collect();
        if let Some(rest) = self.under_base(&path) {
            #[cfg(feature = "openai")]
            if let Some(route) = self.openai(rest) {
                return Ok(route);
            }
            #[cfg(feature = "page")]
            if self.has_page && rest == PAGE_STATE {
                return Ok(Route::PageState);
            }
            match rest {
                ["v2", rest @ ..] if self.tree_under_base => return self.tree(rest),
                // The base URL can be that of a route under `/v2`, which then answers as itself.
                [] if let ["v2", tree @ ..] = &path[..]
                    && let Ok(route) = self.tree(tree) =>
                {
                    return Ok(route);
                }
                _ => {
                    if let Some(endpoint) = routes::find(routes::BASE, rest) {
                        return self.route(endpoint);
                    }
                }
            }
        }
        match &path[..] {
            ["v2", rest @ ..] => self.tree(rest),
            path => {
                #[cfg(feature = "openai")]
                if let Some(route) = self.openai(path) {
                    return Ok(route);
                }
                #[cfg(feature = "page")]
                if self.has_page && path == PAGE_STATE {
                    return Ok(Route::PageState);
                }
                let endpoint = routes::find(routes::BASE, path).or_else(|| routes::find(routes::ROOT, path));
                self.route(endpoint.ok_or(RouteError::Path)?)
            }
        }
    }

    /// Finds a route of OpenAI's API.
    #[cfg(feature = "openai")]
    fn openai(&self, path: &[&str]) -> Option<Route> {
        if self.has_openai { OpenAiEndpoint::find(path).map(Route::OpenAi) } else { None }
    }

    /// Returns the model of this name for OpenAI's API, where the body or the last segment of the path has it.
    #[cfg(feature = "openai")]
    pub(super) fn named(&self, name: &str) -> Option<usize> {
        self.model(name)
    }

    fn route(&self, endpoint: Endpoint) -> Result<Route, RouteError> {
        match endpoint {
            Endpoint::Server(endpoint) => Ok(Route::Server(endpoint)),
            Endpoint::Model(endpoint) => {
                self.default.map(|index| Route::Model(index, endpoint)).ok_or(RouteError::NoDefault)
            }
        }
    }

    /// Returns the rest of a path under the base URL.
    fn under_base<'a, 'b>(&self, path: &'b [&'a str]) -> Option<&'b [&'a str]> {
        let (head, rest) = path.split_at_checked(self.base.len())?;
        let same =
            self.base.iter().zip(head).all(|(base, segment)| {
                base == segment || (base.starts_with("m-") && base.eq_ignore_ascii_case(segment))
            });
        same.then_some(rest)
    }

    /// Finds the route of a path under `/v2`.
    fn tree(&self, path: &[&str]) -> Result<Route, RouteError> {
        let ["models", model, rest @ ..] = path else {
            return self.route(routes::find(routes::TREE, path).ok_or(RouteError::Path)?);
        };
        let (version, rest) = match rest {
            ["versions", version, rest @ ..] => (Some(*version), rest),
            _ => (None, rest),
        };
        let endpoint = routes::find(routes::MODEL, rest).ok_or(RouteError::Path)?;
        let index = self.model(model).ok_or_else(|| RouteError::Model((*model).to_string()))?;
        match version {
            Some(version) if !is_same(version, &self.models[index].version) => {
                Err(RouteError::Version { model: index, version: version.to_string() })
            }
            _ => Ok(Route::Model(index, endpoint)),
        }
    }

    /// Returns the model of this name, or the default model if this is the platform's name of it.
    fn model(&self, name: &str) -> Option<usize> {
        let named = self.models.iter().position(|model| is_same(name, &model.name));
        named.or_else(|| self.default.filter(|_| self.is_platforms(name)))
    }

    /// Returns `true` if this is the name that the platform gives to the deployment of the model.
    fn is_platforms(&self, name: &str) -> bool {
        let Some(("m-" | "M-", id)) = name.split_at_checked(2) else {
            return false;
        };
        match &self.model_id {
            Some(own) => id.eq_ignore_ascii_case(own),
            None => id.len() == KSUID && id.bytes().all(|byte| byte.is_ascii_alphanumeric()),
        }
    }
}

/// Returns `true` if a segment of a path is this name, as it is or percent-encoded: some clients encode a `+`.
fn is_same(segment: &str, name: &str) -> bool {
    segment == name || (segment.contains('%') && decoded(segment).as_deref() == Some(name.as_bytes()))
}

/// Decodes a percent-encoded segment. Returns `None` if it is malformed.
fn decoded(segment: &str) -> Option<Vec<u8>> {
    let mut parts = segment.split('%');
    let mut bytes = parts.next()?.as_bytes().to_vec();
    for part in parts {
        let (code, rest) = part.split_at_checked(2)?;
        // `from_str_radix` takes a sign too.
        bytes.push(u8::from_str_radix(code, 16).ok().filter(|_| !code.starts_with('+'))?);
        bytes.extend_from_slice(rest.as_bytes());
    }
    Some(bytes)
}

/// Returns the segments of a path. Repeated and trailing slashes are ignored.
fn segments(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter(|segment| !segment.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "2ABCdefGHIjklMNOpqrSTUvwxYZ";

    fn model(name: &str) -> ModelRoute {
        ModelRoute { name: name.into(), version: "1.0".into() }
    }

    fn routes(base: &str, id: Option<&str>) -> Routes {
        Routes::new(base, vec![model("digits")], Some(0), id).unwrap()
    }

    #[test]
    fn every_route_is_found_at_the_root_and_under_the_base_url() {
        for (base, prefixes) in [("", &[""][..]), ("/", &[""]), ("a//b/", &["", "/a/b"])] {
            let routes = routes(base, None);
            for prefix in prefixes {
                for (path, route) in [
                    ("/ready", Route::Server(ServerEndpoint::Ready)),
                    ("/infer", Route::Model(0, ModelEndpoint::Infer)),
                    ("/openapi.json", Route::Server(ServerEndpoint::OpenApi)),
                    ("/v2", Route::Server(ServerEndpoint::Metadata)),
                    ("/v2/", Route::Server(ServerEndpoint::Metadata)),
                    ("/v2/health/live", Route::Server(ServerEndpoint::Live)),
                    ("//v2///health/ready/", Route::Server(ServerEndpoint::ServerReady)),
                    ("/v2/models", Route::Server(ServerEndpoint::Models)),
                    ("/v2/repository/index", Route::Server(ServerEndpoint::RepositoryIndex)),
                    ("/v2/models/digits", Route::Model(0, ModelEndpoint::Metadata)),
                    ("/v2/models/digits/ready", Route::Model(0, ModelEndpoint::Ready)),
                    ("/v2/models/digits/infer", Route::Model(0, ModelEndpoint::Infer)),
                    ("/v2/models/digits/generate_stream", Route::Model(0, ModelEndpoint::GenerateStream)),
                    ("/v2/models/digits/versions/1.0", Route::Model(0, ModelEndpoint::Metadata)),
                    ("/v2/models/digits/versions/1.0/ready", Route::Model(0, ModelEndpoint::Ready)),
                    ("/v2/models/digits/versions/1.0/infer", Route::Model(0, ModelEndpoint::Infer)),
                    ("/v2/models/m-2ABCdefGHIjklMNOpqrSTUvwxYZ/infer", Route::Model(0, ModelEndpoint::Infer)),
                ] {
                    assert_eq!(routes.find(&format!("{prefix}{path}")), Ok(route), "{base} {prefix}{path}");
                }
            }
        }
    }

    #[test]
    fn every_row_of_the_table_is_routed() {
        let router = routes("/base", None);
        let find = |prefix: &str, segments: &[&str]| router.find(&format!("{prefix}/{}", segments.join("/"))).unwrap();
        let route = |endpoint: &Endpoint| match *endpoint {
            Endpoint::Server(endpoint) => Route::Server(endpoint),
            Endpoint::Model(endpoint) => Route::Model(0, endpoint),
        };
        for (prefixes, table) in
            [(&["", "/base"][..], routes::BASE), (&[""], routes::ROOT), (&["/v2", "/base/v2"], routes::TREE)]
        {
            for (prefix, (segments, endpoint)) in
                prefixes.iter().flat_map(|prefix| table.iter().map(move |row| (prefix, row)))
            {
                assert_eq!(find(prefix, segments), route(endpoint), "{prefix} {segments:?}");
            }
        }
        for prefix in ["/v2/models/digits", "/base/v2/models/digits/versions/1.0"] {
            for (segments, endpoint) in routes::MODEL {
                assert_eq!(find(prefix, segments), Route::Model(0, *endpoint), "{prefix} {segments:?}");
            }
        }
    }

    #[test]
    fn a_client_can_percent_encode_a_name_or_a_version() {
        let model = ModelRoute { name: "a-b".into(), version: "1.0+c".into() };
        let routes = Routes::new("", vec![model], Some(0), None).unwrap();
        for path in ["a-b/versions/1.0+c", "a%2db/versions/1.0%2Bc", "%61-b/versions/1%2E0%2bc"] {
            let found = routes.find(&format!("/v2/models/{path}/infer"));
            assert_eq!(found, Ok(Route::Model(0, ModelEndpoint::Infer)), "{path}");
        }
        for name in ["a%2", "a%", "a%+2db", "a%2Dc", "a%252db", "a%ff"] {
            let found = routes.find(&format!("/v2/models/{name}"));
            assert_eq!(found, Err(RouteError::Model(name.into())));
        }
    }

    #[test]
    fn the_root_is_served_also_under_the_base_url_unless_that_is_a_route() {
        let root = Ok(Route::Server(ServerEndpoint::Root));
        for base in ["", "/base", "/a/b", "/x/v2", "/v2/other", "/x/v2/models/digits"] {
            for path in ["/", "//", base, &format!("{base}/")] {
                assert_eq!(routes(base, None).find(path), root, "{base} {path}");
            }
        }
        assert_eq!(routes("/v2", None).find("/v2/"), Ok(Route::Server(ServerEndpoint::Metadata)));
        let model = routes("/v2/models/digits", None).find("/v2/models/digits");
        assert_eq!(model, Ok(Route::Model(0, ModelEndpoint::Metadata)));
    }

    #[cfg(feature = "page")]
    #[test]
    fn the_state_of_the_page_is_beside_the_page() {
        for (base, paths) in
            [("", &["/page/state.json"][..]), ("/page", &["/page/state.json", "/page/page/state.json"])]
        {
            for path in paths {
                assert_eq!(routes(base, None).with_page().find(path), Ok(Route::PageState), "{base} {path}");
                assert_eq!(routes(base, None).find(path), Err(RouteError::Path), "{base} {path}");
            }
        }
        assert_eq!(routes("", None).with_page().find("/page"), Err(RouteError::Path));
    }

    #[test]
    fn near_misses_are_not_found() {
        let routes = routes("/base", None);
        for path in [
            "/readyz",
            "/bas",
            "/base/readyz",
            "/*",
            "/v2/modelsX",
            "/v2/health",
            "/v3",
            "/Ready",
            "/infer/x",
            "/openapi",
            "/v2/openapi.json",
        ] {
            assert_eq!(routes.find(path), Err(RouteError::Path), "{path}");
        }
        assert_eq!(routes.find("/v2/models/other"), Err(RouteError::Model("other".into())));
        assert_eq!(routes.find("/v2/models/m-short/infer"), Err(RouteError::Model("m-short".into())));
        assert_eq!(
            routes.find("/v2/models/digits/versions/2/infer"),
            Err(RouteError::Version { model: 0, version: "2".into() })
        );
    }

    #[test]
    fn the_platforms_name_of_the_model_is_case_insensitive() {
        let routes = routes("/v2/models/m-{model_id}", Some(ID));
        let lower = ID.to_ascii_lowercase();
        assert_eq!(routes.base_url(), format!("/v2/models/m-{lower}"));
        for id in [ID, &lower, &ID.to_ascii_uppercase()] {
            assert_eq!(routes.find(&format!("/v2/models/m-{id}/infer")), Ok(Route::Model(0, ModelEndpoint::Infer)));
            assert_eq!(routes.find(&format!("/v2/models/m-{id}")), Ok(Route::Model(0, ModelEndpoint::Metadata)));
        }
        assert!(matches!(routes.find("/v2/models/m-1234567890123456789012345ab"), Err(RouteError::Model(_))));
        assert_eq!(routes.find("/ready"), Ok(Route::Server(ServerEndpoint::Ready)));
    }

    #[test]
    fn every_model_has_its_tree_and_the_base_url_is_of_the_default_model() {
        let with_default = |default| Routes::new("/b", vec![model("a"), model("b")], default, Some(ID)).unwrap();
        let platform = format!("/v2/models/m-{ID}/infer");
        for default in [None, Some(1)] {
            assert_eq!(with_default(default).find("/v2/models/a/infer"), Ok(Route::Model(0, ModelEndpoint::Infer)));
            assert_eq!(
                with_default(default).find("/b/v2/models/b/versions/1.0/ready"),
                Ok(Route::Model(1, ModelEndpoint::Ready))
            );
            assert_eq!(with_default(default).find("/v2/models/c"), Err(RouteError::Model("c".into())));
            assert_eq!(with_default(default).find("/b/ready"), Ok(Route::Server(ServerEndpoint::Ready)));
            let other = RouteError::Version { model: 1, version: "2".into() };
            assert_eq!(with_default(default).find("/v2/models/b/versions/2"), Err(other));
        }
        for path in ["/infer", "/b/infer", &platform] {
            assert_eq!(with_default(Some(1)).find(path), Ok(Route::Model(1, ModelEndpoint::Infer)), "{path}");
        }
        let named = |default| Routes::new("/v2/models/a", vec![model("a"), model("b")], default, None);
        assert!(named(Some(0)).is_ok() && named(Some(1)).is_err() && named(None).is_err());
        assert_eq!(with_default(None).find("/b/infer"), Err(RouteError::NoDefault));
        assert!(matches!(with_default(None).find(&platform), Err(RouteError::Model(_))));
    }

    #[test]
    fn the_tree_is_not_served_under_a_base_url_that_ends_in_it() {
        assert_eq!(routes("/x/v2", None).find("/x/v2/v2/health/live"), Err(RouteError::Path));
        assert_eq!(routes("/x/v2", None).find("/x/v2/ready"), Ok(Route::Server(ServerEndpoint::Ready)));
        assert_eq!(routes("/x", None).find("/x/v2/health/live"), Ok(Route::Server(ServerEndpoint::Live)));
        assert_eq!(routes("/x", None).without_base().find("/x/ready"), Err(RouteError::Path));
    }

    #[test]
    fn a_base_url_that_cannot_be_served_is_an_error() {
        let mut messages = Vec::new();
        for base in ["/m-{model_id}", "http://x/y", "/a b", "/a?b", "/a/../b", "/ä", "/a\\b", "/v2/models/other"] {
            let error = Routes::new(base, vec![model("digits"), model("other")], Some(0), None).unwrap_err();
            messages.push(format!("{base} → {error}"));
        }
        insta::assert_snapshot!("base_urls", messages.join("\n"));
    }

    #[test]
    fn the_document_names_the_prefixes_of_the_paths() {
        let servers = |base: &str, off: bool| {
            let routes = routes(base, Some(ID));
            let Servers { base, tree } = if off { routes.without_base() } else { routes }.servers();
            (base.join(" "), tree.join(" "))
        };
        let of = |base: &str, tree: &str| (base.to_string(), tree.to_string());
        assert_eq!(servers("", false), of("", ""));
        assert_eq!(servers("/a//b/", false), of("/a/b ", "/a/b "));
        let platform = "/v2/models/m-2abcdefghijklmnopqrstuvwxyz";
        assert_eq!(servers("/v2/models/m-{model_id}", false), of(&format!("{platform} "), ""));
        assert_eq!(servers("/a/b", true), of("/a/b", "/a/b"));
        assert_eq!(servers("", true), of(".", "."));
    }
}
