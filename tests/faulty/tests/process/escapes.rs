//! Text of callers and of the environment in the log: it forges no line, hides none, and does nothing to a terminal.

use e2e::{Process, Signal};
use serde_json::{Value, json};

use super::{FAULTY, command, message};

/// Text that returns to the start of the line, erases it, reverses what follows, ends lines, and poses as one.
const HOSTILE: &str = "a\r\u{1b}[2K\u{9b}1A\u{7f}\u{85}\u{2028}\u{2029}\u{202e}\u{2066}\u{200f}\u{feff}b\nERROR forged";

/// Returns `true` for a character that may stand in a line of the log.
fn is_printable(character: char) -> bool {
    let is_mark = matches!(character, '\u{200f}' | '\u{2028}' | '\u{2029}' | '\u{202e}' | '\u{2066}' | '\u{feff}');
    !character.is_control() && !is_mark
}

#[track_caller]
fn assert_printable(lines: &[String]) {
    for line in lines {
        assert!(line.chars().all(is_printable), "{line:?}");
        assert!(!line.starts_with("ERROR forged"), "{line:?}");
    }
}

/// Provokes lines with hostile text, and returns all lines.
fn lines(format: &str) -> Vec<String> {
    let process = Process::ready(FAULTY, &[("CHARIOT_ENGINE_LOG_FORMAT", format)]);
    for parameters in [json!({"log": HOSTILE}), json!({"error": HOSTILE}), json!({"panic": HOSTILE})] {
        process.infer(&command(parameters));
    }
    process.signal(Signal::Interrupt);
    assert_eq!(process.wait(), Some(0));
    assert_eq!(process.all_errors(), [""; 0]);
    process.all_lines()
}

#[test]
fn hostile_text_stays_within_its_line() {
    let human = lines("human");
    assert_printable(&human);
    // The texts of the author and of the panic.
    assert_eq!(human.iter().filter(|line| line.starts_with("    ERROR forged")).count(), 2, "{human:#?}");

    let json = lines("json");
    assert_printable(&json);
    let log: Vec<Value> = json.iter().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect();
    assert!(log.iter().any(|line| message(line) == HOSTILE), "{log:#?}");
}

#[test]
fn hostile_values_of_the_environment_are_escaped() {
    let env = [
        ("CHARIOT_ENGINE_PORT", HOSTILE),
        ("CHARIOT_ENGINE_BASE_URL", HOSTILE),
        ("CHARIOT_ENGINE_MODEL_DIR", HOSTILE),
        ("CHARIOT_ENGINE_GRACE_FILE", HOSTILE),
        ("CHARIOT_ENGINE_\r\u{1b}[2K", "1"),
    ];
    for (arguments, env, code) in [
        (&[][..], &env[..], 78),
        (&["check"], &env, 78),
        (&["check"], &env[2..3], 0),
        (&["settings", "--explain"], &env, 78),
        (&["infer", "-"], &env, 78),
        (&["describe"], &env[2..3], 0),
        (&["pack", "archive.zip"], &env[2..3], 1),
        (&[HOSTILE], &[], 2),
    ] {
        for format in ["human", "json"] {
            let env: Vec<_> = env.iter().copied().chain([("CHARIOT_ENGINE_LOG_FORMAT", format)]).collect();
            let process = Process::start_with(FAULTY, arguments, &env);
            assert_eq!(process.wait(), Some(code), "{arguments:?}");
            assert_printable(&process.all_lines());
            assert_printable(&process.all_errors());
        }
    }
}
