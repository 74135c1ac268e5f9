//! What ModemManager says about a modem, and what it means. ModemManager owns
//! the modem; this only listens, asks nothing of the modem and changes nothing.
//!
//! | room | owns |
//! |---|---|
//! | [`facts`] | what was read over D-Bus, as plain values |
//! | [`choose`] | which modem is metered where there are several |
//! | `bearer` | one bearer: its totals, its connections, what an end left unread |
//! | [`observer`] | [`Observer`]: facts in, reports out |
//!
//! # What its figures are worth
//!
//! ModemManager asks the modem for a connection's bytes when it begins and every
//! 30 s after that, and adds what they rose by to the bearer's totals. So
//!
//! - its figures are up to 30 s old. A reading is given when they are fresh, not
//!   when they are asked for: its moment is then the moment that it speaks of, and
//!   the kernel's counter is compared at that moment;
//! - **a disconnect loses what moved since the last look.** Where the kernel's
//!   counter of the bearer's interface can be read, it was noted at each look, and
//!   what it moved since the last one is counted in the place of the bytes that
//!   were lost. It is never more than what went through the interface after
//!   ModemManager's look, because the kernel is read after the look: what moved in
//!   the moment between the two is missing. So it is recorded as a gap, with what
//!   was counted. Only where nothing moved since the look before the last is it
//!   certain that nothing is missing, and nothing is recorded. Where there is no
//!   such counter (a PPP port, an interface that went away with its modem), a gap
//!   of unknown size is recorded;
//! - **a counter that falls within a connection is ignored** by it until the old
//!   figure is passed; the totals stand still, and what moved meanwhile is lost.
//!   This looks like a connection on which nothing moves: only the comparison with
//!   the kernel's counter tells (`[modem] interface`; a `cross_check` event);
//! - modems that it drives by AT commands and PPP alone have no figures at all:
//!   that is a fault of kind `no_counter`.
//!
//! A connection, and the rest between two, is named by the count of attempts that
//! its bearer made, and that name is part of the baseline: an end that was never
//! seen (posdatad was not running) is a gap as well.
//!
//! What it cannot be told from outside: a ModemManager that crashed and takes over
//! a data session which the modem kept may count that session's bytes a second
//! time in its new totals; in all of its ways to an end it closes its sessions.

mod bearer;
pub mod choose;
pub mod facts;
pub mod observer;
#[cfg(test)]
mod observer_tests;

pub use bearer::Timing;
pub use choose::Selector;
pub use observer::Observer;
