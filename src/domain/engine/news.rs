//! What the backend answers, applied: an answer and all that follows from it (the
//! state of an order, its credit, the place in the events) is one transaction.

use std::sync::Arc;

use super::super::errand::{Errand, Happened, Missed, News, Told, TopUpSaid};
use super::super::event::EventKind;
use super::super::feed::Turn;
use super::super::offer::Quote;
use super::super::persist::{ServiceRow, StrangeRow};
use super::super::time::{Now, UnixS};
use super::super::topup::{Happening, State, Step};
use super::wish::{Denied, Granted, Ticket};
use super::{Engine, Output};

impl Engine {
    /// The connection stands and the order's first byte would leave now: it leaves
    /// when that is on disk.
    pub(super) fn sending(&mut self, now: Now, key: &str) {
        let at = self.clock.stamp(now);
        let number = self.shop.orders.find(key).map(|order| order.number);
        let step = number.and_then(|number| {
            let step = self.shop.orders.happen(number, Happening::Sending, None, at);
            Some((number, step?.ok()?))
        });
        match step {
            Some((number, step)) => {
                if step.from != step.to {
                    self.tell_order(now, number);
                }
                self.when_saved(Output::Send { key: key.to_owned() });
            }
            None => self.outputs.push_back(Output::Withhold { key: key.to_owned() }),
        }
    }

    /// Takes what became of an errand.
    pub(super) fn answered(
        &mut self,
        now: Now,
        errand: Errand,
        date_s: Option<UnixS>,
        answer: Result<Told, Missed>,
    ) {
        if let Some(date_s) = date_s {
            self.hear_time(now, |clock| clock.backend_time(now.boot_ms, date_s));
        }
        self.note_silence(now, answer.as_ref().err());
        match errand {
            Errand::Sync(_) => self.synced(now, answer),
            Errand::Offers { .. } => self.heard_offers(answer),
            Errand::Quote(_) => self.heard_quote(&errand, answer),
            Errand::Order(placing) => self.heard_order(now, &placing.key, answer),
            Errand::Stand { key, .. } => self.heard_stand(now, &key, answer),
            Errand::Cancel { key } => self.heard_cancel(now, &key, answer),
        }
    }

    /// Says once that the backend is not heard, and once that it is again.
    fn note_silence(&mut self, now: Now, missed: Option<&Missed>) {
        match missed {
            Some(Missed::Nothing { detail, .. }) => {
                if self.shop.silence.is_none() {
                    self.record(now, "", EventKind::BackendFault, detail.clone());
                }
                self.shop.silence = Some(detail.clone());
            }
            Some(_) | None => {
                self.shop.heard_ms = Some(now.boot_ms);
                if self.shop.silence.take().is_some() {
                    let detail = "the backend answers again".to_owned();
                    self.record(now, "", EventKind::BackendRecovered, detail);
                }
            }
        }
    }

    fn heard_order(&mut self, now: Now, key: &str, answer: Result<Told, Missed>) {
        match answer {
            Ok(Told::TopUp(said)) => self.hear_own(now, key, &said),
            Ok(Told::NeverSeen) => self.happen(now, key, Happening::NeverSeen, "by_customer"),
            Err(Missed::Refused(problem)) => {
                self.happen(now, key, Happening::Refused, problem.word);
            }
            Err(Missed::Forgotten) => self.happen(now, key, Happening::KeyForgotten, ""),
            // Its first byte never left, or it was not looked at: it stands where
            // it stood.
            Err(Missed::NotLookedAt(_) | Missed::Nothing { sent: false, .. }) => {}
            Ok(_) | Err(Missed::Nothing { sent: true, .. }) => {
                self.happen(now, key, Happening::NoAnswer, "");
            }
        }
    }

    fn heard_stand(&mut self, now: Now, key: &str, answer: Result<Told, Missed>) {
        match answer {
            Ok(Told::TopUp(said)) => self.hear_own(now, key, &said),
            Ok(Told::NeverSeen) => self.happen(now, key, Happening::NeverSeen, "by_customer"),
            Err(Missed::Forgotten) => self.happen(now, key, Happening::KeyForgotten, ""),
            Ok(_) | Err(_) => {}
        }
    }

    fn heard_cancel(&mut self, now: Now, key: &str, answer: Result<Told, Missed>) {
        match answer {
            Ok(Told::TopUp(said)) => {
                self.hear_own(now, key, &said);
                // One that goes on cannot be cancelled, whatever the reason.
                if self.shop.orders.find(key).is_some_and(|order| order.is_open()) {
                    self.shop.uncancellable.insert(key.to_owned());
                }
            }
            Ok(Told::NeverSeen) => {
                let asked = self.shop.orders.find(key).is_some_and(|order| order.cancel_asked);
                if asked {
                    self.happen(now, key, Happening::NeverSeen, "by_customer");
                } else {
                    // It was ended to know where it stands: it came to nothing.
                    self.happen(now, key, Happening::Refused, "expired");
                }
            }
            Err(Missed::Refused(_)) => {
                self.shop.uncancellable.insert(key.to_owned());
            }
            Err(Missed::Forgotten) => self.happen(now, key, Happening::KeyForgotten, ""),
            Ok(_) | Err(_) => {}
        }
    }

    fn happen(&mut self, now: Now, key: &str, happening: Happening, reason: &str) {
        let at = self.clock.stamp(now);
        let Some(number) = self.shop.orders.find(key).map(|order| order.number) else { return };
        let forgotten = happening == Happening::KeyForgotten;
        match self.shop.orders.happen(number, happening, Some(reason), at) {
            Some(Ok(step)) if step.from != step.to || forgotten => self.tell_order(now, number),
            Some(Ok(_)) | None => {}
            Some(Err(illegal)) => {
                let detail = format!(
                    "what the backend says of the order {key} cannot be: {illegal}; the order \
                     stays as it was, and the operator has to look at it"
                );
                self.record(now, "", EventKind::BackendFault, detail);
            }
        }
    }

    /// An answer to what was asked under a key must be of that key.
    fn hear_own(&mut self, now: Now, key: &str, said: &TopUpSaid) {
        if said.key.as_deref().is_some_and(|other| other != key) {
            let detail = format!(
                "the backend answered for the order {key} with another one's top-up ({}): refused",
                said.record.id
            );
            self.record(now, "", EventKind::BackendFault, detail);
            return self.happen(now, key, Happening::NoAnswer, "");
        }
        let said = TopUpSaid { key: Some(key.to_owned()), ..said.clone() };
        if !self.hear_top_up(now, &said) {
            self.happen(now, key, Happening::NoAnswer, "");
        }
    }

    /// Takes what the backend says of a top-up, wherever it says it. False where it
    /// is refused.
    fn hear_top_up(&mut self, now: Now, said: &TopUpSaid) -> bool {
        let at = self.clock.stamp(now);
        match self.shop.orders.hear(said, at) {
            Ok(heard) => {
                self.settle_effect(now, heard.number, heard.step);
                if heard.step.from != heard.step.to {
                    self.tell_order(now, heard.number);
                }
                true
            }
            Err(refusal) => {
                let detail = format!(
                    "the backend contradicts itself, and is refused: {refusal}; the operator has \
                     to look at it"
                );
                self.record(now, "", EventKind::BackendFault, detail);
                false
            }
        }
    }

    fn settle_effect(&mut self, now: Now, number: u64, step: Step) {
        if step.effect.credits {
            self.credit(now, number);
        }
        if step.effect.takes_back > 0 {
            self.take_back(now, number, step.effect.takes_back);
        }
    }

    /// Records and announces where an order now stands.
    pub(super) fn tell_order(&mut self, now: Now, number: u64) {
        let Some(order) = self.shop.orders.get(number) else { return };
        let (id, state) = (order.id().to_owned(), order.topup.state());
        let reason = order.topup.reason().map(|why| format!(" ({why})")).unwrap_or_default();
        let left_alone = if order.forgotten {
            "; the backend no longer keeps its key, so a person has to settle it with the operator"
        } else {
            ""
        };
        let terms = order.topup.terms();
        let detail = format!(
            "top-up {id}, {} bytes by {}: {}{reason}{left_alone}",
            terms.bytes,
            terms.channel.word(),
            state.word()
        );
        self.record(now, "", EventKind::TopUp, detail);
        self.commits.hurry();
        self.when_saved(Output::TopUpChanged { id, state });
    }

    fn heard_offers(&mut self, answer: Result<Told, Missed>) {
        let waiting = self.take_asked(|errand| matches!(errand, Errand::Offers { .. }));
        match answer {
            Ok(Told::Offers(list)) => {
                if let Some(list) = list {
                    self.shop.offers = Some(Arc::new(list));
                }
                self.shop.offers_old = false;
                let offers = Arc::clone(self.shop.offers.get_or_insert_default());
                for ticket in waiting {
                    match self.shop.unpriced.remove(&ticket) {
                        None => {
                            let answer = Ok(Granted::Offers(Arc::clone(&offers)));
                            self.answer_when_saved(ticket, answer);
                        }
                        Some(open) => {
                            if let Err(denied) = self.ask_quote(ticket, open) {
                                self.outputs
                                    .push_back(Output::Answer { ticket, answer: Err(denied) });
                            }
                        }
                    }
                }
            }
            Ok(_) => {}
            Err(missed) => self.deny(waiting, missed),
        }
    }

    fn heard_quote(&mut self, errand: &Errand, answer: Result<Told, Missed>) {
        let waiting = self.take_asked(|asked| asked == errand);
        let Errand::Quote(inquiry) = errand else { return };
        match answer {
            Ok(Told::Quote(said)) => {
                let offers = self.shop.offers.as_ref();
                let offer = offers
                    .and_then(|list| list.offers.iter().find(|offer| offer.id == inquiry.offer_id));
                let quote = Quote::take(inquiry, offer, *said).map_err(Denied::from);
                if let Ok(quote) = &quote {
                    self.shop.keep_quote(quote.clone());
                }
                for ticket in waiting {
                    let quote = quote.clone().map(|quote| Granted::Quote(Box::new(quote)));
                    self.answer_when_saved(ticket, quote);
                }
            }
            Ok(_) => {}
            Err(missed) => self.deny(waiting, missed),
        }
    }

    fn take_asked(&mut self, is_it: impl Fn(&Errand) -> bool) -> Vec<Ticket> {
        let asked = std::mem::take(&mut self.shop.asked);
        let (answered, waiting): (Vec<_>, Vec<_>) =
            asked.into_iter().partition(|(_, errand)| is_it(errand));
        self.shop.asked = waiting;
        answered.into_iter().map(|(ticket, _)| ticket).collect()
    }

    fn deny(&mut self, waiting: Vec<Ticket>, missed: Missed) {
        for ticket in waiting {
            self.shop.unpriced.remove(&ticket);
            let answer = Err(Denied::from(missed.clone()));
            self.outputs.push_back(Output::Answer { ticket, answer });
        }
    }

    fn synced(&mut self, now: Now, answer: Result<Told, Missed>) {
        let before = self.shop.feed.cursor.clone();
        let mut again = false;
        match answer {
            Ok(Told::Sync(Some(news))) => again = self.apply(now, *news),
            Ok(_) => self.shop.feed.caught_up = self.shop.feed.cursor.is_some(),
            Err(missed) => {
                self.shop.sync_now = false;
                let waiting = std::mem::take(&mut self.shop.syncing);
                return self.deny(waiting, missed);
            }
        }
        self.shop.sync_now = again;
        if again {
            return;
        }
        let after = |cursor: &Option<super::super::feed::Cursor>| {
            cursor.as_ref().map_or(0, |cursor| cursor.after)
        };
        let events = after(&self.shop.feed.cursor).saturating_sub(after(&before));
        for ticket in std::mem::take(&mut self.shop.syncing) {
            self.answer_when_saved(ticket, Ok(Granted::Synced(events)));
        }
    }

    /// Applies what is new. True where there is more to fetch at once.
    fn apply(&mut self, now: Now, news: News) -> bool {
        let stream = news.cursor.stream.clone();
        if self.shop.feed.enter(&stream) {
            let detail = format!(
                "the backend begins another numbering of its events ({stream}): all of them are \
                 told again, and each counts once"
            );
            self.record(now, "", EventKind::BackendFault, detail);
        }
        let (mut applied, mut hole) = (0_u32, None);
        for (seq, happened) in news.events {
            match self.shop.feed.take(seq) {
                Turn::Before => {}
                Turn::Next => {
                    applied += 1;
                    self.apply_event(now, &stream, seq, happened);
                }
                Turn::Hole { missing } => {
                    hole = Some(missing);
                    break;
                }
            }
        }
        if let Some(missing) = hole.filter(|missing| self.shop.hole != Some(*missing)) {
            let detail = format!(
                "event {missing} of the backend is missing: what follows it waits until it comes"
            );
            self.record(now, "", EventKind::BackendFault, detail);
        }
        self.shop.hole = hole;
        self.shop.next_sync_s = news.next_sync_s;
        let whole = hole.is_none() && !news.more;
        if whole {
            self.shop.feed.caught_up = true;
            if let Some(balance) = news.balance {
                self.calibrate(now, &balance);
            }
        }
        self.commits.hurry();
        // A backend that has more, and gives nothing, is not asked at once.
        news.more && applied > 0 && hole.is_none()
    }

    fn apply_event(&mut self, now: Now, stream: &str, seq: u64, happened: Happened) {
        match happened {
            Happened::TopUp(said) => {
                let _ = self.hear_top_up(now, &said);
            }
            Happened::Adjusted { iccid, adjustment } => self.adjust(now, &iccid, adjustment),
            Happened::Service { iccid, state, at } => {
                self.shop.serve(ServiceRow { iccid, state, at });
            }
            Happened::Offers => self.shop.offers_old = true,
            Happened::Refused { why } => {
                let detail = format!(
                    "event {seq} of the backend is not of the contract and is passed over: {why}; \
                     the operator has to look at it"
                );
                self.record(now, "", EventKind::BackendFault, detail);
            }
            Happened::Other { kind, json } => {
                let stream = stream.to_owned();
                self.shop.keep_strange(StrangeRow { stream, seq, kind, json });
            }
        }
    }

    /// Ends what could not be sent in its time.
    pub(super) fn expire_orders(&mut self, now: Now) {
        let (now_s, at) = (self.clock.trusted_s(now.boot_ms), self.clock.stamp(now));
        for number in self.shop.orders.expire(now, now_s, at) {
            self.tell_order(now, number);
        }
    }

    /// When the next order will be too late, boot clock, ms.
    pub(super) fn orders_deadline(&self) -> Option<super::super::time::BootMs> {
        let boot_seq = self.clock.boot_seq();
        let open = self.shop.orders.open();
        open.filter(|order| order.topup.state() == State::Created)
            .filter_map(|order| order.late_at_ms(boot_seq))
            .min()
    }
}
