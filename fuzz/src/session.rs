//! Runs a target repeatedly on mutated inputs: keeps inputs with new outcomes and mutates them further, and reports inputs
//! that panic. The binary and the tests run sessions.

use std::{
    any::Any,
    collections::{HashSet, VecDeque},
    hash::{DefaultHasher, Hash, Hasher},
    panic::{AssertUnwindSafe, catch_unwind},
    time::{Duration, Instant},
};

use crate::{
    memory,
    mutate::Mutator,
    rng::Rng,
    targets::{Outcome, Target},
    watch::Watch,
};

/// The limit on the accepted inputs, and on the rejected ones, that are kept beside the seeds; the oldest are dropped.
const MAX_KEPT: usize = 2000;

/// The limit on distinct outcomes.
const MAX_OUTCOMES: usize = 50_000;

/// The progress is reported after so many inputs, and after so long.
const REPORTED: u64 = 0x4000;
const LONGEST_SILENCE: Duration = Duration::from_secs(10);

/// The options of a session.
///
/// ```
/// use fuzz::{Options, run, target};
///
/// let options = Options { executions: 100, time: None, seed: 1, longest: 64 };
/// let report = run(target("raw").unwrap(), &[vec![11, 1, 2, 0]], options, None, |_| ()).unwrap();
/// assert_eq!(report.executions, 100);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// The number of inputs to run.
    pub executions: u64,
    /// The time limit; `None` for no limit.
    pub time: Option<Duration>,
    /// Decides the inputs, together with the seeds.
    pub seed: u64,
    /// The longest input, in bytes.
    pub longest: usize,
}

/// The results of a session.
///
/// ```
/// assert_eq!(fuzz::Report::default().executions, 0);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// The number of inputs run.
    pub executions: u64,
    /// The number of inputs accepted.
    pub accepted: u64,
    /// The number of outcomes that differ in more than numbers and names.
    pub outcomes: usize,
    /// The peak memory of one execution with its checks, in bytes, and the length of its input.
    pub peak: (usize, usize),
    /// The longest time of one execution, and the length of its input.
    pub slowest: (Duration, usize),
    /// The memory of the process after the first tenth and at the end, without the kept inputs, in bytes.
    pub live: (usize, usize),
    /// The total time.
    pub time: Duration,
    /// The inputs with a new outcome.
    pub kept: Vec<Vec<u8>>,
}

/// An input for which a check failed.
///
/// ```
/// use fuzz::{Outcome, Target, run_one};
///
/// let target = Target { name: "none", about: "accepts nothing", run: |_| panic!("no"), words: &[] };
/// assert_eq!(run_one(&target, b"a").unwrap_err().panic, "no");
/// ```
#[derive(Clone, Debug)]
pub struct Finding {
    /// The input.
    pub input: Vec<u8>,
    /// The message of the panic.
    pub panic: String,
}

/// Runs one input.
///
/// # Errors
/// Returns the input and the message if the target panics.
pub fn run_one(target: &Target, input: &[u8]) -> Result<Outcome, Finding> {
    catch_unwind(AssertUnwindSafe(|| (target.run)(input)))
        .map_err(|panic| Finding { input: input.to_vec(), panic: panic_message(&*panic) })
}

fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("a panic without a message").to_owned()
}

/// Runs a target on mutations of its seeds. Calls `progress` from time to time.
///
/// # Errors
/// Returns the first input for which a check fails.
pub fn run(
    target: &Target,
    seeds: &[Vec<u8>],
    options: Options,
    watch: Option<&Watch>,
    mut progress: impl FnMut(&Report),
) -> Result<Report, Finding> {
    let begin = Instant::now();
    let mut report = Report::default();
    let mut mutator = Mutator::new(Rng::new(options.seed), target.words, options.longest);
    // The accepted and the rejected inputs.
    let mut kept = [VecDeque::new(), VecDeque::new()];
    // Allocated at once, so that its growth is not mistaken for a leak of the target.
    let mut seen = HashSet::with_capacity(MAX_OUTCOMES);
    let mut input = Vec::with_capacity(options.longest);
    let mut reported = Instant::now();
    while report.executions < options.executions {
        input.clear();
        if let Some(seed) = usize::try_from(report.executions).ok().and_then(|index| seeds.get(index)) {
            input.extend_from_slice(seed);
        } else {
            let base = pick(mutator.rng(), seeds, &kept).to_vec();
            let other = pick(mutator.rng(), seeds, &kept);
            input.extend_from_slice(&base);
            mutator.mutate(&mut input, other);
        }
        if let Some(watch) = watch {
            watch.begin(&input);
        }
        let started = Instant::now();
        let (outcome, cost) = memory::cost(|| run_one(target, &input));
        let time = started.elapsed();
        if let Some(watch) = watch {
            watch.end();
        }
        let outcome = outcome?;
        report.executions += 1;
        report.accepted += u64::from(matches!(outcome, Outcome::Accepted(_)));
        report.peak = report.peak.max((cost, input.len()));
        report.slowest = report.slowest.max((time, input.len()));
        if seen.len() < MAX_OUTCOMES && seen.insert(class(&outcome)) {
            let kept = &mut kept[usize::from(matches!(outcome, Outcome::Rejected(_)))];
            if kept.len() == MAX_KEPT {
                kept.pop_front();
            }
            kept.push_back(input.clone());
        }
        let is_last =
            report.executions == options.executions || options.time.is_some_and(|time| begin.elapsed() > time);
        if report.executions.is_multiple_of(REPORTED) || reported.elapsed() > LONGEST_SILENCE || is_last {
            reported = Instant::now();
            report.outcomes = seen.len();
            report.time = begin.elapsed();
            let live = memory::live().saturating_sub(kept.iter().flatten().map(Vec::capacity).sum());
            if report.executions <= options.executions / 10 || report.live.0 == 0 {
                report.live.0 = live;
            }
            report.live.1 = live;
            progress(&report);
        }
        if is_last {
            break;
        }
    }
    report.kept = kept.into_iter().flatten().collect();
    Ok(report)
}

/// Returns a seed or a kept input, with equal probability.
fn pick<'a>(rng: &mut Rng, seeds: &'a [Vec<u8>], kept: &'a [VecDeque<Vec<u8>>; 2]) -> &'a [u8] {
    let chosen = match rng.below(4) {
        0 | 1 => rng.one_of(seeds),
        from => kept[from - 2].get(rng.below(kept[from - 2].len())),
    };
    chosen.or(seeds.first()).map_or(&[], |input| input)
}

/// Returns the class of an outcome; messages count without the location, numbers and quoted names.
fn class(outcome: &Outcome) -> u64 {
    let mut hasher = DefaultHasher::new();
    match outcome {
        Outcome::Accepted(class) => class.hash(&mut hasher),
        Outcome::Rejected(text) => {
            let without_names: String = text.split('\'').step_by(2).collect();
            // The text in front is the location, which varies with each name.
            let message = without_names.rsplit(": ").next().unwrap_or_default();
            message.bytes().filter(u8::is_ascii_alphabetic).for_each(|byte| byte.hash(&mut hasher));
        }
    }
    hasher.finish()
}
