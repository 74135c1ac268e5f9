//! Owns what the program needs of a simulated modem, whatever it speaks.

use std::os::fd::BorrowedFd;
use std::path::Path;

use posdata_testkit::qmi::{QmiScript, QmiSim};
use posdata_testkit::{Script, ScriptError, Sim, SimError};
use serde_json::Value;

/// A simulated modem that runs.
pub(super) trait Served: Send + Sync {
    fn apply(&self, commands: &str) -> Result<(), SimError>;
    fn run(&self, script: &AnyScript) -> Result<(), SimError>;
    fn truth(&self) -> Value;
    fn path(&self) -> &Path;
    fn ended(&self) -> BorrowedFd<'_>;
    fn stop(&self);
}

/// A script of either language.
pub(super) enum AnyScript {
    At(Script),
    Qmi(QmiScript),
}

impl AnyScript {
    pub(super) fn parse(text: &str, qmi: bool) -> Result<AnyScript, ScriptError> {
        if qmi {
            QmiScript::parse(text).map(AnyScript::Qmi)
        } else {
            Script::parse(text).map(AnyScript::At)
        }
    }
}

macro_rules! served {
    ($sim:ty, $script:path) => {
        impl Served for $sim {
            fn apply(&self, commands: &str) -> Result<(), SimError> {
                <$sim>::apply(self, commands)
            }

            fn run(&self, script: &AnyScript) -> Result<(), SimError> {
                match script {
                    $script(script) => <$sim>::run(self, script),
                    _ => Ok(()), // read in the language of this modem
                }
            }

            fn truth(&self) -> Value {
                <$sim>::truth(self).to_json()
            }

            fn path(&self) -> &Path {
                <$sim>::path(self)
            }

            fn ended(&self) -> BorrowedFd<'_> {
                <$sim>::ended(self)
            }

            fn stop(&self) {
                <$sim>::stop(self);
            }
        }
    };
}

served!(Sim, AnyScript::At);
served!(QmiSim, AnyScript::Qmi);
