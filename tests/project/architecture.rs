//! The house stays in order: small files, and arrows that point down only.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

const LONGEST_FILE: usize = 600;

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

pub fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

/// Those of this crate and of `handclasp-x509`.
fn source_files() -> Vec<PathBuf> {
    let mut files = rust_files(&root().join("src"));
    files.extend(rust_files(&root().join("x509/src")));
    files
}

pub fn is_test_file(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name == "tests.rs")
        || path.components().any(|component| component.as_os_str() == "tests")
}

/// The lines of code: no blanks, no comments, and no items for tests only.
pub fn code_lines(text: &str) -> Vec<&str> {
    let mut code = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let trimmed = line.trim_start();
        if trimmed == "#[cfg(test)]" {
            let indent = &line[..line.len() - trimmed.len()];
            // The code is formatted, so an item ends with a semicolon or a brace at its own indent.
            let end = format!("{indent}}}");
            let first = lines.next().unwrap_or_default();
            if !first.ends_with(';') {
                lines.by_ref().find(|line| *line == end);
            }
        } else if !trimmed.is_empty() && !trimmed.starts_with("//") {
            code.push(line);
        }
    }
    code
}

#[test]
fn code_is_counted_without_blanks_comments_and_tests() {
    let text = "//! Docs\n\nfn a() {\n    // why\n    b(); // end\n}\n#[cfg(test)]\nmod tests;\n\
        #[cfg(test)]\nmod more {\n    fn c() {\n    }\n}\nfn d() {}\n";
    assert_eq!(code_lines(text), ["fn a() {", "    b(); // end", "}", "fn d() {}"]);
}

#[test]
fn no_file_is_too_long() {
    for path in source_files() {
        let lines = fs::read_to_string(&path).unwrap().lines().count();
        assert!(lines <= LONGEST_FILE, "{} has {lines} lines", path.display());
    }
}

/// The first part of a path below `src/`, without `.rs`.
fn module_of(inside: &Path) -> &str {
    let first = inside.components().next().unwrap().as_os_str().to_str().unwrap();
    first.trim_end_matches(".rs")
}

/// Where the code is, and the name of its module. Its path is below one of the folders of
/// [`source_files`].
fn place_of(path: &Path) -> (&Path, String) {
    match path.strip_prefix(root().join("x509/src")) {
        Ok(inside) => (inside, "x509".to_owned()),
        Err(_) => {
            let inside = path.strip_prefix(root().join("src")).unwrap();
            (inside, module_of(inside).to_owned())
        }
    }
}

/// Prints how many lines of code each module has. There is no limit on the sum.
#[test]
fn the_sizes_of_the_modules_are_printed() {
    let mut sizes = BTreeMap::new();
    for path in source_files() {
        let (inside, module) = place_of(&path);
        if !is_test_file(inside) {
            let lines = code_lines(&fs::read_to_string(&path).unwrap()).len();
            *sizes.entry(module).or_insert(0) += lines;
        }
    }
    let total: usize = sizes.values().sum();
    for (module, lines) in &sizes {
        println!("{lines:6} {module}");
    }
    println!("{total:6} in all");
    assert!(total > 1_000, "{total} lines of code: they are not counted right");
}

#[test]
fn the_adapter_to_tokio_and_the_examples_of_odd_carriers_are_short() {
    let lines = |path: &PathBuf| fs::read_to_string(path).unwrap().lines().count();
    let adapter: usize = rust_files(&root().join("src/transport/tokio")).iter().map(lines).sum();
    println!("the adapter to tokio has {adapter} lines, comments included");
    assert!((100..1_500).contains(&adapter), "{adapter}");
    for path in ["examples/message_queues.rs", "interop/examples/keyless.rs"] {
        let length = lines(&root().join(path));
        assert!(length < 150, "{path} has {length} lines");
    }
}

/// What each module may use: the table in ARCHITECTURE.md, lines of the form `module -> a b c`, the
/// upper modules first.
fn arrows(text: &str) -> Vec<(&str, Vec<&str>)> {
    let rows = text.lines().filter_map(|line| line.split_once(" -> "));
    let names = |module: &str| module.trim().chars().all(|c| c.is_ascii_lowercase() || c == '_');
    rows.filter(|(module, _)| names(module))
        .map(|(module, used)| (module.trim(), used.split_whitespace().collect()))
        .collect()
}

/// The modules that a line of code names, as `crate::module`.
fn used_rooms(line: &str) -> impl Iterator<Item = &str> {
    line.split("crate::").skip(1).map(|rest| {
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        &rest[..end.unwrap_or(rest.len())]
    })
}

#[test]
fn rooms_use_only_the_rooms_that_the_architecture_gives_them() {
    let architecture = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let rows = arrows(&architecture);
    for (index, (module, used)) in rows.iter().enumerate() {
        for name in used.iter().filter(|name| **name != "(nothing)") {
            let below = rows[index + 1..].iter().any(|(other, _)| other == name);
            assert!(below, "the table lets {module} use {name}, which is not below it");
        }
    }
    let allowed: BTreeMap<_, _> = rows.into_iter().collect();
    let source = root().join("src");
    for path in rust_files(&source) {
        let inside = path.strip_prefix(&source).unwrap();
        let module = module_of(inside);
        if module == "lib" || is_test_file(inside) {
            continue;
        }
        let used_by = allowed.get(module);
        let used_by = used_by.unwrap_or_else(|| panic!("{module} is not in the table of modules"));
        for line in code_lines(&fs::read_to_string(&path).unwrap()) {
            for used in used_rooms(line) {
                assert!(
                    used == module || used_by.contains(&used),
                    "{}: {module} must not use {used:?}",
                    path.display()
                );
            }
        }
    }
}

/// Other code uses the traits of `crypto/`, so that a build can have another provider.
#[test]
fn only_the_module_of_cryptography_names_a_crate_of_primitives() {
    for path in rust_files(&root().join("src")) {
        if path.starts_with(root().join("src/crypto")) || is_test_file(&path) {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        for line in code_lines(&text) {
            let mut words = line.split(|it: char| !it.is_alphanumeric() && it != '_');
            let names_ring =
                words.any(|word| word == "ring") && !line.contains("feature = \"ring\"");
            assert!(!names_ring, "{}: {line}", path.display());
        }
    }
}

/// Its Cargo.toml has no dependency on this crate either, so this is about words in docs too.
#[test]
fn the_crate_of_certificates_knows_nothing_of_tls() {
    for path in rust_files(&root().join("x509/src")) {
        let text = fs::read_to_string(&path).unwrap();
        let lines = text.lines().filter(|line| line.contains("handclasp"));
        for line in lines {
            assert!(line.contains("handclasp_x509"), "{}: {line}", path.display());
        }
    }
    let manifest = fs::read_to_string(root().join("x509/Cargo.toml")).unwrap();
    assert!(!manifest.contains("\nhandclasp ="), "handclasp-x509 must not depend on handclasp");
}
