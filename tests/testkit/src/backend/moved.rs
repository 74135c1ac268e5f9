//! Owns what a refund or a transfer is: its row, and how it looks on the wire.

use rusqlite::{OptionalExtension, Row};
use serde_json::{Value, json};

use super::desk::Desk;
use super::events;
use super::fields::instant;
use super::ledger::{self, Bucket};
use super::problem::Fail;

/// A refund or a transfer.
pub(super) struct Move {
    pub(super) id: String,
    /// `refund` or `transfer`.
    pub(super) kind: String,
    pub(super) serial: String,
    pub(super) sim: String,
    pub(super) peer_serial: Option<String>,
    pub(super) peer_sim: Option<String>,
    pub(super) topup_id: String,
    pub(super) bucket: String,
    pub(super) bytes: i64,
    pub(super) money: Option<i64>,
    pub(super) currency: Option<String>,
    pub(super) state: String,
    pub(super) at: i64,
    pub(super) reason: Option<String>,
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
    pub(super) fn to_json(&self, desk: &Desk<'_>, inward: bool) -> Result<Value, Fail> {
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

    pub(super) fn publish(&self, desk: &Desk<'_>, inward: bool) -> Result<(), Fail> {
        let serial = match &self.peer_serial {
            Some(peer) if inward => peer,
            _ => &self.serial,
        };
        events::publish(desk, serial, &self.kind, &self.to_json(desk, inward)?)
    }
}

/// The bucket with that id, where a top-up opened it.
pub(super) fn find_bucket(desk: &Desk<'_>, id: &str) -> Result<Option<Bucket>, Fail> {
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
