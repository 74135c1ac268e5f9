//! The service.

fn main() -> posdatad::daemon::args::Exit {
    posdatad::daemon::main()
}
