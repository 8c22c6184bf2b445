//! Settings: the values that an operator sets.

use std::time::Duration;

use chariot_engine::settings::{
    ByteSize, EngineSettings, Environment, Reader, Secret, SettingValue, Settings, explained_table,
};

use super::{Outcome, class_of};
use crate::check;

pub(super) const WORDS: &[&str] = &[
    "CHARIOT_ENGINE_",
    "PORT=",
    "TIMEOUT=",
    "GRACE=",
    "QUEUE_SIZE=",
    "BASE_URL=",
    "DEVICE=",
    "OUTPUT_LAYOUT=",
    "LOG_LEVEL=",
    "true",
    "no",
    "auto",
    "cuda:0",
    "5s",
    "1m 30s",
    "1y",
    "99999999999999999999s",
    "64MiB",
    "1e9",
    "1.5.2MB",
    "tcp://10.0.0.7:8080",
    "/a//b/",
    "{model_id}",
    "inf",
    "\u{2003}",
    "objects",
    "18446744073709551616",
    "SIDE=384",
    "MANNER=",
    "PART_NAME=",
    "PART_WHOLE=",
    "KEY=",
    "_FILE=",
];

/// A typical type of an author's settings.
#[derive(Debug, Settings)]
struct Mine {
    /// Number of results
    #[setting(default = 3, range = 1..=10)]
    top_k: usize,
    /// Patience
    #[setting(default = "5s", range = Duration::from_secs(1)..=Duration::from_secs(3600))]
    patience: Duration,
    /// Memory
    room: Option<ByteSize>,
    /// Share
    #[setting(default = 0.5)]
    share: f64,
    /// Mode
    #[setting(default = "fast", alias = "MANNER")]
    mode: Mode,
    /// Width
    #[setting(default = 224, values = [224, 384], deprecated = "the width is fixed")]
    side: u16,
    /// Key
    key: Option<Secret>,
    /// Part
    #[setting(group)]
    part: Option<Part>,
}

#[derive(Debug, Settings)]
struct Part {
    #[setting(values = ["a", "b"])]
    name: String,
    #[setting(default = true)]
    whole: bool,
}

#[derive(Debug, PartialEq, chariot_engine::SettingChoice)]
enum Mode {
    Fast,
    VeryExact,
}

/// Each line is `NAME=value`.
pub(super) fn settings(input: &[u8]) -> Outcome {
    let text = String::from_utf8_lossy(input);
    let environment: Environment = text.lines().filter_map(|line| line.split_once('=')).collect();
    let mut reader = Reader::new(&environment);
    let read = reader.read::<(EngineSettings, Mine)>();
    let table = explained_table(reader.explained());
    assert_eq!(table.lines().count(), 1 + <(EngineSettings, Mine)>::schema().len(), "{table}");
    reader.warnings().iter().for_each(|warning| check::message(warning, input));
    match read {
        Ok((_, mine)) => {
            assert!((1..=10).contains(&mine.top_k) && mine.share.is_finite() && matches!(mine.side, 224 | 384));
            assert!(mine.part.as_ref().is_none_or(|part| matches!(part.name.as_str(), "a" | "b")));
            assert!(
                mine.key.as_ref().is_none_or(|key| format!("{key:?}") == "Secret(***)" && !key.expose().is_empty())
            );
            // A shown value parses to the same value.
            assert_eq!(Duration::parse(&mine.patience.show()), Ok(mine.patience));
            assert!(mine.room.is_none_or(|room| ByteSize::parse(&room.show()) == Ok(room)));
            let part = mine.part.map(|part| part.whole);
            Outcome::Accepted(class_of((
                mine.room.is_some(),
                mine.mode == Mode::Fast,
                part,
                environment.iter().count().min(8),
            )))
        }
        Err(error) => {
            assert!(!error.faults.is_empty());
            error.faults.iter().for_each(|fault| check::message(&fault.to_string(), input));
            Outcome::Rejected(error.to_string())
        }
    }
}
