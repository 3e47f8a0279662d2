//! Which records of a source that has changed are those that were read then: told by the digests of their bytes.

use std::collections::HashMap;
use std::collections::HashSet;
use std::collections::VecDeque;

/// Returns for each record that is known its place among those that are found, in order; `None` where it is gone.
///
/// Records with the same bytes are the same. What lies between two of them is taken for changed, one for one; where more
/// are known than found, the last of these are gone.
pub fn align(known: &[u64], found: &[u64]) -> Vec<Option<usize>> {
    let mut places: Vec<Option<usize>> = vec![None; known.len()];
    let (mut known_before, mut found_before) = (0, 0);
    for (at, place) in same(known, found).into_iter().chain([(known.len(), found.len())]) {
        for (changed, found) in (known_before..at).zip(found_before..place) {
            places[changed] = Some(found);
        }
        if let Some(same) = places.get_mut(at) {
            *same = Some(place);
        }
        (known_before, found_before) = (at + 1, place + 1);
    }
    places
}

/// Returns whether any record of both is the same.
pub fn have_same(known: &[u64], found: &[u64]) -> bool {
    let known: HashSet<&u64> = known.iter().collect();
    found.iter().any(|digest| known.contains(digest))
}

/// Returns the longest run of pairs with the same digest that is in order on both sides.
fn same(known: &[u64], found: &[u64]) -> Vec<(usize, usize)> {
    let mut known_at: HashMap<u64, VecDeque<usize>> = HashMap::new();
    for (at, digest) in known.iter().enumerate() {
        known_at.entry(*digest).or_default().push_back(at);
    }
    let pair = |(place, digest)| Some((known_at.get_mut(digest)?.pop_front()?, place));
    let pairs: Vec<(usize, usize)> = found.iter().enumerate().filter_map(pair).collect();
    // The pair that ends the best run of each length, and the pair before each.
    let mut ends: Vec<usize> = Vec::new();
    let mut before: Vec<Option<usize>> = Vec::with_capacity(pairs.len());
    for (index, (at, _)) in pairs.iter().enumerate() {
        let length = ends.partition_point(|&end| pairs[end].0 < *at);
        before.push(length.checked_sub(1).map(|shorter| ends[shorter]));
        match ends.get_mut(length) {
            Some(end) => *end = index,
            None => ends.push(index),
        }
    }
    let mut run: Vec<(usize, usize)> =
        std::iter::successors(ends.last().copied(), |&index| before[index]).map(|index| pairs[index]).collect();
    run.reverse();
    run
}

#[cfg(test)]
mod tests {
    use super::align;

    fn places(known: &str, found: &str) -> String {
        let digests = |text: &str| text.bytes().map(u64::from).collect::<Vec<u64>>();
        let shown = |place: Option<usize>| place.map_or('-', |place| char::from(found.as_bytes()[place]));
        align(&digests(known), &digests(found)).into_iter().map(shown).collect()
    }

    #[test]
    fn records_are_told_by_their_bytes_wherever_they_have_moved() {
        assert_eq!(places("abcdef", "abcdef"), "abcdef");
        assert_eq!(places("abcdef", "bcdef"), "-bcdef", "the first is gone");
        assert_eq!(places("abcdef", "abdefg"), "ab-def", "one is gone, and one came");
        assert_eq!(places("abcdef", "abXdef"), "abXdef", "one has changed");
        assert_eq!(places("abcdef", "abXYcdef"), "abcdef", "two came between");
        assert_eq!(places("abcdef", "fabcde"), "abcde-", "one has moved");
        assert_eq!(places("aab", "aaab"), "aab", "the same bytes twice");
        assert_eq!(places("abcdef", "ab"), "ab----", "cut off");
        assert_eq!(places("abc", "XYZUV"), "XYZ", "all have changed");
        assert_eq!(places("abc", ""), "---");
        assert_eq!(places("", "abc"), "");
    }
}
