//! Any bytes are a document, which has a snapshot of its own, or an error.

use crate::Document;

/// Reads bytes as a snapshot.
pub fn snapshot(bytes: &[u8]) {
    let Ok(document) = Document::from_snapshot(bytes) else { return };
    document.check().unwrap();
    let again = Document::from_snapshot(&document.to_snapshot()).unwrap();
    again.check().unwrap();
    assert!(again.nodes().eq(document.nodes()), "a snapshot is not the document");
    assert_eq!(again.to_snapshot(), document.to_snapshot());
}
