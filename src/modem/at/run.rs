//! The run of the modem: whether the port is set up in it, and what the run mark
//! says of a restart that nobody heard.
//!
//! The mark is `AT+CREG=1`: it is gone when the modem restarts. Setting it wipes
//! out what it says, so it is set only when the readings that it speaks of have
//! been given: whoever is killed before finds the same evidence again.

/// So many readings are given before the mark is set: what is no plain advance
/// is counted only when a second reading goes on from it.
const READINGS_BEFORE_MARK: u8 = 2;

/// What is known of the modem's run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run {
    prepared: bool,
    /// Something was heard since the mark was last asked for that a modem may
    /// send when it boots.
    noisy: bool,
    /// Readings given since the port was set up.
    readings: u8,
    /// The mark was set since the port was set up.
    mark_set: bool,
    /// The mark must still be there if the modem did not restart: a process of
    /// before may have set it, or this one did.
    mark_expected: bool,
}

impl Default for Run {
    fn default() -> Self {
        Self { prepared: false, noisy: false, readings: 0, mark_set: false, mark_expected: true }
    }
}

impl Run {
    /// Whether the port's settings are made and the modem's names are known.
    pub(super) fn is_prepared(self) -> bool {
        self.prepared
    }

    /// All that is asked to prepare was asked. What was heard after the mark was
    /// looked at asks for another look.
    pub(super) fn prepared(&mut self) {
        self.prepared = !self.noisy;
    }

    /// The settings may be gone: they are to be made again.
    pub(super) fn prepare_again(&mut self) {
        self.prepared = false;
        self.readings = 0;
        self.mark_set = false;
    }

    /// Some noise. A modem that loses its power or boots often sends some: it is
    /// no evidence itself, the mark will tell.
    pub(super) fn noise(&mut self) {
        self.prepare_again();
        self.noisy = true;
    }

    /// The modem has said that it restarted: there is no mark any more.
    pub(super) fn restarted(&mut self) {
        self.prepare_again();
        self.mark_expected = false;
    }

    /// The mark is asked for.
    pub(super) fn mark_asked(&mut self) {
        self.noisy = false;
    }

    /// What the mark says; true when the modem may have restarted.
    pub(super) fn mark_answered(&mut self, is_set: bool) -> bool {
        let restarted = self.mark_expected && !is_set;
        self.mark_expected = is_set;
        restarted
    }

    /// A reading was given.
    pub(super) fn reading_given(&mut self) {
        self.readings = self.readings.saturating_add(1);
    }

    /// Whether the mark is to be set now.
    pub(super) fn mark_is_due(self) -> bool {
        self.prepared && !self.mark_set && self.readings >= READINGS_BEFORE_MARK
    }

    /// The mark was sent.
    pub(super) fn mark_sent(&mut self, accepted: bool) {
        self.mark_set = true;
        self.mark_expected |= accepted;
    }
}
