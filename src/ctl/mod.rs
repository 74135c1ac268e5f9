//! Floor 5: `posdatactl`, the command line. It talks to the daemon over D-Bus
//! alone, through the same interfaces as any other program.
//!
//! A verb is a file: it asks [`client`], and shows what came back as text (laid
//! out for [`screen`]) or as JSON ([`model`] gives both their figures). What can
//! go wrong has one place, [`failure`]: the message, what to do next, the exit
//! status.

mod args;
mod books;
mod chart;
mod client;
mod csv;
mod events;
mod failure;
mod follow;
mod help;
mod layout;
mod model;
mod money;
mod offers;
mod order;
mod progress;
mod proxy;
mod qr;
mod recharge;
mod record;
mod screen;
mod sources;
mod status;
mod stop;
mod topups;
mod trace;
mod usage;
mod watch;
mod when;

use std::io::{self, Write as _};
use std::process::ExitCode;

use args::{Args, Verb};
use client::Client;
use failure::Failure;
use follow::Link;
use screen::Screen;

/// Runs the program on the process's own arguments, terminal and environment.
#[must_use]
pub fn main() -> ExitCode {
    let given: Vec<_> = std::env::args_os().collect();
    let args = match args::parse(&given) {
        Ok(args) => args,
        Err(early) => return early.report(),
    };
    match run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        // `posdatactl … | head`: who read has read enough.
        Err(Failure::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => {
            ExitCode::SUCCESS
        }
        Err(failure) => failure.report(args.json),
    }
}

fn run(args: &Args) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::Internal(format!("no event loop: {error}")))?;
    runtime.block_on(async {
        let client = Client::connect(&args.bus).await?;
        let out = Out { screen: Screen::of_stdout(), json: args.json };
        match &args.verb {
            Verb::Status => status::run(&client, &out).await,
            Verb::Usage(wanted) => usage::run(&client, &out, wanted).await,
            Verb::Events(wanted) => events::run(&client, &out, wanted).await,
            Verb::Sources => sources::run(&client, &out).await,
            Verb::Watch(wanted) => watch::run(&client, &out, wanted).await,
            Verb::Offers => offers::run(&client, &out).await,
            Verb::Quote(wanted) => offers::quote(&client, &out, wanted).await,
            Verb::Recharge(wanted) => {
                recharge::run(Link::new(client, &args.bus), &out, wanted).await
            }
            Verb::TopUps(wanted) => topups::run(&client, &out, wanted).await,
            Verb::Cancel(wanted) => topups::cancel(&client, &out, wanted).await,
            Verb::Sync => books::sync(&client, &out).await,
            Verb::Calibrate(wanted) => books::calibrate(&client, &out, wanted).await,
            Verb::Export(wanted) => books::export(&client, &out, wanted).await,
            Verb::Trace(wanted) => trace::run(&client, &out, wanted).await,
        }
    })
}

/// Where a verb's answer goes, and in which form.
struct Out {
    screen: Screen,
    json: bool,
}

impl Out {
    /// One JSON document, on a line of its own.
    fn json(&self, document: &impl serde::Serialize) -> Result<(), Failure> {
        let text = serde_json::to_string(document)
            .map_err(|error| Failure::Internal(format!("cannot be written as JSON: {error}")))?;
        self.text(&format!("{text}\n"))
    }

    /// Text as it stands. Flushed, so that a line of `watch` arrives when it happens.
    fn text(&self, text: &str) -> Result<(), Failure> {
        let mut stdout = io::stdout().lock();
        stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()).map_err(Failure::Output)
    }

    /// A remark for whoever sits before the terminal: never part of the output.
    fn remark(&self, text: &str) {
        if self.screen.columns.is_some() && !self.json {
            // Nothing is lost with it.
            let _ = writeln!(io::stderr(), "{text}");
        }
    }
}
