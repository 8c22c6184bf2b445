//! An engine with two models: `language`, which serves requests that name no model, and `banned`.

use std::process::ExitCode;

use chariot_engine::{ModelOptions, prelude::*};

/// Guesses the language of a text from its articles.
struct Language;

impl Model for Language {
    type Settings = ();
    type Input = Text;
    type Output = Json<&'static str>;

    async fn load(_: &LoadContext) -> Result<Self> {
        Ok(Language)
    }

    async fn infer(&self, batch: Batch<Text>) -> Result<Vec<Json<&'static str>>> {
        batch.try_map(|text| {
            let has = |articles: &[&str]| text.as_str().split_whitespace().any(|word| articles.contains(&word));
            let english = has(&["the", "a", "an"]);
            Ok(Json(if english {
                "en"
            } else if has(&["der", "die", "das"]) {
                "de"
            } else {
                "unknown"
            }))
        })
    }

    fn spec() -> Spec {
        Spec::new::<Self>().task("Text Classification")
    }
}

/// The settings of `banned`.
#[derive(Settings)]
struct BannedSettings {
    /// Case-sensitive comparison
    #[setting(default = false)]
    case: bool,
}

/// Finds the words of a text that are listed in the file `words.txt`.
struct Banned {
    words: Vec<String>,
    case: bool,
}

impl Banned {
    fn same(&self, one: &str, other: &str) -> bool {
        if self.case { one == other } else { one.eq_ignore_ascii_case(other) }
    }
}

impl Model for Banned {
    type Settings = BannedSettings;
    type Input = Text;
    type Output = Json<Vec<String>>;

    async fn load(ctx: &LoadContext<BannedSettings>) -> Result<Self> {
        let words = ctx.read_to_string("words.txt")?.lines().map(str::to_string).collect();
        Ok(Banned { words, case: ctx.settings().case })
    }

    async fn infer(&self, batch: Batch<Text>) -> Result<Vec<Json<Vec<String>>>> {
        batch.try_map(|text| {
            let is_banned = |word: &&str| self.words.iter().any(|banned| self.same(banned, word));
            Ok(Json(text.as_str().split_whitespace().filter(is_banned).map(str::to_string).collect()))
        })
    }
}

fn main() -> ExitCode {
    Engine::builder()
        .model_with::<Language>("language", ModelOptions::new().default_model())
        .model::<Banned>("banned")
        .version(env!("CARGO_PKG_VERSION"))
        .command_line()
}
