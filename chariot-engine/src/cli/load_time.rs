//! The time that the models take to load, measured for `describe` and `pack`, and compared with the time that the
//! platform's probe waits.

use std::time::{Duration, Instant};

use super::{local_engine::LocalEngine, output::note};
use crate::{
    engine::{EngineBuilder, Prepared, StartError, prepare},
    registration::Probe,
    settings::LogLevel,
};

/// Loads and warms up the models as a start does, and returns the time that it took. Prints the warnings of the settings.
///
/// # Errors
/// Settings that are not valid, or a model that fails to load.
pub(super) fn measured(builder: EngineBuilder) -> Result<Duration, StartError> {
    // The error has the causes, so that no log has to repeat them.
    let Prepared { plan, warnings } = prepare(builder, Some(LogLevel::Off));
    warnings.iter().for_each(|warning| note("warning", warning));
    let plan = plan?;
    let begin = Instant::now();
    LocalEngine::start(plan)?;
    Ok(begin.elapsed())
}

/// Returns that the probe of a registration gives up before the model has loaded, if it does, and what to do.
pub(super) fn impatience(load_time: Duration) -> Option<String> {
    // The port does not matter here.
    let patience = Probe::new(0).patience();
    (load_time > patience).then(|| {
        let (patience, seconds) = (humantime::format_duration(patience), load_time.as_secs_f64().ceil());
        format!(
            "the platform's probe gives up after {patience} unless the engine is registered with \
             `describe --load-time {seconds}s`"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_load_that_outlasts_the_probe_is_told_with_the_option_that_helps() {
        assert_eq!(impatience(Duration::from_secs(15)), None);
        let text = impatience(Duration::from_millis(41_200)).unwrap();
        insta::assert_snapshot!(text, @"the platform's probe gives up after 15s unless the engine is registered with `describe --load-time 42s`");
    }
}
