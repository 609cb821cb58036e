//! Units: what is one, what it is made of, how it converts.

use super::*;

#[track_caller]
fn check(value: &str, from: &str, to: &str, expected: &str) {
    let found = convert(Number::parse(value).unwrap(), from, to)
        .unwrap_or_else(|| panic!("{from} does not convert to {to}"));
    let expected = Number::parse(expected).unwrap();
    assert_eq!(found.to_f64(), expected.to_f64(), "{value} {from} in {to}");
}

#[test]
fn units_of_clinical_data_convert() {
    check("5.4", "mg", "ug", "5400");
    check("1", "g/dL", "mg/mL", "10");
    check("90", "mg/dL", "g/L", "0.9");
    check("1", "mmol/L", "umol/mL", "1");
    check("120", "mm[Hg]", "kPa", "15.99864");
    check("1", "[lb_av]", "g", "453.59237");
    check("1", "[in_i]", "cm", "2.54");
    check("1", "[ft_i]", "m", "0.3048");
    check("1", "wk", "h", "168");
    check("1", "U/L", "umol/min/L", "1");
    check("6", "U", "nkat", "100");
    check("1", "kcal", "kJ", "4.184");
    check("1", "10*3/uL", "10*9/L", "1");
    check("100", "%", "1", "1");
    check("1", "[gal_us]", "L", "3.785411784");
    check("1", "mg{creat}/d", "ug/d", "1000");
    check("1", "k[iU]/L", "[IU]/mL", "1");
    check("1", "KiBy", "bit", "8192");
}

#[test]
fn scales_convert_and_stand_alone() {
    check("37", "Cel", "K", "310.15");
    check("98.6", "[degF]", "Cel", "37");
    check("-40", "[degF]", "Cel", "-40");
    check("80", "[degRe]", "Cel", "100");
    check("20", "dB", "1", "100");
    check("100", "%[slope]", "deg", "45");
    for bad in ["Cel/min", "Cel2", "Cel.m", "2.Cel", "/Cel"] {
        assert!(!is_valid(bad), "{bad}");
    }
    assert!(is_valid("mCel") && is_valid("Cel{ear}"));
}

#[test]
fn units_compare_by_what_they_are_made_of() {
    #[track_caller]
    fn check(a: &str, b: &str, expected: bool) {
        assert_eq!(comparable(a, b), expected, "{a} and {b}");
    }
    check("mg/dL", "kg/m3", true);
    check("N.m", "J", true);
    check("mg", "mL", false);
    check("[iU]/L", "[arb'U]/L", false);
    check("[iU]/L", "[IU]/mL", true);
    check("[pH]", "1", false);
    check("mg", "milligram", false);
    assert_eq!(canonical("mmol/L").unwrap().unit, "m-3");
    assert_eq!(canonical("N").unwrap().unit, "m.s-2.g");
    assert_eq!(canonical("m/m").unwrap().unit, "1");
}

#[test]
fn the_grammar() {
    for good in [
        "1",
        "{score}",
        "/min",
        "m2",
        "m+2",
        "s-1",
        "kg.m/s2",
        "(m.s)/(g.K)",
        "10*3",
        "10^-3/L",
        "{a}/{b}",
        "mm[Hg]",
        "B[10.nV]",
        "[m/s2/Hz^(1/2)]",
        "mL/min/{1.73_m2}",
        "L/(8.h)",
        "g%",
        "umol/min",
        "dam",
        "''",
        "a_j",
        "cd",
        "12.m",
        "m{}",
    ] {
        assert!(is_valid(good), "{good}");
    }
    for bad in [
        "",
        " ",
        "m g",
        "mgs",
        "MGS",
        "m^2",
        "kk",
        "m//s",
        "m.",
        ".m",
        "(m",
        "m)",
        "{",
        "}",
        "{a",
        "m{a{b}}",
        "m0",
        "m100",
        "10*100",
        "0",
        "kmin",
        "Pounds",
        "é",
        "m--2",
        "99999999999999999999999999999999999999999",
        "m99.m99",
    ] {
        assert!(!is_valid(bad), "{bad}");
    }
    assert!(!is_valid(&"(".repeat(200)));
    assert!(!is_valid(&format!("{}m{}", "(".repeat(20), ")".repeat(20))));
}

/// Every line of the table is understood, and its name is there.
#[test]
fn the_table_is_whole() {
    let lines = include_str!("../../../fhir-profiles/ucum.tsv").lines();
    for line in lines.filter(|line| !line.starts_with('#')) {
        let code = line.split('\t').next().unwrap();
        assert!(is_valid(code), "{code}");
        assert_eq!(line.split('\t').count(), 5, "{code}");
    }
}

#[test]
fn numbers_are_exact_while_short() {
    let n = |text: &str| Number::parse(text).unwrap();
    assert_eq!(n("0.1").times(n("0.2")), Some(n("0.02")));
    assert_eq!(n("1").divided_by(n("8")), Some(n("0.125")));
    assert_eq!(n("-2.50"), n("-2.5"));
    assert_eq!(n("1e3").plus(n("0.001")), Some(n("1000.001")));
    assert_eq!(n("1").divided_by(n("0")), None);
    assert_eq!(n("5400e-6").to_f64(), n("5.4e-3").to_f64());
    assert!(Number::parse("1e5000").is_none());
    assert_eq!(n(&"9".repeat(60)).to_f64(), Some(1e60));
}
