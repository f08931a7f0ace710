//! The packages of the workspace: those that are published have what crates.io and docs.rs show, and agree with each
//! other. `.ci/run` packages them.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::architecture::root;

/// The folders of the packages that programs of others use, beside those in `integrations/`. The other packages are
/// of this repository alone.
const PUBLISHED: [&str; 3] = ["", "explain", "x509"];

/// Of crates.io: see https://crates.io/category_slugs.
const CATEGORIES: [&str; 11] = [
    "asynchronous",
    "authentication",
    "caching",
    "command-line-utilities",
    "cryptography",
    "database",
    "development-tools::debugging",
    "filesystem",
    "network-programming",
    "parser-implementations",
    "web-programming",
];
/// The limits of crates.io.
const MAX_KEYWORDS: usize = 5;
const MAX_KEYWORD_LENGTH: usize = 20;

/// A package, as `cargo metadata` describes it.
struct Package(Value);

impl Package {
    fn text(&self, field: &str) -> &str {
        self.0[field].as_str().unwrap_or_default()
    }

    fn name(&self) -> &str {
        self.text("name")
    }

    fn texts(&self, field: &str) -> Vec<&str> {
        self.0[field].as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect()
    }

    /// `publish = false` is an empty list of registries.
    fn is_published(&self) -> bool {
        self.0["publish"].is_null()
    }

    /// In the repository.
    fn folder(&self) -> PathBuf {
        let folder = Path::new(self.text("manifest_path")).parent().unwrap();
        folder.strip_prefix(root()).unwrap().to_owned()
    }

    fn dependencies(&self) -> &[Value] {
        self.0["dependencies"].as_array().unwrap()
    }
}

fn packages() -> Vec<Package> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let Value::Array(packages) = metadata["packages"].take() else { panic!("no packages") };
    packages.into_iter().map(Package).collect()
}

fn published() -> Vec<Package> {
    packages().into_iter().filter(Package::is_published).collect()
}

#[test]
fn the_library_its_parts_and_its_integrations_are_published_and_nothing_else() {
    for package in packages() {
        let folder = package.folder();
        let is_for_others = PUBLISHED.iter().any(|published| folder == Path::new(published))
            || folder.starts_with("integrations");
        assert_eq!(package.is_published(), is_for_others, "publish in {}", folder.display());
    }
}

#[test]
fn published_packages_agree_in_version_licence_and_repository() {
    let packages = published();
    let main = packages.iter().find(|package| package.name() == "handclasp").unwrap();
    for package in &packages {
        let name = package.name();
        for field in ["version", "edition", "license", "repository"] {
            assert_eq!(package.text(field), main.text(field), "{name}: {field}");
        }
        let oldest_rust = match name {
            "handclasp-x509" => "1.85",
            _ => "1.87",
        };
        assert_eq!(package.text("rust_version"), oldest_rust, "{name}");
    }
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    let oldest = "Rust 1.87 or later";
    assert!(readme.contains(oldest) && readme.contains("(`handclasp-x509`: 1.85.)"));
}

#[test]
fn published_packages_have_what_crates_io_and_docs_rs_show() {
    for package in published() {
        let name = package.name();
        let description = package.text("description");
        assert!((20..=150).contains(&description.len()), "{name}: {description}");
        assert!(!description.ends_with('.'), "{name}: {description}");

        let keywords = package.texts("keywords");
        assert!((3..=MAX_KEYWORDS).contains(&keywords.len()), "{name}: {keywords:?}");
        for keyword in keywords {
            let is_valid = |c: char| c.is_ascii_alphanumeric() || "_-+".contains(c);
            let is_short = keyword.len() <= MAX_KEYWORD_LENGTH;
            assert!(is_short && keyword.chars().all(is_valid), "{name}: {keyword}");
        }
        let categories = package.texts("categories");
        assert!((1..=5).contains(&categories.len()), "{name}: {categories:?}");
        for category in categories {
            assert!(CATEGORIES.contains(&category), "{name}: {category}");
        }

        assert_eq!(package.text("readme"), "README.md", "{name}");
        for file in ["README.md", "LICENSE-APACHE", "LICENSE-MIT"] {
            let path = root().join(package.folder()).join(file);
            assert!(path.is_file(), "{name} has no {file}");
        }
        assert_eq!(package.text("documentation"), format!("https://docs.rs/{name}"));
        let docs_rs = &package.0["metadata"]["docs"]["rs"];
        let documents_all = docs_rs["all-features"] == true || docs_rs["features"].is_array();
        assert!(documents_all, "{name}: [package.metadata.docs.rs] names the features");
        for feature in docs_rs["features"].as_array().into_iter().flatten() {
            assert!(package.0["features"].get(feature.as_str().unwrap()).is_some(), "{feature}");
        }
    }
}

/// docs.rs has no CMake and no Go, which the feature fips needs.
#[test]
fn docs_rs_documents_all_features_of_the_library_but_fips() {
    for package in published() {
        if package.name() != "handclasp" {
            continue;
        }
        let documented = package.0["metadata"]["docs"]["rs"]["features"].as_array().unwrap();
        for feature in package.0["features"].as_object().unwrap().keys() {
            let is_documented = documented.iter().any(|name| name == feature.as_str());
            assert_eq!(is_documented, feature != "default" && feature != "fips", "{feature}");
        }
    }
}

/// Otherwise they cannot be packaged, or a release takes an older release of the other.
#[test]
fn published_packages_depend_on_each_other_by_the_version_of_now() {
    let packages = published();
    for package in &packages {
        let (name, version) = (package.name(), package.text("version"));
        for dependency in package.dependencies() {
            let is_member = !dependency["path"].is_null();
            let is_for_tests = dependency["kind"] == "dev";
            if !is_member || is_for_tests {
                continue;
            }
            let other = dependency["name"].as_str().unwrap();
            let is_published = packages.iter().any(|package| package.name() == other);
            assert!(is_published, "{name} needs {other}, which is not published");
            assert_eq!(dependency["req"], format!("^{version}"), "{name}: {other}");
        }
    }
}

#[test]
fn the_readme_has_a_link_to_each_published_package() {
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    for package in published() {
        let folder = package.folder();
        let folder = folder.to_str().unwrap();
        let is_linked = folder.is_empty() || readme.contains(&format!("]({folder}"));
        assert!(is_linked, "README.md has no link to {folder}");
    }
}
