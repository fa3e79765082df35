//! The checks, one function for each kind of vector.

use std::collections::BTreeMap;

use super::compare::{cut, same, show};
use super::{Kind, text};
use crate::json::read::Reader;
use crate::op::{Op, Sender};
use crate::{
    Actor, Document, IdSource, Json, Outcome, Position, ReadLimits, SerializedNode, SmallStr,
};

/// One check: it holds, or what is wrong.
pub(super) type Check = Result<(), String>;

/// The checks of a vector, or why it is no vector.
pub(super) type Results = Result<Vec<Check>, String>;

/// What is remembered from one line to the next.
#[derive(Default)]
pub(super) struct Checks {
    /// The document of the server stream at hand.
    server: Option<Document>,
}

impl Checks {
    /// Runs one vector, read from `bytes`, which still have the order of keys.
    pub(super) fn run(&mut self, kind: Kind, bytes: &[u8], json: &Json) -> Results {
        match kind {
            Kind::Position => position(json),
            Kind::Server => self.server(json),
            Kind::Load => load(json),
            Kind::Lson => lson(bytes, json),
            Kind::LsonInvalid => lson_invalid(json),
            Kind::Compact => compact(json),
            Kind::Text => text::check(json),
            Kind::Diff => diff(json),
            Kind::Patch => patch(bytes, json),
        }
    }

    /// One line of a stream: its beginning, a batch of ops, or the final state.
    fn server(&mut self, json: &Json) -> Results {
        if let Some(init) = json.get("init") {
            let (document, report) = document(init)?;
            self.server = Some(document);
            let clean = if report { Ok(()) } else { Err("the first nodes were repaired".into()) };
            return Ok(vec![clean]);
        }
        let document = self.server.as_mut().ok_or("no stream has begun, or it broke off")?;
        if json.get("ops").is_none() {
            let mut results = exports(document, json)?;
            results.push(document.check());
            return Ok(results);
        }
        let (ops, expected) = (array(json, "ops")?, array(json, "results")?);
        if ops.len() != expected.len() {
            return Err("there must be one result for each op".to_owned());
        }
        let apply = |(op, expected): (&Json, &Json)| {
            let result = match Op::from_json(op, Sender::Client) {
                Ok(Some(op)) => outcome(&op, document.apply(&op)),
                Ok(None) => return Err(format!("no op: {}", show(Some(op)))),
                Err(error) => return Err(format!("{error}: {}", show(Some(op)))),
            };
            same("result", expected, &result)
                .map_err(|what| format!("{what}; op {}", show(Some(op))))
        };
        Ok(ops.iter().zip(expected).map(apply).collect())
    }
}

/// An outcome as the vectors have it.
fn outcome(op: &Op, outcome: Outcome) -> Json {
    let op_id = || Json::from(op.op_id.as_ref().map(ToString::to_string));
    let field = |name: &str, value: Json| (SmallStr::from(name), value);
    let mut fields = Vec::new();
    let fix = match outcome {
        Outcome::Accepted { corrected, fix } => {
            fields.push(field("action", "accepted".into()));
            fields.push(field("op", corrected.as_deref().unwrap_or(op).to_json()));
            fix
        }
        Outcome::Ignored => {
            fields.push(field("action", "ignored".into()));
            fields.push(field("ignoredOpId", op_id()));
            None
        }
        Outcome::Rectified { op, fix } => {
            fields.push(field("action", "rectified".into()));
            fields.push(field("ackOp", op.to_json()));
            fix
        }
        Outcome::Rejected(rejection) => {
            fields.push(field("action", "rejected".into()));
            fields.push(field("opIds", Json::array([op_id()])));
            fields.push(field("reason", rejection.to_string().into()));
            None
        }
    };
    fields.extend(fix.map(|fix| field("fix", fix.to_json())));
    Json::object(fields)
}

/// Nodes, plain LSON and JSON of a document, as far as they are given.
fn exports(document: &Document, expected: &Json) -> Results {
    let mut results = vec![same_nodes(array(expected, "nodes")?, document)?];
    let plain = expected.get("plain_lson_out").or_else(|| expected.get("plain_lson"));
    if let Some(plain) = plain {
        results.push(same("plain_lson", plain, &parse(&document.to_plain_lson())?));
    }
    if let Some(json) = expected.get("json") {
        let written = parse(&document.to_json_text())?;
        let both = same("json", json, &written);
        results.push(both.and_then(|()| same("json", json, &document.to_json())));
    }
    Ok(results)
}

fn load(json: &Json) -> Results {
    let (document, _) = document(field(json, "init")?)?;
    let nodes = array(json, "nodes")?;
    Ok(vec![same_nodes(nodes, &document)?.and_then(|()| document.check())])
}

fn lson(bytes: &[u8], json: &Json) -> Results {
    let plain = value_of(bytes, "plain_lson")?;
    let imported = match Document::from_plain_lson(plain) {
        Ok(document) => exports(&document, json)?,
        Err(error) => vec![Err(format!("plain_lson is refused: {error}"))],
    };
    let mut results = imported;
    let (document, clean) = document(field(json, "nodes")?)?;
    if clean {
        results.extend(exports(&document, json)?);
    } else {
        results.push(Err("the nodes were repaired".to_owned()));
    }
    Ok(results)
}

fn lson_invalid(json: &Json) -> Results {
    let entries = json.as_array().unwrap_or(std::slice::from_ref(json));
    entries.iter().map(lson_invalid_entry).collect::<Result<_, _>>()
}

fn lson_invalid_entry(entry: &Json) -> Result<Check, String> {
    let name = show(entry.get("name"));
    let input = field(entry, "input")?;
    let read = Document::from_plain_lson(&input.to_vec());
    let refused = field(entry, "reference")?.get("throws").is_some();
    // What the reference is lenient about may be refused, but this key is as good as any.
    let legal = !refused && input.to_string().contains(r#""__proto__""#);
    Ok(match read {
        Ok(_) if refused => Err(format!("{name} is accepted")),
        Ok(document) if legal => same(&name, input, &parse(&document.to_plain_lson())?),
        Err(error) if legal => Err(format!("{name} is refused: {error}")),
        Ok(_) | Err(_) => Ok(()),
    })
}

fn compact(json: &Json) -> Results {
    let (nodes, tuples) = (array(json, "nodes")?, array(json, "compact")?);
    if nodes.len() != tuples.len() {
        return Err("there must be as many nodes as tuples".to_owned());
    }
    let check = |(expected_node, expected_tuple): (&Json, &Json)| {
        let node = SerializedNode::from_json(expected_node).map_err(|error| error.to_string())?;
        let from_tuple =
            SerializedNode::from_compact(expected_tuple).map_err(|error| error.to_string())?;
        same("tuple", expected_tuple, &node.to_compact())?;
        same("node", expected_node, &node.to_json())?;
        same("node of the tuple", expected_node, &from_tuple.to_json())
    };
    Ok(nodes.iter().zip(tuples).map(check).collect())
}

/// By effect: the ops may be others than the reference's.
fn diff(json: &Json) -> Results {
    let (prev, prev_clean) = document(field(json, "prev")?)?;
    let (next, next_clean) = document(field(json, "next")?)?;
    if !prev_clean || !next_clean {
        return Ok(vec![Err("prev or next was repaired".to_owned())]);
    }
    let ops = prev.diff(&next);
    let mut result = prev;
    apply_as_heard(&mut result, &ops)?;
    let described = |what: String| {
        format!("{what}; after {}", show(Some(&Json::array(ops.iter().map(Op::to_json)))))
    };
    let nodes = same_nodes(array(json, "next")?, &result)?;
    Ok(vec![nodes.and_then(|()| result.check()).map_err(described)])
}

/// Applies ops to another replica, by way of the wire.
fn apply_as_heard(document: &mut Document, ops: &[Op]) -> Check {
    for op in ops {
        let heard = Op::from_json(&op.to_json(), Sender::Server).map_err(|e| e.to_string())?;
        let _ = document.apply(&heard.ok_or("an op of unknown type")?);
    }
    Ok(())
}

/// The patch succeeds with this result, or fails and leaves no trace.
fn patch(bytes: &[u8], json: &Json) -> Results {
    let make_live = || Document::from_json(value_of(bytes, "doc")?).map_err(|e| e.to_string());
    let (mut document, mut copy) = (make_live()?, make_live()?);
    let before: serde_json::Value =
        serde_json::from_slice(value_of(bytes, "doc")?).map_err(|error| error.to_string())?;
    let patch = value_of(bytes, "patch")?;
    let described =
        |what: String| format!("{what}; patch {}", cut(&String::from_utf8_lossy(patch)));
    let mut ids = IdSource::new(Actor(1));
    let check = match (json.get("result"), document.patch_text(&mut ids, patch)) {
        (Some(expected), Ok(patched)) => {
            same("result", expected, &document.to_json()).and_then(|()| {
                // Others who hear of it come to the same document.
                apply_as_heard(&mut copy, &patched.ops)?;
                same("nodes by the ops", &nodes_by_id(&document), &nodes_by_id(&copy))?;
                let mut mirror = before;
                patched.changes.apply_to(&mut mirror).map_err(|error| error.to_string())?;
                same("mirror of the changes", expected, &Json::from(mirror))
            })
        }
        (Some(_), Err(error)) => Err(format!("the patch fails: {error}")),
        (None, Ok(_)) => Err(format!("the patch must fail, but gives {}", document.to_json())),
        (None, Err(_)) => same("nodes after failing", &nodes_by_id(&copy), &nodes_by_id(&document)),
    };
    Ok(vec![check.and_then(|()| document.check()).map_err(described)])
}

fn position(json: &Json) -> Results {
    let mut results = Vec::new();
    for triple in array(json, "make")?.iter().chain(array(json, "inserts")?) {
        let [lo, hi, expected] = items(triple)?;
        let (lo, hi) = (optional_position(lo)?, optional_position(hi)?);
        let made = Position::make(lo.as_ref(), hi.as_ref());
        results.push(same_position(&format!("make({lo:?}, {hi:?})"), expected, &made));
    }
    for pair in array(json, "as_pos")? {
        let [text, expected] = items(pair)?;
        let text = text.as_str().ok_or("as_pos needs strings")?;
        results.push(same_position(&format!("as_pos({text:?})"), expected, &Position::clamp(text)));
    }
    if json.get("between_equal").and_then(Json::as_str) == Some("throws") {
        for triple in array(json, "make")? {
            let [_, _, made] = items(triple)?;
            let equal = optional_position(made)?.ok_or("make gives a position")?;
            let refused = Position::between(&equal, &equal).is_err();
            let message = || format!("there is a position between {equal:?} and itself");
            results.push(if refused { Ok(()) } else { Err(message()) });
        }
    }
    chain("append_chain", json, Position::after, &mut results)?;
    chain("prepend_chain", json, Position::before, &mut results)?;
    Ok(results)
}

fn chain(
    name: &str,
    json: &Json,
    step: impl Fn(&Position) -> Position,
    results: &mut Vec<Check>,
) -> Result<(), String> {
    let chain = field(json, name)?;
    let number = |json: &Json| json.as_u53().ok_or("a number of steps must be an integer");
    let mut position = optional_position(field(chain, "start")?)?.ok_or("start is a position")?;
    let mut at = 0;
    for sample in array(chain, "samples")? {
        let [n, expected] = items(sample)?;
        let n = number(n)?;
        if n < at {
            return Err("the samples must be in order".to_owned());
        }
        for _ in at..n {
            position = step(&position);
        }
        at = n;
        results.push(same_position(&format!("{name} after {n} steps"), expected, &position));
    }
    Ok(())
}

fn same_position(what: &str, expected: &Json, got: &Position) -> Check {
    same(what, expected, &Json::from(got.as_str()))
}

fn optional_position(json: &Json) -> Result<Option<Position>, String> {
    match json {
        Json::Null => Ok(None),
        Json::String(text) => text.parse().map(Some).map_err(|_| format!("no position: {text:?}")),
        _ => Err("a position must be a string".to_owned()),
    }
}

fn items<const N: usize>(json: &Json) -> Result<&[Json; N], String> {
    let items = json.as_array().and_then(|items| items.try_into().ok());
    items.ok_or_else(|| format!("expected an array of {N}"))
}

pub(super) fn field<'a>(json: &'a Json, name: &str) -> Result<&'a Json, String> {
    json.get(name).ok_or_else(|| format!("{name} is missing"))
}

pub(super) fn array<'a>(json: &'a Json, name: &str) -> Result<&'a [Json], String> {
    field(json, name)?.as_array().ok_or_else(|| format!("{name} must be an array"))
}

/// A document made of nodes, and whether they needed no repair.
fn document(nodes: &Json) -> Result<(Document, bool), String> {
    let nodes = nodes.as_array().ok_or("nodes must be an array")?;
    let nodes: Result<Vec<_>, _> = nodes.iter().map(SerializedNode::from_json).collect();
    let nodes = nodes.map_err(|error| error.to_string())?;
    let (document, report) = Document::from_nodes(nodes).map_err(|error| error.to_string())?;
    Ok((document, report.is_clean()))
}

/// Compares sets of nodes, whatever their order.
fn same_nodes(expected: &[Json], document: &Document) -> Result<Check, String> {
    let mut by_id = BTreeMap::new();
    for node in expected {
        let [Json::String(id), node] = items(node)? else {
            return Err("a node must be [id, {…}]".to_owned());
        };
        if by_id.insert(id.clone(), node.clone()).is_some() {
            return Err(format!("node {id} is there twice"));
        }
    }
    Ok(same("nodes", &Json::object(by_id), &nodes_by_id(document)))
}

fn nodes_by_id(document: &Document) -> Json {
    Json::object(document.nodes().map(|node| {
        let id = SmallStr::from(node.id.to_string());
        let json = node.to_json();
        (id, json.as_array().and_then(|pair| pair.last()).cloned().unwrap_or_default())
    }))
}

pub(super) fn parse(bytes: &[u8]) -> Result<Json, String> {
    let limits = ReadLimits::default().max_depth(ReadLimits::DEEPEST);
    Json::from_slice_with(bytes, limits)
        .map_err(|error| format!("{error}: {}", cut(&String::from_utf8_lossy(bytes))))
}

/// The text of a field's value in the text of an object.
fn value_of<'a>(bytes: &'a [u8], name: &str) -> Result<&'a [u8], String> {
    let limits = ReadLimits::default().max_depth(ReadLimits::DEEPEST);
    let mut reader = Reader::new(bytes, limits);
    let mut find = || {
        reader.begin_object()?;
        while let Some(key) = reader.next_key()? {
            let start = reader.offset();
            reader.value()?;
            if key == name {
                return Ok(bytes.get(start..reader.offset()));
            }
        }
        Ok(None)
    };
    let found: Result<_, crate::JsonError> = find();
    found.map_err(|error| error.to_string())?.ok_or_else(|| format!("{name} is missing"))
}
