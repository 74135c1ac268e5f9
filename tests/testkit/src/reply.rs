//! Owns what a reply is made of: lines, and a final result that says why not.

/// The lines of a reply before its final result.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Info {
    pub(crate) lines: Vec<String>,
    /// They show the counter.
    pub(crate) counter: bool,
}

impl Info {
    pub(crate) fn line(line: String) -> Info {
        Info {
            lines: vec![line],
            counter: false,
        }
    }

    pub(crate) fn counter(lines: impl IntoIterator<Item = String>) -> Info {
        Info {
            lines: lines.into_iter().collect(),
            counter: true,
        }
    }
}

/// Why a command is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// No such command: always a plain `ERROR`.
    Unknown,
    Parameter,
    NotAllowed,
    NoSim,
}

impl Failure {
    /// The final result, as `AT+CMEE` wants it.
    pub(crate) fn result(self, cmee: u8) -> String {
        let (number, text) = match self {
            Failure::Unknown => return "ERROR".to_owned(),
            Failure::Parameter => (50, "Incorrect parameters"),
            Failure::NotAllowed => (3, "operation not allowed"),
            Failure::NoSim => (10, "SIM not inserted"),
        };
        match cmee {
            0 => "ERROR".to_owned(),
            1 => format!("+CME ERROR: {number}"),
            _ => format!("+CME ERROR: {text}"),
        }
    }
}

/// A whole reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reply {
    pub(crate) lines: Vec<String>,
    pub(crate) result: String,
    pub(crate) counter: bool,
}
