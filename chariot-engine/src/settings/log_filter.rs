//! [`LogFilter`]: the value of `CHARIOT_ENGINE_LOG_LEVEL`, a level with exceptions for parts of the program.

use super::{
    choices::LogLevel,
    kind::SettingKind,
    value::{SettingChoice, SettingText, SettingValue},
};

/// The most detailed level that is logged, with other levels for the lines of some targets: crates or modules.
///
/// ```
/// use chariot_engine::settings::{LogFilter, LogLevel, SettingValue};
///
/// let filter = LogFilter::parse("info,ort=error").unwrap();
/// assert_eq!((filter.level(), filter.of("ort")), (LogLevel::Info, Some(LogLevel::Error)));
/// assert_eq!(LogFilter::from(LogLevel::Debug).to_string(), "debug");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogFilter {
    level: LogLevel,
    targets: Vec<(String, LogLevel)>,
}

impl LogFilter {
    /// Returns the level of all targets without one of their own.
    pub fn level(&self) -> LogLevel {
        self.level
    }

    /// Returns the level of a target, if it has one of its own.
    pub fn of(&self, target: &str) -> Option<LogLevel> {
        self.targets().find_map(|(own, level)| (own == target).then_some(level))
    }

    /// Iterates over the targets with a level of their own.
    pub fn targets(&self) -> impl Iterator<Item = (&str, LogLevel)> {
        self.targets.iter().map(|(target, level)| (&**target, *level))
    }
}

impl From<LogLevel> for LogFilter {
    fn from(level: LogLevel) -> Self {
        LogFilter { level, targets: Vec::new() }
    }
}

impl std::fmt::Display for LogFilter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.level.show())?;
        self.targets().try_for_each(|(target, level)| write!(f, ",{target}={}", level.show()))
    }
}

impl SettingText for LogFilter {}
impl SettingValue for LogFilter {
    const KIND: SettingKind = SettingKind::String;

    fn expected() -> String {
        format!("one of {}, and then levels of targets if there are any: info,ort=warn", LogLevel::NAMES.join(", "))
    }

    /// Parses a level and the levels of targets, separated by commas. Without a level of its own it is the default one.
    fn parse(text: &str) -> Result<Self, String> {
        let mut filter = LogFilter::default();
        let mut has_level = false;
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let (target, level) =
                part.split_once('=').map_or((None, part), |(target, level)| (Some(target.trim()), level));
            let level = LogLevel::parse(level.trim()).map_err(|_| Self::expected())?;
            match target {
                Some("") => return Err(Self::expected()),
                Some(target) => filter.targets.push((target.into(), level)),
                None if has_level => return Err(Self::expected()),
                None => (filter.level, has_level) = (level, true),
            }
        }
        if has_level || !filter.targets.is_empty() { Ok(filter) } else { Err(Self::expected()) }
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_is_a_level_and_levels_of_targets() {
        let parse = |text: &str| LogFilter::parse(text).map(|filter| filter.to_string());
        for (text, shown) in [
            ("DEBUG", "debug"),
            (" warn , ort = Error,tokio::sync=trace ", "warn,ort=error,tokio::sync=trace"),
            ("ort=warn", "info,ort=warn"),
        ] {
            assert_eq!(parse(text).as_deref(), Ok(shown));
        }
        for text in ["loud", "info,debug", "info,ort=", "info,=warn", "info,ort=loud", ","] {
            assert_eq!(parse(text), Err(LogFilter::expected()), "{text}");
        }
    }
}
