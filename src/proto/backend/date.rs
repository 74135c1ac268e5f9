//! The `Date` header: the server's time, on every answer.

use jiff::fmt::rfc2822;

/// Reads an IMF-fixdate (RFC 9110, 5.6.7), s since the epoch:
/// `Thu, 26 Nov 2026 08:00:00 GMT`. `None` for any other form: the obsolete ones
/// leave the century open.
#[must_use]
pub fn read_date(header: &str) -> Option<i64> {
    if header.len() != 29 || !header.ends_with(" GMT") {
        return None;
    }
    rfc2822::DateTimeParser::new().parse_timestamp(header).ok().map(jiff::Timestamp::as_second)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_one_form_is_read() {
        assert_eq!(read_date("Sun, 06 Nov 1994 08:49:37 GMT"), Some(784_111_777));
        assert_eq!(read_date("Thu, 26 Nov 2026 08:00:00 GMT"), Some(1_795_680_000));
        for other in [
            "",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
            "Sun, 06 Nov 1994 08:49:37 EST",
            "Mon, 06 Nov 1994 08:49:37 GMT",
            "Sun, 31 Feb 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 25:49:37 GMT",
            "1994-11-06T08:49:37Z",
        ] {
            assert_eq!(read_date(other), None, "{other}");
        }
    }
}
