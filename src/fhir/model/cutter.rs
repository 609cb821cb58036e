//! A Bundle, cut into its parts while it passes by.
//!
//! Source: FHIR R4 *Bundle*. The text of a Bundle may be a hundred megabytes that nobody wants in memory:
//! it is seen once, in pieces of any size, and what comes of it is where its parts lie. Only what is
//! between the parts is judged here; each part is parsed on its own when its turn comes.

use std::ops::Range;

/// Where the parts of a Bundle lie in its text, in bytes.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Cut {
    pub bundle_type: Option<Range<u64>>,
    pub resource_type: Option<Range<u64>>,
    /// The other members, from the quote before the name to the end of the value.
    pub rest: Vec<Range<u64>>,
    /// The items of `entry`, each an object.
    pub entries: Vec<Range<u64>>,
}

/// Why a text is no Bundle that can be cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CutError {
    /// No well-formed JSON object, or not where this walk could tell.
    Malformed,
    /// `entry` is no array of objects.
    Entry,
    /// A member occurs twice.
    Twice,
    /// More entries than allowed.
    TooMany,
    /// A member is named with escapes, which none of a Bundle's needs.
    Escaped,
    /// Bytes that are no UTF-8.
    NoUtf8,
}

/// Cuts a Bundle that comes in pieces.
#[derive(Debug)]
pub struct Cutter {
    cut: Cut,
    /// Entries at the most.
    most: usize,
    state: State,
    /// Bytes seen.
    at: u64,
    name: Name,
    has_entry: bool,
    /// The beginning of a character that the last piece broke off in.
    broken: Vec<u8>,
}

/// The member that is being read.
#[derive(Debug, Default)]
struct Name {
    /// The quote before it.
    start: u64,
    /// As much as is needed to tell the members that matter.
    text: Vec<u8>,
}

/// What may come next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Object,
    FirstMember,
    Member,
    Name,
    Colon,
    Value,
    Inside { start: u64, skip: Skip, of: Of },
    AfterMember,
    FirstItem,
    Item,
    AfterItem,
    End,
}

/// Whose value is passed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Of {
    Member,
    Item,
}

/// Passing over a value. Brackets are counted, not matched: the part is parsed later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Skip {
    Brackets { open: u32 },
    Text { open: u32 },
    Escape { open: u32 },
    Scalar,
}

/// Bytes of a name that are kept: one more than the longest that matters.
const NAME: usize = 13;

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

impl Cutter {
    /// A cutter that takes this many entries.
    pub fn new(most: usize) -> Self {
        Self {
            cut: Cut::default(),
            most,
            state: State::Object,
            at: 0,
            name: Name::default(),
            has_entry: false,
            broken: Vec::new(),
        }
    }

    /// Cuts a text that is there as a whole.
    ///
    /// # Errors
    /// As [`Cutter::feed`].
    pub fn cut(text: &[u8], most: usize) -> Result<Cut, CutError> {
        let mut cutter = Self::new(most);
        cutter.feed(text)?;
        cutter.finish()
    }

    /// How many bytes are understood: after an error, where it is.
    pub fn position(&self) -> u64 {
        self.at
    }

    /// Takes the next piece.
    ///
    /// # Errors
    /// What is wrong with the text so far; the cutter is of no use then.
    pub fn feed(&mut self, piece: &[u8]) -> Result<(), CutError> {
        let mut rest = piece;
        while let Some((first, after)) = rest.split_first() {
            let run = match self.state {
                State::Inside { start, skip, of } => self.pass(start, skip, of, rest)?,
                _ => {
                    if !is_space(*first) || self.state == State::Name {
                        self.step(*first)?;
                    }
                    rest.len().saturating_sub(after.len())
                }
            };
            self.at = self.at.saturating_add(length(run));
            rest = rest.get(run..).unwrap_or(&[]);
        }
        self.check_utf8(piece)
    }

    /// Ends the text.
    ///
    /// # Errors
    /// `Malformed` when something is missing.
    pub fn finish(self) -> Result<Cut, CutError> {
        match self.state {
            State::End if self.broken.is_empty() => Ok(self.cut),
            _ => Err(CutError::Malformed),
        }
    }

    /// One byte between values, or of a name.
    fn step(&mut self, byte: u8) -> Result<(), CutError> {
        self.state = match (self.state, byte) {
            (State::Object, b'{') => State::FirstMember,
            (State::FirstMember, b'}') | (State::AfterMember, b'}') => State::End,
            (State::FirstMember | State::Member, b'"') => {
                self.name.start = self.at;
                self.name.text.clear();
                State::Name
            }
            (State::Name, b'"') => State::Colon,
            (State::Name, b'\\') => return Err(CutError::Escaped),
            (State::Name, byte) => {
                if self.name.text.len() < NAME {
                    self.name.text.push(byte);
                }
                State::Name
            }
            (State::Colon, b':') => State::Value,
            (State::Value, byte) if self.name.text == b"entry" => {
                if std::mem::replace(&mut self.has_entry, true) {
                    return Err(CutError::Twice);
                }
                match byte {
                    b'[' => State::FirstItem,
                    _ => return Err(CutError::Entry),
                }
            }
            (State::Value, byte) => self.inside(byte, Of::Member)?,
            (State::AfterMember, b',') => State::Member,
            (State::FirstItem | State::AfterItem, b']') => State::AfterMember,
            (State::FirstItem | State::Item, b'{') => {
                if self.cut.entries.len() >= self.most {
                    return Err(CutError::TooMany);
                }
                self.inside(b'{', Of::Item)?
            }
            (State::AfterItem, b',') => State::Item,
            (State::FirstItem | State::Item | State::AfterItem, _) => return Err(CutError::Entry),
            _ => return Err(CutError::Malformed),
        };
        Ok(())
    }

    /// The state inside a value that begins with this byte.
    fn inside(&self, byte: u8, of: Of) -> Result<State, CutError> {
        let skip = match byte {
            b'{' | b'[' => Skip::Brackets { open: 1 },
            b'"' => Skip::Text { open: 0 },
            b',' | b':' | b'}' | b']' => return Err(CutError::Malformed),
            _ => Skip::Scalar,
        };
        Ok(State::Inside {
            start: self.at,
            skip,
            of,
        })
    }

    /// Passes over as much of a value as is there, and tells how much that was.
    fn pass(&mut self, start: u64, skip: Skip, of: Of, rest: &[u8]) -> Result<usize, CutError> {
        let (run, skip) = match skip {
            Skip::Scalar => {
                let end = find(rest, |b| matches!(b, b',' | b'}' | b']') || is_space(*b));
                let Some((at, _)) = end else {
                    return Ok(rest.len());
                };
                // What ends it is the next to be looked at.
                let end = self.at.saturating_add(length(at));
                self.close(start..end, of)?;
                return Ok(at);
            }
            Skip::Escape { open } => (1, Some(Skip::Text { open })),
            Skip::Text { open } => match find(rest, |b| matches!(b, b'"' | b'\\')) {
                None => (rest.len(), Some(skip)),
                Some((at, b'\\')) => (at.saturating_add(1), Some(Skip::Escape { open })),
                Some((at, _)) => {
                    let next = (open > 0).then_some(Skip::Brackets { open });
                    (at.saturating_add(1), next)
                }
            },
            Skip::Brackets { open } => {
                match find(rest, |b| matches!(b, b'"' | b'{' | b'[' | b'}' | b']')) {
                    None => (rest.len(), Some(skip)),
                    Some((at, byte)) => {
                        let open = match byte {
                            b'{' | b'[' => open.saturating_add(1),
                            b'}' | b']' => open.saturating_sub(1),
                            _ => open,
                        };
                        let next = match byte {
                            b'"' => Some(Skip::Text { open }),
                            _ if open > 0 => Some(Skip::Brackets { open }),
                            _ => None,
                        };
                        (at.saturating_add(1), next)
                    }
                }
            }
        };
        match skip {
            Some(skip) => self.state = State::Inside { start, skip, of },
            None => {
                let end = self.at.saturating_add(length(run));
                self.close(start..end, of)?;
            }
        }
        Ok(run)
    }

    /// A value has ended.
    fn close(&mut self, value: Range<u64>, of: Of) -> Result<(), CutError> {
        match of {
            Of::Item => {
                self.cut.entries.push(value);
                self.state = State::AfterItem;
            }
            Of::Member => {
                self.state = State::AfterMember;
                let place = match self.name.text.as_slice() {
                    b"type" => &mut self.cut.bundle_type,
                    b"resourceType" => &mut self.cut.resource_type,
                    _ => {
                        self.cut.rest.push(self.name.start..value.end);
                        return Ok(());
                    }
                };
                if place.replace(value).is_some() {
                    return Err(CutError::Twice);
                }
            }
        }
        Ok(())
    }

    fn check_utf8(&mut self, piece: &[u8]) -> Result<(), CutError> {
        let mut rest = piece;
        while !self.broken.is_empty() {
            let Some((next, after)) = rest.split_first() else {
                return Ok(());
            };
            rest = after;
            self.broken.push(*next);
            match std::str::from_utf8(&self.broken) {
                Ok(_) => self.broken.clear(),
                Err(error) if error.error_len().is_none() => {}
                Err(_) => return Err(CutError::NoUtf8),
            }
        }
        match std::str::from_utf8(rest) {
            Ok(_) => {}
            Err(error) if error.error_len().is_none() => {
                let begun = rest.get(error.valid_up_to()..).unwrap_or(&[]);
                self.broken.extend_from_slice(begun);
            }
            Err(_) => return Err(CutError::NoUtf8),
        }
        Ok(())
    }
}

/// The first byte that is wanted, and where it is.
fn find(bytes: &[u8], wanted: impl Fn(&u8) -> bool) -> Option<(usize, u8)> {
    let at = bytes.iter().position(wanted)?;
    bytes.get(at).map(|byte| (at, *byte))
}

fn length(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(whole: &str, part: &Range<u64>) -> String {
        let at = |place: u64| usize::try_from(place).unwrap();
        whole[at(part.start)..at(part.end)].to_owned()
    }

    /// Cuts the text as a whole and in pieces of every small size: the result must be the same.
    fn cut(whole: &str, most: usize) -> Result<Cut, CutError> {
        let expected = Cutter::cut(whole.as_bytes(), most);
        for size in 1..9 {
            let mut cutter = Cutter::new(most);
            let fed = whole
                .as_bytes()
                .chunks(size)
                .try_for_each(|piece| cutter.feed(piece));
            assert_eq!(
                fed.and_then(|()| cutter.finish()),
                expected,
                "{whole} in pieces of {size}"
            );
        }
        expected
    }

    #[test]
    fn the_parts_of_a_bundle() {
        let whole = " {\"resourceType\":\"Bundle\", \"total\" : 12 ,\"type\":\"batch\",\n\
            \"meta\":{\"tag\":[{\"code\":\"}\\\"\"}]},\"entry\":[ {\"a\":\"è]\"} , {}\t,{\"b\":[{},[]]}],\"x\":null} ";
        let cut = cut(whole, 3).unwrap();
        let part = |part: &Option<Range<u64>>| text(whole, part.as_ref().unwrap());
        assert_eq!(part(&cut.bundle_type), "\"batch\"");
        assert_eq!(part(&cut.resource_type), "\"Bundle\"");
        let entries: Vec<String> = cut.entries.iter().map(|entry| text(whole, entry)).collect();
        assert_eq!(entries, ["{\"a\":\"è]\"}", "{}", "{\"b\":[{},[]]}"]);
        let rest: Vec<String> = cut.rest.iter().map(|member| text(whole, member)).collect();
        assert_eq!(
            rest,
            [
                "\"total\" : 12",
                "\"meta\":{\"tag\":[{\"code\":\"}\\\"\"}]}",
                "\"x\":null"
            ]
        );
        assert_eq!(Cutter::cut(whole.as_bytes(), 2), Err(CutError::TooMany));
    }

    #[test]
    fn bundles_without_entries() {
        for whole in ["{}", "{\"entry\":[]}", " {\"entry\" : [ ] } "] {
            assert_eq!(cut(whole, 0), Ok(Cut::default()), "{whole}");
        }
    }

    #[test]
    fn what_cannot_be_cut() {
        for (whole, expected) in [
            ("", CutError::Malformed),
            ("[", CutError::Malformed),
            ("{", CutError::Malformed),
            ("{\"a\"", CutError::Malformed),
            ("{\"a\":1", CutError::Malformed),
            ("{\"a\":}", CutError::Malformed),
            ("{\"a\":,\"b\":1}", CutError::Malformed),
            ("{\"a\":1,}", CutError::Malformed),
            ("{\"a\":1,,\"b\":1}", CutError::Malformed),
            ("{\"a\" 1}", CutError::Malformed),
            ("{\"a\":1 2}", CutError::Malformed),
            ("{\"a\":\"x}", CutError::Malformed),
            ("{\"a\":{}", CutError::Malformed),
            ("{a:1}", CutError::Malformed),
            ("{\"a\":1} x", CutError::Malformed),
            ("{}{}", CutError::Malformed),
            ("{\"entry\":[{}]", CutError::Malformed),
            ("{\"entry\":[{", CutError::Malformed),
            ("{\"entry\":[", CutError::Malformed),
            ("{\"entry\":1}", CutError::Entry),
            ("{\"entry\":null}", CutError::Entry),
            ("{\"entry\":{}}", CutError::Entry),
            ("{\"entry\":[1]}", CutError::Entry),
            ("{\"entry\":[{},]}", CutError::Entry),
            ("{\"entry\":[{} {}]}", CutError::Entry),
            ("{\"entry\":[,{}]}", CutError::Entry),
            ("{\"entry\":[[]]}", CutError::Entry),
            ("{\"entry\":[],\"entry\":[]}", CutError::Twice),
            ("{\"type\":\"a\",\"type\":\"b\"}", CutError::Twice),
            ("{\"resourceType\":1,\"resourceType\":1}", CutError::Twice),
            ("{\"entr\\u0079\":[]}", CutError::Escaped),
        ] {
            assert_eq!(cut(whole, 9), Err(expected), "{whole}");
        }
    }

    #[test]
    fn in_11_bytes_that_are_no_text() {
        for (bytes, expected) in [
            (b"{\"a\":\"\xff\"}".as_slice(), CutError::NoUtf8),
            (b"{\"entry\":[{\"a\":\"\xc3(\"}]}", CutError::NoUtf8),
            (b"{\"a\":\"\xed\xa0\x80\"}", CutError::NoUtf8),
        ] {
            assert_eq!(Cutter::cut(bytes, 9), Err(expected));
            let mut cutter = Cutter::new(9);
            let fed = bytes.chunks(1).try_for_each(|piece| cutter.feed(piece));
            assert_eq!(fed, Err(expected));
        }
        let mut cutter = Cutter::new(9);
        cutter.feed(b"{} \xc3").unwrap_err();
    }
}
