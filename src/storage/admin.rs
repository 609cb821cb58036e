//! What an operator does to a database from the command line.

use std::collections::BTreeSet;
use std::path::Path;

use super::backup::{self, Carried, Progress};
use super::blobs::BlobPlace;
use super::connection::{AnyConnection, Purpose, Target, open, prepare_folder};
use super::index_rows::FORMAT;
use super::indexed::{self, Known};
use super::packages::{self, PackageRow};
use super::quarantine;
use super::reindex::{self, IndexedBy, Mode, Reindexed};
use super::resources;
use super::transaction::{in_snapshot, in_transaction};
use super::verify::check;
use super::{dialect, migrate, setting};
use crate::clock::Instant;
use crate::error::Result;
use crate::fhir::search::Form;

/// What is defined beside R4.
pub struct Sources {
    pub edition: i64,
    /// Packages, by name and version.
    pub archives: Vec<Vec<u8>>,
    /// Resources that define something, as JSON; what was written last comes last.
    pub resources: Vec<Vec<u8>>,
}

/// What a check of everything stored has found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// Each finding in words, the first [`MOST_FINDINGS`] of them.
    pub findings: Vec<String>,
    /// How many there are in all.
    pub count: u64,
    /// What was in quarantine and is whole again.
    pub released: Vec<String>,
}

/// Findings that are kept of one check. A database with more of them is to be restored, not mended.
const MOST_FINDINGS: usize = 10_000;

/// A connection of an operator's command, with the schema up to date.
pub struct Admin {
    connection: AnyConnection,
    /// Migrations that ran when it was opened.
    pub migrated: Vec<String>,
}

impl Admin {
    /// Opens the database and brings its schema up to date.
    pub fn open(target: &Target) -> Result<Self> {
        if let Target::Sqlite(path) = target {
            prepare_folder(path)?;
        }
        let mut connection = open(target, Purpose::Write)?;
        let migrated = migrate::run(&mut connection)?;
        Ok(Self {
            connection,
            migrated,
        })
    }

    /// All packages, by name and version.
    pub fn packages(&mut self) -> Result<Vec<PackageRow>> {
        packages::list(&mut self.connection)
    }

    /// The archive of a package.
    pub fn package_archive(&mut self, name: &str, version: &str) -> Result<Vec<u8>> {
        packages::archive(&mut self.connection, name, version)
    }

    /// Adds a package; the same name and version with other bytes is refused before. Another edition of
    /// the definitions is in force then.
    pub fn add_package(&mut self, row: &PackageRow, archive: Vec<u8>) -> Result<()> {
        in_transaction(&mut self.connection, |connection| {
            let counter = dialect::lock_counter(connection)?;
            packages::put(connection, row, archive)?;
            reindex::raise_edition(connection, counter)
        })
    }

    /// What is defined beside R4, of one state of the database. `resource_type` is the type whose
    /// resources define something.
    pub fn sources(&mut self, resource_type: &str) -> Result<Sources> {
        in_snapshot(&mut self.connection, |connection| {
            let mut archives = Vec::new();
            for row in packages::list(connection)? {
                archives.push(packages::archive(connection, &row.name, &row.version)?);
            }
            Ok(Sources {
                edition: dialect::counter(connection)?.edition,
                archives,
                resources: resources::all(connection, resource_type)?,
            })
        })
    }

    /// Enters the names of an edition of the definitions, and queues a job where the index is not ready
    /// for it; `None` when another edition is in force.
    pub fn enter(
        &mut self,
        edition: i64,
        names: &[(String, Vec<String>)],
        forms: &[Form],
        now: Instant,
    ) -> Result<Option<Known>> {
        indexed::enter(&mut self.connection, edition, names, forms, now)
    }

    /// Rebuilds an index of another form than this version has; `None` when another process did it. Keeps
    /// others from it until this is dropped.
    pub fn rebuild(
        &mut self,
        by: &IndexedBy<'_>,
        progress: &mut dyn FnMut(Reindexed),
    ) -> Result<Option<Reindexed>> {
        dialect::rebuild_alone(&mut self.connection)?;
        if setting::index_format(&mut self.connection, FORMAT)? {
            return Ok(None);
        }
        reindex::reindex(&mut self.connection, by, Mode::Rebuild, progress).map(Some)
    }

    /// Brings the index up to what the definitions say; see [`super::reindex`].
    pub fn reindex(
        &mut self,
        by: &IndexedBy<'_>,
        mode: Mode,
        progress: &mut dyn FnMut(Reindexed),
    ) -> Result<Reindexed> {
        if mode == Mode::Rebuild {
            dialect::rebuild_alone(&mut self.connection)?;
        }
        reindex::reindex(&mut self.connection, by, mode, progress)
    }

    /// Reverts every migration: for tests of the migrations.
    pub fn revert_all(mut self) -> Result<()> {
        migrate::revert_all(&mut self.connection)
    }

    /// Checks that everything stored is whole, and brings the quarantine up to date; documents kept as
    /// files lie below `data_dir`.
    pub fn check(&mut self, data_dir: &Path, now: Instant) -> Result<Checked> {
        let place = match &self.connection {
            AnyConnection::Sqlite(_) => BlobPlace::files(data_dir)?,
            AnyConnection::Postgres(_) => BlobPlace::database(),
        };
        let mut checked = Checked::default();
        let mut damaged = Vec::new();
        let before = in_snapshot(&mut self.connection, |connection| {
            let before = quarantine::list(connection)?;
            check(connection, &place, &mut |finding| {
                checked.count = checked.count.saturating_add(1);
                if checked.findings.len() < MOST_FINDINGS {
                    checked.findings.push(finding.text);
                    damaged.extend(finding.damage);
                }
                Ok(())
            })?;
            Ok(before)
        })?;
        let complete = usize::try_from(checked.count) == Ok(checked.findings.len());
        in_transaction(&mut self.connection, |connection| {
            dialect::lock_counter(connection)?;
            for damage in &damaged {
                quarantine::insert(connection, damage, now)?;
            }
            let names: BTreeSet<String> = damaged.iter().map(ToString::to_string).collect();
            // What was entered since the check began was not looked at.
            for name in before {
                if complete && !names.contains(&name) {
                    quarantine::release(connection, name.clone())?;
                    checked.released.push(name);
                }
            }
            Ok(())
        })?;
        Ok(checked)
    }
}

/// Writes a backup of a live database to a new file.
pub fn backup(
    source: &Target,
    data_dir: &Path,
    file: &Path,
    progress: Progress<'_>,
) -> Result<Carried> {
    backup::backup(source, data_dir, file, progress)
}

/// Brings a backup into an empty database and checks it.
pub fn restore(file: &Path, target: &Target, progress: Progress<'_>) -> Result<Carried> {
    backup::restore(file, target, progress)
}
