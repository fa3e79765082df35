//! JSON Patch without cleverness: RFC 6902 on a value that is copied for every patch.

use serde_json::Value;

/// The patched value, or the index of the operation that failed. The root stays an object.
pub(super) fn patch(document: &Value, patch: &[Value]) -> Result<Value, usize> {
    let mut next = document.clone();
    for (index, operation) in patch.iter().enumerate() {
        next = apply(&next, operation).filter(Value::is_object).ok_or(index)?;
    }
    Ok(next)
}

fn apply(document: &Value, operation: &Value) -> Option<Value> {
    let mut next = document.clone();
    let path = tokens(operation["path"].as_str()?);
    let value = &operation["value"];
    match operation["op"].as_str()? {
        "add" => add(&mut next, &path, value.clone())?,
        "remove" => drop(remove(&mut next, &path)?),
        "replace" => *find(&mut next, &path)? = value.clone(),
        "test" => (super::same(find(&mut next, &path)?, value)).then_some(())?,
        "copy" => {
            let value = find(&mut next, &tokens(operation["from"].as_str()?))?.clone();
            add(&mut next, &path, value)?;
        }
        "move" => {
            let from = tokens(operation["from"].as_str()?);
            find(&mut next, &from)?;
            if path.len() > from.len() && path.starts_with(&from) {
                return None;
            }
            if path != from {
                let value = remove(&mut next, &from)?;
                add(&mut next, &path, value)?;
            }
        }
        _ => return None,
    }
    Some(next)
}

fn tokens(pointer: &str) -> Vec<String> {
    pointer.split('/').skip(1).map(|token| token.replace("~1", "/").replace("~0", "~")).collect()
}

fn index(token: &str) -> Option<usize> {
    let index: usize = token.parse().ok()?;
    (index.to_string() == token).then_some(index)
}

fn find<'a>(document: &'a mut Value, path: &[String]) -> Option<&'a mut Value> {
    path.iter().try_fold(document, |value, token| match value {
        Value::Object(entries) => entries.get_mut(token),
        Value::Array(items) => items.get_mut(index(token)?),
        _ => None,
    })
}

fn add(document: &mut Value, path: &[String], value: Value) -> Option<()> {
    let Some((last, parent)) = path.split_last() else {
        *document = value;
        return Some(());
    };
    match find(document, parent)? {
        Value::Object(entries) => drop(entries.insert(last.clone(), value)),
        Value::Array(items) => {
            let at = if last == "-" { items.len() } else { index(last)? };
            if at > items.len() {
                return None;
            }
            items.insert(at, value);
        }
        _ => return None,
    }
    Some(())
}

fn remove(document: &mut Value, path: &[String]) -> Option<Value> {
    let (last, parent) = path.split_last()?;
    match find(document, parent)? {
        Value::Object(entries) => entries.remove(last),
        Value::Array(items) => {
            let at = index(last)?;
            (at < items.len()).then(|| items.remove(at))
        }
        _ => None,
    }
}
