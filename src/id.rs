//! Names of actors, nodes and ops, parsed once into packed form.
//!
//! On the wire an id is an opaque string. Nearly all have the shape `"<actor>:<clock>"` (minted by
//! a client) or `"si:<clock>"` (made when a document is initialised); those are kept as numbers,
//! any other text as it is. The packed form is canonical: equal texts are equal ids.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use arcstr::ArcStr;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A connection's number within a document. A server never gives out the same one twice.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Actor(pub u32);

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Id {
    Root,
    Initial { clock: u32 },
    Minted { actor: u32, clock: u32 },
    Other(ArcStr),
}

impl Id {
    fn parse(text: &str) -> Self {
        if text == "root" {
            return Self::Root;
        }
        if let Some((head, tail)) = text.split_once(':') {
            match (head, decimal(head), decimal(tail)) {
                ("si", _, Some(clock)) => return Self::Initial { clock },
                (_, Some(actor), Some(clock)) => return Self::Minted { actor, clock },
                _ => {}
            }
        }
        Self::Other(ArcStr::from(text))
    }

    fn minted(actor: Actor, clock: u64) -> Self {
        match u32::try_from(clock) {
            Ok(clock) => Self::Minted { actor: actor.0, clock },
            Err(_) => Self::Other(arcstr::format!("{actor}:{clock}")),
        }
    }
}

/// A decimal number as a client would print it: no sign, no leading zero.
fn decimal(digits: &str) -> Option<u32> {
    let canonical = digits == "0" || matches!(digits.as_bytes().first(), Some(b'1'..=b'9'));
    canonical.then(|| digits.parse().ok()).flatten()
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => f.write_str("root"),
            Self::Initial { clock } => write!(f, "si:{clock}"),
            Self::Minted { actor, clock } => write!(f, "{actor}:{clock}"),
            Self::Other(text) => f.write_str(text),
        }
    }
}

macro_rules! id_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Id);

        impl $name {
            /// The id that `actor` mints at `clock`: `"<actor>:<clock>"`.
            pub fn minted(actor: Actor, clock: u64) -> Self {
                Self(Id::minted(actor, clock))
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
                match &self.0 {
                    Id::Other(text) => serializer.serialize_str(text),
                    packed => serializer.collect_str(packed),
                }
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
        ] {
            assert_eq!(NodeId::from(text).to_string(), text);
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
    fn text_order_is_not_numeric() {
        assert_eq!(NodeId::from("0:9").cmp_text(&NodeId::from("0:10")), Ordering::Greater);
    }
}
