//! Floor 4: configuration, command line, logging, wiring and shutdown.

pub mod args;
mod backend;
mod candidates;
pub mod config;
mod journal;
pub mod logging;
mod reader;
mod run;
mod search;
mod settings;
mod sources;
mod trace;

use std::io;

use args::{Args, Exit};
use config::{Level, Loaded};

/// Runs the program on the process's own arguments and environment.
#[must_use]
pub fn main() -> Exit {
    let args = match args::parse(std::env::args_os()) {
        Ok(args) => args,
        Err(exit) => return exit,
    };
    let (file, named) = args.config_file();
    if args.check_config {
        return config::check(file, named, &mut io::stdout().lock()).unwrap_or(Exit::IoErr);
    }
    let loaded = config::load(file, named);
    let log = logging::start(loaded.config.log.level);
    say_findings(&loaded);
    if !loaded.is_ok() {
        tracing::error!(
            "{}; posdatad --check-config shows the same at any time",
            loaded.verdict(file)
        );
        return Exit::Config;
    }
    if loaded.main_missing {
        tracing::warn!("{} is not there: the defaults apply", file.display());
    }
    start(&args, loaded, log)
}

fn start(args: &Args, loaded: Loaded, log: logging::Control) -> Exit {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            tracing::error!("no event loop: {error}");
            return Exit::OsErr;
        }
    };
    runtime.block_on(run::run(args, loaded.config, log))
}

fn say_findings(loaded: &Loaded) {
    for finding in &loaded.findings {
        match finding.level {
            Level::Error => tracing::error!("{}", finding.said()),
            Level::Warning => tracing::warn!("{}", finding.said()),
        }
    }
}
