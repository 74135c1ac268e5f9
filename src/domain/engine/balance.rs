//! The balance as readers see it, and when people are told.

use super::super::alert::AlertView;
use super::super::forecast::{BASIS_DAYS_MAX, Forecast, forecast};
use super::super::ledger::{Overdraft, Status, StatusInput, StatusLevels};
use super::super::plan::Cycle;
use super::super::snapshot::{BalanceView, CycleView};
use super::super::time::{Now, UnixS};
use super::super::units::Traffic;
use super::Engine;

/// Days whose usage is kept at hand, s.
pub(super) const DAYS_KEPT_S: UnixS = 62 * 86_400;

impl Engine {
    pub(super) fn balance_view(&self, now: Now) -> BalanceView {
        let now_s = self.clock.trusted_s(now.boot_ms);
        let balance = self.accounts.book(self.sim).and_then(|book| book.balance(now_s));
        let iccid = self.iccid_in_use();
        let stopped = iccid.as_ref().and_then(|iccid| self.shop.stopped(iccid));
        let status = Status::of(&StatusInput {
            sim_present: !self.no_sim,
            suspended: stopped.is_some(),
            balance: balance.as_ref(),
            levels: StatusLevels::from_used_percent(&self.settings.alerts.used_percent),
        });
        // What waits for its time may yet be covered by a grant that was valid.
        let overdraft = self.accounts.book(self.sim).map_or(0, |book| {
            book.overdrafts().filter(|row| row.is_placed()).map(Overdraft::open).sum()
        });
        let reconciled = self.accounts.book(self.sim).and_then(|book| book.account().reconciled);
        BalanceView {
            status: status.word(),
            stop_reason: stopped.unwrap_or_default().to_owned(),
            remaining: balance.as_ref().map(|balance| balance.remaining),
            granted: balance.as_ref().map(|balance| balance.granted),
            consumed: balance.as_ref().map(|balance| balance.consumed),
            overdraft,
            expires_at: balance.as_ref().and_then(|balance| balance.expires_at),
            as_of: now_s,
            reconciled_at: reconciled.map(|reconciled| reconciled.as_of),
            drift: reconciled.map(|reconciled| reconciled.drift),
            days_left: self.forecast(now_s).and_then(|forecast| forecast.days_left),
            iccid: self.sim.and_then(|sim| self.iccid(sim)),
            terminal_serial: self.settings.terminal_serial.clone(),
        }
    }

    /// Evaluates the alerts; what fires is told when the rows that remember it
    /// are on disk.
    pub(super) fn tell_people(&mut self, now: Now) {
        let Some(sim) = self.sim.filter(|sim| self.is_billed(*sim)) else { return };
        let now_s = self.clock.trusted_s(now.boot_ms);
        let balance = self.accounts.book(self.sim).and_then(|book| book.balance(now_s));
        let gap_id = self.last_gap.filter(|(of, _)| *of == sim).map(|(_, id)| id);
        let view = AlertView { sim, balance: balance.as_ref(), gap_id };
        let alerts = self.alerts.evaluate(&view, self.clock.stamp(now));
        self.commits.alert_after_commit(alerts);
    }

    pub(super) fn cycle_view(&self, now: Now) -> Option<CycleView> {
        let now_s = self.clock.trusted_s(now.boot_ms)?;
        let plan = self.settings.plan.as_ref()?;
        let book = self.accounts.book(self.sim)?;
        let bucket = book.bucket(book.balance(Some(now_s))?.cycle?)?;
        let (start, end) = match plan.cycle {
            Cycle::Monthly(_) | Cycle::Days { .. } => {
                let period = plan.period_at(now_s);
                (period.start, period.end)
            }
            Cycle::Once { .. } | Cycle::Never => (bucket.valid_from?, bucket.expires_at),
        };
        let forecast = self.forecast(Some(now_s));
        Some(CycleView {
            start,
            end,
            allowance: plan.allowance,
            used: (now_s - start <= DAYS_KEPT_S).then(|| self.used_since(start)),
            daily_average: forecast.as_ref().map(|forecast| forecast.daily_average),
            basis_days: forecast.as_ref().map_or(0, |forecast| forecast.basis_days),
            runs_out_at: forecast.as_ref().and_then(|forecast| forecast.runs_out_at),
            allowance_per_day: forecast.as_ref().and_then(|forecast| forecast.allowance_per_day),
        })
    }

    fn used_since(&self, start: UnixS) -> Traffic {
        let days =
            self.days.iter().filter(|((sim, day), _)| Some(*sim) == self.sim && *day >= start);
        days.fold(Traffic::ZERO, |sum, (_, bytes)| sum.plus(*bytes))
    }

    fn forecast(&self, now_s: Option<UnixS>) -> Option<Forecast> {
        let now_s = now_s?;
        let balance = self.accounts.book(self.sim)?.balance(Some(now_s))?;
        let today = self.day_of(now_s);
        let first =
            self.days.keys().find(|(sim, _)| Some(*sim) == self.sim).map(|(_, day)| *day)?;
        // The first day was counted only in part; days without traffic count as
        // such.
        let mut days = Vec::new();
        let mut day = today;
        while days.len() < BASIS_DAYS_MAX {
            day = self.day_of(day - 1);
            if day <= first {
                break;
            }
            let used = self.sim.and_then(|sim| self.days.get(&(sim, day)));
            days.push(used.map_or(0, |bytes| bytes.total()));
        }
        days.reverse();
        forecast(balance.remaining, &days, balance.expires_at, now_s)
    }
}
