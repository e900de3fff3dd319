//! A data directory that may be read and not written.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use super::{ANNALS, Data, Run, claims, contents};

#[test]
fn a_directory_that_may_only_be_read_is_left_as_it_is_and_says_so() {
    let data = Data::of(&claims(2));
    let before = contents(&data.path());
    permit(&data.path(), 0o555, 0o444);
    let refused = ["append --subject s --predicate p --int 1", "subjects"].map(|line| as_reader(&data, line));
    let answered = ["status --json", "export"].map(|line| as_reader(&data, line));
    permit(&data.path(), 0o755, 0o644);
    assert_eq!(contents(&data.path()), before);
    for run in refused.into_iter().flatten() {
        let run = run.ends(1);
        assert!(run.err.contains("ermission denied") && run.err.contains("help:"), "{run:?}");
    }
    let [status, export] = answered;
    if let (Some(status), Some(export)) = (status, export) {
        let status = status.ends(0);
        assert_eq!(status.report()["journal"]["records"], 2);
        assert!(status.err.contains("warning"), "{status:?}");
        assert_eq!(export.ends(0).out.lines().count(), 2);
    }
}

/// Gives every directory and every file under this one these permissions.
fn permit(dir: &Path, dirs: u32, files: u32) {
    let set = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    set(dir, 0o755);
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            permit(&path, dirs, files);
        } else {
            set(&path, files);
        }
    }
    set(dir, dirs);
}

/// Runs a command as somebody who is bound by permissions. None if this is root, who is not, and cannot become
/// somebody else here.
fn as_reader(data: &Data, line: &str) -> Option<Run> {
    let probe = data.path().join("probe");
    let bound = fs::write(&probe, "").is_err();
    if bound {
        return Some(data.run(line));
    }
    fs::remove_file(&probe).unwrap();
    fs::set_permissions(data.room.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let binary = data.file("annals");
    fs::copy(ANNALS, &binary).unwrap();
    let mut command = Command::new("setpriv");
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(binary);
    command.arg("--data").arg(data.path()).args(line.split(' ')).stdin(Stdio::null());
    let output = command.output().ok()?;
    // What `setpriv` ends with if it may not do that.
    (output.status.code() != Some(127)).then(|| output.into())
}
