//! The kernel's count held against the modem's: two independent witnesses of
//! the same bytes. They never agree to the byte (headers, segmentation
//! offload, the moment of reading), so a tolerance decides.

use super::units::Traffic;

/// How far the two may differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tolerance {
    /// Bytes that never matter.
    pub bytes: u64,
    /// Per cent of the greater count, 1 to 100.
    pub percent: u8,
}

/// What a comparison found; said when it changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// They began to disagree.
    Disagree {
        /// What the modem counted in the window, bytes.
        modem: u64,
        /// What the kernel counted, bytes.
        kernel: u64,
    },
    /// They agree again.
    Agree,
}

/// A window is closed, and a new one begun, when this much has been compared
/// without a disagreement: old agreement must not hide a new difference.
const WINDOW_BYTES: u64 = 64 << 20;

/// Both counts since the window began.
#[derive(Clone, Debug)]
pub struct CrossCheck {
    tolerance: Tolerance,
    kernel_last: Option<(u64, Traffic)>,
    kernel: u64,
    modem: u64,
    /// Both counters were read since the window began, so that what comes next
    /// lies inside it on both sides.
    open: bool,
    disagreeing: bool,
}

impl CrossCheck {
    /// Nothing compared yet.
    #[must_use]
    pub fn new(tolerance: Tolerance) -> Self {
        Self { tolerance, kernel_last: None, kernel: 0, modem: 0, open: false, disagreeing: false }
    }

    /// Begins a new window: one of the two counters cannot be compared across
    /// this moment (a reset, a gap, another interface).
    pub fn begin(&mut self) {
        self.kernel_last = None;
        self.kernel = 0;
        self.modem = 0;
        self.open = false;
    }

    /// The kernel's counter of the interface with index `ifindex`.
    pub fn kernel(&mut self, ifindex: u64, counter: Traffic) {
        match self.kernel_last {
            Some((index, last)) if index == ifindex => match counter.minus(last) {
                Some(moved) => self.kernel = self.kernel.saturating_add(moved.total()),
                None => self.begin(),
            },
            Some(_) => self.begin(),
            None => {}
        }
        self.kernel_last = Some((ifindex, counter));
    }

    /// What the modem was found to have moved, right after the kernel was read.
    pub fn modem(&mut self, moved: Traffic) -> Option<Verdict> {
        self.kernel_last?;
        if !std::mem::replace(&mut self.open, true) {
            return None;
        }
        self.modem = self.modem.saturating_add(moved.total());
        let greater = self.modem.max(self.kernel);
        let allowed = (u128::from(greater) * u128::from(self.tolerance.percent) / 100)
            .max(u128::from(self.tolerance.bytes));
        let disagree = u128::from(self.modem.abs_diff(self.kernel)) > allowed;
        let verdict = match (self.disagreeing, disagree) {
            (false, true) => Some(Verdict::Disagree { modem: self.modem, kernel: self.kernel }),
            // One window that agrees for as long as the tolerance is wide.
            (true, false) if greater > self.tolerance.bytes => Some(Verdict::Agree),
            (true, false) | (false, false) | (true, true) => None,
        };
        match verdict {
            Some(Verdict::Disagree { .. }) => {
                self.disagreeing = true;
                self.kernel = 0;
                self.modem = 0;
            }
            Some(Verdict::Agree) => self.disagreeing = false,
            None if disagree || greater > WINDOW_BYTES => {
                self.kernel = 0;
                self.modem = 0;
            }
            None => {}
        }
        verdict
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOLERANCE: Tolerance = Tolerance { bytes: 1_000, percent: 5 };

    fn t(bytes: u64) -> Traffic {
        Traffic { rx: bytes, tx: 0 }
    }

    /// Feeds (kernel's counter, modem's difference) and gives the verdicts.
    fn run(steps: &[(u64, u64)]) -> Vec<Option<Verdict>> {
        let mut check = CrossCheck::new(TOLERANCE);
        steps
            .iter()
            .map(|(kernel, modem)| {
                check.kernel(3, t(*kernel));
                check.modem(t(*modem))
            })
            .collect()
    }

    #[test]
    fn small_differences_pass_and_large_ones_are_said_once() {
        assert_eq!(run(&[(500, 0), (1_500, 900), (101_500, 96_000)]), [None, None, None]);
        assert_eq!(
            run(&[(0, 0), (50_000, 0), (100_000, 0), (150_000, 50_000), (152_000, 2_000)]),
            [
                None,
                Some(Verdict::Disagree { modem: 0, kernel: 50_000 }),
                None,
                Some(Verdict::Agree),
                None
            ]
        );
        // what the modem counted before the kernel was first read is not compared
        assert_eq!(run(&[(0, 900_000), (10_000, 10_000)])[1], None);
    }

    #[test]
    fn another_interface_begins_anew() {
        let mut check = CrossCheck::new(TOLERANCE);
        check.kernel(3, t(5_000_000));
        check.modem(t(0));
        check.kernel(4, t(10));
        assert_eq!(check.modem(t(10)), None);
        check.kernel(4, t(2_000_010));
        assert!(matches!(check.modem(t(0)), Some(Verdict::Disagree { .. })));
    }
}
