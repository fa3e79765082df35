//! Reading a patch from text, strictly: what is missing, doubled or of the wrong kind is an error
//! that names the operation and the member.

use json_patch::jsonptr::PointerBuf;
use json_patch::{
    AddOperation, CopyOperation, MoveOperation, Patch, PatchOperation, RemoveOperation,
    ReplaceOperation, TestOperation,
};

use super::{PatchError, PatchReason};
use crate::json::error::{push_index, push_key};
use crate::json::read::Reader;
use crate::{Json, JsonError, ReadLimits};

/// Reads a JSON Patch from text (RFC 6902).
///
/// Members that an operation does not have are ignored, as the RFC asks.
///
/// # Errors
/// If the text is not JSON, or no array of operations; or if a member of an operation is missing,
/// there twice or of the wrong kind.
///
/// ```
/// use livetree::patch;
/// let patch = patch::from_slice(br#"[{"op":"remove","path":"/a"},{"op":"add","path":"/b"}]"#);
/// assert_eq!(patch.unwrap_err().to_string(), r#"operation 1 (add): the member "value" is missing"#);
/// ```
pub fn from_slice(text: &[u8]) -> Result<Patch, PatchError> {
    let mut reader = Reader::new(text, ReadLimits::default());
    let mut operations = Vec::new();
    let malformed = |index, error| PatchError::unreadable(index, "", PatchReason::Malformed(error));
    reader.begin_array().map_err(|error| malformed(0, error))?;
    loop {
        let index = operations.len();
        if !reader.next_item().map_err(|error| malformed(index, error))? {
            reader.end().map_err(|error| malformed(index, error))?;
            return Ok(Patch(operations));
        }
        let members = Members::read(&mut reader).map_err(|reason| match reason {
            PatchReason::Malformed(error) => {
                let mut path = String::new();
                push_index(&mut path, index);
                malformed(index, error.under(&path))
            }
            reason => PatchError::unreadable(index, "", reason),
        })?;
        operations.push(members.operation(index)?);
    }
}

/// The members of an operation that mean something.
#[derive(Default)]
struct Members {
    op: Option<Json>,
    path: Option<Json>,
    from: Option<Json>,
    value: Option<Json>,
}

impl Members {
    fn read(reader: &mut Reader<'_>) -> Result<Self, PatchReason> {
        let malformed = |error: JsonError| PatchReason::Malformed(error);
        let mut members = Self::default();
        reader.begin_object().map_err(malformed)?;
        while let Some(key) = reader.next_key().map_err(malformed)? {
            let value = reader.value().map_err(|error| {
                let mut path = String::new();
                push_key(&mut path, &key);
                malformed(error.under(&path))
            })?;
            let (member, place) = match &*key {
                "op" => ("op", &mut members.op),
                "path" => ("path", &mut members.path),
                "from" => ("from", &mut members.from),
                "value" => ("value", &mut members.value),
                _ => continue,
            };
            if place.replace(value).is_some() {
                return Err(PatchReason::Twice { member });
            }
        }
        Ok(members)
    }

    fn operation(self, index: usize) -> Result<PatchOperation, PatchError> {
        let op = text("op", self.op).map_err(|reason| PatchError::unreadable(index, "", reason))?;
        let name = match op.as_str() {
            "add" => "add",
            "remove" => "remove",
            "replace" => "replace",
            "move" => "move",
            "copy" => "copy",
            "test" => "test",
            _ => return Err(PatchError::unreadable(index, "", PatchReason::UnknownOp { op })),
        };
        let fail = |reason| PatchError::unreadable(index, name, reason);
        let path = pointer("path", self.path).map_err(fail)?;
        let from = || pointer("from", self.from).map_err(fail);
        let value = || {
            let value = self.value.ok_or(PatchReason::MissingMember { member: "value" });
            value.map(serde_json::Value::from).map_err(fail)
        };
        Ok(match name {
            "add" => PatchOperation::Add(AddOperation { path, value: value()? }),
            "remove" => PatchOperation::Remove(RemoveOperation { path }),
            "replace" => PatchOperation::Replace(ReplaceOperation { path, value: value()? }),
            "move" => PatchOperation::Move(MoveOperation { from: from()?, path }),
            "copy" => PatchOperation::Copy(CopyOperation { from: from()?, path }),
            _ => PatchOperation::Test(TestOperation { path, value: value()? }),
        })
    }
}

fn text(member: &'static str, value: Option<Json>) -> Result<String, PatchReason> {
    match value {
        Some(Json::String(text)) => Ok(text.into()),
        Some(_) => Err(PatchReason::WrongMember { member, wanted: "a string" }),
        None => Err(PatchReason::MissingMember { member }),
    }
}

fn pointer(member: &'static str, value: Option<Json>) -> Result<PointerBuf, PatchReason> {
    let wanted = "a JSON Pointer: empty or starting with '/', and with 0 or 1 after every '~'";
    PointerBuf::parse(text(member, value)?).map_err(|_| PatchReason::WrongMember { member, wanted })
}
