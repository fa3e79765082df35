//! Telling a client the whole document.

use super::{Protocol, Server};
use crate::json::JsonObject;
use crate::message::ServerMessage;
use crate::node::SerializedNode;
use crate::op::NodeContent;

impl Server {
    pub(super) fn fetch(&self, protocol: Protocol) -> Vec<ServerMessage> {
        if protocol == Protocol::V7 {
            return vec![ServerMessage::StorageState { nodes: self.document.nodes().collect() }];
        }
        let mut messages = Vec::new();
        let (mut chunk, mut size) = (Vec::new(), 0);
        for node in self.document.nodes() {
            size += size_of_node(&node);
            chunk.push(node);
            if size >= self.options.chunk_size {
                messages.push(ServerMessage::StorageChunk { nodes: std::mem::take(&mut chunk) });
                size = 0;
            }
        }
        if !chunk.is_empty() {
            messages.push(ServerMessage::StorageChunk { nodes: chunk });
        }
        messages.push(ServerMessage::StorageEnd);
        messages
    }
}

/// About how many bytes a compact node takes.
fn size_of_node(node: &SerializedNode) -> usize {
    32 + node.parent.as_ref().map_or(0, |(_, key)| key.len()) + size_of_content(&node.content)
}

/// About how many bytes the content of a node takes.
pub(super) fn size_of_content(content: &NodeContent) -> usize {
    match content {
        NodeContent::List | NodeContent::Map => 0,
        NodeContent::Object(data) => size_of_fields(data),
        NodeContent::Register(value) => value.json_len(),
        NodeContent::Text { segments, .. } => {
            segments.iter().map(|segment| segment.text.len() + 16).sum()
        }
        NodeContent::File(file) => 80 + file.name().len() + file.mime_type().len(),
    }
}

/// About how many bytes the fields of an object take.
pub(super) fn size_of_fields(data: &JsonObject) -> usize {
    data.iter().map(|(key, value)| key.len() + value.json_len() + 4).sum()
}
