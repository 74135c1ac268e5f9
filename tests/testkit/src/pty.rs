//! Owns the pseudo-terminal and the link under which the host finds it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::{OpenOptionsExt, symlink};
use std::path::{Path, PathBuf};

use nix::fcntl::OFlag;
use nix::pty::{PtyMaster, grantpt, posix_openpt, ptsname_r, unlockpt};
use nix::sys::termios::{SetArg, cfmakeraw, tcgetattr, tcsetattr};
use rustix::termios::ioctl_tiocnxcl;

/// An open pseudo-terminal in raw mode.
pub(crate) struct Pty {
    master: PtyMaster,
    /// Held open, or the master reads EIO while no host is attached.
    slave: File,
    device: PathBuf,
}

impl Pty {
    /// Close-on-exec from the first moment: a child that inherited the master would hide a hang-up from the host.
    pub(crate) fn open() -> io::Result<Pty> {
        let master =
            posix_openpt(OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC)?;
        grantpt(&master)?;
        unlockpt(&master)?;
        let device = PathBuf::from(ptsname_r(&master)?);
        let no_tty = OFlag::O_NOCTTY.bits();
        let slave = OpenOptions::new().read(true).write(true).custom_flags(no_tty).open(&device)?;
        let mut settings = tcgetattr(&slave)?;
        cfmakeraw(&mut settings);
        tcsetattr(&slave, SetArg::TCSANOW, &settings)?;
        Ok(Pty { master, slave, device })
    }

    /// `/dev/pts/N`.
    pub(crate) fn device(&self) -> &Path {
        &self.device
    }

    pub(crate) fn fd(&self) -> BorrowedFd<'_> {
        self.master.as_fd()
    }

    pub(crate) fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        (&self.master).write(bytes)
    }

    /// What has come in; empty when nothing has.
    pub(crate) fn read(&self) -> Vec<u8> {
        let mut buffer = [0; 4096];
        match (&self.master).read(&mut buffer) {
            Ok(count) => {
                // A host that was killed leaves its TIOCEXCL behind for as long as any descriptor is open, ours
                // among them; a real port forgets it at the last close. Hosts also lock each other out by flock.
                let _ = ioctl_tiocnxcl(&self.slave);
                buffer.get(..count).unwrap_or_default().to_vec()
            }
            Err(_) => Vec::new(),
        }
    }
}

/// A symbolic link to the terminal in use, at a path that stays.
pub(crate) struct Link {
    path: PathBuf,
    target: Option<PathBuf>,
}

impl Link {
    pub(crate) fn new(path: PathBuf) -> Link {
        Link { path, target: None }
    }

    /// Lets the link point at `target`, in one step. Only a symbolic link is ever replaced.
    pub(crate) fn point_at(&mut self, target: &Path) -> io::Result<()> {
        if fs::symlink_metadata(&self.path).is_ok_and(|there| !there.is_symlink()) {
            let message = format!(
                "{} is there and is no symbolic link: choose another --link",
                self.path.display()
            );
            return Err(io::Error::new(ErrorKind::AlreadyExists, message));
        }
        let told = |error: io::Error| {
            io::Error::new(error.kind(), format!("{}: {error}", self.path.display()))
        };
        let fresh = self.path.with_extension(format!("new-{}", std::process::id()));
        let _ = fs::remove_file(&fresh);
        symlink(target, &fresh).map_err(told)?;
        fs::rename(&fresh, &self.path).map_err(told)?;
        self.target = Some(target.to_owned());
        Ok(())
    }

    /// Takes the link away, if it is still ours.
    pub(crate) fn remove(&mut self) {
        if self.target.is_some() && fs::read_link(&self.path).ok() == self.target {
            let _ = fs::remove_file(&self.path);
        }
        self.target = None;
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.remove();
    }
}
