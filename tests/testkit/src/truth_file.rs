//! Owns the file that tells the truth: whole at any moment, and rewritten no more often than it needs to be.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// What can be told as a document.
pub(crate) trait Document: Clone + PartialEq {
    fn document(&self) -> serde_json::Value;
}

/// Between two writes that nobody asked for.
const PAUSE: Duration = Duration::from_millis(100);

/// The truth file.
pub(crate) struct TruthFile<T> {
    path: PathBuf,
    written: Option<T>,
    written_at: Option<Instant>,
    stale: bool,
}

impl<T: Document> TruthFile<T> {
    pub(crate) fn new(path: PathBuf) -> TruthFile<T> {
        TruthFile { path, written: None, written_at: None, stale: false }
    }

    /// Writes what changed, unless the last write was a moment ago: then `deadline` says when.
    pub(crate) fn offer(&mut self, truth: &T, now: Instant) {
        self.stale = self.written.as_ref() != Some(truth);
        if self.stale && self.written_at.is_none_or(|at| now.saturating_duration_since(at) >= PAUSE)
        {
            self.write(truth, now);
        }
    }

    /// Writes what changed, now.
    pub(crate) fn write(&mut self, truth: &T, now: Instant) {
        self.stale = false;
        if self.written.as_ref() == Some(truth) {
            return;
        }
        if let Err(error) = write(&self.path, truth) {
            eprintln!("modem-sim: cannot write the truth to {}: {error}", self.path.display());
        }
        self.written = Some(truth.clone());
        self.written_at = Some(now);
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.written_at.filter(|_| self.stale).map(|at| at + PAUSE)
    }
}

/// Replaces the file in one step.
fn write(path: &Path, truth: &impl Document) -> io::Result<()> {
    let mut document = truth.document();
    if let Some(value) = document.get_mut("planted_bytes").map(serde_json::Value::take) {
        crate::plant::plant(&mut document, value.as_u64().unwrap_or(0));
    }
    replace(path, &format!("{document:#}\n"))
}

/// Replaces a file in one step: a reader finds the old text or the new one.
pub(crate) fn replace(path: &Path, text: &str) -> io::Result<()> {
    let fresh = path.with_extension(format!("new-{}", std::process::id()));
    fs::write(&fresh, text)?;
    fs::rename(&fresh, path)
}
