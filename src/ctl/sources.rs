//! `posdatactl sources`: what the modem is read with, and how that goes.

use std::time::Duration;

use serde::Serialize;

use super::Out;
use super::client::Client;
use super::failure::Failure;
use super::layout::{Cell, Sheet};
use super::model::{Counts, Source};
use super::screen::{Colour, Screen, harmless};
use super::status::directions;

#[derive(Debug, Serialize)]
struct Sources {
    sources: Vec<Source>,
}

pub(super) async fn run(client: &Client, out: &Out) -> Result<(), Failure> {
    let sources = client.sources().await?;
    if out.json {
        return out.json(&Sources { sources });
    }
    if sources.is_empty() {
        return out.text("No source is configured ([modem] in the configuration).\n");
    }
    let blocks: Vec<_> = sources.iter().map(|source| text(source, &out.screen)).collect();
    out.text(&blocks.join("\n"))
}

fn text(source: &Source, screen: &Screen) -> String {
    let name = harmless(source.name.as_deref().unwrap_or("?"));
    let role = match source.role.as_deref() {
        Some("metered") => "this is what is counted",
        Some("cross_check") => "compared with what is counted",
        Some(other) => other,
        None => "?",
    };
    let mut sheet = Sheet::default();
    sheet.known("Path", source.path.as_ref().filter(|path| !path.is_empty()));
    match &source.fault {
        Some(fault) => {
            sheet.row("Fault", Cell::coloured(format!("{fault}: {}", meaning(fault)), Colour::Bad));
            sheet.known("", source.fault_detail.as_ref().filter(|detail| !detail.is_empty()));
        }
        None => sheet.row("Fault", Cell::coloured("none", Colour::Good)),
    }
    let modem: Vec<_> = [&source.manufacturer, &source.model, &source.revision]
        .into_iter()
        .flatten()
        .map(String::as_str)
        .collect();
    sheet.known("Modem", Some(modem.join(" ")).filter(|modem| !modem.is_empty()));
    sheet.known("IMEI", source.imei.as_ref());
    sheet.known("Counter", source.counter.as_ref());
    let reading = source.rx_bytes.zip(source.tx_bytes);
    sheet.row(
        "Shows",
        reading.map_or_else(
            || "nothing was read yet".to_owned(),
            |(rx_bytes, tx_bytes)| directions(Counts { rx_bytes, tx_bytes }),
        ),
    );
    let every = source.poll_ms.filter(|poll_ms| *poll_ms > 0).map_or_else(String::new, |poll_ms| {
        format!(", now every {}", humantime::format_duration(Duration::from_millis(poll_ms)))
    });
    sheet.row("Readings", format!("{}{every}", source.readings.unwrap_or(0)));
    format!("{}: {role}\n{}", screen.paint(Colour::Bold, &name), sheet.render(screen))
}

fn meaning(fault: &str) -> &'static str {
    match fault {
        "missing" => "the port or interface is not there",
        "denied" => "it may not be opened, or another program holds it",
        "vanished" => "it was there and went away",
        "silent" => "it is open and does not answer",
        "garbled" => "its answers cannot be read",
        "no_counter" => "it answers, and has no counter that is known",
        _ => "not known to this posdatactl",
    }
}

#[cfg(test)]
mod tests {
    use super::super::screen::tests::screen;
    use super::*;

    #[test]
    fn a_source_is_told_with_its_fault_first() {
        let source = Source {
            name: Some("at".into()),
            role: Some("metered".into()),
            path: Some("/dev/ttyUSB2".into()),
            fault: Some("silent".into()),
            fault_detail: Some("3 commands without an answer; is it the right port?".into()),
            manufacturer: Some("Quectel".into()),
            model: Some("EC20F".into()),
            poll_ms: Some(10_000),
            readings: Some(4),
            ..Source::default()
        };
        assert_eq!(
            text(&source, &screen(Some(80))),
            "\
at: this is what is counted
Path        /dev/ttyUSB2
Fault       silent: it is open and does not answer
            3 commands without an answer; is it the right port?
Modem       Quectel EC20F
Shows       nothing was read yet
Readings    4, now every 10s
"
        );
    }
}
