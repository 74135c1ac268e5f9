//! Scenarios side by side: each is mostly waiting for a modem, so a test runs
//! its scenarios on threads of their own and names every one that failed.
//! `POSDATA_ONLY=part` runs those alone whose name has that part.

use std::any::Any;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::thread;

use super::wait;

/// A scenario with its name.
pub type Scenario<'a> = (String, Box<dyn FnOnce() + Send + 'a>);

/// Names a scenario.
pub fn scenario<'a>(name: impl Into<String>, run: impl FnOnce() + Send + 'a) -> Scenario<'a> {
    (name.into(), Box::new(run))
}

/// Runs them all, `at_once` at a time, and fails when one has failed.
pub fn run(at_once: usize, scenarios: Vec<Scenario<'_>>) {
    let only = std::env::var("POSDATA_ONLY").unwrap_or_default();
    let wanted: VecDeque<_> =
        scenarios.into_iter().filter(|(name, _)| name.contains(&only)).collect();
    let workers = at_once.min(wanted.len());
    let waiting = Mutex::new(wanted);
    let failed = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                loop {
                    let next = waiting.lock().unwrap().pop_front();
                    let Some((name, run)) = next else { return };
                    let begun = wait::now();
                    let outcome = catch_unwind(AssertUnwindSafe(run));
                    let seconds = begun.elapsed().as_secs_f32();
                    match outcome {
                        Ok(()) => println!("  {name}: ok, {seconds:.1} s"),
                        Err(panic) => {
                            println!("  {name}: FAILED, {seconds:.1} s");
                            failed.lock().unwrap().push(format!("{name}: {}", said(&*panic)));
                        }
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap();
    assert!(failed.is_empty(), "{} failed:\n{}", failed.len(), failed.join("\n"));
}

fn said(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("a panic without words")
}
