//! The host's side of the line for the tests: a plain reader and writer of the terminal, with deadlines.

#![allow(dead_code, reason = "each test program uses its part")]

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// Long enough for any answer on a busy machine.
const PATIENCE_MS: u16 = 10_000;

pub(crate) struct Host {
    port: File,
}

impl Host {
    pub(crate) fn open(path: &Path) -> Host {
        let flags = OFlag::O_NOCTTY | OFlag::O_NONBLOCK;
        let port = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(flags.bits())
            .open(path);
        Host {
            port: port.expect("the port opens"),
        }
    }

    pub(crate) fn send(&mut self, text: &str) {
        self.port
            .write_all(text.as_bytes())
            .expect("the port takes the command");
    }

    /// Sends a command and gives the reply up to its final result, byte for byte.
    pub(crate) fn ask(&mut self, command: &str) -> String {
        self.send(&format!("{command}\r"));
        self.read_until(&["\r\nOK\r\n", "ERROR\r\n", "ERROR: "])
    }

    /// Reads until one of these ends what has come, at a line's end.
    pub(crate) fn read_until(&mut self, ends: &[&str]) -> String {
        let mut text = Vec::new();
        loop {
            let read = String::from_utf8_lossy(&text).into_owned();
            let over =
                |end: &&str| read.ends_with(*end) || (end.ends_with(' ') && read.contains(*end));
            if read.ends_with('\n') && ends.iter().any(over) {
                return read;
            }
            assert!(self.readable(PATIENCE_MS), "no end in sight after {read:?}");
            let mut byte = [0; 1];
            let count = self.port.read(&mut byte).expect("the port is there");
            text.extend_from_slice(&byte[..count]);
        }
    }

    /// Whether something can be read (or the port is gone) before so many milliseconds have passed.
    pub(crate) fn readable(&self, within_ms: u16) -> bool {
        let mut fds = [PollFd::new(self.port.as_fd(), PollFlags::POLLIN)];
        poll(&mut fds, PollTimeout::from(within_ms)).expect("poll") > 0
    }

    /// Everything that comes until the line has been quiet for so many milliseconds.
    pub(crate) fn read_quiet(&mut self, quiet_ms: u16) -> Vec<u8> {
        let mut bytes = Vec::new();
        while self.readable(quiet_ms) {
            let mut buffer = [0; 1024];
            match self.port.read(&mut buffer) {
                Ok(0) | Err(_) => break,
                Ok(count) => bytes.extend_from_slice(&buffer[..count]),
            }
        }
        bytes
    }

    /// Whether the other side has hung up.
    pub(crate) fn is_hung_up(&self) -> bool {
        let mut fds = [PollFd::new(self.port.as_fd(), PollFlags::POLLIN)];
        poll(&mut fds, PollTimeout::from(PATIENCE_MS)).expect("poll");
        fds[0]
            .revents()
            .is_some_and(|events| events.contains(PollFlags::POLLHUP))
    }
}
