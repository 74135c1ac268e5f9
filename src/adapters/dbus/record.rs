//! Records (`a{sv}`): the views of the domain under the keys of `dbus/*.xml`.
//! A key whose value is unknown is left out.

use std::collections::BTreeMap;

use zbus::Variant;

use super::request::{BackendInfo, EventRecord};
use super::signal::Alert;
use crate::backend::exchange::Purpose;
use crate::domain::ledger::Entry;
use crate::domain::money::{Cost, Money};
use crate::domain::offer::{Offer, Quote};
use crate::domain::orders::Order;
use crate::domain::snapshot::{BucketView, CycleView, SourceView, UsageRecord, UsageView};
use crate::domain::time::UnixS;
use crate::domain::topup::Terms;
use crate::domain::units::Traffic;

/// A record as it goes over the bus.
pub(super) type Record = BTreeMap<&'static str, Variant<'static>>;

/// A time as it goes over the bus; one before 1970 is not a time we know.
pub(super) fn seconds(time: Option<UnixS>) -> Option<u64> {
    time.and_then(|s| u64::try_from(s).ok())
}

/// A word, or nothing where the domain has an empty one.
pub(super) fn word(word: &'static str) -> Option<&'static str> {
    (!word.is_empty()).then_some(word)
}

/// A text as D-Bus can carry it: a NUL, which a modem may well send, cannot be.
pub(super) fn text(text: &str) -> String {
    text.replace('\0', "\\0")
}

struct Builder(Record);

impl Builder {
    fn new() -> Self {
        Self(Record::new())
    }

    fn with(mut self, key: &'static str, value: impl Into<Variant<'static>>) -> Self {
        self.0.insert(key, value.into());
        self
    }

    fn known(self, key: &'static str, value: Option<impl Into<Variant<'static>>>) -> Self {
        match value {
            Some(value) => self.with(key, value),
            None => self,
        }
    }

    fn text(self, key: &'static str, value: Option<&str>) -> Self {
        self.known(key, value.map(text))
    }

    fn traffic(self, home: Traffic, roaming: Traffic) -> Self {
        self.with("home_rx_bytes", home.rx)
            .with("home_tx_bytes", home.tx)
            .with("roaming_rx_bytes", roaming.rx)
            .with("roaming_tx_bytes", roaming.tx)
    }

    /// Minor units under the key, and the currency, the same for all of a record.
    fn money(self, key: &'static str, money: Money) -> Self {
        let amount = i64::try_from(money.amount).unwrap_or(i64::MAX);
        self.with(key, amount).with("currency", money.currency.to_string())
    }

    fn cost(self, cost: Option<&Cost>) -> Self {
        let Some(cost) = cost else { return self };
        let with_costs =
            self.money("price", cost.price()).money("fee", cost.fee()).money("total", cost.total());
        let Some(rate) = cost.rate() else { return with_costs };
        with_costs
            .with("rate", rate.value())
            .with("rate_from", rate.from.to_string())
            .text("rate_source", Some(&rate.source))
            .known("rate_at", seconds(Some(rate.at)))
    }

    fn terms(self, terms: &Terms) -> Self {
        self.with("iccid", terms.iccid.as_str().to_owned())
            .with("channel", terms.channel.word())
            .with("kind", terms.package.word())
            .with("bytes", terms.bytes)
            .with("activation", terms.activation.word())
    }

    fn total(self, total: Traffic) -> Self {
        self.with("rx_bytes", total.rx).with("tx_bytes", total.tx)
    }
}

/// A bucket of `GetBuckets`.
pub(super) fn bucket(bucket: &BucketView) -> Record {
    Builder::new()
        .with("id", bucket.id)
        .with("kind", bucket.kind)
        .with("status", bucket.status)
        .with("granted_bytes", bucket.granted)
        .with("consumed_bytes", bucket.consumed)
        .with("remaining_bytes", bucket.remaining)
        .known("valid_from", seconds(bucket.valid_from))
        .known("expires_at", seconds(bucket.expires_at))
        .0
}

/// The details of the signal `Alert`.
pub(super) fn alert(alert: &Alert) -> Record {
    Builder::new()
        .with("level", alert.level)
        .with("text", text(&alert.text))
        .known("threshold", alert.threshold)
        .text("iccid", alert.iccid.as_deref())
        .known("remaining_bytes", alert.remaining)
        .known("expires_at", seconds(alert.expires_at))
        .0
}

/// A slot of `GetUsage`.
pub(super) fn slot(slot: &UsageRecord) -> Record {
    Builder::new()
        .known("start", seconds(Some(slot.start)))
        .total(slot.home.plus(slot.roaming))
        .traffic(slot.home, slot.roaming)
        .with("estimated", slot.estimated)
        .0
}

/// The answer of `GetCycle`.
pub(super) fn cycle(cycle: &CycleView) -> Record {
    Builder::new()
        .known("start", seconds(Some(cycle.start)))
        .known("end", seconds(cycle.end))
        .with("allowance_bytes", cycle.allowance)
        .known("rx_bytes", cycle.used.map(|used| used.rx))
        .known("tx_bytes", cycle.used.map(|used| used.tx))
        .with("basis_days", cycle.basis_days)
        .known("daily_average_bytes", cycle.daily_average)
        .known("runs_out_at", seconds(cycle.runs_out_at))
        .known("allowance_per_day_bytes", cycle.allowance_per_day)
        .0
}

/// An event of `GetEvents`.
pub(super) fn event(record: &EventRecord) -> Record {
    let event = &record.event;
    Builder::new()
        .with("id", event.id)
        .with("kind", event.kind.word())
        .known("time", seconds(event.at.trusted_s()))
        .with("boot_seq", event.at.boot_seq)
        .with("boot_ms", event.at.boot_ms)
        .with("trust", event.at.trust.word())
        .known("source", word(event.source))
        .text("iccid", record.iccid.as_deref())
        .known("before_rx", event.before.map(|b| b.rx))
        .known("before_tx", event.before.map(|b| b.tx))
        .known("seen_rx", event.seen.map(|s| s.rx))
        .known("seen_tx", event.seen.map(|s| s.tx))
        .with("counted_rx", event.counted.rx)
        .with("counted_tx", event.counted.tx)
        .with("uncounted", event.uncounted)
        .with("detail", text(&event.detail))
        .0
}

/// An offer of `ListOffers`.
pub(super) fn offer(offer: &Offer) -> Record {
    let words = |words: Vec<&'static str>| Variant::from(words);
    Builder::new()
        .with("id", text(&offer.id))
        .with("name", text(&offer.name))
        .text("description", offer.description.as_deref())
        .with("kind", offer.package.word())
        .with("bytes", offer.bytes)
        .known("validity_s", offer.validity_s)
        .money("price", offer.price)
        .with("channels", words(offer.channels.iter().map(|one| one.word()).collect()))
        .with("activations", words(offer.activations.iter().map(|one| one.word()).collect()))
        .known("valid_from", seconds(offer.valid_from))
        .known("valid_to", seconds(offer.valid_to))
        .0
}

/// The answer of `Quote`.
pub(super) fn quote(quote: &Quote) -> Record {
    Builder::new()
        .with("id", text(&quote.id))
        .with("offer_id", text(&quote.offer_id))
        .with("name", text(&quote.name))
        .terms(&quote.terms)
        .cost(Some(&quote.cost))
        .known("expires_at", seconds(Some(quote.expires_at)))
        .0
}

/// A top-up of `GetTopUp` and `ListTopUps`.
pub(super) fn top_up(order: &Order) -> Record {
    let topup = &order.topup;
    let payment = order.payment.as_ref();
    Builder::new()
        .with("id", text(order.id()))
        .with("number", order.number)
        .with("state", topup.state().word())
        .text("request_id", order.request_id.as_deref())
        .text("backend_id", topup.id())
        .text("quote_id", order.quote_id.as_deref())
        .text("offer_id", order.offer_id.as_deref())
        .text("name", order.name.as_deref())
        .terms(topup.terms())
        .cost(topup.cost())
        .known("valid_from", seconds(topup.validity().from))
        .known("valid_to", seconds(topup.validity().to))
        .text("reason", topup.reason())
        .text("payment_code", payment.map(|payment| payment.code.as_str()))
        .known("payment_expires_at", payment.and_then(|payment| seconds(Some(payment.expires_at))))
        .text("reference", order.reference.as_deref())
        .with("taken_back_bytes", topup.kept().taken_back)
        .with("cancel_asked", order.cancel_asked)
        .with("needs_person", order.forgotten)
        .known("placed_at", seconds(order.placed.trusted_s()))
        .known("changed_at", seconds(order.changed.trusted_s()))
        .0
}

/// The answer of `BackendInfo`.
pub(super) fn backend(info: &BackendInfo) -> Record {
    let view = &info.view;
    let state = match (view.configured, &view.silence, view.heard_s_ago) {
        (false, _, _) => "none",
        (true, Some(_), _) => "silent",
        (true, None, None) => "unasked",
        (true, None, Some(_)) => "ok",
    };
    let terms = info.certificate.as_ref();
    let open_orders = u64::try_from(view.open_orders).unwrap_or(u64::MAX);
    let spent = Purpose::ALL.into_iter().fold(Builder::new(), |record, purpose| {
        let spent = info.traffic.of(purpose);
        let (sent, received) = match purpose {
            Purpose::Sync => ("sync_sent_bytes", "sync_received_bytes"),
            Purpose::Offers => ("offers_sent_bytes", "offers_received_bytes"),
            Purpose::Order => ("order_sent_bytes", "order_received_bytes"),
            Purpose::Payment => ("payment_sent_bytes", "payment_received_bytes"),
        };
        record.with(sent, spent.sent_bytes).with(received, spent.received_bytes)
    });
    spent
        .with("state", state)
        .text("detail", view.silence.as_deref())
        .known("heard_s_ago", view.heard_s_ago)
        .text("stream", view.stream.as_deref())
        .known("events", view.events)
        .with("caught_up", view.caught_up)
        .known("missing_event", view.missing_event)
        .with("open_orders", open_orders)
        .text("certificate_name", terms.map(|terms| terms.common_name.as_str()))
        .known("certificate_ends_at", terms.and_then(|terms| seconds(Some(terms.not_after_s))))
        .known("ca_ends_at", terms.and_then(|terms| seconds(Some(terms.ca_not_after_s))))
        .with("connections_cold", info.traffic.opened_cold)
        .with("connections_resumed", info.traffic.opened_resumed)
        .0
}

/// The answer of `Sync`.
pub(super) fn synced(events: u64) -> Record {
    Builder::new().with("events", events).0
}

/// An entry of the ledger.
pub(super) fn entry(entry: &Entry) -> Record {
    Builder::new()
        .with("id", entry.id)
        .known("bucket", entry.bucket)
        .with("kind", entry.kind.word())
        .with("bytes", entry.bytes)
        .known("day", entry.day.map(|day| day.to_string()))
        .with("note", text(&entry.note))
        .known("time", seconds(entry.at.trusted_s()))
        .with("boot_seq", entry.at.boot_seq)
        .with("boot_ms", entry.at.boot_ms)
        .with("trust", entry.at.trust.word())
        .0
}

/// The counts of the signal `Reading`.
pub(super) fn reading(usage: &UsageView) -> Record {
    Builder::new()
        .total(usage.total)
        .traffic(usage.home, usage.roaming)
        .known("source", word(usage.source))
        .known("as_of", seconds(usage.as_of))
        .0
}

/// A source of `SourceInfo`.
pub(super) fn source(source: &SourceView) -> Record {
    Builder::new()
        .with("name", source.name)
        .with("role", source.role)
        .with("path", text(&source.path))
        .known("fault", source.fault.map(|fault| fault.word()))
        .text("fault_detail", source.fault.map(|_| source.fault_detail.as_str()))
        .text("manufacturer", source.manufacturer.as_deref())
        .text("model", source.model.as_deref())
        .text("revision", source.revision.as_deref())
        .text("imei", source.imei.as_deref())
        .text("counter", source.counter.as_deref())
        .known("rx_bytes", source.reading.map(|r| r.rx))
        .known("tx_bytes", source.reading.map(|r| r.tx))
        .with("readings", source.readings)
        .with("poll_ms", source.poll_ms)
        .0
}
