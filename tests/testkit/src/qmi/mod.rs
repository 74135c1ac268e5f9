//! The simulated QMI modem: a pure one for tests in memory ([`QmiModem`]), and one on a pseudo-terminal, with a proxy
//! of its own if wanted ([`QmiSim`]).
//!
//! ```
//! use posdata_testkit::Bytes;
//! use posdata_testkit::qmi::{Family, Frame, Kind, QmiIdentity, QmiModem, Tlvs};
//!
//! let mut modem = QmiModem::new(QmiIdentity::from_seed(7));
//! modem.traffic(Family::V4, Bytes::new(10, 20));
//! let tlvs = Tlvs::default().with(0x01, [1]);
//! let request = Frame { service: 0, client: 0, kind: Kind::Request, transaction: 1, message: 0x22, tlvs };
//! modem.receive(&request.encode());
//! let answer = Frame::decode(&modem.poll_transmit().unwrap()).unwrap();
//! assert_eq!(answer.tlvs.get(0x01), Some(&[1, 1][..]));
//! ```

mod answers;
mod apply;
mod builder;
mod clients;
mod engine;
mod family;
mod faults;
mod frame;
mod happenings;
mod identity;
mod language;
mod ledger;
mod modem;
mod outbox;
mod proxy;
mod session;
mod sim;
mod time;
mod truth;
mod waiting;
mod wire;

pub use builder::QmiSimBuilder;
pub use clients::Port;
pub use family::{Family, PerFamily};
pub use faults::{Aim, Silence};
pub use frame::{Broken, CTL, DMS, Frame, FrameReader, Kind, NAS, Tlvs, UIM, WDS};
pub use identity::QmiIdentity;
pub use language::{QMI_LANGUAGE, QmiScript};
pub use modem::QmiModem;
pub use sim::QmiSim;
pub use truth::{QmiTruth, SessionTruth};
