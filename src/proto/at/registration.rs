//! Registration: `+CREG`, `+CGREG`, `+CEREG`, `+C5GREG` (TS 27.007, 7.2, 10.1.20,
//! 10.1.22, 10.1.47), as answers and as unsolicited lines.
//!
//! The two forms are told apart by what stands in the second field: an answer
//! is `<n>,<stat>[,<lac>,<ci>[,<act>…]]`, an unsolicited line `<stat>[,<lac>,<ci>[,<act>…]]`.
//! A stat is a decimal number of at most three digits and at most 11; an area
//! code is quoted, or longer, or hexadecimal.

use super::error::ReplyError;
use super::fields::Fields;

/// Which registration a line speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Domain {
    /// `+CREG`: calls (2G, 3G).
    Calls,
    /// `+CGREG`: packets (2G, 3G).
    Packets,
    /// `+CEREG`: LTE.
    Lte,
    /// `+C5GREG`: 5G.
    Nr,
}

/// The modem's place in the network (`<stat>`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stat {
    /// 0: not registered, not searching.
    Idle,
    /// 1, 6, 9: registered at home (6 for messages only, 9 with CSFB not preferred).
    Home,
    /// 2: searching.
    Searching,
    /// 3: refused.
    Denied,
    /// 4: unknown, out of coverage.
    Unknown,
    /// 5, 7, 10: registered and roaming.
    Roaming,
    /// 8: emergency calls only; 11: emergency services only.
    EmergencyOnly,
}

impl Stat {
    /// Whether the modem roams; `None` while it is registered nowhere.
    #[must_use]
    pub fn roaming(self) -> Option<bool> {
        match self {
            Self::Home => Some(false),
            Self::Roaming => Some(true),
            Self::Idle | Self::Searching | Self::Denied | Self::Unknown | Self::EmergencyOnly => {
                None
            }
        }
    }

    fn of(number: u64) -> Option<Self> {
        Some(match number {
            0 => Self::Idle,
            1 | 6 | 9 => Self::Home,
            2 => Self::Searching,
            3 => Self::Denied,
            4 => Self::Unknown,
            5 | 7 | 10 => Self::Roaming,
            8 | 11 => Self::EmergencyOnly,
            _ => return None,
        })
    }
}

/// One registration line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Registration {
    /// Of which network.
    pub domain: Domain,
    /// What it is.
    pub stat: Stat,
    /// Whether the line has the form of an answer (`<n>` in front).
    pub answer: bool,
}

const PREFIXES: [(&str, Domain); 4] = [
    ("+CREG:", Domain::Calls),
    ("+CGREG:", Domain::Packets),
    ("+CEREG:", Domain::Lte),
    ("+C5GREG:", Domain::Nr),
];

/// Whether a line begins as a registration does.
#[must_use]
pub fn is_registration(line: &str) -> bool {
    prefix_of(line).is_some()
}

/// Reads a registration line of either form.
///
/// # Errors
/// [`ReplyError`] says which field is wrong.
pub fn registration(line: &str) -> Result<Registration, ReplyError> {
    let (prefix, domain) = prefix_of(line).ok_or(ReplyError::Prefix("+CREG:"))?;
    let fields = Fields::behind(line, prefix)?.at_least(1)?;
    let answer = fields.len() >= 2 && stat(&fields, 2).is_ok();
    let stat = stat(&fields, if answer { 2 } else { 1 })?;
    Ok(Registration { domain, stat, answer })
}

/// Whether an answer's `<n>` says that changes are reported; `None` for a line
/// of the unsolicited form.
#[must_use]
pub fn reports_are_on(line: &str) -> Option<bool> {
    let (prefix, _) = prefix_of(line)?;
    registration(line).ok().filter(|read| read.answer)?;
    let fields = Fields::behind(line, prefix).ok()?;
    Some(fields.decimal(1, 9).ok()? > 0)
}

fn prefix_of(line: &str) -> Option<(&'static str, Domain)> {
    let line = line.trim_start();
    PREFIXES.into_iter().find(|(prefix, _)| line.starts_with(prefix))
}

fn stat(fields: &Fields<'_>, field: usize) -> Result<Stat, ReplyError> {
    const WHAT: &str = "a registration state";
    if fields.raw(field)?.len() > 3 {
        return Err(fields.wrong(field, WHAT));
    }
    Stat::of(fields.decimal(field, 11)?).ok_or_else(|| fields.wrong(field, WHAT))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whether_changes_are_reported() {
        for (line, on) in [
            ("+CREG: 0,1", Some(false)),
            ("+CREG:002,001,\"18d8\",\"ffff\"", Some(true)),
            ("+CREG: 1,1", Some(true)),
            ("+CREG: 1", None),
            ("+CREG: 1,\"8BE3\",\"00002BAF\",7", None),
            ("+COPS: 0", None),
        ] {
            assert_eq!(reports_are_on(line), on, "{line}");
        }
    }

    #[test]
    fn answers_and_unsolicited_lines() {
        use Domain::{Calls, Lte, Nr, Packets};
        for (line, domain, stat, answer) in [
            ("+CREG: 2,1,\"8BE3\",\"00002BAF\"", Calls, Stat::Home, true),
            ("+CREG:002,001,\"18d8\",\"ffff\"", Calls, Stat::Home, true),
            ("+CEREG: 2,1, 1F00, 20 ,79D903 ,7", Lte, Stat::Home, true),
            ("+CEREG: 0,5", Lte, Stat::Roaming, true),
            ("+CEREG: 5", Lte, Stat::Roaming, false),
            ("+CREG: 1,\"8BE3\",\"00002BAF\",7", Calls, Stat::Home, false),
            ("+CEREG: 5,1F00,79D903,7", Lte, Stat::Roaming, false),
            ("+CGREG: 2,0", Packets, Stat::Idle, true),
            ("+C5GREG: 1,6", Nr, Stat::Home, true),
            ("+CREG: 2,10", Calls, Stat::Roaming, true),
            ("+CREG: 3", Calls, Stat::Denied, false),
            ("+CREG: 2,2", Calls, Stat::Searching, true),
            ("+CREG: 0,8", Calls, Stat::EmergencyOnly, true),
            ("+CREG: 0,4", Calls, Stat::Unknown, true),
        ] {
            assert_eq!(registration(line), Ok(Registration { domain, stat, answer }), "{line}");
        }
        for line in ["+CREG:", "+CREG: 99", "+CREG: a,b", "+COPS: 0", "+CREG: 0001", ""] {
            assert!(registration(line).is_err(), "{line}");
        }
    }

    #[test]
    fn roaming_is_known_only_while_registered() {
        assert_eq!(Stat::Home.roaming(), Some(false));
        assert_eq!(Stat::Roaming.roaming(), Some(true));
        assert_eq!(Stat::Searching.roaming(), None);
    }
}
