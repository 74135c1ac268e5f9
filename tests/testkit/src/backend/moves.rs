//! Owns what is given away: refunds and transfers, in two phases, reserved first, then posted or voided.

use rusqlite::params;

use super::desk::{Desk, Sim};
use super::fields::Fields;
use super::http::{Answer, Request};
use super::keys::{self, Made};
use super::ledger::{self, Bucket, Entry, NewBucket};
pub(super) use super::moved::publish_all;
use super::moved::{Move, find, find_bucket};
use super::problem::Fail;
use super::topups::{self, TopUp};
use super::{offers, orders};

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
