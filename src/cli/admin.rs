//! `fascicolo migrate`, `backup`, `restore`, `fsck`, `reindex`.

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::app::{self, Sources, target};
use crate::clock::{Clock, SystemClock};
use crate::config::Config;
use crate::error::Result;
use crate::storage::admin::{self, Admin};
use crate::storage::{Carried, ReindexMode};

pub fn migrate(config: &Config) -> Result<ExitCode> {
    let admin = Admin::open(&target(config)?)?;
    if admin.migrated.is_empty() {
        println!("the schema is up to date");
    }
    for name in &admin.migrated {
        println!("migrated: {name}");
    }
    Ok(ExitCode::SUCCESS)
}

pub fn backup(config: &Config, file: &Path) -> Result<ExitCode> {
    let bar = bar();
    let carried = admin::backup(
        &target(config)?,
        &config.data_dir,
        file,
        &mut |table, rows| {
            bar.set_message(format!("{table}: {rows} rows"));
            bar.tick();
        },
    )?;
    bar.finish_and_clear();
    println!("backup: {}", summary(&carried));
    Ok(ExitCode::SUCCESS)
}

pub fn restore(config: &Config, file: &Path) -> Result<ExitCode> {
    let bar = bar();
    let carried = admin::restore(file, &target(config)?, &mut |table, rows| {
        bar.set_message(format!("{table}: {rows} rows"));
        bar.tick();
    })?;
    bar.finish_and_clear();
    println!("restored and checked: {}", summary(&carried));
    Ok(ExitCode::SUCCESS)
}

pub fn fsck(config: &Config, rebuild_index: bool) -> Result<ExitCode> {
    if rebuild_index {
        index(config, ReindexMode::Rebuild)?;
    }
    let bar = bar();
    bar.enable_steady_tick(Duration::from_millis(200));
    bar.set_message("checking bodies, documents and index rows");
    let now = SystemClock.now();
    let checked = Admin::open(&target(config)?)?.check(&config.data_dir, now)?;
    bar.finish_and_clear();
    for name in &checked.released {
        println!("whole again: {name}");
    }
    if checked.count == 0 {
        println!("everything is whole");
        return Ok(ExitCode::SUCCESS);
    }
    for finding in &checked.findings {
        eprintln!("error: {finding}");
    }
    eprintln!(
        "{} findings; what is damaged is not served: bring it back from a backup, or write it anew",
        checked.count
    );
    Ok(ExitCode::FAILURE)
}

/// Works on a database that nobody serves from this file; on PostgreSQL beside running servers.
pub fn reindex(config: &Config) -> Result<ExitCode> {
    index(config, ReindexMode::Compare)?;
    Ok(ExitCode::SUCCESS)
}

fn index(config: &Config, mode: ReindexMode) -> Result<()> {
    let base = config.base_url_at(config.listen);
    let node = app::node(config, base, Sources::default())?.node();
    let bar = bar();
    let mut admin = Admin::open(&target(config)?)?;
    let done = app::reindex(&mut admin, &node, mode, &mut |done| {
        bar.set_message(format!("{} resources", done.looked_at));
        bar.tick();
    })?;
    bar.finish_and_clear();
    println!(
        "{} resources looked at, {} found by something else than before",
        done.looked_at, done.changed
    );
    Ok(())
}

fn bar() -> ProgressBar {
    let bar = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("{spinner} {elapsed} {msg}") {
        bar.set_style(style);
    }
    bar
}

fn summary(carried: &Carried) -> String {
    let of = |name: &str| {
        carried
            .rows
            .iter()
            .find(|(table, _)| *table == name)
            .map_or(0, |(_, rows)| *rows)
    };
    format!(
        "{} resources, {} older versions, {} audit records, {} documents",
        of("resource"),
        of("history"),
        of("audit_record"),
        carried.documents.max(of("blob")),
    )
}
