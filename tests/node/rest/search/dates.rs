//! date: prefixes, precision, zones, Periods and Timings. Source: FHIR R4 search.html#date, #prefix.
//!
//! A date is the time it covers. `eq`: the value holds the whole of it; `gt`, `lt`: a part of it lies
//! beyond the value; `ge`, `le`: one or the other; `sa`, `eb`: all of it lies beyond the value;
//! `ap`: they overlap, with a tenth of the distance from now on both sides.

use super::{put, table};
use crate::support::TestNode;

#[test]
fn partial_dates_on_both_sides() {
    let node = TestNode::start();
    for (id, date) in [
        ("y80", "1980"),
        ("m05", "1980-05"),
        ("d17", "1980-05-17"),
        ("d31", "1980-12-31"),
        ("y81", "1981"),
    ] {
        put(&node, "Patient", id, &format!(r#","birthDate":"{date}""#));
    }
    put(&node, "Patient", "none", "");
    let all = "d17 d31 m05 y80 y81";
    table(
        &node,
        "Patient",
        &[
            ("birthdate=1980", "d17 d31 m05 y80"),
            ("birthdate=eq1980", "d17 d31 m05 y80"),
            ("birthdate=1980-05", "d17 m05"),
            ("birthdate=1980-05-17", "d17"),
            ("birthdate=1980-05-18", ""),
            ("birthdate=1981", "y81"),
            ("birthdate=ne1980", "y81"),
            ("birthdate=ne1980-05", "d31 y80 y81"),
            ("birthdate=ne1980-05-17", "d31 m05 y80 y81"),
            ("birthdate=gt1980", "y81"),
            ("birthdate=gt1980-05", "d31 y80 y81"),
            ("birthdate=gt1980-05-17", "d31 m05 y80 y81"),
            ("birthdate=gt1980-12-31", "y81"),
            ("birthdate=lt1980", ""),
            ("birthdate=lt1980-05", "y80"),
            ("birthdate=lt1980-05-17", "m05 y80"),
            ("birthdate=lt1981", "d17 d31 m05 y80"),
            ("birthdate=ge1980", all),
            ("birthdate=ge1980-05", all),
            ("birthdate=ge1980-12-31", "d31 y81"),
            ("birthdate=ge1981", "y81"),
            ("birthdate=le1980", "d17 d31 m05 y80"),
            ("birthdate=le1980-05", "d17 m05 y80"),
            ("birthdate=le1980-05-17", "d17 m05 y80"),
            ("birthdate=le1979", ""),
            ("birthdate=sa1979", all),
            ("birthdate=sa1980", "y81"),
            ("birthdate=sa1980-05", "d31 y81"),
            ("birthdate=sa1980-04", "d17 d31 m05 y81"),
            ("birthdate=eb1980-05", ""),
            ("birthdate=eb1980-06", "d17 m05"),
            ("birthdate=eb1981", "d17 d31 m05 y80"),
            ("birthdate=eb1982", all),
            ("birthdate=ap1983", all),
            ("birthdate=ap1930", ""),
            ("birthdate=1980-05,1981", "d17 m05 y81"),
            ("birthdate=ge1980-05&birthdate=lt1980-06", "d17 m05 y80"),
            ("birthdate=gt1980-05&birthdate=lt1980-05", "y80"),
            ("birthdate:missing=true", "none"),
            ("birthdate:missing=false", all),
            ("birthdate=1980-05-17T00:00:00Z", ""),
            (
                "birthdate=ge1980-05-17T12:00&birthdate=le1980-05-17T12:00",
                "d17 m05 y80",
            ),
        ],
    );
}

/// Observations around the same moment.
fn observations() -> TestNode {
    let node = TestNode::start();
    for (id, effective) in [
        ("zulu", r#","effectiveDateTime":"2025-03-30T10:00:00Z""#),
        (
            "rome",
            r#","effectiveDateTime":"2025-03-30T12:00:00+02:00""#,
        ),
        (
            "late",
            r#","effectiveDateTime":"2025-03-30T23:30:00-05:00""#,
        ),
        (
            "milli",
            r#","effectiveDateTime":"2025-03-30T10:00:00.500Z""#,
        ),
        (
            "instant",
            r#","effectiveInstant":"2025-03-30T10:00:00.000Z""#,
        ),
        ("day", r#","effectiveDateTime":"2025-03-30""#),
        ("month", r#","effectiveDateTime":"2025-03""#),
        (
            "from",
            r#","effectivePeriod":{"start":"2025-03-30T09:00:00Z"}"#,
        ),
        (
            "until",
            r#","effectivePeriod":{"end":"2025-03-30T11:00:00Z"}"#,
        ),
        (
            "period",
            r#","effectivePeriod":{"start":"2025-03-29","end":"2025-03-31"}"#,
        ),
        (
            "year",
            r#","effectivePeriod":{"start":"2025-01-01","end":"2025-12-31"}"#,
        ),
        ("none", ""),
    ] {
        let members = format!(r#","status":"final","code":{{"text":"x"}}{effective}"#);
        put(&node, "Observation", id, &members);
    }
    node
}

#[test]
fn moments_days_and_periods() {
    let exact = "instant milli rome zulu";
    let on_the_day = "day instant milli rome zulu";
    let before = "day from month period until year";
    table(
        &observations(),
        "Observation",
        &[
            ("date=2025-03-30T10:00:00Z", exact),
            ("date=2025-03-30T12:00:00%2B02:00", exact),
            ("date=2025-03-30T05:00:00-05:00", exact),
            ("date=2025-03-30T10:00Z", exact),
            ("date=2025-03-30T10:00", exact),
            ("date=2025-03-30T10:00:00", exact),
            ("date=2025-03-30T12:00%2B02:00", exact),
            ("date=2025-03-30T10:00:00.500Z", "milli"),
            ("date=2025-03-30T10:00:00.000Z", "instant"),
            ("date=2025-03-30T10:00:00.5Z", "milli"),
            ("date=2025-03-30T12:00:00Z", ""),
            ("date=2025-03-30", on_the_day),
            ("date=2025-03-31", "late"),
            (
                "date=2025-03",
                "day instant late milli month period rome zulu",
            ),
            (
                "date=2025",
                "day instant late milli month period rome year zulu",
            ),
            ("date=2024", ""),
            ("date=ne2025-03-30", "from late month period until year"),
            (
                "date=ne2025-03-30T10:00:00Z",
                "day from late month period until year",
            ),
            ("date=ne2025", "from until"),
            ("date=gt2025-03-30", "from late month period year"),
            (
                "date=gt2025-03-30T10:00:00Z",
                "day from late month period until year",
            ),
            ("date=gt2025-12-31", "from"),
            ("date=lt2025-03-30", "month period until year"),
            ("date=lt2025-03-30T10:00:00Z", before),
            ("date=lt2025-01-01", "until"),
            (
                "date=ge2025-03-30",
                "day from instant late milli month period rome year zulu",
            ),
            (
                "date=ge2025-03-30T10:00:00Z",
                "day from instant late milli month period rome until year zulu",
            ),
            ("date=ge2025-04", "from year"),
            (
                "date=le2025-03-30",
                "day instant milli month period rome until year zulu",
            ),
            (
                "date=le2025-03-30T10:00:00Z",
                "day from instant milli month period rome until year zulu",
            ),
            ("date=le2025-03-28", "month until year"),
            ("date=sa2025-03-30", "late"),
            (
                "date=sa2025-03-30T08:59:59Z",
                "from instant late milli rome zulu",
            ),
            (
                "date=sa2025-03-28",
                "day from instant late milli period rome zulu",
            ),
            ("date=sa2025-12", ""),
            ("date=eb2025-03-31", "day instant milli rome until zulu"),
            ("date=eb2025-03-30T10:00:00Z", ""),
            (
                "date=eb2025-03-30T11:00:01Z",
                "instant milli rome until zulu",
            ),
            (
                "date=eb2025-04-01",
                "day instant late milli month period rome until zulu",
            ),
            ("date=ap1990", "until"),
            ("date=ap2025-03-30T10:00Z&date=2025-03-30T10:00Z", exact),
        ],
    );
}

#[test]
fn several_dates() {
    table(
        &observations(),
        "Observation",
        &[
            (
                "date=ge2025-03-30&date=lt2025-03-31",
                "day from instant milli month period rome year zulu",
            ),
            (
                "date=sa2025-03-29&date=eb2025-03-31",
                "day instant milli rome zulu",
            ),
            (
                "date=2025-03-31,2025-03-30T10:00Z",
                "instant late milli rome zulu",
            ),
            ("date=lt2025,gt2025", "from until"),
            ("date=2025-03-31&date=2025-03-30", ""),
            ("date:missing=true", "none"),
            ("date:missing=true&date=2025", ""),
            ("date=2025-03-31&_id=late,zulu", "late"),
        ],
    );
}

/// R4: of a Timing the schedule is ignored, and only its outer limits count.
#[test]
fn a_timing_is_its_outer_limits() {
    let node = TestNode::start();
    for (id, timing) in [
        ("once", r#"{"event":["2025-03-30T10:00:00Z"]}"#),
        ("twice", r#"{"event":["2025-03-30","2025-06-01"]}"#),
        (
            "bounds",
            r#"{"repeat":{"boundsPeriod":{"start":"2025-05-01","end":"2025-05-31"},"frequency":1,"period":1,"periodUnit":"d"}}"#,
        ),
        (
            "open",
            r#"{"repeat":{"boundsPeriod":{"start":"2025-05-01"}}}"#,
        ),
        (
            "daily",
            r#"{"repeat":{"frequency":1,"period":1,"periodUnit":"d"}}"#,
        ),
    ] {
        let members =
            format!(r#","status":"final","code":{{"text":"x"}},"effectiveTiming":{timing}"#);
        put(&node, "Observation", id, &members);
    }
    table(
        &node,
        "Observation",
        &[
            ("date=2025-03-30T10:00Z", "once"),
            ("date=2025-05", "bounds"),
            ("date=2025", "bounds once twice"),
            ("date=gt2025-05-15", "bounds open twice"),
            ("date=lt2025-05-15", "bounds once open twice"),
            ("date=ge2025-04-10&date=le2025-04-12", "twice"),
            ("date=sa2025-04", "bounds open"),
            ("date=eb2025-04", "once"),
            ("date=2025-06-01", ""),
            ("date=2025-03-30", "once"),
            ("date=gt2026", "open"),
        ],
    );
}

#[test]
fn dates_of_every_precision_and_age() {
    let node = TestNode::start();
    for (id, date) in [
        ("old", "0001-01-01"),
        ("leap", "2024-02-29"),
        ("future", "9999-12-31"),
        ("century", "1900-02-28"),
    ] {
        put(&node, "Patient", id, &format!(r#","birthDate":"{date}""#));
    }
    table(
        &node,
        "Patient",
        &[
            ("birthdate=0001", "old"),
            ("birthdate=0001-01-01", "old"),
            ("birthdate=lt1000", "old"),
            ("birthdate=9999-12-31", "future"),
            ("birthdate=gt9999", ""),
            ("birthdate=ge9999", "future"),
            ("birthdate=lt9999", "century leap old"),
            ("birthdate=lt0001", ""),
            ("birthdate=2024-02", "leap"),
            ("birthdate=2024-02-29", "leap"),
            ("birthdate=sa2024-02-28", "future leap"),
            ("birthdate=eb2024-03-01", "century leap old"),
            ("birthdate=1900-02-28", "century"),
        ],
    );
}
