//! The schema: who may read the file (`application_id`), which version it has
//! (`user_version`), and the numbered steps from each version to the next.
//!
//! Steps are frozen once released: they are SQL files that import nothing, and a
//! fixture database of each released version is opened by a test.

use rusqlite::{Connection, TransactionBehavior};

/// "pdat": `application_id` of a posdatad database (bytes 68 to 71 of the file).
pub(super) const APPLICATION_ID: u32 = 0x7064_6174;

/// Stands in the text of every table in the file, and so in several of its
/// pages: a file that has lost its header can still be told to be ours.
pub(super) const MARK: &[u8] = b"-- posdatad store";

/// Step n brings a database from version n to n + 1.
const STEPS: [&str; 1] = [include_str!("v1.sql")];

/// The version this program writes.
pub const VERSION: u32 = 1;

/// Bytes of a page. The rows of a commit are few and small; a WAL frame is a
/// page, so that the smallest page wears the flash least.
pub(super) const PAGE_BYTES: u32 = 512;

/// Brings a database to `VERSION`, each step in a transaction of its own.
pub(super) fn migrate(conn: &mut Connection) -> rusqlite::Result<()> {
    let from = version(conn)?;
    for (step, to) in STEPS.iter().zip(1_u32..).filter(|(_, to)| *to > from) {
        let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        tx.execute_batch(step)?;
        tx.pragma_update(None, "user_version", to)?;
        tx.commit()?;
    }
    Ok(())
}

/// The version of a database; 0 when it is empty.
pub(super) fn version(conn: &Connection) -> rusqlite::Result<u32> {
    conn.pragma_query_value(None, "user_version", |row| row.get(0))
}

/// The text of every table, index and trigger of a database.
pub(super) fn statements(conn: &Connection) -> rusqlite::Result<Vec<String>> {
    conn.prepare("SELECT coalesce(sql, name) FROM sqlite_schema ORDER BY type, name")?
        .query_map([], |row| row.get(0))?
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_one_step_a_version() {
        assert_eq!(STEPS.len(), VERSION as usize);
    }
}
