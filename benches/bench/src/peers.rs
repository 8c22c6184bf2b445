//! Servers in Python that other people run for the same purpose, in the environments that `tests/peers` installs.

use std::{collections::BTreeMap, ffi::OsString, path::Path, process::Command};

use clap::ValueEnum;
use serde::Deserialize;

use crate::{
    Failure,
    client::Protocol,
    process::{Launch, free_port},
    roles::Served,
    workloads::Workload,
};

/// A server in Python, as `tests/peers/installed` prints it.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Peer {
    name: String,
    command: Vec<String>,
    #[serde(default)]
    env: BTreeMap<String, String>,
    ready: String,
    /// The route of each model that the server has.
    paths: BTreeMap<String, String>,
    /// Set if the server reads and writes binary tensors.
    #[serde(default)]
    binary: bool,
}

impl Peer {
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Returns whether the server can answer the requests of a workload.
    pub(crate) fn serves(&self, workload: &Workload) -> bool {
        let protocol = workload.protocol == Protocol::Http1 && (self.binary || !workload.is_binary());
        protocol && self.path(workload.model).is_some()
    }

    /// Returns the route of a model, if the server has it.
    pub(crate) fn path(&self, model: Served) -> Option<&str> {
        self.paths.get(model.to_possible_value()?.get_name()).map(String::as_str)
    }

    pub(crate) fn launch(&self, port: u16) -> Result<Launch, Failure> {
        let ports = [port, free_port()?, free_port()?].map(|port| port.to_string());
        let fill = |text: &str| {
            let [first, second, third] = &ports;
            text.replace("{port}", first).replace("{port2}", second).replace("{port3}", third)
        };
        let mut arguments: Vec<OsString> = vec!["become".into(), "--".into()];
        arguments.extend(self.command.iter().map(|part| fill(part).into()));
        let mut env: Vec<_> = self.env.iter().map(|(name, value)| (name.clone(), fill(value))).collect();
        env.push(("PYTHONDONTWRITEBYTECODE".to_string(), "1".to_string()));
        Ok(Launch {
            program: std::env::current_exe()?.into(),
            arguments,
            env,
            ready: self.ready.clone(),
            protocol: Protocol::Http1,
        })
    }
}

/// Installs the servers, and returns those that could be.
pub(crate) fn installed() -> Result<Vec<Peer>, Failure> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/peers/installed");
    let output = Command::new(script).stderr(std::process::Stdio::inherit()).output()?;
    if !output.status.success() {
        return Err("tests/peers/installed failed".into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}
