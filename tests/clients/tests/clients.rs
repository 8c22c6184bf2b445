//! Runs `tests/clients/run`, which runs NVIDIA's and KServe's Python clients against the examples.

fn main() -> std::process::ExitCode {
    e2e::run_script("real_clients", concat!(env!("CARGO_MANIFEST_DIR"), "/run"))
}
