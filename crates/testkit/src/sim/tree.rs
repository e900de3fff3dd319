//! The names on a simulated disk: directories, and what a crash leaves of them.
//!
//! A file belongs to nobody: names point at it, and each change of a name waits for a sync of its directory.

use std::collections::BTreeMap;
use std::io;
use std::path::{Component, Path};
use std::sync::Arc;

use super::survival::{Chooser, Tick};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct FileId(u64);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct DirId(u64);

const ROOT: DirId = DirId(0);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Node {
    File(FileId),
    Dir(DirId),
}

/// The names of a directory; shared until they change.
type Names = BTreeMap<Arc<str>, Node>;

#[derive(Clone, Debug)]
enum Change {
    Link { name: Arc<str>, node: Node },
    Unlink { name: Arc<str> },
    Rename { from: Arc<str>, to: Arc<str>, node: Node },
}

impl Change {
    fn apply(&self, names: &mut Names) {
        match self {
            Self::Link { name, node } => {
                names.insert(name.clone(), *node);
            }
            Self::Unlink { name } => {
                names.remove(name);
            }
            Self::Rename { from, to, node } => {
                // Of the file that was renamed only: the old name may have come back for another.
                if names.get(from) == Some(node) {
                    names.remove(from);
                }
                names.insert(to.clone(), *node);
            }
        }
    }
}

#[derive(Clone, Debug, Default)]
struct Directory {
    volatile: Arc<Names>,
    durable: Arc<Names>,
    pending: Vec<(Tick, Change)>,
}

impl Directory {
    fn change(&mut self, tick: Tick, change: Change) {
        change.apply(Arc::make_mut(&mut self.volatile));
        self.pending.push((tick, change));
    }
}

#[derive(Clone, Debug)]
pub(super) struct Tree {
    dirs: BTreeMap<DirId, Directory>,
    given: u64,
}

impl Tree {
    pub(super) fn new() -> Self {
        Self { dirs: BTreeMap::from([(ROOT, Directory::default())]), given: 0 }
    }

    fn give(&mut self) -> u64 {
        self.given += 1;
        self.given
    }

    fn directory(&mut self, id: DirId) -> &mut Directory {
        self.dirs.entry(id).or_default()
    }

    fn dir(&self, path: &Path) -> io::Result<DirId> {
        let mut at = ROOT;
        for name in names(path) {
            let name = name?;
            at = match self.dirs.get(&at).and_then(|dir| dir.volatile.get(name)) {
                Some(Node::Dir(id)) => *id,
                Some(Node::File(_)) => return Err(refusal(io::ErrorKind::NotADirectory, path)),
                None => return Err(refusal(io::ErrorKind::NotFound, path)),
            };
        }
        Ok(at)
    }

    /// The directory of a path and the last name in it.
    fn place<'p>(&self, path: &'p Path) -> io::Result<(DirId, &'p str)> {
        let name = names(path).last().ok_or_else(|| refusal(io::ErrorKind::InvalidInput, path))??;
        Ok((self.dir(path.parent().unwrap_or(Path::new("")))?, name))
    }

    fn node(&self, path: &Path) -> io::Result<Node> {
        let (dir, name) = self.place(path)?;
        let node = self.dirs.get(&dir).and_then(|dir| dir.volatile.get(name));
        node.copied().ok_or_else(|| refusal(io::ErrorKind::NotFound, path))
    }

    pub(super) fn file(&self, path: &Path) -> io::Result<FileId> {
        match self.node(path)? {
            Node::File(id) => Ok(id),
            Node::Dir(_) => Err(refusal(io::ErrorKind::InvalidInput, path)),
        }
    }

    pub(super) fn create_dir(&mut self, tick: Tick, path: &Path) -> io::Result<()> {
        let mut at = ROOT;
        for name in names(path) {
            let name = name?;
            at = match self.directory(at).volatile.get(name) {
                Some(Node::Dir(id)) => *id,
                Some(Node::File(_)) => return Err(refusal(io::ErrorKind::AlreadyExists, path)),
                None => {
                    let id = DirId(self.give());
                    self.directory(at).change(tick, Change::Link { name: name.into(), node: Node::Dir(id) });
                    self.directory(id);
                    id
                }
            };
        }
        Ok(())
    }

    pub(super) fn create(&mut self, tick: Tick, path: &Path) -> io::Result<FileId> {
        let (dir, name) = self.place(path)?;
        if self.directory(dir).volatile.contains_key(name) {
            return Err(refusal(io::ErrorKind::AlreadyExists, path));
        }
        let id = FileId(self.give());
        self.directory(dir).change(tick, Change::Link { name: name.into(), node: Node::File(id) });
        Ok(id)
    }

    pub(super) fn rename(&mut self, tick: Tick, from: &Path, to: &Path) -> io::Result<()> {
        let node = Node::File(self.file(from)?);
        let ((dir, from), (other, to_name)) = (self.place(from)?, self.place(to)?);
        if matches!(self.directory(other).volatile.get(to_name), Some(Node::Dir(_))) {
            return Err(refusal(io::ErrorKind::InvalidInput, to));
        }
        if dir != other {
            // Two directories, two changes: a crash may leave both names, or none.
            self.directory(other).change(tick, Change::Link { name: to_name.into(), node });
            self.directory(dir).change(tick, Change::Unlink { name: from.into() });
            return Ok(());
        }
        self.directory(dir).change(tick, Change::Rename { from: from.into(), to: to_name.into(), node });
        Ok(())
    }

    pub(super) fn remove(&mut self, tick: Tick, path: &Path) -> io::Result<()> {
        self.file(path)?;
        let (dir, name) = self.place(path)?;
        self.directory(dir).change(tick, Change::Unlink { name: name.into() });
        Ok(())
    }

    pub(super) fn sync(&mut self, path: &Path) -> io::Result<()> {
        let id = self.dir(path)?;
        let dir = self.directory(id);
        dir.durable.clone_from(&dir.volatile);
        dir.pending.clear();
        Ok(())
    }

    /// Gives a file this name on the medium, too, whether or not it had it.
    pub(super) fn settle(&mut self, tick: Tick, path: &Path) -> io::Result<FileId> {
        let id = match self.file(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => self.create(tick, path)?,
            found => found?,
        };
        let (dir, name) = self.place(path)?;
        Arc::make_mut(&mut self.directory(dir).durable).insert(name.into(), Node::File(id));
        Ok(id)
    }

    /// Takes a file's name away on the medium, too.
    pub(super) fn settle_removed(&mut self, tick: Tick, path: &Path) -> io::Result<()> {
        self.remove(tick, path)?;
        let (dir, name) = self.place(path)?;
        Arc::make_mut(&mut self.directory(dir).durable).remove(name);
        Ok(())
    }

    /// The plain files of a directory.
    pub(super) fn files(&self, path: &Path) -> io::Result<Vec<(String, FileId)>> {
        let dir = self.dirs.get(&self.dir(path)?).ok_or_else(|| refusal(io::ErrorKind::NotFound, path))?;
        let files = dir.volatile.iter().filter_map(|(name, node)| match node {
            Node::File(id) => Some((name.to_string(), *id)),
            Node::Dir(_) => None,
        });
        Ok(files.collect())
    }

    /// The directories in a directory.
    pub(super) fn subdirs(&self, path: &Path) -> io::Result<Vec<String>> {
        let dir = self.dirs.get(&self.dir(path)?).ok_or_else(|| refusal(io::ErrorKind::NotFound, path))?;
        let dirs = dir.volatile.iter().filter(|(_, node)| matches!(node, Node::Dir(_)));
        Ok(dirs.map(|(name, _)| name.to_string()).collect())
    }

    /// Takes the name of an empty directory away.
    pub(super) fn remove_dir(&mut self, tick: Tick, path: &Path) -> io::Result<()> {
        let Node::Dir(id) = self.node(path)? else {
            return Err(refusal(io::ErrorKind::NotADirectory, path));
        };
        if !self.directory(id).volatile.is_empty() {
            return Err(refusal(io::ErrorKind::DirectoryNotEmpty, path));
        }
        let (dir, name) = self.place(path)?;
        self.directory(dir).change(tick, Change::Unlink { name: name.into() });
        Ok(())
    }

    /// Every file that has a name.
    pub(super) fn linked(&self) -> Vec<FileId> {
        let nodes = self.dirs.values().flat_map(|dir| dir.volatile.values());
        nodes.filter_map(|node| if let Node::File(id) = node { Some(*id) } else { None }).collect()
    }

    /// When the oldest change that still waits was made.
    pub(super) fn oldest_pending(&self) -> Option<Tick> {
        self.dirs.values().filter_map(|dir| dir.pending.first()).map(|(tick, _)| *tick).min()
    }

    /// The names on the medium after a crash.
    pub(super) fn survivor(&self, chooser: &mut Chooser<'_>) -> Self {
        let mut dirs = BTreeMap::new();
        for (id, dir) in &self.dirs {
            let mut names = Arc::clone(&dir.durable);
            for (tick, change) in &dir.pending {
                if chooser.name(*tick) {
                    change.apply(Arc::make_mut(&mut names));
                }
            }
            dirs.insert(*id, Directory { volatile: Arc::clone(&names), durable: names, pending: Vec::new() });
        }
        Self { dirs, given: self.given }
    }
}

/// The names of a path, from the root on.
fn names(path: &Path) -> impl Iterator<Item = io::Result<&str>> {
    path.components().filter_map(move |component| match component {
        Component::RootDir | Component::CurDir => None,
        Component::Normal(name) => {
            Some(name.to_str().ok_or_else(|| refusal(io::ErrorKind::InvalidInput, path)))
        }
        Component::ParentDir | Component::Prefix(_) => Some(Err(refusal(io::ErrorKind::InvalidInput, path))),
    })
}

fn refusal(kind: io::ErrorKind, path: &Path) -> io::Error {
    io::Error::new(kind, format!("{}: {kind}", path.display()))
}
