//! One integration binary; each file is named for what it promises.
mod conversions;
mod edits;
mod generate;
mod hostile;
mod positions;
mod reconcile;
mod rollback;
mod semantics;
