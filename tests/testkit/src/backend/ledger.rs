//! Owns the bytes: buckets, how they are drawn, and the entries that everything leaves behind.

use rusqlite::{OptionalExtension, Row, params};
use serde_json::{Value, json};

use super::desk::{Desk, Sim};
use super::fields::instant;
use super::problem::Fail;

/// Something that bytes are drawn from.
pub(super) struct Bucket {
    pub(super) id: String,
    /// A SIM, or a pool.
    pub(super) account: String,
    pub(super) topup_id: Option<String>,
    name: Option<String>,
    pub(super) kind: String,
    pub(super) granted: i64,
    pub(super) used: i64,
    pub(super) reserved: i64,
    pub(super) taken: i64,
    /// None while it is not known when it begins.
    valid_from: Option<i64>,
    pub(super) valid_to: Option<i64>,
}

/// One line of the books.
pub(super) struct Entry<'a> {
    pub(super) account: &'a str,
    pub(super) serial: &'a str,
    /// `charge`, `repaid`, `credit`, `use`, `overdraft`, `adjustment`, `correction`, `reversal`, `reserve`,
    /// `release`, `refund`, `transfer_out` or `transfer_in`.
    pub(super) what: &'a str,
    pub(super) topup_id: Option<&'a str>,
    pub(super) key: Option<&'a str>,
    pub(super) bytes: i64,
    pub(super) money: i64,
    pub(super) currency: Option<&'a str>,
}

impl Bucket {
    fn of(row: &Row<'_>) -> rusqlite::Result<Bucket> {
        Ok(Bucket {
            id: row.get("id")?,
            account: row.get("account")?,
            topup_id: row.get("topup_id")?,
            name: row.get("name")?,
            kind: row.get("kind")?,
            granted: row.get("granted")?,
            used: row.get("used")?,
            reserved: row.get("reserved")?,
            taken: row.get("taken")?,
            valid_from: row.get("valid_from")?,
            valid_to: row.get("valid_to")?,
        })
    }

    /// What is left, whether it can be used or not.
    pub(super) fn left(&self) -> i64 {
        let gone = self.used.saturating_add(self.reserved).saturating_add(self.taken);
        self.granted.saturating_sub(gone).max(0)
    }

    pub(super) fn has_ended(&self, at: i64) -> bool {
        self.valid_to.is_some_and(|end| end <= at)
    }

    pub(super) fn is_usable(&self, at: i64) -> bool {
        self.valid_from.is_some_and(|from| from <= at) && !self.has_ended(at)
    }

    fn to_json(&self, shared: bool) -> Value {
        let mut body = json!({
            "id": self.id, "kind": self.kind, "granted_bytes": self.granted,
            "remaining_bytes": self.left(),
        });
        if let Some(members) = body.as_object_mut() {
            let mut put = |name: &str, value: Option<Value>| {
                members.extend(value.map(|value| (name.to_owned(), value)));
            };
            put("topup_id", self.topup_id.as_ref().map(|id| json!(id)));
            put("name", self.name.as_ref().map(|name| json!(name)));
            put("valid_from", self.valid_from.map(|at| json!(instant(at))));
            put("valid_to", self.valid_to.map(|at| json!(instant(at))));
            put("shared", shared.then_some(json!(true)));
        }
        body
    }
}

/// Writes a line.
pub(super) fn enter(desk: &Desk<'_>, entry: &Entry<'_>) -> Result<(), Fail> {
    desk.db.execute(
        "INSERT INTO entries VALUES (NULL, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        params![
            entry.account,
            entry.serial,
            entry.what,
            entry.topup_id,
            entry.key,
            entry.bytes,
            entry.money,
            entry.currency,
            desk.now()
        ],
    )?;
    Ok(())
}

/// Writes a line about bytes alone.
pub(super) fn enter_bytes(
    desk: &Desk<'_>,
    (account, serial): (&str, &str),
    what: &str,
    topup_id: Option<&str>,
    bytes: i64,
) -> Result<(), Fail> {
    let entry =
        Entry { account, serial, what, topup_id, key: None, bytes, money: 0, currency: None };
    enter(desk, &entry)
}

/// A new bucket's particulars.
pub(super) struct NewBucket<'a> {
    pub(super) account: &'a str,
    pub(super) topup_id: Option<&'a str>,
    pub(super) name: &'a str,
    pub(super) kind: &'a str,
    pub(super) bytes: i64,
    pub(super) valid_from: Option<i64>,
    pub(super) valid_to: Option<i64>,
}

/// Opens a bucket; its id.
pub(super) fn open(desk: &Desk<'_>, new: &NewBucket<'_>) -> Result<String, Fail> {
    let number = desk.number("bucket")?;
    let id = format!("B-{number}");
    desk.db.execute(
        "INSERT INTO buckets VALUES (?1, ?2, ?3, ?4, ?5, ?6, 0, 0, 0, ?7, ?8, ?9)",
        params![
            id,
            new.account,
            new.topup_id,
            new.name,
            new.kind,
            new.bytes,
            new.valid_from,
            new.valid_to,
            number
        ],
    )?;
    Ok(id)
}

/// The buckets of an account, in the order that they are drawn: the one that ends first, then the oldest.
pub(super) fn buckets(desk: &Desk<'_>, account: &str) -> Result<Vec<Bucket>, Fail> {
    let mut query = desk.db.prepare_cached(
        "SELECT * FROM buckets WHERE account = ?1 ORDER BY valid_to IS NULL, valid_to, place",
    )?;
    let buckets = query.query_map([account], Bucket::of)?.collect::<Result<_, _>>()?;
    Ok(buckets)
}

/// The bucket that a top-up opened, where that account has it.
pub(super) fn bucket_of(
    desk: &Desk<'_>,
    account: &str,
    topup_id: &str,
) -> Result<Option<Bucket>, Fail> {
    let mut query = desk.db.prepare_cached(
        "SELECT * FROM buckets WHERE account = ?1 AND topup_id = ?2 ORDER BY place",
    )?;
    Ok(query.query_row([account, topup_id], Bucket::of).optional()?)
}

/// Adds to one figure of a bucket: `used`, `reserved`, `taken` or `granted`.
pub(super) fn add(desk: &Desk<'_>, bucket: &str, figure: &str, bytes: i64) -> Result<(), Fail> {
    desk.db.execute(
        &format!("UPDATE buckets SET {figure} = {figure} + ?2 WHERE id = ?1"),
        params![bucket, bytes],
    )?;
    Ok(())
}

/// The accounts that a SIM draws from: its own, then its pool.
fn accounts(sim: &Sim) -> Vec<&str> {
    std::iter::once(sim.sim.as_str()).chain(sim.pool.as_deref()).collect()
}

/// Draws what a SIM has used. What no bucket covers is overdraft.
pub(super) fn draw(desk: &Desk<'_>, sim: &Sim, bytes: i64, at: i64) -> Result<(), Fail> {
    let mut left = bytes;
    for account in accounts(sim) {
        let mut drawn = 0;
        for bucket in buckets(desk, account)? {
            let some = if bucket.is_usable(at) { bucket.left().min(left) } else { 0 };
            if some > 0 {
                add(desk, &bucket.id, "used", some)?;
                drawn += some;
                left -= some;
            }
        }
        if drawn > 0 {
            enter_bytes(desk, (account, &sim.serial), "use", None, drawn)?;
        }
    }
    if left > 0 {
        enter_bytes(desk, (&sim.sim, &sim.serial), "use", None, left)?;
        enter_bytes(desk, (&sim.sim, &sim.serial), "overdraft", None, left)?;
    }
    Ok(())
}

/// Takes bytes from a SIM's own buckets (`first` before the others) as an adjustment, correction or reversal. What
/// is not there any more is overdraft.
pub(super) fn take(
    desk: &Desk<'_>,
    sim: &Sim,
    first: Option<&Bucket>,
    only_first: bool,
    bytes: i64,
) -> Result<(), Fail> {
    let mut left = bytes;
    let all = if only_first { Vec::new() } else { buckets(desk, &sim.sim)? };
    let rest = all.iter().filter(|b| b.is_usable(desk.now()) && first.is_none_or(|f| f.id != b.id));
    for bucket in first.into_iter().chain(rest) {
        let some = bucket.left().min(left);
        if some > 0 {
            add(desk, &bucket.id, "taken", some)?;
            left -= some;
        }
    }
    if left == 0 {
        return Ok(());
    }
    let account = first.map_or(sim.sim.as_str(), |bucket| bucket.account.as_str());
    enter_bytes(desk, (account, &sim.serial), "overdraft", None, left)
}

/// What a SIM can use now.
pub(super) fn usable(desk: &Desk<'_>, sim: &Sim) -> Result<i64, Fail> {
    let mut sum = 0_i64;
    for account in accounts(sim) {
        for bucket in buckets(desk, account)?.iter().filter(|b| b.is_usable(desk.now())) {
            sum = sum.saturating_add(bucket.left());
        }
    }
    Ok(sum)
}

/// A `Balance` of the contract; its buckets where that is wanted, since they cost the terminal bytes.
pub(super) fn balance(desk: &Desk<'_>, sim: &Sim) -> Result<Value, Fail> {
    let mut balance = json!({
        "iccid": sim.iccid, "as_of": instant(desk.now()), "remaining_bytes": usable(desk, sim)?,
        "shared": sim.pool.is_some(),
    });
    if desk.meta("buckets")?.is_none() {
        return Ok(balance);
    }
    let mut shown = Vec::new();
    for account in accounts(sim) {
        let shared = sim.pool.as_deref() == Some(account);
        let buckets = buckets(desk, account)?;
        let there = buckets.iter().filter(|b| !b.has_ended(desk.now()) && b.left() > 0);
        shown.extend(there.map(|bucket| bucket.to_json(shared)));
    }
    shown.truncate(50);
    if let Some(members) = balance.as_object_mut() {
        members.insert("buckets".to_owned(), json!(shown));
    }
    Ok(balance)
}
