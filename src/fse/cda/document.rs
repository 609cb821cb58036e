//! Reading a clinical document: from bytes to header and tree.

use super::header::{Header, read_header};
use super::node::{HL7, Log, Node};
use crate::error::{Error, Issue, Kind, Result};
use crate::fhir::model::value::Text;
use crate::fhir::xml::{XmlElement, XmlLimits, parse_document};
use crate::fse::document_type::{DocumentType, Recognised, recognise};

/// The OID of LOINC.
const LOINC: &str = "2.16.840.1.113883.6.1";

/// A clinical document that was recognised.
#[derive(Clone, Debug)]
pub struct ClinicalDocument {
    pub header: Header,
    /// What kind of document this is.
    pub kind: &'static DocumentType,
    /// The whole tree, for the mappers of sections.
    pub root: XmlElement,
}

/// Why bytes are no clinical document of the FSE.
enum CdaError {
    /// Well-formed XML that is something else.
    WrongRoot { namespace: Text, name: Text },
    /// Neither the type code nor a template is known.
    UnknownType { code: Text, templates: Vec<Text> },
}

impl From<CdaError> for Error {
    fn from(error: CdaError) -> Self {
        match error {
            CdaError::WrongRoot { namespace, name } => Error::new(
                Kind::Unprocessable,
                "structure",
                format!(
                    "expected the root element ClinicalDocument in the namespace {HL7}, found {} in the namespace '{}'",
                    cut(&name),
                    cut(&namespace)
                ),
            ),
            CdaError::UnknownType { code, templates } => {
                let templates: Vec<&str> = templates.iter().take(5).map(|text| cut(text)).collect();
                Error::new(
                    Kind::Unprocessable,
                    "not-supported",
                    format!(
                        "expected a document type of the FSE, found the unknown code {} with the unknown templates [{}]",
                        cut(&code),
                        templates.join(", ")
                    ),
                )
                .at("/ClinicalDocument/code")
            }
        }
    }
}

/// Reads a CDA document.
///
/// A wrong codice fiscale, an unknown template of a known type, a missing title and the like are
/// findings; each header element that is not read is one too, with its XPath.
///
/// # Errors
/// `Invalid` when the XML is malformed or has a document type declaration; `Unprocessable` when
/// it is no CDA, when neither its code nor its template is known, or when id, code or patient
/// are missing.
pub fn read(bytes: &[u8]) -> Result<(ClinicalDocument, Vec<Issue>)> {
    let root = parse_document(bytes, &XmlLimits::default())?;
    if root.name != "ClinicalDocument" || root.namespace != HL7 {
        return Err(CdaError::WrongRoot {
            namespace: root.namespace,
            name: root.name,
        }
        .into());
    }
    let log = Log::default();
    let node = Node::root(&root, &log);
    let header = read_header(&node)?;
    let kind = document_kind(&node, &header)?;
    log.report_unread(&root);
    let issues = log.into_issues();
    Ok((ClinicalDocument { header, kind, root }, issues))
}

/// The type of the document. A known type with a foreign template is a warning, so that a new
/// edition of a guide does not shut its documents out; nothing known at all is an error.
fn document_kind(root: &Node<'_>, header: &Header) -> Result<&'static DocumentType> {
    let loinc = (header.code.system.as_deref() == Some(LOINC)).then_some(header.code.code.as_str());
    let templates = header.templates.iter().map(Text::as_str);
    match recognise(loinc, templates) {
        Recognised::Both(kind) => Ok(kind),
        Recognised::ByCode(kind) => {
            // Some types have no published template; nothing can be expected of them.
            if !kind.templates.is_empty() || !header.templates.is_empty() {
                root.warn(
                    "not-supported",
                    format!(
                        "unknown template for the document type {}: expected one of [{}]",
                        kind.english,
                        kind.templates.join(", ")
                    ),
                );
            }
            Ok(kind)
        }
        Recognised::ByTemplate(kind) => {
            root.warn(
                "code-invalid",
                format!(
                    "the template is that of {}, the code {} is not its LOINC code",
                    kind.english,
                    cut(&header.code.code)
                ),
            );
            Ok(kind)
        }
        Recognised::Unknown => Err(CdaError::UnknownType {
            code: header.code.code.clone(),
            templates: header.templates.clone(),
        }
        .into()),
    }
}

/// At most 60 characters of a name for a message.
fn cut(text: &str) -> &str {
    text.char_indices()
        .nth(60)
        .and_then(|(end, _)| text.get(..end))
        .unwrap_or(text)
}
