//! Owns what tells one maker's modem from another's: names, memory, and what a session does to the counter.

use crate::registers::Width;

/// A family of modems that speak alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// Quectel EC2x, EG2x: `AT+QGDCNT?`.
    QuectelLte,
    /// Quectel RG5xx: `AT+QGDNRCNT?`.
    Quectel5g,
    /// u-blox: `AT+UGCNTRD`.
    UBlox,
    /// Huawei: `AT^DSFLOWQRY`.
    Huawei,
    /// MeiG SLM7xx: Huawei's commands.
    Meig,
    /// Telit: `AT#GDATAVOL`.
    Telit,
    /// Fibocom: `AT+GTSTATIS?`.
    Fibocom,
}

/// What a new data session or the power does to the counter that is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keeps {
    /// A total, reloaded from the modem's own memory at power-on.
    Memory,
    /// A total since power-on.
    Power,
    /// The session only.
    Session,
}

impl Dialect {
    /// Every dialect.
    pub const ALL: [Dialect; 7] = [
        Dialect::QuectelLte,
        Dialect::Quectel5g,
        Dialect::UBlox,
        Dialect::Huawei,
        Dialect::Meig,
        Dialect::Telit,
        Dialect::Fibocom,
    ];

    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Dialect::QuectelLte => "quectel-lte",
            Dialect::Quectel5g => "quectel-5g",
            Dialect::UBlox => "u-blox",
            Dialect::Huawei => "huawei",
            Dialect::Meig => "meig",
            Dialect::Telit => "telit",
            Dialect::Fibocom => "fibocom",
        }
    }

    /// The dialect of that name.
    pub fn from_name(name: &str) -> Option<Dialect> {
        Dialect::ALL
            .into_iter()
            .find(|dialect| dialect.name() == name)
    }

    /// 32 bits for Quectel's LTE modems, whose values wrap in practice, 64 for the others.
    pub fn default_width(self) -> Width {
        match self {
            Dialect::QuectelLte => Width::Bits32,
            Dialect::Quectel5g
            | Dialect::UBlox
            | Dialect::Huawei
            | Dialect::Meig
            | Dialect::Telit
            | Dialect::Fibocom => Width::Bits64,
        }
    }

    /// Maker, model and revision, as `+CGMI`, `+CGMM` and `+CGMR` answer them.
    pub(crate) fn identity(self) -> [&'static str; 3] {
        match self {
            Dialect::QuectelLte => ["Quectel", "EC25", "EC25EFAR06A06M4G"],
            Dialect::Quectel5g => ["Quectel", "RG500Q-EA", "RG500QEAAAR11A06M4G"],
            Dialect::UBlox => ["u-blox", "SARA-R412M-02B", "M0.09.00,A.02.14"],
            Dialect::Huawei => [
                "Huawei Technologies Co., Ltd.",
                "ME909s-821",
                "11.617.09.00.00",
            ],
            Dialect::Meig => ["MEIGLINK", "SLM750", "SLM750_2.0.3_EQ101"],
            Dialect::Telit => ["Telit", "LE910C1-EU", "25.21.660"],
            Dialect::Fibocom => ["Fibocom", "L716-CN-00", "L716.CN.0004"],
        }
    }

    /// The command that answers with the card's number.
    pub(crate) fn iccid_command(self) -> &'static str {
        match self {
            Dialect::QuectelLte | Dialect::Quectel5g => "+QCCID",
            Dialect::UBlox | Dialect::Fibocom => "+CCID",
            Dialect::Huawei | Dialect::Meig | Dialect::Telit => "+ICCID",
        }
    }

    pub(crate) fn keeps(self) -> Keeps {
        match self {
            Dialect::QuectelLte | Dialect::Quectel5g | Dialect::Telit => Keeps::Memory,
            Dialect::UBlox | Dialect::Huawei | Dialect::Meig => Keeps::Power,
            Dialect::Fibocom => Keeps::Session,
        }
    }
}
