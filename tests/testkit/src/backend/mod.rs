//! A sandbox backend: an operator's backend in one program, for trying and testing posdatad. It speaks
//! `docs/backend-api.yaml` over TLS 1.3 with certificates that it makes itself, on the loopback only, keeps its books
//! in its own way, and misbehaves when it is told to.
//!
//! ```no_run
//! use posdata_testkit::backend::{Backend, BackendSettings};
//!
//! let settings = BackendSettings::new("/tmp/sandbox");
//! let serial = settings.terminals[0].serial.clone();
//! let backend = Backend::start(settings)?;
//! let identity = backend.terminal(&serial)?;
//! // … a terminal with backend.url(), backend.ca() and identity.certificate, identity.key …
//! backend.control("fault order lost-after")?;
//! backend.control("pay oldest")?;
//! assert!(backend.books(&serial)?.balanced);
//! # Ok::<(), posdata_testkit::backend::BackendError>(())
//! ```
//!
//! The rooms: `certificates` and `tls` make and show identities; `http` and `server` carry bytes; `routes` knows the
//! paths; `desk` and `store` hold the state; `offers`, `orders`, `topups`, `moves` and `sync` are the contract's
//! resources; `ledger` and `books` count; `faults` and `spoil` misbehave; `control` takes commands.

mod books;
mod certificates;
mod client;
mod control;
mod core;
mod desk;
mod events;
mod faults;
mod fields;
mod handle;
mod http;
mod journal;
mod keys;
mod ledger;
mod moved;
mod moves;
mod offers;
mod orders;
mod problem;
pub mod program;
mod quotes;
mod routes;
mod server;
mod settings;
mod spoil;
mod store;
mod sync;
mod tls;
mod topup;
mod topups;

pub use books::{Books, Charge, Credit};
pub use certificates::Identity;
pub use client::{Client, NoAnswer, Reply};
pub use handle::{Backend, BackendError, BackendHandle};
pub use journal::{Handshakes, Received};
pub use settings::{BackendSettings, TerminalSettings};
