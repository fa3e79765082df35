//! Performing a case's edit through the handles that a user has.

use super::read::{Change, Edit, Step};
use crate::document::{ObjectRef, ValueRef};
use crate::edit::NodeMut;
use crate::{EditError, ObjectMut};

/// Performs an edit, unless its path leads to no structure of the kind that it needs.
pub(super) fn perform(root: &mut ObjectMut<'_>, edit: &Edit) -> Result<(), EditError> {
    let Some(pointer) = resolve(root.view(), &edit.path) else { return Ok(()) };
    let Ok(target) = root.at(&pointer) else { return Ok(()) };
    match (&edit.change, target) {
        (Change::ObjectSet(key, value), NodeMut::Object(mut object)) => {
            object.set(key.clone(), value.clone())
        }
        (Change::ObjectUpdate(entries), NodeMut::Object(mut object)) => {
            object.update(entries.iter().cloned())
        }
        (Change::ObjectDelete(key), NodeMut::Object(mut object)) => object.delete(key),
        (Change::MapSet(key, value), NodeMut::Map(mut map)) => map.set(key.clone(), value.clone()),
        (Change::MapDelete(key), NodeMut::Map(mut map)) => map.delete(key),
        (Change::ListPush(value), NodeMut::List(mut list)) => list.push(value.clone()),
        (Change::ListInsert(index, value), NodeMut::List(mut list)) => {
            list.insert(up_to(*index, list.len()), value.clone())
        }
        (Change::ListSet(index, value), NodeMut::List(mut list)) => {
            below(*index, list.len()).map_or(Ok(()), |index| list.set(index, value.clone()))
        }
        (Change::ListDelete(index), NodeMut::List(mut list)) => {
            below(*index, list.len()).map_or(Ok(()), |index| list.delete(index))
        }
        (Change::ListMove(from, to), NodeMut::List(mut list)) => {
            let places = below(*from, list.len()).zip(below(*to, list.len()));
            places.map_or(Ok(()), |(from, to)| list.move_item(from, to))
        }
        (Change::ListClear, NodeMut::List(mut list)) => list.clear(),
        (Change::TextInsert(index, value, attributes), NodeMut::Text(mut text)) => {
            let index = up_to(*index, text.len());
            if attributes.is_empty() {
                text.insert(index, value.clone())
            } else {
                text.insert_formatted(index, value.clone(), attributes.clone())
            }
        }
        (Change::TextDelete(index, length), NodeMut::Text(mut text)) => {
            below(*index, text.len()).map_or(Ok(()), |index| text.delete(index, *length))
        }
        (Change::TextReplace(index, length, value), NodeMut::Text(mut text)) => {
            text.replace(below(*index, text.len()).unwrap_or(0), *length, value.clone())
        }
        (Change::TextFormat(index, length, attributes), NodeMut::Text(mut text)) => {
            let index = below(*index, text.len());
            index.map_or(Ok(()), |index| text.format(index, *length, attributes.clone()))
        }
        _ => Ok(()),
    }
}

/// An index of a list of `len`; none if that is empty.
fn below(index: usize, len: usize) -> Option<usize> {
    index.checked_rem(len)
}

/// An index of a list of `len`, or its end.
fn up_to(index: usize, len: usize) -> usize {
    index % (len + 1)
}

/// The JSON Pointer of the live structure that a path leads to.
fn resolve(root: ObjectRef<'_>, path: &[Step]) -> Option<String> {
    let mut value = ValueRef::Object(root);
    let mut pointer = String::new();
    for step in path {
        let (token, child) = match (step, value) {
            (Step::Key(key), ValueRef::Object(object)) => (key.clone(), object.get(key)?),
            (Step::Key(key), ValueRef::Map(map)) => (key.clone(), map.get(key)?),
            (Step::Index(index), ValueRef::List(list)) => {
                let index = below(*index, list.len())?;
                (index.to_string(), list.get(index)?)
            }
            _ => return None,
        };
        pointer.push('/');
        pointer.push_str(&token.replace('~', "~0").replace('/', "~1"));
        value = child;
    }
    Some(pointer)
}
