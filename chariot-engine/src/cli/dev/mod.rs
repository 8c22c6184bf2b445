//! `dev`: serves the engine, and rebuilds and replaces it whenever its sources change. The port stays open all the time.
//!
//! | file | holds |
//! |---|---|
//! | `project` | the package of the engine, and the command that builds it |
//! | `sources` | the files that are watched |
//! | `build` | one run of cargo |
//! | `socket` | the socket on which a new engine finds its loop |
//! | `process` | an engine that the loop has started |
//! | `development_loop` | the loop: changes, builds, engines |

mod build;
mod development_loop;
mod process;
mod project;
mod socket;
mod sources;

use std::{net::TcpListener, path::PathBuf, process::ExitCode};

use self::{development_loop::DevelopmentLoop, project::Project, sources::Sources};
use super::{
    arguments::Serve,
    output::{fail, note, write},
};
use crate::{
    dev::Link,
    engine::{EngineBuilder, Plan, StartError, listen},
    settings::host_and_port,
};

/// The exit code of a loop that could not begin.
const FAILED: u8 = 1;

/// The defaults of the settings under `dev`. The environment and flags override them.
///
/// The port is for this machine alone. An engine that is replaced tells its clients to reconnect for a moment, and does not
/// wait for a platform to notice.
const DEFAULTS: [(&str, &str); 4] =
    [("HOST", "127.0.0.1"), ("LOG_FORMAT", "human"), ("REQUEST_LOG", "all"), ("DRAIN_DELAY", "100ms")];

/// Runs the loop, or serves as an engine that the loop has started. Takes options of the engine, and arguments of cargo.
pub(super) fn dev(builder: EngineBuilder, (serve, features): (Serve, Vec<String>)) -> ExitCode {
    let builder = DEFAULTS.iter().fold(builder, |builder, (name, value)| builder.default_setting(*name, *value));
    #[cfg(feature = "page")]
    let builder = builder.default_setting("PAGE", "true");
    let builder = serve.set_flags(builder);
    match Link::from_environment() {
        Some(Ok(link)) => builder.run_in_loop(link),
        Some(Err(error)) => fail(format_args!("dev: cannot reach the development loop: {error}"), FAILED),
        None => match run(builder, features) {
            Ok(code) => code,
            Err(Fault::Start(error)) => fail(&error, error.exit_code()),
            Err(Fault::Other(text)) => fail(format_args!("dev: {text}"), FAILED),
        },
    }
}

/// A fault because of which the loop does not begin.
enum Fault {
    /// Settings that are not valid, or a port that cannot be opened.
    Start(StartError),
    /// Anything else.
    Other(String),
}

/// Runs the loop until the process receives a signal.
fn run(builder: EngineBuilder, features: Vec<String>) -> Result<ExitCode, Fault> {
    let mut warnings = Vec::new();
    // The engines log the warnings.
    let plan = builder.plan(&mut warnings).map_err(Fault::Start)?;
    let project = Project::of_process(features).map_err(Fault::Other)?;
    let models: Vec<PathBuf> = plan.models().iter().map(|model| model.model_dir().to_path_buf()).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Fault::Other(format!("cannot start: {error}")))?;
    runtime.block_on(async {
        let sources = Sources::watch(project.sources(), &models)
            .map_err(|error| Fault::Other(format!("cannot watch the sources: {error}")))?;
        let port = open(&plan).await.map_err(Fault::Start)?;
        let development_loop = DevelopmentLoop::new(project, sources, port, plan.settings().grace);
        Ok(development_loop.run().await)
    })
}

/// Opens the port of all engines, and says where it is.
async fn open(plan: &Plan) -> Result<TcpListener, StartError> {
    let settings = plan.settings();
    let address = host_and_port(&settings.host, settings.port);
    let opened = listen(&address).await.and_then(|port| Ok((port.local_addr()?, port.into_std()?)));
    let (address, port) = opened.map_err(|source| StartError::Bind { address, source })?;
    say(format_args!("listening on http://{address}"));
    if settings.page == Some(true) {
        say(format_args!("try the engine in a browser: {}", plan.page_url(address)));
    }
    Ok(port)
}

/// Tells the developer what the loop does, between the lines of its engines' logs.
fn say(text: impl std::fmt::Display) {
    if let Err(error) = write(&format!("{}\n", super::output::one_line(format!("dev: {text}")))) {
        note("warning", format_args!("cannot write to standard output: {error}"));
    }
}
