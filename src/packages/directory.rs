//! Packages in the data directory: `packages/NAME#VERSION.tgz` and `packages/packages.lock.json`.
//!
//! A file appears whole or not at all: written under another name, synced, renamed, folder synced.
//! The archive is there before the list names it, so that a crash leaves at most an archive that
//! [`check_dir`] reports. Several processes may add at once: they take turns by a lock on `.lock`.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use super::{Lock, LockEntry, Package, io_error, read_archive};
use crate::error::{Issue, Result};

const FOLDER: &str = "packages";
const LOCK_FILE: &str = "packages.lock.json";

/// What adding did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Added {
    pub entry: LockEntry,
    /// False when the same bytes were there already.
    pub new: bool,
}

/// Checks an archive and keeps it. Adding the same one again changes nothing.
///
/// # Errors
/// Those of [`read_archive`]; `Conflict` when name and version are there with other bytes;
/// `Full` or `Unavailable` when the disk fails.
pub fn add_to_dir(data_dir: &Path, archive: &[u8], source: &str) -> Result<Added> {
    let entry = read_archive(archive)?.lock_entry(source);
    let folder = data_dir.join(FOLDER);
    fs::create_dir_all(&folder).map_err(|error| io_error("making", &folder, error))?;
    let turn = folder.join(".lock");
    let guard = File::create(&turn).map_err(|error| io_error("opening", &turn, error))?;
    // Released when the file is closed, also by a crash.
    guard
        .lock()
        .map_err(|error| io_error("locking", &turn, error))?;
    let mut lock = read_lock(&folder)?;
    let new = lock.insert(entry.clone())?;
    let path = folder.join(file_name(&entry));
    // A file that was lost or spoilt is mended by adding the package again.
    let kept = fs::read(&path).is_ok_and(|bytes| entry.verify(&bytes).is_ok());
    if !kept {
        write_whole(&folder, &path, archive)?;
    }
    if new {
        write_whole(&folder, &folder.join(LOCK_FILE), &lock.to_json()?)?;
    }
    Ok(Added { entry, new })
}

/// The packages kept, sorted by name and version.
///
/// # Errors
/// `Invalid` if the lock list is damaged.
pub fn list_dir(data_dir: &Path) -> Result<Vec<LockEntry>> {
    Ok(read_lock(&data_dir.join(FOLDER))?.packages)
}

/// The bytes of a package kept, verified against the list.
///
/// # Errors
/// `NotFound` if the file is gone; `Internal` if it is not what was added.
pub fn archive_from_dir(data_dir: &Path, entry: &LockEntry) -> Result<Vec<u8>> {
    let path = data_dir.join(FOLDER).join(file_name(entry));
    let bytes = fs::read(&path).map_err(|error| io_error("reading", &path, error))?;
    entry.verify(&bytes)?;
    Ok(bytes)
}

/// All packages kept, read and verified.
///
/// # Errors
/// The first fault: a package that is listed and cannot be used must not be passed over silently.
pub fn load_dir(data_dir: &Path) -> Result<Vec<Package>> {
    list_dir(data_dir)?
        .iter()
        .map(|entry| read_archive(&archive_from_dir(data_dir, entry)?))
        .collect()
}

/// Holds every file against the list: lost, changed, unlisted. Empty when all is well.
///
/// # Errors
/// `Invalid` if the lock list is damaged; `Unavailable` if the folder cannot be read.
pub fn check_dir(data_dir: &Path) -> Result<Vec<Issue>> {
    let folder = data_dir.join(FOLDER);
    let lock = read_lock(&folder)?;
    let mut issues = Vec::new();
    for entry in &lock.packages {
        if let Err(error) = archive_from_dir(data_dir, entry) {
            issues.push(Issue::error("exception", error.to_string()));
        }
    }
    let known: Vec<String> = lock.packages.iter().map(file_name).collect();
    for name in file_names(&folder)? {
        if name.ends_with(".tgz") && !known.contains(&name) {
            issues.push(Issue::warning(
                "incomplete",
                format!("{name} is not in the list of packages"),
            ));
        }
    }
    Ok(issues)
}

fn file_name(entry: &LockEntry) -> String {
    format!("{}.tgz", entry.id())
}

fn file_names(folder: &Path) -> Result<Vec<String>> {
    let failed = |error| io_error("reading", folder, error);
    if !folder.exists() {
        return Ok(Vec::new());
    }
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        names.push(
            entry
                .map_err(failed)?
                .file_name()
                .to_string_lossy()
                .into_owned(),
        );
    }
    names.sort();
    Ok(names)
}

fn read_lock(folder: &Path) -> Result<Lock> {
    let path = folder.join(LOCK_FILE);
    match fs::read(&path) {
        Ok(bytes) => Lock::parse(&bytes),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Lock::default()),
        Err(error) => Err(io_error("reading", &path, error)),
    }
}

/// Writes a file so that it is there whole or not at all, also after a power cut (DUR-04).
fn write_whole(folder: &Path, path: &Path, bytes: &[u8]) -> Result<()> {
    // One name is enough: whoever writes holds the turn.
    let temporary: PathBuf = folder.join(".new");
    let failed = |error| io_error("writing", path, error);
    let mut file = File::create(&temporary).map_err(failed)?;
    file.write_all(bytes).map_err(failed)?;
    file.sync_all().map_err(failed)?;
    fs::rename(&temporary, path).map_err(failed)?;
    if cfg!(unix) {
        File::open(folder)
            .and_then(|folder| folder.sync_all())
            .map_err(failed)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;
    use crate::packages::tests::{VALUE_SET, archive, file};

    #[test]
    fn the_data_directory_keeps_pins_and_checks() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(list_dir(dir.path()).unwrap(), []);
        assert_eq!(check_dir(dir.path()).unwrap(), []);
        let bytes = archive(&[file("package/x.json", VALUE_SET)]);
        let added = add_to_dir(dir.path(), &bytes, "/home/someone/x.tgz").unwrap();
        assert!(added.new);
        assert_eq!(
            (added.entry.id().as_str(), added.entry.source.as_str()),
            ("it.example#1.0.0", "x.tgz")
        );
        assert!(!add_to_dir(dir.path(), &bytes, "x.tgz").unwrap().new);
        assert_eq!(list_dir(dir.path()).unwrap(), vec![added.entry.clone()]);
        assert_eq!(archive_from_dir(dir.path(), &added.entry).unwrap(), bytes);
        assert_eq!(load_dir(dir.path()).unwrap()[0].resources.len(), 1);
        assert_eq!(check_dir(dir.path()).unwrap(), []);

        let other = add_to_dir(dir.path(), &archive(&[]), "x.tgz").unwrap_err();
        assert_eq!(other.kind(), Kind::Conflict);
        assert!(add_to_dir(dir.path(), b"nonsense", "x.tgz").is_err());
        assert_eq!(list_dir(dir.path()).unwrap().len(), 1);

        let kept = dir.path().join("packages/it.example#1.0.0.tgz");
        std::fs::write(&kept, b"spoilt").unwrap();
        assert!(
            check_dir(dir.path()).unwrap()[0]
                .diagnostics
                .contains("expected sha256")
        );
        assert!(load_dir(dir.path()).is_err());
        std::fs::remove_file(&kept).unwrap();
        assert_eq!(check_dir(dir.path()).unwrap().len(), 1);
        assert!(!add_to_dir(dir.path(), &bytes, "x.tgz").unwrap().new);
        assert_eq!(check_dir(dir.path()).unwrap(), []);

        std::fs::write(dir.path().join("packages/stray.tgz"), b"").unwrap();
        assert!(
            check_dir(dir.path()).unwrap()[0]
                .diagnostics
                .contains("stray.tgz is not in the list")
        );
        std::fs::write(dir.path().join("packages/packages.lock.json"), b"{").unwrap();
        assert_eq!(list_dir(dir.path()).unwrap_err().kind(), Kind::Invalid);
    }
}
