//! `posdatactl trace`: what is said to the modem and what it answers.

use std::time::Duration;

use futures_util::{FutureExt as _, StreamExt as _};
use jiff::Timestamp;
use serde::Serialize;

use super::Out;
use super::args;
use super::client::Client;
use super::failure::Failure;
use super::proxy::TraceLine;
use super::screen::harmless;
use super::stop::Stop;
use crate::adapters::clock;
use crate::domain::time::BootMs;

#[derive(Debug, Serialize)]
struct Line<'a> {
    time: String,
    elapsed_ms: u64,
    source: &'a str,
    line: &'a str,
}

pub(super) async fn run(client: &Client, out: &Out, wanted: &args::Trace) -> Result<(), Failure> {
    let mut stop = Stop::listen()?;
    let mut daemon = client.presence().await?;
    let begun_ms = clock::now().boot_ms;
    let mut lines = client.trace(wanted.seconds).await?;
    let end = tokio::time::sleep(Duration::from_secs(u64::from(wanted.seconds)));
    tokio::pin!(end);
    out.remark(&format!("Tracing for {} s; Ctrl-C ends it.", wanted.seconds));
    loop {
        tokio::select! {
            biased;
            () = stop.wanted() => break,
            () = &mut end => break,
            line = lines.next() => match line {
                Some(line) => print(out, begun_ms, &line)?,
                None => return Err(daemon.gone().await),
            },
            failure = daemon.gone() => return Err(failure),
        }
    }
    client.untrace().await?;
    // What was on its way before the trace ended has arrived by now.
    while let Some(Some(line)) = lines.next().now_or_never() {
        print(out, begun_ms, &line)?;
    }
    Ok(())
}

/// Stamped as it arrives: with this system's clock, which may be wrong, and with
/// the time since the trace began, which is not.
fn print(out: &Out, begun_ms: BootMs, signal: &TraceLine) -> Result<(), Failure> {
    let args = signal.args().map_err(|error| Failure::Misunderstood(error.to_string()))?;
    let now = clock::now();
    let at = Timestamp::from_second(now.wall_s).unwrap_or_default();
    let elapsed_ms = now.boot_ms.saturating_sub(begun_ms);
    if out.json {
        return out.json(&Line {
            time: at.to_string(),
            elapsed_ms,
            source: args.source,
            line: args.line,
        });
    }
    let (time, seconds, ms) =
        (out.screen.time(at, "%H:%M:%S"), elapsed_ms / 1000, elapsed_ms % 1000);
    out.text(&format!(
        "{time}  {seconds:>4}.{ms:03}  {}  {}\n",
        harmless(args.source),
        harmless(args.line)
    ))
}
