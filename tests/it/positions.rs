//! Positions are what the reference makes them.

use std::io::Read;

use flate2::read::GzDecoder;
use livetree::Position;
use serde::Deserialize;

#[derive(Deserialize)]
struct Vectors {
    make: Vec<(Option<Position>, Option<Position>, Position)>,
    as_pos: Vec<(String, Position)>,
    between_equal: String,
    append_chain: Chain,
    prepend_chain: Chain,
    inserts: Vec<(Option<Position>, Option<Position>, Position)>,
}

#[derive(Deserialize)]
struct Chain {
    start: Position,
    steps: usize,
    samples: Vec<(usize, Position)>,
}

fn vectors() -> Vectors {
    let zipped = include_bytes!("../data/conformance/position.json.gz");
    let mut text = String::new();
    GzDecoder::new(&zipped[..]).read_to_string(&mut text).unwrap();
    serde_json::from_str(&text).unwrap()
}

#[test]
fn make_conforms() {
    let vectors = vectors();
    assert!(vectors.make.len() + vectors.inserts.len() > 17_000);
    for (lo, hi, expected) in vectors.make.iter().chain(&vectors.inserts) {
        assert_eq!(&Position::make(lo.as_ref(), hi.as_ref()), expected, "{lo:?} {hi:?}");
    }
}

#[test]
fn between_equal_bounds_conforms() {
    let vectors = vectors();
    assert_eq!(vectors.between_equal, "throws");
    for (_, _, lo) in vectors.make {
        assert!(Position::between(&lo, &lo).is_err());
    }
}

#[test]
fn clamp_conforms() {
    let vectors = vectors();
    assert!(vectors.as_pos.len() > 7_000);
    for (text, expected) in &vectors.as_pos {
        assert_eq!(&Position::clamp(text), expected, "{text:?}");
    }
}

#[test]
fn chains_conform() {
    let check = |chain: Chain, step: fn(&Position) -> Position| {
        let mut samples = chain.samples.into_iter().peekable();
        let mut position = chain.start;
        for n in 0..=chain.steps {
            if let Some((_, expected)) = samples.next_if(|(at, _)| *at == n) {
                assert_eq!(position, expected, "after {n} steps");
            }
            position = step(&position);
        }
        assert_eq!(samples.next(), None);
    };
    let vectors = vectors();
    check(vectors.append_chain, Position::after);
    check(vectors.prepend_chain, Position::before);
}
