//! Settings as they were read, as a table in plain text for a terminal.

use crate::{error::is_unprintable, settings::Explained};

/// Renders settings as they were read: name, type, value, default, and the source of the value. Secrets are masked.
///
/// ```
/// use chariot_engine::settings::{Environment, Reader, Settings, explained_table};
///
/// #[derive(Settings)]
/// struct DigitsSettings {
///     #[setting(default = 3)]
///     top_k: usize,
///     #[setting(default = "smooth")]
///     scaling: String,
///     labels: Option<String>,
/// }
///
/// let environment = Environment::from_iter([("TOP_K", "5")]);
/// let mut reader = Reader::new(&environment);
/// reader.read::<DigitsSettings>().unwrap();
/// let expected = "\
/// NAME     TYPE    VALUE   DEFAULT  FROM
/// TOP_K    int     5       3        TOP_K
/// SCALING  string  smooth  smooth   the default
/// LABELS   string  -       -        not set
/// ";
/// assert_eq!(explained_table(reader.explained()), expected);
/// ```
pub fn explained_table(settings: &[Explained]) -> String {
    let mut rows = vec![["NAME", "TYPE", "VALUE", "DEFAULT", "FROM"].map(str::to_owned)];
    for Explained { setting, value, origin } in settings {
        let secret = if setting.secret { "secret " } else { "" };
        rows.push([
            setting.name.clone(),
            format!("{secret}{}", setting.kind.as_str()),
            value.as_deref().map_or("-".into(), shown),
            setting.default.as_deref().map_or("-".into(), shown),
            shown(&origin.to_string()),
        ]);
    }
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths = [0, 1, 2, 3].map(width);
    let mut table = String::new();
    for row in &rows {
        for (cell, width) in row.iter().zip(widths) {
            table.push_str(&format!("{cell:width$}  "));
        }
        table.push_str(&row[4]);
        table.push('\n');
    }
    table
}

/// Returns a text on one line, cut to a length that keeps the table readable.
fn shown(text: &str) -> String {
    const MAX: usize = 60;
    if text.is_empty() {
        return "''".into();
    }
    let mut line: String = text.chars().take(MAX).flat_map(escaped).collect();
    if text.chars().nth(MAX).is_some() {
        line.push_str("...");
    }
    line
}

fn escaped(letter: char) -> Vec<char> {
    if is_unprintable(letter) { letter.escape_default().collect() } else { vec![letter] }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{Environment, Reader, Secret, Settings};

    #[test]
    fn a_row_stays_on_one_line_whatever_the_value() {
        #[derive(Debug, Settings)]
        #[expect(dead_code, reason = "only its explanation is used")]
        struct Own {
            #[setting(default = "")]
            text: String,
            key: Option<Secret>,
            wrong: Option<u8>,
        }
        let long = format!("a\nb{}", "é".repeat(100));
        let environment = Environment::from_iter([("TEXT", long.as_str()), ("KEY", "sesame"), ("WRONG", "x")]);
        let mut reader = Reader::new(&environment);
        reader.read::<Own>().unwrap_err();
        let table = explained_table(reader.explained());
        let rows: Vec<Vec<&str>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
        let cut = format!("a\\nb{}...", "é".repeat(57));
        assert_eq!(rows[1], ["TEXT", "string", &cut, "''", "TEXT"]);
        assert_eq!(rows[2], ["KEY", "secret", "string", "***", "-", "KEY"]);
        assert_eq!(rows[3], ["WRONG", "int", "-", "-", "WRONG"]);
    }
}
