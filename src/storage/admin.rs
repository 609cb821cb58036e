//! What an operator does to a database from the command line.

use std::path::Path;

use super::backup::{self, Carried, Progress};
use super::blobs::BlobPlace;
use super::connection::{AnyConnection, Purpose, Target, open, prepare_folder};
use super::dictionary::Dictionary;
use super::packages::{self, PackageRow};
use super::reindex::{self, Compute, Mode, Reindexed};
use super::transaction::in_transaction;
use super::verify::verify;
use super::{dialect, migrate};
use crate::error::Result;

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

    /// Adds a package; the same name and version with other bytes is refused before.
    pub fn add_package(&mut self, row: &PackageRow, archive: Vec<u8>) -> Result<()> {
        in_transaction(&mut self.connection, |connection| {
            dialect::lock_counter(connection)?;
            packages::put(connection, row, archive)
        })
    }

    /// Brings the index up to what the definitions say; see [`super::reindex`].
    pub fn reindex(
        &mut self,
        dictionary: &Dictionary,
        mode: Mode,
        compute: Compute<'_>,
        progress: &mut dyn FnMut(Reindexed),
    ) -> Result<Reindexed> {
        reindex::reindex(&mut self.connection, dictionary, mode, compute, progress)
    }

    /// Reverts every migration: for tests of the migrations.
    pub fn revert_all(mut self) -> Result<()> {
        migrate::revert_all(&mut self.connection)
    }

    /// Checks that everything stored is whole; documents kept as files lie below `data_dir`.
    pub fn verify(&mut self, data_dir: &Path) -> Result<()> {
        let place = match &self.connection {
            AnyConnection::Sqlite(_) => BlobPlace::files(data_dir)?,
            AnyConnection::Postgres(_) => BlobPlace::database(),
        };
        verify(&mut self.connection, &place)
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
