//! [`PageState`]: what the page shows beside the document and the metrics: the settings and the last errors. The handler
//! serves it, and the handlers of inference add errors.

use http::{HeaderMap, Response, StatusCode, header};
use serde::Serialize;

use super::{
    last_errors::{FailedRequest, LastErrors},
    respond::{self, ResponseBody},
};
use crate::settings::{Explained, Origin};

/// The settings of an engine, and its last errors.
#[derive(Debug)]
pub(crate) struct PageState {
    settings: Vec<Setting>,
    pub(super) errors: LastErrors,
}

/// A setting as the page shows it. Secrets are masked before.
#[derive(Debug, Serialize)]
struct Setting {
    name: String,
    value: Option<String>,
    /// The kind of its source.
    source: &'static str,
    /// The source in words.
    origin: String,
    label: String,
    /// Set if it is one of the runtime's, not of an author.
    runtime: bool,
}

impl From<Explained> for Setting {
    fn from(Explained { setting, value, origin }: Explained) -> Self {
        let source = match origin {
            Origin::Variable(_) | Origin::Alias(_) => "environment",
            Origin::File { .. } => "file",
            Origin::Engine | Origin::Function => "engine",
            Origin::Default => "default",
            Origin::Computed => "computed",
            Origin::Nothing => "unset",
        };
        let (name, label, runtime) = (setting.name, setting.label, setting.runtime);
        Setting { name, value, source, origin: origin.to_string(), label, runtime }
    }
}

impl PageState {
    pub(crate) fn new(settings: Vec<Explained>) -> Self {
        PageState { settings: settings.into_iter().map(Setting::from).collect(), errors: LastErrors::new() }
    }

    /// Returns the response with the state. A browser names the origin of another page, which is refused, whoever may read
    /// the other responses.
    pub(super) fn respond(&self, headers: &HeaderMap) -> Response<ResponseBody> {
        #[derive(Serialize)]
        struct State<'a> {
            settings: &'a [Setting],
            errors: Vec<&'a FailedRequest>,
        }
        if headers.contains_key(header::ORIGIN) {
            let text = "expected a request of the engine's own page, got one of a page of another origin";
            return respond::error(StatusCode::FORBIDDEN, text);
        }
        let errors = self.errors.list();
        let errors = errors.iter().map(|failed| &**failed).collect();
        respond::value(StatusCode::OK, &State { settings: &self.settings, errors })
    }
}
