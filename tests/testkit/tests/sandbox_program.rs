//! `backend-sim` as people use it: commands on standard input, the control port,
//! the merchant's page.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod sandbox;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use posdata_testkit::backend::{Client, Identity};
use sandbox::{SERIAL, Terminal};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A running program; ended with the test.
struct Program {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    greeting: Vec<String>,
}

impl Program {
    fn start(dir: &Path, args: &[&str]) -> Program {
        let mut child = Command::new(env!("CARGO_BIN_EXE_backend-sim"))
            .arg("--dir")
            .arg(dir)
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let input = child.stdin.take().unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut greeting = Vec::new();
        while greeting.last().is_none_or(|line| line != "ready") {
            let mut line = String::new();
            assert_ne!(output.read_line(&mut line).unwrap(), 0, "it ended: {greeting:?}");
            greeting.push(line.trim().to_owned());
        }
        Program { child, input, output, greeting }
    }

    fn told(&self, word: &str) -> Vec<&str> {
        let line = self.greeting.iter().find(|line| line.starts_with(word)).unwrap();
        line.split(' ').skip(1).collect()
    }

    fn command(&mut self, line: &str) -> String {
        writeln!(self.input, "{line}").unwrap();
        let mut answer = String::new();
        self.output.read_line(&mut answer).unwrap();
        answer.trim_end().to_owned()
    }

    fn terminal(&self) -> Terminal {
        let address: SocketAddr =
            self.told("url")[0].trim_start_matches("https://").parse().unwrap();
        let files = self.told("terminal");
        let identity = Identity { certificate: files[1].into(), key: files[2].into() };
        Terminal(Client::new(address, Path::new(self.told("ca")[0]), &identity).unwrap())
    }

    fn http(&self, request: &str) -> String {
        let address = self.told("control")[0].trim_start_matches("http://").to_owned();
        let mut stream = TcpStream::connect(&address).unwrap();
        stream.write_all(request.replace("HOST", &address).as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\n\r\n")
}

fn post(path: &str, origin: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "POST {path} HTTP/1.1\r\nHost: HOST\r\nOrigin: {origin}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
    )
}

#[test]
fn a_purchase_is_paid_by_hand() {
    let dir = TempDir::new().unwrap();
    let mut program = Program::start(dir.path(), &[]);
    let mut terminal = program.terminal();
    for (n, state) in [(1, "completed"), (2, "completed"), (3, "completed")] {
        let quote = terminal.quote("add-10");
        assert_eq!(terminal.order(n, &quote).unwrap().0, 201);
        match n {
            1 => assert_eq!(program.command("pay oldest"), "ok"),
            2 => {
                let control = program.told("control")[0].to_owned();
                let mut sent = Command::new(env!("CARGO_BIN_EXE_backend-sim"));
                assert!(sent.args(["ctl", &control, "pay oldest"]).status().unwrap().success());
                let refused = sent.output().unwrap();
                assert!(!refused.status.success(), "there is nothing more to pay");
                let told = String::from_utf8(refused.stdout).unwrap();
                assert!(told.starts_with("error: pay oldest: no top-up"), "{told}");
            }
            _ => {
                let page = program.http(&get("/"));
                assert!(page.contains("<button name=\"id\" value=\"T-3\">"), "{page}");
                assert!(page.contains("2.02 CNY"), "{page}");
                let foreign = program.http(&post("/pay", "http://evil.example", "id=T-3"));
                assert!(foreign.starts_with("HTTP/1.1 403"), "{foreign}");
                let paid = program.http(&post("/pay", "http://HOST", "id=T-3"));
                assert!(paid.starts_with("HTTP/1.1 303"), "{paid}");
            }
        }
        assert_eq!(terminal.get(n, "").unwrap().1["state"], json!(state));
    }
    let books: Value = serde_json::from_str(&program.command("books --json")).unwrap();
    assert_eq!(books[0]["charges"].as_array().unwrap().len(), 3);
    assert_eq!(books[0]["balanced"], json!(true));
    let answer = program.http(&get("/books"));
    let (_, shown) = answer.split_once("\r\n\r\n").unwrap();
    assert_eq!(serde_json::from_str::<Value>(shown).unwrap(), books);
    assert!(program.command("frobnicate").starts_with("error: frobnicate: no such command"));
    writeln!(program.input, "quit").unwrap();
    assert!(program.child.wait().unwrap().success());
}

#[test]
fn what_cannot_be_started_says_why() {
    let dir = TempDir::new().unwrap();
    let run = |args: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_backend-sim")).args(args).output().unwrap();
        (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    let path = dir.path().to_str().unwrap();
    let (code, error) = run(&["--dir", path, "--terminal", "N1,1,12"]);
    assert!(code == 2 && error.contains("12 is no ICCID"), "{error}");
    let program = Program::start(dir.path(), &["--terminal", "N7,7,8986012034567890777,5000"]);
    let port = program.told("url")[0].rsplit(':').next().unwrap().to_owned();
    let second = TempDir::new().unwrap();
    let (code, error) = run(&["--dir", second.path().to_str().unwrap(), "--port", &port]);
    assert!(code == 1 && error.contains("cannot listen on 127.0.0.1"), "{error}");
    let file = dir.path().join("file");
    std::fs::write(&file, "").unwrap();
    let (code, error) = run(&["--dir", file.to_str().unwrap()]);
    assert!(code == 1 && error.contains("file"), "{error}");
    let (code, error) = run(&[]);
    assert!(code == 2 && error.contains("--dir"), "{error}");
    assert_ne!(SERIAL, program.told("terminal")[0], "the terminal that was asked for");
}
