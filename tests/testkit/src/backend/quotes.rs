//! Owns quotes: what one offer costs now, in the terminal's currency, with the channel's fee.

use rusqlite::{OptionalExtension, Row, params};
use serde_json::{Value, json};

use super::desk::Desk;
use super::fields::{ACTIVATIONS, CHANNELS, Fields, instant};
use super::http::{Answer, Request};
use super::offers::{self, Offer};
use super::problem::Fail;
use super::topups;

/// A quote.
pub(super) struct Quote {
    pub(super) id: String,
    pub(super) serial: String,
    pub(super) sim: String,
    pub(super) offer_id: String,
    pub(super) kind: String,
    pub(super) channel: String,
    pub(super) activation: String,
    pub(super) bytes: i64,
    pub(super) price: i64,
    pub(super) fee: i64,
    pub(super) currency: String,
    /// JSON, as the wire has it.
    pub(super) rate: Option<String>,
    pub(super) expires_at: i64,
}

impl Quote {
    fn of(row: &Row<'_>) -> rusqlite::Result<Quote> {
        Ok(Quote {
            id: row.get("id")?,
            serial: row.get("serial")?,
            sim: row.get("sim")?,
            offer_id: row.get("offer_id")?,
            kind: row.get("kind")?,
            channel: row.get("channel")?,
            activation: row.get("activation")?,
            bytes: row.get("bytes")?,
            price: row.get("price")?,
            fee: row.get("fee")?,
            currency: row.get("currency")?,
            rate: row.get("rate")?,
            expires_at: row.get("expires_at")?,
        })
    }

    fn to_json(&self) -> Value {
        let money = |amount: i64| json!({"amount": amount, "currency": self.currency});
        let mut body = json!({
            "id": self.id, "offer_id": self.offer_id, "kind": self.kind, "channel": self.channel,
            "activation": self.activation, "bytes": self.bytes, "price": money(self.price),
            "fee": money(self.fee), "total": money(self.price.saturating_add(self.fee)),
            "expires_at": instant(self.expires_at),
        });
        let rate = self.rate.as_deref().and_then(|text| serde_json::from_str::<Value>(text).ok());
        if let (Some(members), Some(rate)) = (body.as_object_mut(), rate) {
            members.insert("rate".to_owned(), rate);
        }
        body
    }
}

/// What a channel takes, in 1/10,000 of the price.
pub(super) fn fee_of(channel: &str, price: i64) -> i64 {
    let share = match channel {
        "alipay" | "wechat_pay" => 60,
        "agent" => 400,
        "bank_app" | "net_banking" => 25,
        _ => 0,
    };
    up(price.saturating_mul(share), 10_000)
}

/// Divides, and rounds up.
fn up(amount: i64, by: i64) -> i64 {
    amount.saturating_add(by - 1).div_euclid(by)
}

/// `POST /quotes`.
pub(super) fn make(desk: &Desk<'_>, serial: &str, request: &Request) -> Result<Answer, Fail> {
    let fields = Fields::read(&request.body)?;
    let channel = fields.one_of("channel", &CHANNELS)?;
    let activation = fields.one_of("activation", &ACTIVATIONS)?;
    let offer_id = fields.id("offer_id")?;
    let (terminal, sim) = desk.identify(
        serial,
        fields.word("serial")?,
        fields.word("terminal_id")?,
        fields.iccid()?,
    )?;
    desk.may_buy(&sim)?;
    let offer = offers::find(desk, offer_id)?;
    check(desk, &offer, &sim.sim)?;
    if !offer.has_channel(channel) || !offer.has_activation(activation) {
        return Err(Fail::bad(format!("{offer_id} is not sold by {channel}, {activation}")));
    }
    let (price, rate) = if terminal.currency == offer.currency {
        (offer.price, None)
    } else {
        // One rate for all: 0.1407 of the other currency for one of the offer's.
        let rate = json!({
            "from": offer.currency, "to": terminal.currency, "value": "0.1407", "source": "sandbox",
            "at": instant(desk.now().div_euclid(86_400).saturating_mul(86_400)),
        });
        (up(offer.price.saturating_mul(1407), 10_000), Some(rate.to_string()))
    };
    let quote = Quote {
        id: format!("Q-{}", desk.number("quote")?),
        serial: terminal.serial,
        sim: sim.sim,
        offer_id: offer.id,
        kind: offer.kind,
        channel: channel.to_owned(),
        activation: activation.to_owned(),
        bytes: offer.bytes,
        price,
        fee: fee_of(channel, price),
        currency: terminal.currency,
        rate,
        expires_at: desk.now().saturating_add(desk.settings.quote_s),
    };
    desk.db.execute(
        "INSERT INTO quotes VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13)",
        params![
            quote.id,
            quote.serial,
            quote.sim,
            quote.offer_id,
            quote.kind,
            quote.channel,
            quote.activation,
            quote.bytes,
            quote.price,
            quote.fee,
            quote.currency,
            quote.rate,
            quote.expires_at
        ],
    )?;
    Ok(Answer::json(200, &quote.to_json()))
}

/// The offer can be bought for this SIM now.
pub(super) fn check(desk: &Desk<'_>, offer: &Offer, sim: &str) -> Result<(), Fail> {
    if !offer.is_sold(desk.now()) {
        return Err(Fail::problem("offer_withdrawn", format!("{} is no longer sold", offer.id)));
    }
    if offer.needs_main && !topups::has_main(desk, sim)? {
        let detail = format!("{} needs an active main package", offer.id);
        return Err(Fail::problem("incompatible_offer", detail));
    }
    Ok(())
}

/// The terminal's quote with that id.
pub(super) fn find(desk: &Desk<'_>, serial: &str, id: &str) -> Result<Quote, Fail> {
    let mut query = desk.db.prepare_cached("SELECT * FROM quotes WHERE id = ?1")?;
    query
        .query_row([id], Quote::of)
        .optional()?
        .filter(|quote| quote.serial == serial)
        .ok_or_else(|| Fail::problem("unknown_quote", format!("{serial} was given no quote {id}")))
}
