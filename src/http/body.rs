//! Request bodies: limited in size, in time, and in what they inflate to.
//!
//! Source: IN-03 to IN-06 and HTTP-01 of the security handbook.

use std::io::Read;
use std::pin::Pin;
use std::time::{Duration, Instant};

use actix_web::error::PayloadError;
use actix_web::http::header::{CONTENT_ENCODING, HeaderMap};
use actix_web::web::{Bytes, Payload};
use futures_core::Stream;

use crate::config::Limits;
use crate::error::{Error, Kind, Result};
use crate::storage::{Received, Receiver, UploadWriter};

/// Below this, the ratio of inflated to deflated bytes says nothing.
const RATIO_FLOOR: usize = 64 * 1024;

/// Reads a body into memory, at most `limit` bytes after inflation.
pub async fn read(
    headers: &HeaderMap,
    payload: &mut Payload,
    limit: usize,
    limits: &Limits,
    seconds: u64,
) -> Result<Vec<u8>> {
    let announced = announced(headers, limit)?;
    // As announced, at once: growing step by step would hold the body twice while it is copied.
    let mut body = Vec::with_capacity(announced.unwrap_or(0));
    let mut pace = Pace::new(limits, seconds);
    while let Some(chunk) = next(payload, &mut pace).await? {
        if body.len().saturating_add(chunk.len()) > limit {
            return Err(too_large(limit));
        }
        body.extend_from_slice(&chunk);
    }
    inflate(headers, body, limit, limits.inflate_ratio)
}

/// Receives a body that may be large, at most `limit` bytes after inflation: what is much goes to a file.
pub async fn receive(
    headers: &HeaderMap,
    payload: &mut Payload,
    mut receiver: Receiver,
    limit: usize,
    limits: &Limits,
) -> Result<Coded> {
    announced(headers, limit)?;
    let coding = coding_of(headers)?;
    let mut pace = Pace::new(limits, limits.upload_seconds);
    let most = u64::try_from(limit).unwrap_or(u64::MAX);
    while let Some(chunk) = next(payload, &mut pace).await? {
        receiver.write(&chunk)?;
        if receiver.size() > most {
            return Err(too_large(limit));
        }
    }
    Ok(Coded {
        received: receiver.finish(),
        coding,
        limit,
        ratio: limits.inflate_ratio,
    })
}

/// A body as it came, perhaps deflated.
pub struct Coded {
    received: Received,
    coding: Option<BodyCoding>,
    limit: usize,
    ratio: usize,
}

impl Coded {
    /// The bytes that were meant. Takes its time: not for the async threads.
    pub fn inflate(self, mut receiver: Receiver) -> Result<Received> {
        let Some(coding) = self.coding else {
            return Ok(self.received);
        };
        let deflated = usize::try_from(self.received.size()).unwrap_or(usize::MAX);
        let mut inflated = Inflated::new(
            coding,
            deflated,
            self.limit,
            self.ratio,
            self.received.reader(),
        )?;
        let mut piece = vec![0; 64 * 1024];
        loop {
            match inflated.read(&mut piece)? {
                0 => return Ok(receiver.finish()),
                read => receiver.write(piece.get(..read).unwrap_or(&[]))?,
            }
        }
    }
}

/// Streams a body into a temporary file, at most `limit` bytes.
pub async fn upload(
    headers: &HeaderMap,
    payload: &mut Payload,
    mut writer: UploadWriter,
    limits: &Limits,
) -> Result<UploadWriter> {
    let limit = usize::try_from(limits.document_bytes).unwrap_or(usize::MAX);
    announced(headers, limit)?;
    if coding_of(headers)?.is_some() {
        return Err(Error::of(
            Kind::UnsupportedMediaType,
            "expected a document without Content-Encoding, found one",
        ));
    }
    let mut pace = Pace::new(limits, limits.upload_seconds);
    let mut size = 0usize;
    while let Some(chunk) = next(payload, &mut pace).await? {
        size = size.saturating_add(chunk.len());
        if size > limit {
            return Err(too_large(limit));
        }
        writer.write(&chunk)?;
    }
    Ok(writer)
}

/// How fast a body must come.
struct Pace {
    started: Instant,
    bytes: u64,
    grace: Duration,
    per_second: u64,
    whole: Duration,
}

impl Pace {
    fn new(limits: &Limits, seconds: u64) -> Self {
        Self {
            started: Instant::now(),
            bytes: 0,
            grace: Duration::from_secs(limits.body_grace_seconds),
            per_second: limits.body_bytes_per_second.max(1),
            whole: Duration::from_secs(seconds),
        }
    }

    /// Until when the next piece must be there.
    fn patience(&self) -> Duration {
        let earned = Duration::from_millis(
            self.bytes
                .saturating_mul(1000)
                .checked_div(self.per_second)
                .unwrap_or(0),
        );
        let allowed = self.grace.saturating_add(earned).min(self.whole);
        allowed.saturating_sub(self.started.elapsed())
    }
}

async fn next(payload: &mut Payload, pace: &mut Pace) -> Result<Option<Bytes>> {
    let chunk = tokio::time::timeout(
        pace.patience(),
        std::future::poll_fn(|context| Pin::new(&mut *payload).poll_next(context)),
    )
    .await
    .map_err(|_| {
        Error::of(
            Kind::Invalid,
            "expected the body at a reasonable pace, found it too slow",
        )
    })?;
    match chunk {
        None => Ok(None),
        Some(Ok(chunk)) => {
            let length = u64::try_from(chunk.len()).unwrap_or(u64::MAX);
            pace.bytes = pace.bytes.saturating_add(length);
            Ok(Some(chunk))
        }
        Some(Err(PayloadError::Overflow)) => {
            Err(Error::of(Kind::TooLarge, "the body is too large"))
        }
        Some(Err(_)) => Err(Error::of(
            Kind::Invalid,
            "expected the whole body, found it cut off",
        )),
    }
}

/// The length that the head announces.
fn announced(headers: &HeaderMap, limit: usize) -> Result<Option<usize>> {
    let length = headers
        .get(actix_web::http::header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok())
        .and_then(|text| text.parse::<usize>().ok());
    match length {
        Some(length) if length > limit => Err(too_large(limit)),
        length => Ok(length),
    }
}

fn too_large(limit: usize) -> Error {
    Error::of(
        Kind::TooLarge,
        format!("expected a body of at most {limit} bytes, found more"),
    )
}

enum BodyCoding {
    Gzip,
    Zstd,
}

fn coding_of(headers: &HeaderMap) -> Result<Option<BodyCoding>> {
    let mut values = headers.get_all(CONTENT_ENCODING);
    let refused = || {
        Error::of(
            Kind::UnsupportedMediaType,
            "expected Content-Encoding gzip or zstd, once, found another",
        )
    };
    let Some(value) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        return Err(refused());
    }
    match value.to_str().map(|text| text.trim().to_ascii_lowercase()) {
        Ok(text) if text == "identity" || text.is_empty() => Ok(None),
        Ok(text) if text == "gzip" => Ok(Some(BodyCoding::Gzip)),
        Ok(text) if text == "zstd" => Ok(Some(BodyCoding::Zstd)),
        _ => Err(refused()),
    }
}

/// Inflates a body, counting while it does.
fn inflate(headers: &HeaderMap, body: Vec<u8>, limit: usize, ratio: usize) -> Result<Vec<u8>> {
    let Some(coding) = coding_of(headers)? else {
        return Ok(body);
    };
    let mut inflated = Inflated::new(coding, body.len(), limit, ratio, body.as_slice())?;
    let mut out = Vec::new();
    let mut piece = vec![0; 64 * 1024];
    loop {
        match inflated.read(&mut piece)? {
            0 => return Ok(out),
            read => out.extend_from_slice(piece.get(..read).unwrap_or(&[])),
        }
    }
}

/// What a body inflates to, read piece by piece.
struct Inflated<'a> {
    reader: Box<dyn Read + 'a>,
    /// Bytes that may still come.
    left: usize,
    most: usize,
}

impl<'a> Inflated<'a> {
    fn new(
        coding: BodyCoding,
        deflated: usize,
        limit: usize,
        ratio: usize,
        body: impl Read + 'a,
    ) -> Result<Self> {
        let most = deflated.saturating_mul(ratio).max(RATIO_FLOOR).min(limit);
        let reader: Box<dyn Read + 'a> = match coding {
            BodyCoding::Gzip => Box::new(flate2::read::MultiGzDecoder::new(body)),
            BodyCoding::Zstd => {
                let mut decoder = zstd::Decoder::new(body).map_err(broken)?;
                // 2^23: what RFC 8878 asks every decoder to accept, and no more.
                decoder.window_log_max(23).map_err(broken)?;
                Box::new(decoder)
            }
        };
        Ok(Self {
            reader,
            left: most,
            most,
        })
    }

    /// The next bytes; 0 at the end.
    fn read(&mut self, piece: &mut [u8]) -> Result<usize> {
        let read = self.reader.read(piece).map_err(broken)?;
        let most = self.most;
        self.left = self.left.checked_sub(read).ok_or_else(|| {
            Error::of(
                Kind::TooLarge,
                format!("expected a body that inflates to at most {most} bytes, found more"),
            )
        })?;
        Ok(read)
    }
}

fn broken(_: std::io::Error) -> Error {
    Error::of(
        Kind::Invalid,
        "expected a body in its Content-Encoding, found a broken one",
    )
}
