//! One run of the real program, with its time and its memory.

use std::error::Error;
use std::fs;
use std::fs::File;
use std::path::Path;
use std::process::Command;
use std::process::Stdio;
use std::thread;
use std::time::Duration;
use std::time::Instant;

/// How often the memory is looked at; the high-water mark only grows, so the last look tells.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// What a run took.
#[derive(Debug, Clone, Copy)]
pub struct Measured {
    /// From the process's start to its end.
    pub seconds: f64,
    /// Peak resident memory, where the system says it.
    pub peak_kib: Option<u64>,
    /// Commits.
    pub batches: u64,
    /// Records read.
    pub records: u64,
    /// Milliseconds in each stage, and in the junctions' final steps.
    pub stages: [(&'static str, u64); 6],
}

const STAGES: [&str; 5] = ["read", "transform", "resolve", "commit", "finish"];

/// Runs a migration to its end.
pub fn run(binary: &Path, manifest: &Path, target_url: &str) -> Result<Measured, Box<dyn Error>> {
    let report = manifest.with_file_name("report.json");
    let log = manifest.with_file_name("run.log");
    let output = File::create(&log)?;
    let begun = Instant::now();
    let mut child = Command::new(binary)
        .args(["run", "--execute", "--yes", "--report"])
        .arg(&report)
        .arg(manifest)
        .env("TARGET_URL", target_url)
        .stdin(Stdio::null())
        .stdout(output.try_clone()?)
        .stderr(output)
        .spawn()?;
    let mut peak_kib = None;
    let status = loop {
        peak_kib = high_water_kib(child.id()).max(peak_kib);
        match child.try_wait()? {
            Some(status) => break status,
            None => thread::sleep(LOOK_EVERY),
        }
    };
    let seconds = begun.elapsed().as_secs_f64();
    // 3: some records are dead letters, as the CRM's dirt must be.
    if !matches!(status.code(), Some(0 | 3)) {
        return Err(format!("the migration ended with {status}: {}", fs::read_to_string(log)?).into());
    }
    let report: serde_json::Value = serde_json::from_str(&fs::read_to_string(report)?)?;
    let sum_of = |parts: &str, of: &dyn Fn(&serde_json::Value) -> Option<u64>| -> u64 {
        report[parts].as_array().into_iter().flatten().filter_map(of).sum()
    };
    let sum = |of: &dyn Fn(&serde_json::Value) -> Option<u64>| sum_of("entities", of);
    let mut stages = [("junctions", sum_of("junctions", &|junction| junction["duration_ms"].as_u64())); 6];
    for (stage, name) in stages.iter_mut().zip(STAGES) {
        *stage = (name, sum(&|entity| entity["stages"][format!("{name}_ms")].as_u64()));
    }
    Ok(Measured {
        seconds,
        peak_kib,
        batches: sum(&|entity| entity["batches"].as_u64()),
        records: sum(&|entity| entity["this_run"]["read"].as_u64()),
        stages,
    })
}

fn high_water_kib(process: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().trim_end_matches("kB").trim().parse().ok()
}
