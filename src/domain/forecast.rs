//! How long the data will last, judged by the last days, and the basis of it.

use super::time::UnixS;

/// The most days that are looked at: two whole weeks, since shops have a week.
pub const BASIS_DAYS_MAX: usize = 14;
/// With fewer full days than this nothing is forecast: the first day of a
/// terminal is its installation, with its updates, and no day like the others.
pub const BASIS_DAYS_MIN: usize = 3;

const DAY_S: i64 = 86_400;
/// What lies further ahead than this is no forecast: 100 years, s.
const AHEAD_MAX_S: i64 = 36_525 * DAY_S;

/// How long the data will last if the days to come are like the last ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forecast {
    /// Full days until it runs out or expires, whichever comes first. `None`:
    /// neither within a hundred years.
    pub days_left: Option<u32>,
    /// When it runs out, s since the epoch. `None` where it expires before, or
    /// within a hundred years does not run out.
    pub runs_out_at: Option<UnixS>,
    /// How many full days this is based on, 3 to 14.
    pub basis_days: u32,
    /// What they used on average, bytes a day, rounded up.
    pub daily_average: u64,
    /// What may be used a day for it to last until it expires, bytes, rounded
    /// down; all that is left on the last day. `None` where it never expires.
    pub allowance_per_day: Option<u64>,
}

/// The forecast at `now_s`.
///
/// `days` are the totals of the last full local days, bytes, the newest last, days
/// without use among them; of more than 14 the last 14 count. `remaining` is what
/// is left, bytes, and `expires_at` when the first part of it ends. `None` with
/// fewer than 3 full days.
#[must_use]
pub fn forecast(
    remaining: u64,
    days: &[u64],
    expires_at: Option<UnixS>,
    now_s: UnixS,
) -> Option<Forecast> {
    let basis = days.get(days.len().saturating_sub(BASIS_DAYS_MAX)..)?;
    if basis.len() < BASIS_DAYS_MIN {
        return None;
    }
    let basis_days = u32::try_from(basis.len()).ok()?;
    let used: u128 = basis.iter().copied().map(u128::from).sum();
    let daily_average = u64::try_from(used.div_ceil(u128::from(basis_days))).ok()?;
    let left_s = expires_at.map(|end| end.saturating_sub(now_s).max(0));
    let lasts_s =
        lasts_s(remaining, daily_average).filter(|lasts| left_s.is_none_or(|left| *lasts < left));
    let until_s = lasts_s.or(left_s).filter(|until| *until <= AHEAD_MAX_S);
    Some(Forecast {
        days_left: until_s.and_then(|until| u32::try_from(until / DAY_S).ok()),
        runs_out_at: lasts_s.map(|lasts| now_s.saturating_add(lasts)),
        basis_days,
        daily_average,
        allowance_per_day: left_s.map(|left| per_day(remaining, left)),
    })
}

/// How long `remaining` lasts at so many bytes a day, s; `None` for what is
/// further ahead than a forecast goes.
fn lasts_s(remaining: u64, daily_average: u64) -> Option<i64> {
    if remaining == 0 {
        return Some(0);
    }
    let day_s = u128::from(DAY_S.unsigned_abs());
    let lasts = (u128::from(remaining) * day_s).checked_div(u128::from(daily_average))?;
    i64::try_from(lasts).ok().filter(|lasts| *lasts <= AHEAD_MAX_S)
}

fn per_day(remaining: u64, left_s: i64) -> u64 {
    let days = left_s.unsigned_abs().div_ceil(DAY_S.unsigned_abs());
    remaining.checked_div(days).unwrap_or(remaining)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixS = 1_800_000_000;

    #[test]
    fn a_forecast_says_what_ends_first() {
        let day = |days: i64| Some(NOW + days * DAY_S);
        for (case, remaining, days, expires_at, days_left, runs_out_at, per_day) in [
            ("runs out", 100, &[10, 10, 10][..], None, Some(10), day(10), None),
            ("runs out before it ends", 100, &[10; 3], day(20), Some(10), day(10), Some(5)),
            ("ends before it runs out", 100, &[10; 3], day(5), Some(5), None, Some(20)),
            ("ends as it runs out", 100, &[10; 3], day(10), Some(10), None, Some(10)),
            ("nothing is used", 100, &[0; 3], None, None, None, None),
            ("nothing is used, and it ends", 100, &[0; 3], day(5), Some(5), None, Some(20)),
            ("nothing is left", 0, &[10; 3], day(5), Some(0), day(0), Some(0)),
            ("it has ended", 100, &[10; 3], day(-1), Some(0), None, Some(100)),
            ("half a day", 5, &[10; 3], None, Some(0), Some(NOW + DAY_S / 2), None),
            (
                "the average is rounded up",
                40,
                &[10, 10, 11],
                None,
                Some(3),
                Some(NOW + 40 * DAY_S / 11),
                None,
            ),
            ("beyond a hundred years", u64::MAX, &[1; 3], None, None, None, None),
            ("all that fits", u64::MAX, &[u64::MAX; 3], None, Some(1), day(1), None),
        ] {
            let made = forecast(remaining, days, expires_at, NOW).unwrap();
            let figures = (made.days_left, made.runs_out_at, made.allowance_per_day);
            assert_eq!(figures, (days_left, runs_out_at, per_day), "{case}");
        }
    }

    #[test]
    fn a_forecast_states_its_basis() {
        for (days, basis) in [
            (vec![], None),
            (vec![10; 2], None),
            (vec![10; 3], Some((3, 10))),
            (vec![0, 0, 1], Some((3, 1))),
            // The oldest of fifteen no longer counts.
            ([vec![1_000_000], vec![10; 14]].concat(), Some((14, 10))),
        ] {
            let made = forecast(100, &days, None, NOW);
            assert_eq!(made.map(|made| (made.basis_days, made.daily_average)), basis, "{days:?}");
        }
    }
}
