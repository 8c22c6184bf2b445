//! The models that are measured, with the servers that serve each.

use std::{collections::BTreeMap, ffi::OsString, path::Path, process::Command};

use bytes::Bytes;
use serde::Deserialize;
use serde_json::Value;

use crate::{
    Failure,
    client::{Protocol, Request},
    machine,
    process::{Launch, Process, free_port},
    servers::engine_env,
};

/// A model, and the request that all of its servers are sent.
#[derive(Deserialize)]
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) about: String,
    body: Value,
    /// The largest difference of two numbers in the answers of the servers.
    pub(crate) tolerance: f64,
    pub(crate) servers: Vec<Server>,
    /// The command that runs the model without a server.
    pub(crate) alone: Alone,
}

#[derive(Deserialize)]
pub(crate) struct Server {
    pub(crate) name: String,
    command: Vec<String>,
    #[serde(default)]
    env: BTreeMap<String, String>,
    /// The size in bytes of what an image holds for it, without the model: a binary, or the packages of Python.
    pub(crate) size: f64,
}

#[derive(Deserialize)]
pub(crate) struct Alone {
    pub(crate) name: String,
    pub(crate) command: Vec<String>,
}

/// Builds and installs what the models need, and returns them.
pub(crate) fn read(only: &[String]) -> Result<Vec<Case>, Failure> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/cases");
    let profile = match machine::profile() {
        Some(debug) if debug == "debug" => "dev".to_owned(),
        profile => profile.unwrap_or_default(),
    };
    let mut command = Command::new(script);
    command.args(["--profile", &profile]).args(only);
    let output = command.stderr(std::process::Stdio::inherit()).output()?;
    if !output.status.success() {
        return Err("benches/models/cases failed".into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

impl Case {
    pub(crate) fn request(&self) -> Result<Request, Failure> {
        let json = ("content-type", "application/json".to_owned());
        Request::post("/infer", &[json], Bytes::from(serde_json::to_vec(&self.body)?))
    }
}

impl Server {
    /// Starts the server and waits until it is ready.
    pub(crate) async fn start(&self) -> Result<Process, Failure> {
        let port = free_port()?;
        let fill = |text: &str| text.replace("{port}", &port.to_string());
        let mut arguments: Vec<OsString> = vec!["become".into(), "--".into()];
        arguments.extend(self.command.iter().map(|part| fill(part).into()));
        let mut env = engine_env(port);
        env.push(("PYTHONDONTWRITEBYTECODE".into(), "1".into()));
        env.extend(self.env.iter().map(|(name, value)| (name.clone(), fill(value))));
        let launch = Launch {
            program: std::env::current_exe()?.into(),
            arguments,
            env,
            ready: "/ready".into(),
            protocol: Protocol::Http1,
        };
        Process::start(&launch, port).await
    }
}
