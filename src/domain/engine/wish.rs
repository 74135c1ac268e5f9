//! What callers wish for, and how they are answered: each wish has a ticket, and
//! its answer comes when what justifies it is on disk.

use std::sync::Arc;

use super::super::errand::{Errand, Missed, Problem, Silence};
use super::super::offer::{Inquiry, Offers, Quote, QuoteRefusal};
use super::super::orders::{Order, OrderRefusal};
use super::super::sim::Iccid;
use super::super::time::Now;
use super::super::topup::{Activation, Channel, Happening, IllegalTransition, State};
use super::shop::ASKED_MAX;
use super::{Engine, Output};

/// Names a wish until it is answered.
pub type Ticket = u64;

/// What a caller wishes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wish {
    /// What can be bought.
    Offers,
    /// What an offer costs now.
    Quote {
        /// Which.
        offer_id: String,
        /// How it is to be paid; `None`: as the offer names first.
        channel: Option<Channel>,
        /// When it is to begin; `None`: as the offer names first.
        activation: Option<Activation>,
    },
    /// To buy what was quoted.
    Recharge {
        /// The caller's own id, 1 to 64 printable ASCII characters.
        request_id: String,
        /// Which quote.
        quote_id: String,
        /// A new UUID, lower case: the Idempotency-Key, if this is a new order.
        key: String,
    },
    /// To end an order that is not paid.
    Cancel {
        /// Its key or the backend's id.
        id: String,
    },
    /// A top-up.
    TopUp {
        /// Its key, the backend's id, or the caller's own.
        id: String,
    },
    /// Top-ups, the newest first.
    TopUps(Filter),
    /// A sync, now.
    Sync,
    /// To take the operator's figure as a person read it.
    Calibrate {
        /// What the operator says is left, bytes.
        remaining: u64,
    },
}

/// A question for a quote, as far as the caller decided it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Open {
    pub(super) offer_id: String,
    pub(super) channel: Option<Channel>,
    pub(super) activation: Option<Activation>,
}

/// Which top-ups, and where to go on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Those in this state.
    pub state: Option<State>,
    /// Those paid this way.
    pub channel: Option<Channel>,
    /// Those that have not ended, or those that have.
    pub open: Option<bool>,
    /// Those with a smaller number: the next page after it; `None`: the first.
    pub before: Option<u64>,
    /// At most so many, 1 to 100.
    pub limit: usize,
}

/// The answer to a wish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Granted {
    /// What can be bought.
    Offers(Arc<Offers>),
    /// What it costs.
    Quote(Box<Quote>),
    /// The order is on disk: its id.
    Placed(String),
    /// Where the order now stands.
    Stands(State),
    /// The top-up.
    TopUp(Box<Order>),
    /// Top-ups, the newest first.
    TopUps(Vec<Order>),
    /// How many events the sync brought.
    Synced(u64),
    /// The figure was taken: the operator's less ours, bytes.
    Calibrated(i64),
}

/// Why a wish is not granted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// There is no backend to ask.
    #[error("no backend is configured: set [backend] and [terminal] in posdatad.toml")]
    NoBackend,
    /// The SIM in use is not known.
    #[error("no SIM that can be read is in the modem: nothing can be bought for it")]
    NoSim,
    /// Too many wait for the backend.
    #[error("{ASKED_MAX} questions wait for the backend already: ask again")]
    Busy,
    /// The disk cannot be written.
    #[error("orders cannot be saved, so none is placed: {0}")]
    StoreUnavailable(String),
    /// The backend has not said yet which orders there are.
    #[error(
        "the backend has not been reached since this database was made, so an earlier order could \
         be placed again: sync first (posdatactl sync)"
    )]
    NotSynced,
    /// The ledger set a posting aside.
    #[error("the ledger set a posting aside and a person has to look at it: {0}")]
    LedgerFault(String),
    /// There is no such top-up.
    #[error("there is no top-up \"{0}\" here")]
    UnknownTopUp(String),
    /// There is no such offer.
    #[error("there is no offer \"{0}\": see what there is (ListOffers)")]
    UnknownOffer(String),
    /// The offer cannot be had so.
    #[error("the offer {offer} cannot be had with {what}: it can with {instead}")]
    NotOffered {
        /// Which.
        offer: String,
        /// The channel or activation that was asked for.
        what: &'static str,
        /// What there is.
        instead: String,
    },
    /// The quote that came back is not believed.
    #[error("the backend's quote is refused: {0}")]
    WrongQuote(#[from] QuoteRefusal),
    /// The order is not placed.
    #[error(transparent)]
    Order(#[from] OrderRefusal),
    /// The order cannot be ended.
    #[error("the top-up cannot be cancelled: {0}")]
    Illegal(#[from] IllegalTransition),
    /// It was made elsewhere.
    #[error("the top-up was not placed on this terminal: cancel it where it was made")]
    Elsewhere,
    /// The backend refuses.
    #[error("the backend refuses: {}", said(.0))]
    Problem(Problem),
    /// Nothing was heard.
    #[error("{detail}")]
    Silent {
        /// Why.
        why: Silence,
        /// What was tried, what came back, what to do.
        detail: String,
    },
    /// The figure is not taken.
    #[error("the figure is not taken: {0}")]
    NotCalibrated(String),
}

fn said(problem: &Problem) -> String {
    if problem.detail.is_empty() { problem.word.replace('_', " ") } else { problem.detail.clone() }
}

impl From<Missed> for Denied {
    fn from(missed: Missed) -> Self {
        match missed {
            Missed::Refused(problem) | Missed::NotLookedAt(problem) => Self::Problem(problem),
            Missed::Forgotten => Self::Problem(Problem {
                word: "key_expired",
                detail: String::new(),
                retry_after_s: None,
            }),
            Missed::Nothing { why, detail, .. } => Self::Silent { why, detail },
        }
    }
}

impl Engine {
    /// Takes a wish; [`Output::Answer`] with its ticket follows.
    pub fn wish(&mut self, now: Now, wish: Wish) -> Ticket {
        self.last_ticket += 1;
        let ticket = self.last_ticket;
        match self.grant(now, ticket, wish) {
            Ok(Some(granted)) => self.answer_when_saved(ticket, Ok(granted)),
            Ok(None) => {}
            Err(denied) => self.outputs.push_back(Output::Answer { ticket, answer: Err(denied) }),
        }
        self.settle(now);
        ticket
    }

    /// Answers when everything that is known now is on disk.
    pub(super) fn answer_when_saved(&mut self, ticket: Ticket, answer: Result<Granted, Denied>) {
        self.when_saved(Output::Answer { ticket, answer });
    }

    fn grant(&mut self, now: Now, ticket: Ticket, wish: Wish) -> Result<Option<Granted>, Denied> {
        match wish {
            Wish::TopUp { id } => {
                let order = self.shop.orders.find(&id).or_else(|| self.shop.orders.requested(&id));
                let order = order.ok_or(Denied::UnknownTopUp(id))?;
                return Ok(Some(Granted::TopUp(Box::new(order.clone()))));
            }
            Wish::TopUps(filter) => {
                let found = self.shop.orders.newest().filter(|order| filter.takes(order));
                let found = found.take(filter.limit).cloned().collect();
                return Ok(Some(Granted::TopUps(found)));
            }
            Wish::Calibrate { remaining } => {
                return self.calibrate_by_hand(now, remaining).map(Some);
            }
            _ if self.settings.sync_every_s.is_none() => return Err(Denied::NoBackend),
            Wish::Offers => match &self.shop.offers {
                Some(offers) if !self.shop.offers_old => {
                    return Ok(Some(Granted::Offers(Arc::clone(offers))));
                }
                known => {
                    let etag = known.as_ref().and_then(|offers| offers.etag.clone());
                    self.ask(ticket, Errand::Offers { etag })?;
                }
            },
            Wish::Quote { offer_id, channel, activation } => {
                self.ask_quote(ticket, Open { offer_id, channel, activation })?;
            }
            Wish::Recharge { request_id, quote_id, key } => {
                return self.recharge(now, &request_id, &quote_id, &key).map(Some);
            }
            Wish::Cancel { id } => return self.cancel(now, id).map(Some),
            Wish::Sync => {
                self.shop.sync_now = true;
                self.shop.syncing.push(ticket);
            }
        }
        Ok(None)
    }

    fn ask(&mut self, ticket: Ticket, errand: Errand) -> Result<(), Denied> {
        if self.shop.asked.len() >= ASKED_MAX {
            return Err(Denied::Busy);
        }
        self.shop.asked.push((ticket, errand));
        Ok(())
    }

    /// Asks for a quote. What the caller left open is as the offer names first: where
    /// no list is at hand, that is asked for before.
    pub(super) fn ask_quote(&mut self, ticket: Ticket, open: Open) -> Result<(), Denied> {
        let listed = self.shop.offers.is_some() && !self.shop.offers_old;
        if !listed && (open.channel.is_none() || open.activation.is_none()) {
            let etag = self.shop.offers.as_ref().and_then(|offers| offers.etag.clone());
            self.ask(ticket, Errand::Offers { etag })?;
            self.shop.unpriced.insert(ticket, open);
            return Ok(());
        }
        let inquiry = self.inquiry(open)?;
        self.ask(ticket, Errand::Quote(inquiry))
    }

    fn inquiry(&self, open: Open) -> Result<Inquiry, Denied> {
        let Open { offer_id, channel, activation } = open;
        let iccid = self.iccid_in_use().ok_or(Denied::NoSim)?;
        let offers = self.shop.offers.as_ref().filter(|_| !self.shop.offers_old);
        let offer = offers.and_then(|list| list.offers.iter().find(|offer| offer.id == offer_id));
        // A list that is at hand and whole answers for the backend; without one
        // the backend answers.
        let Some(offer) = offer else {
            let (None, Some(channel), Some(activation)) = (offers, channel, activation) else {
                return Err(Denied::UnknownOffer(offer_id));
            };
            return Ok(Inquiry { offer_id, channel, activation, iccid });
        };
        let channel = pick(channel, &offer.channels, Channel::word, &offer_id)?;
        let activation = pick(activation, &offer.activations, Activation::word, &offer_id)?;
        Ok(Inquiry { offer_id, channel, activation, iccid })
    }

    fn recharge(
        &mut self,
        now: Now,
        request_id: &str,
        quote_id: &str,
        key: &str,
    ) -> Result<Granted, Denied> {
        let known = self.shop.orders.requested(request_id).is_some();
        if !known {
            self.may_sell()?;
        }
        let quote = self.shop.quote(quote_id).cloned();
        let in_use = self.iccid_in_use();
        if let (false, Some(quote)) = (known, &quote)
            && in_use.as_ref() != Some(&quote.terms.iccid)
        {
            return Err(Denied::Problem(Problem {
                word: "sim_mismatch",
                detail: format!(
                    "the quote is for the SIM {}, and another one is in the modem: ask for a quote \
                     again",
                    quote.terms.iccid.as_str()
                ),
                retry_after_s: None,
            }));
        }
        let (now_s, at) = (self.clock.trusted_s(now.boot_ms), self.clock.stamp(now));
        let (number, new) =
            self.shop.orders.place(request_id, key, quote_id, quote.as_ref(), now_s, at)?;
        if new {
            // A quote is good for one order.
            self.shop.drop_quote(quote_id);
            self.tell_order(now, number);
        }
        let id = self.shop.orders.get(number).map(|order| order.id().to_owned());
        Ok(Granted::Placed(id.unwrap_or_default()))
    }

    /// Whether anything new may be bought.
    fn may_sell(&self) -> Result<(), Denied> {
        if self.store.state != "ok" {
            return Err(Denied::StoreUnavailable(self.store.detail.clone()));
        }
        if let Some(fault) = self.accounts.fault() {
            return Err(Denied::LedgerFault(fault));
        }
        if self.shop.feed.caught_up { Ok(()) } else { Err(Denied::NotSynced) }
    }

    fn cancel(&mut self, now: Now, id: String) -> Result<Granted, Denied> {
        let order = self.shop.orders.find(&id).or_else(|| self.shop.orders.requested(&id));
        let order = order.ok_or(Denied::UnknownTopUp(id))?;
        let state = order.topup.state();
        if state == State::Cancelled {
            return Ok(Granted::Stands(state));
        }
        if order.key.is_none() {
            return Err(Denied::Elsewhere);
        }
        let (number, at) = (order.number, self.clock.stamp(now));
        let step = self.shop.orders.happen(number, Happening::CancelAsked, Some("by_customer"), at);
        let step = step.transpose()?;
        if step.is_some_and(|step| step.from != step.to) {
            self.tell_order(now, number);
        }
        Ok(Granted::Stands(step.map_or(state, |step| step.to)))
    }

    /// The number of the SIM in use.
    pub(super) fn iccid_in_use(&self) -> Option<Iccid> {
        self.meter.sim(self.sim?)?.iccid.clone()
    }
}

impl Filter {
    fn takes(&self, order: &Order) -> bool {
        let state = order.topup.state();
        self.state.is_none_or(|wanted| wanted == state)
            && self.channel.is_none_or(|wanted| wanted == order.topup.terms().channel)
            && self.open.is_none_or(|wanted| wanted == order.is_open())
            && self.before.is_none_or(|before| order.number < before)
    }
}

/// What was asked for, if it is offered; else what is offered first.
fn pick<T: Copy + PartialEq>(
    asked: Option<T>,
    offered: &[T],
    word: impl Fn(T) -> &'static str,
    offer: &str,
) -> Result<T, Denied> {
    let chosen = asked.or_else(|| offered.first().copied());
    match (chosen, asked) {
        (Some(chosen), _) if offered.contains(&chosen) => Ok(chosen),
        (_, asked) => Err(Denied::NotOffered {
            offer: offer.to_owned(),
            what: asked.map_or("anything", &word),
            instead: offered.iter().map(|one| word(*one)).collect::<Vec<_>>().join(", "),
        }),
    }
}
