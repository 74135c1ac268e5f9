//! What is for sale, what was bought, and the ledger. Money is in minor units of
//! the record's `currency`, as on D-Bus.

use serde::Serialize;

use super::super::failure::Failure;
use super::super::record::{Field, Record};
use super::Instant;
use crate::domain::topup::State;

records! {
    /// One of `ListOffers`.
    Offer {
        id: String,
        name: String,
        description: String,
        kind: String,
        bytes: u64,
        validity_s: u64,
        price: i64,
        currency: String,
        channels: Vec<String>,
        activations: Vec<String>,
        valid_from: Instant,
        valid_to: Instant,
    }

    /// The answer of `Quote`.
    Quote {
        id: String,
        offer_id: String,
        name: String,
        kind: String,
        bytes: u64,
        iccid: String,
        channel: String,
        activation: String,
        price: i64,
        fee: i64,
        total: i64,
        currency: String,
        rate: String,
        rate_from: String,
        rate_source: String,
        rate_at: Instant,
        expires_at: Instant,
    }

    /// The answer of `GetTopUp`, one of `ListTopUps`.
    TopUp {
        id: String,
        number: u64,
        state: String,
        request_id: String,
        backend_id: String,
        quote_id: String,
        offer_id: String,
        name: String,
        iccid: String,
        channel: String,
        kind: String,
        bytes: u64,
        activation: String,
        price: i64,
        fee: i64,
        total: i64,
        currency: String,
        rate: String,
        rate_from: String,
        rate_source: String,
        rate_at: Instant,
        valid_from: Instant,
        valid_to: Instant,
        reason: String,
        payment_code: String,
        payment_expires_at: Instant,
        reference: String,
        taken_back_bytes: u64,
        cancel_asked: bool,
        needs_person: bool,
        placed_at: Instant,
        changed_at: Instant,
    }

    /// The answer of `Sync`.
    Synced {
        events: u64,
    }

    /// One of `Export`.
    Entry {
        id: u64,
        bucket: u64,
        kind: String,
        bytes: i64,
        day: String,
        note: String,
        time: Instant,
        boot_seq: u32,
        boot_ms: u64,
        trust: String,
    }
}

impl TopUp {
    /// Its state's word; `?` where it is not told.
    pub(in crate::ctl) fn word(&self) -> &str {
        self.state.as_deref().unwrap_or("?")
    }

    /// Where it stands; `None` for a word that this program does not know.
    pub(in crate::ctl) fn stands(&self) -> Option<State> {
        State::from_word(self.word())
    }

    /// What it is named by, for the command line.
    pub(in crate::ctl) fn name_here(&self) -> &str {
        self.id.as_deref().unwrap_or("?")
    }
}
