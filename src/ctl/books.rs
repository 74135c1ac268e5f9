//! `posdatactl sync`, `calibrate` and `export`: the technician's part of the
//! books.

use serde::Serialize;

use super::Out;
use super::args;
use super::client::Client;
use super::csv::{Row, document};
use super::failure::Failure;
use super::model::Entry;
use crate::domain::units::Size;

/// How many entries the daemon gives at once.
const PAGE: u32 = 1000;

#[derive(Debug, Serialize)]
struct Drift {
    drift_bytes: i64,
}

#[derive(Debug, Serialize)]
struct Entries {
    entries: Vec<Entry>,
}

/// `sync`.
pub(super) async fn sync(client: &Client, out: &Out) -> Result<(), Failure> {
    let synced = client.sync().await?;
    if out.json {
        return out.json(&synced);
    }
    out.text(&match synced.events {
        None | Some(0) => "The backend answered: nothing is new.\n".to_owned(),
        Some(1) => "The backend answered: 1 event came.\n".to_owned(),
        Some(events) => format!("The backend answered: {events} events came.\n"),
    })
}

/// `calibrate`.
pub(super) async fn calibrate(
    client: &Client,
    out: &Out,
    wanted: &args::Calibrate,
) -> Result<(), Failure> {
    let drift_bytes = client.calibrate(wanted.remaining).await?;
    if out.json {
        return out.json(&Drift { drift_bytes });
    }
    let by = Size(drift_bytes.unsigned_abs());
    let found = match drift_bytes {
        0 => "It is what posdatad had counted.".to_owned(),
        1.. => format!("It is {by} more than posdatad had counted."),
        _ => format!("It is {by} less than posdatad had counted."),
    };
    out.text(&format!(
        "The operator's figure is taken over: {} are left. {found}\nBeyond 1 MiB and 2 % the \
         difference is corrected, below that it is shown as drift: posdatactl status\n",
        Size(wanted.remaining)
    ))
}

/// `export`.
pub(super) async fn export(
    client: &Client,
    out: &Out,
    wanted: &args::Export,
) -> Result<(), Failure> {
    let limit =
        wanted.limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
    let mut entries: Vec<Entry> = Vec::new();
    let mut after = wanted.after;
    while entries.len() < limit {
        let size = u32::try_from(limit - entries.len()).unwrap_or(PAGE).min(PAGE);
        let page = client.entries(after, size).await?;
        let Some(last) = page.last() else { break };
        match last.id {
            Some(id) if id > after => after = id,
            _ => {
                let text = "the numbers of the entries do not rise".to_owned();
                return Err(Failure::Misunderstood(text));
            }
        }
        entries.extend(page);
    }
    if out.json { out.json(&Entries { entries }) } else { out.text(&csv(&entries)?) }
}

fn csv(entries: &[Entry]) -> Result<String, Failure> {
    let header =
        ["id", "time", "day", "kind", "bytes", "bucket", "note", "boot_seq", "boot_ms", "trust"];
    let row = |entry: &Entry| {
        Row::default()
            .figure(entry.id)
            .time(entry.time)
            .text(entry.day.as_deref())
            .text(entry.kind.as_deref())
            .figure(entry.bytes)
            .figure(entry.bucket)
            .text(entry.note.as_deref())
            .figure(entry.boot_seq)
            .figure(entry.boot_ms)
            .text(entry.trust.as_deref())
    };
    document(&header, entries.iter().map(row))
}
