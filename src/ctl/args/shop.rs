//! The words of the verbs that buy, and of the technician's: `quote`, `recharge`,
//! `topups`, `cancel`, `calibrate`, `export`.

use clap::builder::PossibleValuesParser;

use crate::domain::topup::{Activation, Channel, State};
use crate::domain::units::parse_size;

/// The longest id that the daemon takes, characters.
const ID_MAX: usize = 64;

/// How an offer is wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq, clap::Args)]
pub(in crate::ctl) struct Choice {
    /// The offer's id, as `posdatactl offers` shows it
    #[arg(value_name = "OFFER", value_parser = id)]
    pub(in crate::ctl) offer: String,
    /// How it is paid [default: as the offer names first]
    #[arg(long, value_name = "CHANNEL", value_parser = channels())]
    pub(in crate::ctl) channel: Option<String>,
    /// When it begins [default: as the offer names first]
    #[arg(long, value_name = "WHEN", value_parser = activations())]
    pub(in crate::ctl) activation: Option<String>,
}

/// `recharge`.
#[derive(Debug, Default, PartialEq, Eq, clap::Args)]
pub(in crate::ctl) struct Recharge {
    #[command(flatten)]
    pub(in crate::ctl) choice: Choice,
    /// Your own name for this purchase: with the same one again, the same order is waited for [default: a new one, shown]
    #[arg(long, value_name = "ID", value_parser = id)]
    pub(in crate::ctl) request_id: Option<String>,
    /// Buy without asking; needed where there is no terminal
    #[arg(long, short)]
    pub(in crate::ctl) yes: bool,
    /// Place the order and do not wait for its end
    #[arg(long)]
    pub(in crate::ctl) no_wait: bool,
}

/// `topups`.
#[derive(Debug, Default, PartialEq, Eq, clap::Args)]
pub(in crate::ctl) struct TopUps {
    /// Only this one, with all that is known of it: its id, the backend's id, or your request id
    #[arg(value_name = "ID", value_parser = id, conflicts_with_all = ["state", "channel", "open", "limit", "all"])]
    pub(in crate::ctl) id: Option<String>,
    /// Only those in this state
    #[arg(long, value_name = "STATE", value_parser = states())]
    pub(in crate::ctl) state: Option<String>,
    /// Only those paid this way
    #[arg(long, value_name = "CHANNEL", value_parser = channels())]
    pub(in crate::ctl) channel: Option<String>,
    /// Only those that have not ended
    #[arg(long)]
    pub(in crate::ctl) open: bool,
    /// At most so many, the newest first [default: 20]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(in crate::ctl) limit: Option<u32>,
    /// All there are
    #[arg(long, conflicts_with = "limit")]
    pub(in crate::ctl) all: bool,
    /// Print CSV (RFC 4180) for a spreadsheet
    #[arg(long)]
    pub(in crate::ctl) csv: bool,
}

/// `cancel`.
#[derive(Debug, PartialEq, Eq, clap::Args)]
pub(in crate::ctl) struct Cancel {
    /// Which: its id, the backend's id, or your request id
    #[arg(value_name = "ID", value_parser = id)]
    pub(in crate::ctl) id: String,
}

/// `calibrate`.
#[derive(Debug, PartialEq, Eq, clap::Args)]
pub(in crate::ctl) struct Calibrate {
    /// What the operator says is left now: 12MiB, "1.5 GiB", 0
    #[arg(value_name = "SIZE", value_parser = size)]
    pub(in crate::ctl) remaining: u64,
}

/// `export`.
#[derive(Debug, PartialEq, Eq, clap::Args)]
pub(in crate::ctl) struct Export {
    /// Only entries with a greater number than this
    #[arg(long, value_name = "ID", default_value_t = 0)]
    pub(in crate::ctl) after: u64,
    /// At most so many, the oldest first [default: all]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(in crate::ctl) limit: Option<u32>,
}

fn channels() -> PossibleValuesParser {
    Channel::ALL.iter().map(|channel| channel.word()).collect::<Vec<_>>().into()
}

fn activations() -> PossibleValuesParser {
    Activation::ALL.iter().map(|activation| activation.word()).collect::<Vec<_>>().into()
}

fn states() -> PossibleValuesParser {
    State::ALL.iter().map(|state| state.word()).collect::<Vec<_>>().into()
}

fn id(text: &str) -> Result<String, String> {
    let fits = (1..=ID_MAX).contains(&text.len());
    if fits && text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(text.to_owned());
    }
    Err(format!("an id is 1 to {ID_MAX} printable ASCII characters without spaces"))
}

fn size(text: &str) -> Result<u64, String> {
    parse_size(text).map_err(|error| error.to_string())
}
