//! A LiveText as a patch sees it: its plain LSON object.
//!
//! An operation on `/text/data/0/0` changes that view, which must then still be one of a text; how
//! the segments differ becomes the text ops. The view of one text is small next to a document, so
//! it is made as a whole, and rebuilt along the path.

use std::sync::Arc;

use super::PatchReason;
use super::place::no_item;
use super::pointer::{Walk, index_of};
use crate::json::JsonObject;
use crate::{Json, Segment, SmallStr};

const TYPE: &str = "liveblocksType";
const DATA: &str = "data";
const LIVE_TEXT: &str = "LiveText";

/// A change of a view, at the end of a walk.
#[derive(Debug)]
pub(super) enum TextEdit {
    Add(Json),
    Replace(Json),
    Remove,
}

/// The plain LSON object of a text.
pub(super) fn view(segments: &[Segment]) -> Json {
    let data = Json::array(segments.iter().map(Segment::to_json));
    Json::object([(DATA.into(), data), (TYPE.into(), LIVE_TEXT.into())])
}

/// What is in a view at the end of a walk.
pub(super) fn read(view: &Json, walk: Walk<'_>) -> Result<Json, PatchReason> {
    let mut json = view;
    let mut walk = walk;
    while let Some(token) = walk.step() {
        json = part(json, &token).ok_or_else(|| no_part(json, &token, walk))?;
    }
    Ok(json.clone())
}

/// The segments of a text after a change of its view.
pub(super) fn edit(
    view: &Json,
    walk: Walk<'_>,
    edit: TextEdit,
) -> Result<Vec<Segment>, PatchReason> {
    let edited = edit_at(view, walk, edit)?;
    let spoiled = |why| PatchReason::Text { at: walk.done().to_owned(), why };
    if edited.get(TYPE).and_then(Json::as_str) != Some(LIVE_TEXT) {
        return Err(spoiled("its liveblocksType must be \"LiveText\""));
    }
    let data = edited.get(DATA).ok_or_else(|| spoiled("it must have data"))?;
    if edited.as_object().is_some_and(|members| members.len() != 2) {
        return Err(spoiled("it must have no other members"));
    }
    Segment::list_from_json(data).map_err(spoiled)
}

fn part<'a>(json: &'a Json, token: &str) -> Option<&'a Json> {
    match json {
        Json::Array(items) => items.get(index_of(token)?),
        json => json.get(token),
    }
}

/// Why there is nothing in `json` at the token that the walk has just passed.
#[cold]
fn no_part(json: &Json, token: &str, walk: Walk<'_>) -> PatchReason {
    match json {
        _ if !walk.is_done() => PatchReason::MissingParent { at: walk.done().to_owned() },
        Json::Array(items) => no_item(token, items.len()),
        _ => PatchReason::Missing,
    }
}

/// Rebuilds a view along a walk. It is as deep as a text's view, so recursion ends soon.
fn edit_at(json: &Json, mut walk: Walk<'_>, edit: TextEdit) -> Result<Json, PatchReason> {
    let here = walk;
    let Some(token) = walk.step() else {
        return match edit {
            TextEdit::Add(value) | TextEdit::Replace(value) => Ok(value),
            TextEdit::Remove => Err(PatchReason::Missing),
        };
    };
    if !json.is_nested() {
        let at = here.done().to_owned();
        return Err(PatchReason::ThroughLeaf { at, kind: "plain JSON" });
    }
    let old = part(json, &token);
    let adds = walk.is_done() && matches!(edit, TextEdit::Add(_));
    if old.is_none() && !adds {
        return Err(no_part(json, &token, walk));
    }
    let removes = walk.is_done() && matches!(edit, TextEdit::Remove);
    // An item is added beside what is at its index, anything else in place of it.
    let beside = adds && matches!(json, Json::Array(_));
    let new = match old {
        _ if removes => None,
        Some(old) if !beside => Some(edit_at(old, walk, edit)?),
        _ => Some(edit_at(&Json::Null, walk, edit)?),
    };
    match json {
        Json::Array(items) => {
            let index = match index_of(&token) {
                Some(index) => index,
                None if token == "-" => items.len(),
                None => return Err(no_item(&token, items.len())),
            };
            let (head, tail) =
                items.split_at_checked(index).ok_or_else(|| no_item(&token, items.len()))?;
            let tail = tail.iter().skip(usize::from(!beside));
            Ok(Json::array(head.iter().chain(&new).chain(tail).cloned()))
        }
        Json::Object(members) => {
            let others = members.iter().filter(|(key, _)| ***key != *token);
            let others = others.map(|(key, value)| (key.clone(), value.clone()));
            let new = new.map(|new| (SmallStr::from(&*token), new));
            Ok(Json::Object(Arc::new(others.chain(new).collect::<JsonObject>())))
        }
        scalar => Ok(scalar.clone()),
    }
}
