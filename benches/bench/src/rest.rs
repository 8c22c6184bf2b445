//! Examples after their start: resident memory, and the time until they are ready.

use std::{path::PathBuf, process::Command, time::Duration};

use crate::{
    Failure,
    client::Protocol,
    figures::Spread,
    machine,
    plan::Plan,
    process::{Launch, Process, free_port},
    results::RestResult,
    servers::engine_env,
};

/// The starts of each example, for each round.
const STARTS: usize = 3;
/// The time after which a started engine has come to rest.
const SETTLED: Duration = Duration::from_millis(300);

pub(crate) async fn at_rest(plan: &Plan) -> Result<Vec<RestResult>, Failure> {
    let mut results = Vec::new();
    for example in ["identity", "digits"] {
        let program = build(example)?;
        let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
        let (mut resident, mut until_ready) = (Vec::new(), Vec::new());
        for _ in 0..STARTS * plan.rounds {
            let port = free_port()?;
            let mut env = engine_env(port);
            let model = root.join("examples").join(example).join("model");
            if model.is_dir() {
                let name = "CHARIOT_ENGINE_MODEL_DIR".to_string();
                env.push((name, model.to_str().ok_or("the path of the model is not UTF-8")?.to_string()));
            }
            let launch = Launch {
                program: program.clone().into(),
                arguments: Vec::new(),
                env,
                ready: "/ready".to_string(),
                protocol: Protocol::Http1,
            };
            let process = Process::start(&launch, port).await?;
            until_ready.push(process.started_in.as_secs_f64());
            tokio::time::sleep(SETTLED).await;
            resident.push(process.resident_memory()? as f64);
        }
        results.push(RestResult {
            example: example.to_string(),
            starts: resident.len(),
            resident_bytes: Spread::of(resident),
            seconds_until_ready: Spread::of(until_ready),
        });
    }
    Ok(results)
}

/// Builds an example alone, so that it has its own features only, in the profile of this binary. Returns its path.
pub(crate) fn build(example: &str) -> Result<PathBuf, Failure> {
    let profile = machine::profile().ok_or("expected a binary in a folder of cargo")?;
    let exe = std::env::current_exe()?;
    let folder = exe.parent().ok_or("this binary is not in a folder")?;
    let mut build = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    // The folder of the profile `dev` has another name.
    let name = if profile == "debug" { "dev" } else { &profile };
    build
        .args(["build", "--quiet", "-p", example, "--bin", example, "--profile", name, "--target-dir"])
        .arg(folder.parent().ok_or("this binary is not in a target folder")?)
        .current_dir(env!("CARGO_MANIFEST_DIR"));
    if build.status()?.success() {
        Ok(folder.join(example))
    } else {
        Err(format!("cargo build -p {example} failed").into())
    }
}
