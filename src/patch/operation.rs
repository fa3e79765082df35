//! The six operations, each as edits of the live tree.

use json_patch::PatchOperation;

use super::PatchReason;
use super::equal::{equal, equal_json, test_failed};
use super::place::{Place, existing, exists, resolve};
use super::pointer::{Pointer, Walk, decoded, index_of, parent_and_token};
use super::text_view::{self, TextEdit};
use super::value::{Given, Take, take};
use crate::document::{NodeIx, TextNode, ValueRef};
use crate::edit::Session;
use crate::op::{NodeKind, OpKind, UpdateText};
use crate::text::Segment;
use crate::{Json, Lson, SmallStr};

/// Why an operation failed, and which of its pointers is to blame.
pub(super) struct Fault<'p> {
    pub(super) pointer: &'p Pointer,
    pub(super) reason: PatchReason,
}

/// Blames a pointer.
fn at<'p>(pointer: &'p Pointer) -> impl FnOnce(PatchReason) -> Fault<'p> {
    move |reason| Fault { pointer, reason }
}

/// A patch under way.
pub(super) struct Patcher<'a, 'p> {
    session: Session<'a>,
    /// The container that a pointer has last led to, with the pointer to it. Operations often come
    /// in groups on one container. It stays right for as long as it stays the last: an operation
    /// changes only what is in the container that its pointer has just led to.
    last: Option<(&'p str, NodeIx)>,
    /// The text that was last looked into, since operations also come in groups on one text.
    viewed: Option<Viewed>,
}

/// A text as it is at a version.
struct Viewed {
    text: NodeIx,
    version: u64,
    segments: Vec<Segment>,
    view: Json,
}

impl<'a, 'p> Patcher<'a, 'p> {
    pub(super) fn new(session: Session<'a>) -> Self {
        Self { session, last: None, viewed: None }
    }

    /// Does one operation. If it fails it may be half done.
    pub(super) fn run(
        &mut self,
        index: usize,
        operation: &'p PatchOperation,
    ) -> Result<(), Fault<'p>> {
        let number = self.session.document.limits().check_number(index + 1);
        number.map_err(|limit| at(operation.path())(limit.into()))?;
        match operation {
            PatchOperation::Test(test) => {
                self.test(&test.path, &test.value).map_err(at(&test.path))
            }
            PatchOperation::Add(add) => {
                self.add(&add.path, Given::Value(&add.value)).map_err(at(&add.path))
            }
            PatchOperation::Replace(replace) => {
                let value = Given::Value(&replace.value);
                self.replace(&replace.path, value).map_err(at(&replace.path))
            }
            PatchOperation::Remove(remove) => self.remove(&remove.path).map_err(at(&remove.path)),
            PatchOperation::Copy(copy) => {
                let value = self.read(&copy.from, Take::Live).map_err(at(&copy.from))?;
                self.add(&copy.path, Given::Lson(value)).map_err(at(&copy.path))
            }
            PatchOperation::Move(relocate) => self.relocate(&relocate.from, &relocate.path),
        }
    }

    /// Resolves a pointer.
    fn resolve(&mut self, pointer: &'p Pointer) -> Result<Place<'p>, PatchReason> {
        let split = parent_and_token(pointer.as_str());
        if let (Some((path, token)), Some((last, parent))) = (split, self.last) {
            if path == last {
                return Ok(Place::Child { parent, token: decoded(token) });
            }
        }
        let place = resolve(self.session.document, pointer)?;
        if let (Some((path, _)), Place::Child { parent, .. }) = (split, &place) {
            self.last = Some((path, *parent));
        }
        Ok(place)
    }

    fn test(
        &mut self,
        pointer: &'p Pointer,
        expected: &serde_json::Value,
    ) -> Result<(), PatchReason> {
        let place = self.resolve(pointer)?;
        let found = match place {
            Place::Root => ValueRef::Object(self.session.document.root()),
            Place::Child { parent, token } => existing(self.session.document, parent, &token)?,
            Place::InText { text, inside } => {
                let found = text_view::read(&self.viewed(text).view, inside)?;
                let equal = equal_json(&found, expected);
                return if equal { Ok(()) } else { Err(test_failed(expected, &found)) };
            }
        };
        if equal(&found, expected) { Ok(()) } else { Err(test_failed(expected, &found)) }
    }

    fn add(&mut self, pointer: &'p Pointer, value: Given<'_>) -> Result<(), PatchReason> {
        match self.resolve(pointer)? {
            Place::Root => self.replace_root(value.into_root()?),
            Place::InText { text, inside } => {
                self.edit_text(text, inside, TextEdit::Add(value.into_json()?))
            }
            Place::Child { parent, token } => match self.kind(parent) {
                NodeKind::List if token == "-" => {
                    Ok(self.session.push_item(parent, value.into_lson()?)?)
                }
                NodeKind::List => {
                    let no_index = || PatchReason::NotAnIndex { token: token.to_string() };
                    let index = index_of(&token).ok_or_else(no_index)?;
                    Ok(self.session.insert_item(parent, index, value.into_lson()?)?)
                }
                _ => self.set(parent, &token, value),
            },
        }
    }

    fn replace(&mut self, pointer: &'p Pointer, value: Given<'_>) -> Result<(), PatchReason> {
        match self.resolve(pointer)? {
            Place::Root => self.replace_root(value.into_root()?),
            Place::InText { text, inside } => {
                self.edit_text(text, inside, TextEdit::Replace(value.into_json()?))
            }
            Place::Child { parent, token } => {
                exists(self.session.document, parent, &token)?;
                match (self.kind(parent), index_of(&token)) {
                    (NodeKind::List, Some(index)) => {
                        Ok(self.session.set_item(parent, index, value.into_lson()?)?)
                    }
                    _ => self.set(parent, &token, value),
                }
            }
        }
    }

    fn remove(&mut self, pointer: &'p Pointer) -> Result<(), PatchReason> {
        match self.resolve(pointer)? {
            Place::Root => Err(PatchReason::RootRemoved),
            Place::InText { text, inside } => self.edit_text(text, inside, TextEdit::Remove),
            Place::Child { parent, token } => {
                exists(self.session.document, parent, &token)?;
                match (self.kind(parent), index_of(&token)) {
                    (NodeKind::List, Some(index)) => self.session.delete_item(parent, index)?,
                    (NodeKind::Object, _) => self.session.delete_slot(parent, &token)?,
                    _ => self.session.delete_child(parent, &token)?,
                }
                Ok(())
            }
        }
    }

    /// The operation `move`. Its target is meant as the document is once the source is gone.
    fn relocate(&mut self, from: &'p Pointer, to: &'p Pointer) -> Result<(), Fault<'p>> {
        let list = self.source(from).map_err(at(from))?;
        let below = to.as_str().strip_prefix(from.as_str());
        if below == Some("") {
            return Ok(());
        }
        if below.is_some_and(|below| below.starts_with('/')) {
            let from = from.as_str().to_owned();
            return Err(at(to)(PatchReason::MoveIntoItself { from }));
        }
        if let Some((list, index)) = list {
            if let (Some((from_list, _)), Some((to_list, target))) =
                (parent_and_token(from.as_str()), parent_and_token(to.as_str()))
            {
                if from_list == to_list {
                    return self.move_item(list, index, target).map_err(at(to));
                }
            }
        }
        let value = self.read(from, Take::Same).map_err(at(from))?;
        self.remove(from).map_err(at(from))?;
        self.add(to, Given::Lson(value)).map_err(at(to))
    }

    /// Makes sure that there is something at a pointer; tells list and index if it is an item.
    fn source(&mut self, pointer: &'p Pointer) -> Result<Option<(NodeIx, usize)>, PatchReason> {
        match self.resolve(pointer)? {
            Place::Root => {}
            Place::InText { text, inside } => {
                text_view::read(&self.viewed(text).view, inside)?;
            }
            Place::Child { parent, token } => {
                exists(self.session.document, parent, &token)?;
                if self.kind(parent) == NodeKind::List {
                    return Ok(index_of(&token).map(|index| (parent, index)));
                }
            }
        }
        Ok(None)
    }

    /// Moves within one list; the node stays.
    fn move_item(&mut self, list: NodeIx, from: usize, to: &str) -> Result<(), PatchReason> {
        let others = self.session.document.list_len(list).saturating_sub(1);
        let to = match index_of(to) {
            Some(index) if index > others => {
                return Err(PatchReason::IndexPastEnd { index, len: others });
            }
            Some(index) => index,
            None if to == "-" => others,
            None => return Err(PatchReason::NotAnIndex { token: to.to_owned() }),
        };
        // RFC 6902 gives a move to where the value is no effect.
        if from != to {
            self.session.move_item(list, from, to)?;
        }
        Ok(())
    }

    /// The value at a pointer.
    fn read(&mut self, pointer: &'p Pointer, how: Take) -> Result<Lson, PatchReason> {
        let place = self.resolve(pointer)?;
        match place {
            Place::Root => Ok(take(ValueRef::Object(self.session.document.root()), how)),
            Place::Child { parent, token } => {
                Ok(take(existing(self.session.document, parent, &token)?, how))
            }
            Place::InText { text, inside } => {
                Ok(Lson::live(&text_view::read(&self.viewed(text).view, inside)?))
            }
        }
    }

    /// Sets what an object or map has at a key.
    fn set(&mut self, parent: NodeIx, key: &str, value: Given<'_>) -> Result<(), PatchReason> {
        let (key, value) = (SmallStr::from(key), value.into_lson()?);
        match self.kind(parent) {
            NodeKind::Object => Ok(self.session.set_slot(parent, key, value)?),
            _ => Ok(self.session.create_at(parent, key, value)?),
        }
    }

    /// Replaces all that the root has. The root itself stays the node it is.
    fn replace_root(&mut self, entries: Vec<(SmallStr, Lson)>) -> Result<(), PatchReason> {
        self.last = None;
        let root = self.session.document.root();
        let mut gone: Vec<SmallStr> = root.iter().map(|(key, _)| key.clone()).collect();
        let mut stay: Vec<&SmallStr> = entries.iter().map(|(key, _)| key).collect();
        stay.sort_unstable();
        gone.retain(|key| stay.binary_search(&key).is_err());
        for key in gone {
            self.session.delete_slot(NodeIx::ROOT, &key)?;
        }
        Ok(self.session.set_slots(NodeIx::ROOT, entries)?)
    }

    fn kind(&self, node: NodeIx) -> NodeKind {
        self.session.document.kind_at(node)
    }

    fn viewed(&mut self, text: NodeIx) -> &Viewed {
        let Self { session, viewed, .. } = self;
        let node = session.document.text(text);
        let version = node.map_or(0, TextNode::version);
        let known = viewed.take().filter(|known| (known.text, known.version) == (text, version));
        viewed.insert(known.unwrap_or_else(|| {
            let segments = node.map(TextNode::segments).unwrap_or_default();
            let view = text_view::view(&segments);
            Viewed { text, version, segments, view }
        }))
    }

    /// Changes a text by way of its view.
    fn edit_text(
        &mut self,
        text: NodeIx,
        inside: Walk<'_>,
        edit: TextEdit,
    ) -> Result<(), PatchReason> {
        let Viewed { version, segments, view, .. } = self.viewed(text);
        let base_version = *version;
        let after = text_view::edit(view, inside, edit)?;
        let ops = crate::text::difference(segments, &after);
        if ops.is_empty() {
            return Ok(());
        }
        let update = UpdateText { base_version, version: None, ops };
        Ok(self.session.apply(text, OpKind::UpdateText(update))?)
    }
}
