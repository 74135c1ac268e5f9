//! The comma-separated fields behind a reply's prefix.

use super::error::{ReplyError, shown};

/// The fields of one line, without the blanks around them. A comma between
/// quotes separates nothing.
pub(super) struct Fields<'a> {
    fields: Vec<&'a str>,
}

impl<'a> Fields<'a> {
    /// The fields behind `prefix` (`+CREG:`).
    pub(super) fn behind(line: &'a str, prefix: &'static str) -> Result<Self, ReplyError> {
        let body = line.trim().strip_prefix(prefix).ok_or(ReplyError::Prefix(prefix))?;
        Ok(Self::of(body))
    }

    /// The fields of a text that has no prefix.
    pub(super) fn of(body: &'a str) -> Self {
        let mut quoted = false;
        let fields = body
            .split(move |c: char| {
                quoted ^= c == '"';
                c == ',' && !quoted
            })
            .map(str::trim)
            .collect();
        Self { fields }
    }

    pub(super) fn len(&self) -> usize {
        self.fields.len()
    }

    /// Refuses any other number of fields.
    pub(super) fn exactly(self, expected: usize) -> Result<Self, ReplyError> {
        if self.len() == expected {
            Ok(self)
        } else {
            Err(ReplyError::FieldCount { expected, found: self.len() })
        }
    }

    /// Refuses fewer fields.
    pub(super) fn at_least(self, expected: usize) -> Result<Self, ReplyError> {
        if self.len() >= expected {
            Ok(self)
        } else {
            Err(ReplyError::FieldCount { expected, found: self.len() })
        }
    }

    /// A field as it stands, quotes included; `field` counts from 1.
    pub(super) fn raw(&self, field: usize) -> Result<&'a str, ReplyError> {
        field
            .checked_sub(1)
            .and_then(|index| self.fields.get(index).copied())
            .ok_or(ReplyError::FieldCount { expected: field, found: self.len() })
    }

    /// A field without its quotes.
    pub(super) fn text(&self, field: usize) -> Result<&'a str, ReplyError> {
        self.raw(field).map(|raw| raw.trim_matches('"').trim())
    }

    /// An unsigned decimal number from 0 to `max`, leading zeros allowed.
    pub(super) fn decimal(&self, field: usize, max: u64) -> Result<u64, ReplyError> {
        let text = self.raw(field)?;
        if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
            return Err(self.wrong(field, "a decimal number"));
        }
        match text.parse::<u64>() {
            Ok(number) if number <= max => Ok(number),
            Ok(_) | Err(_) => Err(ReplyError::TooLarge { field, max, text: shown(text) }),
        }
    }

    /// An unsigned hexadecimal number of 1 to `digits_max` digits.
    pub(super) fn hexadecimal(&self, field: usize, digits_max: usize) -> Result<u64, ReplyError> {
        let text = self.raw(field)?;
        if text.is_empty()
            || text.len() > digits_max
            || !text.bytes().all(|b| b.is_ascii_hexdigit())
        {
            return Err(self.wrong(field, "a hexadecimal number"));
        }
        u64::from_str_radix(text, 16).map_err(|_| self.wrong(field, "a hexadecimal number"))
    }

    /// The error for a field that is not `what` (with its article).
    pub(super) fn wrong(&self, field: usize, what: &'static str) -> ReplyError {
        let text = self.raw(field).map(shown).unwrap_or_default();
        ReplyError::Field { field, what, text }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comma_between_quotes_separates_nothing() {
        let fields = Fields::behind("+COPS: 0,0,\"A, B\" , 7", "+COPS:").unwrap();
        assert_eq!(fields.len(), 4);
        assert_eq!(fields.text(3), Ok("A, B"));
        assert_eq!(fields.raw(4), Ok("7"));
    }

    #[test]
    fn numbers_are_checked() {
        let fields = Fields::of("007,,-1,18446744073709551616,1f,0x1");
        assert_eq!(fields.decimal(1, 10), Ok(7));
        for field in [2, 3, 5, 6] {
            assert!(matches!(fields.decimal(field, u64::MAX), Err(ReplyError::Field { .. })));
        }
        assert!(matches!(fields.decimal(4, u64::MAX), Err(ReplyError::TooLarge { field: 4, .. })));
        assert!(matches!(fields.decimal(1, 6), Err(ReplyError::TooLarge { field: 1, max: 6, .. })));
        assert_eq!(fields.hexadecimal(5, 2), Ok(0x1f));
        assert!(fields.hexadecimal(5, 1).is_err());
        assert!(fields.hexadecimal(6, 16).is_err());
        assert_eq!(fields.raw(7), Err(ReplyError::FieldCount { expected: 7, found: 6 }));
        assert_eq!(fields.raw(0), Err(ReplyError::FieldCount { expected: 0, found: 6 }));
    }
}
