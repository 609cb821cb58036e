//! number and quantity. Source: FHIR R4 search.html#number, #quantity, #prefix.
//!
//! Without a prefix the significant figures of the value make a range; with one the value is exact.

use super::{put, table};
use crate::support::TestNode;

#[test]
fn numbers() {
    let node = TestNode::start();
    for (id, number) in [
        ("n100", "100"),
        ("n1004", "100.4"),
        ("n1005", "100.5"),
        ("n995", "99.5"),
        ("n994", "99.4"),
        ("neg", "-2.5"),
        ("zero", "0"),
        ("tiny", "1.5e-3"),
        ("big", "1.2e10"),
        ("none", ""),
    ] {
        let factor = match number {
            "" => String::new(),
            number => format!(r#","factorOverride":{number}"#),
        };
        let members = format!(
            r#","status":"billable","code":{{"text":"x"}},"subject":{{"reference":"Patient/p"}}{factor}"#
        );
        put(&node, "ChargeItem", id, &members);
    }
    let below = "n994 n995 neg tiny zero";
    table(
        &node,
        "ChargeItem",
        &[
            ("factor-override=100", "n100 n1004 n995"),
            ("factor-override=eq100", "n100 n1004 n995"),
            ("factor-override=100.0", "n100"),
            ("factor-override=100.00", "n100"),
            ("factor-override=100.4", "n1004"),
            ("factor-override=100.40", "n1004"),
            ("factor-override=99.4", "n994"),
            ("factor-override=1e2", "n100 n1004 n1005 n994 n995"),
            ("factor-override=1.00e2", "n100 n1004 n995"),
            ("factor-override=1.00E2", "n100 n1004 n995"),
            ("factor-override=ne100", "big n1005 n994 neg tiny zero"),
            (
                "factor-override=ne100.0",
                "big n1004 n1005 n994 n995 neg tiny zero",
            ),
            ("factor-override=gt100", "big n1004 n1005"),
            ("factor-override=gt100.4", "big n1005"),
            ("factor-override=ge100", "big n100 n1004 n1005"),
            ("factor-override=ge100.4", "big n1004 n1005"),
            ("factor-override=lt100", below),
            ("factor-override=le100", "n100 n994 n995 neg tiny zero"),
            ("factor-override=lt99.5", "n994 neg tiny zero"),
            ("factor-override=le99.5", below),
            ("factor-override=sa100", "big n1004 n1005"),
            ("factor-override=eb100", below),
            ("factor-override=ap100", "n100 n1004 n1005 n994 n995"),
            ("factor-override=ap110", "n100 n1004 n1005 n994 n995"),
            ("factor-override=ap120", ""),
            ("factor-override=-2.5", "neg"),
            ("factor-override=-2.50", "neg"),
            ("factor-override=-2", "neg"),
            ("factor-override=-3", ""),
            ("factor-override=ap-2.4", "neg"),
            ("factor-override=lt0", "neg"),
            ("factor-override=lt-2", "neg"),
            ("factor-override=gt-2.5&factor-override=lt1", "tiny zero"),
            ("factor-override=0", "tiny zero"),
            ("factor-override=-0", "tiny zero"),
            ("factor-override=0.0000", "zero"),
            ("factor-override=0.0015", "tiny"),
            ("factor-override=1.5e-3", "tiny"),
            ("factor-override=15e-4", "tiny"),
            ("factor-override=gt0&factor-override=lt1", "tiny"),
            ("factor-override=1.2e10", "big"),
            ("factor-override=12000000000", "big"),
            ("factor-override=gt1e9", "big"),
            ("factor-override=-2.5,0.0000,1.2e10", "big neg zero"),
            (
                "factor-override=ge99&factor-override=le100",
                "n100 n994 n995",
            ),
            ("factor-override:missing=true", "none"),
            (
                "factor-override:missing=false",
                "big n100 n1004 n1005 n994 n995 neg tiny zero",
            ),
        ],
    );
}

#[test]
fn ranges_of_numbers() {
    let node = TestNode::start();
    for (id, probability) in [
        ("point", r#""probabilityDecimal":0.3"#),
        (
            "range",
            r#""probabilityRange":{"low":{"value":0.2},"high":{"value":0.4}}"#,
        ),
        ("above", r#""probabilityRange":{"low":{"value":0.5}}"#),
        ("below", r#""probabilityRange":{"high":{"value":0.1}}"#),
    ] {
        let members = format!(
            r#","status":"final","subject":{{"reference":"Patient/p"}},"prediction":[{{{probability}}}]"#
        );
        put(&node, "RiskAssessment", id, &members);
    }
    table(
        &node,
        "RiskAssessment",
        &[
            ("probability=0.3", "point"),
            ("probability=0.30", "point"),
            ("probability=0", "point range"),
            ("probability=ne0.3", "above below range"),
            ("probability=ne0", "above below"),
            ("probability=gt0.3", "above range"),
            ("probability=ge0.3", "above point range"),
            ("probability=lt0.3", "below range"),
            ("probability=le0.3", "below point range"),
            ("probability=gt0.4", "above"),
            ("probability=gt0.05", "above below point range"),
            ("probability=ap0.05", "below"),
            ("probability=lt0.05", "below"),
            ("probability=gt1e6", "above"),
            ("probability=sa0.3", "above"),
            ("probability=sa0.1", "above point range"),
            ("probability=eb0.3", "below"),
            ("probability=eb0.45", "below point range"),
            ("probability=ap0.3", "point range"),
            ("probability=ap0.5", "above"),
            ("probability=ge0.25&probability=le0.35", "point range"),
        ],
    );
}

#[test]
fn quantities_and_units() {
    const UCUM: &str = "http://unitsofmeasure.org";
    let node = TestNode::start();
    let coded = |value: &str, code: &str| {
        format!(r#"{{"value":{value},"unit":"{code}","system":"{UCUM}","code":"{code}"}}"#)
    };
    for (id, quantity) in [
        ("mg54", coded("5.4", "mg")),
        ("mg543", coded("5.43", "mg")),
        ("mg545", coded("5.45", "mg")),
        ("g54", coded("5.4", "g")),
        ("ug5450", coded("5450", "ug")),
        ("neg", coded("-1.5", "Cel")),
        ("printed", r#"{"value":5.4,"unit":"mg"}"#.to_owned()),
        ("bare", r#"{"value":5.4}"#.to_owned()),
        (
            "own",
            r#"{"value":5.4,"system":"urn:x","code":"mg"}"#.to_owned(),
        ),
        (
            "words",
            format!(r#"{{"value":5.4,"unit":"milligrammi","system":"{UCUM}","code":"mg"}}"#),
        ),
    ] {
        let members =
            format!(r#","status":"final","code":{{"text":"x"}},"valueQuantity":{quantity}"#);
        put(&node, "Observation", id, &members);
    }
    let text = r#","status":"final","code":{"text":"x"},"valueString":"5.4""#;
    put(&node, "Observation", "none", text);
    table(
        &node,
        "Observation",
        &[
            (
                "value-quantity=5.4",
                "bare g54 mg54 mg543 own printed words",
            ),
            ("value-quantity=5.40", "bare g54 mg54 own printed words"),
            (
                "value-quantity=5.4||",
                "bare g54 mg54 mg543 own printed words",
            ),
            (
                "value-quantity=5.4|http://unitsofmeasure.org|mg",
                "mg54 mg543 words",
            ),
            (
                "value-quantity=5.40|http://unitsofmeasure.org|mg",
                "mg54 words",
            ),
            ("value-quantity=5.43|http://unitsofmeasure.org|mg", "mg543"),
            (
                "value-quantity=5|http://unitsofmeasure.org|mg",
                "mg54 mg543 mg545 ug5450 words",
            ),
            ("value-quantity=5.4|http://unitsofmeasure.org|g", "g54"),
            ("value-quantity=5.4|http://unitsofmeasure.org|kg", ""),
            ("value-quantity=5.4|urn:x|mg", "own"),
            ("value-quantity=5.4||mg", "mg54 mg543 own printed words"),
            ("value-quantity=5.40||milligrammi", "words"),
            ("value-quantity=5.4%7C%7Cmg", "mg54 mg543 own printed words"),
            (
                "value-quantity=gt5.4|http://unitsofmeasure.org|mg",
                "g54 mg543 mg545 ug5450",
            ),
            ("value-quantity=ge5.43||mg", "mg543 mg545"),
            ("value-quantity=lt5.43||mg", "mg54 own printed words"),
            (
                "value-quantity=le5.4|http://unitsofmeasure.org|mg",
                "mg54 words",
            ),
            (
                "value-quantity=ne5.4|http://unitsofmeasure.org|mg",
                "g54 mg545 ug5450",
            ),
            ("value-quantity=sa5.43||mg", "mg545"),
            (
                "value-quantity=eb5.43|http://unitsofmeasure.org|mg",
                "mg54 words",
            ),
            (
                "value-quantity=ap5|http://unitsofmeasure.org|mg",
                "mg54 mg543 mg545 ug5450 words",
            ),
            (
                "value-quantity=ap6||mg",
                "mg54 mg543 mg545 own printed words",
            ),
            (
                "value-quantity=5.45|http://unitsofmeasure.org|mg",
                "mg545 ug5450",
            ),
            (
                "value-quantity=545e1|http://unitsofmeasure.org|ug",
                "mg545 ug5450",
            ),
            ("value-quantity=0.00540|http://unitsofmeasure.org|kg", "g54"),
            (
                "value-quantity=ge5450000|http://unitsofmeasure.org|ng",
                "g54 mg545 ug5450",
            ),
            (
                "value-quantity=sa5.43|http://unitsofmeasure.org|mg",
                "g54 mg545 ug5450",
            ),
            ("value-quantity=5.4|http://unitsofmeasure.org|mL", ""),
            ("value-quantity=271.65|http://unitsofmeasure.org|K", "neg"),
            (
                "value-quantity=29.3|http://unitsofmeasure.org|[degF]",
                "neg",
            ),
            ("value-quantity=ap-1.5|http://unitsofmeasure.org|Cel", "neg"),
            (
                "value-quantity=5.4|http://unitsofmeasure.org|milligrammi",
                "",
            ),
            ("value-quantity=5450||ug", "ug5450"),
            ("value-quantity=-1.5||Cel", "neg"),
            ("value-quantity=lt0", "neg"),
            ("value-quantity=lt0||mg", ""),
            ("value-quantity=5.4||g,-1.5||Cel", "g54 neg"),
            ("value-quantity=5.4e0||g", "g54"),
            (
                "value-quantity=ge5.4||mg&value-quantity=lt5.45||mg",
                "mg54 mg543 own printed words",
            ),
            ("value-quantity:missing=true", "none"),
            ("combo-value-quantity=5.40||g", "g54"),
            ("value-quantity=5.4||MG", ""),
        ],
    );
}

#[test]
fn ages_money_and_durations() {
    let node = TestNode::start();
    let years = |value: u32| {
        format!(
            r#"{{"value":{value},"unit":"anni","system":"http://unitsofmeasure.org","code":"a"}}"#
        )
    };
    for (id, onset) in [
        ("forty", format!(r#""onsetAge":{}"#, years(40))),
        (
            "thirties",
            format!(
                r#""onsetRange":{{"low":{},"high":{}}}"#,
                years(30),
                years(39)
            ),
        ),
        ("since", format!(r#""onsetRange":{{"low":{}}}"#, years(50))),
    ] {
        let members = format!(r#","subject":{{"reference":"Patient/p"}},{onset}"#);
        put(&node, "Condition", id, &members);
    }
    table(
        &node,
        "Condition",
        &[
            ("onset-age=40", "forty"),
            ("onset-age=40||a", "forty"),
            ("onset-age=40||anni", "forty"),
            ("onset-age=40|http://unitsofmeasure.org|a", "forty"),
            ("onset-age=40||mo", ""),
            ("onset-age=gt35||a", "forty since thirties"),
            ("onset-age=lt35||a", "thirties"),
            ("onset-age=sa39||a", "forty since"),
            ("onset-age=eb40||a", "thirties"),
            ("onset-age=35", ""),
            ("onset-age=ap35||a", "thirties"),
            ("onset-age=gt70", "since"),
        ],
    );
    for (id, currency, value) in [("euro", "EUR", "100.50"), ("dollar", "USD", "100.50")] {
        let members = format!(
            r#","status":"issued","totalGross":{{"value":{value},"currency":"{currency}"}}"#
        );
        put(&node, "Invoice", id, &members);
    }
    table(
        &node,
        "Invoice",
        &[
            ("totalgross=100.5", "dollar euro"),
            ("totalgross=100.5||EUR", "euro"),
            ("totalgross=100.50|urn:iso:std:iso:4217|EUR", "euro"),
            ("totalgross=gt100|urn:iso:std:iso:4217|USD", "dollar"),
            ("totalgross=lt100", ""),
            ("totalgross=100.5||GBP", ""),
        ],
    );
    put(
        &node,
        "Encounter",
        "hour",
        r#","status":"finished","class":{"code":"AMB"},"length":{"value":60,"unit":"min","system":"http://unitsofmeasure.org","code":"min"}"#,
    );
    table(
        &node,
        "Encounter",
        &[
            ("length=60", "hour"),
            ("length=60||min", "hour"),
            ("length=ge45||min", "hour"),
            ("length=gt60||min", ""),
            ("length=60||s", ""),
        ],
    );
}
