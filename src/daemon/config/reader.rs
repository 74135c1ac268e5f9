//! Reads keys out of all files together: later files win, every value is judged.

use std::collections::{BTreeMap, BTreeSet};

use toml::de::DeValue;

use super::document::{Document, Said, Value};
use super::finding::{Finding, Level};
use super::kinds::{Judge, type_name};

/// How alike two words must be (Jaro-Winkler) for one to be offered for the other.
const ALIKE_MIN: f64 = 0.8;

/// Reads keys and gathers what is wrong with them. Which keys exist is known by
/// their being read here: there is no second list to fall behind.
pub(super) struct Reader<'a> {
    documents: &'a [Document<'a>],
    known: BTreeSet<&'static str>,
    set: BTreeMap<&'static str, At>,
    findings: Vec<Placed>,
}

/// A place: the file by its number, the byte in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct At {
    file: usize,
    offset: usize,
}

struct Placed {
    at: At,
    finding: Finding,
}

impl<'a> Reader<'a> {
    pub(super) fn new(documents: &'a [Document<'a>]) -> Self {
        Self { documents, known: BTreeSet::new(), set: BTreeMap::new(), findings: Vec::new() }
    }

    /// Reads the key `name` (`section.key`) from every file that sets it; the
    /// last one wins. `None` when none sets it, or what is set is wrong.
    pub(super) fn key<T>(
        &mut self,
        name: &'static str,
        kind: impl Fn(&Value<'_>, &mut Judge) -> Option<T>,
    ) -> Option<T> {
        self.known.insert(name);
        let (section, key) = name.split_once('.')?;
        let mut wins = None;
        for (file, document) in self.documents.iter().enumerate() {
            let Some((span, value)) = document.get(section, key) else { continue };
            self.set.insert(name, At { file, offset: span.start });
            let mut judge = Judge::default();
            let read = kind(value, &mut judge);
            for (offset, mut said) in judge.into_said() {
                said.text.insert_str(0, &format!("{name}: "));
                self.report(At { file, offset }, Level::Error, said);
            }
            wins = read.or(wins);
        }
        wins
    }

    /// Whether any file sets the key.
    pub(super) fn is_set(&self, name: &str) -> bool {
        self.set.contains_key(name)
    }

    /// Whether every file was TOML throughout: only then does a key that was not
    /// seen mean that it is not there.
    pub(super) fn is_whole(&self) -> bool {
        self.documents.iter().all(Document::is_whole)
    }

    /// Says something about a key that is set, at its place.
    pub(super) fn say(&mut self, level: Level, name: &'static str, text: &str, help: &str) {
        if let Some(at) = self.set.get(name).copied() {
            let said = Said { text: format!("{name}: {text}"), help: Some(help.to_owned()) };
            self.report(at, level, said);
        }
    }

    fn report(&mut self, at: At, level: Level, said: Said) {
        let placed = self.documents.get(at.file).and_then(|d| d.finding(at.offset, level, said));
        self.findings.extend(placed.map(|finding| Placed { at, finding }));
    }

    /// Judges what is in the files and was not asked for, and gives all findings
    /// in the order of the files and their lines, with the keys that exist.
    pub(super) fn finish(mut self) -> (Vec<Finding>, BTreeSet<&'static str>) {
        for (file, document) in self.documents.iter().enumerate() {
            // After a broken section line, keys only seem to be in the wrong place.
            if document.is_whole() {
                for (offset, said) in strangers(document, &self.known) {
                    self.report(At { file, offset }, Level::Error, said);
                }
            }
        }
        self.findings.sort_by_key(|placed| placed.at);
        (self.findings.into_iter().map(|placed| placed.finding).collect(), self.known)
    }
}

/// The sections and keys of a file that do not exist.
fn strangers(document: &Document<'_>, known: &BTreeSet<&'static str>) -> Vec<(usize, Said)> {
    let sections: BTreeSet<&str> =
        known.iter().filter_map(|n| Some(n.split_once('.')?.0)).collect();
    let mut found = Vec::new();
    for (name, value) in document.table().iter() {
        let offset = name.span().start;
        let name: &str = name.get_ref();
        match value.get_ref() {
            DeValue::Table(keys) if sections.contains(name) => {
                for key in keys.keys() {
                    if !known.contains(format!("{name}.{}", key.get_ref()).as_str()) {
                        found.push((key.span().start, unknown_key(name, key.get_ref(), known)));
                    }
                }
            }
            DeValue::Table(_) => found.push((offset, unknown_section(name, &sections))),
            other if sections.contains(name) => {
                let text =
                    format!("{}: expected a section, found {}", shown(name), type_name(other));
                found.push((offset, Said { text, help: Some(format!("write [{name}]")) }));
            }
            _ => found.push((offset, outside(name, known))),
        }
    }
    found
}

fn unknown_section(name: &str, sections: &BTreeSet<&str>) -> Said {
    let help = match nearest(name, sections.iter().copied()) {
        Some(near) => format!("did you mean [{near}]?"),
        None => {
            let all: Vec<String> = sections.iter().map(|s| format!("[{s}]")).collect();
            format!("there are {}", all.join(" "))
        }
    };
    Said { text: format!("{}: unknown section", shown(name)), help: Some(help) }
}

fn unknown_key(section: &str, key: &str, known: &BTreeSet<&'static str>) -> Said {
    let here = known.iter().filter_map(|n| n.split_once('.')).filter(|(s, _)| *s == section);
    let here: Vec<&str> = here.map(|(_, k)| k).collect();
    let help = owner(key, known)
        .or_else(|| {
            nearest(key, here.iter().copied()).map(|near| format!("did you mean \"{near}\"?"))
        })
        .unwrap_or_else(|| format!("[{section}] has {}", here.join(", ")));
    Said { text: format!("{section}.{}: unknown key", shown(key)), help: Some(help) }
}

fn outside(key: &str, known: &BTreeSet<&'static str>) -> Said {
    let help =
        owner(key, known).unwrap_or_else(|| "put it below the [section] it is of".to_owned());
    Said { text: format!("{}: stands outside any section", shown(key)), help: Some(help) }
}

/// Where a key belongs that stands in the wrong place.
fn owner(key: &str, known: &BTreeSet<&'static str>) -> Option<String> {
    let owner = known.iter().filter_map(|n| n.split_once('.')).find(|(_, k)| *k == key)?.0;
    Some(format!("it belongs to [{owner}]"))
}

/// The word that is most like `word`, if one is.
pub(super) fn nearest<'w>(word: &str, words: impl Iterator<Item = &'w str>) -> Option<&'w str> {
    let lower = word.to_lowercase();
    words
        .map(|other| (strsim::jaro_winkler(&lower, &other.to_lowercase()), other))
        .filter(|(alike, _)| *alike >= ALIKE_MIN)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, other)| other)
}

/// A name as it may be printed: a quoted key can hold anything.
fn shown(name: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let mut short: String = name.chars().take(64).collect();
    if short.is_empty() || !short.chars().all(plain) {
        short = format!("{short:?}");
    }
    short
}
