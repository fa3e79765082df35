//! What of a sequence is in order already: a longest increasing subsequence (Fredman 1975).

/// Which of the given numbers belong to one longest increasing subsequence. O(n log n).
pub(crate) fn longest_increasing(numbers: &[Option<usize>]) -> Vec<bool> {
    // The index at which the best chain of each length ends, and the link before each index.
    let mut ends: Vec<usize> = Vec::new();
    let mut before: Vec<Option<usize>> = vec![None; numbers.len()];
    let number = |at: usize| numbers.get(at).copied().flatten();
    for at in 0..numbers.len() {
        let Some(this) = number(at) else { continue };
        let length = ends.partition_point(|end| number(*end) < Some(this));
        if let Some(link) = before.get_mut(at) {
            *link = length.checked_sub(1).and_then(|shorter| ends.get(shorter).copied());
        }
        match ends.get_mut(length) {
            Some(end) => *end = at,
            None => ends.push(at),
        }
    }
    let mut chosen = vec![false; numbers.len()];
    let mut at = ends.last().copied();
    while let Some(this) = at {
        if let Some(chosen) = chosen.get_mut(this) {
            *chosen = true;
        }
        at = before.get(this).copied().flatten();
    }
    chosen
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The length of the longest, by trying all.
    fn longest(numbers: &[usize], above: Option<usize>) -> usize {
        let Some((first, rest)) = numbers.split_first() else { return 0 };
        let without = longest(rest, above);
        if above.is_some_and(|above| *first <= above) {
            return without;
        }
        without.max(1 + longest(rest, Some(*first)))
    }

    proptest! {
        #[test]
        fn none_is_longer(numbers in prop::collection::vec(prop::option::weighted(0.9, 0..12_usize), 0..10)) {
            let chosen = longest_increasing(&numbers);
            let chosen: Vec<_> = numbers.iter().zip(chosen).filter(|(_, chosen)| *chosen).collect();
            prop_assert!(chosen.iter().all(|(number, _)| number.is_some()));
            prop_assert!(chosen.is_sorted_by(|a, b| a.0 < b.0));
            let given: Vec<usize> = numbers.iter().copied().flatten().collect();
            prop_assert_eq!(chosen.len(), longest(&given, None));
        }
    }
}
