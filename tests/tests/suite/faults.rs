//! What a PostgreSQL server can do to a run: answers that are lost, sessions that are ended, deadlocks. Whatever happens, the target ends as a straight run's, with nothing lost and nothing doubled.

use std::io::Read;
use std::io::Write;
use std::net::Shutdown;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::net::TcpStream;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;

use sqlx::AssertSqlSafe;
use sqlx::Connection;
use sqlx::PgConnection;
use whimbrel_tests::Database;
use whimbrel_tests::dump;
use whimbrel_tests::root;

use super::crm::Crm;
use super::recovery::SMALL_COMMITS;
use super::recovery::commits_of;
use super::recovery::conserved;
use super::recovery::hurry;
use super::recovery::same_text;

/// Nothing here takes so long, even where others use the machine.
pub const PATIENCE: Duration = Duration::from_secs(120);
/// Shorter than all tries of a transaction together.
const AWAY: Duration = Duration::from_millis(400);
const GIVEN_UP: &str = "the target gave up a transaction, trying again";

/// A migration, what a straight run makes of it, and a database to make trouble in.
pub struct Trouble {
    pub crm: Crm,
    straight: String,
    pub target: Database,
}

impl Trouble {
    pub fn new(defaults: &str) -> Option<Self> {
        Some(Self::of(Database::postgres()?, defaults))
    }

    /// One for every kind of target.
    pub fn each(defaults: &str) -> impl Iterator<Item = Self> {
        Database::each().into_iter().map(move |target| Self::of(target, defaults))
    }

    pub fn of(target: Database, defaults: &str) -> Self {
        let crm = Crm::new(defaults);
        let straight = target.another();
        hurry(&target);
        hurry(&straight);
        crm.execute(&straight.url).run().expect(3);
        Self { straight: dump::all(&straight), crm, target }
    }

    pub fn start(&self, url: &str) -> Child {
        let mut call = self.crm.execute(url).into_command();
        call.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    pub fn ends_as_straight(&self) {
        conserved(&self.target);
        same_text(&dump::all(&self.target), &self.straight);
    }

    /// Asks until there is something.
    pub fn wait_for(&self, sql: &str, process: &mut Child) -> Vec<Vec<Option<String>>> {
        let begun = Instant::now();
        loop {
            let found = self.target.query(sql);
            if !found.is_empty() {
                return found;
            }
            assert!(process.try_wait().unwrap().is_none(), "the run has ended before: {sql}");
            assert!(begun.elapsed() < PATIENCE, "{sql}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    pub fn wait_for_commits(&self, commits: u64, process: &mut Child) {
        let begun = Instant::now();
        while commits_of(&self.target) < commits {
            assert!(process.try_wait().unwrap().is_none(), "the run has ended before commit {commits}");
            assert!(begun.elapsed() < PATIENCE, "{commits} commits");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// Returns the exit code and stderr.
pub fn end(process: Child) -> (Option<i32>, String) {
    let output = process.wait_with_output().unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn sessions_that_are_ended_are_tried_again() {
    let Some(trouble) = Trouble::new(SMALL_COMMITS) else { return };
    let mut process = trouble.start(&trouble.target.url);
    trouble.wait_for_commits(5, &mut process);
    let busy = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND application_name = 'whimbrel' AND state <> 'idle'";
    let mut ended = 0;
    while ended < 12 && process.try_wait().unwrap().is_none() {
        ended += trouble.target.query(busy).len();
        std::thread::sleep(Duration::from_millis(150));
    }
    let (code, log) = end(process);
    assert_eq!(code, Some(3), "{log}");
    assert!(ended >= 5, "only {ended} sessions were found at work");
    assert!(log.contains(GIVEN_UP), "{log}");
    trouble.ends_as_straight();
}

#[test]
fn a_commit_whose_answer_is_lost_is_not_done_twice() {
    let Some(trouble) = Trouble::new(SMALL_COMMITS) else { return };
    let proxy = Proxy::new(&trouble.target.url);
    let (code, log) = end(trouble.start(&proxy.url));
    assert_eq!(code, Some(3), "{log}");
    assert!(proxy.lost.load(Ordering::Relaxed) >= 5, "hardly an answer was lost");
    assert!(log.contains(GIVEN_UP), "{log}");
    trouble.ends_as_straight();
}

#[test]
fn a_deadlock_is_tried_again() {
    let Some(trouble) = Trouble::new("") else { return };
    trouble.target.execute(&std::fs::read_to_string(root().join("examples/crm/schema.sql")).unwrap());
    // The run's own session is to find the deadlock, after time enough to make one.
    let name = trouble.target.query("SELECT current_database()::text AS name")[0][0].clone().unwrap();
    trouble.target.execute(&format!("ALTER DATABASE {name} SET deadlock_timeout = '3s'"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut other = runtime.block_on(PgConnection::connect(&trouble.target.url)).unwrap();
    let mut execute =
        |sql: &str| runtime.block_on(sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut other)).map(drop);
    let user = |id: u32, email: u32| {
        format!(
            "INSERT INTO users (id, email, name, status, is_admin, created_on) VALUES
             ('00000000-0000-0000-0000-{id:012}', 'user{email}@example.org', 'x', 'ACTIVE', false, now())"
        )
    };
    execute("SET deadlock_timeout = '10min'; BEGIN").unwrap();
    execute(&user(1, 700)).unwrap();
    let mut process = trouble.start(&trouble.target.url);
    let waits = "SELECT pid FROM pg_stat_activity WHERE datname = current_database()
        AND application_name = 'whimbrel' AND wait_event_type = 'Lock'";
    trouble.wait_for(waits, &mut process);
    // The run holds this address and waits for the other one.
    execute(&user(2, 0)).unwrap();
    execute("ROLLBACK").unwrap();
    let (code, log) = end(process);
    assert_eq!(code, Some(3), "{log}");
    assert!(log.contains(GIVEN_UP) && log.contains("deadlock detected"), "{log}");
    trouble.ends_as_straight();
}

#[test]
fn a_server_that_is_away_for_a_moment_is_waited_for() {
    let Some(trouble) = Trouble::new(SMALL_COMMITS) else { return };
    let door = Door::new(&trouble.target.url);
    let mut process = trouble.start(&door.url);
    for commits in [4, 12] {
        trouble.wait_for_commits(commits, &mut process);
        door.close_for(AWAY);
    }
    let (code, log) = end(process);
    assert_eq!(code, Some(3), "{log}");
    assert!(log.contains(GIVEN_UP), "{log}");
    trouble.ends_as_straight();
}

pub fn signal(process: &Child, signal: &str) {
    let sent = Command::new("kill").args([format!("-{signal}"), process.id().to_string()]).status().unwrap();
    assert!(sent.success());
}

/// Stands before a server. While it is closed nobody answers at all, as while a server restarts.
struct Door {
    url: String,
    address: SocketAddr,
    connections: Arc<Mutex<Vec<TcpStream>>>,
    server: String,
    is_open: Mutex<Arc<AtomicBool>>,
}

impl Door {
    fn new(url: &str) -> Self {
        let (scheme, rest) = url.split_once("://").unwrap();
        let (user, rest) = rest.split_once('@').unwrap();
        let (server, path) = rest.split_once('/').unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let door = Self {
            url: format!("{scheme}://{user}@{address}/{path}"),
            address,
            connections: Arc::default(),
            server: server.to_owned(),
            is_open: Mutex::default(),
        };
        door.open(listener);
        door
    }

    fn open(&self, listener: TcpListener) {
        let is_open = Arc::new(AtomicBool::new(true));
        *self.is_open.lock().unwrap() = is_open.clone();
        let (server, connections) = (self.server.clone(), self.connections.clone());
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok).take_while(|_| is_open.load(Ordering::Relaxed)) {
                let Ok(server) = TcpStream::connect(&server) else { return };
                connections.lock().unwrap().extend([client.try_clone().unwrap(), server.try_clone().unwrap()]);
                let (mut from, mut to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
                std::thread::spawn(move || pass(&mut from, &mut to, |_| true));
                let (mut from, mut to) = (server, client);
                std::thread::spawn(move || pass(&mut from, &mut to, |_| true));
            }
        });
    }

    fn close_for(&self, time: Duration) {
        self.is_open.lock().unwrap().store(false, Ordering::Relaxed);
        // Whoever listens learns of it by one last call.
        drop(TcpStream::connect(self.address));
        for connection in self.connections.lock().unwrap().drain(..) {
            let _ = connection.shutdown(Shutdown::Both);
        }
        std::thread::sleep(time);
        let begun = Instant::now();
        let listener = loop {
            match TcpListener::bind(self.address) {
                Ok(listener) => break listener,
                Err(error) => assert!(begun.elapsed() < PATIENCE, "{error}"),
            }
        };
        self.open(listener);
    }
}

/// Passes everything between a client and the server, but for the answers to some commits. Behind each of these all
/// sessions are cut and the next one is refused, so that nobody can say at once whether the commit has landed.
pub struct Proxy {
    pub url: String,
    pub lost: Arc<AtomicU32>,
}

impl Proxy {
    /// The first commits are those of the preparation; after them the answer to every 17th is lost.
    const FIRST: u32 = 6;
    const EVERY: u32 = 17;

    pub fn new(url: &str) -> Self {
        let (scheme, rest) = url.split_once("://").unwrap();
        let (user, rest) = rest.split_once('@').unwrap();
        let (server, path) = rest.split_once('/').unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let separator = if path.contains('?') { '&' } else { '?' };
        let address = listener.local_addr().unwrap();
        // Encrypted, a commit could not be told from anything else.
        let url = format!("{scheme}://{user}@{address}/{path}{separator}sslmode=disable");
        let (lost, commits) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
        let (server, counted) = (server.to_owned(), lost.clone());
        let (open, refuses) = (Arc::<Mutex<Vec<TcpStream>>>::default(), Arc::new(AtomicBool::new(false)));
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                if refuses.swap(false, Ordering::Relaxed) {
                    continue;
                }
                let Ok(server) = TcpStream::connect(&server) else { return };
                open.lock().unwrap().push(client.try_clone().unwrap());
                let (open, refuses, lost) = (open.clone(), refuses.clone(), counted.clone());
                Self::join(&client, &server, commits.clone(), move || {
                    lost.fetch_add(1, Ordering::Relaxed);
                    refuses.store(true, Ordering::Relaxed);
                    open.lock().unwrap().drain(..).for_each(|client| drop(client.shutdown(Shutdown::Both)));
                });
            }
        });
        Self { url, lost }
    }

    fn join(client: &TcpStream, server: &TcpStream, commits: Arc<AtomicU32>, lose: impl Fn() + Send + 'static) {
        let loses = Arc::new(AtomicBool::new(false));
        let (mut from, mut to, flag) = (client.try_clone().unwrap(), server.try_clone().unwrap(), loses.clone());
        std::thread::spawn(move || {
            pass(&mut from, &mut to, |bytes| {
                if bytes.windows(8).any(|window| window == b"; COMMIT") {
                    let number = commits.fetch_add(1, Ordering::Relaxed);
                    flag.store(number > Self::FIRST && number.is_multiple_of(Self::EVERY), Ordering::Relaxed);
                }
                true
            });
        });
        let (mut from, mut to) = (server.try_clone().unwrap(), client.try_clone().unwrap());
        std::thread::spawn(move || {
            pass(&mut from, &mut to, |_| {
                // The server has answered, so the commit has landed.
                let is_lost = loses.load(Ordering::Relaxed);
                if is_lost {
                    lose();
                }
                !is_lost
            });
        });
    }
}

/// Copies bytes until one side ends, or `goes_on` says no; then both sides end.
fn pass(from: &mut TcpStream, to: &mut TcpStream, mut goes_on: impl FnMut(&[u8]) -> bool) {
    let mut buffer = vec![0; 1 << 16];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        if !goes_on(&buffer[..length]) || to.write_all(&buffer[..length]).is_err() {
            break;
        }
    }
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}
