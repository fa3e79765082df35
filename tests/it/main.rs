//! One integration binary; each file is named for what it promises.
mod json_patch;
mod positions;
