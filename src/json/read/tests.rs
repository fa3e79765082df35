//! The reader's shortcuts are equal to the plain way.

use proptest::prelude::*;
use proptest::sample::select;

use super::*;

/// A number, as JSON has it or nearly so.
fn number() -> impl Strategy<Value = String> {
    let end = select(vec!["", "", "", ".5", "e3", ".", "E", "x", " "]);
    (select(vec!["", "", "-", "0"]), any::<u64>(), 0..20_u32, end)
        .prop_map(|(sign, n, cut, end)| format!("{sign}{}{end}", n / 10_u64.pow(cut.min(19))))
}

/// An object of some scalars, or nearly so.
fn object() -> impl Strategy<Value = String> {
    let value = prop_oneof![
        4 => number(),
        2 => "\"[a-z\\\\\"]{0,20}\"",
        3 => select(vec!["null", "true", "false", "\"\\u0041\"", "{}", "[]", "[1]", "{\"x\":1}", "nul"])
            .prop_map(str::to_owned),
    ];
    let key = select(vec!["a", "b", "a key that is too long to be inline", "\\n", "é"]);
    let space = select(vec!["", "", " ", "\n"]);
    let close = select(vec!["}", "}", "}", "", ",}", "]"]);
    (prop::collection::vec((key, value, space), 0..6), close).prop_map(|(fields, close)| {
        let field = |(key, value, space): &(&str, String, &str)| {
            format!("{space}\"{key}\"{space}:{space}{value}{space}")
        };
        format!("{{{}{close}", fields.iter().map(field).collect::<Vec<_>>().join(","))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn a_plain_integer_is_read_as_any_value(text in number()) {
        let reader = || Reader::new(text.as_bytes(), ReadLimits::default());
        let (mut plain, mut whole) = (reader(), reader());
        match plain.plain_integer() {
            Some(integer) => {
                prop_assert_eq!(whole.value().unwrap().as_u53(), Some(integer));
                prop_assert_eq!(plain.offset(), whole.offset());
            }
            None => prop_assert_eq!(plain.offset(), 0),
        }
    }

    #[test]
    fn a_flat_object_is_read_as_any_other(text in object()) {
        let reader = || Reader::new(text.as_bytes(), ReadLimits::default());
        let (mut flat, mut whole) = (reader(), reader());
        match (flat.flat_object(1), whole.nested(1)) {
            (Some(object), nested) => {
                prop_assert_eq!(Ok(object.into()), nested);
                prop_assert_eq!(flat.offset(), whole.offset());
            }
            (None, _) => prop_assert_eq!(flat.offset(), 0),
        }
    }
}
