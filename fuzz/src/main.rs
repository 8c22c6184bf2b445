//! Fuzzes one target for as long as one likes: `cargo run --release -p fuzz -- json --executions 10000000`.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::ExitCode,
    time::{Duration, Instant},
};

use fuzz::{Finding, Options, Report, TARGETS, Watch, memory::Counting, named, one, run, seeds};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// How long one input may take.
const PATIENCE: Duration = Duration::from_secs(20);

const USAGE: &str = "usage: fuzz TARGET [--executions N] [--seconds N] [--seed N] [--longest BYTES] [--keep FOLDER]
       fuzz TARGET --input FILE
  --executions  how many inputs to run (1000000)
  --seconds     when to stop, if it is not done by then
  --seed        decides the inputs (1)
  --longest     the longest input (1024)
  --keep        where to write the inputs that gave something new
  --input       runs this one input
What goes wrong is written to a file beside where it was started, and named.

targets:";

fn main() -> ExitCode {
    let arguments: Vec<_> = env::args().skip(1).collect();
    match begin(&arguments) {
        Ok(code) => code,
        Err(text) => {
            eprintln!("{text}\n\n{USAGE}");
            TARGETS.iter().for_each(|target| eprintln!("  {:11} {}", target.name, target.about));
            ExitCode::from(2)
        }
    }
}

fn begin(arguments: &[String]) -> Result<ExitCode, String> {
    let (name, rest) = arguments.split_first().ok_or("a target is expected")?;
    let target = named(name).ok_or_else(|| format!("a target is expected, '{name}' came"))?;
    let mut options = Options { executions: 1_000_000, time: None, seed: 1, longest: 1024 };
    let (mut keep, mut input) = (None, None);
    for pair in rest.chunks(2) {
        let [option, value] = pair else { return Err(format!("a value is expected after {}", pair[0])) };
        let number =
            || value.parse::<u64>().map_err(|_| format!("a number is expected after {option}, '{value}' came"));
        match option.as_str() {
            "--executions" => options.executions = number()?,
            "--seconds" => options.time = Some(Duration::from_secs(number()?)),
            "--seed" => options.seed = number()?,
            "--longest" => options.longest = usize::try_from(number()?).map_err(|error| error.to_string())?,
            "--keep" => keep = Some(PathBuf::from(value)),
            "--input" => input = Some(PathBuf::from(value)),
            other => return Err(format!("an option is expected, '{other}' came")),
        }
    }
    if let Some(path) = input {
        let bytes = fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        return Ok(match one(target, &bytes) {
            Ok(outcome) => {
                println!("{outcome:?}");
                ExitCode::SUCCESS
            }
            Err(_) => ExitCode::FAILURE,
        });
    }
    let seeds = seeds(target.name).map_err(|error| format!("the seeds of {name} cannot be read: {error}"))?;
    let seeds: Vec<_> = seeds.into_iter().map(|(_, seed)| seed).collect();
    let hung = target.name;
    let watch = Watch::start(PATIENCE, move |input| {
        eprintln!("{hung}: an input does not come to an end: {}", save(hung, "hang", input));
        std::process::exit(1);
    });
    let mut told = Instant::now();
    let done = run(target, &seeds, options, Some(&watch), |report| {
        if told.elapsed() > Duration::from_secs(10) {
            told = Instant::now();
            tell(target.name, report);
        }
    });
    match done {
        Ok(report) => {
            tell(target.name, &report);
            if let Some(folder) = keep {
                write_all(&folder, &report.kept).map_err(|error| format!("{}: {error}", folder.display()))?;
            }
            Ok(ExitCode::SUCCESS)
        }
        Err(Finding { input, said }) => {
            eprintln!("{}: {said}: {}", target.name, save(target.name, "panic", &input));
            Ok(ExitCode::FAILURE)
        }
    }
}

fn tell(target: &str, report: &Report) {
    let Report { executions, accepted, outcomes, peak, slowest, live, time, .. } = report;
    let rate = *executions as f64 / time.as_secs_f64();
    println!(
        "{target}: {executions} executions in {:.0} s ({rate:.0} a second), {accepted} accepted, {outcomes} outcomes; \
         most memory at once {} bytes (input of {}), slowest {:.1} ms (input of {}), allocated {} then {} bytes",
        time.as_secs_f64(),
        peak.0,
        peak.1,
        slowest.0.as_secs_f64() * 1e3,
        slowest.1,
        live.0,
        live.1,
    );
}

/// Writes an input to a file of the current folder, and says which.
fn save(target: &str, what: &str, input: &[u8]) -> String {
    let name = format!("{what}-{target}-{:08x}", checksum(input));
    match fs::write(&name, input) {
        Ok(()) => name,
        Err(error) => format!("{name} cannot be written: {error}; {input:?}"),
    }
}

fn write_all(folder: &Path, inputs: &[Vec<u8>]) -> std::io::Result<()> {
    fs::create_dir_all(folder)?;
    inputs.iter().try_for_each(|input| fs::write(folder.join(format!("{:08x}", checksum(input))), input))
}

/// A name for some bytes (FNV-1a).
fn checksum(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |sum, byte| (sum ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}
