//! The vendors' counters: which is likely for a modem, and what one answer says.

use std::collections::BTreeSet;

use crate::domain::counter::{Restarts, Width};
use crate::proto::at::counters::{
    Columns, Octets, dsflowqry, gdatavol, gtstatis, qgdcnt, qgdnrcnt, ugcntrd,
};
use crate::proto::at::{Command, ReplyError};

/// A way to read a modem's byte counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Dialect {
    /// Quectel LTE: `AT+QGDCNT?`. 32 bits, loaded from the modem's memory.
    Qgdcnt,
    /// Quectel 5G: `AT+QGDNRCNT?`. 64 bits, loaded from the modem's memory.
    Qgdnrcnt,
    /// u-blox: `AT+UGCNTRD`. Of its two counts the total is used: the session's
    /// starts again whenever the network sets the data context up anew, and what
    /// was moved between the last reading and that moment would be lost.
    Ugcntrd,
    /// Huawei, HiSilicon, MeiG: `AT^DSFLOWQRY`. 64 bits, since power-on.
    Dsflowqry,
    /// Telit: `AT#GDATAVOL=2` (a query of the totals; only `=0` resets), loaded
    /// from the modem's memory.
    Gdatavol,
    /// Fibocom: `AT+GTSTATIS?`. This session only; what is moved between the last
    /// reading and a session's end cannot be seen.
    Gtstatis,
}

/// One context's count, for dialects that print a line each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ContextCount {
    pub cid: u8,
    pub octets: Octets,
}

/// What one answer says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Figures {
    /// All contexts together.
    pub octets: Octets,
    /// The contexts apart; empty for dialects that print no contexts.
    pub contexts: Vec<ContextCount>,
    /// How long the counter has been counting, s, where the modem says it.
    pub counting_s: Option<u32>,
}

/// Why an answer to a counter's query cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum FiguresError {
    /// A line that cannot be read.
    #[error(transparent)]
    Line(#[from] ReplyError),
    /// `OK` without a line before it.
    #[error("an OK without a figure")]
    Empty,
    /// More lines than this dialect prints, or one context twice.
    #[error("the same figure twice")]
    Twice,
    /// The sum of the contexts does not fit 64 bits.
    #[error("a sum beyond 64 bits")]
    Sum,
}

impl Dialect {
    /// All that are known, the commonest in terminals first.
    pub const ALL: [Self; 6] = [
        Self::Qgdcnt,
        Self::Qgdnrcnt,
        Self::Dsflowqry,
        Self::Ugcntrd,
        Self::Gtstatis,
        Self::Gdatavol,
    ];

    /// The word that names it in the configuration: the command's own name.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Qgdcnt => "qgdcnt",
            Self::Qgdnrcnt => "qgdnrcnt",
            Self::Ugcntrd => "ugcntrd",
            Self::Dsflowqry => "dsflowqry",
            Self::Gdatavol => "gdatavol",
            Self::Gtstatis => "gtstatis",
        }
    }

    /// The dialect of a configuration's word; `None` for any other.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|dialect| dialect.word() == word)
    }

    /// The query.
    #[must_use]
    pub const fn command(self) -> Command {
        match self {
            Self::Qgdcnt => Command::asks("AT+QGDCNT?", &["+QGDCNT:"]),
            Self::Qgdnrcnt => Command::asks("AT+QGDNRCNT?", &["+QGDNRCNT:"]),
            Self::Ugcntrd => Command::asks("AT+UGCNTRD", &["+UGCNTRD:"]),
            Self::Dsflowqry => Command::asks("AT^DSFLOWQRY", &["^DSFLOWQRY:", "%DSFLOWQRY:"]),
            Self::Gdatavol => Command::asks("AT#GDATAVOL=2", &["#GDATAVOL:"]),
            Self::Gtstatis => Command::asks("AT+GTSTATIS?", &["+GTSTATIS:"]),
        }
    }

    /// What the counter does when the modem restarts.
    #[must_use]
    pub const fn restarts(self) -> Restarts {
        match self {
            Self::Qgdcnt | Self::Qgdnrcnt | Self::Gdatavol => Restarts::FromSaved,
            Self::Ugcntrd | Self::Dsflowqry | Self::Gtstatis => Restarts::FromZero,
        }
    }

    /// The width by the manual; where it says none, a fall is never a wrap.
    #[must_use]
    pub const fn width(self) -> Width {
        match self {
            Self::Qgdcnt => Width::Bits32,
            Self::Qgdnrcnt | Self::Dsflowqry => Width::Bits64,
            Self::Ugcntrd | Self::Gdatavol | Self::Gtstatis => Width::Unknown,
        }
    }

    /// Whether it prints one line a data context, and none while there is none.
    #[must_use]
    pub const fn is_by_context(self) -> bool {
        match self {
            Self::Ugcntrd | Self::Gdatavol => true,
            Self::Qgdcnt | Self::Qgdnrcnt | Self::Dsflowqry | Self::Gtstatis => false,
        }
    }

    /// Whether it counts the data session only: no mark of the modem's run tells
    /// that it went on.
    #[must_use]
    pub const fn is_of_the_session(self) -> bool {
        match self {
            Self::Gtstatis => true,
            Self::Qgdcnt | Self::Qgdnrcnt | Self::Ugcntrd | Self::Dsflowqry | Self::Gdatavol => {
                false
            }
        }
    }

    /// The dialects that a modem's maker is known for; none for an unknown one.
    #[must_use]
    pub fn likely(manufacturer: Option<&str>, model: Option<&str>) -> &'static [Self] {
        let maker = manufacturer.unwrap_or_default().to_ascii_lowercase();
        let model = model.unwrap_or_default().to_ascii_uppercase();
        let made_by = |names: &[&str]| names.iter().any(|name| maker.contains(name));
        if made_by(&["quectel"]) && is_quectel_5g(&model) {
            &[Self::Qgdnrcnt, Self::Qgdcnt]
        } else if made_by(&["quectel"]) {
            &[Self::Qgdcnt, Self::Qgdnrcnt]
        } else if made_by(&["u-blox", "ublox"]) {
            &[Self::Ugcntrd]
        } else if made_by(&["huawei", "hisilicon", "meig", "tdtech"]) || model.starts_with("SLM") {
            &[Self::Dsflowqry]
        } else if made_by(&["telit"]) {
            &[Self::Gdatavol]
        } else if made_by(&["fibocom"]) {
            &[Self::Gtstatis]
        } else {
            &[]
        }
    }

    /// The dialects in the order in which a modem is asked: its maker's first,
    /// then the others, because modules are sold under many names.
    #[must_use]
    pub fn order(manufacturer: Option<&str>, model: Option<&str>) -> Vec<Self> {
        let likely = Self::likely(manufacturer, model);
        let mut order = likely.to_vec();
        order.extend(Self::ALL.into_iter().filter(|dialect| !likely.contains(dialect)));
        order
    }

    /// Reads the lines of one whole answer. Anything odd refuses all of it: it is
    /// asked again, which costs nothing.
    pub(super) fn read(self, lines: &[String], columns: Columns) -> Result<Figures, FiguresError> {
        match self {
            Self::Qgdcnt => single(lines, |line| qgdcnt(line, columns)),
            Self::Qgdnrcnt => single(lines, |line| qgdnrcnt(line, columns)),
            Self::Gtstatis => single(lines, |line| Ok(gtstatis(line)?.octets)),
            Self::Dsflowqry => {
                let flow = dsflowqry(only(lines)?)?;
                let counting_s = Some(flow.total_time_s);
                Ok(Figures { octets: flow.total, contexts: Vec::new(), counting_s })
            }
            Self::Ugcntrd => by_context(lines, |line| {
                let context = ugcntrd(line)?;
                Ok(ContextCount { cid: context.cid, octets: context.total })
            }),
            Self::Gdatavol => by_context(lines, |line| {
                let context = gdatavol(line)?;
                Ok(ContextCount { cid: context.cid, octets: context.octets })
            }),
        }
    }
}

/// RG500Q, RM500Q, RG650, RM520N: QGDNRCNT counts what QGDCNT there does not.
pub(super) fn is_quectel_5g(model: &str) -> bool {
    ["RG5", "RM5", "RG6", "RM6"].iter().any(|family| model.contains(family))
}

fn only(lines: &[String]) -> Result<&str, FiguresError> {
    match lines {
        [] => Err(FiguresError::Empty),
        [line] => Ok(line),
        [_, _, ..] => Err(FiguresError::Twice),
    }
}

fn single(
    lines: &[String],
    read: impl Fn(&str) -> Result<Octets, ReplyError>,
) -> Result<Figures, FiguresError> {
    let octets = read(only(lines)?)?;
    Ok(Figures { octets, contexts: Vec::new(), counting_s: None })
}

fn by_context(
    lines: &[String],
    read: impl Fn(&str) -> Result<ContextCount, ReplyError>,
) -> Result<Figures, FiguresError> {
    if lines.is_empty() {
        return Err(FiguresError::Empty);
    }
    let mut seen = BTreeSet::new();
    let mut contexts = Vec::with_capacity(lines.len());
    let mut octets = Octets::default();
    for line in lines {
        let context = read(line)?;
        if !seen.insert(context.cid) {
            return Err(FiguresError::Twice);
        }
        let add = |sum: u64, more| sum.checked_add(more).ok_or(FiguresError::Sum);
        octets.sent = add(octets.sent, context.octets.sent)?;
        octets.received = add(octets.received, context.octets.received)?;
        contexts.push(context);
    }
    Ok(Figures { octets, contexts, counting_s: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(dialect: Dialect, lines: &[&str]) -> Result<Octets, FiguresError> {
        let lines: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
        dialect.read(&lines, Columns::SentFirst).map(|figures| figures.octets)
    }

    #[test]
    fn every_dialect_reads_its_own_answer() {
        for (dialect, lines, sent, received) in [
            (Dialect::Qgdcnt, &["+QGDCNT: 1,2"][..], 1, 2),
            (Dialect::Qgdnrcnt, &["+QGDNRCNT: 231743605,4951875263"], 231_743_605, 4_951_875_263),
            (
                Dialect::Ugcntrd,
                &["+UGCNTRD: 31,2704,1819,2724,1839", "+UGCNTRD: 1,1,1,100,200"],
                2824,
                2039,
            ),
            (Dialect::Dsflowqry, &["^DSFLOWQRY: 100,0,0,592,645c,3c0f"], 0x645c, 0x3c0f),
            (Dialect::Gdatavol, &["#GDATAVOL: 1,3,1,2", "#GDATAVOL: 2,30,10,20"], 11, 22),
            (Dialect::Gtstatis, &["+GTSTATIS: 2954,2125,378317,331309"], 331_309, 378_317),
        ] {
            assert_eq!(read(dialect, lines), Ok(Octets { sent, received }), "{dialect:?}");
        }
    }

    #[test]
    fn an_odd_answer_is_refused_whole() {
        assert_eq!(read(Dialect::Qgdcnt, &[]), Err(FiguresError::Empty));
        assert_eq!(
            read(Dialect::Qgdcnt, &["+QGDCNT: 1,2", "+QGDCNT: 1,2"]),
            Err(FiguresError::Twice)
        );
        assert_eq!(read(Dialect::Ugcntrd, &[]), Err(FiguresError::Empty));
        assert_eq!(
            read(Dialect::Ugcntrd, &["+UGCNTRD: 1,1,1,1,1", "+UGCNTRD: 1,1,1,1,1"]),
            Err(FiguresError::Twice)
        );
        assert_eq!(
            read(
                Dialect::Gdatavol,
                &["#GDATAVOL: 1,0,18446744073709551615,0", "#GDATAVOL: 2,0,1,0"]
            ),
            Err(FiguresError::Sum)
        );
    }

    #[test]
    fn the_makers_own_counter_is_asked_first_and_all_others_after_it() {
        for (maker, model, first) in [
            (Some("Quectel"), Some("EC25"), Dialect::Qgdcnt),
            (Some("Quectel"), Some("RG500Q-EA"), Dialect::Qgdnrcnt),
            (Some("u-blox"), Some("SARA-R510S"), Dialect::Ugcntrd),
            (Some("Huawei Technologies Co., Ltd."), Some("ME909s"), Dialect::Dsflowqry),
            (Some("MEIG"), Some("SLM750"), Dialect::Dsflowqry),
            (None, Some("SLM730"), Dialect::Dsflowqry),
            (Some("Telit"), Some("LE910"), Dialect::Gdatavol),
            (Some("Fibocom Wireless Inc."), Some("L610"), Dialect::Gtstatis),
            (Some("Nobody"), None, Dialect::Qgdcnt),
        ] {
            let order = Dialect::order(maker, model);
            assert_eq!(order.first(), Some(&first), "{maker:?} {model:?}");
            let all: BTreeSet<_> = order.iter().copied().collect();
            assert_eq!((order.len(), all.len()), (6, 6));
        }
    }

    #[test]
    fn words_name_dialects() {
        for dialect in Dialect::ALL {
            assert_eq!(Dialect::from_word(dialect.word()), Some(dialect));
            let command = dialect.command().text.to_ascii_lowercase();
            assert!(command.contains(dialect.word()));
        }
        assert_eq!(Dialect::from_word("QGDCNT"), None);
    }

    #[test]
    fn no_query_resets_or_saves_a_counter() {
        for dialect in Dialect::ALL {
            let text = dialect.command().text;
            assert!(
                !text.ends_with("=0") && !text.ends_with("=1") && !text.contains("CLR"),
                "{text}"
            );
        }
    }
}
