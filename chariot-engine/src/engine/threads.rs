//! The number of workers that run a model, and of threads of each. The plan uses it.

use crate::settings::EngineSettings;

/// The number of workers of a model, and of threads that each computes with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Threads {
    /// The workers on each device.
    pub(super) workers: usize,
    pub(super) threads: usize,
}

/// The cores of a model, which it may share with others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cores {
    all: usize,
    models: usize,
}

impl Cores {
    /// Divides cores among models.
    pub(super) fn new(all: usize, models: usize) -> Self {
        Cores { all, models: models.max(1) }
    }

    fn of_model(self) -> usize {
        (self.all / self.models).max(1)
    }

    /// Returns the default number of workers on a CPU. Where several models share few cores, a model has a second worker: one
    /// call that blocks would hold up all of its others, although a core is free.
    fn workers(self, cores: usize) -> usize {
        if self.models > 1 { cores.max(2) } else { cores }
    }
}

/// Divides the cores among workers.
///
/// On a CPU the default is one worker for each core, with one thread each, which serves the most requests per second;
/// if one of the two settings is set, the other gets the remaining cores. Where the default is not one for each core
/// (`per_core`), it is one worker: on a GPU, which computes itself, and for a model whose worker runs all calls together.
/// Several devices share the cores.
pub(super) fn divide(settings: &EngineSettings, per_core: bool, devices: usize, shared: Cores) -> Threads {
    let cores = (shared.of_model() / devices.max(1)).max(1);
    let (workers, threads) = match (settings.workers, settings.threads) {
        (Some(workers), Some(threads)) => (workers, threads),
        (Some(workers), None) => (workers, cores / workers.max(1)),
        (None, Some(threads)) if per_core => (cores / threads.max(1), threads),
        (None, None) if per_core => (shared.workers(cores), 1),
        (None, threads) => (1, threads.unwrap_or(cores)),
    };
    Threads { workers: workers.max(1), threads: threads.max(1) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cores_are_divided_and_never_oversubscribed_unless_asked_for() {
        let on = |workers, threads, per_core, devices, cores| {
            let settings = EngineSettings { workers, threads, ..EngineSettings::default() };
            let Threads { workers, threads } = divide(&settings, per_core, devices, Cores::new(cores, 1));
            (workers, threads)
        };
        let on_one = |workers, threads, per_core, cores| on(workers, threads, per_core, 1, cores);
        let (cpu, gpu) = (true, false);
        assert_eq!(on_one(None, None, cpu, 8), (8, 1));
        assert_eq!(on_one(Some(2), None, cpu, 8), (2, 4));
        assert_eq!(on_one(None, Some(4), cpu, 8), (2, 4));
        assert_eq!(on_one(None, Some(16), cpu, 8), (1, 16));
        assert_eq!(on_one(Some(16), None, cpu, 8), (16, 1));
        assert_eq!(on_one(Some(3), Some(3), cpu, 2), (3, 3));
        assert_eq!(on_one(None, None, cpu, 0), (1, 1));
        assert_eq!(on_one(None, None, gpu, 8), (1, 8));
        assert_eq!(on_one(Some(2), None, gpu, 8), (2, 4));
        assert_eq!(on(None, None, gpu, 4, 8), (1, 2));
        assert_eq!(on(None, None, gpu, 4, 2), (1, 1));
    }

    #[test]
    fn each_of_several_models_has_two_workers_at_least() {
        let on = |workers, per_core, cores, models| {
            let settings = EngineSettings { workers, ..EngineSettings::default() };
            let Threads { workers, threads } = divide(&settings, per_core, 1, Cores::new(cores, models));
            (workers, threads)
        };
        assert_eq!(on(None, true, 2, 3), (2, 1));
        assert_eq!(on(None, true, 16, 2), (8, 1));
        assert_eq!(on(Some(1), true, 2, 3), (1, 1));
        assert_eq!(on(None, false, 2, 3), (1, 1));
    }
}
