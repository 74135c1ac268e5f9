//! For the tests of `posdatactl recharge`: a stand-in for posdatad that keeps one
//! order, outlives its own connections, and is moved on by the test.

#![allow(dead_code, clippy::unwrap_used)]

use std::sync::{Arc, Mutex};

use crate::ctl_fake::{Answer, Bus, Dict, Fake, Signal};
use crate::dict;

pub const MIB: u64 = 1 << 20;
/// In the year 2100: ahead of the clock of whatever runs these tests.
pub const LATER: u64 = 4_102_444_800;
pub const CODE: &str = "https://pay.example/q/T-1010?sign=8d969eef6ecad3c2";

/// The order, and what the stand-in is to do.
#[derive(Clone, Default)]
pub struct Till(Arc<Mutex<Kept>>);

#[derive(Default)]
struct Kept {
    request_id: Option<String>,
    state: &'static str,
    more: Vec<(&'static str, zbus::OwnedVariant)>,
    /// How many answers to `Recharge` are lost after it was done.
    losing: usize,
}

impl Till {
    /// On that bus, from now on until it is dropped.
    pub fn serve(&self, bus: &Bus) -> Fake {
        let till = self.clone();
        Fake::start(bus, move |call| till.answer(call))
    }

    /// The next answer to an order is lost, and the daemon with it.
    pub fn lose_an_answer(&self) {
        self.0.lock().unwrap().losing += 1;
    }

    /// The order was placed with this request id before.
    pub fn has(&self, request_id: &str, state: &'static str) {
        let mut kept = self.0.lock().unwrap();
        kept.request_id = Some(request_id.to_owned());
        kept.state = state;
    }

    /// More of what is known of the order.
    pub fn knows(&self, key: &'static str, value: impl Into<zbus::Variant<'static>>) {
        let value = zbus::OwnedVariant::try_from(value.into()).unwrap();
        self.0.lock().unwrap().more.push((key, value));
    }

    /// Moves the order on, and tells everyone.
    pub fn moves_on(&self, fake: &Fake, state: &'static str) {
        self.0.lock().unwrap().state = state;
        fake.signals.send(Signal::TopUpChanged("K-1", state)).unwrap();
    }

    /// Moves it on, and tells no one.
    pub fn moves_on_quietly(&self, state: &'static str) {
        self.0.lock().unwrap().state = state;
    }

    /// How many orders there are: one a request id.
    pub fn request_id(&self) -> Option<String> {
        self.0.lock().unwrap().request_id.clone()
    }

    /// What it answers.
    pub fn answer(&self, call: &str) -> Answer {
        let mut kept = self.0.lock().unwrap();
        let (method, arguments) = call.trim_end_matches(')').split_once('(').unwrap();
        match method {
            "Recharge1.Quote" => Answer::One(dict! {
                "id" => "Q-1", "offer_id" => "M30", "name" => "30 MB", "kind" => "main", "bytes" => 30 * MIB,
                "iccid" => "89860012345678901234", "channel" => "alipay", "activation" => "now",
                "price" => 500_i64, "fee" => 3_i64, "total" => 503_i64, "currency" => "CNY",
                "expires_at" => LATER,
            }),
            "Recharge1.Recharge" => {
                let request_id = arguments.strip_suffix(", Q-1, {}").unwrap();
                match &kept.request_id {
                    None => {
                        kept.request_id = Some(request_id.to_owned());
                        kept.state = "awaiting_payment";
                    }
                    Some(known) => assert_eq!(known, request_id, "a second order"),
                }
                if kept.losing > 0 {
                    kept.losing -= 1;
                    return Answer::Leave;
                }
                Answer::Text("K-1")
            }
            "Recharge1.GetTopUp" => match &kept.request_id {
                Some(known) if arguments == "K-1" || arguments == known => {
                    Answer::One(kept.topup())
                }
                _ => Answer::Error("org.posdata.Error.UnknownTopUp", "there is no such top-up"),
            },
            "Properties.GetAll" => {
                Answer::One(dict! { "RemainingBytes" => 51 * MIB, "GrantedBytes" => 60 * MIB })
            }
            other => panic!("not expected: {other}"),
        }
    }
}

impl Kept {
    fn topup(&self) -> Dict {
        let request_id = self.request_id.clone().unwrap();
        let mut topup = dict! {
            "id" => "K-1", "number" => 1_u64, "state" => self.state, "request_id" => request_id,
            "offer_id" => "M30", "name" => "30 MB", "iccid" => "89860012345678901234", "channel" => "alipay",
            "kind" => "main", "bytes" => 30 * MIB, "activation" => "now", "price" => 500_i64, "fee" => 3_i64,
            "total" => 503_i64, "currency" => "CNY", "taken_back_bytes" => 0_u64, "cancel_asked" => false,
            "needs_person" => false, "placed_at" => LATER - 905, "changed_at" => LATER - 900,
        };
        if self.state == "awaiting_payment" {
            topup.extend(dict! { "payment_code" => CODE, "payment_expires_at" => LATER });
        }
        let more = self.more.iter().map(|(key, value)| (*key, value.try_clone().unwrap().into()));
        topup.extend(more);
        topup
    }
}
