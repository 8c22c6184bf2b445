//! Settings within settings: groups under a prefix, which may be left out as a whole. The derive makes a group of a field
//! with `#[setting(group)]`.

use super::{Reader, SettingSpec, Settings};

/// Settings that may be left out as a whole: where none of them is set, there is no value, and nothing is required.
///
/// ```
/// use chariot_engine::settings::{Environment, Settings, read};
///
/// #[derive(Debug, PartialEq, Settings)]
/// struct Proxy {
///     host: String,
///     #[setting(default = 3128)]
///     port: u16,
/// }
///
/// #[derive(Settings)]
/// struct Network {
///     #[setting(group)]
///     proxy: Option<Proxy>,
/// }
///
/// assert_eq!(read::<Network>(&Environment::default()).unwrap().proxy, None);
/// let error = read::<Network>(&Environment::from_iter([("PROXY_PORT", "80")])).err().unwrap();
/// assert_eq!(error.to_string(), "PROXY_HOST: text is expected, nothing is set");
/// ```
impl<S: Settings> Settings for Option<S> {
    fn schema() -> Vec<SettingSpec> {
        S::schema().into_iter().map(|setting| SettingSpec { required: false, ..setting }).collect()
    }

    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        if reader.has_any(&S::schema()) {
            return S::read(reader).map(Some);
        }
        reader.without::<S>();
        Some(None)
    }
}

/// A field that is a group, as the derive declares it: the only place that asks for its type to be a settings type, so
/// that one that is not is one error.
#[doc(hidden)]
#[derive(Debug)]
pub struct __Group<S> {
    prefix: &'static str,
    schema: fn() -> Vec<SettingSpec>,
    read: fn(&mut Reader<'_>, &str) -> Option<S>,
}

impl<S> __Group<S> {
    pub fn new(prefix: &'static str) -> Self
    where
        S: Settings,
    {
        __Group { prefix, schema: S::schema, read: |reader, prefix| reader.group(prefix) }
    }

    pub fn schema(&self) -> Vec<SettingSpec> {
        let prefix = self.prefix;
        (self.schema)().iter().map(|setting| setting.renamed(|name| format!("{prefix}{name}"))).collect()
    }

    pub fn read(&self, reader: &mut Reader<'_>) -> Option<S> {
        (self.read)(reader, self.prefix)
    }
}
