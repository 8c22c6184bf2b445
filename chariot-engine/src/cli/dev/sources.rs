//! [`Sources`]: the files that are watched. The loop waits for their changes.

use std::{
    ffi::OsStr,
    fs,
    path::{self, Component, Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use notify::{
    Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher,
    event::{AccessKind, AccessMode, ModifyKind},
};
use tokio::{
    sync::{mpsc, watch},
    time::{Instant, sleep},
};

/// The time without another change after which a change is complete: an editor that saves all files takes a moment.
const QUIET: Duration = Duration::from_millis(50);

/// The longest wait for such a time.
const LONGEST: Duration = Duration::from_secs(1);

/// The folders and files that are watched.
#[derive(Clone, Debug, Default)]
pub(super) struct Watched {
    /// The folders of packages, with the folders in them.
    pub(super) packages: Vec<PathBuf>,
    /// The folder of the workspace, for the files of cargo in it.
    pub(super) workspace: PathBuf,
    /// The folder into which cargo builds.
    pub(super) target: PathBuf,
}

/// The number of changes so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Changes {
    sources: u64,
    models: u64,
}

/// The kind of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// A file of a package.
    Sources,
    /// A file of a model, and maybe of a package too.
    Models,
}

/// The watched files.
pub(super) struct Sources {
    watcher: RecommendedWatcher,
    rules: Arc<Rules>,
    changes: watch::Receiver<Changes>,
    seen: Changes,
    /// Folders that have appeared.
    folders: mpsc::UnboundedReceiver<PathBuf>,
}

impl Sources {
    /// Begins to watch the packages and the folders of models, which can also appear later.
    ///
    /// # Errors
    /// A folder that cannot be watched: the system limits their number.
    pub(super) fn watch(watched: &Watched, models: &[PathBuf]) -> notify::Result<Self> {
        let rules = Arc::new(Rules::new(watched, models));
        let (count, changes) = watch::channel(Changes::default());
        let (appeared, folders) = mpsc::unbounded_channel();
        let observer = Observer { rules: rules.clone(), count, appeared };
        let watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
            event.iter().for_each(|event| observer.observe(event));
        })?;
        let mut sources = Sources { watcher, rules: rules.clone(), changes, seen: Changes::default(), folders };
        for folder in rules.packages.iter().chain(&rules.models).filter(|folder| folder.is_dir()) {
            sources.watch_below(folder)?;
        }
        sources.watcher.watch(&rules.workspace, RecursiveMode::NonRecursive)?;
        // A folder tells nothing about its own replacement.
        for folder in rules.models.iter().filter_map(|model| model.parent()).filter(|folder| folder.is_dir()) {
            if let Err(error) = sources.watcher.watch(folder, RecursiveMode::NonRecursive) {
                say_unwatched(folder, &error);
            }
        }
        Ok(sources)
    }

    /// Waits for a change and for the end of the changes that follow it at once. Cancel safe.
    pub(super) async fn changed(&mut self) -> Change {
        loop {
            let seen = self.seen;
            tokio::select! {
                () = differs(&mut self.changes, seen) => break,
                Some(folder) = self.folders.recv() => self.watch_new(&folder),
            }
        }
        let end = Instant::now() + LONGEST;
        let mut last = *self.changes.borrow();
        loop {
            sleep(QUIET).await;
            let now = *self.changes.borrow();
            if now == last || Instant::now() >= end {
                break;
            }
            last = now;
        }
        while let Ok(folder) = self.folders.try_recv() {
            self.watch_new(&folder);
        }
        let change = if last.models == self.seen.models { Change::Sources } else { Change::Models };
        self.seen = last;
        change
    }

    /// Watches a folder that has appeared. One that is gone again, or one too many, is not worth the end of the loop.
    fn watch_new(&mut self, folder: &Path) {
        if let Err(error) = self.watch_below(folder) {
            say_unwatched(folder, &error);
        }
    }

    /// Watches a folder and the folders in it. Each is watched by itself: a watch of everything would include the folder
    /// into which cargo builds.
    fn watch_below(&mut self, folder: &Path) -> notify::Result<()> {
        let mut rest = vec![folder.to_path_buf()];
        while let Some(folder) = rest.pop() {
            match self.watcher.watch(&folder, RecursiveMode::NonRecursive) {
                Err(error) if matches!(error.kind, notify::ErrorKind::PathNotFound) => continue,
                watched => watched?,
            }
            let Ok(entries) = fs::read_dir(&folder) else { continue };
            // Links are not followed.
            let folders = entries.flatten().filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
            rest.extend(folders.map(|entry| entry.path()).filter(|path| self.rules.has_sources(path)));
        }
        Ok(())
    }
}

fn say_unwatched(folder: &Path, error: &notify::Error) {
    super::say(format_args!("cannot watch '{}': {error}", folder.display()));
}

/// The receiver of the system's events, on the thread of the watcher.
struct Observer {
    rules: Arc<Rules>,
    count: watch::Sender<Changes>,
    appeared: mpsc::UnboundedSender<PathBuf>,
}

impl Observer {
    fn observe(&self, event: &Event) {
        if event.need_rescan() {
            // The system has dropped events, so anything can have changed, and folders can have appeared.
            for folder in self.rules.packages.iter().chain(&self.rules.models) {
                // Not watched here: the watcher waits for this function.
                let _ = self.appeared.send(folder.clone());
            }
            return self.count.send_modify(|count| {
                count.sources += 1;
                count.models += 1;
            });
        }
        if !is_change(event.kind) {
            return;
        }
        for path in &event.paths {
            let Some(change) = self.rules.change_of(path) else { continue };
            self.count.send_modify(|count| match change {
                Change::Sources => count.sources += 1,
                Change::Models => count.models += 1,
            });
            if matches!(event.kind, EventKind::Create(_) | EventKind::Modify(ModifyKind::Name(_))) && path.is_dir() {
                let _ = self.appeared.send(path.clone());
            }
        }
    }
}

/// Waits until there are other changes than those that have been seen.
async fn differs(changes: &mut watch::Receiver<Changes>, seen: Changes) {
    if changes.wait_for(|changes| *changes != seen).await.is_err() {
        // The watcher has stopped, and there will be none.
        std::future::pending().await
    }
}

/// Returns `true` for an event that changes what a file or a folder contains.
fn is_change(kind: EventKind) -> bool {
    match kind {
        // A compiler that reads a file is no change. `touch` is, and looks like a write of nothing.
        EventKind::Access(access) => access == AccessKind::Close(AccessMode::Write),
        EventKind::Modify(ModifyKind::Metadata(_)) => false,
        EventKind::Any | EventKind::Create(_) | EventKind::Modify(_) | EventKind::Remove(_) => true,
        EventKind::Other => false,
    }
}

/// The rules for which files matter.
#[derive(Debug)]
struct Rules {
    packages: Vec<PathBuf>,
    models: Vec<PathBuf>,
    workspace: PathBuf,
    target: PathBuf,
}

impl Rules {
    fn new(watched: &Watched, models: &[PathBuf]) -> Self {
        // Events have the paths that were watched, and rules compare them.
        Rules {
            packages: watched.packages.iter().map(|path| absolute(path)).collect(),
            models: models.iter().map(|path| absolute(path)).collect(),
            workspace: absolute(&watched.workspace),
            target: absolute(&watched.target),
        }
    }

    /// Returns what a path belongs to; `None` if it does not matter.
    fn change_of(&self, path: &Path) -> Option<Change> {
        // A package can also be in a target directory, as the projects of tests are.
        let is_built = |folder: &Path| self.target.starts_with(folder) && path.starts_with(&self.target);
        let is_in = |folders: &[PathBuf]| {
            let mut below = folders.iter().filter_map(|folder| Some((folder, path.strip_prefix(folder).ok()?)));
            below.any(|(folder, rest)| !has_ignored_part(rest) && !is_built(folder))
        };
        if is_in(&self.models) {
            return Some(Change::Models);
        }
        let is_of_cargo = || {
            path.parent() == Some(&self.workspace)
                && path.file_name().is_some_and(|name| name == "Cargo.toml" || name == "Cargo.lock")
        };
        (is_in(&self.packages) || is_of_cargo()).then_some(Change::Sources)
    }

    /// Returns `true` if a folder in a package can have sources of it: not a hidden one, not one of another package, and
    /// not one into which cargo builds.
    fn has_sources(&self, folder: &Path) -> bool {
        let is_ignored = folder.file_name().is_some_and(is_ignored);
        !is_ignored
            && folder != self.target
            && !folder.join("CACHEDIR.TAG").exists()
            && (self.packages.iter().any(|package| package == folder) || !folder.join("Cargo.toml").exists())
    }
}

/// Returns a path as the events of its folder have it, whether there is such a file or not.
fn absolute(path: &Path) -> PathBuf {
    let in_folder = |path: &Path| Some(path.parent()?.canonicalize().ok()?.join(path.file_name()?));
    path.canonicalize().unwrap_or_else(|_| {
        let path = path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
        in_folder(&path).unwrap_or(path)
    })
}

fn has_ignored_part(path: &Path) -> bool {
    path.components().any(|part| matches!(part, Component::Normal(name) if is_ignored(name)))
}

/// Returns `true` for names of hidden files and of those that editors write beside the one that they save.
fn is_ignored(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    name.starts_with('.')
        || name.ends_with('~')
        || (name.starts_with('#') && name.ends_with('#'))
        || [".swp", ".swx", ".tmp"].iter().any(|end| name.ends_with(end))
        // Vim tries with this name whether it can write into a folder.
        || name == "4913"
}

#[cfg(test)]
mod tests {
    use notify::event::Flag;
    use tokio::time::timeout;

    use super::*;

    fn rules() -> Rules {
        Rules::new(
            &Watched {
                packages: ["/w/engine", "/lib/.hidden/sdk", "/w/engine/target/tmp/project"].map(PathBuf::from).into(),
                workspace: "/w".into(),
                target: "/w/engine/target".into(),
            },
            &["/w/engine/model".into(), "/mnt/models".into()],
        )
    }

    #[test]
    fn what_matters_is_told_by_the_path() {
        for (path, change) in [
            ("/w/engine/src/main.rs", Some(Change::Sources)),
            ("/w/engine/Cargo.toml", Some(Change::Sources)),
            ("/w/Cargo.lock", Some(Change::Sources)),
            ("/lib/.hidden/sdk/src/lib.rs", Some(Change::Sources)),
            ("/w/engine/model/model.safetensors", Some(Change::Models)),
            ("/mnt/models/words.txt", Some(Change::Models)),
            ("/w/notes.txt", None),
            ("/w/other/src/main.rs", None),
            ("/w/engine/target/debug/engine", None),
            ("/w/engine/target/tmp/project/src/main.rs", Some(Change::Sources)),
            ("/w/engine/.git/index", None),
            ("/w/engine/src/.main.rs.swp", None),
            ("/w/engine/src/main.rs~", None),
            ("/w/engine/src/#main.rs#", None),
            ("/w/engine/src/4913", None),
        ] {
            assert_eq!(rules().change_of(Path::new(path)), change, "{path}");
        }
    }

    #[tokio::test]
    async fn the_folder_of_a_model_can_appear_later_and_be_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let (package, model) = (folder.path().join("package"), folder.path().join("model"));
        fs::create_dir(&package).unwrap();
        let target = package.join("target");
        let watched = Watched { packages: vec![package.clone()], workspace: package, target };
        let mut sources = Sources::watch(&watched, std::slice::from_ref(&model)).unwrap();
        let mut expect_change = async |what: &str| {
            let change = timeout(Duration::from_secs(30), sources.changed()).await;
            assert_eq!(change.ok(), Some(Change::Models), "{what}");
        };
        for _ in 0..2 {
            fs::create_dir(&model).unwrap();
            expect_change("the folder appears").await;
            fs::write(model.join("weights"), "1").unwrap();
            expect_change("a file is written in it").await;
            fs::remove_dir_all(&model).unwrap();
            expect_change("the folder is removed").await;
        }
    }

    #[test]
    fn everything_can_have_changed_once_the_system_has_dropped_events() {
        let (count, changes) = watch::channel(Changes::default());
        let (appeared, mut folders) = mpsc::unbounded_channel();
        let observer = Observer { rules: Arc::new(rules()), count, appeared };
        observer.observe(&Event::new(EventKind::Other));
        assert_eq!(*changes.borrow(), Changes::default());
        observer.observe(&Event::new(EventKind::Other).set_flag(Flag::Rescan));
        assert_eq!(*changes.borrow(), Changes { sources: 1, models: 1 });
        let again: Vec<PathBuf> = std::iter::from_fn(|| folders.try_recv().ok()).collect();
        assert!(again.contains(&"/w/engine".into()) && again.contains(&"/mnt/models".into()), "{again:?}");
    }

    #[test]
    fn reading_is_no_change() {
        assert!(!is_change(EventKind::Access(AccessKind::Open(AccessMode::Any))));
        assert!(!is_change(EventKind::Access(AccessKind::Close(AccessMode::Read))));
        assert!(is_change(EventKind::Access(AccessKind::Close(AccessMode::Write))));
    }
}
