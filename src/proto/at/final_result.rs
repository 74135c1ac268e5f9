//! Final results: the line that ends every answer (V.250, 5.7; TS 27.007, 9.2).

use std::fmt;

/// How the modem ended its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Final {
    /// `OK`.
    Ok,
    /// `ERROR`.
    Error,
    /// `+CME ERROR: <n|text>`: the equipment says why.
    Equipment(EquipmentError),
    /// `+CMS ERROR: <n|text>`: the message service says why, as printed.
    Message(String),
    /// `NO CARRIER`, `NO DIALTONE`, `BUSY`, `NO ANSWER`: a call ended or was none.
    NoCall(&'static str),
    /// `COMMAND NOT SUPPORT` and its spellings.
    NotSupported,
}

/// What stands behind `+CME ERROR:`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EquipmentError {
    /// A number of TS 27.007, table 9.2 (10: SIM not inserted).
    Code(u32),
    /// A text (after `AT+CMEE=2`); empty when only a blank stood there.
    Text(String),
}

impl EquipmentError {
    /// Whether it speaks of the SIM (not inserted, PIN or PUK wanted, failure,
    /// busy, wrong): the same command may well be answered later.
    #[must_use]
    pub fn is_about_the_sim(&self) -> bool {
        match self {
            Self::Code(code) => (10..=18).contains(code),
            Self::Text(text) => text.to_ascii_uppercase().contains("SIM"),
        }
    }
}

impl fmt::Display for EquipmentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "+CME ERROR: {code}"),
            Self::Text(text) => write!(f, "+CME ERROR: {text}"),
        }
    }
}

impl fmt::Display for Final {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ok => f.write_str("OK"),
            Self::Error => f.write_str("ERROR"),
            Self::Equipment(error) => error.fmt(f),
            Self::Message(text) => write!(f, "+CMS ERROR: {text}"),
            Self::NoCall(word) => f.write_str(word),
            Self::NotSupported => f.write_str("COMMAND NOT SUPPORT"),
        }
    }
}

const NO_CALL: [&str; 5] = ["NO CARRIER", "NO DIALTONE", "NO DIAL TONE", "BUSY", "NO ANSWER"];
const NOT_SUPPORTED: [&str; 3] =
    ["COMMAND NOT SUPPORT", "COMMAND NOT SUPPORTED", "OPERATION NOT SUPPORTED"];

/// Reads a line as a final result; `None` when it is none.
///
/// `+CME ERROR: ` with a blank behind the colon is final even when nothing
/// follows; `+CME ERROR:` where the line ends at the colon is not: that is the
/// beginning of a line of which the rest was lost, and the true end is still to
/// come.
#[must_use]
pub fn final_result(line: &str) -> Option<Final> {
    if let Some(behind) = line.strip_prefix("+CME ERROR:") {
        return equipment_error(behind).map(Final::Equipment);
    }
    if let Some(behind) = line.strip_prefix("+CMS ERROR:") {
        return (!behind.is_empty()).then(|| Final::Message(behind.trim().to_owned()));
    }
    match line.trim_end() {
        "OK" => Some(Final::Ok),
        "ERROR" => Some(Final::Error),
        other => NO_CALL
            .iter()
            .find(|word| **word == other)
            .map(|word| Final::NoCall(word))
            .or_else(|| NOT_SUPPORTED.contains(&other).then_some(Final::NotSupported)),
    }
}

fn equipment_error(behind: &str) -> Option<EquipmentError> {
    if behind.is_empty() {
        return None;
    }
    let text = behind.trim();
    Some(if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        text.parse().map_or_else(|_| EquipmentError::Text(text.to_owned()), EquipmentError::Code)
    } else {
        EquipmentError::Text(text.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn final_results_are_told_from_other_lines() {
        let code = |code| Some(Final::Equipment(EquipmentError::Code(code)));
        let text = |text: &str| Some(Final::Equipment(EquipmentError::Text(text.to_owned())));
        for (line, expected) in [
            ("OK", Some(Final::Ok)),
            ("OK ", Some(Final::Ok)),
            ("ERROR", Some(Final::Error)),
            ("+CME ERROR: 10", code(10)),
            ("+CME ERROR:10", code(10)),
            ("+CME ERROR: SIM not inserted", text("SIM not inserted")),
            ("+CME ERROR: 99999999999", text("99999999999")),
            ("+CME ERROR: ", text("")),
            ("+CME ERROR:", None),
            ("+CMS ERROR: 500", Some(Final::Message("500".into()))),
            ("+CMS ERROR:", None),
            ("NO CARRIER", Some(Final::NoCall("NO CARRIER"))),
            ("NO DIALTONE", Some(Final::NoCall("NO DIALTONE"))),
            ("BUSY", Some(Final::NoCall("BUSY"))),
            ("NO ANSWER", Some(Final::NoCall("NO ANSWER"))),
            ("COMMAND NOT SUPPORT", Some(Final::NotSupported)),
            ("OKAY", None),
            ("ok", None),
            (" OK", None),
            ("+QGDCNT: 1,2", None),
            ("", None),
        ] {
            assert_eq!(final_result(line), expected, "{line:?}");
        }
    }

    #[test]
    fn errors_about_the_sim_are_told_from_refusals() {
        for (error, about) in [
            (EquipmentError::Code(10), true),
            (EquipmentError::Code(14), true),
            (EquipmentError::Code(4), false),
            (EquipmentError::Code(100), false),
            (EquipmentError::Text("SIM busy".into()), true),
            (EquipmentError::Text("operation not supported".into()), false),
        ] {
            assert_eq!(error.is_about_the_sim(), about, "{error}");
        }
    }

    #[test]
    fn a_final_result_is_shown_as_it_came() {
        for line in
            ["OK", "ERROR", "+CME ERROR: 10", "+CMS ERROR: 500", "BUSY", "COMMAND NOT SUPPORT"]
        {
            assert_eq!(final_result(line).unwrap().to_string(), line);
        }
    }
}
