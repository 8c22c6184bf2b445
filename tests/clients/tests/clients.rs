//! Runs `tests/clients/run`: the Python clients of NVIDIA and KServe against the examples.

fn main() -> std::process::ExitCode {
    e2e::run_script("real_clients", concat!(env!("CARGO_MANIFEST_DIR"), "/run"))
}
