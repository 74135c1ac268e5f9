//! The clocks. Time is read here and nowhere else: everything above is told it.

use std::io;
use std::os::fd::{AsFd as _, AsRawFd, RawFd};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{
    ClockId as TimerClock, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags,
};
use nix::time::{ClockId, clock_gettime};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use crate::domain::time::{BootMs, Now, UnixS};

/// Reads all clocks.
#[must_use]
pub fn now() -> Now {
    Now { boot_ms: boot_ms(), wall_s: wall_s(), ntp: is_synchronised() }
}

/// Microseconds on CLOCK_MONOTONIC, which systemd wants to see with a reload.
#[must_use]
pub fn monotonic_us() -> u64 {
    u64::try_from(read(ClockId::CLOCK_MONOTONIC).as_micros()).unwrap_or(u64::MAX)
}

/// Milliseconds on the boot clock, for who needs nothing else.
#[must_use]
pub fn boot_ms() -> BootMs {
    u64::try_from(read(ClockId::CLOCK_BOOTTIME).as_millis()).unwrap_or(u64::MAX)
}

/// Only an unknown clock or a bad pointer makes the call fail: neither is ours.
fn read(clock: ClockId) -> Duration {
    clock_gettime(clock).map_or(Duration::ZERO, Duration::from)
}

/// Through std rather than libc: on 32-bit ARM its seconds do not end in 2038.
#[allow(clippy::disallowed_methods, reason = "the one place where wall time is read")]
fn wall_s() -> UnixS {
    match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_secs()).unwrap_or(i64::MAX),
        Err(before) => i64::try_from(before.duration().as_secs()).map_or(i64::MIN, |s| -s),
    }
}

/// Whether the kernel says that NTP holds its clock. Asks only (`modes` is 0), so
/// that it needs no privilege.
#[allow(unsafe_code, reason = "nix has no adjtimex")]
fn is_synchronised() -> bool {
    // SAFETY: timex is a struct of integers, for which all zeroes is a value; the
    // kernel writes no further than its size, and `timex` outlives the call.
    let (state, status) = unsafe {
        let mut timex: libc::timex = std::mem::zeroed();
        (libc::adjtimex(&raw mut timex), timex.status)
    };
    state >= 0 && state != libc::TIME_ERROR && status & libc::STA_UNSYNC == 0
}

/// The kernel's name for this boot, a UUID: another after every start of the
/// terminal, the same for every start of the daemon within it.
///
/// # Errors
/// When `/proc` is not there, or says something else.
pub fn boot_id() -> io::Result<String> {
    let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id")?;
    let id = text.trim();
    if id.len() == 36 && id.chars().all(|c| c.is_ascii_hexdigit() || c == '-') {
        return Ok(id.to_owned());
    }
    Err(io::Error::new(io::ErrorKind::InvalidData, "the kernel's boot id is no UUID"))
}

/// A timer on the boot clock: it is not moved when someone sets the clock, and a
/// time that passed while the terminal slept has come when it wakes.
#[derive(Debug)]
pub struct BootTimer {
    timer: AsyncFd<Timer>,
}

/// tokio wants the raw number of a descriptor, nix lends only the safe one.
#[derive(Debug)]
struct Timer(TimerFd);

impl AsRawFd for Timer {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_fd().as_raw_fd()
    }
}

impl BootTimer {
    /// Makes a timer; needs a running tokio.
    ///
    /// # Errors
    /// When the kernel has no descriptor left.
    #[allow(unsafe_code, reason = "tokio 1.54 has no safe way to watch a descriptor")]
    pub fn new() -> io::Result<Self> {
        let flags = TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC;
        let timer = Timer(TimerFd::new(TimerClock::CLOCK_BOOTTIME, flags)?);
        // SAFETY: `Timer` owns its descriptor, keeps it open and the same for as
        // long as it lives, and lives in the AsyncFd.
        let timer = unsafe { AsyncFd::register_with_interest(timer, Interest::READABLE)? };
        Ok(Self { timer })
    }

    /// Waits until the boot clock shows `boot_ms`; at once when it is past.
    /// To drop the wait and to wait for another time is fine.
    ///
    /// # Errors
    /// When the kernel refuses the timer.
    pub async fn wait_until(&self, boot_ms: BootMs) -> io::Result<()> {
        // Zero would switch the timer off; whole milliseconds do not end it early.
        let at = TimeSpec::from(Duration::from_millis(boot_ms.max(1)));
        let expiration = Expiration::OneShot(at);
        self.timer.get_ref().0.set(expiration, TimerSetTimeFlags::TFD_TIMER_ABSTIME)?;
        loop {
            let mut ready = self.timer.readable().await?;
            // Readiness of an earlier wait that was dropped reads as "would block".
            let read = ready.try_io(|timer| {
                let mut expirations = [0; 8];
                Ok(nix::unistd::read(timer.get_ref().0.as_fd(), &mut expirations)?)
            });
            if let Ok(read) = read {
                return read.map(|_| ());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clocks_go_forward() {
        let uptime = std::fs::read_to_string("/proc/uptime").unwrap();
        let uptime_s: u64 = uptime.split('.').next().unwrap().parse().unwrap();
        let first = now();
        let second = now();
        assert!(second.boot_ms >= first.boot_ms);
        assert!(first.boot_ms / 1000 >= uptime_s);
        assert!(first.boot_ms / 1000 <= uptime_s + 60, "{first:?}, up {uptime_s} s");
        // 2020: no machine that builds this is older.
        assert!(first.wall_s > 1_577_836_800);
        assert!(monotonic_us() > 0);
    }

    #[test]
    fn a_boot_has_one_name() {
        assert_eq!(boot_id().unwrap(), boot_id().unwrap());
    }

    #[tokio::test]
    async fn the_timer_comes_on_time() {
        let timer = BootTimer::new().unwrap();
        for wait_ms in [0, 1, 30] {
            let until = now().boot_ms + wait_ms;
            timer.wait_until(until).await.unwrap();
            let late = now().boot_ms.checked_sub(until).expect("not early");
            assert!(late < 1_000, "{late} ms late");
        }
        timer.wait_until(0).await.unwrap();
    }

    #[tokio::test]
    async fn a_dropped_wait_leaves_nothing_behind() {
        let timer = BootTimer::new().unwrap();
        let start = now().boot_ms;
        tokio::select! {
            biased;
            done = timer.wait_until(start + 3_600_000) => panic!("too early: {done:?}"),
            () = std::future::ready(()) => {}
        }
        // Let one expire unread, so that its readiness is stale for the next.
        tokio::select! {
            biased;
            done = timer.wait_until(start + 5) => panic!("too early: {done:?}"),
            () = std::future::ready(()) => {}
        }
        std::thread::sleep(Duration::from_millis(10));
        let until = now().boot_ms + 20;
        timer.wait_until(until).await.unwrap();
        assert!(now().boot_ms >= until);
    }
}
