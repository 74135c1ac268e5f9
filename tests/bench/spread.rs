//! Samples of one figure, and how they are said: the median, and the least and the
//! most beside it.

use std::fmt;

/// What was seen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// What stands for all of it.
    pub figure: f64,
    pub least: f64,
    pub most: f64,
    pub samples: usize,
}

impl Spread {
    /// Of a figure that was read several times: its median stands for it.
    pub fn median(samples: &[f64]) -> Option<Self> {
        let sorted = sort(samples);
        let middle = sorted.len() / 2;
        let upper = *sorted.get(middle)?;
        let median =
            if sorted.len() % 2 == 1 { upper } else { f64::midpoint(sorted[middle - 1], upper) };
        Some(Self { figure: median, ..Self::ends(&sorted) })
    }

    /// Of a rate that was counted over a whole window, and over parts of it. The
    /// whole stands for it: where something happens every other part, a median of
    /// parts would be zero.
    pub fn whole(whole: f64, parts: &[f64]) -> Self {
        Self { figure: whole, ..Self::ends(&sort(parts)) }
    }

    /// Read or counted once.
    pub fn once(figure: f64) -> Self {
        Self { figure, least: figure, most: figure, samples: 1 }
    }

    /// The same in another unit.
    pub fn times(self, factor: f64) -> Self {
        Self {
            figure: self.figure * factor,
            least: self.least * factor,
            most: self.most * factor,
            samples: self.samples,
        }
    }

    fn ends(sorted: &[f64]) -> Self {
        let least = sorted.first().copied().unwrap_or(f64::NAN);
        let most = sorted.last().copied().unwrap_or(f64::NAN);
        Self { figure: f64::NAN, least, most, samples: sorted.len() }
    }
}

/// Which sample has so many hundredths of all others below it.
pub fn percentile(sorted: &[f64], hundredth: usize) -> f64 {
    let at = (sorted.len() * hundredth / 100).min(sorted.len().saturating_sub(1));
    sorted.get(at).copied().unwrap_or(f64::NAN)
}

/// From the least to the most.
pub fn sort(samples: &[f64]) -> Vec<f64> {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.samples == 1 || (self.least == self.figure && self.most == self.figure) {
            return f.write_str(&number(self.figure));
        }
        write!(f, "{} ({}-{})", number(self.figure), number(self.least), number(self.most))
    }
}

/// With as many digits as mean something.
pub fn number(value: f64) -> String {
    let digits = match value.abs() {
        size if size.fract() == 0.0 || size >= 1000.0 => 0,
        size if size >= 20.0 => 1,
        size if size >= 0.1 => 2,
        _ => 3,
    };
    let plain = format!("{value:.digits$}");
    let whole = plain.split('.').next().unwrap_or_default().trim_start_matches('-').len();
    // Thousands apart, as in 31,457.
    let (sign, rest) = plain.strip_prefix('-').map_or(("", plain.as_str()), |rest| ("-", rest));
    let mut said = String::from(sign);
    for (at, digit) in rest.chars().enumerate() {
        if at > 0 && at < whole && (whole - at) % 3 == 0 {
            said.push(',');
        }
        said.push(digit);
    }
    said
}
