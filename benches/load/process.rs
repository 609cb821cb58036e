//! What the server costs: CPU time and memory of its processes, and starting and stopping one.
//!
//! Source: `proc(5)`. `stat` counts all threads of a process; `VmHWM` is the highest resident
//! size since the last reset through `clear_refs`. Elsewhere than on Linux all figures are absent.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Clock ticks per second in `/proc`: 100 on every Linux architecture in use (USER_HZ).
const TICKS_PER_SECOND: f64 = 100.0;

/// The processes of one server.
#[derive(Debug, Clone, Default)]
pub struct Watched {
    pids: Vec<u32>,
    disk: Option<PathBuf>,
}

impl Watched {
    pub fn new(pids: Vec<u32>, disk: Option<PathBuf>) -> Self {
        Self { pids, disk }
    }

    /// The generator itself.
    pub fn own() -> Self {
        Self::new(vec![std::process::id()], None)
    }

    /// User and system time so far, in seconds; none when no process is known or one is gone.
    pub fn cpu_seconds(&self) -> Option<f64> {
        self.sum(cpu_seconds)
    }

    /// Resident memory now, in KiB.
    pub fn resident_kib(&self) -> Option<f64> {
        self.sum(|pid| status_kib(pid, "VmRSS:"))
    }

    /// Highest resident memory since `reset_peak` (or since the start, where that is not allowed).
    pub fn peak_kib(&self) -> Option<f64> {
        self.sum(|pid| status_kib(pid, "VmHWM:"))
    }

    /// Lets the next peak be that of the next measurement only. Needs the same user or root;
    /// where it is refused the peak stays that of the whole life, which is only ever larger.
    pub fn reset_peak(&self) {
        for pid in &self.pids {
            let _ = fs::write(format!("/proc/{pid}/clear_refs"), "5");
        }
    }

    /// Bytes of all files under the watched file or folder.
    pub fn disk_bytes(&self) -> Option<u64> {
        self.disk.as_deref().map(|path| size_of(path, 0))
    }

    fn sum(&self, one: impl Fn(u32) -> Option<f64>) -> Option<f64> {
        if self.pids.is_empty() {
            return None;
        }
        self.pids.iter().map(|pid| one(*pid)).sum()
    }
}

/// A server started by the generator, and stopped when dropped.
#[derive(Debug)]
pub struct Started(Child);

impl Started {
    /// Runs `command` in a shell; `exec env` makes the server itself the child, and lets the
    /// command begin with settings such as `NAME=value`.
    pub fn run(command: &str) -> std::io::Result<Self> {
        Command::new("sh")
            .args(["-c", &format!("exec env {command}")])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .map(Self)
    }

    pub fn pid(&self) -> u32 {
        self.0.id()
    }

    pub fn has_ended(&mut self) -> bool {
        !matches!(self.0.try_wait(), Ok(None))
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        if self.has_ended() {
            return;
        }
        // Asked first, so that the server finishes what is in flight and closes its database.
        let pid = self.pid().to_string();
        let _ = Command::new("kill").args(["-TERM", &pid]).status();
        let deadline = Instant::now() + Duration::from_secs(10);
        while !self.has_ended() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(20));
        }
        if !self.has_ended() {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }
}

/// The machine in one line: processor, logical cores, memory, kernel.
pub fn machine() -> String {
    let cpu = field("/proc/cpuinfo", "model name").unwrap_or_else(|| "unknown processor".into());
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let memory = field("/proc/meminfo", "MemTotal")
        .and_then(|text| leading_number(&text))
        .map_or(0.0, |kib| kib / 1_048_576.0);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!(
        "{cpu}, {cores} cores, {memory:.1} GiB, Linux {}",
        kernel.trim()
    )
}

fn cpu_seconds(pid: u32) -> Option<f64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name of the program stands in parentheses and may hold blanks and parentheses.
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace().skip(11);
    let user: f64 = fields.next()?.parse().ok()?;
    let system: f64 = fields.next()?.parse().ok()?;
    Some((user + system) / TICKS_PER_SECOND)
}

fn status_kib(pid: u32, name: &str) -> Option<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    leading_number(line)
}

fn field(path: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    line.split_once(':')
        .map(|(_, value)| value.trim().to_owned())
}

fn leading_number(text: &str) -> Option<f64> {
    text.split_whitespace().next()?.parse().ok()
}

/// Symbolic links are not followed, and folders no deeper than 8.
fn size_of(path: &Path, depth: u8) -> u64 {
    let Ok(metadata) = fs::symlink_metadata(path) else {
        return 0;
    };
    if !metadata.is_dir() || depth > 8 {
        return if metadata.is_file() {
            metadata.len()
        } else {
            0
        };
    }
    let entries = fs::read_dir(path).into_iter().flatten().flatten();
    entries
        .map(|entry| size_of(&entry.path(), depth.saturating_add(1)))
        .sum()
}
