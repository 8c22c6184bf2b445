//! Every target over its corpus and reproducible mutations of it, and the checks of error messages.

use std::collections::BTreeSet;

use fuzz::{CANARY, Finding, Mutator, Options, Outcome, Rng, TARGETS, Target, message, run, run_one, seeds, target};

/// The number of mutations per seed, for fast and for slow targets, and for those with sockets.
const MUTATIONS: usize = 1500;
const FEW_MUTATIONS: usize = 400;
const VERY_FEW_MUTATIONS: usize = 20;

fn seeds_of(target: &Target) -> Vec<Vec<u8>> {
    seeds(target.name).unwrap().into_iter().map(|(_, seed)| seed).collect()
}

/// Runs every seed, and thousands of mutations.
fn check(name: &str) {
    let target = target(name).unwrap();
    let mut accepted = 0;
    for (file, seed) in seeds(name).unwrap() {
        match run_one(target, &seed) {
            Ok(outcome) => accepted += usize::from(matches!(outcome, Outcome::Accepted(_))),
            Err(Finding { panic, .. }) => panic!("{name}/{file}: {panic}"),
        }
    }
    let seeds = seeds_of(target);
    assert!(accepted > 0 && accepted < seeds.len(), "{accepted} of {} seeds of {name} are accepted", seeds.len());
    let mutations = match name {
        "http1" | "http2" => VERY_FEW_MUTATIONS,
        "coding" | "image" | "server" => FEW_MUTATIONS,
        _ => MUTATIONS,
    };
    let options = Options { executions: (seeds.len() * mutations) as u64, time: None, seed: 7, longest: 1024 };
    match run(target, &seeds, options, None, |_| ()) {
        Ok(report) => {
            assert_eq!(report.executions, options.executions);
            assert!(report.outcomes > accepted, "mutations of {name} find new outcomes");
        }
        Err(Finding { input, panic }) => panic!("{name}: {panic}: {:?}", String::from_utf8_lossy(&input)),
    }
}

macro_rules! targets {
    ($($name:ident)*) => {
        $(
            #[test]
            fn $name() {
                check(stringify!($name));
            }
        )*

        #[test]
        fn every_target_is_run() {
            let run = [$(stringify!($name)),*];
            assert!(TARGETS.iter().all(|target| run.contains(&target.name)));
            assert_eq!(run.len(), TARGETS.len());
        }
    };
}
targets!(json binary raw response form coding row typed parameters image settings server http1 http2);

#[test]
fn the_corpus_is_small_and_belongs_to_targets() {
    let mut size = 0;
    for folder in std::fs::read_dir(fuzz::directory("")).unwrap() {
        let folder = folder.unwrap().file_name().into_string().unwrap();
        assert!(target(&folder).is_some(), "{folder} is not a target");
        size += seeds(&folder).unwrap().iter().map(|(_, seed)| seed.len()).sum::<usize>();
    }
    assert!(size < 200_000, "{size} bytes");
}

#[test]
fn a_session_is_reproducible_and_finds_inputs_that_panic() {
    fn picky(input: &[u8]) -> Outcome {
        assert!(!input.windows(2).any(|two| two == b"[["), "two brackets");
        Outcome::Accepted(input.len() as u64)
    }
    let target = Target { name: "picky", about: "no two brackets", run: picky, words: &[] };
    let options = Options { executions: 100_000, time: None, seed: 3, longest: 64 };
    let find = || run(&target, &[b"[1,2]".to_vec()], options, None, |_| ()).unwrap_err();
    let (first, second) = (find(), find());
    assert_eq!((&first.input, &*first.panic), (&second.input, "two brackets"));
    assert!(first.input.windows(2).any(|two| two == b"[["));
}

/// The start of a message that names a location in a request, or that is about the body as a whole.
const LOCATIONS: [&str; 18] = [
    "input '",
    "input:",
    "inputs",
    "outputs",
    "id",
    "parameters",
    "line ",
    "part ",
    "request body: ",
    "Inference-Header-Content-Length",
    "Chariot-Inference-Parameters",
    "Content-Type: ",
    "expected JSON before",
    "expected a JSON object",
    "expected a chariot-v",
    "expected one JSON object",
    "expected the bytes of an item",
    "expected the end of the body",
];

#[test]
fn messages_have_a_location_and_the_expected_value_but_no_payload() {
    let mut texts = BTreeSet::new();
    for name in ["json", "binary", "form", "parameters"] {
        let target = target(name).unwrap();
        let seeds = seeds_of(target);
        let mut mutator = Mutator::new(Rng::new(11), target.words, 512);
        for round in 0..400 {
            for seed in &seeds {
                let mut input = seed.clone();
                mutator.mutate(&mut input, &seeds[round % seeds.len()]);
                let Ok(Outcome::Rejected(text)) = run_one(target, &input) else { continue };
                if text == "too short" {
                    continue;
                }
                message(&text, &input);
                // Messages that differ only in line and column count once.
                texts.insert((name, text.replace(|letter: char| letter.is_ascii_digit(), "0")));
            }
        }
    }
    assert!(texts.len() >= 400, "{} messages", texts.len());
    let mut without_location = Vec::new();
    for (_, text) in &texts {
        let has_location = text.contains("(line 0") || LOCATIONS.iter().any(|location| text.starts_with(location));
        let faults =
            ["expected", "missing", "not valid JSON", "duplicate", "nesting", "unknown", "surrogate", "too many"];
        if !has_location || !faults.iter().any(|word| text.contains(word)) {
            without_location.push(text);
        }
    }
    assert!(without_location.is_empty(), "{without_location:#?}");
}

#[test]
fn the_check_of_messages_fails_on_bad_ones() {
    let caught = |text: &str, input: &str| std::panic::catch_unwind(|| message(text, input.as_bytes())).is_err();
    let payload = format!("{{\"a\":\"{CANARY}\"}}");
    assert!(!caught("input 'x': expected a number, got a string (line 1, column 7)", &payload));
    for bad in [
        "",
        "input 'x': expected u8",
        "input 'x': expected struct Zoo",
        "at src/protocol/data.rs:17",
        "expected a number,\ngot another value",
    ] {
        assert!(caught(bad, &payload), "{bad}");
    }
    let repeated = format!("expected a number, got {CANARY}");
    assert!(caught(&repeated, &payload));
    assert!(!caught(&repeated, &format!("{{\"{CANARY}\" : 1}}")), "a message may repeat the name of a member");
    assert!(
        !caught(&format!("input '{CANARY}': expected a number"), &payload),
        "a message may repeat the name of an input"
    );
    assert!(caught(&"long ".repeat(2000), &payload));
}
