//! Reads the ledger's rows: books, entries and alerts.

use std::collections::BTreeMap;

use rusqlite::{Connection, Row, params};

use super::cells::{amount, day, sim, stamp, unreadable, unsigned};
use super::operator_rows::{action, aside};
use super::read::all;
use crate::domain::alert::{AlertKind, AlertState};
use crate::domain::ledger::{
    Account, BookRows, Bought, Bucket, BucketKind, BucketStatus, Entry, EntryKind, Figures,
    Overdraft, OverdraftTime, PlanTerms, Reconciled,
};
use crate::domain::plan::Cycle;
use crate::domain::sim::SimId;
use crate::domain::topup::{Activation, Channel};

/// The book of every account. What belongs to no account is a damage.
pub(super) fn books(conn: &Connection) -> rusqlite::Result<Vec<BookRows>> {
    let mut books: BTreeMap<SimId, BookRows> = BTreeMap::new();
    for account in all(conn, "SELECT * FROM accounts", account)? {
        let book = BookRows {
            account,
            buckets: Vec::new(),
            overdrafts: Vec::new(),
            actions: Vec::new(),
            asides: Vec::new(),
        };
        books.insert(book.account.sim, book);
    }
    for bucket in all(conn, "SELECT * FROM buckets ORDER BY sim, id", bucket)? {
        book_of(&mut books, bucket.sim)?.buckets.push(bucket);
    }
    for overdraft in all(conn, "SELECT * FROM overdrafts ORDER BY sim, id", overdraft)? {
        book_of(&mut books, overdraft.sim)?.overdrafts.push(overdraft);
    }
    for action in all(conn, "SELECT * FROM actions ORDER BY sim, kind, key", action)? {
        book_of(&mut books, action.sim)?.actions.push(action);
    }
    for aside in all(conn, "SELECT * FROM asides ORDER BY sim, id", aside)? {
        book_of(&mut books, aside.sim)?.asides.push(aside);
    }
    Ok(books.into_values().collect())
}

fn book_of(books: &mut BTreeMap<SimId, BookRows>, sim: SimId) -> rusqlite::Result<&mut BookRows> {
    books.get_mut(&sim).ok_or_else(|| unreadable("sim", "it has buckets but no account"))
}

/// Entries of a SIM after an id, oldest first, `limit` at most.
pub(super) fn entries(
    conn: &Connection,
    sim: SimId,
    after_id: u64,
    limit: u32,
) -> rusqlite::Result<Vec<Entry>> {
    conn.prepare("SELECT * FROM entries WHERE sim = ?1 AND id > ?2 ORDER BY id LIMIT ?3")?
        .query_map(params![sim.0, amount(after_id)?, limit], entry)?
        .collect()
}

fn figures(row: &Row<'_>) -> rusqlite::Result<Figures> {
    Ok(Figures {
        granted: unsigned(row, "granted")?,
        transferred_in: unsigned(row, "transferred_in")?,
        overdraft: unsigned(row, "overdraft")?,
        adjusted: row.get("adjusted")?,
        consumed: unsigned(row, "consumed")?,
        remaining: unsigned(row, "remaining")?,
        reserved: unsigned(row, "reserved")?,
        expired: unsigned(row, "expired")?,
        transferred_out: unsigned(row, "transferred_out")?,
        refunded: unsigned(row, "refunded")?,
        reversed: unsigned(row, "reversed")?,
    })
}

fn account(row: &Row<'_>) -> rusqlite::Result<Account> {
    Ok(Account {
        sim: sim(row, "sim")?,
        figures: figures(row)?,
        known_s: row.get("known_s")?,
        open_day: day(row, "open_day")?,
        reconciled: reconciled(row)?,
        next_entry_id: unsigned(row, "next_entry_id")?,
        next_bucket_id: unsigned(row, "next_bucket_id")?,
        next_overdraft_id: unsigned(row, "next_overdraft_id")?,
    })
}

fn reconciled(row: &Row<'_>) -> rusqlite::Result<Option<Reconciled>> {
    let as_of: Option<i64> = row.get("operator_as_of")?;
    let Some(as_of) = as_of else { return Ok(None) };
    Ok(Some(Reconciled {
        as_of,
        remaining: unsigned(row, "operator_remaining")?,
        shared: row.get("operator_shared")?,
        drift: row.get("drift")?,
    }))
}

fn bought(row: &Row<'_>) -> rusqlite::Result<Option<Bought>> {
    let words: (Option<String>, Option<String>) = (row.get("channel")?, row.get("activation")?);
    let (channel, activation) = match &words {
        (None, None) => return Ok(None),
        (channel, activation) => {
            (channel.as_deref().unwrap_or_default(), activation.as_deref().unwrap_or_default())
        }
    };
    Ok(Some(Bought {
        channel: Channel::from_word(channel).ok_or_else(|| unreadable("channel", channel))?,
        activation: Activation::from_word(activation)
            .ok_or_else(|| unreadable("activation", activation))?,
    }))
}

fn bucket(row: &Row<'_>) -> rusqlite::Result<Bucket> {
    let status: String = row.get("status")?;
    Ok(Bucket {
        id: unsigned(row, "id")?,
        sim: sim(row, "sim")?,
        key: row.get("key")?,
        kind: bucket_kind(row)?,
        figures: figures(row)?,
        bought: bought(row)?,
        valid_from: row.get("valid_from")?,
        expires_at: row.get("expires_at")?,
        status: BucketStatus::ALL
            .into_iter()
            .find(|known| known.word() == status)
            .ok_or_else(|| unreadable("status", &status))?,
        open_day_bytes: unsigned(row, "open_day_bytes")?,
    })
}

fn bucket_kind(row: &Row<'_>) -> rusqlite::Result<BucketKind> {
    let word: String = row.get("kind")?;
    let bare = [BucketKind::TopUp, BucketKind::AddOn, BucketKind::Opening, BucketKind::Transfer];
    if let Some(kind) = bare.into_iter().find(|kind| kind.word() == word) {
        return Ok(kind);
    }
    let cycle: String = row.get("cycle")?;
    let cycle = Cycle::parse(&cycle).map_err(|error| unreadable("cycle", &error.to_string()))?;
    let kind = BucketKind::Plan(PlanTerms { allowance: unsigned(row, "allowance")?, cycle });
    if kind.word() == word { Ok(kind) } else { Err(unreadable("kind", &word)) }
}

fn overdraft(row: &Row<'_>) -> rusqlite::Result<Overdraft> {
    let boot_seq: Option<u32> = row.get("boot_seq")?;
    let time = match (boot_seq, day(row, "day")?) {
        (Some(boot_seq), None) => OverdraftTime::Unplaced { boot_seq },
        (None, Some(day)) => {
            OverdraftTime::Placed { day, first_s: row.get("first_s")?, last_s: row.get("last_s")? }
        }
        (None, None) => {
            OverdraftTime::Uncovered { first_s: row.get("first_s")?, last_s: row.get("last_s")? }
        }
        (Some(_), Some(_)) => return Err(unreadable("boot_seq", "a day and a boot")),
    };
    Ok(Overdraft {
        id: unsigned(row, "id")?,
        sim: sim(row, "sim")?,
        time,
        bytes: unsigned(row, "bytes")?,
        absorbed: unsigned(row, "absorbed")?,
        entered: unsigned(row, "entered")?,
    })
}

fn entry(row: &Row<'_>) -> rusqlite::Result<Entry> {
    let kind: String = row.get("kind")?;
    let bucket: Option<i64> = row.get("bucket")?;
    Ok(Entry {
        id: unsigned(row, "id")?,
        sim: sim(row, "sim")?,
        bucket: bucket.map(|_| unsigned(row, "bucket")).transpose()?,
        kind: EntryKind::ALL
            .into_iter()
            .find(|known| known.word() == kind)
            .ok_or_else(|| unreadable("kind", &kind))?,
        bytes: row.get("bytes")?,
        at: stamp(row)?,
        day: day(row, "day")?,
        note: row.get("note")?,
    })
}

/// An alert.
pub(super) fn alert(row: &Row<'_>) -> rusqlite::Result<AlertState> {
    let kind: String = row.get("kind")?;
    let fired: Option<String> = row.get("at_trust")?;
    Ok(AlertState {
        sim: sim(row, "sim")?,
        kind: AlertKind::ALL
            .into_iter()
            .find(|known| known.word() == kind)
            .ok_or_else(|| unreadable("kind", &kind))?,
        threshold: row.get("threshold")?,
        scope: row.get("scope")?,
        baseline: unsigned(row, "baseline")?,
        fired_at: fired.map(|_| stamp(row)).transpose()?,
    })
}
