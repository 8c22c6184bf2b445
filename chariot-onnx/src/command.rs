//! The command line of the program: that of every engine, with `--model`. `main` calls it.

use std::{
    ffi::OsString,
    io::{self, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use chariot_engine::{Engine, settings::Environment};

use crate::{
    classifier::OnnxClassifier,
    detector::OnnxDetector,
    embedder::OnnxEmbedder,
    engine_file::{EngineFile, Task},
    message::expected,
    named::OnnxModel,
};

/// The first paragraph is in `--help`.
const ABOUT: &str = "Serves an ONNX file: its named tensors, or with an `engine.json` beside it images, boxes or texts.\n\n\
                     Named tensors are those of the file.";

/// The end of the help of each command.
const MODEL_HELP: &str = "\
The ONNX file:
      --model <FILE>     Serve this file, in any command. Default: the only file *.onnx in the model directory, which is
                         CHARIOT_ENGINE_MODEL_DIR, or else /mnt/models if it exists, or else ./model
";

/// The end of `--help`.
const HELP: &str = "
Without an engine.json in the directory of the file, the engine serves the tensors of the file by their names. With
one, it is an engine of a task. Any of these lines is enough:

  {\"task\": \"Object Detection\", \"labels\": [\"cat\", \"dog\"]}
  {\"task\": \"Image Classification\", \"labels\": [\"cat\", \"dog\"]}
  {\"task\": \"Text Embedding\"}

Labels are in the order of the model's classes. They can be in a class_labels.json instead, or in the ONNX file, where
exporters of the YOLO family write them. Text Embedding needs the tokenizer.json of the model.

For example, this prints the boxes in a picture:

  echo '{\"task\": \"Object Detection\", \"labels\": [\"cat\", \"dog\"]}' > engine.json
  chariot-onnx --model yolo.onnx infer picture.png
";

/// The note after an `infer` that failed, if nothing says what the tensors of the file mean.
const NO_TASK: &str = "note: no engine.json in the directory of the ONNX file, so the engine takes named tensors; for \
                       images and texts, see `chariot-onnx --help`";

/// The note after an `infer` that failed for lack of a directory.
const NO_DIRECTORY: &str = "note: the engine looks for its files in the model directory; `--model FILE` names an ONNX file \
                            elsewhere";

/// The exit code of a faulty command line.
const USAGE: u8 = 2;

/// Runs the engine with the arguments of a command line, of which the first is the name of the program.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let (model, arguments) = match split(arguments.into_iter().collect()) {
        Ok(split) => split,
        Err(NoFile) => {
            let fault = expected("the path of an ONNX file", "nothing");
            // If this cannot be written, there is no other place to report it.
            let _ = writeln!(io::stderr(), "error: --model: {fault}\n\nFor more information, try '--help'.");
            return ExitCode::from(USAGE);
        }
    };
    let dir = model.as_deref().map_or_else(|| model_dir(&arguments), |file| parent(file).to_path_buf());
    let builder = Engine::builder();
    let name =
        model.as_deref().and_then(Path::file_stem).map_or_else(|| "onnx".into(), |stem| name(&stem.to_string_lossy()));
    let note = match dir.is_dir() {
        true => (!EngineFile::exists_in(&dir)).then_some(NO_TASK),
        false => model.is_none().then_some(NO_DIRECTORY),
    };
    let file = EngineFile::read_in(&dir);
    let builder = match file.task {
        None => builder.model::<OnnxModel>(name),
        Some(Task::ImageClassification) => builder.model::<OnnxClassifier>(name),
        Some(Task::ObjectDetection) => builder.model::<OnnxDetector>(name),
        Some(Task::TextEmbedding) => builder.model::<OnnxEmbedder>(name),
    };
    let onnx_file = match &model {
        Some(file) => file.file_name().map(PathBuf::from),
        None => Environment::process().get("ONNX_FILE").map(PathBuf::from),
    };
    let builder = match file.labels_in(&dir, onnx_file) {
        Some(labels) => builder.class_labels(labels),
        None => builder,
    };
    let builder = builder.version(env!("CARGO_PKG_VERSION")).description(ABOUT).own_crate(module_path!());
    let builder = match &model {
        None => builder,
        Some(file) => builder
            .setting("CHARIOT_ENGINE_MODEL_DIR", dir.to_string_lossy())
            .setting("ONNX_FILE", file.file_name().unwrap_or_default().to_string_lossy()),
    };
    let first = arguments.get(1).and_then(|argument| argument.to_str()).unwrap_or_default().to_owned();
    let only_one = arguments.len() == 2;
    let asks = first == "help" || arguments.iter().any(|argument| argument == "--help" || argument == "-h");
    let code = builder.command_line_from(arguments);
    if asks && code == ExitCode::SUCCESS {
        // If this cannot be written, the help before it could not either.
        let _ = write!(io::stdout(), "\n{MODEL_HELP}");
        if only_one {
            let _ = write!(io::stdout(), "{HELP}");
        }
    }
    if let Some(note) = note.filter(|_| first == "infer" && code == ExitCode::FAILURE) {
        let _ = writeln!(io::stderr(), "{note}");
    }
    code
}

/// Returns the directory of a file.
fn parent(file: &Path) -> &Path {
    file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// A `--model` without a file.
#[derive(Debug, PartialEq, Eq)]
struct NoFile;

/// Returns the file of `--model FILE` or `--model=FILE`, if it is there, and the other arguments.
fn split(mut arguments: Vec<OsString>) -> Result<(Option<PathBuf>, Vec<OsString>), NoFile> {
    let Some(at) = arguments.iter().position(|argument| argument == "--model") else {
        let with_value = |argument: &OsString| Some(PathBuf::from(argument.to_str()?.strip_prefix("--model=")?));
        let found = arguments.iter().enumerate().find_map(|(at, argument)| Some((at, with_value(argument)?)));
        let Some((at, file)) = found else { return Ok((None, arguments)) };
        arguments.remove(at);
        return if file.as_os_str().is_empty() { Err(NoFile) } else { Ok((Some(file), arguments)) };
    };
    if arguments.get(at + 1).is_none_or(|file| file.is_empty()) {
        return Err(NoFile);
    }
    arguments.remove(at);
    let file = arguments.remove(at).into();
    Ok((Some(file), arguments))
}

/// Returns the directory of the engine's files: the one of `pack --model-dir`, or of the environment.
fn model_dir(arguments: &[OsString]) -> PathBuf {
    let option = arguments.iter().enumerate().find_map(|(at, argument)| match argument.to_str()? {
        "--model-dir" => arguments.get(at + 1).map(PathBuf::from),
        other => other.strip_prefix("--model-dir=").map(PathBuf::from),
    });
    let option = option.filter(|dir| !dir.as_os_str().is_empty());
    option.unwrap_or_else(|| Engine::model_dir(&Environment::process()))
}

/// Returns the name of a model for its routes: letters, digits, `-`, `_` and `.`.
fn name(stem: &str) -> String {
    let is_free = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let name: String = stem.chars().map(|c| if is_free(c) { c } else { '-' }).collect();
    if name.chars().any(|c| c.is_ascii_alphanumeric()) { name } else { "onnx".into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_model_is_taken_out_of_the_arguments() {
        let split = |arguments: &[&str]| {
            let (model, rest) = split(arguments.iter().map(OsString::from).collect()).unwrap();
            (model.map(|path| path.display().to_string()), rest.join(" ".as_ref()).into_string().unwrap())
        };
        let model = || Some("a/b.onnx".to_string());
        assert_eq!(split(&["p", "--model", "a/b.onnx", "check"]), (model(), "p check".into()));
        assert_eq!(split(&["p", "serve", "--model=a/b.onnx", "--port", "1"]), (model(), "p serve --port 1".into()));
        for without in [&["p", "--model"][..], &["p", "--model="], &["p", "--model", ""]] {
            assert_eq!(super::split(without.iter().map(OsString::from).collect()), Err(NoFile), "{without:?}");
        }
        assert_eq!(split(&["p"]), (None, "p".into()));
        assert_eq!((parent(Path::new("b.onnx")), name("my model?")), (Path::new("."), "my-model-".into()));
    }
}
