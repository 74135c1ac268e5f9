//! Owns one transaction's view of the state, and what comes due by itself.

use rusqlite::{Connection, OptionalExtension, params};

use super::fields::sim_of;
use super::problem::Fail;
use super::settings::BackendSettings;
use super::topups;

/// Where one request, or one command, is worked on.
pub(super) struct Desk<'a> {
    pub(super) db: &'a Connection,
    /// The operator's time, ms since 1970.
    pub(super) now_ms: i64,
    pub(super) settings: &'a BackendSettings,
}

/// A terminal as the operator knows it.
pub(super) struct Terminal {
    pub(super) serial: String,
    pub(super) terminal_id: String,
    pub(super) currency: String,
    pub(super) stream: String,
}

/// A SIM as the operator knows it.
pub(super) struct Sim {
    /// What counts of its ICCID.
    pub(super) sim: String,
    pub(super) iccid: String,
    pub(super) serial: String,
    pub(super) pool: Option<String>,
    pub(super) used: i64,
    pub(super) service: String,
}

impl Desk<'_> {
    /// The operator's time, s since 1970.
    pub(super) fn now(&self) -> i64 {
        self.now_ms.div_euclid(1000)
    }

    /// A setting made by command.
    pub(super) fn meta(&self, name: &str) -> Result<Option<String>, Fail> {
        let mut query = self.db.prepare_cached("SELECT value FROM meta WHERE name = ?1")?;
        Ok(query.query_row([name], |row| row.get(0)).optional()?)
    }

    /// The same, where it is a number.
    pub(super) fn meta_number(&self, name: &str) -> Result<Option<i64>, Fail> {
        Ok(self.meta(name)?.and_then(|text| text.parse().ok()))
    }

    pub(super) fn set_meta(&self, name: &str, value: Option<&str>) -> Result<(), Fail> {
        match value {
            Some(value) => self
                .db
                .execute("INSERT OR REPLACE INTO meta VALUES (?1, ?2)", params![name, value])?,
            None => self.db.execute("DELETE FROM meta WHERE name = ?1", [name])?,
        };
        Ok(())
    }

    /// The next number of a series, from 1.
    pub(super) fn number(&self, series: &str) -> Result<i64, Fail> {
        let name = format!("next {series}");
        let number = self.meta_number(&name)?.unwrap_or(1);
        self.set_meta(&name, Some(&number.saturating_add(1).to_string()))?;
        Ok(number)
    }

    /// The terminal with that serial.
    pub(super) fn terminal(&self, serial: &str) -> Result<Terminal, Fail> {
        let mut query = self.db.prepare_cached("SELECT * FROM terminals WHERE serial = ?1")?;
        query
            .query_row([serial], |row| {
                Ok(Terminal {
                    serial: row.get("serial")?,
                    terminal_id: row.get("terminal_id")?,
                    currency: row.get("currency")?,
                    stream: row.get("stream")?,
                })
            })
            .optional()?
            .ok_or_else(|| Fail::problem("unknown_terminal", format!("{serial} is not registered")))
    }

    /// All terminals' serials.
    pub(super) fn serials(&self) -> Result<Vec<String>, Fail> {
        let mut query = self.db.prepare_cached("SELECT serial FROM terminals ORDER BY rowid")?;
        let serials = query.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
        Ok(serials)
    }

    /// The terminal's SIM with that ICCID.
    pub(super) fn sim(&self, serial: &str, iccid: &str) -> Result<Sim, Fail> {
        self.find_sim("sim", &sim_of(iccid))?
            .filter(|sim| sim.serial == serial)
            .ok_or_else(|| Fail::problem("sim_mismatch", format!("{iccid} is not {serial}'s")))
    }

    /// The terminal's SIM that came last.
    pub(super) fn sim_of_terminal(&self, serial: &str) -> Result<Sim, Fail> {
        self.find_sim("serial", serial)?
            .ok_or_else(|| Fail::problem("sim_mismatch", format!("{serial} has no SIM")))
    }

    fn find_sim(&self, column: &str, value: &str) -> Result<Option<Sim>, Fail> {
        let text = format!("SELECT * FROM sims WHERE {column} = ?1 ORDER BY rowid DESC LIMIT 1");
        let mut query = self.db.prepare_cached(&text)?;
        let sim = query.query_row([value], |row| {
            Ok(Sim {
                sim: row.get("sim")?,
                iccid: row.get("iccid")?,
                serial: row.get("serial")?,
                pool: row.get("pool")?,
                used: row.get("used")?,
                service: row.get("service")?,
            })
        });
        Ok(sim.optional()?)
    }

    /// Who asks is who it says, with the terminal id that belongs to it, and a SIM of its own.
    pub(super) fn identify(
        &self,
        certificate: &str,
        serial: &str,
        terminal_id: &str,
        iccid: &str,
    ) -> Result<(Terminal, Sim), Fail> {
        let terminal = self.identify_terminal(certificate, serial, terminal_id)?;
        let sim = self.sim(serial, iccid)?;
        Ok((terminal, sim))
    }

    /// The same without a SIM.
    pub(super) fn identify_terminal(
        &self,
        certificate: &str,
        serial: &str,
        terminal_id: &str,
    ) -> Result<Terminal, Fail> {
        if certificate != serial {
            return Err(Fail::problem(
                "certificate_mismatch",
                format!("the certificate is {certificate}'s, the request {serial}'s"),
            ));
        }
        let terminal = self.terminal(serial)?;
        if terminal.terminal_id != terminal_id {
            return Err(Fail::problem(
                "terminal_mismatch",
                format!("{serial} is not registered with terminal id {terminal_id}"),
            ));
        }
        Ok(terminal)
    }

    /// The SIM may buy.
    pub(super) fn may_buy(&self, sim: &Sim) -> Result<(), Fail> {
        match sim.service.as_str() {
            "card_device_separated" => Err(Fail::problem(
                "card_device_separated",
                format!("{} is bound to another device", sim.iccid),
            )),
            "stopped_by_customer" | "violation" => Err(Fail::problem(
                "account_suspended",
                format!("{} is stopped: {}", sim.iccid, sim.service),
            )),
            _ => Ok(()),
        }
    }

    /// Does what has come due: payments that pay themselves, payments that are not waited for any longer, credits,
    /// packages that begin when the last one ends.
    pub(super) fn advance(&self) -> Result<(), Fail> {
        loop {
            let mut query = self.db.prepare_cached(
                "SELECT id, CASE
                     WHEN state = 'awaiting_payment' AND pay_at_ms <= ?1 THEN 'pay'
                     WHEN state = 'awaiting_payment' THEN 'expire'
                     ELSE 'credit' END
                 FROM topups
                 WHERE state = 'awaiting_payment' AND (pay_at_ms <= ?1 OR pay_by * 1000 <= ?1)
                    OR state = 'processing' AND credit_at_ms <= ?1
                 ORDER BY rowid LIMIT 1",
            )?;
            let due: Option<(String, String)> =
                query.query_row([self.now_ms], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
            let Some((id, what)) = due else { break };
            match what.as_str() {
                "pay" => topups::pay(self, &id)?,
                "expire" => topups::fail(self, &id, "payment_expired")?,
                _ => topups::credit(self, &id)?,
            }
        }
        topups::begin_waiting(self)
    }
}
