//! `posdatactl recharge`: quote, question, order, payment, new balance.

use std::io::{self, IsTerminal as _};

use serde::Serialize;

use super::Out;
use super::args;
use super::failure::{End, Failure};
use super::follow::{self, Link};
use super::layout::{Cell, Sheet};
use super::model::{Balance, Quote, TopUp};
use super::money::money;
use super::offers;
use super::progress::Progress;
use super::screen::Colour;
use super::stop::Stop;
use crate::adapters::random;
use crate::domain::units::Size;

#[derive(Serialize)]
struct Begun<'a> {
    request_id: &'a str,
    quote: &'a Quote,
}

#[derive(Serialize)]
struct Placed<'a> {
    placed: &'a Order<'a>,
}

#[derive(Serialize)]
struct Order<'a> {
    id: &'a str,
    request_id: &'a str,
    resumed: bool,
}

#[derive(Serialize)]
struct Left {
    balance: Balance,
}

pub(super) async fn run(
    mut link: Link<'_>,
    out: &Out,
    wanted: &args::Recharge,
) -> Result<(), Failure> {
    if let Some(request_id) = &wanted.request_id
        && let Some(known) = known(&link, request_id, &wanted.choice).await?
    {
        let stop = Stop::listen()?;
        let order = Order { id: known.name_here(), request_id, resumed: true };
        return finish(link, out, wanted, order, stop).await;
    }
    let can_ask = out.screen.columns.is_some() && io::stdin().is_terminal() && !out.json;
    if !wanted.yes && !can_ask {
        let text = "no one can be asked whether to buy: give --yes, or run it on a terminal without --json";
        return Err(Failure::Usage(text.to_owned()));
    }
    let choice = &wanted.choice;
    let quote = link.client.quote(&choice.offer, offers::options(choice)).await?;
    let request_id = match &wanted.request_id {
        Some(given) => given.clone(),
        None => random::uuid().map_err(|error| Failure::Internal(error.to_string()))?,
    };
    tell_quote(out, &quote, &request_id).map_err(unseen)?;
    if !wanted.yes && !agreed(out, &quote).map_err(unseen)? {
        return Err(nothing("nothing was ordered".to_owned()));
    }
    let mut stop = Stop::listen()?;
    let quote_id = quote.id.as_deref().unwrap_or_default();
    let placed = tokio::select! {
        biased;
        () = stop.wanted() => Err(None),
        placed = place(&mut link, &request_id, quote_id) => placed.map_err(Some),
    };
    let id = placed.map_err(|failure| not_known(failure, choice, &request_id))?;
    let order = Order { id: &id, request_id: &request_id, resumed: false };
    finish(link, out, wanted, order, stop).await
}

/// There is no order.
fn nothing(message: String) -> Failure {
    Failure::Order { end: End::Declined, message, next: String::new() }
}

/// Elsewhere a reader that has read enough is no failure; here it would look as if
/// the data had been bought.
fn unseen(failure: Failure) -> Failure {
    match failure {
        Failure::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => {
            nothing(format!("no one reads the output ({error}): nothing was ordered"))
        }
        other => other,
    }
}

/// The order of that request id, where there is one; it must be of what is wanted.
async fn known(
    link: &Link<'_>,
    request_id: &str,
    choice: &args::Choice,
) -> Result<Option<TopUp>, Failure> {
    let topup = match link.client.top_up(request_id).await {
        Ok(topup) => topup,
        Err(Failure::Refused { name, .. }) if name == "org.posdata.Error.UnknownTopUp" => {
            return Ok(None);
        }
        Err(failure) => return Err(failure),
    };
    // What came back from the backend after a loss may not know its offer.
    let other = |then: &Option<String>, now: Option<&String>| {
        then.as_ref().zip(now).is_some_and(|(then, now)| then != now)
    };
    let differs = other(&topup.offer_id, Some(&choice.offer))
        || other(&topup.channel, choice.channel.as_ref())
        || other(&topup.activation, choice.activation.as_ref());
    if topup.request_id.as_deref() != Some(request_id) || differs {
        let what = topup.offer_id.as_deref().unwrap_or("another offer");
        let how = topup.channel.as_deref().unwrap_or("?");
        return Err(Failure::RequestIdUsed(format!(
            "\"{request_id}\" names another purchase already: {what}, paid by {how}"
        )));
    }
    Ok(Some(topup))
}

/// Places the order, however often that takes: with the same two ids it is one.
async fn place(link: &mut Link<'_>, request_id: &str, quote_id: &str) -> Result<String, Failure> {
    loop {
        match link.client.recharge(request_id, quote_id).await {
            Ok(id) => {
                link.heard();
                return Ok(id);
            }
            Err(failure) => link.again(failure).await?,
        }
    }
}

/// Why there is no answer to the order; `None`: it was not waited for.
fn not_known(failure: Option<Failure>, choice: &args::Choice, request_id: &str) -> Failure {
    let why = match failure {
        None => "interrupted".to_owned(),
        Some(failure) if failure.is_passing() => failure.to_string(),
        Some(refused) => return refused,
    };
    Failure::Order {
        end: End::Open,
        message: format!("{why}; it is not known whether the order was placed"),
        next: format!(
            "posdatactl recharge {} --request-id {request_id} goes on with it, and buys nothing twice",
            choice.offer
        ),
    }
}

/// Waits for the order's end, if that is wanted, and tells it. From here on only
/// its end may look like one.
async fn finish(
    mut link: Link<'_>,
    out: &Out,
    wanted: &args::Recharge,
    order: Order<'_>,
    mut stop: Stop,
) -> Result<(), Failure> {
    let mut progress = Progress::new(out);
    let ended = match tell_placed(out, &order, wanted.no_wait) {
        Err(failure) => Err(Some(failure)),
        Ok(()) if wanted.no_wait => return Ok(()),
        Ok(()) => tokio::select! {
            biased;
            () = stop.wanted() => Err(None),
            ended = follow::to_end(&mut link, order.id, &mut progress) => ended.map_err(Some),
        },
    };
    // What cannot be taken away has not been seen either.
    let _ = progress.clear();
    let why = match ended {
        Ok(topup) => {
            follow::outcome(&topup)?;
            return tell_completed(&link, out, &topup).await;
        }
        Err(None) => "no longer waited for".to_owned(),
        Err(Some(failure @ Failure::Output(_))) => failure.to_string(),
        Err(Some(failure)) if failure.is_passing() => failure.to_string(),
        Err(Some(failure)) => return Err(failure),
    };
    let (offer, Order { id, request_id, .. }) = (&wanted.choice.offer, order);
    Err(Failure::Order {
        end: End::Open,
        message: format!("{why}; the order stays as it is and goes on by itself"),
        next: format!(
            "posdatactl topups {id} shows it; posdatactl recharge {offer} --request-id {request_id} \
             waits for it again; posdatactl cancel {id} ends it"
        ),
    })
}

fn tell_quote(out: &Out, quote: &Quote, request_id: &str) -> Result<(), Failure> {
    if out.json {
        return out.json(&Begun { request_id, quote });
    }
    offers::show(out, quote)?;
    // Before anything is sent: it is what brings a lost answer back.
    let mut sheet = Sheet::default();
    sheet.row("Request id", request_id);
    out.text(&sheet.render(&out.screen))
}

fn tell_placed(out: &Out, order: &Order<'_>, leaves: bool) -> Result<(), Failure> {
    if out.json {
        return out.json(&Placed { placed: order });
    }
    let mut sheet = Sheet::default();
    let before = if order.resumed { " (placed before: nothing is bought twice)" } else { "" };
    sheet.row("Order", format!("{}{before}", order.id));
    let goes_on = format!("It goes on by itself: posdatactl topups {}\n", order.id);
    let goes_on = if leaves { goes_on } else { String::new() };
    out.text(&format!("{}{goes_on}", sheet.render(&out.screen)))
}

/// Asks on the terminal; anything but a yes is a no.
fn agreed(out: &Out, quote: &Quote) -> Result<bool, Failure> {
    let total = quote.total.zip(quote.currency.as_deref());
    let total = total.map_or_else(|| "?".to_owned(), |(total, code)| money(total, code));
    out.text(&format!("Buy it for {total}? [y/N] "))?;
    let mut answer = String::new();
    let read = io::stdin().read_line(&mut answer);
    Ok(read.is_ok() && matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}

/// The data is there: how much, and what is left now. A balance that cannot be
/// had changes nothing of that.
async fn tell_completed(link: &Link<'_>, out: &Out, topup: &TopUp) -> Result<(), Failure> {
    let record = link.client.balance().await;
    let balance = record.and_then(|record| Balance::read(&record)).unwrap_or_default();
    if out.json {
        return out.json(&Left { balance });
    }
    let screen = &out.screen;
    let mut sheet = Sheet::default();
    let until = topup.valid_to.map(|at| format!(", until {}", screen.minute(at)));
    let bytes = Size(topup.bytes.unwrap_or(0));
    let credited = format!("{bytes}{}", until.unwrap_or_default());
    sheet.row("Credited", Cell::coloured(credited, Colour::Good));
    let granted = balance.granted_bytes.map(|granted| format!(" of {}", Size(granted)));
    let remaining = balance.remaining_bytes.map(|remaining| Size(remaining).to_string());
    sheet.known(
        "Remaining",
        remaining.map(|remaining| format!("{remaining}{}", granted.unwrap_or_default())),
    );
    out.text(&sheet.render(screen))
}
