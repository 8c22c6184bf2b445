//! Runs the target that the environment variable `FUZZ_TARGET` names, guided by coverage: libFuzzer calls it.
#![no_main]

use std::sync::OnceLock;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    static TARGET: OnceLock<&fuzz::Target> = OnceLock::new();
    let target = TARGET.get_or_init(|| {
        let name = std::env::var("FUZZ_TARGET").unwrap_or_default();
        fuzz::target(&name).unwrap_or_else(|| panic!("FUZZ_TARGET: expected the name of a target, got '{name}'"))
    });
    (target.run)(input);
});
