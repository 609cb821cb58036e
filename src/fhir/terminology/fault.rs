//! Why a question about a code has no answer.

use std::fmt;

use crate::error::{Error, Kind};
use crate::fhir::model::value::Text;

/// Why a question about a code has no answer.
#[derive(Debug)]
pub enum Fault {
    /// Nobody loaded this; `what` is `value set`, `code system` or `concept map`.
    NotLoaded { what: &'static str, canonical: Text },
    /// A value set that includes itself.
    Cycle { canonical: Text },
    /// More codes, or more work, than is allowed.
    TooLarge { canonical: Text, limit: usize },
    /// A definition says something that is not understood here, or nothing at all.
    NotUnderstood { canonical: Text, why: String },
    /// The store could not be asked.
    Store(Error),
}

impl Fault {
    pub(super) fn not_loaded(what: &'static str, canonical: &str) -> Self {
        Fault::NotLoaded {
            what,
            canonical: Text::new(canonical),
        }
    }

    pub(super) fn not_understood(canonical: &str, why: impl Into<String>) -> Self {
        Fault::NotUnderstood {
            canonical: Text::new(canonical),
            why: why.into(),
        }
    }

    /// The `issue-type` that tells it.
    pub fn code(&self) -> &'static str {
        match self {
            Fault::NotLoaded { .. } => "not-found",
            Fault::TooLarge { .. } => "too-costly",
            Fault::Cycle { .. } | Fault::NotUnderstood { .. } => "processing",
            Fault::Store(_) => "exception",
        }
    }
}

/// The beginning of what a client or a definition said.
fn shown(text: &str) -> String {
    text.chars().take(120).collect()
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::NotLoaded { what, canonical } => {
                write!(f, "the {what} ‘{}’ is not loaded", shown(canonical))
            }
            Fault::Cycle { canonical } => {
                write!(f, "the value set ‘{}’ includes itself", shown(canonical))
            }
            Fault::TooLarge { canonical, limit } => write!(
                f,
                "expected at most {limit} codes or filters, found more in ‘{}’",
                shown(canonical)
            ),
            Fault::NotUnderstood { canonical, why } => {
                write!(f, "‘{}’: {}", shown(canonical), shown(why))
            }
            Fault::Store(error) => write!(f, "{error}"),
        }
    }
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        let kind = match &fault {
            Fault::NotLoaded { .. } => Kind::NotFound,
            Fault::TooLarge { .. } => Kind::TooCostly,
            Fault::Cycle { .. } | Fault::NotUnderstood { .. } => Kind::Unprocessable,
            Fault::Store(_) => Kind::Internal,
        };
        match fault {
            Fault::Store(error) => error,
            fault => Error::new(kind, fault.code(), fault.to_string()),
        }
    }
}
