use std::sync::Mutex;

use super::*;

/// A file that takes and gives so many bytes a call at most, and is interrupted before every third.
#[derive(Debug, Default)]
struct Slow {
    most: usize,
    state: Mutex<(Vec<u8>, u32)>,
}

impl Slow {
    fn of(most: usize) -> Self {
        Self { most, ..Self::default() }
    }

    fn call<T>(&self, act: impl FnOnce(&mut Vec<u8>) -> T) -> io::Result<T> {
        let mut state = self.state.lock().unwrap();
        state.1 += 1;
        if state.1.is_multiple_of(3) { Err(io::ErrorKind::Interrupted.into()) } else { Ok(act(&mut state.0)) }
    }

    fn bytes(&self) -> Vec<u8> {
        self.state.lock().unwrap().0.clone()
    }
}

impl DiskFile for Slow {
    fn read_at(&self, buf: &mut [u8], pos: u64) -> io::Result<usize> {
        self.call(|bytes| {
            let rest = &bytes[bytes.len().min(pos as usize)..];
            let len = rest.len().min(buf.len()).min(self.most);
            buf[..len].copy_from_slice(&rest[..len]);
            len
        })
    }

    fn write_at(&self, buf: &[u8], pos: u64) -> io::Result<usize> {
        self.call(|bytes| {
            let (pos, len) = (pos as usize, buf.len().min(self.most));
            bytes.resize(bytes.len().max(pos + len), 0);
            bytes[pos..pos + len].copy_from_slice(&buf[..len]);
            len
        })
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.bytes().len() as u64)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.call(|bytes| bytes.resize(len as usize, 0))
    }

    fn allocate(&self, len: u64) -> io::Result<()> {
        self.set_len(len)
    }
}

fn drawn(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i * 31 % 251) as u8).collect()
}

#[test]
fn short_calls_and_interrupted_ones_are_gone_on_with() {
    let expected = drawn(40_000);
    for most in [1000, 4096, 39_999, 40_000] {
        let file = Slow::of(most);
        write_full(&file, &expected, 7).unwrap();
        assert_eq!((&file.bytes()[7..], &file.bytes()[..7]), (&expected[..], &[0; 7][..]), "{most} a call");
        let mut read = vec![0; 50_000];
        assert_eq!(read_full(&file, &mut read, 7).unwrap(), 40_000);
        assert_eq!(read[..40_000], expected);

        let file = Slow::of(most.next_multiple_of(4096));
        let blocks = drawn(10 * 4096);
        assert!(
            !write_all_blocks(&file, &blocks, 4096, true).unwrap(),
            "nothing was made durable on the way"
        );
        assert_eq!(file.bytes()[4096..], blocks, "{most} a call");
    }
}

#[test]
fn a_call_that_moves_nothing_is_an_error_and_no_hang() {
    let file = Slow::of(0);
    let kind = |error: io::Error| error.kind();
    assert_eq!(write_full(&file, &[1], 0).map_err(kind), Err(io::ErrorKind::WriteZero));
    assert_eq!(write_all_blocks(&file, &[1; 4096], 0, true).map_err(kind), Err(io::ErrorKind::WriteZero));
    assert_eq!(read_full(&file, &mut [0; 4], 0).unwrap(), 0);
}
