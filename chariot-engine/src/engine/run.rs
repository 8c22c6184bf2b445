//! A process that is nothing but its engine: environment, logs, port, signals, exit code. The generated `main` ends up
//! here; nothing that an embedder meets does.

use std::{process::ExitCode, time::Duration};

use tokio::{net::TcpListener, runtime::Runtime};

use super::{Engine, EngineBuilder, StartError, plan::Plan, variables};
use crate::{
    device::DeviceId,
    runtime::{State, available_cores},
    settings::{
        DeviceChoice, EngineSettings, Environment, LogFormat, LogLevel, SettingSpec, from_environment, host_and_port,
    },
    telemetry,
};

/// The exit code of a process that had to give up requests, or that a second signal ended.
const CUT_SHORT: u8 = 1;

/// How long those who wait for an answer are given to read that the device is lost.
const LAST_ANSWERS: Duration = Duration::from_secs(1);

/// What became of a builder, in a process that is set up as it says.
pub(crate) struct Prepared {
    pub(crate) plan: Result<Plan, StartError>,
    /// What looks wrong, also where there is no plan.
    pub(crate) warnings: Vec<String>,
}

/// Reads and checks the builder with the process's environment, tells the libraries below of the threads, and installs the
/// logs. It must be called before the process has a second thread.
///
/// Log lines go to standard output, as the platform reads them. For a command that has another output, `aside` sends them
/// to standard error, for people, at this level unless the operator has set one.
pub(crate) fn prepare(builder: EngineBuilder, aside: Option<LogLevel>) -> Prepared {
    let environment = Environment::process();
    let builder = if builder.has_environment() { builder } else { builder.environment(environment.clone()) };
    let mut warnings = Vec::new();
    let plan = Plan::new(builder, &mut warnings);
    let settings = match &plan {
        Ok(plan) => plan.settings.clone(),
        // The faults themselves are to be logged, as far as it is known how.
        Err(_) => log_settings(&environment),
    };
    // Before any thread exists, the one of the logs included.
    if let Ok(plan) = &plan {
        variables::set_threads(plan.threads(|settings| likely_device(settings.device)));
    }
    match aside {
        None => telemetry::install(settings.log_level, settings.log_format, telemetry::Stream::Output),
        Some(level) => {
            let given = |name: &str| environment.get(name).is_some_and(|level| !level.trim().is_empty());
            let is_set = |name: &&str| given(name) || given(&format!("{name}{}", SettingSpec::FILE_SUFFIX));
            let level = if LOG_LEVELS.iter().any(is_set) { settings.log_level } else { level };
            telemetry::install(level, settings.log_format.or(Some(LogFormat::Human)), telemetry::Stream::Error);
        }
    }
    Prepared { plan, warnings }
}

/// The runtime that the engine's I/O runs on.
pub(crate) fn io_runtime() -> Result<Runtime, StartError> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(available_cores())
        .thread_name("chariot-io")
        .enable_all()
        .build()
        .map_err(StartError::Thread)
}

pub(super) fn run(builder: EngineBuilder) -> ExitCode {
    let Prepared { plan, warnings } = prepare(builder, None);
    // What looks wrong may be why something else is.
    for warning in warnings {
        tracing::warn!("{warning}");
    }
    let result = plan.and_then(|plan| {
        let runtime = io_runtime()?;
        let result = runtime.block_on(live(&runtime, plan));
        // A model that blocks must not keep the process: its threads end with it.
        runtime.shutdown_background();
        result
    });
    match result {
        Ok(code) => code,
        Err(error) => {
            // These have been logged by the worker, with all their causes.
            if !matches!(error, StartError::Load(_) | StartError::DeviceLost(_)) {
                tracing::error!("the engine does not start: {error}");
            }
            ExitCode::from(error.exit_code())
        }
    }
}

/// The variables that say how much is logged.
const LOG_LEVELS: [&str; 2] = ["CHARIOT_ENGINE_LOG_LEVEL", "LOG_LEVEL"];

/// The settings of the logs alone, from an environment whose other settings may be at fault.
fn log_settings(environment: &Environment) -> EngineSettings {
    let about_logs = |name: &str| {
        let name = name.strip_suffix(SettingSpec::FILE_SUFFIX).unwrap_or(name);
        LOG_LEVELS.contains(&name) || name == "CHARIOT_ENGINE_LOG_FORMAT"
    };
    let only: Environment = environment.iter().filter(|(name, _)| about_logs(name)).collect();
    from_environment(&only).unwrap_or_default()
}

/// The kind of device that will be opened, as far as it can be told before anything is opened.
pub(super) fn likely_device(choice: DeviceChoice) -> DeviceId {
    let gpu = cfg!(any(feature = "cuda", feature = "metal"));
    match choice {
        DeviceChoice::Cuda(index) => DeviceId::Cuda(index.unwrap_or(0)),
        DeviceChoice::Metal => DeviceId::Metal(0),
        DeviceChoice::Auto if gpu => DeviceId::Cuda(0),
        DeviceChoice::Auto | DeviceChoice::Cpu => DeviceId::Cpu,
    }
}

/// From the open port to the end.
async fn live(runtime: &Runtime, plan: Plan) -> Result<ExitCode, StartError> {
    let address = host_and_port(&plan.settings.host, plan.settings.port);
    let bind = |source| StartError::Bind { address: address.clone(), source };
    let mut signals = Signals::new().map_err(StartError::Thread)?;
    let listener = TcpListener::bind(&address).await.map_err(bind)?;
    let local = listener.local_addr().map_err(bind)?;
    tracing::info!(address = %local, "listening");
    let engine = plan.start(runtime.handle())?;
    let (stop, stopped) = tokio::sync::oneshot::channel();
    let mut serving = {
        let engine = engine.clone();
        tokio::spawn(async move {
            let stop = async {
                let _ = stopped.await;
            };
            engine.serve(listener, stop).await
        })
    };

    let first = tokio::select! {
        signal = signals.next() => signal,
        error = failure(&engine) => {
            if matches!(error, StartError::DeviceLost(_)) {
                // Those who wait are told; nobody else is served.
                let _ = stop.send(());
                let _ = tokio::time::timeout(LAST_ANSWERS, serving).await;
            }
            return Err(error);
        }
        _ = &mut serving => return Err(StartError::Stopped),
    };
    tracing::info!(signal = first.name(), "a signal to stop");
    let served_before = engine.state() == State::Ready;
    engine.drain();
    if first == Signal::Terminate && served_before {
        tokio::select! {
            () = tokio::time::sleep(engine.settings().drain_delay) => {}
            signal = signals.next() => return Ok(at_once(signal)),
        }
    }
    let _ = stop.send(());
    let abandoned = tokio::select! {
        abandoned = &mut serving => abandoned.map_err(|_| StartError::Stopped)?,
        signal = signals.next() => return Ok(at_once(signal)),
    };
    if abandoned > 0 {
        tracing::error!(abandoned, "the grace has passed; requests were given up");
        return Ok(ExitCode::from(CUT_SHORT));
    }
    tracing::info!("the engine has stopped");
    Ok(ExitCode::SUCCESS)
}

fn at_once(signal: Signal) -> ExitCode {
    tracing::warn!(signal = signal.name(), "a second signal: the engine ends at once");
    ExitCode::from(CUT_SHORT)
}

/// Ends when the model could not be loaded, or its device is lost.
async fn failure(engine: &Engine) -> StartError {
    match engine.failure().await {
        Some(error) => error,
        None => std::future::pending().await,
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Signal {
    /// SIGTERM: the platform wants the process to end, and may still send requests for a while.
    Terminate,
    /// SIGINT: a person at a terminal.
    Interrupt,
}

impl Signal {
    fn name(self) -> &'static str {
        match self {
            Signal::Terminate => "SIGTERM",
            Signal::Interrupt => "SIGINT",
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
