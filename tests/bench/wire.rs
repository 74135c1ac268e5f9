//! What the link to the backend costs: bytes of IP both ways, headers in it, in a
//! network namespace of its own, and the memory of the daemon once it has spoken TLS.

use std::fs;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use nix::sched::{CloneFlags, unshare};
use posdata_testkit::backend::{Backend, BackendHandle, BackendSettings};
use posdatad::adapters::https::{Client, Settings};
use posdatad::backend::Identity;
use posdatad::backend::errand::{reading, request};
use posdatad::domain::errand::{Errand, Placing, Report, Told};
use posdatad::domain::feed::Cursor;
use posdatad::domain::offer::Inquiry;
use posdatad::domain::sim::Iccid;
use posdatad::domain::topup::{Activation, Channel, State};
use posdatad::domain::units::Traffic;
use posdatad::proto::backend::Serial;

use super::Result;
use super::lab::{Bus, Lab};
use super::proc_figures::memory;
use super::services::{DEFAULTS, ICCID, Terminal};
use super::spread::Spread;

const SERIAL: &str = "N9600012345";
/// How often each is measured.
const ROUNDS: usize = 7;
/// A frame on the loopback has 14 bytes that no modem carries.
const FRAME_BYTES: u64 = 14;
/// A counter that was the same so often in a row stands still; longer than the
/// kernel delays an acknowledgement.
const STILL: usize = 5;
const LOOK: Duration = Duration::from_millis(20);

/// How the connection stands when an errand begins.
#[derive(Clone, Copy, Debug)]
enum Line {
    Cold,
    Resumed,
    Kept,
}

const LINES: [Line; 3] = [Line::Cold, Line::Resumed, Line::Kept];

/// Measures and prints the bytes of what a terminal does.
pub fn bytes(lab: &Lab) -> Result<()> {
    let folder = lab.folder("wire")?;
    let measured = thread::spawn(move || measure(&folder).map_err(|error| error.to_string()));
    let rows = measured.join().map_err(|_| "the measurement of bytes ended early")??;
    println!(
        "bytes on the link, both ways, with TCP/IP headers: median (least-most) of {ROUNDS}\n"
    );
    println!("{:<34} {:>20} {:>20} {:>20}", "", "cold", "resumed", "kept");
    for (name, spreads) in &rows {
        let cell = |spread: &Spread| {
            format!("{:.0} ({:.0}-{:.0})", spread.figure, spread.least, spread.most)
        };
        let cells: Vec<String> = spreads.iter().map(cell).collect();
        println!("{name:<34} {:>20} {:>20} {:>20}", cells[0], cells[1], cells[2]);
    }
    let quiet = rows[0].1[1].figure * 30.0 + (rows[0].1[0].figure - rows[0].1[1].figure);
    println!(
        "\na quiet terminal, a month (30 syncs, the first one cold): {:.1} kB; budget 75 kB\n",
        quiet / 1_000.0
    );
    Ok(())
}

type Row = (&'static str, Vec<Spread>);

fn measure(folder: &std::path::Path) -> Result<Vec<Row>> {
    unshare(CloneFlags::CLONE_NEWNET).map_err(|e| format!("no network namespace: {e}; be root"))?;
    let up = Command::new("ip").args(["link", "set", "lo", "mtu", "1500", "up"]).status()?;
    if !up.success() {
        return Err("ip link set lo up: it failed".into());
    }
    let backend = Backend::start(BackendSettings::new(folder)).map_err(|e| e.to_string())?;
    backend.control("auto-pay 0").map_err(|e| e.to_string())?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut link = Link::new(backend)?;
    let jobs: [(&'static str, Job); 3] = [
        ("a sync with nothing new", Job::Quiet),
        ("a sync with a top-up", Job::TopUp),
        ("a whole recharge", Job::Recharge),
    ];
    let mut rows = Vec::new();
    for (name, job) in jobs {
        let mut spreads = Vec::new();
        for line in LINES {
            let mut samples = Vec::new();
            for _ in 0..ROUNDS {
                samples.push(runtime.block_on(link.cost(job, line))?);
            }
            spreads.push(Spread::median(&samples).ok_or("nothing was measured")?);
        }
        rows.push((name, spreads));
    }
    Ok(rows)
}

#[derive(Clone, Copy)]
enum Job {
    Quiet,
    TopUp,
    Recharge,
}

struct Link {
    backend: BackendHandle,
    client: Client,
    me: Identity,
    cursor: Option<Cursor>,
    orders: u32,
}

impl Link {
    fn new(backend: BackendHandle) -> Result<Self> {
        let client = client(&backend)?;
        let word = |text: &str| Serial::parse(text).map_err(|e| e.to_string());
        let me = Identity { serial: word(SERIAL)?, terminal_id: word("10086001")? };
        Ok(Self { backend, client, me, cursor: None, orders: 0 })
    }

    /// The bytes of one job, from a connection that stands so.
    async fn cost(&mut self, job: Job, line: Line) -> Result<f64> {
        // All that was told is told, and the connection stands.
        self.sync().await?;
        if matches!(job, Job::TopUp) {
            let topup = format!("topup {SERIAL} add-10 agent");
            self.backend.control(&topup).map_err(|e| e.to_string())?;
        }
        match line {
            Line::Cold => self.client = client(&self.backend)?,
            Line::Resumed => self.client.close(),
            Line::Kept => {}
        }
        settle()?;
        let before = moved()?;
        match job {
            Job::Quiet | Job::TopUp => self.sync().await?,
            Job::Recharge => self.recharge().await?,
        }
        if !matches!(line, Line::Kept) {
            // The end of the connection is part of the price.
            self.client.close();
        }
        settle()?;
        Ok((moved()? - before) as f64)
    }

    async fn ask(&mut self, errand: &Errand) -> Result<Told> {
        let request = request(errand, &self.me)?;
        let came = self.client.send(&request).await;
        reading(errand, &came).answer.map_err(|missed| format!("{missed:?}").into())
    }

    async fn sync(&mut self) -> Result<()> {
        let usage =
            Some((Iccid::parse("8986012034567890123")?, Traffic { rx: 728_805, tx: 6_507 }));
        let as_of = Some(self.backend.now());
        let report = Report { cursor: self.cursor.clone(), usage, as_of };
        if let Told::Sync(Some(news)) = self.ask(&Errand::Sync(report)).await? {
            self.cursor = Some(news.cursor);
        }
        Ok(())
    }

    /// A quote, the order, and the long poll that ends with its completion.
    async fn recharge(&mut self) -> Result<()> {
        self.orders += 1;
        let iccid = Iccid::parse("8986012034567890123")?;
        let inquiry = Inquiry {
            offer_id: "add-10".into(),
            channel: Channel::Alipay,
            activation: Activation::Now,
            iccid: iccid.clone(),
        };
        let Told::Quote(quote) = self.ask(&Errand::Quote(inquiry)).await? else {
            return Err("no quote".into());
        };
        let key = format!("00000000-0000-4000-8000-{:012}", self.orders);
        let request_id = format!("till-1/{}", self.orders);
        let placing = Placing { key: key.clone(), quote_id: quote.id.clone(), request_id, iccid };
        self.ask(&Errand::Order(placing)).await?;
        let mut known = State::AwaitingPayment;
        while !known.is_ended() {
            let stand = Errand::Stand { key: key.clone(), known, wait: true };
            if let Told::TopUp(said) = self.ask(&stand).await? {
                known = said.record.state.state();
            }
        }
        Ok(())
    }
}

fn client(backend: &BackendHandle) -> Result<Client> {
    let identity = backend.terminal(SERIAL).map_err(|e| e.to_string())?;
    let settings = Settings {
        url: backend.url(),
        ca: backend.ca(),
        certificate: identity.certificate,
        key: identity.key,
    };
    let mut client = Client::new(settings)?;
    client.trusted_time(None, Some(backend.now()));
    Ok(client)
}

/// Until the counter stands still: the last acknowledgements have come.
fn settle() -> Result<()> {
    let (mut last, mut still) = (moved()?, 0);
    while still < STILL {
        thread::sleep(LOOK);
        let now = moved()?;
        still = if now == last { still + 1 } else { 0 };
        last = now;
    }
    Ok(())
}

/// Bytes of IP that this namespace's loopback has carried: each packet once.
fn moved() -> Result<u64> {
    let text = fs::read_to_string("/proc/thread-self/net/dev")?;
    let line = text.lines().find(|line| line.trim_start().starts_with("lo:")).ok_or("no lo")?;
    let fields: Vec<u64> =
        line.split_whitespace().skip(1).filter_map(|field| field.parse().ok()).collect();
    Ok(fields[0] - fields[1] * FRAME_BYTES)
}

/// The memory of the daemon before and after it has spoken TLS.
pub fn memories(lab: &Lab, bus: &Bus) -> Result<()> {
    let terminal = Terminal::new(lab, "tls", DEFAULTS)?;
    let mut settings = BackendSettings::new(lab.folder("tls-backend")?);
    settings.terminals[0].iccid = ICCID.to_owned();
    let backend = Backend::start(settings).map_err(|e| e.to_string())?;
    let plain = terminal.start(bus)?;
    terminal.await_polls(2)?;
    let before = memory(plain.pid())?;
    plain.stop()?;
    let identity = backend.terminal(SERIAL).map_err(|e| e.to_string())?;
    terminal.append(&format!(
        "\n[backend]\nurl = \"{}\"\nca = \"{}\"\ncertificate = \"{}\"\nkey = \"{}\"\n",
        backend.url(),
        backend.ca().display(),
        identity.certificate.display(),
        identity.key.display()
    ))?;
    let speaking = terminal.start(bus)?;
    let begun = Instant::now();
    while !backend.requests().iter().any(|received| received.path.ends_with("/sync")) {
        if begun.elapsed() > Duration::from_secs(20) {
            return Err(format!("posdatad does not sync:\n{}", terminal.log()).into());
        }
        thread::sleep(Duration::from_millis(50));
    }
    terminal.await_polls(2)?;
    let after = memory(speaking.pid())?;
    speaking.stop()?;
    println!(
        "memory without a backend: RSS {:.0} KiB, private dirty {:.0} KiB; after the first HTTPS \
         request: RSS {:.0} KiB, private dirty {:.0} KiB (budget 640)\n",
        before.rss, before.private_dirty, after.rss, after.private_dirty
    );
    Ok(())
}
