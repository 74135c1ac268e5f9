//! An order followed to its end. The daemon may be restarted and the bus may go
//! away meanwhile: they are waited for, and asked again.

use std::time::Duration;

use futures_util::StreamExt as _;
use tokio::time::{interval, sleep};

use super::args::Bus;
use super::client::Client;
use super::failure::{End, Failure};
use super::model::TopUp;
use super::progress::Progress;
use crate::adapters::clock;
use crate::domain::time::BootMs;
use crate::domain::topup::State;

/// Where no change is heard of, it is asked for after this: a change may fall
/// between two lives of the daemon.
const ASK_AGAIN: Duration = Duration::from_secs(30);
/// Between two attempts to reach a daemon that does not answer.
const PAUSE: Duration = Duration::from_millis(500);
/// How long a daemon that does not answer is waited for: systemd starts it again
/// sooner than this, and whoever waits should hear that it does not.
const DARK_MS_MAX: BootMs = 120_000;

/// The way to the daemon, found again when it is lost.
pub(super) struct Link<'a> {
    pub(super) client: Client,
    bus: &'a Bus,
    dark_since: Option<BootMs>,
}

impl<'a> Link<'a> {
    pub(super) fn new(client: Client, bus: &'a Bus) -> Self {
        Self { client, bus, dark_since: None }
    }

    /// An answer came: what was lost before is over.
    pub(super) fn heard(&mut self) {
        self.dark_since = None;
    }

    /// After a failure that may pass: waits a little and connects anew; any other,
    /// and one that lasts, is given back.
    pub(super) async fn again(&mut self, failure: Failure) -> Result<(), Failure> {
        if !failure.is_passing() {
            return Err(failure);
        }
        let now = clock::now().boot_ms;
        let since = *self.dark_since.get_or_insert(now);
        if now.saturating_sub(since) > DARK_MS_MAX {
            return Err(failure);
        }
        sleep(PAUSE).await;
        // While it fails, the next question fails too, and comes here again.
        if let Ok(client) = Client::connect(self.bus).await {
            self.client = client;
        }
        Ok(())
    }
}

/// Follows an order until it has ended, or only a person can settle it.
pub(super) async fn to_end(
    link: &mut Link<'_>,
    id: &str,
    progress: &mut Progress<'_>,
) -> Result<TopUp, Failure> {
    loop {
        match follow(link, id, progress).await {
            Ok(topup) => return Ok(topup),
            Err(failure) => {
                if failure.is_passing() {
                    progress.dark()?;
                }
                link.again(failure).await?;
            }
        }
    }
}

/// The same, as long as the daemon is there.
async fn follow(
    link: &mut Link<'_>,
    id: &str,
    progress: &mut Progress<'_>,
) -> Result<TopUp, Failure> {
    // Before the first question, so that no change falls between.
    let mut changes = link.client.top_up_changes().await?;
    let mut daemon = link.client.presence().await?;
    let mut second = interval(Duration::from_secs(1));
    loop {
        let topup = link.client.top_up(id).await?;
        link.heard();
        progress.show(&topup)?;
        if has_ended(&topup) {
            progress.clear()?;
            return Ok(topup);
        }
        let again = sleep(ASK_AGAIN);
        tokio::pin!(again);
        loop {
            tokio::select! {
                biased;
                failure = daemon.gone() => return Err(failure),
                change = changes.next() => match change {
                    Some(_) => break,
                    None => return Err(daemon.gone().await),
                },
                () = &mut again => break,
                _ = second.tick(), if progress.moves() => progress.tick()?,
            }
        }
    }
}

/// True where nothing more is waited for.
pub(super) fn has_ended(topup: &TopUp) -> bool {
    topup.needs_person == Some(true) || topup.stands().is_some_and(State::is_ended)
}

/// What an ended order is to whoever bought: data, or a failure that says what to
/// do next.
pub(super) fn outcome(topup: &TopUp) -> Result<(), Failure> {
    let id = topup.name_here();
    let why = topup.reason.as_deref().map_or_else(String::new, |reason| format!(": {reason}"));
    let quoting = topup.reference.as_deref().map_or_else(
        || format!("naming {id}"),
        |reference| format!("naming the reference {reference}"),
    );
    let (end, message, next) = match topup.stands() {
        _ if topup.needs_person == Some(true) => (
            End::NeedsPerson,
            "it is not known what became of the order, and the backend cannot be asked any more"
                .to_owned(),
            format!(
                "have the operator's support say whether it was charged, {quoting}; do not buy anew before"
            ),
        ),
        Some(State::Failed) => {
            let next = match topup.reason.as_deref() {
                Some("payment_expired") => "nothing is charged; run it again and pay in time".to_owned(),
                Some("payment_refused") => {
                    "nothing is charged; run it again, perhaps with another --channel".to_owned()
                }
                Some("expired") => {
                    "nothing was sent, nothing is charged; is there a network? posdatactl sync, then run it again"
                        .to_owned()
                }
                _ => format!("nothing stays charged; run it again, or ask the operator's support, {quoting}"),
            };
            (End::Failed, format!("the order failed{why}"), next)
        }
        Some(State::Cancelled) => (
            End::Cancelled,
            format!("the order was cancelled{why}"),
            "nothing is charged; run it again to buy".to_owned(),
        ),
        Some(State::Reversed) => (
            End::Reversed,
            format!("the operator has taken the data back{why}"),
            format!("ask the operator's support why, {quoting}"),
        ),
        _ => return Ok(()),
    };
    Err(Failure::Order { end, message, next })
}
