//! Writes what concerns the backend: top-ups, the place in its events, what it
//! said of the SIMs.

use rusqlite::{Transaction, named_params, params};

use super::cells::amount;
use crate::domain::orders::Order;
use crate::domain::persist::BackendRows;

/// Events of unknown kinds that are kept.
const STRANGE_KEPT: u32 = 200;
/// The longest of them that is kept whole, characters; of a longer one its beginning.
const STRANGE_CHARS_MAX: usize = 2_048;

/// Inserts or replaces top-ups by their number. Triggers refuse to make one into
/// another.
pub(super) fn put_orders(tx: &Transaction<'_>, orders: &[Order]) -> rusqlite::Result<()> {
    orders.iter().try_for_each(|order| put_order(tx, order))
}

fn put_order(tx: &Transaction<'_>, order: &Order) -> rusqlite::Result<()> {
    let kept = order.topup.kept();
    let cost = kept.cost.as_ref();
    let rate = cost.and_then(|cost| cost.rate());
    let payment = order.payment.as_ref();
    tx.execute(
        "INSERT INTO topups (number, key, request_id, backend_id, quote_id, offer_id, name, iccid,
            channel, package, bytes, activation, state, sent, cancel_asked, forgotten, taken_back,
            valid_from, valid_to, currency, price, fee, total, rate_from, rate, rate_source,
            rate_at, reason, payment_code, payment_expires_at, reference, placed_boot, placed_ms,
            placed_wall_s, placed_trust, changed_boot, changed_ms, changed_wall_s, changed_trust)
         VALUES (:number, :key, :request_id, :backend_id, :quote_id, :offer_id, :name, :iccid,
            :channel, :package, :bytes, :activation, :state, :sent, :cancel_asked, :forgotten,
            :taken_back, :valid_from, :valid_to, :currency, :price, :fee, :total, :rate_from,
            :rate, :rate_source, :rate_at, :reason, :payment_code, :payment_expires_at,
            :reference, :placed_boot, :placed_ms, :placed_wall_s, :placed_trust, :changed_boot,
            :changed_ms, :changed_wall_s, :changed_trust)
         ON CONFLICT (number) DO UPDATE SET key = excluded.key,
            request_id = excluded.request_id, backend_id = excluded.backend_id,
            offer_id = excluded.offer_id, name = excluded.name, iccid = excluded.iccid,
            bytes = excluded.bytes, state = excluded.state, sent = excluded.sent,
            cancel_asked = excluded.cancel_asked, forgotten = excluded.forgotten,
            taken_back = excluded.taken_back, valid_from = excluded.valid_from,
            valid_to = excluded.valid_to, currency = excluded.currency, price = excluded.price,
            fee = excluded.fee, total = excluded.total, rate_from = excluded.rate_from,
            rate = excluded.rate, rate_source = excluded.rate_source, rate_at = excluded.rate_at,
            reason = excluded.reason, payment_code = excluded.payment_code,
            payment_expires_at = excluded.payment_expires_at, reference = excluded.reference,
            changed_boot = excluded.changed_boot, changed_ms = excluded.changed_ms,
            changed_wall_s = excluded.changed_wall_s, changed_trust = excluded.changed_trust",
        named_params! {
            ":number": amount(order.number)?,
            ":key": order.key,
            ":request_id": order.request_id,
            ":backend_id": kept.id,
            ":quote_id": order.quote_id,
            ":offer_id": order.offer_id,
            ":name": order.name,
            ":iccid": kept.terms.iccid.as_str(),
            ":channel": kept.terms.channel.word(),
            ":package": kept.terms.package.word(),
            ":bytes": amount(kept.terms.bytes)?,
            ":activation": kept.terms.activation.word(),
            ":state": kept.state.word(),
            ":sent": kept.sent,
            ":cancel_asked": order.cancel_asked,
            ":forgotten": order.forgotten,
            ":taken_back": amount(kept.taken_back)?,
            ":valid_from": kept.validity.from,
            ":valid_to": kept.validity.to,
            ":currency": cost.map(|cost| cost.total().currency.to_string()),
            ":price": cost.map(|cost| amount(cost.price().amount)).transpose()?,
            ":fee": cost.map(|cost| amount(cost.fee().amount)).transpose()?,
            ":total": cost.map(|cost| amount(cost.total().amount)).transpose()?,
            ":rate_from": rate.map(|rate| rate.from.to_string()),
            ":rate": rate.map(|rate| rate.value()),
            ":rate_source": rate.map(|rate| rate.source.as_str()),
            ":rate_at": rate.map(|rate| rate.at),
            ":reason": kept.reason,
            ":payment_code": payment.map(|payment| payment.code.as_str()),
            ":payment_expires_at": payment.map(|payment| payment.expires_at),
            ":reference": order.reference,
            ":placed_boot": order.placed.boot_seq,
            ":placed_ms": amount(order.placed.boot_ms)?,
            ":placed_wall_s": order.placed.wall_s,
            ":placed_trust": order.placed.trust.word(),
            ":changed_boot": order.changed.boot_seq,
            ":changed_ms": amount(order.changed.boot_ms)?,
            ":changed_wall_s": order.changed.wall_s,
            ":changed_trust": order.changed.trust.word(),
        },
    )?;
    Ok(())
}

/// Writes what the backend's events changed besides the ledger.
pub(super) fn put(tx: &Transaction<'_>, rows: &BackendRows) -> rusqlite::Result<()> {
    if let Some(feed) = &rows.feed {
        let cursor = feed.cursor.as_ref();
        tx.execute(
            "INSERT INTO feed (id, stream, after, caught_up) VALUES (1, ?1, ?2, ?3)
             ON CONFLICT (id) DO UPDATE SET stream = excluded.stream, after = excluded.after,
                caught_up = excluded.caught_up",
            params![
                cursor.map(|cursor| cursor.stream.as_str()),
                cursor.map(|cursor| amount(cursor.after)).transpose()?,
                feed.caught_up,
            ],
        )?;
    }
    for service in &rows.services {
        tx.execute(
            "INSERT INTO services (iccid, state, at) VALUES (?1, ?2, ?3)
             ON CONFLICT (iccid) DO UPDATE SET state = excluded.state, at = excluded.at",
            params![service.iccid.key(), service.state, service.at],
        )?;
    }
    for strange in &rows.strange {
        let json: String = strange.json.chars().take(STRANGE_CHARS_MAX).collect();
        tx.execute(
            "INSERT INTO strange_events (stream, seq, kind, json) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT DO NOTHING",
            params![strange.stream, amount(strange.seq)?, strange.kind, json,],
        )?;
    }
    if !rows.strange.is_empty() {
        tx.execute(
            "DELETE FROM strange_events WHERE rowid NOT IN
                (SELECT rowid FROM strange_events ORDER BY rowid DESC LIMIT ?1)",
            [STRANGE_KEPT],
        )?;
    }
    Ok(())
}
