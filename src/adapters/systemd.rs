//! What posdatad tells systemd (`sd_notify`), and the watchdog it has to feed.
//!
//! Written out rather than taken from a crate: sd-notify 0.5 takes an abstract
//! socket for a path, and computes microseconds in the 32 bits of an ARM's
//! seconds.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use super::clock;

/// The longest that one message may wait for systemd to take it.
const SEND_TIMEOUT: Duration = Duration::from_secs(2);

/// Something systemd wants to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State<'a> {
    /// The service serves: after a start, and after a reload.
    Ready,
    /// The configuration is being read again.
    Reloading,
    /// The service is on its way out.
    Stopping,
    /// What it is doing, one line for `systemctl status`.
    Status(&'a str),
    /// It is alive.
    Watchdog,
}

/// The way to systemd, if the service was started by it.
#[derive(Debug, Default)]
pub struct Notifier {
    socket: Option<UnixDatagram>,
}

impl Notifier {
    /// Connects to the socket that systemd named in `NOTIFY_SOCKET`; without one,
    /// everything that is sent goes nowhere.
    ///
    /// # Errors
    /// When the socket that was named cannot be reached.
    pub fn from_env() -> io::Result<Self> {
        std::env::var_os("NOTIFY_SOCKET")
            .filter(|name| !name.is_empty())
            .map_or_else(|| Ok(Self::default()), |name| Self::connect(&name))
    }

    /// Connects to a socket: a path, or `@name` for an abstract one.
    ///
    /// # Errors
    /// When it cannot be reached, or is of another kind (vsock).
    pub fn connect(name: &OsStr) -> io::Result<Self> {
        let address = match name.as_bytes() {
            [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
            [b'/', ..] => SocketAddr::from_pathname(name)?,
            _ => {
                return Err(io::Error::new(io::ErrorKind::Unsupported, "neither a path nor @name"));
            }
        };
        let socket = UnixDatagram::unbound()?;
        socket.connect_addr(&address)?;
        // A systemd that hangs must not stop the metering.
        socket.set_write_timeout(Some(SEND_TIMEOUT))?;
        Ok(Self { socket: Some(socket) })
    }

    /// Tells systemd several things in one message.
    ///
    /// # Errors
    /// When systemd does not take it; there is nothing to do but to say so.
    pub fn send(&self, states: &[State<'_>]) -> io::Result<()> {
        let Some(socket) = &self.socket else { return Ok(()) };
        socket.send(message(states, clock::monotonic_us()).as_bytes()).map(|_| ())
    }
}

fn message(states: &[State<'_>], monotonic_us: u64) -> String {
    let mut message = String::new();
    for state in states {
        // Writing to a String does not fail.
        let _ = match state {
            State::Ready => writeln!(message, "READY=1"),
            State::Reloading => writeln!(message, "RELOADING=1\nMONOTONIC_USEC={monotonic_us}"),
            State::Stopping => writeln!(message, "STOPPING=1"),
            // A line break would begin another assignment.
            State::Status(text) => {
                writeln!(message, "STATUS={}", text.replace(char::is_control, " "))
            }
            State::Watchdog => writeln!(message, "WATCHDOG=1"),
        };
    }
    message
}

/// How often to send [`State::Watchdog`], ms: half the time after which systemd
/// (`WatchdogSec=`) gives the service up. `None` where there is no watchdog.
#[must_use]
pub fn watchdog_interval_ms() -> Option<u64> {
    let variable = |name| std::env::var(name).ok();
    interval_ms(variable("WATCHDOG_USEC"), variable("WATCHDOG_PID"), std::process::id())
}

fn interval_ms(usec: Option<String>, pid: Option<String>, own_pid: u32) -> Option<u64> {
    // Without WATCHDOG_PID it is for every process of the service.
    if pid.is_some_and(|pid| pid.parse() != Ok(own_pid)) {
        return None;
    }
    let usec: u64 = usec?.parse().ok()?;
    (usec > 0).then(|| (usec / 2_000).max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn received(socket: &UnixDatagram) -> String {
        let mut bytes = [0; 4_096];
        let length = socket.recv(&mut bytes).unwrap();
        String::from_utf8(bytes[..length].to_vec()).unwrap()
    }

    #[test]
    fn a_socket_by_its_path_hears_everything() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("notify");
        let systemd = UnixDatagram::bind(&path).unwrap();
        let notifier = Notifier::connect(path.as_os_str()).unwrap();
        notifier.send(&[State::Ready, State::Status("metering\nMAINPID=1")]).unwrap();
        assert_eq!(received(&systemd), "READY=1\nSTATUS=metering MAINPID=1\n");
        notifier.send(&[State::Reloading]).unwrap();
        let text = received(&systemd);
        let usec = text.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").unwrap().trim_end();
        assert!(usec.parse::<u64>().unwrap() > 0);
        notifier.send(&[State::Watchdog]).unwrap();
        assert_eq!(received(&systemd), "WATCHDOG=1\n");
        notifier.send(&[State::Stopping]).unwrap();
        assert_eq!(received(&systemd), "STOPPING=1\n");
        drop(systemd);
        assert!(notifier.send(&[State::Ready]).is_err());
    }

    #[test]
    fn an_abstract_socket_hears_too() {
        let name = format!("posdatad-test-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        let systemd = UnixDatagram::bind_addr(&address).unwrap();
        let notifier = Notifier::connect(OsStr::new(&format!("@{name}"))).unwrap();
        notifier.send(&[State::Ready]).unwrap();
        assert_eq!(received(&systemd), "READY=1\n");
    }

    #[test]
    fn without_systemd_nothing_is_sent_and_nothing_fails() {
        Notifier::default().send(&[State::Ready]).unwrap();
        assert!(Notifier::connect(OsStr::new("vsock:2:9999")).is_err());
        assert!(Notifier::connect(OsStr::new("/nonexistent/notify")).is_err());
    }

    #[test]
    fn the_watchdog_is_fed_at_half_its_time() {
        let text = |text: &str| Some(text.to_owned());
        for (usec, pid, expected) in [
            (text("60000000"), text("42"), Some(30_000)),
            (text("60000000"), None, Some(30_000)),
            (text("60000000"), text("43"), None),
            (text("60000000"), text("x"), None),
            (text("1000"), None, Some(1)),
            (text("0"), None, None),
            (text("soon"), None, None),
            (None, text("42"), None),
        ] {
            assert_eq!(interval_ms(usec.clone(), pid.clone(), 42), expected, "{usec:?} {pid:?}");
        }
    }
}
