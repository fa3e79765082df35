//! Patches made at random do what the naive model does, or nothing.

use livetree::{Document, Lson};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{json_of, naive, patch_checked, same};

/// A choice of how to make the next operation; see [`operation`].
type Choice = (u8, u16, u16, u8, Value);

const TOKENS: [&str; 10] = ["a", "b", "m", "", "~01", "~1", "0", "1", "2", "-"];

fn value() -> impl Strategy<Value = Value> {
    let scalar = prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(Value::from),
        (-2..3_i32).prop_map(Value::from),
        Just(json!(1.0)),
        "[a-c]{0,2}".prop_map(Value::from),
    ];
    scalar.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            object(inner),
        ]
    })
}

fn object(inner: impl Strategy<Value = Value>) -> impl Strategy<Value = Value> {
    let key = prop::sample::select(vec!["a", "b", "m", "", "~1", "/", "0", "1"]);
    let entries = prop::collection::vec((key, inner), 0..4);
    entries.prop_map(|entries| entries.into_iter().map(|(k, v)| (k.to_owned(), v)).collect())
}

fn choices(len: impl Into<prop::collection::SizeRange>) -> impl Strategy<Value = Vec<Choice>> {
    prop::collection::vec((any::<u8>(), any::<u16>(), any::<u16>(), any::<u8>(), value()), len)
}

fn pointers(value: &Value, at: String, all: &mut Vec<String>) {
    match value {
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                pointers(item, format!("{at}/{index}"), all);
            }
        }
        Value::Object(entries) => {
            for (key, value) in entries {
                let token = key.replace('~', "~0").replace('/', "~1");
                pointers(value, format!("{at}/{token}"), all);
            }
        }
        _ => {}
    }
    all.push(at);
}

/// An operation that has a good chance to apply to `model`.
fn operation(model: &Value, (kind, place, other, token, value): &Choice) -> Value {
    let mut all = Vec::new();
    pointers(model, String::new(), &mut all);
    let existing = |n: &u16| all[usize::from(*n) % all.len()].clone();
    let token = TOKENS[usize::from(*token) % TOKENS.len()];
    let beside = match existing(other) {
        pointer if other % 3 == 0 => pointer,
        pointer if other % 3 == 1 => format!("{pointer}/{token}"),
        pointer => {
            let (parent, _) = pointer.rsplit_once('/').unwrap_or_default();
            format!("{parent}/{token}")
        }
    };
    match kind % 8 {
        0 | 1 => json!({ "op": "add", "path": beside, "value": value }),
        2 => json!({ "op": "remove", "path": existing(place) }),
        3 => json!({ "op": "replace", "path": existing(place), "value": value }),
        4 | 5 => json!({ "op": "move", "from": existing(place), "path": beside }),
        6 => json!({ "op": "copy", "from": existing(place), "path": beside }),
        _ => {
            let path = existing(place);
            let value = if *token == *"-" { value } else { model.pointer(&path).unwrap() };
            json!({ "op": "test", "path": path, "value": value })
        }
    }
}

/// Everything live, and what hangs at a key `m` a LiveMap.
fn with_maps(value: &Value, map: bool) -> Lson {
    match value {
        Value::Object(entries) => {
            let entries = entries.iter().map(|(k, v)| (k.as_str(), with_maps(v, k == "m")));
            if map { Lson::map(entries) } else { Lson::object(entries) }
        }
        Value::Array(items) => Lson::list(items.iter().map(|item| with_maps(item, false))),
        scalar => Lson::json(scalar),
    }
}

/// Patches a document and the naive model, whose answers must agree.
fn agree(document: &mut Document, patch: &[Value]) -> Result<(), TestCaseError> {
    let model = naive::patch(&json_of(document), patch);
    let text = Value::from(patch.to_vec()).to_string();
    match (patch_checked(document, text.as_bytes()), model) {
        (Ok(_), Ok(expected)) => {
            prop_assert!(
                same(&json_of(document), &expected),
                "{} not {expected}",
                json_of(document)
            );
        }
        (Err(error), Err(failing)) => prop_assert_eq!(error.operation, failing, "{}", error),
        (ours, model) => prop_assert!(false, "{ours:?} but the model says {model:?}"),
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn a_patch_does_what_a_naive_one_does(doc in object(value()), choices in choices(1..8)) {
        let mut document = Document::from_lson(&with_maps(&doc, false)).unwrap();
        // Operations that fail are kept only now and then, so that many patches succeed.
        let (mut model, mut patch) = (json_of(&document), Vec::new());
        for choice in &choices {
            let operation = operation(&model, choice);
            match naive::patch(&model, std::slice::from_ref(&operation)) {
                Ok(next) => model = next,
                Err(_) if choice.3 % 4 != 0 => continue,
                Err(_) => {}
            }
            patch.push(operation);
        }
        agree(&mut document, &patch)?;
    }

    #[test]
    fn a_failing_patch_changes_nothing_wherever_it_fails(
        doc in object(value()),
        choices in choices(1..8),
        at in any::<prop::sample::Index>(),
    ) {
        let mut document = Document::from_lson(&with_maps(&doc, false)).unwrap();
        let (mut model, mut patch) = (json_of(&document), Vec::new());
        for choice in &choices {
            let operation = operation(&model, choice);
            if let Ok(next) = naive::patch(&model, std::slice::from_ref(&operation)) {
                model = next;
                patch.push(operation);
            }
        }
        let at = at.index(patch.len() + 1);
        patch.insert(at, json!({ "op": "remove", "path": "/a/there is no such thing" }));
        let text = Value::from(patch).to_string();
        let error = patch_checked(&mut document, text.as_bytes()).unwrap_err();
        prop_assert_eq!(error.operation, at);
    }

    #[test]
    fn any_text_is_a_patch_or_an_error(text in r#"[\[\]{}",: a-z/~0-9opathvluefrm]{0,60}"#) {
        let mut document = Document::from_json(br#"{"a":[1]}"#).unwrap();
        let _ = patch_checked(&mut document, text.as_bytes());
    }
}
