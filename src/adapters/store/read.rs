//! What a start loads, and queries of the history.

use rusqlite::{Connection, Result, Row, params};

use super::cells::{self, wrong};
use crate::domain::alert::{AlertKind, AlertState};
use crate::domain::event::{Event, EventKind};
use crate::domain::ledger::{
    Account, BookRows, Bucket, BucketKind, BucketStatus, Overdraft, OverdraftTime, PlanTerms,
};
use crate::domain::persist::{BaselineRow, BootRow, Loaded, Role, SimRow, UnplacedRow};
use crate::domain::plan::Cycle;
use crate::domain::sim::{Iccid, SimId};
use crate::domain::snapshot::{Tier, UsageRecord};
use crate::domain::time::UnixS;
use crate::domain::units::Traffic;

/// How much of the day tier is loaded, s.
const DAYS_LOADED_S: UnixS = 62 * 86_400;

fn all<T>(
    connection: &Connection,
    sql: &str,
    parameters: impl rusqlite::Params,
    read: impl FnMut(&Row<'_>) -> Result<T>,
) -> Result<Vec<T>> {
    connection.prepare_cached(sql)?.query_map(parameters, read)?.collect()
}

/// Everything that the engine goes on from.
pub(super) fn load(connection: &Connection) -> Result<Loaded> {
    let seq = connection.query_row("SELECT seq FROM meta", [], |row| cells::get_amount(row, 0))?;
    let next_event_id =
        connection.query_row("SELECT coalesce(max(id), 0) + 1 FROM events", [], |row| {
            cells::get_amount(row, 0)
        })?;
    Ok(Loaded {
        seq,
        baselines: all(connection, "SELECT * FROM baselines ORDER BY role", [], baseline)?,
        sims: all(connection, "SELECT * FROM sims ORDER BY id", [], sim)?,
        unplaced: all(connection, "SELECT * FROM unplaced", [], unplaced)?,
        boots: all(
            connection,
            "SELECT boot_seq, started_s, last_boot_ms, last_trusted_s FROM boots \
             ORDER BY boot_seq DESC LIMIT 1000",
            [],
            boot,
        )?,
        next_event_id,
        books: books(connection)?,
        alerts: all(connection, "SELECT * FROM alerts", [], alert)?,
        days: all(
            connection,
            "SELECT sim, start, sum(rx), sum(tx) FROM usage WHERE tier = 2 AND start >= \
             (SELECT max(start) FROM usage WHERE tier = 2) - ?1 GROUP BY sim, start",
            [DAYS_LOADED_S],
            |row| Ok((SimId(row.get(0)?), row.get(1)?, cells::get_amounts(row, 2)?)),
        )?,
    })
}

fn baseline(row: &Row<'_>) -> Result<BaselineRow> {
    Ok(BaselineRow {
        role: match row.get::<_, i64>(0)? {
            0 => Role::Metered,
            1 => Role::CrossCheck,
            _ => return Err(wrong(0, "no such role")),
        },
        source: row.get(1)?,
        device: row.get(2)?,
        epoch: row.get(3)?,
        sim: SimId(row.get(4)?),
        counter: cells::get_traffic(row, 5)?,
        at: cells::get_stamp(row, 7)?,
    })
}

fn sim(row: &Row<'_>) -> Result<SimRow> {
    let iccid = row
        .get::<_, Option<String>>(1)?
        .map(|text| Iccid::parse(&text).map_err(|error| wrong(1, &error.to_string())))
        .transpose()?;
    Ok(SimRow {
        id: SimId(row.get(0)?),
        iccid,
        merged_into: row.get::<_, Option<u32>>(2)?.map(SimId),
        home: cells::get_traffic(row, 3)?,
        roaming: cells::get_traffic(row, 5)?,
    })
}

fn unplaced(row: &Row<'_>) -> Result<UnplacedRow> {
    Ok(UnplacedRow {
        boot_seq: row.get(0)?,
        slot: row.get(1)?,
        sim: SimId(row.get(2)?),
        roaming: row.get(3)?,
        bytes: cells::get_amounts(row, 4)?,
    })
}

fn boot(row: &Row<'_>) -> Result<BootRow> {
    Ok(BootRow {
        boot_seq: row.get(0)?,
        started_s: row.get(1)?,
        last_boot_ms: cells::get_amount(row, 2)?,
        last_trusted_s: row.get(3)?,
    })
}

fn books(connection: &Connection) -> Result<Vec<BookRows>> {
    let accounts = all(connection, "SELECT * FROM accounts ORDER BY sim", [], |row| {
        Ok(Account {
            sim: SimId(row.get(0)?),
            figures: cells::get_figures(row, 1)?,
            known_s: row.get(2)?,
            open_day: cells::get_day(row, 3)?,
            next_entry_id: cells::get_amount(row, 4)?,
            next_bucket_id: cells::get_amount(row, 5)?,
            next_overdraft_id: cells::get_amount(row, 6)?,
        })
    })?;
    accounts
        .into_iter()
        .map(|account| {
            let sim = account.sim.0;
            Ok(BookRows {
                buckets: all(
                    connection,
                    "SELECT * FROM buckets WHERE sim = ?1 ORDER BY id",
                    [sim],
                    bucket,
                )?,
                overdrafts: all(
                    connection,
                    "SELECT * FROM overdrafts WHERE sim = ?1 AND (absorbed < bytes OR \
                     entered < bytes) ORDER BY id",
                    [sim],
                    overdraft,
                )?,
                account,
            })
        })
        .collect()
}

fn bucket(row: &Row<'_>) -> Result<Bucket> {
    let kind: String = row.get(3)?;
    let kind = match kind.as_str() {
        "plan" => BucketKind::Plan(PlanTerms {
            allowance: cells::get_amount(row, 4)?,
            cycle: Cycle::parse(&row.get::<_, String>(5)?)
                .map_err(|error| wrong(5, &error.to_string()))?,
        }),
        "top_up" => BucketKind::TopUp,
        "add_on" => BucketKind::AddOn,
        "opening" => BucketKind::Opening,
        _ => return Err(wrong(3, "no such kind of bucket")),
    };
    let status: String = row.get(9)?;
    Ok(Bucket {
        sim: SimId(row.get(0)?),
        id: cells::get_amount(row, 1)?,
        key: row.get(2)?,
        kind,
        figures: cells::get_figures(row, 6)?,
        valid_from: row.get(7)?,
        expires_at: row.get(8)?,
        status: BucketStatus::ALL
            .into_iter()
            .find(|known| known.word() == status)
            .ok_or_else(|| wrong(9, "no such status"))?,
        open_day_bytes: cells::get_amount(row, 10)?,
    })
}

fn overdraft(row: &Row<'_>) -> Result<Overdraft> {
    let time = match (row.get(2)?, cells::get_day(row, 3)?, row.get(4)?, row.get(5)?) {
        (Some(boot_seq), None, None, None) => OverdraftTime::Unplaced { boot_seq },
        (None, Some(day), Some(first_s), Some(last_s)) => {
            OverdraftTime::Placed { day, first_s, last_s }
        }
        _ => return Err(wrong(2, "neither a time nor a boot")),
    };
    Ok(Overdraft {
        sim: SimId(row.get(0)?),
        id: cells::get_amount(row, 1)?,
        time,
        bytes: cells::get_amount(row, 6)?,
        absorbed: cells::get_amount(row, 7)?,
        entered: cells::get_amount(row, 8)?,
    })
}

fn alert(row: &Row<'_>) -> Result<AlertState> {
    let kind: String = row.get(1)?;
    let fired: bool = row.get(5)?;
    Ok(AlertState {
        sim: SimId(row.get(0)?),
        kind: AlertKind::ALL
            .into_iter()
            .find(|known| known.word() == kind)
            .ok_or_else(|| wrong(1, "no such alert"))?,
        threshold: row.get(2)?,
        scope: row.get(3)?,
        baseline: cells::get_amount(row, 4)?,
        fired_at: fired.then(|| cells::get_stamp(row, 6)).transpose()?,
    })
}

/// The slots of a tier that begin in `from..to`, oldest first.
pub(super) fn usage(
    connection: &Connection,
    sim: SimId,
    tier: Tier,
    from: UnixS,
    to: UnixS,
) -> Result<Vec<UsageRecord>> {
    let rows = all(
        connection,
        "SELECT start, roaming, rx, tx, estimated FROM usage \
         WHERE sim = ?1 AND tier = ?2 AND start >= ?3 AND start < ?4 ORDER BY start, roaming",
        params![sim.0, cells::tier(tier), from, to],
        |row| {
            let bytes = cells::get_amounts(row, 2)?;
            let roaming: bool = row.get(1)?;
            Ok(UsageRecord {
                start: row.get(0)?,
                home: if roaming { Traffic::ZERO } else { bytes },
                roaming: if roaming { bytes } else { Traffic::ZERO },
                estimated: row.get(4)?,
            })
        },
    )?;
    let mut records: Vec<UsageRecord> = Vec::with_capacity(rows.len());
    for row in rows {
        match records.last_mut() {
            Some(last) if last.start == row.start => {
                last.roaming = last.roaming.plus(row.roaming);
                last.estimated |= row.estimated;
            }
            Some(_) | None => records.push(row),
        }
    }
    Ok(records)
}

/// Events after `after_id`, oldest first, with the SIM's number.
pub(super) fn events(
    connection: &Connection,
    after_id: u64,
    limit: u32,
) -> Result<Vec<(Event, Option<String>)>> {
    all(
        connection,
        "SELECT events.*, sims.iccid FROM events LEFT JOIN sims ON sims.id = events.sim \
         WHERE events.id > ?1 ORDER BY events.id LIMIT ?2",
        params![cells::amount(after_id)?, limit],
        |row| {
            let kind: String = row.get(1)?;
            let source: String = row.get(2)?;
            let event = Event {
                id: cells::get_amount(row, 0)?,
                kind: EventKind::from_word(&kind).ok_or_else(|| wrong(1, "no such event"))?,
                source: source_word(&source),
                sim: row.get::<_, Option<u32>>(3)?.map(SimId),
                at: cells::get_stamp(row, 4)?,
                before: cells::get_traffic_if(row, 8)?,
                seen: cells::get_traffic_if(row, 10)?,
                counted: cells::get_traffic(row, 12)?,
                uncounted: row.get(14)?,
                detail: row.get(15)?,
            };
            Ok((event, row.get(16)?))
        },
    )
}

/// The words that sources have; one that a newer posdatad knew is shown as none.
fn source_word(word: &str) -> &'static str {
    ["at", "qmi", "modemmanager", "netdev"].into_iter().find(|known| *known == word).unwrap_or("")
}
