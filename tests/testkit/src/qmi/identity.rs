//! Owns who the simulated modem is.

use crate::builder::{imsi_for, made_up_iccid, made_up_imei};
use crate::rng::Rng;

/// Who the modem is and which card it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QmiIdentity {
    /// Who made it.
    pub manufacturer: String,
    /// What it is.
    pub model: String,
    /// Its firmware.
    pub revision: String,
    /// Its serial number.
    pub imei: String,
    /// The software version that belongs to the serial number.
    pub software_version: String,
    /// The number of the card inside at first.
    pub iccid: String,
    /// The subscriber's number in it.
    pub imsi: String,
    /// What all chance follows from.
    pub seed: u64,
}

impl QmiIdentity {
    /// Numbers that follow from the seed: the same that the AT simulator makes of it.
    pub fn from_seed(seed: u64) -> QmiIdentity {
        let mut rng = Rng::new(seed);
        let iccid = made_up_iccid(&mut rng);
        let imei = made_up_imei(&mut rng);
        QmiIdentity {
            manufacturer: "QUALCOMM INCORPORATED".to_owned(),
            model: "QUECTEL Mobile Broadband Module".to_owned(),
            revision: "EC25EFAR06A06M4G".to_owned(),
            imei,
            software_version: "01".to_owned(),
            imsi: imsi_for(&iccid),
            iccid,
            seed,
        }
    }

    /// With this card instead.
    pub fn with_card(mut self, iccid: &str) -> QmiIdentity {
        self.iccid = iccid.to_owned();
        self.imsi = imsi_for(iccid);
        self
    }
}
