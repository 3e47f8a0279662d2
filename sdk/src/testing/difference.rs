//! Pretty JSON and the difference of two texts, line by line.

use serde_json::Value;

pub(super) fn pretty(value: &Value) -> String {
    let mut text = serde_json::to_string_pretty(value).expect("JSON values can be written");
    text.push('\n');
    text
}

/// Lists the lines of both texts in order, `-` before those only expected and `+` before those only found, with three
/// lines around each difference.
pub(super) fn lines(expected: &str, found: &str) -> String {
    let (left, right): (Vec<_>, Vec<_>) = (expected.lines().collect(), found.lines().collect());
    let common = common_lengths(&left, &right);
    let (mut row, mut column) = (0, 0);
    let mut marked = Vec::new();
    while row < left.len() || column < right.len() {
        if row < left.len() && column < right.len() && left[row] == right[column] {
            marked.push((' ', left[row]));
            (row, column) = (row + 1, column + 1);
        } else if column == right.len() || row < left.len() && common[row + 1][column] >= common[row][column + 1] {
            marked.push(('-', left[row]));
            row += 1;
        } else {
            marked.push(('+', right[column]));
            column += 1;
        }
    }
    let is_near = |index: usize| {
        marked[index.saturating_sub(3)..marked.len().min(index + 4)].iter().any(|(mark, _)| *mark != ' ')
    };
    let near = marked.iter().enumerate().filter(|(index, _)| is_near(*index));
    near.map(|(_, (mark, line))| format!("{mark} {line}\n")).collect()
}

/// The length of the longest common subsequence of each pair of suffixes.
fn common_lengths(left: &[&str], right: &[&str]) -> Vec<Vec<u32>> {
    let mut lengths = vec![vec![0; right.len() + 1]; left.len() + 1];
    for row in (0..left.len()).rev() {
        for column in (0..right.len()).rev() {
            lengths[row][column] = if left[row] == right[column] {
                lengths[row + 1][column + 1] + 1
            } else {
                lengths[row + 1][column].max(lengths[row][column + 1])
            };
        }
    }
    lengths
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_difference_shows_both_sides() {
        assert_eq!(super::lines("a\nb\nc\n", "a\nx\nc\n"), "  a\n- b\n+ x\n  c\n");
    }
}
