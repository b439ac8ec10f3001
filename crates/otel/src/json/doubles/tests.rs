use proptest::prelude::*;

use super::*;

fn quote(body: &str) -> String {
    String::from_utf8(quoted(body.as_bytes()).into_owned()).expect("quotes keep UTF-8")
}

// breaks when texts, integers or short decimals are touched, or a long decimal is not
#[test]
fn only_long_decimals_are_quoted() {
    let cases = [
        ("{\"a\": 0.5, \"b\": -12, \"c\": [1.25, 1700000000000000000]}", None),
        ("{\"a\": 0.011311787000522599}", Some("{\"a\": \"0.011311787000522599\"}")),
        ("[1e3,-2.5E-7]", Some("[\"1e3\",\"-2.5E-7\"]")),
        ("{\"0.011311787000522599\\\" 1e5\": \"1e5 \\\\\"}", None),
        ("\"unfinished \\", None),
        ("1e5", Some("\"1e5\"")),
    ];
    for (body, expected) in cases {
        assert_eq!(quote(body), expected.unwrap_or(body));
    }
}

proptest! {
    // breaks when a double does not come back to the bit, quoted or not
    #[test]
    fn every_double_comes_back(bits in any::<u64>(), short in -999_999i32..999_999) {
        for value in [f64::from_bits(bits), f64::from(short) / 1000.0] {
            if value.is_finite() {
                let json: serde_json::Value = serde_json::from_slice(&quoted(format!("{value:?}").as_bytes())).expect("JSON");
                let read = super::super::object::double_of(&json).expect("a number");
                prop_assert_eq!(read.to_bits(), value.to_bits());
            }
        }
    }

    // breaks when bytes of any kind can panic the scan
    #[test]
    fn any_bytes_can_be_scanned(body in prop::collection::vec(any::<u8>(), 0..100)) {
        let _ = quoted(&body);
    }
}
