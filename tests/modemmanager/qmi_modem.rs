//! A modem that speaks as much QMI as the real ModemManager needs to drive it and
//! to read its counters, on a pseudo-terminal. What it does not know it refuses,
//! as old modems do.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::pty::{PtyMaster, grantpt, posix_openpt, ptsname_r, unlockpt};
use nix::sys::termios::{SetArg, cfmakeraw, tcgetattr, tcsetattr};
use std::os::fd::AsFd as _;

pub const IMEI: &str = "862110664285198";
pub const ICCID: &str = "89860012345678901234";

const CTL: u8 = 0;
const WDS: u8 = 1;
const DMS: u8 = 2;
const NAS: u8 = 3;
/// What is not known: InvalidQmiCommand.
const REFUSED: u16 = 71;

/// The counters of the data session: received, sent.
type Session = Arc<Mutex<Counters>>;

#[derive(Default)]
struct Counters {
    now: (u64, u64),
    /// What the next session has moved when it is first looked at.
    next: (u64, u64),
}

/// The modem; it is gone when it is dropped.
pub struct QmiModem {
    device: PathBuf,
    session: Session,
    end: Option<std::io::PipeWriter>,
    thread: Option<JoinHandle<()>>,
}

impl QmiModem {
    pub fn start() -> Self {
        let master = posix_openpt(OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let device = PathBuf::from(ptsname_r(&master).unwrap());
        // Held open, or the master reads an error while nobody is attached.
        let slave = File::options().read(true).write(true).open(&device).unwrap();
        let mut settings = tcgetattr(&slave).unwrap();
        cfmakeraw(&mut settings);
        tcsetattr(&slave, SetArg::TCSANOW, &settings).unwrap();
        let session = Session::default();
        let (ended, end) = std::io::pipe().unwrap();
        let of = Arc::clone(&session);
        let thread = thread::spawn(move || {
            serve(master, &ended, &of);
            drop(slave);
        });
        Self { device, session, end: Some(end), thread: Some(thread) }
    }

    pub fn device(&self) -> &Path {
        &self.device
    }

    /// The session moves so much.
    pub fn moves(&self, rx: u64, tx: u64) {
        let mut session = self.session.lock().unwrap();
        session.now = (session.now.0 + rx, session.now.1 + tx);
    }

    /// The next session has moved so much when it is first looked at.
    pub fn begins_with(&self, rx: u64, tx: u64) {
        self.session.lock().unwrap().next = (rx, tx);
    }
}

impl Drop for QmiModem {
    fn drop(&mut self) {
        self.end = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn serve(mut master: PtyMaster, ended: &std::io::PipeReader, session: &Session) {
    let mut waiting = Vec::new();
    let mut clients = 0;
    loop {
        let mut fds = [
            PollFd::new(master.as_fd(), PollFlags::POLLIN),
            PollFd::new(ended.as_fd(), PollFlags::POLLIN),
        ];
        poll(&mut fds, PollTimeout::NONE).unwrap();
        if fds[1].revents().is_some_and(|events| !events.is_empty()) {
            return;
        }
        let mut bytes = [0; 4096];
        let count = master.read(&mut bytes).unwrap_or(0);
        waiting.extend_from_slice(&bytes[..count]);
        while let Some(frame) = take_frame(&mut waiting) {
            let answer = answer(&frame, session, &mut clients);
            let _ = master.write_all(&answer);
        }
    }
}

/// The next whole frame; what is before its mark is dropped.
fn take_frame(waiting: &mut Vec<u8>) -> Option<Vec<u8>> {
    let start = waiting.iter().position(|byte| *byte == 1).unwrap_or(waiting.len());
    waiting.drain(..start);
    let length = usize::from(u16::from_le_bytes([*waiting.get(1)?, *waiting.get(2)?])) + 1;
    (waiting.len() >= length).then(|| waiting.drain(..length).collect())
}

fn tlv(kind: u8, value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(value.len()).unwrap().to_le_bytes();
    [&[kind], &length[..], value].concat()
}

fn answer(frame: &[u8], session: &Session, clients: &mut u8) -> Vec<u8> {
    let (service, client) = (frame[4], frame[5]);
    // Control messages have a transaction of one byte, the others of two.
    let at = if service == CTL { 8 } else { 9 };
    let message = u16::from_le_bytes([frame[at], frame[at + 1]]);
    let (result, tlvs) = match said(service, message, &frame[at + 4..], session, clients) {
        Some(tlvs) => ([0, 0, 0, 0], tlvs),
        None => ([1, 0, REFUSED.to_le_bytes()[0], 0], Vec::new()),
    };
    let tlvs = [tlv(2, &result), tlvs].concat();
    let flags = if service == CTL { 1 } else { 2 };
    let mut sdu = vec![0x80, service, client, flags];
    sdu.extend_from_slice(&frame[7..at + 2]);
    sdu.extend_from_slice(&u16::try_from(tlvs.len()).unwrap().to_le_bytes());
    sdu.extend(tlvs);
    let length = u16::try_from(sdu.len() + 2).unwrap().to_le_bytes();
    [&[1], &length[..], &sdu].concat()
}

/// What is answered beside the result; `None` where the message is not known.
fn said(
    service: u8,
    message: u16,
    asked: &[u8],
    session: &Session,
    clients: &mut u8,
) -> Option<Vec<u8>> {
    let text = |kind: u8, text: &str| Some(tlv(kind, text.as_bytes()));
    match (service, message) {
        (CTL, 0x21) => {
            let versions = [(CTL, 1, 5), (WDS, 1, 36), (DMS, 1, 14), (NAS, 1, 25)];
            let mut list = vec![4];
            for (service, major, minor) in versions {
                list.extend([service, major, 0, minor, 0]);
            }
            Some(tlv(1, &list))
        }
        (CTL, 0x22) => {
            *clients += 1;
            Some(tlv(1, &[asked[3], *clients]))
        }
        (CTL, 0x23) => Some(tlv(1, &asked[3..5])),
        (CTL, _) => Some(Vec::new()),
        // Capabilities: rates, data and SIM, two radios: UMTS and LTE.
        (DMS, 0x20) => Some(tlv(1, &[0, 0, 0, 4, 0, 0, 0, 4, 2, 2, 2, 5, 8])),
        (DMS, 0x21) => text(1, "Quectel"),
        (DMS, 0x22) => text(1, "EC25"),
        (DMS, 0x23) => text(1, "EC25EFAR06A06M4G"),
        (DMS, 0x25) => text(0x11, IMEI),
        (DMS, 0x2B) => Some([tlv(0x11, &[3, 3, 10]), tlv(0x12, &[3, 3, 10])].concat()),
        (DMS, 0x2D) => Some(tlv(1, &[0])),
        (DMS, 0x2E) => Some(Vec::new()),
        (DMS, 0x3C) => text(1, ICCID),
        (DMS, 0x43) => text(1, "460001234567890"),
        (NAS, 0x02 | 0x03) => Some(Vec::new()),
        // Registered, in both domains, with a 3GPP network, over LTE; not roaming.
        (NAS, 0x24) => {
            let network = [&[0xCC, 1, 0, 0, 4], &b"CMCC"[..]].concat();
            Some([tlv(1, &[1, 1, 1, 2, 1, 8]), tlv(0x10, &[1]), tlv(0x12, &network)].concat())
        }
        (WDS, 0x01..=0x03 | 0x21 | 0x4D) => Some(Vec::new()),
        (WDS, 0x20) => {
            let mut session = session.lock().unwrap();
            session.now = std::mem::take(&mut session.next);
            Some(tlv(1, &[0xEF, 0xBE, 0xAD, 0xDE]))
        }
        (WDS, 0x22) => Some(tlv(1, &[2])),
        (WDS, 0x24) => {
            let (rx, tx) = session.lock().unwrap().now;
            Some([tlv(0x19, &tx.to_le_bytes()), tlv(0x1A, &rx.to_le_bytes())].concat())
        }
        _ => None,
    }
}
