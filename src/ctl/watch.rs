//! `posdatactl watch`: a line whenever the counts have moved enough.

use futures_util::{FutureExt as _, StreamExt as _};

use super::Out;
use super::args;
use super::client::Client;
use super::failure::Failure;
use super::model::{Counts, Reading};
use super::proxy;
use super::record::Record;
use super::screen::{Colour, Screen};
use super::stop::Stop;
use crate::domain::units::Size;

pub(super) async fn run(client: &Client, out: &Out, wanted: &args::Watch) -> Result<(), Failure> {
    let mut stop = Stop::listen()?;
    let mut daemon = client.presence().await?;
    let (id, mut readings) = client.watch(wanted.accuracy, wanted.period).await?;
    out.remark("Watching; nothing moves, nothing is shown. Ctrl-C ends it.");
    let mut printer = Printer { out, before: None };
    loop {
        tokio::select! {
            biased;
            () = stop.wanted() => break,
            reading = readings.next() => match reading {
                Some(reading) => printer.print(id, &reading)?,
                None => return Err(daemon.gone().await),
            },
            failure = daemon.gone() => return Err(failure),
        }
    }
    client.unwatch(id).await?;
    // What was on its way before the watch ended has arrived by now.
    while let Some(Some(reading)) = readings.next().now_or_never() {
        printer.print(id, &reading)?;
    }
    Ok(())
}

struct Printer<'a> {
    out: &'a Out,
    before: Option<Counts>,
}

impl Printer<'_> {
    fn print(&mut self, id: u32, signal: &proxy::Reading) -> Result<(), Failure> {
        let args = signal.args().map_err(|error| Failure::Misunderstood(error.to_string()))?;
        if args.id != id {
            return Ok(());
        }
        let reading = Reading::read(&Record::new(args.reading))?;
        if self.out.json {
            return self.out.json(&reading);
        }
        let counts = Counts {
            rx_bytes: reading.rx_bytes.unwrap_or(0),
            tx_bytes: reading.tx_bytes.unwrap_or(0),
        };
        if self.before.is_none() {
            let head = row(&self.out.screen, ["TIME", "RECEIVED", "", "SENT", "", "SOURCE"]);
            self.out.text(&format!("{}\n", self.out.screen.paint(Colour::Bold, &head)))?;
        }
        let line = line(&reading, counts, self.before, &self.out.screen);
        self.before = Some(counts);
        self.out.text(&format!("{line}\n"))
    }
}

fn line(reading: &Reading, counts: Counts, before: Option<Counts>, screen: &Screen) -> String {
    let time =
        reading.as_of.map_or_else(|| "--:--:--".to_owned(), |at| screen.time(at, "%H:%M:%S"));
    let moved = |now: u64, before: Option<u64>| match before {
        None => String::new(),
        // Another SIM is in: its own count, not a difference.
        Some(before) => now
            .checked_sub(before)
            .map_or_else(|| "new SIM".to_owned(), |by| format!("+{}", Size(by))),
    };
    row(
        screen,
        [
            &time,
            &Size(counts.rx_bytes).to_string(),
            &moved(counts.rx_bytes, before.map(|before| before.rx_bytes)),
            &Size(counts.tx_bytes).to_string(),
            &moved(counts.tx_bytes, before.map(|before| before.tx_bytes)),
            reading.source.as_deref().unwrap_or("-"),
        ],
    )
}

/// Columns of a fixed width, since the lines to come are not known yet.
fn row(screen: &Screen, cells: [&str; 6]) -> String {
    let [time, rx, rx_moved, tx, tx_moved, source] = cells;
    let line = match screen.columns {
        // Where it is narrow the differences are what one watches for.
        Some(..60) => format!("{time:<8} {rx:>10} {rx_moved:>10} {tx_moved:>10}"),
        _ => format!("{time:<8}  {rx:>10} {rx_moved:>11}  {tx:>10} {tx_moved:>11}  {source}"),
    };
    line.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::super::model::Instant;
    use super::super::screen::tests::screen;
    use super::*;

    #[test]
    fn lines_show_the_counts_and_what_moved() {
        let reading = Reading {
            as_of: "2026-11-24T02:10:15Z".parse().ok().map(Instant),
            source: Some("at".into()),
            ..Reading::default()
        };
        let counts = Counts { rx_bytes: 3 << 20, tx_bytes: 5 << 10 };
        let before = Counts { rx_bytes: 2 << 20, tx_bytes: 5 << 10 };
        assert_eq!(
            line(&reading, counts, Some(before), &screen(None)),
            "10:10:15     3.0 MiB    +1.0 MiB     5.0 KiB        +0 B  at"
        );
        assert_eq!(
            line(&reading, counts, None, &screen(None)),
            "10:10:15     3.0 MiB                 5.0 KiB              at"
        );
        assert_eq!(
            line(&Reading::default(), before, Some(counts), &screen(None)),
            "--:--:--     2.0 MiB     new SIM     5.0 KiB        +0 B  -"
        );
        assert_eq!(
            line(&reading, counts, Some(before), &screen(Some(40))),
            "10:10:15    3.0 MiB   +1.0 MiB       +0 B"
        );
    }
}
