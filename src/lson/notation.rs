//! Writing [`Lson`] as plain LSON, and serde in the same notation.

use std::fmt;
use std::slice;

use serde::de::Error as _;
use serde::ser::{SerializeMap, SerializeStruct};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Lson;
use crate::json::write::{write_json, write_str};
use crate::{Json, Segment, SmallStr};

/// What is left to write of a container.
enum Rest<'a> {
    Entries(slice::Iter<'a, (SmallStr, Lson)>),
    Items(slice::Iter<'a, Lson>),
}

/// Appends a value as plain LSON. Does not recurse, so it may be nested arbitrarily deep.
pub(crate) fn write_lson(lson: &Lson, out: &mut Vec<u8>) {
    let Some(first) = begin(lson, out) else { return };
    let mut open = vec![first];
    // Right after a bracket no comma is due.
    let mut comma = false;
    while let Some(rest) = open.last_mut() {
        let (key, value) = match rest {
            Rest::Items(items) => (None, items.next()),
            Rest::Entries(entries) => {
                entries.next().map_or((None, None), |(key, value)| (Some(key), Some(value)))
            }
        };
        let Some(value) = value else {
            out.extend_from_slice(if matches!(rest, Rest::Items(_)) { b"]}" } else { b"}}" });
            open.pop();
            comma = true;
            continue;
        };
        if comma {
            out.push(b',');
        }
        if let Some(key) = key {
            write_str(key, out);
            out.push(b':');
        }
        let inner = begin(value, out);
        comma = inner.is_none();
        open.extend(inner);
    }
}

/// Writes a leaf whole, of a container all up to its first entry or item.
fn begin<'a>(lson: &'a Lson, out: &mut Vec<u8>) -> Option<Rest<'a>> {
    match lson {
        Lson::Json(json) => write_json(json, out),
        Lson::Object(entries) => {
            out.extend_from_slice(br#"{"liveblocksType":"LiveObject","data":{"#);
            return Some(Rest::Entries(entries.iter()));
        }
        Lson::Map(entries) => {
            out.extend_from_slice(br#"{"liveblocksType":"LiveMap","data":{"#);
            return Some(Rest::Entries(entries.iter()));
        }
        Lson::List(items) => {
            out.extend_from_slice(br#"{"liveblocksType":"LiveList","data":["#);
            return Some(Rest::Items(items.iter()));
        }
        Lson::Text { segments, version } => {
            out.extend_from_slice(br#"{"liveblocksType":"LiveText","data":"#);
            write_json(&segments_to_json(segments), out);
            if *version != 0 {
                out.extend_from_slice(br#","version":"#);
                out.extend_from_slice(itoa::Buffer::new().format(*version).as_bytes());
            }
            out.push(b'}');
        }
        Lson::File(file) => {
            out.extend_from_slice(br#"{"liveblocksType":"LiveFile","data":"#);
            write_json(&file.to_json(), out);
            out.push(b'}');
        }
    }
    None
}

fn segments_to_json(segments: &[Segment]) -> Json {
    Json::array(segments.iter().map(Segment::to_json))
}

impl Lson {
    /// The value as compact plain LSON.
    ///
    /// A JSON leaf that is an object with the key `liveblocksType` cannot be told from a live
    /// structure in this notation, and is read as one again.
    pub fn to_vec(&self) -> Vec<u8> {
        let mut out = Vec::new();
        write_lson(self, &mut out);
        out
    }
}

/// Compact plain LSON.
impl fmt::Display for Lson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Written from strings only, so it is UTF-8.
        f.write_str(std::str::from_utf8(&self.to_vec()).unwrap_or_default())
    }
}

/// Compact plain LSON.
impl fmt::Debug for Lson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// As plain LSON.
impl Serialize for Lson {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Json(json) => json.serialize(serializer),
            Self::Object(entries) => structure(serializer, "LiveObject", &Entries(entries), None),
            Self::Map(entries) => structure(serializer, "LiveMap", &Entries(entries), None),
            Self::List(items) => structure(serializer, "LiveList", items, None),
            Self::Text { segments, version } => {
                let version = Some(*version).filter(|&version| version != 0);
                structure(serializer, "LiveText", &segments_to_json(segments), version)
            }
            Self::File(file) => structure(serializer, "LiveFile", file, None),
        }
    }
}

fn structure<S: Serializer, D: Serialize + ?Sized>(
    serializer: S,
    name: &'static str,
    data: &D,
    version: Option<u64>,
) -> Result<S::Ok, S::Error> {
    let members = 2 + usize::from(version.is_some());
    let mut structure = serializer.serialize_struct("Lson", members)?;
    structure.serialize_field("liveblocksType", name)?;
    structure.serialize_field("data", data)?;
    if let Some(version) = version {
        structure.serialize_field("version", &version)?;
    }
    structure.end()
}

struct Entries<'a>(&'a [(SmallStr, Lson)]);

impl Serialize for Entries<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (key, value) in self.0 {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}

/// From plain LSON. Entries come sorted by key; [`Lson::from_slice`] keeps their order.
impl<'de> Deserialize<'de> for Lson {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::from_plain(&Json::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}
