//! `Idempotency-Key`: a POST that is sent again is answered as the first time, not executed again.
//!
//! Source: CON-04 of the security handbook, after the IETF draft *The Idempotency-Key HTTP Header
//! Field*. The key belongs to a caller and a path; the answer is kept for a day, in the transaction of
//! the work itself. Of two equal requests at one time the second waits for the first and gets its
//! answer.

use std::sync::Arc;

use super::answer::{Answer, Body, Step};
use super::node::Node;
use crate::context::RequestContext;
use crate::error::{Error, Kind, Result, outcome};
use crate::fhir::model::json;
use crate::storage::{Committed, Keep};

/// A request that may be sent again.
#[derive(Clone, Copy, Debug)]
pub struct Once {
    hash: [u8; 32],
    body: [u8; 32],
}

/// Longest key, characters.
const LONGEST: usize = 128;

impl Once {
    /// Reads the header; `path` is what follows the base.
    ///
    /// # Errors
    /// `Invalid` for a key that is empty, long or not printable.
    pub fn read(
        context: &RequestContext,
        node: &Node,
        key: &str,
        path: &str,
        body: &[u8],
    ) -> Result<Self> {
        let printable = key.bytes().all(|b| (0x21..0x7f).contains(&b));
        if !(1..=LONGEST).contains(&key.len()) || !printable {
            return Err(Error::new(
                Kind::Invalid,
                "value",
                format!(
                    "expected an Idempotency-Key of 1 to {LONGEST} printable characters, found another"
                ),
            ));
        }
        let hasher = node.store.hasher();
        let named = format!("once\n{}\n{path}\n{key}", context.caller.name());
        Ok(Self {
            hash: hasher.digest(named.as_bytes()),
            body: hasher.digest(body),
        })
    }

    /// Runs the first half of a write unless its answer is kept already, and has it kept.
    ///
    /// # Errors
    /// `Unprocessable` for a key that was used with another body.
    pub fn step(
        &self,
        node: &Arc<Node>,
        first_half: impl FnOnce(&Node) -> Result<Step>,
    ) -> Result<Step> {
        if let Some(kept) = node.store.kept(self.hash)? {
            if kept.body != self.body {
                return Err(Error::new(
                    Kind::Unprocessable,
                    "duplicate",
                    "expected the body that this Idempotency-Key was first used with, found another",
                ));
            }
            return unpack(&kept.answer)
                .map(Step::Done)
                .ok_or_else(|| Error::internal("a kept answer is damaged"));
        }
        let mut step = first_half(node)?;
        if let Step::Commit {
            commit,
            finish,
            waits,
            ..
        } = &mut step
        {
            if *waits {
                return Err(Error::of(
                    Kind::NotSupported,
                    "an Idempotency-Key is offered for requests whose answer needs no reading: without GET entries, and with Prefer: return=minimal",
                ));
            }
            let (finish, node) = (Arc::clone(finish), Arc::clone(node));
            commit.keep = Some(Keep {
                hash: self.hash,
                body: self.body,
                answer: Arc::new(move |committed: &Committed| Ok(pack(&finish(&node, committed)?))),
            });
        }
        Ok(step)
    }
}

/// Status, version and time, length of the location, location, body.
fn pack(answer: &Answer) -> Vec<u8> {
    let mut out = answer.status.to_be_bytes().to_vec();
    let (version, at) = answer.version.unwrap_or((0, 0));
    out.extend_from_slice(&version.to_be_bytes());
    out.extend_from_slice(&at.to_be_bytes());
    let location = answer.location.as_deref().unwrap_or("");
    let length = u16::try_from(location.len()).unwrap_or(0);
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(location.as_bytes());
    match &answer.body {
        Body::Json(json) => out.extend_from_slice(json),
        Body::Outcome(issues) => out.extend_from_slice(&json::to_vec(&outcome(issues))),
        Body::Empty | Body::Stored(_) | Body::Ready(_) | Body::Raw { .. } => {}
    }
    out
}

fn unpack(packed: &[u8]) -> Option<Answer> {
    let (status, rest) = packed.split_first_chunk::<2>()?;
    let (version, rest) = rest.split_first_chunk::<8>()?;
    let (at, rest) = rest.split_first_chunk::<8>()?;
    let (length, rest) = rest.split_first_chunk::<2>()?;
    let (location, json) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
    let body = if json.is_empty() {
        Body::Empty
    } else {
        Body::Json(json.to_vec())
    };
    let mut answer = Answer::of(u16::from_be_bytes(*status), body);
    let version = i64::from_be_bytes(*version);
    answer.version = (version > 0).then_some((version, i64::from_be_bytes(*at)));
    let location = std::str::from_utf8(location).ok()?;
    answer.location = (!location.is_empty()).then(|| location.to_owned());
    Some(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn con_04_an_answer_comes_back_whole() {
        let mut answer = Answer::of(201, Body::Json(b"{}".to_vec()));
        answer.version = Some((1, 77));
        answer.location = Some("Patient/1/_history/1".to_owned());
        let back = unpack(&pack(&answer)).unwrap();
        assert_eq!(format!("{back:?}"), format!("{answer:?}"));
        let bare = Answer::of(204, Body::Empty);
        assert_eq!(
            format!("{:?}", unpack(&pack(&bare)).unwrap()),
            format!("{bare:?}")
        );
        assert!(unpack(b"").is_none());
    }
}
