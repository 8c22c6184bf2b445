//! Reading the settings of who may call: the token and the origins of web pages. `EngineSettings` declares them.

use http::uri::Authority;

use super::{field::Field, reader::Reader, secret::Secret, spec::SettingSpec};
use crate::error::{Expected, quoted};

/// Accepts a token that a header can hold. An empty file would leave the engine open, which nobody means who names a file.
pub(super) fn token(reader: &mut Reader<'_>, field: Field<Option<Secret>>) -> Option<Option<Secret>> {
    let name = field.name().to_owned();
    let file = format!("{name}{}", SettingSpec::FILE_SUFFIX);
    if field.given().is_none() && !field.is_at_fault() && reader.given(&file).is_some() {
        reader.fault(file, Expected::new("a file that contains a token", "an empty one"));
        return None;
    }
    let token = reader.field(field)?;
    match &token {
        Some(secret) if !secret.expose().bytes().all(|byte| byte.is_ascii_graphic()) => {
            reader.fault(name, Expected::new("visible ASCII characters without spaces", "another value"));
            None
        }
        _ => Some(token),
    }
}

/// Accepts `*`, and origins as a browser sends them.
pub(super) fn cors_origins(reader: &mut Reader<'_>, field: Field<Vec<String>>) -> Option<Vec<String>> {
    let name = field.name().to_owned();
    let origins = reader.field(field)?;
    let mut accepted = Vec::with_capacity(origins.len());
    for origin in origins {
        match origin_of(&origin) {
            Some(origin) => accepted.push(origin),
            None => {
                let expected = "origins such as https://example.org or http://localhost:3000, without a path, or *";
                reader.fault(name, Expected::new(expected, quoted(&origin)));
                return None;
            }
        }
    }
    Some(accepted)
}

/// Returns an origin in the form in which a browser sends it: in lower case and without the default port.
fn origin_of(text: &str) -> Option<String> {
    if text == "*" {
        return Some(text.into());
    }
    let text = text.to_ascii_lowercase();
    let (scheme, authority) = text.split_once("://")?;
    let default_port = match scheme {
        "http" => ":80",
        "https" => ":443",
        _ => "",
    };
    let parsed: Authority = authority.parse().ok()?;
    let is_scheme = scheme.starts_with(|c: char| c.is_ascii_lowercase())
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    // The brackets of an IPv6 address contain colons too.
    let states_port = authority.rsplit(']').next().is_some_and(|rest| rest.contains(':'));
    let is_plain =
        !parsed.host().is_empty() && !authority.contains(['@', '*', '%']) && states_port == parsed.port_u16().is_some();
    (is_scheme && is_plain).then(|| format!("{scheme}://{}", authority.strip_suffix(default_port).unwrap_or(authority)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{EngineSettings, Environment, from_environment};

    fn read_with(variables: &[(&str, &str)]) -> Result<EngineSettings, String> {
        let environment: Environment = variables.iter().copied().collect();
        from_environment(&environment).map_err(|error| error.to_string())
    }

    #[test]
    fn a_token_fits_in_a_header() {
        let token = |variables: &[(&str, &str)]| read_with(variables).map(|settings| settings.token);
        assert_eq!(token(&[]), Ok(None));
        assert_eq!(token(&[("CHARIOT_ENGINE_TOKEN", " s3same+/= ")]), Ok(Some(Secret::new("s3same+/=".into()))));
        for invalid in ["two words", "s\u{e9}same", "a\tb"] {
            let error = token(&[("CHARIOT_ENGINE_TOKEN", invalid)]).unwrap_err();
            assert!(error.starts_with("CHARIOT_ENGINE_TOKEN: ") && !error.contains(invalid), "{error}");
        }
    }

    #[test]
    fn a_token_comes_from_a_file_that_is_not_empty() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let path = file.path().to_str().unwrap();
        let token = || read_with(&[("CHARIOT_ENGINE_TOKEN_FILE", path)]).map(|settings| settings.token);
        for empty in ["", " \n"] {
            std::fs::write(path, empty).unwrap();
            let error = token().unwrap_err();
            assert!(error.starts_with("CHARIOT_ENGINE_TOKEN_FILE: "), "{error}");
        }
        std::fs::write(path, "sesame\n").unwrap();
        assert_eq!(token(), Ok(Some(Secret::new("sesame".into()))));
        let missing = read_with(&[("CHARIOT_ENGINE_TOKEN_FILE", "/nowhere")]).unwrap_err();
        assert_eq!(missing.lines().count(), 1, "{missing}");
    }

    #[test]
    fn an_origin_is_read_as_a_browser_sends_it() {
        let origins =
            |text: &str| read_with(&[("CHARIOT_ENGINE_CORS_ORIGINS", text)]).map(|settings| settings.cors_origins);
        for (text, read) in [
            ("", &[][..]),
            ("*", &["*"]),
            ("https://Example.org, http://localhost:3000", &["https://example.org", "http://localhost:3000"]),
            (
                "https://example.org:443,http://a:80,http://[::1]:8443",
                &["https://example.org", "http://a", "http://[::1]:8443"],
            ),
        ] {
            assert_eq!(origins(text), Ok(read.iter().map(|&origin| origin.into()).collect()), "{text}");
        }
        for invalid in [
            "example.org",
            "https://example.org/",
            "https://example.org/app",
            "https://*.example.org",
            "https://me@example.org",
            "null",
            "https://",
            "https://a:",
            "https://a:port",
            "*,",
        ] {
            assert!(origins(invalid).unwrap_err().starts_with("CHARIOT_ENGINE_CORS_ORIGINS: "), "{invalid}");
        }
    }
}
