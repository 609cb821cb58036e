//! A write from the edge: first half on a pool, commit, second half; again when somebody was faster.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::fhir::stopping;
use super::pool::{Pool, Turn, overloaded};
use super::state::State;
use crate::error::{Error, Result};
use crate::interactions::answer::keys;
use crate::interactions::{Answer, Node, Step, Verdict, judge};
use crate::storage::{Commit, CommitError, Committed, Ticket};

/// What the halves of a write need.
pub struct Halves {
    pub state: Arc<State>,
    /// For the first half.
    pub pool: Pool,
    pub turn: Turn,
}

impl Halves {
    /// Runs both halves.
    ///
    /// # Errors
    /// Those of the halves, and of a commit that did not happen.
    pub async fn run(
        self,
        mut prepare: impl FnMut(&Node) -> Result<Step> + Send + 'static,
    ) -> Result<Answer> {
        for attempt in 0.. {
            let node = self.state.node();
            let preparing = Arc::clone(&node);
            let (step, returned) = self
                .pool
                .run(self.turn, move || {
                    let step = prepare(&preparing)?;
                    Ok((step, prepare))
                })
                .await?;
            prepare = returned;
            let (commit, race, finish, brief) = match step {
                Step::Done(answer) => return Ok(answer),
                Step::Commit {
                    commit,
                    race,
                    finish,
                    brief,
                } => (commit, race, finish, brief),
            };
            let keys = keys(&commit);
            let patient = &self.state.patient;
            match self.commit(&node, commit).await? {
                Ok(committed) => {
                    // Whoever changes what is defined finds it changed.
                    let follows = committed.edition != node.edition;
                    if brief.is_some() || follows {
                        let work = move || {
                            node.follow(committed.edition);
                            finish(&node, &committed)
                        };
                        // What is written must be told: not refused for a long line.
                        let turn = Turn {
                            patience: self.state.patience.bulk,
                            ..self.turn
                        };
                        return patient.run(turn, work).await;
                    }
                    return finish(&node, &committed);
                }
                Err(error) => match judge(error, &keys, race, attempt) {
                    Verdict::Again => {}
                    Verdict::Renew => {
                        let work = move || node.renewed().map(drop);
                        patient.run(self.turn, work).await?;
                    }
                    Verdict::Answer(error) => return Err(error),
                },
            }
        }
        Err(Error::internal("a write was attempted without end"))
    }

    /// Commits. What the writer has begun is waited for; what it has not begun in time, or when the
    /// client has gone away, is not done at all (CON-06).
    async fn commit(
        &self,
        node: &Node,
        commit: Commit,
    ) -> Result<std::result::Result<Committed, CommitError>> {
        let commit = node.made_ready(commit);
        let waiting = Waiting(commit.ticket.clone());
        let (sender, mut answered) = oneshot::channel();
        node.store.commit_then(
            commit,
            Box::new(move |result| {
                let _ = sender.send(result);
            }),
        );
        let answer = match tokio::time::timeout(self.turn.patience, &mut answered).await {
            Ok(answer) => answer,
            Err(_) if waiting.0.take() => return Err(overloaded()),
            Err(_) => answered.await,
        };
        answer.map_err(|_| stopping())
    }
}

/// A commit that waits for the writer. Going away takes it back, unless it has begun.
struct Waiting(Ticket);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.take();
    }
}
