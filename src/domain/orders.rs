//! All top-ups of this terminal: found by any of their ids, moved by what happens
//! here and by what the backend says, each kept for ever.
//!
//! There are some a month, so all are at hand.

mod deadline;
mod order;

pub use order::{Order, OrderRefusal, SaidRefusal};

use std::collections::{BTreeMap, BTreeSet};

use super::errand::{Errand, TopUpSaid};
use super::offer::Quote;
use super::time::{Now, Stamp, UnixS};
use super::topup::{Happening, IllegalTransition, State, Step, TopUp};

/// An order that could not be sent in this time is not sent any more, s.
pub const DEADLINE_S: UnixS = 600;

/// How long after an order's last change its payment is waited for at the backend,
/// s; after that the syncs tell of it.
pub const WAITED_S: u64 = 1_200;

/// Orders that may be under way at once.
pub const OPEN_MAX: usize = 8;

/// All top-ups.
#[derive(Debug, Default)]
pub struct Orders {
    by_number: BTreeMap<u64, Order>,
    by_key: BTreeMap<String, u64>,
    by_backend: BTreeMap<String, u64>,
    by_request: BTreeMap<String, u64>,
    unsaved: BTreeSet<u64>,
}

/// What hearing of a top-up did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct Heard {
    /// Which.
    pub number: u64,
    /// What changed.
    pub step: Step,
}

impl Orders {
    /// Takes up what is stored.
    #[must_use]
    pub fn load(rows: &[Order]) -> Self {
        let mut orders = Self::default();
        for row in rows {
            orders.index(row);
            orders.by_number.insert(row.number, row.clone());
        }
        orders
    }

    /// The newest first.
    pub fn newest(&self) -> impl Iterator<Item = &Order> {
        self.by_number.values().rev()
    }

    /// By its number here.
    #[must_use]
    pub fn get(&self, number: u64) -> Option<&Order> {
        self.by_number.get(&number)
    }

    /// By its Idempotency-Key or the backend's id.
    #[must_use]
    pub fn find(&self, id: &str) -> Option<&Order> {
        let number = self.by_key.get(id).or_else(|| self.by_backend.get(id))?;
        self.by_number.get(number)
    }

    /// By the caller's own id.
    #[must_use]
    pub fn requested(&self, request_id: &str) -> Option<&Order> {
        self.by_number.get(self.by_request.get(request_id)?)
    }

    /// Those that have not ended, oldest first.
    pub fn open(&self) -> impl Iterator<Item = &Order> {
        self.by_number.values().filter(|order| order.is_open())
    }

    /// Places an order on a quote. With a `request_id` that was used before for
    /// the same quote, it is the order of then, and `false`.
    ///
    /// # Errors
    /// [`OrderRefusal`] says why it is not placed.
    pub fn place(
        &mut self,
        request_id: &str,
        key: &str,
        quote_id: &str,
        quote: Option<&Quote>,
        now_s: Option<UnixS>,
        at: Stamp,
    ) -> Result<(u64, bool), OrderRefusal> {
        if let Some(order) = self.requested(request_id) {
            return match &order.quote_id {
                // One that came back from the backend no longer knows its quote.
                Some(placed) if placed != quote_id => Err(OrderRefusal::RequestIdConflict {
                    request_id: request_id.to_owned(),
                    quote_id: placed.clone(),
                }),
                Some(_) | None => Ok((order.number, false)),
            };
        }
        let quote =
            quote.ok_or_else(|| OrderRefusal::UnknownQuote { quote_id: quote_id.to_owned() })?;
        if now_s.is_some_and(|now_s| now_s >= quote.expires_at) {
            return Err(OrderRefusal::QuoteExpired { quote_id: quote_id.to_owned() });
        }
        if self.open().count() >= OPEN_MAX {
            return Err(OrderRefusal::TooManyOpen);
        }
        let order = Order {
            number: self.next_number(),
            key: Some(key.to_owned()),
            request_id: Some(request_id.to_owned()),
            quote_id: Some(quote_id.to_owned()),
            offer_id: Some(quote.offer_id.clone()),
            name: Some(quote.name.clone()),
            topup: TopUp::order(quote.terms.clone(), quote.cost.clone()),
            payment: None,
            reference: None,
            placed: at,
            changed: at,
            cancel_asked: false,
            forgotten: false,
        };
        let number = order.number;
        self.index(&order);
        self.by_number.insert(number, order);
        self.unsaved.insert(number);
        Ok((number, true))
    }

    /// Takes what happened to an order here.
    ///
    /// # Errors
    /// [`IllegalTransition`]; it stays as it was. An unknown number changes nothing
    /// and is `None`.
    pub fn happen(
        &mut self,
        number: u64,
        happening: Happening,
        reason: Option<&str>,
        at: Stamp,
    ) -> Option<Result<Step, IllegalTransition>> {
        let order = self.by_number.get_mut(&number)?;
        let before = order.clone();
        let step = match order.topup.happen(happening, reason) {
            Ok(step) => step,
            Err(illegal) => return Some(Err(illegal)),
        };
        order.cancel_asked |= happening == Happening::CancelAsked && !step.to.is_ended();
        order.forgotten |= happening == Happening::KeyForgotten && !step.to.is_ended();
        order.tidy();
        if *order != before {
            order.changed = at;
            self.unsaved.insert(number);
        }
        Some(Ok(step))
    }

    /// Takes what the backend says of a top-up: of one that was placed here, of one
    /// it told of before, or of one that was made elsewhere. Hearing it again
    /// changes nothing.
    ///
    /// # Errors
    /// [`SaidRefusal`]; everything stays as it was.
    pub fn hear(&mut self, said: &TopUpSaid, at: Stamp) -> Result<Heard, SaidRefusal> {
        let id = &said.record.id;
        let by_id = self.by_backend.get(id).copied();
        let by_key = said.key.as_ref().and_then(|key| self.by_key.get(key)).copied();
        let number = match (by_id, by_key) {
            (Some(one), Some(other)) if one != other => {
                let key = said.key.clone().unwrap_or_default();
                return Err(SaidRefusal::TwoOrders { id: id.clone(), key });
            }
            (one, other) => one.or(other),
        };
        let Some(number) = number else { return self.hear_first(said, at) };
        let Some(order) = self.by_number.get_mut(&number) else {
            return Err(SaidRefusal::TwoOrders { id: id.clone(), key: String::new() });
        };
        let before = order.clone();
        let step = order
            .topup
            .hear(&said.record)
            .map_err(|refusal| SaidRefusal::TopUp { id: id.clone(), refusal })?;
        order.take_over(said, step.to);
        order.tidy();
        if *order != before {
            order.changed = at;
            self.unsaved.insert(number);
            let order = order.clone();
            self.index(&order);
        }
        Ok(Heard { number, step })
    }

    fn hear_first(&mut self, said: &TopUpSaid, at: Stamp) -> Result<Heard, SaidRefusal> {
        let id = &said.record.id;
        let (topup, step) = TopUp::elsewhere(&said.record)
            .map_err(|refusal| SaidRefusal::TopUp { id: id.clone(), refusal })?;
        // An id that another order has already stays with that one.
        let request_id = said.request_id.clone().filter(|id| self.requested(id).is_none());
        let mut order = Order {
            number: self.next_number(),
            key: said.key.clone(),
            request_id,
            quote_id: said.quote_id.clone(),
            offer_id: None,
            name: None,
            topup,
            payment: None,
            reference: None,
            placed: at,
            changed: at,
            cancel_asked: false,
            forgotten: false,
        };
        order.take_over(said, step.to);
        order.tidy();
        let number = order.number;
        self.index(&order);
        self.by_number.insert(number, order);
        self.unsaved.insert(number);
        Ok(Heard { number, step })
    }

    /// Ends what could not be sent in its time. Gives what ended.
    pub fn expire(&mut self, now: Now, now_s: Option<UnixS>, at: Stamp) -> Vec<u64> {
        let late: Vec<u64> = self
            .open()
            .filter(|order| order.topup.state() == State::Created)
            .filter(|order| order.is_late(now, now_s, at.boot_seq))
            .map(|order| order.number)
            .collect();
        for number in &late {
            // Created alone can be too late, and then always ends.
            let _ = self.happen(*number, Happening::DeadlinePassed, Some("expired"), at);
        }
        late
    }

    /// What the backend is to be asked about the orders, the most urgent first:
    /// what is to be ended, what is not known, what is new, what waits for its
    /// payment.
    #[must_use]
    pub fn errands(&self, now: Now, now_s: Option<UnixS>, boot_seq: u32) -> Vec<Errand> {
        let mut errands: Vec<(u8, Errand)> = self
            .open()
            .filter_map(|order| order.errand(now, now_s, boot_seq))
            .map(|errand| match &errand {
                Errand::Cancel { .. } => (0, errand),
                Errand::Order(_) => (1, errand),
                _ => (2, errand),
            })
            .collect();
        errands.sort_by_key(|(rank, _)| *rank);
        errands.into_iter().map(|(_, errand)| errand).collect()
    }

    /// Whether anything waits for the disk.
    #[must_use]
    pub fn has_changes(&self) -> bool {
        !self.unsaved.is_empty()
    }

    /// What the next commit writes.
    pub fn drain(&mut self) -> Vec<Order> {
        let unsaved = std::mem::take(&mut self.unsaved);
        unsaved.iter().filter_map(|number| self.by_number.get(number)).cloned().collect()
    }

    fn next_number(&self) -> u64 {
        self.by_number.keys().next_back().map_or(1, |last| last.saturating_add(1))
    }

    fn index(&mut self, order: &Order) {
        if let Some(key) = &order.key {
            self.by_key.insert(key.clone(), order.number);
        }
        if let Some(id) = order.topup.id() {
            self.by_backend.insert(id.to_owned(), order.number);
        }
        if let Some(request_id) = &order.request_id {
            self.by_request.insert(request_id.clone(), order.number);
        }
    }
}

#[cfg(test)]
mod tests;
