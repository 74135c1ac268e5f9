//! What is bought: the words of the contract for how, what and from when on.

use serde::{Deserialize, Serialize};

/// How money became data: the eight ways that merchants have, with the two
/// payment apps named apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// A card bound in a bank's app.
    BankApp,
    /// A bank's website.
    NetBanking,
    /// An agent tops up for the merchant.
    Agent,
    /// A new data SIM with its data on it.
    DataCard,
    /// The operator's website or merchant console.
    Portal,
    /// Alipay.
    Alipay,
    /// WeChat Pay.
    WechatPay,
    /// Over the counter.
    ServiceHall,
    /// A scratch card's number.
    Voucher,
}

/// A main package, or an add-on beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Package {
    /// A main package.
    Main,
    /// An add-on.
    AddOn,
}

/// When what is paid begins; apart from when it is paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// As soon as it is credited.
    Now,
    /// When the package before it ends.
    AfterCurrent,
    /// With the next cycle.
    NextCycle,
}

/// One word a value, the same in the contract, in the database and on D-Bus.
macro_rules! words {
    ($type:ident { $($value:ident = $word:literal),+ $(,)? }) => {
        impl $type {
            /// All of them, in the contract's order.
            pub const ALL: &[Self] = &[$(Self::$value),+];

            /// Its word in the contract, in the database and on D-Bus.
            #[must_use]
            pub fn word(self) -> &'static str {
                match self { $(Self::$value => $word),+ }
            }

            /// What that word names.
            #[must_use]
            pub fn from_word(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|value| value.word() == word)
            }
        }
    };
}

words!(Channel {
    BankApp = "bank_app",
    NetBanking = "net_banking",
    Agent = "agent",
    DataCard = "data_card",
    Portal = "portal",
    Alipay = "alipay",
    WechatPay = "wechat_pay",
    ServiceHall = "service_hall",
    Voucher = "voucher",
});

words!(Package { Main = "main", AddOn = "add_on" });

words!(Activation { Now = "now", AfterCurrent = "after_current", NextCycle = "next_cycle" });
