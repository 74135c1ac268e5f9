//! The house keeps its own rules: walls between the floors, time read in one
//! place, no I/O below floor 3, every file headed by what it owns.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use std::fs;
use std::path::{Path, PathBuf};

/// Each floor's folders, and the folders that they may import.
const MAY_IMPORT: [(&str, &[&str]); 7] = [
    ("domain", &["domain"]),
    ("proto", &["proto"]),
    ("modem", &["modem", "proto", "domain"]),
    ("backend", &["backend", "proto", "domain"]),
    ("adapters", &["adapters", "modem", "backend", "proto", "domain"]),
    ("daemon", &["daemon", "adapters", "modem", "backend", "proto", "domain"]),
    ("ctl", &["ctl", "adapters", "domain"]),
];

/// What may not be named below floor 3: the world outside, and the time.
const IO: [&str; 14] = [
    "std::fs",
    "std::net",
    "std::env",
    "std::process",
    "std::thread",
    "std::io",
    "std::os",
    "tokio",
    "zbus",
    "rusqlite",
    "serialport",
    "nix::",
    "libc::",
    "println!",
];

/// Reading a clock; only the clock adapter may.
const CLOCKS: [&str; 6] = [
    "Instant::now",
    "SystemTime::now",
    "Timestamp::now",
    "Zoned::now",
    "clock_gettime",
    "TimeZone::system",
];

fn sources(root: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join(root)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ext| ext == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                found.push((path, text));
            }
        }
    }
    found.sort();
    assert!(!found.is_empty(), "{root} holds no Rust at all: this test looks in the wrong place");
    found
}

/// A file's code: its lines without comments, up to its tests.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines()
        .enumerate()
        .take_while(|(_, line)| !line.starts_with("#[cfg(test)]"))
        .map(|(n, line)| (n + 1, line.split("//").next().unwrap_or("")))
}

fn assert_none(findings: &[String]) {
    assert!(findings.is_empty(), "\n{}", findings.join("\n"));
}

/// The crate's own modules that a line names.
fn imports(line: &str) -> Vec<&str> {
    line.match_indices("crate::")
        .filter_map(|(at, word)| {
            let rest = &line[at + word.len()..];
            rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().filter(|m| !m.is_empty())
        })
        .collect()
}

#[test]
fn a_floor_imports_only_floors_below_it() {
    let mut findings = Vec::new();
    for (floor, allowed) in MAY_IMPORT {
        let folder = format!("src/{floor}");
        if !Path::new(env!("CARGO_MANIFEST_DIR")).join(&folder).exists() {
            continue;
        }
        for (path, text) in sources(&folder) {
            for (n, line) in code(&text) {
                for module in imports(line) {
                    if !allowed.contains(&module) {
                        findings.push(format!(
                            "{}:{n}: {floor} imports {module}, which is not below it",
                            path.display()
                        ));
                    }
                }
                if line.contains("use crate::{") {
                    findings.push(format!(
                        "{}:{n}: name one module a line after `use crate::`",
                        path.display()
                    ));
                }
            }
        }
    }
    assert_none(&findings);
}

#[test]
fn every_module_stands_on_a_floor() {
    let lib = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs")).unwrap();
    for module in lib.lines().filter_map(|line| line.strip_prefix("pub mod ")) {
        let module = module.trim_end_matches(';');
        assert!(MAY_IMPORT.iter().any(|(floor, _)| *floor == module), "{module} has no floor");
    }
}

#[test]
fn there_is_no_io_below_floor_3() {
    let mut findings = Vec::new();
    for floor in ["src/domain", "src/proto", "src/modem", "src/backend"] {
        for (path, text) in sources(floor) {
            for (n, line) in code(&text) {
                for word in IO {
                    if line.contains(word) {
                        findings.push(format!("{}:{n}: {word}", path.display()));
                    }
                }
            }
        }
    }
    assert_none(&findings);
}

#[test]
fn the_time_is_read_in_one_file() {
    let mut findings = Vec::new();
    let mut read_in_clock = 0;
    for (path, text) in sources("src") {
        for (n, line) in code(&text) {
            for word in CLOCKS.iter().filter(|word| line.contains(**word)) {
                if path.ends_with("adapters/clock.rs") {
                    read_in_clock += 1;
                } else if !(path.to_string_lossy().contains("/ctl/") && *word == "TimeZone::system")
                {
                    findings.push(format!("{}:{n}: {word}", path.display()));
                }
            }
        }
    }
    assert!(read_in_clock > 0, "not even the clock adapter reads the time: the words are stale");
    assert_none(&findings);
}

#[test]
fn every_file_says_what_it_owns() {
    let findings: Vec<String> = sources("src")
        .into_iter()
        .chain(sources("tests/testkit/src"))
        .filter(|(_, text)| !text.starts_with("//!"))
        .map(|(path, _)| format!("{}: does not open with //!", path.display()))
        .collect();
    assert_none(&findings);
}

#[test]
fn programs_are_a_few_lines() {
    for (path, text) in sources("src/bin") {
        assert!(text.lines().count() <= 20, "{}: more than a few lines", path.display());
    }
}

#[test]
fn nothing_is_left_half_done() {
    let mut findings = Vec::new();
    for root in ["src", "tests"] {
        for (path, text) in sources(root) {
            if path.ends_with("tidy.rs") {
                continue;
            }
            for (n, line) in text.lines().enumerate() {
                for word in ["TODO", "FIXME", "XXX:", "unimplemented!", "todo!("] {
                    if line.contains(word) {
                        findings.push(format!("{}:{}: {word}", path.display(), n + 1));
                    }
                }
            }
        }
    }
    assert_none(&findings);
}

#[test]
fn every_link_in_the_documents_leads_somewhere() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut documents = vec![root.join("README.md"), root.join("CHANGELOG.md")];
    documents.extend(fs::read_dir(root.join("docs")).unwrap().map(|entry| entry.unwrap().path()));
    let mut findings = Vec::new();
    let mut links = 0;
    for document in documents.iter().filter(|path| path.extension().is_some_and(|e| e == "md")) {
        let text = fs::read_to_string(document).unwrap();
        for (at, _) in text.match_indices("](") {
            let target = text[at + 2..].split([')', '#']).next().unwrap();
            if target.is_empty() || target.contains("://") {
                continue;
            }
            links += 1;
            if !document.parent().unwrap().join(target).exists() {
                findings.push(format!("{}: {target} is not there", document.display()));
            }
        }
        // Paths of the house that the text names in backquotes.
        for word in text.split('`').skip(1).step_by(2) {
            let named = ["src/", "tests/", "docs/", "config/", "dbus/", "systemd/"];
            let path = word.trim_end_matches('/');
            if named.iter().any(|folder| word.starts_with(folder))
                && !path.contains(['*', ' '])
                && !root.join(path).exists()
            {
                findings.push(format!("{}: `{word}` is not there", document.display()));
            }
        }
    }
    assert!(links > 0, "no link was looked at");
    assert_none(&findings);
}
