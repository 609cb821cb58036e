//! Runs a pure parser in a child process of the same binary, under limits.
//!
//! Some parsers read formats that are programs (PDF) through foreign code: a stack overflow or an
//! exhausted memory aborts a process and cannot be caught, so it had better not be the server's.
//! The child has no environment, reads its input on standard input and answers on standard
//! output: `0` and the result, or `1` and the error as JSON. It limits itself before it reads a
//! byte: memory, processor time, and no further file, socket or process. The limits are those of
//! Linux; elsewhere only the wall clock and the sizes are bounded.

mod answer;
mod child;
#[cfg(target_os = "linux")]
mod limits;

use std::ffi::OsString;
use std::io::{self, Read};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

pub use child::{Parser, child_main};

use crate::error::{Error, Kind, Result};

/// Names another executable than the running one; for tests, whose binaries are not the server.
pub const EXECUTABLE: &str = "FASCICOLO_SANDBOX_EXE";
/// The subcommand that runs [`child_main`].
pub const SUBCOMMAND: &str = "sandbox";
/// Input of a child, in bytes.
pub const MOST_INPUT: usize = 50 * 1024 * 1024;
/// Output of a child, in bytes.
const MOST_OUTPUT: u64 = 64 * 1024 * 1024;
/// How long a child may take.
const TIME: Duration = Duration::from_secs(10);
/// Rust's exit code after a panic.
const PANICKED: i32 = 101;

/// Parses an input of `size` bytes with the parser of this name, in a child process. Blocks up to ten
/// seconds.
///
/// # Errors
/// The error of the parser; `TooLarge` above [`MOST_INPUT`]; `Unprocessable` when the child broke
/// a limit or crashed; `Internal` when it could not be run.
pub fn run(parser: &str, input: impl Read + Send, size: u64) -> Result<Vec<u8>> {
    let launch = Launch {
        executable: executable()?,
        arguments: vec![SUBCOMMAND.into(), parser.into()],
        time: TIME,
    };
    launch.run(input, size)
}

/// How to start a child.
struct Launch {
    executable: PathBuf,
    arguments: Vec<OsString>,
    time: Duration,
}

/// The running binary. On Linux by its link in `/proc`, which stays right when the file is
/// replaced while the server runs.
fn executable() -> Result<PathBuf> {
    if let Some(path) = std::env::var_os(EXECUTABLE) {
        return Ok(path.into());
    }
    if cfg!(target_os = "linux") {
        return Ok("/proc/self/exe".into());
    }
    std::env::current_exe().map_err(|error| {
        Error::internal("the path of the running binary is unknown").because(error)
    })
}

impl Launch {
    fn run(&self, input: impl Read + Send, size: u64) -> Result<Vec<u8>> {
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        if size > MOST_INPUT {
            return Err(child::too_large(size));
        }
        let now = Instant::now();
        let end = now.checked_add(self.time).unwrap_or(now);
        let mut child = Command::new(&self.executable)
            .args(&self.arguments)
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| Error::internal("the sandbox could not be started").because(error))?;
        let output = exchange(&mut child, input, end);
        let status = finish(&mut child, end)?;
        judge(status, output)
    }
}

/// Writes the input and reads the output, up to its bound; `None` when that took too long. The
/// child is dead when it has given too much or too late.
fn exchange(child: &mut Child, mut input: impl Read + Send, end: Instant) -> Option<Vec<u8>> {
    let stdin = child.stdin.take();
    let stdout = child.stdout.take()?;
    thread::scope(|scope| {
        // Both ways at once, so that neither side waits for a full pipe for ever.
        scope.spawn(move || {
            if let Some(mut stdin) = stdin {
                // A child that answers without reading everything closes the pipe.
                let _ = io::copy(&mut input, &mut stdin);
            }
        });
        let (send, receive) = mpsc::channel();
        scope.spawn(move || {
            let mut output = Vec::new();
            let read = stdout
                .take(MOST_OUTPUT.saturating_add(1))
                .read_to_end(&mut output);
            let _ = send.send(read.ok().map(|_| output));
        });
        let left = end.saturating_duration_since(Instant::now());
        let output = receive.recv_timeout(left).ok().flatten();
        let output =
            output.filter(|output| u64::try_from(output.len()).is_ok_and(|n| n <= MOST_OUTPUT));
        if output.is_none() {
            // Ends both threads too, because their pipes close.
            let _ = child.kill();
        }
        output
    })
}

/// Waits for the end of the child, which has closed its output; kills it when it lingers.
fn finish(child: &mut Child, end: Instant) -> Result<ExitStatus> {
    let failed = |error| Error::internal("the sandbox could not be waited for").because(error);
    loop {
        if let Some(status) = child.try_wait().map_err(failed)? {
            return Ok(status);
        }
        if Instant::now() >= end {
            let _ = child.kill();
            return child.wait().map_err(failed);
        }
        thread::sleep(Duration::from_millis(1));
    }
}

fn judge(status: ExitStatus, output: Option<Vec<u8>>) -> Result<Vec<u8>> {
    match (status.code(), output) {
        (Some(0), Some(output)) => answer::read(output),
        // No code: ended by a signal, its own limits or ours.
        (Some(PANICKED) | None, _) | (_, None) => Err(Error::new(
            Kind::Unprocessable,
            "too-costly",
            "the file could not be read within the limits of memory and time",
        )),
        (Some(code), Some(_)) => Err(Error::internal(format!(
            "the sandbox ended with code {code}"
        ))),
    }
}

#[cfg(test)]
mod tests;
