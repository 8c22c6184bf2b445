//! [`DevelopmentLoop`]: after each change a build, after each build another engine, which takes the place of the one before
//! once it is ready. `dev` runs it.

use std::{
    fs, io,
    net::TcpListener,
    process::{ExitCode, ExitStatus},
    time::{Duration, Instant, SystemTime},
};

use bytes::Bytes;
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::{mpsc, watch},
    task::JoinHandle,
    time::timeout,
};

use super::{
    build::build,
    process::{EngineEvent, EngineProcess, Shared},
    project::Project,
    say,
    sources::{Change, Sources},
};
use crate::dev::{LoopState, Status};

/// The time that an engine may take to exit after its grace period.
const EXIT: Duration = Duration::from_secs(5);

/// The exit code of a loop that was stopped by a second signal, or that could not wait for signals.
const CUT_SHORT: u8 = 1;

/// The loop. It has at most one engine that serves and one that starts, and those that finish what is in flight.
pub(super) struct DevelopmentLoop {
    project: Project,
    sources: Sources,
    shared: Shared,
    events: mpsc::Receiver<(u64, EngineEvent)>,
    status: Status,
    /// The number of engines so far.
    engines: u64,
    serving: Option<EngineProcess>,
    starting: Option<EngineProcess>,
    leaving: Vec<EngineProcess>,
    /// The reason why the engine that was started last did not start.
    failure: Option<String>,
    building: Option<JoinHandle<Result<(), String>>>,
    /// Something has changed since the build began.
    has_changed: bool,
    /// The next build is followed by another engine even if it builds nothing.
    must_start: bool,
    changed_at: Instant,
    /// The time at which the program of the last engine was built.
    built_at: Option<SystemTime>,
    grace: Duration,
}

impl DevelopmentLoop {
    /// Creates the loop. Its engines have this grace period.
    pub(super) fn new(project: Project, sources: Sources, port: TcpListener, grace: Duration) -> Self {
        let (sender, events) = mpsc::channel(16);
        let status = Status { engine: 1, state: LoopState::Starting, error: String::new() };
        DevelopmentLoop {
            shared: Shared { port, status: watch::Sender::new(to_json(&status)), events: sender },
            project,
            sources,
            events,
            status,
            engines: 0,
            serving: None,
            starting: None,
            leaving: Vec::new(),
            failure: None,
            building: None,
            has_changed: false,
            must_start: false,
            changed_at: Instant::now(),
            built_at: None,
            grace,
        }
    }

    /// Runs until the process receives a signal, and ends all engines.
    pub(super) async fn run(mut self) -> ExitCode {
        let mut signals = match Signals::new() {
            Ok(signals) => signals,
            Err(error) => {
                say(format_args!("cannot wait for signals: {error}"));
                return ExitCode::from(CUT_SHORT);
            }
        };
        say("watching the sources; Ctrl-C ends the loop");
        self.start();
        loop {
            tokio::select! {
                () = signals.next() => break,
                change = self.sources.changed() => self.on_change(change),
                built = finished(&mut self.building) => self.on_built(built),
                // The loop holds a sender itself.
                Some((number, event)) = self.events.recv() => self.on_event(number, event),
            }
        }
        if let Some(building) = self.building.take() {
            building.abort();
        }
        say("ending the engine");
        tokio::select! {
            () = self.end() => ExitCode::SUCCESS,
            () = signals.next() => ExitCode::from(CUT_SHORT),
        }
    }

    fn on_change(&mut self, change: Change) {
        self.has_changed = true;
        self.must_start |= change == Change::Models;
        self.changed_at = Instant::now();
        if self.building.is_none() {
            self.build();
        }
    }

    fn build(&mut self) {
        self.has_changed = false;
        self.set(LoopState::Building, String::new());
        self.building = Some(tokio::spawn(build(self.project.build())));
    }

    fn on_built(&mut self, built: Result<(), String>) {
        self.building = None;
        if self.has_changed {
            return self.build();
        }
        if let Err(text) = built {
            say(format_args!("the build failed; {}", self.meanwhile()));
            return self.set(LoopState::BuildFailed, text);
        }
        let has_engine = self.starting.is_some() || self.serving.is_some();
        if self.program_built_at() == self.built_at && has_engine && !self.must_start {
            // Another file has changed, such as a README.
            return match self.failure.clone() {
                Some(reason) => self.set(LoopState::StartFailed, reason),
                None if self.starting.is_some() => self.set(LoopState::Starting, String::new()),
                None => self.set(LoopState::Waiting, String::new()),
            };
        }
        self.start();
    }

    /// Returns the time at which the program was built; `None` if it is not there.
    fn program_built_at(&self) -> Option<SystemTime> {
        fs::metadata(self.project.executable()).and_then(|metadata| metadata.modified()).ok()
    }

    /// Starts another engine.
    fn start(&mut self) {
        if let Some(superseded) = self.starting.take() {
            superseded.leave();
            self.leaving.push(superseded);
        }
        self.must_start = false;
        self.failure = None;
        self.built_at = self.program_built_at();
        self.engines += 1;
        match EngineProcess::start(self.engines, self.project.run(), &self.shared) {
            Ok(engine) => {
                self.starting = Some(engine);
                self.set(LoopState::Starting, String::new());
            }
            Err(error) => self.failed_to_start(format!("cannot start the program: {error}")),
        }
    }

    fn on_event(&mut self, number: u64, event: EngineEvent) {
        let is = |engine: &Option<EngineProcess>| engine.as_ref().is_some_and(|engine| engine.number() == number);
        let (is_starting, is_serving) = (is(&self.starting), is(&self.serving));
        match event {
            EngineEvent::Ready if is_starting => {
                if let Some(before) = std::mem::replace(&mut self.serving, self.starting.take()) {
                    before.leave();
                    self.leaving.push(before);
                }
                self.tell_who_answers();
                let seconds = self.changed_at.elapsed().as_secs_f64();
                match number {
                    1 => say("engine 1 answers"),
                    _ => say(format_args!("engine {number} answers, {seconds:.1} s after the change")),
                }
                if self.building.is_none() {
                    self.set(LoopState::Waiting, String::new());
                }
            }
            EngineEvent::Failed(text) if is_starting => self.failure = Some(text),
            EngineEvent::Ready | EngineEvent::Failed(_) => {}
            EngineEvent::Exited(exited) if is_starting => {
                self.starting = None;
                let reason = self.failure.take().unwrap_or_else(|| ended(&exited));
                self.failed_to_start(reason);
            }
            EngineEvent::Exited(exited) if is_serving => {
                self.serving = None;
                let reason = ended(&exited);
                say(format_args!("engine {number} has stopped ({reason}); {}", self.meanwhile()));
                self.set(LoopState::StartFailed, reason);
            }
            EngineEvent::Exited(_) => {
                self.leaving.retain(|engine| engine.number() != number);
                self.tell_who_answers();
            }
        }
    }

    fn failed_to_start(&mut self, reason: String) {
        say(format_args!("engine {} does not start: {reason}; {}", self.engines, self.meanwhile()));
        if self.building.is_none() {
            self.set(LoopState::StartFailed, reason.clone());
        }
        self.failure = Some(reason);
    }

    /// Returns what happens until the next change.
    fn meanwhile(&self) -> String {
        match &self.serving {
            Some(engine) => format!("engine {} goes on answering; waiting for a change", engine.number()),
            None => "requests wait for the next engine; waiting for a change".into(),
        }
    }

    /// Tells the engines the number of the one that answers, once no other does.
    fn tell_who_answers(&mut self) {
        if let Some(engine) = self.serving.as_ref().filter(|_| self.leaving.is_empty()) {
            self.status.engine = engine.number();
            self.shared.status.send_replace(to_json(&self.status));
        }
    }

    fn set(&mut self, state: LoopState, error: String) {
        (self.status.state, self.status.error) = (state, error);
        self.shared.status.send_replace(to_json(&self.status));
    }

    /// Ends all engines, and waits until they have exited.
    async fn end(&mut self) {
        let mut engines: Vec<EngineProcess> = self.leaving.drain(..).collect();
        engines.extend(self.starting.take().into_iter().chain(self.serving.take()));
        engines.iter().for_each(EngineProcess::end);
        let events = &mut self.events;
        let all = async {
            while !engines.is_empty() {
                if let Some((number, EngineEvent::Exited(_))) = events.recv().await {
                    engines.retain(|engine| engine.number() != number);
                }
            }
        };
        if timeout(self.grace + EXIT, all).await.is_err() {
            say("an engine did not end in time");
        }
    }
}

/// Waits for the end of a build; for ever if there is none.
async fn finished(building: &mut Option<JoinHandle<Result<(), String>>>) -> Result<(), String> {
    match building {
        Some(building) => building.await.unwrap_or_else(|error| Err(format!("cannot build: {error}"))),
        None => std::future::pending().await,
    }
}

fn ended(exited: &io::Result<ExitStatus>) -> String {
    match exited {
        Ok(status) => status.to_string(),
        Err(error) => format!("cannot wait for it: {error}"),
    }
}

/// Returns a status as engines serve it.
fn to_json(status: &Status) -> Bytes {
    // A number, a word and a text.
    serde_json::to_vec(status).unwrap_or_default().into()
}

/// The signals that end the loop: Ctrl-C, SIGTERM, and a terminal that is closed.
struct Signals([Signal; 3]);

impl Signals {
    fn new() -> io::Result<Self> {
        let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
        let [interrupt, terminate, hangup] = kinds.map(signal);
        Ok(Signals([interrupt?, terminate?, hangup?]))
    }

    async fn next(&mut self) {
        let [interrupt, terminate, hangup] = &mut self.0;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
    }
}
