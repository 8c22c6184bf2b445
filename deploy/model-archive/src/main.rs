//! Makes the archive of a model directory: `model-archive examples/digits/model model.zip`.

use std::{
    error::Error,
    fs::{self, File},
    io::{BufWriter, Write},
    path::{self, PathBuf},
    process::ExitCode,
};

use clap::Parser;

/// Makes the archive of a model directory that the platform imports; the same files make the same bytes.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// The directory with the model's files
    model_dir: PathBuf,
    /// The archive to write
    archive: PathBuf,
    /// Puts the files into a folder of this name; without it they stand at the archive's top
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
    // It would be a file of the model the next time.
    if path::absolute(archive)?.starts_with(path::absolute(model_dir)?) {
        return Err(format!("'{}': an archive outside the model directory is expected", archive.display()).into());
    }
    let unwritten = |error| format!("'{}': {error}", archive.display());
    let mut file = BufWriter::new(File::create(archive).map_err(unwritten)?);
    let written = model_archive::write(model_dir, top_folder.as_deref(), &mut file);
    if let Err(error) = written {
        // Half an archive is of no use to anybody.
        fs::remove_file(archive).map_err(unwritten)?;
        return Err(error.into());
    }
    file.flush().map_err(unwritten)?;
    Ok(())
}
