//! Inputs that once broke a promise, or are interesting for another reason, keep it.

use std::fs;
use std::path::Path;

use livetree::testing::fuzz::TARGETS;

#[test]
fn saved_inputs_hold() {
    let saved = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/crashes");
    for (name, target) in TARGETS {
        let folder = saved.join(name);
        let mut count = 0;
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            // Named first, so that the output of a failing test ends with the culprit.
            println!("{}", path.display());
            target(&fs::read(&path).unwrap());
            count += 1;
        }
        assert!(count > 0, "no inputs in {}", folder.display());
    }
}
