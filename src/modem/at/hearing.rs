//! What the modem says: answers go to their step, everything else is taken note
//! of here.

use super::dialect::Dialect;
use super::dialogue::{AtDialogue, Phase};
use super::exchange::Heard;
use super::plan::Step;
use crate::domain::counter::{Evidence, Restarts};
use crate::domain::time::BootMs;
use crate::proto::at::Unsolicited;
use crate::proto::at::context::ContextEvent;
use crate::proto::at::pin::Pin;

/// After the modem answered `AT`, how long the line must be still before
/// anything else is asked, ms: the rest of a late answer is let pass.
const STILL_MS: u64 = 200;
/// A modem that never falls still is asked nevertheless, ms after it answered.
const STILL_MS_MAX: u64 = 5_000;
/// How long a modem that has just booted is left alone, ms.
const BOOT_MS: u64 = 1_000;

impl AtDialogue {
    /// Something was completed on the line.
    pub(super) fn heard(&mut self, now_ms: BootMs, heard: Heard) {
        match heard {
            Heard::Reply(reply) => {
                self.silent_attempts = 0;
                if let Phase::Asking(step) = self.phase {
                    self.unanswered.remove(reply.command);
                    self.answered(now_ms, step, &reply);
                }
            }
            Heard::Unsolicited(said) => self.unsolicited(now_ms, said),
            Heard::Late => {
                self.out_of_step = true;
                self.keep_still(now_ms);
            }
            Heard::Broken => {
                self.run.noise();
                self.keep_still(now_ms);
            }
        }
    }

    /// While the line is to fall still, every late line starts the wait again.
    fn keep_still(&mut self, now_ms: BootMs) {
        if let Phase::Settling { at_most_ms, .. } = self.phase {
            self.out_of_step = false;
            let until_ms = now_ms.saturating_add(STILL_MS).min(at_most_ms);
            self.phase = Phase::Settling { until_ms, at_most_ms };
        }
    }

    /// The modem answered `AT`.
    pub(super) fn in_step(&mut self, now_ms: BootMs) {
        self.out_of_step = false;
        self.phase = Phase::Settling {
            until_ms: now_ms.saturating_add(STILL_MS),
            at_most_ms: now_ms.saturating_add(STILL_MS_MAX),
        };
    }

    fn unsolicited(&mut self, now_ms: BootMs, said: Unsolicited) {
        match said {
            Unsolicited::Booted => self.booted(now_ms),
            Unsolicited::Functionality => {
                self.hint(Evidence::MayHaveRestarted);
                self.subscriber.hint();
            }
            Unsolicited::Pin(Pin::Ready | Pin::NotReady) | Unsolicited::SimChanged => {
                self.subscriber.hint();
            }
            Unsolicited::Pin(Pin::NotInserted | Pin::Locked) => {
                self.subscriber.hint();
                self.say_no_sim();
            }
            Unsolicited::Registration(registration) => {
                self.network.heard(registration);
                let report = self.network.roaming_report();
                self.report(report);
            }
            // No dialect's own context is known: u-blox is read by its totals,
            // Fibocom names none. So it may have restarted, no more. What is
            // loaded from the modem's memory goes on over all sessions.
            Unsolicited::Context(
                ContextEvent::Activated { .. }
                | ContextEvent::Deactivated { .. }
                | ContextEvent::Detached,
            ) => match self.dialect.map(Dialect::restarts) {
                Some(Restarts::FromSaved) => {}
                Some(Restarts::FromZero) | None => self.hint(Evidence::MayHaveRestarted),
            },
            Unsolicited::Context(ContextEvent::Other)
            | Unsolicited::MessageArrived
            | Unsolicited::Other => {}
        }
    }

    /// Something hints at a restart of the counter. It stands before the figure in
    /// flight unless that had arrived: the modem says things in their order.
    pub(super) fn hint(&mut self, evidence: Evidence) {
        let figure_is_here =
            self.phase == Phase::Asking(Step::Counter) && self.exchange.has_lines();
        if figure_is_here {
            self.track.hint_behind(evidence);
        } else {
            self.track.hint(evidence);
        }
    }

    /// The modem has restarted: its settings are gone, the SIM may be another.
    fn booted(&mut self, now_ms: BootMs) {
        self.hint(Evidence::Restarted);
        self.subscriber.hint();
        self.network.forget();
        self.run.restarted();
        self.out_of_step = true;
        self.unanswered.clear();
        match self.phase {
            Phase::Closed | Phase::Idle => {}
            Phase::Waiting { .. } if self.plan.is_empty() => {}
            Phase::Asking(_) | Phase::Settling { .. } | Phase::Waiting { .. } => {
                self.exchange.abandon();
                self.plan.clear();
                self.phase = Phase::Waiting { until_ms: now_ms.saturating_add(BOOT_MS) };
            }
        }
    }
}
