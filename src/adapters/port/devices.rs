//! Which ports and devices may be opened: the configured one, or for `auto` one
//! that udev marks as a modem's, or that a driver for modems has made. An unnamed
//! serial port may be a printer or a PIN pad.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// udev properties that mark a port as one on which a modem takes AT commands:
/// our own rule's, then ModemManager's.
const MARKS: [&str; 3] =
    ["E:ID_POSDATA_AT=1", "E:ID_MM_PORT_TYPE_AT_PRIMARY=1", "E:ID_MM_PORT_TYPE_AT_SECONDARY=1"];

/// The ports that udev marks, best mark first, then by name.
#[must_use]
pub fn marked_ports() -> Vec<PathBuf> {
    marked_ports_in(Path::new("/sys/class/tty"), Path::new("/run/udev/data"))
}

fn marked_ports_in(ttys: &Path, udev: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(ttys) else { return Vec::new() };
    let mut marked: Vec<(usize, PathBuf)> = entries
        .flatten()
        .filter_map(|entry| {
            let number = fs::read_to_string(entry.path().join("dev")).ok()?;
            let record = fs::read_to_string(udev.join(format!("c{}", number.trim()))).ok()?;
            let rank = MARKS.iter().position(|mark| record.lines().any(|line| line == *mark))?;
            Some((rank, Path::new("/dev").join(entry.file_name())))
        })
        .collect();
    marked.sort();
    marked.into_iter().map(|(_, port)| port).collect()
}

/// Where the kernel lists character devices of modems, by driver.
const QMI_CLASSES: [&str; 2] = ["usbmisc", "wwan"];
/// The drivers whose character device speaks QMI.
const QMI_DRIVERS: [&str; 1] = ["qmi_wwan"];

/// The devices that speak QMI, by name: those of the kernel's driver for it.
#[must_use]
pub fn qmi_devices() -> Vec<PathBuf> {
    qmi_devices_in(Path::new("/sys/class"))
}

fn qmi_devices_in(classes: &Path) -> Vec<PathBuf> {
    let mut devices: Vec<PathBuf> = QMI_CLASSES
        .iter()
        .filter_map(|class| fs::read_dir(classes.join(class)).ok())
        .flat_map(|entries| entries.flatten())
        .filter(|entry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            // The wwan class names the protocol: wwan0qmi0.
            let driver = fs::read_link(entry.path().join("device/driver"));
            let driver = driver.ok().and_then(|link| Some(link.file_name()?.to_owned()));
            let by_driver = driver
                .is_some_and(|name| QMI_DRIVERS.iter().any(|driver| name.as_os_str() == *driver));
            name.starts_with("cdc-wdm") && by_driver || name.contains("qmi")
        })
        .map(|entry| Path::new("/dev").join(entry.file_name()))
        .collect();
    devices.sort();
    devices
}

/// What tells one life of a port from the next: the device node behind the
/// path. A port that was enumerated again has another one.
///
/// # Errors
/// The system's, when the port is not there.
pub fn identity(path: &Path) -> io::Result<String> {
    let node = fs::metadata(path)?;
    Ok(format!("{:x}:{:x}", node.rdev(), node.ino()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_marked_ports_are_found_and_the_best_mark_first() {
        let root = tempfile::tempdir().unwrap();
        let (ttys, udev) = (root.path().join("tty"), root.path().join("udev"));
        fs::create_dir(&udev).unwrap();
        for (name, number, record) in [
            ("ttyUSB0", "188:0", "E:ID_MODEL=PIN_pad\n"),
            ("ttyUSB2", "188:2", "E:ID_MM_PORT_TYPE_AT_PRIMARY=1\n"),
            ("ttyUSB3", "188:3", "E:ID_MODEL=EC25\nE:ID_POSDATA_AT=1\n"),
            ("ttyUSB4", "188:4", "E:ID_POSDATA_AT=10\n"),
        ] {
            fs::create_dir_all(ttys.join(name)).unwrap();
            fs::write(ttys.join(name).join("dev"), format!("{number}\n")).unwrap();
            fs::write(udev.join(format!("c{number}")), record).unwrap();
        }
        let found = marked_ports_in(&ttys, &udev);
        assert_eq!(found, [PathBuf::from("/dev/ttyUSB3"), PathBuf::from("/dev/ttyUSB2")]);
        assert_eq!(marked_ports_in(&root.path().join("none"), &udev), Vec::<PathBuf>::new());
    }

    #[test]
    fn only_devices_of_the_driver_for_qmi_are_found() {
        let root = tempfile::tempdir().unwrap();
        for (class, name, driver) in [
            ("usbmisc", "cdc-wdm1", "qmi_wwan"),
            ("usbmisc", "cdc-wdm0", "cdc_mbim"),
            ("usbmisc", "hiddev0", "usbhid"),
            ("wwan", "wwan0qmi0", "mhi_wwan_ctrl"),
            ("wwan", "wwan0at0", "mhi_wwan_ctrl"),
        ] {
            let device = root.path().join(class).join(name).join("device");
            fs::create_dir_all(&device).unwrap();
            std::os::unix::fs::symlink(
                format!("/sys/bus/usb/drivers/{driver}"),
                device.join("driver"),
            )
            .unwrap();
        }
        let found = [PathBuf::from("/dev/cdc-wdm1"), PathBuf::from("/dev/wwan0qmi0")];
        assert_eq!(qmi_devices_in(root.path()), found);
        assert_eq!(qmi_devices_in(&root.path().join("none")), Vec::<PathBuf>::new());
    }
}
