//! The types that a setting can have: how each is parsed and shown.

use std::{net::IpAddr, path::PathBuf, time::Duration};

use bytesize::ByteSize;

use super::{
    kind::SettingKind,
    spec::SettingRange,
    value::{Ranged, SettingText, SettingValue},
};

impl SettingText for String {}
impl SettingValue for String {
    const KIND: SettingKind = SettingKind::String;

    fn parse(text: &str) -> Result<Self, String> {
        Ok(text.into())
    }

    fn show(&self) -> String {
        self.clone()
    }
}

impl SettingText for PathBuf {}
impl SettingValue for PathBuf {
    const KIND: SettingKind = SettingKind::String;

    fn expected() -> String {
        "a path".into()
    }

    fn parse(text: &str) -> Result<Self, String> {
        Ok(text.into())
    }

    fn show(&self) -> String {
        self.display().to_string()
    }
}

impl SettingText for IpAddr {}
impl SettingValue for IpAddr {
    const KIND: SettingKind = SettingKind::String;

    fn expected() -> String {
        "an IP address such as 0.0.0.0".into()
    }

    fn parse(text: &str) -> Result<Self, String> {
        text.parse().map_err(|_| Self::expected())
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

impl SettingValue for bool {
    const KIND: SettingKind = SettingKind::Bool;

    fn parse(text: &str) -> Result<Self, String> {
        let is = |words: &[&str]| words.iter().any(|word| word.eq_ignore_ascii_case(text));
        if is(&["true", "1", "yes", "on"]) {
            Ok(true)
        } else if is(&["false", "0", "no", "off"]) {
            Ok(false)
        } else {
            Err(Self::expected())
        }
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

impl<T: SettingText> SettingText for Option<T> {}
impl<T: SettingValue> SettingValue for Option<T> {
    const KIND: SettingKind = T::KIND;
    const SECRET: bool = T::SECRET;
    const LIST: bool = T::LIST;

    fn expected() -> String {
        T::expected()
    }

    fn parse(text: &str) -> Result<Self, String> {
        T::parse(text).map(Some)
    }

    fn show(&self) -> String {
        self.as_ref().map(T::show).unwrap_or_default()
    }

    fn choices() -> Vec<String> {
        T::choices()
    }

    fn limits() -> SettingRange {
        T::limits()
    }

    fn is_listed(&self, values: &[String]) -> bool {
        self.as_ref().is_none_or(|value| value.is_listed(values))
    }

    fn absent() -> Option<Self> {
        Some(None)
    }
}

/// Reads a comma-separated list. Whitespace around elements is ignored; `#[setting(default = "")]` is an
/// empty list.
impl<T: SettingValue> SettingText for Vec<T> {}
impl<T: SettingValue> SettingValue for Vec<T> {
    const KIND: SettingKind = SettingKind::String;
    const SECRET: bool = T::SECRET;
    const LIST: bool = true;

    fn expected() -> String {
        match T::expected() {
            any if any == String::expected() => "a comma-separated list without empty entries".into(),
            element => format!("a comma-separated list, each element {element}"),
        }
    }

    fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Ok(vec![]);
        }
        let element = |text: &str| match text.trim() {
            "" => Err(Self::expected()),
            text => T::parse(text).map_err(|_| Self::expected()),
        };
        text.split(',').map(element).collect()
    }

    fn show(&self) -> String {
        self.iter().map(T::show).collect::<Vec<_>>().join(",")
    }

    fn is_listed(&self, values: &[String]) -> bool {
        self.iter().all(|value| value.is_listed(values))
    }
}

impl<T: Ranged> Ranged for Option<T> {
    type Bound = T::Bound;

    fn within(&self, from: Option<&T::Bound>, to: Option<&T::Bound>) -> bool {
        self.as_ref().is_none_or(|value| value.within(from, to))
    }

    fn expected_within(from: Option<&T::Bound>, to: Option<&T::Bound>) -> String {
        T::expected_within(from, to)
    }
}

/// Returns a range in words: `an integer from 1 to 10`, `an integer of at least 1`, `an integer`.
fn describe<T: SettingValue>(noun: &str, from: Option<&T>, to: Option<&T>) -> String {
    match (from.map(T::show), to.map(T::show)) {
        (Some(from), Some(to)) => format!("{noun} from {from} to {to}"),
        (Some(from), None) => format!("{noun} of at least {from}"),
        (None, Some(to)) => format!("{noun} of at most {to}"),
        (None, None) => noun.into(),
    }
}

macro_rules! ordered {
    () => {
        type Bound = Self;

        fn within(&self, from: Option<&Self>, to: Option<&Self>) -> bool {
            from.is_none_or(|from| from <= self) && to.is_none_or(|to| self <= to)
        }
    };
}

/// The limits of an integer type, where they are readable: not those of twenty digits.
macro_rules! ends {
    ($integer:ty) => {{
        let short = <$integer>::BITS < 64;
        ((short || <$integer>::MIN == 0).then_some(<$integer>::MIN), short.then_some(<$integer>::MAX))
    }};
}

macro_rules! integers {
    ($($integer:ty),*) => { $(
        impl SettingValue for $integer {
            const KIND: SettingKind = SettingKind::Int;

            fn expected() -> String {
                Self::expected_within(None, None)
            }

            fn parse(text: &str) -> Result<Self, String> {
                text.parse().map_err(|_| Self::expected())
            }

            fn show(&self) -> String {
                self.to_string()
            }

            fn limits() -> SettingRange {
                let (least, most) = ends!($integer);
                SettingRange { from: least.as_ref().map(Self::show), to: most.as_ref().map(Self::show) }
            }
        }

        impl Ranged for $integer {
            ordered!();

            fn expected_within(from: Option<&Self>, to: Option<&Self>) -> String {
                let (least, most) = ends!($integer);
                describe("an integer", from.or(least.as_ref()), to.or(most.as_ref()))
            }
        }
    )* };
}

integers!(u8, u16, u32, u64, u128, usize, i8, i16, i32, i64, i128, isize);

macro_rules! floats {
    ($($float:ty),*) => { $(
        impl SettingValue for $float {
            const KIND: SettingKind = SettingKind::Float;

            fn parse(text: &str) -> Result<Self, String> {
                text.parse().ok().filter(|value: &$float| value.is_finite()).ok_or_else(Self::expected)
            }

            fn show(&self) -> String {
                self.to_string()
            }
        }

        impl Ranged for $float {
            ordered!();

            fn expected_within(from: Option<&Self>, to: Option<&Self>) -> String {
                describe("a number", from, to)
            }
        }
    )* };
}

floats!(f32, f64);

impl SettingText for Duration {}
impl SettingValue for Duration {
    const KIND: SettingKind = SettingKind::String;

    fn expected() -> String {
        "a duration such as 5s".into()
    }

    fn parse(text: &str) -> Result<Self, String> {
        match text.parse() {
            Ok(seconds) => Duration::try_from_secs_f64(seconds).ok(),
            Err(_) => humantime::parse_duration(text).ok(),
        }
        .ok_or_else(Self::expected)
    }

    fn show(&self) -> String {
        humantime::format_duration(*self).to_string()
    }
}

impl Ranged for Duration {
    ordered!();

    fn expected_within(from: Option<&Self>, to: Option<&Self>) -> String {
        describe("a duration", from, to)
    }
}

impl SettingText for ByteSize {}
impl SettingValue for ByteSize {
    const KIND: SettingKind = SettingKind::String;

    fn expected() -> String {
        "a size such as 64MiB".into()
    }

    fn parse(text: &str) -> Result<Self, String> {
        text.parse().map_err(|_| Self::expected())
    }

    /// Uses the largest unit that shows the exact number of bytes, so that parsing returns the same value.
    fn show(&self) -> String {
        const UNITS: [(u64, &str); 4] = [(1 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
        let ByteSize(bytes) = *self;
        let exact = UNITS.iter().find(|(unit, _)| bytes > 0 && bytes % unit == 0);
        exact.map_or_else(|| format!("{bytes}B"), |(unit, name)| format!("{}{name}", bytes / unit))
    }
}

impl Ranged for ByteSize {
    ordered!();

    fn expected_within(from: Option<&Self>, to: Option<&Self>) -> String {
        describe("a size", from, to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{LogLevel, SettingChoice};

    fn parse<T: SettingValue>(text: &str) -> Option<T> {
        T::parse(text).ok()
    }

    #[test]
    fn booleans_have_many_spellings() {
        for text in ["true", "True", "TRUE", "1", "yes", "on", "On"] {
            assert_eq!(parse(text), Some(true), "{text}");
        }
        for text in ["false", "False", "0", "no", "off"] {
            assert_eq!(parse(text), Some(false), "{text}");
        }
        assert_eq!(bool::parse("maybe"), Err("true or false".into()));
    }

    #[test]
    fn numbers_fit_their_type_and_floats_are_finite() {
        assert_eq!(u16::parse("65536"), Err("an integer from 0 to 65535".into()));
        assert_eq!(usize::parse("-1"), Err("an integer of at least 0".into()));
        assert_eq!(i64::parse("1.5"), Err("an integer".into()));
        assert_eq!(parse::<i8>("-128"), Some(-128));
        for text in ["inf", "NaN", "1e39", "", "1,5"] {
            assert_eq!(f32::parse(text), Err("a number".into()), "{text}");
        }
        assert_eq!(parse::<f32>("5e-1"), Some(0.5));
    }

    #[test]
    fn durations_have_units_or_are_seconds() {
        for (text, seconds) in [("5s", 5.0), ("1m 30s", 90.0), ("0", 0.0), ("0s", 0.0), ("2", 2.0), ("0.25", 0.25)] {
            assert_eq!(parse(text), Some(Duration::from_secs_f64(seconds)), "{text}");
        }
        for text in ["-1", "inf", "nan", "1e300", "5 parsecs", "s", "99999999999999999999y"] {
            assert_eq!(parse::<Duration>(text), None, "{text}");
        }
        assert_eq!(Duration::from_millis(90_500).show(), "1m 30s 500ms");
        assert_eq!(parse(&Duration::ZERO.show()), Some(Duration::ZERO));
    }

    #[test]
    fn sizes_have_units_or_are_bytes_and_are_shown_exactly() {
        for (text, bytes) in [("64MiB", 64 << 20), ("64MB", 64_000_000), ("10", 10), ("0", 0), ("1 KiB", 1024)] {
            assert_eq!(parse(text), Some(ByteSize(bytes)), "{text}");
        }
        for text in ["-1", "MiB", "64 parsecs", "1.5.2MB"] {
            assert_eq!(parse::<ByteSize>(text), None, "{text}");
        }
        for bytes in [0, 1, 1000, 1024, 1025, 64 << 20, 64_000_000, 3 << 40, u64::MAX] {
            assert_eq!(parse(&ByteSize(bytes).show()), Some(ByteSize(bytes)));
        }
        assert_eq!(ByteSize(64_000_000).show(), "62500KiB");
    }

    #[test]
    fn a_choice_ignores_case_and_separators_and_uses_declared_names() {
        #[derive(Debug, PartialEq, SettingChoice)]
        enum Scaling {
            NearestPixel,
            #[setting(name = "lanczos-3")]
            Best,
        }
        for text in ["nearest_pixel", "NEAREST-PIXEL", "NearestPixel"] {
            assert_eq!(parse(text), Some(Scaling::NearestPixel), "{text}");
        }
        assert_eq!((parse("Lanczos3"), parse::<Scaling>("best")), (Some(Scaling::Best), None));
        assert_eq!(Scaling::expected(), "one of nearest_pixel, lanczos-3");
        assert_eq!(Scaling::NAMES, ["nearest_pixel", "lanczos-3"]);
        assert_eq!(LogLevel::Warn.show(), "warn");
    }

    #[test]
    fn a_list_is_comma_separated() {
        assert_eq!(parse("de, en"), Some(vec!["de".to_owned(), "en".to_owned()]));
        assert_eq!(parse("1"), Some(vec![1_u8]));
        assert_eq!(parse(""), Some(Vec::<u8>::new()));
        assert_eq!(parse::<Option<Vec<LogLevel>>>("warn,DEBUG"), Some(Some(vec![LogLevel::Warn, LogLevel::Debug])));
        for text in ["1,", ",", "1,x", "256"] {
            assert_eq!(parse::<Vec<u8>>(text), None, "{text}");
        }
        assert_eq!(Vec::<String>::expected(), "a comma-separated list without empty entries");
        assert_eq!(Vec::<u8>::expected(), "a comma-separated list, each element an integer from 0 to 255");
        assert_eq!(vec![1_u8, 2].show(), "1,2");
        let listed = ["1".to_owned(), "2".to_owned()];
        assert!(vec![1_u8, 2, 1].is_listed(&listed) && !vec![1_u8, 3].is_listed(&listed));
        assert!(!Some(vec![3_u8]).is_listed(&listed));
    }

    #[test]
    fn an_option_is_its_value_or_none() {
        assert_eq!(Option::<u8>::absent(), Some(None));
        assert_eq!(parse("7"), Some(Some(7_u8)));
        assert_eq!((Some(7_u8).show(), None::<u8>.show()), ("7".into(), String::new()));
        assert!(None::<u8>.within(Some(&1), None));
        assert_eq!(Option::<u8>::expected_within(None, Some(&9)), "an integer from 0 to 9");
        assert_eq!(f64::expected_within(None, Some(&0.5)), "a number of at most 0.5");
        let (least, most) = (Duration::from_secs(1), Duration::from_secs(60));
        assert_eq!(Duration::expected_within(Some(&least), Some(&most)), "a duration from 1s to 1m");
    }
}
