//! Which route a path means, under the base URL and beside it. The service asks for every request.

use crate::openapi::Servers;

/// What a path means. A model is named by its place among those of the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Route {
    /// Whether all models can serve.
    Ready,
    /// Inference.
    Infer(usize),
    /// Inference, whose answer comes as events.
    GenerateStream(usize),
    /// Whether the process can answer.
    Live,
    /// Whether the server can serve.
    ServerReady,
    /// What the server is.
    Server,
    /// Which models there are.
    Models,
    /// Which models there are, and in which state.
    RepositoryIndex,
    /// What a model is.
    Model(usize),
    /// Whether a model can serve.
    ModelReady(usize),
    /// How all of this is asked and answered.
    OpenApi,
    /// The figures of the engine.
    Metrics,
}

/// The method of a route to which something is posted.
pub(super) const POST: &str = "POST";

impl Route {
    /// The methods that the route has.
    pub(super) fn allowed(self) -> &'static str {
        match self {
            Route::Infer(_) | Route::GenerateStream(_) | Route::RepositoryIndex => POST,
            _ => "GET, HEAD",
        }
    }
}

/// Why a path means nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum NoRoute {
    /// There is no such path.
    Path,
    /// There is no model of this name.
    Model(String),
    /// The model has another version.
    Version { model: usize, version: String },
    /// No model is named, and none is the default.
    NoDefault,
}

/// A model, as paths name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ModelRoute {
    pub(crate) name: String,
    pub(crate) version: String,
}

/// The routes of one engine.
#[derive(Clone, Debug)]
pub(crate) struct Routes {
    /// The segments of the base URL; empty if there is none, or if the paths that come are relative to it already.
    base: Vec<String>,
    /// Whether the `/v2` tree is served under the base URL too.
    tree_under_base: bool,
    /// What callers write before the paths that come, where a router takes it off.
    taken_off: Option<String>,
    models: Vec<ModelRoute>,
    /// The model that is meant where none is named, and by the platform's name.
    default: Option<usize>,
    model_id: Option<String>,
}

/// `m-` and a KSUID: how the platform names a model's deployment.
const KSUID: usize = 27;

impl Routes {
    /// The routes under a base URL, in which `{model_id}` stands for the lower-cased id of the model.
    ///
    /// # Errors
    /// `{model_id}` stands in the base URL and there is no id, or the base URL is no path.
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
                return Err(format!("'{base_url}' needs the model's id, and CHARIOT_MODEL_ID is not set"));
            }
            None => base_url.to_string(),
        };
        if base_url.contains(['?', '#', '{', '}', ' ']) || base_url.contains("://") {
            return Err(format!("a path such as /v2/models/m-{{model_id}} is expected, '{base_url}' came"));
        }
        let base: Vec<String> = segments(&base_url).map(str::to_string).collect();
        let ends_in_tree = match &base[..] {
            [.., last] if last == "v2" => true,
            [.., tree, list, named] if tree == "v2" && list == "models" => {
                let other = |(index, model): (usize, &ModelRoute)| model.name == *named && default != Some(index);
                if models.iter().enumerate().any(other) {
                    return Err(format!("'{base_url}' names the model '{named}', which is not the default one"));
                }
                true
            }
            _ => false,
        };
        Ok(Routes {
            tree_under_base: !base.is_empty() && !ends_in_tree,
            base,
            taken_off: None,
            models,
            default,
            model_id,
        })
    }

    /// The same engine behind a router that has taken the base URL off the path.
    pub(crate) fn without_base(mut self) -> Self {
        // Where nobody says what it is, it is where the document itself is found.
        self.taken_off = Some(if self.base.is_empty() { ".".into() } else { self.base_url() });
        self.base.clear();
        self.tree_under_base = false;
        self
    }

    /// What callers write before the paths.
    pub(crate) fn servers(&self) -> Servers {
        if let Some(prefix) = &self.taken_off {
            return Servers { base: vec![prefix.clone()], tree: vec![prefix.clone()] };
        }
        let root = || vec![String::new()];
        let base = if self.base.is_empty() { root() } else { vec![self.base_url(), String::new()] };
        Servers { tree: if self.tree_under_base { base.clone() } else { root() }, base }
    }

    /// The base URL as it is served; `/` if there is none.
    pub(crate) fn base_url(&self) -> String {
        if self.base.is_empty() { "/".into() } else { self.base.iter().flat_map(|segment| ["/", segment]).collect() }
    }

    pub(super) fn find(&self, path: &str) -> Result<Route, NoRoute> {
        let path: Vec<&str> = segments(path).collect();
        if let Some(rest) = self.under_base(&path) {
            match rest {
                ["ready"] => return Ok(Route::Ready),
                ["infer"] => return self.default().map(Route::Infer),
                ["openapi.json"] => return Ok(Route::OpenApi),
                ["v2", rest @ ..] if self.tree_under_base => return self.tree(rest),
                _ => {}
            }
        }
        match &path[..] {
            ["ready"] => Ok(Route::Ready),
            ["infer"] => self.default().map(Route::Infer),
            ["openapi.json"] => Ok(Route::OpenApi),
            ["metrics"] => Ok(Route::Metrics),
            ["v2", rest @ ..] => self.tree(rest),
            _ => Err(NoRoute::Path),
        }
    }

    fn under_base<'a, 'b>(&self, path: &'b [&'a str]) -> Option<&'b [&'a str]> {
        let (head, rest) = path.split_at_checked(self.base.len())?;
        let same =
            self.base.iter().zip(head).all(|(base, segment)| {
                base == segment || (base.starts_with("m-") && base.eq_ignore_ascii_case(segment))
            });
        same.then_some(rest)
    }

    fn tree(&self, rest: &[&str]) -> Result<Route, NoRoute> {
        match rest {
            [] => Ok(Route::Server),
            ["health", "live"] => Ok(Route::Live),
            ["health", "ready"] => Ok(Route::ServerReady),
            ["models"] => Ok(Route::Models),
            ["repository", "index"] => Ok(Route::RepositoryIndex),
            ["models", model, rest @ ..] => {
                let (version, rest) = match rest {
                    ["versions", version, rest @ ..] => (Some(*version), rest),
                    _ => (None, rest),
                };
                let route = match rest {
                    [] => Route::Model,
                    ["ready"] => Route::ModelReady,
                    ["infer"] => Route::Infer,
                    ["generate_stream"] => Route::GenerateStream,
                    _ => return Err(NoRoute::Path),
                };
                let index = self.model(model).ok_or_else(|| NoRoute::Model((*model).to_string()))?;
                match version {
                    Some(version) if version != self.models[index].version => {
                        Err(NoRoute::Version { model: index, version: version.to_string() })
                    }
                    _ => Ok(route(index)),
                }
            }
            _ => Err(NoRoute::Path),
        }
    }

    fn default(&self) -> Result<usize, NoRoute> {
        self.default.ok_or(NoRoute::NoDefault)
    }

    /// The model of this name, or the default one by the platform's.
    fn model(&self, name: &str) -> Option<usize> {
        let named = self.models.iter().position(|model| model.name == name);
        named.or_else(|| self.default.filter(|_| self.is_platforms(name)))
    }

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

/// The segments of a path: repeated slashes fold, a trailing one is ignored.
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
    fn every_route_is_found_beside_the_base_and_under_it() {
        for (base, prefixes) in [("", &[""][..]), ("/", &[""]), ("a//b/", &["", "/a/b"])] {
            let routes = routes(base, None);
            for prefix in prefixes {
                for (path, route) in [
                    ("/ready", Route::Ready),
                    ("/infer", Route::Infer(0)),
                    ("/openapi.json", Route::OpenApi),
                    ("/v2", Route::Server),
                    ("/v2/", Route::Server),
                    ("/v2/health/live", Route::Live),
                    ("//v2///health/ready/", Route::ServerReady),
                    ("/v2/models", Route::Models),
                    ("/v2/repository/index", Route::RepositoryIndex),
                    ("/v2/models/digits", Route::Model(0)),
                    ("/v2/models/digits/ready", Route::ModelReady(0)),
                    ("/v2/models/digits/infer", Route::Infer(0)),
                    ("/v2/models/digits/generate_stream", Route::GenerateStream(0)),
                    ("/v2/models/digits/versions/1.0", Route::Model(0)),
                    ("/v2/models/digits/versions/1.0/ready", Route::ModelReady(0)),
                    ("/v2/models/digits/versions/1.0/infer", Route::Infer(0)),
                    ("/v2/models/m-2ABCdefGHIjklMNOpqrSTUvwxYZ/infer", Route::Infer(0)),
                ] {
                    assert_eq!(routes.find(&format!("{prefix}{path}")), Ok(route), "{base} {prefix}{path}");
                }
            }
        }
    }

    #[test]
    fn near_misses_are_not_found() {
        let routes = routes("/base", None);
        for path in [
            "/",
            "/readyz",
            "/base",
            "/base/readyz",
            "/v2/modelsX",
            "/v2/health",
            "/v3",
            "/Ready",
            "/infer/x",
            "/openapi",
            "/v2/openapi.json",
        ] {
            assert_eq!(routes.find(path), Err(NoRoute::Path), "{path}");
        }
        assert_eq!(routes.find("/v2/models/other"), Err(NoRoute::Model("other".into())));
        assert_eq!(routes.find("/v2/models/m-short/infer"), Err(NoRoute::Model("m-short".into())));
        assert_eq!(
            routes.find("/v2/models/digits/versions/2/infer"),
            Err(NoRoute::Version { model: 0, version: "2".into() })
        );
    }

    #[test]
    fn the_platforms_name_of_the_model_compares_without_case() {
        let routes = routes("/v2/models/m-{model_id}", Some(ID));
        let lower = ID.to_ascii_lowercase();
        assert_eq!(routes.base_url(), format!("/v2/models/m-{lower}"));
        for id in [ID, &lower, &ID.to_ascii_uppercase()] {
            assert_eq!(routes.find(&format!("/v2/models/m-{id}/infer")), Ok(Route::Infer(0)));
            assert_eq!(routes.find(&format!("/v2/models/m-{id}")), Ok(Route::Model(0)));
        }
        assert!(matches!(routes.find("/v2/models/m-1234567890123456789012345ab"), Err(NoRoute::Model(_))));
        assert_eq!(routes.find("/ready"), Ok(Route::Ready));
    }

    #[test]
    fn every_model_has_its_tree_and_the_base_is_the_default_ones() {
        let of = |default| Routes::new("/b", vec![model("a"), model("b")], default, Some(ID)).unwrap();
        let platform = format!("/v2/models/m-{ID}/infer");
        for default in [None, Some(1)] {
            assert_eq!(of(default).find("/v2/models/a/infer"), Ok(Route::Infer(0)));
            assert_eq!(of(default).find("/b/v2/models/b/versions/1.0/ready"), Ok(Route::ModelReady(1)));
            assert_eq!(of(default).find("/v2/models/c"), Err(NoRoute::Model("c".into())));
            assert_eq!(of(default).find("/b/ready"), Ok(Route::Ready));
            let other = NoRoute::Version { model: 1, version: "2".into() };
            assert_eq!(of(default).find("/v2/models/b/versions/2"), Err(other));
        }
        for path in ["/infer", "/b/infer", &platform] {
            assert_eq!(of(Some(1)).find(path), Ok(Route::Infer(1)), "{path}");
        }
        let named = |default| Routes::new("/v2/models/a", vec![model("a"), model("b")], default, None);
        assert!(named(Some(0)).is_ok() && named(Some(1)).is_err() && named(None).is_err());
        assert_eq!(of(None).find("/b/infer"), Err(NoRoute::NoDefault));
        assert!(matches!(of(None).find(&platform), Err(NoRoute::Model(_))));
    }

    #[test]
    fn the_tree_is_not_served_under_a_base_that_ends_in_it() {
        assert_eq!(routes("/x/v2", None).find("/x/v2/v2/health/live"), Err(NoRoute::Path));
        assert_eq!(routes("/x/v2", None).find("/x/v2/ready"), Ok(Route::Ready));
        assert_eq!(routes("/x", None).find("/x/v2/health/live"), Ok(Route::Live));
        assert_eq!(routes("/x", None).without_base().find("/x/ready"), Err(NoRoute::Path));
    }

    #[test]
    fn a_base_url_that_cannot_be_served_is_an_error() {
        for base in ["/m-{model_id}", "http://x/y", "/a b", "/a?b"] {
            assert!(Routes::new(base, vec![model("digits")], Some(0), None).is_err(), "{base}");
        }
    }

    #[test]
    fn the_document_names_what_stands_before_the_paths() {
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
