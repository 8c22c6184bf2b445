//! The references of container images, by the grammar that registries and container engines share: the parts of one, or why
//! no registry can have it. The warnings of a description use it.

use std::net::Ipv6Addr;

use crate::error::quoted;

/// The most characters of a name with its host, and of a tag.
const MAX_NAME: usize = 255;
const MAX_TAG: usize = 128;

/// The algorithms of digests, and their numbers of hexadecimal digits.
const DIGESTS: [(&str, usize); 3] = [("sha256", 64), ("sha384", 96), ("sha512", 128)];

/// The parts of a valid reference.
pub(super) struct Reference<'a> {
    /// The host of the registry, without its port.
    pub(super) host: Option<&'a str>,
    /// The name in the registry: components with slashes between them.
    pub(super) repository: &'a str,
    /// The version, if one is named.
    pub(super) tag: Option<&'a str>,
    /// Set if the content is named too, so that the tag does not matter.
    pub(super) has_digest: bool,
}

impl<'a> Reference<'a> {
    /// Takes a reference apart.
    ///
    /// # Errors
    /// Returns what a valid reference has in place of the fault, and what to do.
    pub(super) fn parse(image: &'a str) -> Result<Self, String> {
        if let Some((scheme, rest)) = image.split_once("://") {
            return Err(format!("expected no scheme, got {}; set {}", quoted(&format!("{scheme}://")), quoted(rest)));
        }
        let form = || "expected registry/repository:version in lower case; set the image that you pushed".to_string();
        let (named, digest) = image.split_once('@').map_or((image, None), |(named, digest)| (named, Some(digest)));
        let (authority, path) = match named.split_once('/') {
            // As container engines read it: the first part is a host if it looks like one.
            Some((first, rest)) if first.contains(['.', ':']) || first == "localhost" => (Some(first), rest),
            _ => (None, named),
        };
        let (repository, tag) = path.rsplit_once(':').map_or((path, None), |(path, tag)| (path, Some(tag)));
        let host = authority.map(|authority| host(authority).ok_or_else(form)).transpose()?;
        let length = repository.len() + authority.map_or(0, |authority| authority.len() + 1);
        if length > MAX_NAME || !repository.split('/').all(is_component) || !tag.is_none_or(is_tag) {
            return Err(form());
        }
        match digest {
            Some(digest) if !is_digest(digest) => Err(format!(
                "expected a digest of 'sha256:' and 64 hexadecimal digits in lower case, got {}; set the digest that the \
                 push printed",
                quoted(digest)
            )),
            _ => Ok(Reference { host, repository, tag, has_digest: digest.is_some() }),
        }
    }
}

/// Returns the host of `host:port`, if both are valid.
fn host(authority: &str) -> Option<&str> {
    let (host, port) = match authority.rsplit_once(':') {
        // The last colon may be within an address.
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (authority, None),
    };
    let is_label = |label: &str| {
        label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
            && !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let is_valid = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(address) => address.parse::<Ipv6Addr>().is_ok(),
        None => host.split('.').all(is_label),
    };
    let is_port = |port: &str| port.chars().all(|c| c.is_ascii_digit()) && port.parse::<u16>().is_ok();
    (is_valid && port.is_none_or(is_port)).then_some(host)
}

/// Returns `true` for letters and digits with separators between them: one of `.` and `_`, or `__`, or any number of `-`.
fn is_component(component: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let is_separator = |text: &str| matches!(text, "." | "_" | "__") || text.chars().all(|c| c == '-');
    component.starts_with(is_plain) && component.ends_with(is_plain) && component.split(is_plain).all(is_separator)
}

fn is_tag(tag: &str) -> bool {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    tag.len() <= MAX_TAG && tag.starts_with(is_word) && tag.chars().all(|c| is_word(c) || matches!(c, '.' | '-'))
}

fn is_digest(digest: &str) -> bool {
    let Some((algorithm, hex)) = digest.split_once(':') else { return false };
    let is_hex = |c: char| matches!(c, '0'..='9' | 'a'..='f');
    DIGESTS.contains(&(algorithm, hex.len())) && hex.chars().all(is_hex)
}

#[cfg(test)]
mod tests {
    use super::Reference;

    #[test]
    fn references_are_accepted_by_the_grammar() {
        let digest = format!("sha256:{}", "0123456789abcdef".repeat(4));
        for (image, host, repository, tag) in [
            ("digits", None, "digits", None),
            ("team/digits:1", None, "team/digits", Some("1")),
            ("localhost/digits:1", Some("localhost"), "digits", Some("1")),
            ("GHCR.io:443/a.b/c_d/e__f/g---h:V1_2-rc.1", Some("GHCR.io"), "a.b/c_d/e__f/g---h", Some("V1_2-rc.1")),
            ("[fd00::1]:5000/digits:_1", Some("[fd00::1]"), "digits", Some("_1")),
            ("[fd00::1]/digits", Some("[fd00::1]"), "digits", None),
        ] {
            for (image, has_digest) in [(image.to_string(), false), (format!("{image}@{digest}"), true)] {
                let parsed = Reference::parse(&image).unwrap();
                assert_eq!((parsed.host, parsed.repository, parsed.tag), (host, repository, tag), "{image}");
                assert_eq!(parsed.has_digest, has_digest, "{image}");
            }
        }
        assert!(Reference::parse(&format!("ghcr.io/{}:{}", "a".repeat(247), "1".repeat(128))).is_ok());
    }

    #[test]
    fn references_that_no_registry_can_have_are_refused() {
        let digits = "0123456789abcdef".repeat(4);
        let digests = [
            "abc".to_string(),
            "sha256:abc".into(),
            format!("sha256:{}", &digits[1..]),
            format!("sha256:{}", digits.to_uppercase()),
            format!("sha512:{digits}"),
            format!("md5:{digits}"),
            format!("sha256:{digits}@sha256:{digits}"),
            String::new(),
        ];
        let digests = digests.map(|digest| format!("ghcr.io/t/d@{digest}"));
        let long = [format!("ghcr.io/{}:1", "a".repeat(248)), format!("ghcr.io/t/d:{}", "1".repeat(129))];
        for image in [
            "",
            ":1",
            "@sha256:0",
            "https://ghcr.io/t/d:1",
            "docker://t/d:1",
            "https:/ghcr.io/t/d:1",
            "ghcr.io/",
            "ghcr.io//d:1",
            "ghcr.io/t//d:1",
            "ghcr.io/t/d/:1",
            "ghcr.io/t/d/",
            "/t/d:1",
            "//ghcr.io/t/d:1",
            "ghcr.io:/t/d:1",
            "ghcr.io:port/t/d:1",
            "ghcr.io:70000/t/d:1",
            "ghcr..io/t/d:1",
            "-ghcr.io/t/d:1",
            "ghcr_.io/t/d:1",
            "[fd00::g]:5000/d:1",
            "ghcr.io/T/d:1",
            "ghcr.io/.t/d:1",
            "ghcr.io/t-/d:1",
            "ghcr.io/t..t/d:1",
            "ghcr.io/t___t/d:1",
            "ghcr.io/t._t/d:1",
            "ghcr.io/t/d:",
            "ghcr.io/t/d:1:2",
            "ghcr.io/t/d:.1",
            "ghcr.io/t/d:-1",
            "ghcr.io/t/d:1+2",
            "ghcr.io/t/d:1 ",
            " ghcr.io/t/d:1",
            "ghcr.io/t/é:1",
            "${REGISTRY}/d:1",
        ]
        .into_iter()
        .chain(digests.iter().chain(&long).map(String::as_str))
        {
            assert!(Reference::parse(image).is_err(), "{image} was accepted");
        }
    }
}
