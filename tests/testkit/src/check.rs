//! Owns the comparison of the truth with what posdatad says, quantity by quantity.
//!
//! It reads two JSON documents and nothing else: the truth file (see [`crate::truth`]) and the output of
//! `posdatactl --json status`, or the object under its key `usage` alone.

use std::fmt;

use serde_json::Value;

/// The outcome of a comparison; prints as a table and one verdict line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    rows: Vec<Row>,
    notes: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Row {
    quantity: &'static str,
    own: String,
    theirs: String,
}

impl Row {
    fn is_equal(&self) -> bool {
        self.own == self.theirs
    }
}

impl Report {
    /// Whether every quantity is equal.
    pub fn is_equal(&self) -> bool {
        self.rows.iter().all(Row::is_equal)
    }
}

/// Compares what the modem really moved since its counter was first read with what posdatad counted. An error
/// says what is missing in which document.
pub fn check(truth: &Value, status: &Value) -> Result<Report, String> {
    let usage = status.get("usage").unwrap_or(status);
    let inside = truth.get("iccid").and_then(Value::as_str);
    let said = usage.get("iccid").and_then(Value::as_str);
    let iccid = said
        .or(inside)
        .ok_or("neither the truth nor posdatad names a SIM (key \"iccid\")")?;
    let moved = Moved::of(truth, iccid)?;

    let mut rows = vec![Row {
        quantity: "SIM",
        own: inside.map_or_else(|| "none".to_owned(), canonical),
        theirs: said.map_or_else(|| "none".to_owned(), canonical),
    }];
    let mut compare = |quantity, own: i128, theirs: i128| {
        rows.push(Row {
            quantity,
            own: own.to_string(),
            theirs: theirs.to_string(),
        });
    };
    let rx = number(usage, "posdatad's usage", "/rx_bytes")?;
    let tx = number(usage, "posdatad's usage", "/tx_bytes")?;
    compare("received bytes", moved.get("total/rx_bytes")?, rx);
    compare("sent bytes", moved.get("total/tx_bytes")?, tx);
    for (quantity, place) in [
        ("received at home", "home/rx_bytes"),
        ("sent at home", "home/tx_bytes"),
        ("received roaming", "roaming/rx_bytes"),
        ("sent roaming", "roaming/tx_bytes"),
    ] {
        if let Some(theirs) = usage.pointer(&format!("/{place}")) {
            let theirs = integer(theirs)
                .ok_or_else(|| format!("posdatad's usage: /{place} is no whole number"))?;
            compare(quantity, moved.get(place)?, theirs);
        }
    }
    let mut notes = Vec::new();
    match status.get("balance").filter(|balance| !balance.is_null()) {
        Some(balance) => {
            let told = |key: &str| number(balance, "posdatad's balance", &format!("/{key}"));
            let (granted, consumed, remaining) = (
                told("granted_bytes")?,
                told("consumed_bytes")?,
                told("remaining_bytes")?,
            );
            compare(
                "consumed bytes",
                moved.get("total/rx_bytes")? + moved.get("total/tx_bytes")?,
                consumed,
            );
            if balance
                .get("overdraft_bytes")
                .and_then(integer)
                .unwrap_or(0)
                == 0
            {
                compare("granted - consumed", granted - consumed, remaining);
            }
        }
        None => notes.push("posdatad reports no balance: only usage was compared".to_owned()),
    }
    compare(
        "reset commands",
        0,
        number(truth, "the truth", "/resets_received")?,
    );
    notes.extend(remarks(truth, &moved)?);
    Ok(Report { rows, notes })
}

/// What one SIM moved since the first answer.
struct Moved<'a> {
    sim: &'a Value,
    before: Option<&'a Value>,
}

impl<'a> Moved<'a> {
    fn of(truth: &'a Value, iccid: &str) -> Result<Moved<'a>, String> {
        let find = |place: &str| {
            let sims = truth.pointer(place).and_then(Value::as_array)?;
            sims.iter().find(|sim| {
                sim.get("iccid")
                    .and_then(Value::as_str)
                    .is_some_and(|this| canonical(this) == canonical(iccid))
            })
        };
        let sim = find("/sims").ok_or_else(|| format!("the truth knows no SIM {iccid}"))?;
        Ok(Moved {
            sim,
            before: find("/first_answer/sims"),
        })
    }

    fn get(&self, place: &str) -> Result<i128, String> {
        let place = format!("/{place}");
        let before = self
            .before
            .map_or(Ok(0), |sim| number(sim, "the truth's first answer", &place))?;
        Ok(number(self.sim, "the truth", &place)? - before)
    }
}

/// What explains a difference, and what an equal result does not cover.
fn remarks(truth: &Value, moved: &Moved<'_>) -> Result<Vec<String>, String> {
    let sum = |place: &str| -> Result<i128, String> {
        let at = |direction: &str| number(truth, "the truth", &format!("{place}/{direction}"));
        Ok(at("rx_bytes")? + at("tx_bytes")?)
    };
    let mut notes = Vec::new();
    if truth.get("first_answer").is_none_or(Value::is_null) {
        notes.push("no counter query was ever answered: nothing could be counted".to_owned());
    } else {
        let unread = sum("/total")? - sum("/last_answer/total")?;
        if unread != 0 {
            notes.push(format!(
                "{unread} bytes moved after the last answered query: posdatad may not know them yet"
            ));
        }
        let before = moved.before.map_or(Ok(0), |sim| {
            let at = |direction: &str| number(sim, "the truth", &format!("/total/{direction}"));
            Ok::<_, String>(at("rx_bytes")? + at("tx_bytes")?)
        })?;
        if before != 0 {
            notes.push(format!(
                "{before} bytes before the first answered query are nobody's to count"
            ));
        }
    }
    let (lost, doubtful) = (sum("/lost")?, sum("/doubtful")?);
    if lost != 0 || doubtful != 0 {
        notes.push(format!(
            "faults made {lost} bytes unreadable and {doubtful} doubtful"
        ));
    }
    Ok(notes)
}

/// The first 19 characters, upper case: firmware differs about the rest.
fn canonical(iccid: &str) -> String {
    iccid
        .chars()
        .take(19)
        .collect::<String>()
        .to_ascii_uppercase()
}

fn number(document: &Value, what: &str, place: &str) -> Result<i128, String> {
    let value = document
        .pointer(place)
        .ok_or_else(|| format!("{what}: {place} is missing"))?;
    integer(value).ok_or_else(|| format!("{what}: {place} is no whole number but {value}"))
}

fn integer(value: &Value) -> Option<i128> {
    value
        .as_u64()
        .map(i128::from)
        .or_else(|| value.as_i64().map(i128::from))
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<20} {:>22} {:>22}", "", "the modem's own", "posdatad")?;
        for row in &self.rows {
            let verdict = if row.is_equal() { "equal" } else { "DIFFERENT" };
            writeln!(
                f,
                "{:<20} {:>22} {:>22}  {verdict}",
                row.quantity, row.own, row.theirs
            )?;
        }
        for note in &self.notes {
            writeln!(f, "note: {note}")?;
        }
        let different = self.rows.iter().filter(|row| !row.is_equal()).count();
        if different == 0 {
            write!(f, "verdict: all {} quantities are equal", self.rows.len())
        } else {
            write!(
                f,
                "verdict: {different} of {} quantities are DIFFERENT",
                self.rows.len()
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plant;
    use serde_json::json;

    fn truth() -> Value {
        let amount = |tx: u64, rx: u64| json!({"tx_bytes": tx, "rx_bytes": rx});
        let sim = |tx: u64, rx: u64, roaming: Value| json!([{"iccid": "898602f9091830030220", "total": amount(tx, rx), "home": amount(tx, rx - 5), "roaming": roaming}]);
        json!({
            "iccid": "898602f9091830030220",
            "total": amount(110, 1005),
            "sims": sim(110, 1005, amount(0, 5)),
            "first_answer": {"total": amount(10, 5), "sims": sim(10, 5, amount(0, 5))},
            "last_answer": {"total": amount(110, 1005), "sims": []},
            "lost": amount(0, 0), "doubtful": amount(0, 0), "resets_received": 0, "planted_bytes": 0,
        })
    }

    fn status() -> Value {
        json!({
            "usage": {
                "rx_bytes": 1000, "tx_bytes": 100, "iccid": "898602F909183003022",
                "home": {"rx_bytes": 1000, "tx_bytes": 100}, "roaming": {"rx_bytes": 0, "tx_bytes": 0},
            },
            "balance": {"granted_bytes": 5000, "consumed_bytes": 1100, "remaining_bytes": 3900},
        })
    }

    #[test]
    fn equal_figures_are_equal() {
        let report = check(&truth(), &status()).unwrap();
        assert!(report.is_equal(), "{report}");
        assert!(
            report
                .to_string()
                .ends_with("verdict: all 10 quantities are equal"),
            "{report}"
        );
    }

    #[test]
    fn one_planted_byte_is_found() {
        let mut truth = truth();
        plant(&mut truth, 1);
        let report = check(&truth, &status()).unwrap();
        assert!(!report.is_equal());
        assert!(
            report
                .to_string()
                .ends_with("verdict: 3 of 10 quantities are DIFFERENT"),
            "{report}"
        );
    }

    #[test]
    fn a_balance_that_does_not_add_up_is_found() {
        let mut status = status();
        status["balance"]["remaining_bytes"] = json!(3901);
        assert!(!check(&truth(), &status).unwrap().is_equal());
        status["balance"]["overdraft_bytes"] = json!(1);
        assert!(check(&truth(), &status).unwrap().is_equal());
    }

    #[test]
    fn usage_alone_will_do_and_the_report_says_so() {
        let report = check(&truth(), &status()["usage"]).unwrap();
        assert!(report.is_equal());
        assert!(report.to_string().contains("reports no balance"));
    }

    #[test]
    fn a_missing_or_foreign_figure_is_an_error_that_names_it() {
        let mut status = status();
        status["usage"]["rx_bytes"] = json!("1000");
        let told = check(&truth(), &status).unwrap_err();
        assert_eq!(
            told,
            "posdatad's usage: /rx_bytes is no whole number but \"1000\""
        );
        let told = check(&truth(), &json!({})).unwrap_err();
        assert_eq!(told, "posdatad's usage: /rx_bytes is missing");
        status["usage"]["iccid"] = json!("8900");
        assert_eq!(
            check(&truth(), &status).unwrap_err(),
            "the truth knows no SIM 8900"
        );
    }

    #[test]
    fn a_reset_command_is_a_difference() {
        let mut truth = truth();
        truth["resets_received"] = json!(1);
        assert!(!check(&truth, &status()).unwrap().is_equal());
    }
}
