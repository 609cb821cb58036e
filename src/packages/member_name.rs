//! Names that come from outside: which ones are let in (IN-15).
//!
//! The rules are those of the strictest system an archive may later be unpacked on by somebody
//! else, so that a package kept here does no harm there either.

/// Longest name of a member, bytes.
const MAX_NAME: usize = 512;

/// Why a member may not have this name; `None` when it may.
///
/// Allowed are relative paths of plain components. A final slash marks a folder.
pub fn fault(name: &[u8]) -> Option<&'static str> {
    let Ok(name) = std::str::from_utf8(name) else {
        return Some("a name that is not UTF-8");
    };
    if name.is_empty() || name.len() > MAX_NAME {
        return Some("an empty or overlong name");
    }
    if name.contains(|c: char| c.is_control()) {
        return Some("a name with NUL or another control character");
    }
    if name.contains(['\\', ':']) {
        return Some("a name with a backslash or colon");
    }
    if name.starts_with('/') {
        return Some("an absolute name");
    }
    let name = name.strip_suffix('/').unwrap_or(name);
    name.split('/').find_map(component_fault)
}

fn component_fault(component: &str) -> Option<&'static str> {
    match component {
        "" => return Some("a name with an empty component"),
        "." | ".." => return Some("a name with . or .. in it"),
        _ => {}
    }
    if component.ends_with(['.', ' ']) || component.starts_with(' ') {
        return Some(
            "a name with a component that starts with a space or ends with a space or dot",
        );
    }
    is_device(component).then_some("the name of a device")
}

/// `con`, `NUL.json`, `com1` and their like: devices on some systems, whatever the extension.
fn is_device(component: &str) -> bool {
    let stem = component.split('.').next().unwrap_or(component).trim_end();
    let stem = stem.to_ascii_lowercase();
    if matches!(
        stem.as_str(),
        "con" | "prn" | "aux" | "nul" | "conin$" | "conout$" | "clock$"
    ) {
        return true;
    }
    let number = stem
        .strip_prefix("com")
        .or_else(|| stem.strip_prefix("lpt"));
    number.is_some_and(|number| {
        let mut chars = number.chars();
        matches!(
            (chars.next(), chars.next()),
            (Some('0'..='9' | '¹' | '²' | '³'), None)
        )
    })
}

/// Whether a package may be called this: it becomes part of a file name of ours.
pub fn is_package_name(name: &str) -> bool {
    is_plain(name, 128, b"._-") && !name.contains("..") && component_fault(name).is_none()
}

/// Whether this may be the version of a package.
pub fn is_version(version: &str) -> bool {
    is_plain(version, 64, b".+-") && !version.contains("..")
}

/// Starts and ends with a letter or digit, and has nothing but these and `others` between.
fn is_plain(text: &str, longest: usize, others: &[u8]) -> bool {
    let alphanumeric = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric());
    text.len() <= longest
        && alphanumeric(text.bytes().next())
        && alphanumeric(text.bytes().last())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || others.contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, expected: Option<&str>) {
        let found = fault(name.as_bytes());
        match (found, expected) {
            (None, None) => {}
            (Some(found), Some(expected)) => assert!(found.contains(expected), "{name:?}: {found}"),
            _ => panic!("{name:?}: expected {expected:?}, found {found:?}"),
        }
    }

    #[test]
    fn in_15_member_names() {
        check("package/package.json", None);
        check("package/", None);
        check("package/.index.json", None);
        check("package/ValueSet-a..b.json", None);
        check("package/console.json", None);
        check("package/com10.json", None);
        check("package/comp.json", None);
        check("", Some("empty or overlong"));
        check(&"a".repeat(513), Some("empty or overlong"));
        check("/etc/passwd", Some("absolute"));
        check("../x", Some(".."));
        check("package/../../x", Some(".."));
        check("package/..", Some(".."));
        check("./package/x", Some(". or .."));
        check("package//x", Some("empty component"));
        check("package\\..\\x", Some("backslash"));
        check("C:/x", Some("colon"));
        check("package/x.json:stream", Some("colon"));
        check("package/a\0b", Some("NUL"));
        check("package/a\nb", Some("control"));
        check("package/.. /x", Some("space"));
        check("package/... ", Some("space"));
        check("package/x.", Some("dot"));
        check("package/con", Some("device"));
        check("package/NUL.json", Some("device"));
        check("aux/x.json", Some("device"));
        check("package/com1.tar.gz", Some("device"));
        check("package/LPT9", Some("device"));
        check("package/com¹", Some("device"));
        check("package/nul .txt", Some("device"));
        assert!(fault(b"package/\xFF").is_some());
    }

    #[test]
    fn package_names_and_versions_are_file_names() {
        for name in ["hl7.fhir.us.core", "a", "KBV.Basis", "x-y_z.1"] {
            assert!(is_package_name(name), "{name}");
        }
        for name in [
            "", "..", "a..b", ".a", "a.", "a/b", "@a/b", "con", "nul.x", "a b", "à", "a#b",
        ] {
            assert!(!is_package_name(name), "{name}");
        }
        for version in ["1.0.0", "2.1.0-ballot", "1.0.0+build.5", "current"] {
            assert!(is_version(version), "{version}");
        }
        for version in ["", "..", "1/2", "1 0", "-1", "1..2"] {
            assert!(!is_version(version), "{version}");
        }
    }
}
