//! What tests, fuzz targets, benches and examples share: models, generators and doors to what is
//! private. Behind the private feature `__testing`; nothing here is stable.

pub mod generate;
pub mod model;
pub mod probe;
