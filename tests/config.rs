//! The configuration as an installer meets it: each mistake and its exact
//! finding, drop-ins, and the shipped file that is the manual of all keys.

#![allow(clippy::unwrap_used, reason = "a test's helpers may fail as its tests may")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use posdatad::daemon::args::{Exit, Named};
use posdatad::daemon::config::{Config, Difference, Keep, Loaded, check, differences, keys, load};

/// A directory with a main file and its drop-ins.
struct Etc {
    directory: tempfile::TempDir,
}

impl Etc {
    fn new(main: impl AsRef<[u8]>) -> Self {
        let etc = Self { directory: tempfile::tempdir().unwrap() };
        fs::write(etc.main(), main).unwrap();
        etc
    }

    fn main(&self) -> PathBuf {
        self.directory.path().join("posdatad.toml")
    }

    fn drop_in(&self, name: &str, text: &str) -> &Self {
        let directory = self.directory.path().join("posdatad.toml.d");
        fs::create_dir_all(&directory).unwrap();
        fs::write(directory.join(name), text).unwrap();
        self
    }

    fn load(&self) -> Loaded {
        load(&self.main(), Named::OnCommandLine)
    }

    /// All findings as printed, without the directory.
    fn said(&self) -> Vec<String> {
        let here = format!("{}/", self.directory.path().display());
        self.load().findings.iter().map(|finding| finding.to_string().replace(&here, "")).collect()
    }
}

fn config(text: &str) -> Config {
    let loaded = Etc::new(text).load();
    assert!(loaded.is_ok(), "{text}: {:?}", loaded.findings);
    loaded.config
}

#[test]
fn every_mistake_is_said_with_its_place_and_a_way_out() {
    let table = [
        // Sections and keys.
        ("[modm]\n", "1:2: error: modm: unknown section (help: did you mean [modem]?)"),
        (
            "[zebra]\n",
            "1:2: error: zebra: unknown section (help: there are [alert] [backend] [history] [log] [meter] [modem] [plan] [store] [terminal])",
        ),
        (
            "[modem]\npol = \"10s\"\n",
            "2:1: error: modem.pol: unknown key (help: did you mean \"poll\"?)",
        ),
        (
            "[meter]\npoll = \"10s\"\n",
            "2:1: error: meter.poll: unknown key (help: it belongs to [modem])",
        ),
        ("[log]\nxyz = 1\n", "2:1: error: log.xyz: unknown key (help: [log] has level)"),
        (
            "poll = \"10s\"\n",
            "1:1: error: poll: stands outside any section (help: it belongs to [modem])",
        ),
        (
            "modem = 3\n",
            "1:1: error: modem: expected a section, found an integer (help: write [modem])",
        ),
        (
            "[[modem]]\n",
            "1:3: error: modem: expected a section, found a list (help: write [modem])",
        ),
        (
            "[log]\n\"a b\\n\" = 1\n",
            "2:1: error: log.\"a b\\n\": unknown key (help: [log] has level)",
        ),
        // Types and units.
        (
            "[modem]\npoll = 10\n",
            "2:8: error: modem.poll: expected a duration, found an integer (help: with a unit, in quotes: \"10s\")",
        ),
        (
            "[modem]\npoll = true\n",
            "2:8: error: modem.poll: expected a duration, found true or false (help: in quotes: \"10s\")",
        ),
        (
            "[modem]\npoll = \"10\"\n",
            "2:8: error: modem.poll: \"10\" is not a duration (help: the unit is missing: \"10s\", \"10min\", \"10h\")",
        ),
        (
            "[modem]\npoll = \"10 lightyears\"\n",
            "2:8: error: modem.poll: \"10 lightyears\" is not a duration (help: unknown unit \"lightyears\": use ms, s, min, h, days, weeks, months, years)",
        ),
        (
            "[modem]\npoll = \"soon\"\n",
            "2:8: error: modem.poll: \"soon\" is not a duration (help: as in \"10s\", \"1h 30min\", \"2 days\")",
        ),
        (
            "[modem]\npoll = \"500ms\"\n",
            "2:8: error: modem.poll: \"500ms\" is out of range (help: from 1s to 10m)",
        ),
        (
            "[meter]\nsave_interval_max = \"2 days\"\n",
            "2:21: error: meter.save_interval_max: \"2 days\" is out of range (help: from 1m to 1day)",
        ),
        (
            "[meter]\nloss_bytes_max = \"64 kib\"\n",
            "2:18: error: meter.loss_bytes_max: \"64 kib\" is not a size (help: unknown unit \"kib\": use B, KiB, MiB, GiB (1024) or kB, MB, GB (1000))",
        ),
        (
            "[meter]\nloss_bytes_max = 65536\n",
            "2:18: error: meter.loss_bytes_max: expected a size, found an integer (help: with a unit, in quotes: \"65536 B\")",
        ),
        (
            "[meter]\nloss_bytes_max = \"1 KiB\"\n",
            "2:18: error: meter.loss_bytes_max: \"1 KiB\" is out of range (help: from 4.0 KiB to 16.0 MiB)",
        ),
        (
            "[plan]\ntime_zone = \"UTC\"\nallowance = \"0\"\n",
            "3:13: error: plan.allowance: \"0\" is out of range (help: at least 1 B)",
        ),
        (
            "[meter]\ncross_check_percent = 101\n",
            "2:23: error: meter.cross_check_percent: 101 is out of range (help: from 0 to 100)",
        ),
        (
            "[meter]\ncross_check_percent = -1\n",
            "2:23: error: meter.cross_check_percent: -1 is out of range (help: from 0 to 100)",
        ),
        (
            "[meter]\ncross_check_percent = \"2\"\n",
            "2:23: error: meter.cross_check_percent: expected an integer, found a text (help: from 0 to 100, without quotes)",
        ),
        (
            "[alert]\nused_percent = [50, 800, 90]\n",
            "2:21: error: alert.used_percent: 800 is out of range (help: from 1 to 100)",
        ),
        (
            "[alert]\nexpiry_days = 7\n",
            "2:15: error: alert.expiry_days: expected a list, found an integer (help: in brackets: [7, 3, 1], or [] for none)",
        ),
        (
            "[history]\ndays = \"10 min\"\n",
            "2:8: error: history.days: \"10 min\" is out of range (help: from 1h to 100 years, or \"forever\")",
        ),
        (
            "[history]\ndays = 62\n",
            "2:8: error: history.days: expected a duration or forever, found an integer (help: with a unit, in quotes: \"62 days\")",
        ),
        // Words, names, paths.
        (
            "[modem]\nsource = \"qmii\"\n",
            "2:10: error: modem.source: \"qmii\" is not known (help: did you mean \"qmi\"?)",
        ),
        (
            "[modem]\ncolumns = \"wide\"\n",
            "2:11: error: modem.columns: \"wide\" is not known (help: one of normal, reversed)",
        ),
        (
            "[modem]\nport = \"ttyUSB2\"\n",
            "2:8: error: modem.port: \"ttyUSB2\" is not the absolute path of a file (help: it starts with / and does not end with it)",
        ),
        (
            "[modem]\ninterface = \"a/b\"\n",
            "2:13: error: modem.interface: \"a/b\" is not the name of a network interface (help: 1 to 15 characters, as `ip link` shows it)",
        ),
        (
            "[terminal]\nserial = \"终端 1\"\n",
            "2:10: error: terminal.serial: \"终端 1\" is not 1 to 64 printable ASCII characters without spaces (help: copy it from the label of the terminal)",
        ),
        (
            "[plan]\nallowance = \"30 MiB\"\ntime_zone = \"Asia/Shanhai\"\n",
            "3:13: error: plan.time_zone: \"Asia/Shanhai\" is not a time zone of this system (help: did you mean \"Asia/Shanghai\"?)",
        ),
        (
            "[plan]\nallowance = \"30 MiB\"\ntime_zone = \"UTC\"\ncycle = \"monthly:32\"\n",
            "4:9: error: plan.cycle: \"monthly:32\" is not a cycle (help: \"32\" is no day of a month: use 1 to 31, or -1 to -28 from its end, as in \"monthly:-1\")",
        ),
        (
            "[backend]\nurl = \"http://backend.example\"\n",
            "2:7: error: backend.url: \"http://backend.example\" does not start with https:// (help: the backend is only spoken to over TLS)",
        ),
        // A password in an address is not repeated.
        (
            "[backend]\nurl = \"https://me:geheim@backend.example\"\n",
            "2:7: error: backend.url: holds a user name or password (help: the terminal is known by its certificate; take out what stands before the @)",
        ),
        // Keys together.
        (
            "[modem]\nsource = \"at\"\n",
            "2:1: error: modem.source: \"at\" needs modem.port (help: name the modem's AT port, as in port = \"/dev/ttyUSB2\"; no other port is ever opened)",
        ),
        (
            "[modem]\nsource = \"netdev\"\n",
            "2:1: error: modem.source: \"netdev\" needs modem.interface (help: name the modem's interface, as in interface = \"wwan0\"; a default route may be Wi-Fi)",
        ),
        (
            "[modem]\nsource = \"netdev\"\ninterface = \"wwan0\"\nport = \"/dev/ttyUSB2\"\n",
            "4:1: warning: modem.port: not used while modem.source is \"netdev\" (help: take it out, or set another source)",
        ),
        (
            "[modem]\ncounter = \"qgdcnt\"\ncolumns = \"reversed\"\n",
            "3:1: warning: modem.columns: not used: the order of columns is in doubt for qgdnrcnt alone (help: take it out)",
        ),
        (
            "[plan]\ncycle = \"monthly:1\"\n",
            "2:1: warning: plan.cycle: has no effect without plan.allowance (help: set what a cycle brings, as in allowance = \"30 MiB\")",
        ),
        (
            "[plan]\nallowance = \"30 MiB\"\n",
            "2:1: warning: plan.allowance: cycles begin at midnight UTC (help: set plan.time_zone to the operator's, as in time_zone = \"Asia/Shanghai\")",
        ),
        (
            "[terminal]\nserial = \"N1\"\n[backend]\nurl = \"https://backend.example\"\n",
            "4:1: warning: backend.url: the backend checks the acquirer's terminal id, and is not asked without it (help: set terminal.id to the one that the acquirer gave)",
        ),
        (
            "[backend]\nca = \"/etc/ca.pem\"\n",
            "2:1: warning: backend.ca: has no effect without backend.url (help: set the operator's address, or take the section out)",
        ),
        // What a value holds cannot steer the reader's terminal.
        (
            "[meter]\ncross_check = \"1 \\u001b[31m\"\n",
            "2:15: error: meter.cross_check: \"1 \\u{1b}[31m\" is not a size (help: unknown unit \"\\u{1b}[31m\": use B, KiB, MiB, GiB (1024) or kB, MB, GB (1000))",
        ),
        // Grammar.
        (
            "[modem]\nsource = \"at\"\nport = /dev/ttyUSB2\n",
            "3:8: error: not TOML: string values must be quoted, expected literal string (help: texts, sizes and durations stand in quotes, as in poll = \"10s\")",
        ),
        (
            "[modem\npoll = \"10s\"\n",
            "1:7: error: not TOML: unclosed table, expected `]` (help: a section is written [modem], alone on its line)",
        ),
        (
            "[modem]\npoll = \"10s\"\npoll = \"20s\"\n",
            "3:1: error: not TOML: duplicate key (help: it stands once in a file: take one out)",
        ),
        // Columns are characters, not bytes.
        (
            "[terminal]\n# Gerät\nserial = \"é\" # é\n",
            "3:10: error: terminal.serial: \"é\" is not 1 to 64 printable ASCII characters without spaces (help: copy it from the label of the terminal)",
        ),
        (
            "modem = { source = \"auto\", \"é\" = 1 }\n",
            "1:28: error: modem.\"é\": unknown key (help: [modem] has columns, counter, device, interface, poll, port, source)",
        ),
    ];
    let mut wrong = Vec::new();
    for (text, finding) in table {
        let said = Etc::new(text).said();
        if said != [format!("posdatad.toml:{finding}")] {
            wrong.push(format!("{text}{said:#?}\ninstead of {finding:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn all_findings_come_at_once_in_order() {
    let etc = Etc::new(
        "[modem]\nport = /dev/ttyUSB2\npoll = \"1ms\"\n[alert]\nused_percent = [0, 50, 101, \"x\"]\n",
    );
    etc.drop_in("20.toml", "[modem]\nspeed = 9600\n")
        .drop_in("10.toml", "[log]\nlevel = \"loud\"\n");
    let places: Vec<String> = etc
        .said()
        .iter()
        .map(|finding| finding.split(' ').take(3).collect::<Vec<_>>().join(" "))
        .collect();
    assert_eq!(
        places,
        [
            "posdatad.toml:2:8: error: not",
            "posdatad.toml:3:8: error: modem.poll:",
            "posdatad.toml:5:17: error: alert.used_percent:",
            "posdatad.toml:5:24: error: alert.used_percent:",
            "posdatad.toml:5:29: error: alert.used_percent:",
            "posdatad.toml.d/10.toml:2:9: error: log.level:",
            "posdatad.toml.d/20.toml:2:1: error: modem.speed:",
        ]
    );
}

#[test]
fn drop_ins_win_by_key_in_the_order_of_their_names() {
    let etc = Etc::new("[modem]\npoll = \"20s\"\nport = \"/dev/ttyUSB1\"\n");
    etc.drop_in("90-site.toml", "[modem]\npoll = \"40s\"\n")
        .drop_in("10-fleet.toml", "[modem]\npoll = \"30s\"\nsource = \"at\"\n")
        .drop_in("99-off.toml.disabled", "nonsense")
        .drop_in(".hidden.toml", "nonsense");
    let loaded = etc.load();
    assert_eq!(loaded.findings, []);
    assert_eq!(loaded.config.modem.poll_ms, 40_000);
    assert_eq!(loaded.config.modem.port.as_deref(), Some(Path::new("/dev/ttyUSB1")));
    let names: Vec<_> = loaded.files.iter().filter_map(|file| file.file_name()).collect();
    assert_eq!(names, ["posdatad.toml", "10-fleet.toml", "90-site.toml"]);
    // What another file overrides is judged all the same.
    etc.drop_in("10-fleet.toml", "[modem]\npoll = \"0s\"\n");
    assert!(!etc.load().is_ok());
}

#[test]
fn a_file_that_cannot_be_read_is_named_with_a_way_out() {
    let etc = Etc::new("");
    fs::remove_file(etc.main()).unwrap();
    assert_eq!(
        etc.said(),
        [
            "posdatad.toml: error: there is no such file (help: name another with --config, or leave --config out)"
        ]
    );
    fs::create_dir(etc.main()).unwrap();
    assert_eq!(
        etc.said(),
        ["posdatad.toml: error: not a regular file (help: name the file itself)"]
    );
    assert_eq!(
        Etc::new(b"# ok\n\xff\n").said(),
        ["posdatad.toml: error: not UTF-8 text (line 2) (help: save it as UTF-8)"]
    );
    assert_eq!(
        Etc::new("#".repeat((256 << 10) + 1)).said(),
        ["posdatad.toml: error: larger than 256 KiB (help: this is hardly a configuration file)"]
    );
    let etc = Etc::new("");
    fs::set_permissions(etc.main(), fs::Permissions::from_mode(0o000)).unwrap();
    // The superuser reads everything.
    if fs::read(etc.main()).is_err() {
        assert_eq!(
            etc.said(),
            [
                "posdatad.toml: error: may not be read (help: it must be readable for the user posdatad: chmod 0644, and 0755 for its directories)"
            ]
        );
    }
}

#[test]
fn without_a_file_the_defaults_apply() {
    let etc = Etc::new("");
    fs::remove_file(etc.main()).unwrap();
    let loaded = load(&etc.main(), Named::ByDefault);
    assert!(loaded.is_ok() && loaded.main_missing);
    assert_eq!(loaded.config, Config::default());
    // Drop-ins stand by themselves.
    etc.drop_in("10.toml", "[modem]\npoll = \"5s\"\n");
    assert_eq!(load(&etc.main(), Named::ByDefault).config.modem.poll_ms, 5_000);
}

#[test]
fn the_check_ends_with_a_verdict_and_an_exit_code() {
    let run = |etc: &Etc, named| {
        let mut out = Vec::new();
        let exit = check(&etc.main(), named, &mut out).unwrap();
        let here = format!("{}/", etc.directory.path().display());
        (exit, String::from_utf8(out).unwrap().replace(&here, ""))
    };
    let etc = Etc::new(
        "[modem]\nsource = \"at\"\nport = \"/dev/ttyUSB2\"\n\
         [plan]\nallowance = \"30 MiB\"\ntime_zone = \"Asia/Shanghai\"\n",
    );
    etc.drop_in("10.toml", "");
    assert_eq!(
        run(&etc, Named::OnCommandLine),
        (
            Exit::Ok,
            "posdatad.toml: ok, with 1 drop-in: source at /dev/ttyUSB2, poll 10s, \
             plan 30.0 MiB monthly:1 Asia/Shanghai, no backend\n"
                .to_owned()
        )
    );
    let (exit, said) = run(&Etc::new("[modem]\npoll = 1\nx = 2\n"), Named::OnCommandLine);
    assert_eq!(exit, Exit::Config);
    assert_eq!(exit.code(), 78);
    assert_eq!(said.lines().count(), 3);
    assert_eq!(said.lines().last(), Some("posdatad.toml: 2 errors"));

    let etc = Etc::new("");
    fs::remove_file(etc.main()).unwrap();
    assert_eq!(
        run(&etc, Named::ByDefault),
        (
            Exit::Ok,
            "posdatad.toml: ok (no such file: the defaults apply): source auto, poll 10s, \
             no local plan, no backend\n"
                .to_owned()
        )
    );
    assert_eq!(run(&etc, Named::OnCommandLine).0, Exit::Config);
}

/// A key of the shipped file: its line without the #, and the words above it.
struct Shipped {
    line: String,
    words: String,
}

/// The shipped file, read as people read it.
fn shipped() -> BTreeMap<String, Shipped> {
    let mut found = BTreeMap::new();
    let mut section = String::new();
    let mut words = String::new();
    for line in include_str!("../config/posdatad.toml").lines() {
        let comment = line.strip_prefix("# ").unwrap_or_default();
        let key = comment.split_once(" = ").map(|(key, _)| key);
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            section = name.to_owned();
        } else if let Some(key) = key.filter(|key| !key.contains(' ')) {
            let shipped = Shipped { line: comment.to_owned(), words: std::mem::take(&mut words) };
            assert!(found.insert(format!("{section}.{key}"), shipped).is_none(), "{key} twice");
        } else if line.is_empty() {
            words.clear();
        } else {
            words.push_str(line);
        }
    }
    found
}

/// A document that sets one key, with what that key needs to have an effect.
fn document(name: &str, line: &str) -> String {
    let (section, key) = name.split_once('.').unwrap();
    let needs = match section {
        "plan" if key != "allowance" => "allowance = \"30 MiB\"\n",
        "backend" if key != "url" => "url = \"https://backend.example\"\n",
        _ => "",
    };
    format!("[{section}]\n{needs}{line}\n")
}

#[test]
fn the_shipped_file_changes_nothing() {
    let loaded = load(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("config/posdatad.toml"),
        Named::OnCommandLine,
    );
    assert_eq!(loaded.findings, []);
    assert_eq!(loaded.config, Config::default());
}

#[test]
fn the_shipped_file_documents_every_key_with_its_default() {
    let shipped = shipped();
    let documented: BTreeSet<&str> = shipped.keys().map(String::as_str).collect();
    assert_eq!(documented, keys());
    for (name, Shipped { line, words }) in &shipped {
        assert!(words.len() > 10, "{name} has no words");
        let without = config(&document(name, ""));
        let with = config(&document(name, line));
        assert_eq!(
            without != with,
            words.contains("No default:"),
            "{name}: the shipped default is not the program's, or lacks \"No default:\""
        );
    }
}

#[test]
fn a_reload_knows_what_changed() {
    // Another value for every key: one that is forgotten fails here.
    let others = BTreeMap::from([
        ("terminal.serial", "\"N1\""),
        ("terminal.id", "\"T1\""),
        ("modem.source", "\"modemmanager\""),
        ("modem.port", "\"/dev/ttyS0\""),
        ("modem.device", "\"/dev/cdc-wdm7\""),
        ("modem.interface", "\"wwan7\""),
        ("modem.counter", "\"qgdcnt\""),
        ("modem.columns", "\"reversed\""),
        ("modem.poll", "\"2s\""),
        ("meter.loss_bytes_max", "\"8 KiB\""),
        ("meter.save_interval_max", "\"2h\""),
        ("meter.cross_check", "\"2 MiB\""),
        ("meter.cross_check_percent", "5"),
        ("store.path", "\"/tmp/x.db\""),
        ("plan.allowance", "\"50 MB\""),
        ("plan.cycle", "\"monthly:15\""),
        ("plan.time_zone", "\"Europe/Berlin\""),
        ("alert.used_percent", "[]"),
        ("alert.expiry_days", "[0, 2]"),
        ("history.five_minutes", "\"24h\""),
        ("history.hours", "\"8 days\""),
        ("history.days", "\"forever\""),
        ("history.months", "\"60 months\""),
        ("history.years", "\"10 years\""),
        ("backend.url", "\"https://other.example\""),
        ("backend.ca", "\"/a.pem\""),
        ("backend.certificate", "\"/b.pem\""),
        ("backend.key", "\"/c.pem\""),
        ("backend.sync_interval", "\"1h\""),
        ("log.level", "\"warn\""),
    ]);
    assert_eq!(others.keys().copied().collect::<BTreeSet<_>>(), keys());
    for (name, value) in others {
        let (_, key) = name.split_once('.').unwrap();
        let old = config(&document(name, ""));
        let new = config(&document(name, &format!("{key} = {value}")));
        assert_eq!(
            differences(&old, &new),
            [Difference { key: name, needs_restart: name == "store.path" }]
        );
        assert_eq!(differences(&new, &new), []);
    }
}

#[test]
fn a_file_cut_or_changed_anywhere_is_judged_without_panic() {
    let shipped = include_str!("../config/posdatad.toml").replace("# ", "");
    let etc = Etc::new("");
    fs::write(etc.main(), format!("x = {}", "[".repeat(200_000))).unwrap();
    assert!(!etc.load().is_ok());
    fs::write(etc.main(), format!("[{}a]", "a.".repeat(100_000))).unwrap();
    assert!(!etc.load().is_ok());
    // A prime step: every kind of line is cut somewhere, and it stays quick.
    for at in (0..shipped.len()).step_by(37).filter(|at| shipped.is_char_boundary(*at)) {
        let (before, after) = shipped.split_at(at);
        for text in
            [before.to_owned(), format!("{before}\"{after}"), format!("{before}]é=\n{after}")]
        {
            fs::write(etc.main(), text).unwrap();
            let loaded = etc.load();
            let _ = loaded.verdict(&etc.main());
        }
    }
}

#[test]
fn values_arrive_as_written() {
    let config = config(
        "[meter]\nloss_bytes_max = \"128kB\"\n[alert]\nused_percent = [90, 50, 90]\n\
         [history]\nhours = \"1 day 12h\"\nyears = \"forever\"\n",
    );
    assert_eq!(config.meter.loss_bytes_max, 128_000);
    assert_eq!(config.alert.used_percent, [50, 90]);
    assert_eq!(config.history.hours, Keep::Seconds(36 * 3_600));
    assert_eq!(config.history.years, Keep::Forever);
}
