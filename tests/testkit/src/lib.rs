//! A simulated 4G modem on a pseudo-terminal, for trying and testing posdatad. It shares no code with it: it
//! writes its bytes and computes its sums in its own way, so that a mistake cannot cancel itself out.
//!
//! ```no_run
//! use std::time::Duration;
//! use posdata_testkit::{Dialect, Sim};
//!
//! let sim = Sim::builder().dialect(Dialect::UBlox).seed(7).start()?;
//! // … start what reads the modem at sim.path() …
//! sim.apply("traffic tx 1000 rx 5000")?;
//! sim.wait_polls(1, Duration::from_secs(20))?;
//! assert!(sim.truth().is_read_out());
//! # Ok::<(), posdata_testkit::SimError>(())
//! ```
//!
//! The script language is described in [`script`], the truth file in [`truth`]. A modem that speaks QMI instead of AT
//! is in [`qmi`], an operator's backend to buy from in [`backend`].

mod accounting;
mod answering;
mod apply;
pub mod backend;
mod builder;
pub mod check;
mod clock;
mod command;
mod counters;
mod dialect;
mod engine;
mod handle;
mod identity;
mod line;
mod manager;
mod modem;
mod plant;
mod pty;
pub mod qmi;
mod registers;
mod reply;
mod rng;
pub mod script;
mod sim;
mod traffic;
pub mod truth;
mod truth_file;
mod wishes;

pub use accounting::{Bytes, Event, SimMoved};
pub use builder::SimBuilder;
pub use clock::ClockSetting;
pub use dialect::Dialect;
pub use handle::SimError;
pub use modem::IccidForm;
pub use plant::plant;
pub use registers::Width;
pub use script::{Script, ScriptError};
pub use sim::Sim;
pub use truth::Truth;
