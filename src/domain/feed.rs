//! How far this terminal has come in the backend's numbered events.

/// A place in a backend's numbering.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// Which numbering.
    pub stream: String,
    /// The last event that was applied; 0 before the first.
    pub after: u64,
}

/// The events of a backend, in their order, each once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Feed {
    /// `None` before the first answer.
    pub cursor: Option<Cursor>,
    /// Everything that the backend had to tell has been heard once since this
    /// database was made: before that, an order of earlier days may be unknown.
    pub caught_up: bool,
}

/// What to do with an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// It is the next one: apply it.
    Next,
    /// It was applied before.
    Before,
    /// One before it is missing: neither it nor what follows is applied.
    Hole {
        /// The number that is missing.
        missing: u64,
    },
}

impl Feed {
    /// An answer that belongs to this numbering. Another one than before begins
    /// with its first event: all of it is told again, and harms nothing. True
    /// where it is another.
    pub fn enter(&mut self, stream: &str) -> bool {
        if self.cursor.as_ref().is_some_and(|cursor| cursor.stream == stream) {
            return false;
        }
        let first = self.cursor.is_none();
        self.cursor = Some(Cursor { stream: stream.to_owned(), after: 0 });
        !first
    }

    /// Whose turn an event with this number is. The next one counts as applied.
    pub fn take(&mut self, seq: u64) -> Turn {
        let Some(cursor) = self.cursor.as_mut() else { return Turn::Hole { missing: 1 } };
        let next = cursor.after.saturating_add(1);
        match seq.cmp(&next) {
            std::cmp::Ordering::Less => Turn::Before,
            std::cmp::Ordering::Equal => {
                cursor.after = seq;
                Turn::Next
            }
            std::cmp::Ordering::Greater => Turn::Hole { missing: next },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_taken_in_their_order_each_once() {
        let mut feed = Feed::default();
        assert_eq!(feed.take(1), Turn::Hole { missing: 1 }, "no numbering is entered yet");
        assert!(!feed.enter("a"), "the first numbering is not another one");
        for (seq, turn) in [
            (1, Turn::Next),
            (1, Turn::Before),
            (3, Turn::Hole { missing: 2 }),
            (2, Turn::Next),
            (3, Turn::Next),
            (2, Turn::Before),
            (u64::MAX, Turn::Hole { missing: 4 }),
        ] {
            assert_eq!(feed.take(seq), turn, "{seq}");
        }
        assert!(!feed.enter("a"));
        assert!(feed.enter("b"), "another numbering begins again");
        assert_eq!(feed.take(1), Turn::Next);
    }
}
