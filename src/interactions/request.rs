//! What callers ask for, parsed before it arrives here.

use crate::error::{Error, Kind, Result};

/// `If-Match`: the versions the client means.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IfMatch(pub Option<i64>);

impl IfMatch {
    /// Reads the value of the header: `W/"3"`, or `"3"`, which some clients send.
    ///
    /// # Errors
    /// `Invalid` for anything else.
    pub fn parse(text: &str) -> Result<Self> {
        version_of_etag(text).map(|version| Self(Some(version))).ok_or_else(|| {
            Error::new(
                Kind::Invalid,
                "value",
                "expected If-Match with one weak entity tag such as W/\"3\", found another value",
            )
        })
    }
}

/// The version in an entity tag of ours.
pub fn version_of_etag(text: &str) -> Option<i64> {
    let text = text.trim();
    let quoted = text.strip_prefix("W/").unwrap_or(text);
    let version = quoted.strip_prefix('"')?.strip_suffix('"')?;
    version_number(version)
}

/// A version id as this server makes them: a positive decimal number without leading zeros.
pub fn version_number(text: &str) -> Option<i64> {
    if text.is_empty() || text.starts_with('0') || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

/// `Prefer: return=…`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Return {
    Minimal,
    #[default]
    Representation,
    OperationOutcome,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<i64>) {
        assert_eq!(
            IfMatch::parse(text).ok().and_then(|m| m.0),
            expected,
            "{text}"
        );
    }

    #[test]
    fn entity_tags() {
        check("W/\"1\"", Some(1));
        check("\"12\"", Some(12));
        for bad in [
            "",
            "1",
            "W/1",
            "W/\"\"",
            "W/\"01\"",
            "W/\"-1\"",
            "W/\"a\"",
            "*",
            "W/\"1\", W/\"2\"",
            "W/\"99999999999999999999\"",
        ] {
            check(bad, None);
        }
    }
}
