//! [`Sequences`]: the running sequences of a worker, and the loop that steps them together. `generator_model` calls it.
//!
//! There is no task beside the calls of `infer`. Each call has a [`Seat`], which waits for logits; the first one that waits
//! leads: it admits sequences, reads prompts and runs steps for all, and wakes those that have logits. Before each step the
//! worker gets its turn, so it can take new calls and drop those whose callers have gone.

use std::{
    any::Any,
    cell::RefCell,
    collections::BTreeMap,
    future::poll_fn,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    rc::Rc,
    task::{Context, Poll, Waker},
};

use super::{
    batch::Batch,
    generator::{GenerationLimits, Generator, Next},
};
use crate::{
    device::{DeviceFault, classify},
    error::{Error, Expected, Result},
};

/// The sequences of a worker, which its calls share. They never leave its thread.
pub(super) struct Sequences<S>(Rc<RefCell<State<S>>>);

impl<S> Clone for Sequences<S> {
    fn clone(&self) -> Self {
        Sequences(self.0.clone())
    }
}

struct State<S> {
    /// By arrival.
    entries: BTreeMap<u64, Entry<S>>,
    arrivals: u64,
    /// The entry whose call runs the loop.
    leader: Option<u64>,
    /// Set if the leader has nothing to do until something changes.
    sleeps: bool,
    /// The tokens of prompts that were read since the last step.
    prefilled: usize,
    /// The number of turns that were given, of prompts and of steps, to order the next ones.
    turns: u64,
}

struct Entry<S> {
    /// The tokens of the prompt and of the text.
    tokens: Vec<u32>,
    /// The tokens that the sequence can have at most.
    need: usize,
    stage: Stage<S>,
    logits: Option<Outcome>,
    /// Set once a step with others has failed: the next ones have this sequence only.
    is_alone: bool,
    waker: Option<Waker>,
}

enum Stage<S> {
    /// Waits for a place.
    Waiting,
    /// Has read some of its tokens, and not yet all.
    Prefill(Prefill<S>),
    /// Has read all tokens but the last one, which a step reads.
    Ready(Ready<S>),
    /// Has read all tokens; its call chooses the next one.
    Idle(S),
    /// Has failed.
    Failed,
}

struct Prefill<S> {
    sequence: S,
    /// The number of tokens that are read.
    read: usize,
    /// Its place in the line of prompts: the lowest is the next.
    turn: u64,
}

struct Ready<S> {
    sequence: S,
    /// Its place in the line of steps: the lowest is in the next one.
    turn: u64,
}

enum Outcome {
    Logits(Vec<f32>),
    Failed(Error),
    Panicked(Box<dyn Any + Send>),
}

impl<S> Stage<S> {
    /// Returns `true` if it has a place.
    fn is_running(&self) -> bool {
        !matches!(self, Stage::Waiting | Stage::Failed)
    }
}

/// The place of a call among the sequences. When dropped, the sequence is gone.
pub(super) struct Seat<S> {
    sequences: Sequences<S>,
    key: u64,
}

impl<S: 'static> Sequences<S> {
    /// Returns the sequences of the worker that runs a call.
    ///
    /// # Errors
    /// Never returns an error.
    pub(super) fn of<I>(batch: &Batch<I>) -> Result<Self> {
        let new =
            || State { entries: BTreeMap::new(), arrivals: 0, leader: None, sleeps: false, prefilled: 0, turns: 0 };
        // Returned to the worker at once, so that every call gets this one.
        let shared = batch.scratch(|| Ok(Sequences(Rc::new(RefCell::new(new())))))?;
        Ok(shared.clone())
    }

    /// Takes a place for a text with this prompt and at most so many more tokens.
    pub(super) fn join(&self, prompt: &[u32], most: usize) -> Seat<S> {
        let mut state = self.0.borrow_mut();
        let key = state.arrivals;
        state.arrivals += 1;
        let mut tokens = Vec::with_capacity(prompt.len() + most.min(RESERVED));
        tokens.extend_from_slice(prompt);
        let need = prompt.len() + most;
        let stage = Stage::Waiting;
        state.entries.insert(key, Entry { tokens, need, stage, logits: None, is_alone: false, waker: None });
        Seat { sequences: self.clone(), key }
    }
}

/// The most tokens for which a sequence has room from its start.
const RESERVED: usize = 512;

impl<S: 'static> Seat<S> {
    /// Adds the token that was chosen from the last logits.
    pub(super) fn push(&self, token: u32) {
        let state = &mut *self.sequences.0.borrow_mut();
        if let Some(entry) = state.entries.get_mut(&self.key) {
            entry.tokens.push(token);
            let turn = state.turns;
            state.turns += 1;
            entry.stage = match std::mem::replace(&mut entry.stage, Stage::Failed) {
                Stage::Idle(sequence) => Stage::Ready(Ready { sequence, turn }),
                other => other,
            };
        }
    }

    /// Returns the logits of the token after the last one.
    ///
    /// # Errors
    /// Returns the error of the model.
    pub(super) async fn logits<G: Generator<Sequence = S>>(&self, model: &G) -> Result<Vec<f32>> {
        let mut has_yielded = false;
        let outcome = poll_fn(|cx| {
            if !has_yielded {
                // The other calls come first, and so does the worker, which may have new ones.
                has_yielded = true;
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            self.sequences.0.borrow_mut().poll(self.key, model, cx)
        });
        match outcome.await {
            Outcome::Logits(logits) => Ok(logits),
            Outcome::Failed(error) => Err(error),
            Outcome::Panicked(panic) => resume_unwind(panic),
        }
    }
}

impl<S> Drop for Seat<S> {
    fn drop(&mut self) {
        let mut state = self.sequences.0.borrow_mut();
        let entry = state.entries.remove(&self.key);
        if state.leader == Some(self.key) {
            state.resign();
        }
        // Its place is free.
        state.wake_leader();
        drop(state);
        drop(entry);
    }
}

impl<S> State<S> {
    /// Polls for the logits of an entry, and runs the loop if nobody else does.
    fn poll<G: Generator<Sequence = S>>(&mut self, key: u64, model: &G, cx: &Context<'_>) -> Poll<Outcome> {
        let leads = *self.leader.get_or_insert(key) == key;
        if leads && self.entries.get(&key).is_some_and(|entry| entry.logits.is_none()) {
            self.sleeps = !self.run(model);
        }
        let Some(entry) = self.entries.get_mut(&key) else {
            return Poll::Ready(Outcome::Failed("the sequence is gone".into()));
        };
        if let Some(outcome) = entry.logits.take() {
            if leads {
                self.resign();
            }
            return Poll::Ready(outcome);
        }
        entry.waker = Some(cx.waker().clone());
        if !leads {
            self.wake_leader();
        } else if !self.sleeps {
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }

    /// Gives the lead to whoever is polled next.
    fn resign(&mut self) {
        self.leader = None;
        self.sleeps = false;
        let waits = |entry: &&Entry<S>| entry.waker.is_some() && !matches!(entry.stage, Stage::Idle(_));
        if let Some(waker) = self.entries.values().find(waits).and_then(|entry| entry.waker.as_ref()) {
            waker.wake_by_ref();
        }
    }

    fn wake_leader(&mut self) {
        if !self.sleeps {
            return;
        }
        self.sleeps = false;
        let leader = self.leader.and_then(|leader| self.entries.get(&leader));
        if let Some(waker) = leader.and_then(|leader| leader.waker.as_ref()) {
            waker.wake_by_ref();
        }
    }

    /// Reads a part of a prompt, or runs a step. Returns `false` if there is nothing to do.
    fn run<G: Generator<Sequence = S>>(&mut self, model: &G) -> bool {
        if self.entries.values().any(|entry| entry.logits.is_some()) {
            // Its call has been woken and is about to choose its token.
            return true;
        }
        let limits = model.limits();
        self.admit(model, limits);
        let is_ready = self.entries.values().any(|entry| matches!(entry.stage, Stage::Ready(_)));
        match self.next_prompt(limits.prefill.max(1)) {
            // A step is due once it would wait for more than one part of a prompt.
            Some((key, count)) if !is_ready || self.prefilled == 0 || self.prefilled + count <= limits.prefill => {
                self.prefilled += count;
                self.prefill(model, key, count);
                true
            }
            _ => {
                self.prefilled = 0;
                if is_ready {
                    self.step(model);
                }
                is_ready || self.entries.values().any(|entry| entry.logits.is_some())
            }
        }
    }

    /// Returns the prompt whose turn it is, with the number of its tokens to read: at most `most`.
    fn next_prompt(&self, most: usize) -> Option<(u64, usize)> {
        let prompts = self.entries.iter().filter_map(|(key, entry)| match &entry.stage {
            Stage::Prefill(Prefill { read, turn, .. }) => Some((*turn, *key, entry.tokens.len() - read)),
            _ => None,
        });
        prompts.min().map(|(_, key, left)| (key, left.min(most)))
    }

    /// Gives places to those that wait, in the order of their arrival.
    fn admit<G: Generator<Sequence = S>>(&mut self, model: &G, limits: GenerationLimits) {
        let running = || self.entries.values().filter(|entry| entry.stage.is_running());
        let (mut count, mut tokens) = (running().count(), running().map(|entry| entry.need).sum::<usize>());
        let turns = &mut self.turns;
        for entry in self.entries.values_mut().filter(|entry| matches!(entry.stage, Stage::Waiting)) {
            let fits = count < limits.sequences.max(1) && tokens.saturating_add(entry.need) <= limits.cached_tokens;
            if count > 0 && !fits {
                return;
            }
            match catch_unwind(AssertUnwindSafe(|| model.sequence())) {
                Ok(Ok(sequence)) => {
                    entry.stage = Stage::Prefill(Prefill { sequence, read: 0, turn: *turns });
                    *turns += 1;
                    (count, tokens) = (count + 1, tokens + entry.need);
                }
                failed => entry.fail(failed.map(Result::err)),
            }
        }
    }

    /// Reads the next tokens of a prompt. One with more of them goes to the end of the line, so that a long prompt delays the
    /// others by one part of it.
    fn prefill<G: Generator<Sequence = S>>(&mut self, model: &G, key: u64, count: usize) {
        let turn = self.turns;
        self.turns += 1;
        let Some(entry) = self.entries.get_mut(&key) else { return };
        let Stage::Prefill(mut prefill) = std::mem::replace(&mut entry.stage, Stage::Failed) else { return };
        let end = prefill.read + count;
        let tokens = &entry.tokens[prefill.read..end];
        match catch_unwind(AssertUnwindSafe(|| model.prefill(&mut prefill.sequence, tokens))) {
            Ok(Ok(_)) if end < entry.tokens.len() => {
                entry.stage = Stage::Prefill(Prefill { read: end, turn, ..prefill });
            }
            Ok(Ok(logits)) => entry.succeed(prefill.sequence, logits),
            failed => entry.fail(failed.map(Result::err)),
        }
    }

    /// Runs a step for the sequence that has been ready for longest, and for all others that are ready unless it runs alone.
    /// So those that run alone take turns with each other, and with all others together.
    fn step<G: Generator<Sequence = S>>(&mut self, model: &G) {
        let turn_of = |entry: &Entry<S>| if let Stage::Ready(ready) = &entry.stage { Some(ready.turn) } else { None };
        let turns = self.entries.values().filter_map(|entry| Some((turn_of(entry)?, entry.is_alone)));
        let Some((first, is_alone)) = turns.min() else { return };
        let mut taken: Vec<(&mut Entry<S>, S)> = Vec::new();
        for entry in self.entries.values_mut() {
            let is_taken = |turn: u64| if is_alone { turn == first } else { !entry.is_alone };
            if !turn_of(entry).is_some_and(is_taken) {
                continue;
            }
            if let Stage::Ready(ready) = std::mem::replace(&mut entry.stage, Stage::Failed) {
                taken.push((entry, ready.sequence));
            }
        }
        // There is at least the token of a prompt.
        let mut nexts: Vec<Next<'_, S>> = taken
            .iter_mut()
            .map(|(entry, sequence)| Next { sequence, token: entry.tokens.last().copied().unwrap_or_default() })
            .collect();
        let count = nexts.len();
        let result = catch_unwind(AssertUnwindSafe(|| model.step(&mut nexts)));
        drop(nexts);
        match result {
            Ok(Ok(logits)) if logits.len() == count => {
                taken.into_iter().zip(logits).for_each(|((entry, sequence), logits)| entry.succeed(sequence, logits));
            }
            Ok(Ok(logits)) => {
                let what = format!("logits for {count} sequences");
                let fault = format!("`step`: {}", Expected::new(what, logits.len()));
                taken.into_iter().for_each(|(entry, _)| entry.fail(Ok(Some(fault.clone().into()))));
            }
            Ok(Err(error)) if classify(error.inner()) == Some(DeviceFault::Lost) => {
                let why = error.log_message();
                for (entry, _) in taken {
                    entry.fail(Ok(Some(Error::from(DeviceFault::Lost).context(&why))));
                }
            }
            failed => match <[_; 1]>::try_from(taken) {
                Ok([(entry, _)]) => entry.fail(failed.map(Result::err)),
                Err(taken) => {
                    let why = match &failed {
                        Ok(Err(error)) => error.log_message(),
                        _ => "it panicked".to_owned(),
                    };
                    tracing::warn!("a step of {count} sequences failed, and each of them goes on alone: {why}");
                    for (entry, _) in taken {
                        // The sequence may be half updated: the tokens are read again.
                        entry.stage = Stage::Waiting;
                        entry.is_alone = true;
                    }
                }
            },
        }
    }
}

impl<S> Entry<S> {
    fn succeed(&mut self, sequence: S, logits: Vec<f32>) {
        self.stage = Stage::Idle(sequence);
        self.end(Outcome::Logits(logits));
    }

    /// Fails with the error or the panic of the author's code.
    fn fail(&mut self, failed: std::thread::Result<Option<Error>>) {
        self.stage = Stage::Failed;
        self.end(match failed {
            Ok(error) => Outcome::Failed(error.unwrap_or_else(|| "the sequence failed".into())),
            Err(panic) => Outcome::Panicked(panic),
        });
    }

    fn end(&mut self, outcome: Outcome) {
        self.logits = Some(outcome);
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}
