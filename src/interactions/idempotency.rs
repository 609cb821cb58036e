//! `Idempotency-Key`: a POST that is sent again is answered as the first time, not executed again.
//!
//! Source: CON-04 of the security handbook, after the IETF draft *The Idempotency-Key HTTP Header
//! Field*. The key belongs to a caller and a path; the answer is kept for a day, in the transaction of
//! the work itself. Of two equal requests at one time the second waits for the first and gets its
//! answer; where the work is more than one transaction, it is told that the first is at work.

use std::io::Read;
use std::sync::Arc;

use super::answer::{Answer, Body, Step};
use super::node::Node;
use crate::context::RequestContext;
use crate::error::{Error, Issue, Kind, Result, outcome};
use crate::fhir::model::json;
use crate::storage::{Commit, CommitError, Keep, Kept, MakeAnswer};

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
        body: impl Read,
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
            body: hasher
                .digest_of(body)
                .map_err(|error| Error::internal("a body cannot be read back").because(error))?,
        })
    }

    /// Runs the first half of a write unless its answer is kept already, and has it kept.
    ///
    /// What cannot be answered without reading is kept twice: in the transaction, as far as it can be told
    /// then, and once more when it is whole.
    ///
    /// # Errors
    /// `Unprocessable` for a key that was used with another body, `Conflict` while the first request is at
    /// work.
    pub fn step(
        &self,
        node: &Arc<Node>,
        first_half: impl FnOnce(&Node) -> Result<Step>,
    ) -> Result<Step> {
        if let Some(kept) = node.store.kept(self.hash)? {
            return self.again(node, &kept);
        }
        let mut step = first_half(node)?;
        if let Step::Commit {
            commit,
            finish,
            brief,
            ..
        } = &mut step
        {
            let (make, how) = match brief {
                Some(brief) => (Arc::clone(brief), How::Brief),
                None => (Arc::clone(finish), How::Whole),
            };
            let node = Arc::clone(node);
            commit.keep = Some(self.keep(
                Arc::new(move |committed| Ok(pack(&make(&node, committed)?, how))),
                false,
            ));
            if let Some(brief) = brief.clone() {
                let (once, whole) = (*self, Arc::clone(finish));
                *finish = Arc::new(move |node, committed| {
                    let answer = whole(node, committed)?;
                    if is_kept(node, &answer) {
                        once.complete(node, &answer);
                    } else {
                        once.complete(node, &brief(node, committed)?);
                    }
                    Ok(answer)
                });
            }
        }
        Ok(step)
    }

    /// Runs what is no single commit to its end unless its answer is kept already, and keeps it.
    ///
    /// Of two equal requests the second is never executed, not even when the first was broken off: then
    /// nobody can say how far it came.
    ///
    /// # Errors
    /// As [`Once::step`], and those of `run`.
    pub fn whole(&self, node: &Node, run: impl FnOnce(&Node) -> Result<Step>) -> Result<Step> {
        let begun = || pack(&Answer::of(202, Body::Empty), How::Begun);
        let claim = Commit {
            keep: Some(self.keep(Arc::new(move |_| Ok(begun())), false)),
            ..Commit::default()
        };
        match node.store.commit(claim) {
            Ok(_) => {}
            Err(CommitError::Failed(error)) => return Err(error),
            Err(CommitError::Refused(_)) => {
                let kept = node.store.kept(self.hash)?;
                let kept = kept.ok_or_else(|| Error::internal("a kept answer is gone"))?;
                return self.again(node, &kept);
            }
        }
        match run(node) {
            Ok(Step::Done(answer)) => {
                if is_kept(node, &answer) {
                    self.complete(node, &answer);
                } else {
                    let text = "the batch was done when it was first sent; its answer was too long to be kept";
                    let issues = vec![Issue::information("informational", text)];
                    self.complete(node, &Answer::of(answer.status, Body::Outcome(issues)));
                }
                Ok(Step::Done(answer))
            }
            Ok(Step::Commit { .. }) => Err(Error::internal("a batch that is one commit")),
            Err(error) => {
                // Wrong as a whole, which it will always be. What the server failed at stays open.
                if error.kind().status() < 500 {
                    let issues = error.issues().to_vec();
                    let answer = Answer::of(error.kind().status(), Body::Outcome(issues));
                    self.complete(node, &answer);
                }
                Err(error)
            }
        }
    }

    fn keep(&self, answer: MakeAnswer, replaces: bool) -> Keep {
        Keep {
            hash: self.hash,
            body: self.body,
            answer,
            replaces,
        }
    }

    /// Keeps the whole answer. The work is done: what fails here must not look as if it were not.
    fn complete(&self, node: &Node, answer: &Answer) {
        let packed = pack(answer, How::Whole);
        let commit = Commit {
            keep: Some(self.keep(Arc::new(move |_| Ok(packed.clone())), true)),
            ..Commit::default()
        };
        if let Err(error) = node.store.commit(commit) {
            tracing::warn!(?error, "an answer could not be kept");
        }
    }

    /// The answer to a request that was sent before.
    fn again(&self, node: &Node, kept: &Kept) -> Result<Step> {
        if kept.body != self.body {
            return Err(Error::new(
                Kind::Unprocessable,
                "duplicate",
                "expected the body that this Idempotency-Key was first used with, found another",
            ));
        }
        let (answer, how) =
            unpack(&kept.answer).ok_or_else(|| Error::internal("a kept answer is damaged"))?;
        let is_young = node.clock.now().saturating_sub(kept.created) < AT_WORK;
        match unanswered(how, is_young) {
            Some(error) => Err(error),
            None => Ok(Step::Done(answer)),
        }
    }
}

/// Whether an answer is kept as a whole: none that is longer than a resource may be.
fn is_kept(node: &Node, answer: &Answer) -> bool {
    match &answer.body {
        Body::Json(json) => json.len() <= node.choices.resource_bytes,
        _ => true,
    }
}

/// Why a request that was sent before has no answer.
fn unanswered(how: How, is_young: bool) -> Option<Error> {
    match (how, is_young) {
        (How::Whole, _) | (How::Brief, false) => None,
        (How::Begun, false) => Some(Error::new(
            Kind::Conflict,
            "incomplete",
            "the first request with this Idempotency-Key was broken off: see how far it came, and send the rest with another key",
        )),
        (How::Brief | How::Begun, true) => Some(
            Error::new(
                Kind::Conflict,
                "lock-error",
                "the first request with this Idempotency-Key is at work; ask again",
            )
            .retry_after(1),
        ),
    }
}

/// How much of an answer is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    Whole,
    /// Everything but what has to be read.
    Brief,
    /// Nothing: it has begun.
    Begun,
}

/// The statuses of HTTP have three digits; what is above says how much of the answer is there.
const HOWS: [(How, u16); 3] = [(How::Whole, 0), (How::Brief, 1_000), (How::Begun, 2_000)];

/// Microseconds for which a request without a whole answer is taken to be at work.
const AT_WORK: i64 = 300 * 1_000_000;

/// Status and how much is there, version and time, length of the location, location, body.
fn pack(answer: &Answer, how: How) -> Vec<u8> {
    let above = HOWS.iter().find(|(found, _)| *found == how);
    let status = answer
        .status
        .saturating_add(above.map_or(0, |(_, above)| *above));
    let mut out = status.to_be_bytes().to_vec();
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
        Body::Empty | Body::Stored(_) | Body::Ready(_) | Body::Raw { .. } | Body::Around { .. } => {
        }
    }
    out
}

fn unpack(packed: &[u8]) -> Option<(Answer, How)> {
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
    let status = u16::from_be_bytes(*status);
    let above = status.checked_div(1_000)?.checked_mul(1_000)?;
    let (how, _) = HOWS.iter().find(|(_, found)| *found == above)?;
    let mut answer = Answer::of(status.checked_sub(above)?, body);
    let version = i64::from_be_bytes(*version);
    answer.version = (version > 0).then_some((version, i64::from_be_bytes(*at)));
    let location = std::str::from_utf8(location).ok()?;
    answer.location = (!location.is_empty()).then(|| location.to_owned());
    Some((answer, *how))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn con_04_an_answer_comes_back_whole() {
        let mut answer = Answer::of(201, Body::Json(b"{}".to_vec()));
        answer.version = Some((1, 77));
        answer.location = Some("Patient/1/_history/1".to_owned());
        for answer in [answer, Answer::of(204, Body::Empty)] {
            for (how, _) in HOWS {
                let (back, found) = unpack(&pack(&answer, how)).unwrap();
                assert_eq!(format!("{back:?}"), format!("{answer:?}"));
                assert_eq!(found, how);
            }
        }
        assert!(unpack(b"").is_none());
        assert!(unpack(&[255; 40]).is_none());
    }

    #[test]
    fn con_04_what_was_begun_is_never_begun_again() {
        for (how, is_young, expected) in [
            (How::Whole, true, None),
            (How::Whole, false, None),
            // At work, or not whole for good.
            (How::Brief, true, Some(("lock-error", Some(1)))),
            (How::Brief, false, None),
            (How::Begun, true, Some(("lock-error", Some(1)))),
            (How::Begun, false, Some(("incomplete", None))),
        ] {
            let error = unanswered(how, is_young);
            let found = error
                .as_ref()
                .map(|error| (error.issues()[0].code, error.retry_after_seconds()));
            assert_eq!(found, expected, "{how:?}, {is_young}");
            assert!(error.is_none_or(|error| error.kind() == Kind::Conflict));
        }
    }
}
