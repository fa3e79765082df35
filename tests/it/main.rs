//! One integration binary; each file is named for what it promises.
mod conformance;
mod positions;
