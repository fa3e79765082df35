//! JSON Pointers (RFC 6901), as far as the `jsonptr` crate leaves something to say.

pub(crate) use json_patch::jsonptr::Pointer;

/// The list index that a token names: decimal, without leading zeros (RFC 6901 section 4).
pub(crate) fn index_of(token: &str) -> Option<usize> {
    let canonical = token == "0" || matches!(token.as_bytes().first(), Some(b'1'..=b'9'));
    // `parse` would also take a sign.
    (canonical && token.bytes().all(|byte| byte.is_ascii_digit()))
        .then(|| token.parse().ok())
        .flatten()
}

/// The first `tokens` tokens of a pointer.
pub(crate) fn prefix(pointer: &str, tokens: usize) -> &str {
    let end = pointer.match_indices('/').nth(tokens).map_or(pointer.len(), |(at, _)| at);
    pointer.get(..end).unwrap_or(pointer)
}
