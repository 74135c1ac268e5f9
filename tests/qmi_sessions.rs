//! A hundred thousand data sessions on virtual time, with faults: what is counted
//! is what the simulated modem moved by its own books; where a reconnect destroyed
//! the last figures, not more, and exactly one gap names it.
//!
//! `POSDATA_SEED=n` replays one world.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "support/dice.rs"]
#[allow(dead_code, reason = "shared with other tests")]
mod dice;
mod qmi_world;

use dice::Dice;
use posdata_testkit::Bytes;
use posdata_testkit::qmi::{Aim, Family, Silence};
use posdatad::domain::event::Event;
use posdatad::domain::reading::Part;
use posdatad::domain::report::Report;
use posdatad::modem::Dialogue as _;
use qmi_world::World;

const WORLDS: u64 = 1_000;
const SESSIONS_A_WORLD: u64 = 100;
const THREADS: u64 = 2;

/// What happens to a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// It begins and ends while all is well.
    Quiet,
    /// Nobody asks between its traffic and its end.
    Unread,
    /// It rests in between.
    Suspended,
    /// An answer comes twice.
    Doubled,
    /// An answer comes late, or too late.
    Late,
    /// A figure comes late, and reports overtake it.
    Reported,
    /// An answer names another transaction.
    Mismatched,
    /// The modem refuses a question.
    Refused,
    /// Noise on the line.
    Noise,
    /// Several frames come in one piece.
    Coalesced,
    /// The next session begins before the end of this one was read.
    Overtaken,
    /// The same, so fast that an answer is under way meanwhile.
    OvertakenLate,
    /// The modem forgets every client id.
    Forgotten,
    /// It does not answer for a while.
    Silent,
    /// The device goes and comes back.
    Vanished,
    /// The program is killed and starts again; perhaps the session ends meanwhile.
    Killed,
}

const FATES: [Fate; 16] = [
    Fate::Quiet,
    Fate::Unread,
    Fate::Suspended,
    Fate::Doubled,
    Fate::Late,
    Fate::Reported,
    Fate::Mismatched,
    Fate::Refused,
    Fate::Noise,
    Fate::Coalesced,
    Fate::Overtaken,
    Fate::OvertakenLate,
    Fate::Forgotten,
    Fate::Silent,
    Fate::Vanished,
    Fate::Killed,
];

impl Fate {
    /// Whether indications may go unheard: then a gap is recorded even where
    /// nothing is missing, since nobody can know.
    fn is_unheard(self) -> bool {
        matches!(self, Self::Forgotten | Self::Silent | Self::Vanished | Self::Killed)
    }
}

fn move_some(world: &mut World, dice: &mut Dice, family: Family, fate: Fate) {
    // Sessions that moved exactly the same are two all the same, as long as their
    // indications are heard; else equal figures are taken for one figure.
    let bytes = match dice.below(3) {
        0 if !fate.is_unheard() => Bytes::new(100, 2_000),
        _ => Bytes::new(dice.below(5_000), 1 + dice.below(200_000)),
    };
    if world.modem.is_connected(family) {
        assert!(world.modem.traffic(family, bytes));
    }
}

/// One session of one family, or several, beginning with none and ending so. True
/// when one was overtaken by the next.
fn session(world: &mut World, dice: &mut Dice, family: Family, fate: Fate) -> bool {
    let mut overtaken = matches!(fate, Fate::Overtaken | Fate::OvertakenLate);
    world.modem.connect(family);
    match dice.below(3) {
        0 => {}
        1 => world.pump(),
        _ => world.pass(dice.below(15_000)),
    }
    move_some(world, dice, family, fate);
    if dice.below(2) == 0 {
        world.pass(dice.below(12_000));
    }
    move_some(world, dice, family, fate);
    match fate {
        Fate::Quiet => world.pass(11_000),
        Fate::Unread => {}
        Fate::Suspended => {
            world.modem.suspend(family);
            world.pass(dice.below(11_000));
            world.modem.resume(family);
            move_some(world, dice, family, fate);
        }
        Fate::Doubled => world.modem.duplicate_next(Aim::Any),
        Fate::Late => world.modem.delay_next(Aim::Any, dice.below(9_000)),
        Fate::Reported => {
            world.modem.delay_next(Aim::Statistics, dice.below(4_900));
            world.dialogue.request_reading(world.now_ms);
            for _ in 0..30 {
                world.pass(dice.below(1_000));
                move_some(world, dice, family, fate);
            }
        }
        Fate::Mismatched => world.modem.wrong_transaction_next(Aim::Any),
        Fate::Refused => {
            world.modem.error_next(Aim::Any, [3, 74, 1][usize::try_from(dice.below(3)).unwrap()])
        }
        Fate::Noise => world.modem.garbage(1 + usize::try_from(dice.below(40)).unwrap()),
        Fate::Coalesced => world.modem.coalesce(true),
        Fate::Overtaken => {
            world.modem.disconnect(family);
            world.modem.connect(family);
            move_some(world, dice, family, fate);
        }
        Fate::OvertakenLate => {
            world.modem.delay_next(Aim::Statistics, 1 + dice.below(4_000));
            world.pass(11_000);
            for _ in 0..=dice.below(3) {
                world.modem.disconnect(family);
                world.modem.connect(family);
                move_some(world, dice, family, fate);
            }
        }
        Fate::Forgotten => {
            world.modem.forget_clients();
            overtaken = overtake_perhaps(world, dice, family, fate);
        }
        Fate::Silent => {
            world.modem.silent(Silence::Requests(1 + dice.below(6)));
            overtaken = overtake_perhaps(world, dice, family, fate);
            world.pass(dice.below(40_000));
        }
        Fate::Killed => {
            let ends = dice.below(2) == 0;
            let bytes = Bytes::new(dice.below(500), dice.below(9_000));
            world.kill(|modem| {
                modem.traffic(family, bytes);
                if ends {
                    modem.disconnect(family);
                }
            });
        }
        Fate::Vanished => {
            overtaken = overtake_perhaps(world, dice, family, fate);
            world.vanish();
        }
    }
    if fate == Fate::Doubled || fate == Fate::Late || dice.below(4) == 0 {
        world.pass(dice.below(20_000));
        move_some(world, dice, family, fate);
    }
    world.modem.disconnect(family);
    world.settle();
    world.settle();
    world.modem.coalesce(false);
    world.settle();
    overtaken
}

fn overtake_perhaps(world: &mut World, dice: &mut Dice, family: Family, fate: Fate) -> bool {
    let overtakes = dice.below(2) == 0;
    if overtakes {
        world.modem.disconnect(family);
        world.modem.connect(family);
        move_some(world, dice, family, fate);
    }
    overtakes
}

/// What was said and recorded, short.
fn story(world: &World, gaps: &[Event]) -> String {
    let mut lines: Vec<String> =
        gaps.iter().map(|gap| format!("  {}: {}", gap.kind.word(), gap.detail)).collect();
    for report in &world.reports {
        lines.push(match report {
            Report::Reading(reading) => reading.parts.iter().fold(String::new(), |line, part| {
                let Part { name, ended, sample } = part;
                let ended = if *ended { " ended" } else { "" };
                format!(
                    "{line}  {name} {}/{} {:?}{ended}",
                    sample.counter.tx, sample.counter.rx, sample.evidence
                )
            }),
            other => format!("  {other:?}"),
        });
    }
    lines.join("\n")
}

/// What a world has seen.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    sessions: u64,
    exact: u64,
    gaps: u64,
    missing: u64,
}

fn live(seed: u64) -> Seen {
    let mut dice = Dice::new(seed);
    let mut world = World::new(seed, [1, 3, 10][usize::try_from(seed % 3).unwrap()]);
    world.modem.disconnect(Family::V4);
    world.settle();
    let mut seen = Seen::default();
    for number in 0..SESSIONS_A_WORLD {
        let family = [Family::V4, Family::V4, Family::V6][usize::try_from(dice.below(3)).unwrap()];
        let fate = FATES[usize::try_from(dice.below(16)).unwrap()];
        let (counted, moved) = (world.counted(), world.moved());
        world.gaps();
        world.reports.clear();
        let overtaken = session(&mut world, &mut dice, family, fate);
        let (counted, moved) = (world.counted() - counted, world.moved() - moved);
        let gaps = world.gaps();
        let what = || {
            format!(
                "world {seed}, session {number} ({family:?}, {fate:?}): counted {counted:?} of \
                 {moved:?}, {} gaps:\n{}",
                gaps.len(),
                story(&world, &gaps)
            )
        };
        assert!(counted.tx <= moved.tx && counted.rx <= moved.rx, "{}", what());
        if counted == moved {
            seen.exact += 1;
            assert!(gaps.len() <= 1, "{}", what());
        } else {
            assert_eq!(gaps.len(), 1, "{}", what());
            seen.missing += (moved - counted).sum();
        }
        assert!(counted == moved || overtaken, "{}", what());
        assert!(gaps.is_empty() || overtaken || fate.is_unheard(), "{}", what());
        seen.sessions += 1;
        seen.gaps += u64::try_from(gaps.len()).unwrap();
    }
    let truth = world.modem.truth();
    assert_eq!(truth.syncs_received, 0);
    seen
}

#[test]
fn a_hundred_thousand_sessions_are_counted() {
    if let Ok(seed) = std::env::var("POSDATA_SEED") {
        println!("{:?}", live(seed.parse().unwrap()));
        return;
    }
    let threads: Vec<_> = (0..THREADS)
        .map(|thread| {
            std::thread::spawn(move || {
                let mut all = Seen::default();
                for seed in (1..=WORLDS).filter(|seed| seed % THREADS == thread) {
                    let seen = live(seed);
                    all.sessions += seen.sessions;
                    all.exact += seen.exact;
                    all.gaps += seen.gaps;
                    all.missing += seen.missing;
                }
                all
            })
        })
        .collect();
    let (mut sessions, mut exact) = (0, 0);
    for thread in threads {
        let seen = thread.join().unwrap();
        println!("{seen:?}");
        sessions += seen.sessions;
        exact += seen.exact;
    }
    assert_eq!(sessions, WORLDS * SESSIONS_A_WORLD);
    assert!(exact > sessions / 2 && exact < sessions, "the faults do their work: {exact}");
}
