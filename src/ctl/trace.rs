//! `posdatactl trace`: what is said to the modem and what it answers.

use std::time::Duration;

use futures_util::{FutureExt as _, StreamExt as _};
use serde::Serialize;

use super::Out;
use super::args;
use super::client::Client;
use super::failure::Failure;
use super::proxy::TraceLine;
use super::screen::{clock, harmless};
use super::stop::Stop;

#[derive(Debug, Serialize)]
struct Line<'a> {
    time: String,
    source: &'a str,
    line: &'a str,
}

pub(super) async fn run(client: &Client, out: &Out, wanted: &args::Trace) -> Result<(), Failure> {
    let mut stop = Stop::listen()?;
    let mut daemon = client.presence().await?;
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
                Some(line) => print(out, &line)?,
                None => return Err(daemon.gone().await),
            },
            failure = daemon.gone() => return Err(failure),
        }
    }
    client.untrace().await?;
    // What was on its way before the trace ended has arrived by now.
    while let Some(Some(line)) = lines.next().now_or_never() {
        print(out, &line)?;
    }
    Ok(())
}

/// Stamped with this system's clock as it arrives: what counts is the order and
/// the distance of the lines.
fn print(out: &Out, signal: &TraceLine) -> Result<(), Failure> {
    let args = signal.args().map_err(|error| Failure::Misunderstood(error.to_string()))?;
    let now = clock();
    if out.json {
        return out.json(&Line { time: format!("{now:.3}"), source: args.source, line: args.line });
    }
    let time = out.screen.time(now, "%H:%M:%S%.3f");
    out.text(&format!("{time}  {}  {}\n", harmless(args.source), harmless(args.line)))
}
