//! The reader's shortcuts: what is written as most writers do, without white space and escapes.
//!
//! Each is equal to the plain way of reading the same, or is not taken.

use std::sync::Arc;

use super::Reader;
use crate::json::{Json, JsonObject};
use crate::{NodeId, OpId, SmallStr};

impl<'a> Reader<'a> {
    /// Steps over `text`, if just that comes next. Whether it did.
    #[inline]
    pub(crate) fn literally<const N: usize>(&mut self, text: &[u8; N]) -> bool {
        let next = self.bytes.get(self.at..).and_then(|rest| rest.first_chunk::<N>());
        let is_next = next == Some(text);
        if is_next {
            self.at += N;
            self.fresh = matches!(text.last(), Some(b'{' | b'['));
        }
        is_next
    }

    /// The next value, if it is plainly an integer: at most 15 digits and nothing else. If not, the
    /// cursor is left at it. Equal to [`value`](Self::value) and [`Json::as_u53`].
    #[inline]
    pub(crate) fn plain_integer(&mut self) -> Option<u64> {
        self.fresh = false;
        self.peek();
        let (mut at, mut integer) = (self.at, 0_u64);
        while let Some(digit @ b'0'..=b'9') = self.bytes.get(at) {
            integer = integer.wrapping_mul(10).wrapping_add(u64::from(digit - b'0'));
            at += 1;
        }
        let digits = at - self.at;
        let ends = !matches!(self.bytes.get(at), Some(b'.' | b'e' | b'E'));
        let canonical = digits == 1 || self.bytes.get(self.at) != Some(&b'0');
        if !(1..=15).contains(&digits) || !ends || !canonical {
            return None;
        }
        self.at = at;
        Some(integer)
    }

    /// The string at the cursor, if it has no escapes. If not, the cursor is left at it. Equal to
    /// [`string`](Self::string).
    #[inline]
    pub(crate) fn plain_string(&mut self) -> Option<&'a str> {
        let start = self.at;
        if self.bytes.get(start) == Some(&b'"') {
            let end = super::find_special(self.bytes, start + 1);
            if self.bytes.get(end) == Some(&b'"') {
                self.at = end + 1;
                return self.text.get(start + 1..end);
            }
        }
        None
    }

    /// The node id at the cursor, if it is of a shape that is kept as numbers. If not, the cursor is
    /// left at it. Equal to [`string`](Self::string) and `NodeId::from`.
    #[inline]
    pub(crate) fn plain_node_id(&mut self) -> Option<NodeId> {
        self.plain_id(NodeId::leading)
    }

    /// As [`plain_node_id`](Self::plain_node_id), of an op.
    #[inline]
    pub(crate) fn plain_op_id(&mut self) -> Option<OpId> {
        self.plain_id(OpId::leading)
    }

    #[inline]
    fn plain_id<T>(&mut self, leading: impl FnOnce(&[u8]) -> Option<(T, &[u8])>) -> Option<T> {
        let (id, rest) = leading(self.bytes.get(self.at..)?.strip_prefix(b"\"")?)?;
        let rest = rest.strip_prefix(b"\"")?;
        self.at = self.bytes.len() - rest.len();
        Some(id)
    }

    /// The next value, if it is an object and right. Equal to [`value`](Self::value), except that
    /// nothing is shared.
    pub(crate) fn object(&mut self) -> Option<JsonObject> {
        self.fresh = false;
        if self.peek() != Some(b'{') {
            return None;
        }
        if let Some(object) = self.flat_object(self.limit) {
            return Some(object);
        }
        match self.container(self.limit).ok()? {
            Json::Object(object) => Some(Arc::unwrap_or_clone(object)),
            _ => None,
        }
    }

    /// An object of up to four scalars, as messages mostly have. If it is not, the cursor stays where
    /// it is. Equal to [`nested`](Self::nested).
    pub(super) fn flat_object(&mut self, levels: usize) -> Option<JsonObject> {
        let start = self.at;
        if levels == 0 || self.bytes.get(start) != Some(&b'{') {
            return None;
        }
        self.at += 1;
        let object = self.flat_entries();
        if object.is_none() {
            self.at = start;
        }
        object
    }

    fn flat_entries(&mut self) -> Option<JsonObject> {
        const MOST: usize = 4;
        let (key, value) = self.flat_entry()?;
        if !self.another_follows()? {
            return Some(JsonObject::of(key, value));
        }
        let mut entries = Vec::with_capacity(MOST);
        entries.push((key, value));
        while entries.len() < MOST {
            entries.push(self.flat_entry()?);
            if !self.another_follows()? {
                return Some(JsonObject::from_vec(entries));
            }
        }
        None
    }

    #[inline]
    fn flat_entry(&mut self) -> Option<(SmallStr, Json)> {
        let key = match self.plain_key() {
            Some(key) => self.keys.small(key),
            None => self.small_key().ok()?,
        };
        let value = match self.plain_integer() {
            #[expect(clippy::cast_precision_loss, reason = "at most 15 digits")]
            Some(integer) => Json::number(integer as f64),
            None if matches!(self.peek(), Some(b'{' | b'[')) => return None,
            None => self.scalar().ok()?,
        };
        Some((key, value))
    }

    /// The key at the cursor, if it has no escapes and its colon follows. If not, the cursor is left at
    /// it. Equal to [`key`](Self::key).
    #[inline]
    fn plain_key(&mut self) -> Option<&'a str> {
        let start = self.at;
        let key = self.plain_string()?;
        if self.bytes.get(self.at) != Some(&b':') {
            self.at = start;
            return None;
        }
        self.at += 1;
        Some(key)
    }

    /// Steps over a comma, or the brace that ends the object.
    #[inline]
    fn another_follows(&mut self) -> Option<bool> {
        let end = self.peek();
        self.at += 1;
        match end {
            Some(b',') => Some(true),
            Some(b'}') => Some(false),
            _ => None,
        }
    }
}
