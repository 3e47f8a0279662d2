//! What a name that nobody knows may have been meant to be.

/// Names that a hint lists where none of them is near.
const LISTED_MAX: usize = 24;

/// Returns the known name that differs least from what was typed, where the difference is small.
pub fn nearest<'a>(typed: &str, known: impl IntoIterator<Item = &'a String>) -> Option<&'a String> {
    known
        .into_iter()
        .map(|name| (strsim::osa_distance(&typed.to_lowercase(), &name.to_lowercase()), name))
        .filter(|(edits, _)| *edits <= 1 + typed.len() / 4)
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, name)| name)
}

/// Returns which known name may be meant, or those that there are, where they are few.
pub fn among<'a>(typed: &str, known: impl IntoIterator<Item = &'a String>) -> Option<String> {
    let known: Vec<&String> = known.into_iter().collect();
    if let Some(near) = nearest(typed, known.iter().copied()) {
        return Some(format!("did you mean `{near}`?"));
    }
    let listed: Vec<String> = known.iter().map(|name| format!("`{name}`")).collect();
    (1..=LISTED_MAX).contains(&listed.len()).then(|| format!("there is {}", listed.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::among;
    use super::nearest;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    #[test]
    fn a_slip_is_near_and_another_word_is_not() {
        let known = names(&["people", "pets"]);
        assert_eq!(nearest("peolpe", &known), Some(&known[0]));
        assert_eq!(nearest("Pet", &known), Some(&known[1]));
        assert_eq!(nearest("orders", &known), None);
    }

    #[test]
    fn few_names_are_listed_and_many_are_not() {
        assert_eq!(among("orders", &names(&["people", "pets"])).as_deref(), Some("there is `people`, `pets`"));
        assert_eq!(among("orders", &[]), None);
        let many: Vec<String> = (0..100).map(|number| format!("table{number}")).collect();
        assert_eq!(among("orders", &many), None);
    }
}
