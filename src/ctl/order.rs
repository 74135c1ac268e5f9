//! One top-up in words: where it stands and what that means, and all details.

use super::layout::{Cell, Sheet};
use super::model::TopUp;
use super::offers::{Costs, costs, kind};
use super::screen::{Colour, Screen};
use crate::domain::topup::State;
use crate::domain::units::Size;

/// What a state means to whoever waits.
pub(super) fn meaning(state: State) -> &'static str {
    match state {
        State::Created => "on this terminal's disk, not sent yet",
        State::Submitted => "sent, and not answered yet",
        State::Unknown => {
            "no clear answer yet: it is asked again with the same key, until there is one"
        }
        State::AwaitingPayment => "waits for the payment",
        State::Processing => "paid, the data is on its way",
        State::Completed => "paid and credited",
        State::Failed => "given up, nothing stays charged",
        State::Cancelled => "ended before it was paid",
        State::Reversed => "credited, and taken back by the operator",
    }
}

/// The word and its meaning, coloured by it.
pub(super) fn state(topup: &TopUp) -> Cell {
    let word = topup.word();
    let Some(state) = topup.stands() else { return word.into() };
    let reason = topup.reason.as_deref().map_or_else(String::new, |why| format!(" ({why})"));
    Cell::coloured(format!("{word}: {}{reason}", meaning(state)), colour(topup))
}

/// The colour of where it stands.
pub(super) fn colour(topup: &TopUp) -> Colour {
    match topup.stands() {
        _ if topup.needs_person == Some(true) => Colour::Bad,
        Some(State::Completed) => Colour::Good,
        Some(State::Failed | State::Reversed) => Colour::Bad,
        Some(State::Cancelled) => Colour::Dim,
        Some(State::Unknown | State::AwaitingPayment) => Colour::Warn,
        _ => Colour::Bold,
    }
}

/// What it would do to look again, to go on, or to settle it; empty where there
/// is nothing to do.
pub(super) fn advice(topup: &TopUp) -> String {
    let id = topup.name_here();
    if topup.needs_person == Some(true) {
        return "the backend no longer knows its key, so it cannot be asked any more: give the \
                operator's support these ids and have them say whether it was charged"
            .to_owned();
    }
    if topup.cancel_asked == Some(true) && topup.stands().is_some_and(|state| !state.is_ended()) {
        return "its end was asked for; the backend decides, and a payment that came first wins"
            .to_owned();
    }
    match topup.stands() {
        Some(State::AwaitingPayment) => format!("pay the code below, or posdatactl cancel {id}"),
        Some(State::Created) => {
            format!("it goes out with the network within 10 minutes, or posdatactl cancel {id}")
        }
        Some(State::Failed) => "posdatactl recharge buys anew".to_owned(),
        Some(State::Reversed) => "ask the operator's support why".to_owned(),
        _ => String::new(),
    }
}

/// Everything that is known of it.
pub(super) fn sheet(topup: &TopUp, screen: &Screen) -> String {
    let mut sheet = Sheet::default();
    sheet.row("Id", Cell::coloured(topup.name_here(), Colour::Bold));
    sheet.row("State", state(topup));
    let next = advice(topup);
    sheet.known("Next", Some(next).filter(|next| !next.is_empty()));
    sheet.known("Reference", topup.reference.as_ref());
    let offer = topup.offer_id.as_deref().map(|id| match &topup.name {
        Some(name) => format!("{id}: {name}"),
        None => id.to_owned(),
    });
    sheet.known("Offer", offer);
    let size = topup.bytes.map(|bytes| Size(bytes).to_string());
    let kind = topup.kind.as_deref().map(|word| format!(", {}", kind(word)));
    sheet.known("Size", size.map(|size| format!("{size}{}", kind.unwrap_or_default())));
    sheet.known(
        "Taken back",
        topup.taken_back_bytes.filter(|bytes| *bytes > 0).map(|bytes| Size(bytes).to_string()),
    );
    sheet.known("For SIM", topup.iccid.as_ref());
    sheet.known("Paid by", topup.channel.as_ref());
    sheet.known("Begins", topup.activation.as_ref());
    costs(&mut sheet, &of_topup(topup), screen);
    sheet.known("Valid from", topup.valid_from.map(|at| screen.minute(at)));
    sheet.known("Valid until", topup.valid_to.map(|at| screen.minute(at)));
    sheet.known("Pay until", topup.payment_expires_at.map(|at| screen.second(at)));
    sheet.known("Code", topup.payment_code.as_ref());
    sheet.known("Request id", topup.request_id.as_ref());
    sheet.known("Backend id", topup.backend_id.as_ref());
    sheet.known("Quote", topup.quote_id.as_ref());
    sheet.known("Number", topup.number.map(|number| number.to_string()));
    sheet.known("Placed", topup.placed_at.map(|at| screen.second(at)));
    sheet.known("Changed", topup.changed_at.map(|at| screen.second(at)));
    sheet.render(screen)
}

fn of_topup(topup: &TopUp) -> Costs<'_> {
    Costs {
        amounts: [("Price", topup.price), ("Fee", topup.fee), ("Total", topup.total)],
        currency: topup.currency.as_deref(),
        rate: topup.rate_from.as_deref().zip(topup.rate.as_deref()),
        rate_source: topup.rate_source.as_deref(),
        rate_at: topup.rate_at,
    }
}
