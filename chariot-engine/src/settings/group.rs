//! Groups: settings types within settings types, under a prefix. The derive generates a group for a field with
//! `#[setting(group)]`.

use super::{reader::Reader, schema::Settings, spec::SettingSpec};

/// A group that is optional as a whole: if none of its settings is set, the value is `None`, and none is required.
///
/// ```
/// use chariot_engine::settings::{Environment, Settings, from_environment};
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
/// assert_eq!(from_environment::<Network>(&Environment::default()).unwrap().proxy, None);
/// let error = from_environment::<Network>(&Environment::from_iter([("PROXY_PORT", "80")])).err().unwrap();
/// assert_eq!(error.to_string(), "PROXY_HOST: expected a string, got no value");
/// ```
impl<S: Settings> Settings for Option<S> {
    fn schema() -> Vec<SettingSpec> {
        S::schema().into_iter().map(|setting| SettingSpec { required: false, ..setting }).collect()
    }

    fn from_reader(reader: &mut Reader<'_>) -> Option<Self> {
        if reader.has_any(&S::schema()) {
            return S::from_reader(reader).map(Some);
        }
        reader.without::<S>();
        Some(None)
    }
}

/// A group as the derive declares it. Only `new` requires a settings type, so that any other type is one compile error.
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
