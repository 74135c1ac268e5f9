//! `backend-sim`: the sandbox backend as a program.

use std::process::ExitCode;

fn main() -> ExitCode {
    posdata_testkit::backend::program::main()
}
