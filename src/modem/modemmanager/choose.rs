//! Which modem is metered: the one that the configuration names, else the only
//! one.

use super::facts::Modem;
use crate::domain::report::FaultKind;

/// How many modems a sentence lists.
const LISTED_MAX: usize = 4;

/// What the configuration says of the modem: `[modem] port`, `device` and
/// `interface`, as they stand there and as the files that they lead to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selector {
    /// Each a port's path or name, an interface, a path in sysfs or an IMEI.
    pub names: Vec<String>,
    /// The interface whose kernel counter belongs to the modem where its bearer
    /// names none.
    pub interface: Option<String>,
}

impl Selector {
    fn names(&self, modem: &Modem) -> bool {
        self.names.iter().chain(&self.interface).any(|name| {
            let file = name.rsplit('/').next().unwrap_or_default();
            let is_port = |port: &String| !file.is_empty() && port == file;
            is_port(&modem.primary_port)
                || modem.ports.iter().any(is_port)
                || (!name.is_empty() && (*name == modem.device || *name == modem.imei))
        })
    }
}

/// The modem to meter; `current` is the path of the one that is metered now, and
/// stays so where the configuration names no other.
///
/// # Errors
/// What is wrong, for a fault.
pub fn choose<'a>(
    modems: &'a [Modem],
    selector: &Selector,
    current: Option<&str>,
) -> Result<&'a Modem, (FaultKind, String)> {
    let named: Vec<&Modem> = modems.iter().filter(|modem| selector.names(modem)).collect();
    let candidates = if named.is_empty() { modems.iter().collect() } else { named };
    let current = candidates.iter().find(|modem| Some(modem.path.as_str()) == current);
    match (candidates.as_slice(), current) {
        ([], _) => Err((
            FaultKind::Missing,
            "ModemManager knows no modem; is it plugged in and not ignored by a udev rule \
             (mmcli -L lists what there is)?"
                .to_owned(),
        )),
        ([only], _) | (_, Some(only)) => Ok(only),
        (several, None) => {
            let mut listed: Vec<String> = several.iter().take(LISTED_MAX).map(described).collect();
            if several.len() > LISTED_MAX {
                listed.push(format!("{} more", several.len() - LISTED_MAX));
            }
            Err((
                FaultKind::Missing,
                format!(
                    "ModemManager knows {} modems and [modem] port, device or interface names \
                     none of them alone: {}",
                    several.len(),
                    listed.join("; ")
                ),
            ))
        }
    }
}

fn described(modem: &&Modem) -> String {
    let Modem { manufacturer, model, imei, primary_port, .. } = modem;
    format!("{manufacturer} {model}, IMEI {imei}, port {primary_port}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn modem(number: u32, ports: &[&str]) -> Modem {
        Modem {
            path: format!("/m/{number}"),
            imei: format!("86000000000000{number}"),
            manufacturer: "Quectel".to_owned(),
            model: format!("EC2{number}"),
            device: format!("/sys/devices/usb1/1-{number}"),
            primary_port: ports[0].to_owned(),
            ports: ports.iter().map(|port| (*port).to_owned()).collect(),
            ..Modem::default()
        }
    }

    #[test]
    fn the_named_one_or_the_only_one() {
        let two = [modem(0, &["cdc-wdm0", "wwan0"]), modem(1, &["ttyUSB2", "ttyUSB3", "wwan1"])];
        let named = |names: &[&str], interface: Option<&str>| Selector {
            names: names.iter().map(|name| (*name).to_owned()).collect(),
            interface: interface.map(str::to_owned),
        };
        // The modems, the selector, the one that is metered now, the chosen one.
        type Row<'a> = (&'a [Modem], Selector, Option<&'a str>, Result<&'a str, &'a str>);
        #[rustfmt::skip]
        let table: [Row<'_>; 11] = [
            (&[], named(&[], None), None, Err("knows no modem")),
            (&two[..1], named(&[], None), None, Ok("/m/0")),
            (&two[..1], named(&["/dev/ttyUSB9"], None), None, Ok("/m/0")),
            (&two, named(&[], None), None, Err("knows 2 modems and [modem] port, device or \
                interface names none of them alone: Quectel EC20, IMEI 860000000000000, port \
                cdc-wdm0; Quectel EC21, IMEI 860000000000001, port ttyUSB2")),
            (&two, named(&["/dev/cdc-wdm0"], None), None, Ok("/m/0")),
            (&two, named(&["/dev/ttyUSB3"], None), None, Ok("/m/1")),
            (&two, named(&[], Some("wwan1")), None, Ok("/m/1")),
            (&two, named(&["860000000000001"], None), None, Ok("/m/1")),
            (&two, named(&["/sys/devices/usb1/1-0"], None), None, Ok("/m/0")),
            (&two, named(&[], None), Some("/m/1"), Ok("/m/1")),
            (&two, named(&["", "/dev/"], None), None, Err("knows 2 modems")),
        ];
        for (modems, selector, current, expected) in table {
            let chosen = choose(modems, &selector, current);
            match (chosen, expected) {
                (Ok(modem), Ok(path)) => assert_eq!(modem.path, path, "{selector:?}"),
                (Err((_, said)), Err(part)) => assert!(said.contains(part), "{said}"),
                (chosen, expected) => panic!("{chosen:?}, not {expected:?}"),
            }
        }
    }
}
