//! GATE-01: what a caller may not know of is not there, whichever way a search comes by.
//!
//! Random resources of three types that refer to each other, random plans through their references, random
//! restrictions. What the database finds is compared with a plain scan from which the hidden resources were
//! taken away first; the scan follows the references itself.

use std::collections::BTreeSet;

use fascicolo::fhir::search::Restriction;
use fascicolo::storage::{
    By, Change, Clause, Direction, Expect, HistoryPage, IndexRow, IndexRows, Key, Like, LinkRow,
    Page, Range, RangeRow, Restrictions, Scope, Selection, Step, StringRow, UNDATED, Write,
};

use crate::searches::Numbers;
use crate::store::{Store, everybody, open_as};
use crate::support::database::TestDatabase;
use fascicolo::fhir::model::key::ResourceKey;

const TYPES: [&str; 3] = ["Patient", "Observation", "Organization"];
const WORDS: [&str; 4] = ["anna", "ann", "lisa", "zoë"];
/// Two of tokens, one each of texts, of intervals and of references.
const CODES: [&str; 6] = ["one", "two", "text", "time", "first", "second"];

fn names() -> Vec<(String, Vec<String>)> {
    let codes: Vec<String> = CODES.iter().map(|code| (*code).to_owned()).collect();
    TYPES
        .iter()
        .map(|name| ((*name).to_owned(), codes.clone()))
        .collect()
}

/// A resource as the scan sees it.
struct Known {
    kind: usize,
    id: String,
    rows: IndexRows,
    updated: i64,
    pk: i64,
    /// Parameter and target, `kind` and `id`; some lead nowhere.
    links: Vec<(&'static str, usize, String)>,
}

/// A plan as the scan sees it.
#[derive(Clone, Debug)]
enum Asked {
    Local(Clause),
    All(Vec<Asked>),
    Any(Vec<Asked>),
    Not(Box<Asked>),
    Chain(&'static str, Vec<(usize, Asked)>),
    Has(usize, &'static str, Box<Asked>),
}

struct World {
    store: Store,
    all: Vec<Known>,
    /// Those that were deleted.
    gone: Vec<(usize, String)>,
}

impl World {
    fn param(&self, kind: usize, code: &str) -> i64 {
        let dictionary = self.store.database.dictionary();
        dictionary.param(TYPES[kind], code).unwrap()
    }

    fn type_id(&self, kind: usize) -> i64 {
        let dictionary = self.store.database.dictionary();
        dictionary.type_id(TYPES[kind]).unwrap()
    }

    fn new(database: &TestDatabase, numbers: &mut Numbers) -> Self {
        let store = open_as(database, true, names()).unwrap();
        let mut world = Self {
            store,
            all: Vec::new(),
            gone: Vec::new(),
        };
        for number in 0..70u64 {
            let kind = pick(numbers, 3);
            let mut links = Vec::new();
            for _ in 0..numbers.below(4) {
                let (code, to) = (CODES[4 + pick(numbers, 2)], numbers.below(70));
                // The kind is guessed: some references lead nowhere.
                links.push((code, pick(numbers, 3), format!("r{to}")));
            }
            let rows = world.rows(kind, &links, numbers);
            let id = format!("r{number}");
            let mut content = world.store.content(&id, 0, &[]);
            content.rows = rows.clone();
            let write = Write {
                key: ResourceKey::new(TYPES[kind], id.as_str()),
                expect: Expect::New,
                change: Change::Put(content),
            };
            let written = world.store.commit(vec![write]).unwrap();
            world.store.clock.advance(1_000);
            world.all.push(Known {
                kind,
                id,
                rows,
                updated: written.writes[0].last_updated,
                pk: 0,
                links,
            });
        }
        for at in [60, 40, 20] {
            let known = world.all.remove(at);
            let write = Write {
                key: ResourceKey::new(TYPES[known.kind], known.id.as_str()),
                expect: Expect::Anything,
                change: Change::Delete,
            };
            world.store.commit(vec![write]).unwrap();
            world.gone.push((known.kind, known.id));
        }
        for kind in 0..3 {
            let all = world.select(kind, Clause::All(Vec::new()), &everybody());
            let found = world.store.database.search(all, Page::first(100)).unwrap();
            for (position, one) in found.found {
                let id = one.version.key.id.to_string();
                let known = world.all.iter_mut();
                let known = known.into_iter().find(|known| known.id == id).unwrap();
                assert_eq!(known.kind, kind);
                known.pk = position.pk;
            }
        }
        world
    }

    fn select(&self, kind: usize, clause: Clause, restrictions: &Restrictions) -> Selection {
        Selection::new(self.type_id(kind), clause, restrictions)
    }

    fn link(&self, kind: usize, id: &str) -> i64 {
        let hasher = self.store.database.hasher();
        hasher.value(&format!("{}/{id}", TYPES[kind]))
    }

    fn rows(
        &self,
        kind: usize,
        links: &[(&'static str, usize, String)],
        numbers: &mut Numbers,
    ) -> IndexRows {
        let value = |param, value| IndexRow {
            patient: 0,
            param,
            value,
        };
        let every = self.store.database.dictionary().every(TYPES[kind]).unwrap();
        let mut values = vec![value(every, 0)];
        for _ in 0..numbers.below(4) {
            let code = CODES[pick(numbers, 2)];
            values.push(value(self.param(kind, code), small(numbers, 3)));
        }
        let mut rows = Vec::new();
        for (code, to, id) in links {
            let (param, link) = (self.param(kind, code), self.link(*to, id));
            values.push(value(param, link));
            rows.push(LinkRow { param, link });
        }
        let texts = (0..numbers.below(3)).map(|_| StringRow {
            param: self.param(kind, "text"),
            value: WORDS[pick(numbers, 4)].to_owned(),
            exact: 0,
        });
        let texts = texts.collect();
        let ranges = (0..numbers.below(3)).map(|_| {
            let low = small(numbers, 20);
            RangeRow {
                param: self.param(kind, "time"),
                class: 0,
                low,
                high: low + small(numbers, 2),
            }
        });
        let ranges = ranges.collect();
        let present: Vec<i64> = ["one", "text"]
            .into_iter()
            .filter(|_| numbers.below(2) == 0)
            .map(|code| self.param(kind, code))
            .collect();
        let sort = [UNDATED, -2, -1, 0][pick(numbers, 4)];
        IndexRows::new(sort, values, texts, ranges, rows, present)
    }

    /// Something that is decided by the resource alone.
    fn local(&self, kind: usize, numbers: &mut Numbers, depth: u32) -> Clause {
        let list = |numbers: &mut Numbers| {
            let each = (0..numbers.below(3)).map(|_| self.local(kind, numbers, depth - 1));
            each.collect::<Vec<_>>()
        };
        match numbers.below(if depth == 0 { 6 } else { 9 }) {
            0 | 1 => Clause::Value {
                param: self.param(kind, CODES[pick(numbers, 2)]),
                any_of: (0..1 + numbers.below(2))
                    .map(|_| small(numbers, 3))
                    .collect(),
            },
            2 => Clause::Text {
                param: self.param(kind, "text"),
                like: Like::StartsWith(WORDS[pick(numbers, 4)].to_owned()),
            },
            3 => Clause::Range(Range {
                param: self.param(kind, "time"),
                clinical: false,
                classes: vec![(0, 2)],
                low: (small(numbers, 20), i64::MAX),
                high: (i64::MIN, 8 + small(numbers, 14)),
            }),
            4 => Clause::Present {
                param: self.param(kind, ["one", "text"][pick(numbers, 2)]),
            },
            5 => Clause::Id {
                type_id: self.type_id(kind),
                any_of: (0..20).map(|_| format!("r{}", numbers.below(70))).collect(),
            },
            6 => Clause::All(list(numbers)),
            7 => Clause::Any(list(numbers)),
            _ => Clause::Not(Box::new(self.local(kind, numbers, depth - 1))),
        }
    }

    fn asked(&self, kind: usize, numbers: &mut Numbers, depth: u32) -> Asked {
        let list = |numbers: &mut Numbers| {
            let each = (0..1 + numbers.below(2)).map(|_| self.asked(kind, numbers, depth - 1));
            each.collect::<Vec<_>>()
        };
        match numbers.below(if depth == 0 { 1 } else { 8 }) {
            0 => Asked::Local(self.local(kind, numbers, 1)),
            1 => Asked::All(list(numbers)),
            2 => Asked::Any(list(numbers)),
            3 => Asked::Not(Box::new(self.asked(kind, numbers, depth - 1))),
            4 | 5 => {
                let mut kinds = vec![0, 1, 2];
                kinds.remove(pick(numbers, 3));
                kinds.truncate(1 + pick(numbers, 2));
                let targets = kinds.into_iter();
                let targets = targets.map(|kind| (kind, self.asked(kind, numbers, depth - 1)));
                let targets = targets.collect();
                Asked::Chain(CODES[4 + pick(numbers, 2)], targets)
            }
            _ => {
                let source = pick(numbers, 3);
                let plan = Box::new(self.asked(source, numbers, depth - 1));
                Asked::Has(source, CODES[4 + pick(numbers, 2)], plan)
            }
        }
    }

    fn clause(&self, kind: usize, asked: &Asked, restrictions: &Restrictions) -> Clause {
        let all = |list: &[Asked]| {
            let each = list.iter().map(|one| self.clause(kind, one, restrictions));
            each.collect::<Vec<_>>()
        };
        let selected = |kind: usize, asked: &Asked| {
            self.select(kind, self.clause(kind, asked, restrictions), restrictions)
        };
        match asked {
            Asked::Local(clause) => clause.clone(),
            Asked::All(list) => Clause::All(all(list)),
            Asked::Any(list) => Clause::Any(all(list)),
            Asked::Not(one) => Clause::Not(Box::new(self.clause(kind, one, restrictions))),
            Asked::Chain(code, targets) => Clause::Chain {
                param: self.param(kind, code),
                targets: targets.iter().map(|(to, one)| selected(*to, one)).collect(),
            },
            Asked::Has(source, code, one) => Clause::Has {
                type_id: self.type_id(kind),
                param: self.param(*source, code),
                sources: Box::new(selected(*source, one)),
            },
        }
    }

    /// The scan: `seen` are the resources that are left.
    fn holds(&self, known: &Known, asked: &Asked, seen: &[&Known]) -> bool {
        match asked {
            Asked::Local(clause) => clause.matches(&known.id, known.updated, &known.rows),
            Asked::All(list) => list.iter().all(|one| self.holds(known, one, seen)),
            Asked::Any(list) => list.iter().any(|one| self.holds(known, one, seen)),
            Asked::Not(one) => !self.holds(known, one, seen),
            Asked::Chain(code, targets) => seen.iter().any(|to| {
                leads(known, code, to)
                    && targets
                        .iter()
                        .any(|(kind, one)| *kind == to.kind && self.holds(to, one, seen))
            }),
            Asked::Has(source, code, one) => seen.iter().any(|from| {
                from.kind == *source && leads(from, code, known) && self.holds(from, one, seen)
            }),
        }
    }

    /// Random restrictions, and the resources that are left by them.
    fn restricted(&self, numbers: &mut Numbers) -> (Restrictions, Vec<&Known>) {
        let others = numbers.below(2) == 0;
        let mut restrictions = if others {
            Restrictions::open()
        } else {
            Restrictions::nothing()
        };
        let mut seen = Vec::new();
        for kind in 0..3 {
            let of = match numbers.below(6) {
                0 => None,
                1 => Some(Restriction::Open),
                2 => Some(Restriction::Nothing),
                _ => Some(Restriction::Only(self.local(kind, numbers, 1))),
            };
            let left = self.all.iter().filter(|known| known.kind == kind);
            seen.extend(left.filter(|known| match &of {
                None => others,
                Some(Restriction::Open) => true,
                Some(Restriction::Nothing) => false,
                Some(Restriction::Only(clause)) => {
                    clause.matches(&known.id, known.updated, &known.rows)
                }
            }));
            if let Some(of) = of {
                restrictions = restrictions.with(self.type_id(kind), of).unwrap();
            }
        }
        (restrictions, seen)
    }
}

fn leads(from: &Known, code: &str, to: &Known) -> bool {
    let mut links = from.links.iter();
    links.any(|(by, kind, id)| *by == code && *kind == to.kind && *id == to.id)
}

fn pick(numbers: &mut Numbers, bound: u64) -> usize {
    usize::try_from(numbers.below(bound)).unwrap()
}

fn small(numbers: &mut Numbers, bound: u64) -> i64 {
    i64::try_from(numbers.below(bound)).unwrap()
}

/// The ids of all pages, each page whole.
fn pages(world: &World, selection: &Selection, page: &Page) -> Vec<String> {
    let (mut page, mut all) = (page.clone(), Vec::new());
    loop {
        let found = world.store.database.search(selection.clone(), page.clone());
        let found = found.unwrap();
        // LEAK-08, LEAK-09: no page has a gap, and none follows that is empty.
        assert!(found.found.len() == page.limit || !found.more);
        assert!(all.is_empty() || !found.found.is_empty());
        let ids = found.found.iter();
        all.extend(ids.map(|(_, one)| one.version.key.id.to_string()));
        if !found.more {
            return all;
        }
        page.after = found.last;
    }
}

/// LEAK-06 to LEAK-09, LEAK-11 and LEAK-13 to LEAK-16: matches, totals, pages and their order, through chains and
/// `_has` of any depth, whatever stands under a `not`.
pub fn leak_13_14_plans_over_what_is_hidden(database: &TestDatabase) {
    let mut numbers = Numbers(11);
    let world = World::new(database, &mut numbers);
    let (mut some, mut fewer) = (0, 0);
    for round in 0..250 {
        let (restrictions, seen) = world.restricted(&mut numbers);
        let kind = pick(&mut numbers, 3);
        let asked = world.asked(kind, &mut numbers, 3);
        let expected = |seen: &[&Known]| {
            let left = seen.iter().filter(|known| known.kind == kind);
            let left = left.filter(|known| world.holds(known, &asked, seen));
            left.map(|known| known.id.clone()).collect::<BTreeSet<_>>()
        };
        let wanted = expected(&seen);
        let clause = world.clause(kind, &asked, &restrictions);
        let selection = world.select(kind, clause, &restrictions);
        let shown = format!("{round}: {asked:?} {restrictions:?}");
        let total = world.store.database.count(selection.clone()).unwrap();
        assert_eq!(usize::try_from(total).unwrap(), wanted.len(), "{shown}");
        let key = |by| Key {
            by,
            descending: round % 2 == 0,
        };
        let orders = [
            vec![],
            vec![key(By::LastUpdated)],
            vec![key(By::Text(world.param(kind, "text")))],
            vec![key(By::Range(world.param(kind, "time"))), key(By::Id)],
        ];
        let page = Page {
            keys: orders[pick(&mut numbers, 4)].clone(),
            few: [1, 4, 1000][pick(&mut numbers, 3)],
            ..Page::first(1 + pick(&mut numbers, 7))
        };
        let found = pages(&world, &selection, &page);
        assert_eq!(found.len(), wanted.len(), "{shown} {page:?}");
        let ids: BTreeSet<String> = found.iter().cloned().collect();
        assert_eq!(ids, wanted, "{shown} {page:?}");
        // The order is that of all resources with those taken out that do not belong here.
        let all = world.select(kind, Clause::All(Vec::new()), &everybody());
        let mut all = pages(&world, &all, &page);
        all.retain(|id| wanted.contains(id));
        assert_eq!(found, all, "{shown} {page:?}");
        let outline = world.store.database.outline(selection, "one", 100).unwrap();
        assert_eq!(outline.len(), wanted.len(), "{shown}");
        let everything: Vec<&Known> = world.all.iter().collect();
        some += usize::from(!wanted.is_empty());
        fewer += usize::from(wanted != expected(&everything));
    }
    // That something was hidden is what makes it a test.
    assert!(some > 40 && fewer > 60, "{some} {fewer}");
}

/// LEAK-17, LEAK-18: what is included is what is left, both ways.
pub fn leak_17_18_includes_of_what_is_hidden(database: &TestDatabase) {
    let mut numbers = Numbers(12);
    let world = World::new(database, &mut numbers);
    let (mut some, mut fewer) = (0, 0);
    for round in 0..120 {
        let (restrictions, seen) = world.restricted(&mut numbers);
        let code = CODES[4 + pick(&mut numbers, 2)];
        let to = [None, Some(0), Some(1), Some(2)][pick(&mut numbers, 4)];
        let from: Vec<&Known> = (0..8).map(|_| &world.all[pick(&mut numbers, 67)]).collect();
        for direction in [Direction::Forward, Direction::Reverse] {
            let params = (0..3).map(|kind| world.param(kind, code)).collect();
            let type_id = to.map(|kind| world.type_id(kind));
            let step = Step::new(direction, params, type_id, &restrictions);
            let pks = from.iter().map(|known| known.pk).collect();
            let mut found = world.store.database.reached(pks, step, 100).unwrap();
            found.sort_unstable();
            let reached = |seen: &[&Known]| {
                let left = seen
                    .iter()
                    .filter(|known| to.is_none_or(|to| to == known.kind));
                let left = left.filter(|known| {
                    from.iter().any(|from| match direction {
                        Direction::Forward => leads(from, code, known),
                        Direction::Reverse => leads(known, code, from),
                    })
                });
                left.map(|known| known.pk).collect::<BTreeSet<_>>()
            };
            let expected: Vec<i64> = reached(&seen).into_iter().collect();
            assert_eq!(found, expected, "{round} {direction:?} {restrictions:?}");
            let everything: Vec<&Known> = world.all.iter().collect();
            some += usize::from(!expected.is_empty());
            fewer += usize::from(reached(&everything).len() > expected.len());
        }
        // By number too, whoever knows one.
        let pks = world.all.iter().map(|known| known.pk).collect();
        let found = world.store.database.by_number(pks, &restrictions).unwrap();
        let found: BTreeSet<i64> = found.into_iter().map(|one| one.pk).collect();
        assert_eq!(found, seen.iter().map(|known| known.pk).collect());
    }
    assert!(some > 60 && fewer > 60, "{some} {fewer}");
}

/// LEAK-03, LEAK-04, LEAK-05: histories have neither entries nor totals of what is hidden, and what was deleted
/// is not told of where its type is restricted.
pub fn leak_03_04_05_histories_of_what_is_hidden(database: &TestDatabase) {
    let mut numbers = Numbers(13);
    let world = World::new(database, &mut numbers);
    for round in 0..40 {
        let (restrictions, seen) = world.restricted(&mut numbers);
        let open = |kind: usize| restrictions.of(&world.type_id(kind)) == Restriction::Open;
        let gone = world.gone.iter().filter(|(kind, _)| open(*kind));
        let (mut left, mut kinds): (Vec<(usize, &str)>, Vec<usize>) = (Vec::new(), vec![0, 1, 2]);
        left.extend(seen.iter().map(|known| (known.kind, known.id.as_str())));
        // A deletion is a version of its own.
        left.extend(gone.flat_map(|(kind, id)| [(*kind, id.as_str()); 2]));
        left.sort_unstable();
        let mut scopes = vec![(Scope::System, left.clone())];
        for kind in kinds.drain(..) {
            let own = left.iter().filter(|(other, _)| *other == kind).copied();
            scopes.push((Scope::Type(TYPES[kind].to_owned()), own.collect()));
        }
        for known in world.all.iter().take(10) {
            let key = ResourceKey::new(TYPES[known.kind], known.id.as_str());
            let own = left.iter().filter(|(_, id)| *id == known.id).copied();
            scopes.push((Scope::Resource(key), own.collect()));
        }
        for (scope, expected) in scopes {
            for limit in [5, 200] {
                let page = HistoryPage {
                    limit,
                    ..HistoryPage::default()
                };
                let history = world
                    .store
                    .database
                    .history(scope.clone(), page, &restrictions);
                let (entries, total) = history.unwrap();
                let shown = format!("{round} {scope:?} {restrictions:?}");
                assert_eq!(total, i64::try_from(expected.len()).ok(), "{shown}");
                assert_eq!(entries.len(), expected.len().min(limit), "{shown}");
                let mut found: Vec<(usize, &str)> = Vec::new();
                for entry in &entries {
                    let key = &entry.version.key;
                    let kind = TYPES.iter().position(|name| *key.resource_type == **name);
                    found.push((kind.unwrap(), &key.id));
                }
                found.sort_unstable();
                let is_part = found.iter().all(|one| expected.contains(one));
                assert!(is_part && (limit == 5 || found == expected), "{shown}");
            }
        }
    }
}
