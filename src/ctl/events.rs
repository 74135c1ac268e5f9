//! `posdatactl events`: what was recorded beside plain counting.

use std::collections::VecDeque;

use serde::Serialize;

use super::Out;
use super::args;
use super::client::Client;
use super::failure::Failure;
use super::layout::{Cell, Side, Table, wrap};
use super::model::Event;
use super::screen::{Colour, Screen, harmless};
use super::status::directions;
use crate::domain::units::Size;

/// How many the daemon gives at once.
const PAGE: u32 = 1000;

/// How many are shown where no number is given.
const LATEST: usize = 20;

#[derive(Debug, Serialize)]
struct Events {
    events: VecDeque<Event>,
}

pub(super) async fn run(client: &Client, out: &Out, wanted: &args::Events) -> Result<(), Failure> {
    let limit = wanted.limit.map(|limit| usize::try_from(limit).unwrap_or(usize::MAX));
    let events = match wanted.after {
        Some(after) => first(client, after, limit.unwrap_or(usize::MAX)).await?,
        None => latest(client, limit.unwrap_or(LATEST)).await?,
    };
    if out.json {
        out.json(&Events { events })
    } else if events.is_empty() {
        out.text("No events.\n")
    } else {
        out.text(&text(&events, &out.screen))
    }
}

/// The first events after that number.
async fn first(client: &Client, mut after: u64, limit: usize) -> Result<VecDeque<Event>, Failure> {
    let mut events = VecDeque::new();
    while events.len() < limit {
        let wanted = u32::try_from(limit - events.len()).unwrap_or(PAGE).min(PAGE);
        let Some((page, last)) = page(client, after, wanted).await? else { break };
        events.extend(page);
        after = last;
    }
    Ok(events)
}

/// The latest events. The daemon tells them oldest first, so all are passed by.
async fn latest(client: &Client, limit: usize) -> Result<VecDeque<Event>, Failure> {
    let mut events = VecDeque::new();
    let mut after = 0;
    while let Some((page, last)) = page(client, after, PAGE).await? {
        events.extend(page);
        events.drain(..events.len().saturating_sub(limit));
        after = last;
    }
    Ok(events)
}

/// One page and the number it ends with; `None` where nothing came any more.
async fn page(
    client: &Client,
    after: u64,
    limit: u32,
) -> Result<Option<(Vec<Event>, u64)>, Failure> {
    let page = client.events(after, limit).await?;
    let Some(newest) = page.last() else { return Ok(None) };
    match newest.id {
        Some(last) if last > after => Ok(Some((page, last))),
        _ => Err(Failure::Misunderstood("the numbers of the events do not rise".to_owned())),
    }
}

fn text(events: &VecDeque<Event>, screen: &Screen) -> String {
    let form = Form::of(screen);
    let mut headings = vec![("ID", Side::Right), ("TIME", Side::Left), ("EVENT", Side::Left)];
    if form != Form::Narrow {
        headings.extend([("SOURCE", Side::Left), ("COUNTED", Side::Right)]);
    }
    if form == Form::Piped {
        headings.push(("WHY", Side::Left));
    }
    let mut table = Table::new(&headings);
    for event in events {
        let mut row = vec![
            event.id.unwrap_or(0).to_string().into(),
            time(event, screen, form).into(),
            Cell::coloured(event.kind.as_deref().unwrap_or("?"), colour(event)),
        ];
        if form != Form::Narrow {
            row.extend([event.source.as_deref().unwrap_or("-").into(), counted(event).into()]);
        }
        if form == Form::Piped {
            row.push(story(event, form).into());
        }
        table.row(row);
    }
    let mut lines = table.render(screen).into_iter();
    let mut text = lines.next().unwrap_or_default();
    text.push('\n');
    for (line, event) in lines.zip(events) {
        text.push_str(&line);
        text.push('\n');
        if let Some(columns) = screen.columns {
            let story = wrap(&harmless(&story(event, form)), Some(columns.saturating_sub(4)));
            for line in story.iter().filter(|line| !line.is_empty()) {
                text.push_str(&format!("    {line}\n"));
            }
        }
    }
    text
}

/// How an event is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// All of it on one line.
    Piped,
    /// The figures on a line, its story below.
    Wide,
    /// What and when on a line, all else below.
    Narrow,
}

impl Form {
    fn of(screen: &Screen) -> Self {
        match screen.columns {
            None => Self::Piped,
            Some(..76) => Self::Narrow,
            Some(_) => Self::Wide,
        }
    }
}

/// Local time, or where it was not known then, the boot and the time since it.
fn time(event: &Event, screen: &Screen, form: Form) -> String {
    event.time.map_or_else(
        || {
            let seconds = event.boot_ms.unwrap_or(0) / 1000;
            let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
            format!("boot {} +{hours:02}:{minutes:02}:{seconds:02}", event.boot_seq.unwrap_or(0))
        },
        |at| {
            if form == Form::Narrow { screen.time(at, "%Y-%m-%d %H:%M") } else { screen.second(at) }
        },
    )
}

fn counted(event: &Event) -> String {
    let counted = Size(event.counted.unwrap_or_default().total());
    if event.uncounted == Some(true) { format!("{counted} + unknown") } else { counted.to_string() }
}

fn story(event: &Event, form: Form) -> String {
    let mut story = Vec::new();
    // The daemon's sentences end as they do in the journal: without a stop.
    let detail = event.detail.as_deref().unwrap_or_default().trim_end_matches('.');
    if !detail.is_empty() {
        story.push(format!("{detail}."));
    }
    match (event.before, event.seen) {
        (Some(before), Some(seen)) => {
            story.push(format!(
                "Counter before: {}; then: {}.",
                directions(before),
                directions(seen)
            ));
        }
        (None, Some(seen)) => story.push(format!("Counter: {}.", directions(seen))),
        (Some(before), None) => story.push(format!("Counter before: {}.", directions(before))),
        (None, None) => {}
    }
    story.extend(event.iccid.as_ref().map(|iccid| format!("SIM {iccid}.")));
    if form == Form::Narrow {
        story.extend(event.source.as_ref().map(|source| format!("Source {source}.")));
        story.push(format!("Counted {}.", counted(event)));
    }
    story.join(" ")
}

/// What may have cost accuracy or needs someone stands out.
fn colour(event: &Event) -> Colour {
    match event.kind.as_deref() {
        Some("store_fault" | "store_replaced" | "ledger_fault" | "source_fault") => Colour::Bad,
        _ if event.uncounted == Some(true) => Colour::Warn,
        _ => Colour::Bold,
    }
}

#[cfg(test)]
mod tests {
    use super::super::model::{Counts, Instant};
    use super::super::screen::tests::screen;
    use super::*;

    fn events() -> VecDeque<Event> {
        let reset = Event {
            id: Some(7),
            kind: Some("reset".into()),
            time: "2026-11-24T02:10:15Z".parse().ok().map(Instant),
            source: Some("at".into()),
            before: Some(Counts { rx_bytes: 5 << 20, tx_bytes: 1 << 20 }),
            seen: Some(Counts { rx_bytes: 2048, tx_bytes: 0 }),
            counted: Some(Counts { rx_bytes: 2048, tx_bytes: 0 }),
            uncounted: Some(true),
            detail: Some("The modem restarted (RDY): its counter began again.".into()),
            ..Event::default()
        };
        let trusted = Event {
            id: Some(12),
            kind: Some("time_trusted".into()),
            boot_seq: Some(3),
            boot_ms: Some(3_723_000),
            ..Event::default()
        };
        [reset, trusted].into()
    }

    #[test]
    fn piped_an_event_is_a_line() {
        assert_eq!(
            text(&events(), &screen(None)),
            "\
ID  TIME                        EVENT         SOURCE            COUNTED  WHY
 7  2026-11-24 10:10:15 +08:00  reset         at      2.0 KiB + unknown  The modem restarted (RDY): its counter began again. Counter before: received 5.0 MiB, sent 1.0 MiB; then: received 2.0 KiB, sent 0 B.
12  boot 3 +01:02:03            time_trusted  -                     0 B
"
        );
    }

    #[test]
    fn on_a_terminal_its_story_stands_below_it() {
        assert_eq!(
            text(&events(), &screen(Some(80))),
            "\
ID  TIME                        EVENT         SOURCE            COUNTED
 7  2026-11-24 10:10:15 +08:00  reset         at      2.0 KiB + unknown
    The modem restarted (RDY): its counter began again. Counter before: received
    5.0 MiB, sent 1.0 MiB; then: received 2.0 KiB, sent 0 B.
12  boot 3 +01:02:03            time_trusted  -                     0 B
"
        );
    }

    #[test]
    fn on_a_narrow_one_too() {
        assert_eq!(
            text(&events(), &screen(Some(40))),
            "\
ID  TIME              EVENT
 7  2026-11-24 10:10  reset
    The modem restarted (RDY): its
    counter began again. Counter before:
    received 5.0 MiB, sent 1.0 MiB;
    then: received 2.0 KiB, sent 0 B.
    Source at. Counted 2.0 KiB +
    unknown.
12  boot 3 +01:02:03  time_trusted
    Counted 0 B.
"
        );
    }
}
