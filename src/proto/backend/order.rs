//! An order on the wire.

use serde::Serialize;

use super::text::{Iccid, Id, RequestId, Serial};

/// The body of `POST /topups`; its Idempotency-Key goes in the header.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Order {
    /// The quote that it is placed on.
    pub quote_id: Id,
    /// The caller's own id.
    pub request_id: RequestId,
    /// The terminal's.
    pub serial: Serial,
    /// The acquirer's.
    pub terminal_id: Serial,
    /// The SIM that it is for.
    pub iccid: Iccid,
}
