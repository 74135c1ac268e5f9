//! What a link can carry: the measure of what a counter may move in a time.

/// What an LTE link moves at most, bytes a second one way (Cat 6, 300 Mbit/s,
/// and some room).
const RATE_MAX_LTE: u64 = 50_000_000;
/// What a 5G link moves at most, bytes a second one way.
const RATE_MAX_NR: u64 = 500_000_000;

/// The technology of the link, for what it can move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Technology {
    /// LTE and older.
    Lte,
    /// 5G.
    Nr,
}

impl Technology {
    /// The most that it moves, bytes a second one way.
    pub(super) fn rate_max(self) -> u64 {
        match self {
            Self::Lte => RATE_MAX_LTE,
            Self::Nr => RATE_MAX_NR,
        }
    }
}
