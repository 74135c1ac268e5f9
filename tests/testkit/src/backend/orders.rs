//! Owns orders: placed on a quote, looked at, cancelled.

use rusqlite::params;
use serde_json::json;

use super::desk::Desk;
use super::fields::{Fields, STATES, is_key};
use super::http::{Answer, Request};
use super::keys::{self, Made};
use super::offers;
use super::problem::{Fail, Problem};
use super::quotes::{self, Quote};
use super::topups::{self, TopUp};

/// The path under which orders are kept by their keys.
const PATH: &str = "/v1/topups";

/// `POST /topups`.
pub(super) fn place(desk: &Desk<'_>, certificate: &str, request: &Request) -> Result<Answer, Fail> {
    keys::once(
        desk,
        certificate,
        request,
        |fields, key, cancelled| {
            let topup = order(desk, certificate, fields, key, cancelled)?;
            let status = if cancelled { 200 } else { 201 };
            let answer = Answer::json(status, &topup.to_json());
            Ok(Made { what: "topup", id: topup.id, answer })
        },
        |id| Ok(Answer::json(200, &topups::find(desk, id)?.to_json())),
    )
}

fn order(
    desk: &Desk<'_>,
    certificate: &str,
    fields: &Fields,
    key: &str,
    cancelled: bool,
) -> Result<TopUp, Fail> {
    let quote_id = fields.id("quote_id")?;
    let request_id = fields.id("request_id")?;
    let (terminal, sim) = desk.identify(
        certificate,
        fields.word("serial")?,
        fields.word("terminal_id")?,
        fields.iccid()?,
    )?;
    let quote = quotes::find(desk, &terminal.serial, quote_id)?;
    if quote.sim != sim.sim {
        return Err(Fail::problem("sim_mismatch", format!("{quote_id} is for another SIM")));
    }
    let offer = offers::find(desk, &quote.offer_id)?;
    if !cancelled {
        desk.may_buy(&sim)?;
        if desk.now() >= quote.expires_at {
            return Err(Fail::problem("quote_expired", format!("{quote_id} is too old")));
        }
        quotes::check(desk, &offer, &sim.sim)?;
        limits(desk, &quote)?;
    }
    keys::take_request_id(desk, &terminal.serial, request_id, key)?;
    let mut topup = TopUp::new(desk, &sim)?;
    topup.key = Some(key.to_owned());
    topup.request_id = Some(request_id.to_owned());
    topup.channel = quote.channel;
    topup.offer_id = Some(quote.offer_id);
    topup.name = offer.name;
    topup.kind = offer.kind;
    topup.bytes = quote.bytes;
    topup.activation = quote.activation;
    topup.validity_s = offer.validity_s;
    topup.price = Some(quote.price);
    topup.fee = Some(quote.fee);
    topup.currency = Some(quote.currency);
    topup.rate = quote.rate;
    topup.pay_by = Some(desk.now().saturating_add(desk.settings.payment_s));
    topup.reference = Some(format!("SB-{}", topup.id));
    topup.insert(desk)?;
    if cancelled {
        topups::cancel(desk, &topup.id, "by_customer")?;
    }
    topups::find(desk, &topup.id)
}

/// The limits of a day: how many, and how much.
fn limits(desk: &Desk<'_>, quote: &Quote) -> Result<(), Fail> {
    const DAY_S: i64 = 86_400;
    let midnight = desk.now().div_euclid(DAY_S).saturating_mul(DAY_S);
    let (count, bytes): (i64, i64) = desk.db.query_row(
        "SELECT count(*), coalesce(sum(bytes), 0) FROM topups
         WHERE serial = ?1 AND key IS NOT NULL AND requested_at >= ?2 AND state NOT IN ('failed', 'cancelled')",
        params![quote.serial, midnight],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    let over = |detail: String| {
        let until = midnight.saturating_add(DAY_S).saturating_sub(desk.now());
        let word = "limit_exceeded".to_owned();
        Err(Fail::Problem(Problem { word, detail, retry_after_s: Some(until) }))
    };
    match desk.meta_number("limit_count")? {
        Some(most) if count >= most => return over(format!("{most} top-ups a day")),
        _ => {}
    }
    match desk.meta_number("limit_bytes")? {
        Some(most) if bytes.saturating_add(quote.bytes) > most => {
            over(format!("{most} bytes a day"))
        }
        _ => Ok(()),
    }
}

/// A key of the path.
fn key_of(key: &str) -> Result<&str, Fail> {
    if is_key(key) { Ok(key) } else { Err(Fail::bad("the key is no UUID in lower case")) }
}

/// The terminal's top-up under that key.
pub(super) fn find(desk: &Desk<'_>, serial: &str, key: &str) -> Result<TopUp, Fail> {
    match keys::find(desk, serial, key_of(key)?)? {
        Some(kept) if kept.what == "topup" => topups::find(desk, &kept.reference),
        _ => Err(Fail::problem("unknown_topup", "no order came under this key")),
    }
}

/// What a terminal that waits wants to hear of: `(wait_ms, known)`.
pub(super) fn patience(request: &Request) -> Result<(i64, Option<String>), Fail> {
    let wait_s = match request.query("wait") {
        None => 0,
        Some(text) => text
            .parse::<i64>()
            .ok()
            .filter(|s| (0..=25).contains(s))
            .ok_or_else(|| Fail::bad("wait is a number of seconds from 0 to 25"))?,
    };
    match request.query("known") {
        None => Ok((0, None)),
        Some(state) if STATES.contains(&state) => Ok((wait_s * 1000, Some(state.to_owned()))),
        Some(_) => Err(Fail::bad("known is no state of a top-up")),
    }
}

/// `GET /topups/{key}`: the answer, or, where it is to be held back, when to look again, ms from now.
pub(super) fn look(
    desk: &Desk<'_>,
    serial: &str,
    key: &str,
    known: Option<&str>,
    over: bool,
) -> Result<Result<Answer, i64>, Fail> {
    desk.terminal(serial)?;
    if let Some(kept) = keys::find(desk, serial, key_of(key)?)?
        && kept.what == "tombstone"
    {
        return Ok(Ok(Answer::json(200, &json!({"key": key, "state": "cancelled"}))));
    }
    let topup = find(desk, serial, key)?;
    if known != Some(topup.state.as_str()) {
        return Ok(Ok(Answer::json(200, &topup.to_json())));
    }
    if over {
        return Ok(Ok(Answer::empty(204)));
    }
    let due = topup.due_ms().map_or(i64::MAX, |due| due.saturating_sub(desk.now_ms).max(1));
    Ok(Err(due))
}

/// `POST /topups/{key}/cancel`.
pub(super) fn cancel(desk: &Desk<'_>, serial: &str, key: &str) -> Result<Answer, Fail> {
    desk.terminal(serial)?;
    let key = key_of(key)?;
    let tombstone = || Answer::json(200, &json!({"key": key, "state": "cancelled"}));
    let kept = keys::find(desk, serial, key)?;
    let id = match kept {
        None => {
            keys::keep(desk, serial, key, (PATH, None), ("tombstone", ""))?;
            return Ok(tombstone());
        }
        // Nothing came of it, and nothing will.
        Some(kept) if ["tombstone", "refused"].contains(&kept.what.as_str()) => {
            return Ok(tombstone());
        }
        Some(kept) if kept.what == "topup" => kept.reference,
        Some(_) => return Err(Fail::problem("unknown_topup", "the key is no order's")),
    };
    let topup = topups::find(desk, &id)?;
    match topup.state.as_str() {
        "awaiting_payment" => topups::cancel(desk, &id, "by_customer")?,
        "failed" | "reversed" => {
            let detail = format!("{id} is {} already", topup.state);
            return Err(Fail::problem("not_cancellable", detail));
        }
        _ => {}
    }
    Ok(Answer::json(200, &topups::find(desk, &id)?.to_json()))
}
