//! Every target over its corpus and mutations of it, the same ones in every run, and what refusals say.

use std::collections::BTreeSet;

use fuzz::{CANARY, Finding, Mutator, Options, Outcome, Rng, TARGETS, Target, named, one, refusal, run, seeds};

/// How many mutations a seed stands for where each is quick, and where it is not.
const MUTATIONS: usize = 1500;
const FEW_MUTATIONS: usize = 400;

fn seeds_of(target: &Target) -> Vec<Vec<u8>> {
    seeds(target.name).unwrap().into_iter().map(|(_, seed)| seed).collect()
}

/// Runs every seed, and thousands of inputs made of them.
fn hold(name: &str) {
    let target = named(name).unwrap();
    let mut accepted = 0;
    for (file, seed) in seeds(name).unwrap() {
        match one(target, &seed) {
            Ok(outcome) => accepted += usize::from(matches!(outcome, Outcome::Accepted(_))),
            Err(Finding { said, .. }) => panic!("{name}/{file}: {said}"),
        }
    }
    let seeds = seeds_of(target);
    assert!(accepted > 0 && accepted < seeds.len(), "{accepted} of {} seeds of {name} are accepted", seeds.len());
    let mutations = if ["coding", "image", "server"].contains(&name) { FEW_MUTATIONS } else { MUTATIONS };
    let options = Options { executions: (seeds.len() * mutations) as u64, time: None, seed: 7, longest: 1024 };
    match run(target, &seeds, options, None, |_| ()) {
        Ok(report) => {
            assert_eq!(report.executions, options.executions);
            assert!(report.outcomes > accepted, "mutations of {name} find something new");
        }
        Err(Finding { input, said }) => panic!("{name}: {said}: {:?}", String::from_utf8_lossy(&input)),
    }
}

macro_rules! targets {
    ($($name:ident)*) => {
        $(
            #[test]
            fn $name() {
                hold(stringify!($name));
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
targets!(json binary raw response form coding row typed parameters image settings server);

#[test]
fn the_corpus_is_small_and_belongs_to_targets() {
    let mut size = 0;
    for folder in std::fs::read_dir(fuzz::directory("")).unwrap() {
        let folder = folder.unwrap().file_name().into_string().unwrap();
        assert!(named(&folder).is_some(), "{folder} is no target");
        size += seeds(&folder).unwrap().iter().map(|(_, seed)| seed.len()).sum::<usize>();
    }
    assert!(size < 200_000, "{size} bytes");
}

#[test]
fn a_session_is_the_same_for_the_same_seed_and_finds_what_panics() {
    fn picky(input: &[u8]) -> Outcome {
        assert!(!input.windows(2).any(|two| two == b"[["), "two brackets");
        Outcome::Accepted(input.len() as u64)
    }
    let target = Target { name: "picky", about: "no two brackets", run: picky, words: &[] };
    let options = Options { executions: 100_000, time: None, seed: 3, longest: 64 };
    let find = || run(&target, &[b"[1,2]".to_vec()], options, None, |_| ()).unwrap_err();
    let (first, second) = (find(), find());
    assert_eq!((&first.input, &*first.said), (&second.input, "two brackets"));
    assert!(first.input.windows(2).any(|two| two == b"[["));
}

/// How a refusal of a request begins when it names a place, and one of the body as a whole.
const PLACES: [&str; 14] = [
    "input '",
    "input:",
    "inputs",
    "outputs",
    "id",
    "parameters",
    "line ",
    "Inference-Header-Content-Length",
    "Chariot-Inference-Parameters",
    "JSON is expected",
    "a JSON object",
    "a request of chariot-v",
    "the bytes of an item",
    "the end of the body",
];

#[test]
fn refusals_name_the_place_and_what_was_expected_and_hold_no_payload() {
    let mut texts = BTreeSet::new();
    for name in ["json", "binary", "form", "parameters"] {
        let target = named(name).unwrap();
        let seeds = seeds_of(target);
        let mut mutator = Mutator::new(Rng::new(11), target.words, 512);
        for round in 0..400 {
            for seed in &seeds {
                let mut input = seed.clone();
                mutator.mutate(&mut input, &seeds[round % seeds.len()]);
                let Ok(Outcome::Refused(text)) = one(target, &input) else { continue };
                if text == "too short" {
                    continue;
                }
                refusal(&text, &input);
                // The place in the text does not make another refusal of it.
                texts.insert((name, text.replace(|letter: char| letter.is_ascii_digit(), "0")));
            }
        }
    }
    assert!(texts.len() >= 400, "{} refusals", texts.len());
    let mut without_place = Vec::new();
    for (_, text) in &texts {
        let spot = text.contains("(line 0") || PLACES.iter().any(|place| text.starts_with(place));
        let says = ["expected", "needs", "not valid JSON", "twice", "deeper", "unknown", "surrogate", "more elements"];
        if !spot || !says.iter().any(|word| text.contains(word)) {
            without_place.push(text);
        }
    }
    assert!(without_place.is_empty(), "{without_place:#?}");
}

#[test]
fn a_check_of_refusals_fails_where_it_should() {
    let caught = |text: &str, input: &str| std::panic::catch_unwind(|| refusal(text, input.as_bytes())).is_err();
    let payload = format!("{{\"a\":\"{CANARY}\"}}");
    assert!(!caught("input 'x': a number is expected, a string came (line 1, column 7)", &payload));
    for bad in [
        "",
        "input 'x': u8 is expected",
        "input 'x': expected struct Zoo",
        "at src/protocol/data.rs:17",
        "a number is expected,\nsomething else came",
    ] {
        assert!(caught(bad, &payload), "{bad}");
    }
    let told = format!("a number is expected, {CANARY} came");
    assert!(caught(&told, &payload));
    assert!(!caught(&told, &format!("{{\"{CANARY}\" : 1}}")), "a member's name may be told");
    assert!(!caught(&format!("input '{CANARY}': a number is expected"), &payload), "and so may an input's");
    assert!(caught(&"long ".repeat(2000), &payload));
}
