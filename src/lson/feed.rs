//! From values in memory to a [`Sink`].

use std::slice;

use super::Lson;
use super::error::{LsonError, LsonReason};
use super::plain::{
    Container, Place, Sink, SinkError, Start, Structure, read_file, read_segments, read_version,
};
use crate::json::error::{push_index, push_key};
use crate::{FileMeta, Json, Segment, SmallStr};

/// A value in one of the notations.
#[derive(Clone, Copy)]
pub(crate) enum Source<'a> {
    /// Plain LSON: objects with `liveblocksType` are live structures, the rest is JSON.
    Plain(&'a Json),
    /// JSON to be made live throughout.
    Live(&'a Json),
    /// An [`Lson`].
    Lson(&'a Lson),
}

/// What a value turns out to be.
enum Shape<'a> {
    Leaf(&'a Json),
    Open(Container, Parts<'a>),
    Text(Vec<Segment>, u64),
    File(FileMeta),
}

/// What is yet to come of a container.
enum Parts<'a> {
    PlainEntries(slice::Iter<'a, (SmallStr, Json)>),
    PlainItems(slice::Iter<'a, Json>),
    LiveEntries(slice::Iter<'a, (SmallStr, Json)>),
    LiveItems(slice::Iter<'a, Json>),
    LsonEntries(slice::Iter<'a, (SmallStr, Lson)>),
    LsonItems(slice::Iter<'a, Lson>),
}

/// A container that is being fed.
struct Level<'a, N> {
    node: N,
    parts: Parts<'a>,
    /// The part at hand: its key, or how many items have begun.
    key: Option<&'a SmallStr>,
    begun: usize,
}

/// Tells a sink of a value that is nested at most `limit` deep.
pub(super) fn feed<S: Sink>(
    source: Source<'_>,
    limit: usize,
    sink: &mut S,
    start: &Start<'_, S::Node>,
) -> Result<(), LsonError> {
    let mut open: Vec<Level<'_, S::Node>> = Vec::new();
    let mut next = Some(source);
    loop {
        if let Some(source) = next {
            let step = tell(source, limit, sink, start, &open);
            open.extend(step.map_err(|error| error.under(&path(&open)))?);
        }
        let Some(level) = open.last_mut() else { return Ok(()) };
        let part = level.parts.next();
        level.begun += 1;
        level.key = part.and_then(|(key, _)| key);
        next = part.map(|(_, source)| source);
        if next.is_none() {
            let node = level.node;
            open.pop();
            sink.close(node).map_err(|error| refused(error).under(&path(&open)))?;
        }
    }
}

/// Tells a sink of one value; what is in a container is left to the caller.
fn tell<'a, S: Sink>(
    source: Source<'a>,
    limit: usize,
    sink: &mut S,
    start: &Start<'_, S::Node>,
    open: &[Level<'a, S::Node>],
) -> Result<Option<Level<'a, S::Node>>, LsonError> {
    let shape = source.shape()?;
    let too_deep = match &shape {
        Shape::Leaf(json) => json.is_deeper_than(limit.saturating_sub(open.len())),
        _ => open.len() >= limit,
    };
    if too_deep {
        return Err(LsonError::new(None, LsonReason::TooDeep { limit }));
    }
    let (parent, place) = match (open.last(), start) {
        (Some(level), _) => (level.node, level.key.map_or(Place::Item, Place::Key)),
        (None, Start::At(parent, place)) => (*parent, *place),
        (None, Start::Root) => {
            let Shape::Open(Container::Object, parts) = shape else {
                return Err(LsonError::new(None, LsonReason::RootNotObject));
            };
            return Ok(Some(Level { node: sink.root(), parts, key: None, begun: 0 }));
        }
    };
    match shape {
        Shape::Leaf(json) => sink.json(parent, place, json.clone()),
        Shape::Text(segments, version) => sink.text(parent, place, segments, version),
        Shape::File(file) => sink.file(parent, place, file),
        Shape::Open(container, parts) => {
            let node = sink.open(parent, place, container).map_err(refused)?;
            return Ok(Some(Level { node, parts, key: None, begun: 0 }));
        }
    }
    .map_err(refused)?;
    Ok(None)
}

pub(super) fn refused(error: SinkError) -> LsonError {
    LsonError::new(None, LsonReason::Refused(error.0))
}

impl<'a> Source<'a> {
    fn shape(self) -> Result<Shape<'a>, LsonError> {
        Ok(match self {
            Self::Plain(json) => plain_shape(json)?,
            Self::Live(Json::Object(object)) => {
                Shape::Open(Container::Object, Parts::LiveEntries(object.entries().iter()))
            }
            Self::Live(Json::Array(items)) => {
                Shape::Open(Container::List, Parts::LiveItems(items.iter()))
            }
            Self::Live(json) | Self::Lson(Lson::Json(json)) => Shape::Leaf(json),
            Self::Lson(Lson::Object(entries)) => {
                Shape::Open(Container::Object, Parts::LsonEntries(entries.iter()))
            }
            Self::Lson(Lson::Map(entries)) => {
                Shape::Open(Container::Map, Parts::LsonEntries(entries.iter()))
            }
            Self::Lson(Lson::List(items)) => {
                Shape::Open(Container::List, Parts::LsonItems(items.iter()))
            }
            Self::Lson(Lson::Text { segments, version }) => Shape::Text(segments.clone(), *version),
            Self::Lson(Lson::File(file)) => Shape::File(file.clone()),
        })
    }
}

fn plain_shape(json: &Json) -> Result<Shape<'_>, LsonError> {
    let fail = |path: &str, reason| LsonError::new(None, reason).under(path);
    let Some(found) = json.get("liveblocksType") else { return Ok(Shape::Leaf(json)) };
    let structure =
        Structure::from_json(found).map_err(|reason| fail("/liveblocksType", reason))?;
    let data = json.get("data").ok_or_else(|| fail("", structure.missing_data()))?;
    Ok(match (structure, data) {
        (Structure::Container(Container::List), Json::Array(items)) => {
            Shape::Open(Container::List, Parts::PlainItems(items.iter()))
        }
        (Structure::Container(container), Json::Object(object)) if container != Container::List => {
            Shape::Open(container, Parts::PlainEntries(object.entries().iter()))
        }
        (Structure::Container(_), _) => return Err(fail("/data", structure.wrong_data())),
        (Structure::Text, data) => {
            let segments = read_segments(data).map_err(|(path, reason)| fail(&path, reason))?;
            let version = read_version(json.get("version"));
            Shape::Text(segments, version.map_err(|reason| fail("/version", reason))?)
        }
        (Structure::File, data) => {
            Shape::File(read_file(data).map_err(|reason| fail("/data", reason))?)
        }
    })
}

impl<'a> Parts<'a> {
    fn next(&mut self) -> Option<(Option<&'a SmallStr>, Source<'a>)> {
        Some(match self {
            Self::PlainEntries(rest) => {
                rest.next().map(|(key, value)| (Some(key), Source::Plain(value)))?
            }
            Self::LiveEntries(rest) => {
                rest.next().map(|(key, value)| (Some(key), Source::Live(value)))?
            }
            Self::LsonEntries(rest) => {
                rest.next().map(|(key, value)| (Some(key), Source::Lson(value)))?
            }
            Self::PlainItems(rest) => (None, Source::Plain(rest.next()?)),
            Self::LiveItems(rest) => (None, Source::Live(rest.next()?)),
            Self::LsonItems(rest) => (None, Source::Lson(rest.next()?)),
        })
    }
}

/// Where the value at hand is in the input.
fn path<N>(open: &[Level<'_, N>]) -> String {
    let mut path = String::new();
    for level in open {
        if matches!(level.parts, Parts::PlainEntries(_) | Parts::PlainItems(_)) {
            path.push_str("/data");
        }
        match level.key {
            Some(key) => push_key(&mut path, key),
            None => push_index(&mut path, level.begun.saturating_sub(1)),
        }
    }
    path
}
