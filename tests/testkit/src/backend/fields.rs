//! Owns the members of a request's body: each by its name, as the contract describes it.

use serde_json::{Map, Value};

use super::problem::Fail;

/// A JSON object that a terminal has sent.
pub(super) struct Fields(Map<String, Value>);

impl Fields {
    pub(super) fn read(body: &[u8]) -> Result<Fields, Fail> {
        match serde_json::from_slice(body) {
            Ok(Value::Object(members)) => Ok(Fields(members)),
            Ok(_) => Err(Fail::bad("the body is no JSON object")),
            Err(error) => Err(Fail::bad(format!("the body is no JSON: {error}"))),
        }
    }

    fn text(&self, name: &str, is: fn(&str) -> bool) -> Result<&str, Fail> {
        match self.0.get(name) {
            None => Err(Fail::bad(format!("{name} is missing"))),
            Some(Value::String(text)) if is(text) => Ok(text),
            Some(_) => Err(Fail::bad(format!("{name} is not as the contract describes it"))),
        }
    }

    /// A `Serial` or `TerminalId`.
    pub(super) fn word(&self, name: &str) -> Result<&str, Fail> {
        self.text(name, is_word)
    }

    pub(super) fn iccid(&self) -> Result<&str, Fail> {
        self.text("iccid", is_iccid)
    }

    /// An `Id` or `RequestId`.
    pub(super) fn id(&self, name: &str) -> Result<&str, Fail> {
        self.text(name, is_id)
    }

    pub(super) fn one_of<'a>(&self, name: &str, words: &'a [&'a str]) -> Result<&'a str, Fail> {
        let text = self.text(name, |_| true)?;
        let known = words.iter().find(|word| **word == text).copied();
        known.ok_or_else(|| Fail::bad(format!("{name} is none of the contract's words")))
    }

    pub(super) fn bytes(&self, name: &str) -> Result<i64, Fail> {
        let value = self.0.get(name).ok_or_else(|| Fail::bad(format!("{name} is missing")))?;
        value
            .as_i64()
            .filter(|bytes| *bytes >= 0)
            .ok_or_else(|| Fail::bad(format!("{name} is no number of bytes")))
    }

    pub(super) fn instant(&self, name: &str) -> Result<i64, Fail> {
        let text = self.text(name, |_| true)?;
        read_instant(text).ok_or_else(|| Fail::bad(format!("{name} is no instant")))
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// An object within this one, where it is there.
    pub(super) fn within(&self, name: &str) -> Result<Option<Fields>, Fail> {
        match self.0.get(name) {
            None => Ok(None),
            Some(Value::Object(members)) => Ok(Some(Fields(members.clone()))),
            Some(_) => Err(Fail::bad(format!("{name} is no object"))),
        }
    }

    /// The same text for the same members, in whatever order and spacing they came.
    pub(super) fn canonical(&self) -> String {
        Value::Object(self.0.clone()).to_string()
    }
}

/// All channels.
pub(super) const CHANNELS: [&str; 9] = [
    "bank_app",
    "net_banking",
    "agent",
    "data_card",
    "portal",
    "alipay",
    "wechat_pay",
    "service_hall",
    "voucher",
];
/// All activations.
pub(super) const ACTIVATIONS: [&str; 3] = ["now", "after_current", "next_cycle"];
/// All states of a top-up.
pub(super) const STATES: [&str; 6] =
    ["awaiting_payment", "processing", "completed", "failed", "cancelled", "reversed"];
/// All states of a SIM's service.
pub(super) const SERVICES: [&str; 8] = [
    "normal",
    "over_quota",
    "over_threshold",
    "pool_empty",
    "package_expired",
    "stopped_by_customer",
    "violation",
    "card_device_separated",
];

pub(super) fn is_word(text: &str) -> bool {
    (1..=32).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
}

pub(super) fn is_iccid(text: &str) -> bool {
    (18..=20).contains(&text.len())
        && text.starts_with("89")
        && text.bytes().all(|b| b.is_ascii_hexdigit())
}

pub(super) fn is_id(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|b| (0x21..=0x7e).contains(&b))
}

/// A UUID in lower case.
pub(super) fn is_key(text: &str) -> bool {
    let groups: Vec<&str> = text.split('-').collect();
    groups.iter().map(|group| group.len()).eq([8, 4, 4, 4, 12])
        && groups.concat().bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

/// What of an ICCID counts when two are compared.
pub(super) fn sim_of(iccid: &str) -> String {
    iccid.chars().take(19).collect::<String>().to_ascii_uppercase()
}

/// Seconds since 1970 of `2026-11-26T08:00:00Z`.
pub(super) fn read_instant(text: &str) -> Option<i64> {
    if text.len() != 20 || !text.ends_with('Z') {
        return None;
    }
    text.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_second)
}

/// `2026-11-26T08:00:00Z` of seconds since 1970.
pub(super) fn instant(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds).unwrap_or(jiff::Timestamp::UNIX_EPOCH).to_string()
}

/// The value of a `Date` header.
pub(super) fn http_date(seconds: i64) -> String {
    let at = jiff::Timestamp::from_second(seconds).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&at).unwrap_or_default()
}
