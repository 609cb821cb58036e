//! Object identifiers in dotted form (ITU-T X.660), and UUIDs as CDA writes them in `root`.

/// Whether the text is an OID: at least two components, the first 0, 1 or 2, no leading zeros.
pub fn is_oid(text: &str) -> bool {
    if text.len() > 256 {
        return false;
    }
    let mut components = 0usize;
    for component in text.split('.') {
        let first = components == 0;
        components = components.saturating_add(1);
        let digits = !component.is_empty() && component.bytes().all(|b| b.is_ascii_digit());
        if !digits
            || (component.len() > 1 && component.starts_with('0'))
            || (first && !matches!(component, "0" | "1" | "2"))
        {
            return false;
        }
    }
    components >= 2
}

/// Whether the text is a UUID, in either case.
pub fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(index, byte)| match index {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// Whether two OIDs are the same, number by number.
///
/// Region codes are written with and without their leading zero (`010`, `10`), so `1.2.010`
/// equals `1.2.10` here although only the second is well formed.
pub fn same_oid(left: &str, right: &str) -> bool {
    let mut left = left.split('.');
    let mut right = right.split('.');
    loop {
        match (left.next(), right.next()) {
            (None, None) => return true,
            (Some(a), Some(b)) if same_number(a, b) => {}
            _ => return false,
        }
    }
}

fn same_number(left: &str, right: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    digits(left) && digits(right) && left.trim_start_matches('0') == right.trim_start_matches('0')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn well_formed() {
        for good in ["0.0", "1.2", "2.16.840.1.113883.2.9.4.3.2", "2.999"] {
            assert!(is_oid(good), "{good}");
        }
        for bad in [
            "", "1", "3.1", "1.", ".1", "1..2", "1.02", "1.a", " 1.2", "XXX", "1.2 ",
        ] {
            assert!(!is_oid(bad), "{bad}");
        }
        assert!(!is_oid(&"1.".repeat(400)));
    }

    #[test]
    fn compared_number_by_number() {
        assert!(same_oid(
            "2.16.840.1.113883.2.9.2.010.4.4",
            "2.16.840.1.113883.2.9.2.10.4.4"
        ));
        assert!(same_oid("1.0", "1.000"));
        assert!(!same_oid("1.2.3", "1.2"));
        assert!(!same_oid("1.2", "1.20"));
        assert!(!same_oid("1.a", "1.a"));
    }

    #[test]
    fn uuids() {
        assert!(is_uuid("A2C7E4B0-1111-4222-8333-444455556666"));
        assert!(!is_uuid("A2C7E4B0111142228333444455556666"));
        assert!(!is_uuid("g2c7e4b0-1111-4222-8333-444455556666"));
    }
}
