//! Extensions (RFC 9846, section 4.3).

use handclasp::wire::{CodePoint, ExtensionType, Extensions, KeyShareEntry, List, Names};

use super::layout::Layout;
use crate::account::Value;
use crate::code::{Named, code};

/// The list of extensions that ends a message. `body` lays out the content of an extension; what it leaves
/// is a field of bytes.
pub(super) fn extensions(
    layout: &mut Layout<'_>,
    extensions: Extensions<'_>,
    body: impl Fn(ExtensionType, &[u8], &mut Layout<'_>),
) {
    layout.vector("extensions", "extensions", 2, |layout| {
        for extension in extensions.iter() {
            let (kind, content) = (extension.kind, extension.body);
            let value = Value::Code(code(kind));
            layout.group("extension", meaning(kind), Some(value), |layout| {
                layout.code("extension_type", "extension_type", code(kind));
                layout.number("length", "length", 2, content.len() as u64);
                let name = "extension_data";
                layout.within(name, name, content.len(), |layout| body(kind, content, layout));
            });
        }
    });
}

/// The key of an extension's meaning: its name.
fn meaning(kind: ExtensionType) -> &'static str {
    match kind.name() {
        Some(name) => name,
        None if code(kind).grease => "grease",
        None => "unknown_extension",
    }
}

/// A list of code points.
pub(super) fn codes<T: CodePoint + Named>(
    layout: &mut Layout<'_>,
    name: &'static str,
    element: &'static str,
    prefix: usize,
    list: Option<List<'_, T>>,
) {
    if let Some(list) = list {
        layout.vector_of_codes(name, element, name, prefix, list.iter().map(code));
    }
}

/// A list of names, whose lengths have `width` bytes each.
pub(super) fn names(
    layout: &mut Layout<'_>,
    name: &'static str,
    element: &'static str,
    width: usize,
    names: Option<Names<'_>>,
) {
    let Some(names) = names else { return };
    layout.vector(name, name, 2, |layout| {
        for one in names.iter() {
            layout.vector(element, element, width, |layout| match width {
                1 => layout.text("data", element, one),
                _ => layout.bytes("data", element, one),
            });
        }
    });
}

/// One key share (section 4.3.8).
pub(super) fn key_share(layout: &mut Layout<'_>, share: KeyShareEntry<'_>) {
    layout.group("KeyShareEntry", "key_share_entry", None, |layout| {
        layout.code("group", "group", code(share.group));
        layout.vector_of_bytes("key_exchange", "key_exchange", 2, share.key_exchange);
    });
}
