//! The books of what is typed: every letter is used once, so that each can be followed to the end.
//!
//! They are kept by looking at what users see before and after they do something. In the end, no
//! letter may be lost that nobody deleted, none revived, none doubled, and none may stand elsewhere
//! than between the letters it was typed between.

use std::collections::{BTreeMap, BTreeSet};

use crate::op::{NodeContent, OpKind};
use crate::text::TextOp;
use crate::{Document, NodeId, Op};

/// The texts of a document.
pub type Texts = BTreeMap<NodeId, String>;

/// A letter that was typed.
#[derive(Clone, Debug)]
struct Letter {
    node: NodeId,
    before: Option<char>,
    after: Option<char>,
    deleted: bool,
    /// Put back by an undo.
    revived: bool,
}

#[derive(Clone, Debug, Default)]
pub struct Typing {
    letters: BTreeMap<char, Letter>,
    /// Texts that were deleted as a whole, with what others were typing then.
    deleted: BTreeSet<NodeId>,
    /// Letters that were gone again when the batch that typed them was over. They come to light where
    /// what took them out comes to nothing.
    in_passing: BTreeSet<char>,
}

const FIRST: char = '\u{3400}';
const FIRST_PAIR: u32 = 0x2_0000;

/// A letter for each number; every second one is a surrogate pair.
pub fn letters(numbers: impl Iterator<Item = u32>) -> String {
    let letter = |number: u32| match number % 2 {
        0 if number < 40_000 => char::from_u32(FIRST as u32 + number),
        _ => char::from_u32(FIRST_PAIR + number),
    };
    numbers.map(|number| letter(number).unwrap()).collect()
}

pub fn texts(document: &Document) -> Texts {
    let text = |node: crate::SerializedNode| match node.content {
        NodeContent::Text { segments, .. } => {
            Some((node.id, segments.iter().map(|segment| segment.text.as_str()).collect()))
        }
        _ => None,
    };
    document.nodes().filter_map(text).collect()
}

fn letters_of(text: &str) -> impl Iterator<Item = char> {
    text.chars().filter(|letter| *letter >= FIRST)
}

impl Typing {
    /// Somebody did something.
    pub fn acted(&mut self, before: &Texts, after: &Texts) {
        let none = String::new();
        for (node, old) in before {
            let new = after.get(node).unwrap_or(&none);
            if !after.contains_key(node) {
                self.deleted.insert(node.clone());
            }
            let left: BTreeSet<char> = letters_of(new).collect();
            for gone in letters_of(old).filter(|letter| !left.contains(letter)) {
                if let Some(letter) = self.letters.get_mut(&gone) {
                    letter.deleted = true;
                }
            }
        }
        for (node, new) in after {
            let known: BTreeSet<char> = letters_of(before.get(node).unwrap_or(&none)).collect();
            let new: Vec<char> = letters_of(new).collect();
            for (at, letter) in new.iter().enumerate().filter(|(_, c)| !known.contains(c)) {
                // What its author does not see may be deleted by another, and come to light by an undo.
                let revived = self.in_passing.contains(letter);
                let typed = self.letters.entry(*letter);
                typed.and_modify(|letter| letter.revived = true).or_insert_with(|| Letter {
                    node: node.clone(),
                    before: at.checked_sub(1).map(|before| new[before]),
                    after: new.get(at + 1).copied(),
                    deleted: false,
                    revived,
                });
            }
        }
    }

    /// Somebody made an op; [`acted`](Self::acted) has seen what all of its batch came to.
    pub fn made(&mut self, op: &Op) {
        let OpKind::UpdateText(update) = &op.kind else { return };
        for op in &update.ops {
            if let TextOp::Insert { text, .. } = op {
                let unseen = letters_of(text).filter(|letter| !self.letters.contains_key(letter));
                self.in_passing.extend(unseen);
            }
        }
    }

    /// Whether the texts are what was typed and not deleted.
    pub fn check(&self, texts: &Texts) -> Result<(), String> {
        let mut places: BTreeMap<char, (&NodeId, usize)> = BTreeMap::new();
        for (node, text) in texts {
            for (at, letter) in letters_of(text).enumerate() {
                let typed = self.letters.get(&letter);
                if typed.is_none() && !self.in_passing.contains(&letter) {
                    return Err(format!("nobody typed {letter:?}"));
                }
                let revived = typed.is_some_and(|typed| typed.revived);
                if places.insert(letter, (node, at)).is_some() && !revived {
                    return Err(format!("the letter {letter:?} is doubled in {text:?}"));
                }
            }
        }
        for (letter, typed) in &self.letters {
            let Some(text) = texts.get(&typed.node) else { continue };
            if typed.revived || self.deleted.contains(&typed.node) {
                continue;
            }
            let place = places.get(letter).filter(|(node, _)| **node == typed.node);
            match (typed.deleted, place) {
                (false, None) => {
                    return Err(format!("the letter {letter:?} is lost from {text:?}"));
                }
                (true, Some(_)) => {
                    return Err(format!("the letter {letter:?} is back in {text:?}"));
                }
                _ => {}
            }
            let beside = |other: &Option<char>| {
                let other = (*other)?;
                let revived = self.letters.get(&other)?.revived;
                places.get(&other).filter(|(node, _)| **node == typed.node && !revived)
            };
            if let Some((_, at)) = place {
                if beside(&typed.before).is_some_and(|(_, before)| before > at)
                    || beside(&typed.after).is_some_and(|(_, after)| after < at)
                {
                    let between = (typed.before, typed.after);
                    return Err(format!("{letter:?} is not between {between:?} in {text:?}"));
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::op::UpdateText;

    #[test]
    fn a_letter_that_comes_to_light_by_an_undo_need_not_be_where_it_was() {
        let node = NodeId::from("0:1");
        let text = |text: &str| Texts::from([(node.clone(), text.to_owned())]);
        let mut typing = Typing::default();
        // Its author took it out again in the same batch, so it was not to be seen.
        typing.acted(&text("Hello"), &text("Hello"));
        let insert = TextOp::Insert { index: 1, text: "㐀".into(), attributes: None };
        let update = UpdateText { base_version: 0, version: None, ops: vec![insert] };
        typing.made(&Op::new(node.clone(), OpKind::UpdateText(update)));
        typing.acted(&text("H㐀ello"), &text("Hello"));
        typing.acted(&text("Hello"), &text("H㐀ello"));
        typing.acted(&text("H㐀ello"), &text("H㐀㐂ello"));
        assert_eq!(typing.check(&text("H㐂㐀ello")), Ok(()));
        // One that was to be seen must stay before what was typed after it.
        typing.acted(&text("Hello"), &text("Hello㐄"));
        typing.acted(&text("Hello㐄"), &text("Hello㐄㐆"));
        assert!(typing.check(&text("Hello㐆㐄")).is_err());
    }
}
