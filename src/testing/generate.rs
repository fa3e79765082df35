//! Random ops, values, documents and edits, in a small world where they often meet.
//!
//! Everything is decided by throwing [`Dice`]. These are either seeded, for long runs that can be
//! repeated, or given their throws, so that a test framework or fuzzer can choose and shrink them:
//! a throw of 0 is always the plainest choice.

use std::sync::Arc;

use crate::document::ValueRef;
use crate::edit::{EditError, NodeMut, ObjectMut};
use crate::json::JsonObject;
use crate::op::{Create, Intent, NodeContent, OpKind, UpdateText};
use crate::text::{Attributes, Segment, TextOp};
use crate::{Actor, Document, FileMeta, Json, Lson, NodeId, Op, OpId, SmallStr};

/// The ids of nodes.
pub const IDS: [&str; 14] = [
    "0:0", "root", "0:1", "0:2", "0:3", "1:0", "1:1", "1:2", "si:1", "si:2", "si:3", "x", "01:1",
    "ACK",
];
/// The keys of objects and maps.
pub const KEYS: [&str; 6] = ["a", "b", "", "__proto__", "\u{1F600}", "a/~b"];
/// The positions of list items, some of them not canonical.
pub const POSITIONS: [&str; 16] = [
    "!",
    "!!",
    "\"",
    "O",
    "~",
    "~~",
    "! O",
    "O!",
    "",
    " ",
    "! ",
    "O ",
    "\u{e9}",
    "\u{1F600}",
    "\u{ffff}",
    "~~~~~!",
];
/// The characters of texts.
pub const CHARACTERS: [&str; 5] = ["a", "b", "\u{e9}", "e\u{301}", "\u{1F600}"];

/// A source of decisions.
#[derive(Clone, Debug)]
pub struct Dice {
    throws: Throws,
    clock: u64,
}

#[derive(Clone, Debug)]
enum Throws {
    /// `SplitMix64` (Steele, Lea and Flood 2014).
    Seeded(u64),
    /// Given; zeros after the last.
    Given { throws: Vec<u32>, at: usize },
}

impl Dice {
    /// Dice that always fall the same for a seed.
    pub fn seeded(seed: u64) -> Self {
        Self { throws: Throws::Seeded(seed), clock: 0 }
    }

    /// Dice that fall as given, and on 0 from then on.
    pub fn given(throws: Vec<u32>) -> Self {
        Self { throws: Throws::Given { throws, at: 0 }, clock: 0 }
    }

    /// Names the ops made with these dice from here on `clock` upwards.
    #[must_use]
    pub fn with_clock(self, clock: u64) -> Self {
        Self { clock, ..self }
    }

    /// Any number.
    pub fn any(&mut self) -> u32 {
        match &mut self.throws {
            Throws::Seeded(state) => {
                *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
                let mut z = *state;
                z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
                z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
                ((z ^ (z >> 31)) >> 32) as u32
            }
            Throws::Given { throws, at } => {
                let throw = throws.get(*at).copied().unwrap_or(0);
                *at += 1;
                throw
            }
        }
    }

    /// A number less than `n`; 0 if there is none.
    pub fn below(&mut self, n: usize) -> usize {
        let wide = u64::from(self.any()) * n as u64;
        usize::try_from(wide >> 32).unwrap_or(0)
    }

    /// True in one of `n` cases.
    pub fn one_in(&mut self, n: usize) -> bool {
        self.below(n) + 1 == n
    }

    /// One of `options`.
    ///
    /// # Panics
    /// If there are none.
    #[expect(clippy::indexing_slicing, reason = "less than the length")]
    pub fn pick<'a, T>(&mut self, options: &'a [T]) -> &'a T {
        &options[self.below(options.len())]
    }

    /// The index of one of several weights, each as likely as it is heavy.
    pub fn weighted(&mut self, weights: &[usize]) -> usize {
        let mut throw = self.below(weights.iter().sum());
        for (index, weight) in weights.iter().enumerate() {
            if throw < *weight {
                return index;
            }
            throw -= weight;
        }
        0
    }
}

/// A key of an object or map.
pub fn key(dice: &mut Dice) -> SmallStr {
    SmallStr::from(*dice.pick(&KEYS))
}

/// A key of an object, map or list, as a peer may send it.
fn parent_key(dice: &mut Dice) -> SmallStr {
    if dice.weighted(&[3, 1]) == 0 { SmallStr::from(*dice.pick(&POSITIONS)) } else { key(dice) }
}

/// The id of a node.
pub fn id(dice: &mut Dice) -> NodeId {
    NodeId::from(*dice.pick(&IDS))
}

/// Text of a few characters.
pub fn text(dice: &mut Dice) -> SmallStr {
    let mut text = String::new();
    for _ in 0..dice.below(4) {
        text.push_str(dice.pick::<&str>(&CHARACTERS));
    }
    text.into()
}

/// JSON without anything in it.
pub fn scalar(dice: &mut Dice) -> Json {
    match dice.below(6) {
        0 | 1 => Json::from(u32::try_from(dice.below(5)).unwrap_or(0)),
        2 => Json::Null,
        3 => Json::from(dice.one_in(2)),
        4 => Json::from(text(dice)),
        _ => Json::number(*dice.pick(&[0.5, -1.0, 1e300, 9_007_199_254_740_993.0, 5e-324, 1e21])),
    }
}

/// JSON, nested at most `levels` deep.
pub fn json(dice: &mut Dice, levels: usize) -> Json {
    match if levels == 0 { 0 } else { dice.weighted(&[4, 1, 1]) } {
        0 => scalar(dice),
        1 => {
            let len = dice.below(4);
            Json::array((0..len).map(|_| json(dice, levels - 1)).collect::<Vec<_>>())
        }
        _ => Json::from(fields(dice, levels - 1)),
    }
}

/// A JSON object's entries.
pub fn fields(dice: &mut Dice, levels: usize) -> JsonObject {
    let len = dice.below(4);
    (0..len).map(|_| (key(dice), json(dice, levels))).collect()
}

/// JSON to reconcile with: objects with ids, and lists of them.
pub fn state(dice: &mut Dice, levels: usize) -> Json {
    match if levels == 0 { 0 } else { dice.weighted(&[3, 3, 3]) } {
        0 => scalar(dice),
        1 => {
            let len = dice.below(7);
            Json::array((0..len).map(|_| state(dice, levels - 1)).collect::<Vec<_>>())
        }
        _ => {
            let len = dice.below(5);
            let mut entries: Vec<_> =
                (0..len).map(|_| (key(dice), state(dice, levels - 1))).collect();
            if !dice.one_in(3) {
                let name = if dice.one_in(4) { "key" } else { "id" };
                let number = u32::try_from(dice.below(6)).unwrap_or(0);
                entries.push((name.into(), Json::from(number)));
            }
            Json::object(entries)
        }
    }
}

fn attributes(dice: &mut Dice) -> Option<Attributes> {
    let value = *dice.pick(&[true, false]);
    match dice.below(3) {
        0 => None,
        1 => Some(Arc::new(JsonObject::from_iter([("bold".into(), Json::from(value))]))),
        _ => Some(Arc::new(JsonObject::from_iter([("size".into(), scalar(dice))]))),
    }
}

/// The content of a text; not always normalised.
pub fn segments(dice: &mut Dice) -> Vec<Segment> {
    let len = dice.below(4);
    (0..len).map(|_| Segment { text: text(dice), attributes: attributes(dice) }).collect()
}

/// The metadata of a file.
pub fn file(dice: &mut Dice) -> FileMeta {
    let ids = ["fl_abcdefghijklmnopqrstu", "fl_0123456789_0123456789"];
    let id = *dice.pick(&ids);
    let name = text(dice);
    FileMeta::new(id, name, dice.below(1000) as u64, "text/plain").unwrap()
}

/// A value of any kind, nested at most `levels` deep.
pub fn lson(dice: &mut Dice, levels: usize) -> Lson {
    let entries = |dice: &mut Dice| {
        let len = dice.below(5);
        (0..len).map(|_| (key(dice), lson(dice, levels - 1))).collect::<Vec<_>>()
    };
    match if levels == 0 { 0 } else { dice.weighted(&[4, 3, 3, 2, 1, 1]) } {
        0 => Lson::json(json(dice, 2)),
        1 => Lson::object(entries(dice)),
        2 => {
            let len = dice.below(6);
            Lson::list((0..len).map(|_| lson(dice, levels - 1)).collect::<Vec<_>>())
        }
        3 => Lson::map(entries(dice)),
        4 => Lson::Text { segments: segments(dice), version: 0 },
        _ => Lson::File(file(dice)),
    }
}

/// A root: a LiveObject.
pub fn root(dice: &mut Dice) -> Lson {
    let len = dice.below(6);
    Lson::object((0..len).map(|_| (key(dice), lson(dice, 4))).collect::<Vec<_>>())
}

/// A document whose nodes are named `si:1` and so on.
pub fn document(dice: &mut Dice) -> Document {
    Document::from_lson(&root(dice)).unwrap_or_default()
}

/// The content of a new node.
pub fn content(dice: &mut Dice) -> NodeContent {
    match dice.weighted(&[5, 4, 3, 4, 1, 1]) {
        0 => NodeContent::Register(json(dice, 2)),
        1 => NodeContent::List,
        2 => NodeContent::Object(Arc::new(fields(dice, 1))),
        3 => NodeContent::Map,
        4 => NodeContent::Text { segments: segments(dice), version: dice.below(3) as u64 },
        _ => NodeContent::File(Arc::new(file(dice))),
    }
}

fn create(
    dice: &mut Dice,
    parent_id: NodeId,
    parent_key: SmallStr,
    content: NodeContent,
) -> OpKind {
    let intent = *dice.pick(&[Intent::Insert, Intent::Set, Intent::Push]);
    let deleted_id = dice.one_in(3).then(|| id(dice));
    OpKind::Create(Create { parent_id, parent_key, intent, deleted_id, content })
}

/// The ids that are mostly containers, and so mostly parents.
const PARENTS: [&str; 4] = ["0:0", "root", "0:1", "1:0"];

/// An op of the small world, whatever the document: ids that exist or not, parents of any kind,
/// positions that collide, keys that are taken.
pub fn op(dice: &mut Dice) -> Op {
    let id = id(dice);
    let kind = match dice.weighted(&[11, 4, 2, 1, 2]) {
        0 => {
            let container = match id.to_string().as_str() {
                "0:0" => Some(("list", NodeContent::List)),
                "0:1" => Some(("map", NodeContent::Map)),
                "1:0" => Some(("other", NodeContent::List)),
                _ => None,
            };
            match container {
                // Where others find it, and at a key that little else has.
                Some((key, content)) if !dice.one_in(4) => {
                    create(dice, NodeId::ROOT, key.into(), content)
                }
                _ => {
                    let parent = match dice.weighted(&[6, 1]) {
                        0 => NodeId::from(PARENTS[dice.weighted(&[5, 2, 2, 2])]),
                        _ => self::id(dice),
                    };
                    let key = parent_key(dice);
                    let content = content(dice);
                    create(dice, parent, key, content)
                }
            }
        }
        1 => OpKind::SetParentKey { parent_key: parent_key(dice) },
        2 => OpKind::UpdateObject { data: fields(dice, 1) },
        3 => OpKind::DeleteObjectKey { key: parent_key(dice) },
        _ => OpKind::DeleteCrdt,
    };
    named(dice, Op::new(id, kind))
}

/// An op that fits the document: a parent that is there, a key or position that may be taken.
pub fn op_for(dice: &mut Dice, document: &Document) -> Op {
    let nodes: Vec<_> = document.nodes().collect();
    let some = dice.pick(&nodes).clone();
    let sibling = dice.pick(&nodes).clone();
    let beside = |dice: &mut Dice| match &sibling.parent {
        Some((_, key)) if !dice.one_in(3) => key.clone(),
        _ => parent_key(dice),
    };
    let kind = match dice.weighted(&[8, 4, 3, 2, 2]) {
        0 => {
            let key = beside(dice);
            let content = content(dice);
            let parent = match &sibling.parent {
                Some((parent, _)) if !dice.one_in(2) => parent.clone(),
                _ => some.id.clone(),
            };
            let kind = create(dice, parent, key, content);
            let id = match dice.weighted(&[6, 1, 1]) {
                0 => NodeId::minted(Actor(7), u64::from(dice.any() % 100_000)),
                1 => id(dice),
                _ => sibling.id.clone(),
            };
            return named(dice, Op::new(id, kind));
        }
        1 => OpKind::SetParentKey { parent_key: beside(dice) },
        2 => OpKind::UpdateObject { data: fields(dice, 1) },
        3 => OpKind::DeleteObjectKey { key: beside(dice) },
        _ => OpKind::DeleteCrdt,
    };
    named(dice, Op::new(some.id, kind))
}

/// An op that makes or changes one of the texts of the small world.
pub fn text_op(dice: &mut Dice) -> Op {
    let id = NodeId::from(*dice.pick(&["1:2", "x", "01:1"]));
    if dice.below(3) > 0 {
        let version = dice.below(5) as u64;
        return update_text(dice, id, version);
    }
    let content = NodeContent::Text { segments: segments(dice), version: dice.below(3) as u64 };
    let create = Create {
        parent_id: NodeId::ROOT,
        parent_key: key(dice),
        intent: Intent::Insert,
        deleted_id: None,
        content,
    };
    named(dice, Op::new(id, OpKind::Create(create)))
}

/// An update of a text.
pub fn update_text(dice: &mut Dice, id: NodeId, version: u64) -> Op {
    let len = 1 + dice.below(3);
    let ops = (0..len)
        .map(|_| {
            let index = i64::try_from(dice.below(9)).unwrap_or(0);
            let length = i64::try_from(dice.below(5)).unwrap_or(0);
            match dice.below(3) {
                0 => TextOp::Insert { index, text: text(dice), attributes: attributes(dice) },
                1 => TextOp::Delete { index, length },
                _ => TextOp::Format {
                    index,
                    length,
                    attributes: attributes(dice).unwrap_or_default(),
                },
            }
        })
        .collect();
    let base_version = version.saturating_sub(dice.below(3) as u64);
    let update = UpdateText { base_version, version: None, ops };
    named(dice, Op::new(id, OpKind::UpdateText(update)))
}

fn named(dice: &mut Dice, op: Op) -> Op {
    dice.clock += 1;
    op.with_op_id(OpId::minted(Actor(9), dice.clock))
}

/// One random call of a handle's method somewhere in the document.
///
/// # Errors
/// The method's.
pub fn edit(dice: &mut Dice, root: &mut ObjectMut<'_>) -> Result<(), EditError> {
    edit_below(dice, root, "")
}

/// One random call of a handle's method somewhere below a JSON Pointer.
///
/// # Errors
/// The method's.
pub fn edit_below(dice: &mut Dice, root: &mut ObjectMut<'_>, top: &str) -> Result<(), EditError> {
    let mut places = containers(ValueRef::Object(root.view()));
    places.retain(|place| place.starts_with(top));
    let place = dice.pick(&places).clone();
    match root.at(&place)? {
        NodeMut::Object(mut object) => match dice.below(5) {
            0 => object.set(key(dice), json(dice, 2)),
            1 => object.set(key(dice), lson(dice, 2)),
            2 => {
                let entries: Vec<_> = (0..3).map(|_| (key(dice), lson(dice, 1))).collect();
                object.update(entries)
            }
            3 => object.reconcile(Json::from(fields(dice, 2))),
            _ => object.delete(&key(dice)),
        },
        NodeMut::Map(mut map) => match dice.below(4) {
            0 => map.set(key(dice), json(dice, 2)),
            1 => map.set(key(dice), lson(dice, 2)),
            2 => map.reconcile(Json::from(fields(dice, 2))),
            _ => map.delete(&key(dice)),
        },
        NodeMut::List(mut list) => {
            let len = list.len();
            match dice.weighted(&[3, 3, if len > 0 { 4 } else { 0 }, 2, 2, 1, 1]) {
                0 => list.push(lson(dice, 2)),
                1 => list.insert(dice.below(len + 1), lson(dice, 1)),
                2 => list.move_item(dice.below(len), dice.below(len)),
                3 if len > 0 => list.set(dice.below(len), lson(dice, 1)),
                4 if len > 0 => list.delete(dice.below(len)),
                5 => list.clear(),
                _ => {
                    let items = dice.below(5);
                    list.reconcile(Json::array(
                        (0..items).map(|_| json(dice, 2)).collect::<Vec<_>>(),
                    ))
                }
            }
        }
        NodeMut::Text(mut words) => {
            let len = words.len();
            match dice.below(4) {
                0 | 1 => words.insert(dice.below(len + 1), text(dice)),
                2 => words.delete(dice.below(len + 1), dice.below(4)),
                _ => {
                    words.format(dice.below(len + 1), dice.below(4), [("bold", dice.below(2) == 0)])
                }
            }
        }
    }
}

/// JSON Pointers to all objects, maps, lists and texts of a document, the root first.
pub fn containers(root: ValueRef<'_>) -> Vec<String> {
    let mut found = Vec::new();
    let mut stack = vec![(String::new(), root)];
    while let Some((pointer, value)) = stack.pop() {
        let below =
            |token: &str| format!("{pointer}/{}", token.replace('~', "~0").replace('/', "~1"));
        match value {
            ValueRef::Object(object) => {
                stack.extend(object.iter().map(|(key, value)| (below(key), value)));
            }
            ValueRef::Map(map) => stack.extend(map.iter().map(|(key, value)| (below(key), value))),
            ValueRef::List(list) => {
                let items = list.iter().enumerate();
                stack.extend(items.map(|(index, value)| (below(&index.to_string()), value)));
            }
            ValueRef::Text(_) => {}
            ValueRef::Json(_) | ValueRef::File(_) => continue,
        }
        found.push(pointer);
    }
    found
}
