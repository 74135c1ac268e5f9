//! A configuration file that tests change key by key.

use std::collections::BTreeMap;
use std::fmt::{self, Display, Write as _};
use std::path::Path;

/// Sections, keys and values as TOML writes them.
#[derive(Clone, Debug, Default)]
pub struct Settings(BTreeMap<String, BTreeMap<String, String>>);

impl Settings {
    /// What every test begins with: a database, and a reading every second.
    pub fn new(database: &Path) -> Self {
        let mut settings = Self::default();
        settings.text("terminal.serial", "N9600012345");
        settings.text("modem.poll", "1s");
        settings.text("store.path", &database.display().to_string());
        settings
    }

    /// Sets `section.key` to a string.
    pub fn text(&mut self, key: &str, value: &str) -> &mut Self {
        self.raw(key, format!("{value:?}"))
    }

    /// Sets `section.key` to anything.
    pub fn raw(&mut self, key: &str, value: impl Into<String>) -> &mut Self {
        let (section, key) = key.split_once('.').expect("section.key");
        self.0.entry(section.to_owned()).or_default().insert(key.to_owned(), value.into());
        self
    }

    /// Takes a key away.
    pub fn without(&mut self, key: &str) -> &mut Self {
        let (section, key) = key.split_once('.').expect("section.key");
        self.0.entry(section.to_owned()).or_default().remove(key);
        self
    }
}

impl Display for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (section, keys) in &self.0 {
            writeln!(f, "[{section}]")?;
            for (key, value) in keys {
                writeln!(f, "{key} = {value}")?;
            }
            f.write_char('\n')?;
        }
        Ok(())
    }
}
