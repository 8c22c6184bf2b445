//! The Cargo profile that the engine is built with, as far as it decides what a panic does. The plan warns of it.

/// Returns the warning about a profile in which a panic ends the process.
pub(super) fn warning(aborts: bool) -> Option<String> {
    aborts.then(|| {
        "the engine is built with panic = \"abort\": one request that panics ends the process and all other requests; \
         remove `panic = \"abort\"` from the profile in Cargo.toml"
            .into()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_profile_that_aborts_is_warned_of() {
        assert_eq!(warning(false), None);
        insta::assert_snapshot!("panic_abort", warning(true).unwrap());
    }
}
