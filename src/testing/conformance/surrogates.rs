//! Lone surrogates in JSON text: vectors may hold them, but no Rust string does.

const REPLACEMENT: &[u8; 4] = b"fffd";

/// JSON text in which each `\ud800` to `\udfff` that is not half of a pair is `\ufffd`.
pub(super) fn replace_lone(json: &[u8]) -> Vec<u8> {
    let mut out = json.to_vec();
    let mut at = 0;
    while at < out.len() {
        if out[at] != b'\\' {
            at += 1;
            continue;
        }
        match (unit(&out, at), unit(&out, at + 6)) {
            (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)) => at += 12,
            (Some(0xd800..=0xdfff), _) => {
                out[at + 2..at + 6].copy_from_slice(REPLACEMENT);
                at += 6;
            }
            // The escaped character may be a backslash.
            _ => at += 2,
        }
    }
    out
}

/// The code unit of the escape `\uXXXX` at `at`.
fn unit(json: &[u8], at: usize) -> Option<u16> {
    let digits = json.get(at..at + 6)?.strip_prefix(b"\\u")?;
    u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_lone_surrogates_are_replaced() {
        let cases = [
            (r#""\ud83d\ude00""#, r#""\ud83d\ude00""#),
            (r#""\ud83d""#, r#""\ufffd""#),
            (r#""\ude00\ud83d\ud83d\ude00""#, r#""\ufffd\ufffd\ud83d\ude00""#),
            (r#""\\ud83d \u0041\n""#, r#""\\ud83d \u0041\n""#),
        ];
        for (json, expected) in cases {
            assert_eq!(String::from_utf8(replace_lone(json.as_bytes())).unwrap(), expected);
        }
    }
}
