//! One run of cargo: its output goes to the terminal as it appears, and is kept for the page. The loop runs one at a time.

use std::{io::Write, process::Stdio};

use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::Command,
};

/// The most bytes of cargo's output that are kept. The first errors are usually the causes of the others.
const KEPT: usize = 64 << 10;

/// Runs the command that builds the engine.
///
/// # Errors
/// The output of a build that failed, without colors; or the reason why cargo did not run.
pub(super) async fn build(mut command: Command) -> Result<(), String> {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut cargo = command.spawn().map_err(|error| format!("cannot run cargo: {error}"))?;
    let mut kept = String::new();
    if let Some(output) = cargo.stderr.take() {
        let mut lines = BufReader::new(output).split(b'\n');
        while let Ok(Some(line)) = lines.next_segment().await {
            let plain = without_colors(&String::from_utf8_lossy(&line));
            if !is_end_of_success(&plain) {
                // A terminal that is gone ends the loop by a signal.
                let _ = std::io::stderr().write_all(&[&line, &b"\n"[..]].concat());
            }
            if !is_progress(&plain) && kept.len() + plain.len() < KEPT {
                kept += &plain;
                kept.push('\n');
            }
        }
    }
    match cargo.wait().await {
        Ok(status) if status.success() => Ok(()),
        Ok(status) if kept.trim().is_empty() => Err(format!("cargo: {status}")),
        Ok(_) => Err(kept.trim().to_string()),
        Err(error) => Err(format!("cannot wait for cargo: {error}")),
    }
}

/// Returns `true` for the last line of a build that succeeds: the loop says so itself.
fn is_end_of_success(line: &str) -> bool {
    line.trim_start().starts_with("Finished ")
}

/// Returns `true` for a line that says what cargo does, as no one reads it after a failure.
fn is_progress(line: &str) -> bool {
    ["Compiling ", "Blocking ", "Finished "].iter().any(|verb| line.trim_start().starts_with(verb))
}

/// Returns a line of a terminal without its escape sequences for colors.
fn without_colors(line: &str) -> String {
    let mut parts = line.split('\u{1b}');
    let mut plain = parts.next().unwrap_or_default().to_string();
    for part in parts {
        // Each is `ESC [ numbers m`.
        plain += part.split_once('m').map_or("", |(_, rest)| rest);
    }
    plain.trim_end_matches('\r').to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colors_are_left_out() {
        let line = "\u{1b}[1m\u{1b}[38;5;9merror[E0308]\u{1b}[0m\u{1b}[1m: mismatched types\u{1b}[0m\r";
        assert_eq!(without_colors(line), "error[E0308]: mismatched types");
        assert_eq!(without_colors("  --> src/main.rs:1:2"), "  --> src/main.rs:1:2");
    }

    #[test]
    fn progress_is_told_from_errors() {
        assert!(is_progress("   Compiling digits v0.1.0"));
        assert!(!is_progress("error: could not compile `digits`"));
        assert!(is_end_of_success("    Finished `dev` profile in 1.2s"));
    }
}
