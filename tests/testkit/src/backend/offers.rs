//! Owns the catalogue: what is sold, on which terms, and the list as a terminal gets it.

use rusqlite::{Connection, OptionalExtension, Row, params};
use serde_json::{Value, json};

use super::desk::Desk;
use super::events;
use super::fields::instant;
use super::http::{Answer, Request};
use super::problem::Fail;

const MIB: i64 = 1024 * 1024;
const MONTH_S: Option<i64> = Some(30 * 86_400);

/// Something that is sold.
pub(super) struct Offer {
    pub(super) id: String,
    pub(super) name: String,
    description: Option<String>,
    pub(super) kind: String,
    pub(super) bytes: i64,
    pub(super) validity_s: Option<i64>,
    pub(super) price: i64,
    pub(super) currency: String,
    channels: String,
    activations: String,
    valid_to: Option<i64>,
    pub(super) refundable: bool,
    pub(super) needs_main: bool,
    pub(super) pool: Option<String>,
    withdrawn: bool,
}

/// id, name, kind, MiB, validity, price, channels, activations, refundable, needs a main package, pool.
type First = (
    &'static str,
    &'static str,
    &'static str,
    i64,
    Option<i64>,
    i64,
    &'static str,
    &'static str,
    bool,
    bool,
    Option<&'static str>,
);

const CODES: &str = "alipay wechat_pay";
const ALL_WAYS: &str = "alipay wechat_pay bank_app portal";
const AT_WILL: &str = "now after_current next_cycle";

/// What is sold at first.
const CATALOGUE: [First; 8] = [
    ("add-10", "10 MB add-on", "add_on", 10, None, 200, CODES, "now", true, false, None),
    ("add-50", "50 MB add-on", "add_on", 50, MONTH_S, 800, CODES, "now", true, false, None),
    ("add-100", "100 MB add-on", "add_on", 100, MONTH_S, 1_400, CODES, "now", true, false, None),
    ("main-30", "30 MB, one month", "main", 30, MONTH_S, 500, ALL_WAYS, AT_WILL, true, false, None),
    (
        "main-100",
        "100 MB, one month",
        "main",
        100,
        MONTH_S,
        1_200,
        ALL_WAYS,
        AT_WILL,
        true,
        false,
        None,
    ),
    (
        "boost-20",
        "20 MB beside a package",
        "add_on",
        20,
        MONTH_S,
        300,
        CODES,
        "now",
        false,
        true,
        None,
    ),
    (
        "pool-1024",
        "1 GB, shared",
        "main",
        1024,
        MONTH_S,
        9_900,
        ALL_WAYS,
        "now",
        true,
        false,
        Some("pool"),
    ),
    ("day-5", "5 MB for a day", "add_on", 5, Some(86_400), 100, CODES, "now", false, false, None),
];

/// Writes the first catalogue.
pub(super) fn fill(db: &Connection) -> rusqlite::Result<()> {
    for (place, first) in CATALOGUE.iter().enumerate() {
        let (id, name, kind, mib, validity, price, channels, activations, refundable, main, pool) =
            *first;
        db.execute(
            "INSERT INTO offers VALUES (?1,?2,?3,NULL,?4,?5,?6,?7,'CNY',?8,?9,NULL,?10,?11,?12,0)",
            params![
                id,
                i64::try_from(place).unwrap_or(0),
                name,
                kind,
                mib * MIB,
                validity,
                price,
                channels,
                activations,
                refundable,
                main,
                pool
            ],
        )?;
    }
    Ok(())
}

impl Offer {
    fn of(row: &Row<'_>) -> rusqlite::Result<Offer> {
        Ok(Offer {
            id: row.get("id")?,
            name: row.get("name")?,
            description: row.get("description")?,
            kind: row.get("kind")?,
            bytes: row.get("bytes")?,
            validity_s: row.get("validity_s")?,
            price: row.get("price")?,
            currency: row.get("currency")?,
            channels: row.get("channels")?,
            activations: row.get("activations")?,
            valid_to: row.get("valid_to")?,
            refundable: row.get("refundable")?,
            needs_main: row.get("needs_main")?,
            pool: row.get("pool")?,
            withdrawn: row.get("withdrawn")?,
        })
    }

    pub(super) fn has_channel(&self, word: &str) -> bool {
        self.channels.split(' ').any(|is| is == word)
    }

    pub(super) fn has_activation(&self, word: &str) -> bool {
        self.activations.split(' ').any(|is| is == word)
    }

    /// It can be bought now.
    pub(super) fn is_sold(&self, now: i64) -> bool {
        !self.withdrawn && self.valid_to.is_none_or(|end| now < end)
    }

    fn to_json(&self) -> Value {
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let mut body = json!({
            "id": self.id, "name": self.name, "kind": self.kind, "bytes": self.bytes,
            "price": {"amount": self.price, "currency": self.currency},
            "channels": words(&self.channels), "activations": words(&self.activations),
        });
        if let Some(members) = body.as_object_mut() {
            members.extend(self.description.iter().map(|d| ("description".to_owned(), json!(d))));
            members.extend(self.validity_s.iter().map(|s| ("validity_s".to_owned(), json!(s))));
            members
                .extend(self.valid_to.iter().map(|t| ("valid_to".to_owned(), json!(instant(*t)))));
        }
        body
    }
}

/// The offer with that id, sold or not.
pub(super) fn find(desk: &Desk<'_>, id: &str) -> Result<Offer, Fail> {
    let mut query = desk.db.prepare_cached("SELECT * FROM offers WHERE id = ?1")?;
    query
        .query_row([id], Offer::of)
        .optional()?
        .ok_or_else(|| Fail::problem("unknown_offer", format!("there is no offer {id}")))
}

/// `GET /offers`.
pub(super) fn list(desk: &Desk<'_>, serial: &str, request: &Request) -> Result<Answer, Fail> {
    desk.terminal(serial)?;
    let mut query = desk.db.prepare_cached("SELECT * FROM offers ORDER BY place")?;
    let offers: Vec<Offer> = query.query_map([], Offer::of)?.collect::<Result<_, _>>()?;
    let sold: Vec<Value> =
        offers.iter().filter(|offer| offer.is_sold(desk.now())).map(Offer::to_json).collect();
    let mut answer = Answer::json(200, &json!({ "offers": sold }));
    let tag = format!("\"{:016x}\"", fnv(&answer.body));
    if request.header("if-none-match") == Some(tag.as_str()) {
        return Ok(Answer::empty(304));
    }
    answer.headers.push(("ETag".to_owned(), tag));
    Ok(answer)
}

/// FNV-1a, 64 bits: names a list.
fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// Changes one offer and tells all terminals. `what` is an SQL assignment of this file's callers.
pub(super) fn change(desk: &Desk<'_>, id: &str, what: &str, value: i64) -> Result<(), Fail> {
    find(desk, id)?;
    desk.db.execute(&format!("UPDATE offers SET {what} WHERE id = ?1"), params![id, value])?;
    for serial in desk.serials()? {
        events::publish(desk, &serial, "offers", &Value::Null)?;
    }
    Ok(())
}
