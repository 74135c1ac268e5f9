//! Where messages go: into the journal with their fields, or onto stderr as text.
//!
//! # Fields
//! tracing-journald writes field names in upper case with `.` as `_`, so in code
//!
//! ```text
//! info!(message_id = ids::SIM_CHANGED, posdata.iccid = %iccid, posdata.source = "at", "…")
//! ```
//!
//! becomes `MESSAGE_ID=`, `POSDATA_ICCID=` and `POSDATA_SOURCE=`, which scripts and
//! the message catalog rely on. Every field of ours is called `posdata.…`, with
//! its unit last (`posdata.lost_bytes`); `message_id` is the one exception. The
//! text for people stands alone: it must make sense without the fields.
//!
//! Only targets of this program are let in. A bus library traces every call it
//! answers: to write those down would halve what the bus can do.

use std::fmt::{self, Write as _};
use std::fs::File;
use std::io::{self, IsTerminal as _, Write};
use std::os::fd::AsFd as _;
use std::os::unix::fs::MetadataExt as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::subscriber::Interest;
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_journald::{Priority, PriorityMappings};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};

/// What journald files the messages under (`journalctl -t posdatad`).
const IDENTIFIER: &str = "posdatad";

/// Sets the level while the program runs.
#[derive(Clone, Debug)]
pub struct Control {
    level: Arc<AtomicU8>,
}

impl Control {
    fn new(level: Level) -> Self {
        Self { level: Arc::new(AtomicU8::new(rank(level))) }
    }

    /// From now on, writes messages of `level` and graver ones.
    pub fn set_level(&self, level: Level) {
        self.level.store(rank(level), Ordering::Relaxed);
        // Each place that logs remembers whether anyone listens.
        tracing::callsite::rebuild_interest_cache();
    }
}

/// Starts logging; without a journal, or where its socket is missing, on stderr.
/// Only the first call of a process has an effect.
pub fn start(level: Level) -> Control {
    let control = Control::new(level);
    let gate = tracing_subscriber::registry().with(Gate { control: control.clone() });
    let in_journal = stderr_is_journal();
    // A second start fails here: its messages go where those of the first go.
    let _ = match journal().filter(|_| in_journal) {
        Some(journal) => tracing::subscriber::set_global_default(gate.with(journal)),
        None => tracing::subscriber::set_global_default(
            gate.with(Text::new(Style::of_stderr(in_journal), io::stderr)),
        ),
    };
    control
}

fn journal() -> Option<tracing_journald::Layer> {
    let journal = tracing_journald::layer().ok()?;
    // One to one with syslog's words; by default info would be a notice.
    let priorities = PriorityMappings {
        error: Priority::Error,
        warn: Priority::Warning,
        info: Priority::Informational,
        debug: Priority::Debug,
        trace: Priority::Debug,
    };
    Some(
        journal
            .with_field_prefix(None)
            .with_syslog_identifier(IDENTIFIER.to_owned())
            .with_priority_mappings(priorities),
    )
}

/// Whether stderr is the stream that systemd connected to the journal. It names
/// that stream in `JOURNAL_STREAM`, which children inherit even when their own
/// stderr is another file.
fn stderr_is_journal() -> bool {
    let named = std::env::var("JOURNAL_STREAM").ok();
    let stderr = io::stderr().as_fd().try_clone_to_owned().and_then(|fd| File::from(fd).metadata());
    match (named, stderr) {
        (Some(named), Ok(stderr)) => is_stream(&named, stderr.dev(), stderr.ino()),
        (None, _) | (Some(_), Err(_)) => false,
    }
}

fn is_stream(named: &str, device: u64, inode: u64) -> bool {
    named.split_once(':').is_some_and(|(d, i)| d.parse() == Ok(device) && i.parse() == Ok(inode))
}

fn rank(level: Level) -> u8 {
    match level {
        Level::ERROR => 1,
        Level::WARN => 2,
        Level::INFO => 3,
        Level::DEBUG => 4,
        Level::TRACE => 5,
    }
}

/// Lets in our own messages, down to a level that can be changed.
struct Gate {
    control: Control,
}

impl Gate {
    fn lets_in(&self, metadata: &Metadata<'_>) -> bool {
        let target = metadata.target();
        let ours = target
            .strip_prefix(IDENTIFIER)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with("::"));
        ours && rank(*metadata.level()) <= self.control.level.load(Ordering::Relaxed)
    }
}

impl<S: Subscriber> Layer<S> for Gate {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if self.lets_in(metadata) { Interest::always() } else { Interest::never() }
    }

    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        self.lets_in(metadata)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(match self.control.level.load(Ordering::Relaxed) {
            0 => LevelFilter::OFF,
            1 => LevelFilter::ERROR,
            2 => LevelFilter::WARN,
            3 => LevelFilter::INFO,
            4 => LevelFilter::DEBUG,
            _ => LevelFilter::TRACE,
        })
    }
}

/// How a line of text begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Style {
    /// `info: `
    Plain,
    /// The same with the level in colour.
    Colour,
    /// `<6>info: `: systemd takes the number off and files the line under it.
    Numbered,
}

impl Style {
    fn of_stderr(in_journal: bool) -> Self {
        if in_journal {
            Self::Numbered
        } else if io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none() {
            Self::Colour
        } else {
            Self::Plain
        }
    }

    fn begin(self, level: Level) -> String {
        let (word, priority, colour) = match level {
            Level::ERROR => ("error", 3, 31),
            Level::WARN => ("warning", 4, 33),
            Level::INFO => ("info", 6, 32),
            Level::DEBUG => ("debug", 7, 36),
            Level::TRACE => ("trace", 7, 36),
        };
        match self {
            Self::Plain => format!("{word}: "),
            Self::Colour => format!("\x1b[{colour}m{word}:\x1b[0m "),
            Self::Numbered => format!("<{priority}>{word}: "),
        }
    }
}

/// Writes each message as one line: `warning: the port is silent (source=at)`.
/// No time stands in it: whoever keeps the lines adds his own.
struct Text<F> {
    style: Style,
    output: F,
}

impl<F> Text<F> {
    fn new(style: Style, output: F) -> Self {
        Self { style, output }
    }
}

impl<S: Subscriber, W: Write, F: Fn() -> W + 'static> Layer<S> for Text<F> {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut words = Words::default();
        event.record(&mut words);
        let mut line = self.style.begin(*event.metadata().level());
        line.push_str(&words.message);
        if !words.fields.is_empty() {
            // Writing to a String does not fail.
            let _ = write!(line, " ({})", words.fields.trim_start());
        }
        line.push('\n');
        // In one piece, so that lines of two threads do not mix. When nobody can
        // read it any more, there is nobody to tell either.
        let _ = (self.output)().write_all(line.as_bytes());
    }
}

/// Gathers the message and the fields of an event.
#[derive(Default)]
struct Words {
    message: String,
    fields: String,
}

impl Words {
    fn put(&mut self, field: &Field, value: &str) {
        let clean = printable(value);
        match field.name() {
            "message" => self.message = clean,
            // For the journal's catalog, not for people.
            "message_id" => {}
            name => {
                let name = name.strip_prefix("posdata.").unwrap_or(name);
                let _ = if clean.is_empty() || clean.contains([' ', '"', '=']) {
                    write!(self.fields, " {name}=\"{}\"", clean.replace('"', "\\\""))
                } else {
                    write!(self.fields, " {name}={clean}")
                };
            }
        }
    }
}

impl Visit for Words {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, &format!("{value:?}"));
    }
}

/// A text without control characters: what a modem or a file said may hold
/// anything, also what a terminal obeys.
pub(super) fn printable(value: &str) -> String {
    let mut printable = String::with_capacity(value.len());
    for character in value.chars() {
        if character.is_control() {
            printable.extend(character.escape_default());
        } else {
            printable.push(character);
        }
    }
    printable
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    /// A place to write to that can be read afterwards.
    #[derive(Clone, Default)]
    struct Page(Arc<Mutex<Vec<u8>>>);

    impl Write for Page {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn written(style: Style, level: Level, say: impl FnOnce(&Control)) -> String {
        let page = Page::default();
        let output = page.clone();
        let control = Control::new(level);
        let subscriber = tracing_subscriber::registry()
            .with(Gate { control: control.clone() })
            .with(Text::new(style, move || output.clone()));
        tracing::subscriber::with_default(subscriber, || say(&control));
        String::from_utf8(page.0.lock().unwrap().clone()).unwrap()
    }

    #[test]
    fn a_line_has_its_level_its_text_and_its_fields() {
        let text = written(Style::Plain, Level::INFO, |_| {
            let source = "at";
            tracing::info!(message_id = "0123", posdata.source = source, n = 3, "it counts");
            tracing::warn!(posdata.detail = "two words", "port {} is silent", "/dev/ttyUSB2");
            tracing::error!(posdata.iccid = %"8986", posdata.empty = "", "gone");
        });
        assert_eq!(
            text,
            "info: it counts (source=at n=3)\n\
             warning: port /dev/ttyUSB2 is silent (detail=\"two words\")\n\
             error: gone (iccid=8986 empty=\"\")\n"
        );
    }

    #[test]
    fn what_others_said_cannot_forge_a_line() {
        let text = written(Style::Plain, Level::INFO, |_| {
            tracing::info!(reply = "OK\r\n\x1b[31m", "modem said \"{}\"", "A\nerror: B");
        });
        assert_eq!(text, "info: modem said \"A\\nerror: B\" (reply=OK\\r\\n\\u{1b}[31m)\n");
    }

    #[test]
    fn others_and_lesser_messages_stay_out_until_they_are_wanted() {
        let text = written(Style::Numbered, Level::INFO, |control| {
            let say = |n: u32| {
                tracing::debug!("detail {n}");
                tracing::info!(target: "zbus::connection", "noise");
                tracing::info!(target: "posdatadx", "noise");
                tracing::warn!(target: "posdatad", "grave {n}");
            };
            say(1);
            control.set_level(Level::DEBUG);
            say(2);
            control.set_level(Level::ERROR);
            say(3);
        });
        assert_eq!(text, "<4>warning: grave 1\n<7>debug: detail 2\n<4>warning: grave 2\n");
    }

    #[test]
    fn spans_of_others_are_not_even_made() {
        written(Style::Plain, Level::TRACE, |_| {
            assert!(tracing::info_span!(target: "zbus::connection", "call").is_disabled());
            assert!(!tracing::info_span!("ours").is_disabled());
        });
    }

    #[test]
    fn the_journal_is_known_by_device_and_inode() {
        for (named, expected) in
            [("8:1234", true), ("8:1235", false), ("9:1234", false), ("", false), ("8", false)]
        {
            assert_eq!(is_stream(named, 8, 1234), expected, "{named}");
        }
    }
}
