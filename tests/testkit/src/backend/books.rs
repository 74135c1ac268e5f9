//! Owns the books as they are shown: sums of all entries, set against what the buckets say.

use rusqlite::params;
use serde_json::{Value, json};

use super::desk::Desk;
use super::ledger;
use super::problem::Fail;

/// Money that was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Charge {
    /// Whose.
    pub serial: String,
    /// The order's key; none where the top-up was made elsewhere.
    pub key: Option<String>,
    /// The top-up that was paid.
    pub topup_id: String,
    /// In the currency's minor unit.
    pub amount: i64,
    /// ISO 4217.
    pub currency: String,
}

/// Bytes that were credited.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credit {
    /// The top-up; none for an opening balance.
    pub topup_id: Option<String>,
    /// How many.
    pub bytes: i64,
}

/// The books of one terminal: its SIMs' own accounts. Bytes, since the beginning.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Books {
    /// The serial.
    pub serial: String,
    /// Each payment, in order.
    pub charges: Vec<Charge>,
    /// Each credit, in order, those to a pool among them.
    pub credits: Vec<Credit>,
    /// What was given back, in the currencies' minor units, all together.
    pub repaid: i64,
    /// Credited to the SIMs' own accounts.
    pub credited: i64,
    /// Reported as used and booked on the SIMs' own accounts.
    pub used: i64,
    /// Used, or taken, beyond what was there.
    pub overdraft: i64,
    /// Adjustments that the terminal was told of; signed.
    pub adjusted: i64,
    /// Corrections that it was not told of; signed.
    pub corrected: i64,
    /// Taken back by reversals.
    pub reversed: i64,
    /// Refunded for money.
    pub refunded: i64,
    /// Given to other terminals.
    pub transferred_out: i64,
    /// Received from other terminals.
    pub transferred_in: i64,
    /// Set aside for what is not settled.
    pub reserved: i64,
    /// Left over at its end.
    pub expired: i64,
    /// What can be used now, of the SIMs' own.
    pub remaining: i64,
    /// What will be usable later.
    pub waiting: i64,
    /// What the pool of the SIM has; none without one.
    pub pool: Option<i64>,
    /// Whether entries and buckets agree, to the byte.
    pub balanced: bool,
}

impl Books {
    /// As a JSON object.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let charges: Vec<Value> = self
            .charges
            .iter()
            .map(|c| {
                json!({"key": c.key, "topup_id": c.topup_id, "amount": c.amount, "currency": c.currency})
            })
            .collect();
        let credits: Vec<Value> = self
            .credits
            .iter()
            .map(|c| json!({"topup_id": c.topup_id, "bytes": c.bytes}))
            .collect();
        json!({
            "serial": self.serial, "charges": charges, "credits": credits, "repaid": self.repaid,
            "credited": self.credited, "used": self.used, "overdraft": self.overdraft,
            "adjusted": self.adjusted, "corrected": self.corrected, "reversed": self.reversed,
            "refunded": self.refunded, "transferred_out": self.transferred_out,
            "transferred_in": self.transferred_in, "reserved": self.reserved,
            "expired": self.expired, "remaining": self.remaining, "waiting": self.waiting,
            "pool": self.pool, "balanced": self.balanced,
        })
    }
}

impl std::fmt::Display for Books {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "terminal {}", self.serial)?;
        for charge in &self.charges {
            let key = charge.key.as_deref().unwrap_or("made elsewhere");
            let Charge { amount, currency, topup_id, .. } = charge;
            writeln!(f, "  charge {amount} {currency} for {topup_id} ({key})")?;
        }
        for credit in &self.credits {
            let from = credit.topup_id.as_deref().unwrap_or("opening balance");
            writeln!(f, "  credit {} bytes by {from}", credit.bytes)?;
        }
        for (name, bytes) in [
            ("credited", self.credited),
            ("used", self.used),
            ("overdraft", self.overdraft),
            ("adjusted", self.adjusted),
            ("corrected", self.corrected),
            ("reversed", self.reversed),
            ("refunded", self.refunded),
            ("transferred out", self.transferred_out),
            ("transferred in", self.transferred_in),
            ("reserved", self.reserved),
            ("expired", self.expired),
            ("remaining", self.remaining),
            ("waiting", self.waiting),
        ] {
            writeln!(f, "  {name:<16}{bytes:>16}")?;
        }
        if let Some(pool) = self.pool {
            writeln!(f, "  {:<16}{pool:>16}", "in the pool")?;
        }
        write!(f, "  {}", if self.balanced { "balanced" } else { "NOT BALANCED" })
    }
}

/// Every payment, of all terminals or of one.
pub(super) fn charges(desk: &Desk<'_>, serial: Option<&str>) -> Result<Vec<Charge>, Fail> {
    let mut query = desk.db.prepare_cached(
        "SELECT serial, key, coalesce(topup_id, ''), money, coalesce(currency, '') FROM entries
         WHERE what = 'charge' AND (?1 IS NULL OR serial = ?1) ORDER BY n",
    )?;
    let charges = query
        .query_map([serial], |row| {
            Ok(Charge {
                serial: row.get(0)?,
                key: row.get(1)?,
                topup_id: row.get(2)?,
                amount: row.get(3)?,
                currency: row.get(4)?,
            })
        })?
        .collect::<Result<_, _>>()?;
    Ok(charges)
}

/// A terminal's books.
pub(super) fn books(desk: &Desk<'_>, serial: &str) -> Result<Books, Fail> {
    let serial = desk.terminal(serial)?.serial;
    let mut query = desk.db.prepare_cached(
        "SELECT topup_id, bytes FROM entries WHERE what = 'credit' AND serial = ?1 ORDER BY n",
    )?;
    let credits = query
        .query_map([&serial], |row| Ok(Credit { topup_id: row.get(0)?, bytes: row.get(1)? }))?
        .collect::<Result<_, _>>()?;
    // A pool's entries are on its own account; here are those of the SIMs.
    let sum = |what: &str, column: &str| -> Result<i64, Fail> {
        let text = format!(
            "SELECT coalesce(sum({column}), 0) FROM entries
             WHERE what = ?1 AND account IN (SELECT sim FROM sims WHERE serial = ?2)"
        );
        Ok(desk.db.query_row(&text, params![what, serial], |row| row.get(0))?)
    };
    let mut books = Books {
        charges: charges(desk, Some(&serial))?,
        credits,
        repaid: sum("repaid", "money")?,
        credited: sum("credit", "bytes")?,
        used: sum("use", "bytes")?,
        overdraft: sum("overdraft", "bytes")?,
        adjusted: sum("adjustment", "bytes")?,
        corrected: sum("correction", "bytes")?,
        reversed: sum("reversal", "bytes")?,
        refunded: sum("refund", "bytes")?,
        transferred_out: sum("transfer_out", "bytes")?,
        transferred_in: sum("transfer_in", "bytes")?,
        reserved: sum("reserve", "bytes")? - sum("release", "bytes")?,
        ..Books { serial: serial.clone(), ..Books::default() }
    };
    let mut set_aside = 0;
    for bucket in own_buckets(desk, &serial)? {
        set_aside += bucket.reserved;
        let figure = if bucket.has_ended(desk.now()) {
            &mut books.expired
        } else if bucket.is_usable(desk.now()) {
            &mut books.remaining
        } else {
            &mut books.waiting
        };
        *figure += bucket.left();
    }
    if let Some(pool) = desk.sim_of_terminal(&serial)?.pool {
        let buckets = ledger::buckets(desk, &pool)?;
        let usable = buckets.iter().filter(|bucket| bucket.is_usable(desk.now()));
        books.pool = Some(usable.map(ledger::Bucket::left).sum());
    }
    let came =
        books.credited + books.transferred_in + books.adjusted + books.corrected + books.overdraft;
    let went = books.used + books.reversed + books.refunded + books.transferred_out;
    let there = books.remaining + books.waiting + books.expired + books.reserved;
    books.balanced = came == went + there && books.reserved == set_aside;
    Ok(books)
}

fn own_buckets(desk: &Desk<'_>, serial: &str) -> Result<Vec<ledger::Bucket>, Fail> {
    let mut query = desk.db.prepare_cached("SELECT sim FROM sims WHERE serial = ?1")?;
    let sims: Vec<String> =
        query.query_map([serial], |row| row.get(0))?.collect::<Result<_, _>>()?;
    let mut all = Vec::new();
    for sim in sims {
        all.extend(ledger::buckets(desk, &sim)?);
    }
    Ok(all)
}
