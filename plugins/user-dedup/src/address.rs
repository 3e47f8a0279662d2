//! What an address is known by.

use crate::config::Normalize;

/// Returns what an address is known by: without blanks around it and in lower case. What has nothing before or behind an
/// `@` is no address: who wrote `n/a` is nobody else for that.
pub fn known_by(text: &str, normalize: &Normalize) -> Option<String> {
    let text = text.trim().to_lowercase();
    let (local, domain) = text.rsplit_once('@').filter(|(local, domain)| !local.is_empty() && !domain.is_empty())?;
    let mut local = local.to_owned();
    if normalize.plus_tags
        && let Some(plus) = local.find('+').filter(|&plus| plus > 0)
    {
        local.truncate(plus);
    }
    if normalize.dots.iter().any(|known| known.eq_ignore_ascii_case(domain)) {
        local.retain(|letter| letter != '.');
    }
    Some(format!("{local}@{domain}")).filter(|_| !local.is_empty())
}

#[cfg(test)]
mod tests {
    use super::known_by;
    use crate::config::Normalize;

    #[test]
    fn blanks_and_case_never_count() {
        let plain = Normalize::default();
        assert_eq!(known_by(" Ada.L+news@Example.ORG\t", &plain).as_deref(), Some("ada.l+news@example.org"));
        assert_eq!(known_by("ÄDA@example.org", &plain).as_deref(), Some("äda@example.org"));
        assert_eq!(known_by("  ", &plain), None);
        for none in ["No Address", "n/a", "-", "@", "a@", "@b"] {
            assert_eq!(known_by(none, &plain), None, "{none}");
        }
    }

    #[test]
    fn tags_and_dots_count_unless_it_is_said() {
        let loose = Normalize { plus_tags: true, dots: vec!["gmail.com".to_owned()] };
        assert_eq!(known_by("a.b+c+d@gmail.com", &loose).as_deref(), Some("ab@gmail.com"));
        assert_eq!(known_by("a.b+c@example.org", &loose).as_deref(), Some("a.b@example.org"));
        // Nothing would be left of the name.
        assert_eq!(known_by("+c@example.org", &loose).as_deref(), Some("+c@example.org"));
        assert_eq!(known_by("\"a@b\"@example.org", &loose).as_deref(), Some("\"a@b\"@example.org"));
    }
}
