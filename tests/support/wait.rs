//! Waiting for a condition, with a deadline: nothing is left to luck, and a
//! slow machine only takes longer.

use std::thread;
use std::time::{Duration, Instant};

/// Only what hangs is ended by this.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// The time that has passed since the tests looked at the clock.
#[allow(clippy::disallowed_methods, reason = "tests measure themselves")]
pub fn now() -> Instant {
    Instant::now()
}

/// Waits until `found` gives something.
pub fn until<T>(what: &str, found: impl FnMut() -> Option<T>) -> T {
    within(PATIENCE, found).unwrap_or_else(|| panic!("waited in vain for: {what}"))
}

/// The same with another deadline; `None` when it has passed.
pub fn within<T>(patience: Duration, mut found: impl FnMut() -> Option<T>) -> Option<T> {
    let begun = now();
    let mut pause = Duration::from_millis(2);
    loop {
        // Looked at once more after the deadline: the machine may have stalled.
        let over = begun.elapsed() > patience;
        if let Some(found) = found() {
            return Some(found);
        }
        if over {
            return None;
        }
        thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(40));
    }
}
