//! Reading a case: what is not understood is an error, so that nothing goes unchecked.

use crate::json::JsonObject;
use crate::{Json, Lson, SmallStr};

type Read<T> = Result<T, String>;

/// A scenario, as read.
#[derive(Clone, Debug)]
pub struct Case {
    pub name: String,
    pub(super) clients: usize,
    pub(super) document: Lson,
    pub(super) events: Vec<Event>,
    /// Whether a client receives single messages, not all that answers one message.
    pub(super) by_message: bool,
    pub(super) expect: Expect,
}

/// Something that happens to one client.
#[derive(Clone, Debug)]
pub(super) struct Event {
    pub(super) client: usize,
    pub(super) what: What,
}

#[derive(Clone, Debug)]
pub(super) enum What {
    /// One transaction.
    Edits(Vec<Edit>),
    Undo,
    Redo,
    Flush,
    Up,
    Down,
    Disconnect,
    Reconnect,
}

#[derive(Clone, Debug)]
pub(super) struct Edit {
    pub(super) path: Vec<Step>,
    pub(super) change: Change,
}

#[derive(Clone, Debug)]
pub(super) enum Step {
    Key(String),
    Index(usize),
}

#[derive(Clone, Debug)]
pub(super) enum Change {
    ObjectSet(SmallStr, Lson),
    ObjectUpdate(Vec<(SmallStr, Lson)>),
    ObjectDelete(SmallStr),
    MapSet(SmallStr, Lson),
    MapDelete(SmallStr),
    ListPush(Lson),
    ListInsert(usize, Lson),
    ListSet(usize, Lson),
    ListDelete(usize),
    ListMove(usize, usize),
    ListClear,
    TextInsert(usize, SmallStr, JsonObject),
    TextDelete(usize, usize),
    TextReplace(usize, usize, SmallStr),
    TextFormat(usize, usize, JsonObject),
}

/// What must hold.
#[derive(Clone, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "as many independent flags as the format has")]
pub(super) struct Expect {
    pub(super) converge: bool,
    pub(super) no_throw: bool,
    pub(super) synchronized: bool,
    pub(super) delta_fidelity: bool,
    pub(super) final_one_of: Option<Vec<Json>>,
    pub(super) never: Vec<Never>,
}

/// What a client must not show.
#[derive(Clone, Debug)]
pub(super) struct Never {
    pub(super) client: usize,
    pub(super) path: Vec<Step>,
    /// The first event after which it is checked.
    pub(super) from: usize,
    pub(super) is: Option<Json>,
    pub(super) contains: Option<Json>,
    pub(super) lacks: Option<Json>,
    pub(super) order: Option<(Json, Json)>,
}

impl Case {
    /// Reads a case.
    ///
    /// # Errors
    /// In words.
    pub fn from_json(json: &Json) -> Read<Self> {
        let clients = json.get("clients").and_then(index).ok_or("clients must be a number")?;
        let document = live(json.get("doc").ok_or("doc is missing")?)?;
        if !matches!(document, Lson::Object(_)) {
            return Err("doc must be an object: {\"$object\": …}".to_owned());
        }
        let events = list(json, "events")?.iter().enumerate();
        let events = events.map(|(number, event)| {
            Event::from_json(event, clients).map_err(|what| format!("event {number}: {what}"))
        });
        let events = events.collect::<Read<Vec<_>>>()?;
        let by_message = match json.get("granularity").map(Json::as_str) {
            None | Some(Some("packet")) => false,
            Some(Some("message")) => true,
            Some(_) => return Err("granularity must be packet or message".to_owned()),
        };
        let expect = json.get("expect").and_then(Json::as_object).ok_or("expect is missing")?;
        let expect = Expect::from_json(expect, &events, clients)?;
        let name = json.get("name").and_then(Json::as_str).unwrap_or_default().to_owned();
        Ok(Self { name, clients, document, events, by_message, expect })
    }
}

impl Event {
    fn from_json(json: &Json, clients: usize) -> Read<Self> {
        let client = client(json.get("c"), clients)?;
        let what = match json.get("t").and_then(Json::as_str).unwrap_or_default() {
            "edit" => What::Edits(vec![Edit::from_json(json)?]),
            "batch" => {
                let edits = list(json, "edits")?.iter().map(Edit::from_json);
                What::Edits(edits.collect::<Read<_>>()?)
            }
            "undo" => What::Undo,
            "redo" => What::Redo,
            "flush" => What::Flush,
            "up" => What::Up,
            "down" => What::Down,
            "disconnect" => What::Disconnect,
            "reconnect" => What::Reconnect,
            other => return Err(format!("there is no event {other:?}")),
        };
        Ok(Self { client, what })
    }

    /// Whether the client itself changes the document.
    fn is_edit(&self) -> bool {
        matches!(self.what, What::Edits(_) | What::Undo | What::Redo)
    }
}

impl Edit {
    fn from_json(json: &Json) -> Read<Self> {
        let name = json.get("op").and_then(Json::as_str).unwrap_or_default();
        let args = match json.get("args") {
            None => &[],
            Some(args) => args.as_array().ok_or("args must be an array")?,
        };
        let args = Args { name, args };
        let change = match name {
            "obj.set" => Change::ObjectSet(args.key(0)?, args.value(1)?),
            "obj.update" => Change::ObjectUpdate(entries(args.object(0)?)?),
            "obj.delete" => Change::ObjectDelete(args.key(0)?),
            "map.set" => Change::MapSet(args.key(0)?, args.value(1)?),
            "map.delete" => Change::MapDelete(args.key(0)?),
            "list.push" => Change::ListPush(args.value(0)?),
            "list.insert" => Change::ListInsert(args.index(0)?, args.value(1)?),
            "list.set" => Change::ListSet(args.index(0)?, args.value(1)?),
            "list.delete" => Change::ListDelete(args.index(0)?),
            "list.move" => Change::ListMove(args.index(0)?, args.index(1)?),
            "list.clear" => Change::ListClear,
            "text.insert" => {
                let attributes = match args.args.get(2) {
                    None | Some(Json::Null) => JsonObject::default(),
                    Some(_) => args.object(2)?.clone(),
                };
                Change::TextInsert(args.index(0)?, args.key(1)?, attributes)
            }
            "text.delete" => Change::TextDelete(args.index(0)?, args.index(1)?),
            "text.replace" => Change::TextReplace(args.index(0)?, args.index(1)?, args.key(2)?),
            "text.format" => {
                Change::TextFormat(args.index(0)?, args.index(1)?, args.object(2)?.clone())
            }
            other => return Err(format!("there is no edit {other:?}")),
        };
        Ok(Self { path: path(json)?, change })
    }
}

/// The arguments of an edit.
struct Args<'a> {
    name: &'a str,
    args: &'a [Json],
}

impl<'a> Args<'a> {
    fn get<T>(&self, number: usize, wanted: &str, read: impl Fn(&'a Json) -> Option<T>) -> Read<T> {
        let read = self.args.get(number).and_then(read);
        read.ok_or_else(|| format!("argument {number} of {} must be {wanted}", self.name))
    }

    fn key(&self, number: usize) -> Read<SmallStr> {
        self.get(number, "a string", Json::as_str).map(SmallStr::from)
    }

    fn index(&self, number: usize) -> Read<usize> {
        self.get(number, "a whole number", index)
    }

    fn object(&self, number: usize) -> Read<&'a JsonObject> {
        self.get(number, "an object", Json::as_object)
    }

    fn value(&self, number: usize) -> Read<Lson> {
        live(self.get(number, "a value", Some)?)
    }
}

impl Expect {
    fn from_json(json: &JsonObject, events: &[Event], clients: usize) -> Read<Self> {
        let mut expect = Self::default();
        for (key, value) in json.iter() {
            let flag = || value.as_bool().ok_or_else(|| format!("{key} must be true or false"));
            let items = || value.as_array().ok_or_else(|| format!("{key} must be an array"));
            match key.as_str() {
                "converge" => expect.converge = flag()?,
                "noThrow" => expect.no_throw = flag()?,
                "synchronized" => expect.synchronized = flag()?,
                "deltaFidelity" => expect.delta_fidelity = flag()?,
                "finalOneOf" => expect.final_one_of = Some(items()?.to_vec()),
                "never" => {
                    let never = items()?.iter().map(|json| Never::from_json(json, events, clients));
                    expect.never = never.collect::<Read<_>>()?;
                }
                other => return Err(format!("there is no expectation {other:?}")),
            }
        }
        Ok(expect)
    }
}

impl Never {
    fn from_json(json: &Json, events: &[Event], clients: usize) -> Read<Self> {
        let client = client(json.get("client"), clients)?;
        let is_own_edit = |event: &Event| event.client == client && event.is_edit();
        let from = match json.get("from").map(index) {
            Some(from) => from.ok_or("from must be the number of an event")?,
            None => events.iter().rposition(is_own_edit).map_or(0, |last| last + 1),
        };
        let order = match json.get("order") {
            None => None,
            Some(order) => match order.as_array() {
                Some([first, second]) => Some((first.clone(), second.clone())),
                _ => return Err("order must be two items".to_owned()),
            },
        };
        let never = Self {
            client,
            path: path(json)?,
            from,
            is: json.get("is").cloned(),
            contains: json.get("contains").cloned(),
            lacks: json.get("lacks").cloned(),
            order,
        };
        let known = ["client", "path", "from", "is", "contains", "lacks", "order"];
        let entries = json.as_object().ok_or("never must hold objects")?;
        if let Some((key, _)) = entries.iter().find(|(key, _)| !known.contains(&key.as_str())) {
            return Err(format!("never has no {key:?}"));
        }
        if never.is.is_none()
            && never.contains.is_none()
            && never.lacks.is_none()
            && never.order.is_none()
        {
            return Err("never must say what".to_owned());
        }
        Ok(never)
    }

    /// What is wrong with `document`, if anything.
    pub(super) fn violation(&self, document: &Json) -> Option<String> {
        let value = self.path.iter().try_fold(document, |value, step| match step {
            Step::Key(key) => value.get(key),
            Step::Index(index) => value.as_array()?.get(*index),
        });
        let items = value.and_then(Json::as_array).unwrap_or_default();
        let place = |item: &Json| items.iter().position(|other| other == item);
        // Nothing reads as null.
        let shown = value.cloned().unwrap_or_default();
        if self.is.as_ref() == Some(&shown) {
            return Some(format!("is {shown}"));
        }
        if let Some(item) = self.contains.as_ref().filter(|item| place(item).is_some()) {
            return Some(format!("is {shown}, which contains {item}"));
        }
        if let Some(item) = self.lacks.as_ref().filter(|item| place(item).is_none()) {
            return Some(format!("is {shown}, which lacks {item}"));
        }
        let (first, second) = self.order.as_ref()?;
        (place(first)? > place(second)?)
            .then(|| format!("is {shown}, where {first} is after {second}"))
    }

    /// Where it looks, as a person would write it.
    pub(super) fn place(&self) -> String {
        let steps = self.path.iter().map(|step| match step {
            Step::Key(key) => format!("/{key}"),
            Step::Index(index) => format!("/{index}"),
        });
        format!("client {} at {:?}", self.client, steps.collect::<String>())
    }
}

fn index(json: &Json) -> Option<usize> {
    usize::try_from(json.as_u53()?).ok()
}

fn client(json: Option<&Json>, clients: usize) -> Read<usize> {
    let client = json.and_then(index).filter(|client| *client < clients);
    client.ok_or_else(|| "there is no such client".to_owned())
}

fn list<'a>(json: &'a Json, key: &str) -> Read<&'a [Json]> {
    json.get(key).and_then(Json::as_array).ok_or_else(|| format!("{key} must be an array"))
}

fn path(json: &Json) -> Read<Vec<Step>> {
    let steps = list(json, "path")?.iter().map(|step| match step.as_str() {
        Some(key) => Ok(Step::Key(key.to_owned())),
        None => Ok(Step::Index(index(step).ok_or("a path has strings and whole numbers")?)),
    });
    steps.collect()
}

/// A value: JSON, or a live structure `{"$object" | "$map" | "$list" | "$text": …}`.
fn live(json: &Json) -> Read<Lson> {
    let wrapped = json.as_object().filter(|object| object.len() == 1);
    let Some((key, inner)) = wrapped.and_then(|object| object.iter().next()) else {
        return Ok(Lson::Json(json.clone()));
    };
    let object = || inner.as_object().ok_or_else(|| format!("{key} must hold an object"));
    match key.as_str() {
        "$object" => Ok(Lson::Object(entries(object()?)?)),
        "$map" => Ok(Lson::Map(entries(object()?)?)),
        "$list" => {
            let items = inner.as_array().ok_or("$list must hold an array")?;
            Ok(Lson::List(items.iter().map(live).collect::<Read<_>>()?))
        }
        "$text" => Ok(Lson::text(inner.as_str().ok_or("$text must hold a string")?)),
        other if other.starts_with('$') => Err(format!("there is no structure {other:?}")),
        _ => Ok(Lson::Json(json.clone())),
    }
}

fn entries(object: &JsonObject) -> Read<Vec<(SmallStr, Lson)>> {
    object.iter().map(|(key, value)| Ok((key.clone(), live(value)?))).collect()
}
