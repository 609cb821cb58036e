//! `fascicolo ingest FILE…`.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use indicatif::ProgressBar;

use crate::app::{self, Sources};
use crate::config::Config;
use crate::context::{Caller, RequestContext};
use crate::documents::ingest::{Document, ingest as first_half};
use crate::error::{Error, Kind, Result};
use crate::ids::{Ids, RandomIds};
use crate::interactions::{Body, Node, run};

/// Takes in each file; one that is refused does not keep the others out.
pub fn ingest(config: &Config, files: &[PathBuf]) -> Result<ExitCode> {
    let live = app::node(
        config,
        config.base_url_at(config.listen),
        Sources::default(),
    )?;
    let node = live.node();
    let bar = ProgressBar::new(u64::try_from(files.len()).unwrap_or(u64::MAX));
    let mut refused = 0usize;
    for file in files {
        let name = file.display();
        match one(&node, file) {
            Ok(lines) => bar.suspend(|| lines.iter().for_each(|line| println!("{name}: {line}"))),
            Err(error) => {
                refused = refused.saturating_add(1);
                bar.suspend(|| {
                    for issue in error.issues() {
                        println!(
                            "{name}: error: {} {}",
                            issue.diagnostics,
                            issue.expression.join(" ")
                        );
                    }
                });
            }
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    println!(
        "{} taken in, {refused} refused",
        files.len().saturating_sub(refused)
    );
    Ok(if refused == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn one(node: &Node, file: &Path) -> Result<Vec<String>> {
    let unreadable =
        |error: io::Error| Error::of(Kind::Invalid, "the file cannot be read").because(error);
    let mut source = File::open(file).map_err(unreadable)?;
    let mut upload = node.store.upload()?;
    let mut piece = vec![0; 64 * 1024];
    let (mut size, mut is_pdf) = (0usize, false);
    loop {
        let read = source.read(&mut piece).map_err(unreadable)?;
        let bytes = piece.get(..read).unwrap_or(&[]);
        if bytes.is_empty() {
            break;
        }
        if size == 0 {
            let head = bytes.get(..1024).unwrap_or(bytes);
            is_pdf = head.windows(5).any(|window| window == b"%PDF-");
        }
        size = size.saturating_add(read);
        if size > node.choices.document_bytes {
            return Err(Error::of(
                Kind::TooLarge,
                format!(
                    "expected at most {} bytes, found more",
                    node.choices.document_bytes
                ),
            ));
        }
        upload.write(bytes)?;
    }
    let content_type = if is_pdf {
        "application/pdf"
    } else {
        "application/xml"
    };
    let document = Document::read(upload.finish()?, content_type)?;
    let context = RequestContext {
        caller: Caller::Operator,
        request_id: RandomIds::new().new_id()?,
    };
    let answer = run(node, |node| first_half(&context, node, &document))?;
    let Body::Outcome(issues) = answer.body else {
        return Ok(Vec::new());
    };
    Ok(issues
        .iter()
        .map(|issue| {
            let place = issue.expression.join(" ");
            format!("{}: {} {place}", issue.severity.code(), issue.diagnostics)
        })
        .collect())
}
