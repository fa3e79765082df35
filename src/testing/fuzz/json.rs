//! JSON text is read as `serde_json` reads it, and what is written is read back as it was.

use serde::Deserialize;
use serde_json::Value;

use crate::json::{JsonReason, to_json};
use crate::{Json, ReadLimits};

/// Reads bytes, compares with `serde_json`, writes and reads again.
pub fn json(bytes: &[u8]) {
    let limits = ReadLimits::default().max_depth(100);
    let ours = Json::from_slice_with(bytes, limits);
    let theirs = serde_json::from_slice::<Value>(bytes);
    match (&ours, &theirs) {
        (Ok(json), Ok(value)) => assert_eq!(json, &Json::from(value)),
        (Err(error), Ok(_)) => {
            assert!(matches!(error.reason(), JsonReason::TooDeep { .. }), "refused: {error}");
        }
        (Ok(json), Err(error)) => panic!("{error}, but read as {json}"),
        (Err(error), Err(_)) => {
            assert!(error.offset() <= bytes.len());
            assert!(error.path().is_empty() || error.path().starts_with('/'));
        }
    }
    if let Ok(json) = ours {
        round_trips(&json);
    }
}

fn round_trips(json: &Json) {
    let text = json.to_vec();
    assert_eq!(&Json::from_slice(&text).unwrap(), json, "its own text");
    assert_eq!(Json::from_slice(&text).unwrap().to_vec(), text, "writing is stable");
    let value = Value::from(json);
    // As numbers: beyond 2^53 it would tell an integer from the same number as a double.
    let theirs: Value = serde_json::from_slice(&text).unwrap();
    assert_eq!(&Json::from(theirs), json, "serde_json reads the same");
    assert_eq!(&Json::from(&value), json, "through a Value");
    assert_eq!(&to_json(json).unwrap(), json, "through Serialize");
    assert_eq!(&Json::deserialize(json).unwrap(), json, "through Deserialize");
    assert_eq!(json.to_string().as_bytes(), text, "Display");
    // Strings count without their escapes, so the measure is a lower bound of the text.
    assert!(json.json_len() <= text.len());
}
