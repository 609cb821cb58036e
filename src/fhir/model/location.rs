//! From a FHIRPath expression of a finding to the place in the text that was sent.
//!
//! Nothing of it is kept while a resource is read or validated: only when there are findings is the
//! text walked once more, for all of them together (`json::locate`, `xml::locate`). Where an element
//! does not exist, because it is the one that is missing, its nearest parent is the place.

use crate::error::Position;

/// Longer paths are cut: no resource is nested as deeply.
const STEPS: usize = 256;

/// One step of an expression: `value.ofType(Quantity)[2]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    pub name: String,
    /// The type of a choice.
    pub choice: Option<String>,
    pub index: Option<usize>,
}

impl Step {
    /// Whether a member of this name is meant, the type of a choice included.
    pub fn is(&self, name: &str) -> bool {
        let Some(rest) = name.strip_prefix(self.name.as_str()) else {
            return false;
        };
        match &self.choice {
            None => rest.is_empty(),
            Some(choice) => {
                let mut rest = rest.chars();
                let mut choice = choice.chars();
                rest.next() == choice.next().map(|c| c.to_ascii_uppercase()) && rest.eq(choice)
            }
        }
    }
}

/// Reads an expression without its first step, the type. What is no path, such as a function, ends it.
pub fn steps(expression: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut rest = after_name(expression).1;
    while let Some(after) = rest.strip_prefix('.').filter(|_| steps.len() < STEPS) {
        let (name, after) = after_name(after);
        if name.is_empty() || after.starts_with('(') {
            break;
        }
        rest = after;
        let mut step = Step {
            name,
            choice: None,
            index: None,
        };
        if let Some((choice, after)) = rest
            .strip_prefix(".ofType(")
            .and_then(|after| after.split_once(')'))
        {
            step.choice = Some(choice.to_owned());
            rest = after;
        }
        if let Some((index, after)) = rest
            .strip_prefix('[')
            .and_then(|after| after.split_once(']'))
        {
            step.index = index.parse().ok();
            rest = after;
        }
        steps.push(step);
    }
    steps
}

/// A name at the beginning of a text, delimited or not, and what follows it.
fn after_name(text: &str) -> (String, &str) {
    if let Some(quoted) = text.strip_prefix('`') {
        let mut name = String::new();
        let mut characters = quoted.char_indices();
        while let Some((at, character)) = characters.next() {
            match character {
                '`' => return (name, quoted.get(at.saturating_add(1)..).unwrap_or("")),
                '\\' => name.extend(characters.next().map(|(_, escaped)| escaped)),
                other => name.push(other),
            }
        }
        return (name, "");
    }
    let end = text
        .find(|c: char| !c.is_alphanumeric() && c != '_')
        .unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    (name.to_owned(), rest)
}

/// What is looked for, while a text is walked: the expressions, and the deepest place found for each.
pub struct Search {
    wanted: Vec<Vec<Step>>,
    /// Steps that were found and the byte offset.
    found: Vec<Option<(usize, usize)>>,
}

impl Search {
    pub fn new(expressions: &[&str]) -> Self {
        Self {
            wanted: expressions
                .iter()
                .map(|expression| steps(expression))
                .collect(),
            found: expressions
                .iter()
                .map(|expression| (!expression.is_empty()).then_some((0, 0)))
                .collect(),
        }
    }

    /// The numbers of all expressions.
    pub fn all(&self) -> Vec<usize> {
        (0..self.wanted.len()).collect()
    }

    /// The step of an expression at a depth.
    pub fn step(&self, number: usize, depth: usize) -> Option<&Step> {
        self.wanted.get(number)?.get(depth)
    }

    /// Those of some expressions that go on at a depth with a member of this name.
    pub fn going_on(&self, numbers: &[usize], depth: usize, name: &str) -> Vec<usize> {
        let goes_on =
            |number: &&usize| self.step(**number, depth).is_some_and(|step| step.is(name));
        numbers.iter().filter(goes_on).copied().collect()
    }

    /// Notes a place of expressions of which so many steps were found; deeper ones win, then earlier.
    pub fn note(&mut self, numbers: &[usize], steps: usize, offset: usize) {
        self.set(numbers, |known| {
            if steps > known.0 || steps == 0 {
                *known = (steps, offset);
            }
        });
    }

    /// Notes the item of a list whose place is known.
    pub fn refine(&mut self, numbers: &[usize], steps: usize, offset: usize) {
        self.set(numbers, |known| {
            if steps >= known.0 {
                *known = (steps, offset);
            }
        });
    }

    fn set(&mut self, numbers: &[usize], mut set: impl FnMut(&mut (usize, usize))) {
        for number in numbers {
            if let Some(Some(known)) = self.found.get_mut(*number) {
                set(known);
            }
        }
    }

    /// The places as lines and columns of the text.
    pub fn positions(&self, text: &[u8]) -> Vec<Option<Position>> {
        let mut offsets: Vec<(usize, usize)> = self
            .found
            .iter()
            .enumerate()
            .filter_map(|(number, found)| Some(((*found)?.1, number)))
            .collect();
        offsets.sort_unstable();
        let mut positions = vec![None; self.found.len()];
        let (mut line, mut column, mut at) = (1usize, 1usize, 0usize);
        for (offset, number) in offsets {
            for byte in text.get(at..offset).unwrap_or_default() {
                if *byte == b'\n' {
                    line = line.saturating_add(1);
                    column = 1;
                } else if byte & 0xC0 != 0x80 {
                    // Characters are counted, not the bytes that continue one.
                    column = column.saturating_add(1);
                }
            }
            at = at.max(offset);
            if let Some(position) = positions.get_mut(number) {
                *position = Some(Position { line, column });
            }
        }
        positions
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(expression: &str, expected: &str) {
        let found: Vec<String> = steps(expression)
            .iter()
            .map(|step| {
                let choice = step.choice.as_deref().unwrap_or("-");
                format!("{}/{choice}/{:?}", step.name, step.index)
            })
            .collect();
        assert_eq!(found.join(" "), expected, "{expression}");
    }

    #[test]
    fn expressions_are_read_step_by_step() {
        check("Patient", "");
        check("", "");
        check("Patient.name[1].given[0]", "name/-/Some(1) given/-/Some(0)");
        check(
            "Observation.value.ofType(Quantity).code",
            "value/Quantity/None code/-/None",
        );
        check("Observation.`a b\\`c`[2]", "a b`c/-/Some(2)");
        check("Patient.name.where(use = 'x')", "name/-/None");
        check("Patient..x", "");
        check("Patient.name[x", "name/-/None");
        check("Patient.`x", "x/-/None");
    }

    #[test]
    fn a_choice_is_a_member_with_its_type() {
        let step = &steps("O.value.ofType(dateTime)")[0];
        assert!(step.is("valueDateTime"));
        assert!(!step.is("valueDate"));
        assert!(!step.is("value"));
        assert!(!steps("O.value")[0].is("valueDate"));
    }
}
