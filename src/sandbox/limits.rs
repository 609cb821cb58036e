//! The limits that a child sets for itself, as Linux has them (`setrlimit(2)`).

use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Address space, in bytes.
const MEMORY: u64 = 256 * 1024 * 1024;
/// Processor time, in seconds.
const PROCESSOR: u64 = 5;
/// Standard input, output and error: no file and no socket can be opened.
const FILES: u64 = 3;

/// Puts the limits in force.
///
/// Memory that the allocator reserved before a limit stays with it, so the first call sets the
/// limits that a new program inherits and runs the program anew; the second takes away what a
/// program needs only to start.
pub(super) fn enforce() -> io::Result<()> {
    if getrlimit(Resource::As)
        .current
        .is_none_or(|now| now > MEMORY)
    {
        set(Resource::As, MEMORY)?;
        // Above the soft limit the signal comes once a second: the hard one kills.
        setrlimit(Resource::Cpu, limit(PROCESSOR, PROCESSOR.saturating_add(1)))?;
        // No image of memory with a patient's data on a disk.
        set(Resource::Core, 0)?;
        let arguments = std::env::args_os().skip(1);
        // Comes back only when it failed.
        return Err(Command::new("/proc/self/exe")
            .args(arguments)
            .env_clear()
            .exec());
    }
    set(Resource::Nofile, FILES)?;
    set(Resource::Fsize, 0)?;
    set(Resource::Nproc, 0)
}

fn set(resource: Resource, most: u64) -> io::Result<()> {
    // A hard limit that is lower already stays: it cannot be raised.
    let most = getrlimit(resource)
        .maximum
        .map_or(most, |hard| hard.min(most));
    setrlimit(resource, limit(most, most))?;
    Ok(())
}

fn limit(soft: u64, hard: u64) -> Rlimit {
    Rlimit {
        current: Some(soft),
        maximum: Some(hard),
    }
}
