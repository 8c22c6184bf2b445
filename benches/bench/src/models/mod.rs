//! The example engines with real models, beside Python that serves the same models and beside the model alone.
//!
//! | file | holds |
//! |---|---|
//! | `cases` | the models, with the servers that serve each, as `benches/models/cases` prints them |
//! | `alone` | a model in Python without a server |
//! | `answers` | the comparison of answers |
//! | `measure` | the measurement of a model |
//! | `document` | the tables, and `docs/models.md` |

mod alone;
mod answers;
mod cases;
mod document;
mod measure;

use std::time::Duration;

use clap::Args;

use crate::{Failure, machine::Machine};

/// The options of `bench models`.
#[derive(Args)]
pub(crate) struct Options {
    /// Measures only this model; can be repeated
    #[arg(long, value_name = "MODEL")]
    only: Vec<String>,
    /// Rounds of each measurement
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// The length of a round in seconds
    #[arg(long, default_value_t = 2.0)]
    seconds: f64,
    /// Number of connections
    #[arg(long, default_value_t = 8)]
    connections: usize,
    /// Starts of each server
    #[arg(long, default_value_t = 3)]
    starts: usize,
    /// Writes the tables to `docs/models.md`
    #[arg(long, conflicts_with = "only")]
    write: bool,
}

/// Measures all models.
pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    if options.rounds == 0 || options.connections == 0 || options.starts == 0 || options.seconds <= 0.0 {
        return Err("expected at least one round, one connection and one start, and a length above 0".into());
    }
    let cases = cases::read(&options.only)?;
    let plan = measure::Plan {
        rounds: options.rounds,
        time: Duration::from_secs_f64(options.seconds),
        connections: options.connections,
        starts: options.starts,
    };
    // One thread, as for the other workloads.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut parts = vec![document::title(&Machine::read(), &plan)];
    println!("{}", parts[0]);
    for case in &cases {
        let part = document::table(case, &runtime.block_on(measure::case(case, &plan))?);
        println!("{part}");
        parts.push(part);
    }
    if options.write { document::write(&parts.join("\n")) } else { Ok(()) }
}
