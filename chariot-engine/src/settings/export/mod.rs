//! Exports of settings, as functions of a schema: the platform's form, JSON Schema, an example of an environment file, a
//! table for a page; and the settings as they were read, as text. The command line prints them, and the registration
//! document and the documentation contain them.

mod about;
mod dotenv;
mod explained;
mod json_schema;
mod markdown;
mod predictor_env;

#[cfg(feature = "cli")]
pub(crate) use self::{about::about, predictor_env::form_fault};
pub use self::{
    dotenv::env_example,
    explained::explained_table,
    json_schema::json_schema,
    markdown::markdown_table,
    predictor_env::{PredictorEnv, predictor_env_schema},
};
