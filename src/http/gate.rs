//! What of HTTP/1.1 two readers could read differently is held to one reading before the framework reads
//! it (HTTP-03): each line of a head, of a chunk's size and of a trailer ends with CR LF, and a body has
//! one length.
//!
//! Source: RFC 9112 §2.2 lets a recipient take a bare LF for the end of a line, and the framework does;
//! a proxy in front may not, and then finds other requests in the same bytes. The gate knows no more of
//! HTTP than where lines end and bodies lie. It is stricter than the framework throughout, so what it
//! lets pass both read alike.

/// So much of the begin of a line is kept: enough for what tells the length of a body.
const KEPT: usize = 64;

/// Watches the bytes of one connection, in pieces of any size.
#[derive(Debug, Default)]
pub struct Gate {
    place: Place,
    /// Bytes of a body, or of a chunk, that come before the next line.
    skip: u64,
    /// The line under way, without its end, as far as it is kept.
    line: Vec<u8>,
    /// The length of all of it.
    length: usize,
    /// The last byte of it.
    last: Option<u8>,
    body: Option<Body>,
}

/// Where in a request the line under way is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Place {
    /// Before the request line, where empty lines are passed over.
    #[default]
    Before,
    Head,
    ChunkSize,
    /// Behind the data of a chunk, where an empty line is.
    ChunkEnd,
    Trailer,
}

/// How the body of the request is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Body {
    Length(u64),
    Chunked,
}

/// A line that no request has, or that could be read in two ways.
struct Refused;

impl Gate {
    /// Looks at the next bytes; tells the place of a line end that must not be taken for one.
    pub fn fault(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut at = 0_usize;
        while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
            if self.skip > 0 {
                let skipped = usize::try_from(self.skip).map_or(rest.len(), |n| n.min(rest.len()));
                self.skip = self
                    .skip
                    .saturating_sub(u64::try_from(skipped).unwrap_or(u64::MAX));
                at = at.saturating_add(skipped);
                continue;
            }
            let end = rest.iter().position(|byte| *byte == b'\n');
            self.keep(rest.get(..end.unwrap_or(rest.len())).unwrap_or(rest));
            let end = at.saturating_add(end?);
            if self.end_line().is_err() {
                return Some(end);
            }
            at = end.saturating_add(1);
        }
        None
    }

    fn keep(&mut self, part: &[u8]) {
        let room = KEPT.saturating_sub(self.line.len()).min(part.len());
        self.line
            .extend_from_slice(part.get(..room).unwrap_or(part));
        self.length = self.length.saturating_add(part.len());
        self.last = part.last().copied().or(self.last);
    }

    /// The line under way has ended with a line feed.
    fn end_line(&mut self) -> Result<(), Refused> {
        let length = self.length;
        if self.last != Some(b'\r') {
            return Err(Refused);
        }
        let mut line = std::mem::take(&mut self.line);
        line.truncate(length.saturating_sub(1));
        let whole = length <= KEPT;
        (self.length, self.last) = (0, None);
        match (self.place, line.is_empty()) {
            (Place::Before, true) => {}
            (Place::Before, false) => self.place = Place::Head,
            (Place::Head, false) => self.measure(&line, whole)?,
            (Place::Head, true) => match self.body.take() {
                Some(Body::Chunked) => self.place = Place::ChunkSize,
                Some(Body::Length(length)) => {
                    (self.skip, self.place) = (length, Place::Before);
                }
                None => self.place = Place::Before,
            },
            (Place::ChunkSize, _) => {
                self.skip = chunk_size(&line).ok_or(Refused)?;
                self.place = match self.skip {
                    0 => Place::Trailer,
                    _ => Place::ChunkEnd,
                };
            }
            (Place::ChunkEnd, true) => self.place = Place::ChunkSize,
            (Place::ChunkEnd, false) => return Err(Refused),
            (Place::Trailer, true) => self.place = Place::Before,
            (Place::Trailer, false) => {}
        }
        // The room is used again.
        line.clear();
        self.line = line;
        Ok(())
    }

    /// Notes what a field tells of the body; each request tells it once.
    fn measure(&mut self, line: &[u8], whole: bool) -> Result<(), Refused> {
        let mut parts = line.splitn(2, |byte| *byte == b':');
        let (name, value) = (parts.next().unwrap_or(line), parts.next());
        let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
        let body = if is("content-length") {
            decimal(value.ok_or(Refused)?.trim_ascii()).map(Body::Length)
        } else if is("transfer-encoding") {
            let value = value.ok_or(Refused)?.trim_ascii();
            value
                .eq_ignore_ascii_case(b"chunked")
                .then_some(Body::Chunked)
        } else {
            return Ok(());
        };
        match (whole, self.body, body) {
            (true, None, Some(body)) => {
                self.body = Some(body);
                Ok(())
            }
            _ => Err(Refused),
        }
    }
}

fn decimal(text: &[u8]) -> Option<u64> {
    let digits = !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    digits.then(|| std::str::from_utf8(text).ok()?.parse().ok())?
}

/// The size before the extensions of a chunk.
fn chunk_size(line: &[u8]) -> Option<u64> {
    let end = |byte: &u8| matches!(*byte, b';' | b' ' | b'\t');
    let digits = line.split(end).next().unwrap_or(line);
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    u64::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whole, and byte by byte: where a fault is, counted over all bytes.
    #[track_caller]
    fn check(text: &str, expected: Option<usize>) {
        assert_eq!(Gate::default().fault(text.as_bytes()), expected, "{text:?}");
        let mut gate = Gate::default();
        let found = (0..text.len()).find(|at| gate.fault(&text.as_bytes()[*at..=*at]).is_some());
        assert_eq!(found, expected, "{text:?}, byte by byte");
    }

    /// Two requests, the first of them as given; the fault is the line feed behind `until`.
    #[track_caller]
    fn refused(until: &str, rest: &str) {
        check(&format!("{until}{rest}"), Some(until.len()));
    }

    #[test]
    fn http_03_requests_pass() {
        let next = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
        for first in [
            "",
            "\r\n\r\n",
            next,
            "POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\na\nb",
            "POST / HTTP/1.1\r\ncontent-length:0\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length: \t 2 \r\nX: y\r\n\r\n\n\n",
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\na\nb\r\nA;x=y\r\n0123\n56789\r\n0\r\n\r\n",
            "POST / HTTP/1.1\r\nTRANSFER-ENCODING: Chunked\r\n\r\n1 \r\na\r\n00\r\nTrailer: a\r\n\r\n",
        ] {
            check(&format!("{first}{next}"), None);
        }
        check(
            &format!(
                "GET /{} HTTP/1.1\r\nX: {}\r\n\r\n",
                "a".repeat(500),
                "b".repeat(500)
            ),
            None,
        );
    }

    #[test]
    fn http_03_bare_line_feeds_are_refused() {
        refused("", "\n");
        refused("\r\n", "\n");
        refused("GET / HTTP/1.1", "\nHost: a\r\n\r\n");
        refused("GET / HTTP/1.1\r\nHost: a", "\n\r\n");
        refused("GET / HTTP/1.1\r\nHost: a\r\n", "\n");
        refused("GET / HTTP/1.1\r\n\r\n", "\n");
        let body = "POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\n\n\n";
        refused(&format!("{body}GET / HTTP/1.1"), "\n");
        let chunked = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
        refused(&format!("{chunked}1"), "\na\r\n0\r\n\r\n");
        refused(&format!("{chunked}1;x"), "\na\r\n0\r\n\r\n");
        refused(&format!("{chunked}1\r\na"), "\n0\r\n\r\n");
        refused(&format!("{chunked}0\r\nX: a"), "\n\r\n");
        refused(&format!("{chunked}0\r\n"), "\n");
    }

    #[test]
    fn http_03_lengths_that_could_be_read_in_two_ways_are_refused() {
        for fields in [
            "Content-Length: 1\r\nContent-Length: 1",
            "Content-Length: +1",
            "Content-Length: -1",
            "Content-Length: 1, 1",
            "Content-Length: 0x1",
            "Content-Length:",
            "Content-Length",
            "Content-Length: 99999999999999999999",
            "Content-Length: 1\r\nTransfer-Encoding: chunked",
            "Transfer-Encoding: chunked\r\nContent-Length: 1",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
            "Transfer-Encoding: gzip, chunked",
            "Transfer-Encoding: identity",
            "Transfer-Encoding: chunked\t;",
        ] {
            refused(&format!("POST / HTTP/1.1\r\n{fields}\r"), "\n\r\n");
        }
        let padded = format!("Content-Length:{}1", " ".repeat(KEPT));
        refused(&format!("POST / HTTP/1.1\r\n{padded}\r"), "\n\r\n");
        let chunked = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
        for size in ["", "x", "-1", "+1", "0x1", ";x", " 1", "10000000000000000"] {
            refused(&format!("{chunked}{size}\r"), "\n");
        }
        // More data than the size says.
        refused(&format!("{chunked}1\r\nab\r"), "\n");
    }
}
