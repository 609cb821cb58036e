//! The rows by which a resource is found.
//!
//! Values are kept as 64-bit hashes under a key of the deployment, so that nobody outside can build
//! two values that collide. The rows of the current version are also kept, packed, in the
//! resource's own row: an update compares the two lists and touches only what changed.

use ring::digest::{Context, SHA256};

/// What one resource is found by: token, reference and uri parameters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IndexRows {
    /// The order within one value, ascending: minus the date of the resource in microseconds, or 0.
    pub sort: i64,
    /// Sorted, each once.
    rows: Vec<IndexRow>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IndexRow {
    /// Patient compartment, hashed; 0 for the whole population.
    pub patient: i64,
    /// From the dictionary: a parameter of a resource type.
    pub param: i64,
    /// The hash of the normalised value.
    pub value: i64,
}

/// First byte of the packed form: how the rest is to be read.
const FORMAT: u8 = 1;

impl IndexRows {
    pub fn new(sort: i64, mut rows: Vec<IndexRow>) -> Self {
        rows.sort_unstable();
        rows.dedup();
        Self { sort, rows }
    }

    pub fn rows(&self) -> &[IndexRow] {
        &self.rows
    }

    pub fn contains(&self, param: i64, value: i64) -> bool {
        self.rows
            .binary_search(&IndexRow {
                patient: 0,
                param,
                value,
            })
            .is_ok()
    }

    /// The form kept in the resource's row.
    pub fn pack(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.rows.len().saturating_mul(13).saturating_add(9));
        out.push(FORMAT);
        out.extend_from_slice(&self.sort.to_be_bytes());
        for row in &self.rows {
            write_varint(row.patient, &mut out);
            write_varint(row.param, &mut out);
            out.extend_from_slice(&row.value.to_be_bytes());
        }
        out
    }

    /// Reads the packed form; what it does not know it reads as no rows, and a reindex repairs it.
    pub fn unpack(bytes: &[u8]) -> Self {
        let mut reader = Reader(bytes);
        if reader.byte() != Some(FORMAT) {
            return Self::default();
        }
        let Some(sort) = reader.int() else {
            return Self::default();
        };
        let mut rows = Vec::new();
        while let (Some(patient), Some(param), Some(value)) =
            (reader.varint(), reader.varint(), reader.int())
        {
            rows.push(IndexRow {
                patient,
                param,
                value,
            });
        }
        Self { sort, rows }
    }

    /// The rows to delete and to insert, each with its sort key, when `self` becomes `next`.
    pub fn difference(&self, next: &Self) -> (Vec<IndexRow>, Vec<IndexRow>) {
        if self.sort != next.sort {
            return (self.rows.clone(), next.rows.clone());
        }
        let gone = self
            .rows
            .iter()
            .filter(|row| next.rows.binary_search(row).is_err());
        let new = next
            .rows
            .iter()
            .filter(|row| self.rows.binary_search(row).is_err());
        (gone.copied().collect(), new.copied().collect())
    }
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn int(&mut self) -> Option<i64> {
        let (first, rest) = self.0.split_first_chunk::<8>()?;
        self.0 = rest;
        Some(i64::from_be_bytes(*first))
    }

    fn varint(&mut self) -> Option<i64> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f).checked_shl(shift)?;
            if byte & 0x80 == 0 {
                return Some(i64::from_be_bytes(value.to_be_bytes()));
            }
        }
        None
    }
}

fn write_varint(value: i64, out: &mut Vec<u8>) {
    let mut value = u64::from_be_bytes(value.to_be_bytes());
    loop {
        let low = u8::try_from(value & 0x7f).unwrap_or(0);
        value >>= 7;
        if value == 0 {
            out.push(low);
            return;
        }
        out.push(low | 0x80);
    }
}

/// Turns normalised values into the numbers that index rows hold.
#[derive(Clone)]
pub struct Hasher {
    keyed: Context,
}

impl Hasher {
    /// A hasher under a key of the deployment.
    pub fn new(key: &[u8]) -> Self {
        let mut keyed = Context::new(&SHA256);
        // One whole block, so that the key never runs together with the value.
        let mut block = [0u8; 64];
        for (place, byte) in block.iter_mut().zip(key) {
            *place = *byte;
        }
        keyed.update(&block);
        Self { keyed }
    }

    /// The 64-bit hash of a normalised value.
    pub fn value(&self, text: &str) -> i64 {
        let digest = self.digest(text.as_bytes());
        digest
            .first_chunk::<8>()
            .map_or(0, |first| i64::from_be_bytes(*first))
    }

    /// The whole hash: what a conditional create claims.
    pub fn digest(&self, bytes: &[u8]) -> [u8; 32] {
        let mut context = self.keyed.clone();
        context.update(bytes);
        let mut out = [0u8; 32];
        for (place, byte) in out.iter_mut().zip(context.finish().as_ref()) {
            *place = *byte;
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(param: i64, value: i64) -> IndexRow {
        IndexRow {
            patient: 0,
            param,
            value,
        }
    }

    #[test]
    fn packed_rows_come_back() {
        let rows = IndexRows::new(
            -5,
            vec![row(300, i64::MIN), row(1, 7), row(1, 7), row(i64::MAX, -1)],
        );
        assert_eq!(rows.rows().len(), 3);
        assert_eq!(IndexRows::unpack(&rows.pack()), rows);
        assert_eq!(IndexRows::unpack(b""), IndexRows::default());
        assert_eq!(IndexRows::unpack(&[9, 1, 2]), IndexRows::default());
    }

    #[test]
    fn only_differences_are_written() {
        let old = IndexRows::new(1, vec![row(1, 1), row(1, 2)]);
        let new = IndexRows::new(1, vec![row(1, 2), row(1, 3)]);
        assert_eq!(old.difference(&new), (vec![row(1, 1)], vec![row(1, 3)]));
        let moved = IndexRows::new(2, vec![row(1, 1), row(1, 2)]);
        assert_eq!(old.difference(&moved).0.len(), 2);
    }

    #[test]
    fn hashes_depend_on_the_key() {
        let (a, b) = (Hasher::new(b"a"), Hasher::new(b"b"));
        assert_eq!(a.value("x"), a.value("x"));
        assert_ne!(a.value("x"), b.value("x"));
    }
}
