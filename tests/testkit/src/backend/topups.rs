//! Owns each step that a top-up takes: paid, credited, begun, ended, taken back.

use rusqlite::params;

use super::desk::Desk;
use super::ledger::{self, Entry, NewBucket};
use super::problem::Fail;
pub(super) use super::topup::{TopUp, find, of_terminal};
use super::{events, keys, offers};

/// Tells its terminal where it stands.
fn tell(desk: &Desk<'_>, id: &str) -> Result<(), Fail> {
    let topup = find(desk, id)?;
    events::publish(desk, &topup.serial, "topup", &topup.to_json())?;
    desk.db.execute("UPDATE topups SET told = state WHERE id = ?1", [id])?;
    if let Some(key) = &topup.key {
        keys::touch(desk, &topup.serial, key)?;
    }
    Ok(())
}

/// A terminal that comes without its history hears of what it ordered and what is not paid yet, too; one that has its
/// history was told by the answer to its order.
pub(super) fn publish_untold(desk: &Desk<'_>, serial: &str) -> Result<(), Fail> {
    let mut query = desk.db.prepare_cached(
        "SELECT id FROM topups WHERE serial = ?1 AND told IS NOT state ORDER BY rowid",
    )?;
    let ids: Vec<String> =
        query.query_map([serial], |row| row.get(0))?.collect::<Result<_, _>>()?;
    ids.iter().try_for_each(|id| tell(desk, id))
}

/// Refuses a step from where it is not possible.
fn must_be(topup: &TopUp, states: &[&str], step: &str) -> Result<(), Fail> {
    if states.contains(&topup.state.as_str()) {
        return Ok(());
    }
    Err(Fail::command(format!("{} is {}: it cannot be {step}", topup.id, topup.state)))
}

/// The payment came.
pub(super) fn pay(desk: &Desk<'_>, id: &str) -> Result<(), Fail> {
    let topup = find(desk, id)?;
    must_be(&topup, &["awaiting_payment"], "paid")?;
    let sim = desk.sim(&topup.serial, &topup.iccid)?;
    charge(desk, &topup, &sim.sim)?;
    let after_s = desk.meta("credit_after_s")?;
    // By hand: never by itself.
    let credit_at_ms = match after_s.as_deref() {
        Some("hand") => None,
        Some(text) => Some(text.parse().unwrap_or(0_i64)),
        None => Some(0),
    }
    .map(|s| desk.now_ms.saturating_add(s.saturating_mul(1000)));
    desk.db.execute(
        "UPDATE topups SET state = 'processing', paid_at = ?2, credit_at_ms = ?3 WHERE id = ?1",
        params![id, desk.now(), credit_at_ms],
    )?;
    if credit_at_ms.is_some_and(|at| at <= desk.now_ms) { credit(desk, id) } else { tell(desk, id) }
}

fn charge(desk: &Desk<'_>, topup: &TopUp, sim: &str) -> Result<(), Fail> {
    let Some(total) = topup.total() else { return Ok(()) };
    money(desk, topup, sim, "charge", total)
}

fn money(desk: &Desk<'_>, topup: &TopUp, sim: &str, what: &str, sum: i64) -> Result<(), Fail> {
    let entry = Entry {
        account: sim,
        serial: &topup.serial,
        what,
        topup_id: Some(&topup.id),
        key: topup.key.as_deref(),
        bytes: 0,
        money: sum,
        currency: topup.currency.as_deref(),
    };
    ledger::enter(desk, &entry)
}

/// What was paid for is there.
pub(super) fn credit(desk: &Desk<'_>, id: &str) -> Result<(), Fail> {
    let topup = find(desk, id)?;
    must_be(&topup, &["processing"], "credited")?;
    let sim = desk.sim(&topup.serial, &topup.iccid)?;
    let pool = match &topup.offer_id {
        Some(offer) => offers::find(desk, offer)?.pool,
        None => None,
    };
    if let Some(pool) = &pool {
        desk.db.execute("UPDATE sims SET pool = ?2 WHERE sim = ?1", params![sim.sim, pool])?;
    }
    let account = pool.as_deref().unwrap_or(&sim.sim);
    let from = begins(desk, &topup, account)?;
    let to = from.and_then(|from| Some(from.saturating_add(topup.validity_s?)));
    let new = NewBucket {
        account,
        topup_id: Some(id),
        name: &topup.name,
        kind: &topup.kind,
        bytes: topup.bytes,
        valid_from: from,
        valid_to: to,
    };
    ledger::open(desk, &new)?;
    ledger::enter_bytes(desk, (account, &topup.serial), "credit", Some(id), topup.bytes)?;
    desk.db.execute(
        "UPDATE topups SET state = 'completed', completed_at = ?2, valid_from = ?3, valid_to = ?4 WHERE id = ?1",
        params![id, desk.now(), from, to],
    )?;
    tell(desk, id)
}

/// When it begins; none while nobody can say.
fn begins(desk: &Desk<'_>, topup: &TopUp, account: &str) -> Result<Option<i64>, Fail> {
    let now = desk.now();
    if topup.activation == "next_cycle" {
        return Ok(Some(next_month(now)));
    }
    if topup.activation == "now" {
        return Ok(Some(now));
    }
    let mut begins = now;
    for main in ledger::buckets(desk, account)? {
        if main.kind == "main" && main.left() > 0 && !main.has_ended(now) {
            match main.valid_to {
                Some(end) => begins = begins.max(end),
                None => return Ok(None),
            }
        }
    }
    Ok(Some(begins))
}

/// The first instant of the next calendar month, UTC.
fn next_month(now: i64) -> i64 {
    let next = || {
        let at = jiff::Timestamp::from_second(now).ok()?.to_zoned(jiff::tz::TimeZone::UTC);
        let first = at.first_of_month().ok()?.start_of_day().ok()?;
        Some(first.checked_add(jiff::Span::new().months(1)).ok()?.timestamp().as_second())
    };
    next().unwrap_or(now)
}

/// Lets packages begin that waited for another one's end.
pub(super) fn begin_waiting(desk: &Desk<'_>) -> Result<(), Fail> {
    let mut query = desk.db.prepare_cached(
        "SELECT t.id, b.id, b.account FROM topups t JOIN buckets b ON b.topup_id = t.id
         WHERE t.state = 'completed' AND b.valid_from IS NULL ORDER BY b.place",
    )?;
    let waiting: Vec<(String, String, String)> = query
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
        .collect::<Result<_, _>>()?;
    for (id, bucket, account) in waiting {
        let now = desk.now();
        let mut others = ledger::buckets(desk, &account)?;
        others.retain(|other| other.kind == "main" && other.id != bucket);
        if others.iter().any(|other| other.is_usable(now) && other.left() > 0) {
            continue;
        }
        let to = find(desk, &id)?.validity_s.map(|s| now.saturating_add(s));
        for table in ["buckets", "topups"] {
            let key = if table == "buckets" { &bucket } else { &id };
            desk.db.execute(
                &format!("UPDATE {table} SET valid_from = ?2, valid_to = ?3 WHERE id = ?1"),
                params![key, now, to],
            )?;
        }
        tell(desk, &id)?;
    }
    Ok(())
}

/// Whether a main package is active.
pub(super) fn has_main(desk: &Desk<'_>, sim: &str) -> Result<bool, Fail> {
    let buckets = ledger::buckets(desk, sim)?;
    Ok(buckets.iter().any(|b| b.kind == "main" && b.is_usable(desk.now()) && b.left() > 0))
}

/// It came to nothing; what was paid is given back.
pub(super) fn fail(desk: &Desk<'_>, id: &str, reason: &str) -> Result<(), Fail> {
    end(desk, id, "failed", reason)
}

/// It was given up; what was paid is given back.
pub(super) fn cancel(desk: &Desk<'_>, id: &str, reason: &str) -> Result<(), Fail> {
    end(desk, id, "cancelled", reason)
}

fn end(desk: &Desk<'_>, id: &str, state: &str, reason: &str) -> Result<(), Fail> {
    let topup = find(desk, id)?;
    must_be(&topup, &["awaiting_payment", "processing"], state)?;
    if let (Some(_), Some(total)) = (topup.paid_at, topup.total()) {
        let sim = desk.sim(&topup.serial, &topup.iccid)?;
        money(desk, &topup, &sim.sim, "repaid", total)?;
    }
    desk.db.execute(
        "UPDATE topups SET state = ?2, reason = ?3 WHERE id = ?1",
        params![id, state, reason],
    )?;
    tell(desk, id)
}

/// It is taken back, or so many bytes of it.
pub(super) fn reverse(
    desk: &Desk<'_>,
    id: &str,
    bytes: Option<i64>,
    reason: &str,
) -> Result<(), Fail> {
    let topup = find(desk, id)?;
    must_be(&topup, &["completed"], "reversed")?;
    let taken = bytes.unwrap_or(topup.bytes);
    if !(0..=topup.bytes).contains(&taken) {
        return Err(Fail::command(format!("{id} has {} bytes, not {taken}", topup.bytes)));
    }
    let sim = desk.sim(&topup.serial, &topup.iccid)?;
    let bucket = match ledger::bucket_of(desk, &sim.sim, id)? {
        None => sim.pool.as_deref().map_or(Ok(None), |pool| ledger::bucket_of(desk, pool, id))?,
        own => own,
    };
    let account = bucket.as_ref().map_or(sim.sim.as_str(), |b| b.account.as_str());
    ledger::take(desk, &sim, bucket.as_ref(), true, taken)?;
    ledger::enter_bytes(desk, (account, &topup.serial), "reversal", Some(id), taken)?;
    if let Some(total) = topup.total() {
        let share = i128::from(total) * i128::from(taken) / i128::from(topup.bytes.max(1));
        money(desk, &topup, &sim.sim, "repaid", i64::try_from(share).unwrap_or(total))?;
    }
    desk.db.execute(
        "UPDATE topups SET state = 'reversed', reason = ?2, reversed_bytes = ?3 WHERE id = ?1",
        params![id, reason, bytes],
    )?;
    tell(desk, id)
}

/// A top-up made elsewhere: paid and credited at once.
pub(super) fn made_elsewhere(desk: &Desk<'_>, topup: &TopUp) -> Result<(), Fail> {
    topup.insert(desk)?;
    pay(desk, &topup.id)
}
