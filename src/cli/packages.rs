//! `fascicolo packages add|list|check`.

use std::path::Path;
use std::process::ExitCode;

use crate::app::target;
use crate::clock::{Clock, SystemClock};
use crate::config::Config;
use crate::error::{Error, Kind, Result};
use crate::fhir::definitions::Definitions;
use crate::packages::{archive_of, read_archive, sha256};
use crate::storage::PackageRow;
use crate::storage::admin::Admin;

pub fn add(config: &Config, file: &Path) -> Result<ExitCode> {
    let archive = archive_of(file)?;
    let package = read_archive(&archive)?;
    let mut admin = Admin::open(&target(config)?)?;
    let row = PackageRow {
        name: package.name.clone(),
        version: package.version.clone(),
        sha256: sha256(&archive),
        added: SystemClock.now(),
    };
    let before = admin
        .packages()?
        .into_iter()
        .find(|known| known.name == row.name && known.version == row.version);
    match before {
        Some(known) if known.sha256 == row.sha256 => {
            println!("{} {} is there already", row.name, row.version);
            return Ok(ExitCode::SUCCESS);
        }
        Some(known) => {
            return Err(Error::of(
                Kind::Conflict,
                format!(
                    "{} {} is pinned to sha256 {}, found {}: a package never changes under its version",
                    row.name, row.version, known.sha256, row.sha256
                ),
            ));
        }
        None => {}
    }
    admin.add_package(&row, archive)?;
    println!(
        "added {} {} ({} resources), sha256 {}",
        row.name,
        row.version,
        package.resources.len(),
        row.sha256
    );
    println!("running servers use it from now on, and bring their index up to date");
    Ok(ExitCode::SUCCESS)
}

pub fn list(config: &Config) -> Result<ExitCode> {
    println!("hl7.fhir.r4.core 4.0.1 (embedded)");
    for row in Admin::open(&target(config)?)?.packages()? {
        println!("{} {} sha256 {}", row.name, row.version, row.sha256);
    }
    Ok(ExitCode::SUCCESS)
}

pub fn check(config: &Config) -> Result<ExitCode> {
    let mut admin = Admin::open(&target(config)?)?;
    let mut faults = 0u32;
    let mut texts = Vec::new();
    for row in admin.packages()? {
        let archive = admin.package_archive(&row.name, &row.version)?;
        let found = sha256(&archive);
        if found != row.sha256 {
            faults = faults.saturating_add(1);
            println!(
                "{} {}: expected sha256 {}, found {found}",
                row.name, row.version, row.sha256
            );
            continue;
        }
        match read_archive(&archive) {
            Ok(package) => {
                println!(
                    "{} {}: {} resources",
                    row.name,
                    row.version,
                    package.resources.len()
                );
                texts.push(
                    package
                        .resources
                        .into_iter()
                        .map(|(_, text)| text)
                        .collect(),
                );
            }
            Err(error) => {
                faults = faults.saturating_add(1);
                println!("{} {}: {error}", row.name, row.version);
            }
        }
    }
    let (_, issues) = Definitions::with(texts)?;
    for issue in issues {
        println!("{}: {}", issue.severity.code(), issue.diagnostics);
    }
    if faults > 0 {
        return Ok(ExitCode::FAILURE);
    }
    println!("all packages are whole");
    Ok(ExitCode::SUCCESS)
}
