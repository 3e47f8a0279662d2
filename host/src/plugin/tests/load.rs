//! What is loaded, what is refused, and what comes from the cache.

use super::*;

#[test]
fn a_component_says_what_it_is() {
    let (engine, cache) = engine();
    let path = cache.path().join("echo.wasm");
    let bytes = guest::echo(0, 0);
    std::fs::write(&path, &bytes).unwrap();
    let component = Component::load(&engine, &path, "echo").unwrap();
    assert_eq!(component.world(), World::Transformer);
    assert_eq!(component.version(), "0.1.0");
    assert_eq!(component.outline().size, bytes.len());
    assert_eq!(component.digest().len(), 64);
    assert!(
        component.outline().imports.iter().any(|import| import.interface == "whimbrel:plugin/log@0.1.0"),
        "{:?}",
        component.outline().imports
    );
    let about = About { summary: "test guest".into(), payload: Payload::Bson, config_schema: String::new() };
    assert_eq!(component.about(), &about);
    let (_, description) = Transformer::open(&component, setup("{}"), Limits::default(), PINS).unwrap();
    let column = |name: &str| DescribedColumn { name: name.into(), references: Vec::new(), sources: Vec::new() };
    let table = Described {
        name: "T".into(),
        columns: vec![column("_id"), column("a")],
        key: Vec::new(),
        id: Some("_id".into()),
    };
    assert_eq!(description.tables, [table]);
}

#[test]
fn a_refused_configuration_gives_its_problems() {
    let (engine, _cache) = engine();
    let component = Component::from_bytes(&engine, &guest::echo(0, 0), "echo").unwrap();
    let problem = Problem { pointer: "/at".into(), message: "too-big".into() };
    match Transformer::open(&component, setup("{ }"), Limits::default(), PINS) {
        Err(OpenError::Problems(problems)) => assert_eq!(problems, [problem]),
        other => panic!("expected problems, found {:?}", other.map(|(_, description)| description)),
    }
}

#[test]
fn what_is_no_component_is_refused() {
    let (engine, _cache) = engine();
    let core = wat::parse_str("(module)").unwrap();
    for (bytes, expected) in [
        (&b""[..], "plugin `p`: expected a WebAssembly component, found an empty file"),
        (b"hello", "plugin `p`: expected a WebAssembly component, found a file that is not WebAssembly"),
        (&core, "plugin `p`: expected a WebAssembly component, found a core module"),
        (b"\0asm\x0d\0\x01\0garbage", "plugin `p`: the component is not valid"),
    ] {
        let error = Component::from_bytes(&engine, bytes, "p").unwrap_err();
        assert_eq!(error.to_string(), expected);
    }
    let error = Component::load(&engine, std::path::Path::new("/nonexistent/p.wasm"), "p").unwrap_err();
    assert_eq!(error.to_string(), "plugin `p`: cannot read /nonexistent/p.wasm");
}

#[test]
fn other_contracts_are_refused_by_name() {
    let (engine, _cache) = engine();
    let ours =
        "`whimbrel:plugin/transformer@0.1.0`, `whimbrel:plugin/validator@0.1.0` or `whimbrel:plugin/merger@0.1.0`";
    let stranger = guest::stranger(
        "package other:thing@1.0.0; interface run { run: func(); } world stranger { export run; }",
        r#"(module (func (export "other:thing/run@1.0.0#run")))"#,
    );
    let error = Component::from_bytes(&engine, &stranger, "p").unwrap_err();
    assert_eq!(error.to_string(), format!("plugin `p`: expected an export of {ours}, found `other:thing/run@1.0.0`"));

    for (version, verdict) in [("0.2.0", "newer than this host"), ("0.0.9", "no longer spoken")] {
        let other = guest::component("transformer-plugin", version, "", &guest::echo_module(0, 0));
        let error = Component::from_bytes(&engine, &other, "p").unwrap_err();
        let found = format!("`whimbrel:plugin/transformer@{version}`, which is {verdict}");
        assert_eq!(error.to_string(), format!("plugin `p`: expected {ours}, found {found}"));
    }

    let needy = guest::stranger(
        "package other:thing@1.0.0; interface net { call: func(); } interface run { run: func(); } world stranger { import net; export run; }",
        r#"(module (import "other:thing/net@1.0.0" "call" (func)) (func (export "other:thing/run@1.0.0#run")))"#,
    );
    assert!(matches!(Component::from_bytes(&engine, &needy, "p"), Err(PluginError::World { .. })));
}

#[test]
fn a_validator_is_no_transformer() {
    let (engine, _cache) = engine();
    let component = Component::from_bytes(&engine, &guest::strict(), "p").unwrap();
    let Err(error) = Transformer::open(&component, setup("{}"), Limits::default(), PINS) else { panic!("it opened") };
    assert_eq!(error.to_string(), "plugin `p`: expected a transformer, found a validator");
}

#[test]
fn the_cache_is_used_and_a_changed_entry_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("cache");
    let bytes = guest::echo(0, 0);
    let load = || Component::from_bytes(&Engine::new(Some(cache.clone())).unwrap(), &bytes, "echo").unwrap();
    let entry = || {
        let entries = compiled_in(&cache);
        assert_eq!(entries.len(), 1, "{entries:?}");
        entries[0].clone()
    };
    load();
    let path = entry();
    let modified = || std::fs::metadata(&path).unwrap().modified().unwrap();
    let (whole, written) = (std::fs::read(&path).unwrap(), modified());
    load();
    assert_eq!(modified(), written, "a good entry is used as it is");

    let mut flipped = whole.clone();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 1;
    for bad in [&flipped[..], &whole[..whole.len() - 1], &whole[..10], b""] {
        std::fs::write(&path, bad).unwrap();
        load();
        assert_eq!(entry(), path);
        assert!(std::fs::read(&path).unwrap() == whole, "an entry of {} bytes was replaced", bad.len());
    }
}

/// Returns the compiled components of a cache.
fn compiled_in(cache: &std::path::Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(cache).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.extension().is_some_and(|extension| extension == "code")).collect()
}

#[test]
fn a_component_is_kept_as_it_was_and_a_changed_one_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = guest::echo(0, 0);
    let engine = Engine::new(Some(folder.path().to_owned())).unwrap();
    let component = Component::from_bytes(&engine, &bytes, "echo").unwrap();
    assert!(cache::kept(folder.path(), component.digest()).is_some_and(|kept| kept == bytes));
    std::fs::write(folder.path().join(format!("{}.wasm", component.digest())), &bytes[1..]).unwrap();
    assert_eq!(cache::kept(folder.path(), component.digest()), None);
}

#[test]
fn an_entry_under_another_name_is_not_used() {
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("cache");
    let load = |bytes: &[u8]| {
        let component = Component::from_bytes(&Engine::new(Some(cache.clone())).unwrap(), bytes, "p").unwrap();
        let mut entries = compiled_in(&cache).into_iter();
        let named = |path: &std::path::PathBuf| path.to_string_lossy().contains(component.digest());
        let entry = entries.find(named).unwrap();
        (component.world(), entry)
    };
    let ((_, echo), (_, strict)) = (load(&guest::echo(0, 0)), load(&guest::strict()));
    let whole = std::fs::read(&echo).unwrap();
    std::fs::copy(&strict, &echo).unwrap();
    assert_eq!(load(&guest::echo(0, 0)).0, World::Transformer);
    assert!(std::fs::read(&echo).unwrap() == whole, "it was compiled again");
}

#[cfg(unix)]
#[test]
fn an_entry_that_others_may_write_is_not_run() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("cache");
    let bytes = guest::echo(0, 0);
    let load = || Component::from_bytes(&Engine::new(Some(cache.clone())).unwrap(), &bytes, "echo").unwrap();
    load();
    let path = compiled_in(&cache).remove(0);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o666)).unwrap();
    load();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o022, 0, "it was written anew");
}

#[test]
fn the_signatures_are_those_of_the_contract() {
    use wasmtime::component::types::ComponentItem;
    let (engine, _cache) = engine();
    let mut lines = std::collections::BTreeSet::new();
    for bytes in [guest::echo(0, 0), guest::strict(), guest::merger()] {
        let compiled = wasmtime::component::Component::from_binary(&engine.inner, &bytes).unwrap();
        let kind = compiled.component_type();
        for (interface, item) in kind.imports(&engine.inner).chain(kind.exports(&engine.inner)) {
            let ComponentItem::ComponentInstance(instance) = item.ty else { continue };
            let interface = interface.strip_prefix("whimbrel:plugin/").unwrap().split('@').next().unwrap();
            for (function, item) in instance.exports(&engine.inner) {
                let ComponentItem::ComponentFunc(found) = item.ty else { continue };
                lines.insert(format!("{interface} {function}: {}\n", signature::spell(&found)));
            }
        }
    }
    let made: String = lines.into_iter().collect();
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/plugin/wit/since_v0_1_0.signatures");
    if std::env::var_os("WHIMBREL_BLESS").is_some() {
        std::fs::write(path, &made).unwrap();
    }
    assert_eq!(std::fs::read_to_string(path).unwrap(), made, "`WHIMBREL_BLESS=1` writes it anew");
}

#[test]
fn a_function_with_other_types_is_refused_with_both() {
    let (engine, _cache) = engine();
    let refusal = |from: &str, to: &str| {
        Component::from_bytes(&engine, &guest::changed_validator(from, to), "p").unwrap_err().to_string()
    };
    let at = "plugin `p`: `whimbrel:plugin/validator@0.1.0`: expected";
    for (from, to, function, found) in [
        ("column: option<string>,", "field: option<string>,", "validate", "field: option<string>"),
        ("summary: string,", "summary: list<u8>,", "about", "summary: list<u8>"),
        ("configure: func(setup: setup)", "configure: func(given: setup)", "configure", "func(given: record {"),
    ] {
        let said = refusal(from, to);
        assert!(said.starts_with(&format!("{at} `{function}: func(")) && said.contains(found), "{said}");
    }
    let said = refusal("about: func()", "of: func()");
    assert!(said.starts_with(&format!("{at} `about: func(")) && said.ends_with("found no such function"), "{said}");
    let said = refusal("        warn,\n", "");
    assert!(
        said.contains("`whimbrel:plugin/log@0.1.0`: expected `log: func(level: enum { debug, info, warn,"),
        "{said}"
    );
}
