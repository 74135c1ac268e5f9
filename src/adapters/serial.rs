//! A serial port, opened exclusively, for the AT dialogue.

use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsRawFd as _, BorrowedFd};
use std::path::PathBuf;
use std::time::Duration;

use serialport::TTYPort;

use super::port::{Line, NotOpened, Opened, Opener, devices};
use crate::domain::report::FaultKind;

/// How long one write may block before the port counts as hung.
const WRITE_TIMEOUT: Duration = Duration::from_secs(5);

/// The serial port at a path.
#[derive(Debug)]
pub struct SerialPort {
    path: PathBuf,
}

impl SerialPort {
    /// The port at that path, which need not be there yet.
    #[must_use]
    pub fn new(path: PathBuf) -> Self {
        Self { path }
    }
}

impl Opener<()> for SerialPort {
    fn open(&mut self) -> Result<Opened<()>, NotOpened> {
        let opened =
            devices::identity(&self.path).map_err(serialport::Error::from).and_then(|node| {
                // 115200 baud 8N1 is what USB modems ignore and UART modems start with.
                let builder =
                    serialport::new(self.path.to_string_lossy(), 115_200).timeout(WRITE_TIMEOUT);
                Ok((node, TTYPort::open(&builder)?))
            });
        match opened {
            Ok((node, port)) => Ok(Opened { line: Box::new(Open(port)), node, way: () }),
            Err(error) => {
                let (kind, advice) = meaning(&error);
                let detail = format!("{}: {error}; {advice}", self.path.display());
                Err(NotOpened { kind, detail })
            }
        }
    }

    fn path(&self) -> String {
        self.path.display().to_string()
    }
}

struct Open(TTYPort);

impl Line for Open {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        self.0.read(bytes)
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all(bytes)
    }

    #[allow(unsafe_code, reason = "serialport knows no AsFd")]
    fn descriptor(&self) -> BorrowedFd<'_> {
        // SAFETY: the descriptor is open for as long as the port is borrowed.
        unsafe { BorrowedFd::borrow_raw(self.0.as_raw_fd()) }
    }

    fn lost(&self) -> (FaultKind, String) {
        (FaultKind::Vanished, "it is opened again as soon as it is back".to_owned())
    }
}

fn meaning(error: &serialport::Error) -> (FaultKind, &'static str) {
    match error.kind() {
        serialport::ErrorKind::Io(io::ErrorKind::NotFound) => {
            (FaultKind::Missing, "is the modem plugged in and [modem] port right?")
        }
        serialport::ErrorKind::NoDevice
        | serialport::ErrorKind::Io(_)
        | serialport::ErrorKind::InvalidInput
        | serialport::ErrorKind::Unknown => (
            FaultKind::Denied,
            "is it a modem's serial port, does another program hold it (ModemManager: see the \
             README), is posdatad in its group (dialout)?",
        ),
    }
}
