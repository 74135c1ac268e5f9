//! The real program is killed in the middle of recharges, and answers are lost:
//! one charge, one credit, always. `POSDATA_KILLS=1000` kills a thousand times.

use std::time::Duration;

use crate::support::dice::Dice;
use crate::support::wait::until;
use crate::till::{ADD_10, Till};

#[test]
fn one_charge_and_one_credit_however_often_it_is_killed() {
    let kills: usize =
        std::env::var("POSDATA_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(12);
    let mut till = Till::open();
    till.control("auto-pay 0");
    let mut dice = Dice::new(kills as u64);
    let (mut killed, mut orders) = (0, 0_u64);
    while killed < kills {
        orders += 1;
        let request = format!("r-{orders}");
        if dice.below(3) == 0 {
            let losses = ["lost-before", "lost-after", "500-after", "503"];
            let loss = losses[usize::try_from(dice.below(4)).unwrap()];
            till.control(&format!("fault order {loss}"));
        }
        let quote = until("a quote", || till.quote("add-10").ok());
        // The answer may be lost with the process: the cashier asks again.
        let mut placed = till.order(&request, &quote).is_ok();
        for _ in 0..1 + dice.below(3) {
            std::thread::sleep(Duration::from_millis(dice.below(60)));
            till.terminal.kill();
            till.terminal.start();
            killed += 1;
            placed |= till.top_up(&request).is_some();
        }
        if !placed {
            until("the backend", || till.sync().ok());
            let quote = until("a quote", || till.quote("add-10").ok());
            till.order(&request, &quote).unwrap();
        }
        till.await_state(&request, "completed");
        let _ = till.backend.control("fault clear");
    }
    until("the backend", || till.sync().ok());
    let books = till.books();
    let expected = usize::try_from(orders).unwrap();
    assert_eq!((books.charges.len(), books.credits.len()), (expected, expected));
    until("all credits", || till.remaining().filter(|left| *left == orders * ADD_10));
    println!("{killed} kills, {orders} orders, each charged and credited once");
}
