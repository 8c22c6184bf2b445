//! The checks of the names and versions that callers put in paths. The plan and the description refuse those with which
//! `/v2/models/{name}/versions/{version}/infer`, as clients build it, would not reach the model.

use crate::error::{Expected, quoted};

/// The most characters of a name or version.
const LONGEST: usize = 128;

/// Checks the name of a model.
///
/// # Errors
/// A name that some client cannot put in a path as it is.
pub(super) fn check_name(name: &str) -> Result<(), String> {
    check(name, "-_.", "letters, digits, '-', '_' and '.'")
}

/// Checks the version of a model. Versions of packages can have a `+`.
///
/// # Errors
/// A version that some client cannot put in a path as it is.
pub(super) fn check_version(version: &str) -> Result<(), String> {
    check(version, "-_.+", "letters, digits, '-', '_', '.' and '+'")
}

fn check(text: &str, marks: &str, what: &str) -> Result<(), String> {
    let fits = |c: char| c.is_ascii_alphanumeric() || marks.contains(c);
    // Clients resolve these two before they send a path.
    let is_relative = matches!(text, "." | "..");
    if !is_relative && (1..=LONGEST).contains(&text.len()) && text.chars().all(fits) {
        return Ok(());
    }
    let what = format!("1 to {LONGEST} {what}, other than '.' and '..'");
    let got = if text.len() > LONGEST { format!("{} bytes", text.len()) } else { quoted(text) };
    Err(Expected::new(what, got).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_path_cannot_carry_is_refused() {
        let longest = "n".repeat(LONGEST);
        for fits in ["a", "0", "digits-2_b.c", "...", "..a", "-", "m-2ABCdefGHIjklMNOpqrSTUvwxYZ", "versions", &longest]
        {
            assert_eq!((check_name(fits), check_version(fits)), (Ok(()), Ok(())), "{fits}");
        }
        assert_eq!(check_version("1.0.0-rc.1+build.5"), Ok(()));
        let too_long = "n".repeat(LONGEST + 1);
        for refused in [
            "", ".", "..", "a/b", "/", "a b", " a", "a\t", "a\n", "\0", "a\u{7f}", "a%2Fb", "%2e", "a?b", "a#b",
            "a\\b", "a;b", "ä", "模型", "a:b", "a@b", &too_long,
        ] {
            assert!(check_name(refused).is_err() && check_version(refused).is_err(), "{refused:?}");
        }
        assert!(check_name("a+b").is_err());
        let refused = [check_name(".."), check_name(&too_long), check_version("1 beta")];
        insta::assert_snapshot!("refused", refused.map(Result::unwrap_err).join("\n"));
    }
}
