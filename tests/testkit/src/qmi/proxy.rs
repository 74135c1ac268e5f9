//! Owns a `qmi-proxy` of the simulator's own: a socket without a file, at which several programs share the modem.
//! It answers, stays silent and hangs up where the real one was seen to.

use std::collections::VecDeque;
use std::fs;
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};
use std::path::Path;

use crate::qmi::clients::Port;
use crate::qmi::frame::{CTL, Frame, FrameReader, Kind, Tlvs};
use crate::qmi::modem::QmiModem;

/// Opens the device; the value is its path.
const OPEN: u16 = 0xFF00;
/// Bytes that wait for a program that does not read; who lets more come is cut off.
const WAITING_BYTES_MAX: usize = 256 * 1024;

/// The listening socket and who is connected.
pub(crate) struct Proxy {
    listener: UnixListener,
    connections: Vec<Connection>,
    accepted: u64,
    /// Takes connections and bytes, and answers nothing.
    pub(crate) silent: bool,
}

struct Connection {
    port: Port,
    stream: UnixStream,
    reader: FrameReader,
    waiting: VecDeque<u8>,
    /// Its device is open: what it sends is for the modem.
    open: bool,
    over: bool,
}

impl Proxy {
    /// Listens under this name in the abstract namespace.
    pub(crate) fn listen(name: &str) -> io::Result<Proxy> {
        let listener = UnixListener::bind_addr(&SocketAddr::from_abstract_name(name)?)?;
        listener.set_nonblocking(true)?;
        Ok(Proxy { listener, connections: Vec::new(), accepted: 0, silent: false })
    }

    /// What to wait for, and whether writing is among it.
    pub(crate) fn fds(&self) -> impl Iterator<Item = (BorrowedFd<'_>, bool)> {
        let connected = |connection: &Connection| !connection.waiting.is_empty();
        std::iter::once((self.listener.as_fd(), false)).chain(
            self.connections
                .iter()
                .map(move |connection| (connection.stream.as_fd(), connected(connection))),
        )
    }

    /// Takes what has come in. `device` is the modem's terminal, while it has one.
    pub(crate) fn read(&mut self, modem: &mut QmiModem, device: Option<&Path>) {
        while let Ok((stream, _)) = self.listener.accept() {
            if stream.set_nonblocking(true).is_ok() {
                self.accepted += 1;
                self.connections.push(Connection {
                    port: Port(self.accepted),
                    stream,
                    reader: FrameReader::default(),
                    waiting: VecDeque::new(),
                    open: false,
                    over: false,
                });
            }
        }
        for connection in &mut self.connections {
            connection.take_in();
            while let Some(raw) = connection.reader.next_frame() {
                if !self.silent && !connection.over {
                    connection.attend(&raw, modem, device);
                }
            }
        }
        self.clear_up(modem);
    }

    /// Takes what the modem says at one of the ports.
    pub(crate) fn push(&mut self, port: Port, bytes: &[u8]) {
        let to = self.connections.iter_mut().find(|connection| connection.port == port);
        if let Some(connection) = to.filter(|_| !self.silent) {
            connection.waiting.extend(bytes);
            connection.over |= connection.waiting.len() > WAITING_BYTES_MAX;
        }
    }

    /// Writes what can be written.
    pub(crate) fn write(&mut self, modem: &mut QmiModem) {
        for connection in &mut self.connections {
            connection.write();
        }
        self.clear_up(modem);
    }

    /// Ends every connection.
    pub(crate) fn drop_all(&mut self, modem: &mut QmiModem) {
        self.connections.iter_mut().for_each(|connection| connection.over = true);
        self.clear_up(modem);
    }

    /// Ends the connections whose device is gone.
    pub(crate) fn device_gone(&mut self, modem: &mut QmiModem) {
        self.connections.iter_mut().for_each(|connection| connection.over |= connection.open);
        self.clear_up(modem);
    }

    fn clear_up(&mut self, modem: &mut QmiModem) {
        for connection in self.connections.extract_if(.., |connection| connection.over) {
            modem.unplug(connection.port);
        }
    }
}

impl Connection {
    fn take_in(&mut self) {
        let mut buffer = [0; 4096];
        loop {
            match (&self.stream).read(&mut buffer) {
                Ok(0) => {
                    self.over = true;
                    return;
                }
                Ok(count) => self.reader.push(buffer.get(..count).unwrap_or_default()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    self.over |= error.kind() != ErrorKind::WouldBlock;
                    return;
                }
            }
        }
    }

    fn attend(&mut self, raw: &[u8], modem: &mut QmiModem, device: Option<&Path>) {
        let frame = Frame::decode(raw).ok();
        let opening = frame.filter(|frame| (frame.service, frame.message) == (CTL, OPEN));
        let Some(request) = opening else {
            if self.open {
                modem.receive_from(self.port, raw);
            }
            return;
        };
        let path = String::from_utf8_lossy(request.tlvs.get(0x01).unwrap_or_default()).into_owned();
        let same = device.is_some_and(|device| fs::canonicalize(path).is_ok_and(|at| at == device));
        if !same {
            self.over = true;
            return;
        }
        if !self.open {
            modem.plug(self.port);
            self.open = true;
        }
        let tlvs = Tlvs::default().with(0x02, [0; 4]);
        self.waiting.extend(Frame { kind: Kind::Response, tlvs, ..request }.encode());
    }

    fn write(&mut self) {
        while !self.waiting.is_empty() && !self.over {
            let (front, _) = self.waiting.as_slices();
            match (&self.stream).write(front) {
                Ok(count) => drop(self.waiting.drain(..count)),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    self.over |= error.kind() != ErrorKind::WouldBlock;
                    return;
                }
            }
        }
    }
}
