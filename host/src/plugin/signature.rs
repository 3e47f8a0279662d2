//! The types of the contract's functions, so that a component that has others is refused by name and not by a trap.
//!
//! What is expected stands in a text beside the bindings, one function a line; a test makes it from the WIT.

use std::fmt::Write as _;

use wasmtime::component::Type;
use wasmtime::component::types::Component;
use wasmtime::component::types::ComponentFunc;
use wasmtime::component::types::ComponentItem;

use super::component::World;
use super::engine::Engine;
use super::error::PluginError;
use super::wit::since_v0_1_0::SIGNATURES;
use super::wit::since_v0_1_0::VERSION;

/// Compares the exports of a world, and the log where it is imported, with the contract.
pub(super) fn check(engine: &Engine, kind: &Component, name: &str, world: World) -> Result<(), PluginError> {
    for (interface, function, expected) in SIGNATURES.lines().filter_map(parts) {
        let (item, may_lack) = match interface {
            "log" => (kind.get_import(&engine.inner, &full(interface)), true),
            _ if interface == world.name() => (kind.get_export(&engine.inner, &full(interface)), false),
            _ => continue,
        };
        let function_type = match item.map(|item| item.ty) {
            Some(ComponentItem::ComponentInstance(instance)) => {
                instance.get_export(&engine.inner, function).map(|item| item.ty)
            }
            _ => None,
        };
        let found = match function_type {
            Some(ComponentItem::ComponentFunc(found)) if spell(&found) == expected => continue,
            Some(ComponentItem::ComponentFunc(found)) => format!("`{}`", spell(&found)),
            Some(_) => "something that is no function".to_owned(),
            None if may_lack => continue,
            None => "no such function".to_owned(),
        };
        return Err(PluginError::Signature {
            plugin: name.to_owned(),
            interface: full(interface),
            function: function.to_owned(),
            expected: expected.to_owned(),
            found,
        });
    }
    Ok(())
}

fn full(interface: &str) -> String {
    format!("whimbrel:plugin/{interface}@{VERSION}")
}

/// Reads a line such as `transformer about: func() -> …`.
fn parts(line: &str) -> Option<(&str, &str, &str)> {
    let (place, expected) = line.split_once(": ")?;
    let (interface, function) = place.split_once(' ')?;
    Some((interface, function, expected))
}

/// Writes a function's type on one line, as WIT would with its named types written out.
pub(super) fn spell(function: &ComponentFunc) -> String {
    let mut out = if function.async_() { "async func(".to_owned() } else { "func(".to_owned() };
    for (index, (name, kind)) in function.params().enumerate() {
        let comma = if index > 0 { ", " } else { "" };
        let _ = write!(out, "{comma}{name}: {}", spell_type(&kind));
    }
    out.push(')');
    for kind in function.results() {
        let _ = write!(out, " -> {}", spell_type(&kind));
    }
    out
}

fn spell_type(kind: &Type) -> String {
    let list = |items: Vec<String>| items.join(", ");
    let of = |kind: Option<Type>| kind.map_or_else(|| "_".to_owned(), |kind| spell_type(&kind));
    let name = match kind {
        Type::Bool => "bool",
        Type::S8 => "s8",
        Type::U8 => "u8",
        Type::S16 => "s16",
        Type::U16 => "u16",
        Type::S32 => "s32",
        Type::U32 => "u32",
        Type::S64 => "s64",
        Type::U64 => "u64",
        Type::Float32 => "f32",
        Type::Float64 => "f64",
        Type::Char => "char",
        Type::String => "string",
        Type::List(items) => return format!("list<{}>", spell_type(&items.ty())),
        Type::Option(option) => return format!("option<{}>", spell_type(&option.ty())),
        Type::Result(result) => return format!("result<{}, {}>", of(result.ok()), of(result.err())),
        Type::Tuple(tuple) => return format!("tuple<{}>", list(tuple.types().map(|kind| spell_type(&kind)).collect())),
        Type::Record(record) => {
            let fields = record.fields().map(|field| format!("{}: {}", field.name, spell_type(&field.ty)));
            return format!("record {{ {} }}", list(fields.collect()));
        }
        Type::Variant(variant) => {
            let cases = variant.cases().map(|case| match case.ty {
                Some(kind) => format!("{}({})", case.name, spell_type(&kind)),
                None => case.name.to_owned(),
            });
            return format!("variant {{ {} }}", list(cases.collect()));
        }
        Type::Enum(names) => return format!("enum {{ {} }}", list(names.names().map(str::to_owned).collect())),
        Type::Flags(names) => return format!("flags {{ {} }}", list(names.names().map(str::to_owned).collect())),
        // The contract has none of these.
        Type::Own(_) | Type::Borrow(_) => "a resource",
        Type::Map(_) => "a map",
        Type::Future(_) => "a future",
        Type::Stream(_) => "a stream",
        Type::FixedLengthList(_) => "a list of fixed length",
        Type::ErrorContext => "an error context",
    };
    name.to_owned()
}
