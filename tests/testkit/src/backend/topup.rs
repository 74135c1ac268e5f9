//! Owns what a top-up is: its row, and how it looks on the wire.

use rusqlite::{OptionalExtension, Row, params};
use serde_json::{Value, json};

use super::desk::{Desk, Sim};
use super::fields::instant;
use super::problem::Fail;

/// A top-up.
pub(super) struct TopUp {
    pub(super) id: String,
    pub(super) serial: String,
    pub(super) key: Option<String>,
    pub(super) request_id: Option<String>,
    pub(super) state: String,
    pub(super) channel: String,
    pub(super) iccid: String,
    pub(super) offer_id: Option<String>,
    pub(super) name: String,
    pub(super) kind: String,
    pub(super) bytes: i64,
    pub(super) activation: String,
    pub(super) validity_s: Option<i64>,
    pub(super) valid_from: Option<i64>,
    pub(super) valid_to: Option<i64>,
    pub(super) price: Option<i64>,
    pub(super) fee: Option<i64>,
    pub(super) currency: Option<String>,
    pub(super) rate: Option<String>,
    pub(super) requested_at: i64,
    pub(super) paid_at: Option<i64>,
    pub(super) completed_at: Option<i64>,
    pub(super) pay_by: Option<i64>,
    pub(super) pay_at_ms: Option<i64>,
    pub(super) credit_at_ms: Option<i64>,
    pub(super) reason: Option<String>,
    pub(super) reversed_bytes: Option<i64>,
    pub(super) reference: Option<String>,
}

impl TopUp {
    pub(super) fn of(row: &Row<'_>) -> rusqlite::Result<TopUp> {
        Ok(TopUp {
            id: row.get("id")?,
            serial: row.get("serial")?,
            key: row.get("key")?,
            request_id: row.get("request_id")?,
            state: row.get("state")?,
            channel: row.get("channel")?,
            iccid: row.get("iccid")?,
            offer_id: row.get("offer_id")?,
            name: row.get("name")?,
            kind: row.get("kind")?,
            bytes: row.get("bytes")?,
            activation: row.get("activation")?,
            validity_s: row.get("validity_s")?,
            valid_from: row.get("valid_from")?,
            valid_to: row.get("valid_to")?,
            price: row.get("price")?,
            fee: row.get("fee")?,
            currency: row.get("currency")?,
            rate: row.get("rate")?,
            requested_at: row.get("requested_at")?,
            paid_at: row.get("paid_at")?,
            completed_at: row.get("completed_at")?,
            pay_by: row.get("pay_by")?,
            pay_at_ms: row.get("pay_at_ms")?,
            credit_at_ms: row.get("credit_at_ms")?,
            reason: row.get("reason")?,
            reversed_bytes: row.get("reversed_bytes")?,
            reference: row.get("reference")?,
        })
    }

    pub(super) fn total(&self) -> Option<i64> {
        Some(self.price?.saturating_add(self.fee?))
    }

    /// When it next changes by itself, ms since 1970.
    pub(super) fn due_ms(&self) -> Option<i64> {
        match self.state.as_str() {
            "awaiting_payment" => {
                let by = self.pay_by.map(|by| by.saturating_mul(1000));
                self.pay_at_ms.into_iter().chain(by).min()
            }
            "processing" => self.credit_at_ms,
            _ => None,
        }
    }

    pub(super) fn to_json(&self) -> Value {
        let mut body = json!({
            "id": self.id, "state": self.state, "channel": self.channel, "iccid": self.iccid,
            "name": self.name, "kind": self.kind, "bytes": self.bytes,
            "activation": self.activation, "requested_at": instant(self.requested_at),
        });
        let Some(members) = body.as_object_mut() else { return body };
        let mut put = |name: &str, value: Option<Value>| {
            members.extend(value.map(|value| (name.to_owned(), value)));
        };
        let text = |value: &Option<String>| value.as_ref().map(|text| json!(text));
        let at = |value: Option<i64>| value.map(|at| json!(instant(at)));
        let money = |amount: Option<i64>| {
            Some(json!({"amount": amount?, "currency": self.currency.as_ref()?}))
        };
        put("key", text(&self.key));
        put("request_id", text(&self.request_id));
        put("offer_id", text(&self.offer_id));
        put("reason", text(&self.reason));
        put("reference", text(&self.reference));
        put("valid_from", at(self.valid_from));
        put("valid_to", at(self.valid_to));
        put("paid_at", at(self.paid_at));
        put("completed_at", at(self.completed_at));
        put("price", money(self.price));
        put("fee", money(self.fee));
        put("total", money(self.total()));
        put("rate", self.rate.as_deref().and_then(|rate| serde_json::from_str(rate).ok()));
        put("reversed_bytes", self.reversed_bytes.map(|bytes| json!(bytes)));
        if self.state == "awaiting_payment" {
            let code = format!("https://pay.example/q/{}", self.id);
            let by = instant(self.pay_by.unwrap_or(self.requested_at));
            put("payment", Some(json!({"code": code, "expires_at": by})));
        }
        body
    }

    /// Writes a new one down.
    pub(super) fn insert(&self, desk: &Desk<'_>) -> Result<(), Fail> {
        let pay_in_s = desk.meta_number("auto_pay_s")?;
        let pay_at_ms = pay_in_s.map(|s| desk.now_ms.saturating_add(s.saturating_mul(1000)));
        desk.db.execute(
            "INSERT INTO topups (id, serial, key, request_id, state, channel, iccid, offer_id, name, kind, bytes,
                 activation, validity_s, price, fee, currency, rate, requested_at, pay_by, pay_at_ms, reason, reference)
             VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,?17,?18,?19,?20,?21,?22)",
            params![
                self.id,
                self.serial,
                self.key,
                self.request_id,
                self.state,
                self.channel,
                self.iccid,
                self.offer_id,
                self.name,
                self.kind,
                self.bytes,
                self.activation,
                self.validity_s,
                self.price,
                self.fee,
                self.currency,
                self.rate,
                self.requested_at,
                self.pay_by,
                pay_at_ms,
                self.reason,
                self.reference
            ],
        )?;
        Ok(())
    }

    /// One that nothing has happened to yet, made now.
    pub(super) fn new(desk: &Desk<'_>, sim: &Sim) -> Result<TopUp, Fail> {
        Ok(TopUp {
            id: format!("T-{}", desk.number("topup")?),
            serial: sim.serial.clone(),
            key: None,
            request_id: None,
            state: "awaiting_payment".to_owned(),
            channel: "portal".to_owned(),
            iccid: sim.iccid.clone(),
            offer_id: None,
            name: String::new(),
            kind: "add_on".to_owned(),
            bytes: 0,
            activation: "now".to_owned(),
            validity_s: None,
            valid_from: None,
            valid_to: None,
            price: None,
            fee: None,
            currency: None,
            rate: None,
            requested_at: desk.now(),
            paid_at: None,
            completed_at: None,
            pay_by: None,
            pay_at_ms: None,
            credit_at_ms: None,
            reason: None,
            reversed_bytes: None,
            reference: None,
        })
    }
}

/// The top-up with that id.
pub(super) fn find(desk: &Desk<'_>, id: &str) -> Result<TopUp, Fail> {
    let mut query = desk.db.prepare_cached("SELECT * FROM topups WHERE id = ?1")?;
    query
        .query_row([id], TopUp::of)
        .optional()?
        .ok_or_else(|| Fail::problem("unknown_topup", format!("there is no top-up {id}")))
}

/// All of a terminal, in the order that they were asked for.
pub(super) fn of_terminal(desk: &Desk<'_>, serial: &str) -> Result<Vec<TopUp>, Fail> {
    let mut query =
        desk.db.prepare_cached("SELECT * FROM topups WHERE serial = ?1 ORDER BY rowid")?;
    let topups = query.query_map([serial], TopUp::of)?.collect::<Result<_, _>>()?;
    Ok(topups)
}
