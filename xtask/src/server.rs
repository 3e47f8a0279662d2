//! A PostgreSQL that the tests have to themselves and that nobody misses: it writes nothing through to the disk, which is
//! most of what a server of one's own lets hundreds of short migrations wait for.

use std::env;
use std::fs;
use std::io;
use std::net::TcpListener;
use std::path::Path;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::thread;
use std::time::Duration;
use std::time::Instant;

/// Where Debian and its kin keep the server's programs, a folder a version.
const VERSIONS: &str = "/usr/lib/postgresql";
/// What makes it quick, and room for tests side by side.
const SETTINGS: [&str; 6] = [
    "fsync=off",
    "full_page_writes=off",
    "synchronous_commit=off",
    "max_connections=200",
    "max_wal_size=4GB",
    "unix_socket_directories=",
];
const STARTS_WITHIN: Duration = Duration::from_secs(60);

/// A server that ends with this value.
pub struct Server {
    process: Child,
    folder: PathBuf,
    url: String,
}

/// Who runs the server's programs: it refuses to be root.
#[derive(Clone, Copy)]
struct Account {
    user: u32,
    group: u32,
}

impl Server {
    /// Starts a server; `None` where its programs are not installed.
    pub fn start() -> io::Result<Option<Self>> {
        let Some(programs) = programs() else { return Ok(None) };
        let account = if number(&["-u"]) == Some(0) {
            match (number(&["-u", "postgres"]), number(&["-g", "postgres"])) {
                (Some(user), Some(group)) => Some(Account { user, group }),
                _ => return Ok(None),
            }
        } else {
            None
        };
        let folder = env::temp_dir().join(format!("whimbrel-postgres-{}", std::process::id()));
        fs::create_dir_all(&folder)?;
        let started = start(&programs, account, &folder);
        if started.is_err() {
            let _ = fs::remove_dir_all(&folder);
        }
        started.map(Some)
    }

    /// Returns its address.
    pub fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // What it leaves is removed; should that fail, it lies in the folder of temporary files.
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn start(programs: &Path, account: Option<Account>, folder: &Path) -> io::Result<Server> {
    let data = folder.join("data");
    own(folder, account)?;
    let mut initdb = command(&programs.join("initdb"), account, folder);
    initdb.arg("-D").arg(&data).args(["-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"]);
    let made = initdb.output()?;
    if !made.status.success() {
        return Err(io::Error::other(String::from_utf8_lossy(&made.stderr).trim().to_owned()));
    }
    // Free now, and most likely a moment later.
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let mut postgres = command(&programs.join("postgres"), account, folder);
    postgres.arg("-D").arg(&data).args(["-h", "127.0.0.1", "-p"]).arg(port.to_string());
    for setting in SETTINGS {
        postgres.args(["-c", setting]);
    }
    let log = fs::File::create(folder.join("log"))?;
    let process = postgres.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).spawn()?;
    let url = format!("postgres://postgres@127.0.0.1:{port}/postgres");
    let mut server = Server { process, folder: folder.to_owned(), url };
    let begun = Instant::now();
    while !is_ready(programs, port) {
        if let Some(status) = server.process.try_wait()? {
            let log = fs::read_to_string(folder.join("log")).unwrap_or_default();
            return Err(io::Error::other(format!("it ended with {status}: {}", log.trim())));
        }
        if begun.elapsed() > STARTS_WITHIN {
            return Err(io::Error::other(format!("it did not answer within {} s", STARTS_WITHIN.as_secs())));
        }
        thread::sleep(Duration::from_millis(50));
    }
    Ok(server)
}

fn is_ready(programs: &Path, port: u16) -> bool {
    let mut asked = Command::new(programs.join("pg_isready"));
    asked.args(["--quiet", "-h", "127.0.0.1", "-p"]).arg(port.to_string());
    asked.status().is_ok_and(|status| status.success())
}

/// Returns the folder of the newest server that is installed.
fn programs() -> Option<PathBuf> {
    let versions = fs::read_dir(VERSIONS).into_iter().flatten().filter_map(Result::ok);
    let of_version =
        |entry: fs::DirEntry| Some((entry.file_name().to_str()?.parse::<u32>().ok()?, entry.path().join("bin")));
    let newest = versions.filter_map(of_version).max().map(|(_, bin)| bin);
    let on_path = env::var_os("PATH").into_iter().flat_map(|path| env::split_paths(&path).collect::<Vec<_>>());
    newest
        .into_iter()
        .chain(on_path)
        .find(|folder| ["initdb", "postgres", "pg_isready"].iter().all(|name| folder.join(name).exists()))
}

/// Asks `id` for a number.
fn number(arguments: &[&str]) -> Option<u32> {
    let answer = Command::new("id").args(arguments).output().ok()?;
    String::from_utf8(answer.stdout).ok()?.trim().parse().ok()
}

#[cfg(unix)]
fn command(program: &Path, account: Option<Account>, folder: &Path) -> Command {
    use std::os::unix::process::CommandExt as _;

    let mut command = Command::new(program);
    command.current_dir(folder);
    if let Some(Account { user, group }) = account {
        command.uid(user).gid(group);
    }
    command
}

#[cfg(unix)]
fn own(folder: &Path, account: Option<Account>) -> io::Result<()> {
    account.map_or(Ok(()), |Account { user, group }| std::os::unix::fs::chown(folder, Some(user), Some(group)))
}

#[cfg(not(unix))]
fn command(program: &Path, _: Option<Account>, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(folder);
    command
}

#[cfg(not(unix))]
fn own(_: &Path, _: Option<Account>) -> io::Result<()> {
    Ok(())
}
