//! Runs `tests/manifests/run`: validates the manifests of `deploy/`, and others that a built `digits` prints, against
//! the published schemas.

fn main() -> std::process::ExitCode {
    e2e::run_script("manifests", concat!(env!("CARGO_MANIFEST_DIR"), "/run"))
}
