//! Files use each other in one direction. A reader has to know all files of a circle to understand
//! one of them, so a circle of more than three files is an error.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use crate::architecture::{code_lines, is_test_file, root, rust_files};

const LARGEST_CIRCLE: usize = 3;

/// A folder whose files may be a larger circle, and why.
struct Exception {
    folder: &'static str,
    /// The largest number of files in its circle. Do not raise it.
    files: usize,
    /// Printed beside the circle.
    reason: &'static str,
}

const EXCEPTIONS: [Exception; 3] = [
    Exception {
        folder: "src/crypto",
        files: 13,
        reason: "the enums of keys name the two built-in providers, which implement the traits",
    },
    Exception {
        folder: "src/handshake",
        files: 26,
        reason: "each state makes the next one, up to Connected, which receives the messages of \
            authentication as the states of both sides do",
    },
    Exception {
        folder: "src/wire",
        files: 9,
        reason: "the one table of extensions names the reader and the writer of each of them, \
            whose errors name the extension",
    },
];

/// A path of names, as in `crate::record::Opener`. That of a module starts at the root of its crate.
type Names = Vec<String>;

/// A name that a `use` brings into a file.
struct Import {
    path: Names,
    /// Whether the file only passes the name on to others. Then it does not depend on it.
    is_only_passed_on: bool,
}

#[derive(Default)]
struct File {
    imports: BTreeMap<String, Import>,
    /// The paths in the code outside of `use`.
    paths: Vec<Names>,
}

impl File {
    fn read(text: &str) -> Self {
        let mut declarations = Vec::new();
        let mut body = String::new();
        let mut lines = code_lines(text).into_iter();
        while let Some(line) = lines.next() {
            let trimmed = line.trim_start();
            let (visibility, tree) = trimmed.split_once("use ").unwrap_or((trimmed, ""));
            if tree.is_empty() || !(visibility.is_empty() || visibility.starts_with("pub")) {
                // This is a visibility, and uses nothing.
                body += &line.replace("pub(in super::super)", "");
                body.push('\n');
                continue;
            }
            let mut tree = tree.to_owned();
            while !tree.ends_with(';') {
                tree += lines.next().unwrap().trim_start();
            }
            declarations.push((visibility.starts_with("pub"), tree));
        }
        let is_in_path = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
        let words: BTreeSet<&str> = body.split(|c| !is_in_path(c)).collect();
        let mut imports = BTreeMap::new();
        for (is_public, tree) in &declarations {
            for (name, path) in expand(tree.trim_end_matches(';')) {
                let is_used = words.iter().any(|word| word.split("::").any(|part| part == name));
                let is_only_passed_on = *is_public && !is_used;
                imports.insert(name, Import { path, is_only_passed_on });
            }
        }
        let paths = words.iter().filter(|word| word.contains("::")).map(|word| names(word));
        Self { imports, paths: paths.collect() }
    }
}

fn names(path: &str) -> Names {
    path.split("::").filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

/// What the tree of a `use` declares: each name, and its path.
fn expand(tree: &str) -> Vec<(String, Names)> {
    let Some((prefix, inside)) = tree.split_once('{') else {
        let (path, alias) = tree.split_once(" as ").unwrap_or((tree, ""));
        let mut path = names(path.trim());
        if path.last().is_some_and(|last| last == "self") {
            path.pop();
        }
        let name = if alias.is_empty() { path.last().unwrap().as_str() } else { alias };
        return vec![(name.trim().to_owned(), path)];
    };
    let inside = inside.strip_suffix('}').unwrap();
    let mut declared = Vec::new();
    let (mut depth, mut start) = (0, 0);
    for (at, character) in inside.char_indices().chain([(inside.len(), ',')]) {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                let part = inside[start..at].trim();
                if !part.is_empty() {
                    declared.extend(expand(&format!("{prefix}{part}")));
                }
                start = at + 1;
            }
            _ => {}
        }
    }
    declared
}

/// The files of a crate by their modules, without those of tests.
struct Files(BTreeMap<Names, File>);

impl Files {
    fn read(source: &Path) -> Self {
        let mut files = BTreeMap::new();
        for path in rust_files(source) {
            let inside = path.strip_prefix(source).unwrap();
            if is_test_file(inside) {
                continue;
            }
            let mut module = Names::new();
            for name in inside.with_extension("").iter() {
                module.push(name.to_str().unwrap().to_owned());
            }
            if matches!(module.last().unwrap().as_str(), "mod" | "lib") {
                module.pop();
            }
            files.insert(module, File::read(&fs::read_to_string(&path).unwrap()));
        }
        Self(files)
    }

    /// The module in whose file the last name of a path is defined. `None` if it is in another
    /// crate, or in the file itself.
    fn definition(&self, module: &[String], path: &[String]) -> Option<Names> {
        let mut module = module.to_vec();
        let mut path = path;
        match path.first()?.as_str() {
            "crate" => {
                module.clear();
                path = &path[1..];
            }
            "self" => path = &path[1..],
            "super" => {
                while path.first().is_some_and(|name| name == "super") {
                    module.pop();
                    path = &path[1..];
                }
            }
            child if !self.0.contains_key(&[&module[..], &[child.to_owned()]].concat()) => {
                return None;
            }
            _ => {}
        }
        while let Some((name, rest)) = path.split_first() {
            let child = [&module[..], std::slice::from_ref(name)].concat();
            if self.0.contains_key(&child) {
                module = child;
                path = rest;
                continue;
            }
            // A module may pass on what is defined in another one.
            let import = self.0.get(&module)?.imports.get(name);
            let elsewhere = import
                .and_then(|import| self.definition(&module, &[&import.path[..], rest].concat()));
            return Some(elsewhere.unwrap_or(module));
        }
        Some(module)
    }

    /// The modules that the file of this one uses.
    fn used_by(&self, module: &Names) -> BTreeSet<Names> {
        let file = &self.0[module];
        let imports = file.imports.values().filter(|import| !import.is_only_passed_on);
        let paths = imports.map(|import| &import.path).chain(&file.paths);
        let mut used: BTreeSet<_> =
            paths.filter_map(|path| self.definition(module, path)).collect();
        used.remove(module);
        used
    }

    /// The circles of modules: in each, every one uses every other, directly or through others.
    fn circles(&self) -> BTreeSet<BTreeSet<Names>> {
        let used: BTreeMap<_, _> =
            self.0.keys().map(|module| (module, self.used_by(module))).collect();
        let mut reachable: BTreeMap<&Names, BTreeSet<&Names>> = BTreeMap::new();
        for start in self.0.keys() {
            let mut found = BTreeSet::new();
            let mut to_visit: Vec<&Names> = used[start].iter().collect();
            while let Some(module) = to_visit.pop() {
                if found.insert(module) {
                    to_visit.extend(&used[module]);
                }
            }
            reachable.insert(start, found);
        }
        let mut circles = BTreeSet::new();
        for (start, found) in &reachable {
            let circle = found.iter().filter(|module| reachable[**module].contains(start));
            let circle: BTreeSet<Names> = circle.map(|module| (*module).clone()).collect();
            if !circle.is_empty() {
                circles.insert(circle);
            }
        }
        circles
    }
}

#[test]
fn no_circle_has_more_than_three_files() {
    let mut too_large = Vec::new();
    for source in ["src", "x509/src"] {
        for circle in Files::read(&root().join(source)).circles() {
            let paths: Vec<_> =
                circle.iter().map(|module| format!("{source}/{}", module.join("/"))).collect();
            println!("{} files: {}", paths.len(), paths.join(" "));
            if paths.len() <= LARGEST_CIRCLE {
                continue;
            }
            let exception = EXCEPTIONS.iter().find(|exception| {
                paths.iter().all(|path| Path::new(path).starts_with(exception.folder))
            });
            match exception {
                Some(Exception { files, reason, .. }) if paths.len() <= *files => {
                    println!("    because {reason}");
                }
                _ => too_large.push(paths),
            }
        }
    }
    assert!(
        too_large.is_empty(),
        "the files of each of these use each other, and are no exception of this size: \
            {too_large:#?}"
    );
}

#[test]
fn a_tree_of_uses_is_every_name_with_its_path() {
    let declared = expand("super::a::{self, B, c::{D, E as F}, g::*}");
    let declared: Vec<_> =
        declared.into_iter().map(|(name, path)| (name, path.join("::"))).collect();
    let expected = [
        ("a", "super::a"),
        ("B", "super::a::B"),
        ("D", "super::a::c::D"),
        ("F", "super::a::c::E"),
        ("*", "super::a::g::*"),
    ];
    assert_eq!(declared, expected.map(|(name, path)| (name.to_owned(), path.to_owned())));
}

#[test]
fn a_circle_is_found_through_what_modules_pass_on() {
    let file = |text: &str| File::read(text);
    let module = |path: &str| names(path);
    let files = Files(BTreeMap::from([
        (module(""), file("mod a;\nmod b;\nmod c;\npub use b::Thing;\n")),
        (module("a"), file("use crate::Thing;\nfn f(_: Thing) {}\n")),
        (module("b"), file("pub struct Thing;\nfn g() {\n    crate::c::h();\n}\n")),
        (module("c"), file("pub fn h() {\n    super::a::f();\n}\n")),
        (module("d"), file("use super::a;\nfn i() {\n    a::f();\n}\n")),
    ]));
    let circle = ["a", "b", "c"].map(module);
    assert_eq!(files.circles(), BTreeSet::from([BTreeSet::from(circle)]));
}
