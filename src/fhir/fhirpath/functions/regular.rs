//! Regular expressions: `matches()`, `matchesFull()`, `replaceMatches()`.
//!
//! Source: FHIRPath N1 *String manipulation*. Matching takes time linear in the text, and the compiled
//! form is bounded: no pattern runs away (IN-16). Look-around and back references are not offered.

use regex::{Regex, RegexBuilder};

use super::super::error::FhirPathError;
use super::super::evaluator::Outcome;
use super::super::item::Item;
use super::super::operators::check_text;
use super::{Args, Function, of_pattern};

pub(super) const REGULAR: &[Function] = &[
    of_pattern("matches", 1, matches),
    of_pattern("matchesFull", 1, matches_full),
    of_pattern("replaceMatches", 2, replace_matches),
];

/// Bytes of a compiled pattern.
const MOST_COMPILED: usize = 1 << 20;
/// Bytes that matching may use beside.
const MOST_WORKING: usize = 1 << 20;
/// Steps that compiling a pattern costs: no expression compiles many of them.
const COMPILATION: usize = 100;

/// Compiles a pattern; a dot matches a line feed too ("single line" mode).
fn compile(pattern: &str, whole: bool) -> Result<Regex, FhirPathError> {
    let anchored;
    let text = if whole {
        anchored = format!(r"\A(?:{pattern})\z");
        &anchored
    } else {
        pattern
    };
    RegexBuilder::new(text)
        .dot_matches_new_line(true)
        .size_limit(MOST_COMPILED)
        .dfa_size_limit(MOST_WORKING)
        .build()
        .map_err(|error| match error {
            regex::Error::CompiledTooBig(_) => {
                FhirPathError::limit("expected a smaller regular expression, found one too large")
            }
            _ => FhirPathError::execution(
                "expected a regular expression without look-around and back references",
            ),
        })
}

/// Runs with the compiled pattern of the first argument. A literal is compiled once.
fn with_pattern<T>(
    args: &Args<'_, '_>,
    pattern: &str,
    whole: bool,
    run: impl FnOnce(&Regex) -> T,
) -> Result<T, FhirPathError> {
    if let Some(kept) = &args.call.pattern {
        let compiled = kept.get_or_init(|| compile(pattern, whole));
        return compiled.as_ref().map(run).map_err(Clone::clone);
    }
    args.evaluator.spend_steps(COMPILATION)?;
    compile(pattern, whole).map(|regex| run(&regex))
}

fn test<'a>(args: &Args<'_, 'a>, input: Vec<Item<'a>>, whole: bool) -> Outcome<'a> {
    let (Some(text), Some(pattern)) = (args.text_of(&input)?, args.text(0)?) else {
        return Ok(Vec::new());
    };
    let found = with_pattern(args, &pattern, whole, |regex| regex.is_match(&text))?;
    Ok(vec![Item::Boolean(found)])
}

fn matches<'a>(args: &Args<'_, 'a>, input: Vec<Item<'a>>) -> Outcome<'a> {
    test(args, input, false)
}

fn matches_full<'a>(args: &Args<'_, 'a>, input: Vec<Item<'a>>) -> Outcome<'a> {
    test(args, input, true)
}

/// `$1` and `${name}` in the replacement stand for groups.
fn replace_matches<'a>(args: &Args<'_, 'a>, input: Vec<Item<'a>>) -> Outcome<'a> {
    let (Some(text), Some(pattern), Some(by)) =
        (args.text_of(&input)?, args.text(0)?, args.text(1)?)
    else {
        return Ok(Vec::new());
    };
    if pattern.is_empty() {
        return Ok(vec![Item::String(text)]);
    }
    let replaced = with_pattern(args, &pattern, false, |regex| {
        let mut made = String::new();
        let mut rest = 0;
        for found in regex.captures_iter(&text) {
            let Some(whole) = found.get(0) else {
                continue;
            };
            made.push_str(text.get(rest..whole.start()).unwrap_or(""));
            found.expand(&by, &mut made);
            rest = whole.end();
            // Groups can make the text grow without end.
            check_text(args.evaluator, made.len())?;
        }
        made.push_str(text.get(rest..).unwrap_or(""));
        Ok::<String, FhirPathError>(made)
    })??;
    check_text(args.evaluator, replaced.len())?;
    Ok(vec![Item::text(replaced)])
}
