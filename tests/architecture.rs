//! The invariants of the workspace, checked on its manifests, its lock file and its sources.
//!
//! Every violation is named with file and line. `crates/README.md` says why the rules are what they are.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Display,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

/// Which crates of ours a crate depends on. It may also use what is below those.
const ARROWS: [(&str, &[&str]); 15] = [
    ("model", &[]),
    ("syncml", &[]),
    ("migrations", &[]),
    ("reveille-api", &[]),
    ("dm", &["syncml", "model"]),
    ("push", &["model"]),
    ("telemetry", &["push"]),
    ("wns", &["push"]),
    ("store", &["dm", "push", "migrations"]),
    ("simulator", &["syncml", "model"]),
    ("gateway", &["dm", "push", "store", "telemetry"]),
    ("dispatcher", &["wns", "push", "store", "telemetry"]),
    ("grpc", &["reveille-api", "push", "store", "telemetry"]),
    ("quarter", &["dm", "push", "gateway", "simulator"]),
    ("reveille", &["gateway", "dispatcher", "grpc", "simulator", "quarter"]),
];

/// Where an outside dependency stops: who may depend on it, of our crates and of others.
const WALLS: [(&str, &[&str]); 15] = [
    ("quick-xml", &["syncml"]),
    ("reqwest", &["wns", "simulator", "telemetry", "opentelemetry-http", "opentelemetry-otlp"]),
    ("sea-orm", &["store", "migrations", "sea-orm-migration"]),
    ("sea-orm-migration", &["store", "migrations"]),
    ("axum", &["gateway", "reveille", "simulator", "tonic"]),
    ("tonic", &["reveille-api", "grpc", "reveille", "tonic-*", "opentelemetry-*"]),
    ("prost", &["reveille-api", "grpc", "prost-*", "protox*", "tonic-*", "opentelemetry-*"]),
    ("opentelemetry", &["telemetry", "opentelemetry*", "tracing-opentelemetry"]),
    ("opentelemetry_sdk", &["telemetry", "opentelemetry*", "tracing-opentelemetry"]),
    ("opentelemetry-otlp", &["telemetry"]),
    ("prometheus", &["telemetry"]),
    ("ratatui", &["reveille"]),
    ("tracing-opentelemetry", &["telemetry"]),
    ("tracing-subscriber", &["telemetry", "sea-orm-cli", "sea-orm-migration", "tracing-opentelemetry"]),
    ("x509-parser", &["gateway", "rcgen"]),
];

/// Crates that do no I/O, read no clock and draw no random number.
const PURE: [&str; 5] = ["syncml", "dm", "push", "model", "quarter"];

/// What gives an impure crate away.
const IMPURE: [&str; 26] = [
    ".await",
    "File::",
    "Instant",
    "OsRng",
    "SystemRandom",
    "SystemTime::now",
    "TcpListener",
    "TcpStream",
    "ToSocketAddrs",
    "UdpSocket",
    "async fn",
    "elapsed(",
    "env::",
    "eprintln!",
    "fs::",
    "getrandom",
    "new_v4",
    "now_v7",
    "print!",
    "println!",
    "process::",
    "rand::",
    "stderr(",
    "stdout(",
    "thread::",
    "tokio",
];

/// Packages of which a second copy would be a second world.
const SINGLE: [&str; 11] =
    ["axum", "h2", "http", "hyper", "opentelemetry", "prost", "ring", "rustls", "sqlx", "tonic", "tower"];

/// Other TLS libraries than rustls with ring, and what builds them.
const UNWANTED: [&str; 8] =
    ["aws-lc-fips-sys", "aws-lc-rs", "aws-lc-sys", "boring", "cmake", "native-tls", "openssl", "openssl-sys"];

/// Macros that must not be committed, without their `!`.
const UNFINISHED: [&str; 3] = ["dbg", "todo", "unimplemented"];

/// Names of modules that say nothing about what is in them.
const EMPTY_NAMES: [&str; 7] = ["common", "core", "helpers", "manager", "mod", "types", "utils"];

#[test]
fn arrows_point_downward() {
    let arrows = BTreeMap::from(ARROWS);
    let workspace = Workspace::read();
    let mut violations = Violations::default();
    for package in &workspace.packages {
        let Some(direct) = arrows.get(package.name.as_str()) else {
            violations.add(&package.manifest, 1, format!("`{}` is not in the table of arrows", package.name));
            continue;
        };
        let below = below(direct, &arrows);
        for dependency in package.dependencies.iter().filter(|d| arrows.contains_key(d.as_str())) {
            if !below.contains(dependency.as_str()) {
                let what = format!("`{}` must not depend on `{dependency}`", package.name);
                violations.add(&package.manifest, package.line_of(dependency), what);
            }
        }
    }
    violations.report();
}

#[test]
fn outside_dependencies_stop_at_their_walls() {
    let workspace = Workspace::read();
    let ours: BTreeSet<_> = workspace.packages.iter().map(|package| package.name.as_str()).collect();
    let lock = Lock::read();
    let mut violations = Violations::default();
    for (outside, allowed) in WALLS {
        let may = |name: &str| allowed.iter().any(|pattern| matches(pattern, name));
        let what = |name: &str| format!("`{name}` must not depend on `{outside}`");
        for package in workspace.packages.iter().filter(|p| p.dependencies.contains(outside) && !may(&p.name))
        {
            violations.add(&package.manifest, package.line_of(outside), what(&package.name));
        }
        // Our own are judged by their manifests: the lock file does not tell dev-dependencies from others.
        let others = lock.packages.iter().filter(|package| !ours.contains(package.name.as_str()));
        for package in others.filter(|p| p.dependencies.contains(outside) && !may(&p.name)) {
            violations.add(&lock.path, package.line, what(&package.name));
        }
    }
    violations.report();
}

#[test]
fn pure_crates_are_pure() {
    let mut violations = Violations::default();
    for name in PURE {
        for path in rust_files(&root().join("crates").join(name).join("src")) {
            if path.file_stem().is_some_and(|stem| stem == "tests") {
                continue;
            }
            let source = read(&path);
            for (line, found) in impurities(&source) {
                violations.add(&path, line, format!("`{found}` in `{name}`, which is pure"));
            }
        }
    }
    violations.report();
}

#[test]
fn there_is_one_copy_and_one_tls_library() {
    let lock = Lock::read();
    let mut violations = Violations::default();
    for name in SINGLE {
        let copies: Vec<_> = lock.packages.iter().filter(|package| package.name == name).collect();
        match copies.as_slice() {
            [_] => {}
            [] => violations.add(&lock.path, 1, format!("`{name}` is gone: adapt the list")),
            [_, more @ ..] => {
                for copy in more {
                    violations.add(&lock.path, copy.line, format!("a second copy of `{name}`"));
                }
            }
        }
    }
    for package in lock.packages.iter().filter(|package| UNWANTED.contains(&package.name.as_str())) {
        violations.add(&lock.path, package.line, format!("`{}` is unwanted", package.name));
    }
    violations.report();
}

#[test]
fn manifests_keep_the_rules() {
    let mut violations = Violations::default();
    for package in &Workspace::read().packages {
        if package.has_features {
            violations.add(&package.manifest, package.line_of("[features]"), "we have no Cargo features");
        }
        if !package.text.contains("[lints]\nworkspace = true") {
            violations.add(&package.manifest, 1, "the lints of the workspace are not taken over");
        }
        // The root package holds the end-to-end test and this one.
        let allowed = if package.name == "reveille-api" { 2 } else { 1 };
        if package.test_binaries > allowed {
            violations.add(
                &package.manifest,
                1,
                "a crate has at most one test binary: each links everything anew",
            );
        }
    }
    violations.report();
}

#[test]
fn sources_keep_the_rules() {
    let mut violations = Violations::default();
    for path in ["crates", "fuzz/fuzz_targets", "fuzz/src", "migrations", "proto", "tests"]
        .iter()
        .flat_map(|dir| rust_files(&root().join(dir)))
    {
        let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        if EMPTY_NAMES.contains(&stem) {
            violations.add(&path, 1, format!("a module is not called `{stem}`"));
        }
        for (line, found) in unfinished(&read(&path)) {
            violations.add(&path, line, format!("`{found}!` is left over"));
        }
    }
    violations.report();
}

#[test]
fn the_rules_find_what_they_look_for() {
    let impure =
        "use std::{fmt, fs};\n// tokio is fine here\nlet text = fs::read(path);\nlet operand::x = 1;\n";
    assert_eq!(impurities(impure), [(3, "fs::")]);
    assert_eq!(impurities("let a = 1;\n#[cfg(test)]\nmod tests {\n    rand::random();\n}\n"), []);
    assert_eq!(impurities("#[cfg(test)]\nmod tests;\nlet a = ring::rand::x();\n"), [(3, "rand::")]);
    assert_eq!(unfinished(&format!("fn f() {{\n    {}!()\n}}\n", UNFINISHED[1])), [(2, UNFINISHED[1])]);
    assert!(
        matches("tonic-*", "tonic-health") && matches("tonic", "tonic") && !matches("tonic", "tonic-health")
    );
    let below = below(&["store"], &BTreeMap::from(ARROWS));
    assert!(below.contains("syncml") && !below.contains("wns"), "{below:?}");
}

/// What was found wrong.
#[derive(Default)]
struct Violations(Vec<String>);

impl Violations {
    fn add(&mut self, path: &Path, line: usize, what: impl Display) {
        let path = path.strip_prefix(root()).unwrap_or(path);
        self.0.push(format!("{}:{line}: {what}", path.display()));
    }

    #[track_caller]
    fn report(self) {
        assert!(self.0.is_empty(), "\n{}\n", self.0.join("\n"));
    }
}

/// The packages of the workspace.
struct Workspace {
    packages: Vec<Package>,
}

struct Package {
    name: String,
    manifest: PathBuf,
    text: String,
    /// Without dev-dependencies, which are exempt.
    dependencies: BTreeSet<String>,
    has_features: bool,
    test_binaries: usize,
}

impl Workspace {
    fn read() -> Self {
        let output = Command::new(env!("CARGO"))
            .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
            .current_dir(root())
            .output()
            .expect("cargo can be run");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo writes JSON");
        Self { packages: list(&metadata["packages"]).map(Package::from_metadata).collect() }
    }
}

impl Package {
    fn from_metadata(package: &Value) -> Self {
        let manifest = PathBuf::from(word(&package["manifest_path"]));
        let is_test = |target: &&Value| list(&target["kind"]).any(|kind| kind == "test");
        Self {
            name: word(&package["name"]).to_owned(),
            text: read(&manifest),
            manifest,
            dependencies: list(&package["dependencies"])
                .filter(|dependency| dependency["kind"] != "dev")
                .map(|dependency| word(&dependency["name"]).to_owned())
                .collect(),
            has_features: package["features"].as_object().is_some_and(|features| !features.is_empty()),
            test_binaries: list(&package["targets"]).filter(is_test).count(),
        }
    }

    /// The line that begins with this; the first line if none does.
    fn line_of(&self, start: &str) -> usize {
        let is_it = |line: &str| {
            line.strip_prefix(start).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', ' ', '=']))
        };
        self.text.lines().position(is_it).map_or(1, |index| index + 1)
    }
}

/// The lock file.
struct Lock {
    path: PathBuf,
    packages: Vec<Locked>,
}

#[derive(Default)]
struct Locked {
    name: String,
    line: usize,
    dependencies: BTreeSet<String>,
}

impl Lock {
    fn read() -> Self {
        let path = root().join("Cargo.lock");
        let mut packages: Vec<Locked> = Vec::new();
        for (index, line) in read(&path).lines().enumerate() {
            let quoted = line.split('"').nth(1).unwrap_or_default();
            if line == "[[package]]" {
                packages.push(Locked::default());
            } else if let Some(package) = packages.last_mut() {
                if line.starts_with("name = ") {
                    quoted.clone_into(&mut package.name);
                    package.line = index + 1;
                } else if line.starts_with(" \"") {
                    // A version follows the name where there are several.
                    package.dependencies.extend(quoted.split(' ').next().map(str::to_owned));
                }
            }
        }
        Self { path, packages }
    }
}

/// Everything that can be reached from these.
fn below<'a>(direct: &[&'a str], arrows: &BTreeMap<&str, &[&'a str]>) -> BTreeSet<&'a str> {
    let mut reached = BTreeSet::new();
    let mut open: Vec<_> = direct.to_vec();
    while let Some(name) = open.pop() {
        if reached.insert(name) {
            open.extend(arrows[name]);
        }
    }
    reached
}

/// Whether the name is the pattern, or begins with what stands before its `*`.
fn matches(pattern: &str, name: &str) -> bool {
    pattern.strip_suffix('*').map_or(pattern == name, |start| name.starts_with(start))
}

/// Lines before the inline test module that hold one of [`IMPURE`], comments left out.
fn impurities(source: &str) -> Vec<(usize, &'static str)> {
    let tests = source.find("#[cfg(test)]\nmod tests {").unwrap_or(source.len());
    let code = source[..tests].lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//"));
    code.flat_map(|(index, line)| {
        IMPURE.iter().filter(move |word| holds(line, word)).map(move |word| (index + 1, *word))
    })
    .collect()
}

fn unfinished(source: &str) -> Vec<(usize, &'static str)> {
    let lines = source.lines().enumerate();
    lines
        .flat_map(|(index, line)| {
            let calls = move |name: &&&str| holds(line, &format!("{name}!"));
            UNFINISHED.iter().filter(calls).map(move |name| (index + 1, *name))
        })
        .collect()
}

/// Whether the line holds this, not as the end of a longer word.
fn holds(line: &str, word: &str) -> bool {
    let is_whole = |at: usize| {
        let before = line[..at].chars().next_back();
        word.starts_with('.') || !before.is_some_and(|c| c.is_alphanumeric() || c == '_')
    };
    line.match_indices(word).any(|(at, _)| is_whole(at))
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn rust_files(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).unwrap_or_else(|error| panic!("{}: {error}", dir.display()));
    let paths = entries.map(|entry| entry.expect("a directory can be listed").path());
    let mut files: Vec<_> = paths
        .flat_map(|path| if path.is_dir() { rust_files(&path) } else { vec![path] })
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .collect();
    files.sort();
    files
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn word(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
