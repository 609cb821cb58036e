//! Packs a folder into the archive it would have been published as.
//!
//! The folder is one with `package.json` in it, or one whose subfolder `package` has it. The result
//! does not depend on the machine: names sorted, times and owners zero.

use std::fs;
use std::io::Write;
use std::path::Path;

use flate2::{Compression, GzBuilder};

use super::{invalid, io_error, too_large};
use crate::error::{Error, Result};

const MAX_FILES: usize = 20_000;
const MAX_BYTES: u64 = 512 * 1024 * 1024;
/// Deepest nesting of folders; packages have one or two.
const MAX_DEPTH: usize = 16;

/// The files met on the way.
#[derive(Default)]
struct Found {
    /// Name in the archive, and path on disk.
    files: Vec<(String, std::path::PathBuf)>,
    bytes: u64,
}

/// The gzipped tar of a folder, the same bytes each time.
pub fn pack(folder: &Path) -> Result<Vec<u8>> {
    let inner = folder.join("package");
    let root = if inner.join("package.json").is_file() {
        inner
    } else if folder.join("package.json").is_file() {
        folder.to_path_buf()
    } else {
        return Err(invalid(format!(
            "expected package.json in {} or in its folder package, found none",
            folder.display()
        )));
    };
    let mut found = Found::default();
    walk(&root, "package", 0, &mut found)?;
    found.files.sort();
    let gzip = GzBuilder::new()
        .mtime(0)
        .write(Vec::new(), Compression::default());
    let mut builder = tar::Builder::new(gzip);
    for (name, path) in &found.files {
        let content = fs::read(path).map_err(|error| io_error("reading", path, error))?;
        let mut header = tar::Header::new_ustar();
        header.set_size(u64::try_from(content.len()).unwrap_or(u64::MAX));
        header.set_mode(0o644);
        header.set_mtime(0);
        header.set_entry_type(tar::EntryType::Regular);
        builder
            .append_data(&mut header, name, content.as_slice())
            .map_err(|error| packing(path, error))?;
    }
    let mut gzip = builder
        .into_inner()
        .map_err(|error| packing(&root, error))?;
    gzip.flush().map_err(|error| packing(&root, error))?;
    gzip.finish().map_err(|error| packing(&root, error))
}

fn walk(folder: &Path, name: &str, depth: usize, found: &mut Found) -> Result<()> {
    if depth > MAX_DEPTH {
        return Err(too_large(format!(
            "expected folders nested at most {MAX_DEPTH} deep, found {name}"
        )));
    }
    let failed = |error| io_error("reading", folder, error);
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let path = entry.path();
        let file_name = entry.file_name();
        let Some(file_name) = file_name.to_str() else {
            return Err(invalid(format!(
                "expected names in UTF-8 in {name}, found another"
            )));
        };
        let inner = format!("{name}/{file_name}");
        if let Some(fault) = super::member_name::fault(inner.as_bytes()) {
            return Err(invalid(format!(
                "expected plain names, found {fault}: {inner:?}"
            )));
        }
        // Of the entry itself: a link is not followed.
        let kind = entry.file_type().map_err(failed)?;
        if kind.is_dir() {
            walk(&path, &inner, depth.saturating_add(1), found)?;
        } else if kind.is_file() {
            let size = entry.metadata().map_err(failed)?.len();
            found.bytes = found.bytes.saturating_add(size);
            found.files.push((inner, path));
        } else {
            return Err(invalid(format!(
                "expected plain files and folders, found a link or special file: {inner}"
            )));
        }
        if found.files.len() > MAX_FILES || found.bytes > MAX_BYTES {
            return Err(too_large(format!(
                "expected at most {MAX_FILES} files and {MAX_BYTES} bytes in a package, found more"
            )));
        }
    }
    Ok(())
}

fn packing(path: &Path, error: std::io::Error) -> Error {
    io_error("packing", path, error)
}

#[cfg(test)]
mod tests {
    use crate::error::Kind;
    use crate::packages::tests::{MANIFEST, VALUE_SET};
    use crate::packages::{archive_of, read_archive};

    #[test]
    fn a_folder_packs_to_the_same_bytes_and_is_read_as_an_archive() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("package");
        std::fs::create_dir_all(root.join("example")).unwrap();
        assert!(
            archive_of(dir.path())
                .unwrap_err()
                .to_string()
                .contains("expected package.json")
        );
        std::fs::write(root.join("package.json"), MANIFEST).unwrap();
        std::fs::write(root.join("b.json"), VALUE_SET).unwrap();
        std::fs::write(root.join(format!("{}.json", "a".repeat(150))), VALUE_SET).unwrap();
        std::fs::write(root.join("example/c.json"), VALUE_SET).unwrap();
        let bytes = archive_of(dir.path()).unwrap();
        assert_eq!(bytes, archive_of(&root).unwrap());
        assert_eq!(read_archive(&bytes).unwrap().resources.len(), 2);
        let file = dir.path().join("x.tgz");
        std::fs::write(&file, &bytes).unwrap();
        assert_eq!(archive_of(&file).unwrap(), bytes);
        assert_eq!(
            archive_of(&dir.path().join("none")).unwrap_err().kind(),
            Kind::NotFound
        );
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink("/etc/passwd", root.join("link.json")).unwrap();
            assert!(
                archive_of(dir.path())
                    .unwrap_err()
                    .to_string()
                    .contains("a link or special file")
            );
        }
    }
}
