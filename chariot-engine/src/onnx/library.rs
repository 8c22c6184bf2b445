//! ONNX Runtime's shared library: where it is looked for, and what is said if it is missing. `runtime` and
//! `weights` call it.

use std::{
    env,
    error::Error as _,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use ort::{LoadDynamicError, environment::Environment, logging::LogLevel};

use crate::error::{Error, Result, printable, quoted};

/// The variable that has the path of the library. It is the one of the crate `ort`.
const VARIABLE: &str = "ORT_DYLIB_PATH";

/// The one environment of the process, as ONNX Runtime demands. It is never dropped, because there can be no second.
static ENVIRONMENT: Mutex<Option<Environment>> = Mutex::new(None);

/// Returns the environment of ONNX Runtime. Loads the library first if the process has not loaded it yet.
///
/// # Errors
/// Returns an error that says where the library was looked for, or what is wrong with the one that was found.
pub(super) fn environment(path: Option<&Path>) -> Result<Environment> {
    let mut environment = ENVIRONMENT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(environment) = &*environment {
        return Ok(environment.clone());
    }
    let loaded = load(path)?;
    // ONNX Runtime tells of every step at the level below.
    loaded.set_log_level(LogLevel::Warning);
    *environment = Some(loaded.clone());
    Ok(loaded)
}

/// Returns the reason why the library is not there, if nobody has said where it is. A library that is named must be there.
#[cfg(feature = "onnx-tract")]
pub(super) fn missing(path: Option<&Path>) -> Option<String> {
    let is_named = path.is_some() || env::var_os(VARIABLE).is_some_and(|path| !path.is_empty());
    if is_named { None } else { environment(None).err().map(|error| error.to_string()) }
}

/// Converts an error of ONNX Runtime, which can hold the builder that it is about, and parts of the file.
pub(super) fn failed<R>(error: ort::Error<R>) -> Error {
    Error::from(printable(error.message()).into_owned())
}

fn load(path: Option<&Path>) -> Result<Environment> {
    let named = path.map(|path| (path.to_owned(), "the options".to_owned())).or_else(|| {
        let path = env::var_os(VARIABLE).filter(|path| !path.is_empty())?;
        Some((path.into(), VARIABLE.to_owned()))
    });
    if let Some((path, source)) = named {
        // A file that does not exist would be looked for elsewhere.
        if !path.is_file() {
            let text = format!("{source}: expected the path of ONNX Runtime's library, got {}", show(&path));
            return Err(Error::from(format!("{text}, which is not a file")));
        }
        return open(&path).map_err(|fault| Error::from(format!("{source}: {}", fault.text)));
    }
    let folder = env::current_exe().ok().and_then(|program| Some(program.parent()?.to_owned()));
    if let Some(path) = folder.as_deref().and_then(beside) {
        return open(&path).map_err(|fault| Error::from(fault.text));
    }
    let names = [format!("{}.1", file_name()), file_name()];
    for name in &names {
        match open(Path::new(name)) {
            Err(fault) if fault.is_missing => {}
            other => return other.map_err(|fault| Error::from(fault.text)),
        }
    }
    Err(Error::from(format!(
        "ONNX Runtime's library was not found; looked for the path in {VARIABLE}, which is not set, for '{}' in {}, and for \
         {} in the folders of the system's loader",
        file_name(),
        folder.as_deref().map_or("the folder of the executable".to_owned(), show),
        names.map(|name| format!("'{name}'")).join(" and "),
    )))
}

/// Returns `libonnxruntime.so`, as this system writes it.
fn file_name() -> String {
    format!("{}onnxruntime{}", env::consts::DLL_PREFIX, env::consts::DLL_SUFFIX)
}

/// Returns the path of the library in this folder: with its plain name, or else with a version, of which the last in
/// alphabetical order is taken.
fn beside(folder: &Path) -> Option<PathBuf> {
    let plain = folder.join(file_name());
    if plain.is_file() {
        return Some(plain);
    }
    let stem = format!("{}onnxruntime.", env::consts::DLL_PREFIX);
    let is_library = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with(&stem) && name.contains(env::consts::DLL_SUFFIX) && path.is_file()
    };
    folder.read_dir().ok()?.flatten().map(|entry| entry.path()).filter(is_library).max()
}

struct Fault {
    text: String,
    /// Set if the loader has no library with the name.
    is_missing: bool,
}

fn open(path: &Path) -> std::result::Result<Environment, Fault> {
    let fault = |text: String| Fault { text, is_missing: false };
    let builder = ort::init_from(path).map_err(|error| match &error {
        LoadDynamicError::Dlopen { error, .. } => {
            let text = error.source().map_or_else(|| error.to_string(), ToString::to_string);
            Fault { text: format!("{} cannot be loaded: {text}", show(path)), is_missing: !path.is_file() }
        }
        LoadDynamicError::MissingApi { .. } | LoadDynamicError::InvalidVersionString => {
            fault(format!("{} is not ONNX Runtime's library", show(path)))
        }
        LoadDynamicError::BadVersion { version_str, .. } => {
            let least = ort::MINOR_VERSION;
            fault(format!("{}: expected ONNX Runtime 1.{least} or later, got {version_str}", show(path)))
        }
    })?;
    builder.with_telemetry(false).build().map_err(|error| fault(format!("{}: {error}", show(path))))
}

fn show(path: &Path) -> String {
    quoted(&path.to_string_lossy())
}
