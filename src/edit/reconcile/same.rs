//! Equality and hashes of live values and JSON values, as if both were JSON.
//!
//! Neither builds the JSON projection, and neither recurses: values built by hand may be nested
//! deeper than any that was read.

use std::hash::{DefaultHasher, Hasher};
use std::sync::Arc;

use crate::document::ValueRef;
use crate::{Json, SmallStr};

/// Whether the JSON projection of `value` equals `target`.
pub(super) fn same(value: &ValueRef<'_>, target: &Json) -> bool {
    let mut pairs = vec![(value.clone(), target)];
    while let Some((value, target)) = pairs.pop() {
        let equal = match (&value, target) {
            (ValueRef::Json(Json::Object(a)), Json::Object(b)) => {
                Arc::ptr_eq(a, b)
                    || a.len() == b.len() && {
                        pairs.extend(
                            a.iter()
                                .zip(b.iter())
                                .map(|((_, a), (_, b))| (ValueRef::Json(a.clone()), b)),
                        );
                        a.iter().zip(b.iter()).all(|((a, _), (b, _))| a == b)
                    }
            }
            (ValueRef::Json(Json::Array(a)), Json::Array(b)) => {
                Arc::ptr_eq(a, b)
                    || a.len() == b.len() && {
                        pairs.extend(
                            a.iter().zip(b.iter()).map(|(a, b)| (ValueRef::Json(a.clone()), b)),
                        );
                        true
                    }
            }
            (ValueRef::Json(a), b) => *a == *b,
            (ValueRef::Object(_) | ValueRef::Map(_), Json::Object(b)) => {
                let entries = value.entries();
                let equal = entries.len() == b.len()
                    && entries.clone().zip(b.iter()).all(|((a, _), (b, _))| a == b);
                if equal {
                    pairs.extend(entries.zip(b.iter()).map(|((_, a), (_, b))| (a, b)));
                }
                equal
            }
            (ValueRef::List(a), Json::Array(b)) => {
                let equal = a.len() == b.len();
                if equal {
                    pairs.extend(a.iter().zip(b.iter()));
                }
                equal
            }
            (ValueRef::Text(a), Json::Array(b)) => {
                let segments = a.segments();
                segments.len() == b.len()
                    && segments.iter().zip(b.iter()).all(|(a, b)| a.to_json() == *b)
            }
            (ValueRef::File(file), b) => file.to_json() == *b,
            _ => false,
        };
        if !equal {
            return false;
        }
    }
    true
}

/// A hash of the JSON projection of a value: equal values have equal hashes.
///
/// Nothing rests on the converse, so it does not matter that anybody can make values collide.
pub(super) fn hash(value: &ValueRef<'_>) -> u64 {
    let mut hasher = DefaultHasher::new();
    write(&mut hasher, value.clone());
    hasher.finish()
}

fn write(hasher: &mut DefaultHasher, value: ValueRef<'_>) {
    let mut stack: Vec<(Option<SmallStr>, ValueRef<'_>)> = vec![(None, value)];
    while let Some((key, value)) = stack.pop() {
        if let Some(key) = &key {
            text(hasher, key);
        }
        match &value {
            ValueRef::Json(Json::Null) => hasher.write_u8(0),
            ValueRef::Json(Json::Bool(value)) => hasher.write_u8(1 + u8::from(*value)),
            ValueRef::Json(Json::Number(number)) => {
                hasher.write_u8(3);
                hasher.write_u64(number.get().to_bits());
            }
            ValueRef::Json(Json::String(string)) => {
                hasher.write_u8(4);
                text(hasher, string);
            }
            ValueRef::Json(Json::Array(items)) => {
                hasher.write_u8(5);
                hasher.write_usize(items.len());
                stack.extend(items.iter().rev().map(|item| (None, ValueRef::Json(item.clone()))));
            }
            ValueRef::List(list) => {
                hasher.write_u8(5);
                hasher.write_usize(list.len());
                let first = stack.len();
                stack.extend(list.iter().map(|item| (None, item)));
                reverse_from(&mut stack, first);
            }
            ValueRef::Json(Json::Object(object)) => {
                hasher.write_u8(6);
                hasher.write_usize(object.len());
                let entries = object.iter().rev();
                stack.extend(
                    entries.map(|(key, value)| (Some(key.clone()), ValueRef::Json(value.clone()))),
                );
            }
            ValueRef::Object(_) | ValueRef::Map(_) => {
                let entries = value.entries();
                hasher.write_u8(6);
                hasher.write_usize(entries.len());
                let first = stack.len();
                stack.extend(entries.map(|(key, value)| (Some(key.clone()), value)));
                reverse_from(&mut stack, first);
            }
            // Shallow, so this goes no deeper.
            ValueRef::Text(_) | ValueRef::File(_) => {
                write(hasher, ValueRef::Json(value.to_json()));
            }
        }
    }
}

fn text(hasher: &mut DefaultHasher, text: &str) {
    hasher.write_usize(text.len());
    hasher.write(text.as_bytes());
}

fn reverse_from<T>(stack: &mut [T], first: usize) {
    if let Some(added) = stack.get_mut(first..) {
        added.reverse();
    }
}
