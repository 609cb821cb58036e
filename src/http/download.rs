//! A document as the answer: sent piece by piece, as fast as the client takes it (IN-04).
//!
//! A piece is read when the one before it has gone, on a thread of the pool, so that a slow client
//! holds a file and a piece, and no thread. A part can be asked for (RFC 9110, 14).

use std::ops::Range;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use actix_web::body::SizedStream;
use actix_web::http::header::{
    ACCEPT_RANGES, CONTENT_DISPOSITION, CONTENT_RANGE, CONTENT_TYPE, HeaderName, HeaderValue,
    IF_RANGE, RANGE,
};
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures_core::Stream;

use super::negotiate::Format;
use super::pool::{Pool, Turn};
use crate::error::{Error, Kind, Result};
use crate::storage::Document;

/// A document and how to send it.
pub struct Download {
    pub document: Document,
    /// For reading the pieces.
    pub pool: Pool,
    pub turn: Turn,
}

impl Download {
    /// Completes the response to a request for the document as it is.
    ///
    /// # Errors
    /// `RangeNotSatisfiable`, for a part that lies beyond the end.
    pub fn raw(
        self,
        mut response: HttpResponseBuilder,
        request: &HttpRequest,
        content_type: String,
    ) -> Result<HttpResponse> {
        let size = self.document.size();
        response.insert_header((ACCEPT_RANGES, "bytes"));
        let part = match only(request, RANGE) {
            // Versions are weak validators, which never match in If-Range: the whole is sent.
            Some(range)
                if *request.method() == Method::GET
                    && !request.headers().contains_key(IF_RANGE) =>
            {
                part(range, size)?
            }
            _ => None,
        };
        let bytes = match part {
            Some(bytes) => {
                let last = bytes.end.saturating_sub(1);
                response.status(StatusCode::PARTIAL_CONTENT);
                let range = format!("bytes {}-{last}/{size}", bytes.start);
                response.insert_header((CONTENT_RANGE, range));
                bytes
            }
            None => 0..size,
        };
        response.insert_header((CONTENT_TYPE, content_type));
        // Documents never run in the origin of the pages (UI-05).
        response.insert_header((CONTENT_DISPOSITION, "attachment"));
        response.insert_header(("content-security-policy", "sandbox"));
        let length = bytes.end.saturating_sub(bytes.start);
        let pieces = self.pieces(request, bytes);
        Ok(response.body(SizedStream::new(length, pieces)))
    }

    /// Completes the response to a request for the resource that holds the document; `json` is the resource
    /// without it.
    pub fn inside(
        self,
        mut response: HttpResponseBuilder,
        request: &HttpRequest,
        mut json: Vec<u8>,
    ) -> Result<HttpResponse> {
        // The object ends with its brace; `data` becomes its last member.
        if json.pop() != Some(b'}') {
            return Err(Error::internal("a stored resource does not end as one"));
        }
        json.extend_from_slice(b",\"data\":\"");
        response.insert_header((CONTENT_TYPE, Format::Json.content_type()));
        let size = self.document.size();
        let length = u64::try_from(json.len().saturating_add(AFTER.len()))
            .unwrap_or(u64::MAX)
            .saturating_add(size.div_ceil(3).saturating_mul(4));
        let is_sent = *request.method() != Method::HEAD;
        let inside = Inside {
            before: is_sent.then(|| json.into()),
            pieces: self.pieces(request, 0..size),
            carried: Vec::new(),
            after: is_sent.then_some(Bytes::from_static(AFTER)),
        };
        Ok(response.body(SizedStream::new(length, inside)))
    }

    fn pieces(self, request: &HttpRequest, bytes: Range<u64>) -> Pieces {
        Pieces {
            document: self.document,
            bytes: match *request.method() {
                Method::HEAD => 0..0,
                _ => bytes,
            },
            pool: self.pool,
            turn: self.turn,
            coming: None,
        }
    }
}

/// What follows the data of a Binary.
const AFTER: &[u8] = b"\"}";

/// `Content-Range` of a refusal: how long the document is.
pub fn unsatisfied(size: u64) -> Option<HeaderValue> {
    HeaderValue::from_str(&format!("bytes */{size}")).ok()
}

/// The value of a header that is there once.
fn only(request: &HttpRequest, name: HeaderName) -> Option<&str> {
    let mut values = request.headers().get_all(name);
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(value)
}

/// The bytes that a `Range` asks for; `None` for the whole: a range that is not understood, or several, may be
/// ignored.
fn part(range: &str, size: u64) -> Result<Option<Range<u64>>> {
    let Some((first, last)) = range
        .strip_prefix("bytes=")
        .and_then(|range| range.trim().split_once('-'))
    else {
        return Ok(None);
    };
    let number = |text: &str| match text.bytes().all(|b| b.is_ascii_digit()) {
        // More digits than a number has are more than any size.
        true if !text.is_empty() => Some(text.parse().unwrap_or(u64::MAX)),
        _ => None,
    };
    let bytes = match (number(first), number(last)) {
        (Some(first), Some(last)) if first <= last => first..last.saturating_add(1).min(size),
        (Some(first), None) if last.is_empty() => first..size,
        (None, Some(length)) if first.is_empty() => size.saturating_sub(length)..size,
        _ => return Ok(None),
    };
    if bytes.start >= bytes.end {
        return Err(Error::of(
            Kind::RangeNotSatisfiable,
            format!("expected a Range within the {size} bytes of the document, found another"),
        ));
    }
    Ok(Some(bytes))
}

/// What is still to be sent.
struct Pieces {
    document: Document,
    bytes: Range<u64>,
    pool: Pool,
    turn: Turn,
    /// A piece on its way from the disk.
    coming: Option<Pin<Box<dyn Future<Output = Result<Bytes>>>>>,
}

impl Stream for Pieces {
    type Item = Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        if this.bytes.is_empty() {
            return Poll::Ready(None);
        }
        let coming = this.coming.get_or_insert_with(|| {
            let (document, from) = (this.document.clone(), this.bytes.start);
            let (pool, turn) = (this.pool.clone(), this.turn);
            Box::pin(async move { pool.run(turn, move || document.piece(from)).await })
        });
        let piece = ready!(coming.as_mut().poll(context));
        this.coming = None;
        let piece = piece.and_then(|piece| {
            let left = this.bytes.end.saturating_sub(this.bytes.start);
            let length = u64::try_from(piece.len()).unwrap_or(u64::MAX).min(left);
            if length == 0 {
                return Err(Error::internal("a document has become shorter"));
            }
            this.bytes.start = this.bytes.start.saturating_add(length);
            Ok(piece.slice(..usize::try_from(length).unwrap_or(piece.len())))
        });
        if let Err(error) = &piece {
            // The head has gone: all that is left is to break off, which the client sees by the length.
            tracing::warn!(%error, "a document is broken off");
            this.bytes = 0..0;
        }
        Poll::Ready(Some(piece))
    }
}

/// A document in base64, with what stands around it.
struct Inside {
    before: Option<Bytes>,
    pieces: Pieces,
    /// Bytes that are not yet three.
    carried: Vec<u8>,
    after: Option<Bytes>,
}

impl Stream for Inside {
    type Item = Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        if let Some(before) = this.before.take() {
            return Poll::Ready(Some(Ok(before)));
        }
        loop {
            match ready!(Pin::new(&mut this.pieces).poll_next(context)) {
                Some(Ok(piece)) => {
                    let mut bytes = std::mem::take(&mut this.carried);
                    bytes.extend_from_slice(&piece);
                    let whole = bytes.len().saturating_sub(bytes.len() % 3);
                    this.carried = bytes.split_off(whole);
                    if !bytes.is_empty() {
                        return Poll::Ready(Some(Ok(STANDARD.encode(bytes).into())));
                    }
                }
                None if !this.carried.is_empty() => {
                    let last = STANDARD.encode(std::mem::take(&mut this.carried));
                    return Poll::Ready(Some(Ok(last.into())));
                }
                None => return Poll::Ready(this.after.take().map(Ok)),
                Some(Err(error)) => {
                    (this.carried, this.after) = (Vec::new(), None);
                    return Poll::Ready(Some(Err(error)));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc_9110_ranges() {
        for (range, expected) in [
            ("bytes=0-0", Some(0..1)),
            ("bytes=2-4", Some(2..5)),
            ("bytes=2-", Some(2..10)),
            ("bytes=2-99", Some(2..10)),
            ("bytes=2-99999999999999999999999", Some(2..10)),
            ("bytes=-3", Some(7..10)),
            ("bytes=-30", Some(0..10)),
            // Not understood, or several: the whole.
            ("bytes=4-2", None),
            ("bytes=0-1,3-4", None),
            ("bytes=-", None),
            ("bytes=", None),
            ("bytes=a-b", None),
            ("bytes=+1-2", None),
            ("bytes=--1", None),
            ("bytes=1--1", None),
            ("lines=0-1", None),
            ("", None),
        ] {
            assert_eq!(part(range, 10).unwrap(), expected, "{range}");
        }
        for beyond in ["bytes=10-", "bytes=10-12", "bytes=-0", "bytes=99-100"] {
            let error = part(beyond, 10).unwrap_err();
            assert_eq!(error.kind(), Kind::RangeNotSatisfiable, "{beyond}");
        }
        assert!(part("bytes=0-", 0).is_err());
        assert!(part("bytes=-1", 0).is_err());
    }
}
