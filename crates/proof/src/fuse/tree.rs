//! Files and directories as processes see them, and as the disk has them.
//!
//!   change of a directory -> seen, pending -> sync of that directory -> kept
//!                                   '-> drawn, when the power goes
//!
//! T1: a name is kept once its directory was synced after it was made, and gone once it was synced after that.
//! T2: a rename is one change, in one directory or in two.
//! T3: a sync of a file keeps its bytes and no name.
//!
//! Apart from what survives, it says what a power cut could take at this moment: [`Tree::unkept`].

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};

use super::file::File;
use super::image::Image;
use super::survival::Survival;

/// The number of the topmost directory.
pub(crate) const ROOT: u64 = 1;

/// Names and whose they are.
pub(crate) type Names = BTreeMap<OsString, u64>;

/// A directory's names twice.
#[derive(Clone, Debug, Default)]
pub(crate) struct Dir {
    pub(crate) seen: Names,
    kept: Names,
    pub(crate) parent: u64,
}

/// What has a number.
#[derive(Clone, Debug)]
pub(crate) enum Node {
    File(File),
    Dir(Dir),
}

/// A change: names that are someone's or nobody's from then on.
#[derive(Clone, Debug)]
struct Change(Vec<(u64, OsString, Option<u64>)>);

impl Change {
    fn is_of(&self, dir: u64) -> bool {
        self.0.iter().any(|(of, _, _)| *of == dir)
    }

    fn shares_a_name_with(&self, other: &Self) -> bool {
        self.0.iter().any(|(dir, name, _)| other.0.iter().any(|(of, theirs, _)| of == dir && theirs == name))
    }
}

/// Why something cannot be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    Missing,
    Exists,
    NoDir,
    IsDir,
    NotEmpty,
    Unsupported,
}

/// All of it.
#[derive(Clone, Debug)]
pub(crate) struct Tree {
    nodes: BTreeMap<u64, Node>,
    modes: BTreeMap<u64, u16>,
    pending: Vec<Change>,
    next: u64,
    /// Names that were given, by a rename, to files whose bytes were not kept.
    hollow: Vec<String>,
}

/// What a power cut could take.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Unkept {
    /// Files that got their name by a rename before their bytes were kept: such a name may be of nothing. Since the beginning.
    pub(crate) hollow: Vec<String>,
    /// Names that are there and not kept.
    pub(crate) names: Vec<String>,
    /// Files with bytes that are not kept.
    pub(crate) files: Vec<String>,
}

/// What a disk has of a file system, by paths.
#[derive(Clone, Debug)]
pub(crate) enum Kept {
    File(Image, u16),
    Dir(BTreeMap<OsString, Kept>, u16),
}

impl Default for Tree {
    fn default() -> Self {
        Self::of(&Kept::Dir(BTreeMap::new(), 0o755))
    }
}

impl Tree {
    /// What a disk has, as a mount finds it.
    pub(crate) fn of(kept: &Kept) -> Self {
        let mut tree = Self {
            nodes: BTreeMap::new(),
            modes: BTreeMap::new(),
            pending: Vec::new(),
            next: ROOT,
            hollow: Vec::new(),
        };
        // Two names of one file have become two files: nobody who opens anew can tell, but by the space they take.
        tree.plant(kept, ROOT);
        tree
    }

    fn plant(&mut self, kept: &Kept, parent: u64) -> u64 {
        let number = self.next;
        self.next += 1;
        let (node, mode) = match kept {
            Kept::File(image, mode) => (Node::File(File::kept(image.clone())), *mode),
            Kept::Dir(names, mode) => {
                let seen: Names =
                    names.iter().map(|(name, kept)| (name.clone(), self.plant(kept, number))).collect();
                (Node::Dir(Dir { kept: seen.clone(), seen, parent }), *mode)
            }
        };
        self.nodes.insert(number, node);
        self.modes.insert(number, mode);
        number
    }

    pub(crate) fn node(&self, number: u64) -> Result<&Node, Refused> {
        self.nodes.get(&number).ok_or(Refused::Missing)
    }

    pub(crate) fn mode(&self, number: u64) -> u16 {
        self.modes.get(&number).copied().unwrap_or_default()
    }

    pub(crate) fn set_mode(&mut self, number: u64, mode: u16) {
        self.modes.insert(number, mode);
    }

    pub(crate) fn file(&mut self, number: u64) -> Result<&mut File, Refused> {
        match self.nodes.get_mut(&number) {
            Some(Node::File(file)) => Ok(file),
            Some(Node::Dir(_)) => Err(Refused::IsDir),
            None => Err(Refused::Missing),
        }
    }

    pub(crate) fn dir(&self, number: u64) -> Result<&Dir, Refused> {
        match self.nodes.get(&number) {
            Some(Node::Dir(dir)) => Ok(dir),
            Some(Node::File(_)) => Err(Refused::NoDir),
            None => Err(Refused::Missing),
        }
    }

    pub(crate) fn look_up(&self, dir: u64, name: &OsStr) -> Result<u64, Refused> {
        self.dir(dir)?.seen.get(name).copied().ok_or(Refused::Missing)
    }

    /// How many names a file has.
    pub(crate) fn links(&self, number: u64) -> u32 {
        let names = |node: &Node| match node {
            Node::Dir(dir) => dir.seen.values().filter(|of| **of == number).count() as u32,
            Node::File(_) => 0,
        };
        self.nodes.values().map(names).sum()
    }

    /// All files.
    pub(crate) fn files(&mut self) -> impl Iterator<Item = &mut File> {
        self.nodes.values_mut().filter_map(|node| match node {
            Node::File(file) => Some(file),
            Node::Dir(_) => None,
        })
    }

    fn change(&mut self, change: Change) {
        for (dir, name, to) in &change.0 {
            if let Some(Node::Dir(dir)) = self.nodes.get_mut(dir) {
                put(&mut dir.seen, name, *to);
            }
        }
        self.pending.push(change);
    }

    /// Makes a file or a directory.
    pub(crate) fn create(
        &mut self,
        dir: u64,
        name: &OsStr,
        directory: bool,
        mode: u16,
    ) -> Result<u64, Refused> {
        if self.dir(dir)?.seen.contains_key(name) {
            return Err(Refused::Exists);
        }
        let number = self.next;
        self.next += 1;
        let node = if directory {
            Node::Dir(Dir { parent: dir, ..Dir::default() })
        } else {
            Node::File(File::default())
        };
        self.nodes.insert(number, node);
        self.modes.insert(number, mode);
        self.change(Change(vec![(dir, name.to_owned(), Some(number))]));
        Ok(number)
    }

    /// Gives a file another name.
    pub(crate) fn link(&mut self, number: u64, dir: u64, name: &OsStr) -> Result<(), Refused> {
        self.file(number)?;
        if self.dir(dir)?.seen.contains_key(name) {
            return Err(Refused::Exists);
        }
        self.change(Change(vec![(dir, name.to_owned(), Some(number))]));
        Ok(())
    }

    /// Takes a name away.
    pub(crate) fn remove(&mut self, dir: u64, name: &OsStr, directory: bool) -> Result<(), Refused> {
        match self.node(self.look_up(dir, name)?)? {
            Node::Dir(found) if directory && !found.seen.is_empty() => return Err(Refused::NotEmpty),
            Node::Dir(_) if !directory => return Err(Refused::IsDir),
            Node::File(_) if directory => return Err(Refused::NoDir),
            _ => {}
        }
        self.change(Change(vec![(dir, name.to_owned(), None)]));
        Ok(())
    }

    pub(crate) fn rename(
        &mut self,
        (dir, name): (u64, &OsStr),
        (to_dir, to_name): (u64, &OsStr),
        replace: bool,
    ) -> Result<(), Refused> {
        let number = self.look_up(dir, name)?;
        if let Some(there) = self.dir(to_dir)?.seen.get(to_name) {
            match (self.node(number)?, self.node(*there)?) {
                _ if !replace => return Err(Refused::Exists),
                (_, Node::Dir(there)) if !there.seen.is_empty() => return Err(Refused::NotEmpty),
                (Node::File(_), Node::Dir(_)) => return Err(Refused::IsDir),
                (Node::Dir(_), Node::File(_)) => return Err(Refused::NoDir),
                _ => {}
            }
        }
        if (dir, name) == (to_dir, to_name) {
            return Ok(());
        }
        if self.file(number).is_ok_and(|file| file.is_dirty()) {
            self.hollow.push(self.path(to_dir, to_name));
        }
        self.change(Change(vec![(dir, name.to_owned(), None), (to_dir, to_name.to_owned(), Some(number))]));
        if let Some(Node::Dir(moved)) = self.nodes.get_mut(&number) {
            moved.parent = to_dir;
        }
        Ok(())
    }

    /// Where a name stands, from the topmost directory on.
    fn path(&self, dir: u64, name: &OsStr) -> String {
        let (mut path, mut number) = (name.to_string_lossy().into_owned(), dir);
        while number != ROOT {
            let Ok(Dir { parent, .. }) = self.dir(number) else { break };
            let Ok(above) = self.dir(*parent) else { break };
            let Some((name, _)) = above.seen.iter().find(|(_, of)| **of == number) else { break };
            path = format!("{}/{path}", name.to_string_lossy());
            number = *parent;
        }
        path
    }

    /// What a power cut could take now, each by its path.
    pub(crate) fn unkept(&self) -> Unkept {
        let mut unkept = Unkept { hollow: self.hollow.clone(), ..Unkept::default() };
        for (number, node) in &self.nodes {
            let Node::Dir(dir) = node else { continue };
            for (name, of) in &dir.seen {
                if dir.kept.get(name) != Some(of) {
                    unkept.names.push(self.path(*number, name));
                }
                if matches!(self.nodes.get(of), Some(Node::File(file)) if file.is_dirty()) {
                    unkept.files.push(self.path(*number, name));
                }
            }
        }
        unkept
    }

    /// Keeps a directory's names as they are. A change that concerns another directory too is kept whole (T2), and there what
    /// came before it under the same name.
    pub(crate) fn sync_dir(&mut self, dir: u64) -> Result<(), Refused> {
        self.dir(dir)?;
        let mut kept: BTreeSet<usize> =
            (0..self.pending.len()).filter(|index| self.pending[*index].is_of(dir)).collect();
        loop {
            let before = |index: &usize| {
                !kept.contains(index)
                    && kept
                        .range(index..)
                        .any(|later| self.pending[*index].shares_a_name_with(&self.pending[*later]))
            };
            let more: Vec<usize> = (0..self.pending.len()).filter(before).collect();
            if more.is_empty() {
                break;
            }
            kept.extend(more);
        }
        for (index, change) in std::mem::take(&mut self.pending).into_iter().enumerate() {
            if kept.contains(&index) {
                self.keep(&change);
            } else {
                self.pending.push(change);
            }
        }
        Ok(())
    }

    fn keep(&mut self, change: &Change) {
        for (dir, name, to) in &change.0 {
            if let Some(Node::Dir(dir)) = self.nodes.get_mut(dir) {
                put(&mut dir.kept, name, *to);
            }
        }
    }

    /// What the disk has once the power is back.
    pub(crate) fn survive(mut self, survival: &mut Survival) -> Kept {
        let pending = std::mem::take(&mut self.pending);
        let kept = survival.changes(pending.len());
        for (change, kept) in pending.iter().zip(kept) {
            if kept {
                self.keep(change);
            }
        }
        let mut images = BTreeMap::new();
        for (number, node) in &self.nodes {
            if let Node::File(file) = node {
                images.insert(*number, file.clone().survive(survival));
            }
        }
        self.gather(ROOT, &images, 0)
    }

    fn gather(&self, number: u64, images: &BTreeMap<u64, Image>, depth: u32) -> Kept {
        match self.nodes.get(&number) {
            // A directory that was moved into what was in it would go round in a circle.
            Some(Node::Dir(dir)) if depth < 64 => {
                let names = dir.kept.iter();
                let names =
                    names.map(|(name, number)| (name.clone(), self.gather(*number, images, depth + 1)));
                Kept::Dir(names.collect(), self.mode(number))
            }
            _ => Kept::File(images.get(&number).cloned().unwrap_or_default(), self.mode(number)),
        }
    }
}

fn put(names: &mut Names, name: &OsStr, to: Option<u64>) {
    match to {
        Some(number) => {
            names.insert(name.to_owned(), number);
        }
        None => {
            names.remove(name);
        }
    }
}

#[cfg(test)]
mod tests;
