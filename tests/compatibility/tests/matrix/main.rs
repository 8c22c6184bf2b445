//! Programs of the field against an engine: proxies in front of it, clients, health checks, readers of logs and metrics.
//! Each table of `docs/compatibility.md` is a test, which compares its rows with what this machine shows; a program that is
//! not installed is skipped, with a word. `UPDATE_COMPATIBILITY=1` writes the rows.
//!
//! | file | contents |
//! |---|---|
//! | `programs` | finding a program and its version |
//! | `engines` | the engine, its requests, and what holds it busy |
//! | `sockets` | free ports, and the connections of a port |
//! | `clients` | clients as processes that send a request and print the response |
//! | `proxies` | proxies as processes in front of an engine |
//! | `checks` | health checks of load balancers |
//! | `outputs` | readers of logs and metrics |
//! | `cell` | the result of a scenario |
//! | `table` | running the rows of a table |
//! | `document` | the page, compared or written |

mod cell;
mod checks;
mod clients;
mod document;
mod engines;
mod outputs;
mod programs;
mod proxies;
mod sockets;
mod table;

/// The engine under test.
const ENGINE: &str = env!("CARGO_BIN_EXE_compatibility");

/// The folder of this package.
const FOLDER: &str = env!("CARGO_MANIFEST_DIR");

#[test]
fn proxies_in_front_of_an_engine() {
    table::check("proxies", &proxies::SCENARIOS, proxies::rows());
}

#[test]
fn clients_of_an_engine() {
    table::check("clients", &clients::SCENARIOS, clients::rows());
}

#[test]
fn health_checks_of_load_balancers() {
    table::check("checks", &checks::SCENARIOS, checks::rows());
}

#[test]
fn readers_of_logs_and_metrics() {
    table::check("outputs", &outputs::SCENARIOS, outputs::rows());
}
