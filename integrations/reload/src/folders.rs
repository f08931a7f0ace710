//! The folders that the operating system watches.

use std::collections::{BTreeSet, HashSet};
use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, PoisonError};

use handclasp::pem::printable_path;
use notify::event::{AccessKind, AccessMode};
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher};

use crate::Event;
use crate::reloader::Message;

/// Watches the folders of files, and not the files: a file that is replaced is another one.
pub(crate) struct WatchedFolders {
    /// `None` if the operating system cannot watch.
    watcher: Option<RecommendedWatcher>,
    watched: BTreeSet<PathBuf>,
    /// The names of the files, links and folders that count.
    names: Arc<Mutex<HashSet<OsString>>>,
    /// The folders that cannot be watched, which were reported.
    reported: BTreeSet<PathBuf>,
    /// Why the operating system cannot watch, until it is reported.
    failure: Option<notify::Error>,
}

impl WatchedFolders {
    /// Sends a message for each change of what is watched.
    pub(crate) fn new(thread: Sender<Message>) -> Self {
        let names: Arc<Mutex<HashSet<OsString>>> = Arc::default();
        let of_handler = Arc::clone(&names);
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            let names = of_handler.lock().unwrap_or_else(PoisonError::into_inner);
            if event.map_or(true, |event| is_change(&event, &names)) {
                // The thread may have ended.
                let _ = thread.send(Message::Changed);
            }
        });
        let (watcher, failure) = match watcher {
            Ok(watcher) => (Some(watcher), None),
            Err(error) => (None, Some(error)),
        };
        let (watched, reported) = (BTreeSet::new(), BTreeSet::new());
        Self { watcher, watched, names, reported, failure }
    }

    /// Watches for changes of what these paths name, and of nothing else. Returns an event for each folder that
    /// cannot be watched.
    pub(crate) fn watch(&mut self, paths: &[PathBuf]) -> Vec<Event> {
        let Places { folders, names } = Places::of(paths);
        *self.names.lock().unwrap_or_else(PoisonError::into_inner) = names;
        let Some(watcher) = &mut self.watcher else {
            let failure = self.failure.take();
            let folder = "all folders".to_owned();
            return failure
                .map(|error| Event::NotWatched { folder, reason: error.to_string() })
                .into_iter()
                .collect();
        };
        let mut events = Vec::new();
        for folder in self.watched.difference(&folders) {
            // It may be gone.
            let _ = watcher.unwatch(folder);
        }
        for folder in &folders {
            // Each time: it may be another folder of the same name.
            let result = watcher.watch(folder, RecursiveMode::NonRecursive);
            let Err(error) = result else { continue };
            if self.reported.insert(folder.clone()) {
                let folder = printable_path(folder);
                events.push(Event::NotWatched { folder, reason: error.to_string() });
            }
        }
        self.watched = folders;
        events
    }
}

/// Whether something was written, replaced or removed that has one of these names.
fn is_change(event: &notify::Event, names: &HashSet<OsString>) -> bool {
    let is_read = match event.kind {
        EventKind::Access(access) => access != AccessKind::Close(AccessMode::Write),
        _ => false,
    };
    if is_read {
        return false;
    }
    let mut changed = event.paths.iter().filter_map(|path| path.file_name());
    event.paths.is_empty() || event.need_rescan() || changed.any(|name| names.contains(name))
}

/// Where a change can change what paths name.
#[derive(Default)]
struct Places {
    folders: BTreeSet<PathBuf>,
    names: HashSet<OsString>,
}

impl Places {
    fn of(paths: &[PathBuf]) -> Self {
        let mut places = Self::default();
        for path in paths {
            for entry in entries(path) {
                places.add(&entry);
            }
        }
        places
    }

    /// Adds the folder of a file or link, and the folder of that one, in which it can be replaced. If a folder is not
    /// there, the next one above it.
    fn add(&mut self, entry: &Path) {
        let mut above = 0;
        let mut entry = entry;
        while let Some(folder) = entry.parent() {
            self.names.extend(entry.file_name().map(OsString::from));
            if folder.is_dir() {
                self.folders.insert(folder.to_owned());
                above += 1;
            }
            if above == 2 {
                return;
            }
            entry = folder;
        }
    }
}

/// The file that a path names, and all symbolic links on the way to it. Kubernetes and certbot replace files by
/// replacing links.
fn entries(path: &Path) -> Vec<PathBuf> {
    /// As Linux has it.
    const MAX_LINKS: usize = 40;
    let Ok(mut path) = std::path::absolute(path) else { return Vec::new() };
    let mut entries = Vec::new();
    while entries.len() < MAX_LINKS {
        let Some((link, target)) = first_link(&path) else { break };
        entries.push(link);
        path = target;
    }
    entries.push(path);
    entries
}

/// The first symbolic link on a path, and the path with its target instead.
fn first_link(path: &Path) -> Option<(PathBuf, PathBuf)> {
    let mut components = path.components();
    let mut link = PathBuf::new();
    while let Some(component) = components.next() {
        link.push(component);
        if !matches!(component, Component::Normal(_)) {
            continue;
        }
        if let Ok(target) = link.read_link() {
            let folder = link.parent().unwrap_or(Path::new("/"));
            let target = folder.join(target).join(components.as_path());
            return Some((link, target));
        }
    }
    None
}
