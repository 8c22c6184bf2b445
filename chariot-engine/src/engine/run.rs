//! The engine as a process of its own: environment, logs, port, signals, exit code. The generated `main` ends up here;
//! embedders never do.

use std::{
    io::IsTerminal,
    process::ExitCode,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::runtime::Runtime;

use super::{
    allocator, builder::EngineBuilder, descriptors, error::StartError, handle::Engine, plan::Plan, port::Port,
    thread_env,
};
#[cfg(all(feature = "dev", unix))]
use crate::dev::Link;
use crate::{
    device::DeviceId,
    runtime::{CoreThreads, State, available_cores},
    settings::{DeviceChoice, EngineSettings, Environment, LogFormat, LogLevel, SettingSpec, from_environment},
    telemetry::{self, Traces},
};

/// The exit code of a process that abandoned requests, or was stopped by a second signal.
const CUT_SHORT: u8 = 1;

/// The time that waiting callers get to read the error after the device is lost.
const LAST_RESPONSES: Duration = Duration::from_secs(1);

/// The longest time in which spans are sent at the end, within the grace period.
const LAST_SPANS: Duration = Duration::from_secs(5);

/// The environment variables of the log level.
const LOG_LEVELS: [&str; 2] = ["CHARIOT_ENGINE_LOG_LEVEL", "LOG_LEVEL"];

impl EngineBuilder {
    /// Runs the engine as a process of its own until it receives a signal, and returns the exit code: 0 after a
    /// complete drain, 78 for a fault of configuration, 74 for a lost device, 1 for a model that fails to load or for
    /// abandoned requests.
    ///
    /// It reads the process's environment, logs to standard output (a line that nobody reads in time is lost and
    /// counted, and never holds up a request), listens on `CHARIOT_ENGINE_HOST` and
    /// `CHARIOT_ENGINE_PORT`, and handles SIGTERM and SIGINT. Call it first in `main`: it sets environment variables,
    /// which is safe only before any other thread exists.
    pub fn run(self) -> ExitCode {
        self.run_on(Port::Own)
    }

    /// Runs the engine as [`run`](Self::run) does, on the port of a development loop, until the loop stops it or ends.
    #[cfg(all(feature = "dev", unix))]
    pub(crate) fn run_in_loop(self, link: Link) -> ExitCode {
        self.run_on(Port::OfLoop { link, status: None })
    }

    fn run_on(self, mut port: Port) -> ExitCode {
        let Prepared { plan, warnings } = prepare(self, None);
        // First, as a warning can explain the error.
        for warning in warnings {
            tracing::warn!("{warning}");
        }
        let result = plan.and_then(|mut plan| {
            plan.settings.page.get_or_insert_with(is_for_developers);
            if let Some(warning) = descriptors::fit(&mut plan.settings) {
                tracing::warn!("{warning}");
            }
            allocator::bound_fragmentation(plan.least_inflight_bytes());
            let runtime = io_runtime()?;
            plan.traces = export_spans(&plan, &runtime);
            let result = runtime.block_on(live(&runtime, plan, &mut port));
            // A model that blocks must not keep the process alive: its threads end with the process.
            runtime.shutdown_background();
            result
        });
        let code = match result {
            Ok(code) => code,
            Err(error) => {
                port.report_failure(&error);
                match &error {
                    // The worker has logged these, with all their causes.
                    StartError::Load(_) | StartError::DeviceLost(_) => {}
                    error => tracing::error!("cannot start engine: {error}"),
                }
                ExitCode::from(error.exit_code())
            }
        };
        telemetry::flush();
        code
    }
}

/// The plan of a builder, in a process whose logs and threads are set up.
pub(crate) struct Prepared {
    pub(crate) plan: Result<Plan, StartError>,
    /// The warnings, also if there is no plan.
    pub(crate) warnings: Vec<String>,
}

/// Reads and checks the builder with the process's environment, sets the number of threads of candle and rayon, and
/// installs the logs. It must be called before the process has a second thread.
///
/// Log lines go to standard output, where the platform reads them. For a command with an output of its own, `aside`
/// sends them to standard error, in the format for people, at this level unless the operator has set one.
pub(crate) fn prepare(builder: EngineBuilder, aside: Option<LogLevel>) -> Prepared {
    let environment = Environment::process();
    let builder = if builder.environment.is_some() { builder } else { builder.environment(environment.clone()) };
    let own = builder.own_crate;
    let mut warnings = Vec::new();
    let plan = Plan::for_start(builder, &mut warnings);
    let settings = match &plan {
        Ok(plan) => plan.settings.clone(),
        // The faults themselves are logged too, with those settings of the logs that are valid.
        Err(_) => log_settings(&environment),
    };
    // Before any thread exists, that of the logs included.
    if let Ok(plan) = &plan {
        thread_env::set_threads(plan.threads(|settings| likely_device(settings.device)));
    }
    match aside {
        None => telemetry::install(&settings.log_level, own, settings.log_format, telemetry::Stream::Output),
        Some(level) => {
            let has_value = |name: &str| environment.get(name).is_some_and(|level| !level.trim().is_empty());
            let is_set = |name: &&str| has_value(name) || has_value(&format!("{name}{}", SettingSpec::FILE_SUFFIX));
            let filter = if LOG_LEVELS.iter().any(is_set) { settings.log_level } else { level.into() };
            telemetry::install(&filter, own, settings.log_format.or(Some(LogFormat::Human)), telemetry::Stream::Error);
        }
    }
    Prepared { plan, warnings }
}

/// Starts the export of spans that the environment asks for.
fn export_spans(plan: &Plan, runtime: &Runtime) -> Option<Traces> {
    let traces = Traces::from_environment(&Environment::process(), runtime.handle(), &plan.name, &plan.version);
    traces.unwrap_or_else(|fault| {
        tracing::warn!("no spans are exported: {fault}");
        None
    })
}

/// Returns `true` if a developer runs the process: on a terminal, or by cargo.
fn is_for_developers() -> bool {
    let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    cfg!(feature = "page") && (std::io::stdout().is_terminal() || is_set("CARGO") || is_set("CARGO_MANIFEST_DIR"))
}

/// Returns the runtime for the engine's I/O.
pub(crate) fn io_runtime() -> Result<Runtime, StartError> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(available_cores())
        .thread_name("chariot-io")
        .enable_all()
        .build()
        .map_err(StartError::Thread)
}

/// Returns the settings of the logs alone, from an environment whose other settings can have faults.
fn log_settings(environment: &Environment) -> EngineSettings {
    let is_about_logs = |name: &str| {
        let name = name.strip_suffix(SettingSpec::FILE_SUFFIX).unwrap_or(name);
        LOG_LEVELS.contains(&name) || name == "CHARIOT_ENGINE_LOG_FORMAT"
    };
    let only: Environment = environment.iter().filter(|(name, _)| is_about_logs(name)).collect();
    from_environment(&only).unwrap_or_default()
}

/// Returns the kind of device that will be opened, as far as it is known before one is opened.
pub(super) fn likely_device(choice: DeviceChoice) -> DeviceId {
    let gpu = cfg!(any(feature = "cuda", feature = "metal"));
    match choice {
        DeviceChoice::Cuda(index) => DeviceId::Cuda(index.unwrap_or(0)),
        DeviceChoice::Metal => DeviceId::Metal(0),
        DeviceChoice::Auto if gpu => DeviceId::Cuda(0),
        DeviceChoice::Auto | DeviceChoice::Cpu => DeviceId::Cpu,
    }
}

/// Runs the engine from its start to its shutdown.
async fn live(runtime: &Runtime, mut plan: Plan, port: &mut Port) -> Result<ExitCode, StartError> {
    plan.log_start();
    let mut signals = Signals::new().map_err(StartError::Thread)?;
    let (listener, address) = port.open(&mut plan).await?;
    if !port.is_of_loop() {
        tracing::info!("listening on http://{address}");
        if plan.settings.page == Some(true) {
            tracing::info!("try the engine in a browser: {}", plan.page_url(address));
        }
    }
    let cores = available_cores();
    let traces = plan.traces.clone();
    let engine = plan.start(runtime.handle(), Some(address), cores)?;
    if port.is_of_loop() {
        tokio::select! {
            ready = engine.ready() => ready?,
            // A newer engine takes its place.
            _ = signals.next() => return Ok(ExitCode::SUCCESS),
            () = port.loop_ended() => return Ok(ExitCode::SUCCESS),
        }
        port.report_ready();
    }
    let core_threads = Arc::new(CoreThreads::new(cores, runtime.handle().clone()));
    let (stop, stopped) = tokio::sync::oneshot::channel();
    let mut serving = {
        let engine = engine.clone();
        tokio::spawn(async move {
            let stop = async {
                let _ = stopped.await;
            };
            engine.serve_on(listener, Some(core_threads), stop).await
        })
    };

    let first = tokio::select! {
        signal = signals.next() => signal,
        () = port.loop_ended() => Signal::LoopEnded,
        error = failure(&engine) => {
            if matches!(error, StartError::DeviceLost(_)) {
                // Waiting callers get an error response; no more connections are accepted.
                let _ = stop.send(());
                let _ = tokio::time::timeout(LAST_RESPONSES, serving).await;
            }
            return Err(error);
        }
        _ = &mut serving => return Err(StartError::Stopped),
    };
    let was_ready = engine.state() == State::Ready;
    engine.drain();
    let name = first.name();
    if first == Signal::Terminate && was_ready {
        let delay = engine.settings().drain_delay;
        tracing::info!("received {name}, draining for {delay:?}");
        tokio::select! {
            () = tokio::time::sleep(delay) => {}
            signal = signals.next() => return Ok(exit_now(signal)),
        }
    } else {
        tracing::info!("received {name}, shutting down");
    }
    let _ = stop.send(());
    let (grace, stopping) = (engine.settings().grace, Instant::now());
    let abandoned = tokio::select! {
        abandoned = &mut serving => abandoned.map_err(|_| StartError::Stopped)?,
        signal = signals.next() => return Ok(exit_now(signal)),
    };
    if let Some(traces) = traces {
        let limit = grace.saturating_sub(stopping.elapsed()).min(LAST_SPANS);
        tokio::select! {
            _ = tokio::task::spawn_blocking(move || traces.shutdown(limit)) => {}
            signal = signals.next() => return Ok(exit_now(signal)),
        }
    }
    if abandoned > 0 {
        tracing::error!(
            abandoned,
            "shutdown incomplete: requests were still in flight after {grace:?} (CHARIOT_ENGINE_GRACE)"
        );
        return Ok(ExitCode::from(CUT_SHORT));
    }
    tracing::info!("shutdown complete");
    Ok(ExitCode::SUCCESS)
}

/// Ends the process after a second signal.
fn exit_now(signal: Signal) -> ExitCode {
    tracing::warn!("received a second signal ({}), exiting now", signal.name());
    ExitCode::from(CUT_SHORT)
}

/// Waits until a model fails to load or loses its device.
async fn failure(engine: &Engine) -> StartError {
    match engine.failure().await {
        Some(error) => error,
        None => std::future::pending().await,
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Signal {
    /// SIGTERM: the platform stops the process, and can still send requests for a while.
    Terminate,
    /// SIGINT: a person at a terminal stops the process.
    Interrupt,
    /// The development loop that has started the process has ended.
    LoopEnded,
}

impl Signal {
    fn name(self) -> &'static str {
        match self {
            Signal::Terminate => "SIGTERM",
            Signal::Interrupt => "SIGINT",
            Signal::LoopEnded => "the end of the development loop",
        }
    }
}

#[cfg(unix)]
struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn new() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Signals { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.terminate.recv() => Signal::Terminate,
            _ = self.interrupt.recv() => Signal::Interrupt,
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Signals)
    }

    async fn next(&mut self) -> Signal {
        match tokio::signal::ctrl_c().await {
            Ok(()) => Signal::Interrupt,
            Err(_) => std::future::pending().await,
        }
    }
}
