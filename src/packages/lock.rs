//! The lock list: which bytes stand for which package, pinned by their SHA-256.

use serde::{Deserialize, Serialize};

use super::{invalid, member_name, sha256};
use crate::error::{Error, Kind, Result};

/// One line of the lock list: which bytes stand for which package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LockEntry {
    pub name: String,
    pub version: String,
    /// Of the archive, lower-case hex.
    pub sha256: String,
    /// The file that was added, without its folder.
    pub source: String,
    /// SPDX expression; empty where the package does not say.
    pub licence: String,
}

/// The lock list, sorted by name and version.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lock {
    pub packages: Vec<LockEntry>,
}

impl LockEntry {
    /// Name and version in the usual notation: `hl7.fhir.us.core#6.1.0`.
    pub fn id(&self) -> String {
        format!("{}#{}", self.name, self.version)
    }

    /// Whether the bytes are those that were pinned.
    ///
    /// # Errors
    /// `Internal`: the stored bytes are not what was added.
    pub fn verify(&self, bytes: &[u8]) -> Result<()> {
        let found = sha256(bytes);
        if found == self.sha256 {
            return Ok(());
        }
        Err(Error::internal(format!(
            "package {}: expected sha256 {}, the stored bytes have {found}",
            self.id(),
            self.sha256
        )))
    }
}

impl Lock {
    /// Reads the JSON form.
    ///
    /// # Errors
    /// `Invalid` if it is no lock list, or an entry could not name a file of ours.
    pub fn parse(bytes: &[u8]) -> Result<Lock> {
        let mut lock: Lock = serde_json::from_slice(bytes).map_err(|error| {
            invalid(format!(
                "expected a lock list of packages, found a fault at line {}, column {}",
                error.line(),
                error.column()
            ))
        })?;
        for entry in &lock.packages {
            if !member_name::is_package_name(&entry.name)
                || !member_name::is_version(&entry.version)
            {
                return Err(invalid(
                    "the lock list of packages names a package that could not have been added",
                ));
            }
        }
        lock.packages
            .sort_by(|a, b| (&a.name, &a.version).cmp(&(&b.name, &b.version)));
        Ok(lock)
    }

    /// The JSON form, with a final line end.
    ///
    /// # Errors
    /// None in practice: every text has a JSON form.
    pub fn to_json(&self) -> Result<Vec<u8>> {
        let mut text = serde_json::to_vec_pretty(self)
            .map_err(|error| Error::internal("the lock list has no JSON form").because(error))?;
        text.push(b'\n');
        Ok(text)
    }

    /// Adds an entry; false when the same package with the same bytes is there already.
    ///
    /// # Errors
    /// `Conflict` when name and version are there with other bytes.
    pub fn insert(&mut self, entry: LockEntry) -> Result<bool> {
        let place = self.packages.binary_search_by(|known| {
            (&known.name, &known.version).cmp(&(&entry.name, &entry.version))
        });
        match place {
            Ok(place) => match self.packages.get(place) {
                Some(known) if known.sha256 == entry.sha256 => Ok(false),
                known => Err(Error::of(
                    Kind::Conflict,
                    format!(
                        "package {} is pinned to sha256 {}, the new file has {}",
                        entry.id(),
                        known.map_or("", |known| known.sha256.as_str()),
                        entry.sha256
                    ),
                )),
            },
            Err(place) => {
                self.packages.insert(place, entry);
                Ok(true)
            }
        }
    }

    /// The entry of a package by `name` or `name#version`; without version the
    /// last in the list.
    pub fn find(&self, id: &str) -> Option<&LockEntry> {
        match id.split_once('#') {
            Some((name, version)) => self
                .packages
                .iter()
                .find(|entry| entry.name == name && entry.version == version),
            None => self.packages.iter().rev().find(|entry| entry.name == id),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lock_list_is_sorted_and_checked() {
        let entry = |name: &str, version: &str| LockEntry {
            name: name.to_string(),
            version: version.to_string(),
            sha256: sha256(b""),
            source: "x.tgz".to_string(),
            licence: String::new(),
        };
        let mut lock = Lock::default();
        for (name, version) in [("b", "1.0.0"), ("a", "2.0.0"), ("a", "1.0.0")] {
            assert!(lock.insert(entry(name, version)).unwrap());
        }
        let ids: Vec<String> = lock.packages.iter().map(LockEntry::id).collect();
        assert_eq!(ids, ["a#1.0.0", "a#2.0.0", "b#1.0.0"]);
        assert_eq!(lock.find("a").unwrap().version, "2.0.0");
        assert_eq!(lock.find("a#1.0.0").unwrap().version, "1.0.0");
        assert!(lock.find("c").is_none());
        assert_eq!(Lock::parse(&lock.to_json().unwrap()).unwrap(), lock);
        let evil = Lock {
            packages: vec![entry("../x", "1.0.0")],
        };
        assert_eq!(
            Lock::parse(&evil.to_json().unwrap()).unwrap_err().kind(),
            Kind::Invalid
        );
    }
}
