//! Owns the counters inside the modem: per context a session and a total, their width, and the total's copy in
//! non-volatile memory.

use crate::accounting::Bytes;

/// Bits of a counter before it wraps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Width {
    /// Wraps at 2^32.
    Bits32,
    /// Wraps at 2^64, which no test lives to see.
    Bits64,
}

impl Width {
    /// 32 or 64.
    pub fn bits(self) -> u32 {
        match self {
            Width::Bits32 => 32,
            Width::Bits64 => 64,
        }
    }

    /// The first value that is shown as 0 again; `None` for 64 bits.
    pub(crate) fn modulus(self) -> Option<u64> {
        match self {
            Width::Bits32 => Some(1 << 32),
            Width::Bits64 => None,
        }
    }

    fn shown(self, bytes: Bytes) -> Bytes {
        match self.modulus() {
            Some(modulus) => Bytes::new(bytes.tx % modulus, bytes.rx % modulus),
            None => bytes,
        }
    }
}

/// The counters of one PDP context, as stored: not yet cut to the width.
#[derive(Clone, Copy, Debug, Default)]
struct Context {
    total: Bytes,
    session: Bytes,
    saved: Bytes,
}

/// All counters of the modem.
#[derive(Clone, Debug)]
pub(crate) struct Registers {
    pub(crate) width: Width,
    contexts: Vec<Context>,
    unsaved: Bytes,
}

/// One context as a reply shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shown {
    pub(crate) cid: usize,
    pub(crate) total: Bytes,
    pub(crate) session: Bytes,
}

impl Registers {
    pub(crate) fn new(width: Width) -> Registers {
        Registers {
            width,
            contexts: vec![Context::default()],
            unsaved: Bytes::default(),
        }
    }

    /// Counts traffic, an eighth of it in each context after the first; says which directions wrapped.
    pub(crate) fn add(&mut self, bytes: Bytes) -> Vec<&'static str> {
        self.unsaved += bytes;
        let eighth = Bytes::new(bytes.tx / 8, bytes.rx / 8);
        let mut first = bytes;
        for _ in 1..self.contexts.len() {
            first = first - eighth;
        }
        let width = self.width;
        let mut wrapped = Vec::new();
        for (index, context) in self.contexts.iter_mut().enumerate() {
            let share = if index == 0 { first } else { eighth };
            let before = width.shown(context.total);
            context.total = wrapping_add(context.total, share);
            context.session = wrapping_add(context.session, share);
            let after = width.shown(context.total);
            let turns = |before: u64, added: u64, after: u64| {
                after < before || width.modulus().is_some_and(|modulus| added >= modulus)
            };
            if turns(before.tx, share.tx, after.tx) {
                wrapped.push("tx");
            }
            if turns(before.rx, share.rx, after.rx) {
                wrapped.push("rx");
            }
        }
        wrapped
    }

    /// How many contexts there are, from 1; new ones start at 0, those taken away are forgotten.
    pub(crate) fn set_contexts(&mut self, count: usize) {
        self.contexts.resize(count, Context::default());
    }

    /// Writes the totals to non-volatile memory.
    pub(crate) fn save(&mut self) {
        for context in &mut self.contexts {
            context.saved = context.total;
        }
        self.unsaved = Bytes::default();
    }

    /// Bytes counted since the totals were last saved.
    pub(crate) fn unsaved(&self) -> Bytes {
        self.unsaved
    }

    /// Totals in non-volatile memory, all contexts together.
    pub(crate) fn saved(&self) -> Bytes {
        self.contexts.iter().fold(Bytes::default(), |sum, context| {
            sum + self.width.shown(context.saved)
        })
    }

    /// The power came back: totals from memory, or from 0 where there is none.
    pub(crate) fn power_on(&mut self, from_memory: bool) {
        for context in &mut self.contexts {
            context.session = Bytes::default();
            context.total = if from_memory {
                context.saved
            } else {
                Bytes::default()
            };
        }
        self.unsaved = Bytes::default();
    }

    /// A new data session began.
    pub(crate) fn new_session(&mut self, resets_totals: bool) {
        for context in &mut self.contexts {
            context.session = Bytes::default();
            if resets_totals {
                context.total = Bytes::default();
            }
        }
    }

    /// Everything to 0; the memory as well when `memory` says so.
    pub(crate) fn reset(&mut self, memory: bool) {
        for context in &mut self.contexts {
            let saved = if memory {
                Bytes::default()
            } else {
                context.saved
            };
            *context = Context {
                saved,
                ..Context::default()
            };
        }
    }

    /// The first context shows these values from now on, total and session alike; the others show 0.
    pub(crate) fn set(&mut self, value: Bytes) {
        for (index, context) in self.contexts.iter_mut().enumerate() {
            let value = if index == 0 { value } else { Bytes::default() };
            *context = Context {
                total: value,
                session: value,
                ..*context
            };
        }
    }

    /// The contexts as replies show them.
    pub(crate) fn shown(&self) -> impl Iterator<Item = Shown> + '_ {
        self.contexts
            .iter()
            .enumerate()
            .map(|(index, context)| Shown {
                cid: index + 1,
                total: self.width.shown(context.total),
                session: self.width.shown(context.session),
            })
    }

    /// All contexts together, for dialects with one line.
    pub(crate) fn summed(&self) -> Shown {
        let start = Shown {
            cid: 1,
            total: Bytes::default(),
            session: Bytes::default(),
        };
        let sum = self.contexts.iter().fold(start, |sum, context| Shown {
            cid: 1,
            total: wrapping_add(sum.total, context.total),
            session: wrapping_add(sum.session, context.session),
        });
        Shown {
            cid: 1,
            total: self.width.shown(sum.total),
            session: self.width.shown(sum.session),
        }
    }
}

fn wrapping_add(a: Bytes, b: Bytes) -> Bytes {
    Bytes::new(a.tx.wrapping_add(b.tx), a.rx.wrapping_add(b.rx))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_32_bit_counter_wraps_and_says_so() {
        let mut registers = Registers::new(Width::Bits32);
        registers.set(Bytes::new(u64::from(u32::MAX), 7));
        assert_eq!(registers.add(Bytes::new(3, 1)), ["tx"]);
        assert_eq!(registers.summed().total, Bytes::new(2, 8));
    }

    #[test]
    fn a_64_bit_counter_passes_2_to_the_32() {
        let mut registers = Registers::new(Width::Bits64);
        registers.set(Bytes::new(u64::from(u32::MAX), 0));
        assert!(registers.add(Bytes::new(3, 0)).is_empty());
        assert_eq!(registers.summed().total.tx, (1 << 32) + 2);
    }

    #[test]
    fn power_brings_back_what_was_saved_or_nothing() {
        let mut registers = Registers::new(Width::Bits32);
        registers.add(Bytes::new(10, 20));
        registers.save();
        registers.add(Bytes::new(1, 1));
        assert_eq!(registers.unsaved(), Bytes::new(1, 1));
        registers.power_on(true);
        assert_eq!(registers.summed().total, Bytes::new(10, 20));
        registers.power_on(false);
        assert_eq!(registers.summed().total, Bytes::default());
    }

    #[test]
    fn contexts_share_the_traffic_without_losing_a_byte() {
        let mut registers = Registers::new(Width::Bits64);
        registers.set_contexts(3);
        registers.add(Bytes::new(1001, 17));
        let lines: Vec<Bytes> = registers.shown().map(|shown| shown.total).collect();
        assert_eq!(
            lines,
            [Bytes::new(751, 13), Bytes::new(125, 2), Bytes::new(125, 2)]
        );
    }
}
