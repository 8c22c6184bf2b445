//! The models of an engine, as a list and alone. The handler of these routes returns them.

use serde::Serialize;

#[derive(Serialize)]
struct Model<'a> {
    id: &'a str,
    object: &'static str,
    created: u64,
    owned_by: &'static str,
}

fn of(name: &str, created: u64) -> Model<'_> {
    Model { id: name, object: "model", created, owned_by: "chariot" }
}

/// Returns a model, by its name, that was started at this time, in seconds since 1970.
pub(crate) fn model(name: &str, created: u64) -> impl Serialize {
    of(name, created)
}

/// Returns the list of models, by their names, that were started at this time, in seconds since 1970.
pub(crate) fn models<'a>(names: impl Iterator<Item = &'a str>, created: u64) -> impl Serialize {
    #[derive(Serialize)]
    struct List<'a> {
        object: &'static str,
        data: Vec<Model<'a>>,
    }
    List { object: "list", data: names.map(|name| of(name, created)).collect() }
}
