//! The commands and their options. The comments on them are the help that a person reads.

use std::path::PathBuf;

use bytesize::ByteSize;
use clap::{Args, Parser, Subcommand, ValueEnum};
use serde_json::Value;

use crate::{
    registration::{ManifestOptions, ScaleBy},
    settings::SettingValue,
};

#[derive(Debug, Parser)]
pub(super) struct Arguments {
    #[command(subcommand)]
    pub(super) command: Option<Command>,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Serve the model until the process is told to stop; what no command at all does too
    Serve,
    /// Print what must be told to register and to deploy the engine
    Describe(Describe),
    /// Say what would go wrong here, before anything is deployed
    Check,
    /// BatchCost the model, and print its answers about files, without a server
    Infer(Infer),
    /// Print what can be set, and what is
    Settings(Settings),
}

#[derive(Args, Debug)]
pub(super) struct Describe {
    /// What to print
    #[arg(long, value_enum, default_value_t = DescribeFormat::Json)]
    pub(super) format: DescribeFormat,
    /// The project that the engine is registered in
    #[arg(long, value_name = "ID")]
    pub(super) project_id: Option<String>,
    /// The image for machines without a GPU [default: <name>:<version>, if no image is named]
    #[arg(long, value_name = "IMAGE")]
    pub(super) image_cpu: Option<String>,
    /// The image for machines with a GPU
    #[arg(long, value_name = "IMAGE")]
    pub(super) image_gpu: Option<String>,
    /// Make it the version that a model gets which names none
    #[arg(long)]
    pub(super) default: bool,
    /// The path to serve under; `{model_id}` in it stands for the model's id
    #[arg(long, value_name = "PATH")]
    pub(super) base_url: Option<String>,
    /// Offer operators all settings of the runtime that they can change, not only the commonly changed ones
    #[arg(long)]
    pub(super) all_settings: bool,
    #[command(flatten)]
    pub(super) cluster: Cluster,
}

#[derive(Args, Debug)]
#[command(next_help_heading = "Options for k8s and kserve")]
pub(super) struct Cluster {
    /// The cores of a pod
    #[arg(long, value_name = "CORES", default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..))]
    cpus: u32,
    /// The memory of a pod, such as 2GiB [default: what requests in flight may hold, and 1GiB for the model]
    #[arg(long, value_name = "SIZE", value_parser = size)]
    memory: Option<ByteSize>,
    /// The most pods
    #[arg(long, value_name = "PODS", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..))]
    max_replicas: u32,
    /// What the number of pods follows, on k8s [default: cpu, or in-flight on GPUs]
    #[arg(long, value_enum)]
    pub(super) scale_by: Option<By>,
}

impl From<Cluster> for ManifestOptions {
    fn from(Cluster { cpus, memory, max_replicas, scale_by }: Cluster) -> Self {
        let scale_by = scale_by.map(|by| match by {
            By::Cpu => ScaleBy::Cpu,
            By::InFlight => ScaleBy::InFlight,
        });
        ManifestOptions { cpus, memory, max_replicas, scale_by }
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum By {
    /// The use of the cores
    Cpu,
    /// The requests in hand, by the engine's metrics; needs an adapter for Prometheus
    InFlight,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum DescribeFormat {
    /// The parameters of the registration
    Json,
    /// A program that registers the engine and imports its model
    Python,
    /// A Deployment, a Service and a HorizontalPodAutoscaler
    K8s,
    /// A ServingRuntime and an InferenceService
    Kserve,
}

#[derive(Args, Debug)]
pub(super) struct Infer {
    /// Pictures, texts or whatever an item is; requests, as .json; `-` for standard input
    #[arg(required = true, value_name = "FILE")]
    pub(super) files: Vec<PathBuf>,
    /// The model to ask [default: the engine's default model]
    #[arg(long, value_name = "NAME")]
    pub(super) model: Option<String>,
    /// The action to ask for
    #[arg(long)]
    pub(super) action: Option<String>,
    /// A parameter of the items; a value that is no JSON is a text
    #[arg(long = "parameter", value_name = "NAME=VALUE", value_parser = parameter)]
    pub(super) parameters: Vec<(String, Value)>,
    /// Print the whole response, and not the answers alone
    #[arg(long)]
    pub(super) response: bool,
}

#[derive(Args, Debug)]
pub(super) struct Settings {
    /// What to print
    #[arg(long, value_enum, default_value_t = SettingsFormat::Table)]
    pub(super) format: SettingsFormat,
    /// Print each with its type, its value and where this came from
    #[arg(long, conflicts_with = "format")]
    pub(super) explain: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum SettingsFormat {
    /// A table for a terminal
    Table,
    /// A file of variables, as .env.example
    Env,
    /// A JSON Schema
    JsonSchema,
    /// A table for a README
    Markdown,
    /// What the registration says of them
    PredictorEnvSchema,
}

fn size(text: &str) -> Result<ByteSize, String> {
    ByteSize::parse(text).map_err(|expected| format!("expected {expected}"))
}

pub(super) fn parameter(text: &str) -> Result<(String, Value), String> {
    let (name, value) = text.split_once('=').ok_or("NAME=VALUE is expected")?;
    let value = serde_json::from_str(value).unwrap_or_else(|_| value.into());
    Ok((name.into(), value))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_arguments_are_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn a_parameter_is_json_or_a_text() {
        assert_eq!(parameter("a=0.5"), Ok(("a".into(), 0.5.into())));
        assert_eq!(parameter("a=b=c"), Ok(("a".into(), "b=c".into())));
        assert!(parameter("a").is_err());
    }
}
