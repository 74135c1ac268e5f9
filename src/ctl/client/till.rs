//! What `Recharge1` and the technician's part of `Admin1` are asked.

use std::collections::HashMap;

use zbus::Variant;

use super::super::failure::Failure;
use super::super::model::{Entry, Offer, Quote, Synced, TopUp};
use super::super::proxy::{ADMIN, RECHARGE, TopUpChangedStream};
use super::super::record::Record;
use super::{Client, read_all};

/// Options and filters; an absent one is left to the daemon.
pub(in crate::ctl) type Options<'a> = HashMap<&'a str, Variant<'a>>;

impl Client {
    /// What can be bought.
    pub(in crate::ctl) async fn offers(&self) -> Result<Vec<Offer>, Failure> {
        read_all(self.ask(RECHARGE, self.recharge.list_offers()).await?, Offer::read)
    }

    /// What an offer costs now.
    pub(in crate::ctl) async fn quote(
        &self,
        offer: &str,
        options: Options<'_>,
    ) -> Result<Quote, Failure> {
        let quote = self.ask(RECHARGE, self.recharge.quote(offer, options)).await?;
        Quote::read(&Record::new(quote))
    }

    /// Places an order; gives its id.
    pub(in crate::ctl) async fn recharge(
        &self,
        request_id: &str,
        quote_id: &str,
    ) -> Result<String, Failure> {
        let call = self.recharge.recharge(request_id, quote_id, Options::new());
        self.ask(RECHARGE, call).await
    }

    /// A top-up, by any of its ids.
    pub(in crate::ctl) async fn top_up(&self, id: &str) -> Result<TopUp, Failure> {
        let topup = self.ask(RECHARGE, self.recharge.get_top_up(id)).await?;
        TopUp::read(&Record::new(topup))
    }

    /// Top-ups, the newest first, with a smaller number than `before` (0: the newest).
    pub(in crate::ctl) async fn top_ups(
        &self,
        filter: Options<'_>,
        before: u64,
        limit: u32,
    ) -> Result<Vec<TopUp>, Failure> {
        let call = self.recharge.list_top_ups(filter, before, limit);
        read_all(self.ask(RECHARGE, call).await?, TopUp::read)
    }

    /// Asks for an order's end; gives its state.
    pub(in crate::ctl) async fn cancel(&self, id: &str) -> Result<String, Failure> {
        self.ask(RECHARGE, self.recharge.cancel(id)).await
    }

    /// Every change of a top-up from now on.
    pub(in crate::ctl) async fn top_up_changes(&self) -> Result<TopUpChangedStream, Failure> {
        self.ask(RECHARGE, self.recharge.receive_top_up_changed()).await
    }

    /// Asks the backend for what is new.
    pub(in crate::ctl) async fn sync(&self) -> Result<Synced, Failure> {
        Synced::read(&Record::new(self.ask(ADMIN, self.admin.sync()).await?))
    }

    /// Takes over the operator's figure; gives it less posdatad's own, bytes.
    pub(in crate::ctl) async fn calibrate(&self, remaining: u64) -> Result<i64, Failure> {
        self.ask(ADMIN, self.admin.calibrate(remaining)).await
    }

    /// At most `limit` entries after that number, oldest first.
    pub(in crate::ctl) async fn entries(
        &self,
        after_id: u64,
        limit: u32,
    ) -> Result<Vec<Entry>, Failure> {
        read_all(self.ask(ADMIN, self.admin.export(after_id, limit)).await?, Entry::read)
    }
}
