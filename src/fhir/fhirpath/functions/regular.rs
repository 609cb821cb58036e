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
    of_pattern("matches", (1, 2), matches),
    of_pattern("matchesFull", (1, 2), matches_full),
    of_pattern("replaceMatches", (2, 3), replace_matches),
];

/// Bytes of a compiled pattern, and what a byte of text costs by it: time is that of the text times that
/// of the pattern at worst.
const SIZES: [(usize, usize); 3] = [(1 << 13, 1), (1 << 16, 8), (1 << 19, 64)];
/// Bytes that matching may use beside.
const MOST_WORKING: usize = 1 << 20;
/// Steps that compiling a pattern costs: no expression compiles many of them.
const COMPILATION: usize = 100;

/// A compiled pattern, and what a byte of text costs.
#[derive(Debug)]
pub(in crate::fhir::fhirpath) struct Compiled {
    regex: Regex,
    weight: usize,
}

/// Compiles a pattern; a dot matches a line feed too ("single line" mode).
fn compile(pattern: &str, whole: bool, flags: Flags) -> Result<Compiled, FhirPathError> {
    let anchored;
    let text = if whole {
        anchored = format!(r"^(?:{pattern})$");
        &anchored
    } else {
        pattern
    };
    for (size, weight) in SIZES {
        let built = RegexBuilder::new(text)
            .dot_matches_new_line(true)
            .case_insensitive(flags.ignore_case)
            .multi_line(flags.multi_line)
            .size_limit(size)
            .dfa_size_limit(MOST_WORKING)
            .build();
        match built {
            Ok(regex) => return Ok(Compiled { regex, weight }),
            Err(regex::Error::CompiledTooBig(_)) => {}
            Err(_) => {
                return Err(FhirPathError::execution(
                    "expected a regular expression without look-around and back references",
                ));
            }
        }
    }
    Err(FhirPathError::limit(
        "expected a smaller regular expression, found one too large",
    ))
}

/// `i` and `m`.
#[derive(Clone, Copy, Default)]
struct Flags {
    ignore_case: bool,
    multi_line: bool,
}

impl Flags {
    /// Of the argument at this place; none if it was not given.
    fn read(args: &Args<'_, '_>, index: usize) -> Result<Self, FhirPathError> {
        let mut flags = Self::default();
        for flag in args.text(index)?.unwrap_or_default().chars() {
            match flag {
                'i' => flags.ignore_case = true,
                'm' => flags.multi_line = true,
                _ => {
                    return Err(FhirPathError::execution(
                        "expected i or m as the flags of a regular expression, found another",
                    ));
                }
            }
        }
        Ok(flags)
    }
}

/// Runs with the compiled pattern of the first argument. A literal is compiled once.
fn with_pattern<T>(
    args: &Args<'_, '_>,
    pattern: &str,
    whole: bool,
    text: &str,
    flags: Flags,
    run: impl FnOnce(&Regex) -> T,
) -> Result<T, FhirPathError> {
    let evaluator = args.evaluator;
    let pay = |compiled: &Compiled| {
        let bytes = u64::try_from(text.len().saturating_mul(compiled.weight));
        evaluator.spend(bytes.unwrap_or(u64::MAX))
    };
    if let Some(kept) = &args.call.pattern {
        if kept.get().is_none() {
            evaluator.spend_steps(COMPILATION)?;
        }
        let compiled = kept.get_or_init(|| compile(pattern, whole, flags));
        let compiled = compiled.as_ref().map_err(Clone::clone)?;
        pay(compiled)?;
        return Ok(run(&compiled.regex));
    }
    evaluator.spend_steps(COMPILATION)?;
    let compiled = compile(pattern, whole, flags)?;
    pay(&compiled)?;
    Ok(run(&compiled.regex))
}

fn test<'a>(args: &Args<'_, 'a>, input: Vec<Item<'a>>, whole: bool) -> Outcome<'a> {
    let (Some(text), Some(pattern)) = (args.text_of(&input)?, args.text(0)?) else {
        return Ok(Vec::new());
    };
    let flags = Flags::read(args, 1)?;
    let found = with_pattern(args, &pattern, whole, &text, flags, |regex| {
        regex.is_match(&text)
    })?;
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
    let flags = Flags::read(args, 2)?;
    let replaced = with_pattern(args, &pattern, false, &text, flags, |regex| {
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
