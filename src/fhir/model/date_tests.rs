//! Forms, widths, zones and instants.

use super::*;

const DAY: i64 = 86_400 * SECOND;

#[track_caller]
fn check(text: &str, kind: DateKind, ok: bool) {
    assert_eq!(parse(text, kind).is_ok(), ok, "{text} as {kind:?}");
}

#[track_caller]
fn width(text: &str, expected: i64) {
    let found = range(text, &Utc).unwrap();
    assert_eq!(found.high - found.low, expected, "{text}");
}

#[test]
fn forms_of_each_kind() {
    use DateKind::{Date, DateTime, Instant, Search};
    for (text, date, date_time, instant, search) in [
        ("2025", true, true, false, true),
        ("0001", true, true, false, true),
        ("9999-12-31", true, true, false, true),
        ("0000", false, false, false, false),
        ("2025-03", true, true, false, true),
        ("2025-13", false, false, false, false),
        ("2025-00", false, false, false, false),
        ("2024-02-29", true, true, false, true),
        ("2025-02-29", false, false, false, false),
        ("1900-02-29", false, false, false, false),
        ("2025-04-31", false, false, false, false),
        ("25-3", false, false, false, false),
        ("2025-3-1", false, false, false, false),
        ("2025-03-01T", false, false, false, false),
        ("2025-03-01 10:00:00Z", false, false, false, false),
        ("2025-03-01T10:00", false, false, false, true),
        ("2025-03-01T10:00Z", false, false, false, true),
        ("2025-03-01T10:00:00", false, false, false, true),
        ("2025-03-01T10:00:00Z", false, true, true, true),
        ("2025-03-01T10:00:00z", false, false, false, false),
        ("2025-03-01T10:00:00.Z", false, false, false, false),
        ("2025-03-01T10:00:00.123456789Z", false, true, true, true),
        ("2025-03-01T23:59:60Z", false, true, true, true),
        ("2025-03-01T23:59:61Z", false, false, false, false),
        ("2025-03-01T24:00:00Z", false, false, false, false),
        ("2025-03-01T10:60:00Z", false, false, false, false),
        ("2025-03-01T10:00:00+14:00", false, true, true, true),
        ("2025-03-01T10:00:00-14:00", false, true, true, true),
        ("2025-03-01T10:00:00+14:01", false, false, false, false),
        ("2025-03-01T10:00:00+01:60", false, false, false, false),
        ("2025-03-01T10:00:00+0100", false, false, false, false),
        ("2025Z", false, false, false, false),
        ("+2025", false, false, false, false),
        ("20255", false, false, false, false),
        ("", false, false, false, false),
        ("２０２５", false, false, false, false),
    ] {
        check(text, Date, date);
        check(text, DateTime, date_time);
        check(text, Instant, instant);
        check(text, Search, search);
    }
}

#[test]
fn width_follows_precision() {
    width("2025", 365 * DAY);
    width("2024", 366 * DAY);
    width("2024-02", 29 * DAY);
    width("2024-02-29", DAY);
    width("9999", 365 * DAY);
    width("2024-02-29T10:00", 60 * SECOND);
    width("2024-02-29T10:00:01", SECOND);
    width("2024-02-29T10:00:01.5Z", 100_000);
    width("2024-02-29T10:00:01.123456Z", 1);
    width("2024-02-29T10:00:01.123456789012345678901234567890Z", 1);
}

#[test]
fn offsets_and_leap_seconds() {
    let at = |text| parse_instant(text).unwrap();
    assert_eq!(at("1970-01-01T00:00:00Z"), 0);
    assert_eq!(at("1970-01-01T01:00:00+01:00"), 0);
    assert_eq!(at("1969-12-31T20:30:00-03:30"), 0);
    assert_eq!(at("2016-12-31T23:59:60Z"), at("2017-01-01T00:00:00Z"));
    assert_eq!(at("1969-12-31T23:59:59.999999Z"), -1);
}

/// A zone that skips an hour is not in the build; a fixed one shows that it is used.
#[test]
fn zone_of_the_caller() {
    let rome = chrono::FixedOffset::east_opt(3600).unwrap();
    let day = range("1970-01-02", &rome).unwrap();
    assert_eq!(
        (day.low, day.high),
        (DAY - 3600 * SECOND, 2 * DAY - 3600 * SECOND)
    );
    let exact = range("1970-01-02T00:00:00Z", &rome).unwrap();
    assert_eq!(exact.low, DAY);
}

#[test]
fn instants_have_27_characters() {
    for (micros, text) in [
        (0, "1970-01-01T00:00:00.000000Z"),
        (-1, "1969-12-31T23:59:59.999999Z"),
        (1_768_035_600_000_001, "2026-01-10T09:00:00.000001Z"),
        (FIRST, "0001-01-01T00:00:00.000000Z"),
        (LAST, "9999-12-31T23:59:59.999999Z"),
        (i64::MIN, "0001-01-01T00:00:00.000000Z"),
        (i64::MAX, "9999-12-31T23:59:59.999999Z"),
    ] {
        let found = format_instant(micros);
        assert_eq!(found, text);
        assert_eq!(found.len(), 27);
        assert_eq!(parse_instant(&found).unwrap(), micros.clamp(FIRST, LAST));
    }
}

#[test]
fn times() {
    for (text, ok) in [
        ("10:00:00", true),
        ("23:59:60", true),
        ("10:00:00.5", true),
        ("24:00:00", false),
        ("10:00", false),
        ("10:00:00Z", false),
        ("1:00:00", false),
    ] {
        assert_eq!(check_time(text).is_ok(), ok, "{text}");
    }
}

#[test]
fn messages_carry_no_data() {
    let error = parse("31/12/1975", DateKind::Date).unwrap_err().to_string();
    assert!(error.ends_with("found '99/99/9999'"), "{error}");
}
