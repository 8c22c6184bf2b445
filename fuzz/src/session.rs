//! Running a target over and over on mutated inputs: what gives a new outcome is kept and mutated further, what panics is
//! found. The binary and the tests run sessions.

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

/// The most accepted inputs, and the most refused ones, that are kept beside the seeds; the oldest go.
const MOST_KEPT: usize = 2000;

/// The most outcomes that are told apart.
const MOST_OUTCOMES: usize = 50_000;

/// How long a session lasts, and what it makes.
///
/// ```
/// use fuzz::{Options, named, run};
///
/// let options = Options { executions: 100, time: None, seed: 1, longest: 64 };
/// let report = run(named("raw").unwrap(), &[vec![11, 1, 2, 0]], options, None, |_| ()).unwrap();
/// assert_eq!(report.executions, 100);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// The most executions.
    pub executions: u64,
    /// The longest time.
    pub time: Option<Duration>,
    /// Decides the inputs, together with the seeds.
    pub seed: u64,
    /// The longest input, in bytes.
    pub longest: usize,
}

/// What a session saw.
///
/// ```
/// assert_eq!(fuzz::Report::default().executions, 0);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// How many inputs were run.
    pub executions: u64,
    /// How many of them were accepted.
    pub accepted: u64,
    /// How many outcomes differed in more than numbers and names.
    pub outcomes: usize,
    /// The most bytes that one execution had at once, its own checks among them, and the length of its input.
    pub peak: (usize, usize),
    /// The longest that one execution took, and the length of its input.
    pub slowest: (Duration, usize),
    /// What the process had allocated after the first tenth, and at the end, without the inputs that are kept.
    pub live: (usize, usize),
    /// The time of it all.
    pub time: Duration,
    /// The inputs that gave something new.
    pub kept: Vec<Vec<u8>>,
}

/// An input for which a check did not hold.
///
/// ```
/// use fuzz::{Outcome, Target, one};
///
/// let target = Target { name: "none", about: "accepts nothing", run: |_| panic!("no"), words: &[] };
/// assert_eq!(one(&target, b"a").unwrap_err().said, "no");
/// ```
#[derive(Clone, Debug)]
pub struct Finding {
    /// The input.
    pub input: Vec<u8>,
    /// What the panic said.
    pub said: String,
}

/// Runs one input.
///
/// # Errors
/// The target panicked.
pub fn one(target: &Target, input: &[u8]) -> Result<Outcome, Finding> {
    catch_unwind(AssertUnwindSafe(|| (target.run)(input)))
        .map_err(|panic| Finding { input: input.to_vec(), said: said(&*panic) })
}

fn said(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("a panic without a text").to_owned()
}

/// Runs a target on mutations of its seeds. `progress` is called now and then.
///
/// # Errors
/// The first input for which a check did not hold.
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
    // Accepted ones and refused ones.
    let mut kept = [VecDeque::new(), VecDeque::new()];
    // All of it at once, so that it does not look as if the target grew.
    let mut seen = HashSet::with_capacity(MOST_OUTCOMES);
    let mut input = Vec::with_capacity(options.longest);
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
        let (outcome, cost) = memory::cost(|| one(target, &input));
        let took = started.elapsed();
        if let Some(watch) = watch {
            watch.end();
        }
        let outcome = outcome?;
        report.executions += 1;
        report.accepted += u64::from(matches!(outcome, Outcome::Accepted(_)));
        report.peak = report.peak.max((cost, input.len()));
        report.slowest = report.slowest.max((took, input.len()));
        if seen.len() < MOST_OUTCOMES && seen.insert(class(&outcome)) {
            let kept = &mut kept[usize::from(matches!(outcome, Outcome::Refused(_)))];
            if kept.len() == MOST_KEPT {
                kept.pop_front();
            }
            kept.push_back(input.clone());
        }
        if report.executions.is_multiple_of(0x4000) || report.executions == options.executions {
            report.outcomes = seen.len();
            report.time = begin.elapsed();
            let live = memory::live().saturating_sub(kept.iter().flatten().map(Vec::capacity).sum());
            if report.executions <= options.executions / 10 || report.live.0 == 0 {
                report.live.0 = live;
            }
            report.live.1 = live;
            progress(&report);
            if options.time.is_some_and(|time| begin.elapsed() > time) {
                break;
            }
        }
    }
    report.kept = kept.into_iter().flatten().collect();
    Ok(report)
}

/// A seed, or as often an input that gave something new.
fn pick<'a>(rng: &mut Rng, seeds: &'a [Vec<u8>], kept: &'a [VecDeque<Vec<u8>>; 2]) -> &'a [u8] {
    let chosen = match rng.below(4) {
        0 | 1 => rng.one_of(seeds),
        from => kept[from - 2].get(rng.below(kept[from - 2].len())),
    };
    chosen.or(seeds.first()).map_or(&[], |input| input)
}

/// What an outcome has in common with others: a refusal's text without the place, numbers and quoted names.
fn class(outcome: &Outcome) -> u64 {
    let mut hasher = DefaultHasher::new();
    match outcome {
        Outcome::Accepted(class) => class.hash(&mut hasher),
        Outcome::Refused(text) => {
            let without_names: String = text.split('\'').step_by(2).collect();
            // What is before says where, which is something else for each name.
            let said = without_names.rsplit(": ").next().unwrap_or_default();
            said.bytes().filter(u8::is_ascii_alphabetic).for_each(|byte| byte.hash(&mut hasher));
        }
    }
    hasher.finish()
}
