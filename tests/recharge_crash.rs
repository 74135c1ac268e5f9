//! A recharge in a world that goes dark at every point and loses every answer: one
//! charge, one credit, always.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod recharge_world;

use posdatad::domain::engine::{Granted, Wish};
use posdatad::domain::topup::State;
use recharge_world::{Fate, LOSSES, Loss, World};

const BYTES: u64 = 31_457_280;

fn recharge(world: &mut World, request: &str) -> Option<String> {
    // A caller that lost its answers begins with a new quote, and the same id.
    for attempt in 0..20_u32 {
        if world.wish(&Wish::Sync, 1).is_none() {
            continue;
        }
        let quote = Wish::Quote { offer_id: "main-30".into(), channel: None, activation: None };
        let Some(Ok(Granted::Quote(quote))) = world.wish(&quote, 1) else { continue };
        let key = format!("00000000-0000-4000-8000-{:012}", world.points * 100 + attempt as usize);
        let order = Wish::Recharge { request_id: request.into(), quote_id: quote.id.clone(), key };
        match world.wish(&order, 1) {
            Some(Ok(Granted::Placed(id))) => return Some(id),
            Some(Err(posdatad::domain::engine::Denied::Order(
                posdatad::domain::orders::OrderRefusal::RequestIdConflict { .. },
            ))) => {
                // It is on disk from before: that is the order.
                let topup = Wish::TopUp { id: request.into() };
                if let Some(Ok(Granted::TopUp(order))) = world.wish(&topup, 5) {
                    return Some(order.id().to_owned());
                }
            }
            _ => {}
        }
    }
    None
}

/// Buys once, whatever happens, and says how it ended.
fn live(fate: Fate) -> (World, State) {
    let mut world = World::new(fate);
    let id = recharge(&mut world, "r-1").unwrap_or_else(|| panic!("{fate:?}: never placed"));
    let ended = |world: &mut World| {
        let orders = world.orders();
        orders.iter().all(|order| !order.is_open())
    };
    world.run(7_200, ended);
    let orders = world.orders();
    let own: Vec<_> = orders.iter().filter(|order| order.id() == id).collect();
    assert_eq!(own.len(), 1, "{fate:?}: {orders:?}");
    let state = own[0].topup.state();
    (world, state)
}

fn one_charge_one_credit(fate: Fate) -> World {
    let (mut world, state) = live(fate);
    // What the backend told by event, and by answer, is one thing.
    let _ = world.wish(&Wish::Sync, 20);
    let charges = world.backend.charges.len();
    let case = format!("{fate:?}: {state:?}, {} charges", charges);
    match state {
        State::Completed => {
            assert_eq!(charges, 1, "{case}");
            assert_eq!(world.granted(), BYTES, "{case}");
        }
        // Only an order whose deadline passed while nothing could be sent.
        State::Failed | State::Cancelled => {
            assert_eq!(charges, 0, "{case}");
            assert_eq!(world.granted(), 0, "{case}");
        }
        other => panic!("{case}: not settled: {other:?}"),
    }
    world
}

#[test]
fn the_power_goes_at_every_point() {
    let calm = one_charge_one_credit(Fate::default());
    assert_eq!(calm.backend.charges, ["T-1"]);
    let points = calm.points;
    assert!(points > 10, "{points} points");
    for boots in [false, true] {
        for power in 1..=points {
            let fate = Fate { power: Some(power), boots, ..Fate::default() };
            one_charge_one_credit(fate);
        }
    }
}

#[test]
fn every_answer_is_lost_in_every_way() {
    let calm = one_charge_one_credit(Fate::default());
    for exchange in 1..=calm.exchanges + 1 {
        for loss in LOSSES {
            let fate = Fate { exchange: Some((exchange, loss)), ..Fate::default() };
            let world = one_charge_one_credit(fate);
            assert_eq!(world.backend.charges.len(), 1, "{fate:?}: it is settled in time");
        }
    }
}

#[test]
fn the_power_goes_at_every_point_and_every_answer_is_lost() {
    let calm = one_charge_one_credit(Fate::default());
    let mut runs = 0;
    for exchange in 1..=calm.exchanges + 1 {
        for loss in [Loss::Before, Loss::After, Loss::NoRoute] {
            for power in 1..=calm.points + 4 {
                let fate = Fate {
                    power: Some(power),
                    exchange: Some((exchange, loss)),
                    boots: (power + exchange) % 2 == 0,
                    ..Fate::default()
                };
                one_charge_one_credit(fate);
                runs += 1;
            }
        }
    }
    assert!(runs > 200, "{runs} runs");
    println!("{runs} runs");
}

#[test]
fn the_power_goes_twice() {
    let calm = one_charge_one_credit(Fate::default());
    let mut runs = 0;
    for power in 1..=calm.points {
        for later in power + 1..=calm.points + 6 {
            let fate = Fate { power: Some(power), again: Some(later), ..Fate::default() };
            one_charge_one_credit(Fate { boots: later % 2 == 0, ..fate });
            runs += 1;
        }
    }
    println!("{runs} runs");
}
