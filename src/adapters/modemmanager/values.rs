//! D-Bus values to the facts that the observer knows. What is absent or of
//! another type than ModemManager documents is left out, never guessed.

use std::collections::HashMap;

use zbus::fdo::ManagedObjects;
use zbus::{OwnedObjectPath, OwnedVariant};

use crate::modem::modemmanager::facts::{Bearer, BearerChange, Modem, Sim, Stats};

/// Properties by name.
pub(super) type Properties = HashMap<String, OwnedVariant>;

pub(super) const MODEM: &str = "org.freedesktop.ModemManager1.Modem";
pub(super) const MODEM_3GPP: &str = "org.freedesktop.ModemManager1.Modem.Modem3gpp";
pub(super) const MODEM_TIME: &str = "org.freedesktop.ModemManager1.Modem.Time";
pub(super) const BEARER: &str = "org.freedesktop.ModemManager1.Bearer";
pub(super) const SIM: &str = "org.freedesktop.ModemManager1.Sim";

/// As many of each list are looked at.
const LISTED_MAX: usize = 32;

fn get<T>(properties: &Properties, key: &str) -> Option<T>
where
    T: TryFrom<OwnedVariant>,
{
    T::try_from(properties.get(key)?.try_clone().ok()?).ok()
}

fn text(properties: &Properties, key: &str) -> String {
    get(properties, key).unwrap_or_default()
}

fn path(properties: &Properties, key: &str) -> String {
    get::<OwnedObjectPath>(properties, key).map(|path| path.as_str().to_owned()).unwrap_or_default()
}

/// A number of either width.
fn number(properties: &Properties, key: &str) -> Option<u64> {
    get::<u64>(properties, key).or_else(|| get::<u32>(properties, key).map(u64::from))
}

/// All modems, in the order of their paths.
pub(super) fn modems(objects: &ManagedObjects) -> Vec<Modem> {
    let mut modems: Vec<Modem> = objects
        .iter()
        .filter_map(|(path, interfaces)| {
            let named = |name: &str| {
                interfaces.iter().find(|(there, _)| there.as_str() == name).map(|(_, all)| all)
            };
            Some(modem(path.as_str(), named(MODEM)?, named(MODEM_3GPP)))
        })
        .take(LISTED_MAX)
        .collect();
    modems.sort_by(|one, other| one.path.cmp(&other.path));
    modems
}

fn modem(path_of_it: &str, all: &Properties, in_network: Option<&Properties>) -> Modem {
    let bearers: Vec<OwnedObjectPath> = get(all, "Bearers").unwrap_or_default();
    let ports: Vec<(String, u32)> = get(all, "Ports").unwrap_or_default();
    Modem {
        path: path_of_it.to_owned(),
        state: get(all, "State"),
        failed_reason: get(all, "StateFailedReason").unwrap_or_default(),
        imei: text(all, "EquipmentIdentifier"),
        manufacturer: text(all, "Manufacturer"),
        model: text(all, "Model"),
        revision: text(all, "Revision"),
        sim: path(all, "Sim"),
        bearers: bearers.iter().take(LISTED_MAX).map(|path| path.as_str().to_owned()).collect(),
        device: text(all, "Device"),
        primary_port: text(all, "PrimaryPort"),
        ports: ports.into_iter().take(LISTED_MAX).map(|(name, _)| name).collect(),
        registration: in_network.and_then(registration),
    }
}

pub(super) fn registration(all: &Properties) -> Option<u32> {
    get(all, "RegistrationState")
}

pub(super) fn sim(all: &Properties) -> Sim {
    Sim { iccid: text(all, "SimIdentifier"), imsi: text(all, "Imsi") }
}

pub(super) fn bearer_change(all: &Properties) -> BearerChange {
    BearerChange {
        connected: get(all, "Connected"),
        interface: get(all, "Interface"),
        reloads_stats: get(all, "ReloadStatsSupported"),
        stats: all.contains_key("Stats").then(|| stats(&get(all, "Stats").unwrap_or_default())),
    }
}

pub(super) fn bearer(all: &Properties) -> Bearer {
    bearer_change(all).applied_to(&Bearer::default())
}

fn stats(all: &Properties) -> Stats {
    Stats {
        rx: number(all, "rx-bytes"),
        tx: number(all, "tx-bytes"),
        total_rx: number(all, "total-rx-bytes"),
        total_tx: number(all, "total-tx-bytes"),
        duration: number(all, "duration"),
        attempts: number(all, "attempts"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use zbus::Variant;

    fn properties<const N: usize>(all: [(&str, Variant<'static>); N]) -> Properties {
        all.into_iter()
            .map(|(key, value)| (key.to_owned(), OwnedVariant::try_from(value).unwrap()))
            .collect()
    }

    #[test]
    fn what_has_another_type_is_left_out() {
        let inner: HashMap<String, Variant<'static>> = [
            ("rx-bytes".to_owned(), Variant::from(7_u64)),
            ("tx-bytes".to_owned(), Variant::from("seven")),
            ("total-rx-bytes".to_owned(), Variant::from(-7_i64)),
            ("duration".to_owned(), Variant::from(30_u32)),
        ]
        .into();
        let all = properties([
            ("Connected", Variant::from(true)),
            ("Interface", Variant::from(5_u32)),
            ("Stats", Variant::from(inner)),
        ]);
        let expected = Stats { rx: Some(7), duration: Some(30), ..Stats::default() };
        let bearer = bearer(&all);
        assert_eq!((bearer.connected, bearer.interface.as_str()), (true, ""));
        assert_eq!(bearer.stats, expected);
        let all = properties([("Stats", Variant::from("none"))]);
        assert_eq!(bearer_change(&all).stats, Some(Stats::default()));
        assert_eq!(bearer_change(&properties([])), BearerChange::default());
    }

    #[test]
    fn a_modem_as_modemmanager_describes_it() {
        let bearer = OwnedObjectPath::try_from("/b/1").unwrap();
        let all = properties([
            ("State", Variant::from(11_i32)),
            ("EquipmentIdentifier", Variant::from("860000000000001")),
            ("Sim", Variant::from(OwnedObjectPath::try_from("/s/0").unwrap())),
            ("Bearers", Variant::from(vec![bearer])),
            ("Ports", Variant::from(vec![("ttyUSB2", 3_u32), ("wwan0", 2_u32)])),
        ]);
        let network = properties([("RegistrationState", Variant::from(5_u32))]);
        let modem = modem("/m/0", &all, Some(&network));
        assert_eq!((modem.state, modem.registration), (Some(11), Some(5)));
        assert_eq!((modem.sim.as_str(), modem.model.as_str()), ("/s/0", ""));
        assert_eq!(modem.bearers, ["/b/1"]);
        assert_eq!(modem.ports, ["ttyUSB2", "wwan0"]);
    }
}
