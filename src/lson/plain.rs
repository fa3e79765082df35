//! Moving LSON into whatever is being built: the [`Sink`], and where a value goes in it.
//!
//! The same events come from bytes (`stream`) and from values in memory (`feed`), in the order
//! in which a document numbers its nodes: depth first, parents before children, entries as they
//! stand. Nothing here recurses or builds a tree in between.

use super::feed::{self, Source};
use super::{Lson, LsonError, LsonReason, stream, unique};
use crate::{FileMeta, Json, ReadLimits, Segment, SmallStr};

/// Where in its parent a value goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place<'a> {
    /// At this key of an object or map. A key may come again; the later value replaces the earlier.
    Key(&'a SmallStr),
    /// At the end of a list.
    Item,
}

/// The live structures that have children.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Container {
    Object,
    Map,
    List,
}

/// Why a sink does not take a value, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SinkError(pub(crate) String);

/// What is built from LSON.
pub(crate) trait Sink {
    /// How the sink names its containers.
    type Node: Copy;

    /// The root, which is a LiveObject.
    fn root(&mut self) -> Self::Node;

    /// A JSON leaf.
    fn json(&mut self, parent: Self::Node, place: Place<'_>, value: Json) -> Result<(), SinkError>;

    /// A container begins; what is in it follows.
    fn open(
        &mut self,
        parent: Self::Node,
        place: Place<'_>,
        container: Container,
    ) -> Result<Self::Node, SinkError>;

    /// A LiveText.
    fn text(
        &mut self,
        parent: Self::Node,
        place: Place<'_>,
        segments: Vec<Segment>,
        version: u64,
    ) -> Result<(), SinkError>;

    /// A LiveFile.
    fn file(
        &mut self,
        parent: Self::Node,
        place: Place<'_>,
        file: FileMeta,
    ) -> Result<(), SinkError>;

    /// All that is in a container has come; also told of the root.
    fn close(&mut self, _node: Self::Node) -> Result<(), SinkError> {
        Ok(())
    }
}

/// What the outermost value becomes.
pub(super) enum Start<'a, N> {
    /// The root, so it must be a LiveObject.
    Root,
    /// A child.
    At(N, Place<'a>),
}

/// Reads a whole document from plain LSON.
pub(crate) fn read_plain_lson<S: Sink>(
    bytes: &[u8],
    limits: ReadLimits,
    sink: &mut S,
) -> Result<(), LsonError> {
    stream::read(bytes, stream::Notation::Plain, limits, sink, &Start::Root)
}

/// Reads a whole document from JSON, made live throughout.
pub(crate) fn read_live_json<S: Sink>(
    bytes: &[u8],
    limits: ReadLimits,
    sink: &mut S,
) -> Result<(), LsonError> {
    stream::read(bytes, stream::Notation::Live, limits, sink, &Start::Root)
}

/// A whole document from plain LSON that was read as JSON.
#[cfg(test)]
pub(crate) fn feed_plain<S: Sink>(
    json: &Json,
    limits: ReadLimits,
    sink: &mut S,
) -> Result<(), LsonError> {
    feed::feed(Source::Plain(json), limits.depth(), sink, &Start::Root)
}

/// A whole document from JSON, made live throughout.
#[cfg(test)]
pub(crate) fn feed_live<S: Sink>(
    json: &Json,
    limits: ReadLimits,
    sink: &mut S,
) -> Result<(), LsonError> {
    feed::feed(Source::Live(json), limits.depth(), sink, &Start::Root)
}

/// A whole document from a LiveObject.
pub(crate) fn feed_lson<S: Sink>(
    lson: &Lson,
    limits: ReadLimits,
    sink: &mut S,
) -> Result<(), LsonError> {
    feed::feed(Source::Lson(lson), limits.depth(), sink, &Start::Root)
}

/// One value, of any kind, into a parent; it may be nested `levels` deep.
#[cfg(test)]
pub(crate) fn feed_at<S: Sink>(
    source: Source<'_>,
    levels: usize,
    sink: &mut S,
    parent: S::Node,
    place: Place<'_>,
) -> Result<(), LsonError> {
    feed::feed(source, levels, sink, &Start::At(parent, place))
}

/// Builds an [`Lson`] from memory.
pub(super) fn collect(source: Source<'_>, levels: usize) -> Result<Lson, LsonError> {
    let mut collector = Collector::default();
    feed::feed(source, levels, &mut collector, &Start::At((), Place::Item))?;
    Ok(collector.done)
}

/// Builds an [`Lson`] from the bytes of plain LSON.
pub(super) fn collect_bytes(bytes: &[u8], limits: ReadLimits) -> Result<Lson, LsonError> {
    let mut collector = Collector::default();
    let start = Start::At((), Place::Item);
    stream::read(bytes, stream::Notation::Plain, limits, &mut collector, &start)?;
    Ok(collector.done)
}

/// A sink that makes one [`Lson`].
#[derive(Default)]
struct Collector {
    open: Vec<Partial>,
    done: Lson,
}

struct Partial {
    key: Option<SmallStr>,
    container: Container,
    entries: Vec<(SmallStr, Lson)>,
    items: Vec<Lson>,
}

impl Collector {
    #[expect(clippy::unnecessary_wraps, reason = "what a sink's methods return")]
    fn put(&mut self, key: Option<SmallStr>, value: Lson) -> Result<(), SinkError> {
        match (self.open.last_mut(), key) {
            (None, _) => self.done = value,
            (Some(parent), Some(key)) => parent.entries.push((key, value)),
            (Some(parent), None) => parent.items.push(value),
        }
        Ok(())
    }
}

impl Place<'_> {
    fn key(self) -> Option<SmallStr> {
        match self {
            Self::Key(key) => Some(key.clone()),
            Self::Item => None,
        }
    }
}

impl Sink for Collector {
    type Node = ();

    fn root(&mut self) {}

    fn json(&mut self, (): (), place: Place<'_>, value: Json) -> Result<(), SinkError> {
        self.put(place.key(), Lson::Json(value))
    }

    fn open(&mut self, (): (), place: Place<'_>, container: Container) -> Result<(), SinkError> {
        let (entries, items) = (Vec::new(), Vec::new());
        self.open.push(Partial { key: place.key(), container, entries, items });
        Ok(())
    }

    fn text(
        &mut self,
        (): (),
        place: Place<'_>,
        segments: Vec<Segment>,
        version: u64,
    ) -> Result<(), SinkError> {
        self.put(place.key(), Lson::Text { segments, version })
    }

    fn file(&mut self, (): (), place: Place<'_>, file: FileMeta) -> Result<(), SinkError> {
        self.put(place.key(), Lson::File(file))
    }

    fn close(&mut self, (): ()) -> Result<(), SinkError> {
        let Some(Partial { key, container, entries, items }) = self.open.pop() else {
            return Ok(());
        };
        let value = match container {
            Container::Object => Lson::Object(unique(entries)),
            Container::Map => Lson::Map(unique(entries)),
            Container::List => Lson::List(items),
        };
        self.put(key, value)
    }
}

/// The five values of `liveblocksType`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Structure {
    Container(Container),
    Text,
    File,
}

impl Structure {
    /// What a `liveblocksType` names.
    pub(super) fn from_json(json: &Json) -> Result<Self, LsonReason> {
        Ok(match json.as_str() {
            Some("LiveObject") => Self::Container(Container::Object),
            Some("LiveMap") => Self::Container(Container::Map),
            Some("LiveList") => Self::Container(Container::List),
            Some("LiveText") => Self::Text,
            Some("LiveFile") => Self::File,
            _ => return Err(LsonReason::UnknownType { found: shortened(json) }),
        })
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Container(Container::Object) => "LiveObject",
            Self::Container(Container::Map) => "LiveMap",
            Self::Container(Container::List) => "LiveList",
            Self::Text => "LiveText",
            Self::File => "LiveFile",
        }
    }

    /// The complaint that its data is missing.
    pub(super) fn missing_data(self) -> LsonReason {
        LsonReason::MissingData { structure: self.name() }
    }

    /// The complaint that its data is of the wrong kind.
    pub(super) fn wrong_data(self) -> LsonReason {
        let wanted = match self {
            Self::Container(Container::List) => "an array",
            Self::Text => "an array of segments",
            _ => "an object",
        };
        LsonReason::WrongData { structure: self.name(), wanted }
    }
}

/// A value in a message: long ones are cut.
fn shortened(json: &Json) -> String {
    let text = match json {
        Json::Array(_) => return "[...]".to_owned(),
        Json::Object(_) => return "{...}".to_owned(),
        scalar => scalar.to_string(),
    };
    if text.chars().count() <= 40 { text } else { text.chars().take(40).chain(['…']).collect() }
}

/// The `data` of a LiveText; the error begins with the path of what is wrong.
pub(super) fn read_segments(data: &Json) -> Result<Vec<Segment>, (String, LsonReason)> {
    let Some(items) = data.as_array() else {
        return Err(("/data".to_owned(), Structure::Text.wrong_data()));
    };
    let segment = |(index, item)| {
        Segment::from_json(item)
            .map_err(|error| (format!("/data/{index}"), LsonReason::Text(error)))
    };
    items.iter().enumerate().map(segment).collect()
}

/// The `version` of a LiveText.
pub(super) fn read_version(version: Option<&Json>) -> Result<u64, LsonReason> {
    version.map_or(Some(0), Json::as_u53).ok_or(LsonReason::Text(VERSION))
}

const VERSION: &str = "a text's version must be an integer from 0 to 2^53 - 1";

/// The `data` of a LiveFile.
pub(super) fn read_file(data: &Json) -> Result<FileMeta, LsonReason> {
    if data.as_object().is_none() {
        return Err(Structure::File.wrong_data());
    }
    FileMeta::from_json(data).map_err(LsonReason::File)
}
