//! Lists and maps of hundreds to thousands of items, against a vector and a map: so large that what orders
//! them has several levels.

use std::collections::BTreeMap;

use livetree::document::Savepoint;
use livetree::server::{ServerOptions, SessionOptions};
use livetree::{
    Actor, Document, EditError, IdSource, Json, Limits, ListMut, Lson, MAX_POSITION_LEN, Peer,
    Server, lson,
};
use proptest::prelude::*;

use crate::generate::cases;
use crate::room::Room;

#[derive(Clone, Copy, Debug)]
enum Order {
    /// Each behind the one before.
    Up,
    /// Each in front of the one before.
    Down,
    Scattered,
}

/// What happens to a stretch of a list. Places are parts in 65,535 of its length.
#[derive(Clone, Debug)]
enum Step {
    Insert { at: u16, count: usize, order: Order },
    Push { count: usize },
    Remove { at: u16, count: usize, order: Order },
    Move { from: u16, to: u16, count: usize, order: Order },
    Replace { at: u16, count: usize, order: Order },
    Clear,
    Savepoint,
    Rollback,
    Commit,
}

fn step() -> impl Strategy<Value = Step> {
    // Often an end.
    let at = || prop_oneof![any::<u16>(), Just(0), Just(u16::MAX)];
    let order = || prop_oneof![Just(Order::Up), Just(Order::Down), Just(Order::Scattered)];
    let stretch = move || (at(), 0..400_usize, order());
    prop_oneof![
        6 => stretch().prop_map(|(at, count, order)| Step::Insert { at, count, order }),
        1 => (0..400_usize).prop_map(|count| Step::Push { count }),
        3 => stretch().prop_map(|(at, count, order)| Step::Remove { at, count, order }),
        3 => (at(), stretch())
            .prop_map(|(to, (from, count, order))| Step::Move { from, to, count, order }),
        1 => stretch().prop_map(|(at, count, order)| Step::Replace { at, count, order }),
        1 => Just(Step::Clear),
        1 => Just(Step::Savepoint),
        1 => Just(Step::Rollback),
        1 => Just(Step::Commit),
    ]
}

/// The `n`th place of a stretch that begins at some part of `0..len`, itself below `len`.
fn place(at: u16, n: usize, order: Order, len: usize) -> usize {
    let last = len.saturating_sub(1);
    let start = last * usize::from(at) / usize::from(u16::MAX);
    match order {
        Order::Up => (start + n).min(last),
        Order::Down => start.min(last),
        Order::Scattered => (start + n * 0x9e37_79b1) % len.max(1),
    }
}

/// Does the same to a list and a vector.
fn follow(
    step: &Step,
    list: &mut ListMut<'_>,
    model: &mut Vec<u32>,
    values: &mut impl Iterator<Item = u32>,
) -> Result<(), EditError> {
    // Each place is one of those that there are before the stretch, so that they keep together.
    match *step {
        Step::Insert { at, count, order } => {
            let before = model.len() + 1;
            for (n, value) in (0..count).zip(values) {
                let index = match order {
                    Order::Scattered => place(at, n, order, model.len() + 1),
                    Order::Up => place(at, 0, order, before) + n,
                    Order::Down => place(at, 0, order, before),
                };
                list.insert(index, value)?;
                model.insert(index, value);
            }
        }
        Step::Push { count } => {
            for value in values.take(count) {
                list.push(value)?;
                model.push(value);
            }
        }
        Step::Remove { at, count, order } => {
            for n in 0..count.min(model.len()) {
                // Upwards what is removed is always at one index, so the other way is told apart.
                let index = match order {
                    Order::Up => place(at, 0, order, model.len()),
                    Order::Down => place(at, 0, order, model.len() + n).min(model.len() - 1),
                    Order::Scattered => place(at, n, order, model.len()),
                };
                list.delete(index)?;
                model.remove(index);
            }
        }
        Step::Move { from, to, count, order } => {
            for n in 0..count.min(model.len()) {
                let (from, to) =
                    (place(from, n, order, model.len()), place(to, n, order, model.len()));
                list.move_item(from, to)?;
                let item = model.remove(from);
                model.insert(to, item);
            }
        }
        Step::Replace { at, count, order } => {
            for (n, value) in (0..count.min(model.len())).zip(values) {
                let index = place(at, n, order, model.len());
                list.set(index, value)?;
                model[index] = value;
            }
        }
        Step::Clear => {
            list.clear()?;
            model.clear();
        }
        Step::Savepoint | Step::Rollback | Step::Commit => {}
    }
    Ok(())
}

/// The list is the vector, by all ways to look into it.
fn check(document: &Document, model: &[u32]) -> Result<(), TestCaseError> {
    prop_assert_eq!(document.check(), Ok(()));
    let list = document.at("/l").unwrap().as_list().unwrap();
    prop_assert_eq!(list.len(), model.len());
    let json = |value: &u32| Json::from(*value);
    prop_assert!(list.iter().map(|item| item.to_json()).eq(model.iter().map(json)));
    for (index, value) in model.iter().enumerate() {
        prop_assert_eq!(list.get(index).map(|item| item.to_json()), Some(json(value)));
    }
    prop_assert!(list.get(model.len()).is_none());
    Ok(())
}

proptest! {
    #![proptest_config(cases(120))]

    #[test]
    fn a_large_list_is_a_vector(steps in prop::collection::vec(step(), 0..16)) {
        let mut document = Document::from_lson(&lson!({ "l": [] })).unwrap();
        let mut ids = IdSource::new(Actor(1));
        let (mut model, mut values) = (Vec::new(), 0..);
        let mut marks: Vec<(Savepoint, Vec<u32>)> = Vec::new();
        for step in steps {
            match step {
                Step::Savepoint => marks.push((document.savepoint(), model.clone())),
                Step::Rollback => if let Some((savepoint, before)) = marks.pop() {
                    document.rollback(savepoint);
                    model = before;
                },
                Step::Commit => if let Some((savepoint, _)) = marks.pop() {
                    document.commit(savepoint);
                },
                _ => {
                    let edited = document.edit(&mut ids, |root| {
                        follow(&step, &mut root.list("l")?, &mut model, &mut values)
                    });
                    edited.unwrap();
                }
            }
            check(&document, &model)?;
        }
        let (again, report) = Document::from_nodes(document.nodes()).unwrap();
        prop_assert!(report.is_clean());
        check(&again, &model)?;
    }

    #[test]
    fn a_large_map_is_a_map(
        stretches in prop::collection::vec(
            (0..2_000_u32, 0..600_u32, prop::sample::select(vec![1_u32, 1_999, 7]), 0..3_u8),
            0..12,
        ),
    ) {
        let empty = Lson::map::<&str, Lson>([]);
        let mut document = Document::from_lson(&lson!({ "m": (empty) })).unwrap();
        let mut ids = IdSource::new(Actor(1));
        let (mut model, mut values) = (BTreeMap::new(), 0_u32..);
        for (first, count, stride, what) in stretches {
            // Up, down or scattered; half of the keys are alike for longer than what is looked at first.
            let keys = (0..count).map(|n| (first + n * stride) % 2_000).map(|n| match n % 2 {
                0 => format!("{n:04}"),
                _ => format!("a key of more than a few bytes, {n:04}"),
            });
            let edited = document.edit(&mut ids, |root| {
                let mut map = root.map("m")?;
                for (key, value) in keys.zip(&mut values) {
                    if what > 0 {
                        map.set(key.as_str(), value)?;
                        model.insert(key, value);
                    } else {
                        map.delete(&key)?;
                        model.remove(&key);
                    }
                }
                Ok(())
            });
            edited.unwrap();
            prop_assert_eq!(document.check(), Ok(()));
            let map = document.at("/m").unwrap().as_map().unwrap();
            prop_assert_eq!(map.len(), model.len());
            let found = map.iter().map(|(key, value)| (key.to_string(), value.to_json()));
            prop_assert!(found.eq(model.iter().map(|(key, value)| (key.clone(), Json::from(*value)))));
            for n in (0..2_000).step_by(9) {
                for key in [format!("{n:04}"), format!("a key of more than a few bytes, {n:04}")] {
                    let found = map.get(&key).map(|value| value.to_json());
                    prop_assert_eq!(found, model.get(&key).copied().map(Json::from));
                }
            }
        }
        let (again, report) = Document::from_nodes(document.nodes()).unwrap();
        prop_assert!(report.is_clean());
        prop_assert_eq!(again.to_json(), document.to_json());
    }
}

/// To make room takes ops; that is not to cost an edit those which it needs itself.
#[test]
fn room_is_made_within_the_limit_on_ops() {
    for (ops, inserts) in [(5, 4_000), (2_000, 7_000)] {
        let mut document = Document::from_lson(&lson!({ "l": ["first", "last"] })).unwrap();
        document.set_limits(Limits::default().ops(ops));
        let mut ids = IdSource::new(Actor(1));
        for n in 0..inserts {
            let inserted = document.edit(&mut ids, |root| root.list("l")?.insert(1, n));
            assert!(inserted.is_ok(), "{n}: {}", inserted.unwrap_err());
        }
        assert_eq!(document.at("/l/1").unwrap().to_json().as_f64(), Some(f64::from(inserts - 1)));
    }
}

/// Between two items there is room for as many as anybody wants to put there, in one edit, and before a server has
/// answered.
#[test]
fn there_is_always_room_at_one_spot() {
    const MANY: u32 = 7_000;
    let fill = |list: &mut ListMut<'_>| {
        (0..MANY).try_for_each(|n| list.insert(if n % 7 < 3 { list.len() - 1 } else { 1 }, n))
    };
    let mut model = vec![];
    for n in 0..MANY {
        let index = if n % 7 < 3 { model.len() } else { 0 };
        model.insert(index, f64::from(n));
    }
    let check = |document: &Document| {
        let list = document.at("/l").unwrap().as_list().unwrap();
        let items: Vec<f64> = list.iter().filter_map(|item| item.to_json().as_f64()).collect();
        assert!(items == model, "another order");
        let lengths = document.nodes().map(|node| serde_json::to_vec(&node).unwrap().len());
        assert!(lengths.max().unwrap() < MAX_POSITION_LEN);
    };
    let document = Document::from_lson(&lson!({ "l": ["first", "last"] })).unwrap();
    let mut one = document.clone();
    one.edit(&mut IdSource::new(Actor(1)), |root| fill(&mut root.list("l")?)).unwrap();
    check(&one);

    let mut room = Room::of(Server::new(document.clone(), ServerOptions::default()));
    room.join(SessionOptions::default());
    room.client(0).edit(|root| fill(&mut root.list("l")?)).unwrap();
    room.settle();
    check(room.server.document());
    room.client(0).undo().unwrap();
    room.settle();
    assert_eq!(room.shown(0), r#"{"l":["first","last"]}"#);

    let mut peer = Peer::new(Actor(1), document);
    peer.edit(|root| fill(&mut root.list("l")?)).unwrap();
    check(peer.document());
}
