use std::sync::Mutex;

use super::*;

/// A file in memory with room for so many bytes, which may refuse to be cut or synced.
#[derive(Default)]
struct Small {
    bytes: Mutex<Vec<u8>>,
    room: usize,
    no_cut: bool,
    no_sync: bool,
    faults: Mutex<u32>,
    writes: Mutex<u32>,
}

impl Small {
    fn with_room(room: usize) -> Self {
        Self { bytes: Mutex::new(b"old\n".to_vec()), room, ..Self::default() }
    }

    fn fault<T>(&self, kind: io::ErrorKind) -> io::Result<T> {
        *self.faults.lock().unwrap() += 1;
        Err(kind.into())
    }
}

impl Appendable for Small {
    fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        *self.writes.lock().unwrap() += 1;
        let mut held = self.bytes.lock().unwrap();
        let fits = self.room.saturating_sub(held.len()).min(bytes.len());
        held.extend_from_slice(&bytes[..fits]);
        if fits == 0 { self.fault(io::ErrorKind::StorageFull) } else { Ok(fits) }
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.bytes.lock().unwrap().len() as u64)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        if self.no_cut {
            return self.fault(io::ErrorKind::Other);
        }
        self.bytes.lock().unwrap().truncate(len as usize);
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        if self.no_sync { self.fault(io::ErrorKind::Other) } else { Ok(()) }
    }
}

#[test]
fn what_does_not_fit_is_cut_off_again_wherever_it_stopped() {
    for room in 4..12 {
        let file = Small::with_room(room);
        let failed = commit(&file, 4, b"new line\n", true).unwrap_err();
        assert!(
            matches!(&failed, Failed::Undone(error) if error.kind() == io::ErrorKind::StorageFull),
            "{failed:?}"
        );
        assert_eq!(*file.bytes.lock().unwrap(), b"old\n");
        assert_eq!(*file.faults.lock().unwrap(), 1);
    }
    let file = Small::with_room(13);
    commit(&file, 4, b"new line\n", true).unwrap();
    assert_eq!(*file.bytes.lock().unwrap(), b"old\nnew line\n");
    assert_eq!(*file.writes.lock().unwrap(), 1, "line and newline are one write");
}

#[test]
fn what_cannot_be_cut_off_is_left_and_said_so() {
    let file = Small { no_cut: true, ..Small::with_room(7) };
    assert!(matches!(commit(&file, 4, b"new line\n", true), Err(Failed::Left(_))));
    assert_eq!((&**file.bytes.lock().unwrap(), *file.faults.lock().unwrap()), (&b"old\nnew"[..], 2));
}

#[test]
fn what_somebody_else_has_written_behind_it_is_not_cut_off() {
    let file = Small::with_room(7);
    // Before it is longer than the caller thinks: another program has written.
    assert!(matches!(commit(&file, 3, b"new line\n", true), Err(Failed::Left(_))));
    assert_eq!(*file.bytes.lock().unwrap(), b"old\nnew");
}

#[test]
fn a_failed_sync_is_neither_done_nor_undone() {
    let file = Small { no_sync: true, ..Small::with_room(99) };
    assert!(matches!(commit(&file, 4, b"new line\n", true), Err(Failed::Unsynced(_))));
    assert!(commit(&file, 13, b"x\n", false).is_ok(), "nobody asked for a sync");
}
