//! A minimal HTTP/1.1 client over one kept-alive connection (RFC 9112).
//!
//! The generator shares the processors with the server it measures, so it does only what load
//! needs: requests are bytes made beforehand, one at a time per connection, and of an answer it
//! reads the status and the length. No TLS, no redirects, no decoding of content codings.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// An answer larger than this is taken for a fault.
const MAX_ANSWER: usize = 256 << 20;
const MAX_HEAD: usize = 64 << 10;

/// Why no answer came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    Connect,
    Send,
    Receive,
    /// The server closed the connection before the end of the answer.
    Closed,
    /// What came is not HTTP/1.1.
    Malformed,
    TooLarge,
}

impl Failure {
    pub fn label(self) -> &'static str {
        match self {
            Self::Connect => "cannot connect",
            Self::Send => "cannot send",
            Self::Receive => "cannot receive",
            Self::Closed => "closed early",
            Self::Malformed => "malformed answer",
            Self::TooLarge => "answer too large",
        }
    }
}

/// One answer, borrowed from its connection until the next call.
#[derive(Debug, Clone, Copy)]
pub struct Answer<'a> {
    pub status: u16,
    head: &'a [u8],
    pub body: &'a [u8],
}

impl Answer<'_> {
    /// The value of header `name`, without surrounding blanks.
    pub fn header(&self, name: &str) -> Option<&str> {
        lines(self.head).find_map(|line| {
            let (found, value) = split_header(line)?;
            let same = found.eq_ignore_ascii_case(name.as_bytes());
            same.then(|| std::str::from_utf8(value).ok()).flatten()
        })
    }

    /// Logical id and version of a created or updated resource: from `Location`
    /// (`…/Type/id/_history/version`), else `ETag`, else the first `"id"` of the body.
    pub fn identity(&self) -> Option<(String, String)> {
        let tag = self
            .header("etag")
            .map(|tag| tag.trim_start_matches("W/").trim_matches('"'));
        let location = self
            .header("location")
            .or_else(|| self.header("content-location"));
        let Some(location) = location else {
            return Some((id_in(self.body)?, tag.unwrap_or("1").to_owned()));
        };
        let (path, version) = match location.split_once("/_history/") {
            Some((path, version)) => (path, version),
            None => (location, tag.unwrap_or("1")),
        };
        let id = path.trim_end_matches('/').rsplit('/').next()?;
        Some((id.to_owned(), version.to_owned()))
    }
}

/// A connection that opens itself when needed and again after a failure.
#[derive(Debug)]
pub struct Connection {
    address: String,
    stream: Option<TcpStream>,
    received: Vec<u8>,
    unchunked: Vec<u8>,
}

impl Connection {
    /// `address` is `host:port`. Nothing is opened yet.
    pub fn new(address: &str) -> Self {
        Self {
            address: address.to_owned(),
            stream: None,
            received: Vec::new(),
            unchunked: Vec::new(),
        }
    }

    pub async fn open(&mut self) -> Result<(), Failure> {
        let stream = TcpStream::connect(&self.address)
            .await
            .map_err(|_| Failure::Connect)?;
        stream.set_nodelay(true).map_err(|_| Failure::Connect)?;
        self.stream = Some(stream);
        Ok(())
    }

    /// Sends one complete request and reads its answer to the end.
    pub async fn call(&mut self, request: &[u8]) -> Result<Answer<'_>, Failure> {
        match self.exchange(request).await {
            Ok(framed) => {
                if framed.close {
                    self.stream = None;
                }
                let head = self.received.get(framed.head_start..framed.head_end);
                let body = if framed.chunked {
                    Some(self.unchunked.as_slice())
                } else {
                    self.received.get(framed.head_end..)
                };
                Ok(Answer {
                    status: framed.status,
                    head: head.unwrap_or_default(),
                    body: body.unwrap_or_default(),
                })
            }
            Err(failure) => {
                self.stream = None;
                Err(failure)
            }
        }
    }

    async fn exchange(&mut self, request: &[u8]) -> Result<Framed, Failure> {
        if self.stream.is_none() {
            self.open().await?;
        }
        let stream = self.stream.as_mut().ok_or(Failure::Connect)?;
        self.received.clear();
        self.unchunked.clear();
        stream.write_all(request).await.map_err(|_| Failure::Send)?;
        let mut head_start = 0;
        let framed = loop {
            match head(&self.received, head_start)? {
                // Interim answers (1xx) precede the real one.
                Some(framed) if framed.status < 200 => head_start = framed.head_end,
                Some(framed) => break framed,
                None if self.received.len() > MAX_HEAD => return Err(Failure::Malformed),
                None => more(stream, &mut self.received).await?,
            }
        };
        match framed.length {
            Length::Known(length) => {
                let end = framed
                    .head_end
                    .checked_add(length)
                    .ok_or(Failure::TooLarge)?;
                while self.received.len() < end {
                    more(stream, &mut self.received).await?;
                }
                if self.received.len() > end {
                    return Err(Failure::Malformed);
                }
            }
            Length::Chunked => {
                let mut at = framed.head_end;
                while !unchunk(&self.received, &mut at, &mut self.unchunked)? {
                    more(stream, &mut self.received).await?;
                }
            }
            Length::UntilClose => loop {
                match more(stream, &mut self.received).await {
                    Ok(()) => {}
                    Err(Failure::Closed) => break,
                    Err(failure) => return Err(failure),
                }
            },
        }
        Ok(framed)
    }
}

async fn more(stream: &mut TcpStream, received: &mut Vec<u8>) -> Result<(), Failure> {
    if received.len() > MAX_ANSWER {
        return Err(Failure::TooLarge);
    }
    received.reserve(8 << 10);
    match stream.read_buf(received).await {
        Ok(0) => Err(Failure::Closed),
        Ok(_) => Ok(()),
        Err(_) => Err(Failure::Receive),
    }
}

#[derive(Debug, Clone, Copy)]
enum Length {
    Known(usize),
    Chunked,
    UntilClose,
}

/// The head of an answer and what it says of the body.
#[derive(Debug, Clone, Copy)]
struct Framed {
    status: u16,
    head_start: usize,
    head_end: usize,
    length: Length,
    chunked: bool,
    close: bool,
}

/// Reads the head that begins at `head_start`; none while it is incomplete.
fn head(received: &[u8], head_start: usize) -> Result<Option<Framed>, Failure> {
    let unread = received.get(head_start..).unwrap_or_default();
    let Some(blank) = find(unread, b"\r\n\r\n") else {
        return Ok(None);
    };
    let text = unread.get(..blank).unwrap_or_default();
    let status = text
        .strip_prefix(b"HTTP/1.1 ".as_slice())
        .or_else(|| text.strip_prefix(b"HTTP/1.0 ".as_slice()))
        .and_then(|rest| number(rest.get(..3)?, 10))
        .and_then(|status| u16::try_from(status).ok())
        .ok_or(Failure::Malformed)?;
    let mut framed = Framed {
        status,
        head_start,
        head_end: head_start + blank + 4,
        length: Length::UntilClose,
        chunked: false,
        close: text.starts_with(b"HTTP/1.0"),
    };
    for line in lines(text) {
        let Some((name, value)) = split_header(line) else {
            continue;
        };
        if name.eq_ignore_ascii_case(b"content-length") && !framed.chunked {
            framed.length = Length::Known(number(value, 10).ok_or(Failure::Malformed)?);
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
            framed.length = Length::Chunked;
            framed.chunked = true;
        } else if name.eq_ignore_ascii_case(b"connection") {
            framed.close = value.eq_ignore_ascii_case(b"close");
        }
    }
    if matches!(status, 100..=199 | 204 | 304) {
        framed.length = Length::Known(0);
        framed.chunked = false;
    }
    framed.close |= matches!(framed.length, Length::UntilClose);
    Ok(Some(framed))
}

/// Moves the complete chunks from `at` on to `body`; true after the last one (RFC 9112 §7.1).
fn unchunk(received: &[u8], at: &mut usize, body: &mut Vec<u8>) -> Result<bool, Failure> {
    loop {
        let unread = received.get(*at..).unwrap_or_default();
        let Some(line_end) = find(unread, b"\r\n") else {
            return Ok(false);
        };
        let line = unread.get(..line_end).unwrap_or_default();
        let digits = line.split(|byte| *byte == b';').next().unwrap_or_default();
        let size = number(digits.trim_ascii(), 16).ok_or(Failure::Malformed)?;
        if size == 0 {
            // An empty trailer section is the blank line that follows at once.
            let trailers = unread.get(line_end..).unwrap_or_default();
            return Ok(find(trailers, b"\r\n\r\n").is_some());
        }
        let start = line_end + 2;
        let end = start.checked_add(size).ok_or(Failure::TooLarge)?;
        let next = end.checked_add(2).ok_or(Failure::TooLarge)?;
        if unread.len() < next {
            return Ok(false);
        }
        body.extend_from_slice(unread.get(start..end).unwrap_or_default());
        *at += next;
    }
}

/// The header lines of a head, the status line left out.
fn lines(head: &[u8]) -> impl Iterator<Item = &[u8]> {
    head.split(|byte| *byte == b'\n')
        .skip(1)
        .map(<[u8]>::trim_ascii_end)
}

fn split_header(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let colon = line.iter().position(|byte| *byte == b':')?;
    let (name, value) = line.split_at_checked(colon)?;
    Some((name, value.get(1..)?.trim_ascii()))
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes
        .windows(wanted.len())
        .position(|window| window == wanted)
}

fn number(digits: &[u8], radix: u32) -> Option<usize> {
    usize::from_str_radix(std::str::from_utf8(digits).ok()?, radix).ok()
}

fn id_in(body: &[u8]) -> Option<String> {
    let start = find(body, b"\"id\"")? + 4;
    let text = std::str::from_utf8(body.get(start..)?).ok()?;
    text.split('"').nth(1).map(str::to_owned)
}
