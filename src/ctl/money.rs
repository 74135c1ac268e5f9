//! Money as people read it: minor units with the point where the currency has it.
//!
//! ISO 4217 (list one, kept by SIX Group for ISO) gives each currency its minor
//! unit. Nearly all have 2 digits, so only the others stand here.

/// Currencies that have no minor unit.
const NONE: [&str; 17] = [
    "BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND",
    "VUV", "XAF", "XOF", "XPF",
];
/// Currencies whose minor unit is a thousandth.
const THREE: [&str; 7] = ["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"];
/// And a ten-thousandth.
const FOUR: [&str; 2] = ["CLF", "UYW"];

fn digits(currency: &str) -> usize {
    if NONE.contains(&currency) {
        0
    } else if THREE.contains(&currency) {
        3
    } else if FOUR.contains(&currency) {
        4
    } else {
        2
    }
}

/// `CNY 5.03`, `JPY 503`.
pub(super) fn money(minor: i64, currency: &str) -> String {
    format!("{currency} {}", decimal(minor, currency))
}

/// The same where the currency stands elsewhere: `5.03`.
pub(super) fn decimal(minor: i64, currency: &str) -> String {
    let after = digits(currency);
    let sign = if minor < 0 { "-" } else { "" };
    let all = format!("{:0>width$}", minor.unsigned_abs(), width = after + 1);
    let (whole, fraction) = all.split_at(all.len() - after);
    let point = if after == 0 { "" } else { "." };
    format!("{sign}{whole}{point}{fraction}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_point_stands_where_the_currency_has_it() {
        for (minor, currency, shown) in [
            (503, "CNY", "CNY 5.03"),
            (500, "CNY", "CNY 5.00"),
            (3, "CNY", "CNY 0.03"),
            (0, "EUR", "EUR 0.00"),
            (-503, "CNY", "CNY -5.03"),
            (503, "JPY", "JPY 503"),
            (0, "JPY", "JPY 0"),
            (503, "KWD", "KWD 0.503"),
            (503, "CLF", "CLF 0.0503"),
            (i64::MAX, "CNY", "CNY 92233720368547758.07"),
            (i64::MIN, "JPY", "JPY -9223372036854775808"),
        ] {
            assert_eq!(money(minor, currency), shown);
        }
    }
}
