//! Files beside an import: none of them may be another one of them, for two are emptied before the third is read.

use std::path::{Path, PathBuf};

use crate::exit::Failure;

/// Checks that the input, the file of rejected lines and the file of receipts are three.
///
/// # Errors
/// A usage error that names the two which are one.
pub(super) fn check(input: &Path, rejects: Option<&Path>, acks: Option<&Path>) -> Result<(), Failure> {
    let named = [("the input", Some(input)), ("--rejects", rejects), ("--acks", acks)];
    for (at, (name, path)) in named.iter().enumerate() {
        for (other, file) in &named[at + 1..] {
            if let (Some(path), Some(file)) = (path, file)
                && is_same(path, file)
            {
                return Err(Failure::usage(format!(
                    "{name} and {other} are the same file, {}",
                    file.display()
                )));
            }
        }
    }
    Ok(())
}

/// Whether two names lead to one regular file.
fn is_same(one: &Path, other: &Path) -> bool {
    let place = |path: &Path| -> Option<PathBuf> {
        path.canonicalize().ok().or_else(|| std::path::absolute(path).ok())
    };
    let device = one.metadata().is_ok_and(|metadata| !metadata.is_file());
    !device && place(one).is_some_and(|place_of_one| Some(place_of_one) == place(other))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_never_two_things_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let input = dir.path().join("a.jsonl");
        std::fs::write(&input, "").unwrap();
        let same = dir.path().join(".").join("a.jsonl");
        let new = dir.path().join("new");
        assert!(check(&input, Some(&same), None).is_err());
        assert!(check(&input, None, Some(&same)).is_err());
        assert!(check(&input, Some(&new), Some(&new)).is_err());
        assert!(check(&input, Some(&new), None).is_ok());
        assert!(check(Path::new("-"), None, None).is_ok());
        assert!(check(&input, Some(Path::new("/dev/null")), Some(Path::new("/dev/null"))).is_ok());
    }
}
