//! Ops that are written as most are: fields in the usual order, no white space, ids of the usual shape.

use std::sync::Arc;

use super::{Create, Intent, NodeContent, Op, OpKind, Sender};
use crate::json::read::Reader;
use crate::{Json, SmallStr};

impl Op {
    /// Shortcut: an op just as [`write`](Self::write) writes it, except those about texts and files.
    /// If it is not, the cursor is left at it.
    ///
    /// Equal to [`read`](Self::read) and `finish`: every field that the op may have is there, or may
    /// be missing, and none is there twice.
    pub(crate) fn read_plain(reader: &mut Reader<'_>, sender: Sender) -> Option<Self> {
        let start = reader.offset();
        let op = plain(reader, sender);
        if op.is_none() {
            reader.seek(start);
        }
        op
    }
}

#[inline]
fn plain(reader: &mut Reader<'_>, sender: Sender) -> Option<Op> {
    let number = field(reader, br#"{"type":"#, Reader::plain_integer)?;
    let op_id = optional(reader, br#","opId":"#, Reader::plain_op_id)?;
    if op_id.is_none() && sender == Sender::Client {
        return None;
    }
    let id = field(reader, br#","id":"#, Reader::plain_node_id)?;
    let kind = match number {
        1 => OpKind::SetParentKey { parent_key: field(reader, br#","parentKey":"#, text)? },
        3 => OpKind::UpdateObject { data: field(reader, br#","data":"#, Reader::object)? },
        5 => OpKind::DeleteCrdt,
        6 => OpKind::DeleteObjectKey { key: field(reader, br#","key":"#, text)? },
        2 | 4 | 7 | 8 => OpKind::Create(plain_create(reader, number)?),
        _ => return None,
    };
    reader.literally(b"}").then_some(Op { op_id, id, kind })
}

fn plain_create(reader: &mut Reader<'_>, number: u64) -> Option<Create> {
    let parent_id = field(reader, br#","parentId":"#, Reader::plain_node_id)?;
    let parent_key = field(reader, br#","parentKey":"#, text)?;
    let content = match number {
        2 => NodeContent::List,
        7 => NodeContent::Map,
        8 => NodeContent::Register(field(reader, br#","data":"#, value)?),
        _ => NodeContent::Object(Arc::new(field(reader, br#","data":"#, Reader::object)?)),
    };
    let intent = match optional(reader, br#","intent":"#, Reader::plain_string)? {
        None => Intent::Insert,
        Some(intent) => super::read::intent(intent)?,
    };
    let deleted_id = optional(reader, br#","deletedId":"#, Reader::plain_node_id)?;
    Some(Create { parent_id, parent_key, intent, deleted_id, content })
}

/// A field whose name and what is before it are `name`.
#[expect(clippy::inline_always, reason = "compares the name in a few words")]
#[inline(always)]
fn field<'a, T, const N: usize>(
    reader: &mut Reader<'a>,
    name: &[u8; N],
    read: impl FnOnce(&mut Reader<'a>) -> Option<T>,
) -> Option<T> {
    if reader.literally(name) { read(reader) } else { None }
}

/// As [`field`], of one that may be missing.
#[expect(clippy::inline_always, reason = "compares the name in a few words")]
#[inline(always)]
#[expect(clippy::option_option, reason = "that it is missing is no reason to go the general way")]
fn optional<'a, T, const N: usize>(
    reader: &mut Reader<'a>,
    name: &[u8; N],
    read: impl FnOnce(&mut Reader<'a>) -> Option<T>,
) -> Option<Option<T>> {
    if reader.literally(name) { read(reader).map(Some) } else { Some(None) }
}

#[inline]
fn text(reader: &mut Reader<'_>) -> Option<SmallStr> {
    reader.plain_string().map(SmallStr::from)
}

/// What is wrong with a value is told the general way.
#[inline]
fn value(reader: &mut Reader<'_>) -> Option<Json> {
    reader.value().ok()
}
