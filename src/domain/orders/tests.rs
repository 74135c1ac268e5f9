//! Every rule of the orders, by name.

use super::super::errand::Payment;
use super::super::money::{Cost, Currency, Money};
use super::super::sim::Iccid;
use super::super::time::Trust;
use super::super::topup::{Activation, Channel, Package, Record, Said, Terms, Validity};
use super::*;

const KEY: &str = "5f0c2a7e-3d34-4a52-9c5b-9d8d4f2b6a11";
const START_S: UnixS = 1_796_000_000;

fn terms() -> Terms {
    Terms {
        iccid: Iccid::parse("8986012034567890123").unwrap(),
        channel: Channel::Alipay,
        package: Package::Main,
        bytes: 1_000,
        activation: Activation::Now,
    }
}

fn quote(id: &str) -> Quote {
    let cny = |amount| Money::new(amount, Currency::parse("CNY").unwrap()).unwrap();
    Quote {
        id: id.into(),
        offer_id: "main-30".into(),
        name: "30 MB".into(),
        terms: terms(),
        cost: Cost::new(cny(500), cny(3), cny(503), None, None).unwrap(),
        expires_at: START_S + 900,
    }
}

fn said(id: &str, key: Option<&str>, state: Said) -> TopUpSaid {
    let pays = state == Said::AwaitingPayment;
    TopUpSaid {
        record: Record {
            id: id.into(),
            state,
            terms: terms(),
            validity: Validity::default(),
            cost: None,
            reason: None,
            reversed_bytes: None,
        },
        key: key.map(str::to_owned),
        request_id: None,
        quote_id: None,
        offer_id: None,
        name: None,
        payment: pays.then(|| Payment { code: "pay:1".into(), expires_at: START_S + 900 }),
        reference: Some("R-1".into()),
    }
}

fn now(seconds: u64) -> Now {
    Now { boot_ms: seconds * 1_000, wall_s: START_S + i64::try_from(seconds).unwrap(), ntp: true }
}

fn at(boot_seq: u32, seconds: u64) -> Stamp {
    let now = now(seconds);
    Stamp { boot_seq, boot_ms: now.boot_ms, wall_s: now.wall_s, trust: Trust::Ntp }
}

fn untrusted(boot_seq: u32, seconds: u64) -> Stamp {
    Stamp { trust: Trust::Untrusted, ..at(boot_seq, seconds) }
}

fn placed(at: Stamp) -> Orders {
    let mut orders = Orders::default();
    let quote = quote("Q-1");
    assert_eq!(orders.place("r-1", KEY, "Q-1", Some(&quote), None, at), Ok((1, true)));
    orders
}

fn sent() -> Orders {
    let mut orders = placed(at(1, 0));
    let step = orders.happen(1, Happening::Sending, None, at(1, 0)).unwrap().unwrap();
    assert_eq!(step.to, State::Submitted);
    orders
}

fn errand(orders: &Orders, seconds: u64) -> Option<Errand> {
    orders.errands(now(seconds), Some(now(seconds).wall_s), 1).into_iter().next()
}

#[test]
fn a_request_id_is_one_order_for_ever() {
    let mut orders = placed(at(1, 0));
    let again = orders.place("r-1", "another key", "Q-1", None, None, at(1, 5));
    assert_eq!(again, Ok((1, false)), "even when the quote is no longer known");
    let other = orders.place("r-1", "another key", "Q-2", Some(&quote("Q-2")), None, at(1, 5));
    assert!(matches!(other, Err(OrderRefusal::RequestIdConflict { .. })), "{other:?}");
    let _ = orders.happen(1, Happening::CancelAsked, Some("by_customer"), at(1, 6)).unwrap();
    let rows = orders.drain();
    let mut loaded = Orders::load(&rows);
    let later = loaded.place("r-1", "another key", "Q-1", None, None, at(9, 5));
    assert_eq!(later, Ok((1, false)), "nor when it has ended and years have passed");
    assert!(!loaded.has_changes());
}

#[test]
fn only_a_quote_that_holds_is_ordered_on() {
    let mut orders = Orders::default();
    let unknown = orders.place("r-1", KEY, "Q-1", None, None, at(1, 0));
    assert!(matches!(unknown, Err(OrderRefusal::UnknownQuote { .. })));
    let quote = quote("Q-1");
    let late = Some(quote.expires_at);
    let expired = orders.place("r-1", KEY, "Q-1", Some(&quote), late, at(1, 0));
    assert!(matches!(expired, Err(OrderRefusal::QuoteExpired { .. })));
    let early = Some(quote.expires_at - 1);
    assert!(orders.place("r-1", KEY, "Q-1", Some(&quote), early, at(1, 0)).is_ok());
    for n in 2..=OPEN_MAX {
        let id = format!("r-{n}");
        assert!(orders.place(&id, &format!("k-{n}"), "Q-1", Some(&quote), None, at(1, 0)).is_ok());
    }
    let one_more = orders.place("r-9", "k-9", "Q-1", Some(&quote), None, at(1, 0));
    assert_eq!(one_more, Err(OrderRefusal::TooManyOpen));
}

#[test]
fn what_is_asked_next_follows_from_where_it_stands() {
    let mut orders = placed(at(1, 0));
    assert!(matches!(errand(&orders, 1), Some(Errand::Order(placing)) if placing.key == KEY));
    let _ = orders.happen(1, Happening::Sending, None, at(1, 1)).unwrap();
    let _ = orders.happen(1, Happening::NoAnswer, None, at(1, 2)).unwrap();
    assert!(matches!(errand(&orders, 3), Some(Errand::Order(_))), "with the same key");
    assert_eq!(errand(&orders, 700), Some(Errand::Cancel { key: KEY.into() }), "settled");
    let _ = orders.hear(&said("T-1", Some(KEY), Said::AwaitingPayment), at(1, 4)).unwrap();
    let stands = Errand::Stand { key: KEY.into(), known: State::AwaitingPayment, wait: true };
    assert_eq!(errand(&orders, 700), Some(stands), "a payment may take its time");
    assert_eq!(orders.get(1).unwrap().payment.as_ref().unwrap().code, "pay:1");
    let _ = orders.happen(1, Happening::CancelAsked, Some("by_customer"), at(1, 5)).unwrap();
    assert_eq!(errand(&orders, 6), Some(Errand::Cancel { key: KEY.into() }));
    let _ = orders.hear(&said("T-1", Some(KEY), Said::Processing), at(1, 7)).unwrap();
    let order = orders.get(1).unwrap();
    assert!(!order.cancel_asked && order.payment.is_none(), "the payment was first");
    assert!(matches!(errand(&orders, 8), Some(Errand::Stand { known: State::Processing, .. })));
    let heard = orders.hear(&said("T-1", None, Said::Completed), at(1, 9)).unwrap();
    assert!(heard.step.effect.credits);
    assert_eq!(errand(&orders, 10), None);
}

#[test]
fn an_order_that_could_not_be_sent_ends_in_its_time() {
    let mut orders = placed(at(1, 0));
    assert_eq!(orders.expire(now(599), None, at(1, 599)), Vec::<u64>::new());
    assert_eq!(orders.expire(now(600), None, at(1, 600)), vec![1]);
    let order = orders.get(1).unwrap();
    assert_eq!((order.topup.state(), order.topup.reason()), (State::Failed, Some("expired")));
    // After a restart of the terminal the trusted time says how old it is; where
    // there is none, it is too old.
    for (placed_at, now_s, late) in [
        (at(1, 0), Some(START_S + 599), false),
        (at(1, 0), Some(START_S + 600), true),
        (at(1, 0), Some(START_S - 1), true),
        (at(1, 0), None, true),
        (untrusted(1, 0), Some(START_S + 1), true),
    ] {
        let mut orders = placed(placed_at);
        let ended = orders.expire(now(5), now_s, at(2, 5));
        assert_eq!(!ended.is_empty(), late, "{placed_at:?} {now_s:?}");
    }
    let mut orders = sent();
    assert_eq!(orders.expire(now(9_999), None, at(1, 9_999)), Vec::<u64>::new(), "it was sent");
}

#[test]
fn a_forgotten_key_is_asked_no_more_and_a_word_of_the_backend_still_counts() {
    let mut orders = sent();
    let _ = orders.happen(1, Happening::KeyForgotten, None, at(1, 1)).unwrap();
    let order = orders.get(1).unwrap();
    assert_eq!((order.topup.state(), order.forgotten), (State::Unknown, true));
    assert_eq!(errand(&orders, 2), None);
    let heard = orders.hear(&said("T-1", Some(KEY), Said::Completed), at(1, 3)).unwrap();
    assert!(heard.step.effect.credits);
    assert!(!orders.get(1).unwrap().forgotten);
}

#[test]
fn one_made_elsewhere_is_taken_once_and_found_by_its_id() {
    let mut orders = Orders::default();
    let told = said("T-7", None, Said::Completed);
    assert!(orders.hear(&told, at(1, 0)).unwrap().step.effect.credits);
    let _ = orders.drain();
    assert!(!orders.hear(&told, at(1, 1)).unwrap().step.effect.credits);
    assert!(!orders.has_changes(), "hearing it again is free");
    assert_eq!(orders.find("T-7").unwrap().id(), "T-7");
    assert_eq!(errand(&orders, 1), None);
}

#[test]
fn an_order_that_comes_back_from_the_backend_answers_its_request_id() {
    let mut orders = Orders::default();
    let told =
        TopUpSaid { request_id: Some("r-1".into()), ..said("T-1", Some(KEY), Said::Processing) };
    let _ = orders.hear(&told, at(1, 0)).unwrap();
    let again = orders.place("r-1", "another", "Q-1", Some(&quote("Q-1")), None, at(1, 1));
    assert_eq!(again, Ok((1, false)), "it is not bought twice after the database was lost");
    assert!(matches!(errand(&orders, 2), Some(Errand::Stand { .. })));
}

#[test]
fn one_id_is_one_order() {
    let mut orders = sent();
    let _ = orders.hear(&said("T-1", Some(KEY), Said::AwaitingPayment), at(1, 1)).unwrap();
    let _ = orders.hear(&said("T-2", Some("k-2"), Said::Processing), at(1, 1)).unwrap();
    let _ = orders.drain();
    let crossed = orders.hear(&said("T-2", Some(KEY), Said::Completed), at(1, 2));
    assert!(matches!(crossed, Err(SaidRefusal::TwoOrders { .. })), "{crossed:?}");
    let other = orders.hear(&said("T-3", Some(KEY), Said::Completed), at(1, 2));
    assert!(matches!(other, Err(SaidRefusal::TopUp { .. })), "{other:?}");
    let mut richer = said("T-1", Some(KEY), Said::Completed);
    richer.record.terms.bytes = 2_000;
    assert!(orders.hear(&richer, at(1, 2)).is_err());
    assert!(!orders.has_changes());
}
