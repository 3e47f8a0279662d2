//! Guests of a few lines, written in WebAssembly text and made into components against the real contract.

use std::path::Path;

use wit_component::ComponentEncoder;
use wit_component::StringEncoding;
use wit_parser::Resolve;

/// WASI interfaces that a guest may import, as much of them as the tests need.
const WASI: [(&str, &str); 2] = [
    ("random", "package wasi:random@0.2.0; interface random { get-random-u64: func() -> u64; }"),
    (
        "clocks",
        "package wasi:clocks@0.2.0; interface wall-clock { record datetime { seconds: u64, nanoseconds: u32 } now: func() -> datetime; }",
    ),
];

/// Makes a component of a module; `imports` go into the world, and the contract carries `version`.
pub(super) fn component(world: &str, version: &str, imports: &str, module: &str) -> Vec<u8> {
    let folder = tempfile::tempdir().expect("a folder for the contract");
    let contract = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../wit/since-v0.1.0"));
    for file in std::fs::read_dir(contract).expect("the contract is there").flatten() {
        if file.path().extension().is_some_and(|extension| extension == "wit") {
            let text = std::fs::read_to_string(file.path()).expect("the contract is text");
            let text = text.replace("@0.1.0", &format!("@{version}"));
            let text = text.replace("    import log;", &format!("    import log;\n    {imports}"));
            std::fs::write(folder.path().join(file.file_name()), text).expect("the folder can be written");
        }
    }
    for (name, text) in WASI {
        let dependency = folder.path().join("deps").join(name);
        std::fs::create_dir_all(&dependency).expect("the folder can be written");
        std::fs::write(dependency.join("package.wit"), text).expect("the folder can be written");
    }
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_path(folder.path()).expect("the contract is valid");
    encode(&resolve, package, world, &module.replace("@0.1.0", &format!("@{version}")))
}

/// The strict validator under a contract with one thing changed; its module must fit both.
pub(super) fn changed_validator(from: &str, to: &str) -> Vec<u8> {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../wit/since-v0.1.0"));
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).expect("the contract is there");
    let rest = ["types.wit", "log.wit", "validator.wit"].map(read).concat();
    assert!(rest.contains(from), "the contract has `{from}`");
    let package = "package whimbrel:plugin@0.1.0;";
    let contract = format!("{package}{}", rest.replace(package, "").replace(from, to));
    let contract = contract.replace("validator-plugin", "stranger");
    let module = format!("(module {RUNTIME} {STRICT})").replace("PAYLOAD", "0");
    let export = |text: &str| format!("#{}\"", text.split(':').next().unwrap_or_default());
    let is_renamed = from.contains("func");
    stranger(&contract, &if is_renamed { module.replace(&export(from), &export(to)) } else { module })
}

/// Makes a component of a module and a contract of its own.
pub(super) fn stranger(contract: &str, module: &str) -> Vec<u8> {
    let mut resolve = Resolve::default();
    let package = resolve.push_str("stranger.wit", contract).expect("the contract is valid");
    encode(&resolve, package, "stranger", module)
}

fn encode(resolve: &Resolve, package: wit_parser::PackageId, world: &str, module: &str) -> Vec<u8> {
    let world = resolve.select_world(&[package], Some(world)).expect("the world exists");
    let mut module = wat::parse_str(module).expect("the module is valid");
    wit_component::embed_component_metadata(&mut module, resolve, world, StringEncoding::UTF8).expect("it embeds");
    let mut encoder = ComponentEncoder::default();
    let encoder = encoder.validate(true).module(&module).expect("the module fits the world");
    encoder.encode().expect("the component encodes")
}

/// What every guest has: memory, an allocator that never frees, the log.
const RUNTIME: &str = r#"
    (import "whimbrel:plugin/log@0.1.0" "log" (func $log (param i32 i32 i32)))
    (memory (export "memory") 2)
    (global $top (mut i32) (i32.const 65536))
    (data (i32.const 16) "test guest")
    (data (i32.const 32) "T") (data (i32.const 34) "_id") (data (i32.const 38) "a")
    (data (i32.const 40) "/at") (data (i32.const 44) "too-big")
    (func $alloc (param $size i32) (result i32)
        (local $at i32)
        (local.set $at (i32.and (i32.add (global.get $top) (i32.const 7)) (i32.const -8)))
        (global.set $top (i32.add (local.get $at) (local.get $size)))
        (block $done (loop $grow
            (br_if $done (i32.le_u (global.get $top) (i32.mul (memory.size) (i32.const 65536))))
            (br_if $grow (i32.ne (memory.grow (i32.const 16)) (i32.const -1)))
            unreachable))
        (local.get $at))
    (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (call $alloc (local.get 3)))
    (func $store2 (param $at i32) (param $one i32) (param $other i32)
        (i32.store (local.get $at) (local.get $one))
        (i32.store offset=4 (local.get $at) (local.get $other)))
    (func $about (result i32)
        (call $store2 (i32.const 64) (i32.const 16) (i32.const 10))
        (i32.store8 (i32.const 72) (i32.const PAYLOAD))
        (call $store2 (i32.const 76) (i32.const 0) (i32.const 0))
        (i32.const 64))
    ;; A configuration of three bytes has a problem.
    (func $problems (param $at i32) (param $config_len i32) (result i32)
        (i32.store8 (local.get $at) (i32.eq (local.get $config_len) (i32.const 3)))
        (if (i32.eq (local.get $config_len) (i32.const 3)) (then
            (call $store2 (i32.add (local.get $at) (i32.const 4)) (i32.const 800) (i32.const 1))
            (call $store2 (i32.const 800) (i32.const 40) (i32.const 3))
            (call $store2 (i32.const 808) (i32.const 44) (i32.const 7))))
        (local.get $at))
"#;

/// A transformer that echoes documents as rows of table `T`, whose columns are `_id` and `a`. The type of a BSON document's
/// first field makes it misbehave: bool traps, null spins, double hoards memory.
const ECHO: &str = r#"
    (func (export "whimbrel:plugin/transformer@0.1.0#about") (result i32) (call $about))
    (func (export "whimbrel:plugin/transformer@0.1.0#describe") (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
        (if (i32.ne (local.get 7) (i32.const 3)) (then
            (call $store2 (i32.const 132) (i32.const 192) (i32.const 1))
            (call $store2 (i32.const 192) (i32.const 32) (i32.const 1))
            (call $store2 (i32.const 200) (i32.const 256) (i32.const 2))
            (i32.store8 (i32.const 216) (i32.const 1))
            (call $store2 (i32.const 220) (i32.const 34) (i32.const 3))
            (call $store2 (i32.const 256) (i32.const 34) (i32.const 3))
            (call $store2 (i32.const 280) (i32.const 38) (i32.const 1))))
        (call $problems (i32.const 128) (local.get 7)))
    (func (export "whimbrel:plugin/transformer@0.1.0#configure") (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
        (call $log (i32.const 1) (i32.const 16) (i32.const 10))
        (call $problems (i32.const 512) (local.get 7)))
    (func $misbehave (param $type i32)
        (if (i32.eq (local.get $type) (i32.const 8)) (then unreachable))
        (if (i32.eq (local.get $type) (i32.const 10)) (then (loop $spin (br $spin))))
        (if (i32.eq (local.get $type) (i32.const 1)) (then
            (loop $hoard (br_if $hoard (i32.ne (memory.grow (i32.const 64)) (i32.const -1))) unreachable))))
    (func (export "whimbrel:plugin/transformer@0.1.0#transform") (param $kind i32) (param $at i32) (param $len i32) (result i32)
        (local $end i32) (local $out i32) (local $first i32) (local $count i32) (local $start i32)
        (local $body i32) (local $size i32) (local $tables i32) (local $bodies i32) (local $used i32)
        (local.set $start (local.get $at))
        (local.set $first (call $alloc (i32.mul (i32.const 32) (i32.const 4000))))
        (local.set $out (local.get $first))
        (local.set $tables (call $alloc (i32.mul (i32.const 4) (i32.const 4000))))
        (local.set $bodies (call $alloc (i32.add (local.get $len) (i32.mul (i32.const 32) (i32.const 4000)))))
        (local.set $end (i32.add (local.get $at) (if (result i32) (local.get $kind)
            (then (i32.mul (local.get $len) (i32.const 8))) (else (local.get $len)))))
        (block $done (loop $each
            (br_if $done (i32.ge_u (local.get $at) (local.get $end)))
            (if (local.get $kind)
                (then (local.set $at (i32.add (local.get $at) (i32.const 8))))
                (else
                    (local.set $body (local.get $at))
                    (local.set $size (i32.load (local.get $at)))
                    (call $misbehave (i32.load8_u offset=4 (local.get $at)))
                    (local.set $at (i32.add (local.get $at) (local.get $size)))
                    BODY
                    (local.set $size (i32.sub (local.get $size) (i32.const CUT)))
                    (memory.copy (i32.add (local.get $bodies) (local.get $used)) (local.get $body) (local.get $size))
                    (local.set $used (i32.add (local.get $used) (local.get $size)))))
            (i32.store offset=4 (local.get $out) (i32.const 1))
            (local.set $out (i32.add (local.get $out) (i32.const 32)))
            (local.set $count (i32.add (local.get $count) (i32.const 1)))
            (br $each)))
        (call $store2 (i32.const 520) (local.get $first) (i32.sub (local.get $count) (i32.const MISSING)))
        (call $store2 (i32.const 528) (local.get $tables) (local.get $count))
        (i32.store8 (i32.const 536) (local.get $kind))
        (if (local.get $kind)
            (then (call $store2 (i32.const 540) (local.get $start) (local.get $count)))
            (else (call $store2 (i32.const 540) (local.get $bodies) (local.get $used))))
        (i32.const 520))
"#;

/// Replaces a document by `{_id: <random>, a: <the clock's seconds>}`.
const PINNED_BODY: &str = r#"
    (local.set $body (call $alloc (i32.const 32)))
    (local.set $size (i32.const 29))
    (i32.store (local.get $body) (i32.const 29))
    (i32.store offset=4 (local.get $body) (i32.const 0x64695f12))
    (i64.store offset=9 (local.get $body) (call $random))
    (i32.store16 offset=17 (local.get $body) (i32.const 0x6112))
    (call $now (i32.const 1000))
    (i64.store offset=20 (local.get $body) (i64.load (i32.const 1000)))
"#;

/// A validator that objects to every row of more than 32 bytes.
const STRICT: &str = r#"
    (func (export "whimbrel:plugin/validator@0.1.0#about") (result i32) (call $about))
    (func (export "whimbrel:plugin/validator@0.1.0#configure") (param i32 i32 i32 i32 i32 i32) (result i32)
        (call $problems (i32.const 512) (local.get 5)))
    (func (export "whimbrel:plugin/validator@0.1.0#validate") (param $tables i32) (param $len i32) (param $kind i32)
        (param $at i32) (param $bytes i32) (result i32)
        (local $out i32) (local $row i32) (local $count i32)
        (local.set $out (call $alloc (i32.mul (i32.const 32) (local.get $len))))
        (call $store2 (i32.const 520) (local.get $out) (i32.const 0))
        (block $done (loop $each
            (br_if $done (i32.ge_u (local.get $row) (local.get $len)))
            (if (i32.gt_u (i32.load (local.get $at)) (i32.const 32)) (then
                (i32.store (local.get $out) (local.get $row))
                (call $store2 (i32.add (local.get $out) (i32.const 4)) (i32.const 44) (i32.const 7))
                (call $store2 (i32.add (local.get $out) (i32.const 24)) (i32.const 16) (i32.const 10))
                (local.set $out (i32.add (local.get $out) (i32.const 32)))
                (local.set $count (i32.add (local.get $count) (i32.const 1)))))
            (local.set $at (i32.add (local.get $at) (i32.load (local.get $at))))
            (local.set $row (i32.add (local.get $row) (i32.const 1)))
            (br $each)))
        (i32.store (i32.const 524) (local.get $count))
        (i32.const 520))
"#;

/// A merger that traps wherever it has something to do.
const MERGER: &str = r#"
    (func (export "whimbrel:plugin/merger@0.1.0#about") (result i32) (call $about))
    (func (export "whimbrel:plugin/merger@0.1.0#configure") (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
        (call $problems (i32.const 512) (local.get 7)))
    (func (export "whimbrel:plugin/merger@0.1.0#identify") (param i32 i32 i32) (result i32) unreachable)
    (func (export "whimbrel:plugin/merger@0.1.0#merge") (param i32 i32 i32) (result i32) unreachable)
"#;

/// The merger that traps.
pub(super) fn merger() -> Vec<u8> {
    let module = format!("(module {RUNTIME} {MERGER})");
    component("merger-plugin", "0.1.0", "", &module.replace("PAYLOAD", "0"))
}

/// The echoing transformer, for BSON (0) or Extended JSON (1), which leaves out so many outcomes.
pub(super) fn echo(payload: u8, missing: u8) -> Vec<u8> {
    component("transformer-plugin", "0.1.0", "", &echo_module(payload, missing))
}

/// The echoing transformer, which leaves out the last byte of every body.
pub(super) fn echo_cut() -> Vec<u8> {
    component("transformer-plugin", "0.1.0", "", &module("0", "0", "", "1"))
}

/// The module of [`echo`].
pub(super) fn echo_module(payload: u8, missing: u8) -> String {
    module(&payload.to_string(), &missing.to_string(), "", "0")
}

fn module(payload: &str, missing: &str, body: &str, cut: &str) -> String {
    let module = format!("(module {RUNTIME} {ECHO})");
    module.replace("PAYLOAD", payload).replace("MISSING", missing).replace("BODY", body).replace("CUT", cut)
}

/// The transformer that tells the time and a random number.
pub(super) fn pinned() -> Vec<u8> {
    let imports = r#"
        (import "wasi:random/random@0.2.0" "get-random-u64" (func $random (result i64)))
        (import "wasi:clocks/wall-clock@0.2.0" "now" (func $now (param i32)))"#;
    let module = format!("(module {imports} {RUNTIME} {ECHO})");
    let module =
        module.replace("PAYLOAD", "0").replace("MISSING", "0").replace("BODY", PINNED_BODY).replace("CUT", "0");
    let imports = "import wasi:random/random@0.2.0; import wasi:clocks/wall-clock@0.2.0;";
    component("transformer-plugin", "0.1.0", imports, &module)
}

/// The strict validator.
pub(super) fn strict() -> Vec<u8> {
    let module = format!("(module {RUNTIME} {STRICT})");
    component("validator-plugin", "0.1.0", "", &module.replace("PAYLOAD", "0"))
}

/// The strict validator with a table of its own.
pub(super) fn tables() -> Vec<u8> {
    let module = format!("(module {RUNTIME} (table 8 funcref) {STRICT})");
    component("validator-plugin", "0.1.0", "", &module.replace("PAYLOAD", "0"))
}

/// The strict validator with a start function of its own.
pub(super) fn starting(body: &str) -> Vec<u8> {
    let module = format!("(module {RUNTIME} (func $start {body}) (start $start) {STRICT})");
    component("validator-plugin", "0.1.0", "", &module.replace("PAYLOAD", "0"))
}
