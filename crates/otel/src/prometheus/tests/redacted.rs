//! Rules see the labels of a series by their own names.

use std::sync::Arc;

use super::*;
use crate::{Redaction, RedactionAction, RedactionRule};

// breaks when a label that becomes an attribute of the resource can be named as neither, or a rule for one takes another
#[test]
fn a_label_has_its_name_and_that_of_what_it_becomes() {
    let body = V1 {
        timeseries: vec![series(&[
            ("__name__", "up"),
            ("instance", "10.0.0.7"),
            ("job", "shop/payments"),
            ("user", "ana"),
        ])],
    };
    let cases = [
        ("job", &["shop", "payments"][..]),
        ("service.name", &["payments"]),
        ("service.namespace", &["shop"]),
        ("instance", &["10.0.0.7"]),
        ("service.instance.id", &["10.0.0.7"]),
        ("user", &["ana"]),
    ];
    for (key, gone) in cases {
        let rule = RedactionRule {
            name: None,
            keys: vec![key.to_owned()],
            pattern: None,
            action: RedactionAction::Drop,
        };
        let redaction = Redaction::new(&[rule], None).expect("a good rule");
        let mapper = mapper().with_redaction(Arc::new(redaction));
        let (mapped, _) = mapper.remote_write(RemoteWrite::V1, &body.encode_to_vec()).expect("a body");
        let rows = format!("{:?}", mapped.batches);
        for text in ["10.0.0.7", "shop", "payments", "ana"] {
            assert_eq!(rows.contains(&format!("\"{text}")), !gone.contains(&text), "{key} {text}: {rows}");
        }
    }
}
