//! Owns the control socket: lines in, one answer each, and the client that sends one.

use std::fs;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;

use posdata_testkit::SimError;

use super::served::Served;

/// The longest line that is read from a client.
const LINE_BYTES_MAX: u64 = 64 * 1024;

/// The listening socket; its file is taken away when this is dropped.
pub(super) struct Control {
    path: PathBuf,
}

impl Control {
    /// Listens; each client has a thread of its own, so that one that waits keeps no other waiting.
    pub(super) fn listen(path: PathBuf, sim: Arc<dyn Served>) -> Result<Control, String> {
        let told = |what: &str| format!("cannot listen on {}: {what}", path.display());
        if let Ok(there) = fs::symlink_metadata(&path) {
            if !there.file_type().is_socket() {
                return Err(told("something that is no socket is there"));
            }
            if UnixStream::connect(&path).is_ok() {
                return Err(told("another program listens there"));
            }
            fs::remove_file(&path).map_err(|error| told(&error.to_string()))?;
        }
        let listener = UnixListener::bind(&path).map_err(|error| told(&error.to_string()))?;
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let sim = Arc::clone(&sim);
                thread::spawn(move || attend(&client, &*sim));
            }
        });
        Ok(Control { path })
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

/// Answers a client's lines until it leaves.
fn attend(mut client: &UnixStream, sim: &dyn Served) {
    let mut lines = BufReader::new(client);
    loop {
        let mut line = String::new();
        match (&mut lines).take(LINE_BYTES_MAX).read_line(&mut line) {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        let answer = if line.trim() == "truth" {
            sim.truth().to_string()
        } else {
            match sim.apply(line.trim_end()) {
                Ok(()) => "ok".to_owned(),
                Err(SimError::Script(error)) => format!("error: {}", error.message),
                Err(SimError::Refused { message, .. }) => format!("error: {message}"),
                Err(error) => format!("error: {error}"),
            }
        };
        if client.write_all(format!("{answer}\n").as_bytes()).is_err() {
            return;
        }
    }
}

/// Sends one line and prints the answer.
pub(super) fn send(socket: &Path, command: &str) -> Result<ExitCode, String> {
    let told = |error: std::io::Error| format!("{}: {error}", socket.display());
    if command.contains('\n') {
        return Err("one line only: put ; between commands".to_owned());
    }
    let mut stream = UnixStream::connect(socket).map_err(told)?;
    stream.write_all(format!("{command}\n").as_bytes()).map_err(told)?;
    stream.shutdown(Shutdown::Write).map_err(told)?;
    let mut answer = String::new();
    BufReader::new(stream).read_line(&mut answer).map_err(told)?;
    if answer.is_empty() {
        let exiting = command.trim() == "exit";
        return if exiting {
            Ok(ExitCode::SUCCESS)
        } else {
            Err(told(ErrorKind::UnexpectedEof.into()))
        };
    }
    print!("{answer}");
    Ok(if answer.starts_with("error: ") { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
