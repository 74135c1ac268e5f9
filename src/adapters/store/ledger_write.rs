//! Writes what a book drained: its account, buckets and overdrafts are replaced,
//! its entries only ever added.

use rusqlite::{Transaction, params};

use super::cells::{amount, day_number};
use super::operator_rows::{put_action, put_aside};
use crate::domain::ledger::{Account, Bucket, Changes, Entry, Figures, Overdraft, OverdraftTime};

/// Writes the changes of one book. Entries and actions name their bucket, so buckets
/// first.
pub(super) fn put(tx: &Transaction<'_>, changes: &Changes) -> rusqlite::Result<()> {
    if let Some(account) = &changes.account {
        put_account(tx, account)?;
    }
    changes.buckets.iter().try_for_each(|bucket| put_bucket(tx, bucket))?;
    changes.overdrafts.iter().try_for_each(|overdraft| put_overdraft(tx, overdraft))?;
    changes.entries.iter().try_for_each(|entry| put_entry(tx, entry))?;
    changes.actions.iter().try_for_each(|action| put_action(tx, action))?;
    changes.asides.iter().try_for_each(|aside| put_aside(tx, aside))
}

/// The eleven figures in the order of the columns, `adjusted` apart.
struct Amounts {
    granted: i64,
    transferred_in: i64,
    overdraft: i64,
    consumed: i64,
    remaining: i64,
    reserved: i64,
    expired: i64,
    transferred_out: i64,
    refunded: i64,
    reversed: i64,
}

fn amounts(figures: &Figures) -> rusqlite::Result<Amounts> {
    Ok(Amounts {
        granted: amount(figures.granted)?,
        transferred_in: amount(figures.transferred_in)?,
        overdraft: amount(figures.overdraft)?,
        consumed: amount(figures.consumed)?,
        remaining: amount(figures.remaining)?,
        reserved: amount(figures.reserved)?,
        expired: amount(figures.expired)?,
        transferred_out: amount(figures.transferred_out)?,
        refunded: amount(figures.refunded)?,
        reversed: amount(figures.reversed)?,
    })
}

fn put_account(tx: &Transaction<'_>, account: &Account) -> rusqlite::Result<()> {
    let figures = amounts(&account.figures)?;
    let operator = account.reconciled.as_ref();
    tx.execute(
        "INSERT INTO accounts (sim, granted, transferred_in, overdraft, adjusted, consumed,
            remaining, reserved, expired, transferred_out, refunded, reversed, known_s, open_day,
            next_entry_id, next_bucket_id, next_overdraft_id, operator_as_of, operator_remaining,
            operator_shared, drift)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18,
            ?19, ?20, ?21)
         ON CONFLICT (sim) DO UPDATE SET granted = excluded.granted,
            transferred_in = excluded.transferred_in, overdraft = excluded.overdraft,
            adjusted = excluded.adjusted, consumed = excluded.consumed,
            remaining = excluded.remaining, reserved = excluded.reserved,
            expired = excluded.expired, transferred_out = excluded.transferred_out,
            refunded = excluded.refunded, reversed = excluded.reversed,
            known_s = excluded.known_s, open_day = excluded.open_day,
            next_entry_id = excluded.next_entry_id, next_bucket_id = excluded.next_bucket_id,
            next_overdraft_id = excluded.next_overdraft_id,
            operator_as_of = excluded.operator_as_of,
            operator_remaining = excluded.operator_remaining,
            operator_shared = excluded.operator_shared, drift = excluded.drift",
        params![
            account.sim.0,
            figures.granted,
            figures.transferred_in,
            figures.overdraft,
            account.figures.adjusted,
            figures.consumed,
            figures.remaining,
            figures.reserved,
            figures.expired,
            figures.transferred_out,
            figures.refunded,
            figures.reversed,
            account.known_s,
            account.open_day.map(day_number),
            amount(account.next_entry_id)?,
            amount(account.next_bucket_id)?,
            amount(account.next_overdraft_id)?,
            operator.map(|said| said.as_of),
            operator.map(|said| amount(said.remaining)).transpose()?,
            operator.map(|said| said.shared),
            operator.map(|said| said.drift),
        ],
    )?;
    Ok(())
}

fn put_bucket(tx: &Transaction<'_>, bucket: &Bucket) -> rusqlite::Result<()> {
    let figures = amounts(&bucket.figures)?;
    let terms = bucket.plan_terms();
    // The key is not among what is replaced: a trigger refuses another one, and
    // its index need not be written.
    tx.execute(
        "INSERT INTO buckets (sim, id, key, kind, allowance, cycle, granted, transferred_in,
            overdraft, adjusted, consumed, remaining, reserved, expired, transferred_out, refunded,
            reversed, valid_from, expires_at, status, open_day_bytes, channel, activation)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18,
            ?19, ?20, ?21, ?22, ?23)
         ON CONFLICT (sim, id) DO UPDATE SET kind = excluded.kind,
            allowance = excluded.allowance, cycle = excluded.cycle, granted = excluded.granted,
            transferred_in = excluded.transferred_in, overdraft = excluded.overdraft,
            adjusted = excluded.adjusted, consumed = excluded.consumed,
            remaining = excluded.remaining, reserved = excluded.reserved,
            expired = excluded.expired, transferred_out = excluded.transferred_out,
            refunded = excluded.refunded, reversed = excluded.reversed,
            valid_from = excluded.valid_from, expires_at = excluded.expires_at,
            status = excluded.status, open_day_bytes = excluded.open_day_bytes,
            channel = excluded.channel, activation = excluded.activation",
        params![
            bucket.sim.0,
            amount(bucket.id)?,
            bucket.key,
            bucket.kind.word(),
            terms.map(|terms| amount(terms.allowance)).transpose()?,
            terms.map(|terms| terms.cycle.to_string()),
            figures.granted,
            figures.transferred_in,
            figures.overdraft,
            bucket.figures.adjusted,
            figures.consumed,
            figures.remaining,
            figures.reserved,
            figures.expired,
            figures.transferred_out,
            figures.refunded,
            figures.reversed,
            bucket.valid_from,
            bucket.expires_at,
            bucket.status.word(),
            amount(bucket.open_day_bytes)?,
            bucket.bought.map(|bought| bought.channel.word()),
            bucket.bought.map(|bought| bought.activation.word()),
        ],
    )?;
    Ok(())
}

/// A settled overdraft is deleted: its entries say all of it, and nothing can
/// happen to it any more.
fn put_overdraft(tx: &Transaction<'_>, overdraft: &Overdraft) -> rusqlite::Result<()> {
    let (sim, id) = (overdraft.sim.0, amount(overdraft.id)?);
    let (day, first_s, last_s, boot_seq) = match overdraft.time {
        OverdraftTime::Placed { day, first_s, last_s } => {
            (Some(day_number(day)), Some(first_s), Some(last_s), None)
        }
        OverdraftTime::Uncovered { first_s, last_s } => (None, Some(first_s), Some(last_s), None),
        OverdraftTime::Unplaced { boot_seq } => (None, None, None, Some(boot_seq)),
    };
    tx.execute(
        "INSERT INTO overdrafts (sim, id, day, first_s, last_s, boot_seq, bytes, absorbed, entered)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
         ON CONFLICT (sim, id) DO UPDATE SET day = excluded.day, first_s = excluded.first_s,
            last_s = excluded.last_s, boot_seq = excluded.boot_seq, bytes = excluded.bytes,
            absorbed = excluded.absorbed, entered = excluded.entered",
        params![
            sim,
            id,
            day,
            first_s,
            last_s,
            boot_seq,
            amount(overdraft.bytes)?,
            amount(overdraft.absorbed)?,
            amount(overdraft.entered)?,
        ],
    )?;
    if overdraft.is_settled() {
        tx.execute("DELETE FROM overdrafts WHERE sim = ?1 AND id = ?2", params![sim, id])?;
    }
    Ok(())
}

fn put_entry(tx: &Transaction<'_>, entry: &Entry) -> rusqlite::Result<()> {
    tx.execute(
        "INSERT INTO entries (sim, id, bucket, kind, bytes, day, note,
            at_boot, at_ms, at_wall_s, at_trust)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
        params![
            entry.sim.0,
            amount(entry.id)?,
            entry.bucket.map(amount).transpose()?,
            entry.kind.word(),
            entry.bytes,
            entry.day.map(day_number),
            entry.note,
            entry.at.boot_seq,
            amount(entry.at.boot_ms)?,
            entry.at.wall_s,
            entry.at.trust.word(),
        ],
    )?;
    Ok(())
}
