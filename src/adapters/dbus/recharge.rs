//! `org.posdata.Recharge1`: what can be bought, and what became of it. It has no
//! properties, so that the bus can guard all of it.

use std::collections::HashMap;

use zbus::Variant;
use zbus::object_server::SignalEmitter;

use super::error::Error;
use super::record::{self, Record};
use super::request::{Engine, Request};
use crate::adapters::random;
use crate::domain::engine::{Filter, Granted, Wish};
use crate::domain::topup::{Activation, Channel, State};

/// How many top-ups one answer holds at most.
const PAGE_MAX: u32 = 100;
/// The longest request id, characters.
const REQUEST_ID_MAX: usize = 64;

/// Options and filters as they come over the bus.
type Options<'a> = HashMap<&'a str, Variant<'a>>;

/// The interface.
#[derive(Debug)]
pub(super) struct Recharge1 {
    engine: Engine,
}

impl Recharge1 {
    pub(super) fn new(engine: Engine) -> Self {
        Self { engine }
    }
}

#[zbus::interface(name = "org.posdata.Recharge1", introspection_docs = false)]
impl Recharge1 {
    #[zbus(out_args("offers"))]
    async fn list_offers(&self) -> Result<Vec<Record>, Error> {
        match wish(&self.engine, Wish::Offers).await? {
            Granted::Offers(list) => Ok(list.offers.iter().map(record::offer).collect()),
            _ => Err(mixed_up()),
        }
    }

    #[zbus(out_args("quote"))]
    async fn quote(&self, offer_id: &str, options: Options<'_>) -> Result<Record, Error> {
        known_keys(&options, "options", &["channel", "activation"])?;
        let offer_id = printable("offer_id", offer_id)?;
        let channel = word(&options, "channel", Channel::ALL, Channel::word)?;
        let activation = word(&options, "activation", Activation::ALL, Activation::word)?;
        match wish(&self.engine, Wish::Quote { offer_id, channel, activation }).await? {
            Granted::Quote(quote) => Ok(record::quote(&quote)),
            _ => Err(mixed_up()),
        }
    }

    #[zbus(out_args("id"))]
    async fn recharge(
        &self,
        request_id: &str,
        quote_id: &str,
        options: Options<'_>,
    ) -> Result<String, Error> {
        known_keys(&options, "options", &[])?;
        let request_id = printable("request_id", request_id)?;
        let quote_id = printable("quote_id", quote_id)?;
        let key = random::uuid().map_err(|error| Error::Busy(error.to_string()))?;
        match wish(&self.engine, Wish::Recharge { request_id, quote_id, key }).await? {
            Granted::Placed(id) => Ok(id),
            _ => Err(mixed_up()),
        }
    }

    #[zbus(out_args("topup"))]
    async fn get_top_up(&self, id: &str) -> Result<Record, Error> {
        let id = printable("id", id)?;
        match wish(&self.engine, Wish::TopUp { id }).await? {
            Granted::TopUp(order) => Ok(record::top_up(&order)),
            _ => Err(mixed_up()),
        }
    }

    #[zbus(out_args("topups"))]
    async fn list_top_ups(
        &self,
        filter: Options<'_>,
        before: u64,
        limit: u32,
    ) -> Result<Vec<Record>, Error> {
        let filter = read_filter(&filter, before, limit)?;
        match wish(&self.engine, Wish::TopUps(filter)).await? {
            Granted::TopUps(orders) => Ok(orders.iter().map(record::top_up).collect()),
            _ => Err(mixed_up()),
        }
    }

    #[zbus(out_args("state"))]
    async fn cancel(&self, id: &str) -> Result<String, Error> {
        let id = printable("id", id)?;
        match wish(&self.engine, Wish::Cancel { id }).await? {
            Granted::Stands(state) => Ok(state.word().to_owned()),
            _ => Err(mixed_up()),
        }
    }

    #[zbus(signal)]
    pub(super) async fn top_up_changed(
        emitter: &SignalEmitter<'_>,
        id: &str,
        state: &str,
    ) -> zbus::Result<()>;
}

/// Wishes, and waits for the answer.
pub(super) async fn wish(engine: &Engine, wish: Wish) -> Result<Granted, Error> {
    engine.ask(|reply| Request::Wish { wish, reply }).await
}

/// Each wish has one kind of answer: another one is a fault of this program. What
/// it holds is not said: a code to pay with may be in it.
pub(super) fn mixed_up() -> Error {
    tracing::error!("a wish was answered with another one's answer");
    Error::Busy("posdatad mixed up its answers: ask again".to_owned())
}

fn read_filter(filter: &Options<'_>, before: u64, limit: u32) -> Result<Filter, Error> {
    known_keys(filter, "filter", &["state", "channel", "open"])?;
    if !(1..=PAGE_MAX).contains(&limit) {
        let text = format!("limit must be 1 to {PAGE_MAX}, not {limit}");
        return Err(Error::InvalidArgument(text));
    }
    let open = match filter.get("open") {
        None => None,
        Some(Variant::Bool(open)) => Some(*open),
        Some(_) => return Err(Error::InvalidArgument("open must be a boolean".to_owned())),
    };
    Ok(Filter {
        state: word(filter, "state", &State::ALL, State::word)?,
        channel: word(filter, "channel", Channel::ALL, Channel::word)?,
        open,
        before: (before > 0).then_some(before),
        limit: usize::try_from(limit).unwrap_or(usize::MAX),
    })
}

/// A key that nobody knows is a mistake, and would silently do nothing.
fn known_keys(options: &Options<'_>, name: &str, known: &[&str]) -> Result<(), Error> {
    let Some(strange) = options.keys().find(|key| !known.contains(*key)) else { return Ok(()) };
    let there_are = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
    let strange = strange.escape_default();
    Err(Error::InvalidArgument(format!("{name} has no key \"{strange}\"; there are: {there_are}")))
}

fn word<T: Copy>(
    options: &Options<'_>,
    key: &str,
    all: &[T],
    word: impl Fn(T) -> &'static str,
) -> Result<Option<T>, Error> {
    let Some(value) = options.get(key) else { return Ok(None) };
    let said = if let Variant::Str(said) = value { said.as_str() } else { "" };
    let found = all.iter().copied().find(|one| word(*one) == said);
    found.map(Some).ok_or_else(|| {
        let words = all.iter().map(|one| word(*one)).collect::<Vec<_>>().join(", ");
        let said = said.escape_default();
        Error::InvalidArgument(format!("{key} must be one of {words}, not \"{said}\""))
    })
}

fn printable(name: &str, text: &str) -> Result<String, Error> {
    let fits = (1..=REQUEST_ID_MAX).contains(&text.len());
    if fits && text.bytes().all(|b| b.is_ascii_graphic()) {
        return Ok(text.to_owned());
    }
    Err(Error::InvalidArgument(format!(
        "{name} must be 1 to {REQUEST_ID_MAX} printable ASCII characters without spaces"
    )))
}
