//! The daemon's D-Bus interfaces as this program calls them. The contract, with
//! every unit and error, is `dbus/*.xml`; properties are read with `GetAll`.
//!
//! No call starts a daemon that is stopped (`no_autostart`): who looks whether it
//! runs must not be the reason that it does.

use std::collections::HashMap;

use zbus::{OwnedVariant, Variant};

/// A record: documented keys; one that is absent is unknown.
pub(super) type Dict = HashMap<String, OwnedVariant>;

/// The interface's name.
pub(super) const BALANCE: &str = "org.posdata.Balance1";
/// The interface's name.
pub(super) const USAGE: &str = "org.posdata.Usage1";
/// The interface's name.
pub(super) const ADMIN: &str = "org.posdata.Admin1";
/// The interface's name.
pub(super) const RECHARGE: &str = "org.posdata.Recharge1";

#[zbus::proxy(
    interface = "org.posdata.Balance1",
    default_service = "org.posdata",
    default_path = "/org/posdata"
)]
pub(super) trait Balance {
    #[zbus(no_autostart)]
    fn get_buckets(&self) -> zbus::Result<Vec<Dict>>;
}

#[zbus::proxy(
    interface = "org.posdata.Usage1",
    default_service = "org.posdata",
    default_path = "/org/posdata"
)]
pub(super) trait Usage {
    #[zbus(no_autostart)]
    fn get_usage(&self, granularity: &str, from: u64, to: u64) -> zbus::Result<Vec<Dict>>;
    #[zbus(no_autostart)]
    fn get_cycle(&self) -> zbus::Result<Dict>;
    #[zbus(no_autostart)]
    fn get_events(&self, after_id: u64, limit: u32) -> zbus::Result<Vec<Dict>>;
    #[zbus(no_autostart)]
    fn watch(&self, accuracy_bytes: u64, period_s: u32) -> zbus::Result<u32>;
    #[zbus(no_autostart)]
    fn unwatch(&self, id: u32) -> zbus::Result<()>;
    #[zbus(signal)]
    fn reading(&self, id: u32, reading: Dict) -> zbus::Result<()>;
}

#[zbus::proxy(
    interface = "org.posdata.Admin1",
    default_service = "org.posdata",
    default_path = "/org/posdata"
)]
pub(super) trait Admin {
    #[zbus(no_autostart)]
    fn source_info(&self) -> zbus::Result<Vec<Dict>>;
    #[zbus(no_autostart)]
    fn trace(&self, seconds: u32) -> zbus::Result<()>;
    #[zbus(no_autostart)]
    fn sync(&self) -> zbus::Result<Dict>;
    #[zbus(no_autostart)]
    fn calibrate(&self, remaining_bytes: u64) -> zbus::Result<i64>;
    #[zbus(no_autostart)]
    fn export(&self, after_id: u64, limit: u32) -> zbus::Result<Vec<Dict>>;
    #[zbus(signal)]
    fn trace_line(&self, source: &str, line: &str) -> zbus::Result<()>;
}

#[zbus::proxy(
    interface = "org.posdata.Recharge1",
    default_service = "org.posdata",
    default_path = "/org/posdata"
)]
pub(super) trait Recharge {
    #[zbus(no_autostart)]
    fn list_offers(&self) -> zbus::Result<Vec<Dict>>;
    #[zbus(no_autostart)]
    fn quote(&self, offer_id: &str, options: HashMap<&str, Variant<'_>>) -> zbus::Result<Dict>;
    #[zbus(no_autostart)]
    fn recharge(
        &self,
        request_id: &str,
        quote_id: &str,
        options: HashMap<&str, Variant<'_>>,
    ) -> zbus::Result<String>;
    #[zbus(no_autostart)]
    fn get_top_up(&self, id: &str) -> zbus::Result<Dict>;
    #[zbus(no_autostart)]
    fn list_top_ups(
        &self,
        filter: HashMap<&str, Variant<'_>>,
        before: u64,
        limit: u32,
    ) -> zbus::Result<Vec<Dict>>;
    #[zbus(no_autostart)]
    fn cancel(&self, id: &str) -> zbus::Result<String>;
    #[zbus(signal)]
    fn top_up_changed(&self, id: &str, state: &str) -> zbus::Result<()>;
}

#[zbus::proxy(
    interface = "org.freedesktop.DBus.Properties",
    default_service = "org.posdata",
    default_path = "/org/posdata"
)]
pub(super) trait Properties {
    #[zbus(no_autostart)]
    fn get_all(&self, interface: &str) -> zbus::Result<Dict>;
}
