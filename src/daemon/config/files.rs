//! Which files make up the configuration, and how they are read from disk.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::finding::{Finding, Level};
use crate::daemon::args::Named;

/// The most that one file may hold; the shipped one with all its words has 8 KiB.
const FILE_BYTES_MAX: usize = 256 << 10;

/// The most drop-ins that are read.
const DROP_INS_MAX: usize = 64;

/// A file that was read.
pub(super) struct TextFile {
    /// Where it is.
    pub(super) path: PathBuf,
    /// What it says.
    pub(super) text: String,
}

/// What was found on disk.
pub(super) struct Files {
    /// The main file, if it is there, then the drop-ins in the order of their names.
    pub(super) texts: Vec<TextFile>,
    /// What could not be read.
    pub(super) findings: Vec<Finding>,
    /// Whether there is no main file.
    pub(super) main_missing: bool,
}

/// Reads `file` and `file.d/*.toml`.
pub(super) fn read(file: &Path, named: Named) -> Files {
    let mut files = Files { texts: Vec::new(), findings: Vec::new(), main_missing: false };
    match read_one(file) {
        Ok(text) => files.texts.push(TextFile { path: file.to_owned(), text }),
        Err(Unreadable { missing: true, .. }) if named == Named::ByDefault => {
            files.main_missing = true;
        }
        Err(why) => files.findings.push(why.finding(file)),
    }
    let directory = drop_in_directory(file);
    match drop_ins(&directory) {
        Ok(paths) => {
            for path in paths {
                match read_one(&path) {
                    Ok(text) => files.texts.push(TextFile { path, text }),
                    Err(why) => files.findings.push(why.finding(&path)),
                }
            }
        }
        Err(why) => files.findings.push(why.finding(&directory)),
    }
    files
}

/// `/etc/posdatad/posdatad.toml` → `/etc/posdatad/posdatad.toml.d`
fn drop_in_directory(file: &Path) -> PathBuf {
    let mut directory = file.as_os_str().to_owned();
    directory.push(".d");
    PathBuf::from(directory)
}

fn drop_ins(directory: &Path) -> Result<Vec<PathBuf>, Unreadable> {
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error.into()),
    };
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry?.path();
        let hidden = path.file_name().is_some_and(|n| n.as_encoded_bytes().starts_with(b"."));
        if !hidden && path.extension() == Some(OsStr::new("toml")) {
            paths.push(path);
        }
    }
    if paths.len() > DROP_INS_MAX {
        return Err(Unreadable::new(
            format!("{} drop-ins; at most {DROP_INS_MAX} are read", paths.len()),
            "put several settings into one file",
        ));
    }
    paths.sort();
    Ok(paths)
}

fn read_one(path: &Path) -> Result<String, Unreadable> {
    // Looked at before it is opened: opening a FIFO would wait for its writer.
    if !fs::metadata(path)?.is_file() {
        return Err(Unreadable::new("not a regular file", "name the file itself"));
    }
    let mut bytes = Vec::new();
    let limit = u64::try_from(FILE_BYTES_MAX).unwrap_or(u64::MAX).saturating_add(1);
    File::open(path)?.take(limit).read_to_end(&mut bytes)?;
    if bytes.len() > FILE_BYTES_MAX {
        return Err(Unreadable::new(
            format!("larger than {} KiB", FILE_BYTES_MAX >> 10),
            "this is hardly a configuration file",
        ));
    }
    String::from_utf8(bytes).map_err(|error| {
        let good = error.utf8_error().valid_up_to();
        let line = error.as_bytes().iter().take(good).filter(|byte| **byte == b'\n').count() + 1;
        Unreadable::new(format!("not UTF-8 text (line {line})"), "save it as UTF-8")
    })
}

/// Why a file is not there to be parsed.
struct Unreadable {
    text: String,
    help: &'static str,
    missing: bool,
}

impl Unreadable {
    fn new(text: impl Into<String>, help: &'static str) -> Self {
        Self { text: text.into(), help, missing: false }
    }

    fn finding(self, path: &Path) -> Finding {
        Finding {
            file: path.to_owned(),
            position: None,
            level: Level::Error,
            text: self.text,
            help: Some(self.help.to_owned()),
        }
    }
}

impl From<io::Error> for Unreadable {
    fn from(error: io::Error) -> Self {
        let missing = error.kind() == io::ErrorKind::NotFound;
        let (text, help) = if missing {
            (
                "there is no such file".to_owned(),
                "name another with --config, or leave --config out",
            )
        } else if error.kind() == io::ErrorKind::PermissionDenied {
            (
                "may not be read".to_owned(),
                "it must be readable for the user posdatad: chmod 0644, and 0755 for its directories",
            )
        } else {
            (format!("cannot be read: {error}"), "check the path and the disk")
        };
        Self { text, help, missing }
    }
}
