//! `modem-sim`: the simulated modem as a program, its control, and the separate checker.

mod program;

use std::process::ExitCode;

fn main() -> ExitCode {
    program::main()
}
