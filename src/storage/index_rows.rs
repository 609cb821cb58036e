//! The rows by which a resource is found.
//!
//! Values are kept as 64-bit hashes under a key of the deployment, so that nobody outside can build
//! two values that collide; texts are kept folded, dates and numbers as intervals. The rows of the current version are also kept, packed, in the
//! resource's own row: an update compares the two lists and touches only what changed.

use ring::digest::{Context, SHA256};

/// What one resource is found by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IndexRows {
    /// The order within one value, ascending: minus the date of the resource in microseconds;
    /// a resource without a date comes last.
    pub sort: i64,
    /// Each list sorted, each row once.
    values: Vec<IndexRow>,
    strings: Vec<StringRow>,
    ranges: Vec<RangeRow>,
    links: Vec<LinkRow>,
    /// The parameters whose elements are there, with or without rows.
    present: Vec<i64>,
}

/// A token, a reference, a uri or a composite of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IndexRow {
    /// Patient compartment, hashed; 0 for the whole population.
    pub patient: i64,
    /// From the dictionary: a parameter of a resource type.
    pub param: i64,
    /// The hash of the normalised value.
    pub value: i64,
}

/// A text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StringRow {
    pub param: i64,
    /// Folded and cut: see `fhir::search`.
    pub value: String,
    /// The hash of the text as it was written.
    pub exact: i64,
}

/// A date, a number or a quantity: a closed interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RangeRow {
    pub param: i64,
    pub class: i64,
    pub low: i64,
    pub high: i64,
}

/// A reference to a resource of this server, from its source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkRow {
    pub param: i64,
    /// The hash of `Type/id`.
    pub link: i64,
}

/// The rows to delete or to insert.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Changes {
    pub values: Vec<IndexRow>,
    pub strings: Vec<StringRow>,
    pub ranges: Vec<RangeRow>,
    pub links: Vec<LinkRow>,
}

/// The sort key of a resource without a date.
pub const UNDATED: i64 = i64::MAX;

/// First byte of the packed form: how the rest is to be read, and which rows there are. It rises
/// with every change of what a resource is found by; the index is then rebuilt at the next start.
pub const FORMAT: u8 = 3;

impl IndexRows {
    pub fn new(
        sort: i64,
        mut values: Vec<IndexRow>,
        mut strings: Vec<StringRow>,
        mut ranges: Vec<RangeRow>,
        mut links: Vec<LinkRow>,
        mut present: Vec<i64>,
    ) -> Self {
        fn tidy<T: Ord>(rows: &mut Vec<T>) {
            rows.sort_unstable();
            rows.dedup();
            // An import holds those of many resources at once.
            rows.shrink_to_fit();
        }
        tidy(&mut values);
        tidy(&mut strings);
        tidy(&mut ranges);
        tidy(&mut links);
        tidy(&mut present);
        Self {
            sort,
            values,
            strings,
            ranges,
            links,
            present,
        }
    }

    pub fn values(&self) -> &[IndexRow] {
        &self.values
    }

    pub fn strings(&self) -> &[StringRow] {
        &self.strings
    }

    pub fn ranges(&self) -> &[RangeRow] {
        &self.ranges
    }

    pub fn links(&self) -> &[LinkRow] {
        &self.links
    }

    pub fn contains(&self, param: i64, value: i64) -> bool {
        self.values
            .binary_search(&IndexRow {
                patient: 0,
                param,
                value,
            })
            .is_ok()
    }

    /// Whether the elements of the parameter are there.
    pub fn has(&self, param: i64) -> bool {
        self.present.binary_search(&param).is_ok()
    }

    /// The parameters whose elements are there, `,7,12,`: the column `present`.
    pub fn present(&self) -> String {
        let mut text =
            String::with_capacity(self.present.len().saturating_mul(5).saturating_add(1));
        text.push(',');
        for param in &self.present {
            text.push_str(&param.to_string());
            text.push(',');
        }
        text
    }

    /// The form kept in the resource's row: numbers as differences from the row before, and a link as
    /// the place of the value with the same hash.
    pub fn pack(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.values.len().saturating_mul(10).saturating_add(256));
        out.push(FORMAT);
        out.extend_from_slice(&self.sort.to_be_bytes());
        let mut param = Delta::default();
        write_length(self.values.len(), &mut out);
        for row in &self.values {
            write_varint(row.patient, &mut out);
            write_varint(param.of(row.param), &mut out);
            out.extend_from_slice(&row.value.to_be_bytes());
        }
        let mut param = Delta::default();
        write_length(self.strings.len(), &mut out);
        for row in &self.strings {
            write_varint(param.of(row.param), &mut out);
            write_length(row.value.len(), &mut out);
            out.extend_from_slice(row.value.as_bytes());
            out.extend_from_slice(&row.exact.to_be_bytes());
        }
        let mut param = Delta::default();
        write_length(self.ranges.len(), &mut out);
        for row in &self.ranges {
            write_varint(param.of(row.param), &mut out);
            write_varint(row.class, &mut out);
            out.extend_from_slice(&row.low.to_be_bytes());
            write_varint(row.high.wrapping_sub(row.low), &mut out);
        }
        let mut param = Delta::default();
        write_length(self.links.len(), &mut out);
        for row in &self.links {
            write_varint(param.of(row.param), &mut out);
            let place = self.values.iter().position(|value| value.value == row.link);
            write_length(place.map_or(0, |place| place.saturating_add(1)), &mut out);
            if place.is_none() {
                out.extend_from_slice(&row.link.to_be_bytes());
            }
        }
        let mut param = Delta::default();
        write_length(self.present.len(), &mut out);
        for number in &self.present {
            write_varint(param.of(*number), &mut out);
        }
        out.shrink_to_fit();
        out
    }

    /// Reads the packed form; what it does not know it reads as no rows, and a reindex repairs it.
    pub fn unpack(bytes: &[u8]) -> Self {
        Self::read(&mut Reader(bytes)).unwrap_or_default()
    }

    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        if reader.byte()? != FORMAT {
            return None;
        }
        let mut rows = Self {
            sort: reader.int()?,
            ..Self::default()
        };
        let mut param = Delta::default();
        for _ in 0..reader.varint()? {
            rows.values.push(IndexRow {
                patient: reader.varint()?,
                param: param.back(reader.varint()?),
                value: reader.int()?,
            });
        }
        let mut param = Delta::default();
        for _ in 0..reader.varint()? {
            rows.strings.push(StringRow {
                param: param.back(reader.varint()?),
                value: reader.text()?,
                exact: reader.int()?,
            });
        }
        let mut param = Delta::default();
        for _ in 0..reader.varint()? {
            let (param, class) = (param.back(reader.varint()?), reader.varint()?);
            let low = reader.int()?;
            rows.ranges.push(RangeRow {
                param,
                class,
                low,
                high: low.wrapping_add(reader.varint()?),
            });
        }
        let mut param = Delta::default();
        for _ in 0..reader.varint()? {
            let param = param.back(reader.varint()?);
            let link = match usize::try_from(reader.varint()?).ok()?.checked_sub(1) {
                Some(place) => rows.values.get(place)?.value,
                None => reader.int()?,
            };
            rows.links.push(LinkRow { param, link });
        }
        let mut param = Delta::default();
        for _ in 0..reader.varint()? {
            rows.present.push(param.back(reader.varint()?));
        }
        Some(rows)
    }

    /// The rows to delete and to insert when `self` becomes `next`.
    pub fn difference(&self, next: &Self) -> (Changes, Changes) {
        // The sort key is part of the key of a value.
        let (old, new) = if self.sort == next.sort {
            (
                missing(&self.values, &next.values),
                missing(&next.values, &self.values),
            )
        } else {
            (self.values.clone(), next.values.clone())
        };
        (
            Changes {
                values: old,
                strings: missing(&self.strings, &next.strings),
                ranges: missing(&self.ranges, &next.ranges),
                links: missing(&self.links, &next.links),
            },
            Changes {
                values: new,
                strings: missing(&next.strings, &self.strings),
                ranges: missing(&next.ranges, &self.ranges),
                links: missing(&next.links, &self.links),
            },
        )
    }
}

/// The rows of a sorted list that the other, sorted too, lacks.
fn missing<T: Ord + Clone>(rows: &[T], other: &[T]) -> Vec<T> {
    rows.iter()
        .filter(|row| other.binary_search(row).is_err())
        .cloned()
        .collect()
}

/// Rising numbers as what they rise by.
#[derive(Default)]
struct Delta(i64);

impl Delta {
    fn of(&mut self, number: i64) -> i64 {
        number.wrapping_sub(std::mem::replace(&mut self.0, number))
    }

    fn back(&mut self, rise: i64) -> i64 {
        self.0 = self.0.wrapping_add(rise);
        self.0
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

    fn text(&mut self) -> Option<String> {
        let length = usize::try_from(self.varint()?).ok()?;
        let (text, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        String::from_utf8(text.to_vec()).ok()
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

fn write_length(length: usize, out: &mut Vec<u8>) {
    write_varint(i64::try_from(length).unwrap_or(0), out);
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
        Self::finish(context)
    }

    /// The same of what a reader gives.
    pub fn digest_of(&self, mut reader: impl std::io::Read) -> std::io::Result<[u8; 32]> {
        let mut context = self.keyed.clone();
        let mut buffer = vec![0; 64 * 1024];
        loop {
            match reader.read(&mut buffer)? {
                0 => return Ok(Self::finish(context)),
                read => context.update(buffer.get(..read).unwrap_or(&[])),
            }
        }
    }

    fn finish(context: Context) -> [u8; 32] {
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

    fn rows(sort: i64, values: &[(i64, i64)], strings: &[&str]) -> IndexRows {
        IndexRows::new(
            sort,
            values
                .iter()
                .map(|(param, value)| row(*param, *value))
                .collect(),
            strings
                .iter()
                .map(|text| StringRow {
                    param: 2,
                    value: (*text).to_owned(),
                    exact: -1,
                })
                .collect(),
            vec![RangeRow {
                param: 3,
                class: -4,
                low: i64::MIN,
                high: i64::MAX,
            }],
            vec![LinkRow { param: 4, link: 5 }, LinkRow { param: 6, link: 7 }],
            vec![300, 1, 2, 1],
        )
    }

    #[test]
    fn packed_rows_come_back() {
        let all = rows(
            -5,
            &[(300, i64::MIN), (1, 7), (1, 7), (i64::MAX, -1)],
            &["è", "", "a"],
        );
        assert_eq!(all.values().len(), 3);
        let packed = all.pack();
        assert_eq!(IndexRows::unpack(&packed), all);
        assert_eq!(all.present(), ",1,2,300,");
        assert!(all.has(300) && !all.has(3));
        for cut in 0..packed.len() {
            assert_eq!(IndexRows::unpack(&packed[..cut]), IndexRows::default());
        }
        assert_eq!(IndexRows::unpack(&[9, 1, 2]), IndexRows::default());
    }

    #[test]
    fn only_differences_are_written() {
        let old = rows(1, &[(1, 1), (1, 2)], &["a", "b"]);
        let new = rows(1, &[(1, 2), (1, 3)], &["b"]);
        let (gone, fresh) = old.difference(&new);
        assert_eq!(
            (gone.values, fresh.values),
            (vec![row(1, 1)], vec![row(1, 3)])
        );
        assert_eq!((gone.strings.len(), fresh.strings.len()), (1, 0));
        assert!(gone.ranges.is_empty() && fresh.links.is_empty());
        let moved = rows(2, &[(1, 1), (1, 2)], &["a", "b"]);
        let (gone, _) = old.difference(&moved);
        assert_eq!((gone.values.len(), gone.strings.len()), (2, 0));
    }

    #[test]
    fn hashes_depend_on_the_key() {
        let (a, b) = (Hasher::new(b"a"), Hasher::new(b"b"));
        assert_eq!(a.value("x"), a.value("x"));
        assert_ne!(a.value("x"), b.value("x"));
    }
}
