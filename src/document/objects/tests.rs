//! Objects against a plain map.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

fn key(number: u8) -> SmallStr {
    match number {
        0..90 => format!("k{number}").as_str().into(),
        _ => format!("a key of more than a few bytes, {number}").as_str().into(),
    }
}

fn slot() -> impl Strategy<Value = Slot> {
    let number = prop_oneof![
        (-70_000_i32..70_000).prop_map(f64::from),
        (-300_i32..300).prop_map(|n| f64::from(n) / 8.0),
        any::<f64>(),
    ];
    prop_oneof![
        4 => number.prop_map(|number| Slot::Json(Json::number(number))),
        2 => "[a-zé]{0,20}".prop_map(|text| Slot::Json(text.as_str().into())),
        1 => any::<bool>().prop_map(|value| Slot::Json(value.into())),
        1 => Just(Slot::Json(Json::Null)),
        1 => "[a-z]{0,3}".prop_map(|text| Slot::Json(Json::array([text.as_str().into()]))),
        1 => any::<u32>().prop_map(|ix| Slot::Child(NodeIx(ix))),
    ]
}

fn same(a: Option<&Slot>, b: Option<&Slot>) -> bool {
    match (a, b) {
        (Some(Slot::Json(a)), Some(Slot::Json(b))) => a == b,
        (Some(Slot::Child(a)), Some(Slot::Child(b))) => a == b,
        (None, None) => true,
        _ => false,
    }
}

fn is_table(object: PackedBody) -> bool {
    matches!(form(object), Form::Table(_))
}

proptest! {
    #[test]
    fn equals_a_b_tree_map(
        steps in prop::collection::vec((0..2_usize, 0..100_u8, prop::option::weighted(0.7, slot())), 0..300),
        is_open in any::<bool>(),
    ) {
        let mut objects = Objects::default();
        // Two objects, so that what one of them does can be seen in the other.
        let mut bodies = [objects.add(&JsonObject::default()), PackedBody::EMPTY_OBJECT];
        if is_open {
            bodies[1] = objects.open();
        }
        let mut models = [BTreeMap::<SmallStr, Slot>::new(), BTreeMap::new()];
        for (which, number, value) in steps {
            let key = key(number);
            let (body, model) = (&mut bodies[which], &mut models[which]);
            let (old, expected) = match value {
                Some(value) => {
                    let old = objects.insert(body, &key, value.clone());
                    (old, model.insert(key.clone(), value))
                }
                None => (objects.remove(body, &key), model.remove(&key)),
            };
            prop_assert!(same(old.as_ref(), expected.as_ref()));
            if number == 0 {
                for body in &mut bodies {
                    objects.settle(body);
                }
            }
            objects.check(bodies.into_iter(), [].into_iter()).unwrap();
            for (body, model) in bodies.into_iter().zip(&models) {
                let view = objects.view(body);
                prop_assert_eq!(view.len(), model.len());
                prop_assert!(view.iter().map(|(key, _)| key).eq(model.keys()));
                for ((_, slot), expected) in view.iter().zip(model.values()) {
                    prop_assert!(same(Some(&slot.to_slot()), Some(expected)));
                    prop_assert_eq!(slot.child(), expected.child());
                    if let Slot::Json(value) = expected {
                        let mut text = Vec::new();
                        slot.write(&mut text);
                        prop_assert_eq!(String::from_utf8(text).unwrap(), value.to_string());
                    }
                }
                let bytes: usize = view.fields().map(|(key, value)| field_bytes(key, &value)).sum();
                prop_assert_eq!(view.json_bytes(), bytes);
                prop_assert!(view.most_json_bytes() >= bytes);
                prop_assert!(same(view.get(&key).as_ref(), model.get(&key)));
                prop_assert!(same(view.at(&key).as_ref(), model.get(&key)));
                prop_assert_eq!(view.child(&key), model.get(&key).and_then(Slot::child));
                prop_assert_eq!(view.contains(&key), model.contains_key(&key));
            }
        }
        let fields: JsonObject = models[0].iter().filter_map(|(key, slot)| match slot {
            Slot::Json(value) => Some((key.clone(), value.clone())),
            Slot::Child(_) => None,
        }).collect();
        let again = objects.add(&fields);
        let view = objects.view(again);
        prop_assert!(view.fields().eq(fields.iter().map(|(key, value)| (key, value.clone()))));
        prop_assert_eq!(view.json_bytes(), objects.view(bodies[0]).json_bytes());
        for body in bodies.into_iter().chain([again]) {
            objects.free(body);
        }
        objects.check([].into_iter(), [].into_iter()).unwrap();
    }
}

/// Values on both sides of each boundary: texts inside a `Json`, in the cell and kept aside, and such that the
/// cell of one by itself is full, or has one byte too few or too many.
fn boundary() -> impl Strategy<Value = Slot> {
    let text = prop::sample::select(vec![6_usize, 7, 8, 14, 15, 36, 37]);
    let text = text.prop_map(|len| Slot::Json("x".repeat(len).as_str().into()));
    prop_oneof![text, slot()]
}

proptest! {
    /// Entries come and go by the stretch, so that objects pass what keys are shared up to both ways.
    #[test]
    fn many_keys_come_and_go(
        stretches in prop::collection::vec((any::<bool>(), 0..80_u8, 1..80_u8), 1..8),
        values in prop::collection::vec(boundary(), 1..20),
    ) {
        let mut objects = Objects::default();
        let (mut body, mut model) = (PackedBody::EMPTY_OBJECT, BTreeMap::<SmallStr, Slot>::new());
        let (mut registers, mut was_table) = (Vec::new(), false);
        let mut values = values.iter().cycle().cloned();
        for (insert, from, count) in stretches {
            for number in from..from + count {
                let key = key(number % 80);
                let (old, expected) = match values.next().filter(|_| insert) {
                    Some(value) => {
                        let expected = model.insert(key.clone(), value.clone());
                        (objects.insert(&mut body, &key, value), expected)
                    }
                    None => (objects.remove(&mut body, &key), model.remove(&key)),
                };
                prop_assert!(same(old.as_ref(), expected.as_ref()));
                match expected {
                    Some(Slot::Json(value)) if insert => {
                        registers.push((objects.add_register(&value), value));
                    }
                    Some(_) => if let Some((register, value)) = registers.pop() {
                        let held = objects.register(&register).to_slot();
                        prop_assert!(same(Some(&held), Some(&Slot::Json(value))));
                        objects.free_register(register);
                    },
                    None => {}
                }
                // In between it stays as it is.
                was_table = match model.len() {
                    ..=32 => false,
                    65.. => true,
                    _ => was_table,
                };
                prop_assert_eq!(is_table(body), was_table);
                let held = registers.iter().map(|(register, _)| *register);
                prop_assert_eq!(objects.check([body].into_iter(), held), Ok(()));
                let bytes: usize = objects.view(body).fields().map(|(k, v)| field_bytes(k, &v)).sum();
                prop_assert_eq!(objects.view(body).json_bytes(), bytes);
                prop_assert!(objects.view(body).most_json_bytes() >= bytes);
                prop_assert!(same(objects.view(body).get(&key).as_ref(), model.get(&key)));
            }
            let view = objects.view(body);
            prop_assert!(view.iter().map(|(key, _)| key).eq(model.keys()));
            for ((_, slot), expected) in view.iter().zip(model.values()) {
                prop_assert!(same(Some(&slot.to_slot()), Some(expected)));
            }
        }
    }
}

#[test]
fn an_object_that_was_large_is_packed_again() {
    let mut objects = Objects::default();
    let mut body = objects.add(&(0..65).map(|n| (key(n), Json::from(f64::from(n)))).collect());
    for number in (32..65).rev() {
        assert!(is_table(body), "{number}");
        assert!(objects.remove(&mut body, &key(number)).is_some());
    }
    assert!(!is_table(body));
    objects.check([body].into_iter(), [].into_iter()).unwrap();
    // To add and remove one does not turn it around.
    objects.insert(&mut body, &key(99), &Json::Null);
    assert!(!is_table(body));
    assert_eq!(objects.view(body).len(), 33);
}

/// One that was read with more keys than are shared, of which some went before it was settled.
#[test]
fn a_large_table_is_packed_when_its_keys_can_be_shared() {
    let mut objects = Objects::default();
    let mut body = objects.open();
    for number in 0..70 {
        objects.insert(&mut body, &key(number), &Json::from(f64::from(number)));
    }
    for number in 0..6 {
        objects.settle(&mut body);
        assert!(is_table(body));
        objects.remove(&mut body, &key(number));
    }
    objects.settle(&mut body);
    assert!(!is_table(body));
    objects.check([body].into_iter(), [].into_iter()).unwrap();
    let rest = (6..70).map(|number| (key(number), Json::from(f64::from(number))));
    let rest: JsonObject = rest.collect();
    assert!(objects.view(body).fields().eq(rest.iter().map(|(key, value)| (key, value.clone()))));
}

#[test]
fn few_keys_are_shared_and_many_are_not() {
    let mut objects = Objects::default();
    let mut object = |count: u8| {
        let fields = (0..count).map(|number| (key(number), Json::from(1)));
        objects.add(&fields.collect())
    };
    let (few, again, many) = (object(64), object(64), object(65));
    assert!(!is_table(few) && is_table(many));
    let list = |object| match objects.view(object).form {
        Form::Packed((_, outline)) => outline.list,
        Form::Table(_) => 0,
    };
    assert_eq!(list(few), list(again));
}

#[test]
fn an_object_that_was_read_is_packed() {
    let mut objects = Objects::default();
    let mut body = objects.open();
    for number in 0..64 {
        objects.insert(&mut body, &key(number), Slot::Json(f64::from(number).into()));
    }
    assert!(is_table(body));
    objects.settle(&mut body);
    assert!(!is_table(body));
    objects.insert(&mut body, &key(64), Slot::Json(Json::Null));
    assert!(is_table(body));
    assert_eq!(objects.view(body).len(), 65);
}

#[test]
fn the_widest_object_fits_a_cell() {
    let text = Json::from("a text of thirty-six bytes, as UUIDs");
    let fields: JsonObject = (0..64).map(|number| (key(number), text.clone())).collect();
    let mut objects = Objects::default();
    let body = objects.add(&fields);
    assert!(objects.view(body).fields().all(|(_, value)| value == text));
}

#[test]
fn registers_hold_values_and_give_them_back() {
    let mut objects = Objects::default();
    let values = [
        (Json::Null, false),
        ("".into(), false),
        ("7 bytes".into(), false),
        ("8 bytes.".into(), true),
        (1.5.into(), false),
        (0.1.into(), true),
        (Json::array([Json::Null]), false),
        ("a longer text, no doubt".into(), true),
        ("a text that is longer than all those in cells".into(), false),
    ];
    for (value, is_outside) in &values {
        let register = objects.add_register(value);
        assert_eq!(packed::cell_outside(register).is_some(), *is_outside, "{value}");
        objects.free_register(register);
    }
    let values = values.map(|(value, _)| value);
    let registers: Vec<PackedBody> =
        values.iter().map(|value| objects.add_register(value)).collect();
    for (register, value) in registers.iter().zip(&values) {
        assert!(matches!(objects.register(register).to_slot(), Slot::Json(held) if held == *value));
    }
    objects.check([].into_iter(), registers.iter().copied()).unwrap();
    for register in registers {
        objects.free_register(register);
    }
    objects.check([].into_iter(), [].into_iter()).unwrap();
}

#[test]
fn what_is_wrong_with_values_is_told() {
    let mut objects = Objects::default();
    let field = ("key".into(), Json::from("a text of 19 bytes."));
    let object = objects.add(&JsonObject::from_iter([field]));
    let register = objects.add_register(&Json::from("an item"));
    let outside = objects.add_register(&Json::from(0.1));
    let all = (object, register, outside);
    let check = |objects: &Objects, (object, register, outside)| {
        objects.check([object].into_iter(), [register, outside].into_iter())
    };
    assert_eq!(check(&objects, all), Ok(()));
    let (object_cell, _) = object.of_object();
    let broken_cell = |cell: Cell, at: usize, by: &[u8]| {
        let mut objects = objects.clone();
        objects.cells.get_mut(cell)[at..at + by.len()].copy_from_slice(by);
        check(&objects, all).unwrap_err()
    };
    // This one would take a byte more than the whole cell.
    assert_eq!(
        broken_cell(Cell(object_cell), 0, &[34]),
        "I2: in cell 0 of 24 bytes: value 0 of 1 does not fit"
    );
    assert_eq!(
        broken_cell(Cell(object_cell), 0, &[23, 0, 0, 0, 0]),
        "I2: cell 0 of 24 bytes has leaves, of which nobody knows"
    );
    let of_outside = packed::cell_outside(outside).unwrap();
    let broken = broken_cell(of_outside, 0, &[15]);
    assert!(broken.ends_with("value 0 of 1 has the tag 15"), "{broken}");
    // The register with this body in the place of the first one.
    let broken = |body| check(&objects, (object, body, outside)).unwrap_err();
    let vacant = broken(PackedBody::VACANT);
    assert!(vacant.ends_with("value 0 of 1 has the tag 53"), "{vacant}");
    let mut child = Packed::null();
    child.set_child(NodeIx(7));
    let parent = broken(child.as_register().unwrap());
    assert!(
        parent.starts_with("I4: the register ") && parent.ends_with(" has a child"),
        "{parent}"
    );
    assert!(broken(outside).ends_with("used or free besides"));
    // Without its keys nothing is known of the values.
    let no_keys = Outline { cell: Cell(object_cell), ..Outline::default() }.into();
    assert_eq!(
        check(&objects, (no_keys, register, outside)).unwrap_err(),
        "I2: no keys are used as a list of keys"
    );
}

/// Texts on both sides of each boundary: inside a `Json`, in the cell, and kept aside.
#[test]
fn texts_of_all_forms_replace_each_other() {
    let (mut document, mut ids) = (crate::Document::new(), crate::IdSource::new(crate::Actor(1)));
    let lens = [14, 15, 36, 37, 36, 14, 37, 15, 0];
    for key in ["a", "m", "z", "a", "m", "z"] {
        for len in lens {
            let text = "x".repeat(len);
            document.edit(&mut ids, |root| root.set(key, text.as_str())).unwrap();
            assert_eq!(document.at(&format!("/{key}")).unwrap().to_json(), text.as_str().into());
            document.check().unwrap();
        }
    }
}

/// A transaction that passes the most keys that objects share, and is taken back.
#[test]
fn more_keys_than_are_shared_come_and_go() {
    let (mut document, mut ids) = (crate::Document::new(), crate::IdSource::new(crate::Actor(1)));
    for n in 0..KEYS {
        document.edit(&mut ids, |root| root.set(format!("k{n}"), "x".repeat(n))).unwrap();
    }
    let before = document.clone();
    let savepoint = document.savepoint();
    for n in 0..3 {
        document
            .edit(&mut ids, |root| {
                root.set(format!("l{n}"), crate::Lson::map::<&str, crate::Lson>([]))
            })
            .unwrap();
        document.check().unwrap();
    }
    document.edit(&mut ids, |root| root.delete("k63")).unwrap();
    document.rollback(savepoint);
    document.check().unwrap();
    assert_eq!(document, before);
    for n in 0..KEYS {
        document.edit(&mut ids, |root| root.delete(&format!("k{n}"))).unwrap();
        document.check().unwrap();
    }
    assert_eq!(document, crate::Document::new());
}
