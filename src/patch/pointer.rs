//! JSON Pointers (RFC 6901), as far as the `jsonptr` crate leaves something to say.

use std::borrow::Cow;

pub(crate) use json_patch::jsonptr::Pointer;

use crate::json::scan::find_byte;

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

/// What leads to the last token of a pointer, and that token; nothing for the root.
pub(super) fn parent_and_token(pointer: &str) -> Option<(&str, &str)> {
    let at = pointer.bytes().rposition(|byte| byte == b'/')?;
    Some((pointer.get(..at)?, pointer.get(at + 1..)?))
}

/// The key that a token of a valid pointer stands for.
pub(super) fn decoded(token: &str) -> Cow<'_, str> {
    if find_byte(token.as_bytes(), b'~') == token.len() {
        return Cow::Borrowed(token);
    }
    // In this order: `~01` is `~1`.
    Cow::Owned(token.replace("~1", "/").replace("~0", "~"))
}

/// A walk along the tokens of a pointer, which knows how far it has come.
#[derive(Clone, Copy, Debug)]
pub(super) struct Walk<'p> {
    pointer: &'p str,
    /// The tokens to come, without the slash in front; nothing once all are done.
    rest: Option<&'p str>,
}

impl<'p> Walk<'p> {
    pub(super) fn new(pointer: &'p Pointer) -> Self {
        let pointer = pointer.as_str();
        Self { pointer, rest: pointer.strip_prefix('/') }
    }

    /// Whether all tokens are done.
    pub(super) fn is_done(&self) -> bool {
        self.rest.is_none()
    }

    /// The pointer as far as it has been walked.
    pub(super) fn done(&self) -> &'p str {
        let rest = self.rest.map_or(0, |rest| rest.len() + 1);
        self.pointer.get(..self.pointer.len() - rest).unwrap_or(self.pointer)
    }

    /// Walks past the next token, and gives it decoded.
    pub(super) fn step(&mut self) -> Option<Cow<'p, str>> {
        let rest = self.rest?;
        // `split_once` is made for longer texts.
        let end = find_byte(rest.as_bytes(), b'/');
        self.rest = rest.get(end + 1..);
        Some(decoded(rest.get(..end).unwrap_or_default()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_walk_decodes_and_knows_its_way() {
        let mut walk = Walk::new(Pointer::parse("/a~1b//~01").unwrap());
        assert_eq!(walk.done(), "");
        assert_eq!(walk.step().unwrap(), "a/b");
        assert_eq!(walk.done(), "/a~1b");
        assert_eq!(walk.step().unwrap(), "");
        assert_eq!(walk.done(), "/a~1b/");
        assert_eq!(walk.step().unwrap(), "~1");
        assert_eq!(walk.done(), "/a~1b//~01");
        assert!(walk.is_done() && walk.step().is_none());
        assert!(Walk::new(Pointer::root()).is_done());
    }

    #[test]
    fn indexes_are_canonical() {
        assert_eq!(index_of("0"), Some(0));
        assert_eq!(index_of("10"), Some(10));
        for token in ["", "-", "00", "01", "+1", "-1", "1e0", " 1", "99999999999999999999"] {
            assert_eq!(index_of(token), None, "{token:?}");
        }
    }
}
