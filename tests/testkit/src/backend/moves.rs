//! Owns what is given away: refunds and transfers, in two phases, reserved first, then posted or voided.

use rusqlite::{OptionalExtension, Row, params};
use serde_json::{Value, json};

use super::desk::{Desk, Sim};
use super::fields::{Fields, instant};
use super::http::{Answer, Request};
use super::keys::{self, Made};
use super::ledger::{self, Bucket, Entry, NewBucket};
use super::problem::Fail;
use super::topups::{self, TopUp};
use super::{events, offers, orders};

/// A refund or a transfer.
pub(super) struct Move {
    id: String,
    /// `refund` or `transfer`.
    kind: String,
    serial: String,
    sim: String,
    peer_serial: Option<String>,
    peer_sim: Option<String>,
    topup_id: String,
    bucket: String,
    bytes: i64,
    money: Option<i64>,
    currency: Option<String>,
    state: String,
    at: i64,
    reason: Option<String>,
}

impl Move {
    fn of(row: &Row<'_>) -> rusqlite::Result<Move> {
        Ok(Move {
            id: row.get("id")?,
            kind: row.get("kind")?,
            serial: row.get("serial")?,
            sim: row.get("sim")?,
            peer_serial: row.get("peer_serial")?,
            peer_sim: row.get("peer_sim")?,
            topup_id: row.get("topup_id")?,
            bucket: row.get("bucket")?,
            bytes: row.get("bytes")?,
            money: row.get("money")?,
            currency: row.get("currency")?,
            state: row.get("state")?,
            at: row.get("at")?,
            reason: row.get("reason")?,
        })
    }

    /// As its giver sees it, or, `inward`, who it is given to.
    fn to_json(&self, desk: &Desk<'_>, inward: bool) -> Result<Value, Fail> {
        let (serial, sim) = match (&self.peer_serial, &self.peer_sim) {
            (Some(serial), Some(sim)) if inward => (serial, sim),
            _ => (&self.serial, &self.sim),
        };
        let mut body = json!({
            "id": self.id, "topup_id": self.topup_id, "state": self.state, "bytes": self.bytes,
            "iccid": desk.sim(serial, sim)?.iccid, "at": instant(self.at),
        });
        let Some(members) = body.as_object_mut() else { return Ok(body) };
        let mut put = |name: &str, value: Value| members.insert(name.to_owned(), value);
        if let Some(reason) = &self.reason {
            put("reason", json!(reason));
        }
        if let (Some(amount), Some(currency)) = (self.money, &self.currency) {
            put("money", json!({"amount": amount, "currency": currency}));
        }
        if let Some(peer) = &self.peer_serial {
            put("direction", json!(if inward { "in" } else { "out" }));
            put("peer_serial", json!(if inward { &self.serial } else { peer }));
            if let Some(end) = find_bucket(desk, &self.bucket)?.and_then(|bucket| bucket.valid_to) {
                put("valid_to", json!(instant(end)));
            }
        }
        Ok(body)
    }

    fn publish(&self, desk: &Desk<'_>, inward: bool) -> Result<(), Fail> {
        let serial = match &self.peer_serial {
            Some(peer) if inward => peer,
            _ => &self.serial,
        };
        events::publish(desk, serial, &self.kind, &self.to_json(desk, inward)?)
    }
}

fn find_bucket(desk: &Desk<'_>, id: &str) -> Result<Option<Bucket>, Fail> {
    let account: Option<(String, Option<String>)> = desk
        .db
        .query_row("SELECT account, topup_id FROM buckets WHERE id = ?1", [id], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .optional()?;
    match account {
        Some((account, Some(topup))) => ledger::bucket_of(desk, &account, &topup),
        _ => Ok(None),
    }
}

/// The move with that id.
pub(super) fn find(desk: &Desk<'_>, id: &str) -> Result<Move, Fail> {
    let mut query = desk.db.prepare_cached("SELECT * FROM moves WHERE id = ?1")?;
    query
        .query_row([id], Move::of)
        .optional()?
        .ok_or_else(|| Fail::command(format!("there is no refund or transfer {id}")))
}

/// Tells a terminal of all its moves, as they are now.
pub(super) fn publish_all(desk: &Desk<'_>, serial: &str) -> Result<(), Fail> {
    let mut query = desk.db.prepare_cached(
        "SELECT * FROM moves WHERE serial = ?1 OR peer_serial = ?1 AND state = 'posted' ORDER BY rowid",
    )?;
    let moves: Vec<Move> = query.query_map([serial], Move::of)?.collect::<Result<_, _>>()?;
    moves.iter().try_for_each(|one| one.publish(desk, one.serial != serial))
}

/// The bucket of a completed top-up that is the SIM's own.
fn own_bucket(desk: &Desk<'_>, topup: &TopUp, sim: &Sim) -> Result<Option<Bucket>, Fail> {
    let bucket = ledger::bucket_of(desk, &sim.sim, &topup.id)?;
    Ok(bucket.filter(|bucket| topup.state == "completed" && !bucket.has_ended(desk.now())))
}

/// `POST /topups/{key}/refund`.
pub(super) fn refund(
    desk: &Desk<'_>,
    serial: &str,
    order: &str,
    request: &Request,
) -> Result<Answer, Fail> {
    keys::once(
        desk,
        serial,
        request,
        |fields, key, _| {
            let request_id = fields.id("request_id")?;
            let bytes = fields.bytes("unused_bytes")?;
            desk.terminal(serial)?;
            let topup = orders::find(desk, serial, order)?;
            let id = give_back(desk, &topup, bytes, |desk| {
                keys::take_request_id(desk, serial, request_id, key)
            })?;
            Ok(Made { what: "refund", answer: shown(desk, &id)?, id })
        },
        |id| shown(desk, id),
    )
}

fn shown(desk: &Desk<'_>, id: &str) -> Result<Answer, Fail> {
    Ok(Answer::json(200, &find(desk, id)?.to_json(desk, false)?))
}

/// Refunds unused bytes of a top-up, after a last check; the refund's id.
pub(super) fn give_back(
    desk: &Desk<'_>,
    topup: &TopUp,
    bytes: i64,
    last_check: impl FnOnce(&Desk<'_>) -> Result<(), Fail>,
) -> Result<String, Fail> {
    let sim = desk.sim(&topup.serial, &topup.iccid)?;
    let refused = |detail: &str| Err(Fail::problem("not_refundable", detail));
    if let Some(offer) = &topup.offer_id
        && !offers::find(desk, offer)?.refundable
    {
        return refused("the offer's terms refuse it");
    }
    let Some(bucket) = own_bucket(desk, topup, &sim)? else {
        return refused("nothing of it can be used");
    };
    if bucket.left() == 0 || bytes == 0 {
        return refused("nothing of it is unused");
    }
    enough(&bucket, bytes)?;
    last_check(desk)?;
    // The channel keeps its fee.
    let money = topup.price.map(|price| {
        let share = i128::from(price) * i128::from(bytes) / i128::from(topup.bytes.max(1));
        i64::try_from(share).unwrap_or(price)
    });
    let new = Move {
        id: format!("R-{}", desk.number("refund")?),
        kind: "refund".to_owned(),
        serial: topup.serial.clone(),
        sim: sim.sim,
        peer_serial: None,
        peer_sim: None,
        topup_id: topup.id.clone(),
        bucket: bucket.id,
        bytes,
        money,
        currency: topup.currency.clone(),
        state: "reserved".to_owned(),
        at: desk.now(),
        reason: None,
    };
    reserve(desk, &new)?;
    Ok(new.id)
}

fn enough(bucket: &Bucket, bytes: i64) -> Result<(), Fail> {
    if bytes <= bucket.left() {
        return Ok(());
    }
    let detail = format!("{} bytes are unused, not {bytes}", bucket.left());
    Err(Fail::problem("insufficient_balance", detail))
}

/// `POST /transfers`.
pub(super) fn transfer(desk: &Desk<'_>, serial: &str, request: &Request) -> Result<Answer, Fail> {
    keys::once(
        desk,
        serial,
        request,
        |fields, key, _| {
            let id = give_away(desk, serial, fields, key)?;
            Ok(Made { what: "transfer", answer: shown(desk, &id)?, id })
        },
        |id| shown(desk, id),
    )
}

fn give_away(desk: &Desk<'_>, serial: &str, fields: &Fields, key: &str) -> Result<String, Fail> {
    let request_id = fields.id("request_id")?;
    let topup_id = fields.id("topup_id")?;
    let bytes = fields.bytes("bytes")?;
    let (to_serial, to_id) = (fields.word("to_serial")?, fields.word("to_terminal_id")?);
    let (terminal, sim) = desk.identify(
        serial,
        fields.word("serial")?,
        fields.word("terminal_id")?,
        fields.iccid()?,
    )?;
    let peer = desk.identify_terminal(to_serial, to_serial, to_id)?;
    if peer.serial == terminal.serial {
        return Err(Fail::bad("to_serial is the terminal itself"));
    }
    let peer_sim = desk.sim_of_terminal(&peer.serial)?;
    let topup = topups::find(desk, topup_id)?;
    if topup.serial != terminal.serial {
        return Err(Fail::problem("unknown_topup", format!("{topup_id} is not {serial}'s")));
    }
    let nothing = || Fail::problem("insufficient_balance", "nothing of it can be used");
    let bucket = own_bucket(desk, &topup, &sim)?.filter(|_| bytes > 0).ok_or_else(nothing)?;
    enough(&bucket, bytes)?;
    keys::take_request_id(desk, serial, request_id, key)?;
    let new = Move {
        id: format!("X-{}", desk.number("transfer")?),
        kind: "transfer".to_owned(),
        serial: terminal.serial,
        sim: sim.sim,
        peer_serial: Some(peer.serial),
        peer_sim: Some(peer_sim.sim),
        topup_id: topup.id,
        bucket: bucket.id,
        bytes,
        money: None,
        currency: None,
        state: "reserved".to_owned(),
        at: desk.now(),
        reason: None,
    };
    reserve(desk, &new)?;
    Ok(new.id)
}

/// Sets the bytes aside; posts at once, unless that is done by hand.
fn reserve(desk: &Desk<'_>, new: &Move) -> Result<(), Fail> {
    desk.db.execute(
        "INSERT INTO moves VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14)",
        params![
            new.id,
            new.kind,
            new.serial,
            new.sim,
            new.peer_serial,
            new.peer_sim,
            new.topup_id,
            new.bucket,
            new.bytes,
            new.money,
            new.currency,
            new.state,
            new.at,
            new.reason
        ],
    )?;
    ledger::add(desk, &new.bucket, "reserved", new.bytes)?;
    line(desk, new, "reserve")?;
    if desk.meta("moves")?.as_deref() == Some("hand") {
        return new.publish(desk, false);
    }
    settle(desk, &new.id, None)
}

fn line(desk: &Desk<'_>, one: &Move, what: &str) -> Result<(), Fail> {
    ledger::enter_bytes(desk, (&one.sim, &one.serial), what, Some(&one.topup_id), one.bytes)
}

/// Posts a reserved move; with a reason, voids it.
pub(super) fn settle(desk: &Desk<'_>, id: &str, void: Option<&str>) -> Result<(), Fail> {
    let one = find(desk, id)?;
    if one.state != "reserved" {
        return Err(Fail::command(format!("{id} is {} already", one.state)));
    }
    let state = if void.is_some() { "voided" } else { "posted" };
    desk.db.execute(
        "UPDATE moves SET state = ?2, at = ?3, reason = ?4 WHERE id = ?1",
        params![id, state, desk.now(), void],
    )?;
    ledger::add(desk, &one.bucket, "reserved", -one.bytes)?;
    line(desk, &one, "release")?;
    let one = find(desk, id)?;
    if void.is_none() {
        post(desk, &one)?;
    }
    one.publish(desk, false)
}

fn post(desk: &Desk<'_>, one: &Move) -> Result<(), Fail> {
    ledger::add(desk, &one.bucket, "taken", one.bytes)?;
    let (Some(serial), Some(sim)) = (&one.peer_serial, &one.peer_sim) else {
        line(desk, one, "refund")?;
        let entry = Entry {
            account: &one.sim,
            serial: &one.serial,
            what: "repaid",
            topup_id: Some(&one.topup_id),
            key: None,
            bytes: 0,
            money: one.money.unwrap_or(0),
            currency: one.currency.as_deref(),
        };
        return ledger::enter(desk, &entry);
    };
    line(desk, one, "transfer_out")?;
    let from = find_bucket(desk, &one.bucket)?;
    let new = NewBucket {
        account: sim,
        topup_id: None,
        name: "From another terminal",
        kind: "add_on",
        bytes: one.bytes,
        valid_from: Some(desk.now()),
        valid_to: from.and_then(|bucket| bucket.valid_to),
    };
    ledger::open(desk, &new)?;
    ledger::enter_bytes(desk, (sim, serial), "transfer_in", Some(&one.topup_id), one.bytes)?;
    one.publish(desk, true)
}
