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
use posdata_testkit::qmi::QmiSim;
use posdata_testkit::{Dialect, Sim, SimError, Width};
use serde_json::Value;

use super::control::Control;
use super::served::{AnyScript, Served};
use super::{QMI, ServeArgs};

/// Runs the modem until it is told to end: by `exit`, by a signal, or by a script that fails.
pub(super) fn serve(args: ServeArgs) -> Result<ExitCode, String> {
    let dialect = args.dialect.clone().ok_or("--dialect is missing")?;
    let qmi = dialect == QMI;
    let script = args.script.as_ref().map(|path| {
        let text = fs::read_to_string(path)
            .map_err(|error| format!("cannot read {}: {error}", path.display()))?;
        AnyScript::parse(&text, qmi).map_err(|error| format!("{}: {error}", path.display()))
    });
    let script = script.transpose()?;
    let signals = catch_signals()?;
    let served = if qmi { start_qmi(&args) } else { start_at(&args, &dialect) };
    let sim: Arc<dyn Served> = served?;
    let control = args.control.map(|path| Control::listen(path, Arc::clone(&sim))).transpose()?;
    let truth = sim.truth();
    let device = truth.get("device").and_then(Value::as_str).unwrap_or_default();
    println!("ready: {dialect} on {} -> {device}", sim.path().display());

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

/// A modem that speaks AT.
fn start_at(args: &ServeArgs, dialect: &str) -> Result<Arc<dyn Served>, String> {
    if args.proxy.is_some() {
        return Err("--proxy is for --dialect qmi alone".to_owned());
    }
    let mut builder = Sim::builder()
        .dialect(Dialect::from_name(dialect).ok_or("--dialect is missing")?)
        .link(args.link.as_ref().ok_or("--link is missing")?)
        .seed(args.seed)
        .counter(args.tx, args.rx)
        .echo(args.echo)
        .plant(args.plant)
        .verbose(args.verbose);
    if let Some(path) = &args.truth {
        builder = builder.truth_file(path);
    }
    if let Some(iccid) = &args.iccid {
        builder = builder.iccid(iccid);
    }
    if let Some(imsi) = &args.imsi {
        builder = builder.imsi(imsi);
    }
    if let Some(imei) = &args.imei {
        builder = builder.imei(imei);
    }
    if let Some(width) = &args.width {
        builder = builder.width(if width == "32" { Width::Bits32 } else { Width::Bits64 });
    }
    Ok(Arc::new(builder.start().map_err(|error| error.to_string())?))
}

/// A modem that speaks QMI.
fn start_qmi(args: &ServeArgs) -> Result<Arc<dyn Served>, String> {
    if args.echo || args.width.is_some() {
        return Err("--echo and --width are for AT dialects alone".to_owned());
    }
    let mut builder = QmiSim::builder()
        .link(args.link.as_ref().ok_or("--link is missing")?)
        .seed(args.seed)
        .counter(args.tx, args.rx)
        .plant(args.plant)
        .verbose(args.verbose);
    if let Some(name) = &args.proxy {
        builder = builder.proxy(name);
    }
    if let Some(path) = &args.truth {
        builder = builder.truth_file(path);
    }
    if let Some(iccid) = &args.iccid {
        builder = builder.iccid(iccid);
    }
    if let Some(imsi) = &args.imsi {
        builder = builder.imsi(imsi);
    }
    if let Some(imei) = &args.imei {
        builder = builder.imei(imei);
    }
    Ok(Arc::new(builder.start().map_err(|error| error.to_string())?))
}

/// SIGTERM and SIGINT become readable; every thread started later has them blocked too.
fn catch_signals() -> Result<SignalFd, String> {
    let set: SigSet = [Signal::SIGTERM, Signal::SIGINT].into_iter().collect();
    let caught =
        set.thread_block().and_then(|()| SignalFd::with_flags(&set, SfdFlags::SFD_CLOEXEC));
    caught.map_err(|error| format!("cannot catch signals: {error}"))
}
