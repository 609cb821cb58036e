//! Index rows are written by difference; they must equal what a rebuild would write.

use std::collections::{BTreeMap, BTreeSet};

use fascicolo::storage::{Change, Expect, Write};

use crate::damage::findings;
use crate::raw;
use crate::searches::Numbers;
use crate::store::{delete, key, open};
use crate::support::database::TestDatabase;

const ROWS: &str = "SELECT r.id || ' ' || CAST(v.patient AS TEXT) || ' ' || CAST(v.param AS TEXT) || ' ' \
     || CAST(v.value AS TEXT) || ' ' || CAST(v.sort AS TEXT) AS line \
     FROM index_value v LEFT JOIN resource r ON r.pk = v.pk";

pub fn index_rows_equal_a_rebuild(database: &TestDatabase) {
    let store = open(database);
    let mut numbers = Numbers(11);
    // What each patient should be found by.
    let mut model: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for _ in 0..150 {
        let mut writes = Vec::new();
        for _ in 0..1 + numbers.below(6) {
            let id = format!("p{}", numbers.below(30));
            if numbers.below(5) == 0 {
                writes.push(delete(&id));
                model.remove(&id);
                continue;
            }
            let texts: Vec<String> = (0..numbers.below(6))
                .map(|_| numbers.below(50).to_string())
                .collect();
            let values: Vec<(&str, &str)> =
                texts.iter().map(|t| ("identifier", t.as_str())).collect();
            let sort = -i64::try_from(numbers.below(3)).unwrap();
            let content = store.content("x", sort, &values);
            let rows = content
                .rows
                .values()
                .iter()
                .map(|row| format!("{id} {} {} {} {sort}", row.patient, row.param, row.value));
            model.insert(id.clone(), rows.collect());
            writes.push(Write {
                key: key(&id),
                expect: Expect::Anything,
                change: Change::Put(content),
            });
        }
        store.commit(writes).unwrap();
    }
    let expected: BTreeSet<String> = model.into_values().flatten().collect();
    let found = raw::lines(database, ROWS);
    assert_eq!(found.len(), expected.len());
    assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), expected);
    store.close();
    assert!(findings(database).is_empty());
}
