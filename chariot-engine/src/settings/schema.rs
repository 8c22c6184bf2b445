//! [`Settings`], the trait of a settings type.

use super::{reader::Reader, spec::SettingSpec};

#[doc = include_str!("../docs/settings.md")]
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a settings type",
    label = "not a settings type",
    note = "add `#[derive(Settings)]` to it, or write `type Settings = ();` if there are no settings"
)]
pub trait Settings: Sized + Send + Sync + 'static {
    /// Returns the descriptions of all settings, in order of declaration.
    fn schema() -> Vec<SettingSpec>;

    /// Reads every setting. Reports faults to the reader and continues after one, so that all are found; returns `None` if
    /// there was one. Most callers want [`from_environment`](super::from_environment) or [`Reader::read`].
    fn from_reader(reader: &mut Reader<'_>) -> Option<Self>;
}

/// No settings.
impl Settings for () {
    fn schema() -> Vec<SettingSpec> {
        vec![]
    }

    fn from_reader(_: &mut Reader<'_>) -> Option<Self> {
        Some(())
    }
}

/// Two settings types that are read together, so that the faults of both are reported at once.
impl<A: Settings, B: Settings> Settings for (A, B) {
    fn schema() -> Vec<SettingSpec> {
        let mut schema = A::schema();
        schema.extend(B::schema());
        schema
    }

    fn from_reader(reader: &mut Reader<'_>) -> Option<Self> {
        let (first, second) = (A::from_reader(reader), B::from_reader(reader));
        Some((first?, second?))
    }
}
