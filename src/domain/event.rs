//! What is recorded beside plain advances, and shown by `posdatactl events`.

use super::sim::SimId;
use super::time::Stamp;
use super::units::Traffic;

/// The kinds of event, one word each: the same in the database, on D-Bus, in
/// the journal and in the manual.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EventKind {
    /// The first reading of a source: nothing before it is counted.
    Baseline,
    /// A counter passed the end of its width; counted exactly.
    Wrap,
    /// A counter started again from zero; its new reading was counted whole.
    Reset,
    /// Traffic of unknown size could not be counted.
    Gap,
    /// Another SIM is in the modem: a new baseline.
    SimChange,
    /// Another source or modem is read: a new baseline.
    SourceChange,
    /// What was counted while the SIM was unknown now belongs to one.
    SimMerged,
    /// The kernel's count and the modem's disagree beyond the tolerance.
    CrossCheck,
    /// What is counted cannot be written to the disk.
    StoreFault,
    /// What was counted is on the disk again.
    StoreRecovered,
    /// The database was damaged and has been set aside.
    StoreReplaced,
    /// A posting would have broken the ledger and was set aside.
    LedgerFault,
    /// The time became trusted.
    TimeTrusted,
    /// A source cannot be read.
    SourceFault,
    /// A source can be read again.
    SourceRecovered,
    /// A top-up stands elsewhere than before.
    TopUp,
    /// The operator's figure was taken over.
    Calibrated,
    /// The backend cannot be reached, or says what cannot be.
    BackendFault,
    /// The backend answers again.
    BackendRecovered,
    /// A certificate ends soon, or has ended.
    CertificateEnding,
}

impl EventKind {
    /// Every kind.
    pub const ALL: [Self; 20] = [
        Self::Baseline,
        Self::Wrap,
        Self::Reset,
        Self::Gap,
        Self::SimChange,
        Self::SourceChange,
        Self::SimMerged,
        Self::CrossCheck,
        Self::StoreFault,
        Self::StoreRecovered,
        Self::StoreReplaced,
        Self::LedgerFault,
        Self::TimeTrusted,
        Self::SourceFault,
        Self::SourceRecovered,
        Self::TopUp,
        Self::Calibrated,
        Self::BackendFault,
        Self::BackendRecovered,
        Self::CertificateEnding,
    ];

    /// The kind's word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Baseline => "baseline",
            Self::Wrap => "wrap",
            Self::Reset => "reset",
            Self::Gap => "gap",
            Self::SimChange => "sim_change",
            Self::SourceChange => "source_change",
            Self::SimMerged => "sim_merged",
            Self::CrossCheck => "cross_check",
            Self::StoreFault => "store_fault",
            Self::StoreRecovered => "store_recovered",
            Self::StoreReplaced => "store_replaced",
            Self::LedgerFault => "ledger_fault",
            Self::TimeTrusted => "time_trusted",
            Self::SourceFault => "source_fault",
            Self::SourceRecovered => "source_recovered",
            Self::TopUp => "top_up",
            Self::Calibrated => "calibrated",
            Self::BackendFault => "backend_fault",
            Self::BackendRecovered => "backend_recovered",
            Self::CertificateEnding => "certificate_ending",
        }
    }

    /// The kind with that word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }
}

/// One recorded event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Counted from 1, never reused.
    pub id: u64,
    /// When, as far as was known then.
    pub at: Stamp,
    /// What kind.
    pub kind: EventKind,
    /// Which source; empty when none is concerned.
    pub source: &'static str,
    /// Which SIM, when one is concerned.
    pub sim: Option<SimId>,
    /// The reading before, when counters are concerned.
    pub before: Option<Traffic>,
    /// The reading that was seen.
    pub seen: Option<Traffic>,
    /// What was counted because of it.
    pub counted: Traffic,
    /// True where traffic of unknown size may be missing from the count.
    pub uncounted: bool,
    /// For people: what happened and why it was judged so.
    pub detail: String,
}
