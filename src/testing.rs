//! What tests, fuzz targets, benches and examples share. Private: feature `__testing`.

pub mod fuzz;
