//! Creates the archive of a model directory: `model-archive examples/digits/model model.zip`.

use std::{
    error::Error,
    fs::{self, File},
    io::{BufWriter, Write},
    path::{self, PathBuf},
    process::ExitCode,
};

use clap::Parser;

/// Creates a reproducible archive of a model directory for import into the platform.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// Model directory
    model_dir: PathBuf,
    /// Archive to write
    archive: PathBuf,
    /// Folder of the files in the archive. Default: its top level
    #[arg(long, value_name = "NAME")]
    top_folder: Option<String>,
}

fn main() -> ExitCode {
    match made(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn made(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let Arguments { model_dir, archive, top_folder } = arguments;
    // The next run would include it as a model file.
    if path::absolute(archive)?.starts_with(path::absolute(model_dir)?) {
        return Err(format!("'{}': expected an archive outside of the model directory", archive.display()).into());
    }
    let unwritten = |error| format!("'{}': {error}", archive.display());
    let mut file = BufWriter::new(File::create(archive).map_err(unwritten)?);
    let written = model_archive::write(model_dir, top_folder.as_deref(), &mut file);
    if let Err(error) = written {
        // An incomplete archive is useless.
        fs::remove_file(archive).map_err(unwritten)?;
        return Err(error.into());
    }
    file.flush().map_err(unwritten)?;
    Ok(())
}
