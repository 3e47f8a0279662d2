//! Which rows of a table are read: a condition in the source's own SQL, with one word of ours in it.

/// What a filter calls the instant that the migration has pinned.
const NOW: &str = ":now";

/// A condition on the rows of a table, in the database's own words; `:now` stands for one instant.
#[derive(Debug, Clone)]
pub struct Filter {
    /// The condition.
    pub text: String,
    /// Microseconds since 1970.
    pub now_us: i64,
}

impl Filter {
    /// Returns whether the condition names the instant.
    pub fn has_now(&self) -> bool {
        self.at("") != self.text
    }

    /// Puts the instant in its place.
    pub(super) fn at(&self, moment: &str) -> String {
        let mut out = String::new();
        let mut rest = self.text.as_str();
        while let Some(found) = rest.find(NOW) {
            let (before, behind) = (&rest[..found], &rest[found + NOW.len()..]);
            // A cast to a type, or a longer name.
            let is_other =
                before.ends_with(':') || behind.starts_with(|next: char| next.is_alphanumeric() || next == '_');
            out.push_str(before);
            out.push_str(if is_other { NOW } else { moment });
            rest = behind;
        }
        out.push_str(rest);
        out
    }
}

#[cfg(test)]
mod tests {
    use super::Filter;

    #[test]
    fn only_the_word_itself_stands_for_the_instant() {
        for (text, expected) in [
            ("a > :now", "a > NOW"),
            (":now<b AND c>:now", "NOW<b AND c>NOW"),
            ("a::now = :nowhere", "a::now = :nowhere"),
            ("a > 1", "a > 1"),
        ] {
            let filter = Filter { text: text.to_owned(), now_us: 0 };
            assert_eq!(filter.at("NOW"), expected);
            assert_eq!(filter.has_now(), text != expected, "{text}");
        }
    }
}
