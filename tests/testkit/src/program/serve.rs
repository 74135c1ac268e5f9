//! Owns a run of the simulator as a program: start, script, control, signals, end.

use std::fs;
use std::os::fd::AsFd;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::mpsc::{self, TryRecvError};
use std::thread;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use posdata_testkit::{Dialect, Script, Sim, SimError, Width};

use super::ServeArgs;
use super::control::Control;

/// Runs the modem until it is told to end: by `exit`, by a signal, or by a script that fails.
pub(super) fn serve(args: ServeArgs) -> Result<ExitCode, String> {
    let script = args.script.as_ref().map(|path| {
        let text = fs::read_to_string(path)
            .map_err(|error| format!("cannot read {}: {error}", path.display()))?;
        Script::parse(&text).map_err(|error| format!("{}: {error}", path.display()))
    });
    let script = script.transpose()?;
    let signals = catch_signals()?;

    let dialect = args
        .dialect
        .as_deref()
        .and_then(Dialect::from_name)
        .ok_or("--dialect is missing")?;
    let link = args.link.ok_or("--link is missing")?;
    let mut builder = Sim::builder()
        .dialect(dialect)
        .link(link)
        .seed(args.seed)
        .counter(args.tx, args.rx)
        .echo(args.echo)
        .plant(args.plant)
        .verbose(args.verbose);
    if let Some(path) = args.truth {
        builder = builder.truth_file(path);
    }
    if let Some(iccid) = args.iccid {
        builder = builder.iccid(iccid);
    }
    if let Some(imsi) = args.imsi {
        builder = builder.imsi(imsi);
    }
    if let Some(imei) = args.imei {
        builder = builder.imei(imei);
    }
    if let Some(width) = args.width {
        builder = builder.width(if width == "32" {
            Width::Bits32
        } else {
            Width::Bits64
        });
    }
    let sim = Arc::new(builder.start().map_err(|error| error.to_string())?);
    let control = args
        .control
        .map(|path| Control::listen(path, Arc::clone(&sim)))
        .transpose()?;
    let device = sim.truth().device.unwrap_or_default();
    println!(
        "ready: {} on {} -> {}",
        dialect.name(),
        sim.path().display(),
        device.display()
    );

    let (failed, failure) = mpsc::channel();
    if let Some(script) = script {
        let sim = Arc::clone(&sim);
        thread::spawn(move || match sim.run(&script) {
            Ok(()) | Err(SimError::Stopped) => {}
            Err(error) => {
                let _ = failed.send(format!("script: {error}"));
                sim.stop();
            }
        });
    }
    let mut fds = [
        PollFd::new(signals.as_fd(), PollFlags::POLLIN),
        PollFd::new(sim.ended(), PollFlags::POLLIN),
    ];
    while poll(&mut fds, PollTimeout::NONE).is_err() {}
    sim.stop();
    drop(control);
    match failure.try_recv() {
        Ok(message) => Err(message),
        Err(TryRecvError::Empty | TryRecvError::Disconnected) => Ok(ExitCode::SUCCESS),
    }
}

/// SIGTERM and SIGINT become readable; every thread started later has them blocked too.
fn catch_signals() -> Result<SignalFd, String> {
    let set: SigSet = [Signal::SIGTERM, Signal::SIGINT].into_iter().collect();
    let caught = set
        .thread_block()
        .and_then(|()| SignalFd::with_flags(&set, SfdFlags::SFD_CLOEXEC));
    caught.map_err(|error| format!("cannot catch signals: {error}"))
}
