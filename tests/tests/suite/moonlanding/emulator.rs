//! Google's own emulator of Firestore, where it is installed: it imports what the generator wrote, and is asked for it.

use std::io::BufRead;
use std::io::BufReader;
use std::io::Read;
use std::io::Write;
use std::net::TcpListener;
use std::net::TcpStream;
use std::path::Path;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;
use std::time::Instant;

use serde_json::Value as Json;
use serde_json::json;

use super::decoder;
use super::decoder::Documents;

/// Where the Cloud SDK's packages put it.
const JARS: &[&str] = &[
    "/usr/lib/google-cloud-sdk/platform/cloud-firestore-emulator/cloud-firestore-emulator.jar",
    "/opt/google-cloud-sdk/platform/cloud-firestore-emulator/cloud-firestore-emulator.jar",
    "/usr/share/google-cloud-sdk/platform/cloud-firestore-emulator/cloud-firestore-emulator.jar",
];
/// An import takes a second or two.
const ANSWER_WAIT: Duration = Duration::from_secs(60);
const MAIN: &str = "com.google.cloud.datastore.emulator.firestore.CloudFirestore";

/// An emulator that ends with its test.
pub struct Emulator {
    process: Child,
    port: u16,
}

impl Emulator {
    /// Starts one, or says why there is none.
    pub fn start() -> Result<Self, String> {
        let named = std::env::var("FIRESTORE_EMULATOR_JAR").ok();
        let jars = named.iter().map(String::as_str).chain(JARS.iter().copied());
        let jar = jars.into_iter().find(|jar| Path::new(jar).exists()).ok_or("there is no Firestore emulator")?;
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut java = Command::new("java");
        java.args(["-cp", jar, MAIN, "start", "--host", "127.0.0.1", "--port", &port.to_string()]);
        let process = java.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let process = process.map_err(|error| format!("java does not start: {error}"))?;
        let mut emulator = Self { process, port };
        let begun = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            if let Some(ended) = emulator.process.try_wait().unwrap() {
                return Err(format!("the emulator ended: {ended}"));
            }
            assert!(begun.elapsed() < Duration::from_secs(90), "the emulator does not answer");
            std::thread::sleep(Duration::from_millis(200));
        }
        Ok(emulator)
    }

    /// Has it import an export into a project, and returns every document that it then has.
    pub fn import(&self, project: &str, export: &Path) -> Documents {
        let database = format!("projects/{project}/databases/(default)");
        let folder = export.join("firestore_export.overall_export_metadata");
        self.post(
            &format!("/emulator/v1/projects/{project}:import"),
            &json!({ "database": database, "export_directory": folder }),
        );
        let query = json!({ "structuredQuery": { "from": [{ "allDescendants": true }] } });
        let answer = self.post(&format!("/v1/{database}/documents:runQuery"), &query);
        answer.as_array().unwrap().iter().filter_map(|part| part.get("document")).map(decoder::of_rest).collect()
    }

    fn post(&self, path: &str, body: &Json) -> Json {
        let body = body.to_string();
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(ANSWER_WAIT)).unwrap();
        // HTTP/1.0, so that the answer comes in one piece; the connection stays open behind it all the same.
        write!(
            stream,
            "POST {path} HTTP/1.0\r\nAuthorization: Bearer owner\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
        let mut stream = BufReader::new(stream);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert!(stream.read_line(&mut head).unwrap() > 0, "{path}: {head}");
        }
        let length = head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
        let mut body = vec![0; length.unwrap_or_else(|| panic!("{path}: {head}"))];
        stream.read_exact(&mut body).unwrap();
        assert!(head.contains(" 200 "), "{path}: {head}{}", String::from_utf8_lossy(&body));
        serde_json::from_slice(&body).unwrap_or_else(|error| panic!("{path}: {error}: {head}"))
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
