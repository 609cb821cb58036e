//! HL7 v2 data types written as one string: CX (person) and XON (organisation).
//!
//! Source: IHE ITI TF-3 section 4.2.3.1.7, with the reduced forms of the FSE gateway guide:
//! `id^^^&OID&ISO` and `name^^^^^&OID&ISO^^^^code`.

use super::oid::is_oid;
use crate::fhir::model::value::Text;

/// An id and the OID of the authority that gave it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cx {
    pub id: Text,
    pub authority: Text,
}

/// An organisation: its name, its code and the OID of the authority of the code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Xon {
    pub name: Text,
    pub authority: Text,
    pub code: Text,
}

/// Reads `id^^^&OID&ISO`. The error says what was expected.
pub fn parse_cx(text: &str) -> Result<Cx, &'static str> {
    let mut parts = text.split('^');
    let id = parts.next().unwrap_or_default();
    let (second, third) = (parts.next(), parts.next());
    let authority = parts.next();
    if parts.next().is_some() {
        return Err("expected four components, id^^^&OID&ISO, found more");
    }
    if id.is_empty() {
        return Err("expected an id before the first ^, found none");
    }
    if second != Some("") || third != Some("") {
        return Err("expected id^^^&OID&ISO with empty second and third components");
    }
    Ok(Cx {
        id: Text::new(id),
        authority: parse_authority(authority.unwrap_or_default())?,
    })
}

/// Writes `id^^^&OID&ISO`.
pub fn write_cx(cx: &Cx) -> String {
    format!("{}^^^&{}&ISO", cx.id, cx.authority)
}

/// Reads `name^^^^^&OID&ISO^^^^code`. The error says what was expected.
pub fn parse_xon(text: &str) -> Result<Xon, &'static str> {
    const FORM: &str = "expected name^^^^^&OID&ISO^^^^code";
    let parts: Vec<&str> = text.split('^').collect();
    let [name, a, b, c, d, authority, e, f, g, code] = parts.as_slice() else {
        return Err("expected ten components, name^^^^^&OID&ISO^^^^code");
    };
    if name.is_empty() || code.is_empty() {
        return Err("expected a name and a code, name^^^^^&OID&ISO^^^^code");
    }
    if [a, b, c, d, e, f, g].iter().any(|part| !part.is_empty()) {
        return Err(FORM);
    }
    Ok(Xon {
        name: Text::new(name),
        authority: parse_authority(authority)?,
        code: Text::new(code),
    })
}

/// `&OID&ISO`.
fn parse_authority(text: &str) -> Result<Text, &'static str> {
    let oid = text
        .strip_prefix('&')
        .and_then(|rest| rest.strip_suffix("&ISO"))
        .ok_or("expected the authority as &OID&ISO")?;
    if is_oid(oid) {
        Ok(Text::new(oid))
    } else {
        Err("expected an OID as authority, &OID&ISO")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cx() {
        let text = "GTWGWY82B42G920M^^^&2.16.840.1.113883.2.9.4.3.2&ISO";
        let cx = parse_cx(text).unwrap();
        assert_eq!(cx.id, "GTWGWY82B42G920M");
        assert_eq!(cx.authority, "2.16.840.1.113883.2.9.4.3.2");
        assert_eq!(write_cx(&cx), text);
        for bad in [
            "",
            "x",
            "^^^&1.2&ISO",
            "x^^^1.2&ISO",
            "x^^^&1.2",
            "x^a^^&1.2&ISO",
            "x^^^&XXX&ISO",
            "x^^^&1.2&ISO^y",
        ] {
            assert!(parse_cx(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn xon() {
        let xon =
            parse_xon("AZIENDA OSPEDALIERA^^^^^&2.16.840.1.113883.2.9.4.1.3&ISO^^^^080105123456")
                .unwrap();
        assert_eq!(xon.name, "AZIENDA OSPEDALIERA");
        assert_eq!(xon.authority, "2.16.840.1.113883.2.9.4.1.3");
        assert_eq!(xon.code, "080105123456");
        for bad in [
            "",
            "a^^^^^&1.2&ISO^^^^",
            "a^^^^&1.2&ISO^^^^b",
            "a^b^^^^&1.2&ISO^^^^c",
            "a^^^^^&1.x&ISO^^^^c",
        ] {
            assert!(parse_xon(bad).is_err(), "{bad}");
        }
    }
}
