//! The figures of one run, kept by what was measured and of whom, and printed as a
//! table.

use std::collections::BTreeMap;

use super::spread::Spread;

/// Who is measured; a column each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    Posdatad,
    Floor,
    VnStat,
    ModemManager,
}

impl Subject {
    const ALL: [Self; 4] = [Self::Posdatad, Self::Floor, Self::VnStat, Self::ModemManager];

    /// The column's head.
    pub fn name(self) -> &'static str {
        match self {
            Self::Posdatad => "posdatad",
            Self::Floor => "minimal C service",
            Self::VnStat => "vnStat",
            Self::ModemManager => "ModemManager",
        }
    }
}

/// What is measured; a row each, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum What {
    Rss,
    Pss,
    PrivateDirty,
    RssWorked,
    PrivateDirtyWorked,
    Threads,
    Switches,
    SwitchesQuiet,
    Cpu,
    CpuQuiet,
    IdleDisk,
    IdlePwrite,
    IdleFsyncs,
    BusyDisk,
    BusyPwrite,
    BusyFsyncs,
    MonthDisk,
    MonthPwrite,
    MonthFsyncs,
    YearsSize,
    YearsFine,
    YearsDays,
    YearsYears,
    Start,
    StartRatio,
    StartYears,
    CallP50,
    CallRatio,
    CallP99,
    CallRate,
    BusyCallP50,
    BusyCallRatio,
    BusyCallP99,
    BusyCallRate,
}

impl What {
    /// The row's head, with its unit.
    fn name(self) -> &'static str {
        match self {
            Self::Rss => "RSS, KiB",
            Self::Pss => "PSS, KiB",
            Self::PrivateDirty => "private dirty, KiB",
            Self::RssWorked => "RSS after the calls and commits below, KiB",
            Self::PrivateDirtyWorked => "private dirty after them, KiB",
            Self::Threads => "threads",
            Self::Switches => "context switches a minute, idle",
            Self::SwitchesQuiet => "  the same, polls 10 min apart",
            Self::Cpu => "CPU ms a minute, idle",
            Self::CpuQuiet => "  the same, polls 10 min apart",
            Self::IdleDisk => "idle: KiB to disk an hour (write_bytes)",
            Self::IdlePwrite => "idle: KiB written to files an hour",
            Self::IdleFsyncs => "idle: fsyncs an hour",
            Self::BusyDisk => "30 MB a month: KiB to disk an hour",
            Self::BusyPwrite => "30 MB a month: KiB written to files an hour",
            Self::BusyFsyncs => "30 MB a month: fsyncs an hour",
            Self::MonthDisk => "30 simulated days, 30 MB: KiB to disk a day",
            Self::MonthPwrite => "30 simulated days: KiB written to files a day",
            Self::MonthFsyncs => "30 simulated days: fsyncs a day",
            Self::YearsSize => "5 years of history: database, KiB",
            Self::YearsFine => "  GetUsage five_minutes, all, ms",
            Self::YearsDays => "  GetUsage day, all, ms",
            Self::YearsYears => "  GetUsage year, all, ms",
            Self::Start => "start to bus name, ms",
            Self::StartRatio | Self::CallRatio | Self::BusyCallRatio => {
                "  times the minimal C service"
            }
            Self::StartYears => "  with 5 years of history, ms",
            Self::CallP50 => "property read p50, µs",
            Self::CallP99 => "property read p99, µs",
            Self::CallRate => "property reads a second",
            Self::BusyCallP50 => "while commits and polls run: p50, µs",
            Self::BusyCallP99 => "while commits and polls run: p99, µs",
            Self::BusyCallRate => "while commits and polls run: a second",
        }
    }
}

/// All that was measured.
#[derive(Debug, Default)]
pub struct Sheet {
    figures: BTreeMap<(What, Subject), Spread>,
    missing: Vec<String>,
}

impl Sheet {
    pub fn put(&mut self, what: What, subject: Subject, spread: Spread) {
        self.figures.insert((what, subject), spread);
    }

    /// The median of these, where there are any.
    pub fn put_median(&mut self, what: What, subject: Subject, samples: &[f64]) {
        if let Some(spread) = Spread::median(samples) {
            self.put(what, subject, spread);
        }
    }

    /// How many times the minimal C service's figure each one is, round by round: what
    /// else the machine does meets both of a round alike.
    pub fn put_ratios(&mut self, what: What, rounds: &[(Subject, &[f64])]) {
        let Some((_, floor)) = rounds.iter().find(|(subject, _)| *subject == Subject::Floor) else {
            return;
        };
        for (subject, samples) in rounds.iter().filter(|(subject, _)| *subject != Subject::Floor) {
            let ratios: Vec<f64> =
                samples.iter().zip(*floor).map(|(it, floor)| it / floor).collect();
            self.put_median(what, *subject, &ratios);
        }
    }

    pub fn get(&self, what: What, subject: Subject) -> Option<Spread> {
        self.figures.get(&(what, subject)).copied()
    }

    /// Notes what this run could not measure.
    pub fn miss(&mut self, what: String) {
        if !self.missing.contains(&what) {
            self.missing.push(what);
        }
    }

    /// Prints a row for everything that was measured of anyone.
    pub fn print(&self) {
        let mut rows = vec![vec![String::new()]];
        rows[0].extend(Subject::ALL.map(|subject| subject.name().to_owned()));
        let mut measured: Vec<What> = self.figures.keys().map(|(what, _)| *what).collect();
        measured.dedup();
        for what in measured {
            let mut row = vec![what.name().to_owned()];
            row.extend(Subject::ALL.map(|subject| {
                self.get(what, subject).map_or_else(|| "-".to_owned(), |it| it.to_string())
            }));
            rows.push(row);
        }
        print_aligned(&rows);
        for missing in &self.missing {
            println!("not measured: {missing}");
        }
    }
}

/// Prints rows with their columns under one another; the first row is the head.
pub fn print_aligned(rows: &[Vec<String>]) {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns)
        .map(|at| rows.iter().filter_map(|row| row.get(at)).map(|it| it.chars().count()).max())
        .map(Option::unwrap_or_default)
        .collect();
    for (n, row) in rows.iter().enumerate() {
        let cells: Vec<String> =
            row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        println!("| {} |", cells.join(" | "));
        if n == 0 {
            let rules: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
            println!("|-{}-|", rules.join("-|-"));
        }
    }
}
