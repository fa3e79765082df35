#![no_main]
use livetree::testing::fuzz;
libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::swarm(data));
