//! [`ModelOptions`]: the options of one model. The builder takes them.

use crate::{settings::EngineSettings, tasks::ClassLabels};

/// A change of the runtime's settings that the code makes.
pub(super) type Change = Box<dyn Fn(&mut EngineSettings) + Send>;

/// The options of one model. What they leave out is as [`EngineBuilder`](super::EngineBuilder) sets it for all models.
///
/// ```
/// use chariot_engine::{ModelOptions, prelude::*};
///
/// # struct Shout;
/// # impl Model for Shout {
/// #     type Settings = ();
/// #     type Input = Text;
/// #     type Output = Json<String>;
/// #     async fn load(_: &LoadContext) -> Result<Self> { Ok(Shout) }
/// #     async fn infer(&self, batch: Batch<Text>) -> Result<Vec<Json<String>>> { batch.try_map(|t| Ok(Json(t.as_str().to_uppercase()))) }
/// # }
/// let builder = Engine::builder()
///     .model_with::<Shout>("shout", ModelOptions::new().default_model())
///     .model_with::<Shout>(
///         "whisper",
///         ModelOptions::new().version("2").configure(|settings| settings.queue_size = 10),
///     );
/// # let _ = builder;
/// ```
#[derive(Default)]
#[must_use = "options do nothing until a builder takes them"]
pub struct ModelOptions {
    pub(super) version: Option<String>,
    pub(super) class_labels: Option<ClassLabels>,
    pub(super) prefix: Option<String>,
    pub(super) configure: Vec<Change>,
    pub(super) default: bool,
}

impl ModelOptions {
    /// Returns options that change nothing.
    pub fn new() -> Self {
        ModelOptions::default()
    }

    /// Sets the model's version in routes and responses.
    pub fn version(mut self, version: impl Into<String>) -> Self {
        self.version = Some(version.into());
        self
    }

    /// Sets the class labels, in place of `class_labels.json` among the model's files.
    pub fn class_labels<S: Into<String>>(mut self, labels: impl IntoIterator<Item = S>) -> Self {
        self.class_labels = Some(labels.into_iter().collect());
        self
    }

    /// Sets the prefix of the model's environment variables. Default: the model's name in upper case, followed by `_`.
    ///
    /// With `DIGITS_`, the model's own setting `TOP_K` is read from `DIGITS_TOP_K`, and the runtime's
    /// `CHARIOT_ENGINE_WORKERS` from `CHARIOT_ENGINE_DIGITS_WORKERS`, else from `CHARIOT_ENGINE_WORKERS`. The only
    /// model of an engine has no prefix.
    pub fn settings_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = Some(prefix.into());
        self
    }

    /// Changes the settings of this model after everything else has been read. The settings of the process (address,
    /// base URL, connections, shutdown, logs) belong to the builder: changing them here has no effect.
    pub fn configure(mut self, change: impl Fn(&mut EngineSettings) + Send + 'static) -> Self {
        self.configure.push(Box::new(change));
        self
    }

    /// Makes this the model that serves requests that name no model: at `/infer` under the base URL, and under the
    /// platform's name. Without a default model such a request gets a 404 that lists the models. The only model of an
    /// engine is its default model.
    pub fn default_model(mut self) -> Self {
        self.default = true;
        self
    }

    /// Returns the prefix of the variables of a model of this name.
    pub(super) fn prefix(&self, name: &str) -> String {
        let letter = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
        self.prefix.clone().unwrap_or_else(|| name.chars().map(letter).chain(['_']).collect())
    }
}

impl std::fmt::Debug for ModelOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ModelOptions")
            .field("version", &self.version)
            .field("prefix", &self.prefix)
            .field("default", &self.default)
            .finish_non_exhaustive()
    }
}
