//! URLs as they may be printed.

/// Returns the URL with its password masked, wherever it stands.
pub(super) fn masked(url: &str) -> String {
    let mut masked = url.to_owned();
    // A URL that lacks its slashes may hold a password all the same.
    let user_at = masked.find("://").map(|scheme| scheme + 3).or_else(|| masked.find(':').map(|scheme| scheme + 1));
    if let (Some(start), Some(at)) = (user_at, masked.rfind('@'))
        && let Some(user) = masked.get(start..at)
        && let Some(colon) = user.find(':')
    {
        masked.replace_range(start + colon + 1..at, "***");
    }
    for name in ["password=", "sslpassword="] {
        let mut from = 0;
        while let Some(found) = masked[from..].find(name) {
            let start = from + found + name.len();
            let end = masked[start..].find('&').map_or(masked.len(), |length| start + length);
            masked.replace_range(start..end, "***");
            from = start;
        }
    }
    masked
}

#[cfg(test)]
mod tests {

    #[test]
    fn passwords_are_masked() {
        for (url, expected) in [
            ("postgres://me:secret@db:5432/crm", "postgres://me:***@db:5432/crm"),
            ("postgres:me:secret@db/crm", "postgres:me:***@db/crm"),
            ("postgres://me:a/b@c@db/crm", "postgres://me:***@db/crm"),
            ("postgres://me@db/crm", "postgres://me@db/crm"),
            ("postgres://db/crm?user=me&password=secret&x=1", "postgres://db/crm?user=me&password=***&x=1"),
        ] {
            assert_eq!(super::masked(url), expected);
        }
    }
}
