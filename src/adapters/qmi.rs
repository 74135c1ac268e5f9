//! A modem's QMI device: through `qmi-proxy` where it runs, since then others use
//! the modem too, and else the character device itself.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::fcntl::{Flock, FlockArg, OFlag};
use nix::sys::socket::{self, AddressFamily, SockFlag, SockType, UnixAddr};
use nix::unistd::geteuid;

use super::port::{Line, NotOpened, Opened, Opener, devices};
use crate::domain::report::FaultKind;
use crate::modem::qmi::Way;

/// The name of the proxy's abstract socket.
const PROXY: &[u8] = b"qmi-proxy";
/// How long one write may block before the proxy counts as hung.
const WRITE_TIMEOUT: Duration = Duration::from_secs(5);

/// The QMI device at a path.
#[derive(Debug)]
pub struct QmiPort {
    path: PathBuf,
}

impl QmiPort {
    /// The device at that path, which need not be there yet.
    #[must_use]
    pub fn new(path: PathBuf) -> Self {
        Self { path }
    }

    fn refused(&self, error: &io::Error) -> NotOpened {
        let (kind, advice) = match error.kind() {
            io::ErrorKind::NotFound => {
                (FaultKind::Missing, "is the modem plugged in and [modem] device right?")
            }
            io::ErrorKind::WouldBlock => (
                FaultKind::Denied,
                "another program holds it: let all of them go through qmi-proxy (see the README)",
            ),
            _ => (
                FaultKind::Denied,
                "is it a modem's QMI device (/dev/cdc-wdm*), and may posdatad open it (udev rule, \
                 group)?",
            ),
        };
        NotOpened { kind, detail: format!("{}: {error}; {advice}", self.path.display()) }
    }

    fn open_device(&self, path: &Path) -> io::Result<Device> {
        let flags = OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
        let file =
            OpenOptions::new().read(true).write(true).custom_flags(flags.bits()).open(path)?;
        // Nobody else who plays fair reads our answers.
        let file = Flock::lock(file, FlockArg::LockExclusiveNonblock)
            .map_err(|(_, errno)| io::Error::from(errno))?;
        Ok(Device(file))
    }
}

impl Opener<Way> for QmiPort {
    fn open(&mut self) -> Result<Opened<Way>, NotOpened> {
        let refused = |error: io::Error| self.refused(&error);
        // The proxy compares paths: a link would be another device to it.
        let path = self.path.canonicalize().map_err(refused)?;
        let node = devices::identity(&path).map_err(refused)?;
        if !path.metadata().map_err(refused)?.file_type().is_char_device() {
            let detail = format!(
                "{}: it is no character device; [modem] device is the modem's QMI device \
                 (/dev/cdc-wdm*)",
                self.path.display()
            );
            return Err(NotOpened { kind: FaultKind::Denied, detail });
        }
        match connect() {
            Ok(stream) => {
                let way = Way::Proxy(path.as_os_str().as_bytes().to_vec());
                let line = Box::new(Proxy { stream, heard: false });
                Ok(Opened { line, node, way })
            }
            // No proxy: nobody shares the modem.
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                let line = Box::new(self.open_device(&path).map_err(refused)?);
                Ok(Opened { line, node, way: Way::Device })
            }
            Err(error) => Err(NotOpened {
                kind: FaultKind::Denied,
                detail: format!("qmi-proxy runs and takes no connection: {error}"),
            }),
        }
    }

    fn path(&self) -> String {
        self.path.display().to_string()
    }
}

/// Whether `qmi-proxy` runs: then a modem's QMI device is shared through it.
fn connect() -> io::Result<UnixStream> {
    let kind = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let socket = socket::socket(AddressFamily::Unix, SockType::Stream, kind, None)?;
    // A proxy that hangs accepts nobody: once its queue is full, connecting would
    // block for ever.
    socket::connect(socket.as_raw_fd(), &UnixAddr::new_abstract(PROXY)?)?;
    let stream = UnixStream::from(socket);
    stream.set_nonblocking(false)?;
    stream.set_write_timeout(Some(WRITE_TIMEOUT))?;
    Ok(stream)
}

/// The character device, held by a lock.
struct Device(Flock<File>);

impl Line for Device {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        (&*self.0).read(bytes)
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        (&*self.0).write_all(bytes)
    }

    fn descriptor(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }

    fn lost(&self) -> (FaultKind, String) {
        (FaultKind::Vanished, "it is opened again as soon as it is back".to_owned())
    }
}

/// A connection to `qmi-proxy`.
struct Proxy {
    stream: UnixStream,
    /// It has answered: so it lets us in, and opened the device.
    heard: bool,
}

impl Line for Proxy {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let count = self.stream.read(bytes)?;
        self.heard |= count > 0;
        Ok(count)
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)
    }

    fn descriptor(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }

    fn lost(&self) -> (FaultKind, String) {
        let uid = geteuid();
        if self.heard {
            let detail = "qmi-proxy has ended or lost the device; it is tried again";
            (FaultKind::Vanished, detail.to_owned())
        } else if uid.is_root() {
            let detail = "qmi-proxy runs and does not open the device: is it a modem's QMI device?";
            (FaultKind::Denied, detail.to_owned())
        } else {
            let detail = format!(
                "qmi-proxy runs and admits root only, and posdatad runs as user {uid}: put the \
                 drop-in systemd/qmi-proxy.conf in place (see the README), or set source = \
                 \"modemmanager\""
            );
            (FaultKind::Denied, detail)
        }
    }
}
