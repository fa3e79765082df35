//! One integration binary; each file is named for what it promises.
mod conformance;
mod positions;

mod text_properties;
mod text_resend;
mod text_server;
mod text_vectors;
