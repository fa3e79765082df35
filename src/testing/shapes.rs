//! The document that engines are compared on: a map of shapes and a list that orders them.
//!
//! `{"shapes": {"s<i>": {x, y, w, h, fill, name, locked}}, "order": ["s<i>", …]}`. It has two
//! nodes for each shape. In plain LSON `shapes` is a LiveMap; in JSON it is an object like any
//! other.

use std::fmt::Write as _;

use super::generate::Dice;

/// The document with `count` shapes as JSON text.
pub fn json(count: usize) -> Vec<u8> {
    write(count, "", "", "", "")
}

/// The document with `count` shapes as plain LSON text.
pub fn plain_lson(count: usize) -> Vec<u8> {
    write(
        count,
        r#"{"liveblocksType":"LiveObject","data":"#,
        r#"{"liveblocksType":"LiveMap","data":"#,
        r#"{"liveblocksType":"LiveList","data":"#,
        "}",
    )
}

fn write(count: usize, object: &str, map: &str, list: &str, close: &str) -> Vec<u8> {
    let mut dice = Dice::seeded(7);
    let mut out = format!(r#"{object}{{"shapes":{map}{{"#);
    for i in 0..count {
        let comma = if i > 0 { "," } else { "" };
        let (x, y) = (dice.below(10_000), dice.below(10_000));
        let (w, h) = (dice.below(500), dice.below(500));
        let fill = dice.any() >> 8;
        let _ = write!(
            out,
            r##"{comma}"s{i}":{object}{{"x":{x},"y":{y},"w":{w},"h":{h},"fill":"#{fill:06x}","name":"Shape {i}","locked":false}}{close}"##
        );
    }
    let _ = write!(out, r#"}}{close},"order":{list}["#);
    for i in 0..count {
        let comma = if i > 0 { "," } else { "" };
        let _ = write!(out, r#"{comma}"s{i}""#);
    }
    let _ = write!(out, "]{close}}}{close}");
    out.into_bytes()
}
