//! The kernel's calls, answered from the tree.

use std::ffi::OsStr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use fuser::{
    AccessFlags, BsdFileFlags, Errno, FileAttr, FileHandle, FileType, Filesystem, FopenFlags, Generation,
    INodeNo, KernelConfig, LockOwner, OpenFlags, RenameFlags, ReplyAttr, ReplyCreate, ReplyData,
    ReplyDirectory, ReplyEmpty, ReplyEntry, ReplyOpen, ReplyStatfs, ReplyWrite, Request, TimeOrNow,
    WriteFlags,
};
use rustix::fs::OFlags;

use super::fault::Call;
use super::power::{Power, State, Turn};
use super::tree::{Node, Refused};

/// Everything that changes comes through the kernel, so what it remembers stays true.
const FOR_LONG: Duration = Duration::from_secs(3600);
/// The longest write in one piece.
const MOST_WRITTEN: u32 = 1 << 20;

/// The file system of one mount.
pub(super) struct Served(pub(super) Arc<Power>);

/// What any reply can say.
trait Answer: Send + 'static {
    fn fail(self, errno: Errno);
}

macro_rules! answers {
    ($($reply:ty),*) => { $(impl Answer for $reply {
        fn fail(self, errno: Errno) {
            self.error(errno);
        }
    })* };
}
answers!(ReplyAttr, ReplyCreate, ReplyData, ReplyDirectory, ReplyEmpty, ReplyEntry, ReplyOpen, ReplyWrite);

impl From<Refused> for Errno {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Missing => Self::ENOENT,
            Refused::Exists => Self::EEXIST,
            Refused::NoDir => Self::ENOTDIR,
            Refused::IsDir => Self::EISDIR,
            Refused::NotEmpty => Self::ENOTEMPTY,
            Refused::Unsupported => Self::EINVAL,
        }
    }
}

impl Served {
    /// Does what a call asks for, if there is power and nothing is to go wrong, and answers.
    fn serve<R: Answer, T>(
        &self,
        call: Call,
        request: &Request,
        reply: R,
        act: impl FnOnce(&mut State) -> Result<T, Errno>,
        answer: impl FnOnce(R, T),
    ) {
        match self.0.turn(call, request.pid()) {
            Turn::Served(mut state) => {
                let done = act(&mut state);
                drop(state);
                match done {
                    Ok(done) => answer(reply, done),
                    Err(errno) => reply.fail(errno),
                }
            }
            Turn::Fails => reply.fail(Errno::EIO),
            Turn::Held(mut state) => state.hold(Box::new(reply)),
        }
    }
}

fn attributes(state: &State, number: u64) -> Result<FileAttr, Errno> {
    let (kind, size, nlink) = match state.tree.node(number)? {
        Node::File(file) => (FileType::RegularFile, file.seen().len(), state.tree.links(number)),
        Node::Dir(_) => (FileType::Directory, 0, 2),
    };
    Ok(FileAttr {
        ino: INodeNo(number),
        size,
        blocks: size.div_ceil(512),
        atime: SystemTime::UNIX_EPOCH,
        mtime: SystemTime::UNIX_EPOCH,
        ctime: SystemTime::UNIX_EPOCH,
        crtime: SystemTime::UNIX_EPOCH,
        kind,
        perm: state.tree.mode(number),
        nlink,
        uid: rustix::process::geteuid().as_raw(),
        gid: rustix::process::getegid().as_raw(),
        rdev: 0,
        blksize: 4096,
        flags: 0,
    })
}

/// Makes room for a file to grow to `len`.
fn grow(state: &mut State, number: u64, len: u64) -> Result<(), Errno> {
    let more = len.saturating_sub(state.tree.file(number)?.seen().len());
    if more > 0 && state.trouble.is_full_for(more) {
        return Err(Errno::ENOSPC);
    }
    Ok(())
}

fn entry(reply: ReplyEntry, attributes: &FileAttr) {
    reply.entry(&FOR_LONG, attributes, Generation(0));
}

impl Filesystem for Served {
    fn init(&mut self, _: &Request, config: &mut KernelConfig) -> std::io::Result<()> {
        let _ = config.set_max_write(MOST_WRITTEN);
        Ok(())
    }

    fn lookup(&self, request: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        let act = |state: &mut State| attributes(state, state.tree.look_up(parent.0, name)?);
        self.serve(Call::Look, request, reply, act, |reply, found| entry(reply, &found));
    }

    fn getattr(&self, request: &Request, ino: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        let act = |state: &mut State| attributes(state, ino.0);
        self.serve(Call::Look, request, reply, act, |reply, found| reply.attr(&FOR_LONG, &found));
    }

    fn setattr(
        &self,
        request: &Request,
        ino: INodeNo,
        mode: Option<u32>,
        _uid: Option<u32>,
        _gid: Option<u32>,
        size: Option<u64>,
        _atime: Option<TimeOrNow>,
        _mtime: Option<TimeOrNow>,
        _ctime: Option<SystemTime>,
        _fh: Option<FileHandle>,
        _crtime: Option<SystemTime>,
        _chgtime: Option<SystemTime>,
        _bkuptime: Option<SystemTime>,
        _flags: Option<BsdFileFlags>,
        reply: ReplyAttr,
    ) {
        let call = if size.is_some() { Call::Size } else { Call::Look };
        let act = |state: &mut State| {
            if let Some(mode) = mode {
                state.tree.set_mode(ino.0, (mode & 0o7777) as u16);
            }
            if let Some(size) = size {
                state.tree.file(ino.0)?.set_len(size);
            }
            attributes(state, ino.0)
        };
        self.serve(call, request, reply, act, |reply, found| reply.attr(&FOR_LONG, &found));
    }

    fn mkdir(
        &self,
        request: &Request,
        parent: INodeNo,
        name: &OsStr,
        mode: u32,
        umask: u32,
        reply: ReplyEntry,
    ) {
        let act = |state: &mut State| {
            let made = state.tree.create(parent.0, name, true, (mode & !umask & 0o7777) as u16)?;
            attributes(state, made)
        };
        self.serve(Call::Name, request, reply, act, |reply, made| entry(reply, &made));
    }

    fn unlink(&self, request: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        let act = |state: &mut State| Ok(state.tree.remove(parent.0, name, false)?);
        self.serve(Call::Name, request, reply, act, |reply, ()| reply.ok());
    }

    fn rmdir(&self, request: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        let act = |state: &mut State| Ok(state.tree.remove(parent.0, name, true)?);
        self.serve(Call::Name, request, reply, act, |reply, ()| reply.ok());
    }

    fn rename(
        &self,
        request: &Request,
        parent: INodeNo,
        name: &OsStr,
        to_parent: INodeNo,
        to_name: &OsStr,
        flags: RenameFlags,
        reply: ReplyEmpty,
    ) {
        let act = |state: &mut State| {
            if !(flags & !RenameFlags::RENAME_NOREPLACE).is_empty() {
                return Err(Refused::Unsupported.into());
            }
            let replace = !flags.contains(RenameFlags::RENAME_NOREPLACE);
            Ok(state.tree.rename((parent.0, name), (to_parent.0, to_name), replace)?)
        };
        self.serve(Call::Rename, request, reply, act, |reply, ()| reply.ok());
    }

    fn link(&self, request: &Request, ino: INodeNo, dir: INodeNo, name: &OsStr, reply: ReplyEntry) {
        let act = |state: &mut State| {
            state.tree.link(ino.0, dir.0, name)?;
            attributes(state, ino.0)
        };
        self.serve(Call::Name, request, reply, act, |reply, linked| entry(reply, &linked));
    }

    fn open(&self, request: &Request, ino: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        let act = |state: &mut State| Ok(state.tree.file(ino.0).map(drop)?);
        self.serve(Call::Look, request, reply, act, |reply, ()| {
            reply.opened(FileHandle(0), FopenFlags::FOPEN_KEEP_CACHE | FopenFlags::FOPEN_NOFLUSH);
        });
    }

    fn create(
        &self,
        request: &Request,
        parent: INodeNo,
        name: &OsStr,
        mode: u32,
        umask: u32,
        _flags: i32,
        reply: ReplyCreate,
    ) {
        let act = |state: &mut State| {
            let made = state.tree.create(parent.0, name, false, (mode & !umask & 0o7777) as u16)?;
            attributes(state, made)
        };
        self.serve(Call::Name, request, reply, act, |reply, made| {
            let flags = FopenFlags::FOPEN_KEEP_CACHE | FopenFlags::FOPEN_NOFLUSH;
            reply.created(&FOR_LONG, &made, Generation(0), FileHandle(0), flags);
        });
    }

    fn read(
        &self,
        request: &Request,
        ino: INodeNo,
        _fh: FileHandle,
        offset: u64,
        size: u32,
        _flags: OpenFlags,
        _owner: Option<LockOwner>,
        reply: ReplyData,
    ) {
        let act = |state: &mut State| Ok(state.tree.file(ino.0)?.seen().read(offset, u64::from(size)));
        self.serve(Call::Read, request, reply, act, |reply, bytes| reply.data(&bytes));
    }

    fn write(
        &self,
        request: &Request,
        ino: INodeNo,
        _fh: FileHandle,
        offset: u64,
        data: &[u8],
        _write_flags: WriteFlags,
        flags: OpenFlags,
        _owner: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        let thread = request.pid();
        let act = |state: &mut State| {
            let end = offset + data.len() as u64;
            grow(state, ino.0, end)?;
            state.tree.file(ino.0)?.write(offset, data);
            if flags.0 as u32 & OFlags::DSYNC.bits() != 0 {
                // A long write comes in pieces, and one sync after them.
                let before = state.synchronous.remove(&thread);
                let goes_on = before.filter(|(number, bytes)| *number == ino.0 && bytes.end == offset);
                let start = goes_on.map_or(offset, |(_, bytes)| bytes.start);
                state.synchronous.insert(thread, (ino.0, start..end));
            }
            Ok(data.len() as u32)
        };
        self.serve(Call::Write, request, reply, act, ReplyWrite::written);
    }

    fn fallocate(
        &self,
        request: &Request,
        ino: INodeNo,
        _fh: FileHandle,
        offset: u64,
        length: u64,
        mode: i32,
        reply: ReplyEmpty,
    ) {
        let act = |state: &mut State| {
            if mode != 0 {
                return Err(Errno::EOPNOTSUPP);
            }
            grow(state, ino.0, offset + length)?;
            state.tree.file(ino.0)?.extend(offset + length);
            Ok(())
        };
        self.serve(Call::Size, request, reply, act, |reply, ()| reply.ok());
    }

    fn fsync(&self, request: &Request, ino: INodeNo, _: FileHandle, _: bool, reply: ReplyEmpty) {
        let thread = request.pid();
        // A sync that fails is no matter of the call alone: it is decided here.
        match self.0.turn(Call::Sync, thread) {
            Turn::Held(mut state) => state.hold(Box::new(reply)),
            Turn::Fails => {
                let mut state = self.0.lock();
                state.synchronous.remove(&thread);
                if let Ok(file) = state.tree.file(ino.0) {
                    file.forget();
                }
                drop(state);
                reply.error(Errno::EIO);
            }
            Turn::Served(mut state) => {
                let written = state.synchronous.remove(&thread).filter(|(number, _)| *number == ino.0);
                let State { tree, trouble, .. } = &mut *state;
                let synced = tree.file(ino.0).map(|file| {
                    let full = file.grown() > 0 && trouble.is_full_at_sync(file.grown());
                    match written {
                        _ if full => file.forget(),
                        Some((_, bytes)) => file.sync_only(bytes),
                        None => file.sync(),
                    }
                    full
                });
                drop(state);
                match synced {
                    Ok(false) => reply.ok(),
                    Ok(true) => reply.error(Errno::ENOSPC),
                    Err(refused) => reply.error(refused.into()),
                }
            }
        }
    }

    fn fsyncdir(&self, request: &Request, ino: INodeNo, _: FileHandle, _: bool, reply: ReplyEmpty) {
        let act = |state: &mut State| Ok(state.tree.sync_dir(ino.0)?);
        self.serve(Call::Sync, request, reply, act, |reply, ()| reply.ok());
    }

    fn opendir(&self, request: &Request, ino: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        let act = |state: &mut State| {
            let dir = state.tree.dir(ino.0)?;
            let mut names = vec![(ino.0, true, ".".into()), (dir.parent, true, "..".into())];
            for (name, number) in &dir.seen {
                let is_dir = matches!(state.tree.node(*number)?, Node::Dir(_));
                names.push((*number, is_dir, name.clone()));
            }
            let listing = state.next_listing;
            state.next_listing += 1;
            state.listings.insert(listing, names);
            Ok(listing)
        };
        self.serve(Call::Look, request, reply, act, |reply, listing| {
            reply.opened(FileHandle(listing), FopenFlags::empty());
        });
    }

    fn readdir(
        &self,
        request: &Request,
        _ino: INodeNo,
        listing: FileHandle,
        offset: u64,
        reply: ReplyDirectory,
    ) {
        let act = |state: &mut State| {
            let names = state.listings.get(&listing.0).ok_or(Errno::EBADF)?;
            Ok(names.iter().skip(offset as usize).cloned().collect::<Vec<_>>())
        };
        self.serve(Call::Look, request, reply, act, |mut reply, names| {
            for (index, (number, is_dir, name)) in (offset + 1..).zip(names) {
                let kind = if is_dir { FileType::Directory } else { FileType::RegularFile };
                if reply.add(INodeNo(number), index, kind, name) {
                    break;
                }
            }
            reply.ok();
        });
    }

    // What a process does as it dies is answered, power or not: its end waits for that.
    fn releasedir(&self, _: &Request, _: INodeNo, listing: FileHandle, _: OpenFlags, reply: ReplyEmpty) {
        self.0.lock().listings.remove(&listing.0);
        reply.ok();
    }

    fn flush(&self, _: &Request, _: INodeNo, _: FileHandle, _: LockOwner, reply: ReplyEmpty) {
        reply.ok();
    }

    fn access(&self, _: &Request, _: INodeNo, _: AccessFlags, reply: ReplyEmpty) {
        reply.ok();
    }

    fn statfs(&self, _: &Request, _: INodeNo, reply: ReplyStatfs) {
        let blocks = 1 << 22;
        reply.statfs(blocks, blocks, blocks, 1 << 20, 1 << 20, 4096, 255, 4096);
    }
}
