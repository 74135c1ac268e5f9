//! Money as the backend states it: integers, a currency, and exact rates. The
//! terminal computes no price; it checks that what it is told adds up.

use std::fmt;

use super::time::UnixS;

/// A currency by its three letters (ISO 4217, alphabetic).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Currency([u8; 3]);

/// An amount in the minor unit of its currency (fen, cents), 0 to 2^63-1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Money {
    /// How many minor units.
    pub amount: u64,
    /// Of what.
    pub currency: Currency,
}

/// What one unit of a currency was worth in another, exactly: `units / 10^scale`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rate {
    /// The currency that is sold.
    pub from: Currency,
    /// The currency that is paid in.
    pub to: Currency,
    /// All digits, without the point; at least 1.
    pub units: u64,
    /// How many of them stand after the point, 0 to 9.
    pub scale: u8,
    /// Who says so.
    pub source: String,
    /// When it was so, s since the epoch.
    pub at: UnixS,
}

/// What a top-up costs: always `price + fee = total`, in one currency.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cost {
    price: Money,
    fee: Money,
    total: Money,
    rate: Option<Rate>,
}

/// Why what is said of money is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// Not three upper-case letters.
    #[error("\"{0}\" is no currency: three upper-case letters are (ISO 4217)")]
    Currency(String),
    /// Beyond 2^63-1.
    #[error("an amount of money is 0 to 2^63-1 minor units")]
    OutOfRange,
    /// Price, fee and total are not in one currency.
    #[error("price in {price}, fee in {fee} and total in {total}: one currency was expected")]
    Mixed {
        /// The price's currency.
        price: Currency,
        /// The fee's.
        fee: Currency,
        /// The total's.
        total: Currency,
    },
    /// Price and fee do not add up to the total.
    #[error("price {price} and fee {fee} are not the total {total}")]
    Sum {
        /// As stated.
        price: Money,
        /// As stated.
        fee: Money,
        /// As stated.
        total: Money,
    },
    /// Not a decimal above zero with at most 9 digits on either side of the point.
    #[error("\"{0}\" is no exchange rate: a decimal above zero is, as in \"7.1234\"")]
    Rate(String),
    /// The rate is into another currency than the total's, or of one into itself.
    #[error("a rate from {from} to {to} says nothing of a total in {total}")]
    WrongRate {
        /// The rate's first currency.
        from: Currency,
        /// The rate's second currency.
        to: Currency,
        /// The total's.
        total: Currency,
    },
    /// The offer is priced in one currency and paid in another, at no stated rate.
    #[error("offered in {offered}, to be paid in {total}, and no exchange rate is stated")]
    RateMissing {
        /// The offer's currency.
        offered: Currency,
        /// The total's.
        total: Currency,
    },
}

impl Currency {
    /// Reads three upper-case letters. Whether ISO 4217 has them is not asked: a
    /// currency may be newer than this program.
    ///
    /// # Errors
    /// [`MoneyError::Currency`] for anything else.
    pub fn parse(text: &str) -> Result<Self, MoneyError> {
        <[u8; 3]>::try_from(text.as_bytes())
            .ok()
            .filter(|letters| letters.iter().all(u8::is_ascii_uppercase))
            .map(Self)
            .ok_or_else(|| MoneyError::Currency(text.chars().take(16).collect()))
    }

    /// The three letters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("XXX")
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Money {
    /// An amount of a currency.
    ///
    /// # Errors
    /// [`MoneyError::OutOfRange`] beyond 2^63-1, what the database can hold.
    pub fn new(amount: u64, currency: Currency) -> Result<Self, MoneyError> {
        i64::try_from(amount).map_err(|_| MoneyError::OutOfRange)?;
        Ok(Self { amount, currency })
    }
}

/// In minor units, since how many of them make one differs by currency and is not
/// this program's business.
impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} minor units of {}", self.amount, self.currency)
    }
}

impl Rate {
    /// Reads a decimal: `7.1234`, `0.1407`, `7`.
    ///
    /// # Errors
    /// [`MoneyError::Rate`] where it is none, is zero, or has more than 9 digits
    /// on either side of the point.
    pub fn parse(
        value: &str,
        from: Currency,
        to: Currency,
        source: &str,
        at: UnixS,
    ) -> Result<Self, MoneyError> {
        let wrong = || MoneyError::Rate(value.chars().take(32).collect());
        let (whole, fraction) = match value.split_once('.') {
            Some((_, "")) => return Err(wrong()),
            Some(parts) => parts,
            None => (value, ""),
        };
        let digits = |text: &str| text.len() <= 9 && text.bytes().all(|b| b.is_ascii_digit());
        if whole.is_empty() || !digits(whole) || !digits(fraction) {
            return Err(wrong());
        }
        let units = format!("{whole}{fraction}").parse().map_err(|_| wrong())?;
        let scale = u8::try_from(fraction.len()).map_err(|_| wrong())?;
        if units == 0 {
            return Err(wrong());
        }
        Ok(Self { from, to, units, scale, source: source.to_owned(), at })
    }

    /// The decimal as it was read.
    #[must_use]
    pub fn value(&self) -> String {
        let scale = usize::from(self.scale);
        let digits = format!("{:0width$}", self.units, width = scale + 1);
        let (whole, fraction) = digits.split_at(digits.len() - scale);
        if fraction.is_empty() { whole.to_owned() } else { format!("{whole}.{fraction}") }
    }
}

impl Cost {
    /// A cost whose parts add up. `offered` is the currency that the offer was
    /// priced in, where it is known: if it is another than the total's, a rate
    /// from one to the other is required.
    ///
    /// # Errors
    /// [`MoneyError`] says what does not fit.
    pub fn new(
        price: Money,
        fee: Money,
        total: Money,
        rate: Option<Rate>,
        offered: Option<Currency>,
    ) -> Result<Self, MoneyError> {
        if price.currency != fee.currency || fee.currency != total.currency {
            return Err(MoneyError::Mixed {
                price: price.currency,
                fee: fee.currency,
                total: total.currency,
            });
        }
        if price.amount.checked_add(fee.amount) != Some(total.amount) {
            return Err(MoneyError::Sum { price, fee, total });
        }
        let offered = offered.filter(|currency| *currency != total.currency);
        match (&rate, offered) {
            (None, Some(offered)) => {
                return Err(MoneyError::RateMissing { offered, total: total.currency });
            }
            (Some(rate), offered) => {
                let of_another = offered.is_some_and(|currency| currency != rate.from);
                if rate.to != total.currency || rate.from == rate.to || of_another {
                    let (from, to) = (rate.from, rate.to);
                    return Err(MoneyError::WrongRate { from, to, total: total.currency });
                }
            }
            (None, None) => {}
        }
        Ok(Self { price, fee, total, rate })
    }

    /// What the data costs.
    #[must_use]
    pub fn price(&self) -> Money {
        self.price
    }

    /// What the channel takes for it.
    #[must_use]
    pub fn fee(&self) -> Money {
        self.fee
    }

    /// What is paid.
    #[must_use]
    pub fn total(&self) -> Money {
        self.total
    }

    /// At which rate, where the offer was in another currency.
    #[must_use]
    pub fn rate(&self) -> Option<&Rate> {
        self.rate.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn currency(text: &str) -> Currency {
        Currency::parse(text).unwrap()
    }

    fn money(amount: u64, text: &str) -> Money {
        Money::new(amount, currency(text)).unwrap()
    }

    fn rate(value: &str, from: &str, to: &str) -> Result<Rate, MoneyError> {
        Rate::parse(value, currency(from), currency(to), "ECB", 1_790_000_000)
    }

    #[test]
    fn a_currency_is_three_letters() {
        assert_eq!(currency("CNY").to_string(), "CNY");
        for wrong in ["", "CN", "cny", "CNYX", "C1Y", "¥¥", "人"] {
            assert_eq!(Currency::parse(wrong), Err(MoneyError::Currency(wrong.into())), "{wrong}");
        }
    }

    #[test]
    fn an_amount_fits_the_database() {
        assert_eq!(money(i64::MAX.unsigned_abs(), "CNY").amount, i64::MAX.unsigned_abs());
        let beyond = i64::MAX.unsigned_abs() + 1;
        assert_eq!(Money::new(beyond, currency("CNY")), Err(MoneyError::OutOfRange));
    }

    #[test]
    fn rates_are_exact_and_come_back_as_they_were() {
        for value in ["7", "7.1234", "0.1407", "0.000000001", "999999999.999999999", "007.50"] {
            let read = rate(value, "CNY", "USD").unwrap();
            let shown = read.value();
            assert_eq!(rate(&shown, "CNY", "USD").unwrap(), read, "{value} shown as {shown}");
        }
        assert_eq!(rate("0.1407", "CNY", "USD").unwrap().value(), "0.1407");
        for wrong in [
            "",
            ".",
            "7.",
            ".5",
            "0",
            "0.000",
            "-1",
            "+1",
            "1e3",
            "1,5",
            "1.2.3",
            "1234567890",
            "1.1234567890",
            " 1",
            "٣",
        ] {
            assert_eq!(rate(wrong, "CNY", "USD"), Err(MoneyError::Rate(wrong.into())), "{wrong}");
        }
    }

    #[test]
    fn a_cost_adds_up_or_is_refused_by_name() {
        let cny = |amount| money(amount, "CNY");
        let usd = |amount| money(amount, "USD");
        let some = |value: &str, from: &str, to: &str| Some(rate(value, from, to).unwrap());
        let offered_in = |text: &str| Some(currency(text));
        let max = i64::MAX.unsigned_abs();
        for (price, fee, total, rate, offered, fits) in [
            (cny(500), cny(3), cny(503), None, offered_in("CNY"), true),
            (cny(500), cny(0), cny(500), None, None, true),
            (cny(0), cny(0), cny(0), None, None, true),
            (cny(500), cny(3), cny(502), None, None, false),
            (cny(500), cny(3), cny(504), None, None, false),
            (cny(max), cny(max), cny(max), None, None, false),
            (cny(500), usd(3), cny(503), None, None, false),
            (cny(500), cny(3), usd(503), None, None, false),
            (usd(70), usd(1), usd(71), some("0.14", "CNY", "USD"), offered_in("CNY"), true),
            (usd(70), usd(1), usd(71), some("0.14", "CNY", "USD"), None, true),
            (usd(70), usd(1), usd(71), None, offered_in("CNY"), false),
            (usd(70), usd(1), usd(71), some("7", "USD", "CNY"), offered_in("CNY"), false),
            (usd(70), usd(1), usd(71), some("1.1", "EUR", "USD"), offered_in("CNY"), false),
            (usd(70), usd(1), usd(71), some("1", "USD", "USD"), None, false),
        ] {
            let case = format!("{price} {fee} {total} {rate:?} {offered:?}");
            assert_eq!(Cost::new(price, fee, total, rate, offered).is_ok(), fits, "{case}");
        }
        let error = Cost::new(cny(500), cny(3), cny(502), None, None).unwrap_err();
        assert!(error.to_string().contains("502"), "{error}");
    }
}
