//! The command line of posdatad; all of it is in `src/ctl`.

fn main() -> std::process::ExitCode {
    posdatad::ctl::main()
}
