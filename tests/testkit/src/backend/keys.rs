//! Owns the Idempotency-Keys: what came under each, and what it was answered.

use rusqlite::{OptionalExtension, params};

use super::certificates::DAY_S;
use super::desk::Desk;
use super::fields::{Fields, is_key};
use super::http::{Answer, Request};
use super::problem::{Fail, Problem};

/// How long a key is kept after the last change, s.
const KEPT_S: i64 = 90 * DAY_S;

/// What is kept under a key.
pub(super) struct Kept {
    path: String,
    body: Option<String>,
    /// `topup`, `refund`, `transfer`, `refused` or `tombstone`.
    pub(super) what: String,
    /// The id of that; of a refusal, the problem.
    pub(super) reference: String,
}

/// What a keyed request made.
pub(super) struct Made {
    /// `topup`, `refund` or `transfer`.
    pub(super) what: &'static str,
    pub(super) id: String,
    pub(super) answer: Answer,
}

/// What is kept under a terminal's key. One that is not kept any longer is `key_expired`.
pub(super) fn find(desk: &Desk<'_>, serial: &str, key: &str) -> Result<Option<Kept>, Fail> {
    let mut query = desk.db.prepare_cached("SELECT * FROM keys WHERE serial = ?1 AND key = ?2")?;
    let found: Option<(Kept, i64, bool)> = query
        .query_row([serial, key], |row| {
            let kept = Kept {
                path: row.get("path")?,
                body: row.get("body")?,
                what: row.get("what")?,
                reference: row.get("ref")?,
            };
            Ok((kept, row.get("changed_at")?, row.get("expired")?))
        })
        .optional()?;
    match found {
        Some((_, at, expired)) if expired || desk.now().saturating_sub(at) > KEPT_S => {
            Err(Fail::problem("key_expired", "ask the hotline what became of it"))
        }
        found => Ok(found.map(|(kept, ..)| kept)),
    }
}

/// Keeps what came under a key.
pub(super) fn keep(
    desk: &Desk<'_>,
    serial: &str,
    key: &str,
    (path, body): (&str, Option<&str>),
    (what, reference): (&str, &str),
) -> Result<(), Fail> {
    desk.db.execute(
        "INSERT OR REPLACE INTO keys VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 0)",
        params![serial, key, path, body, what, reference, desk.now()],
    )?;
    Ok(())
}

/// Its time runs from now again.
pub(super) fn touch(desk: &Desk<'_>, serial: &str, key: &str) -> Result<(), Fail> {
    desk.db.execute(
        "UPDATE keys SET changed_at = ?3 WHERE serial = ?1 AND key = ?2",
        params![serial, key, desk.now()],
    )?;
    Ok(())
}

/// Does what is asked under a key once. `make` is told whether the key was cancelled before it came; `again` gives
/// the present state of what was made before.
pub(super) fn once(
    desk: &Desk<'_>,
    serial: &str,
    request: &Request,
    make: impl FnOnce(&Fields, &str, bool) -> Result<Made, Fail>,
    again: impl FnOnce(&str) -> Result<Answer, Fail>,
) -> Result<Answer, Fail> {
    let key = request
        .header("idempotency-key")
        .filter(|key| is_key(key))
        .ok_or_else(|| Fail::bad("Idempotency-Key is missing or no UUID in lower case"))?;
    let fields = Fields::read(&request.body);
    let body = match &fields {
        Ok(fields) => fields.canonical(),
        Err(_) => String::from_utf8_lossy(&request.body).into_owned(),
    };
    let kept = find(desk, serial, key)?;
    if let Some(kept) = &kept {
        if kept.path != request.path() || kept.body.as_ref().is_some_and(|was| *was != body) {
            return Err(Fail::problem(
                "idempotency_conflict",
                "the key came before with another body",
            ));
        }
        match kept.what.as_str() {
            "tombstone" => {}
            "refused" => {
                let problem = Problem::from_kept(&kept.reference);
                return problem
                    .map(|p| p.answer())
                    .ok_or_else(|| Fail::internal("a refusal is damaged"));
            }
            _ => return again(&kept.reference),
        }
    }
    match fields.and_then(|fields| make(&fields, key, kept.is_some())) {
        Ok(made) => {
            keep(desk, serial, key, (request.path(), Some(&body)), (made.what, &made.id))?;
            Ok(made.answer)
        }
        Err(Fail::Problem(problem)) if problem.is_definite() => {
            let refused = ("refused", problem.kept());
            keep(desk, serial, key, (request.path(), Some(&body)), (refused.0, &refused.1))?;
            Ok(problem.answer())
        }
        Err(fail) => Err(fail),
    }
}

/// Takes a request id for a key; it may not have been used for another one.
pub(super) fn take_request_id(
    desk: &Desk<'_>,
    serial: &str,
    request_id: &str,
    key: &str,
) -> Result<(), Fail> {
    let mut query =
        desk.db.prepare_cached("SELECT key FROM requests WHERE serial = ?1 AND request_id = ?2")?;
    let used: Option<String> =
        query.query_row([serial, request_id], |row| row.get(0)).optional()?;
    if let Some(used) = used
        && used != key
        && find(desk, serial, &used).is_ok()
    {
        return Err(Fail::problem(
            "request_id_conflict",
            format!("{request_id} came under another key"),
        ));
    }
    desk.db.execute(
        "INSERT OR REPLACE INTO requests VALUES (?1, ?2, ?3)",
        params![serial, request_id, key],
    )?;
    Ok(())
}
