//! JSON text and its tree, as FHIR wants it read.
//!
//! Order of members and text of numbers are kept; duplicate member names, lone surrogates, control
//! characters, `NaN` and values over the limits are refused. Source: RFC 8259; FHIR R4 *JSON
//! representation*; the limits are IN-07 to IN-11 of the security handbook.

mod locate;
mod parse;
mod scan;
mod write;

pub use locate::locate;
pub use parse::parse;
pub use scan::{Members, RawMember, Scanner, compact, elements, members};
pub use write::{escape_into, to_pretty, to_vec, write_into};

use crate::error::{Error, Issue, Kind, Position};

/// What a JSON text may cost.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Nesting of arrays and objects.
    pub depth: usize,
    /// Values in all, members and items.
    pub nodes: usize,
    /// Bytes of one string, attachment data not counted.
    pub string: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            depth: 64,
            nodes: 200_000,
            string: 1 << 20,
        }
    }
}

/// Where and why a text is not acceptable JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JsonError {
    /// Lines and columns count from 1; columns count bytes.
    pub line: usize,
    pub column: usize,
    /// FHIRPath-like place, `Patient.name[0].given`, empty at the root.
    pub path: String,
    /// Expected and found.
    pub what: String,
    /// A code of the value set `issue-type`.
    pub code: &'static str,
}

impl JsonError {
    /// The fault as a finding in the text as a whole, with its place there. As an [`Error`] it has none:
    /// the text may have been a part, such as an entry of a Bundle.
    pub fn into_issue(self) -> Issue {
        let position = Position {
            line: self.line,
            column: self.column,
        };
        Issue {
            position: Some(position),
            ..self.into_placeless()
        }
    }

    fn into_placeless(self) -> Issue {
        let issue = Issue::error(
            self.code,
            format!(
                "JSON, line {} column {}: {}",
                self.line, self.column, self.what
            ),
        );
        if self.path.is_empty() {
            issue
        } else {
            issue.at(self.path)
        }
    }
}

impl From<JsonError> for Error {
    fn from(error: JsonError) -> Self {
        Error::from_issues(Kind::Invalid, vec![error.into_placeless()])
    }
}
