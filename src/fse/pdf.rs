//! Finds the CDA in a PDF. Always called through the sandbox, because a PDF is a program.
//!
//! Source: ISO 32000-1 §7.5 (file structure), §7.11.4 (embedded files), §12.7.8 (XFA), and the
//! FSE gateway guide: the CDA is the attachment `cda.xml` under `/Names/EmbeddedFiles`, or a
//! packet of an XFA form. XFA is never interpreted: its bytes are searched for the CDA.

mod attachments;
mod precheck;

use std::panic::{AssertUnwindSafe, catch_unwind};

use lopdf::{Dictionary, Document, LoadOptions, Object};

use crate::error::{Error, Kind, Result};

/// The CDA of a PDF.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extracted {
    /// The bytes of the CDA, as they were before they were put into the PDF.
    pub cda: Vec<u8>,
    pub attachment_name: String,
    pub how: How,
}

/// Where the CDA was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// An embedded file.
    Attachment,
    /// A packet of an XFA form.
    Resource,
}

impl Extracted {
    /// One piece of bytes, for the way out of the sandbox: `A` or `R`, the name, a line feed, the
    /// CDA.
    fn into_frame(self) -> Vec<u8> {
        let mark = match self.how {
            How::Attachment => "A",
            How::Resource => "R",
        };
        [
            mark.as_bytes(),
            self.attachment_name.as_bytes(),
            b"\n",
            &self.cda,
        ]
        .concat()
    }

    /// Reads what [`extract_frame`] wrote.
    ///
    /// # Errors
    /// `Internal` when it did not.
    pub fn from_frame(frame: &[u8]) -> Result<Self> {
        let wrong = || Error::internal("the sandbox gave something else than an extracted CDA");
        let end = frame.iter().position(|b| *b == b'\n').ok_or_else(wrong)?;
        let (head, rest) = frame.split_at_checked(end).ok_or_else(wrong)?;
        let (mark, name) = head.split_first().ok_or_else(wrong)?;
        Ok(Self {
            cda: rest.get(1..).unwrap_or_default().to_vec(),
            attachment_name: std::str::from_utf8(name).map_err(|_| wrong())?.to_owned(),
            how: match mark {
                b'A' => How::Attachment,
                b'R' => How::Resource,
                _ => return Err(wrong()),
            },
        })
    }
}

/// The largest file that is read, in bytes.
pub const LARGEST: usize = 50 * 1024 * 1024;
/// All that is inflated of one file, in bytes.
const MOST_INFLATED: usize = 100 * 1024 * 1024;
/// How many times its size a stream may inflate to, once it is larger than [`SMALL`].
const MOST_RATIO: usize = 200;
/// Below this, in bytes, the ratio of a stream does not matter.
const SMALL: usize = 1024 * 1024;
/// Objects of one file.
const MOST_OBJECTS: usize = 500_000;

/// Why a PDF is not a document of the FSE.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum PdfError {
    TooLarge { bytes: usize },
    NoHeader,
    TooDeep { limit: usize },
    TooMany { what: &'static str, limit: usize },
    Inflates,
    Unreadable,
    Encrypted,
    Script { what: &'static str },
    NoClinicalDocument { attachments: usize },
    SeveralClinicalDocuments { found: usize },
    WrongType { subtype: String },
    NoBytes,
}

impl From<PdfError> for Error {
    fn from(error: PdfError) -> Self {
        let (kind, code, text) = match error {
            PdfError::TooLarge { bytes } => (
                Kind::TooLarge,
                "too-long",
                format!("expected a PDF of at most {LARGEST} bytes, found {bytes}"),
            ),
            PdfError::NoHeader => (
                Kind::Unprocessable,
                "structure",
                "expected a PDF with its header %PDF- in the first 1024 bytes, found none"
                    .to_owned(),
            ),
            PdfError::TooDeep { limit } => (
                Kind::Unprocessable,
                "too-costly",
                format!("expected PDF objects nested at most {limit} deep, found more"),
            ),
            PdfError::TooMany { what, limit } => (
                Kind::Unprocessable,
                "too-costly",
                format!("expected at most {limit} {what} in the PDF, found more"),
            ),
            PdfError::Inflates => (
                Kind::Unprocessable,
                "too-costly",
                format!(
                    "the PDF inflates beyond {MOST_INFLATED} bytes or {MOST_RATIO} times its size"
                ),
            ),
            PdfError::Unreadable => (
                Kind::Unprocessable,
                "structure",
                "expected a whole, well-formed PDF, found one that cannot be read".to_owned(),
            ),
            PdfError::Encrypted => (
                Kind::Unprocessable,
                "security",
                "expected a PDF that opens without a password, found an encrypted one".to_owned(),
            ),
            PdfError::Script { what } => (
                Kind::Unprocessable,
                "security",
                format!("expected a PDF without active content, found {what}"),
            ),
            PdfError::NoClinicalDocument { attachments } => (
                Kind::Unprocessable,
                "required",
                format!(
                    "expected one CDA attached to the PDF as cda.xml, found none among {attachments} attachments"
                ),
            ),
            PdfError::SeveralClinicalDocuments { found } => (
                Kind::Unprocessable,
                "multiple-matches",
                format!("expected one CDA in the PDF, found {found}"),
            ),
            PdfError::WrongType { subtype } => (
                Kind::Unprocessable,
                "structure",
                format!("expected the attachment cda.xml to be XML, found the type '{subtype}'"),
            ),
            PdfError::NoBytes => (
                Kind::Unprocessable,
                "structure",
                "expected an attachment cda.xml whose bytes can be read, found one whose cannot"
                    .to_owned(),
            ),
        };
        Error::new(kind, code, text)
    }
}

/// Finds the one CDA of a PDF.
///
/// # Errors
/// `TooLarge` above [`LARGEST`]; `Unprocessable` when the file is no PDF, is encrypted with a
/// password, has active content, goes over a limit, or does not hold exactly one CDA.
pub fn extract(bytes: &[u8]) -> Result<Extracted> {
    precheck::check(bytes)?;
    // The parser is foreign code: a panic in it is a fault of the file.
    let document =
        catch_unwind(AssertUnwindSafe(|| load(bytes))).unwrap_or(Err(PdfError::Unreadable))?;
    refuse_active_content(&document)?;
    Ok(attachments::find(&document)?)
}

/// [`extract`] for the sandbox; [`Extracted::from_frame`] reads what comes out.
///
/// # Errors
/// As [`extract`].
pub fn extract_frame(bytes: &[u8]) -> Result<Vec<u8>> {
    Ok(extract(bytes)?.into_frame())
}

fn load(bytes: &[u8]) -> std::result::Result<Document, PdfError> {
    let options = LoadOptions {
        max_decompressed_size: Some(MOST_INFLATED),
        ..LoadOptions::default()
    };
    let document =
        Document::load_mem_with_options(bytes, options).map_err(|error| match error {
            lopdf::Error::InvalidPassword | lopdf::Error::Decryption(_) => PdfError::Encrypted,
            _ => PdfError::Unreadable,
        })?;
    if document.trailer.has(b"Encrypt") && !document.was_encrypted() {
        return Err(PdfError::Encrypted);
    }
    if document.objects.len() > MOST_OBJECTS {
        return Err(PdfError::TooMany {
            what: "objects",
            limit: MOST_OBJECTS,
        });
    }
    if document.catalog().is_err() {
        return Err(PdfError::Unreadable);
    }
    Ok(document)
}

/// Refuses scripts and programs to launch, wherever in the file they stand.
fn refuse_active_content(document: &Document) -> std::result::Result<(), PdfError> {
    for object in document.objects.values() {
        let mut open = vec![object];
        while let Some(object) = open.pop() {
            match object {
                Object::Array(items) => open.extend(items),
                Object::Dictionary(dictionary) => {
                    refuse_action(document, dictionary)?;
                    open.extend(dictionary.iter().map(|(_, value)| value));
                }
                Object::Stream(stream) => {
                    refuse_action(document, &stream.dict)?;
                    open.extend(stream.dict.iter().map(|(_, value)| value));
                }
                _ => {}
            }
        }
    }
    Ok(())
}

/// `/OpenAction` needs no rule of its own: one with a script holds, or refers to, an action that
/// is refused here; one that shows a page is harmless.
fn refuse_action(
    document: &Document,
    dictionary: &Dictionary,
) -> std::result::Result<(), PdfError> {
    for (key, what) in [(b"JS".as_slice(), "/JS"), (b"JavaScript", "/JavaScript")] {
        if dictionary.has(key) {
            return Err(PdfError::Script { what });
        }
    }
    let action = dictionary
        .get_deref(b"S", document)
        .and_then(Object::as_name)
        .unwrap_or_default();
    match action {
        b"JavaScript" => Err(PdfError::Script {
            what: "/JavaScript",
        }),
        b"Launch" => Err(PdfError::Script { what: "/Launch" }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
