//! JSON Patch (RFC 6902) on a live document.

pub(crate) mod pointer;
