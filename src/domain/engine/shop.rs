//! What the engine knows of the backend: the orders, the quotes and offers at
//! hand, the place in its events, and what it is to be asked next.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use super::super::errand::{Errand, Report};
use super::super::event::EventKind;
use super::super::feed::Feed;
use super::super::offer::{Offers, Quote};
use super::super::orders::Orders;
use super::super::persist::{BackendRows, Loaded, ServiceRow, StrangeRow};
use super::super::sim::Iccid;
use super::super::time::{BootMs, Now, UnixS};
use super::super::topup::State;
use super::Engine;
use super::wish::{Open, Ticket};

/// Quotes that are at hand; they last some minutes, and are not kept.
const QUOTES_MAX: usize = 16;
/// Questions of callers that may wait for the backend.
pub(super) const ASKED_MAX: usize = 8;

/// While one is missing between the backend's events, they are asked for again
/// after this, s.
const HOLE_S: u64 = 60;
/// The same while a payment is pending that nobody waits for any more.
const PAYING_S: u64 = 900;
/// The same while nothing is left to use: a top-up may be made elsewhere.
const EMPTY_S: u64 = 3_600;
/// While little is left.
const CRITICAL_S: u64 = 4 * 3_600;
/// While less is left.
const LOW_S: u64 = 12 * 3_600;

/// What the backend is to be asked, and how soon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wants {
    /// The most urgent first; without the regular sync.
    pub errands: Vec<Errand>,
    /// What a sync would say.
    pub report: Report,
    /// A sync is wanted now.
    pub sync_now: bool,
    /// Else after this since the last one, s.
    pub sync_within_s: u64,
}

/// How the backend stands, for a technician.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackendView {
    /// Whether there is one.
    pub configured: bool,
    /// Why nothing was heard at the last attempt.
    pub silence: Option<String>,
    /// How long ago it last answered in this run, s.
    pub heard_s_ago: Option<u64>,
    /// Which numbering of events it has.
    pub stream: Option<String>,
    /// The last event that was applied.
    pub events: Option<u64>,
    /// Whether all that it had to tell was heard once.
    pub caught_up: bool,
    /// The number between its events that is missing.
    pub missing_event: Option<u64>,
    /// Orders that have not ended.
    pub open_orders: usize,
}

/// What the engine knows of the backend.
#[derive(Debug, Default)]
pub(super) struct Shop {
    pub(super) orders: Orders,
    pub(super) feed: Feed,
    feed_stored: Feed,
    services: BTreeMap<String, ServiceRow>,
    services_unsaved: BTreeSet<String>,
    strange_unsaved: Vec<StrangeRow>,
    quotes: VecDeque<Quote>,
    pub(super) offers: Option<Arc<Offers>>,
    /// The offers at hand may no longer be those of the backend.
    pub(super) offers_old: bool,
    /// What callers wait for, in the order that they asked.
    pub(super) asked: Vec<(Ticket, Errand)>,
    /// Callers who wait for the list of offers, to ask for a quote.
    pub(super) unpriced: BTreeMap<Ticket, Open>,
    /// Callers who wait for the next sync.
    pub(super) syncing: Vec<Ticket>,
    /// A sync is wanted now, whoever wants it.
    pub(super) sync_now: bool,
    /// The number between the backend's events that is missing.
    pub(super) hole: Option<u64>,
    /// The backend wants to be asked again within this, s.
    pub(super) next_sync_s: Option<u64>,
    /// Orders that the backend says it cannot cancel: they are asked about.
    pub(super) uncancellable: BTreeSet<String>,
    /// Why nothing was heard at the last attempt; empty where something was.
    pub(super) silence: Option<String>,
    /// When the terminal's certificate and the operator's CA end, and how many days
    /// before that it was last announced.
    certificates: Vec<Ending>,
    /// When the backend last answered, boot clock, ms.
    pub(super) heard_ms: Option<BootMs>,
}

impl Shop {
    pub(super) fn load(loaded: &Loaded) -> Self {
        let by_sim = |row: &ServiceRow| (row.iccid.key().to_owned(), row.clone());
        Self {
            orders: Orders::load(&loaded.orders),
            feed: loaded.feed.clone(),
            feed_stored: loaded.feed.clone(),
            services: loaded.services.iter().map(by_sim).collect(),
            ..Self::default()
        }
    }

    pub(super) fn has_changes(&self) -> bool {
        self.orders.has_changes()
            || self.feed != self.feed_stored
            || !self.services_unsaved.is_empty()
            || !self.strange_unsaved.is_empty()
    }

    pub(super) fn drain(&mut self) -> BackendRows {
        let feed = (self.feed != self.feed_stored).then(|| self.feed.clone());
        self.feed_stored = self.feed.clone();
        let services = std::mem::take(&mut self.services_unsaved);
        BackendRows {
            feed,
            services: services.iter().filter_map(|sim| self.services.get(sim)).cloned().collect(),
            strange: std::mem::take(&mut self.strange_unsaved),
        }
    }

    pub(super) fn keep_quote(&mut self, quote: Quote) {
        self.quotes.retain(|known| known.id != quote.id);
        if self.quotes.len() >= QUOTES_MAX {
            self.quotes.pop_front();
        }
        self.quotes.push_back(quote);
    }

    pub(super) fn quote(&self, id: &str) -> Option<&Quote> {
        self.quotes.iter().find(|quote| quote.id == id)
    }

    pub(super) fn drop_quote(&mut self, id: &str) {
        self.quotes.retain(|quote| quote.id != id);
    }

    pub(super) fn serve(&mut self, row: ServiceRow) {
        let sim = row.iccid.key().to_owned();
        // An older word than the one that is known changes nothing.
        if self.services.get(&sim).is_some_and(|known| known.at > row.at || *known == row) {
            return;
        }
        self.services_unsaved.insert(sim.clone());
        self.services.insert(sim, row);
    }

    pub(super) fn keep_strange(&mut self, row: StrangeRow) {
        self.strange_unsaved.push(row);
    }

    /// Why the operator has stopped a SIM; `None` where it has not.
    pub(super) fn stopped(&self, iccid: &Iccid) -> Option<&str> {
        let row = self.services.get(iccid.key())?;
        (row.state != "normal").then_some(row.state.as_str())
    }
}

/// Something that ends, and is announced before.
#[derive(Debug)]
struct Ending {
    what: &'static str,
    ends_s: UnixS,
    announced: Option<UnixS>,
}

/// So many days before its end a certificate is announced.
const ANNOUNCED_DAYS: [UnixS; 4] = [0, 1, 7, 30];

impl Engine {
    /// Takes when the certificates end.
    pub(super) fn certificate(&mut self, ends_s: UnixS, ca_ends_s: UnixS) {
        let ending = |what, ends_s| Ending { what, ends_s, announced: None };
        let ours = "this terminal's certificate";
        self.shop.certificates = vec![ending(ours, ends_s), ending("the operator's CA", ca_ends_s)];
    }

    /// Announces certificates that end soon: at 30, 7 and 1 days, and at the end.
    pub(super) fn announce_certificates(&mut self, now: Now) {
        let Some(now_s) = self.clock.trusted_s(now.boot_ms) else { return };
        let mut said = Vec::new();
        for ending in &mut self.shop.certificates {
            let left_s = ending.ends_s - now_s;
            let step = ANNOUNCED_DAYS.into_iter().find(|days| left_s <= days * 86_400);
            let Some(step) = step.filter(|step| ending.announced.is_none_or(|last| *step < last))
            else {
                continue;
            };
            ending.announced = Some(step);
            said.push(if left_s <= 0 {
                format!("{} has ended: provision a new one", ending.what)
            } else {
                let days = left_s / 86_400;
                format!("{} ends in {days} days: provision a new one before that", ending.what)
            });
        }
        for detail in said {
            self.record(now, "", EventKind::CertificateEnding, detail);
        }
    }

    /// How the backend stands, for a technician.
    #[must_use]
    pub fn backend_view(&self, now: Now) -> BackendView {
        let heard_ms = self.shop.heard_ms;
        BackendView {
            configured: self.settings.sync_every_s.is_some(),
            silence: self.shop.silence.clone(),
            heard_s_ago: heard_ms.map(|at_ms| now.boot_ms.saturating_sub(at_ms) / 1_000),
            stream: self.shop.feed.cursor.as_ref().map(|cursor| cursor.stream.clone()),
            events: self.shop.feed.cursor.as_ref().map(|cursor| cursor.after),
            caught_up: self.shop.feed.caught_up,
            missing_event: self.shop.hole,
            open_orders: self.shop.orders.open().count(),
        }
    }

    /// What the backend is to be asked, and how soon; `None` without a backend.
    #[must_use]
    pub fn wants(&self, now: Now) -> Option<Wants> {
        let every_s = self.settings.sync_every_s?;
        let now_s = self.clock.trusted_s(now.boot_ms);
        let orders = self.shop.orders.errands(now, now_s, self.clock.boot_seq());
        let (urgent, waiting): (Vec<Errand>, Vec<Errand>) = orders
            .into_iter()
            .map(|errand| self.instead(errand))
            .partition(|errand| !matches!(errand, Errand::Stand { wait: true, .. }));
        let asked = self.shop.asked.iter().map(|(_, errand)| errand.clone());
        let mut errands: Vec<Errand> = urgent.into_iter().chain(asked).collect();
        // What waits for its payment waits at the backend: after everything else.
        errands.extend(waiting);
        Some(Wants {
            errands,
            report: self.sync_report(now_s),
            sync_now: self.shop.sync_now,
            sync_within_s: self.sync_within_s(every_s),
        })
    }

    /// An order that cannot be cancelled is asked about.
    fn instead(&self, errand: Errand) -> Errand {
        match errand {
            Errand::Cancel { key } if self.shop.uncancellable.contains(&key) => {
                let known = self.shop.orders.find(&key).map(|order| order.topup.state());
                let known = known.unwrap_or(State::Unknown);
                Errand::Stand { key, known, wait: false }
            }
            other => other,
        }
    }

    fn sync_report(&self, now_s: Option<UnixS>) -> Report {
        let sim = self.sim.and_then(|sim| self.meter.sim(sim));
        let usage = sim.and_then(|row| {
            let iccid = row.iccid.clone()?;
            Some((iccid, row.home.plus(row.roaming)))
        });
        Report { cursor: self.shop.feed.cursor.clone(), usage, as_of: now_s }
    }

    fn sync_within_s(&self, every_s: u64) -> u64 {
        let by_need = match self.published.balance.status {
            "depleted" | "expired" | "suspended" => EMPTY_S,
            "critical" => CRITICAL_S,
            "low" => LOW_S,
            _ => u64::MAX,
        };
        let paying = |state| matches!(state, State::AwaitingPayment | State::Processing);
        let pending = self.shop.orders.open().any(|order| paying(order.topup.state()));
        let by_need = if pending { by_need.min(PAYING_S) } else { by_need };
        let hole = self.shop.hole.map_or(u64::MAX, |_| HOLE_S);
        every_s.min(by_need).min(hole).min(self.shop.next_sync_s.unwrap_or(u64::MAX))
    }
}
