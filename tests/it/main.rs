//! One integration binary; each file is named for what it promises.

mod beneath;
mod cases;
mod conformance;
mod convergence;
mod conversions;
mod crashes;
mod edits;
mod generate;
mod history;
mod hostile;
mod incarnations;
mod json_patch;
mod positions;
mod reconcile;
mod refusals;
mod rollback;
mod room;
mod semantics;
mod sessions;
mod text_properties;
mod text_resend;
mod text_server;
mod text_sessions;
mod text_vectors;
mod tidy;
mod traces;
