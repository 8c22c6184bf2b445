//! The commands and their options. The doc comments on them are the help texts.

use std::{path::PathBuf, time::Duration};

use bytesize::ByteSize;
use clap::{Args, Parser, Subcommand, ValueEnum};
use serde_json::Value;

use crate::{
    engine::EngineBuilder,
    error::{Expected, quoted},
    registration::{ManifestOptions, ScaleBy},
    settings::SettingValue,
};

#[derive(Debug, Parser)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Arguments {
    #[command(subcommand)]
    pub(super) command: Option<Command>,
    /// The options of `serve`, which is the command if none is given.
    #[command(flatten)]
    pub(super) serve: Serve,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Serve the model until the process receives a signal; the default command
    Serve(Serve),
    /// Serve the model while you work on it: rebuild and replace it after each change of its sources
    #[command(hide = cfg!(not(all(feature = "dev", unix))))]
    Dev(Dev),
    /// Print the registration of the engine, or manifests that deploy it
    Describe(Describe),
    /// Make the archive of the model's files that the platform imports
    Pack(Pack),
    /// Find faults of settings, files and model before anything is deployed
    Check,
    /// Load the model and print its outputs for files, without a server
    Infer(Infer),
    /// Print the settings, or their values
    Settings(Settings),
}

// The settings that have a flag. Their values are read like those of the environment variables that they override. (No
// doc comment: clap would print it as the description of the engine.)
#[derive(Args, Debug, Default)]
pub(super) struct Serve {
    /// Listen on this port; overrides CHARIOT_ENGINE_PORT
    #[arg(long, value_name = "PORT")]
    port: Option<String>,
    /// Listen on this IP address or host name; overrides CHARIOT_ENGINE_HOST
    #[arg(long, value_name = "ADDRESS")]
    host: Option<String>,
    /// Serve under this path; overrides CHARIOT_ENGINE_BASE_URL
    #[arg(long, value_name = "PATH")]
    base_url: Option<String>,
    /// Compute on this device: auto, cpu, cuda, cuda:1 or metal; overrides CHARIOT_ENGINE_DEVICE
    #[arg(long, value_name = "DEVICE")]
    device: Option<String>,
}

impl Serve {
    /// Sets the flags' values in the builder, with precedence over the environment.
    pub(super) fn set_flags(self, builder: EngineBuilder) -> EngineBuilder {
        let Serve { port, host, base_url, device } = self;
        [
            ("--port", "CHARIOT_ENGINE_PORT", port),
            ("--host", "CHARIOT_ENGINE_HOST", host),
            ("--base-url", "CHARIOT_ENGINE_BASE_URL", base_url),
            ("--device", "CHARIOT_ENGINE_DEVICE", device),
        ]
        .into_iter()
        .fold(builder, |builder, (flag, name, value)| match value {
            Some(value) => builder.flag(flag, name, value),
            None => builder,
        })
    }
}

// The options of features are those of `cargo run`, which does not tell them to the program.
#[derive(Args, Debug)]
pub(super) struct Dev {
    #[command(flatten)]
    serve: Serve,
    /// Build with these features of the package, as given to `cargo run`
    #[arg(long, value_name = "FEATURES")]
    features: Vec<String>,
    /// Build with all features of the package
    #[arg(long)]
    all_features: bool,
    /// Build without the default features of the package
    #[arg(long)]
    no_default_features: bool,
}

impl Dev {
    /// Returns the options of the engine, and arguments of cargo.
    pub(super) fn into_parts(self) -> (Serve, Vec<String>) {
        let mut features: Vec<String> = self.features.into_iter().map(|names| format!("--features={names}")).collect();
        features.extend(self.all_features.then(|| "--all-features".into()));
        features.extend(self.no_default_features.then(|| "--no-default-features".into()));
        (self.serve, features)
    }
}

#[derive(Args, Debug)]
pub(super) struct Describe {
    /// The output format
    #[arg(long, value_enum, default_value_t = DescribeFormat::Json)]
    pub(super) format: DescribeFormat,
    /// The id of the project to register the engine in
    #[arg(long, value_name = "ID")]
    pub(super) project_id: Option<String>,
    /// The name of the organization of that project, for python
    #[arg(long, value_name = "NAME")]
    pub(super) org_name: Option<String>,
    /// The name of that project, for python
    #[arg(long, value_name = "NAME")]
    pub(super) project_name: Option<String>,
    /// The image for machines without a GPU [default: <name>:<version>, unless --image-gpu is given]
    #[arg(long, value_name = "IMAGE")]
    pub(super) image_cpu: Option<String>,
    /// The image for machines with a GPU
    #[arg(long, value_name = "IMAGE")]
    pub(super) image_gpu: Option<String>,
    /// Make this the default version of the engine
    #[arg(long)]
    pub(super) default: bool,
    /// The path to serve under; `{model_id}` is replaced by the model's id
    #[arg(long, value_name = "PATH")]
    pub(super) base_url: Option<String>,
    /// Offer operators all settings of the runtime that they can change, not only the commonly changed ones
    #[arg(long)]
    pub(super) all_settings: bool,
    /// The time that the model takes to load, such as 90s; without a value, loads the model here and measures it. The
    /// probes wait for twice this time
    #[arg(long, value_name = "TIME", value_parser = time, num_args = 0..=1)]
    pub(super) load_time: Option<Option<Duration>>,
    #[command(flatten)]
    pub(super) cluster: Cluster,
}

#[derive(Args, Debug)]
#[command(next_help_heading = "Options for k8s and kserve")]
pub(super) struct Cluster {
    /// The CPU cores of a pod
    #[arg(long, value_name = "CORES", default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..))]
    cpus: u32,
    /// The memory of a pod, such as 2GiB [default: the limit of requests in flight, plus 1GiB for the model]
    #[arg(long, value_name = "SIZE", value_parser = size)]
    memory: Option<ByteSize>,
    /// The maximum number of pods
    #[arg(long, value_name = "PODS", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..))]
    max_replicas: u32,
    /// The metric that the number of pods follows, on k8s [default: cpu, or in-flight on GPUs]
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
    /// CPU usage
    Cpu,
    /// Requests in flight, from the engine's metrics; needs an adapter for Prometheus
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
pub(super) struct Pack {
    /// The archive to write; its name ends in .zip or .tar.gz
    #[arg(value_name = "ARCHIVE", default_value = "model.zip")]
    pub(super) archive: PathBuf,
    /// The directory of the model's files; overrides CHARIOT_ENGINE_MODEL_DIR
    #[arg(long, value_name = "DIRECTORY")]
    pub(super) model_dir: Option<String>,
    /// Put the files into this folder in the archive [default: its top level]
    #[arg(long, value_name = "NAME")]
    pub(super) top_folder: Option<String>,
    /// Pack the targets of links that lead out of the directory, instead of refusing such links
    #[arg(long)]
    pub(super) follow_links: bool,
    /// Pack without the test load that finds missing and broken files
    #[arg(long)]
    pub(super) no_load: bool,
    /// Replace the archive if it exists
    #[arg(long)]
    pub(super) force: bool,
}

#[derive(Args, Clone, Debug, Default)]
pub(super) struct Infer {
    /// Files with one item each (an image, a text, ...), or requests as .json; `-` for standard input
    #[arg(required = true, value_name = "FILE")]
    pub(super) files: Vec<PathBuf>,
    /// The model to call [default: the engine's default model]
    #[arg(long, value_name = "NAME")]
    pub(super) model: Option<String>,
    /// The action to perform [default: the model's default action]
    #[arg(long)]
    pub(super) action: Option<String>,
    /// A parameter of the items; a value that is not JSON is a string
    #[arg(long = "parameter", value_name = "NAME=VALUE", value_parser = parameter)]
    pub(super) parameters: Vec<(String, Value)>,
    /// Draw the output onto the image, and write it to this file; the number of the image is added to the name if there
    /// are several
    #[arg(long, value_name = "IMAGE", hide = !cfg!(feature = "draw"))]
    pub(super) draw: Option<PathBuf>,
    /// Print the whole response instead of the outputs alone
    #[arg(long)]
    pub(super) response: bool,
}

#[derive(Args, Debug)]
pub(super) struct Settings {
    /// The output format
    #[arg(long, value_enum, default_value_t = SettingsFormat::Table)]
    pub(super) format: SettingsFormat,
    /// Print the type, the value and the origin of each setting
    #[arg(long, conflicts_with = "format")]
    pub(super) explain: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum SettingsFormat {
    /// A table for a terminal
    Table,
    /// A file of environment variables, as .env.example
    Env,
    /// A JSON Schema
    JsonSchema,
    /// A table for a README
    Markdown,
    /// The settings in the registration
    PredictorEnvSchema,
}

/// Parses a size.
fn size(text: &str) -> Result<ByteSize, String> {
    ByteSize::parse(text).map_err(|expected| Expected::new(expected, quoted(text)).into())
}

/// Parses a duration.
fn time(text: &str) -> Result<Duration, String> {
    Duration::parse(text).map_err(|expected| Expected::new(expected, quoted(text)).into())
}

/// Parses `NAME=VALUE`.
pub(super) fn parameter(text: &str) -> Result<(String, Value), String> {
    let (name, value) = text.split_once('=').ok_or_else(|| Expected::new("NAME=VALUE", quoted(text)))?;
    let value = serde_json::from_str(value).unwrap_or_else(|_| value.into());
    Ok((name.into(), value))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_arguments_are_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn a_parameter_is_json_or_a_string() {
        assert_eq!(parameter("a=0.5"), Ok(("a".into(), 0.5.into())));
        assert_eq!(parameter("a=b=c"), Ok(("a".into(), "b=c".into())));
        assert!(parameter("a").is_err());
    }

    #[test]
    fn serve_is_the_default_command_and_has_the_same_flags() {
        let parse = |arguments: &[&str]| Arguments::try_parse_from([&["engine"], arguments].concat());
        let port = |arguments: &[&str]| match parse(arguments).unwrap() {
            Arguments { command: Some(Command::Serve(serve)), .. } | Arguments { command: None, serve } => serve.port,
            other => panic!("{other:?}"),
        };
        assert_eq!(port(&["--port", "9000"]).as_deref(), Some("9000"));
        assert_eq!(port(&["serve", "--port", "9000"]).as_deref(), Some("9000"));
        assert_eq!(port(&[]), None);
        assert!(parse(&["--port", "9000", "check"]).is_err());
    }

    /// The help is what a new user reads first.
    #[test]
    fn help() {
        let mut command = Arguments::command().name("engine");
        // Hidden in builds without the features `draw` and `dev`.
        command = command.mut_subcommand("infer", |infer| infer.mut_arg("draw", |draw| draw.hide(false)));
        command = command.mut_subcommand("dev", |dev| dev.hide(false));
        command.build();
        let mut texts = vec![command.render_long_help().to_string()];
        for name in ["serve", "dev", "describe", "pack", "infer", "settings"] {
            texts.push(command.find_subcommand_mut(name).expect("the command exists").render_help().to_string());
        }
        insta::assert_snapshot!("help", texts.join("\n---\n"));
    }

    #[test]
    fn messages() {
        insta::assert_snapshot!(parameter("a").unwrap_err(), @"expected NAME=VALUE, got 'a'");
    }
}
