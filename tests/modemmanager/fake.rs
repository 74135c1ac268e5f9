//! A stand-in for ModemManager 1.20 on the bus: the objects that posdatad looks
//! at, where the real one has them (modems in the object manager; SIMs and bearers
//! beside it), and the signals it sends, in its order.

use std::collections::{BTreeMap, HashMap};
use std::sync::mpsc;
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;

use futures_util::StreamExt as _;
use zbus::message::Type;
use zbus::{Connection, Message, OwnedObjectPath, Variant};

const NAME: &str = "org.freedesktop.ModemManager1";
const ROOT: &str = "/org/freedesktop/ModemManager1";

pub type Properties = HashMap<&'static str, Variant<'static>>;
type Interfaces = HashMap<String, Properties>;

fn path(kind: &str, number: u32) -> OwnedObjectPath {
    OwnedObjectPath::try_from(format!("{ROOT}/{kind}/{number}")).unwrap()
}

fn interface(kind: &str) -> String {
    format!("{NAME}.{kind}")
}

/// A modem.
#[derive(Clone)]
pub struct Modem {
    pub imei: String,
    pub port: String,
    pub state: i32,
    pub failed_reason: u32,
    pub registration: u32,
    pub sim: Option<u32>,
    pub bearers: Vec<u32>,
}

impl Modem {
    fn properties(&self) -> Properties {
        let sim =
            self.sim.map_or_else(|| OwnedObjectPath::try_from("/").unwrap(), |n| path("SIM", n));
        let bearers: Vec<OwnedObjectPath> =
            self.bearers.iter().map(|n| path("Bearer", *n)).collect();
        [
            ("State", Variant::from(self.state)),
            ("StateFailedReason", Variant::from(self.failed_reason)),
            ("EquipmentIdentifier", Variant::from(self.imei.clone())),
            ("Manufacturer", Variant::from("Quectel")),
            ("Model", Variant::from("EC25")),
            ("Revision", Variant::from("EC25EFAR06A06M4G")),
            ("Sim", Variant::from(sim)),
            ("Bearers", Variant::from(bearers)),
            ("Device", Variant::from("/sys/devices/usb1/1-1")),
            ("PrimaryPort", Variant::from(self.port.clone())),
            ("Ports", Variant::from(vec![(self.port.clone(), 6_u32), ("wwan0".to_owned(), 2)])),
            ("SignalQuality", Variant::from((74_u32, true))),
        ]
        .into()
    }

    fn interfaces(&self) -> Interfaces {
        let network = [("RegistrationState", Variant::from(self.registration))].into();
        [(interface("Modem"), self.properties()), (interface("Modem.Modem3gpp"), network)].into()
    }
}

/// A bearer.
#[derive(Clone, Default)]
pub struct Bearer {
    pub connected: bool,
    pub interface: String,
    pub reloads: bool,
    pub now: (u64, u64),
    pub total: (u64, u64),
    pub duration: u32,
    pub attempts: u32,
    /// Stats that are something else.
    pub strange: bool,
}

impl Bearer {
    fn stats(&self) -> Variant<'static> {
        if self.strange {
            return Variant::from("none");
        }
        let stats: HashMap<&str, Variant<'static>> = [
            ("rx-bytes", Variant::from(self.now.0)),
            ("tx-bytes", Variant::from(self.now.1)),
            ("total-rx-bytes", Variant::from(self.total.0)),
            ("total-tx-bytes", Variant::from(self.total.1)),
            ("duration", Variant::from(self.duration)),
            ("attempts", Variant::from(self.attempts)),
        ]
        .into();
        Variant::from(stats)
    }

    fn properties(&self) -> Properties {
        [
            ("Connected", Variant::from(self.connected)),
            ("Interface", Variant::from(self.interface.clone())),
            ("ReloadStatsSupported", Variant::from(self.reloads)),
            ("Stats", self.stats()),
        ]
        .into()
    }
}

/// All that there is.
#[derive(Clone, Default)]
pub struct World {
    pub modems: BTreeMap<u32, Modem>,
    pub sims: BTreeMap<u32, String>,
    pub bearers: BTreeMap<u32, Bearer>,
    /// `GetNetworkTime`'s answer; an error while there is none.
    pub time: Option<String>,
    /// Calls by member.
    pub asked: BTreeMap<String, u32>,
}

impl World {
    /// One modem, at home, with a SIM and without a bearer.
    pub fn with_modem() -> Self {
        let mut world = Self::default();
        world.sims.insert(0, "89860012345678901234".to_owned());
        world.modems.insert(0, modem(0));
        world
    }
}

/// Modem number `n`, with SIM `n`.
pub fn modem(n: u32) -> Modem {
    Modem {
        imei: format!("86000000000000{n}"),
        port: format!("cdc-wdm{n}"),
        state: 8,
        failed_reason: 0,
        registration: 1,
        sim: Some(n),
        bearers: Vec::new(),
    }
}

enum Say {
    Changed(OwnedObjectPath, String, Properties),
    Added(OwnedObjectPath, Interfaces),
    Removed(OwnedObjectPath, Vec<String>),
    Leave,
}

/// The stand-in; it leaves the bus when it is dropped.
pub struct Fake {
    world: Arc<Mutex<World>>,
    say: tokio::sync::mpsc::UnboundedSender<(Say, mpsc::Sender<()>)>,
    thread: Option<JoinHandle<()>>,
}

impl Fake {
    /// Owns the name when this returns.
    pub fn start(address: &str, world: World) -> Self {
        let world = Arc::new(Mutex::new(world));
        let (say, to_say) = tokio::sync::mpsc::unbounded_channel();
        let (ready, is_ready) = mpsc::channel();
        let (address, of) = (address.to_owned(), Arc::clone(&world));
        let thread = std::thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(serve(&address, &of, to_say, &ready));
        });
        is_ready.recv().unwrap();
        Self { world, say, thread: Some(thread) }
    }

    pub fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap()
    }

    /// How often this was called.
    pub fn asked(&self, member: &str) -> u32 {
        self.world().asked.get(member).copied().unwrap_or(0)
    }

    fn say(&self, say: Say) {
        let (said, is_said) = mpsc::channel();
        self.say.send((say, said)).unwrap_or_else(|_| panic!("the stand-in is gone"));
        is_said.recv().unwrap();
    }

    /// Changes a bearer and says all of it that changed, in one signal, as the real
    /// one does.
    pub fn bearer(&self, number: u32, change: impl FnOnce(&mut Bearer)) {
        let changed = {
            let mut world = self.world();
            let bearer = world.bearers.get_mut(&number).unwrap();
            let before = bearer.properties();
            change(bearer);
            let mut after = bearer.properties();
            after.retain(|key, value| before[key] != *value);
            after
        };
        self.say(Say::Changed(path("Bearer", number), interface("Bearer"), changed));
    }

    /// A connection begins.
    pub fn connect(&self, number: u32, interface: &str) {
        self.bearer(number, |bearer| {
            bearer.attempts += 1;
            bearer.connected = true;
            interface.clone_into(&mut bearer.interface);
            bearer.now = (0, 0);
            bearer.duration = 0;
        });
    }

    /// ModemManager looks: so much came since its last look.
    pub fn count(&self, number: u32, rx: u64, tx: u64) {
        self.bearer(number, |bearer| {
            bearer.now = (bearer.now.0 + rx, bearer.now.1 + tx);
            bearer.total = (bearer.total.0 + rx, bearer.total.1 + tx);
            bearer.duration += 30;
        });
    }

    /// The connection ends; nothing is looked at any more.
    pub fn disconnect(&self, number: u32) {
        self.bearer(number, |bearer| {
            bearer.connected = false;
            bearer.interface.clear();
            bearer.duration += 7;
        });
    }

    /// Changes a modem and says what changed.
    pub fn modem(&self, number: u32, change: impl FnOnce(&mut Modem)) {
        let (changed, network) = {
            let mut world = self.world();
            let modem = world.modems.get_mut(&number).unwrap();
            let before = modem.clone();
            change(modem);
            let (old, mut after) = (before.properties(), modem.properties());
            after.retain(|key, value| old[key] != *value);
            let registration = modem.registration;
            (after, (registration != before.registration).then_some(registration))
        };
        if !changed.is_empty() {
            self.say(Say::Changed(path("Modem", number), interface("Modem"), changed));
        }
        if let Some(registration) = network {
            let all = [("RegistrationState", Variant::from(registration))].into();
            self.say(Say::Changed(path("Modem", number), interface("Modem.Modem3gpp"), all));
        }
    }

    /// A new bearer of a modem.
    pub fn add_bearer(&self, number: u32, of: u32) {
        self.world().bearers.insert(number, Bearer { reloads: true, ..Bearer::default() });
        self.modem(of, |modem| modem.bearers.push(number));
    }

    /// The bearer is deleted.
    pub fn remove_bearer(&self, number: u32, of: u32) {
        self.world().bearers.remove(&number);
        self.modem(of, |modem| modem.bearers.retain(|there| *there != number));
    }

    /// A modem appears.
    pub fn plug(&self, number: u32, modem: Modem) {
        let interfaces = modem.interfaces();
        self.world().modems.insert(number, modem);
        self.say(Say::Added(path("Modem", number), interfaces));
    }

    /// A modem is gone, with its bearers.
    pub fn unplug(&self, number: u32) {
        let modem = {
            let mut world = self.world();
            let modem = world.modems.remove(&number).unwrap();
            world.bearers.retain(|bearer, _| !modem.bearers.contains(bearer));
            modem
        };
        self.say(Say::Removed(path("Modem", number), modem.interfaces().into_keys().collect()));
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        let (said, _) = mpsc::channel();
        let _ = self.say.send((Say::Leave, said));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn serve(
    address: &str,
    world: &Mutex<World>,
    mut to_say: tokio::sync::mpsc::UnboundedReceiver<(Say, mpsc::Sender<()>)>,
    ready: &mpsc::Sender<()>,
) {
    let connection = zbus::connection::Builder::address(address).build().await.unwrap();
    let mut messages = zbus::MessageStream::from(&connection);
    connection.request_name(NAME).await.unwrap();
    ready.send(()).unwrap();
    loop {
        tokio::select! {
            message = messages.next() => {
                let Some(Ok(message)) = message else { return };
                if message.message_type() == Type::MethodCall {
                    answer(&connection, &message, world).await;
                }
            }
            said = to_say.recv() => {
                let Some((say, said)) = said else { break };
                if !speak(&connection, say).await {
                    break;
                }
                let _ = said.send(());
            }
        }
    }
    connection.close().await.unwrap();
}

/// False where the stand-in is to leave.
async fn speak(connection: &Connection, say: Say) -> bool {
    const OBJECTS: &str = "org.freedesktop.DBus.ObjectManager";
    let none: Option<&str> = None;
    match say {
        Say::Changed(path, of, changed) => {
            let body = (of, changed, Vec::<String>::new());
            let properties = "org.freedesktop.DBus.Properties";
            connection
                .emit_signal(none, path, properties, "PropertiesChanged", &body)
                .await
                .unwrap();
        }
        Say::Added(path, interfaces) => {
            let body = (path, interfaces);
            connection.emit_signal(none, ROOT, OBJECTS, "InterfacesAdded", &body).await.unwrap();
        }
        Say::Removed(path, interfaces) => {
            let body = (path, interfaces);
            connection.emit_signal(none, ROOT, OBJECTS, "InterfacesRemoved", &body).await.unwrap();
        }
        Say::Leave => return false,
    }
    true
}

async fn answer(connection: &Connection, message: &Message, world: &Mutex<World>) {
    let header = message.header();
    let member = header.member().unwrap().to_string();
    let asked = header.path().unwrap().to_string();
    let number = asked.rsplit('/').next().and_then(|last| last.parse::<u32>().ok());
    let world = {
        let mut world = world.lock().unwrap();
        *world.asked.entry(member.clone()).or_default() += 1;
        world.clone()
    };
    let unknown = "org.freedesktop.DBus.Error.UnknownMethod";
    match member.as_str() {
        "GetManagedObjects" => {
            let modems = world.modems.iter();
            let all: HashMap<OwnedObjectPath, Interfaces> =
                modems.map(|(n, modem)| (path("Modem", *n), modem.interfaces())).collect();
            connection.reply(&header, &all).await.unwrap();
        }
        "GetAll" => {
            let of: String = message.body().deserialize().unwrap();
            let number = number.unwrap();
            let all = match of.rsplit('.').next().unwrap() {
                "Sim" => world.sims.get(&number).map(|iccid| {
                    let imsi = Variant::from("460001234567890");
                    [("SimIdentifier", Variant::from(iccid.clone())), ("Imsi", imsi)].into()
                }),
                "Bearer" => world.bearers.get(&number).map(Bearer::properties),
                other => panic!("nobody should ask for {other}"),
            };
            match all {
                Some(all) => connection.reply(&header, &all).await.unwrap(),
                None => connection.reply_error(&header, unknown, &"no such object").await.unwrap(),
            }
        }
        "GetNetworkTime" => match world.time {
            Some(time) => connection.reply(&header, &time).await.unwrap(),
            None => {
                let none = "org.freedesktop.ModemManager1.Error.Core.Unsupported";
                connection.reply_error(&header, none, &"not known").await.unwrap();
            }
        },
        other => panic!("nobody should call {other}"),
    }
}
