//! What the tests of the whole daemon share: a terminal of its own for each
//! test, made of a real bus, a real database file, a simulated modem on a real
//! pseudo-terminal, and the real program.
#![allow(dead_code, reason = "each test program uses its part")]

pub mod bus;
pub mod client;
pub mod dice;
pub mod namespace;
pub mod process;
pub mod settings;
pub mod side_by_side;
pub mod terminal;
pub mod wait;
