//! Who runs: the run's id, and what another process is told of this one.

/// Returns a new run's id: its start and the process, so that runs sort by time.
pub fn run_id() -> String {
    format!("{}-{}", jiff::Timestamp::now().strftime("%Y%m%dT%H%M%S%.6f"), std::process::id())
}

/// Returns who is running, for the process that finds the lock taken.
pub(super) fn who() -> String {
    let user = user(|name| std::env::var(name).ok());
    format!("{user}@{} (process {})", gethostname::gethostname().to_string_lossy(), std::process::id())
}

/// Returns the user's name: of the environment, or else, as in a container or a timer, of the system.
fn user(variable: impl Fn(&str) -> Option<String>) -> String {
    let said = ["USER", "LOGNAME"].into_iter().filter_map(variable).find(|name| !name.is_empty());
    said.or_else(|| whoami::username().ok()).unwrap_or_else(|| "unknown".to_owned())
}

#[cfg(test)]
mod tests {
    use super::user;

    #[test]
    fn the_user_has_a_name_without_an_environment() {
        assert_eq!(user(|name| (name == "LOGNAME").then(|| "tester".to_owned())), "tester");
        let id = std::process::Command::new("id").arg("-un").output().expect("the system has `id`");
        assert_eq!(user(|_| Some(String::new())), String::from_utf8_lossy(&id.stdout).trim());
    }
}
