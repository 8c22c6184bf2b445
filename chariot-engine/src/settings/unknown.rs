//! Warnings about variables that look like settings and are not: those with the runtime's prefix, and near misses of an
//! author's settings.

use super::{engine::EngineSettings, environment::Environment, schema::Settings, spec::SettingSpec};
use crate::error::LISTED;

/// The similarity from which a name is suggested, from 0 to 1.
const SIMILAR: f64 = 0.75;

/// Variables that programs, shells and platforms commonly set. They are never a misspelling of a setting.
const COMMON: [&str; 20] = [
    "DEBUG", "DISPLAY", "EDITOR", "HOME", "HOST", "HOSTNAME", "LANG", "LANGUAGE", "LOGNAME", "MAIL", "PAGER", "PATH",
    "PORT", "PWD", "SHELL", "SHLVL", "TERM", "TMPDIR", "TZ", "USER",
];

impl EngineSettings {
    /// Returns warnings about variables that look like misspelled settings, each with the nearest setting.
    ///
    /// These are all variables with the runtime's prefix that no setting is read from, and those that differ in a letter or
    /// two from a setting in `own` that is not set. `own` are the author's settings, which can have the runtime's prefix
    /// too, and those of models [within their scopes](super::scoped_schema). The variables that Kubernetes sets for a
    /// service are ignored. From the eleventh variable on, one warning has their number.
    pub fn unknown(environment: &Environment, own: &[SettingSpec]) -> Vec<String> {
        let mut known = Self::schema();
        known.extend_from_slice(own);
        let unset: Vec<&SettingSpec> =
            own.iter().filter(|of| !environment.iter().any(|(name, _)| of.is_read_from(name))).collect();
        let is_known = |name: &str| known.iter().any(|setting| setting.is_read_from(name));
        let candidates = environment.iter().filter(|(name, value)| !is_known(name) && !is_service_link(name, value));
        let warning = |(name, _): (&str, &str)| match name.starts_with(Self::PREFIX) {
            true => Some(warning(name, nearest(name, &known))),
            false => near_miss(name, &unset).map(|setting| warning(name, Some(setting))),
        };
        let mut warnings: Vec<String> = candidates.filter_map(warning).collect();
        if warnings.len() > LISTED {
            let names = warnings.drain(LISTED..).count();
            warnings.push(format!("{names} more variables that look like settings are none"));
        }
        warnings
    }
}

fn warning(name: &str, nearest: Option<&str>) -> String {
    let hint = nearest.map(|nearest| format!("; did you mean {nearest}?")).unwrap_or_default();
    format!("{name} is not a setting{hint}")
}

/// Returns the setting that is most similar to a name, if one is similar enough.
fn nearest<'a>(name: &str, known: &'a [SettingSpec]) -> Option<&'a str> {
    let similarity = |of: &str| strsim::jaro_winkler(&without_prefix(name), &without_prefix(of));
    let nearest = known.iter().map(|of| (similarity(&of.name), of.name.as_str())).max_by(|a, b| a.0.total_cmp(&b.0));
    nearest.filter(|(similarity, _)| *similarity > SIMILAR).map(|(_, nearest)| nearest)
}

/// Returns the unset setting that a name without the runtime's prefix is a misspelling of. It must be very near, since most
/// variables of a process belong to others.
fn near_miss<'a>(name: &str, unset: &[&'a SettingSpec]) -> Option<&'a str> {
    if COMMON.contains(&name) {
        return None;
    }
    let plain = |name: &str| name.replace(['_', '-', '.'], "").to_uppercase();
    let distance = |of: &SettingSpec| match of.name.len() {
        // A name that short is near to too many others.
        0..4 => None,
        _ if plain(name) == plain(&of.name) => Some(0),
        4..8 => Some(strsim::osa_distance(name, &of.name)).filter(|distance| *distance <= 1),
        _ => Some(strsim::osa_distance(name, &of.name)).filter(|distance| *distance <= 2),
    };
    let near = unset.iter().filter(|of| !of.runtime).filter_map(|of| Some((distance(of)?, of.name.as_str())));
    near.min().map(|(_, name)| name)
}

/// Returns a name without the prefix, which would make all names similar.
fn without_prefix(name: &str) -> String {
    name.strip_prefix(EngineSettings::PREFIX).unwrap_or(name).to_uppercase()
}

/// Returns `true` for a variable that Kubernetes sets for a service of the namespace. A service named `chariot-engine` or
/// `chariot-engine-b` results in names with the runtime's prefix.
fn is_service_link(name: &str, value: &str) -> bool {
    let is_port = |name: &str| name.ends_with("_PORT") && value.contains("://");
    name.ends_with("_SERVICE_HOST") || name.contains("_SERVICE_PORT") || name.contains("_PORT_") || is_port(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{Field, scoped_schema};

    fn with(variables: &[(&str, &str)]) -> Environment {
        variables.iter().copied().collect()
    }

    #[test]
    fn ten_unknown_settings_are_named_and_the_others_counted() {
        let environment: Environment =
            (0..LISTED + 5).map(|number| (format!("CHARIOT_ENGINE_OWN_{number}"), "1")).collect();
        let warnings = EngineSettings::unknown(&environment, &[]);
        assert_eq!(warnings.len(), LISTED + 1);
        assert!(warnings[LISTED].starts_with("5 more variables"), "{warnings:?}");
    }

    #[test]
    fn a_service_link_is_not_an_unknown_setting() {
        let names = [
            "CHARIOT_ENGINE_SERVICE_HOST",
            "CHARIOT_ENGINE_SERVICE_PORT",
            "CHARIOT_ENGINE_SERVICE_PORT_HTTP",
            "CHARIOT_ENGINE_PORT_8080_TCP",
            "CHARIOT_ENGINE_PORT_8080_TCP_ADDR",
            "CHARIOT_ENGINE_B_PORT",
        ];
        let mut environment = names.map(|name| (name, "tcp://10.0.0.7:8080")).into_iter().collect();
        assert_eq!(EngineSettings::unknown(&environment, &[]), [""; 0]);
        environment.set("CHARIOT_ENGINE_B_PORT", "9000");
        assert_eq!(EngineSettings::unknown(&environment, &[]).len(), 1);
    }

    #[test]
    fn an_unknown_setting_is_reported_with_the_nearest_known_one() {
        let environment = with(&[
            ("CHARIOT_ENGINE_WORKER", "2"),
            ("CHARIOT_ENGINE_LOGLEVEL", "debug"),
            ("CHARIOT_ENGINE_ZZ", ""),
            ("CHARIOT_ENGINE_GRACE", "1s"),
            ("CHARIOT_MODEL_ID", "x"),
            ("WORKER", "2"),
        ]);
        let warnings = EngineSettings::unknown(&environment, &[]);
        insta::assert_snapshot!("unknown_settings", warnings.join("\n"));
        assert_eq!(warnings.len(), 3);
        let own = Field::<u8>::new("CHARIOT_ENGINE_WORKER", "").spec();
        assert_eq!(EngineSettings::unknown(&environment, &[own]).len(), 2);
        let renamed = Field::<u8>::new("OTHER", "").alias("CHARIOT_ENGINE_WORKER").spec();
        assert_eq!(EngineSettings::unknown(&environment, &[renamed]).len(), 2);
    }

    #[test]
    fn a_near_miss_of_an_unset_own_setting_is_reported() {
        let own = ["TOP_K", "LABELS_PATH", "KEY", "PATHS", "HOSTS"].map(|name| Field::<u8>::new(name, "").spec());
        let warned = |variables: &[(&str, &str)]| EngineSettings::unknown(&with(variables), &own);
        let mut warnings = String::new();
        for name in ["TOPK", "top_k", "TOP-K", "TOP_KK", "LABEL_PATH", "LABELS_PAHT"] {
            let [warning] = &warned(&[(name, "5")])[..] else { panic!("one warning for {name}") };
            warnings += &format!("{name} → {warning}\n");
        }
        insta::assert_snapshot!("near_misses", warnings);
        for name in ["PATH", "HOST", "HOME", "KEYS", "TOP", "TOP_P1", "LABELS", "TOP_K_FILE", "RUST_LOG", "_"] {
            assert_eq!(warned(&[(name, "5")]), [""; 0], "{name}");
        }
        // The setting is set: the other variable is somebody else's.
        assert_eq!(warned(&[("TOPK", "5"), ("TOP_K", "3")]), [""; 0]);
        assert_eq!(warned(&[("TOPK", "5"), ("TOP_K_FILE", "/k")]), [""; 0]);
    }

    #[test]
    fn files_of_settings_and_those_of_a_scope_are_known() {
        let environment = with(&[
            ("CHARIOT_ENGINE_PORT_FILE", "/port"),
            ("CHARIOT_ENGINE_PROT_FILE", "/port"),
            ("CHARIOT_ENGINE_DIGITS_WORKERS", "1"),
            ("CHARIOT_ENGINE_DIGITS_WORKERS_FILE", "/workers"),
        ]);
        assert_eq!(EngineSettings::unknown(&environment, &[]).len(), 3);
        let of_digits = scoped_schema(&EngineSettings::schema(), "DIGITS_");
        let [warning] = &EngineSettings::unknown(&environment, &of_digits)[..] else { panic!("one warning") };
        assert!(
            warning.starts_with("CHARIOT_ENGINE_PROT_FILE") && warning.contains("CHARIOT_ENGINE_PORT"),
            "{warning}"
        );
    }
}
