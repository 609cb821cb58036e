//! The data types of CDA headers: identifiers, codes, names, addresses, telecoms, intervals.
//!
//! Source: HL7 v3 data types R1 (`II`, `CE`, `PN`, `AD`, `TEL`, `IVL_TS`). A value with a
//! `nullFlavor` says that nothing is known, so it is read as absent.

use super::node::Node;
use super::timestamp::Timestamp;
use crate::fhir::model::value::Text;
use crate::fse::identifiers::{
    self, CODICE_FISCALE, CodiceFiscale, IdentifierPair, check_codice_fiscale, is_oid,
    is_stp_or_eni,
};

/// `II`, with a root from which a FHIR system can be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstanceIdentifier {
    /// An OID or a UUID.
    pub root: Text,
    pub extension: Option<Text>,
    /// `assigningAuthorityName`.
    pub authority: Option<Text>,
    /// The FHIR form.
    pub pair: IdentifierPair,
}

/// `CD` and `CE`: a code with its translations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Coded {
    pub code: Text,
    /// The OID of the code system; absent when what stands there is none.
    pub system: Option<Text>,
    pub display: Option<Text>,
    pub translations: Vec<Coded>,
}

/// `PN` and `ON`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Name {
    pub use_code: Option<Text>,
    pub family: Vec<Text>,
    pub given: Vec<Text>,
    pub prefix: Vec<Text>,
    pub suffix: Vec<Text>,
    /// The whole text of a name without parts.
    pub text: Option<Text>,
}

/// `AD`, with the parts that Italian documents use.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Address {
    pub use_code: Option<Text>,
    /// Street lines, in order.
    pub lines: Vec<Text>,
    pub city: Option<Text>,
    /// Province.
    pub county: Option<Text>,
    /// Region.
    pub state: Option<Text>,
    pub postal_code: Option<Text>,
    pub country: Option<Text>,
    /// ISTAT code of the municipality.
    pub census_tract: Option<Text>,
    /// The whole text of an address without parts.
    pub text: Option<Text>,
}

/// `TEL`: a URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Telecom {
    pub use_code: Option<Text>,
    pub value: Text,
}

/// `IVL_TS`; a single value has the same start and end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interval {
    pub start: Option<Timestamp>,
    pub end: Option<Timestamp>,
}

/// The identifiers that are well formed; each other one is a finding.
pub(super) fn read_ids(parent: &Node<'_>) -> Vec<InstanceIdentifier> {
    parent.children("id").iter().filter_map(read_id).collect()
}

/// One identifier; `None`, with a finding, when it names nothing.
pub(super) fn read_id(node: &Node<'_>) -> Option<InstanceIdentifier> {
    if node.attr("nullFlavor").is_some() {
        return None;
    }
    let Some(root) = node.attr("root") else {
        node.warn(
            "value",
            "expected a root, found none: the identifier is left out",
        );
        return None;
    };
    let extension = node.attr("extension");
    let Some(pair) = IdentifierPair::from_root(root, extension) else {
        node.warn(
            "value",
            "expected an OID or a UUID as root, found something else: the identifier is left out",
        );
        return None;
    };
    if root == CODICE_FISCALE {
        check_tax_code(node, extension.unwrap_or_default());
    }
    Some(InstanceIdentifier {
        root: Text::new(root),
        extension: extension.map(Text::new),
        authority: node.attr("assigningAuthorityName").map(Text::new),
        pair,
    })
}

/// A wrong codice fiscale is a warning: official samples and test environments have odd ones.
fn check_tax_code(node: &Node<'_>, code: &str) {
    if is_stp_or_eni(code.trim()) {
        let oid = if code.trim().starts_with("STP") {
            identifiers::STP
        } else {
            identifiers::ENI
        };
        node.report(
            crate::error::Severity::Information,
            "value",
            format!(
                "this is an STP or ENI code under the OID of the codice fiscale; its own is {oid}"
            ),
        );
        return;
    }
    match check_codice_fiscale(code) {
        CodiceFiscale::Valid => {}
        CodiceFiscale::Suspicious(reason) => {
            node.warn(
                "value",
                format!("unusual codice fiscale: {}", reason.text()),
            );
        }
        CodiceFiscale::Invalid(reason) => {
            node.warn(
                "value",
                format!("invalid codice fiscale: {}", reason.text()),
            );
        }
    }
}

/// The code of a child element; absent when it has no `code`.
pub(super) fn read_code(parent: &Node<'_>, name: &str) -> Option<Coded> {
    let node = parent.child(name)?;
    let mut coded = read_coding(&node)?;
    coded.translations = node
        .children("translation")
        .iter()
        .filter_map(read_coding)
        .collect();
    Some(coded)
}

fn read_coding(node: &Node<'_>) -> Option<Coded> {
    Some(Coded {
        code: collapse(node.attr("code")?),
        system: node
            .attr("codeSystem")
            .filter(|oid| is_oid(oid))
            .map(Text::new),
        display: node.attr("displayName").map(collapse),
        translations: Vec::new(),
    })
}

/// White space collapsed, as `displayName` is written over several lines at times.
fn collapse(text: &str) -> Text {
    Text::from(text.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// The names; empty ones are left out.
pub(super) fn read_names(parent: &Node<'_>) -> Vec<Name> {
    parent
        .children("name")
        .iter()
        .filter(|node| node.attr("nullFlavor").is_none())
        .filter_map(read_name)
        .collect()
}

fn read_name(node: &Node<'_>) -> Option<Name> {
    let mut name = Name {
        use_code: node.attr("use").map(Text::new),
        ..Name::default()
    };
    for part in node.children_of(&["family", "given", "prefix", "suffix"]) {
        let Some(text) = part.text() else { continue };
        match part.name() {
            "family" => name.family.push(text),
            "given" => name.given.push(text),
            "prefix" => name.prefix.push(text),
            _ => name.suffix.push(text),
        }
    }
    if name.family.is_empty() && name.given.is_empty() {
        name.text = Some(node.text()?);
    }
    Some(name)
}

/// The addresses; empty ones are left out.
pub(super) fn read_addresses(parent: &Node<'_>) -> Vec<Address> {
    parent
        .children("addr")
        .iter()
        .filter_map(read_address)
        .collect()
}

pub(super) fn read_address(node: &Node<'_>) -> Option<Address> {
    if node.attr("nullFlavor").is_some() {
        return None;
    }
    let part = |name: &str| node.child(name).and_then(|part| part.text());
    let mut lines: Vec<Text> = node
        .children_of(&["streetAddressLine", "streetName", "houseNumber"])
        .iter()
        .filter_map(Node::text)
        .collect();
    if node.child("streetAddressLine").is_none() && lines.len() > 1 {
        // streetName and houseNumber are one line.
        lines = vec![Text::from(lines.join(" "))];
    }
    let mut address = Address {
        use_code: node.attr("use").map(Text::new),
        lines,
        city: part("city"),
        county: part("county"),
        state: part("state"),
        postal_code: part("postalCode"),
        country: part("country"),
        census_tract: part("censusTract"),
        text: None,
    };
    let bare = Address {
        use_code: address.use_code.clone(),
        ..Address::default()
    };
    if address == bare {
        address.text = Some(node.text()?);
    }
    Some(address)
}

/// The telecoms with a value.
pub(super) fn read_telecoms(parent: &Node<'_>) -> Vec<Telecom> {
    parent
        .children("telecom")
        .iter()
        .filter_map(|node| {
            Some(Telecom {
                value: Text::new(node.attr("value")?),
                use_code: node.attr("use").map(Text::new),
            })
        })
        .collect()
}

/// The point in time in the `value` of a child element.
pub(super) fn read_time(parent: &Node<'_>, name: &str) -> Option<Timestamp> {
    parent.child(name).and_then(|node| read_time_value(&node))
}

fn read_time_value(node: &Node<'_>) -> Option<Timestamp> {
    match Timestamp::parse(node.attr("value")?) {
        Ok((time, loss)) => {
            if let Some(text) = loss.text() {
                node.warn("value", text);
            }
            Some(time)
        }
        Err(text) => {
            node.warn("value", format!("{text}: the time is left out"));
            None
        }
    }
}

/// The interval of a child element: `low` and `high`, or a single `value`.
pub(super) fn read_interval(parent: &Node<'_>, name: &str) -> Option<Interval> {
    let node = parent.child(name)?;
    let interval = match read_time_value(&node) {
        Some(time) => Interval {
            start: Some(time.clone()),
            end: Some(time),
        },
        None => Interval {
            start: read_time(&node, "low"),
            end: read_time(&node, "high"),
        },
    };
    match (&interval.start, &interval.end) {
        (None, None) => None,
        (Some(start), Some(end)) if start.is_after(end) => {
            node.warn(
                "value",
                "expected low before high, found the other way round: the interval is left out",
            );
            None
        }
        _ => Some(interval),
    }
}
