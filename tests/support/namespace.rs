//! A mount and a network namespace of its own: abstract sockets such as
//! `qmi-proxy`'s have the network namespace for their scope, so that runs cannot
//! meet. It ends with the process that holds it.

use std::path::Path;
use std::process::Command;

use super::process::Process;
use super::wait::until;

/// The namespace.
pub struct Namespace {
    holder: Process,
}

impl Namespace {
    /// A fresh one; what its holder says goes to a log in `directory`.
    pub fn new(directory: &Path) -> Self {
        let mut command = Command::new("unshare");
        command.args(["--mount", "--net", "--propagation", "private", "sleep", "infinity"]);
        let holder = Process::spawn(&mut command, &directory.join("namespace.log"));
        let namespace = Self { holder };
        until("the namespace", || {
            let link = |pid: &str| std::fs::read_link(format!("/proc/{pid}/ns/net")).ok();
            (link(&namespace.pid()) != link("self")).then_some(())
        });
        namespace
    }

    fn pid(&self) -> String {
        self.holder.pid().to_string()
    }

    /// Words to stand in front of a program's, so that it runs inside.
    pub fn through(&self) -> Vec<String> {
        ["nsenter", "--target", &self.pid(), "--mount", "--net", "--"].map(str::to_owned).to_vec()
    }

    /// A program that runs inside.
    pub fn command(&self, program: &str) -> Command {
        let words = self.through();
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).arg(program);
        command
    }

    /// Whether a socket of that abstract name listens inside.
    pub fn listens(&self, name: &str) -> bool {
        let sockets = std::fs::read_to_string(format!("/proc/{}/net/unix", self.pid())).unwrap();
        sockets.lines().any(|line| line.ends_with(&format!(" @{name}")))
    }
}
