//! From bytes to a [`Sink`], with no tree in between.
//!
//! In plain LSON `{"liveblocksType", "data"}` in this order is streamed as it comes. In any other
//! order an object's nature shows only when all its keys have been seen, and its data may be
//! large; then [`Jumps`] tells where values end, so that the reader can look ahead and come back.
//! That costs two more passes over such an object, once, however deeply they are nested.

use super::error::{LsonError, LsonReason};
use super::feed::refused;
use super::plain::{
    Container, Place, Sink, SinkError, Start, Structure, read_file, read_segments, read_version,
};
use crate::json::error::{push_index, push_key};
use crate::json::read::{Kind, Reader};
use crate::json::scan::find_special;
use crate::{Json, JsonError, ReadLimits, SmallStr};

/// How the bytes are to be understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Notation {
    /// Plain LSON: objects with `liveblocksType` are live structures, the rest is JSON.
    Plain,
    /// JSON to be made live throughout.
    Live,
}

const TYPE: &str = "liveblocksType";
const DATA: &str = "data";
const VERSION: &str = "version";

type Result<T> = std::result::Result<T, LsonError>;

/// Tells a sink of the value that the bytes hold, which must be all they hold.
pub(super) fn read<S: Sink>(
    bytes: &[u8],
    notation: Notation,
    limits: ReadLimits,
    sink: &mut S,
    start: &Start<'_, S::Node>,
) -> Result<()> {
    let reader = Reader::new(bytes, limits);
    let jumps = Jumps::default();
    let mut stream = Stream {
        bytes,
        reader,
        notation,
        limit: limits.depth(),
        sink,
        start,
        open: Vec::new(),
        jumps,
    };
    stream.run().map_err(|error| error.under(&stream.path()))
}

struct Stream<'a, S: Sink> {
    bytes: &'a [u8],
    reader: Reader<'a>,
    notation: Notation,
    limit: usize,
    sink: &'a mut S,
    start: &'a Start<'a, S::Node>,
    open: Vec<Level<S::Node>>,
    jumps: Jumps,
}

/// A container whose parts are being read.
struct Level<N> {
    node: N,
    list: bool,
    outside: Outside,
    part: Part,
    /// The part's key, if it has one.
    key: SmallStr,
    /// The number of items before it, in a list.
    index: usize,
}

/// The part of a container at hand, for its place and for the path of errors.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    /// The container itself.
    None,
    /// An entry or an item.
    Inside,
    /// The members after `data`.
    Outside,
}

/// What is around a container's entries or items.
#[derive(Clone, Copy)]
enum Outside {
    /// Nothing: JSON made live.
    Nothing,
    /// An object that goes on after `data`.
    Rest,
    /// An object that has been read already, up to here.
    Done { end: usize },
}

impl<S: Sink> Stream<'_, S> {
    /// Enough for segments with attributes, whatever the limit.
    const MEMBER_LEVELS: usize = 3;

    fn run(&mut self) -> Result<()> {
        self.value()?;
        while let Some(level) = self.open.last_mut() {
            let more = if level.list {
                level.index += usize::from(level.part == Part::Inside);
                level.part = Part::None;
                self.reader.next_item()?
            } else {
                level.part = Part::None;
                self.reader.next_key_into(&mut level.key)?
            };
            if more {
                level.part = Part::Inside;
                self.value()?;
            } else {
                level.part = Part::Outside;
                let (node, outside) = (level.node, level.outside);
                match outside {
                    Outside::Nothing => {}
                    Outside::Rest => {
                        self.rest()?;
                    }
                    Outside::Done { end } => self.reader.seek(end),
                }
                self.sink.close(node).map_err(refused)?;
                self.open.pop();
            }
        }
        Ok(self.reader.end()?)
    }

    /// One value; of a container only its beginning.
    fn value(&mut self) -> Result<()> {
        match (self.reader.peek_kind()?, self.notation) {
            (Kind::Object, Notation::Plain) => self.object(),
            (Kind::Object, Notation::Live) => {
                self.enter(Container::Object, Outside::Nothing)?;
                Ok(self.reader.begin_object()?)
            }
            (Kind::Array, Notation::Live) => {
                self.enter(Container::List, Outside::Nothing)?;
                Ok(self.reader.begin_array()?)
            }
            (Kind::Scalar, _) | (Kind::Array, Notation::Plain) => self.leaf(),
        }
    }

    /// The JSON value at the cursor, as it is.
    fn leaf(&mut self) -> Result<()> {
        let json = self.reader.value_within(self.levels_left())?;
        self.put(|sink, parent, place| sink.json(parent, place, json))
    }

    /// An object of plain LSON at the cursor: JSON, or a live structure.
    fn object(&mut self) -> Result<()> {
        let start = self.reader.offset();
        self.reader.begin_object()?;
        match self.reader.next_key()?.as_deref() {
            Some(TYPE) => {
                let structure = self.structure()?;
                match self.reader.next_key()?.as_deref() {
                    Some(DATA) => self.data(structure, Outside::Rest, 0),
                    Some(_) => self.object_in_any_order(start),
                    None => Err(self.fail("", structure.missing_data())),
                }
            }
            Some(DATA) => self.object_in_any_order(start),
            Some(_) if self.jumps.covers(start) => self.object_in_any_order(start),
            _ => {
                // Most likely JSON, so read it as such.
                self.reader.seek(start);
                match self.reader.value_within(self.levels_left()) {
                    Ok(json) if json.get(TYPE).is_none() => {
                        self.put(|sink, parent, place| sink.json(parent, place, json))
                    }
                    // A live structure's own members do not count as a level, so it may still do.
                    Err(error) if !error.is_too_deep() => Err(error.into()),
                    _ => self.object_in_any_order(start),
                }
            }
        }
    }

    /// The same, with its keys in any order.
    fn object_in_any_order(&mut self, start: usize) -> Result<()> {
        self.reader.seek(start);
        if !self.jumps.covers(start) {
            match Jumps::find(self.bytes, start) {
                Some(jumps) => self.jumps = jumps,
                // It has no end or is nested absurdly; the reader says which.
                None => return self.leaf(),
            }
        }
        let mut structure = None;
        let mut data = None;
        let mut version = None;
        let mut twice = None;
        self.reader.begin_object()?;
        while let Some(key) = self.reader.next_key()? {
            match &*key {
                TYPE => {
                    twice = twice.or(structure.is_some().then_some(TYPE));
                    structure = Some(self.member(TYPE)?);
                }
                DATA => {
                    twice = twice.or(data.is_some().then_some(DATA));
                    let kind = self.reader.peek_kind().map_err(|error| error.under("/data"))?;
                    let at = self.reader.offset();
                    data = Some(at);
                    match self.jumps.end_of(at) {
                        Some(end) if kind != Kind::Scalar => self.reader.seek(end),
                        _ => drop(self.member(DATA)?),
                    }
                }
                VERSION => {
                    twice = twice.or(version.is_some().then_some(VERSION));
                    version = Some(self.member(VERSION)?);
                }
                key => drop(self.member(key)?),
            }
        }
        let end = self.reader.offset();
        let Some(found) = structure else {
            self.reader.seek(start);
            return self.leaf();
        };
        if let Some(member) = twice {
            return Err(self.fail("", LsonReason::Twice { member }));
        }
        let structure =
            Structure::from_json(&found).map_err(|reason| self.fail("/liveblocksType", reason))?;
        let Some(data) = data else { return Err(self.fail("", structure.missing_data())) };
        let version = match structure {
            Structure::Text => {
                read_version(version.as_ref()).map_err(|reason| self.fail("/version", reason))?
            }
            _ => 0,
        };
        self.reader.seek(data);
        self.data(structure, Outside::Done { end }, version)
    }

    /// The `liveblocksType` at the cursor.
    fn structure(&mut self) -> Result<Structure> {
        let found = self.member(TYPE)?;
        Structure::from_json(&found).map_err(|reason| self.fail("/liveblocksType", reason))
    }

    /// The `data` at the cursor; of a container only its beginning.
    fn data(&mut self, structure: Structure, outside: Outside, version: u64) -> Result<()> {
        let kind = self.reader.peek_kind().map_err(|error| error.under("/data"))?;
        let container = match (structure, kind) {
            (Structure::Container(Container::List), Kind::Array) => {
                self.enter(Container::List, outside)?;
                return Ok(self.reader.begin_array()?);
            }
            (
                Structure::Container(container @ (Container::Object | Container::Map)),
                Kind::Object,
            ) => container,
            (Structure::Text, Kind::Array) => return self.text(outside, version),
            (Structure::File, Kind::Object) => return self.file(outside),
            _ => return Err(self.fail("/data", structure.wrong_data())),
        };
        self.enter(container, outside)?;
        Ok(self.reader.begin_object()?)
    }

    fn text(&mut self, outside: Outside, mut version: u64) -> Result<()> {
        self.check_depth()?;
        let data = self.member(DATA)?;
        let segments = read_segments(&data).map_err(|(path, reason)| self.fail(&path, reason))?;
        match outside {
            Outside::Rest => {
                let found = self.rest()?;
                version =
                    read_version(found.as_ref()).map_err(|reason| self.fail("/version", reason))?;
            }
            Outside::Done { end } => self.reader.seek(end),
            Outside::Nothing => {}
        }
        self.put(|sink, parent, place| sink.text(parent, place, segments, version))
    }

    fn file(&mut self, outside: Outside) -> Result<()> {
        self.check_depth()?;
        let data = self.member(DATA)?;
        let file = read_file(&data).map_err(|reason| self.fail("/data", reason))?;
        match outside {
            Outside::Rest => drop(self.rest()?),
            Outside::Done { end } => self.reader.seek(end),
            Outside::Nothing => {}
        }
        self.put(|sink, parent, place| sink.file(parent, place, file))
    }

    /// The members of a live structure that follow its `data`: a version perhaps, and what is
    /// unknown, which is passed over.
    fn rest(&mut self) -> Result<Option<Json>> {
        let mut version = None;
        while let Some(key) = self.reader.next_key()? {
            let member = match &*key {
                TYPE => TYPE,
                DATA => DATA,
                VERSION if version.is_some() => VERSION,
                VERSION => {
                    version = Some(self.member(VERSION)?);
                    continue;
                }
                key => {
                    self.member(key)?;
                    continue;
                }
            };
            return Err(self.fail("", LsonReason::Twice { member }));
        }
        Ok(version)
    }

    /// The value of a member of the object at hand.
    fn member(&mut self, key: &str) -> std::result::Result<Json, JsonError> {
        let levels = self.limit.max(Self::MEMBER_LEVELS);
        self.reader.value_within(levels).map_err(|error| {
            let mut path = String::new();
            push_key(&mut path, key);
            error.under(&path)
        })
    }

    /// Tells the sink that a container begins.
    fn enter(&mut self, container: Container, outside: Outside) -> Result<()> {
        self.check_depth()?;
        let node = match (self.start, container) {
            (Start::Root, Container::Object) if self.open.is_empty() => self.sink.root(),
            _ => self.put(|sink, parent, place| sink.open(parent, place, container))?,
        };
        let list = container == Container::List;
        let (part, key) = (Part::None, SmallStr::EMPTY);
        self.open.push(Level { node, list, outside, part, key, index: 0 });
        Ok(())
    }

    /// Has the sink put something into the container at hand.
    fn put<T>(
        &mut self,
        put: impl FnOnce(&mut S, S::Node, Place<'_>) -> std::result::Result<T, SinkError>,
    ) -> Result<T> {
        let (parent, place) = match (self.open.last(), self.start) {
            (Some(level), _) if level.list => (level.node, Place::Item),
            (Some(level), _) => (level.node, Place::Key(&level.key)),
            (None, Start::At(parent, place)) => (*parent, *place),
            (None, Start::Root) => return Err(self.fail("", LsonReason::RootNotObject)),
        };
        put(self.sink, parent, place).map_err(refused)
    }

    /// How deep the value at hand may be nested in itself.
    fn levels_left(&self) -> usize {
        self.limit.saturating_sub(self.open.len())
    }

    /// A live structure counts as one level.
    fn check_depth(&self) -> Result<()> {
        if self.levels_left() == 0 { Err(self.reader.too_deep().into()) } else { Ok(()) }
    }

    #[cold]
    fn fail(&self, path: &str, reason: LsonReason) -> LsonError {
        LsonError::new(Some(self.reader.offset()), reason).under(path)
    }

    /// Where the value at hand is in the input.
    fn path(&self) -> String {
        let mut path = String::new();
        for level in &self.open {
            let wrapped = !matches!(level.outside, Outside::Nothing);
            if wrapped && !matches!(level.part, Part::Outside) {
                path.push_str("/data");
            }
            match level.part {
                Part::Inside if level.list => push_index(&mut path, level.index),
                Part::Inside => push_key(&mut path, &level.key),
                Part::None | Part::Outside => {}
            }
        }
        path
    }
}

/// Where the arrays and objects inside a stretch of JSON end.
#[derive(Default)]
struct Jumps {
    /// Start and end, by start.
    ends: Vec<(usize, usize)>,
}

impl Jumps {
    /// Deeper than any text that can be read: two levels for each live structure, and a leaf.
    const DEEPEST: usize = 3 * ReadLimits::DEEPEST;

    /// Looks for the brackets of the value that starts at `start`. Only strings and brackets are
    /// looked at; whatever else may be wrong shows when the values are read.
    fn find(bytes: &[u8], start: usize) -> Option<Self> {
        let mut ends = Vec::new();
        let mut open = Vec::new();
        let mut at = start;
        loop {
            match bytes.get(at)? {
                b'{' | b'[' => {
                    if open.len() >= Self::DEEPEST {
                        return None;
                    }
                    open.push(ends.len());
                    ends.push((at, at));
                }
                b'}' | b']' => {
                    ends.get_mut(open.pop()?)?.1 = at + 1;
                    if open.is_empty() {
                        return Some(Self { ends });
                    }
                }
                b'"' => {
                    at = find_special(bytes, at + 1);
                    while bytes.get(at) == Some(&b'\\') {
                        at = find_special(bytes, at + 2);
                    }
                    // Anything but a quote is an error, which the reader finds.
                    if bytes.get(at) != Some(&b'"') {
                        return None;
                    }
                }
                _ => {}
            }
            at += 1;
        }
    }

    fn covers(&self, at: usize) -> bool {
        self.ends.first().is_some_and(|&(start, end)| (start..end).contains(&at))
    }

    fn end_of(&self, start: usize) -> Option<usize> {
        let found = self.ends.binary_search_by_key(&start, |&(start, _)| start).ok()?;
        self.ends.get(found).map(|&(_, end)| end)
    }
}
