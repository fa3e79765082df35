//! From pointers to places in the live tree.
//!
//! A pointer's last token may name something that is not there yet, so what it resolves to is the
//! container and the token, not the value.

use std::borrow::Cow;

use super::PatchReason;
use super::pointer::{Pointer, Walk, index_of};
use crate::Document;
use crate::document::{NodeIx, ValueRef};
use crate::op::NodeKind;

/// What a pointer names.
#[derive(Debug)]
pub(super) enum Place<'p> {
    Root,
    /// What a container has, or may get, at a key, index or `-`.
    Child {
        parent: NodeIx,
        token: Cow<'p, str>,
    },
    /// Something inside the view of a LiveText, to which the walk has led.
    InText {
        text: NodeIx,
        inside: Walk<'p>,
    },
}

/// Resolves a pointer.
pub(super) fn resolve<'p>(
    document: &Document,
    pointer: &'p Pointer,
) -> Result<Place<'p>, PatchReason> {
    let mut walk = Walk::new(pointer);
    let mut parent = NodeIx::ROOT;
    loop {
        let Some(token) = walk.step() else { return Ok(Place::Root) };
        if walk.is_done() {
            return Ok(Place::Child { parent, token });
        }
        let child = match document.kind_at(parent) {
            NodeKind::List => document.list_item(parent, index_of(&token)),
            _ => document.child_by_key(parent, &token),
        };
        match child.map(|child| (child, document.kind_at(child))) {
            Some((child, NodeKind::Object | NodeKind::Map | NodeKind::List)) => parent = child,
            Some((text, NodeKind::Text)) => return Ok(Place::InText { text, inside: walk }),
            _ => return Err(no_parent(document, parent, &token, walk)),
        }
    }
}

/// Why a walk cannot go on behind `token`.
#[cold]
fn no_parent(document: &Document, parent: NodeIx, token: &str, walk: Walk<'_>) -> PatchReason {
    let at = walk.done().to_owned();
    match document.value(parent).child(token) {
        Some(leaf) => PatchReason::ThroughLeaf { at, kind: leaf.kind().in_words() },
        None => PatchReason::MissingParent { at },
    }
}

/// The value that a container has at a token.
pub(super) fn existing<'d>(
    document: &'d Document,
    parent: NodeIx,
    token: &str,
) -> Result<ValueRef<'d>, PatchReason> {
    document.value(parent).child(token).ok_or_else(|| missing(document, parent, token))
}

/// As [`existing`], without the value.
pub(super) fn exists(document: &Document, parent: NodeIx, token: &str) -> Result<(), PatchReason> {
    let exists = match document.kind_at(parent) {
        NodeKind::Object => document.object(parent).is_some_and(|object| object.contains_at(token)),
        NodeKind::List => document.list_item(parent, index_of(token)).is_some(),
        _ => document.child_by_key(parent, token).is_some(),
    };
    debug_assert_eq!(exists, document.value(parent).child(token).is_some());
    if exists { Ok(()) } else { Err(missing(document, parent, token)) }
}

#[cold]
fn missing(document: &Document, parent: NodeIx, token: &str) -> PatchReason {
    match document.value(parent) {
        ValueRef::List(list) => no_item(token, list.len()),
        _ => PatchReason::Missing,
    }
}

/// Why an array of `len` items has none at `token`.
#[cold]
pub(super) fn no_item(token: &str, len: usize) -> PatchReason {
    match index_of(token) {
        Some(index) => PatchReason::IndexPastEnd { index, len },
        None if token == "-" => PatchReason::EndOfList,
        None => PatchReason::NotAnIndex { token: token.to_owned() },
    }
}
