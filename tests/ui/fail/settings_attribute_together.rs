//! Keys that do not go together: all are reported together.

use chariot_engine::{prelude::*, settings::Secret};

#[derive(Settings)]
struct Limits {
    #[setting(values = [1, 2], range = 1..=2)]
    both: usize,
    #[setting(values = [])]
    empty: usize,
    #[setting(values = 1)]
    no_list: usize,
    #[setting(values = [1, 2, 1])]
    repeated: usize,
    #[setting(values = ["de", "en"], default = "fr")]
    language: String,
    #[setting(values = ["de", 1])]
    mixed: String,
    #[setting(values = [1, 2], default = 3)]
    number: usize,
    #[setting(alias = "NUMBER")]
    taken: usize,
    #[setting(alias = ["OLD", "O-L-D"])]
    misnamed: usize,
    #[setting(deprecated = "")]
    without_a_reason: Option<usize>,
    #[setting(deprecated)]
    without_a_text: Option<usize>,
    #[setting(group = "db.")]
    database: Database,
    #[setting(group, default = 3, alias = "CACHE")]
    cache: Database,
    #[setting(secret)]
    key: Secret,
}

#[derive(Settings)]
struct Database {
    host: String,
}

fn main() {}
