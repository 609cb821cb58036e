//! The child's side.

use std::io::{Read, Write};
use std::panic::catch_unwind;
use std::process::ExitCode;

use super::{MOST_INPUT, PANICKED, answer};
use crate::error::{Error, Kind, Result};

/// A parser and its name.
pub type Parser = (&'static str, fn(&[u8]) -> Result<Vec<u8>>);

/// No such parser.
const UNKNOWN: u8 = 3;
/// The limits could not be set, or the answer not be given.
const FAILED: u8 = 4;

/// Limits this process, reads standard input, parses it and answers on standard output.
///
/// To be called before anything else is started. On Linux the process starts itself anew once,
/// with the same arguments, so that the allocator already begins its life within the limits.
pub fn child_main(parser: &str, table: &[Parser]) -> ExitCode {
    let Some((_, parse)) = table.iter().find(|(name, _)| *name == parser) else {
        return ExitCode::from(UNKNOWN);
    };
    #[cfg(target_os = "linux")]
    if super::limits::enforce().is_err() {
        return ExitCode::from(FAILED);
    }
    match serve(std::io::stdin().lock(), *parse) {
        Some(answer) => {
            let mut out = std::io::stdout().lock();
            match out.write_all(&answer).and_then(|()| out.flush()) {
                Ok(()) => ExitCode::SUCCESS,
                Err(_) => ExitCode::from(FAILED),
            }
        }
        None => u8::try_from(PANICKED).map_or(ExitCode::FAILURE, ExitCode::from),
    }
}

/// The answer to the input; `None` after a panic.
pub(super) fn serve(input: impl Read, parse: fn(&[u8]) -> Result<Vec<u8>>) -> Option<Vec<u8>> {
    let most = u64::try_from(MOST_INPUT).unwrap_or(u64::MAX);
    let mut bytes = Vec::new();
    let result = match input.take(most.saturating_add(1)).read_to_end(&mut bytes) {
        Err(error) => {
            Err(Error::internal("the input of the sandbox could not be read").because(error))
        }
        Ok(_) if bytes.len() > MOST_INPUT => Err(too_large(bytes.len())),
        Ok(_) => catch_unwind(|| parse(&bytes)).ok()?,
    };
    Some(answer::write(result))
}

pub(super) fn too_large(found: usize) -> Error {
    Error::of(
        Kind::TooLarge,
        format!("expected at most {MOST_INPUT} bytes, found {found} or more"),
    )
}
