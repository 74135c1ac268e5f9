//! Owns the commands that change the operator's state.

use rusqlite::{OptionalExtension, params};
use serde_json::json;

use super::figures::{adjust, correct, draw_from};
use super::reason;
use crate::backend::desk::Desk;
use crate::backend::fields::{ACTIVATIONS, CHANNELS, SERVICES, is_iccid, is_word};
use crate::backend::ledger;
use crate::backend::problem::Fail;
use crate::backend::topups::{self, TopUp};
use crate::backend::{events, moves, offers, quotes, store, sync};

/// Does one command.
pub(super) fn run(desk: &Desk<'_>, words: &[&str]) -> Result<String, Fail> {
    let done = match *words {
        ["pay", which] => topups::pay(desk, &pick(desk, which, "awaiting_payment")?),
        ["credit", which] => topups::credit(desk, &pick(desk, which, "processing")?),
        ["fail", which, ref rest @ ..] if rest.len() <= 1 => {
            let why = reason(rest.first().copied(), "payment_refused")?;
            topups::fail(desk, &pick(desk, which, "awaiting_payment processing")?, why)
        }
        ["cancel", which, ref rest @ ..] if rest.len() <= 1 => {
            let why = reason(rest.first().copied(), "by_operator")?;
            topups::cancel(desk, &pick(desk, which, "awaiting_payment processing")?, why)
        }
        ["reverse", which, ref rest @ ..] if rest.len() <= 2 => {
            let (bytes, rest) = match rest.split_first() {
                Some((first, after)) if first.parse::<i64>().is_ok() => {
                    (Some(number(first)?), after)
                }
                _ => (None, rest),
            };
            let why = reason(rest.first().copied(), "by_operator")?;
            topups::reverse(desk, &pick(desk, which, "completed")?, bytes, why)
        }
        ["refund", which] => refund(desk, which, None),
        ["refund", which, bytes] => refund(desk, which, Some(number(bytes)?)),
        ["post", id] => moves::settle(desk, id, None),
        ["void", id] => moves::settle(desk, id, Some("by_operator")),
        ["void", id, why] => moves::settle(desk, id, Some(reason(Some(why), "")?)),
        ["topup", serial, what] => return topup(desk, serial, what, "portal", "now"),
        ["topup", serial, what, channel] => return topup(desk, serial, what, channel, "now"),
        ["topup", serial, what, channel, when] => {
            return topup(desk, serial, what, channel, when);
        }
        ["adjust", serial, bytes] => adjust(desk, serial, bytes, None),
        ["adjust", serial, bytes, id] => adjust(desk, serial, bytes, Some(id)),
        ["balance", serial, "own"] => draw_from(desk, serial, None),
        ["balance", serial, "shared", bytes] => draw_from(desk, serial, Some(number(bytes)?)),
        ["balance", serial, bytes] => correct(desk, serial, number(bytes)?),
        ["service", serial, state] => service(desk, serial, state),
        ["register", serial, terminal_id, iccid] => register(desk, serial, terminal_id, iccid),
        ["sim", serial, iccid] => {
            desk.terminal(serial)?;
            sim(desk, serial, iccid)
        }
        ["currency", serial, currency] => set_currency(desk, serial, currency),
        ["event", serial, kind] => {
            let kind = reason(Some(kind), "")?;
            events::publish(desk, &desk.terminal(serial)?.serial, kind, &json!({"note": "new"}))
        }
        ["offers", ref rest @ ..] => change_offers(desk, rest),
        ["limit", "count", most] => setting(desk, "limit_count", most, "off"),
        ["limit", "bytes", most] => setting(desk, "limit_bytes", most, "off"),
        ["auto-pay", seconds] => auto_pay(desk, seconds),
        ["credit-after", "hand"] => desk.set_meta("credit_after_s", Some("hand")),
        ["credit-after", seconds] => setting(desk, "credit_after_s", seconds, "0"),
        ["moves", "hand"] => desk.set_meta("moves", Some("hand")),
        ["moves", "auto"] => desk.set_meta("moves", None),
        ["buckets", "on"] => desk.set_meta("buckets", Some("on")),
        ["buckets", "off"] => desk.set_meta("buckets", None),
        ["next-sync", seconds] => next_sync(desk, seconds),
        ["keys", "expire"] => {
            desk.db.execute("UPDATE keys SET expired = 1", [])?;
            Ok(())
        }
        [first, ..] => Err(Fail::command(format!("{first}: no such command, or not so; try help"))),
        [] => Ok(()),
    };
    done.map(|()| "ok".to_owned())
}

/// A number from 0.
pub(super) fn number(text: &str) -> Result<i64, Fail> {
    text.parse()
        .ok()
        .filter(|n| *n >= 0)
        .ok_or_else(|| Fail::command(format!("{text} is no number from 0")))
}

/// The top-up that a command means; `oldest` and `latest` are of those in these states.
fn pick(desk: &Desk<'_>, which: &str, states: &str) -> Result<String, Fail> {
    let order = match which {
        "oldest" => "ASC",
        "latest" => "DESC",
        _ => {
            let mut query = desk.db.prepare("SELECT id FROM topups WHERE id = ?1 OR key = ?1")?;
            return query
                .query_row([which], |row| row.get(0))
                .optional()?
                .ok_or_else(|| Fail::command(format!("there is no top-up {which}")));
        }
    };
    let mut query =
        desk.db.prepare(&format!("SELECT id, state FROM topups ORDER BY rowid {order}"))?;
    let rows = query.query_map([], |row| Ok((row.get(0)?, row.get::<_, String>(1)?)))?;
    for row in rows {
        let (id, state) = row?;
        if states.split(' ').any(|is| is == state) {
            return Ok(id);
        }
    }
    Err(Fail::command(format!("no top-up is {}", states.replace(' ', " or "))))
}

fn refund(desk: &Desk<'_>, which: &str, bytes: Option<i64>) -> Result<(), Fail> {
    let topup = topups::find(desk, &pick(desk, which, "completed")?)?;
    let sim = desk.sim(&topup.serial, &topup.iccid)?;
    let left = ledger::bucket_of(desk, &sim.sim, &topup.id)?.map_or(0, |bucket| bucket.left());
    moves::give_back(desk, &topup, bytes.unwrap_or(left), |_| Ok(())).map(|_| ())
}

/// A top-up made elsewhere; answers with its id.
fn topup(
    desk: &Desk<'_>,
    serial: &str,
    what: &str,
    channel: &str,
    activation: &str,
) -> Result<String, Fail> {
    if !CHANNELS.contains(&channel) {
        return Err(Fail::command(format!("{channel}: one of {}", CHANNELS.join(", "))));
    }
    if !ACTIVATIONS.contains(&activation) {
        return Err(Fail::command(format!("{activation}: one of {}", ACTIVATIONS.join(", "))));
    }
    let terminal = desk.terminal(serial)?;
    let sim = desk.sim_of_terminal(&terminal.serial)?;
    let mut new = TopUp::new(desk, &sim)?;
    new.channel = channel.to_owned();
    new.activation = activation.to_owned();
    new.reference = Some(format!("SB-{}", new.id));
    if let Ok(bytes) = what.parse::<i64>() {
        new.bytes = number(what).map(|_| bytes)?;
        new.name = format!("{bytes} bytes");
    } else {
        let offer = offers::find(desk, what)?;
        new.offer_id = Some(offer.id);
        new.name = offer.name;
        new.kind = offer.kind;
        new.bytes = offer.bytes;
        new.validity_s = offer.validity_s;
        new.fee = Some(quotes::fee_of(channel, offer.price));
        new.price = Some(offer.price);
        new.currency = Some(offer.currency);
    }
    topups::made_elsewhere(desk, &new)?;
    Ok(new.id)
}

fn service(desk: &Desk<'_>, serial: &str, state: &str) -> Result<(), Fail> {
    let state = match state {
        "suspend" => "stopped_by_customer",
        "resume" => "normal",
        other => other,
    };
    if !SERVICES.contains(&state) {
        let detail = format!("{state}: suspend, resume or one of {}", SERVICES.join(", "));
        return Err(Fail::command(detail));
    }
    let sim = desk.sim_of_terminal(&desk.terminal(serial)?.serial)?;
    sync::set_service(desk, &sim, state)
}

fn register(desk: &Desk<'_>, serial: &str, terminal_id: &str, iccid: &str) -> Result<(), Fail> {
    if !is_word(serial) || !is_word(terminal_id) {
        return Err(Fail::command("serial and terminal id: 1 to 32 of A-Z a-z 0-9 . _ -"));
    }
    if desk.terminal(serial).is_ok() {
        return Err(Fail::command(format!("{serial} is registered already")));
    }
    store::register(desk.db, serial, terminal_id, desk.now())?;
    sim(desk, serial, iccid)
}

fn sim(desk: &Desk<'_>, serial: &str, iccid: &str) -> Result<(), Fail> {
    if !is_iccid(iccid) {
        return Err(Fail::command(format!("{iccid}: an ICCID is 89 and 16 to 18 more digits")));
    }
    Ok(store::add_sim(desk.db, serial, iccid, desk.now())?)
}

fn set_currency(desk: &Desk<'_>, serial: &str, currency: &str) -> Result<(), Fail> {
    if currency.len() != 3 || !currency.bytes().all(|b| b.is_ascii_uppercase()) {
        return Err(Fail::command(format!("{currency}: three capitals, as in CNY")));
    }
    desk.terminal(serial)?;
    desk.db.execute(
        "UPDATE terminals SET currency = ?2 WHERE serial = ?1",
        params![serial, currency],
    )?;
    Ok(())
}

fn change_offers(desk: &Desk<'_>, words: &[&str]) -> Result<(), Fail> {
    match *words {
        ["change"] => {
            let first: String =
                desk.db.query_row("SELECT id FROM offers ORDER BY place LIMIT 1", [], |row| {
                    row.get(0)
                })?;
            offers::change(desk, &first, "price = price + ?2", 1)
        }
        ["price", id, amount] => offers::change(desk, id, "price = ?2", number(amount)?),
        ["withdraw", id] => offers::change(desk, id, "withdrawn = ?2", 1),
        ["restore", id] => offers::change(desk, id, "valid_to = NULL, withdrawn = ?2", 0),
        ["end", id, seconds] => {
            let end = desk.now().saturating_add(number(seconds)?);
            offers::change(desk, id, "valid_to = ?2", end)
        }
        _ => {
            let ways = "change | price ID AMOUNT | withdraw ID | restore ID | end ID SECONDS";
            Err(Fail::command(format!("write: offers {ways}")))
        }
    }
}

/// A setting that is a number, or as it is without one at `none`.
fn setting(desk: &Desk<'_>, name: &str, text: &str, none: &str) -> Result<(), Fail> {
    if text == none {
        return desk.set_meta(name, None);
    }
    desk.set_meta(name, Some(&number(text)?.to_string()))
}

/// From now on; and those that wait already, from when they were placed.
fn auto_pay(desk: &Desk<'_>, text: &str) -> Result<(), Fail> {
    setting(desk, "auto_pay_s", text, "off")?;
    desk.db.execute(
        "UPDATE topups SET pay_at_ms = (requested_at + ?1) * 1000 WHERE state = 'awaiting_payment'",
        params![desk.meta_number("auto_pay_s")?],
    )?;
    desk.advance()
}

fn next_sync(desk: &Desk<'_>, text: &str) -> Result<(), Fail> {
    if text != "off" && !(60..=2_592_000).contains(&number(text)?) {
        return Err(Fail::command(format!("{text}: 60 to 2592000 seconds, or off")));
    }
    setting(desk, "next_sync_s", text, "off")
}
