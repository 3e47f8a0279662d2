//! Ten kinds of broken component: none of them ever becomes active, and each says why.

use std::fs;
use std::path::PathBuf;

use whimbrel_tests::Database;
use whimbrel_tests::components;

use super::scene::PEOPLE;
use super::scene::Scene;
use super::scene::digest;
use super::scene::guest;

/// The file of a candidate, and what its refusal says.
fn broken(scene: &Scene) -> Vec<(&'static str, PathBuf, &'static str)> {
    let file = |name: &str, bytes: &[u8]| {
        fs::create_dir_all(scene.path("candidates")).unwrap();
        let path = scene.path(&format!("candidates/{name}.wasm"));
        fs::write(&path, bytes).unwrap();
        path
    };
    let good = fs::read(guest("fixable_v1")).unwrap();
    let newer = {
        let (old, new) = (b"whimbrel:plugin/transformer@0.1.0", b"whimbrel:plugin/transformer@0.9.0");
        let mut bytes = good.clone();
        for at in 0..bytes.len() - old.len() {
            if bytes[at..].starts_with(old) {
                bytes[at..at + old.len()].copy_from_slice(new);
            }
        }
        bytes
    };
    let cases = scene.path("candidates/golden.cases");
    fs::create_dir_all(&cases).unwrap();
    let input = r#"{"setup": {"entity": "people", "into": ["people"]}, "documents": [{"_id": 1, "name": "wrong", "wrong": true}]}"#;
    let expected = r#"{"description": {"tables": [{"name": "people", "columns": ["_id", "name"], "id": "_id"}],
        "reads": ["_id", "name", "parent", "poison", "wrong"], "ignores": []},
        "outcomes": [{"rows": [{"table": "people", "row": {"_id": {"$ref": "people", "$id": 1}, "name": "wrong"}}]}]}"#;
    fs::write(cases.join("names.input.json"), input).unwrap();
    fs::write(cases.join("names.expected.json"), expected).unwrap();
    vec![
        ("core module", file("core", b"\0asm\x01\0\0\0"), "a core module"),
        ("wrong world", guest("wrong_world"), "other:thing/greeter@1.0.0"),
        ("wrong role", components::plugins().join("timestamps_utc.wasm"), "expected a transformer, found a validator"),
        ("too new", file("newer", &newer), "newer than this host"),
        (
            "describes more",
            guest("fixable_describes_more"),
            "columns of `people`: expected `_id`, `name`, found `_id`, `name`, `made_by`",
        ),
        (
            "configuration",
            guest("fixable_refuses_config"),
            "it refuses the configuration: `/parent`: I want another one",
        ),
        ("trap", guest("fixable_v1"), "the last committed batch, document 30: "),
        (
            "golden case",
            file("golden", &good),
            "the golden case `names` fails: /outcomes/0/rows/0/row/name: expected \"wrong\", found \"WRONG\"",
        ),
        ("truncated", file("truncated", &good[..good.len() / 2]), "the component is not valid"),
        ("empty", file("empty", b""), "an empty file"),
        ("import", guest("opens_socket"), "wasi:sockets/"),
        ("no WebAssembly", file("text", b"#!/bin/sh\n"), "a file that is not WebAssembly"),
    ]
}

#[test]
fn no_broken_component_ever_becomes_active() {
    for database in Database::each() {
        // Held by a record that no version takes: the last committed batch stays the same all the time.
        let scene = Scene::new(database, "fixable_v2", &format!("{PEOPLE}[plugin.fixable]\nwatch-batches = 0\n"));
        scene.records("people", 60, |number| match number {
            29 => r#", "poison": true"#,
            35 => r#", "unfit": true"#,
            _ => "",
        });
        let running = scene.start_until_held("people");
        for (kind, file, why) in broken(&scene) {
            let ended = scene.swap_file(&file).expect(1);
            let message = ended.json()["message"].as_str().unwrap().to_owned();
            assert!(message.contains(why), "{kind}: {message}");
            assert_eq!(scene.event_words("people").last().unwrap(), "refused", "{kind}");
            assert!(scene.reason("refused").contains(why), "{kind}: {}", scene.reason("refused"));
            assert!(running.said().contains(why), "{kind}: {}", running.said());
        }
        let status = scene.status();
        assert_eq!(status["running"][0]["active"]["fixable"], digest("fixable_v2"));
        assert_eq!(status["running"][0].get("candidate"), None);
        let kinds = broken(&scene).len();
        whimbrel_tests::measured(&format!("{kinds} kinds of broken component, none of which became active"));
        running.interrupt();
        running.wait().expect(130);
        assert_eq!(scene.fingerprint("people"), digest("fixable_v2"));
        assert!(scene.events("people").iter().all(|(event, digest)| event != "promoted" && !digest.is_empty()));
    }
}
