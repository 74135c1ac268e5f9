//! Owns the sync: usage in, news and balance out.

use rusqlite::params;
use serde_json::{Value, json};

use super::desk::{Desk, Sim, Terminal};
use super::fields::{Fields, instant};
use super::http::{Answer, Request};
use super::ledger;
use super::problem::Fail;
use super::{events, topups};

/// How much of an answer the events may be; the rest of 64 KiB is the balance's.
const EVENTS_BYTES_MAX: usize = 48 * 1024;

/// `POST /terminals/{serial}/sync`.
pub(super) fn answer(
    desk: &Desk<'_>,
    certificate: &str,
    serial: &str,
    request: &Request,
) -> Result<Answer, Fail> {
    let fields = Fields::read(&request.body)?;
    let terminal = desk.identify_terminal(certificate, serial, fields.word("terminal_id")?)?;
    let sim = match fields.has("iccid") {
        true => Some(desk.sim(serial, fields.iccid()?)?),
        false => None,
    };
    let cursor = match fields.within("cursor")? {
        Some(cursor) => Some((cursor.id("stream")?.to_owned(), cursor.bytes("after")?)),
        None => None,
    };
    if let Some(usage) = fields.within("usage")? {
        report(desk, sim.as_ref(), &usage)?;
    }
    let known = cursor.filter(|(stream, _)| *stream == terminal.stream).map(|(_, after)| after);
    if known.is_none() {
        topups::publish_untold(desk, serial)?;
    }
    let last = events::last(desk, serial)?;
    if known.is_some_and(|after| after > last) {
        return Err(Fail::bad(format!("cursor.after is beyond the last event, {last}")));
    }
    news(desk, &terminal, sim, known, last)
}

fn news(
    desk: &Desk<'_>,
    terminal: &Terminal,
    sim: Option<Sim>,
    known: Option<i64>,
    last: i64,
) -> Result<Answer, Fail> {
    let serial = &terminal.serial;
    let from = known.unwrap_or(0);
    let mut found = events::after(desk, serial, from, desk.settings.page_events.clamp(1, 50))?;
    let mut bytes = 0_usize;
    let fits = found.iter().take_while(|event| {
        bytes = bytes.saturating_add(event.to_string().len());
        bytes <= EVENTS_BYTES_MAX
    });
    let fitting = fits.count().max(1);
    found.truncate(fitting);
    let next_sync_s = desk.meta_number("next_sync_s")?;
    let pooled = sim.as_ref().is_some_and(|sim| sim.pool.is_some());
    if known.is_some() && found.is_empty() && next_sync_s.is_none() && !pooled {
        return Ok(Answer::empty(204));
    }
    let reached =
        found.last().and_then(|event| event.get("seq")).and_then(Value::as_i64).unwrap_or(from);
    let mut body = json!({
        "cursor": {"stream": terminal.stream, "after": reached},
        "events": found,
    });
    let sim = match sim {
        Some(sim) => Some(sim),
        None => desk.sim_of_terminal(serial).ok(),
    };
    if let Some(members) = body.as_object_mut() {
        if reached < last {
            members.insert("more".to_owned(), json!(true));
        }
        if let Some(sim) = &sim {
            members.insert("balance".to_owned(), ledger::balance(desk, sim)?);
        }
        if let Some(seconds) = next_sync_s {
            members.insert("next_sync_s".to_owned(), json!(seconds));
        }
    }
    Ok(Answer::json(200, &body))
}

/// Takes a report of usage. It is a total: an older one, or the same, changes nothing.
fn report(desk: &Desk<'_>, sim: Option<&Sim>, usage: &Fields) -> Result<(), Fail> {
    let (rx, tx) = (usage.bytes("rx_bytes")?, usage.bytes("tx_bytes")?);
    let as_of = match usage.has("as_of") {
        true => usage.instant("as_of")?.min(desk.now()),
        false => desk.now(),
    };
    let total = rx.checked_add(tx).ok_or_else(|| Fail::bad("usage is more than there can be"))?;
    let Some(sim) = sim else { return Ok(()) };
    if total <= sim.used {
        return Ok(());
    }
    ledger::draw(desk, sim, total - sim.used, as_of)?;
    desk.db.execute("UPDATE sims SET used = ?2 WHERE sim = ?1", params![sim.sim, total])?;
    Ok(())
}

/// Tells of a SIM's service.
pub(super) fn set_service(desk: &Desk<'_>, sim: &Sim, state: &str) -> Result<(), Fail> {
    desk.db.execute(
        "UPDATE sims SET service = ?2, service_at = ?3 WHERE sim = ?1",
        params![sim.sim, state, desk.now()],
    )?;
    let body = json!({"iccid": sim.iccid, "state": state, "at": instant(desk.now())});
    events::publish(desk, &sim.serial, "service", &body)
}
