//! A JSON Patch does what it does to plain JSON, or nothing at all.

use arbitrary::{Arbitrary, Unstructured};
use json_patch::jsonptr::PointerBuf;
use json_patch::{
    AddOperation, CopyOperation, MoveOperation, PatchOperation, RemoveOperation, ReplaceOperation,
    TestOperation,
};
use serde_json::Value;

use super::ops::round_trips;
use super::words::{Key, Leaf};
use crate::json::error::{push_index, push_key};
use crate::node::SerializedNode;
use crate::{Actor, Document, IdSource, Json};

#[derive(Arbitrary, Debug)]
struct Script {
    document: Vec<(Key, Tree)>,
    patches: Vec<Vec<Operation>>,
}

#[derive(Arbitrary, Debug)]
enum Tree {
    Leaf(Leaf),
    Array(Vec<Tree>),
    Object(Vec<(Key, Tree)>),
}

#[derive(Arbitrary, Debug)]
enum Operation {
    Test(Target),
    TestValue(Target, Leaf),
    Add(Target, Tree),
    Replace(Target, Tree),
    Remove(Target),
    Move(Target, Target),
    Copy(Target, Target),
}

/// A place: down through what is there, then perhaps on to what is not.
#[derive(Arbitrary, Debug)]
struct Target {
    down: Vec<u8>,
    on: Option<Token>,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Token {
    Key(Key),
    Index(u8),
    End,
    LeadingZero,
}

impl Tree {
    fn value(&self, depth: usize) -> Value {
        match self {
            Self::Leaf(leaf) => Value::from(&leaf.json()),
            _ if depth > 20 => Value::Null,
            Self::Array(items) => items.iter().map(|item| item.value(depth + 1)).collect(),
            Self::Object(entries) => object(entries, depth + 1),
        }
    }
}

fn object(entries: &[(Key, Tree)], depth: usize) -> Value {
    let entries = entries.iter().take(8);
    entries.map(|(key, tree)| (key.text().to_string(), tree.value(depth))).collect()
}

impl Target {
    /// The pointer, in a document that looks like this.
    fn pointer(&self, mut json: &Value) -> String {
        let mut pointer = String::new();
        for step in &self.down {
            let step = usize::from(*step);
            match json {
                Value::Array(items) if !items.is_empty() => {
                    push_index(&mut pointer, step % items.len());
                    json = &items[step % items.len()];
                }
                Value::Object(entries) if !entries.is_empty() => {
                    let (key, value) = entries.iter().nth(step % entries.len()).unwrap();
                    push_key(&mut pointer, key);
                    json = value;
                }
                _ => break,
            }
        }
        if let Some(token) = self.on {
            let token = match token {
                Token::Key(key) => key.text().to_string(),
                Token::Index(index) => (index % 6).to_string(),
                Token::End => "-".to_owned(),
                Token::LeadingZero => "01".to_owned(),
            };
            push_key(&mut pointer, &token);
        }
        pointer
    }
}

impl Operation {
    fn operation(&self, json: &Value) -> PatchOperation {
        let path = |target: &Target| PointerBuf::parse(target.pointer(json)).unwrap();
        match self {
            Self::Test(at) => {
                let value = json.pointer(&at.pointer(json)).cloned().unwrap_or_default();
                PatchOperation::Test(TestOperation { path: path(at), value })
            }
            Self::TestValue(at, leaf) => PatchOperation::Test(TestOperation {
                path: path(at),
                value: Value::from(&leaf.json()),
            }),
            Self::Add(at, tree) => {
                PatchOperation::Add(AddOperation { path: path(at), value: tree.value(0) })
            }
            Self::Replace(at, tree) => {
                PatchOperation::Replace(ReplaceOperation { path: path(at), value: tree.value(0) })
            }
            Self::Remove(at) => PatchOperation::Remove(RemoveOperation { path: path(at) }),
            Self::Move(from, to) => {
                PatchOperation::Move(MoveOperation { from: path(from), path: path(to) })
            }
            Self::Copy(from, to) => {
                PatchOperation::Copy(CopyOperation { from: path(from), path: path(to) })
            }
        }
    }
}

/// Patches a document and plain JSON alike.
pub fn patch(bytes: &[u8]) {
    let Ok(script) = Script::arbitrary_take_rest(Unstructured::new(bytes)) else { return };
    let mut json = object(&script.document, 0);
    let mut document = Document::from_json(json.to_string().as_bytes()).unwrap();
    let mut ids = IdSource::new(Actor(1));
    for operations in script.patches.iter().take(4) {
        let mut patched = json.clone();
        let mut patch = Vec::new();
        let mut failed = None;
        // A copy may double the document, so there are few.
        for (index, operation) in operations.iter().take(8).enumerate() {
            let operation = operation.operation(&patched);
            if failed.is_none() && naive(&mut patched, &operation).is_none() {
                failed = Some(index);
            }
            patch.push(operation);
        }
        run(&mut document, &mut ids, &patch, failed, &mut json, patched);
    }
    round_trips(&document);
}

/// One patch: `failed` is the operation at which plain JSON refused it, `patched` what it became.
fn run(
    document: &mut Document,
    ids: &mut IdSource,
    patch: &[PatchOperation],
    failed: Option<usize>,
    json: &mut Value,
    patched: Value,
) {
    let before: Vec<SerializedNode> = document.nodes().collect();
    match (document.patch(ids, patch), failed) {
        (Err(error), failed) => {
            assert!(error.is_limit() || failed == Some(error.operation), "{failed:?}: {error}");
            assert!(document.nodes().eq(before), "a failed patch changes nothing: {error}");
        }
        (Ok(_), Some(failed)) => panic!("operation {failed} should have failed: {patch:?}"),
        (Ok(done), None) => {
            assert_eq!(document.to_json(), Json::from(&patched), "{patch:?}");
            let mut mirror = json.clone();
            done.changes.apply_to(&mut mirror).unwrap();
            assert_eq!(Json::from(&mirror), Json::from(&patched), "changes of {patch:?}");
            let (mut copy, _) = Document::from_nodes(before).unwrap();
            for op in &done.ops {
                assert!(copy.apply(op).is_accepted(), "{op:?}");
            }
            assert!(copy.nodes().eq(document.nodes()), "ops of {patch:?}: {:?}", done.ops);
            *json = patched;
        }
    }
    document.check().unwrap();
}

/// RFC 6902 on plain JSON, one operation; `None` if it does not apply.
fn naive(json: &mut Value, operation: &PatchOperation) -> Option<()> {
    match operation {
        PatchOperation::Test(test) => {
            let found = naive_get(json, &tokens(test.path.as_str()))?;
            (Json::from(&*found) == Json::from(&test.value)).then_some(())
        }
        PatchOperation::Add(add) => naive_add(json, &tokens(add.path.as_str()), &add.value),
        PatchOperation::Replace(replace) => {
            let path = tokens(replace.path.as_str());
            if path.is_empty() {
                return naive_add(json, &path, &replace.value);
            }
            naive_get(json, &path).map(|place| *place = replace.value.clone())
        }
        PatchOperation::Remove(remove) => {
            naive_remove(json, &tokens(remove.path.as_str())).map(drop)
        }
        PatchOperation::Copy(copy) => {
            let value = naive_get(json, &tokens(copy.from.as_str()))?.clone();
            naive_add(json, &tokens(copy.path.as_str()), &value)
        }
        PatchOperation::Move(relocate) => {
            let (from, to) = (tokens(relocate.from.as_str()), tokens(relocate.path.as_str()));
            naive_get(json, &from)?;
            if from == to {
                return Some(());
            }
            if to.starts_with(&from) {
                return None;
            }
            let value = naive_remove(json, &from)?;
            naive_add(json, &to, &value)
        }
    }
}

fn tokens(pointer: &str) -> Vec<String> {
    pointer.split('/').skip(1).map(|token| token.replace("~1", "/").replace("~0", "~")).collect()
}

fn naive_index(token: &str) -> Option<usize> {
    token.parse().ok().filter(|index: &usize| index.to_string() == token)
}

fn naive_get<'a>(json: &'a mut Value, path: &[String]) -> Option<&'a mut Value> {
    path.iter().try_fold(json, |json, token| match json {
        Value::Array(items) => items.get_mut(naive_index(token)?),
        Value::Object(entries) => entries.get_mut(token),
        _ => None,
    })
}

fn naive_add(json: &mut Value, path: &[String], value: &Value) -> Option<()> {
    let Some((last, parent)) = path.split_last() else {
        return value.is_object().then(|| *json = value.clone());
    };
    match naive_get(json, parent)? {
        Value::Array(items) => {
            let at = if last == "-" { items.len() } else { naive_index(last)? };
            (at <= items.len()).then(|| items.insert(at, value.clone()))
        }
        Value::Object(entries) => {
            entries.insert(last.clone(), value.clone());
            Some(())
        }
        _ => None,
    }
}

fn naive_remove(json: &mut Value, path: &[String]) -> Option<Value> {
    let (last, parent) = path.split_last()?;
    match naive_get(json, parent)? {
        Value::Array(items) => {
            let at = naive_index(last).filter(|at| *at < items.len())?;
            Some(items.remove(at))
        }
        Value::Object(entries) => entries.remove(last),
        _ => None,
    }
}
