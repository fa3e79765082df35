//! Between [`Json`] and the rest of the world: serde, `serde_json` and Rust's integers.
//!
//! Integers up to 2^53 pass as integers, so that values compare equal to what `serde_json` reads;
//! beyond that a double cannot tell neighbours apart. JSON text is rounded to the nearest then, as it is wherever
//! numbers are doubles; an integer of a Rust type that would be changed is an error.

use std::fmt;
use std::sync::Arc;

use serde::de::value::{MapDeserializer, SeqDeserializer};
use serde::de::{self, DeserializeOwned, IntoDeserializer, Visitor};
use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::error::{push_index, push_key};
use super::{Json, JsonObject, Number, ReadLimits};
use crate::SmallStr;

/// Turns any serialisable value into [`Json`].
///
/// ```
/// let json = livetree::json::to_json(&("a", [1, 2]))?;
/// assert_eq!(json.to_string(), r#"["a",[1,2]]"#);
/// # Ok::<(), serde_json::Error>(())
/// ```
///
/// # Errors
/// If the value's `Serialize` fails, a map's keys are not strings, or an integer is not exactly a double, as only some
/// beyond 2^53 are: better is a string then, or `#[serde(serialize_with)]`. Floats that are not finite become null.
pub fn to_json<T: Serialize + ?Sized>(value: &T) -> Result<Json, serde_json::Error> {
    let value = serde_json::to_value(value)?;
    match inexact(&value) {
        None => Ok(Json::from(value)),
        Some((number, at)) => Err(<serde_json::Error as serde::ser::Error>::custom(format!(
            "the integer {number}{} is not exactly a double",
            if at.is_empty() { String::new() } else { format!(" at {at}") }
        ))),
    }
}

/// The first integer in a value that no double is equal to, and the JSON Pointer to it.
fn inexact(value: &serde_json::Value) -> Option<(&serde_json::Number, String)> {
    match value {
        serde_json::Value::Number(number) => {
            let integer = number.as_i64().map(i128::from).or(number.as_u64().map(i128::from))?;
            #[expect(clippy::cast_possible_truncation, reason = "it is one, or they are not equal")]
            let is_exact = number.as_f64().is_some_and(|double| double as i128 == integer);
            (!is_exact).then(|| (number, String::new()))
        }
        serde_json::Value::Array(items) => items.iter().enumerate().find_map(|(index, item)| {
            let (number, below) = inexact(item)?;
            let mut at = String::new();
            push_index(&mut at, index);
            Some((number, at + &below))
        }),
        serde_json::Value::Object(entries) => entries.iter().find_map(|(key, value)| {
            let (number, below) = inexact(value)?;
            let mut at = String::new();
            push_key(&mut at, key);
            Some((number, at + &below))
        }),
        _ => None,
    }
}

/// The text of a value whose `Serialize` cannot fail, to be read by [`from_text`].
pub(crate) fn to_text<T: Serialize + ?Sized>(value: &T) -> Vec<u8> {
    let json = to_json(value).unwrap_or_else(|error| {
        debug_assert!(false, "all of it can be written: {error}");
        Json::Null
    });
    json.to_vec()
}

/// What [`to_text`] was told. It may hold values of any depth that is allowed; the error says what is wrong.
pub(crate) fn from_text<T: DeserializeOwned>(text: &[u8]) -> Result<T, String> {
    let json = Json::from_slice_with(text, ReadLimits::wrapped()).map_err(|e| e.to_string())?;
    T::deserialize(&json).map_err(|error| error.to_string())
}

/// An integer that a double holds exactly, and no other integer rounds to.
fn exact_integer(number: Number) -> Option<i64> {
    let value = number.get();
    #[expect(clippy::cast_possible_truncation, reason = "checked to be an integer in range")]
    let integer =
        (value.fract() == 0.0 && value.abs() < 9_007_199_254_740_992.0).then_some(value as i64);
    integer
}

macro_rules! from_wide_integer {
    ($($type:ty),*) => {$(
        /// Rounds to the nearest double, which is exact up to 2^53.
        impl From<$type> for Json {
            #[expect(clippy::cast_precision_loss, reason = "documented")]
            fn from(value: $type) -> Self {
                Self::number(value as f64)
            }
        }
    )*};
}
from_wide_integer!(i64, u64, isize, usize);

impl From<serde_json::Value> for Json {
    fn from(value: serde_json::Value) -> Self {
        match value {
            serde_json::Value::Null => Self::Null,
            serde_json::Value::Bool(value) => Self::Bool(value),
            serde_json::Value::Number(number) => number.as_f64().map_or(Self::Null, Self::number),
            serde_json::Value::String(text) => Self::from(text),
            serde_json::Value::Array(items) => Self::array(items.into_iter().map(Self::from)),
            serde_json::Value::Object(entries) => Self::object(
                entries.into_iter().map(|(key, value)| (SmallStr::from(key), Self::from(value))),
            ),
        }
    }
}

impl From<&serde_json::Value> for Json {
    fn from(value: &serde_json::Value) -> Self {
        match value {
            serde_json::Value::Null => Self::Null,
            serde_json::Value::Bool(value) => Self::Bool(*value),
            serde_json::Value::Number(number) => number.as_f64().map_or(Self::Null, Self::number),
            serde_json::Value::String(text) => Self::from(text.as_str()),
            serde_json::Value::Array(items) => Self::array(items.iter().map(Self::from)),
            serde_json::Value::Object(entries) => Self::object(
                entries.iter().map(|(key, value)| (SmallStr::from(key), Self::from(value))),
            ),
        }
    }
}

impl From<&Json> for serde_json::Value {
    fn from(json: &Json) -> Self {
        match json {
            Json::Null => Self::Null,
            Json::Bool(value) => Self::Bool(*value),
            Json::Number(number) => match exact_integer(*number) {
                Some(integer) => Self::from(integer),
                None => Self::from(number.get()),
            },
            Json::String(text) => Self::String(text.as_str().to_owned()),
            Json::Array(items) => items.iter().map(Self::from).collect(),
            Json::Object(object) => object
                .iter()
                .map(|(key, value)| (key.as_str().to_owned(), Self::from(value)))
                .collect(),
        }
    }
}

impl From<Json> for serde_json::Value {
    fn from(json: Json) -> Self {
        Self::from(&json)
    }
}

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Number(number) => match exact_integer(*number) {
                Some(integer) => serializer.serialize_i64(integer),
                None => serializer.serialize_f64(number.get()),
            },
            Self::String(text) => text.serialize(serializer),
            Self::Array(items) => {
                let mut seq = serializer.serialize_seq(Some(items.len()))?;
                for item in items.iter() {
                    seq.serialize_element(item)?;
                }
                seq.end()
            }
            Self::Object(object) => object.serialize(serializer),
        }
    }
}

impl Serialize for JsonObject {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.len()))?;
        for (key, value) in self.iter() {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AnyJson;
        impl<'de> Visitor<'de> for AnyJson {
            type Value = Json;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON value")
            }
            fn visit_unit<E>(self) -> Result<Json, E> {
                Ok(Json::Null)
            }
            fn visit_none<E>(self) -> Result<Json, E> {
                Ok(Json::Null)
            }
            fn visit_some<D: Deserializer<'de>>(self, inner: D) -> Result<Json, D::Error> {
                Json::deserialize(inner)
            }
            fn visit_newtype_struct<D: Deserializer<'de>>(
                self,
                inner: D,
            ) -> Result<Json, D::Error> {
                Json::deserialize(inner)
            }
            fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
                Ok(Json::Bool(value))
            }
            fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
                Ok(Json::from(value))
            }
            fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
                Ok(Json::from(value))
            }
            fn visit_f64<E: de::Error>(self, value: f64) -> Result<Json, E> {
                let number = Number::new(value).ok_or_else(|| {
                    E::invalid_value(de::Unexpected::Float(value), &"a finite number")
                })?;
                Ok(Json::Number(number))
            }
            fn visit_str<E>(self, text: &str) -> Result<Json, E> {
                Ok(Json::from(text))
            }
            fn visit_seq<A: de::SeqAccess<'de>>(self, mut seq: A) -> Result<Json, A::Error> {
                let mut items = Vec::new();
                while let Some(item) = seq.next_element()? {
                    items.push(item);
                }
                Ok(Json::from(items))
            }
            fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<Json, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Json::Object(Arc::new(JsonObject::from_vec(entries))))
            }
        }
        deserializer.deserialize_any(AnyJson)
    }
}

/// Reads any `Deserialize` type out of a value, borrowing its strings.
///
/// ```
/// use serde::Deserialize;
/// #[derive(Deserialize)]
/// struct Point { x: f64, label: Option<String> }
/// let json: livetree::Json = r#"{"x":1,"label":"here"}"#.parse()?;
/// let point = Point::deserialize(&json)?;
/// assert_eq!(point.x, 1.0);
/// assert_eq!(point.label.as_deref(), Some("here"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
impl<'de> Deserializer<'de> for &'de Json {
    type Error = serde_json::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        match self {
            Json::Null => visitor.visit_unit(),
            Json::Bool(value) => visitor.visit_bool(*value),
            Json::Number(number) => visit_number(*number, visitor),
            Json::String(text) => visitor.visit_borrowed_str(text),
            Json::Array(items) => {
                let mut seq = SeqDeserializer::new(items.iter());
                let value = visitor.visit_seq(&mut seq)?;
                seq.end()?;
                Ok(value)
            }
            Json::Object(object) => {
                let entries = object.iter().map(|(key, value)| (Key(key), value));
                let mut map = MapDeserializer::new(entries);
                let value = visitor.visit_map(&mut map)?;
                map.end()?;
                Ok(value)
            }
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        match self {
            Json::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        visitor.visit_newtype_struct(self)
    }

    /// A variant's name, or an object with the name as its only key.
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        match self {
            Json::String(text) => visitor.visit_enum(text.as_str().into_deserializer()),
            Json::Object(object) if object.len() == 1 => {
                let entries = object.iter().map(|(key, value)| (key.as_str(), value));
                visitor.visit_enum(de::value::MapAccessDeserializer::new(MapDeserializer::new(
                    entries,
                )))
            }
            _ => Err(de::Error::custom("expected a string or an object with one key for an enum")),
        }
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

/// A key on its way into a type: as text, or as the integer or truth value that it was written from.
struct Key<'de>(&'de str);

macro_rules! keys_as {
    ($($deserialize:ident: $type:ty => $visit:ident),*) => {$(
        fn $deserialize<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
            match self.0.parse::<$type>() {
                Ok(value) => visitor.$visit(value),
                Err(_) => visitor.visit_borrowed_str(self.0),
            }
        }
    )*};
}

impl<'de> Deserializer<'de> for Key<'de> {
    type Error = serde_json::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        visitor.visit_borrowed_str(self.0)
    }

    keys_as! {
        deserialize_bool: bool => visit_bool,
        deserialize_i8: i8 => visit_i8, deserialize_i16: i16 => visit_i16,
        deserialize_i32: i32 => visit_i32, deserialize_i64: i64 => visit_i64,
        deserialize_i128: i128 => visit_i128, deserialize_u8: u8 => visit_u8,
        deserialize_u16: u16 => visit_u16, deserialize_u32: u32 => visit_u32,
        deserialize_u64: u64 => visit_u64, deserialize_u128: u128 => visit_u128,
        deserialize_f32: f32 => visit_f32, deserialize_f64: f64 => visit_f64
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        visitor.visit_enum(self.0.into_deserializer())
    }

    serde::forward_to_deserialize_any! {
        char str string bytes byte_buf unit unit_struct seq tuple tuple_struct map struct identifier
        ignored_any
    }
}

impl<'de> IntoDeserializer<'de, serde_json::Error> for Key<'de> {
    type Deserializer = Self;
    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> IntoDeserializer<'de, serde_json::Error> for &'de Json {
    type Deserializer = Self;
    fn into_deserializer(self) -> Self {
        self
    }
}

/// As an integer if it is one, so that integer types accept it.
fn visit_number<'de, V: Visitor<'de>>(
    number: Number,
    visitor: V,
) -> Result<V::Value, serde_json::Error> {
    let value = number.get();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked to be an integer in range"
    )]
    if value.fract() != 0.0 {
        visitor.visit_f64(value)
    } else if (0.0..18_446_744_073_709_551_616.0).contains(&value) {
        visitor.visit_u64(value as u64)
    } else if (-9_223_372_036_854_775_808.0..0.0).contains(&value) {
        visitor.visit_i64(value as i64)
    } else {
        visitor.visit_f64(value)
    }
}
