//! Fuzzes one target for any length of time: `cargo run --release -p fuzz -- json --executions 10000000`.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::ExitCode,
    time::{Duration, Instant},
};

use fuzz::{Finding, Options, Report, TARGETS, Watch, memory::Counting, run, run_one, seeds, target};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The time limit for one input.
const PATIENCE: Duration = Duration::from_secs(20);

const USAGE: &str = "usage: fuzz TARGET [--executions N] [--seconds N] [--seed N] [--longest BYTES] [--keep FOLDER]
       fuzz TARGET --input FILE
  --executions  number of inputs to run (default: 1000000)
  --seconds     time limit
  --seed        seed of the mutations (default: 1)
  --longest     longest input in bytes (default: 1024)
  --keep        folder for the inputs with a new outcome
  --input       run this input only
An input that fails is written to a file in the current folder.

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
    let (name, rest) = arguments.split_first().ok_or("expected a target, got no arguments")?;
    let target = target(name).ok_or_else(|| format!("expected a target, got '{name}'"))?;
    let mut options = Options { executions: 1_000_000, time: None, seed: 1, longest: 1024 };
    let (mut keep, mut input) = (None, None);
    for pair in rest.chunks(2) {
        let [option, value] = pair else { return Err(format!("{}: expected a value, got nothing", pair[0])) };
        let number = || value.parse::<u64>().map_err(|_| format!("{option}: expected a number, got '{value}'"));
        match option.as_str() {
            "--executions" => options.executions = number()?,
            "--seconds" => options.time = Some(Duration::from_secs(number()?)),
            "--seed" => options.seed = number()?,
            "--longest" => options.longest = usize::try_from(number()?).map_err(|error| error.to_string())?,
            "--keep" => keep = Some(PathBuf::from(value)),
            "--input" => input = Some(PathBuf::from(value)),
            other => return Err(format!("expected an option, got '{other}'")),
        }
    }
    if let Some(path) = input {
        let bytes = fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        return Ok(match run_one(target, &bytes) {
            Ok(outcome) => {
                println!("{outcome:?}");
                ExitCode::SUCCESS
            }
            Err(_) => ExitCode::FAILURE,
        });
    }
    let seeds = seeds(target.name).map_err(|error| format!("cannot read the seeds of {name}: {error}"))?;
    let seeds: Vec<_> = seeds.into_iter().map(|(_, seed)| seed).collect();
    let hung = target.name;
    let watch = Watch::start(PATIENCE, move |input| {
        eprintln!("{hung}: an input does not finish: {}", save(hung, "hang", input));
        std::process::exit(1);
    });
    let mut last = Instant::now();
    let done = run(target, &seeds, options, Some(&watch), |report| {
        if last.elapsed() > Duration::from_secs(10) {
            last = Instant::now();
            print(target.name, report);
        }
    });
    match done {
        Ok(report) => {
            print(target.name, &report);
            if let Some(folder) = keep {
                write_all(&folder, &report.kept).map_err(|error| format!("{}: {error}", folder.display()))?;
            }
            Ok(ExitCode::SUCCESS)
        }
        Err(Finding { input, panic }) => {
            eprintln!("{}: {panic}: {}", target.name, save(target.name, "panic", &input));
            Ok(ExitCode::FAILURE)
        }
    }
}

fn print(target: &str, report: &Report) {
    let Report { executions, accepted, outcomes, peak, slowest, live, time, .. } = report;
    let rate = *executions as f64 / time.as_secs_f64();
    println!(
        "{target}: {executions} executions in {:.0} s ({rate:.0} per second), {accepted} accepted, {outcomes} outcomes; \
         peak memory {} bytes (input of {} bytes), slowest {:.1} ms (input of {} bytes), allocated {} then {} bytes",
        time.as_secs_f64(),
        peak.0,
        peak.1,
        slowest.0.as_secs_f64() * 1e3,
        slowest.1,
        live.0,
        live.1,
    );
}

/// Writes an input to a file in the current folder, and returns its name.
fn save(target: &str, what: &str, input: &[u8]) -> String {
    let name = format!("{what}-{target}-{:08x}", checksum(input));
    match fs::write(&name, input) {
        Ok(()) => name,
        Err(error) => format!("cannot write {name}: {error}; {input:?}"),
    }
}

fn write_all(folder: &Path, inputs: &[Vec<u8>]) -> std::io::Result<()> {
    fs::create_dir_all(folder)?;
    inputs.iter().try_for_each(|input| fs::write(folder.join(format!("{:08x}", checksum(input))), input))
}

/// Returns a checksum to name a file by (FNV-1a).
fn checksum(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |sum, byte| (sum ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}
