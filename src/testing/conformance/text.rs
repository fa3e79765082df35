//! The checks of text vectors, see `FORMAT.md` section 7.

use super::checks::{Check, Results, array, field};
use super::compare::same;
use crate::Json;
use crate::text::{Order, Segment, Text, TextOp, invert, normalize, transform, transform_over};

pub(super) fn check(json: &Json) -> Results {
    let check = if json.get("a").is_some() { check_transform(json)? } else { check_text(json)? };
    Ok(vec![check])
}

/// Operations on one text: applied, normalised or inverted.
fn check_text(json: &Json) -> Result<Check, String> {
    let (data, ops) = (text(json, "data")?, ops(json, "ops")?);
    if let Some(expected) = json.get("applied") {
        return Ok(same("applied", expected, &applied(data, &[&ops])));
    }
    if let Some(expected) = json.get("normalized") {
        return Ok(same("normalized", expected, &write(&normalize(&data, &ops))));
    }
    // Another inverse that restores the same text is as good.
    field(json, "inverse")?;
    let inverse = invert(&data, &ops);
    let original = applied(text(json, "data")?, &[]);
    Ok(same("restored", &original, &applied(data, &[&ops, &inverse])))
}

/// Two lists of operations on the same text.
fn check_transform(json: &Json) -> Result<Check, String> {
    let (a, b) = (ops(json, "a")?, ops(json, "b")?);
    let order = match field(json, "order")?.as_str() {
        Some("after") => Order::After,
        Some("before") => Order::Before,
        _ => return Err("order must be before or after".to_owned()),
    };
    let (a2, b2) = transform(&a, &b, order);
    let one_sided = [transform_over(&a, &b, order), transform_over(&b, &a, order.reversed())];
    let merges = || {
        same("a2", field(json, "a2")?, &write(&a2))?;
        same("b2", field(json, "b2")?, &write(&b2))?;
        same("a2 on its own", field(json, "a2")?, &write(&one_sided[0]))?;
        same("b2 on its own", field(json, "b2")?, &write(&one_sided[1]))?;
        if let Some(merged) = json.get("merged") {
            same("base+a+b2", merged, &applied(text(json, "base")?, &[&a, &b2]))?;
            same("base+b+a2", merged, &applied(text(json, "base")?, &[&b, &a2]))?;
        }
        Ok(())
    };
    Ok(merges())
}

fn text(json: &Json, name: &str) -> Result<Text, String> {
    Ok(Text::from_segments(Segment::list_from_json(field(json, name)?)?))
}

fn ops(json: &Json, name: &str) -> Result<Vec<TextOp>, String> {
    array(json, name)?;
    Ok(TextOp::list_from_json(field(json, name)?)?)
}

fn write(ops: &[TextOp]) -> Json {
    Json::array(ops.iter().map(TextOp::to_json))
}

fn applied(mut text: Text, lists: &[&[TextOp]]) -> Json {
    for ops in lists {
        text.apply(ops);
    }
    Json::array(text.segments().iter().map(Segment::to_json))
}
