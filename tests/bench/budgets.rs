//! The budgets that a run on this machine can hold or miss, each with its figure.

use super::sheet::{Sheet, Subject, What, print_aligned};
use super::spread::number;

/// A figure and what it may be at most.
struct Budget {
    what: String,
    figure: Option<f64>,
    at_most: f64,
}

/// Prints each budget: held or missed, and by how much.
pub fn print(sheet: &Sheet) {
    let ours = |what| sheet.get(what, Subject::Posdatad).map(|spread| spread.figure);
    let budgets = [
        budget(
            "private dirty memory, after calls and commits, KiB",
            ours(What::PrivateDirtyWorked),
            640.0,
        ),
        budget("RSS, after calls and commits, KiB", ours(What::RssWorked), 5.0 * 1e6 / 1024.0),
        budget("context switches a minute, idle, besides polls", ours(What::SwitchesQuiet), 5.0),
        budget("CPU ms a minute, idle, besides polls", ours(What::CpuQuiet), 0.5),
        budget("start to bus name, times the minimal C service", ours(What::StartRatio), 2.0),
        budget(
            "property read p50 while commits and polls run, times the minimal C service",
            ours(What::BusyCallRatio),
            1.1,
        ),
        budget(
            "flash, MB a day at 30 MB of traffic a month",
            ours(What::MonthDisk).map(|kib| kib * 1024.0 / 1e6),
            0.2,
        ),
        budget("flash, bytes an hour when idle", ours(What::IdleDisk).map(|kib| kib * 1024.0), 0.0),
    ];
    let mut rows = vec![["budget", "at most", "measured", ""].map(str::to_owned).to_vec()];
    for budget in budgets {
        let verdict = match budget.figure {
            None => "not measured".to_owned(),
            Some(figure) if figure <= budget.at_most => "held".to_owned(),
            Some(figure) if budget.at_most > 0.0 => {
                format!("MISSED by {:.0} %", (figure / budget.at_most - 1.0) * 100.0)
            }
            Some(_) => "MISSED".to_owned(),
        };
        let figure = budget.figure.map_or_else(|| "-".to_owned(), number);
        rows.push(vec![budget.what, number(budget.at_most), figure, verdict]);
    }
    print_aligned(&rows);
}

fn budget(what: &str, figure: Option<f64>, at_most: f64) -> Budget {
    Budget { what: what.to_owned(), figure, at_most }
}
