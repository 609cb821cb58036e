//! HL7's official examples again: several parameters at once, chains and `_has`, against a plain scan
//! that follows the references itself.

use std::collections::BTreeSet;

use serde_json::Value;

use super::differential::{PARAMETERS, encoded, examples, loaded, samples, searches};
use super::naive::{self, Kind, Parameter, values};
use super::{STRICT, ids};
use crate::support::TestNode;

/// A search of one parameter: its parameter, modifier and value.
#[derive(Clone)]
struct Search {
    parameter: Parameter,
    modifier: &'static str,
    value: String,
}

impl Search {
    fn fits(&self, resource: &Value) -> bool {
        naive::matches(resource, &self.parameter, self.modifier, &self.value)
    }

    /// As it stands in a query, after what leads to it.
    fn query(&self, before: &str) -> String {
        let colon = if self.modifier.is_empty() { "" } else { ":" };
        let (code, modifier) = (self.parameter.code, self.modifier);
        format!("{before}{code}{colon}{modifier}={}", encoded(&self.value))
    }
}

struct World {
    node: TestNode,
    examples: Vec<Value>,
    asked: usize,
    with_matches: usize,
    wrong: Vec<String>,
}

impl World {
    fn of(&self, name: &str) -> Vec<&Value> {
        let examples = self.examples.iter();
        examples
            .filter(|resource| resource["resourceType"] == name)
            .collect()
    }

    /// At most so many searches of a parameter, of different sorts.
    fn some(&self, name: &str, parameter: &Parameter, most: usize) -> Vec<Search> {
        let mut made: BTreeSet<(&'static str, String)> = BTreeSet::new();
        for sample in samples(&self.of(name), parameter) {
            made.extend(searches(parameter.kind, &sample));
        }
        let step = made.len().div_ceil(most).max(1);
        made.into_iter()
            .step_by(step)
            .map(|(modifier, value)| Search {
                parameter: *parameter,
                modifier,
                value,
            })
            .collect()
    }

    fn compare(&mut self, name: &str, query: &str, fits: impl Fn(&World, &Value) -> bool) {
        let resources = self.of(name);
        let expected = resources
            .into_iter()
            .filter(|resource| fits(self, resource));
        let mut expected: Vec<String> = expected
            .map(|resource| resource["id"].as_str().unwrap().to_owned())
            .collect();
        expected.sort_unstable();
        let query = format!("{name}?{query}");
        let found = ids(&self
            .node
            .get_with(&format!("{query}&_count=1000"), &[STRICT]));
        let counted = self.node.get(&format!("{query}&_summary=count")).json();
        if counted["total"].as_u64() != Some(expected.len() as u64) {
            let (total, wanted) = (&counted["total"], expected.len());
            self.wrong
                .push(format!("{query}: total {total}, expected {wanted}"));
        }
        self.asked += 1;
        self.with_matches += usize::from(!expected.is_empty());
        if found != expected {
            self.wrong
                .push(format!("{query}: expected {expected:?}, found {found:?}"));
        }
    }

    /// Whether a reference of a resource leads to another.
    fn leads(from: &Value, parameter: &Parameter, to: &Value) -> bool {
        let text = |name: &str| to[name].as_str().unwrap();
        let key = format!("{}/{}", text("resourceType"), text("id"));
        values(from, parameter)
            .iter()
            .any(|found| found["reference"] == key)
    }

    #[track_caller]
    fn finish(self, least: usize) {
        assert!(
            self.wrong.is_empty(),
            "{} of {} searches differ:\n{}",
            self.wrong.len(),
            self.asked,
            self.wrong.join("\n")
        );
        let enough = self.asked >= least && self.with_matches * 4 > self.asked;
        assert!(enough, "{} {}", self.asked, self.with_matches);
    }
}

fn world() -> Option<World> {
    let examples = examples()?;
    Some(World {
        node: loaded(&examples),
        examples,
        asked: 0,
        with_matches: 0,
        wrong: Vec::new(),
    })
}

#[test]
fn several_parameters_at_once() {
    let Some(mut world) = world() else {
        return;
    };
    for (name, parameters) in PARAMETERS {
        for (at, first) in parameters.iter().enumerate() {
            for second in &parameters[at..] {
                for a in world.some(name, first, 3) {
                    for b in world.some(name, second, 2) {
                        let query = format!("{}&{}", a.query(""), b.query(""));
                        world.compare(name, &query, |_, one| a.fits(one) && b.fits(one));
                    }
                }
            }
        }
    }
    world.finish(300);
}

#[test]
fn chains_and_has() {
    let Some(mut world) = world() else {
        return;
    };
    for (name, parameters) in PARAMETERS {
        let references = parameters.iter().filter(|p| p.kind == Kind::Reference);
        for reference in references {
            for (target, of_target) in PARAMETERS {
                let leads = world.of(name).into_iter().any(|from| {
                    let mut targets = world.of(target).into_iter();
                    targets.any(|to| World::leads(from, reference, to))
                });
                // One example has a performer of a type that no performer may be.
                if !leads || (reference.code, *target) == ("performer", "Encounter") {
                    continue;
                }
                for parameter in *of_target {
                    for search in world.some(target, parameter, 4) {
                        let chain = format!("{}:{target}.", reference.code);
                        world.compare(name, &search.query(&chain), |world, from| {
                            let mut targets = world.of(target).into_iter();
                            targets.any(|to| World::leads(from, reference, to) && search.fits(to))
                        });
                    }
                }
                for parameter in *parameters {
                    for search in world.some(name, parameter, 4) {
                        let has = format!("_has:{name}:{}:", reference.code);
                        world.compare(target, &search.query(&has), |world, to| {
                            let mut sources = world.of(name).into_iter();
                            sources
                                .any(|from| World::leads(from, reference, to) && search.fits(from))
                        });
                    }
                }
            }
        }
    }
    world.finish(200);
}
