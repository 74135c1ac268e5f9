//! Finds out why a file cannot be written: SQLite says "unable to open" or "disk
//! I/O error" for many reasons, and each asks for something else to be done.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::unistd::{AccessFlags, eaccess};

use super::fault::Fault;
use super::files;

/// What a probe writes: a page of the file system, so that a quota is noticed.
const PROBE: [u8; 4096] = [0x55; 4096];

/// The fault behind an error on the database at `path`.
pub(super) fn why(path: &Path, detail: String) -> Fault {
    let directory = files::directory(path);
    let database = path;
    let path = path.to_owned();
    if !directory.is_dir() {
        return Fault::NoDirectory { path };
    }
    for target in [directory.as_path(), database] {
        match eaccess(target, AccessFlags::W_OK) {
            Ok(()) | Err(Errno::ENOENT) => {}
            Err(Errno::EROFS) => return Fault::ReadOnly { path },
            Err(Errno::EACCES | Errno::EPERM) => {
                return Fault::Denied {
                    path,
                    detail: format!("{}: not writable", target.display()),
                };
            }
            Err(errno) => return of_errno(path, errno, detail),
        }
    }
    match probe(&files::beside(database, ".probe")) {
        Ok(()) => Fault::Io { path, detail },
        Err(error) => of_io(path, &error),
    }
}

/// The fault behind an error of the operating system's.
pub(super) fn of_io(path: PathBuf, error: &io::Error) -> Fault {
    let errno = error.raw_os_error().map_or(Errno::UnknownErrno, Errno::from_raw);
    if errno == Errno::ENOENT && !files::directory(&path).is_dir() {
        return Fault::NoDirectory { path };
    }
    of_errno(path, errno, error.to_string())
}

fn of_errno(path: PathBuf, errno: Errno, detail: String) -> Fault {
    if errno == Errno::EROFS {
        Fault::ReadOnly { path }
    } else if [Errno::EACCES, Errno::EPERM].contains(&errno) {
        Fault::Denied { path, detail }
    } else if [Errno::ENOSPC, Errno::EDQUOT, Errno::EFBIG].contains(&errno) {
        Fault::Full { path, detail }
    } else {
        Fault::Io { path, detail }
    }
}

/// Tries what SQLite tried, and removes it again. Only called on a fault.
fn probe(path: &Path) -> io::Result<()> {
    let written = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
        .and_then(|mut file: File| file.write_all(&PROBE).and_then(|()| file.sync_data()));
    // Best effort: what matters is whether it could be written.
    let _removed = std::fs::remove_file(path);
    written
}
