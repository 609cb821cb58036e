//! What can be wrong with an expression, and where in its text.

use std::fmt;

use crate::error::{Error, Kind};

/// When the fault was found. Source: FHIRPath N1 *Lexical Elements*, *Types and Reflection*.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// The text is no expression.
    Syntax,
    /// The expression cannot have a meaning: an unknown function, too few arguments.
    Semantic,
    /// The meaning does not fit the data at hand.
    Execution,
    /// A limit of steps, items or depth was reached (IN-16).
    Limit,
    /// It asks about something outside, such as terminology or a profile, that is not known here.
    Outside,
}

/// Why an expression was not parsed or not evaluated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FhirPathError {
    pub phase: Phase,
    /// Byte offset in the expression; `None` until an enclosing step tells it.
    pub at: Option<u32>,
    /// Expected and found; never data of a record.
    pub text: String,
}

impl FhirPathError {
    pub(super) fn syntax(at: u32, text: impl Into<String>) -> Self {
        Self::new(Phase::Syntax, Some(at), text)
    }

    pub(super) fn semantic(at: u32, text: impl Into<String>) -> Self {
        Self::new(Phase::Semantic, Some(at), text)
    }

    pub(super) fn execution(text: impl Into<String>) -> Self {
        Self::new(Phase::Execution, None, text)
    }

    pub(super) fn limit(text: impl Into<String>) -> Self {
        Self::new(Phase::Limit, None, text)
    }

    pub(super) fn outside(text: impl Into<String>) -> Self {
        Self::new(Phase::Outside, None, text)
    }

    fn new(phase: Phase, at: Option<u32>, text: impl Into<String>) -> Self {
        Self {
            phase,
            at,
            text: text.into(),
        }
    }

    /// The same fault, placed in the expression unless an inner step did so already.
    pub(super) fn placed(mut self, at: u32) -> Self {
        self.at.get_or_insert(at);
        self
    }
}

impl FhirPathError {
    /// The fault with its place in the text, as a person looks for it.
    pub fn in_text(&self, text: &str) -> String {
        let place = self.at.and_then(|at| usize::try_from(at).ok());
        let Some((before, after)) = place.and_then(|at| text.split_at_checked(at)) else {
            return self.to_string();
        };
        let line = before.matches('\n').count().saturating_add(1);
        let last = before.rsplit('\n').next().unwrap_or("");
        let column = last.chars().count().saturating_add(1);
        let mut shown: String = after.chars().take_while(|c| *c != '\n').take(20).collect();
        if shown.is_empty() {
            shown.push_str("the end");
        } else {
            shown = format!("‘{shown}’");
        }
        format!(
            "FHIRPath, line {line} column {column}, at {shown}: {}",
            self.text
        )
    }
}

impl fmt::Display for FhirPathError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.at {
            Some(at) => write!(f, "FHIRPath, at offset {at}: {}", self.text),
            None => write!(f, "FHIRPath: {}", self.text),
        }
    }
}

impl std::error::Error for FhirPathError {}

impl From<FhirPathError> for Error {
    fn from(error: FhirPathError) -> Self {
        let (kind, code) = match error.phase {
            Phase::Syntax | Phase::Semantic => (Kind::Invalid, "invalid"),
            Phase::Execution => (Kind::Unprocessable, "processing"),
            Phase::Limit => (Kind::Unprocessable, "too-costly"),
            Phase::Outside => (Kind::Unprocessable, "not-supported"),
        };
        Error::new(kind, code, error.to_string())
    }
}
