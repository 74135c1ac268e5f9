//! One top-up with all that is kept of it, and what the backend is to be asked
//! about it next.

use super::super::errand::{Errand, Payment, Placing, TopUpSaid};
use super::super::time::{Now, Stamp, UnixS};
use super::super::topup::{State, TopUp, TopUpRefusal};

/// A top-up with all that is kept of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// Counted from 1, never reused.
    pub number: u64,
    /// The Idempotency-Key, where a terminal placed it.
    pub key: Option<String>,
    /// The caller's own id, where one was given.
    pub request_id: Option<String>,
    /// On which quote it was placed here.
    pub quote_id: Option<String>,
    /// Of which offer.
    pub offer_id: Option<String>,
    /// What people call it.
    pub name: Option<String>,
    /// What it is and where it stands.
    pub topup: TopUp,
    /// What to show to who pays, while it waits for that.
    pub payment: Option<Payment>,
    /// What to tell the hotline.
    pub reference: Option<String>,
    /// When it was first known here.
    pub placed: Stamp,
    /// When it last changed.
    pub changed: Stamp,
    /// Someone wants it ended, and the backend has not said yet whether it is.
    pub cancel_asked: bool,
    /// The backend no longer keeps its key: a person has to settle it.
    pub forgotten: bool,
}

/// Why an order is not placed, or not ended.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OrderRefusal {
    /// The caller's id was used for something else.
    #[error(
        "the request id \"{request_id}\" was used for the quote {quote_id} already: use another"
    )]
    RequestIdConflict {
        /// The caller's id.
        request_id: String,
        /// What it was used for.
        quote_id: String,
    },
    /// There is no such quote, or it was asked for before the last start.
    #[error("there is no quote {quote_id} here: ask for one (Quote) and order on that")]
    UnknownQuote {
        /// As asked.
        quote_id: String,
    },
    /// Its time is over.
    #[error("the quote {quote_id} has expired: ask for another (Quote)")]
    QuoteExpired {
        /// As asked.
        quote_id: String,
    },
    /// Too many are under way.
    #[error("8 orders are under way already: wait until one has ended, or cancel one")]
    TooManyOpen,
}

/// Why what the backend says of a top-up is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SaidRefusal {
    /// It contradicts what is known.
    #[error("the top-up {id}: {refusal}")]
    TopUp {
        /// The backend's id.
        id: String,
        /// How.
        refusal: TopUpRefusal,
    },
    /// The id is one order's and the key another's.
    #[error("the top-up {id} comes under the key {key} of another order")]
    TwoOrders {
        /// The backend's id.
        id: String,
        /// The key that came with it.
        key: String,
    },
}

impl Order {
    /// What callers name it by: its key where it was placed on a terminal, else the
    /// backend's id.
    #[must_use]
    pub fn id(&self) -> &str {
        self.key.as_deref().or(self.topup.id()).unwrap_or_default()
    }

    /// Whether it has not ended.
    #[must_use]
    pub fn is_open(&self) -> bool {
        !self.topup.state().is_ended()
    }

    /// What the backend is to be asked about it next; `None` where it was not
    /// placed here (then the backend tells by itself), or nobody can be asked.
    pub(super) fn errand(&self, now: Now, now_s: Option<UnixS>, boot_seq: u32) -> Option<Errand> {
        let key = self.key.clone().filter(|_| !self.forgotten)?;
        let late = self.is_late(now, now_s, boot_seq);
        match self.topup.state() {
            State::Created if late => None,
            State::Created => self.placing(key),
            // Whether it arrived is not known. In its time it is placed again
            // under the same key; after that it is ended under that key: nothing
            // is charged weeks later.
            State::Submitted | State::Unknown if self.cancel_asked || late => {
                Some(Errand::Cancel { key })
            }
            State::Submitted | State::Unknown => self.placing(key),
            State::AwaitingPayment if self.cancel_asked => Some(Errand::Cancel { key }),
            known @ (State::AwaitingPayment | State::Processing) => {
                // After that the next sync tells: waiting costs data.
                self.is_waited_for(now, boot_seq).then_some(Errand::Stand {
                    key,
                    known,
                    wait: true,
                })
            }
            State::Completed | State::Failed | State::Cancelled | State::Reversed => None,
        }
    }

    fn placing(&self, key: String) -> Option<Errand> {
        let Some((quote_id, request_id)) = self.quote_id.clone().zip(self.request_id.clone())
        else {
            // It came back from the backend: it is asked about, not placed.
            return Some(Errand::Stand { key, known: self.topup.state(), wait: false });
        };
        let iccid = self.topup.terms().iccid.clone();
        Some(Errand::Order(Placing { key, quote_id, request_id, iccid }))
    }

    /// Takes over what the backend says beside the state.
    pub(super) fn take_over(&mut self, said: &TopUpSaid, state: State) {
        let keep = |known: &mut Option<String>, said: &Option<String>| {
            if said.is_some() {
                known.clone_from(said);
            }
        };
        keep(&mut self.offer_id, &said.offer_id);
        keep(&mut self.name, &said.name);
        keep(&mut self.reference, &said.reference);
        if self.key.is_none() {
            self.key.clone_from(&said.key);
        }
        if state == said.record.state.state() {
            self.payment.clone_from(&said.payment);
        }
    }

    /// What no longer matters is not kept.
    pub(super) fn tidy(&mut self) {
        if self.topup.state() != State::AwaitingPayment {
            self.payment = None;
        }
        if !self.is_open() || self.topup.state() == State::Processing {
            self.cancel_asked = false;
        }
        if !self.is_open() {
            self.forgotten = false;
        }
    }
}
