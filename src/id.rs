//! Names of actors, nodes and ops, parsed once into packed form.
//!
//! On the wire an id is an opaque string. Nearly all have the shape `"<actor>:<clock>"` (minted by
//! a client) or `"si:<clock>"` (made when a document is initialised); those are kept as numbers,
//! any other text as it is. The packed form is canonical: equal texts are equal ids.

use std::cmp::Ordering;
use std::fmt;
use std::num::ParseIntError;
use std::str::FromStr;

use arcstr::ArcStr;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use smallvec::SmallVec;

use crate::json::decimal::write_within;
use crate::json::scan::ONES;

/// A connection's number within a document. A server never gives out the same one twice.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Actor(pub u32);

impl From<u32> for Actor {
    fn from(number: u32) -> Self {
        Self(number)
    }
}

/// Reads the number as it is [displayed](fmt::Display).
impl FromStr for Actor {
    type Err = ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[derive(PartialEq, Eq, Hash)]
enum Id {
    Root,
    Initial { clock: u32 },
    Minted { actor: u32, clock: u32 },
    Other(ArcStr),
}

/// As a derived one, but a text is cloned apart, as in [`Json`](crate::Json).
impl Clone for Id {
    #[inline]
    fn clone(&self) -> Self {
        match self {
            Self::Root => Self::Root,
            Self::Initial { clock } => Self::Initial { clock: *clock },
            Self::Minted { actor, clock } => Self::Minted { actor: *actor, clock: *clock },
            Self::Other(text) => Self::share(text),
        }
    }
}

impl Id {
    #[inline(never)]
    fn share(text: &ArcStr) -> Self {
        Self::Other(text.clone())
    }

    fn parse(text: &str) -> Self {
        Self::packed(text.as_bytes()).unwrap_or_else(|| Self::Other(ArcStr::from(text)))
    }

    /// The id, if its text has one of the known shapes.
    fn packed(text: &[u8]) -> Option<Self> {
        let (id, rest) = Self::leading(text)?;
        rest.is_empty().then_some(id)
    }

    /// The id of a known shape that a text begins with, and the rest.
    #[inline]
    fn leading(text: &[u8]) -> Option<(Self, &[u8])> {
        if let Some(rest) = text.strip_prefix(b"si:") {
            let (clock, rest) = leading_decimal(rest)?;
            return Some((Self::Initial { clock }, rest));
        }
        if let Some(rest) = text.strip_prefix(b"root") {
            return Some((Self::Root, rest));
        }
        let (actor, rest) = leading_decimal(text)?;
        let (clock, rest) = leading_decimal(rest.strip_prefix(b":")?)?;
        Some((Self::Minted { actor, clock }, rest))
    }

    /// Shows the id's text to `read`; that of a packed id is put together on the stack.
    fn with_text<T>(&self, read: impl FnOnce(&str) -> T) -> T {
        let (head, clock) = match self {
            Self::Root => return read("root"),
            Self::Other(text) => return read(text),
            Self::Initial { clock } => (None, *clock),
            Self::Minted { actor, clock } => (Some(*actor), *clock),
        };
        // Two numbers of ten digits and the colon.
        let mut text = SmallVec::<[u8; 21]>::new();
        match head {
            None => text.extend_from_slice(b"si"),
            Some(actor) => text.extend_from_slice(itoa::Buffer::new().format(actor).as_bytes()),
        }
        text.push(b':');
        text.extend_from_slice(itoa::Buffer::new().format(clock).as_bytes());
        // ASCII only.
        read(std::str::from_utf8(&text).unwrap_or_default())
    }

    /// Appends the id's text in quotes. Text of no known shape may need escapes: `quote` writes it.
    fn write(&self, out: &mut Vec<u8>, quote: impl FnOnce(&str, &mut Vec<u8>)) {
        match self {
            Self::Root => out.extend_from_slice(b"\"root\""),
            Self::Other(text) => quote(text, out),
            Self::Initial { clock } => write_within(b"\"si:", *clock, b"\"", out),
            Self::Minted { actor, clock } => {
                write_within(b"\"", *actor, b":", out);
                write_within(b"", *clock, b"\"", out);
            }
        }
    }

    /// Numbers that are ordered as the ids are, and equal only for equal ids, unless both are texts.
    #[inline]
    fn rank(&self) -> (u8, u64) {
        match self {
            Self::Root => (0, 0),
            Self::Initial { clock } => (1, u64::from(*clock)),
            Self::Minted { actor, clock } => (2, u64::from(*actor) << 32 | u64::from(*clock)),
            Self::Other(_) => (3, 0),
        }
    }

    #[inline]
    fn minted(actor: Actor, clock: u64) -> Self {
        match u32::try_from(clock) {
            Ok(clock) => Self::Minted { actor: actor.0, clock },
            Err(_) => Self::minted_late(actor, clock),
        }
    }

    #[cold]
    fn minted_late(actor: Actor, clock: u64) -> Self {
        Self::Other(arcstr::format!("{actor}:{clock}"))
    }
}

/// The number that a text begins with, as a client would print it (no sign, no leading zero), and the
/// rest.
#[inline]
fn leading_decimal(text: &[u8]) -> Option<(u32, &[u8])> {
    let (number, digits) = match text.first_chunk().map(|chunk| digits_at_once(*chunk)) {
        Some((number, digits @ ..8)) => (number, digits),
        _ => digits_one_by_one(text)?,
    };
    let canonical = digits == 1 || digits > 1 && text.first() != Some(&b'0');
    canonical.then_some((u32::try_from(number).ok()?, text.get(digits..)?))
}

/// The number that a text begins with, and how many digits it has. `None` if it is too large.
fn digits_one_by_one(text: &[u8]) -> Option<(u64, usize)> {
    let (mut number, mut digits) = (0_u64, 0);
    while let Some(digit @ b'0'..=b'9') = text.get(digits) {
        number = number * 10 + u64::from(digit - b'0');
        if number > u64::from(u32::MAX) {
            return None;
        }
        digits += 1;
    }
    Some((number, digits))
}

/// Shortcut: as [`digits_one_by_one`], of at most eight digits; equal to it if there are fewer. How
/// many there are varies from id to id, so a loop over them is left at a place that no processor foresees.
#[inline]
fn digits_at_once(text: [u8; 8]) -> (u64, usize) {
    // The first digit is lowest. What is no digit is more than 9, and gets its highest bit.
    let values = u64::from_le_bytes(text) ^ (ONES * u64::from(b'0'));
    let others = (((values & (ONES * 0x7f)) + ONES * 0x76) | values) & (ONES * 0x80);
    let digits = others.trailing_zeros() as usize / 8;
    // Zeros take the place of leading digits: one shift for none would be too far.
    let values = (values << (7 * (8 - digits))) << (8 - digits);
    // Pairs of digits, pairs of those, and pairs of those: each time the first is worth more.
    let pairs = (values * 10 + (values >> 8)) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs * 100 + (pairs >> 16)) & 0x0000_ffff_0000_ffff;
    ((fours * 10_000 + (fours >> 32)) & 0xffff_ffff, digits)
}

impl Ord for Id {
    /// Root, initial, minted, others: cheap for those that are numbers, since maps ask often.
    #[inline]
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Other(text), Self::Other(other)) => text.cmp(other),
            _ => self.rank().cmp(&other.rank()),
        }
    }
}

impl PartialOrd for Id {
    #[inline]
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.with_text(|text| f.write_str(text))
    }
}

macro_rules! id_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Id);

        impl $name {
            /// The id that `actor` mints at `clock`: `"<actor>:<clock>"`.
            #[inline]
            pub fn minted(actor: Actor, clock: u64) -> Self {
                Self(Id::minted(actor, clock))
            }

            /// The id at the beginning of a text, if it is of a shape that is kept as numbers, and
            /// the rest.
            #[inline]
            pub(crate) fn leading(text: &[u8]) -> Option<(Self, &[u8])> {
                Id::leading(text).map(|(id, rest)| (Self(id), rest))
            }

            /// Shows the id's text to `read`, without allocating.
            pub(crate) fn with_text<T>(&self, read: impl FnOnce(&str) -> T) -> T {
                self.0.with_text(read)
            }

            /// Appends the id as a JSON string; `quote` does so with any text.
            pub(crate) fn write(
                &self,
                out: &mut Vec<u8>,
                quote: impl FnOnce(&str, &mut Vec<u8>),
            ) {
                self.0.write(out, quote);
            }

            /// Actor and clock of an id of the shape `"<actor>:<clock>"`.
            pub fn actor_and_clock(&self) -> Option<(Actor, u32)> {
                match self.0 {
                    Id::Minted { actor, clock } => Some((Actor(actor), clock)),
                    _ => None,
                }
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(Id::parse(text))
            }
        }

        impl FromStr for $name {
            type Err = std::convert::Infallible;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Ok(Self::from(text))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                self.with_text(|text| serializer.serialize_str(text))
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Visitor;
                impl serde::de::Visitor<'_> for Visitor {
                    type Value = $name;
                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str("an id string")
                    }
                    fn visit_str<E>(self, text: &str) -> Result<$name, E> {
                        Ok($name::from(text))
                    }
                }
                deserializer.deserialize_str(Visitor)
            }
        }
    };
}

id_type! {
    /// The id of a node, for example `"3:17"`, `"si:1"` or `"root"`.
    ///
    /// Any string is an id. `Ord` is a total order fit for maps; it is not the order of the texts
    /// (see [`cmp_text`](NodeId::cmp_text)).
    NodeId
}

id_type! {
    /// The id of an op, for example `"3:42"`; unique in the life of a document.
    OpId
}

impl NodeId {
    /// The document's root.
    pub const ROOT: Self = Self(Id::Root);

    /// The id `"si:<clock>"` of a node made when a document is initialised.
    pub const fn initial(clock: u32) -> Self {
        Self(Id::Initial { clock })
    }

    /// Whether this is the document's root.
    pub fn is_root(&self) -> bool {
        matches!(self.0, Id::Root)
    }

    /// The clock of an id of the shape `"si:<clock>"`.
    pub fn initial_clock(&self) -> Option<u32> {
        match self.0 {
            Id::Initial { clock } => Some(clock),
            _ => None,
        }
    }

    /// Compares the ids as texts, by UTF-16 code units; the order in which a repairing load
    /// chooses between two children of one key.
    pub fn cmp_text(&self, other: &Self) -> Ordering {
        self.to_string().encode_utf16().cmp(other.to_string().encode_utf16())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_round_trips_whatever_its_shape() {
        for text in [
            "root",
            "0:0",
            "3:17",
            "si:1",
            "01:2",
            "1:-2",
            "+1:2",
            "4294967296:1",
            "1:4294967296",
            "",
            ":",
            "a:b:c",
            "ACK",
            "1:2:3",
            "4294967295:4294967295",
            "99999999:100000000",
            "si:4294967295",
            "si:4294967296",
            "si:",
            "si:01",
            "1:1x",
            "1:10000000000",
        ] {
            let id = NodeId::from(text);
            assert_eq!(id.to_string(), text);
            assert!(id.with_text(|it| it == text));
            let mut quoted = Vec::new();
            id.write(&mut quoted, |text, out| out.extend(format!("{text:?}").bytes()));
            assert_eq!(quoted, format!("{text:?}").into_bytes());
        }
    }

    #[test]
    fn packed_ids_are_small_and_canonical() {
        assert_eq!(size_of::<Option<NodeId>>(), 16);
        assert_eq!(NodeId::from("3:17"), NodeId::minted(Actor(3), 17));
        assert_eq!(NodeId::from("1:4294967296"), NodeId::minted(Actor(1), 1 << 32));
        assert_ne!(NodeId::from("03:17"), NodeId::from("3:17"));
    }

    #[test]
    fn numbers_are_read_alike_at_once_and_one_by_one() {
        for text in [
            "",
            "0",
            "7",
            "42",
            "007",
            "1234567",
            "12345678",
            "1234567890",
            "4294967295",
            "4294967296",
            "99999999999999999999",
            ":1",
            "/",
            "9:",
            "1/2",
            "12a4567",
            "1\u{b2}",
            "\u{e9}",
            "0:17",
            "1234567:",
            "123456:8",
        ] {
            for end in ["", "\"", ":12345678", "aaaaaaaa", "\u{ff}\u{80}\u{80}\u{80}"] {
                let text = format!("{text}{end}");
                let expected = digits_one_by_one(text.as_bytes());
                let chunk = text.as_bytes().first_chunk().copied();
                if let Some((number, digits @ ..8)) = chunk.map(digits_at_once) {
                    assert_eq!(Some((number, digits)), expected, "{text}");
                }
            }
        }
    }

    #[test]
    fn ids_are_ordered_by_kind_and_then_by_number() {
        let ids = [
            "root",
            "si:0",
            "si:2",
            "si:10",
            "0:3",
            "0:20",
            "1:0",
            "10:0",
            "4294967295:1",
            "",
            "01:1",
            "ACK",
        ];
        let ids = ids.map(NodeId::from);
        for (n, id) in ids.iter().enumerate() {
            for (m, other) in ids.iter().enumerate() {
                assert_eq!(id.cmp(other), n.cmp(&m), "{id} {other}");
                assert_eq!(id == other, n == m);
            }
        }
    }

    #[test]
    fn text_order_is_not_numeric() {
        assert_eq!(NodeId::from("0:9").cmp_text(&NodeId::from("0:10")), Ordering::Greater);
    }
}
