//! Locations by where they are. Source: FHIR R4 location.html, *Positional Searching*.

use super::{change, pages, put, table};
use crate::support::TestNode;

#[test]
fn locations_within_a_distance() {
    let node = TestNode::start();
    for (id, latitude, longitude) in [
        ("roma", "41.9028", "12.4964"),
        ("fiumicino", "41.7999", "12.2462"),
        ("milano", "45.4642", "9.1900"),
        ("nadi", "-17.7765", "177.4356"),
        ("apia", "-13.8506", "-171.7513"),
    ] {
        let members = format!(
            r#","status":"active","position":{{"longitude":{longitude},"latitude":{latitude}}}"#
        );
        put(&node, "Location", id, &members);
    }
    put(&node, "Location", "nowhere", r#","status":"active""#);
    put(
        &node,
        "Encounter",
        "e",
        r#","status":"finished","class":{"code":"AMB"},"location":[{"location":{"reference":"Location/fiumicino"}}]"#,
    );
    table(
        &node,
        "Location",
        &[
            ("near=41.9028|12.4964|1|km", "roma"),
            ("near=41.9028|12.4964|1", "roma"),
            ("near=41.9028|12.4964|25|km", "fiumicino roma"),
            ("near=41.9028|12.4964|23|km", "roma"),
            ("near=41.9028|12.4964", "fiumicino roma"),
            ("near=41.9028|12.4964|25000|m", "fiumicino roma"),
            ("near=41.9028|12.4964|14|mi", "roma"),
            ("near=41.9028|12.4964|16|[mi_i]", "fiumicino roma"),
            ("near=41.9028|12.4964|500|km", "fiumicino milano roma"),
            ("near=41.9028|12.4964|1|km,45.46|9.19|5|km", "milano roma"),
            // Over the date line.
            ("near=-16|180|800|km", "nadi"),
            ("near=-16|-180|1300|km", "apia nadi"),
            ("near=0|0|40000|km", "apia fiumicino milano nadi roma"),
            ("near:missing=true", "nowhere"),
            ("near=41.9|12.5|500|km&_id=milano,nadi", "milano"),
        ],
    );
    table(
        &node,
        "Encounter",
        &[
            ("location.near=41.9|12.5|30|km", "e"),
            ("location.near=45.4|9.2|30|km", ""),
        ],
    );
    change(&node, "Location", "roma", r#","status":"active""#);
    table(
        &node,
        "Location",
        &[("near=41.9028|12.4964|25|km", "fiumicino")],
    );
    let (seen, _) = pages(&node, "Location?near=0|0|40000|km&_count=1&_sort=_id");
    assert_eq!(seen, ["apia", "fiumicino", "milano", "nadi"]);
}
