//! The real program as a process: started, spoken to, asked to stop, killed.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing
)]

use std::fs::OpenOptions;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

use reqwest::blocking::Client;
use rustix::process::{Pid, Signal, kill_process};

use crate::support::database::TestDatabase;
use crate::support::{Answer, plain_http};

/// The program with arguments, in an environment without any configuration.
pub fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fascicolo"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("FASCICOLO_") {
            command.env_remove(name);
        }
    }
    command.args(arguments).stdin(Stdio::null());
    command
}

/// Runs the program to its end.
pub fn run(arguments: &[&str]) -> Output {
    program(arguments).output().expect("the program runs")
}

/// Runs the program on a database made with `--dev`.
pub fn run_on(database: &TestDatabase, arguments: &[&str]) -> Output {
    let (url, folder) = (database.url(), database.data_dir().display().to_string());
    let mut all = arguments.to_vec();
    all.extend(["--dev", "--database", &url, "--data-dir", &folder]);
    run(&all)
}

/// Runs the program, which must refuse to start, and returns what it said.
#[track_caller]
pub fn refused(mut command: Command) -> String {
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let end = Instant::now() + Duration::from_secs(20);
    while child.try_wait().unwrap().is_none() {
        if Instant::now() > end {
            child.kill().unwrap();
            panic!("it has started: {:?}", child.wait_with_output());
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    let output = child.wait_with_output().unwrap();
    assert!(!output.status.success(), "{output:?}");
    said(&output)
}

/// Everything that a finished program said.
pub fn said(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

/// A running server; killed when dropped.
pub struct Process {
    child: Child,
    /// `http://127.0.0.1:port/fhir`
    pub base: String,
    /// What it printed before the base.
    pub banner: String,
    client: Client,
}

impl Process {
    /// A server in development mode on a free port.
    pub fn serve(database: &TestDatabase) -> Self {
        Self::serve_with(database, &["--dev"])
    }

    /// A server with further arguments.
    pub fn serve_with(database: &TestDatabase, arguments: &[&str]) -> Self {
        Self::serve_in(database, arguments, &[])
    }

    /// A server with further arguments and variables of its environment.
    pub fn serve_in(
        database: &TestDatabase,
        arguments: &[&str],
        environment: &[(&str, &str)],
    ) -> Self {
        let (url, folder) = (database.url(), database.data_dir().display().to_string());
        let mut all = vec!["serve", "--database", &url, "--data-dir", &folder];
        if !arguments.contains(&"--listen") {
            all.extend(["--listen", "127.0.0.1:0"]);
        }
        all.extend_from_slice(arguments);
        let log: PathBuf = database.data_dir().join("stderr.log");
        let stderr = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&log)
            .unwrap();
        let mut child = program(&all)
            .envs(environment.iter().copied())
            .stdout(Stdio::piped())
            .stderr(stderr)
            .spawn()
            .expect("the program starts");
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut banner = String::new();
        let base = lines.by_ref().map_while(Result::ok).find_map(|line| {
            banner.push_str(&line);
            banner.push('\n');
            line.trim().strip_prefix("FHIR base").map(str::to_owned)
        });
        let Some(base) = base else {
            let said = std::fs::read_to_string(&log).unwrap_or_default();
            panic!("the server did not start: {:?}\n{said}", child.wait());
        };
        // Read on, so that the server never waits for this pipe.
        std::thread::spawn(move || lines.for_each(drop));
        Self {
            child,
            base: base.trim().to_owned(),
            banner,
            client: plain_http()
                .timeout(Duration::from_secs(60))
                .no_proxy()
                .build()
                .unwrap(),
        }
    }

    /// `127.0.0.1:port`
    pub fn address(&self) -> &str {
        self.base
            .trim_start_matches("http://")
            .split('/')
            .next()
            .unwrap()
    }

    /// Sends these bytes as they are and reads until the server has answered once.
    pub fn raw(&self, bytes: &[u8]) -> String {
        let mut stream = TcpStream::connect(self.address()).unwrap();
        // The server may answer and close before it has read everything.
        let _ = stream.write_all(bytes);
        raw_answer(&mut stream)
    }

    /// Any request; `None` when the server went away before it had answered.
    pub fn ask(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Option<Answer> {
        let url = match path.strip_prefix('/') {
            Some(path) => format!("http://{}/{path}", self.address()),
            None if path.is_empty() => self.base.clone(),
            None => format!("{}/{path}", self.base),
        };
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let mut request = self.client.request(method, url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if !body.is_empty() {
            request = request.body(body.to_vec());
        }
        let response = request.send().ok()?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Some(Answer {
            status,
            headers,
            body: response.bytes().ok()?.to_vec(),
        })
    }

    pub fn request(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Answer {
        self.ask(method, path, headers, body)
            .expect("the server answers")
    }

    pub fn get(&self, path: &str) -> Answer {
        self.request("GET", path, &[], b"")
    }

    pub fn post(&self, path: &str, content_type: &str, body: &[u8]) -> Answer {
        self.request("POST", path, &[("content-type", content_type)], body)
    }

    /// How many resources a search or history has in all.
    #[track_caller]
    pub fn total(&self, path: &str) -> u64 {
        let answer = self.get(path);
        answer.json()["total"]
            .as_u64()
            .unwrap_or_else(|| panic!("{path}: {}", answer.text()))
    }

    /// The number of the process.
    pub fn id(&self) -> i32 {
        i32::try_from(self.child.id()).unwrap()
    }

    /// Asks the process to stop.
    pub fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, signal).expect("the process is there");
    }

    /// Waits for the end of the process.
    pub fn wait(mut self, most: Duration) -> ExitStatus {
        let end = Instant::now() + most;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < end, "the server does not stop");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Ends the process at once, as a power cut of the process would.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// Reads one answer: its head, and as much of its body as `Content-Length` says.
pub fn raw_answer(stream: &mut TcpStream) -> String {
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    let (mut all, mut buffer) = (Vec::new(), [0u8; 4096]);
    loop {
        let text = String::from_utf8_lossy(&all).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                name.eq_ignore_ascii_case("content-length")
                    .then(|| value.trim().parse::<usize>().ok())?
            });
            if body.len() >= length.unwrap_or(0) {
                return text;
            }
        }
        match stream.read(&mut buffer) {
            Ok(0) | Err(_) => return text,
            Ok(read) => all.extend_from_slice(&buffer[..read]),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
