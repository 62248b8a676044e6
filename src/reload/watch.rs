//! This file watches the settings files and wishes for a reload when what they say has changed.
//!
//! It leaves the reload to the owner, and what must be watched to `places.rs`.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use notify::event::{AccessKind, AccessMode};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::Notify;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep, sleep_until};
use tracing::{debug, warn};

use super::debounce::Burst;
use super::places::Places;
use super::{ReloadError, Reloader, Trigger};

/// Settings that are wrong right after a change are read once more after this long before anybody
/// is told: the file may have been half written.
const SECOND_LOOK: Duration = Duration::from_millis(500);

/// What files say, as fingerprints; none for one that cannot be read.
pub(crate) type Contents = Vec<Option<u64>>;

/// What these files say now; pipes and the like, which can be read once only, left out. Blocks on the
/// disk.
pub(crate) fn look(files: impl IntoIterator<Item: AsRef<Path>>) -> Contents {
    let files = files.into_iter().filter(|file| is_regular(std::fs::metadata(file)));
    files.map(|file| std::fs::read(file).ok().map(|text| fingerprint(&text))).collect()
}

/// Whether a file can be read time and again; one that is not there may become one.
fn is_regular(found: std::io::Result<std::fs::Metadata>) -> bool {
    found.map_or(true, |found| found.is_file())
}

/// Watches the settings files, and that of the admin token, until dropped. They said what was `seen`
/// when they were read. If the system does not let it, that is told and there is no watch.
pub(super) async fn run(reloader: Reloader, token: Option<PathBuf>, mut seen: Contents) {
    let (places, touched) = (Arc::new(ArcSwap::default()), Arc::new(Notify::new()));
    let hears = handler(Arc::clone(&places), Arc::clone(&touched));
    let watcher = match notify::recommended_watcher(hears) {
        Ok(watcher) => watcher,
        Err(error) => {
            warn!(%error, "settings files are not watched; use SIGHUP or `conductor reload`");
            return;
        }
    };
    let mut watch = Watch { watcher, places, touched, reloader, token };
    loop {
        // Aimed first and read then: what changes in between is seen by one of the two. The first
        // time that is what changed while the daemon started.
        watch.aim();
        let now = watch.contents().await;
        if now != seen {
            let first = watch.reloader.try_reload(Trigger::FileChange).await;
            seen = now;
            if matches!(first, Err(ReloadError::Settings(_))) {
                sleep(SECOND_LOOK).await;
                seen = watch.contents().await;
                drop(watch.reloader.reload(Trigger::FileChange).await); // the owner has told
            }
            watch.aim(); // other files may be read now
        }
        watch.touched.notified().await;
        watch.burst_over().await;
    }
}

struct Watch {
    watcher: RecommendedWatcher,
    places: Arc<ArcSwap<Places>>,
    touched: Arc<Notify>,
    reloader: Reloader,
    token: Option<PathBuf>,
}

impl Watch {
    async fn burst_over(&self) {
        let mut burst = Burst::begin(Instant::now());
        loop {
            tokio::select! {
                () = sleep_until(burst.due()) => return,
                () = self.touched.notified() => burst.touch(Instant::now()),
            }
        }
    }

    /// The files, be they there or not.
    fn files(&self) -> Vec<PathBuf> {
        self.reloader.history().sources.iter().chain(&self.token).cloned().collect()
    }

    async fn contents(&self) -> Contents {
        let files = self.files();
        spawn_blocking(move || look(&files)).await.unwrap_or_default()
    }

    /// Watches the directories that matter now. All anew: one of the same name may be another.
    fn aim(&mut self) {
        let mut files = self.files();
        files.retain(|file| is_regular(std::fs::metadata(file)));
        let places = Places::of(&files);
        let old = self.places.swap(Arc::new(places.clone()));
        for directory in &old.directories {
            if let Err(error) = self.watcher.unwatch(directory) {
                debug!(%error, "directory was watched no more");
            }
        }
        for directory in &places.directories {
            if let Err(error) = self.watcher.watch(directory, RecursiveMode::NonRecursive) {
                let directory = directory.display();
                warn!(%error, %directory, "settings files there are not watched; use SIGHUP");
            }
        }
    }
}

/// What is done with news of the file system, in the watcher's thread.
fn handler(
    places: Arc<ArcSwap<Places>>,
    touched: Arc<Notify>,
) -> impl Fn(notify::Result<Event>) + Send + 'static {
    move |event| {
        let matters = match event {
            Ok(event) => {
                is_change(&event) && {
                    let places = places.load();
                    event.need_rescan() || event.paths.iter().any(|path| places.matter(path))
                }
            }
            // News may have been lost.
            Err(_) => true,
        };
        if matters {
            touched.notify_one();
        }
    }
}

/// Reading is none, and that we do ourselves.
fn is_change(event: &Event) -> bool {
    match event.kind {
        EventKind::Access(access) => access == AccessKind::Close(AccessMode::Write),
        EventKind::Any
        | EventKind::Create(_)
        | EventKind::Modify(_)
        | EventKind::Remove(_)
        | EventKind::Other => true,
    }
}

fn fingerprint(text: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use notify::event::{CreateKind, Flag, ModifyKind};

    use super::*;

    /// Whether an event of this kind at this path is heard.
    fn heard(kind: EventKind, path: &str, rescan: bool) -> bool {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        std::fs::write(root.join("a.toml"), "").unwrap();
        let places = Places::of([&root.join("a.toml")]);
        let touched = Arc::new(Notify::new());
        let hears = handler(Arc::new(ArcSwap::from_pointee(places)), Arc::clone(&touched));
        let event = Event::new(kind).add_path(root.join(path));
        hears(Ok(if rescan { event.set_flag(Flag::Rescan) } else { event }));
        let mut waits = std::pin::pin!(touched.notified());
        waits.as_mut().enable()
    }

    #[test]
    fn changes_of_the_files_are_heard_and_nothing_else() {
        let modified = EventKind::Modify(ModifyKind::Any);
        assert!(heard(modified, "a.toml", false));
        assert!(heard(EventKind::Create(CreateKind::File), "a.toml", false));
        assert!(heard(EventKind::Access(AccessKind::Close(AccessMode::Write)), "a.toml", false));
        assert!(heard(modified, "", false), "the directory itself");
        assert!(!heard(modified, "daemon.log", false));
        assert!(!heard(EventKind::Access(AccessKind::Open(AccessMode::Any)), "a.toml", false));
        assert!(heard(EventKind::Other, "daemon.log", true), "news were lost");
    }

    #[test]
    fn what_is_said_counts_and_not_when_it_was_written() {
        assert_eq!(fingerprint(b"a"), fingerprint(b"a"));
        assert_ne!(fingerprint(b"a"), fingerprint(b"b"));
    }
}
