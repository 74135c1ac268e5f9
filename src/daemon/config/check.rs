//! Loads a configuration, and `--check-config`.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};

use super::document::Document;
use super::finding::{Finding, Level};
use super::reader::Reader;
use super::{Config, files, sections, sense};
use crate::daemon::args::{Exit, Named};
use crate::domain::units::Size;

/// A configuration, and what is to be said about it.
#[derive(Clone, Debug, PartialEq)]
pub struct Loaded {
    /// What to run with; only when nothing in `findings` is an error.
    pub config: Config,
    /// Everything that is wrong or doubtful, in the order of files and lines.
    pub findings: Vec<Finding>,
    /// The files that were read, in the order in which they count.
    pub files: Vec<PathBuf>,
    /// Whether there is no main file, which is no error: the defaults apply.
    pub main_missing: bool,
}

impl Loaded {
    /// Whether it may be used.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.count(Level::Error) == 0
    }

    fn count(&self, level: Level) -> usize {
        self.findings.iter().filter(|finding| finding.level == level).count()
    }

    /// One line for people: `ok`, what it comes to, or how much is wrong.
    #[must_use]
    pub fn verdict(&self, file: &Path) -> String {
        let errors = self.count(Level::Error);
        let warnings = self.count(Level::Warning);
        let mut line = format!("{}: ", file.display());
        // Writing to a String does not fail.
        let _ = match errors {
            0 => write!(line, "ok"),
            1 => write!(line, "1 error"),
            many => write!(line, "{many} errors"),
        };
        let _ = match warnings {
            0 => Ok(()),
            1 => write!(line, ", 1 warning"),
            many => write!(line, ", {many} warnings"),
        };
        if self.main_missing {
            line.push_str(" (no such file: the defaults apply)");
        }
        let drop_ins = self.files.len().saturating_sub(usize::from(!self.main_missing));
        if errors == 0 {
            let _ = match drop_ins {
                0 => Ok(()),
                1 => write!(line, ", with 1 drop-in"),
                many => write!(line, ", with {many} drop-ins"),
            };
            let _ = write!(line, ": {}", summary(&self.config));
        }
        line
    }
}

/// Reads `file` and its drop-ins, and judges all of it.
#[must_use]
pub fn load(file: &Path, named: Named) -> Loaded {
    let files = files::read(file, named);
    let mut findings = files.findings;
    let mut documents = Vec::new();
    for text in &files.texts {
        let (document, said) = Document::parse(text);
        documents.push(document);
        findings.extend(said);
    }
    let mut reader = Reader::new(&documents);
    let config = sections::read(&mut reader);
    sense::judge(&config, &mut reader);
    findings.extend(reader.finish().0);
    let paths: Vec<PathBuf> = files.texts.iter().map(|text| text.path.clone()).collect();
    // What could not be read at all comes first, then by file and line.
    findings.sort_by_key(|finding| {
        (paths.iter().position(|path| *path == finding.file), finding.position)
    });
    Loaded { config, findings, files: paths, main_missing: files.main_missing }
}

/// Prints every finding and the verdict.
///
/// # Errors
/// When `out` cannot be written.
pub fn check(file: &Path, named: Named, out: &mut impl io::Write) -> io::Result<Exit> {
    let loaded = load(file, named);
    for finding in &loaded.findings {
        writeln!(out, "{finding}")?;
    }
    writeln!(out, "{}", loaded.verdict(file))?;
    out.flush()?;
    Ok(if loaded.is_ok() { Exit::Ok } else { Exit::Config })
}

/// Every key there is, as `section.key`.
#[must_use]
pub fn keys() -> BTreeSet<&'static str> {
    let mut reader = Reader::new(&[]);
    let _ = sections::read(&mut reader);
    reader.finish().1
}

/// What a configuration comes to, in a few words.
fn summary(config: &Config) -> String {
    let mut line = format!("source {}", config.modem.source.word());
    for path in [&config.modem.port, &config.modem.device].into_iter().flatten() {
        let _ = write!(line, " {}", path.display());
    }
    if let Some(interface) = &config.modem.interface {
        let _ = write!(line, " {interface}");
    }
    let poll = std::time::Duration::from_millis(config.modem.poll_ms);
    let _ = write!(line, ", poll {}", humantime::format_duration(poll));
    match &config.plan {
        Some(plan) => {
            let zone = config.time_zone.iana_name().unwrap_or("UTC");
            let _ = write!(line, ", plan {} {} {zone}", Size(plan.allowance), plan.cycle);
        }
        None => line.push_str(", no local plan"),
    }
    match &config.backend {
        Some(backend) => {
            let _ = write!(line, ", backend {}", backend.url);
        }
        None => line.push_str(", no backend"),
    }
    line
}
