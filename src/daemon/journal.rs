//! What the journal says: one line a happening, with a message id that never
//! changes and fields that scripts may rely on.

use tracing::{error, info, warn};

use crate::domain::event::{Event, EventKind};

/// Message ids (`journalctl MESSAGE_ID=…`), one a kind of happening. Made once,
/// at random (sd-id128), and never reused.
pub mod ids {
    /// The service counts.
    pub const STARTED: &str = "ace527b81e59432c853f8cc69e21dbd1";
    /// The service has saved everything and ends.
    pub const STOPPED: &str = "6e404f1f22464690b627c15c4dcebe1b";
    /// The configuration was read again and holds.
    pub const CONFIG_RELOADED: &str = "a8b547fff1784c99b0131d0c64ae59a0";
    /// The configuration has an error; the one before still holds.
    pub const CONFIG_REJECTED: &str = "7f64b4ddfa5f463faa9a3f55b7b02d46";
    /// The bus is gone; the metering goes on.
    pub const BUS_LOST: &str = "0efb530f41b149f5a6a602ccc3913ab6";
    /// The bus is back.
    pub const BUS_BACK: &str = "cfa0c6040953438d8027f312de73e77a";
    /// A technician traces the modem's lines.
    pub const TRACE_ON: &str = "d0a52cba680c4a639b02de82fb1e7413";
    /// The trace is over.
    pub const TRACE_OFF: &str = "f74a8b2a65a24ff0a164bb3e4211eacf";
    /// People were told something about their data.
    pub const ALERT: &str = "0174ae4e9468415d8d595fc5963af947";
}

fn message_id(kind: EventKind) -> &'static str {
    match kind {
        EventKind::Baseline => "c8e1cca84d814026a39c03d4b0b46e3b",
        EventKind::Wrap => "74ac2b1f41344e47a3c6341b644eab9d",
        EventKind::Reset => "c87dd6ada1ee4f31bdd78643833aed05",
        EventKind::Gap => "1faa6778b5bc49dfac03605e8912c53b",
        EventKind::SimChange => "0c313dfb7b8541879aa4ccb25c208e39",
        EventKind::SourceChange => "26633db99999471abd0fb4ac6f03c552",
        EventKind::SimMerged => "adb75d9076a84098afd2084c6b183928",
        EventKind::CrossCheck => "997e85524ed147ce94aef5bdcf364372",
        EventKind::StoreFault => "74e578f69a904989ae597ebe19081bfa",
        EventKind::StoreRecovered => "e452350061aa4e2f8cd976d7f9717200",
        EventKind::StoreReplaced => "9aa8a072b067491a88f2d1e5a852180a",
        EventKind::LedgerFault => "26997b89c29d48e78e890b99f146f960",
        EventKind::TimeTrusted => "5cc9f969609541f4855853d8139946a9",
        EventKind::SourceFault => "22a4d155879e400e8ec3a042636161e6",
        EventKind::SourceRecovered => "311f4674675141daaaec2147c97e33d7",
        EventKind::TopUp => "29fb339c3bda4f6a926fa04b2f63f4e6",
        EventKind::Calibrated => "40fafc2f4c154ed1890fa1d97a3148cb",
        EventKind::BackendFault => "d9ccd668c0704d66a0bb7b6b1471ae25",
        EventKind::BackendRecovered => "76ea213361614223a108950278783731",
        EventKind::CertificateEnding => "e499b7b86b1343018d45caa88b1e7fd8",
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Level {
    Error,
    Warn,
    Info,
}

fn level(kind: EventKind) -> Level {
    match kind {
        EventKind::StoreReplaced | EventKind::LedgerFault => Level::Error,
        EventKind::Gap
        | EventKind::CrossCheck
        | EventKind::StoreFault
        | EventKind::SourceFault
        | EventKind::BackendFault
        | EventKind::CertificateEnding => Level::Warn,
        EventKind::Baseline
        | EventKind::Wrap
        | EventKind::Reset
        | EventKind::SimChange
        | EventKind::SourceChange
        | EventKind::SimMerged
        | EventKind::StoreRecovered
        | EventKind::TimeTrusted
        | EventKind::SourceRecovered
        | EventKind::TopUp
        | EventKind::Calibrated
        | EventKind::BackendRecovered => Level::Info,
    }
}

/// Says an event.
pub fn say(event: &Event, iccid: Option<&str>) {
    let counted = event.counted.total();
    macro_rules! line {
        ($say:ident) => {
            $say!(
                message_id = message_id(event.kind),
                posdata.event = event.kind.word(),
                posdata.event_id = event.id,
                posdata.source = event.source,
                posdata.iccid = iccid.unwrap_or(""),
                posdata.counted_bytes = counted,
                "{}{}{}",
                if event.source.is_empty() { "" } else { event.source },
                if event.source.is_empty() { "" } else { ": " },
                event.detail
            )
        };
    }
    match level(event.kind) {
        Level::Error => line!(error),
        Level::Warn => line!(warn),
        Level::Info => line!(info),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_an_id_of_its_own() {
        let mut ids: Vec<_> = EventKind::ALL.into_iter().map(message_id).collect();
        ids.extend([
            ids::STARTED,
            ids::STOPPED,
            ids::CONFIG_RELOADED,
            ids::CONFIG_REJECTED,
            ids::BUS_LOST,
            ids::BUS_BACK,
            ids::TRACE_ON,
            ids::TRACE_OFF,
            ids::ALERT,
        ]);
        let count = ids.len();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), count);
        assert!(ids.iter().all(|id| id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit())));
    }
}
