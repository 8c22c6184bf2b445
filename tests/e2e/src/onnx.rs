//! ONNX Runtime's shared library, which a script takes out of a Python package. Tests of ONNX models ask for it.

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

/// Returns the path of the library, after installing it if it is not there. Without it, for lack of Python or of a network,
/// prints that the test is skipped.
pub fn onnx_runtime() -> Option<&'static Path> {
    static LIBRARY: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let library = LIBRARY.get_or_init(|| {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../onnx/install");
        let installed = Command::new(&script).output().map_err(|error| format!("{}: {error}", script.display()))?;
        if !installed.status.success() {
            return Err(String::from_utf8_lossy(&installed.stderr).trim().to_owned());
        }
        // Beside the programs that cargo builds.
        let program = std::env::current_exe().map_err(|error| error.to_string())?;
        let libraries = program.ancestors().map(|folder| folder.join("onnxruntime/libonnxruntime.so"));
        libraries.into_iter().find(|path| path.is_file()).ok_or_else(|| "the script has left no library".into())
    });
    match library {
        Ok(path) => Some(path),
        Err(why) => {
            println!("SKIPPED: ONNX Runtime cannot be installed: {why}");
            None
        }
    }
}
