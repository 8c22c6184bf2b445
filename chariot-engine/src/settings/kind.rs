//! [`SettingKind`], the platform's type of a setting.

/// The platform's type of a setting.
///
/// ```
/// use chariot_engine::settings::SettingKind;
///
/// assert_eq!(SettingKind::Int.as_str(), "int");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SettingKind {
    /// A string, and everything that is written as one: durations, sizes, paths, choices, lists.
    String,
    /// An integer.
    Int,
    /// A number.
    Float,
    /// A boolean.
    Bool,
}

impl SettingKind {
    /// Returns the platform's name of the type: `string`, `int`, `float` or `bool`.
    pub fn as_str(self) -> &'static str {
        match self {
            SettingKind::String => "string",
            SettingKind::Int => "int",
            SettingKind::Float => "float",
            SettingKind::Bool => "bool",
        }
    }
}
