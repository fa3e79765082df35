//! A naive model of a document: what ops mean, as slow and as plain as it can be written.
//!
//! It follows the specification of the wire and nothing else: a table of nodes by id, searched from
//! end to end for everything. The engine must agree with it on every op, outcome and node.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::json::JsonObject;
use crate::op::{Create, Intent, NodeContent, NodeKind, OpKind, check_fields};
use crate::{
    Document, Json, MAX_NODE_DEPTH, NodeId, Op, Outcome, Position, Rejection, SerializedNode,
    SmallStr,
};

/// Nodes by the text of their ids.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    nodes: BTreeMap<String, SerializedNode>,
}

impl Default for Model {
    fn default() -> Self {
        Self::new()
    }
}

/// All nodes of a document, by id: the whole truth about it.
pub fn nodes_of(document: &Document) -> BTreeMap<String, SerializedNode> {
    document.nodes().map(|node| (node.id.to_string(), node)).collect()
}

impl Model {
    /// An empty document.
    pub fn new() -> Self {
        let root = SerializedNode::empty_root();
        Self { nodes: BTreeMap::from([(root.id.to_string(), root)]) }
    }

    /// The same nodes as a document.
    pub fn of(document: &Document) -> Self {
        Self { nodes: nodes_of(document) }
    }

    /// All nodes, by id.
    pub fn nodes(&self) -> &BTreeMap<String, SerializedNode> {
        &self.nodes
    }

    /// Applies an op as the authority would. Updates of texts are not modelled.
    pub fn apply(&mut self, op: &Op) -> Outcome {
        match &op.kind {
            OpKind::Create(create) => self.create(op, create),
            OpKind::SetParentKey { parent_key } => self.set_parent_key(op, parent_key),
            OpKind::UpdateObject { data } => {
                if self.kind(&op.id) == Some(NodeKind::Object) {
                    if let Err(error) = check_fields(data) {
                        return Outcome::Rejected(error.into());
                    }
                    for (key, value) in data.iter() {
                        self.remove_key(&op.id, key);
                        self.change_fields(&op.id, |fields| {
                            fields.push((key.clone(), value.clone()));
                        });
                    }
                }
                accepted()
            }
            OpKind::DeleteObjectKey { key } => {
                self.remove_key(&op.id, key);
                accepted()
            }
            OpKind::DeleteCrdt => {
                self.delete(&op.id);
                accepted()
            }
            OpKind::UpdateText(_) => Outcome::Ignored,
        }
    }

    fn create(&mut self, op: &Op, create: &Create) -> Outcome {
        let parent = create.parent_id.clone();
        if self.kind(&op.id).is_some() {
            let list = self.parent(&op.id).filter(|(p, _)| self.kind(p) == Some(NodeKind::List));
            return match list {
                Some((_, key)) if create.intent == Intent::Push => Outcome::Rectified {
                    op: Box::new(placed(op, create, key.clone())),
                    fix: Some(Box::new(moved(&op.id, key))),
                },
                _ => Outcome::Ignored,
            };
        }
        let register = create.content.kind() == NodeKind::Register;
        let list = match self.kind(&parent) {
            Some(NodeKind::Object) if register => return Outcome::Ignored,
            Some(NodeKind::Object | NodeKind::Map) => false,
            Some(NodeKind::List) => true,
            _ => return Outcome::Ignored,
        };
        if self.depth(&parent) >= MAX_NODE_DEPTH {
            return Outcome::Rejected(Rejection::TooDeep);
        }
        if let Err(error) = create.content.check() {
            return Outcome::Rejected(error.into());
        }
        let key = create.parent_key.clone();
        if !list {
            self.remove_key(&parent, &key);
            self.store(&op.id, &parent, key, &create.content);
            return accepted();
        }
        if create.intent == Intent::Set {
            if let Some(meant) = &create.deleted_id {
                if self.parent(meant).is_some_and(|(p, _)| p == parent) {
                    self.delete(meant);
                }
            }
            let unexpected = self.child(&parent, &key);
            if let Some(unexpected) = &unexpected {
                self.delete(unexpected);
            }
            self.store(&op.id, &parent, key, &create.content);
            let fix = unexpected.map(|id| Box::new(Op::new(id, OpKind::DeleteCrdt)));
            return Outcome::Accepted { corrected: None, fix };
        }
        let wanted = Position::clamp(&key);
        let end = self.positions(&parent).pop();
        let place = match end {
            Some(end) if create.intent == Intent::Push => {
                if wanted > end {
                    wanted
                } else {
                    Position::make(Some(&end), None)
                }
            }
            _ => self.free_place(&parent, wanted),
        };
        let place = SmallStr::from(place.as_str());
        self.store(&op.id, &parent, place.clone(), &create.content);
        if place == key {
            return accepted();
        }
        Outcome::Accepted {
            corrected: Some(Box::new(placed(op, create, place.clone()))),
            fix: Some(Box::new(moved(&op.id, place))),
        }
    }

    fn set_parent_key(&mut self, op: &Op, parent_key: &SmallStr) -> Outcome {
        let Some((parent, key)) = self.parent(&op.id) else { return Outcome::Ignored };
        if self.kind(&parent) != Some(NodeKind::List) {
            return Outcome::Ignored;
        }
        if key == *parent_key {
            return accepted();
        }
        let place = self.free_place(&parent, Position::clamp(parent_key));
        let place = SmallStr::from(place.as_str());
        if let Some(node) = self.nodes.get_mut(&op.id.to_string()) {
            node.parent = Some((parent, place.clone()));
        }
        if place == *parent_key {
            return accepted();
        }
        let fix = moved(&op.id, place);
        let corrected = Op { op_id: op.op_id.clone(), ..fix.clone() };
        Outcome::Accepted { corrected: Some(Box::new(corrected)), fix: Some(Box::new(fix)) }
    }

    /// Where an item goes that wants a place: between whoever has it and the next; where nothing
    /// fits in between, further on.
    fn free_place(&self, list: &NodeId, wanted: Position) -> Position {
        let positions = self.positions(list);
        let taken = |position: &Position| positions.contains(position);
        if !taken(&wanted) {
            return wanted;
        }
        let from = positions.iter().position(|position| *position == wanted).unwrap_or_default();
        let places = (from..positions.len())
            .map(|at| Position::make(positions.get(at), positions.get(at + 1)));
        places.into_iter().find(|place| !taken(place)).unwrap_or(wanted)
    }

    fn kind(&self, id: &NodeId) -> Option<NodeKind> {
        Some(self.nodes.get(&id.to_string())?.content.kind())
    }

    fn parent(&self, id: &NodeId) -> Option<(NodeId, SmallStr)> {
        self.nodes.get(&id.to_string())?.parent.clone()
    }

    fn depth(&self, id: &NodeId) -> usize {
        self.parent(id).map_or(0, |(parent, _)| 1 + self.depth(&parent))
    }

    fn children(&self, id: &NodeId) -> Vec<&SerializedNode> {
        let is_child = |node: &&SerializedNode| node.parent.as_ref().is_some_and(|(p, _)| p == id);
        self.nodes.values().filter(is_child).collect()
    }

    fn child(&self, id: &NodeId, key: &SmallStr) -> Option<NodeId> {
        let at_key = |node: &&SerializedNode| node.parent.as_ref().is_some_and(|(_, k)| k == key);
        self.children(id).into_iter().find(at_key).map(|node| node.id.clone())
    }

    /// The positions of a list's items, sorted as texts by UTF-16 code units.
    fn positions(&self, list: &NodeId) -> Vec<Position> {
        let keys = self.children(list).into_iter().filter_map(|node| node.parent.as_ref());
        let mut keys: Vec<SmallStr> = keys.map(|(_, key)| key.clone()).collect();
        keys.sort_by_key(|key| key.encode_utf16().collect::<Vec<_>>());
        keys.into_iter().map(Position::verbatim).collect()
    }

    fn store(&mut self, id: &NodeId, parent: &NodeId, key: SmallStr, content: &NodeContent) {
        let node = SerializedNode {
            id: id.clone(),
            parent: Some((parent.clone(), key)),
            content: content.clone(),
        };
        self.nodes.insert(id.to_string(), node);
    }

    fn delete(&mut self, id: &NodeId) {
        if id.is_root() {
            return;
        }
        for child in self.children(id).into_iter().map(|node| node.id.clone()).collect::<Vec<_>>() {
            self.delete(&child);
        }
        self.nodes.remove(&id.to_string());
    }

    fn remove_key(&mut self, id: &NodeId, key: &SmallStr) {
        if let Some(child) = self.child(id, key) {
            self.delete(&child);
        }
        self.change_fields(id, |fields| fields.retain(|(k, _)| k != key));
    }

    fn change_fields(&mut self, id: &NodeId, change: impl FnOnce(&mut Vec<(SmallStr, Json)>)) {
        if let Some(node) = self.nodes.get_mut(&id.to_string()) {
            if let NodeContent::Object(fields) = &mut node.content {
                let mut entries = fields.iter().map(|(k, v)| (k.clone(), v.clone())).collect();
                change(&mut entries);
                *fields = Arc::new(entries.into_iter().collect::<JsonObject>());
            }
        }
    }

    /// The JSON projection.
    pub fn to_json(&self) -> Json {
        self.project(&NodeId::ROOT)
    }

    fn project(&self, id: &NodeId) -> Json {
        let Some(node) = self.nodes.get(&id.to_string()) else { return Json::Null };
        let entries = || {
            self.children(id).into_iter().filter_map(|child| {
                Some((child.parent.as_ref()?.1.clone(), self.project(&child.id)))
            })
        };
        match &node.content {
            NodeContent::Object(fields) => {
                let fields = fields.iter().map(|(key, value)| (key.clone(), value.clone()));
                Json::object(fields.chain(entries()))
            }
            NodeContent::Map => Json::object(entries()),
            NodeContent::List => {
                let position = |position: Position| SmallStr::from(position.as_str());
                let items = self.positions(id).into_iter().map(position);
                Json::array(items.filter_map(|key| Some(self.project(&self.child(id, &key)?))))
            }
            NodeContent::Register(value) => value.clone(),
            NodeContent::Text { segments, .. } => {
                Json::array(segments.iter().map(crate::Segment::to_json))
            }
            NodeContent::File(file) => file.to_json(),
        }
    }
}

fn accepted() -> Outcome {
    Outcome::Accepted { corrected: None, fix: None }
}

/// The create op with another key.
fn placed(op: &Op, create: &Create, key: SmallStr) -> Op {
    Op { kind: OpKind::Create(Create { parent_key: key, ..create.clone() }), ..op.clone() }
}

fn moved(id: &NodeId, key: SmallStr) -> Op {
    Op::new(id.clone(), OpKind::SetParentKey { parent_key: key })
}
