//! A top-up on the wire becomes a record of the domain: its words are those of the
//! contract's lists, its money adds up, and it can be paid while it waits for that.

use crate::domain::money::{Cost, Currency, Money, MoneyError, Rate};
use crate::domain::sim::{Iccid, IccidError};
use crate::domain::topup::{Activation, Channel, Package, Record, Said, Terms, Validity};
use crate::proto::backend as wire;

/// Why what the backend says of a top-up is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// A word that its list does not have.
    #[error("the {what} \"{said}\" is none of the contract")]
    Word {
        /// Of which list.
        what: &'static str,
        /// The word.
        said: wire::Word,
    },
    /// Price, fee and total do not come together, or do not add up.
    #[error("its cost: {0}")]
    Money(#[from] MoneyError),
    /// More, or less, than anyone buys.
    #[error("{0} bytes: a top-up is of 1 to 2^50 bytes")]
    Bytes(u64),
    /// Some of price, fee and total are stated, and others are not.
    #[error("its price, fee and total are stated in part: all or none of them are")]
    CostInPart,
    /// The SIM's number is none.
    #[error("its SIM: {0}")]
    Iccid(#[from] IccidError),
    /// It waits for a payment and does not say how to pay.
    #[error("it waits for a payment and has no code to pay with")]
    NoPayment,
}

/// Takes a top-up as the backend states it.
///
/// # Errors
/// [`RecordError`] says what in it is not of the contract.
pub fn record(said: &wire::TopUp) -> Result<Record, RecordError> {
    let state = word("state", &said.state, Said::from_word)?;
    let unpaid = state == Said::AwaitingPayment;
    // One that was made elsewhere may be paid over a counter.
    if unpaid && said.payment.is_none() && said.key.is_some() {
        return Err(RecordError::NoPayment);
    }
    if !(1..=BYTES_MAX).contains(&said.bytes) {
        return Err(RecordError::Bytes(said.bytes));
    }
    // A wrong price is a reason not to pay; what is paid is not lost for it.
    let cost = match cost(said) {
        Err(wrong) if unpaid => return Err(wrong),
        Err(_) => None,
        Ok(cost) => cost,
    };
    let terms = Terms {
        iccid: Iccid::parse(said.iccid.as_str())?,
        channel: word("channel", &said.channel, Channel::from_word)?,
        package: word("kind", &said.kind, Package::from_word)?,
        bytes: said.bytes,
        activation: word("activation", &said.activation, Activation::from_word)?,
    };
    Ok(Record {
        id: said.id.as_str().to_owned(),
        state,
        terms,
        validity: Validity {
            from: said.valid_from.map(|at| at.0),
            to: said.valid_to.map(|at| at.0),
        },
        cost,
        reason: said.reason.as_ref().map(|reason| reason.as_str().to_owned()),
        reversed_bytes: said.reversed_bytes,
    })
}

/// The largest top-up that is believed, bytes: what is beyond would leave no room
/// for the next in 63 bits of a ledger.
const BYTES_MAX: u64 = 1 << 50;

fn cost(said: &wire::TopUp) -> Result<Option<Cost>, RecordError> {
    let (price, fee, total) = match (&said.price, &said.fee, &said.total) {
        (Some(price), Some(fee), Some(total)) => (money(price)?, money(fee)?, money(total)?),
        (None, None, None) => return Ok(None),
        _ => return Err(RecordError::CostInPart),
    };
    let rate = said.rate.as_ref().map(rate).transpose()?;
    Ok(Some(Cost::new(price, fee, total, rate, None)?))
}

pub(super) fn money(said: &wire::Money) -> Result<Money, MoneyError> {
    Money::new(said.amount, Currency::parse(said.currency.as_str())?)
}

pub(super) fn rate(said: &wire::Rate) -> Result<Rate, MoneyError> {
    let from = Currency::parse(said.from.as_str())?;
    let to = Currency::parse(said.to.as_str())?;
    Rate::parse(said.value.as_str(), from, to, said.source.as_str(), said.at.0)
}

pub(super) fn word<T>(
    what: &'static str,
    said: &wire::Word,
    list: impl Fn(&str) -> Option<T>,
) -> Result<T, RecordError> {
    list(said.as_str()).ok_or_else(|| RecordError::Word { what, said: said.clone() })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::domain::topup::{State, TopUp};

    fn read(changes: &[(&str, Value)]) -> Result<Record, RecordError> {
        let mut said = json!({
            "id": "T-1", "state": "completed", "channel": "agent", "iccid": "8986012034567890123",
            "kind": "add_on", "bytes": 5, "activation": "next_cycle",
            "requested_at": "2026-11-26T08:00:00Z", "valid_from": "2026-12-01T00:00:00Z",
            "price": {"amount": 70, "currency": "USD"}, "fee": {"amount": 1, "currency": "USD"},
            "total": {"amount": 71, "currency": "USD"},
            "rate": {"from": "CNY", "to": "USD", "value": "0.1407", "source": "ECB",
                     "at": "2026-11-25T15:00:00Z"},
        });
        for (member, value) in changes {
            if value.is_null() {
                said.as_object_mut().unwrap().remove(*member).unwrap();
            } else {
                said[member] = value.clone();
            }
        }
        record(&wire::read(said.to_string().as_bytes()).unwrap())
    }

    #[test]
    fn a_top_up_is_taken_as_it_is_stated() {
        let record = read(&[]).unwrap();
        assert_eq!((record.id.as_str(), record.state), ("T-1", Said::Completed));
        assert_eq!(record.terms.channel, Channel::Agent);
        assert_eq!(record.terms.package, Package::AddOn);
        assert_eq!(record.terms.activation, Activation::NextCycle);
        assert_eq!(record.validity, Validity { from: Some(1_796_083_200), to: None });
        let cost = record.cost.as_ref().unwrap();
        assert_eq!((cost.total().amount, cost.rate().unwrap().value().as_str()), (71, "0.1407"));
        let (topup, step) = TopUp::elsewhere(&record).unwrap();
        assert_eq!((topup.state(), step.effect.credits), (State::Completed, true));
        let bare = [("price", json!(null)), ("fee", json!(null)), ("total", json!(null))];
        assert_eq!(read(&bare).unwrap().cost, None, "an agent need not say what it took");
    }

    #[test]
    fn what_is_not_of_the_contract_is_refused_by_name() {
        for (changes, text) in [
            (vec![("state", json!("unknown"))], "the state \"unknown\" is none of the contract"),
            (vec![("channel", json!("cash"))], "the channel \"cash\""),
            (vec![("kind", json!("plan"))], "the kind \"plan\""),
            (vec![("activation", json!("later"))], "the activation \"later\""),
            (vec![("bytes", json!(0))], "0 bytes"),
            (vec![("bytes", json!((1_u64 << 50) + 1))], "a top-up is of 1 to"),
        ] {
            let error = read(&changes).unwrap_err().to_string();
            assert!(error.contains(text), "{changes:?}: {error}");
        }
        let key = json!("5f0c2a7e-3d34-4a52-9c5b-9d8d4f2b6a11");
        let waits = || ("state", json!("awaiting_payment"));
        let unpayable = read(&[waits(), ("key", key)]).unwrap_err();
        assert_eq!(unpayable, RecordError::NoPayment);
        assert!(read(&[waits()]).is_ok(), "over a counter, elsewhere");
    }

    #[test]
    fn a_wrong_price_is_not_paid_and_loses_nothing_that_was() {
        let usd = |amount: u64| json!({"amount": amount, "currency": "USD"});
        let none = || json!(null);
        let backwards = json!({"from": "USD", "to": "CNY", "value": "7", "source": "x",
                               "at": "2026-11-25T15:00:00Z"});
        for (mut changes, text) in [
            (vec![("total", usd(72))], "are not the total 72"),
            (vec![("fee", json!({"amount": 1, "currency": "CNY"}))], "one currency was expected"),
            (vec![("fee", none())], "stated in part"),
            (vec![("price", none()), ("total", none())], "stated in part"),
            (vec![("rate", backwards)], "says nothing of a total in USD"),
        ] {
            assert_eq!(read(&changes).unwrap().cost, None, "{text}");
            changes.push(("state", json!("awaiting_payment")));
            let error = read(&changes).unwrap_err().to_string();
            assert!(error.contains(text), "{changes:?}: {error}");
        }
    }
}
